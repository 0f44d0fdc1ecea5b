"""A store: where the log and its tables live, on SQLite or PostgreSQL, by URL."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Delete, Engine, TextClause, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.times import iso
from etsledger.ledger.clock import Clock
from etsledger.ledger.errors import StoreDamaged, StoreError, StoreTooNew, StoreWriteFailed
from etsledger.ledger.log import RegistryLog
from etsledger.ledger.record import Row
from etsledger.ledger.tables import FORMAT, cursors, ledger_meta

DEFAULT_URL: Final = "sqlite:///etsledger.db"
FETCH: Final = 2_000
"""Rows read at a time: more are read no faster, and a verification holds them of four tables."""
PIECE: Final = 1 << 20
"""Bytes of a snapshot read at a time."""


class Store(ABC):
    """The database of one ledger.

    ``log`` is the eventsourcing application that writes events; ``engine`` reads, and
    writes the tables that can be rebuilt.
    """

    url: str
    log: RegistryLog
    engine: Engine
    read_only: bool
    made: bool = False
    """Whether opening it made it."""
    left_behind: str | None = None
    """Why a copy answers questions but takes no writes: it is a backup, or an older copy."""
    warning: str | None = None
    """What who reads it must know."""
    commits_at_once: bool
    """Whether each save commits by itself, or all of a write commit at its end."""

    closed: bool = False

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Holds the writer lock for one write. Raises StoreLocked, StoreReadOnly."""

    @abstractmethod
    def try_writing(self) -> AbstractContextManager[bool]:
        """Holds the writer lock if it is free at once; yields whether it does."""

    def rows(
        self, after: int = 0, until: int | None = None, types: Sequence[str] = ()
    ) -> Iterator[Row]:
        """The rows with ``after < position <= until`` (of some types only), in bulk."""
        return map(Row._make, self.raw_rows(after, until, types))

    @abstractmethod
    def raw_rows(
        self,
        after: int = 0,
        until: int | None = None,
        types: Sequence[str] = (),
        *,
        once: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """The same as plain tuples, for a reader that cannot wait; ``once``: see ``scan``."""

    @abstractmethod
    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """The rows at some positions, in order."""

    @abstractmethod
    def scan(self, query: str, *, once: bool = False) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a long question, some thousands at a time. Raises StoreDamaged.

        ``once`` says that a whole table is read from end to end, so that keeping its pages
        in memory serves nobody.
        """

    @abstractmethod
    def snapshot_body(self, position: int) -> Iterator[bytes]:
        """The body of the snapshot of a position, piece by piece; nothing when it is not kept.

        Raises StoreDamaged.
        """

    @abstractmethod
    def tail(self, start: int) -> Sequence[Row]:
        """The rows from ``start`` on, read inside a write."""

    @abstractmethod
    def find_commands(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The first and last positions of those of the ids that were accepted before."""

    @abstractmethod
    def head_position(self) -> int:
        """The last position of the log; 0 when it is empty."""

    @abstractmethod
    def missing_guards(self) -> list[str]:
        """The names of the append-only guards that are not in the database."""

    @abstractmethod
    def close(self) -> None:
        """Closes every connection."""

    @abstractmethod
    def erase(self, statement: Delete) -> int:
        """Deletes rows so that nothing of them stays in the database's files; their number.

        Raises StoreReadOnly, and StoreLocked when somebody's reading keeps the old pages.
        """

    @abstractmethod
    def restate(self, said: Mapping[str, str | None]) -> None:
        """Changes what the store says of itself (None takes a member out), inside a write."""

    def take_over(self) -> None:
        """Lets a copy that was left behind take writes: for a restore, which begins an epoch."""
        self.left_behind = self.warning = None

    def discard(self) -> None:  # noqa: B027 - nothing to do is an answer
        """Closes a store that opening it made and that nothing was written to, and removes it.

        Does nothing with any other store, nor where removing is not ours (PostgreSQL).
        """

    def row(self, position: int) -> Row | None:
        """The row at a position."""
        return next(iter(self.rows_at([position])), None)

    def meta(self) -> dict[str, str]:
        """What the store says of itself: format, store id, when it was made."""
        with self.engine.connect() as connection:
            return dict(connection.execute(select(ledger_meta)).all())

    def standing(self, name: str) -> tuple[int, int]:
        """The head position and how far a derived table has followed it, in one look."""
        with self.engine.connect() as connection:
            row = connection.execute(self._standing, {"name": name}).one()
        return int(row[0] or 0), int(row[1] or 0)

    _standing: TextClause

    def cursor(self, name: str) -> tuple[int, bytes | None]:
        """How far a derived table has followed the log, with what it keeps for that."""
        query = select(cursors.c.position, cursors.c.body).where(cursors.c.name == name)
        with self.engine.connect() as connection:
            found = connection.execute(query).first()
        return (found[0], found[1]) if found else (0, None)

    def set_cursor(
        self, connection: Any, name: str, position: int, body: bytes | None = None
    ) -> None:
        """Moves a derived table's cursor inside the transaction that filled the table."""
        connection.execute(delete(cursors).where(cursors.c.name == name))
        connection.execute(insert(cursors).values(name=name, position=position, body=body))

    def count(self, table: Any) -> int:
        """The number of rows of a table."""
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()


def new_meta(clock: Clock) -> dict[str, str]:
    """What a new store says of itself."""
    return {
        "format": str(FORMAT), "store_id": uuid4().hex, "created_at": iso(clock()), "epochs": "0",
    }  # fmt: skip


def check_format(meta: dict[str, str], where: str) -> None:
    """Raises StoreTooNew for a store that a newer version wrote, StoreDamaged."""
    found = meta.get("format", "nothing")
    if not (found.isascii() and found.isdigit()):
        raise StoreDamaged(f"{where} says {found[:40]!r} where its storage format should stand")
    if int(found) > FORMAT:
        raise StoreTooNew(
            f"{where} has storage format {meta['format']}; this version of etsledger knows "
            f"{FORMAT}. Upgrade etsledger to open it"
        )


def write_failed(error: BaseException) -> StoreError:
    """The error for a write that the database refused."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(error, SQLAlchemyError) and error.__cause__ is not None:
        cause = error.__cause__
    text = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return StoreWriteFailed(f"the database refused the write ({text}); nothing of it was kept")
