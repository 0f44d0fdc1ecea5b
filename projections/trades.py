"""Trades followed from the log into a table, each with both its clocks and exact numbers."""

from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text, insert
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.accounts import AccountOpened
from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.market import fen_of
from etsledger.domain.times import business_date, to_micros
from etsledger.domain.trading import TradeSettled, stated_net_sales
from etsledger.ledger.postings import LAG
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections.following import keeping, readable
from etsledger.projections.tables import metadata

CURSOR: Final = "projection_trades"
TYPES: Final = (TradeSettled.__name__, OpeningBalanceRecorded.__name__)

trades = Table(
    "projection_trades",
    metadata,
    Column("position", BigInteger, nullable=False),
    Column("registry", Text, nullable=False),
    Column("trade", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("date", Text, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("seller", Text, nullable=False),
    Column("buyer", Text, nullable=False),
    Column("seller_entity", Text),
    Column("buyer_entity", Text),
    PrimaryKeyConstraint("position"),
    Index("projection_trades_unit", "unit", "date"),
    Index("projection_trades_seller", "seller_entity", "date"),
    Index("projection_trades_buyer", "buyer_entity", "date"),
)
"""Every trade, as settled; ``date`` is its day in Shanghai, ``fen`` its value."""

stated = Table(
    "projection_stated_net_sales",
    metadata,
    Column("position", BigInteger, nullable=False),
    Column("registry", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("tonnes", BigInteger, nullable=False),
    PrimaryKeyConstraint("position", "unit"),
    Index("projection_stated_net_sales_entity", "entity"),
)
"""Net sales of the time before the books, as opening balances state them."""


class Trade(NamedTuple):
    """One row of the table."""

    position: int
    registry: str
    trade: str
    unit: str
    method: str
    date: str
    effective_at: int
    quantity: int
    fen: int
    seller: str
    buyer: str
    seller_entity: str | None
    buyer_entity: str | None


class Stated(NamedTuple):
    """One row of the table of stated net sales."""

    position: int
    registry: str
    entity: str
    unit: str
    effective_at: int
    tonnes: int


def trade_of(logged: Logged) -> Trade | None:
    """The row of a settled trade."""
    event, record = logged.event, logged.record
    if not isinstance(event, TradeSettled):
        return None
    at = record.effective_at
    return Trade(
        record.position, record.registry, event.trade, event.unit, event.method,
        business_date(at).isoformat(), to_micros(at), event.quantity, fen_of(event.value),
        event.seller, event.buyer, event.seller_entity, event.buyer_entity,
    )  # fmt: skip


class Trades:
    """All trades: those the table has, and in memory those after its cursor."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._position = 0
        self.saved = -1
        """How far the tables have followed; below zero before they were looked at."""
        self.late: list[Trade] = []
        """Trades after ``saved``."""
        self.late_stated: list[Stated] = []
        self._owners: dict[tuple[str, str], str | None] = {}
        self._owners_upto = 0

    def follow(self, upto: int) -> None:
        """Brings memory up to ``upto``; keeps it in the tables when it was long."""
        if self.saved < 0:
            with self.store.engine.connect() as connection:
                has = self.store.engine.dialect.has_table(connection, trades.name)
            self.saved = self.store.cursor(CURSOR)[0] if has else 0
            self._position = self.saved
        if self._position < upto:
            for logged in readable(self.store, self._position, upto, TYPES):
                self.note(logged)
            self._position = upto
        if upto - self.saved > LAG:
            # Not on a full disk, say: what is not kept is read from the log again.
            with suppress(SQLAlchemyError):
                self._save()

    def note(self, logged: Logged) -> None:
        """Adds what an event tells to memory."""
        trade = trade_of(logged)
        if trade is not None:
            self.late.append(trade)
        elif isinstance(logged.event, OpeningBalanceRecorded):
            record = logged.record
            tonnes = stated_net_sales(logged.event)
            owner = self._owner(record.registry, logged.event.account, record.position)
            if owner is not None:
                self.late_stated.extend(
                    Stated(record.position, record.registry, owner, unit,
                           to_micros(record.effective_at), net)
                    for unit, net in tonnes.items()
                )  # fmt: skip

    def _owner(self, registry: str, account: str, upto: int) -> str | None:
        """The entity of an account; who opened what is read when the first one is asked for."""
        if self._owners_upto < upto:
            opened = (AccountOpened.__name__,)
            for logged in readable(self.store, self._owners_upto, upto, opened):
                if isinstance(logged.event, AccountOpened):
                    key = (logged.record.registry, logged.event.account)
                    self._owners[key] = logged.event.entity
            self._owners_upto = upto
        return self._owners.get((registry, account))

    def _save(self) -> None:
        with keeping(self.store, CURSOR, self.saved) as connection:
            if connection is None:
                return
            if self.late:
                connection.execute(insert(trades), [row._asdict() for row in self.late])
            if self.late_stated:
                connection.execute(insert(stated), [row._asdict() for row in self.late_stated])
            self.store.set_cursor(connection, CURSOR, self._position)
        self.saved, self.late, self.late_stated = self._position, [], []
