"""How many commits a write takes; the database itself is asked."""

import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg

from etsledger.ledger import Ledger, Refusal
from helpers import DayBook, command, send_all, trial_registry

THREADS = 8


def commits(url: str) -> int:
    """How many transactions wrote to the log so far."""
    if not url.startswith("sqlite"):
        with psycopg.connect(url) as connection:
            query = "SELECT count(DISTINCT xmin::text) FROM stored_events"
            found = connection.execute(query).fetchone()
        assert found is not None
        return found[0]
    # A frame of the write-ahead log that ends a transaction says how large the file is then.
    log = Path(url.removeprefix("sqlite:///") + "-wal").read_bytes()
    (page,) = struct.unpack_from(">I", log, 8)
    salt = log[16:24]
    frames = range(32, len(log) - page, 24 + page)
    return sum(
        log[at + 4 : at + 8] != bytes(4) and log[at + 8 : at + 16] == salt for at in frames
    )  # fmt: skip


def test_one_thread_commits_once_a_command(store_url: str) -> None:
    with Ledger.open(store_url, create=True) as ledger:
        send_all(ledger, trial_registry())
        before = commits(store_url)
        for number in range(10):
            ledger.execute(command("issue", f"i{number}", unit="CEA:2023", quantity=1))
        assert commits(store_url) - before == 10


def test_a_file_commits_once_a_stretch(store_url: str) -> None:
    with Ledger.open(store_url, create=True) as ledger:
        send_all(ledger, trial_registry())
        before = commits(store_url)
        issues = [command("issue", f"i{n}", unit="CEA:2023", quantity=1) for n in range(60)]
        assert len(list(ledger.apply(issues, chunk=30))) == 60
        # On PostgreSQL a turn is one transaction, however many stretches it writes.
        assert commits(store_url) - before == (2 if store_url.startswith("sqlite") else 1)


def test_threads_that_waited_share_a_commit_and_a_refusal_refuses_nobody_else(
    store_url: str,
) -> None:
    with Ledger.open(store_url, create=True) as ledger, Ledger.open(store_url) as other:
        send_all(ledger, trial_registry())
        DayBook(ledger).issue(1_000)
        before = commits(store_url)
        told: list[str] = []

        def write(number: int) -> None:
            quantity = 10**6 if number == THREADS - 1 else 1
            try:
                move = DayBook(ledger).transfer(quantity, "crrc-1", "desk-1", id=f"m{number}")
                told.append(move.outcome)
            except Refusal as refusal:
                told.append(refusal.code)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(THREADS)]
        with other.store.writing():
            for thread in threads:
                thread.start()
            end = time.monotonic() + 20
            while len(ledger._writer._queue) < THREADS - 1:  # one of them has the turn
                assert time.monotonic() < end, "the threads did not queue"
                time.sleep(0.01)
        for thread in threads:
            thread.join(60)
        assert Counter(told) == {"accepted": THREADS - 1, "InsufficientUnits": 1}
        # That of the first and that of all others, and on SQLite the journal of refusals.
        assert commits(store_url) - before <= 3
        assert DayBook(ledger).held("desk-1") == THREADS - 1
        assert ledger.verify().events == 9 + THREADS - 1
        assert ledger.verify().ok


def test_a_batch_and_an_atomic_file_are_one_commit(
    store_url: str, new_store_url: Callable[[], str]
) -> None:
    issues = [command("issue", f"i{n}", unit="CEA:2023", quantity=1) for n in range(2_500)]
    with Ledger.open(store_url, create=True) as ledger:
        send_all(ledger, trial_registry())
        before = commits(store_url)
        ledger.execute(command("batch", "b", commands=issues[:500]))
        assert commits(store_url) - before == 1
    other = new_store_url()
    with Ledger.open(other, create=True) as ledger:
        send_all(ledger, trial_registry())
        before = commits(other)
        assert len(list(ledger.apply(issues, atomic=True))) == 2_500
        assert commits(other) - before == 1
