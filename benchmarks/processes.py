"""Whole processes: a question, and one command written, each from a cold start.

``etsledger balances --account A --as-of T`` and ``etsledger apply -`` of one transfer, each
in a process of its own, beside ``python -c "import …"`` of the four libraries that such a
program cannot do without. The pages of the store are in the system's cache.

A cold ``apply`` reads the latest snapshot and the events after it: none, half of what lies
between two snapshots, or nearly all of it; the bar is asked of the half.
"""

import random
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from common import Bar, Line, Options, at_most, duration, options, report, run
from history import REGISTRY, START, YEARS, History, account, copy, remove, store

from etsledger.domain.times import iso
from etsledger.ledger import Ledger, snapshots

IMPORTS = "import click, sqlalchemy, pydantic, eventsourcing.sqlite"
BARE = [sys.executable, "-c", IMPORTS]
OURS = [sys.executable, "-m", "etsledger.cli"]


def beside_imports(
    measure: str, rounds: int, commands: Iterator[tuple[Sequence[str], str]], bar: Bar | None
) -> Line:
    """The line of one command; every answer must be there."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds + 1):
        command, stdin = next(commands)
        finished = run(command, stdin=stdin)
        beside = run(BARE)
        if REGISTRY not in finished.output and "accepted" not in finished.output:
            raise RuntimeError(f"{command} said {finished.output!r}")
        if number:  # the first fills the caches of compiled modules and pages
            ours.append(finished.seconds)
            bare.append(beside.seconds)
    return duration(measure, ours, "imports", bare, bar=bar)


def questions(path: Path, given: Options) -> Iterator[tuple[Sequence[str], str]]:
    """Questions about random accounts and instants."""
    choose = random.Random(given.seed)
    accounts = History(given.events).accounts
    while True:
        name, at = account(choose.randrange(accounts)), iso(START + YEARS * choose.random())
        asked = ["--store", str(path), "balances", "--account", name, "--as-of", at]
        yield [*OURS, *asked, "--format", "json"], ""


def transfers(path: Path, history: History, first: int) -> Iterator[tuple[Sequence[str], str]]:
    """Transfers that follow the history, one to a process."""
    while True:
        line = history.transfer(first)
        yield [*OURS, "--store", str(path), "apply", "-", "--format", "jsonl"], line + "\n"
        first += 1


def extend(path: Path, history: History, tail: int) -> int:
    """Writes on until that many events follow the latest snapshot; gives the position."""
    with closing(sqlite3.connect(path)) as connection:
        [[kept]] = connection.execute("SELECT max(position) FROM ledger_snapshots").fetchall()
    with Ledger.open(path) as ledger:
        position = ledger.store.head_position()
        lines = (history.transfer(n) for n in range(position, kept + tail))
        for outcome in ledger.apply(lines):
            if outcome.refusal is not None:
                raise outcome.refusal
        ledger.balances(account=account(0))  # the index by account catches up
        return ledger.store.head_position()


def main() -> None:
    """Runs the question, then the command at three distances from the snapshot."""
    given = options(__doc__, rounds=11)
    history = History(given.events, given.seed)
    path = store(given.data, history)
    events = f"{given.events:,} events"
    lines = [
        beside_imports(f"balances --account --as-of, {events}", given.rounds,
                       questions(path, given), at_most(1.5))
    ]  # fmt: skip
    work = copy(path, "processes.db")
    for tail, bar in ((0, None), (snapshots.EVERY // 2, at_most(4)), (snapshots.EVERY - 500, None)):
        position = extend(work, history, tail)
        lines.append(
            beside_imports(f"apply one, {events}, {tail:,} after the snapshot", given.rounds,
                           transfers(work, history, position), bar)
        )  # fmt: skip
    with Ledger.open(work) as ledger:
        if not (report_ := ledger.verify(chain_only=True)).ok:
            raise RuntimeError(str(report_.findings))
    remove(work)
    report(__file__, given, lines)


if __name__ == "__main__":
    main()
