"""The tables made from the log, checked against it: postings, command ids, index, snapshots.

Each is read once beside the log. The postings come in the log's order and are compared row
by row; the command ids and the index come in another order and are compared by an
order-free checksum, and only when that differs is the place looked for.
"""

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.events import Posting
from etsledger.domain.state import Scribe
from etsledger.ledger import snapshots
from etsledger.ledger.differences import CommandRow, misplaced_commands, misplaced_index_rows
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.merkle import Frontier, Node
from etsledger.ledger.names import doubted_names
from etsledger.ledger.postings import INDEX, rows_of
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import commands, merkle_nodes, postings, postings_by_account
from etsledger.ledger.tables import snapshots as snapshot_table
from etsledger.ledger.tree import TREE

Find = Callable[[str, int | None, str], None]
"""Notes a finding: its check, its position, its message."""
REMEDY: Final = "; 'etsledger rebuild' makes it again from the log"
_POSTINGS: Final = ", ".join(column.name for column in postings.columns)
_NODES: Final = "position, level, hash"
_COMMANDS: Final = ", ".join(column.name for column in commands.columns)


class Decoded(NamedTuple):
    """An event of the log with what its checks need of it."""

    logged: Logged
    command_id: str
    legs: tuple[Posting, ...]


class DerivedTables:
    """The tables of one store up to a position, against the events as they pass by."""

    def __init__(self, store: Store, upto: int, find: Find) -> None:
        self._store = store
        self._upto = upto
        self._find = find
        self._lost: set[str] = set()
        until = f"position <= {upto} ORDER BY position, leg"
        self._rows = chain.from_iterable(self._scan("postings", postings, _POSTINGS, until))
        self._next = next(self._rows, None)
        self._indexed = self._index_cursor()
        self._index_sum = 0
        self._command_sum = self._command_count = 0
        self._open: CommandRow | None = None
        self._batch: CommandRow | None = None
        self.snapshots = self._kept_snapshots()
        """By position."""
        self.frontier_at, self._frontier = self._kept_frontier()
        self._nodes = self._kept_nodes()

    def follow(self, position: int, decoded: Decoded | None) -> None:
        """The next event, or only its position when it cannot be read."""
        stored: list[tuple[Any, ...]] = []
        found = self._next
        while found is not None and found[0] <= position:
            stored.append(found)
            found = next(self._rows, None)
        self._next = found
        if decoded is None:
            # Nobody knows what it made: tables that are compared as a whole cannot be judged.
            self._lost |= {"commands", "index"}
            return
        record = decoded.logged.record
        expected = rows_of(decoded.legs, position, record.registry, record.effective_at)
        if stored != expected and "postings" not in self._lost:
            self._find(
                "postings", position,
                f"the postings table has {_short(stored)}, the event makes {_short(expected)}"
                + REMEDY,
            )  # fmt: skip
        if position <= self._indexed:
            self._index_sum += sum(map(hash, expected))
        own = decoded.command_id
        self._open = self._span(self._open, None if own == record.batch else own, position)
        if self._batch is not None or record.batch is not None:
            self._batch = self._span(self._batch, record.batch, position)

    def _span(self, current: CommandRow | None, name: str | None, at: int) -> CommandRow | None:
        if current is not None:
            if current[0] == name:
                return (current[0], current[1], at)
            self._command_sum += hash(current)
            self._command_count += 1
        return None if name is None else (name, at, at)

    def check_snapshot(self, position: int, head: str, scribe: Scribe | None) -> None:
        """The snapshot of a position beside the state rebuilt to there."""
        kept = self.snapshots[position]
        body_hash = self._body_hash(position)
        if "snapshot" in self._lost:
            return
        if body_hash is None and position not in self._kept_snapshots():
            return  # a writer has kept later ones since
        wrong = kept.head != head or kept.state_hash != body_hash
        if not wrong and scribe is not None and kept.code_schema == snapshots.code_schema():
            wrong = body_hash != snapshots.hash_of_state(scribe.state)
        if wrong:
            self._find("snapshot", position, "the snapshot is not what the log makes it" + REMEDY)

    def check_frontier(self, frontier: Frontier) -> None:
        """The kept Merkle frontier beside the one computed up to ``frontier_at``."""
        if frontier.to_bytes() != self._frontier:
            message = "the kept Merkle frontier is not what the log makes it" + REMEDY
            self._find("frontier", self.frontier_at, message)

    def check_nodes(self, grown: Sequence[Node]) -> None:
        """The kept Merkle nodes of a position beside those that the log makes there."""
        position = grown[0].position
        if position > self.frontier_at or "tree" in self._lost:
            return
        for node in grown:
            found = next(self._nodes, None)
            if found is None or (found[0], found[1], bytes(found[2])) != node:
                self._lost.add("tree")
                self._nodes.close()
                message = "the kept Merkle nodes are not what the log makes them" + REMEDY
                self._find("tree", position, message)
                return

    def finish(self) -> None:
        """After the last event: the tables in another order, and what no event made."""
        self._open = self._span(self._open, None, 0)
        self._batch = self._span(self._batch, None, 0)
        self._nodes.close()
        head = self._store.head_position()
        if self.frontier_at > head:
            self._find("frontier", self.frontier_at, "a Merkle frontier ahead of the log" + REMEDY)
        for position in self.snapshots:
            if not 0 < position <= head:
                self._find("snapshot", position, "a snapshot of a position that the log has not")
        self._check_commands()
        self._check_index()
        for position, message in doubted_names(self._store):
            self._find("name", position, message)
        self._none_beyond(head, "postings", postings, "position", "a posting belongs to no event")
        self._none_beyond(head, "commands", commands, "first_position", "an id of no event")
        if self._has_nodes():
            self._none_beyond(
                self._kept_frontier()[0], "tree", merkle_nodes, "position",
                "a Merkle node is ahead of the kept tree",
            )  # fmt: skip
        # Read after the index was: a merge in between moves its cursor on, never back.
        self._none_beyond(
            self._index_cursor(), "index", postings_by_account, "position",
            "a row of the index by account is ahead of the index",
        )  # fmt: skip

    def _check_commands(self) -> None:
        total = count = 0
        for chunk in self._scan("commands", commands, _COMMANDS, f"first_position <= {self._upto}"):
            total += sum(map(hash, chunk))
            count += len(chunk)
        same = (total, count) == (self._command_sum, self._command_count)
        if same or "commands" in self._lost:
            return
        self._find(
            "commands", None,
            f"the table of command ids ({count}) is not what the log makes it "
            f"({self._command_count})" + REMEDY,
        )  # fmt: skip
        for position, message in misplaced_commands(self._store, self._upto):
            self._find("commands", position, message)

    def _check_index(self) -> None:
        if self._indexed > self._upto:
            message = "the index by account is ahead of the log" + REMEDY
            self._find("index", self._indexed, message)
            return
        until = f"position <= {self._indexed}"
        rows = self._scan("index", postings_by_account, _POSTINGS, until)
        total = sum(sum(map(hash, chunk)) for chunk in rows)
        if total == self._index_sum or "index" in self._lost:
            return
        self._find("index", None, "the index by account is not what the log makes it" + REMEDY)
        for position, message in misplaced_index_rows(self._store, self._indexed):
            self._find("index", position, message)

    def _none_beyond(self, head: int, check: str, table: Table, column: str, message: str) -> None:
        for chunk in self._scan(check, table, column, f"{column} > {head} LIMIT 5"):
            for (found,) in chunk:
                self._find(check, found if isinstance(found, int) else None, message + REMEDY)

    # -- reading, whatever can be read -------------------------------------------------------

    def _scan(
        self, check: str, table: Table, columns: str, condition: str
    ) -> Generator[list[tuple[Any, ...]]]:
        if check in self._lost:
            return
        try:
            yield from self._store.scan(
                f"SELECT {columns} FROM {table.name} WHERE {condition}", once=True
            )
        except StoreDamaged as error:
            self._unreadable(check, error)

    def _index_cursor(self) -> int:
        try:
            return self._store.cursor(INDEX)[0]
        except SQLAlchemyError as error:
            self._unreadable("index", error.__cause__ or error)
            return 0

    def _kept_frontier(self) -> tuple[int, bytes | None]:
        try:
            return self._store.cursor(TREE)
        except SQLAlchemyError as error:
            self._unreadable("frontier", error.__cause__ or error)
            return 0, None

    def _has_nodes(self) -> bool:
        try:
            return inspect(self._store.engine).has_table(merkle_nodes.name)
        except SQLAlchemyError:
            return False

    def _kept_nodes(self) -> Generator[tuple[Any, ...]]:
        """In the order of the log; none in a store of which no tree was kept yet."""
        if self.frontier_at:
            until = f"position <= {self.frontier_at} ORDER BY position, level"
            with closing(self._scan("tree", merkle_nodes, _NODES, until)) as chunks:
                yield from chain.from_iterable(chunks)

    def _kept_snapshots(self) -> dict[int, Any]:
        """All but their bodies, which are as large as the state."""
        columns = [column for column in snapshot_table.columns if column.name != "body"]
        try:
            with self._store.engine.connect() as connection:
                return {row.position: row for row in connection.execute(select(*columns))}
        except SQLAlchemyError as error:
            self._unreadable("snapshot", error.__cause__ or error)
            return {}

    def _body_hash(self, position: int) -> str | None:
        """The SHA-256 of the body; None when there is none."""
        digest, size = hashlib.sha256(), 0
        try:
            for piece in self._store.snapshot_body(position):
                digest.update(piece)
                size += len(piece)
        except (SQLAlchemyError, StoreDamaged) as error:
            self._unreadable("snapshot", error.__cause__ or error)
            return None
        return digest.hexdigest() if size else None

    def _unreadable(self, check: str, error: BaseException) -> None:
        if check not in self._lost:
            self._lost.add(check)
            self._find(check, None, f"the table cannot be read: {error}" + REMEDY)


def _short(rows: list[Any]) -> str:
    return repr([(row[3], row[4], row[7]) for row in rows[:4]])
