"""A store in one SQLite file, with its writer lock beside it."""

import json
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Delete, create_engine, event, text
from sqlalchemy.pool import QueuePool

from etsledger.ledger import forks
from etsledger.ledger.clock import Clock
from etsledger.ledger.epochs import Epochs
from etsledger.ledger.errors import (
    StoreAbsent,
    StoreBehind,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreReadOnly,
)
from etsledger.ledger.heads import Epoch
from etsledger.ledger.locks import WriterLock, refuse_network_file_system
from etsledger.ledger.log import RegistryLog
from etsledger.ledger.marks import Mark
from etsledger.ledger.record import Row
from etsledger.ledger.sqlite_recorder import (
    GUARDS,
    SqliteFactory,
    SqliteRecorder,
    connect_for_reading,
)
from etsledger.ledger.store import FETCH, PIECE, Store, check_format, new_meta

_SELECT: Final = "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"
_TAIL: Final = f"{_SELECT} WHERE rowid >= ? ORDER BY rowid"
_LAST: Final = "SELECT COALESCE(MAX(rowid), 0) FROM stored_events"
_PAGES: Final = 4_096
"""Pages copied at a time."""
_FIND: Final = (
    "SELECT id, first_position, last_position FROM ledger_commands "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
_MAGIC: Final = b"SQLite format 3\x00"
_CACHE: Final = 8192
"""KiB of pages that a connection keeps; ``_PASSING`` while a whole table passes by once."""
_PASSING: Final = 1024
_stranded: Final[set[Path]] = set()
"""Stores whose connections were in use when this process was forked."""


class _NotText(StoreDamaged):
    """A text column holds bytes that are not UTF-8."""


def _any_text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")


class SqliteStore(Store):
    """The default store: a file, readable by anyone who may read it."""

    commits_at_once = True
    _standing = text(
        "SELECT (SELECT MAX(rowid) FROM stored_events), "
        "(SELECT position FROM ledger_cursors WHERE name = :name)"
    )

    def __init__(
        self, path: Path, clock: Clock, *, create: bool, read_only: bool, timeout: float
    ) -> None:
        self.url = f"sqlite:///{path}"
        self.path = path
        self._timeout = timeout
        self._check_file(create and not read_only)
        self._asked_read_only = read_only
        self.read_only = read_only or not _writable(path)
        self._immutable = False
        self._lock = WriterLock(path.with_name(path.name + ".lock"), timeout)
        self._epoch = Epoch("", 1, 0)
        self._paused = self._in_use = False
        self._connect()
        forks.watch(self)
        try:
            self._check_content(create and not self.read_only, clock)
        except BaseException:
            self.close()
            raise

    @property
    def _recorder(self) -> SqliteRecorder:
        recorder = self.log.recorder
        assert isinstance(recorder, SqliteRecorder)
        return recorder

    def _check_file(self, create: bool) -> None:
        path = self.path
        if path.is_dir():
            raise StoreForeign(f"{path} is a directory, not a ledger; name a file in it")
        refuse_network_file_system(path)
        if not path.exists() or path.stat().st_size == 0:
            if not create:
                raise StoreAbsent(
                    f"there is no ledger at {path}; 'etsledger apply' or 'etsledger demo' makes one"
                )
            if not path.parent.is_dir():
                raise StoreAbsent(f"the folder {path.parent} does not exist")
            return
        try:
            with path.open("rb") as file:
                magic = file.read(len(_MAGIC))
        except OSError as error:
            raise StoreDamaged(f"{path} cannot be read: {error.strerror}") from error
        if magic != _MAGIC:
            raise StoreForeign(f"{path} is not a ledger: it is no SQLite database")

    def _connect(self) -> None:
        self._connect_log()
        self.engine = create_engine(
            "sqlite://", creator=self._connection, poolclass=QueuePool, pool_size=4
        )

        # The reading connections also merge derived tables, which need no fsync of their own.
        @event.listens_for(self.engine, "connect")
        def _settings(connection: Any, _: Any) -> None:  # pyright: ignore[reportUnusedFunction]
            for pragma in ("synchronous=NORMAL", f"cache_size=-{_CACHE}", "temp_store=MEMORY"):
                connection.execute(f"PRAGMA {pragma}")

    def _connect_log(self) -> None:
        self.log = RegistryLog(SqliteFactory(str(self.path), max(1, round(self._timeout))))

    def _connection(self) -> sqlite3.Connection:
        path = str(self.path)
        if not self.read_only:
            return sqlite3.connect(path, check_same_thread=False, timeout=self._timeout)
        connection = connect_for_reading(path, immutable=self._immutable)
        if not self._immutable:
            try:
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:
                # A medium that takes no lock files at all: read it as the constant it is.
                connection.close()
                self._immutable = True
                connection = connect_for_reading(path, immutable=True)
        return connection

    def _check_content(self, create: bool, clock: Clock) -> None:
        # Read before the log is, which a writer may go on with meanwhile.
        mark, position = self._lock.noted(), 0
        try:
            with closing(self._connection()) as connection:
                names = {
                    name
                    for (name,) in connection.execute(
                        "SELECT name FROM sqlite_master WHERE type = 'table'"
                    )
                }
                meta: dict[str, str] = (
                    dict(connection.execute("SELECT key, value FROM ledger_meta"))
                    if "ledger_meta" in names
                    else {}
                )
                if mark is not None and "stored_events" in names:
                    [position] = connection.execute(_LAST).fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreLocked(
                    f"{self.path} is locked by another program for longer than {self._timeout:g} s"
                ) from error
            raise StoreDamaged(f"{self.path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"{self.path} is damaged: {error}") from error
        if not names and create:
            self._create(clock)
        elif not names:
            raise StoreAbsent(f"{self.path} is an empty database; 'etsledger apply' fills it")
        elif "ledger_meta" not in names:
            raise StoreForeign(
                f"{self.path} is a SQLite database, but not a ledger (it holds "
                f"{', '.join(sorted(names)[:5])})"
            )
        else:
            check_format(meta, str(self.path))
            if "stored_events" not in names:
                raise StoreDamaged(f"{self.path} has lost its table stored_events")
            self._epoch = Epochs.of(meta).present
            self._ask_whether_left_behind(meta, mark, position)

    def _ask_whether_left_behind(
        self, meta: dict[str, str], mark: Mark | None, position: int
    ) -> None:
        """A backup and an older copy answer questions, but are not gone on with by oversight."""
        said = mark.doubt(self._epoch, position) if mark is not None else None
        if said is not None:
            self.left_behind = (
                f"{self.path} is not the store that was written here last: {said}. Put that one "
                f"back, or go on with this one by 'etsledger restore --to {self.path}'"
            )
            self.warning = self.left_behind
        elif "backup_at" in meta:
            self.left_behind = (
                f"{self.path} is a backup of {meta['backup_at']}; 'etsledger restore {self.path} "
                "--to URL' makes a store of it"
            )
        self.read_only |= self.left_behind is not None

    def noted(self) -> Mark | None:
        """How far the store was written here, as the file of its lock remembers it."""
        return self._lock.noted()

    def take_over(self) -> None:
        """Connects anew, to write."""
        super().take_over()
        self.read_only = self._asked_read_only or not _writable(self.path)
        self.engine.dispose()

    def _create(self, clock: Clock) -> None:
        with self._lock.held():
            with closing(self._connection()) as connection:
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    return  # another process was first
            try:
                meta = new_meta(clock)
                self._recorder.create_store(meta)
                self._epoch = Epochs.of(meta).present
                self.made = True
            except Exception as error:
                raise StoreError(f"{self.path} cannot be made: {error}") from error

    def before_fork(self) -> None:
        """Ends the write in progress and closes the connections that are not in use."""
        self._paused = self._lock.pause()
        pool = self.engine.pool
        asked = isinstance(pool, QueuePool) and pool.checkedout() > 0
        self._in_use = asked or not self._paused
        if self._paused:
            self.log.close()
        self.engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Connects anew."""
        if self._paused:
            self._connect_log()
            self._lock.resume()

    def after_fork_in_child(self) -> None:
        """Connects anew, unless a connection was in use: SQLite cannot tell whose it is."""
        if self._in_use:
            _stranded.add(self.path.resolve())
        self._lock.forget()
        self._connect()

    @contextmanager
    def writing(self) -> Generator[None]:
        """The OS lock beside the file, then the database."""
        if self.left_behind is not None:
            raise StoreBehind(self.left_behind)
        if self.read_only:
            raise StoreReadOnly(
                f"{self.path} is read-only: it answers questions but takes no writes"
            )
        if _stranded and self.path.resolve() in _stranded:
            raise StoreError(
                f"this process was forked while its parent was reading or writing {self.path}; "
                "it can ask, but not write: fork first, or start a new program"
            )
        with self._lock.held(), self._recorder.writing():
            before = self._recorder.reached
            try:
                yield
            finally:
                if self._recorder.reached > before:
                    self._note(self._recorder.reached)

    def _note(self, position: int) -> None:
        self._lock.note(Mark(self._epoch.store_id, self._epoch.epoch, position))

    def restate(self, said: Mapping[str, str | None]) -> None:
        """On the connection of the write; the mark beside the file is that of the new epoch."""
        self._recorder.restate(said)
        self._epoch = Epochs.of(self.meta()).present
        self._note(self.head_position())

    def copy_to(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        """The database as it is now into a new file, while a writer may go on.

        Everything is read in one transaction, so that it is of one moment; ``progress`` is told
        the pages done and their number. The copy is one file, without a write-ahead log.
        """

        def told(_: int, left: int, pages: int) -> None:
            if progress is not None:
                progress(pages - left, pages)

        with closing(self._connection()) as source, closing(sqlite3.connect(target)) as copy:
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()
            source.backup(copy, pages=_PAGES, progress=told, sleep=0)
            copy.execute("PRAGMA journal_mode=DELETE")

    def try_writing(self) -> AbstractContextManager[bool]:
        """Whether the OS lock was free."""
        return _no() if self.read_only else self._lock.try_held()

    def raw_rows(
        self,
        after: int = 0,
        until: int | None = None,
        types: Sequence[str] = (),
        *,
        once: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """In bulk, by rowid."""
        query, parameters = f"{_SELECT} WHERE rowid > ?", [after, *types]
        if types:
            query += f" AND topic IN ({','.join('?' * len(types))})"
        if until is not None:
            query, parameters = query + " AND rowid <= ?", [*parameters, until]
        return chain.from_iterable(self.scan(query + " ORDER BY rowid", parameters, once=once))

    def scan(
        self, query: str, parameters: Sequence[Any] = (), *, once: bool = False
    ) -> Iterator[list[tuple[Any, ...]]]:
        """By fetchmany, on a connection of the pool."""
        done = 0
        try:
            for chunk in self._scan(query, parameters, once=once):
                yield chunk
                done += 1
        except _NotText:
            # An edited byte of a text column: what can be read is read, and verify names it.
            yield from islice(self._scan(query, parameters, text=_any_text), done, None)

    def _scan(
        self,
        query: str,
        parameters: Sequence[Any],
        *,
        text: Any = str,
        once: bool = False,
    ) -> Iterator[list[tuple[Any, ...]]]:
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            driver.text_factory = text
            if once:
                _keep_pages(driver, _PASSING)
            cursor = driver.cursor()
            cursor.execute(query, parameters)
            while fetched := cursor.fetchmany(FETCH):
                yield fetched
        except sqlite3.DatabaseError as error:
            kind = _NotText if "decode to UTF-8" in str(error) else StoreDamaged
            raise kind(f"{self.path} is damaged: {error}") from error
        finally:
            driver.text_factory = str
            if once:
                _keep_pages(driver, _CACHE)
            if self.closed:  # left half read: there is no pool to go back to
                connection.detach()
            connection.close()

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """One statement, whatever their number."""
        query = f"{_SELECT} WHERE rowid IN (SELECT value FROM json_each(?)) ORDER BY rowid"
        found = self.scan(query, (json.dumps(list(positions)),))
        return [Row(*row) for chunk in found for row in chunk]

    def snapshot_body(self, position: int) -> Iterator[bytes]:
        """By a handle on the column, which is never read as a whole."""
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            _keep_pages(driver, _PASSING)
            query = "SELECT rowid FROM ledger_snapshots WHERE position = ?"
            for (rowid,) in driver.execute(query, (position,)).fetchall():
                with driver.blobopen("ledger_snapshots", "body", rowid, readonly=True) as body:
                    while piece := body.read(PIECE):
                        yield piece
        except sqlite3.Error as error:
            raise StoreDamaged(f"{self.path} is damaged: {error}") from error
        finally:
            _keep_pages(driver, _CACHE)
            connection.close()

    def tail(self, start: int) -> Sequence[Row]:
        """Read on the write's own connection, in one statement."""
        cursor = self._recorder.connection.cursor()
        cursor.execute(_TAIL, (start,))
        return [Row(*row) for row in cursor.fetchall()]

    def find_commands(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """One statement, whatever their number."""
        with self.engine.connect() as connection:
            rows = connection.exec_driver_sql(_FIND, (json.dumps(ids),)).all()
        return {command_id: (first, last) for command_id, first, last in rows}

    def head_position(self) -> int:
        """The greatest rowid."""
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(_LAST).scalar_one()

    def missing_guards(self) -> list[str]:
        """The triggers that are gone or not as we made them."""
        with self.engine.connect() as connection:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            found = dict(connection.exec_driver_sql(query).all())
        expected = {n: s.replace("IF NOT EXISTS ", "") for n, s in GUARDS.items()}
        return sorted(name for name, sql in expected.items() if found.get(name) != sql)

    def erase(self, statement: Delete) -> int:
        """Overwrites what is deleted, and empties the write-ahead log that had it."""
        if self.read_only:
            raise StoreReadOnly(f"{self.path} is read-only: nothing can be taken out of it")
        with self._lock.held(), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            gone = connection.execute(statement).rowcount
            connection.commit()
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise StoreLocked(
                f"{gone} rows are deleted, but another program reads {self.path} as it was: "
                "do this once more when it has ended, so that no file keeps them"
            )
        return gone

    def discard(self) -> None:
        """Removes the file and what lies beside it."""
        if self.made and self.head_position() == 0:
            self.close()
            for suffix in ("", "-wal", "-shm", ".lock"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the connections and the lock file."""
        self.closed = True
        forks.unwatch(self)
        self.log.close()
        self.engine.dispose()
        self._lock.close()


def _keep_pages(driver: Any, kib: int) -> None:
    with suppress(sqlite3.DatabaseError):  # a file that cannot be read at all
        driver.execute(f"PRAGMA cache_size=-{kib}")


@contextmanager
def _no() -> Generator[bool]:
    yield False


def _writable(path: Path) -> bool:
    target = path if path.exists() else path.parent
    if not (os.access(target, os.W_OK) and os.access(path.parent, os.W_OK)):
        return False
    if path.exists() and os.geteuid() == 0:
        # root passes every permission check: a file that nobody may write is meant read-only.
        return bool(path.stat().st_mode & 0o222)
    return True
