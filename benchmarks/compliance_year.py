"""The national market's years: a generated history applied, and compliance asked of all.

A history of 2,096 plants from 2019 to 2024 (``province.py``) is applied as a command file,
beside plain transfers in a ledger of the same accounts. Then ``compliance`` of all entities
as of five dates, beside ``balances`` of all of them; the peak memory of a process that asks;
and a province of 1,000 plants beside a hundred of ten in one ledger.
"""

import json
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

from common import (
    Line,
    Options,
    alternate,
    at_most,
    duration,
    options,
    report,
    run,
    single,
    timed,
    turns,
)
from generated.chronicle import REGISTRY, SHANGHAI
from generated.plants import spread
from history import copy, remove
from province import History

from etsledger.domain.times import iso
from etsledger.ledger import Ledger

BATCH = 1_000
ENTITIES, PROVINCES = 2_096, 30
DATES = ("2021-06-30", "2021-12-31", "2023-12-31", "2024-12-31", "2026-01-31")
MOST_MIB = 300
KINDS = ("pre_allocate", "finalise_allocation", "surrender", "confirm_surrender")
"""What a province does for each of its entities."""
UNIT, EACH = "CEA:2021", 1_000_000
BEGIN = datetime(2026, 3, 1, tzinfo=SHANGHAI)
Lines = Sequence[str]


def main() -> None:
    """Runs all of it."""
    given = options(__doc__, rounds=5, events=100_000)
    # A history of 2,096 plants is nearly 100,000 commands.
    sizes = spread(given.seed, max(PROVINCES, ENTITIES * given.events // 100_000), PROVINCES)
    lines = [json.dumps(command) for command in History(sizes, seed=given.seed).commands()]
    beside = ready_to_transfer(given.data, sizes, given.seed)
    store = given.data / "years.db"
    found = [
        *applied(given, store, lines, beside, sum(sizes)),
        *asked(given, store),
        *provinces(given),
    ]
    checked(store)
    remove(store)
    remove(beside)
    report(__file__, given, found, commands=len(lines), entities=sum(sizes))


def write(ledger: Ledger, lines: Lines) -> None:
    """Applies commands in batches of 1,000. Raises RuntimeError unless all are accepted."""
    for outcome in ledger.apply(lines, chunk=BATCH):
        if outcome.outcome != "accepted":
            raise RuntimeError(f"{outcome.id}: {outcome.refusal}")


def write_new(path: Path, lines: Lines) -> None:
    """The same into a new store."""
    remove(path)
    with Ledger.open(path, create=True) as ledger:
        write(ledger, lines)


# -- the history beside plain transfers ----------------------------------------------------


def ready_to_transfer(folder: Path, sizes: Sequence[int], seed: int) -> Path:
    """A store with the accounts of the history, each holding enough for all transfers."""
    history = History(sizes, seed=seed)
    opening = []
    for command in history.commands():
        if command["command"] == "record_verified":
            break
        opening.append(json.dumps(command))
    plants = history.plants
    opening.append(_line("issue", "issue", unit=UNIT, quantity=EACH * len(plants)))
    opening += [
        _line("transfer", f"give-{plant.name}", unit=UNIT, quantity=EACH, kind="release",
              **{"from": "authority", "to": plant.account})
        for plant in plants
    ]  # fmt: skip
    path = folder / "transfers.db"
    write_new(path, opening)
    return path


def transfers(count: int, entities: int, seed: int, first: int = 0) -> Iterator[str]:
    """Plain transfers between random accounts, with rising effective times."""
    for number in range(first, first + count):
        choose = random.Random(seed * 1_000_000_007 + number)
        source, target = choose.sample(range(entities), 2)
        yield _line(
            "transfer", f"transfer-{number:08d}", number, unit=UNIT,
            quantity=choose.randint(1, 500), kind="succession",
            **{"from": f"plant-{source + 1:04d}-1", "to": f"plant-{target + 1:04d}-1"},
        )  # fmt: skip


def _line(command: str, id_: str, number: int = 0, **fields: object) -> str:
    at = iso(BEGIN + timedelta(seconds=number))
    head = {"command": command, "id": id_, "registry": REGISTRY, "effective_at": at}
    return json.dumps({**head, **fields})


def applied(
    given: Options, store: Path, lines: Lines, beside: Path, entities: int
) -> Iterator[Line]:
    """The whole file, then kind by kind; leaves the store with the history in it."""
    moves = list(transfers(len(lines), entities, given.seed))
    work = copy(beside, "transfers-work.db")

    def whole(path: Path, whole_file: Lines) -> None:
        with Ledger.open(path, create=True) as ledger:
            write(ledger, whole_file)

    times: list[list[float]] = [[], []]
    for _ in range(max(2, given.rounds // 2)):
        remove(store)
        copy(beside, work.name)
        times[0].append(timed(partial(whole, store, lines)) / len(lines))
        times[1].append(timed(partial(whole, work, moves)) / len(moves))
    yield duration("a command of the whole file", times[0], "transfer", times[1],
                   bar=at_most(3))  # fmt: skip
    yield from by_kind(copy(beside, work.name), store, lines, moves)
    remove(work)


def by_kind(work: Path, store: Path, lines: Lines, moves: Lines) -> Iterator[Line]:
    """A batch of the history, then one of as many transfers, and so on."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    remove(store)
    with Ledger.open(store, create=True) as ours, Ledger.open(work) as plain:
        first = 0
        for kind, run_ in groupby(lines, key=lambda line: json.loads(line)["command"]):
            stretch = list(run_)
            for start in range(0, len(stretch), BATCH):
                batch = stretch[start : start + BATCH]
                same = moves[first : first + len(batch)]
                first += len(batch)
                seconds = timed(partial(write, ours, batch)), timed(partial(write, plain, same))
                if len(batch) >= BATCH // 4:  # of a few, the commit is most
                    for kept, took in zip(times.setdefault(kind, ([], [])), seconds, strict=True):
                        kept.append(took / len(batch))
    for kind, (ours_, plain_) in sorted(times.items()):
        yield duration(f"  {kind}", ours_, "transfer", plain_)


# -- questions -----------------------------------------------------------------------------


def asked(given: Options, store: Path) -> Iterator[Line]:
    """Compliance of all entities beside balances of all of them, as of the same dates."""
    dates = DATES * given.rounds
    with Ledger.open(store) as ledger:
        for date in DATES:  # both have followed the log
            ledger.compliance(as_of=date)
            ledger.balances(as_of=date)
        warm = alternate(
            len(dates),
            turns([partial(ledger.compliance, registry=REGISTRY, as_of=date) for date in dates]),
            turns([partial(ledger.balances, registry=REGISTRY, as_of=date) for date in dates]),
        )
    yield duration("compliance of all as of a date", warm[0], "balances", warm[1], bar=at_most(3))
    ours, beside = processes(store, given.rounds)
    yield duration("the same, whole processes", ours, "balances", beside, bar=at_most(3))
    for name in ("compliance", "balances"):
        peak = run([sys.executable, "-c", QUESTION.format(str(store), name)]).peak_mib
        yield single(f"{name} of all as of five dates, peak memory", f"{peak:.0f} MiB",
                     f"{MOST_MIB} MiB", peak / MOST_MIB,
                     at_most(1) if name == "compliance" else None)  # fmt: skip


QUESTION = (
    """
from etsledger.ledger import Ledger
with Ledger.open({!r}, read_only=True) as ledger:
    for date in """
    + repr(DATES)
    + """:
        print(len(ledger.{}(as_of=date)))
"""
)


def processes(store: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of ``etsledger compliance`` and of ``etsledger balances``, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        date = DATES[number % len(DATES)]
        for name, kept in zip(("compliance", "balances"), times, strict=True):
            finished = run([
                sys.executable, "-m", "etsledger.cli", "--store", str(store), name,
                "--registry", REGISTRY, "--as-of", date, "--format", "json",
            ])  # fmt: skip
            if REGISTRY not in finished.output:
                raise RuntimeError(f"{name} as of {date} said {finished.output[:500]!r}")
            if number:  # the first fills the caches of compiled modules and pages
                kept.append(finished.seconds)
    return times


# -- one large province beside many small ones ---------------------------------------------


def provinces(given: Options) -> Iterator[Line]:
    """One province of 1,000 plants and a hundred of ten, in turns in one ledger."""
    large = max(100, ENTITIES * given.events // 200_000 // 100 * 100)
    history = History([large, *[10] * (large // 10)], seed=given.seed, roles=False)
    names = {plant.name: plant.province for plant in history.plants}
    first = history.plants[0].province
    times: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in KINDS}
    path = given.data / "provinces.db"
    remove(path)
    with Ledger.open(path, create=True) as ledger:
        for kind, run_ in groupby(history.commands(), key=lambda command: command["command"]):
            stretch = list(run_)
            if kind not in KINDS:
                write(ledger, [json.dumps(command) for command in stretch])
                continue
            sides: tuple[list[str], list[str]] = ([], [])
            for command in stretch:
                # Confirmations name the surrender, whose id ends in plant and number.
                plant = command.get("entity") or command["surrender"].split("/")[2]
                sides[names[plant] != first].append(json.dumps(command))
            for pair in zip(_parts(sides[0]), _parts(sides[1]), strict=False):
                for kept, part in zip(times[kind], pair, strict=True):
                    kept.append(timed(partial(write, ledger, part)) / max(1, len(part)))
            for side in sides:  # what has no counterpart on the other side
                write(ledger, side[min(len(_parts(s)) for s in sides) * BATCH // 4 :])
    for kind, (one, many) in times.items():
        yield duration(f"  {kind}, a province of {large:,}", one, "provinces of 10", many,
                       bar=at_most(1.2))  # fmt: skip
    remove(path)


def _parts(lines: list[str]) -> list[list[str]]:
    size = BATCH // 4
    return [lines[start : start + size] for start in range(0, len(lines), size)]


def checked(store: Path) -> None:
    """Raises RuntimeError unless the history verifies and every unit balances."""
    with Ledger.open(store) as ledger:
        found = ledger.verify()
        rows = ledger.supply()
    if not found.ok or not all(row["balanced"] for row in rows):
        raise RuntimeError(f"{found}, {rows}")


if __name__ == "__main__":
    main()
