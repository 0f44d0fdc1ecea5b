"""Following the log: how every projection reads what is new, and keeps what it made of it."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from etsledger.ledger.errors import LedgerError
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import Store
from etsledger.projections.tables import metadata


def readable(store: Store, after: int, upto: int, types: Sequence[str]) -> Iterator[Logged]:
    """The events of some types at positions in ``(after, upto]``, but those that cannot be
    read: ``verify`` names them, and the other answers still stand."""
    for row in store.rows(after, upto, types):
        try:
            logged = read(row.type, row.state)
        except LedgerError:
            continue
        yield logged


@contextmanager
def keeping(store: Store, cursor: str, saved: int) -> Generator[Connection | None]:
    """A transaction in which a projection may bring its tables on from ``saved``.

    None where it may not: the store is read only, a writer is at work, or another reader was
    first, whose rows serve as well next time.
    """
    if store.read_only:
        yield None
        return
    with store.try_writing() as free:
        if not free or store.cursor(cursor)[0] != saved:
            yield None
            return
        with store.engine.begin() as connection:
            metadata.create_all(connection)
            yield connection
