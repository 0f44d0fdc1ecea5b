"""Tracing: the tonnes of one unit from issuance to where they are, first in, first out.

A history of one unit in which every account gives away more than it was issued with, so that
tonnes go through many hands. Ours is ``Ledger.trace``: all that one account holds, and a
thousand serial numbers, each of which follows every posting of the unit. Beside it one
SQLAlchemy Core execute of the plain sum by account over the same rows. Then every range of
the unit in a process of its own, with its peak memory, beside a ledger with a tenth of the
events.
"""

import sys
from pathlib import Path

import history
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
    span,
)
from history import History, account, store
from sqlalchemy import create_engine, func, select

from etsledger.ledger import Ledger
from etsledger.ledger.tables import postings

UNIT = "CEA:2023"
ISSUED = 50_000
"""Less than an account gives away in all, more than it is ever short of."""
_c = postings.c
SUM = (
    select(_c.account, func.sum(_c.quantity))
    .where(_c.registry == history.REGISTRY, _c.unit == UNIT, _c.bucket == "held")
    .group_by(_c.account)
)


def built(given: Options) -> Path:
    """The store of the one-unit history."""
    history.UNITS, history.ISSUED = (UNIT,), ISSUED  # pyright: ignore[reportAttributeAccessIssue]
    folder = given.data / "one-unit"
    folder.mkdir(exist_ok=True)
    return store(folder, History(given.events, given.seed))


EVERY = """
from sys import argv
from time import perf_counter
from etsledger.ledger import Ledger
with Ledger.open(argv[1]) as ledger:
    start = perf_counter()
    ranges = sum(1 for _ in ledger.trace(unit=argv[2]))
    print(ranges, perf_counter() - start)
"""


def whole(given: Options, path: Path, rows: int) -> list[Line]:
    """Every range of the unit: time for a range, and memory for a posting."""
    small = built(given._replace(events=max(1_000, given.events // 10)))
    (ranges, took, peak), (few, short, low) = (every(one) for one in (path, small))
    return [
        single(
            f"every range of the unit ({ranges:,}): time of one", span(took / ranges),
            f"a tenth of the events: {span(short / few)}", took / ranges / (short / few),
            at_most(1.5),
        ),
        single(
            f"  {rows:,} postings, {took:.1f} s, peak memory", f"{peak:.0f} MiB",
            f"a tenth of the events: {low:.0f} MiB", peak / low, at_most(5),
        ),
    ]  # fmt: skip


def every(path: Path) -> tuple[int, float, float]:
    """How many ranges the unit has, the seconds to tell them, the peak memory in MiB."""
    found = run([sys.executable, "-c", EVERY, str(path), UNIT])
    ranges, took = found.output.split()
    return int(ranges), float(took), found.peak_mib


def main() -> None:
    """Traces an account, some numbers, and the whole unit."""
    given = options(__doc__, rounds=3)
    path = built(given)
    engine = create_engine(f"sqlite:///{path}")
    with Ledger.open(path) as ledger, engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA cache_size=-8192")  # as ours
        rows = 2 * (given.events - History(given.events).accounts - 1)
        held = ledger.balances(account=account(7), unit=UNIT)[0]["quantity"]
        own = list(ledger.trace(account=account(7)))
        if sum(row["quantity"] for row in own) != held:
            raise RuntimeError(f"the ranges of {account(7)} are not the {held} t it holds")
        times = alternate(
            given.rounds,
            lambda: list(ledger.trace(account=account(7))),
            lambda: list(ledger.trace(unit=UNIT, serials=(1, 1_000))),
            lambda: connection.execute(SUM).all(),
        )
        lines = [
            duration(f"{what}, {rows:,} postings of its unit", ours, "plain sum", times[2])
            for what, ours in zip(("an account's ranges", "1,000 numbers"), times[:2], strict=True)
        ]
        per_posting = [span(min(side) / rows) for side in times]
    lines += whole(given, path, rows)
    engine.dispose()
    report(__file__, given, lines, ranges_of_the_account=len(own), per_posting=per_posting)


if __name__ == "__main__":
    main()
