"""Verification: re-walks everything and reports all that is wrong, as values.

The chain: every row's bytes against its hash, every hash against the next row, the columns
against the record, positions without gaps, recorded times that never decrease. The whole:
also every event decoded and applied again (conservation, asserted balances), the postings
and command ids against the log, the index by account, the snapshots, and a head kept
elsewhere. What it cannot see without such a head is a log cut at its end.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Table, select

from etsledger.domain.assertions import BalanceAsserted
from etsledger.domain.catalogue import apply
from etsledger.domain.events import ISSUANCE
from etsledger.domain.state import Scribe, State
from etsledger.domain.times import to_micros
from etsledger.ledger import snapshots
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.heads import Head
from etsledger.ledger.merkle import Frontier
from etsledger.ledger.postings import INDEX, Movement, movements, rows_of_logged
from etsledger.ledger.record import GENESIS, Logged, Row, read, read_seal, split
from etsledger.ledger.store import FETCH, Store
from etsledger.ledger.tables import commands, postings, postings_by_account
from etsledger.ledger.tables import snapshots as snapshot_table

MOST: Final = 1_000
"""Findings after which a check that repeats itself is cut short (the count goes on)."""
_ZERO: Final = "0" * 64
Progress = Callable[[int], None]


class Finding(NamedTuple):
    """One thing that is wrong: which check, where, and what was expected and found."""

    check: str
    position: int | None
    message: str


class Report(NamedTuple):
    """What verification found; ``ok`` when nothing."""

    ok: bool
    events: int
    head: Head
    findings: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """``{"ok", "events", "head", "findings"}``"""
        return {
            "ok": self.ok,
            "events": self.events,
            "head": self.head.as_dict(),
            "findings": [finding._asdict() for finding in self.findings],
        }


class _Walk:
    """One pass over the log with everything that is checked on the way."""

    def __init__(self, store: Store, kept: Head | None, *, whole: bool) -> None:
        self.store = store
        self.kept = kept
        self.whole = whole
        self.findings: list[Finding] = []
        self.events = 0
        self.position = 0
        self.hash = GENESIS
        self.recorded: datetime | None = None
        self.sequences: dict[str, int] = {}
        self.frontier = Frontier()
        self.need_root = whole or (kept is not None and kept.root is not None)
        self.kept_seen: Head | None = Head(0, GENESIS, Frontier().root()) if (
            kept is not None and kept.position == 0
        ) else None  # fmt: skip
        self.scribe: Scribe | None = Scribe(State())
        self.commands: dict[str, tuple[int, int]] = {}

    def find(self, check: str, position: int | None, message: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(check, position, message))

    def chain(self, row: Row) -> bool:
        """Checks one row's seal and place; False when it cannot be read at all."""
        position = row.position
        self.events += 1
        if position != self.position + 1:
            self.find(
                "gap", position,
                f"position {position} follows {self.position}: "
                f"{position - self.position - 1} missing",
            )  # fmt: skip
        self.position = position
        try:
            digest, body = split(row.state)
            columns = read_seal(body)
        except (LedgerError, msgspec.MsgspecError, TypeError, AttributeError, ValueError):
            self.find("hash", position, "the record cannot be read: its bytes were changed")
            self.hash = _ZERO
            return False
        actual = hashlib.sha256(body).hexdigest()
        if actual != digest:
            self.find("hash", position, f"the record hashes to {actual}, the row says {digest}")
        if columns.prev != self.hash:
            self.find("chain", position, f"prev is {columns.prev}, the row before has {self.hash}")
        self.hash = digest
        if self.need_root:
            try:
                self.frontier.append(bytes.fromhex(digest))
            except ValueError:
                self.frontier.append(bytes.fromhex(actual))
        stored = (row.position, row.registry, row.sequence, row.type)
        sealed = (columns.position, columns.registry, columns.sequence, columns.type)
        if stored != sealed:
            self.find("columns", position, f"the columns say {stored}, the record says {sealed}")
        expected = self.sequences.get(columns.registry, 0) + 1
        if columns.sequence != expected:
            self.find(
                "order", position,
                f"{columns.registry} event {columns.sequence} where {expected} is due",
            )  # fmt: skip
        self.sequences[columns.registry] = columns.sequence
        if self.recorded is not None and columns.recorded_at < self.recorded:
            self.find(
                "order", position,
                f"recorded_at {columns.recorded_at} is before the row before ({self.recorded})",
            )  # fmt: skip
        self.recorded = columns.recorded_at
        if self.kept is not None and position == self.kept.position:
            self.kept_seen = Head(
                position, digest, self.frontier.root() if self.need_root else None
            )
        return True

    def replay(self, row: Row) -> Logged | None:
        """Decodes the event and applies it to the rebuilt state."""
        try:
            logged = read(row.type, row.state)
        except (LedgerError, TypeError, AttributeError) as error:
            self.find("event", row.position, f"{error}; the state is not checked from here on")
            self.scribe = None
            return None
        if self.scribe is not None:
            try:
                apply(self.scribe, logged.event, logged.fact)
            except (KeyError, AttributeError, TypeError, IndexError) as error:
                self.find(
                    "event", row.position,
                    f"the event does not fit the events before it ({error!r}); "
                    "the state is not checked from here on",
                )  # fmt: skip
                self.scribe = None
        self.conservation(logged)
        self.assertion(logged)
        return logged

    def conservation(self, logged: Logged) -> None:
        sums: dict[str, int] = {}
        for account, unit, bucket, quantity in logged.event.postings():
            if bucket == "held":
                sums[unit] = sums.get(unit, 0) + quantity
                if self.scribe is not None and account != ISSUANCE and quantity < 0:
                    registry = self.scribe.state.registries[logged.record.registry]
                    held = registry.holding(account, unit).held
                    if held < 0:
                        self.find(
                            "conservation", logged.record.position,
                            f"{account} is left with {held} t of {unit}",
                        )  # fmt: skip
        for unit, total in sums.items():
            if total:
                self.find(
                    "conservation", logged.record.position,
                    f"the postings of {unit} sum to {total}, not to zero",
                )  # fmt: skip

    def assertion(self, logged: Logged) -> None:
        event = logged.event
        if not isinstance(event, BalanceAsserted):
            return
        record = logged.record
        at = to_micros(record.effective_at)
        rows = [
            move
            for move in movements(self.store, self.store.head_position(), event.account)
            if (move.registry, move.unit, move.bucket) == (record.registry, event.unit, "held")
            and move.effective_at <= at
        ]
        then = sum(move.quantity for move in rows if move.position < record.position)
        now = sum(move.quantity for move in rows)
        if then != event.quantity:
            self.find(
                "assertion", record.position,
                f"{event.account} held {then} t of {event.unit} as known then, "
                f"{event.quantity} asserted",
            )  # fmt: skip
        elif now != event.quantity:
            later = [move for move in rows if move.position > record.position]
            self.find(
                "restated", record.position,
                f"{event.account} was asserted to hold {event.quantity} t of {event.unit}; later "
                f"facts make it {now} ({_positions(later)})",
            )  # fmt: skip

    def finish(self) -> Report:
        kept = self.kept
        if kept is not None:
            seen = self.kept_seen
            if seen is None:
                self.find(
                    "head", kept.position,
                    f"the kept head is at position {kept.position}, the log ends at "
                    f"{self.position}: its tail is missing",
                )  # fmt: skip
            elif seen.hash != kept.hash or (kept.root and seen.root and kept.root != seen.root):
                self.find(
                    "head", kept.position,
                    f"the log has {seen.hash} at position {kept.position}, the kept head has "
                    f"{kept.hash}: the history before it was rewritten",
                )  # fmt: skip
        root = self.frontier.root() if self.need_root else None
        return Report(not self.findings, self.events, Head(self.position, self.hash, root),
                      self.findings)  # fmt: skip


def _positions(moves: list[Movement]) -> str:
    return "positions " + ", ".join(str(move.position) for move in moves[:5])


def verify(
    store: Store,
    *,
    head: Head | None = None,
    chain_only: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Walks the log and reports all that is wrong.

    ``head`` is one kept elsewhere; ``chain_only`` leaves out everything but the chain;
    ``progress`` is called with the position reached.
    """
    walk = _Walk(store, head, whole=not chain_only)
    for name in store.missing_guards():
        walk.find("guard", None, f"the database's guard {name} is missing: rows can be changed")
    if chain_only:
        for row in store.rows():
            walk.chain(row)
            if progress and walk.events % FETCH == 0:
                progress(walk.events)
        return walk.finish()
    upto = store.head_position()
    derived = _Derived(walk, upto)
    kept_snapshots = _snapshots(store)
    for row in store.rows(0, upto):
        readable = walk.chain(row)
        logged = walk.replay(row) if readable else None
        derived.check(row, logged)
        if row.position in kept_snapshots and walk.scribe is not None:
            _check_snapshot(walk, row, kept_snapshots[row.position])
        if progress and walk.events % FETCH == 0:
            progress(walk.events)
    derived.finish()
    return walk.finish()


class _Derived:
    """The postings, the command ids and the index against the log, row by row."""

    def __init__(self, walk: _Walk, upto: int) -> None:
        self._walk = walk
        self._store = walk.store
        self._upto = upto
        self._rows = _stream(self._store, postings, upto)
        self._next = next(self._rows, None)
        self._indexed, _ = self._store.cursor(INDEX)
        self._checksum = 0
        self._ids = _stream(self._store, commands, None)
        self._command_sum = 0
        self._command_count = 0
        self._open: tuple[str, int, int] | None = None
        self._batch: tuple[str, int, int] | None = None

    def check(self, row: Row, logged: Logged | None) -> None:
        stored: list[tuple[Any, ...]] = []
        while self._next is not None and self._next[0] <= row.position:
            stored.append(tuple(self._next))
            self._next = next(self._rows, None)
        if logged is None:
            return
        record = logged.record
        expected = rows_of_logged(logged)
        if stored != expected:
            self._walk.find(
                "postings", row.position,
                f"the postings table has {_short(stored)}, the event makes {_short(expected)}; "
                "'etsledger rebuild' makes it again from the log",
            )  # fmt: skip
        if row.position <= self._indexed:
            for entry in expected:
                self._checksum += hash(_index_key(entry))
        self._command(logged.command.id, record.batch, row.position)

    def _command(self, command_id: str, batch: str | None, position: int) -> None:
        self._open = self._follow(self._open, command_id, position)
        self._batch = self._follow(self._batch, batch, position)

    def _follow(
        self, current: tuple[str, int, int] | None, name: str | None, position: int
    ) -> tuple[str, int, int] | None:
        if current is not None and current[0] == name:
            return (current[0], current[1], position)
        if current is not None:
            self._command_sum += hash(current)
            self._command_count += 1
        return None if name is None else (name, position, position)

    def finish(self) -> None:
        walk = self._walk
        while self._next is not None:
            walk.find("postings", self._next[0], "a posting belongs to no event of the log")
            self._next = next(self._rows, None)
        self._command("", None, 0)
        stored_sum = stored_count = 0
        for found in self._ids:
            if found[1] <= self._upto:
                stored_sum += hash(tuple(found))
                stored_count += 1
        if (stored_sum, stored_count) != (self._command_sum, self._command_count):
            walk.find(
                "commands", None,
                f"the table of command ids ({stored_count}) is not what the log makes it "
                f"({self._command_count}); 'etsledger rebuild' makes it again from the log",
            )  # fmt: skip
        if self._indexed > self._upto:
            walk.find("index", self._indexed, "the index by account is ahead of the log")
            return
        checksum = sum(
            hash(tuple(found)) for found in _stream(self._store, postings_by_account, self._indexed)
        )
        if checksum != self._checksum:
            walk.find(
                "index", None,
                "the index by account is not what the log makes it; "
                "'etsledger rebuild' makes it again from the log",
            )  # fmt: skip


def _index_key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    position, leg, registry, account, unit, bucket, at, quantity = row
    return (account, registry, unit, bucket, at, position, leg, quantity)


def _short(rows: list[Any]) -> str:
    return repr([(row[3], row[4], row[7]) for row in rows[:4]])


def _stream(store: Store, table: Table, upto: int | None) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(column.name for column in table.columns)
    query = f"SELECT {columns} FROM {table.name}"
    if upto is not None:
        query += f" WHERE position <= {upto}"
    if table is postings:
        query += " ORDER BY position, leg"
    return store.scan(query)


def _snapshots(store: Store) -> dict[int, Any]:
    with store.engine.connect() as connection:
        return {row.position: row for row in connection.execute(select(snapshot_table))}


def _check_snapshot(walk: _Walk, row: Row, snapshot: Any) -> None:
    if snapshot.code_schema != snapshots.code_schema() or walk.scribe is None:
        return
    rebuilt = snapshots.state_bytes(walk.scribe.state)
    if snapshot.head != walk.hash or bytes(snapshot.body) != rebuilt:
        walk.find("snapshot", row.position, "the snapshot is not what the log makes it")
