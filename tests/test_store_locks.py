"""One writer at a time, in turn; readers wait for nobody and need not write."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from etsledger.ledger import Ledger, StoreError
from helpers import ON_SQLITE, DayBook, records, send_all, trial_registry

ON_POSTGRES = pytest.mark.parametrize(
    "new_store_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
HOLD = """
import sys
from etsledger.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger, ledger.store.writing():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def a_busy_writer(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the writer lock until the block ends."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.stdin.close()
        assert holder.wait(20) == 0
        holder.stdout.close()


@pytest.fixture
def store(store_url: str) -> str:
    """A store with 150 issues after the registry: more than the index by account has followed."""
    with Ledger.open(store_url, create=True) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        for _ in range(3):
            book.issue(1)
        ledger.balances()
        issue = {"command": "issue", "registry": "trial", "unit": "CEA:2023", "to": "crrc-1"}
        send_all(ledger, [{**issue, "id": f"i{i}", "quantity": 1} for i in range(150)])
    return store_url


QUESTIONS: dict[str, Callable[[Ledger], Any]] = {
    "balances": lambda ledger: ledger.balances(as_of="2199-01-01"),
    "balances from the log": lambda ledger: ledger.balances(as_of="2199-01-01", from_log=True),
    "of an entity": lambda ledger: ledger.balances(entity="crrc", as_of="2199-01-01"),
    "statement": lambda ledger: ledger.statement("crrc-1", as_of="2199-01-01"),
    "supply": lambda ledger: ledger.supply(as_of="2199-01-01"),
    "events": lambda ledger: list(ledger.events()),
    "of an account": lambda ledger: list(ledger.events(account="crrc-1")),
    "head": lambda ledger: ledger.head(),
    "verify": lambda ledger: ledger.verify(),
    "refusals": lambda ledger: ledger.refusals(),
    "export": records,
}


def answers(ledger: Ledger) -> dict[str, Any]:
    return {name: ask(ledger) for name, ask in QUESTIONS.items()}


def refused(ledger: Ledger, id: str = "x") -> StoreError:
    with pytest.raises(StoreError) as caught:
        DayBook(ledger).issue(1, id=id)
    return caught.value


# -- a busy writer -----------------------------------------------------------------------------


def test_readers_wait_for_no_writer(store: str) -> None:
    with a_busy_writer(store), Ledger.open(store, lock_timeout=30) as ledger:
        begun = time.monotonic()
        busy = answers(ledger)
        assert time.monotonic() - begun < 15, "an answer waited for the writer"
    with Ledger.open(store) as ledger:
        assert answers(ledger) == busy
    assert busy["verify"].ok
    assert [row["quantity"] for row in busy["balances"]] == [153]


def test_who_waits_too_long_learns_who_holds_the_lock_and_since_when(store: str) -> None:
    before = time.time()
    with a_busy_writer(store) as holder, Ledger.open(store, lock_timeout=0.2) as ledger:
        error = refused(ledger)
    assert error.code == "StoreLocked"
    assert "0.2 s" in error.message
    who = f"process {holder.pid} " if store.startswith("sqlite") else "backend "
    assert who in error.message
    told = re.search(r" since (\d{4}-\d\d-\d\d[T ][\d:.]+[+-][\d:]+)", error.message)
    assert told, error.message
    since = datetime.fromisoformat(told[1]).timestamp()
    assert int(before) <= since <= time.time()


def test_a_wait_that_was_given_up_keeps_no_lock(store: str) -> None:
    with Ledger.open(store, lock_timeout=0.2) as one, Ledger.open(store, lock_timeout=5) as other:
        with a_busy_writer(store):
            for number in range(3):
                assert refused(one, f"x{number}").code == "StoreLocked"
        DayBook(other).issue(1, id="y1")
        DayBook(one).issue(1, id="y2")
        DayBook(other).issue(1, id="y3")
        assert one.verify().ok


@ON_SQLITE  # on PostgreSQL the server ends the wait with its transaction
def test_an_interrupted_wait_keeps_no_lock(store: str) -> None:
    with Ledger.open(store, lock_timeout=30) as one, Ledger.open(store, lock_timeout=5) as other:
        with a_busy_writer(store):
            threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
            with pytest.raises(KeyboardInterrupt):
                DayBook(one).issue(1, id="x")
        DayBook(other).issue(1, id="y")
        DayBook(one).issue(1, id="z")
        assert {row["command_id"] for row in one.events()} >= {"y", "z"}
        assert other.verify().ok


def test_a_thread_of_this_process_waits_its_turn_too(store: str) -> None:
    with Ledger.open(store, lock_timeout=0.2) as ledger:
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with ledger.store.writing():
                held.set()
                done.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(20)
        assert refused(ledger).code == "StoreLocked"
        done.set()
        holder.join()
        DayBook(ledger).issue(1, id="x")


# -- a store that takes no writes --------------------------------------------------------------


def takes_no_writes(ledger: Ledger, before: dict[str, Any]) -> None:
    assert answers(ledger) == before
    assert refused(ledger).code == "StoreReadOnly"
    with pytest.raises(StoreError) as caught:
        list(ledger.apply([{"command": "issue", "id": "y", "unit": "U", "quantity": 1}]))
    assert caught.value.code == "StoreReadOnly"
    with pytest.raises(StoreError) as caught:
        ledger.rebuild()
    assert caught.value.code == "StoreReadOnly"
    with pytest.raises(StoreError) as caught:
        ledger.import_log(list(ledger.export()))
    assert caught.value.code == "StoreReadOnly"
    assert answers(ledger) == before


@pytest.fixture
def known(store: str) -> dict[str, Any]:
    with Ledger.open(store, read_only=True) as ledger:
        return answers(ledger)


def test_a_ledger_opened_for_reading_takes_no_writes(store: str, known: dict[str, Any]) -> None:
    with Ledger.open(store, read_only=True) as ledger:
        takes_no_writes(ledger, known)


@ON_SQLITE
def test_a_file_that_nobody_may_write(tmp_path: Path, store: str, known: dict[str, Any]) -> None:
    path = Path(store.removeprefix("sqlite:///"))
    path.chmod(0o444)
    before = {found.name for found in tmp_path.iterdir()}
    with Ledger.open(store) as ledger:
        takes_no_writes(ledger, known)
    assert {found.name for found in tmp_path.iterdir()} == before


@ON_POSTGRES
def test_a_database_user_who_may_only_read(store: str, known: dict[str, Any]) -> None:
    role = f"reader_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(store, autocommit=True) as server:
        server.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
        server.execute(
            SQL("GRANT USAGE ON SCHEMA public TO {0}; "
                "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}").format(Identifier(role))
        )  # fmt: skip
        try:
            with Ledger.open(store.replace("postgres:", f"{role}:")) as ledger:
                takes_no_writes(ledger, known)
        finally:
            server.execute(SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(Identifier(role)))


@ON_POSTGRES
def test_a_database_that_takes_only_reading_transactions(
    store: str, known: dict[str, Any]
) -> None:  # fmt: skip
    with psycopg.connect(store, autocommit=True) as server:
        server.execute(
            SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                Identifier(server.info.dbname)
            )
        )
    with Ledger.open(store) as ledger:
        takes_no_writes(ledger, known)


# -- where locks cannot be trusted -------------------------------------------------------------

MOUNTS = "/dev/vda / ext4 rw 0 0\nfiler:/x {} {} rw 0 0\ntmpfs {}/local tmpfs rw 0 0\n"


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "ceph"])
def test_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    read_text = Path.read_text

    def mounts(path: Path, *arguments: Any, **options: Any) -> str:
        if str(path) == "/proc/self/mounts":
            return MOUNTS.format(str(tmp_path).replace(" ", "\\040"), kind, tmp_path)
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", mounts)
    with pytest.raises(StoreError) as caught:
        Ledger.open(tmp_path / "books.db", create=True)
    assert caught.value.code == "StoreForeign"
    assert kind in caught.value.message
    assert not (tmp_path / "books.db").exists()
    (tmp_path / "local").mkdir()
    with Ledger.open(tmp_path / "local" / "books.db", create=True) as ledger:
        assert ledger.head().position == 0
