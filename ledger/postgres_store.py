"""A store in a PostgreSQL database."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg.rows import tuple_row
from sqlalchemy import URL, Delete, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from etsledger.ledger import forks
from etsledger.ledger.clock import Clock
from etsledger.ledger.errors import (
    StoreAbsent,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreReadOnly,
)
from etsledger.ledger.log import RegistryLog
from etsledger.ledger.postgres_recorder import (
    GUARD_BODY,
    GUARDS,
    WRITER_LOCK,
    LedgerPostgresFactory,
    PostgresRecorder,
)
from etsledger.ledger.record import Row
from etsledger.ledger.store import FETCH, PIECE, Store, check_format, new_meta

_PART: Final = 16 * PIECE
_SELECT: Final = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
)
_FIND: Final = "SELECT id, first_position, last_position FROM ledger_commands WHERE id = ANY(%s)"
_HOLDER: Final = """
SELECT a.pid, a.application_name, a.client_addr::text, a.xact_start::text
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :high AND l.objid = :low
"""


class PostgresStore(Store):
    """A store for a service: many readers, writers in turn by an advisory lock."""

    commits_at_once = False
    _standing = text(
        "SELECT (SELECT MAX(notification_id) FROM stored_events), "
        "(SELECT position FROM ledger_cursors WHERE name = :name)"
    )

    def __init__(
        self, url: URL, clock: Clock, *, create: bool, read_only: bool, timeout: float
    ) -> None:
        self.url = url.render_as_string(hide_password=True)
        self._url = url
        self._timeout = timeout
        self._turn = forks.Turn()
        self._paused = False
        self.read_only = read_only
        self._connect_engine()
        try:
            there, tables = self._look()
            if not there and (read_only or not create):
                raise StoreAbsent(
                    f"there is no ledger at {self.url}; 'etsledger apply' or 'etsledger demo' "
                    "makes one"
                )
            if not there and tables:
                raise StoreForeign(
                    f"{self.url} holds other tables ({', '.join(tables[:5])}); "
                    "give the ledger a database of its own"
                )
            self._connect_log()
            if not there:
                self._recorder.create_store(new_meta(clock))
            check_format(self.meta(), self.url)
            forks.watch(self)
        except SQLAlchemyError as error:
            self.engine.dispose()
            raise StoreError(f"{self.url} cannot be opened: {_first_line(error)}") from error
        except PersistenceError as error:
            self.engine.dispose()
            raise StoreError(f"{self.url} cannot be opened: {_first_line(error)}") from error
        except BaseException:
            self.engine.dispose()
            raise

    def _connect_log(self) -> None:
        self.log = RegistryLog(LedgerPostgresFactory(self._url))

    def _connect_engine(self) -> None:
        self.engine = create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": 10, "application_name": "etsledger"},
            pool_pre_ping=True,
        )

    def _look(self) -> tuple[bool, list[str]]:
        with self.engine.connect() as connection:
            there = connection.execute(text("SELECT to_regclass('ledger_meta') IS NOT NULL"))
            is_there = bool(there.scalar_one())
            tables = connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            )
            names = sorted(tables.scalars())
            recovering = connection.execute(
                text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')='on'")
            )
            writable = (
                is_there
                and connection.execute(
                    text("SELECT has_table_privilege('stored_events', 'INSERT')")
                ).scalar_one()
            )
            if recovering.scalar_one() or (is_there and not writable):
                self.read_only = True
            return is_there, names

    @property
    def _recorder(self) -> PostgresRecorder:
        recorder = self.log.recorder
        assert isinstance(recorder, PostgresRecorder)
        return recorder

    def before_fork(self) -> None:
        """Ends the write in progress and closes the connections that are not in use."""
        self._paused = self._turn.pause(self._timeout)
        if self._paused:
            self.log.close()
        self.engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Connects anew."""
        if self._paused:
            self._connect_log()
            self._turn.resume()

    def after_fork_in_child(self) -> None:
        """Connects anew; the log of a write in progress is kept, unused: it is the parent's."""
        self._inherited = None if self._paused else self.log
        self._turn.forget()
        self._connect_engine()
        self._connect_log()

    @contextmanager
    def writing(self) -> Generator[None]:
        """A transaction under the advisory lock; it commits when the block ends."""
        if self.read_only:
            raise StoreReadOnly(f"{self.url} is read-only: it answers questions, takes no writes")
        try:
            if not self._turn.take(self._timeout):
                raise self._locked()
            try:
                with self._recorder.writing(self._timeout):
                    yield
            finally:
                self._turn.give()
        except PersistenceError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise self._locked() from error
            raise

    def _locked(self) -> StoreLocked:
        return StoreLocked(
            f"another writer ({self._holder()}) held the store for {self._timeout:g} s; "
            "try again, or find out why it does not finish"
        )

    def _holder(self) -> str:
        parts = {"high": WRITER_LOCK >> 32, "low": WRITER_LOCK & 0xFFFFFFFF}
        try:
            with self.engine.connect() as connection:
                found = connection.execute(text(_HOLDER), parts).first()
        except SQLAlchemyError:
            found = None
        return f"backend {found[0]} since {found[3]}" if found else "an unknown session"

    @contextmanager
    def try_writing(self) -> Generator[bool]:
        """Whether the advisory lock was free; held to the end of the block."""
        if self.read_only:
            yield False
            return
        with self.engine.begin() as connection:
            query = text("SELECT pg_try_advisory_xact_lock(:key)")
            yield bool(connection.execute(query, {"key": WRITER_LOCK}).scalar_one())

    def raw_rows(
        self,
        after: int = 0,
        until: int | None = None,
        types: Sequence[str] = (),
        *,
        once: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """In bulk, by a server-side cursor."""
        query, parameters = f"{_SELECT} WHERE notification_id > %s", list[Any]([after])
        if types:
            query, parameters = query + " AND topic = ANY(%s)", [*parameters, list(types)]
        if until is not None:
            query, parameters = query + " AND notification_id <= %s", [*parameters, until]
        query += " ORDER BY notification_id"
        return chain.from_iterable(self.scan(query, parameters, once=once))

    def scan(
        self, query: str, parameters: Sequence[Any] = (), *, once: bool = False
    ) -> Iterator[list[tuple[Any, ...]]]:
        """By a server-side cursor; what the server keeps is its own affair."""
        connection = self.engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            with driver.cursor(name="etsledger_scan", row_factory=tuple_row) as cursor:
                cursor.execute(query, parameters)
                while fetched := cursor.fetchmany(FETCH):
                    yield fetched
        except psycopg.OperationalError as error:
            raise StoreError(f"{self.url} failed: {_first_line(error)}") from error
        except psycopg.Error as error:
            raise StoreDamaged(f"{self.url} is damaged: {_first_line(error)}") from error
        finally:
            if self.closed:  # left half read: there is no pool to go back to
                connection.detach()
            connection.close()

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """One statement, whatever their number."""
        with self._recorder.datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute(
                f"{_SELECT} WHERE notification_id = ANY(%s) ORDER BY notification_id",  # pyright: ignore[reportArgumentType]
                (list(positions),),
            )
            return [Row(*row) for row in cursor.fetchall()]

    def snapshot_body(self, position: int) -> Iterator[bytes]:
        """By parts of the column, which the server reads as a whole for each."""
        query = text(
            "SELECT substring(body from :start for :size) FROM ledger_snapshots "
            "WHERE position = :position"
        )
        start = 1
        while True:
            values = {"start": start, "size": _PART, "position": position}
            with self.engine.connect() as connection:
                part = connection.execute(query, values).scalar()
            if not part:
                return
            yield bytes(part)
            start += _PART

    def tail(self, start: int) -> Sequence[Row]:
        """Read on the transaction of the write."""
        cursor = self._recorder.cursor
        cursor.execute(f"{_SELECT} WHERE notification_id >= %s ORDER BY notification_id", (start,))
        return [Row(*row.values()) for row in cursor.fetchall()]

    def find_commands(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """One statement, whatever their number."""
        with self._recorder.datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute(_FIND, (list(ids),))
            return {found: (first, last) for found, first, last in cursor.fetchall()}

    def head_position(self) -> int:
        """The greatest position."""
        with self.engine.connect() as connection:
            query = text("SELECT COALESCE(MAX(notification_id), 0) FROM stored_events")
            return connection.execute(query).scalar_one()

    def missing_guards(self) -> list[str]:
        """The triggers that are gone, disabled or do something else."""
        with self.engine.connect() as connection:
            query = text(
                "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
                "WHERE tgrelid = 'stored_events'::regclass AND tgenabled IN ('O', 'A')"
            )
            found = {row.tgname: row.prosrc for row in connection.execute(query)}
        return sorted(name for name in GUARDS if found.get(name) != GUARD_BODY)

    def erase(self, statement: Delete) -> int:
        """Deletes, and writes the table anew without what was deleted."""
        if self.read_only:
            raise StoreReadOnly(f"{self.url} is read-only: nothing can be taken out of it")
        with self.engine.begin() as connection:
            gone = connection.execute(statement).rowcount
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM FULL {statement.table.description}"))
        return gone

    def restate(self, said: Mapping[str, str | None]) -> None:
        """On the transaction of the write."""
        self._recorder.restate(said)

    def close(self) -> None:
        """Closes the connections."""
        self.closed = True
        forks.unwatch(self)
        self.log.close()
        self.engine.dispose()


def _first_line(error: BaseException) -> str:
    cause: object = error.orig if isinstance(error, DBAPIError) and error.orig else error
    text_of = str(cause).strip()
    return text_of.splitlines()[0] if text_of else type(cause).__name__
