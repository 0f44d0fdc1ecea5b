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


def lose_connections(new_url: Callable[[], str], *, seed: int, writes: int) -> str:
    """Every connection is ended again and again; each command is there once in the end."""
    url, choose = new_url(), random.Random(seed)
    ended, failed = 0, 0
    stop = threading.Event()
    with Ledger.open(url, create=True) as ledger:
        for one in ledger.apply(opening(["a"], 1)):
            expect(one.outcome == "accepted", str(one))

        def end_them() -> None:
            nonlocal ended
            with psycopg.connect(url, autocommit=True) as connection:
                while not stop.wait(choose.uniform(0.05, 0.5)):
                    row = connection.execute(_END).fetchone()
                    ended += row[0] if row else 0

        trouble = threading.Thread(target=end_them)
        trouble.start()
        try:
            for number in range(writes):
                one = command("issue", f"i{number}", unit=UNIT, quantity=1, to="a")
                for _ in range(100):
                    try:
                        ledger.execute(one)
                        break
                    except StoreError:
                        failed += 1  # said to be not written; sent again, it is there once
                else:
                    expect(False, f"{one['id']} was never taken")
        finally:
            stop.set()
            trouble.join()
        ledger.execute(command("issue", "last", unit=UNIT, quantity=1, to="a"))
    ids = [record["command"]["id"] for record in records(url)]
    expect(ids[-1] == "last" and len(ids) == len(set(ids)) == 3 + writes + 1, f"{len(ids)} events")
    whole(url)
    return f"{ended} connections ended in {writes} writes; {failed} writes said they had failed"
