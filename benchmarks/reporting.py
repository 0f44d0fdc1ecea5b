"""The report page: of a plant and of a whole registry, its time and the memory of a process.

The registry is that of the history of transfers (an account for every 250 events, everything
recorded a little late), beside a loop that reads its log and decodes every event, and beside a
ledger of a tenth of the events. The plant is one of a generated national history of at most
100,000 events, whose registry page goes through the compliance of every plant.
"""

import json
from pathlib import Path

from common import QUICK, Line, alternate, at_most, duration, options, report, single
from compliance_year import ENTITIES, PROVINCES, write_new
from generated.chronicle import REGISTRY as NATIONAL_REGISTRY
from generated.plants import spread
from history import REGISTRY, History, remove, store
from province import History as National
from verification import fill, peak

from etsledger.ledger import Ledger
from etsledger.ledger.record import read

AS_OF = "2024-06-30"
LOADED = "from etsledger.projections.report import page\n"


def decoded(ledger: Ledger) -> int:
    """Reads every row and decodes its event; gives how many."""
    return sum(1 for row in ledger.store.rows() if read(row.type, row.state).record.position)


def memory(path: Path, subject: str) -> float:
    """The peak memory (MiB) of a process that makes one page."""
    return peak(path, f"{LOADED}assert ledger.report({subject!r}, as_of={AS_OF!r})")


def pages(rounds: int, path: Path, tenth: Path, events: int) -> list[Line]:
    """The registry of transfers."""
    fill(path)
    fill(tenth)
    with Ledger.open(path) as ledger:
        ours, bare = alternate(
            rounds, lambda: ledger.report(REGISTRY, as_of=AS_OF), lambda: decoded(ledger)
        )
    whole, part = memory(path, REGISTRY), memory(tenth, REGISTRY)
    name = f"page of a registry, {events:,} transfers"
    return [
        duration(name, ours, "read and decode", bare),
        single(f"{name}, peak memory", f"{whole:.0f} MiB", f"a tenth of the events: {part:.0f} MiB",
               whole / part, at_most(1.2)),
    ]  # fmt: skip


def national(rounds: int, path: Path, events: int, seed: int) -> list[Line]:
    """A plant, and the registry of all of them."""
    sizes = spread(seed, max(PROVINCES, ENTITIES * events // 100_000), PROVINCES)
    history = National(sizes, seed=seed)
    write_new(path, [json.dumps(command) for command in history.commands()])
    fill(path)
    plant = history.plants[0].name
    with Ledger.open(path) as ledger:
        of_plant, of_all, bare = alternate(
            rounds,
            lambda: ledger.report(plant, as_of=AS_OF),
            lambda: ledger.report(NATIONAL_REGISTRY, as_of=AS_OF),
            lambda: decoded(ledger),
        )
    one, every = memory(path, plant), memory(path, NATIONAL_REGISTRY)
    remove(path)
    name = f"page of a registry of {sum(sizes):,} plants"
    return [
        duration("page of one of its plants", of_plant, "read and decode all", bare),
        duration(name, of_all, "read and decode", bare),
        single(f"{name}, peak memory", f"{every:.0f} MiB", f"of one plant: {one:.0f} MiB",
               every / one, at_most(2)),
    ]  # fmt: skip


def main() -> None:
    """Measures both."""
    given = options(__doc__, rounds=3)
    path = store(given.data, History(given.events, given.seed))
    tenth = store(given.data, History(given.events // 10, given.seed))
    found = pages(given.rounds, path, tenth, given.events)
    found += national(
        given.rounds, given.data / "report-national.db", min(given.events, QUICK), given.seed
    )
    report(__file__, given, found)


if __name__ == "__main__":
    main()
