"""The rows of our store written by ``sqlite3`` alone: what the hardware and SQLite allow.

The rows are ready made, from a run of ours. They go into the same tables with the same
index, triggers and pragmas, and a SHA-256 is taken over each record.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from etsledger.ledger.sqlite_recorder import PRAGMAS

RECORD = slice(84, -1)
"""Where the record's bytes stand in a row: after ``{"hash":"…64…","record":``."""
_EVENT = (
    "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) "
    "VALUES (?,?,?,?,?)"
)
_COMMAND = "INSERT INTO ledger_commands VALUES (?,?,?)"
_POSTING = "INSERT INTO ledger_postings VALUES (?,?,?,?,?,?,?,?)"


class Rows(NamedTuple):
    """What one write put into the store."""

    events: list[tuple[Any, ...]]
    commands: list[tuple[Any, ...]]
    postings: list[tuple[Any, ...]]


class Raw:
    """A copy of a store, written without us."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            self.connection.execute(pragma)

    def write(self, writes: Sequence[Rows]) -> None:
        """A transaction for each write, with the hash of every record."""
        for rows in writes:
            cursor = self.connection.cursor()
            for event in rows.events:
                hashlib.sha256(event[4][RECORD]).hexdigest()
            cursor.execute("BEGIN")
            if len(rows.events) == 1:
                cursor.execute(_EVENT, rows.events[0])
                cursor.execute(_COMMAND, rows.commands[0])
            else:
                cursor.executemany(_EVENT, rows.events)
                cursor.executemany(_COMMAND, rows.commands)
            cursor.executemany(_POSTING, rows.postings)
            cursor.execute("COMMIT")

    def head(self) -> int:
        """The last position written."""
        return self.connection.execute("SELECT max(rowid) FROM stored_events").fetchone()[0]


def recorded(path: Path, after: int, sizes: Sequence[int]) -> Iterator[Rows]:
    """The rows that a run of ours wrote after a position, in writes of some sizes.

    Raises RuntimeError when the records do not stand where ``RECORD`` says.
    """
    with closing(sqlite3.connect(path)) as connection:
        for size in sizes:
            bounds = (after, after + size)
            rows = Rows(
                connection.execute(
                    "SELECT rowid, originator_id, originator_version, topic, state "
                    "FROM stored_events WHERE rowid > ? AND rowid <= ? ORDER BY rowid", bounds,
                ).fetchall(),
                connection.execute(
                    "SELECT * FROM ledger_commands WHERE first_position > ? "
                    "AND first_position <= ? ORDER BY first_position", bounds,
                ).fetchall(),
                connection.execute(
                    "SELECT * FROM ledger_postings WHERE position > ? AND position <= ? "
                    "ORDER BY position, leg", bounds,
                ).fetchall(),
            )  # fmt: skip
            check_place(rows.events[0][4])
            yield rows
            after += size


def check_place(state: bytes) -> None:
    """Raises RuntimeError unless the record of a row stands where ``RECORD`` says."""
    if hashlib.sha256(state[RECORD]).hexdigest().encode() not in state[: RECORD.start]:
        raise RuntimeError("a record no longer stands where the bare loops look for it")
