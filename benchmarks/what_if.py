"""The log decided again: a generated national history replayed, unchanged and under other rules.

A history of 2,096 plants from 2019 to 2024 (``province.py``) is applied as a command file. Its
books are made again from the log and compared (``replay``), and every command is decided again
with nothing changed and with the benchmarks of 2024 in force for 2023, both beside applying the
history. The differences of entitlements must equal the recomputation of
``generated/entitlements.py``.
"""

import json
import tomllib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from common import Options, alternate, duration, options, report
from generated import entitlements
from generated.plants import spread
from history import remove
from province import History

from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, WhatIf

ENTITIES, PROVINCES = 2_096, 30
RULEBOOK = Path(__file__).parent / "generated" / "benchmarks_2024_in_2023.toml"
BATCH = 1_000


def main() -> None:
    """Runs all of it."""
    given = options(__doc__, rounds=3, events=100_000)
    sizes = spread(given.seed, max(PROVINCES, ENTITIES * given.events // 100_000), PROVINCES)
    history = History(sizes, seed=given.seed)
    lines = [json.dumps(command) for command in history.commands()]
    store = given.data / "what-if.db"
    rulebook = tomllib.loads(RULEBOOK.read_text("utf-8"), parse_float=Decimal)
    write(store, lines)
    with Ledger.open(store, read_only=True) as ledger:
        check(history, ledger.what_if(rulebook=rulebook))
        same = ledger.what_if()
        if not same.same_log or same.differs:
            raise RuntimeError(f"with nothing changed something differs: {same.summary()}")
    run(given, store, lines, rulebook)


def run(given: Options, store: Path, lines: list[str], rulebook: dict[str, Any]) -> None:
    """The durations beside applying the commands in the first place."""
    other = given.data / "what-if-again.db"
    with Ledger.open(store, read_only=True) as ledger:
        replayed, again, under, applied = alternate(
            given.rounds,
            ledger.replay,
            ledger.what_if,
            lambda: ledger.what_if(rulebook=rulebook),
            lambda: write(other, lines),
        )
        commands = f"{len(lines):,} commands"
    remove(other)
    report(__file__, given, [
        duration(f"replay, {commands}", replayed, "apply", applied),
        duration(f"what if nothing changed, {commands}", again, "apply", applied),
        duration(f"what if other benchmarks, {commands}", under, "apply", applied),
    ])  # fmt: skip


def write(path: Path, lines: list[str]) -> None:
    """The history in a new store, by a clock that follows it."""
    remove(path)
    now = parse_instant("2021-01-01")

    def follow() -> Iterator[str]:
        nonlocal now
        for line in lines:
            now = max(now, parse_instant(json.loads(line)["effective_at"]))
            yield line

    def clock() -> datetime:
        return now

    with Ledger.open(path, create=True, clock=clock) as ledger:
        for outcome in ledger.apply(follow(), chunk=BATCH):
            if outcome.outcome != "accepted":
                raise RuntimeError(f"{outcome.id}: {outcome.refusal}")


def check(history: History, found: WhatIf) -> None:
    """The differences beside the recomputation. Raises RuntimeError."""
    before = approved(history)
    kept = entitlements.BENCHMARKS[2023]
    entitlements.BENCHMARKS[2023] = entitlements.BENCHMARKS[2024]
    after = approved(history)
    entitlements.BENCHMARKS[2023] = kept
    expected = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    differ = {
        one.key["entity"]: (one.of(one.before, "entitlement"), one.of(one.after, "entitlement"))
        for one in found.entitlements
    }
    if differ != expected or not expected:
        wrong = [name for name in {*differ, *expected} if differ.get(name) != expected.get(name)]
        raise RuntimeError(f"{len(wrong)} entitlements are not those expected: {wrong[:5]}")
    print(f"{len(expected):,} of {len(before):,} entitlements differ, each as recomputed")
    print(json.dumps(found.summary()))


def approved(history: History) -> dict[str, int]:
    """Each plant's entitlement of 2023 by the units its last approval was given for."""
    found: dict[str, int] = {}
    for plant in history.plants:
        approvals = history.books.year(plant.name, 2023).approvals
        if approvals:
            found[plant.name] = entitlements.entitlement(2023, approvals[-1][1]).total
    return found


if __name__ == "__main__":
    main()
