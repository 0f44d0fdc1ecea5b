"""Opening the store at a URL or path."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from etsledger.ledger.clock import Clock
from etsledger.ledger.errors import StoreForeign
from etsledger.ledger.sqlite_store import SqliteStore
from etsledger.ledger.store import DEFAULT_URL, Store


def open_store(
    url: str | os.PathLike[str] | None, create: bool, read_only: bool, clock: Clock, timeout: float
) -> Store:
    """The store at a URL, by its database. Raises StoreError."""
    parsed, path = _parsed(url)
    if path is not None:
        return SqliteStore(path, clock, create=create, read_only=read_only, timeout=timeout)
    from etsledger.ledger.postgres_store import PostgresStore

    return PostgresStore(parsed, clock, create=create, read_only=read_only, timeout=timeout)


def sqlite_path(url: str | os.PathLike[str]) -> Path | None:
    """The file of the SQLite store at a URL or path; None for PostgreSQL. Raises StoreForeign."""
    return _parsed(url)[1]


def _parsed(url: str | os.PathLike[str] | None) -> tuple[URL, Path | None]:
    text = os.fspath(url) if url is not None else DEFAULT_URL
    if "://" not in text:
        text = f"sqlite:///{text}"
    try:
        parsed = make_url(text)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StoreForeign(f"{text!r} is no store URL: {error}") from None
    match dialect:
        case "sqlite":
            if not parsed.database or ":memory:" in parsed.database:
                raise StoreForeign("a ledger is kept in a file: sqlite:///PATH")
            return parsed, Path(parsed.database)
        case "postgresql" | "postgres":
            return parsed, None
        case _:
            raise StoreForeign(f"no store can be kept at {dialect}://; use sqlite or postgresql")
