"""Banking: carrying old vintages over into a new one, and recording what may be (rules
N-BANK-1 to N-BANK-6).

The calculation itself is ``banking`` of ``etsledger.domain.banking_cap``.
"""

from typing import TYPE_CHECKING, ClassVar

from etsledger.domain.banking_cap import (
    Banking,
    Batch,
    UnitTonnes,
    banking,
    free_to_carry,
    is_open,
    snapshot_at,
)
from etsledger.domain.commands import Command, Id, Tonnes, Unit
from etsledger.domain.desk import OUTSIDE, Desk
from etsledger.domain.errors import (
    AccountFrozen,
    BackdatedOverdraft,
    BankingCapExceeded,
    CarryOverClosed,
    CarryOverNotEligible,
    InsufficientUnits,
    RestrictedUnits,
    VintageNotEligible,
)
from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT, Event, Posting, move
from etsledger.domain.state import Account, Carried, Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import business_date, iso, parse_instant
from etsledger.domain.trading import net_sales

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Banking as BankingTable


class CheckBankingCap(Command, frozen=True, kw_only=True, tag="check_banking_cap"):
    """Records what an entity may carry over, as of ``effective_at`` and as known now."""

    example: ClassVar[str] = (
        '{"command": "check_banking_cap", "id": "41", "registry": "cn-national", '
        '"entity": "huaneng"}'
    )
    entity: Id


class CarryOver(Command, frozen=True, kw_only=True, tag="carry_over"):
    """Converts an entity's old units into the new vintage; oldest first unless ``unit`` says."""

    example: ClassVar[str] = (
        '{"command": "carry_over", "id": "42", "registry": "cn-national", "entity": "huaneng", '
        '"quantity": 5000}'
    )
    entity: Id
    quantity: Tonnes
    unit: Unit | None = None


class BankingCapChecked(Event, frozen=True, kw_only=True):
    """What an entity might carry over at the effective time, as known when recorded."""

    calculation: Banking
    check: str
    entity: str


class UnitsCarriedOver(Event, frozen=True, kw_only=True):
    """Old units were converted into the same number of the new vintage.

    ``cap``, ``holding`` and what was ``carried`` before are the numbers that allowed it.
    """

    account: str
    batch: Batch | None = None
    cap: int
    carried: int
    carry_over: str
    entity: str
    holding: int
    into: str
    parts: tuple[UnitTonnes, ...]
    quantity: int
    rule: str
    source: str

    def postings(self) -> tuple[Posting, ...]:
        """The old units out of the books, the same number of the new vintage into them."""
        legs: tuple[Posting, ...] = ()
        for part in self.parts:
            legs += move(part.unit, part.quantity, self.account, CONVERTED_OUT)
        return legs + move(self.into, self.quantity, CONVERTED_IN, self.account)


def _table(desk: Desk) -> "BankingTable":
    table = desk.rules.data.banking
    if table is None:
        raise CarryOverClosed(f"rulebook {desk.rules.data.name} lets no units be carried over")
    return table


def _calculation(desk: Desk, entity_id: str, entity: Entity, carried: int) -> Banking:
    """The calculation as of the effective time, from the state and its past."""
    table, registry = _table(desk), desk.registry
    found = banking(
        desk.rules,
        entity,
        registry.years.get(entity_id, {}),
        desk.effective_at,
        sales=sales_to_carry(desk, entity_id, table),
        holdings=holdings_to_carry(desk, entity_id, table),
        carried=carried,
    )
    assert found is not None
    return found


def sales_to_carry(desk: Desk, entity_id: str, table: "BankingTable") -> dict[str, int]:
    """Net sales by unit in the window, up to the effective time (rule N-BANK-2)."""
    registry, at = desk.registry, desk.effective_at
    today = min(parse_instant(table.trades_to), at)
    sold = net_sales(registry, entity_id, table.units, table.trades_from, today)
    day = business_date(at).isoformat()
    if day == business_date(today).isoformat() and day >= table.trades_from[:10]:
        for account_id in registry.owned.get(entity_id, ()):
            for unit in table.units:
                traded = registry.traded.get(account_id, {}).get(unit, {}).get(day)
                if traded is not None:  # a sale is below zero in it
                    sold[unit] += sum(tonnes for when, tonnes in traded.trades if when > at)
    return sold


def holdings_to_carry(desk: Desk, entity_id: str, table: "BankingTable") -> dict[str, int]:
    """What its accounts held by unit when holdings are counted (rule N-BANK-3)."""
    at = snapshot_at(table, desk.effective_at)
    found: dict[str, int] = {}
    for account_id in desk.registry.owned.get(entity_id, ()):
        units = desk.registry.holdings.get(account_id, {})
        for unit in table.units:
            if unit in units:
                reserved = desk.past.reserved(desk.registry_id, account_id, unit, at)
                found[unit] = found.get(unit, 0) + free_to_carry(reserved)
    return found


def decide_check(command: CheckBankingCap, desk: Desk) -> BankingCapChecked:
    """Raises UnknownEntity, CarryOverClosed where the rulebook lets nothing be carried over."""
    entity = desk.entity(command.entity)
    carried = sum(
        one.quantity
        for one in desk.registry.carried.get(command.entity, ())
        if one.at <= desk.effective_at
    )
    found = _calculation(desk, command.entity, entity, carried)
    return BankingCapChecked(calculation=found, check=command.id, entity=command.entity)


def decide(command: CarryOver, desk: Desk) -> UnitsCarriedOver:
    """Raises UnknownEntity, UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed,
    RouteNotAllowed, CarryOverClosed, CarryOverNotEligible, VintageNotEligible,
    RecallOutstanding, BankingCapExceeded, RestrictedUnits, InsufficientUnits,
    BackdatedOverdraft."""
    entity = desk.entity(command.entity)
    account_id = desk.entity_account(command.entity, entity)
    account = desk.account(account_id)
    table = _table(desk)
    units = table.units if command.unit is None else (command.unit,)
    _may_leave(account_id, account, units, desk)
    desk.may_receive(account_id, account, table.into)
    for unit in units:
        desk.route("carry_over", unit, account, OUTSIDE)
    if not is_open(table, desk.effective_at):
        raise CarryOverClosed(
            f"units are carried over from {table.apply_from} to {table.apply_to}, both days "
            f"included ({table.source}); this is {iso(desk.effective_at)}",
            apply_from=table.apply_from, apply_to=table.apply_to,
        )  # fmt: skip
    desk.not_before_succession(command.entity, entity)
    carried = sum(one.quantity for one in desk.registry.carried.get(command.entity, ()))
    found = _calculation(desk, command.entity, entity, carried)
    _eligible(command, table, found, desk)
    desk.no_recall_open(account_id, account)
    _within(command, found)
    return UnitsCarriedOver(
        account=account_id,
        batch=found.batch,
        cap=found.cap,
        carried=found.carried,
        carry_over=command.id,
        entity=command.entity,
        holding=found.holding,
        into=table.into,
        parts=_parts(desk, account_id, account, units, command.quantity),
        quantity=command.quantity,
        rule=table.rule,
        source=table.source,
    )


def _may_leave(account_id: str, account: Account, units: tuple[str, ...], desk: Desk) -> None:
    """A freeze of one old unit leaves the others; of all of them, or of the account, none."""
    stopped: AccountFrozen | None = None
    for unit in units:
        try:
            desk.may_send(account_id, account, unit)
        except AccountFrozen as refusal:
            stopped = refusal
        else:
            return
    if stopped is not None:
        raise stopped


def _eligible(command: CarryOver, table: "BankingTable", found: Banking, desk: Desk) -> None:
    if command.unit is not None and command.unit not in table.units:
        raise VintageNotEligible(
            f"{command.unit} cannot be carried over; these can: {', '.join(table.units)} "
            f"({table.source})",
            unit=command.unit, eligible=list(table.units),
        )  # fmt: skip
    if not found.eligible:
        raise CarryOverNotEligible(
            f"entity {command.entity} may not carry over at {iso(desk.effective_at)}: "
            f"{'; '.join(found.reasons)} ({table.source})",
            entity=command.entity, reasons=list(found.reasons),
        )  # fmt: skip


def _within(command: CarryOver, found: Banking) -> None:
    """Rules N-BANK-1, N-BANK-3, N-BANK-5: all applications together, by cap and holding."""
    if command.quantity <= found.carryable:
        return
    by = f"the holding at {found.holding_at}" if found.holding < found.cap else "the cap"
    raise BankingCapExceeded(
        f"entity {command.entity} may carry over {min(found.cap, found.holding)} t in all by {by} "
        f"(cap {found.cap} t = {found.base} + {found.net_sales_total} net sales x {found.ratio}, "
        f"holding {found.holding} t); {found.carried} t are carried, {command.quantity} t asked: "
        f"{command.quantity - found.carryable} t too many",
        entity=command.entity, cap=found.cap, holding=found.holding, carried=found.carried,
        carryable=found.carryable, asked=command.quantity,
    )  # fmt: skip


def _parts(
    desk: Desk, account_id: str, account: Account, units: tuple[str, ...], quantity: int
) -> tuple[UnitTonnes, ...]:
    """The units that leave: all of the oldest that can, then the next."""
    parts: list[UnitTonnes] = []
    left = quantity
    for unit in units:
        part = min(left, desk.takeable(account_id, account, unit))
        if part:
            parts.append(UnitTonnes(quantity=part, unit=unit))
            left -= part
    if not left:
        return tuple(parts)
    if len(units) == 1:
        desk.take(account_id, units[0], quantity)
    raise _short(desk, account_id, units, quantity, quantity - left)


def _short(
    desk: Desk, account_id: str, units: tuple[str, ...], asked: int, takeable: int
) -> InsufficientUnits | RestrictedUnits | BackdatedOverdraft:
    """Why several units together do not cover what is asked; see ``Desk.take``.

    Raises AccountFrozen when one of them is stopped.
    """
    for unit in units:
        desk.may_send(account_id, desk.account(account_id), unit)
    depths = [desk.depth(account_id, unit) for unit in units]
    held = sum(depth.held for depth in depths)
    available = sum(max(0, depth.available) for depth in depths)
    restricted = sum(desk.restricted(account_id, unit) for unit in units)
    kind: type[InsufficientUnits | RestrictedUnits | BackdatedOverdraft] = InsufficientUnits
    if available >= asked:
        kind = BackdatedOverdraft
    elif asked - available <= restricted:
        kind = RestrictedUnits
    return kind(
        f"account {account_id} can give {takeable} t of {', '.join(units)} from "
        f"{iso(desk.effective_at)} on (held {held} t, available then {available} t, restricted "
        f"{restricted} t); {asked} t asked: {asked - takeable} t short",
        account=account_id, units=list(units), held=held, available=available,
        restricted=restricted, takeable=takeable, asked=asked,
    )  # fmt: skip


def evolve(scribe: Scribe, registry: RegistryState, event: UnitsCarriedOver, fact: Fact) -> None:
    """So much is carried over."""
    parts = tuple((part.unit, part.quantity) for part in event.parts)
    entry = Carried(fact.effective_at, fact.position, event.carry_over, parts)
    before = registry.carried.get(event.entity, ())
    scribe.put(registry.carried, event.entity, (*before, entry))
