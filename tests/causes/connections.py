"""A PostgreSQL server that ends connections in the middle of writes."""

import random
import threading
from collections.abc import Callable

import psycopg

from causes.common import UNIT, expect, opening, records, whole
from etsledger.ledger import Ledger, StoreError
from helpers import command

_END = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
BETWEEN = 10
"""Writes around each fault."""


def lose_connections(new_url: Callable[[], str], *, seed: int, rounds: int) -> str:
    """All connections are ended at random moments; each command is there once in the end."""
    url, choose = new_url(), random.Random(seed)
    failed = 0
    with (
        Ledger.open(url, create=True) as ledger,
        psycopg.connect(url, autocommit=True) as server,
    ):
        for one in ledger.apply(opening(["a"], 1)):
            expect(one.outcome == "accepted", str(one))
        for number in range(rounds):
            wait = choose.uniform(0, 0.03)
            trouble = threading.Timer(wait, server.execute, [_END])
            trouble.start()
            for i in range(BETWEEN):
                failed += _insist(ledger, f"i{number}/{i}")
            trouble.join()
            expect(len(ledger.balances()) == 1, "no answer after the connections were ended")
    ids = [record["command"]["id"] for record in records(url)]
    expected = 3 + rounds * BETWEEN
    expect(len(ids) == len(set(ids)) == expected, f"{len(ids)} events, {expected} expected")
    whole(url)
    return f"all connections ended {rounds} times in writes; {failed} writes said they had failed"


def _insist(ledger: Ledger, command_id: str) -> int:
    """Sends a command until it is taken; gives how often it was said to be not written."""
    one = command("issue", command_id, unit=UNIT, quantity=1, to="a")
    for attempt in range(10):
        try:
            ledger.execute(one)
        except StoreError:
            continue
        return attempt
    raise AssertionError(f"{command_id} was never taken")
