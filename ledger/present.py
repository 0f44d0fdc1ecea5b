"""The present: the state of all registries, kept in memory and caught up with the log."""

from datetime import datetime

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.ledger import snapshots
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.record import GENESIS, Row, hash_of, read
from etsledger.ledger.store import Store


class Present:
    """The state at the head of the log, as far as it has been read.

    Loaded from the latest good snapshot and the rows after it; then only what is new is
    read. Never copied.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.scribe: Scribe | None = None
        self.head = GENESIS
        """The hash of the last event applied."""
        self.last_recorded: datetime | None = None
        self._snapshot_at = 0

    def forget(self) -> None:
        """Drops the state: the next use reads it from the store again."""
        self.scribe = None
        self.head = GENESIS
        self.last_recorded = None

    def load(self) -> Scribe:
        """The state as a reader finds it, without the writer lock."""
        self.forget()
        snapshot = snapshots.load(self._store)
        scribe = Scribe(snapshot.state if snapshot else State())
        self._snapshot_at = scribe.state.position
        if snapshot:
            self.head = snapshot.head
            row = self._store.row(scribe.state.position)
            self.last_recorded = read(row.type, row.state).record.recorded_at if row else None
        for row in self._store.rows(scribe.state.position):
            self._follow(scribe, row)
        self.scribe = scribe
        return scribe

    def catch_up(self) -> Scribe:
        """The state at the head of the log, inside a write. Raises StoreDamaged."""
        scribe = self.scribe if self.scribe is not None else self.load()
        position = scribe.state.position
        rows = self._store.tail(max(position, 1))
        if position:
            if not rows or rows[0].position != position or hash_of(rows[0].state) != self.head:
                head = self.head
                self.forget()
                raise StoreDamaged(
                    f"the log no longer holds position {position} with hash {head}: it was cut, "
                    "exchanged or rewritten; run 'etsledger verify'"
                )
            rows = rows[1:]
        for row in rows:
            self._follow(scribe, row)
        return scribe

    def _follow(self, scribe: Scribe, row: Row) -> None:
        logged = read(row.type, row.state)
        if row.position != scribe.state.position + 1 or logged.record.prev != self.head:
            self.forget()
            raise StoreDamaged(
                f"the log does not continue at position {row.position}; run 'etsledger verify'"
            )
        apply(scribe, logged.event, logged.fact)
        self.head, self.last_recorded = logged.hash, logged.record.recorded_at

    def moved_on(self, head: str, recorded: datetime) -> None:
        """A write was committed: its events are part of the present."""
        self.head, self.last_recorded = head, recorded

    def keep_snapshot(self) -> None:
        """Keeps a snapshot when enough events have passed since the last one."""
        scribe = self.scribe
        if scribe is None or scribe.state.position - self._snapshot_at < snapshots.EVERY:
            return
        self._snapshot_at = scribe.state.position
        with self._store.try_writing() as free:
            if free:
                snapshots.save(self._store, scribe.state, self.head)
