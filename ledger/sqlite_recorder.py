"""The eventsourcing library's SQLite recorder, with positions, command ids and postings."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from eventsourcing.persistence import InterfaceError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from etsledger.ledger.tables import metadata, personal_names

PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    # FULL: an answered write survives a power cut. The library leaves it to the build.
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-65536",
    # Checkpoint every 32 MiB of log instead of 4: fewer fsyncs of the main file.
    "PRAGMA wal_autocheckpoint=8192",
)

_GUARD: Final = "the log is append-only"
GUARDS: Final = {
    "etsledger_no_update": (
        "CREATE TRIGGER IF NOT EXISTS etsledger_no_update BEFORE UPDATE ON stored_events "
        f"BEGIN SELECT RAISE(ABORT, '{_GUARD}'); END"
    ),
    "etsledger_no_delete": (
        "CREATE TRIGGER IF NOT EXISTS etsledger_no_delete BEFORE DELETE ON stored_events "
        f"BEGIN SELECT RAISE(ABORT, '{_GUARD}'); END"
    ),
    # The second condition stops INSERT OR REPLACE, which fires no delete trigger.
    "etsledger_no_gap": (
        "CREATE TRIGGER IF NOT EXISTS etsledger_no_gap BEFORE INSERT ON stored_events "
        "WHEN NEW.rowid IS NOT (SELECT COALESCE(MAX(rowid), 0) + 1 FROM stored_events) "
        "OR EXISTS (SELECT 1 FROM stored_events WHERE originator_id = NEW.originator_id "
        "AND originator_version = NEW.originator_version) "
        "BEGIN SELECT RAISE(ABORT, 'the next position of the log is taken or skipped'); END"
    ),
}
"""Name to statement of the triggers that keep the log append-only; verify looks for them."""

_EVENTS: Final = "stored_events (rowid, originator_id, originator_version, topic, state)"
_BLOCK: Final = 1_000
"""Rows of one INSERT in a large write: a third faster than a statement for each."""


_CREATE_NAMES: Final = str(
    CreateTable(personal_names, if_not_exists=True).compile(dialect=sqlite.dialect())
)
_event_row: Final = attrgetter(
    "record.position", "originator_id", "originator_version", "topic", "state"
)


@cache
def _insert(table: str, columns: int, rows: int) -> str:
    one = f"({','.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {','.join([one] * rows)}"


def _insert_rows(
    cursor: SQLiteCursor, table: str, columns: int, rows: Sequence[tuple[Any, ...]]
) -> None:
    whole = len(rows) - len(rows) % _BLOCK
    for i in range(0, whole, _BLOCK):
        block = list(chain.from_iterable(rows[i : i + _BLOCK]))
        cursor.execute(_insert(table, columns, _BLOCK), block)
    if len(rows) == 1:
        cursor.execute(_insert(table, columns, 1), rows[0])
    elif whole < len(rows):
        cursor.executemany(_insert(table, columns, 1), rows[whole:])


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        # The library's own connections keep one prepared statement; a write uses six.
        try:
            connection = sqlite3.connect(
                self.db_name,
                check_same_thread=False,
                isolation_level=None,
                timeout=self.lock_timeout or 5,
            )
            for pragma in PRAGMAS:
                connection.execute(pragma)
        except sqlite3.Error as error:
            raise InterfaceError(error) from error
        return SQLiteConnection(connection, self.max_age)


class _Datastore(SQLiteDatastore):
    def __init__(self, path: str, lock_timeout: int) -> None:
        super().__init__(db_name=path, lock_timeout=lock_timeout, originator_id_type="text")
        self.pool = _Pool(db_name=path, lock_timeout=lock_timeout, pool_size=1)


class SqliteRecorder(SQLiteApplicationRecorder):
    """Writes events at the positions we assign, and all that belongs to them, at once."""

    def __init__(self, datastore: SQLiteDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self._held: SQLiteConnection | None = None
        self.reached = 0
        """The last position that this process has committed."""

    def construct_create_table_statements(self) -> list[str]:
        """The library's table, ours, and the triggers; run in one transaction."""
        dialect = sqlite.dialect()
        tables = [
            str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))
            for table in metadata.sorted_tables
        ]
        return [*super().construct_create_table_statements(), *tables, *GUARDS.values()]

    def create_store(self, meta: dict[str, str]) -> None:
        """Creates everything and states what it is, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._create_table(cursor)
            cursor.executemany("INSERT INTO ledger_meta VALUES (?,?)", list(meta.items()))

    @contextmanager
    def writing(self) -> Generator[None]:
        """Keeps one connection for all that a write reads and writes."""
        with self.datastore.get_connection(commit=True) as connection:
            self._held = connection
            try:
                yield
            finally:
                self._held = None

    @property
    def connection(self) -> SQLiteConnection:
        """The connection of the write in progress; there is one at a time."""
        assert self._held is not None
        return self._held

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Everything of one write in one transaction on the write's connection."""
        with self.connection.transaction(commit=True) as cursor, cursor:
            numbers = self._insert_events(cursor, stored_events, **kwargs)
        self.reached = _event_row(stored_events[-1])[0]
        return numbers

    def restate(self, said: Mapping[str, str | None]) -> None:
        """Changes what the store says of itself, inside ``writing``; None takes a member out."""
        with self.connection.transaction(commit=True) as cursor, cursor:
            for key, value in said.items():
                cursor.execute("DELETE FROM ledger_meta WHERE key = ?", (key,))
                if value is not None:
                    cursor.execute("INSERT INTO ledger_meta VALUES (?,?)", (key, value))

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        _insert_rows(c, _EVENTS, 5, list(map(_event_row, stored_events)))
        _insert_rows(c, "ledger_commands", 3, kwargs["commands"])
        _insert_rows(c, "ledger_postings", 8, kwargs["postings"])
        if names := kwargs["names"]:
            c.execute(_CREATE_NAMES)
            _insert_rows(c, "ledger_personal_names", 4, names)
        return None


class SqliteFactory(SQLiteFactory):
    """Builds the recorder over a database file with our pragmas."""

    application_recorder_class = SqliteRecorder

    def __init__(self, path: str, lock_timeout: int) -> None:
        super().__init__({"SQLITE_DBNAME": path, "CREATE_TABLE": "n", "ORIGINATOR_ID_TYPE": "text"})
        self.datastore.close()
        self.datastore = _Datastore(path, lock_timeout)


def connect_for_reading(path: str, *, immutable: bool) -> sqlite3.Connection:
    """A connection that never writes; ``immutable`` reads media that allow no lock at all."""
    mode = "?mode=ro&immutable=1" if immutable else "?mode=ro"
    return sqlite3.connect(
        f"file:{_quote(path)}{mode}", uri=True, check_same_thread=False, timeout=30
    )


def _quote(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
