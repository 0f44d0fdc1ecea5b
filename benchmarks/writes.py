"""Writes: durable validated transfers, one by one and in batches of 1,000.

Ours is ``Ledger.execute`` with a line of JSON for each transfer, and ``Ledger.apply`` over
such lines, on a SQLite store with ``synchronous=FULL``. Beside it:

* the eventsourcing library's bank transfer (``stock.py``), called with ready Python values;
* raw ``sqlite3``: the rows of a run of ours, ready made, inserted into the same tables with
  the same index, triggers and pragmas, with a SHA-256 over each record.

The index by account is not written by a write, neither ours nor raw; it is merged by the
next question that finds it lagging. What that adds to batches is a line of its own.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from common import alternate, at_least, fsync_time, options, report, span, speed
from history import ISSUED, History, account, copy, remove, store
from stock import open_bank, settings

from etsledger.ledger import Ledger
from etsledger.ledger.record import split
from etsledger.ledger.sqlite_recorder import PRAGMAS

BASE = 10_000
SINGLES, BATCH, RUN = 300, 1_000, 20
"""A run is 300 transfers one by one, or twenty batches of 1,000 in one file."""
_EVENT = (
    "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) "
    "VALUES (?,?,?,?,?)"
)
_COMMAND = "INSERT INTO ledger_commands VALUES (?,?,?)"
_POSTING = "INSERT INTO ledger_postings VALUES (?,?,?,?,?,?,?,?)"


class Rows(NamedTuple):
    """What one write put into the store."""

    events: list[tuple[Any, ...]]
    bodies: list[bytes]
    commands: list[tuple[Any, ...]]
    postings: list[tuple[Any, ...]]


class Raw:
    """Rows of ours into the tables of ours, by ``sqlite3`` alone."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            self.connection.execute(pragma)

    def write(self, rows: Rows) -> None:
        """One transaction with the hash of every record."""
        cursor = self.connection.cursor()
        for body in rows.bodies:
            hashlib.sha256(body).hexdigest()
        cursor.execute("BEGIN")
        if len(rows.events) == 1:
            cursor.execute(_EVENT, rows.events[0])
            cursor.execute(_COMMAND, rows.commands[0])
        else:
            cursor.executemany(_EVENT, rows.events)
            cursor.executemany(_COMMAND, rows.commands)
        cursor.executemany(_POSTING, rows.postings)
        cursor.execute("COMMIT")


def recorded(path: Path, after: int, sizes: Sequence[int]) -> Iterator[Rows]:
    """The rows that a run of ours wrote after a position, in writes of some sizes."""
    with closing(sqlite3.connect(path)) as connection:
        for size in sizes:
            bounds = (after, after + size)
            events = connection.execute(
                "SELECT rowid, originator_id, originator_version, topic, state "
                "FROM stored_events WHERE rowid > ? AND rowid <= ? ORDER BY rowid", bounds,
            ).fetchall()  # fmt: skip
            commands = connection.execute(
                "SELECT * FROM ledger_commands WHERE first_position > ? AND first_position <= ? "
                "ORDER BY first_position", bounds,
            ).fetchall()  # fmt: skip
            postings = connection.execute(
                "SELECT * FROM ledger_postings WHERE position > ? AND position <= ? "
                "ORDER BY position, leg", bounds,
            ).fetchall()  # fmt: skip
            yield Rows(events, [split(event[4])[1] for event in events], commands, postings)
            after += size


def execute(ledger: Ledger, lines: Sequence[str]) -> None:
    """Transfers one by one."""
    for line in lines:
        ledger.execute(line)


def apply(ledger: Ledger, lines: Sequence[str]) -> None:
    """Transfers in batches of 1,000; every one must be accepted."""
    accepted = sum(o.outcome == "accepted" for o in ledger.apply(lines, chunk=BATCH))
    if accepted != len(lines):
        raise RuntimeError(f"{accepted} of {len(lines)} accepted")


def main() -> None:
    """Runs both measures."""
    given = options(__doc__, rounds=15, events=BASE)
    history = History(given.events, given.seed)
    base = store(given.data, history)
    rounds, first = given.rounds, given.events
    lines = [history.transfer(first + i) for i in range(rounds * (SINGLES + 2 * RUN * BATCH))]
    singles = [lines[i * SINGLES : (i + 1) * SINGLES] for i in range(rounds)]
    rest = lines[rounds * SINGLES :]
    run = RUN * BATCH
    batches = [rest[i * run : (i + 1) * run] for i in range(rounds)]
    merged = [rest[(rounds + i) * run :][:run] for i in range(rounds)]

    # The rows that raw writes come from a run of ours over the same lines.
    model = copy(base, "model.db")
    with Ledger.open(model) as ledger:
        execute(ledger, [line for part in singles for line in part])
        for part in batches:
            apply(ledger, part)
    sizes = [1] * (rounds * SINGLES) + [BATCH] * RUN * rounds
    rows = list(recorded(model, first, sizes))
    remove(model)
    raw_singles = [rows[i * SINGLES : (i + 1) * SINGLES] for i in range(rounds)]
    raw_batches = [rows[rounds * SINGLES + i * RUN :][:RUN] for i in range(rounds)]

    ours, theirs = copy(base, "ours.db"), copy(base, "raw.db")
    bank_path, quick_path = given.data / "stock.db", given.data / "stock-alone.db"
    remove(bank_path)
    remove(quick_path)
    ledger, raw, bank = Ledger.open(ours), Raw(theirs), open_bank(bank_path)
    alone = open_bank(quick_path, env={
        "AGGREGATE_CACHE_FASTFORWARD": "n", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
    })  # fmt: skip
    banks: list[tuple[Any, dict[str, Any]]] = [
        (one, {account(i): one.open_account(4 * ISSUED) for i in range(history.accounts)})
        for one in (bank, alone)
    ]

    def stock_transfers(which: int, parts: Sequence[str]) -> list[tuple[Any, Any, int]]:
        ids = banks[which][1]
        found = [fields(line) for line in parts]
        return [(ids[source], ids[target], quantity) for source, target, quantity in found]

    def stock_singles(which: int) -> Iterator[None]:
        prepared = [stock_transfers(which, part) for part in singles]
        yield
        for part in prepared:
            for transfer in part:
                banks[which][0].transfer(*transfer)
            yield

    def stock_batches(which: int) -> Iterator[None]:
        prepared = [stock_transfers(which, part) for part in batches]
        yield
        for part in prepared:
            for i in range(0, len(part), BATCH):
                banks[which][0].transfer_many(part[i : i + BATCH])
            yield

    fsync = fsync_time(given.data)
    ours_singles, raw_parts = iter(singles), iter(raw_singles)
    stock, stock_alone = stock_singles(0), stock_singles(1)
    next(stock), next(stock_alone)
    one = alternate(
        rounds,
        lambda: execute(ledger, next(ours_singles)),
        lambda: next(stock),
        lambda: [raw.write(row) for row in next(raw_parts)],
        lambda: next(stock_alone),
    )
    ours_batches, raw_rows = iter(batches), iter(raw_batches)
    stock, stock_alone = stock_batches(0), stock_batches(1)
    next(stock), next(stock_alone)
    many = alternate(
        rounds,
        lambda: apply(ledger, next(ours_batches)),
        lambda: next(stock),
        lambda: [raw.write(row) for row in next(raw_rows)],
        lambda: next(stock_alone),
    )
    after = iter(merged)

    def with_question() -> None:
        part = next(after)
        for i in range(0, run, BATCH):
            apply(ledger, part[i : i + BATCH])
            ledger.balances(account=account(1))

    ledger.balances(account=account(1))
    [asked] = alternate(rounds, with_question)

    written = first + rounds * (SINGLES + run)
    counted = raw.connection.execute("SELECT max(rowid) FROM stored_events").fetchone()[0]
    checked = ledger.verify()
    if counted != written or checked.events != written + rounds * run or not checked.ok:
        raise RuntimeError(f"ours {checked.events}, raw {counted}, written {written}: {checked}")
    durable = settings(bank)
    raw.connection.close()
    ledger.close()
    bank.close()
    alone.close()
    for path in (ours, theirs, bank_path, quick_path):
        remove(path)

    report(__file__, given, [
        speed("single transfers", one[0], "stock", one[1], work=SINGLES, bar=at_least(1.5)),
        speed("single transfers", one[0], "raw", one[2], work=SINGLES, bar=at_least(0.5, 0.6)),
        speed("single transfers", one[0], "stock, sees no other writer", one[3], work=SINGLES),
        speed("batches of 1,000", many[0], "stock", many[1], work=run, bar=at_least(2)),
        speed("batches of 1,000", many[0], "raw", many[2], work=run, bar=at_least(0.5, 0.8)),
        speed("batches of 1,000", many[0], "stock, sees no other writer", many[3], work=run),
        speed("batches, each with a question", asked, "raw", many[2], work=run),
    ], fsync_of_4_KiB=span(fsync), stock_connection=durable)  # fmt: skip


def fields(line: str) -> tuple[str, str, int]:
    """The values of a transfer's line, for the bank."""
    found = json.loads(line)
    return found["from"], found["to"], found["quantity"]


if __name__ == "__main__":
    main()
