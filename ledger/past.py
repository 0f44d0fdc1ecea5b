"""The past inside a decision: what was held when, and what earlier commands recorded.

Decisions look at the present state; only a back-dated fact, a closing or a reversal asks
here. Answers come from the postings in the database and from what the write in progress
has decided already.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, text

from etsledger.domain.desk import Depth, Recorded
from etsledger.domain.times import to_micros
from etsledger.ledger.log import PostingRow
from etsledger.ledger.postings import indexed, merge_index_while_writing
from etsledger.ledger.record import Entry, Logged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account


def _change(bucket: str, quantity: int) -> tuple[int, int]:
    """What a posting does to what is available and to what is held."""
    if bucket == "held":
        return quantity, quantity
    return (0, 0) if bucket == "stopped" else (-quantity, 0)


_PART: Final = """
    SELECT {time} AS time,
           SUM(CASE WHEN bucket = 'held' THEN quantity ELSE -quantity END),
           SUM(CASE WHEN bucket = 'held' THEN quantity ELSE 0 END)
    FROM {table}
    WHERE account = :account AND registry = :registry AND unit = :unit
      AND bucket <> 'stopped' AND position > {low} AND position <= {high}
      AND effective_at {when} :at {group}
"""
# As text: for a statement this size SQLAlchemy spends more on finding its cached form than
# the database on running it, and a file of back-dated facts asks once a command.
_DEPTH: Final = text(
    " UNION ALL ".join(
        _PART.format(table=table, low=low, high=high, time=time, when=when, group=group)
        for table, low, high in (
            (postings_by_account.name, "0", ":done"),
            (postings.name, ":done", ":upto"),
        )
        for time, when, group in ((":at", "<=", ""), ("effective_at", ">", "GROUP BY 1"))
    )
)


class StoredPast:
    """What decisions may ask of history: the database, and what this write adds to it."""

    def __init__(self, store: Store, recorded: Callable[[str], list[Logged]]) -> None:
        self._store = store
        self._recorded = recorded
        self._pending: list[Entry] = []
        self._rows: list[PostingRow] = []
        self._by_holding: dict[tuple[str, str, str], list[PostingRow]] = {}
        self._sorted_in = 0
        self._connection: Connection | None = None
        self._position = 0
        self._done = 0
        self._may_merge = False

    def begin(
        self,
        position: int,
        pending: list[Entry],
        rows: list[PostingRow],
        *,
        may_merge: bool,
    ) -> None:
        """A write begins at a log of so many events.

        ``pending`` and ``rows`` are the lists into which the write drafts its events and
        their postings; ``may_merge`` says that the caller holds the writer lock.
        """
        self.end()
        self._position = position
        self._pending, self._rows = pending, rows
        self._may_merge = may_merge

    def end(self) -> None:
        """The write is over; what was pending is in the database or gone."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._pending, self._rows = [], []
        self._by_holding, self._sorted_in = {}, 0

    def advance(self, position: int) -> None:
        """The drafted events up to ``position`` are in the database now, off the lists."""
        self._position = position
        self._by_holding, self._sorted_in = {}, 0

    def taken_back(self) -> None:
        """The latest drafted events are gone from the lists."""
        self._by_holding, self._sorted_in = {}, 0

    def _pending_of(self, registry: str, account: str, unit: str) -> list[PostingRow]:
        for row in self._rows[self._sorted_in :]:
            self._by_holding.setdefault((row[2], row[3], row[4]), []).append(row)
        self._sorted_in = len(self._rows)
        return self._by_holding.get((registry, account, unit), [])

    def _connected(self) -> Connection:
        """One connection for the whole write, with the index brought near the end of the log."""
        if self._connection is None:
            if self._may_merge:
                self._done = merge_index_while_writing(self._store, self._position)
            else:
                self._done = indexed(self._store, self._position)
            self._connection = self._store.engine.connect()
        return self._connection

    def depth(self, registry: str, account: str, unit: str, since: datetime) -> Depth:
        """The holding at ``since`` and the lowest available from then on."""
        at = to_micros(since)
        held = available = 0
        later: dict[int, int] = {}
        changes: list[tuple[int, int, int]] = [
            (row[6], *_change(row[5], row[7])) for row in self._pending_of(registry, account, unit)
        ]
        if self._position:
            connection = self._connected()
            values = {
                "registry": registry, "account": account, "unit": unit, "at": at,
                "done": self._done, "upto": self._position,
            }  # fmt: skip
            found: Any = connection.execute(_DEPTH, values)
            changes.extend((int(t), int(f), int(h)) for t, f, h in found if f is not None)
        for when, free, all_ in changes:
            if when > at:
                later[when] = later.get(when, 0) + free
            else:
                available += free
                held += all_
        lowest = running = available
        for when in sorted(later):
            running += later[when]
            lowest = min(lowest, running)
        return Depth(held, available, lowest)

    def reserved(self, registry: str, account: str, unit: str, at: datetime) -> dict[str, int]:
        """Tonnes by bucket (held, pending, frozen …) at an instant."""
        limit, sums = to_micros(at), dict[str, int]()
        for row in self._pending_of(registry, account, unit):
            if row[6] <= limit:
                sums[row[5]] = sums.get(row[5], 0) + row[7]
        if not self._position:
            return sums
        connection = self._connected()
        for columns, low, high in (
            (postings_by_account.c, 0, self._done),
            (postings.c, self._done, self._position),
        ):
            query = (
                select(columns.bucket, func.sum(columns.quantity))
                .where(
                    columns.account == account, columns.registry == registry,
                    columns.unit == unit, columns.effective_at <= limit,
                    columns.position > low, columns.position <= high,
                )
                .group_by(columns.bucket)
            )  # fmt: skip
            for bucket, quantity in connection.execute(query):
                sums[bucket] = sums.get(bucket, 0) + int(quantity)
        return sums

    def moved_after(self, registry: str, account: str, at: datetime) -> bool:
        """Whether any posting of the account takes effect after an instant."""
        limit = to_micros(at)
        if any(row[2:4] == (registry, account) and row[6] > limit for row in self._rows):
            return True
        if not self._position:
            return False
        connection = self._connected()
        for columns, low, high in (
            (postings_by_account.c, 0, self._done),
            (postings.c, self._done, self._position),
        ):
            query = select(columns.position).where(
                columns.account == account,
                columns.registry == registry,
                columns.effective_at > limit,
                columns.position > low,
                columns.position <= high,
            )
            if connection.execute(query.limit(1)).first():
                return True
        return False

    def recorded(self, command_id: str) -> list[Recorded]:
        """The events of an earlier command or batch, in the database or in this write."""
        pending = [
            one
            for one in (Logged(e.record, e.record.data, e.hash) for e in self._pending)
            if command_id in (one.command.id, one.record.batch)
        ]
        return [
            Recorded(one.record, one.event, one.command.id)
            for one in pending or self._recorded(command_id)
        ]
