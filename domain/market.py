"""The market: what the exchange published of a day, and the prices that follow from it
(rules N-TRD-3, N-TRD-4, Q-TRD).

A market day is known by its date, whenever it was written down: the reference of a trade is
that of the latest recorded day before the trade's own date, however long ago.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

import msgspec

from etsledger.domain.commands import Balance, Command, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Event
from etsledger.domain.state import Fact, ListedDay, MarketDay, RegistryState, Scribe
from etsledger.domain.times import business_date

if TYPE_CHECKING:
    from etsledger.domain.rulebook import Rulebook
    from etsledger.domain.rulebook_trade import Market

Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A date in Asia/Shanghai as ISO text."""
FEN: Final = Decimal("0.01")
MOST_CNY: Final = Decimal(10) ** 13
"""No sum of money above it (its fen are integers that every reader keeps exactly)."""
_WIDE: Final = Context(prec=60)


class RecordMarketDay(Command, frozen=True, kw_only=True, tag="record_market_day"):
    """Records what the exchange published of a unit's day; recorded again it corrects.

    ``close`` and ``vwap`` (all trades, weighted by volume) in CNY a tonne, ``volume`` in
    tonnes, ``value`` in CNY.
    """

    example: ClassVar[str] = (
        '{"command": "record_market_day", "id": "40", "registry": "cn-national", '
        '"date": "2024-11-04", "unit": "CEA:2023", "close": "103.20", "volume": 150000, '
        '"value": "15480000.00"}'
    )
    date: Day
    unit: Unit
    close: Decimal
    vwap: Decimal | None = None
    volume: Balance | None = None
    value: Decimal | None = None


class MarketDayRecorded(Event, frozen=True, kw_only=True):
    """A unit's day on the exchange, as published."""

    close: Decimal
    date: str
    unit: str
    value: Decimal | None = None
    volume: int | None = None
    vwap: Decimal | None = None


# -- prices --------------------------------------------------------------------------------------


def fen_of(amount: Decimal) -> int:
    """An amount of at most two places in fen."""
    return int(_WIDE.multiply(amount, 100))


def yuan(fen: int) -> Decimal:
    """An amount of fen in CNY, with two places."""
    sign = "-" if fen < 0 else ""
    return Decimal(f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02}")


def half_up(fen: int, quantity: int) -> Decimal:
    """The price (CNY a tonne) of ``quantity`` tonnes worth ``fen``, half-up to 0.01."""
    return yuan((2 * fen + quantity) // (2 * quantity))


def close_of(trades: Iterable[tuple[int, Decimal]], previous: Decimal | None) -> Decimal | None:
    """The close of a day (rule N-TRD-4): the average of its listed trades by volume.

    ``trades`` are (tonnes, CNY a tonne), listed ones only; half-up to 0.01 [ADOPTED]. Without
    any the previous close stands.
    """
    volume = fen = 0
    for quantity, price in trades:
        volume += quantity
        fen += quantity * fen_of(price)
    return half_up(fen, volume) if volume else previous


def average_price(days: Iterable[MarketDay]) -> Decimal | None:
    """The average price over market days: all value over all volume, half-up to 0.01.

    A day that states its volume and no value counts with its ``vwap``; one that lets neither
    be known does not count. None when nothing was traded.
    """
    volume = fen = 0
    for day in days:
        if not day.volume:
            continue
        if day.value is not None:
            fen += fen_of(day.value)
        elif day.vwap is not None:
            fen += day.volume * fen_of(day.vwap)
        else:
            continue
        volume += day.volume
    return half_up(fen, volume) if volume else None


@lru_cache(maxsize=1024)
def band(reference: Decimal, share: Decimal) -> tuple[Decimal, Decimal]:
    """The lowest and highest valid price around a reference (CNY a tonne; rule N-TRD-3).

    Rounded inward to the fen [ADOPTED]; a price on a limit is valid.
    """
    low = _WIDE.multiply(reference, 1 - share)
    high = _WIDE.multiply(reference, 1 + share)
    return (
        low.quantize(FEN, rounding=ROUND_CEILING, context=_WIDE),
        high.quantize(FEN, rounding=ROUND_FLOOR, context=_WIDE),
    )


def days_of(registry: RegistryState, unit: str, first: str, last: str) -> tuple[MarketDay, ...]:
    """A unit's recorded market days from one date to another, both included."""
    days = registry.market_days.get(unit, ())
    return tuple(day for day in days if first <= day.date <= last)


class Reference(msgspec.Struct, frozen=True, gc=False):
    """The price that bands are laid around, and the market day it is of."""

    price: Decimal
    date: str
    doubt: str | None = None
    """What is implausible about it."""


def reference_before(
    registry: RegistryState, unit: str, day: str, kind: Literal["close", "average"]
) -> Reference | None:
    """The reference of a unit's trades on a date; None when no earlier day is on record.

    The close of the latest recorded day before it (national), or the average of all its
    trades (Chongqing): its ``vwap``, else value over volume. A day on which nothing was
    traded keeps the reference before it [ADOPTED]; one without any of the three numbers gives
    its close.
    """
    days = registry.market_days.get(unit, ())
    at = bisect_left(days, day, key=_date_of)
    if not at:
        return None
    latest = days[at - 1]
    if kind == "close":
        return Reference(latest.close, latest.date)
    for one in reversed(days[:at]):
        if one.vwap is not None:
            return Reference(one.vwap, one.date)
        average = average_price((one,))
        if average is not None:
            return Reference(average, one.date)
        if one.volume != 0:
            return Reference(one.close, one.date, f"the market day {one.date} of {unit} states "
                             "no average price; its close is taken")  # fmt: skip
    return Reference(latest.close, latest.date, f"no recorded day of {unit} before {day} had a "
                     "trade; the close is taken")  # fmt: skip


def _date_of(day: MarketDay) -> str:
    return day.date


def market_of(rules: "Rulebook", unit_kind: str) -> "Market | None":
    """How units of a kind are traded; None where the rulebook has no market for them."""
    for market in rules.data.market:
        if unit_kind in market.units or "*" in market.units:
            return market
    return None


# -- decide, then record ---------------------------------------------------------------------------


def price_fault(price: Decimal) -> str | None:
    """What is wrong with a price or sum: not finite, below zero, too large, parts of a fen."""
    if not price.is_finite() or price < 0 or price > MOST_CNY:
        return f"{price} is not an amount from 0 to {MOST_CNY:f} CNY"
    if price != price.quantize(FEN, context=_WIDE):
        return f"{price} has more than two decimal places"
    return None


def checked_price(field: str, price: Decimal) -> Decimal:
    """A price above zero, with two places. Raises InvalidCommand."""
    fault = price_fault(price)
    if fault or not price:
        raise InvalidCommand(f"{field}: {fault or 'a price is above zero'}", field=field)
    return price.quantize(FEN, context=_WIDE)


def decide(command: RecordMarketDay, desk: Desk) -> MarketDayRecorded:
    """Raises InvalidCommand, UnitNotAllowed."""
    _check_date(command.date)
    close = checked_price("close", command.close)
    vwap = None if command.vwap is None else checked_price("vwap", command.vwap)
    value = command.value
    if value is not None:
        fault = price_fault(value)
        if fault:
            raise InvalidCommand(f"value: {fault}", field="value")
        value = value.quantize(FEN, context=_WIDE)
    desk.rules.unit_kind(command.unit)
    event = MarketDayRecorded(
        close=close, date=command.date, unit=command.unit, value=value, volume=command.volume,
        vwap=vwap,
    )  # fmt: skip
    _warn(event, desk)
    return event


def _check_date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise InvalidCommand(f"date: {text!r} is no date", field="date") from None


def _warn(day: MarketDayRecorded, desk: Desk) -> None:
    listed = desk.registry.listed.get(day.unit, {}).get(day.date)
    if listed is not None:
        settled = half_up(listed.fen, listed.quantity)
        if settled != day.close:
            desk.warn(
                f"the close {day.close} of {day.unit} on {day.date} is not that of the "
                f"{listed.quantity} t of listed trades settled here ({settled})"
            )
    if day.volume is not None and day.value is not None:
        if bool(day.volume) != bool(day.value):
            desk.warn(f"{day.volume} t of {day.unit} were traded for {day.value} CNY")
        elif day.volume and day.vwap not in (None, half_up(fen_of(day.value), day.volume)):
            desk.warn(
                f"the average price {day.vwap} is not value over volume "
                f"({half_up(fen_of(day.value), day.volume)})"
            )
    if day.date > business_date(desk.effective_at).isoformat():
        desk.warn(f"the market day {day.date} lies after its effective time")


def evolve(scribe: Scribe, registry: RegistryState, event: MarketDayRecorded, fact: Fact) -> None:
    """The day takes its place among the unit's days, or corrects the record of that day."""
    day = MarketDay(event.date, fact.position, event.close, event.vwap, event.volume, event.value)
    days = registry.market_days.get(event.unit, ())
    at = bisect_left(days, day.date, key=_date_of)
    after = at + 1 if at < len(days) and days[at].date == day.date else at
    scribe.put(registry.market_days, event.unit, (*days[:at], day, *days[after:]))


def note_listed(
    scribe: Scribe, registry: RegistryState, unit: str, day: str, quantity: int, fen: int
) -> None:
    """Adds a listed trade to the sums of its day."""
    days = registry.listed.get(unit)
    if days is None:
        days = dict[str, ListedDay]()
        scribe.put(registry.listed, unit, days)
    before = days.get(day, ListedDay())
    scribe.put(days, day, ListedDay(before.quantity + quantity, before.fen + fen))
