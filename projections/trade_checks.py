"""The tables of the market against the log: trades and market days, row by row, in one pass."""

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from sqlalchemy import Table, select

from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.trading import TradeSettled
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections import market_days as days
from etsledger.projections.following import readable
from etsledger.projections.market_days import DayRecord, market_days, record_of
from etsledger.projections.trades import CURSOR, Stated, Trade, Trades, stated, trade_of, trades

_TYPES: Final = tuple(
    kind.__name__ for kind in (TradeSettled, OpeningBalanceRecorded, MarketDayRecorded)
)
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


def differences_of_trades(store: Store, upto: int) -> Iterator[str]:
    """What the tables say otherwise than the log, each by the earlier of both positions."""
    settled: _Beside[Trade] = _Beside(
        store, trades, min(upto, store.cursor(CURSOR)[0]), Trade, "trade",
        lambda one: repr(one.trade),
    )  # fmt: skip
    recorded: _Beside[DayRecord] = _Beside(
        store, market_days, min(upto, store.cursor(days.CURSOR)[0]), DayRecord, "market day",
        lambda one: f"{one.date} of {one.unit}",
    )  # fmt: skip
    made = Trades(store)
    for logged in readable(store, 0, max(settled.upto, recorded.upto), _TYPES):
        trade, day = trade_of(logged), record_of(logged)
        if trade is not None:
            yield from settled.find(trade)
        if day is not None:
            yield from recorded.find(day)
        _note_stated(made, logged, settled.upto)
    yield from settled.find(None)
    yield from recorded.find(None)
    if settled.upto:
        yield from _stated_differences(store, made, settled.upto)


def _note_stated(made: Trades, logged: Logged, upto: int) -> None:
    if isinstance(logged.event, OpeningBalanceRecorded) and logged.record.position <= upto:
        made.note(logged)


def _stated_differences(store: Store, made: Trades, upto: int) -> Iterator[str]:
    with store.engine.connect() as connection:
        query = select(stated).where(stated.c.position <= upto)
        told = {Stated._make(row) for row in connection.execute(query)}
    for entity in sorted({one.entity for one in told ^ set(made.late_stated)}):
        yield f"the table tells net sales of {entity} before the books otherwise than the log"
