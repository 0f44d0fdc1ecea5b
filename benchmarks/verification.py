"""Verification: the chain, and everything, beside a bare loop that reads and hashes.

The bare loop reads the same columns and takes the SHA-256 of each record's bytes. Peak
memory is that of a process of its own, at a tenth of the events and at all of them.
"""

import hashlib
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from common import Line, alternate, at_most, duration, options, report, run, single
from history import History, store
from rawstore import RECORD, check_place
from replay import COLUMNS

from etsledger.ledger import Ledger


def read_and_hash(path: Path) -> int:
    """Reads every row and hashes its record; gives the number of rows."""
    rows = 0
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"{COLUMNS} ORDER BY rowid")
        while fetched := cursor.fetchmany(10_000):
            for row in fetched:
                hashlib.sha256(row[4][RECORD]).digest()
            rows += len(fetched)
    return rows


def check(ledger: Ledger, events: int, *, chain_only: bool) -> None:
    """Verifies. Raises RuntimeError if anything is found."""
    found = ledger.verify(chain_only=chain_only)
    if not found.ok or found.events != events:
        raise RuntimeError(f"{found.events} of {events} events: {found.findings[:3]}")


def memory(name: str, small: Path, large: Path, *, chain_only: bool) -> Line:
    """The line for the peak memory of the larger store over that of the smaller."""
    peaks: list[float] = []
    for path in (small, large):
        program = (
            "from etsledger.ledger import Ledger\n"
            f"with Ledger.open({str(path)!r}, read_only=True) as ledger:\n"
            f"    raise SystemExit(not ledger.verify(chain_only={chain_only}).ok)\n"
        )
        peaks.append(run([sys.executable, "-c", program]).peak_mib)
    return single(f"{name}, peak memory", f"{peaks[1]:.0f} MiB",
                  f"a tenth of the events: {peaks[0]:.0f} MiB", peaks[1] / peaks[0],
                  at_most(1.2))  # fmt: skip


def main() -> None:
    """Runs both checks."""
    given = options(__doc__, rounds=3)
    path = store(given.data, History(given.events, given.seed))
    tenth = store(given.data, History(given.events // 10, given.seed))
    with Ledger.open(path, read_only=True) as ledger:
        check_place(next(iter(ledger.store.rows())).state)
        chain, whole, bare = alternate(
            given.rounds,
            lambda: check(ledger, given.events, chain_only=True),
            lambda: check(ledger, given.events, chain_only=False),
            lambda: read_and_hash(path),
        )
    events = f"{given.events:,} events"
    report(__file__, given, [
        duration(f"verify --chain, {events}", chain, "read and hash", bare, bar=at_most(2)),
        duration(f"verify, {events}", whole, "read and hash", bare, bar=at_most(8)),
        memory(f"verify --chain, {events}", tenth, path, chain_only=True),
        memory(f"verify, {events}", tenth, path, chain_only=False),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
