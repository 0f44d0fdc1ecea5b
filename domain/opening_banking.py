"""Opening banking: what carrying over needs of the time before these books (rules X-3,
N-BANK-1 to N-BANK-5).

Its trades in the window, what it held at the snapshot, what it carried over: a labelled fact.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from etsledger.domain.banking_cap import UnitTonnes
from etsledger.domain.commands import Command, CommandId, Id, Instant, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand, VintageNotEligible
from etsledger.domain.events import Event
from etsledger.domain.opening_facts import Key, NetTonnes
from etsledger.domain.state import BankedBefore, Fact, RegistryState, Scribe
from etsledger.domain.times import business_date, iso, parse_instant
from etsledger.domain.trading import date_text

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Banking

Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class _Stated(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """The base of what is stated: fields in the alphabetical order of their JSON names."""


class TradeBefore(_Stated, frozen=True, kw_only=True):
    """A trade of the entity before these books: its date and number, tonnes of a unit."""

    date: Day
    quantity: Tonnes
    side: Literal["sold", "bought"]
    trade: CommandId
    unit: Unit

    @property
    def net(self) -> int:
        """Sold tonnes, or bought ones below zero."""
        return self.quantity if self.side == "sold" else -self.quantity


class CarryOverBefore(_Stated, frozen=True, kw_only=True):
    """What the entity carried over before: tonnes by old unit, and the batch it fell in."""

    carry_over: CommandId
    effective_at: Instant
    filed_by: str | None = None
    processed_by: str | None = None
    units: dict[Key, Tonnes]

    @property
    def quantity(self) -> int:
        """Tonnes of all units."""
        return sum(self.units.values())


class OpeningBanking(Command, frozen=True, kw_only=True, tag="opening_banking"):
    """States what an entity sold, held and carried over before these books (tonnes).

    ``trades`` are single ones, ``net_sales`` by unit (sold less bought) those that are not
    among them; ``holdings`` by unit what counted at the snapshot, where it lies before;
    ``carried`` what was carried over beside the ``carry_overs``.
    """

    example: ClassVar[str] = (
        '{"command": "opening_banking", "id": "49", "registry": "cn-national", '
        '"effective_at": "2025-07-01", "entity": "huaneng", "net_sales": {"CEA:2023": 1200}}'
    )
    entity: Id
    net_sales: dict[Key, NetTonnes] | None = None
    trades: tuple[TradeBefore, ...] = ()
    holdings: dict[Key, Tonnes] | None = None
    carry_overs: tuple[CarryOverBefore, ...] = ()
    carried: NetTonnes = 0


class OpeningBankingRecorded(Event, frozen=True, kw_only=True):
    """What an entity sold net in the window of trades (``sold``, of it ``trades`` one by one),
    held at the snapshot and carried over (``carried`` in all, ``carry_overs`` of it one by one)
    before these books; tonnes, by unit."""

    carried: int = 0
    carry_overs: tuple[CarryOverBefore, ...] = ()
    entity: str
    holdings: tuple[UnitTonnes, ...] = ()
    sold: tuple[UnitTonnes, ...] = ()
    trades: tuple[TradeBefore, ...] = ()


def decide(command: OpeningBanking, desk: Desk) -> OpeningBankingRecorded:
    """Raises UnknownEntity, InvalidCommand for what no rule could use or came later,
    VintageNotEligible for a unit that is not carried over."""
    desk.entity(command.entity)
    table = desk.rules.data.banking
    if table is None:
        raise InvalidCommand(
            f"rulebook {desk.rules.data.name} lets no units be carried over: nothing of the time "
            "before is needed for it",
            field="entity",
        )
    given = (command.net_sales, command.trades, command.holdings, command.carry_overs)
    if not any(given) and not command.carried:
        raise InvalidCommand("nothing is stated of the time before", field="net_sales")
    trades = tuple(_trades(command, table, desk))
    carried = tuple(_carry_overs(command, desk))
    for unit in _units(command):
        if unit not in table.units:
            raise VintageNotEligible(
                f"{unit} is not carried over; these are: {', '.join(table.units)} "
                f"({table.source})",
                unit=unit, eligible=list(table.units),
            )  # fmt: skip
    if command.holdings and desk.effective_at <= parse_instant(table.holding_at):
        raise InvalidCommand(
            f"holdings: the snapshot is of {table.holding_at}, after this opening; opening "
            "balances say what is held then",
            field="holdings", holding_at=table.holding_at,
        )  # fmt: skip
    sold = dict(command.net_sales or {})
    for one in trades:
        sold[one.unit] = sold.get(one.unit, 0) + one.net
    return OpeningBankingRecorded(
        carried=command.carried + sum(one.quantity for one in carried),
        carry_overs=carried,
        entity=command.entity,
        holdings=_by_unit(command.holdings or {}),
        sold=_by_unit(sold),
        trades=trades,
    )


def _by_unit(tonnes: Mapping[str, int]) -> tuple[UnitTonnes, ...]:
    return tuple(UnitTonnes(quantity=n, unit=unit) for unit, n in sorted(tonnes.items()))


def _trades(command: OpeningBanking, table: "Banking", desk: Desk) -> Iterator[TradeBefore]:
    """The trades of the window; those outside it count for nothing and are left out."""
    first, last = date_text(table.trades_from), date_text(table.trades_to)
    today = business_date(desk.effective_at).isoformat()
    outside = 0
    seen: set[tuple[str, str]] = set()
    for i, one in enumerate(command.trades):
        where = f"trades.{i}"
        try:
            parse_instant(one.date)
        except ValueError as error:
            raise InvalidCommand(f"{where}.date: {error}", field=f"{where}.date") from None
        if one.date > today:
            raise InvalidCommand(
                f"{where}.date: {one.date} is after this opening; settle_trade settles it",
                field=f"{where}.date", latest=today,
            )  # fmt: skip
        if (one.trade, one.side) in seen:
            raise InvalidCommand(
                f"{where}.trade: {one.trade!r} is there twice", field=f"{where}.trade"
            )
        seen.add((one.trade, one.side))
        if first <= one.date <= last:
            yield one
        else:
            outside += 1
    if outside:
        desk.warn(f"{outside} trades are not of {first} to {last}: they count for nothing")


def _carry_overs(command: OpeningBanking, desk: Desk) -> Iterator[CarryOverBefore]:
    for i, one in enumerate(command.carry_overs):
        where = f"carry_overs.{i}"
        try:
            when = parse_instant(one.effective_at)
        except ValueError as error:
            raise InvalidCommand(
                f"{where}.effective_at: {error}", field=f"{where}.effective_at"
            ) from None
        if when > desk.effective_at:
            raise InvalidCommand(
                f"{where}.effective_at: {iso(when)} is after this opening; carry_over carries it "
                "over",
                field=f"{where}.effective_at", latest=iso(desk.effective_at),
            )  # fmt: skip
        units: dict[str, Any] = dict(sorted(one.units.items()))
        yield msgspec.structs.replace(one, effective_at=iso(when), units=units)


def _units(command: OpeningBanking) -> Iterator[str]:
    yield from command.net_sales or {}
    yield from command.holdings or {}
    yield from (one.unit for one in command.trades)
    for one in command.carry_overs:
        yield from one.units


def evolve(
    scribe: Scribe, registry: RegistryState, event: OpeningBankingRecorded, fact: Fact
) -> None:
    """It counts with what the entity does here; a stated trade is not settled again."""
    before = BankedBefore(
        fact.effective_at,
        fact.position,
        sold=tuple((one.unit, one.quantity) for one in event.sold),
        held=tuple((one.unit, one.quantity) for one in event.holdings),
        carried=event.carried,
    )
    entity = registry.entities[event.entity]
    changed = msgspec.structs.replace(entity, before=(*entity.before, before))
    scribe.put(registry.entities, event.entity, changed)
    for one in event.trades:
        if one.trade not in registry.trades:
            scribe.put(registry.trades, one.trade, fact.position)
