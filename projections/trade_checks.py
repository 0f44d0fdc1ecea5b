"""The tables of the market beside the log: trades and market days, as the events pass by."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

from sqlalchemy import Table, select

from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.trading import TradeSettled
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections import market_days as days
from etsledger.projections.market_days import DayRecord, market_days, record_of
from etsledger.projections.trades import CURSOR, Stated, Trade, Trades, stated, trade_of, trades

TYPES: Final = frozenset(
    kind.__name__ for kind in (TradeSettled, OpeningBalanceRecorded, MarketDayRecorded)
)
MOST: Final = 1_000
"""Differences that are told; the rest would say the same."""
_R = TypeVar("_R", Trade, DayRecord)


class _Beside(Generic[_R]):
    """The rows of a table in the order of the log, beside those that the log makes."""

    def __init__(
        self, store: Store, table: Table, upto: int, row: Callable[..., _R], name: str,
        named: Callable[[_R], str],
    ) -> None:  # fmt: skip
        self.upto = upto
        self._name, self._named = name, named
        columns = ", ".join(column.name for column in table.columns)
        query = f"SELECT {columns} FROM {table.name} WHERE position <= {upto} ORDER BY position"
        told = store.scan(query, once=True) if upto else iter(())
        self._told = (row(*one) for chunk in told for one in chunk)
        self._next = next(self._told, None)

    def find(self, made: _R | None) -> Iterator[str]:
        """What the table says otherwise up to the next row that the log makes; None: to the
        end."""
        if made is not None and made.position > self.upto:
            return
        while self._next is not None and (made is None or self._next.position < made.position):
            yield f"the table of {self._name}s has {self._named(self._next)}, which no event made"
            self._next = next(self._told, None)
        if made is None:
            return
        if self._next is None or self._next.position > made.position:
            yield f"the table of {self._name}s has no {self._named(made)}"
            return
        if self._next != made:
            yield f"the table tells {self._name} {self._named(made)} otherwise than the log"
        self._next = next(self._told, None)


class MarketChecks:
    """The tables of trades, of stated net sales and of market days beside the log, each by the
    earlier of both positions. Reading them raises StoreDamaged, SQLAlchemyError."""

    def __init__(self, store: Store, upto: int) -> None:
        self._store = store
        self._trades: _Beside[Trade] = _Beside(
            store, trades, min(upto, store.cursor(CURSOR)[0]), Trade, "trade",
            lambda one: repr(one.trade),
        )  # fmt: skip
        self._days: _Beside[DayRecord] = _Beside(
            store, market_days, min(upto, store.cursor(days.CURSOR)[0]), DayRecord, "market day",
            lambda one: f"{one.date} of {one.unit}",
        )  # fmt: skip
        self._made = Trades(store)
        self._found: list[str] = []

    def follow(self, logged: Logged) -> None:
        """The next event of the log that is one of ``TYPES``."""
        trade, day = trade_of(logged), record_of(logged)
        if trade is not None:
            self._find(self._trades.find(trade))
        elif day is not None:
            self._find(self._days.find(day))
        elif logged.record.position <= self._trades.upto:
            self._made.note(logged)

    def _find(self, found: Iterator[str]) -> None:
        self._found += islice(found, MOST - len(self._found))

    def finish(self) -> list[str]:
        """What the tables say otherwise, after the last event."""
        self._find(self._trades.find(None))
        self._find(self._days.find(None))
        if self._trades.upto:
            self._find(_stated_differences(self._store, self._made, self._trades.upto))
        return self._found


def _stated_differences(store: Store, made: Trades, upto: int) -> Iterator[str]:
    with store.engine.connect() as connection:
        query = select(stated).where(stated.c.position <= upto)
        told = {Stated._make(row) for row in connection.execute(query)}
    for entity in sorted({one.entity for one in told ^ set(made.late_stated)}):
        yield f"the table tells net sales of {entity} before the books otherwise than the log"
