"""The eventsourcing library's PostgreSQL recorder, with positions, ids and postings."""

import random
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
)
from psycopg import Cursor
from psycopg.rows import DictRow
from psycopg.sql import SQL
from sqlalchemy import URL
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from etsledger.ledger.tables import metadata, personal_names

WRITER_LOCK: Final = 0x6574736C65646772
"""The advisory lock key of a ledger: its name in ASCII."""

GUARDS: Final = {
    "etsledger_no_change": "BEFORE UPDATE OR DELETE ON stored_events FOR EACH ROW",
    "etsledger_no_truncate": "BEFORE TRUNCATE ON stored_events FOR EACH STATEMENT",
}
GUARD_BODY: Final = " BEGIN RAISE EXCEPTION 'the log is append-only'; END "
_GUARD_FUNCTION: Final = (
    "CREATE OR REPLACE FUNCTION etsledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$${GUARD_BODY}$$"
)
_CREATE_EVENTS: Final = """
CREATE TABLE stored_events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
)
"""
_COVERING_KEY: Final = """
ALTER TABLE ledger_postings_by_account
    DROP CONSTRAINT ledger_postings_by_account_pkey,
    ADD PRIMARY KEY (account, registry, unit, bucket, effective_at, position, leg)
        INCLUDE (quantity)
"""
_INSERT_EVENT: Final = (
    "INSERT INTO stored_events "
    "(notification_id, originator_id, originator_version, topic, state) VALUES (%s,%s,%s,%s,%s)"
)
_INSERT_COMMAND: Final = "INSERT INTO ledger_commands VALUES (%s,%s,%s)"
_INSERT_NAME: Final = "INSERT INTO ledger_personal_names VALUES (%s,%s,%s,%s)"
_CREATE_NAMES: Final = str(CreateTable(personal_names).compile(dialect=postgresql.dialect()))
_INSERT_POSTING: Final = "INSERT INTO ledger_postings VALUES (%s,%s,%s,%s,%s,%s,%s,%s)"
_NAPS: Final = 15
_NAP: Final = 0.01
"""Looks at a taken lock before joining the queue for it, and the shortest wait between two."""
_COPY: Final = 50
"""From so many rows on, COPY beats statements."""


_event_row: Final = attrgetter(
    "record.position", "originator_id", "originator_version", "topic", "state"
)


def _lock(cursor: Cursor[DictRow], timeout: float) -> None:
    # Passing the lock on costs as much as a write. So whoever finds it taken first looks
    # again a few times, while the holder may write on, and only then joins the queue.
    for nap in range(_NAPS):
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s) AS taken", (WRITER_LOCK,))
        found = cursor.fetchone()
        if found is not None and found["taken"]:
            return
        time.sleep(random.uniform(0.5, 1.5) * min(nap + 1, 4) * _NAP)
    cursor.execute(
        "SELECT set_config('lock_timeout', %s, true), pg_advisory_xact_lock(%s)",
        (f"{int(timeout * 1000)}ms", WRITER_LOCK),
    )


class PostgresRecorder(PostgresApplicationRecorder):
    """Writes events at the positions we assign, inside the transaction of ``writing``.

    The library locks the table and draws positions from a sequence, which leaves gaps after
    a conflict; an advisory lock held to the end of the transaction orders our writers, and
    the unique index on the position is the safety net.
    """

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self._cursor: Cursor[DictRow] | None = None

    def create_store(self, meta: dict[str, str]) -> bool:
        """Creates everything in one transaction; False when another process was first."""
        dialect = postgresql.dialect()
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER_LOCK,))
            cursor.execute("SELECT to_regclass('ledger_meta') AS there")
            found = cursor.fetchone()
            if found and found["there"]:
                return False
            cursor.execute(_CREATE_EVENTS)
            cursor.execute(
                "CREATE UNIQUE INDEX stored_events_notification_id_idx "
                "ON stored_events (notification_id)"
            )
            cursor.execute(_GUARD_FUNCTION)
            for name, when in GUARDS.items():
                statement = f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION etsledger_append_only()"
                cursor.execute(SQL(statement))  # pyright: ignore[reportArgumentType]
            for table in metadata.sorted_tables:
                statement = str(CreateTable(table).compile(dialect=dialect))
                cursor.execute(SQL(statement))  # pyright: ignore[reportArgumentType]
            cursor.execute(_COVERING_KEY)
            cursor.executemany("INSERT INTO ledger_meta VALUES (%s,%s)", list(meta.items()))
        return True

    @contextmanager
    def writing(self, timeout: float) -> Generator[None]:
        """One transaction that holds the writer lock to its end."""
        with self.datastore.transaction(commit=True) as cursor:
            _lock(cursor, timeout)
            self._cursor = cursor
            try:
                yield
            finally:
                self._cursor = None

    def restate(self, said: Mapping[str, str | None]) -> None:
        """Changes what the store says of itself, inside ``writing``; None takes a member out."""
        for key, value in said.items():
            self.cursor.execute("DELETE FROM ledger_meta WHERE key = %s", (key,))
            if value is not None:
                self.cursor.execute("INSERT INTO ledger_meta VALUES (%s,%s)", (key, value))

    @property
    def cursor(self) -> Cursor[DictRow]:
        """The cursor of the write in progress; there is one at a time."""
        assert self._cursor is not None
        return self._cursor

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Everything of one write, on the transaction that holds the writer lock."""
        events = list(map(_event_row, stored_events))
        columns = "notification_id, originator_id, originator_version, topic, state"
        self._insert(_INSERT_EVENT, f"stored_events ({columns})", events)
        self._insert(_INSERT_COMMAND, "ledger_commands", kwargs["commands"])
        self._insert(_INSERT_POSTING, "ledger_postings", kwargs["postings"])
        if names := kwargs["names"]:
            self._have_names()
            self._insert(_INSERT_NAME, "ledger_personal_names", names)
        return None

    def _have_names(self) -> None:
        # Asked first: "IF NOT EXISTS" wants the right to create even where nothing is to be made.
        self.cursor.execute("SELECT to_regclass('ledger_personal_names') AS there")
        found = self.cursor.fetchone()
        if found is None or found["there"] is None:
            self.cursor.execute(SQL(_CREATE_NAMES))  # pyright: ignore[reportArgumentType]

    def _insert(self, statement: str, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if len(rows) < _COPY:
            if rows:
                self.cursor.executemany(SQL(statement), rows)  # pyright: ignore[reportArgumentType]
            return
        copy_in = SQL(f"COPY {table} FROM STDIN")  # pyright: ignore[reportArgumentType]
        with self.cursor.copy(copy_in) as copy:
            for row in rows:
                copy.write_row(row)


class LedgerPostgresFactory(PostgresFactory):
    """Builds the recorder over a database URL."""

    application_recorder_class = PostgresRecorder

    def __init__(self, url: URL) -> None:
        query = {key: v if isinstance(v, str) else v[0] for key, v in url.query.items()}
        host = url.host or query.get("host") or "localhost"
        settings = {
            "POSTGRES_DBNAME": url.database or "postgres",
            "POSTGRES_HOST": host,
            "POSTGRES_PORT": str(url.port or query.get("port") or 5432),
            "POSTGRES_USER": url.username or "postgres",
            "POSTGRES_PASSWORD": url.password or "",
            "POSTGRES_CONNECT_TIMEOUT": "10",
            "POSTGRES_POOL_SIZE": "1",
            "POSTGRES_MAX_OVERFLOW": "7",
            "POSTGRES_PRE_PING": "y",  # a restarted server costs no write
            "ORIGINATOR_ID_TYPE": "text",
            "CREATE_TABLE": "n",
        }
        super().__init__(settings)
