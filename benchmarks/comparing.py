"""Comparing: what changed in all accounts between two dates, and by which events.

Ours is ``Ledger.diff`` with the events that it tells unless told otherwise; beside it the two
``balances`` of all accounts that one would subtract by hand. Where most accounts changed, what
it tells is much the same for any log (20,000 events at most), so the bar for a month and more is
that of a million events.
"""

from datetime import timedelta

from common import FULL, alternate, at_most, duration, options, report
from history import START, YEARS, History, store

from etsledger.ledger import Ledger

END = START + YEARS - timedelta(days=30)
APART = {"a day": 1, "a month": 30, "a year": 365, "three years": 3 * 365, "the whole log": 4 * 365}


def main() -> None:
    """Compares dates that are more and more apart."""
    given = options(__doc__, rounds=5)
    path = store(given.data, History(given.events, given.seed))
    lines, facts = [], dict[str, int]()
    with Ledger.open(path) as ledger:
        for name, days in APART.items():
            start = END - timedelta(days=days)
            rows = ledger.diff((start, None), (END, None))
            told = [row for row in rows if row["event_count"] == len(row["events"])]
            wrong = [r for r in told if sum(e["change"] or 0 for e in r["events"]) != r["change"]]
            if wrong or not rows:
                raise RuntimeError(f"the events of {wrong[:1]} do not make up its change")
            times = alternate(
                given.rounds,
                lambda start=start: ledger.diff((start, None), (END, None)),
                lambda start=start: [ledger.balances(as_of=at) for at in (start, END)],
            )
            bar = at_most(2) if days == 1 or given.events >= FULL else None
            what = f"two dates {name} apart, all accounts, {given.events:,} events"
            lines.append(duration(what, times[0], "two balances", times[1],
                                  bar=bar))  # fmt: skip
            facts[f"rows_{name.split()[-1]}"] = len(rows)
    report(__file__, given, lines, **facts)


if __name__ == "__main__":
    main()
