"""A plausible history of provinces in the national market, 2019 to 2024, as a command file.

``python benchmarks/province.py --seed 7 --entities 2096 --provinces 30 > history.jsonl``

Seeded and the same every time. Plants of the power sector are verified, allocated to in two
steps, settle their shortages by release and succession, surrender and are assessed, cycle by
cycle; a few of each kind of trouble of ``plants.ROLES`` are among them. Effective times rise
with the lines, except those of corrected reports. ``History`` also keeps what it expects.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from generated.allocation import Allocation
from generated.chronicle import CYCLES, Chronicle, Step
from generated.plants import plants, spread
from generated.surrender import Surrender


class History:
    """All commands of a history, in order, and the books they should lead to.

    ``sizes`` are the numbers of plants of each province. ``roles=False`` leaves all trouble
    out, ``mistakes`` adds commands that must be refused, each with its code.
    """

    def __init__(
        self, sizes: Sequence[int], *, seed: int = 7, roles: bool = True, mistakes: bool = False
    ) -> None:
        self._book = Chronicle(plants(seed, sizes, roles=roles), mistakes=mistakes)
        self._allocation = Allocation(self._book)
        self._surrender = Surrender(self._book, self._allocation, seed)
        self.plants = self._book.plants
        self.books = self._book.books

    def steps(self) -> Iterator[Step]:
        """Every command with what becomes of it. To be asked once."""
        yield from self._opening()
        yield from self._allocation.verify(2018, "2021-01-20")
        for cycle in CYCLES:
            yield from self._allocation.allocation(cycle)
            yield from self._surrender.settlement(cycle)
            yield from self._surrender.surrender(cycle)

    def commands(self) -> Iterator[dict[str, Any]]:
        """The commands alone."""
        return (step.command for step in self.steps())

    def _opening(self) -> Iterator[Step]:
        yield self._book.step("open_registry", "open", rulebook="cn-national")
        for name in sorted({plant.province for plant in self.plants}):
            yield self._book.step("open_account", f"open/{name}", account=name, kind="province")
        for plant in self.plants:
            yield self._book.step(
                "register_entity", f"register/{plant.name}",
                entity=plant.name, name=plant.name.replace("-", " ").title(), sector="power",
                province=plant.province,
            )  # fmt: skip
            yield self._book.step(
                "open_account", f"open/{plant.account}",
                account=plant.account, kind="entity", entity=plant.name,
            )  # fmt: skip


def main() -> None:
    """Writes a history to standard output, a command a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=7, help="seed of every random choice")
    parser.add_argument("--entities", type=int, default=2096, help="how many plants")
    parser.add_argument("--provinces", type=int, default=30, help="how many provinces at most")
    given = parser.parse_args()
    history = History(spread(given.seed, given.entities, given.provinces), seed=given.seed)
    for command in history.commands():
        sys.stdout.write(json.dumps(command) + "\n")


if __name__ == "__main__":
    main()
