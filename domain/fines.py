"""Fines for what was not surrendered (rules section 12): bounds by year, and the average
price that a multiple is taken of."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from etsledger.domain.commands import Command, Id, Year
from etsledger.domain.compliance import deadline_of, in_time, standing
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    FineOutOfBounds,
    InvalidCommand,
    NoReferencePrice,
    ObligationNotKnown,
)
from etsledger.domain.events import Event
from etsledger.domain.market import FEN, average_price, days_of, price_fault
from etsledger.domain.state import Fact, MarketDay, RegistryState, Scribe
from etsledger.domain.times import iso
from etsledger.domain.verification import decimal_fault
from etsledger.domain.yearbook import FineEntry

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import Penalty

CASE: Final = "unsurrendered"
RULE: Final = "§12"
"""The rule id: the section of the rules on penalties."""
_WIDE: Final = Context(prec=60)


class ImposeFine(Command, frozen=True, kw_only=True, tag="impose_fine"):
    """Imposes a fine for what an entity did not surrender for a year.

    By ``multiple`` of the unsurrendered tonnes x average price, or by ``amount`` (CNY).
    """

    example: ClassVar[str] = (
        '{"command": "impose_fine", "id": "45", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024, "multiple": 5}'
    )
    entity: Id
    year: Year
    multiple: Decimal | None = None
    amount: Decimal | None = None


class FineImposed(Event, frozen=True, kw_only=True):
    """A fine of ``amount`` CNY; ``high`` and ``low`` are its bounds, ``unsurrendered`` the
    tonnes outstanding, ``average_price`` (CNY a tonne) that of the window of dates."""

    amount: Decimal
    average_price: Decimal | None = None
    entity: str
    fine: str
    high: Decimal
    low: Decimal
    multiple: Decimal | None = None
    rule: str
    source: str
    unsurrendered: int
    window_from: str | None = None
    window_to: str | None = None
    year: int


class Base(NamedTuple):
    """What a multiple is taken of: tonnes x the average price of a window (both included)."""

    price: Decimal
    first: str
    last: str
    doubt: str | None


def window(deadline: date, kind: str) -> tuple[date, date]:
    """The dates of the average price [ADOPTED]: from the same day a month before the deadline
    to the day before it, or the calendar month before the deadline's."""
    first_of_month = deadline.replace(day=1)
    month_before = first_of_month - timedelta(days=1)
    if kind == "calendar_month":
        return month_before.replace(day=1), month_before
    day = min(deadline.day, month_before.day)
    return month_before.replace(day=day), deadline - timedelta(days=1)


def window_price(days: tuple[MarketDay, ...]) -> tuple[Decimal | None, str | None]:
    """The average price of market days, of all units and methods, with what is doubtful.

    All value over all volume (rules section 12, adopted); where no day states its volume,
    the plain mean of their closes.
    """
    found = average_price(days)
    if found is not None or not days:
        return found, None
    mean = _WIDE.divide(sum(day.close for day in days), len(days))
    return mean.quantize(FEN, ROUND_HALF_UP), (
        "no market day of the window states what was traded: the plain mean of the closes is taken"
    )


def decide(command: ImposeFine, desk: Desk) -> FineImposed:
    """Raises InvalidCommand, UnknownEntity, ObligationNotKnown, NoReferencePrice, and
    FineOutOfBounds when nothing is owed after the deadline or the law sets other bounds."""
    given = _given(command)
    entity = desk.entity(command.entity)
    deadline = deadline_of(desk.rules, entity.sector, command.year)
    book = desk.year_book_then(command.entity, command.year)
    if not book.owed or deadline is None:
        raise ObligationNotKnown(
            f"no obligation of {command.entity} for {command.year} is on record at "
            f"{iso(desk.effective_at)}",
            entity=command.entity, year=command.year,
        )  # fmt: skip
    owed = standing(desk.rules, entity, command.year, book, desk.effective_at)
    if in_time(desk.effective_at, deadline) or owed.status != "NON_COMPLIANT":
        raise FineOutOfBounds(
            f"entity {command.entity} is {owed.status} for {command.year} at "
            f"{iso(desk.effective_at)} (deadline {iso(deadline)}, outstanding "
            f"{owed.outstanding}): there is nothing to fine",
            entity=command.entity, year=command.year, status=owed.status,
            outstanding=owed.outstanding,
        )  # fmt: skip
    rule = _rule(command, desk)
    if owed.pending:
        desk.warn(
            f"{owed.pending} t that {command.entity} submitted for {command.year} await "
            f"confirmation; the fine is for all {owed.outstanding} t outstanding"
        )
    if owed.fine is not None:
        desk.warn(f"{command.entity} was fined for {command.year} before: {owed.fine} CNY")
    low, high = rule.minimum or Decimal(0), rule.maximum
    if high is None:
        high = Decimal(10) ** 13
    if rule.kind == "amount":
        amount, base = given, None
        low, high = _fen(low), _fen(high)
    else:
        base = _base(deadline.date(), rule, desk)
        per_multiple = _WIDE.multiply(base.price, owed.outstanding)
        low, high = (_fen(_WIDE.multiply(bound, per_multiple)) for bound in (low, high))
        amount = given if command.amount is not None else _fen(_WIDE.multiply(given, per_multiple))
        if base.doubt is not None:
            desk.warn(base.doubt)
    if not low <= amount <= high:
        raise FineOutOfBounds(
            f"the fine for {owed.outstanding} t not surrendered for {command.year} is from {low} "
            f"to {high} CNY{_explained(base)} ({rule.source}); {amount} CNY asked",
            entity=command.entity, year=command.year, low=str(low), high=str(high),
            asked=str(amount), unsurrendered=owed.outstanding,
            average_price=None if base is None else str(base.price),
        )  # fmt: skip
    return FineImposed(
        amount=amount,
        average_price=None if base is None else base.price,
        entity=command.entity,
        fine=command.id,
        high=high,
        low=low,
        multiple=command.multiple,
        rule=RULE,
        source=rule.source,
        unsurrendered=owed.outstanding,
        window_from=None if base is None else base.first,
        window_to=None if base is None else base.last,
        year=command.year,
    )


def _explained(base: Base | None) -> str:
    if base is None:
        return ""
    return f" at an average price of {base.price} CNY from {base.first} to {base.last}"


def _given(command: ImposeFine) -> Decimal:
    if (command.multiple is None) == (command.amount is None):
        raise InvalidCommand("multiple: give either a multiple or an amount", field="multiple")
    if command.amount is not None:
        if fault := price_fault(command.amount):
            raise InvalidCommand(f"amount: {fault}", field="amount")
        return _fen(command.amount)
    multiple = command.multiple or Decimal(0)
    if fault := decimal_fault(multiple):
        raise InvalidCommand(f"multiple: {fault}", field="multiple")
    return multiple


def _rule(command: ImposeFine, desk: Desk) -> "Penalty":
    for rule in desk.rules.data.penalties:
        if rule.case == CASE and (not rule.years or command.year in rule.years):
            if rule.kind == "amount" and command.multiple is not None:
                raise FineOutOfBounds(
                    f"the fine for {command.year} is an amount from {rule.minimum} to "
                    f"{rule.maximum} CNY ({rule.source}), no multiple",
                    year=command.year, low=str(rule.minimum), high=str(rule.maximum),
                )  # fmt: skip
            return rule
    raise FineOutOfBounds(
        f"rulebook {desk.rules.data.name} knows no fine for what was not surrendered for "
        f"{command.year}: the status itself goes on the public record",
        year=command.year, entity=command.entity,
    )  # fmt: skip


def _base(deadline: date, rule: "Penalty", desk: Desk) -> Base:
    first, last = window(deadline, rule.price_window or "month_before")
    days = tuple(
        day
        for unit in sorted(desk.registry.market_days)
        for day in days_of(desk.registry, unit, first.isoformat(), last.isoformat())
    )
    price, doubt = window_price(days)
    if price is None:
        raise NoReferencePrice(
            f"no market day from {first} to {last} is on record, of which the average price is "
            "taken; record_market_day records one",
            window_from=first.isoformat(), window_to=last.isoformat(),
        )  # fmt: skip
    return Base(price, first.isoformat(), last.isoformat(), doubt)


def _fen(amount: Decimal) -> Decimal:
    return amount.quantize(FEN, ROUND_HALF_UP, context=_WIDE)


def evolve(scribe: Scribe, registry: RegistryState, event: FineImposed, fact: Fact) -> None:
    """The fine stands in the year book."""
    entry = FineEntry(fact.effective_at, fact.position, event.fine, event.amount)
    scribe.note(registry, event.entity, event.year, "fines", entry)
