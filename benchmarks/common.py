"""What every benchmark shares: its options, alternating timing, and the table of ratios.

Public tools only: ``time.perf_counter`` around work in this process, ``os.wait4`` for whole
processes and their peak memory. Two sides that are compared run in turns, A B A B, and the
figure is the median of the ratios pair by pair, so that a machine that is busy for a while
slows both sides of a pair.
"""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
DEFAULT_DATA = Path(tempfile.gettempdir()) / "etsledger-benchmarks"
QUICK, FULL = 100_000, 1_000_000

Work = Callable[[], object]


class Options(NamedTuple):
    """What the command line asked for."""

    data: Path
    events: int
    rounds: int
    seed: int


def options(about: str | None, *, rounds: int, events: int = FULL) -> Options:
    """Reads the options that all benchmarks share; makes the data folder."""
    parser = argparse.ArgumentParser(description=(about or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder for the stores")
    parser.add_argument("--events", type=int, default=events, help="events in the store")
    parser.add_argument("--rounds", type=int, default=rounds, help="pairs of runs")
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    given = parser.parse_args()
    given.data.mkdir(parents=True, exist_ok=True)
    return Options(given.data, given.events, given.rounds, given.seed)


def timed(work: Work) -> float:
    """The seconds one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(rounds: int, *sides: Work) -> list[list[float]]:
    """The seconds of each side in each round; the sides take turns within a round."""
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, kept in zip(sides, times, strict=True):
            kept.append(timed(side))
    return times


def turns(works: Iterable[Work]) -> Work:
    """One call for each piece of work that was made ready, in order."""
    ready = iter(works)

    def turn() -> object:
        work = next(ready)
        return work()

    return turn


class Bar(NamedTuple):
    """Between what a ratio must lie, and what is aimed at."""

    low: float = 0
    high: float = float("inf")
    aim: float | None = None

    def met(self, ratio: float) -> bool:
        """Whether the ratio reaches the bar (not the aim)."""
        return self.low <= ratio <= self.high

    def __str__(self) -> str:
        if not self.low:
            return f"at most {self.high:g}"
        if self.high < float("inf"):
            return f"{self.low:g} to {self.high:g}"
        return f"at least {self.low:g}" + (f" (aim {self.aim:g})" if self.aim is not None else "")


class Line(NamedTuple):
    """One line of the table."""

    measure: str
    ours: str
    beside: str
    ratio: float
    spread: tuple[float, float]
    bar: Bar | None

    def as_dict(self) -> dict[str, Any]:
        """The line as it is kept in ``results.json``."""
        return {
            "measure": self.measure,
            "ours": self.ours,
            "beside": self.beside,
            "ratio": round(self.ratio, 4),
            "spread": [round(value, 4) for value in self.spread],
            "bar": None if self.bar is None else str(self.bar),
            "met": None if self.bar is None else self.bar.met(self.ratio),
        }


def at_least(low: float, aim: float | None = None) -> Bar:
    """A bar for a ratio of speeds."""
    return Bar(low=low, aim=aim)


def at_most(high: float) -> Bar:
    """A bar for a ratio of times or sizes."""
    return Bar(high=high)


def within(low: float, high: float) -> Bar:
    """A bar for a slope."""
    return Bar(low, high)


def speed(
    measure: str, ours: Sequence[float], name: str, beside: Sequence[float],
    *, work: int, bar: Bar | None = None,
) -> Line:  # fmt: skip
    """Our speed over theirs, from the seconds both took for ``work`` pieces of work."""
    ratios = [b / o for o, b in zip(ours, beside, strict=True)]
    return Line(
        measure, f"{work / median(ours):,.0f}/s", f"{name}: {work / median(beside):,.0f}/s",
        median(ratios), quartiles(ratios), bar,
    )  # fmt: skip


def duration(
    measure: str, ours: Sequence[float], name: str, beside: Sequence[float],
    *, bar: Bar | None = None,
) -> Line:  # fmt: skip
    """Our time over theirs."""
    ratios = [o / b for o, b in zip(ours, beside, strict=True)]
    return Line(
        measure, span(median(ours)), f"{name}: {span(median(beside))}",
        median(ratios), quartiles(ratios), bar,
    )  # fmt: skip


def single(measure: str, ours: str, beside: str, ratio: float, bar: Bar | None = None) -> Line:
    """A line whose ratio was made from one number on each side."""
    return Line(measure, ours, beside, ratio, (ratio, ratio), bar)


def quartiles(values: Iterable[float]) -> tuple[float, float]:
    """The lower and upper quartile, by the nearest value."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(last * 0.25)], ordered[round(last * 0.75)]


def span(seconds: float) -> str:
    """A duration for people."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def show(lines: Sequence[dict[str, Any]]) -> None:
    """Prints the table, a line for each measure."""
    head = ("measure", "ours", "beside", "ratio", "quartiles", "bar", "met")
    rows = [head]
    for line in lines:
        low, high = line["spread"]
        met = {True: "yes", False: "NO", None: ""}[line["met"]]
        rows.append((
            line["measure"], line["ours"], line["beside"], f"{line['ratio']:.2f}",
            f"{low:.2f}..{high:.2f}", line["bar"] or "", met,
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def report(script: str, given: Options, lines: Sequence[Line], **facts: Any) -> None:
    """Prints the lines and appends them to ``results.json`` with what they were made on."""
    kept: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    found = [line.as_dict() for line in lines]
    kept.append({
        "script": Path(script).stem,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "events": given.events,
        "rounds": given.rounds,
        "seed": given.seed,
        "facts": facts,
        "lines": found,
    })  # fmt: skip
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    show(found)
    for name, value in facts.items():
        print(f"{name}: {value}")
    sys.stdout.flush()


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


class Finished(NamedTuple):
    """A whole process that has ended: its output, its seconds, its peak memory in MiB."""

    output: str
    seconds: float
    peak_mib: float


def run(command: Sequence[str], *, stdin: str = "") -> Finished:
    """Runs a whole process, named by its path. Raises RuntimeError with its output if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        given, out, result = (Path(folder) / name for name in ("in", "out", "result"))
        given.write_text(stdin)
        launch = [sys.executable, "-S", "-E", str(HERE / "launch.py"), str(result), *command]
        with given.open("rb") as source, out.open("wb") as target:
            subprocess.run(
                launch, stdin=source, stdout=target, stderr=subprocess.STDOUT, check=True
            )
        status, seconds, peak = json.loads(result.read_text())
        output = out.read_text(errors="replace")
    if status:
        raise RuntimeError(f"{list(command)} answered {status}:\n{output}")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts in bytes, Linux in KiB
    return Finished(output, seconds, peak / unit)


def fsync_time(folder: Path, rounds: int = 200) -> float:
    """The median seconds of writing 4 KiB and making it durable, in a folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        block = os.urandom(4096)

        def write() -> None:
            file.seek(0)
            file.write(block)
            file.flush()
            os.fsync(file.fileno())

        return median(timed(write) for _ in range(rounds))
