"""The table of trades against the log: row by row, in one pass of both."""

from collections.abc import Iterator

from sqlalchemy import select

from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.trading import TradeSettled
from etsledger.ledger.store import Store
from etsledger.projections.following import readable
from etsledger.projections.trades import CURSOR, Stated, Trade, Trades, stated, trade_of, trades


def differences_of_trades(store: Store, upto: int) -> Iterator[str]:
    """What the table says otherwise than the log, by the earlier of both positions."""
    followed, _ = store.cursor(CURSOR)
    if not followed:
        return
    upto = min(upto, followed)
    names = ", ".join(column.name for column in trades.columns)
    told = (
        Trade._make(row)
        for chunk in store.scan(
            f"SELECT {names} FROM {trades.name} WHERE position <= {upto} ORDER BY position"
        )
        for row in chunk
    )
    next_told = next(told, None)
    for made in _from_log(store, upto):
        while next_told is not None and next_told.position < made.position:
            yield f"the table of trades has {next_told.trade!r}, which no event settled"
            next_told = next(told, None)
        if next_told == made:
            next_told = next(told, None)
        elif next_told is not None and next_told.position == made.position:
            yield f"the table tells trade {made.trade!r} otherwise than the log"
            next_told = next(told, None)
        else:
            yield f"the table of trades has no {made.trade!r}"
    while next_told is not None:
        yield f"the table of trades has {next_told.trade!r}, which no event settled"
        next_told = next(told, None)
    yield from _stated_differences(store, upto)


def _from_log(store: Store, upto: int) -> Iterator[Trade]:
    for logged in readable(store, 0, upto, (TradeSettled.__name__,)):
        trade = trade_of(logged)
        if trade is not None:
            yield trade


def _stated_differences(store: Store, upto: int) -> Iterator[str]:
    made = Trades(store)
    for logged in readable(store, 0, upto, (OpeningBalanceRecorded.__name__,)):
        made.note(logged)
    with store.engine.connect() as connection:
        query = select(stated).where(stated.c.position <= upto)
        told = {Stated._make(row) for row in connection.execute(query)}
    for entity in sorted({one.entity for one in told ^ set(made.late_stated)}):
        yield f"the table tells net sales of {entity} before the books otherwise than the log"
