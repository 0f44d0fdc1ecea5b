"""Verification: the chain, and everything, beside a bare loop that reads and hashes.

The bare loop reads the same columns and takes the SHA-256 of each record's bytes. Every
derived table is there and full: postings, their index, command ids, the Merkle tree,
snapshots, and those of the readers. Peak memory is that of a process of its own, at a tenth
of the events and at all of them; and over a generated national history, whose entities and
years make the state large, beside a process that only replays the log into a state.
"""

import hashlib
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from common import QUICK, Line, alternate, at_most, duration, options, report, run, single
from compliance_year import ENTITIES, PROVINCES, write_new
from generated.plants import spread
from history import History, remove, store
from province import History as National
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


REPLAY = """
from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.ledger.record import read
scribe = Scribe(State())
for row in ledger.store.rows():
    logged = read(row.type, row.state)
    apply(scribe, logged.event, logged.fact)
"""


def peak(path: Path, does: str) -> float:
    """The peak memory (MiB) of a process that opens a store and does something with it."""
    opened = f"from etsledger.ledger import Ledger\nledger = Ledger.open({str(path)!r})\n"
    return run([sys.executable, "-c", opened + does]).peak_mib


def memory(name: str, small: Path, large: Path, *, chain_only: bool) -> Line:
    """The line for the peak memory of the larger store over that of the smaller."""
    does = f"raise SystemExit(not ledger.verify(chain_only={chain_only}).ok)"
    peaks = [peak(path, does) for path in (small, large)]
    return single(f"{name}, peak memory", f"{peaks[1]:.0f} MiB",
                  f"a tenth of the events: {peaks[0]:.0f} MiB", peaks[1] / peaks[0],
                  at_most(1.2))  # fmt: skip


def national(folder: Path, events: int, seed: int) -> Line:
    """The line for the peak memory of verifying a national history, beside its state alone."""
    path = folder / "verify-national.db"
    sizes = spread(seed, max(PROVINCES, ENTITIES * events // 100_000), PROVINCES)
    write_new(path, [json.dumps(command) for command in National(sizes, seed=seed).commands()])
    fill(path)
    ours, state = peak(path, "raise SystemExit(not ledger.verify().ok)"), peak(path, REPLAY)
    remove(path)
    return single(f"verify, {sum(sizes):,} plants of six years, peak memory", f"{ours:.0f} MiB",
                  f"replay into a state: {state:.0f} MiB", ours / state,
                  at_most(1.2))  # fmt: skip


def fill(path: Path) -> None:
    """Has every derived table of a store kept, those of the readers too."""
    with Ledger.open(path) as ledger:
        ledger.head()
        ledger.balances()
        ledger.compliance()
        ledger.market()


def main() -> None:
    """Runs both checks."""
    given = options(__doc__, rounds=3)
    path = store(given.data, History(given.events, given.seed))
    tenth = store(given.data, History(given.events // 10, given.seed))
    fill(path)
    fill(tenth)
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
        national(given.data, min(given.events, QUICK), given.seed),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
