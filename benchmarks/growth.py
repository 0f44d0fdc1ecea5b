"""Growth: the same work on ledgers of 10,000, 100,000 and 1,000,000 events.

Writes and one-account questions must take the same time on all of them; what reads
everything must take a time in proportion. The sizes take turns within a round. Accounts grow
with events, 250 events to an account, so that an account has as many postings everywhere.
The plot goes to ``docs/growth.png``.
"""

import math
import random
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

from common import (
    HERE,
    Line,
    Options,
    Work,
    at_most,
    duration,
    options,
    report,
    single,
    span,
    timed,
    within,
)
from history import START, YEARS, History, account, copy, remove, store
from replay import replay

from etsledger.ledger import Ledger

SIZES = (10_000, 100_000, 1_000_000)
SINGLES, BATCH, QUESTIONS = 200, 1_000, 100
SLOW_ROUNDS = 3
PLOT = HERE.parent / "docs" / "growth.png"
FLAT = ("single transfers", "batches of 1,000", "one account as of")
LINEAR = ("all accounts as of", "replay", "verify")
Seconds = dict[str, float]


class Subject(NamedTuple):
    """A ledger of one size, with what is left to write on it."""

    history: History
    path: Path
    ledger: Ledger

    def transfers(self, count: int) -> list[str]:
        """The next transfers of its history."""
        first = self.ledger.store.head_position()
        return [self.history.transfer(first + i) for i in range(count)]


def measured(one: Subject, choose: random.Random, *, slow: bool) -> Seconds:
    """The seconds of every kind of work, by piece for the small ones."""
    ledger = one.ledger
    lines = one.transfers(SINGLES + BATCH)

    def execute() -> None:
        for line in lines[:SINGLES]:
            ledger.execute(line)

    def apply() -> None:
        if any(o.outcome != "accepted" for o in ledger.apply(lines[SINGLES:])):
            raise RuntimeError("a transfer was not accepted")

    asked = [
        (account(choose.randrange(one.history.accounts)), START + YEARS * choose.random())
        for _ in range(QUESTIONS)
    ]

    def ask() -> None:
        for name, at in asked:
            ledger.balances(account=name, as_of=at)

    late = START + YEARS - timedelta(days=30)
    found = {
        "single transfers": timed(execute) / SINGLES,
        "batches of 1,000": timed(apply) / BATCH,
    }
    ledger.balances(account=asked[0][0])  # the index by account catches up
    found["one account as of"] = timed(ask) / QUESTIONS
    found["all accounts as of"] = steady(lambda: ledger.balances(as_of=late))
    if slow:
        found["replay"] = steady(lambda: replay(ledger))
        found["verify"] = steady(lambda: sound(ledger))
    return found


def steady(work: Work) -> float:
    """The mean seconds of as many calls as fill half a second, so that small ones count too."""
    first = timed(work)
    more = int(0.5 / first)
    return (first + sum(timed(work) for _ in range(more))) / (1 + more)


def sound(ledger: Ledger) -> None:
    """Verifies everything. Raises RuntimeError."""
    if not (found := ledger.verify()).ok:
        raise RuntimeError(f"{found.findings[:3]}")


def slope(sizes: list[int], seconds: list[float]) -> float:
    """The least-squares slope of log seconds over log size."""
    x = [math.log(size) for size in sizes]
    y = [math.log(second) for second in seconds]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return over / sum((a - mean_x) ** 2 for a in x)


def run(given: Options, sizes: list[int]) -> dict[str, dict[int, list[float]]]:
    """Seconds by kind of work and size, a figure for each round."""
    choose = random.Random(given.seed)
    subjects: dict[int, Subject] = {}
    times: dict[str, dict[int, list[float]]] = {}
    for size in sizes:
        history = History(size, given.seed)
        path = copy(store(given.data, history), f"growth-{size}.db")
        subjects[size] = Subject(history, path, Ledger.open(path))
        subjects[size].ledger.execute(subjects[size].transfers(1)[0])  # reads the state once
    for number in range(given.rounds):
        for size, one in subjects.items():
            for name, seconds in measured(one, choose, slow=number < SLOW_ROUNDS).items():
                times.setdefault(name, {}).setdefault(size, []).append(seconds)
        print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
    for one in subjects.values():
        one.ledger.close()
        remove(one.path)
    return times


def lines_of(times: dict[str, dict[int, list[float]]], sizes: list[int]) -> list[Line]:
    """The table: ratios from first to last, and slopes."""
    first, last = sizes[0], sizes[-1]
    found: list[Line] = []
    for name in FLAT:
        times_at = times[name]
        measure = f"{name}, {last:,} events"
        found.append(
            duration(measure, times_at[last], f"{first:,} events", times_at[first],
                     bar=at_most(1.5))
        )  # fmt: skip
    for name in LINEAR:
        middle = [median(times[name][size]) for size in sizes]
        found.append(single(f"{name}, log-log slope", span(middle[-1]),
                            f"{first:,} events: {span(middle[0])}", slope(sizes, middle),
                            within(0.9, 1.1)))  # fmt: skip
    return found


def plot(times: dict[str, dict[int, list[float]]], path: Path) -> None:
    """Draws seconds over events, both logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 4.5))
    for name in (*FLAT, *LINEAR):
        sizes = sorted(times[name])
        axes.loglog(sizes, [median(times[name][size]) for size in sizes],
                    marker="o", linestyle="-" if name in LINEAR else "--", label=name)  # fmt: skip
    axes.set_xlabel("events in the ledger")
    axes.set_ylabel("seconds (a transfer, a question, a pass)")
    axes.set_title("Cost by size of the ledger (SQLite, synchronous FULL)")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Measures, draws and reports."""
    given = options(__doc__, rounds=15)
    sizes = [size for size in SIZES if size <= given.events]
    times = run(given, sizes)
    if sizes == list(SIZES):
        plot(times, PLOT)
    report(__file__, given, lines_of(times, sizes))


if __name__ == "__main__":
    main()
