"""Market days followed from the log into a table: where the log has each record of each day.

A day may be recorded again, which corrects it. What was decided by a price stands; who explains
it asks here what the day said then, and what was said of it since.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, Table, Text, insert, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.market import MarketDayRecorded
from etsledger.ledger.postings import LAG
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections.following import keeping, readable
from etsledger.projections.tables import metadata

CURSOR: Final = "projection_market_days"
TYPES: Final = (MarketDayRecorded.__name__,)

market_days = Table(
    "projection_market_days",
    metadata,
    Column("position", BigInteger, nullable=False),
    Column("registry", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("date", Text, nullable=False),
    PrimaryKeyConstraint("position"),
    Index("projection_market_days_date", "registry", "date"),
)
"""Every record of a market day; ``date`` is the day that it is of."""


class DayRecord(NamedTuple):
    """One row of the table."""

    position: int
    registry: str
    unit: str
    date: str


def record_of(logged: Logged) -> DayRecord | None:
    """The row of a recorded market day."""
    event, record = logged.event, logged.record
    if not isinstance(event, MarketDayRecorded):
        return None
    return DayRecord(record.position, record.registry, event.unit, event.date)


class MarketDays:
    """All records: those the table has, and in memory those after its cursor."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = 0
        self._saved = -1
        """How far the table has followed; below zero before it was looked at."""
        self._late: list[DayRecord] = []
        """Records after ``_saved``."""

    def follow(self, upto: int) -> None:
        """Brings memory up to ``upto``; keeps it in the table when it was long."""
        if self._saved < 0:
            with self._store.engine.connect() as connection:
                has = self._store.engine.dialect.has_table(connection, market_days.name)
            self._saved = self._store.cursor(CURSOR)[0] if has else 0
            self._position = self._saved
        if self._position < upto:
            for logged in readable(self._store, self._position, upto, TYPES):
                found = record_of(logged)
                if found is not None:
                    self._late.append(found)
            self._position = upto
        if upto - self._saved > LAG:
            # Not on a full disk, say: what is not kept is read from the log again.
            with suppress(SQLAlchemyError):
                self._save()

    def records(self, registry: str, first: str, last: str, upto: int) -> list[DayRecord]:
        """The records of days from one date to another, both included, up to a position."""
        self.follow(upto)
        c = market_days.c
        query = (
            select(market_days)
            .where(c.registry == registry, c.date >= first, c.date <= last)
            .where(c.position <= min(self._saved, upto))
        )
        found: list[DayRecord] = []
        if self._saved:
            with self._store.engine.connect() as connection:
                found = [DayRecord._make(row) for row in connection.execute(query)]
        late = (one for one in self._late if one.position <= upto)
        found += (one for one in late if one.registry == registry and first <= one.date <= last)
        return sorted(found)

    def _save(self) -> None:
        with keeping(self._store, CURSOR, self._saved) as connection:
            if connection is None:
                return
            if self._late:
                connection.execute(insert(market_days), [row._asdict() for row in self._late])
            self._store.set_cursor(connection, CURSOR, self._position)
        self._saved, self._late = self._position, []
