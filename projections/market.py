"""The market as its trades tell it: volumes, values, average prices, and net sales.

Sums are whole tonnes and fen, so that every answer is exact, at any (as-of, known-at).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, func, literal_column, select

from etsledger.domain.market import half_up, yuan
from etsledger.domain.times import business_date, to_micros
from etsledger.domain.trading import TradeSettled, date_text
from etsledger.ledger.questions import Period, When
from etsledger.ledger.record import read
from etsledger.ledger.rows import MarketRow
from etsledger.ledger.store import Store
from etsledger.projections.instants import Viewpoint, instant
from etsledger.projections.trades import Trade, Trades, stated, trade_of, trades

_LENGTH: Final[dict[Period, int]] = {"day": 10, "month": 7, "year": 4, "all": 0}
"""How much of a date names its period."""


def date_of(when: When) -> str | None:
    """The day in Shanghai of a time or its text. Raises ValueError."""
    at = instant(when)
    return None if at is None else business_date(at).isoformat()


class MarketFilter(NamedTuple):
    """Which trades a question is about; dates are both included."""

    registry: str | None = None
    unit: str | None = None
    method: str | None = None
    start: str | None = None
    end: str | None = None

    def takes(self, trade: Trade) -> bool:
        """Whether a trade is one of them."""
        return (
            self.registry in (None, trade.registry)
            and self.unit in (None, trade.unit)
            and self.method in (None, trade.method)
            and (self.start is None or trade.date >= self.start)
            and (self.end is None or trade.date <= self.end)
        )

    def conditions(self) -> list[Any]:
        """The same as conditions on the table."""
        found: list[Any] = []
        for name in ("registry", "unit", "method"):
            value = getattr(self, name)
            if value is not None:
                found.append(trades.c[name] == value)
        if self.start is not None:
            found.append(trades.c.date >= self.start)
        if self.end is not None:
            found.append(trades.c.date <= self.end)
        return found


class Sums:
    """Tonnes, fen and number of trades by registry, unit, method and period."""

    def __init__(self, by: Period) -> None:
        if by not in _LENGTH:
            raise ValueError(f"{by!r} is no period; there are {', '.join(_LENGTH)}")
        self.length = _LENGTH[by]
        self._sums: dict[tuple[str, str, str, str], tuple[int, int, int]] = {}

    def add(self, key: tuple[str, str, str, str], quantity: int, fen: int, count: int) -> None:
        """Adds to one sum."""
        before = self._sums.get(key, (0, 0, 0))
        self._sums[key] = (before[0] + quantity, before[1] + fen, before[2] + count)

    def add_trade(self, trade: Trade) -> None:
        """Adds one trade to its sum."""
        key = (trade.registry, trade.unit, trade.method, trade.date[: self.length])
        self.add(key, trade.quantity, trade.fen, 1)

    def rows(self) -> list[MarketRow]:
        """The sums in the order of their names, with the average price half-up to 0.01."""
        return [
            {
                "registry": registry,
                "unit": unit,
                "method": method,
                "period": period or None,
                "volume": quantity,
                "value": str(yuan(fen)),
                "average_price": str(half_up(fen, quantity)),
                "trades": count,
            }
            for (registry, unit, method, period), (quantity, fen, count) in sorted(
                self._sums.items()
            )
        ]


def sums(found: Trades, view: Viewpoint, wanted: MarketFilter, by: Period) -> Sums:
    """What the trades that were followed add up to at a viewpoint. Raises ValueError."""
    total, at = Sums(by), to_micros(view.as_of)
    if found.saved > 0:
        c = trades.c
        # As text: to PostgreSQL the same call with other parameters is another expression.
        period: ColumnElement[str] = literal_column(f"substr(date, 1, {total.length})")
        query = (
            select(c.registry, c.unit, c.method, period, func.sum(c.quantity), func.sum(c.fen),
                   func.count())
            .where(c.position <= min(view.upto, found.saved), c.effective_at <= at,
                   *wanted.conditions())
            .group_by(c.registry, c.unit, c.method, period)
        )  # fmt: skip
        with found.store.engine.connect() as connection:
            for registry, unit, method, part, quantity, fen, count in connection.execute(query):
                total.add((registry, unit, method, part), int(quantity), int(fen), count)
    for trade in found.late:
        if trade.position <= view.upto and trade.effective_at <= at and wanted.takes(trade):
            total.add_trade(trade)
    return total


def sums_from_log(store: Store, view: Viewpoint, wanted: MarketFilter, by: Period) -> Sums:
    """The same sums from the log alone."""
    found, at = Sums(by), to_micros(view.as_of)
    for row in store.rows(0, view.upto, (TradeSettled.__name__,)):
        trade = trade_of(read(row.type, row.state))
        if trade is not None and trade.effective_at <= at and wanted.takes(trade):
            found.add_trade(trade)
    return found


def net_sales_as_of(
    store: Store,
    entity: str,
    units: Iterable[str],
    first: Any,
    last: Any,
    view: Viewpoint,
    registry: str | None = None,
) -> dict[str, int]:
    """An entity's net sales by unit (tonnes sold less bought) at a viewpoint.

    The same as ``etsledger.domain.trading.net_sales`` says of the present: trades dated from
    ``first`` to ``last``, both included, and what its opening balances state.
    """
    followed = Trades(store)
    followed.follow(view.upto)
    since, until, at = date_text(first), date_text(last), to_micros(view.as_of)
    found = dict.fromkeys(units, 0)
    wanted = MarketFilter(registry=registry, start=since, end=until)
    for unit, tonnes in _net_in_tables(followed, view, entity, list(found), wanted):
        found[unit] += tonnes
    for trade in followed.late:
        if (
            trade.unit in found
            and trade.position <= view.upto
            and trade.effective_at <= at
            and wanted.takes(trade)
        ):
            sides = (trade.seller_entity == entity) - (trade.buyer_entity == entity)
            found[trade.unit] += sides * trade.quantity
    for one in followed.late_stated:
        if (
            one.entity == entity
            and one.unit in found
            and one.position <= view.upto
            and one.effective_at <= at
            and registry in (None, one.registry)
        ):
            found[one.unit] += one.tonnes
    return found


def _net_in_tables(
    followed: Trades, view: Viewpoint, entity: str, units: list[str], wanted: MarketFilter
) -> Iterator[tuple[str, int]]:
    if followed.saved <= 0:
        return
    upto, at = min(view.upto, followed.saved), to_micros(view.as_of)
    c, s = trades.c, stated.c
    with followed.store.engine.connect() as connection:
        for owner, sign in ((c.seller_entity, 1), (c.buyer_entity, -1)):
            query = (
                select(c.unit, func.sum(c.quantity))
                .where(owner == entity, c.unit.in_(units), c.position <= upto,
                       c.effective_at <= at, *wanted.conditions())
                .group_by(c.unit)
            )  # fmt: skip
            for unit, tonnes in connection.execute(query):
                yield unit, sign * int(tonnes)
        query = (
            select(s.unit, func.sum(s.tonnes))
            .where(s.entity == entity, s.unit.in_(units), s.position <= upto, s.effective_at <= at)
            .group_by(s.unit)
        )
        if wanted.registry is not None:
            query = query.where(s.registry == wanted.registry)
        for unit, tonnes in connection.execute(query):
            yield unit, int(tonnes)
