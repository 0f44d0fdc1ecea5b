"""The differing balances of two viewpoints the plain way: every posting is looked at, one by one.

What ``diff`` asks the database to sum, count and cut is done here in Python, from the postings
in the order of the log.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import select

from etsledger.domain.events import ALL_UNITS, OUTSIDE_ACCOUNTS
from etsledger.ledger import Ledger
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.log import PostingRow
from etsledger.ledger.tables import postings

When = tuple[int, int]
"""As-of (in microseconds) and the last position known."""
Numbers = tuple[str, str, str, str, int, int, int, int, list[tuple[int, str, int]]]
"""Registry, account, unit, field, from, to, change, number of events, and of each event told
the position, the reason and the tonnes."""
_WHY = {
    (True, True, True): "took effect and became known",
    (True, True, False): "took effect",
    (True, False, True): "became known",
    (False, True, True): "not yet in effect, not yet known",
    (False, True, False): "not yet in effect",
    (False, False, True): "not yet known",
}


class _Posted(NamedTuple):
    key: tuple[str, str, str, str]
    at: int
    position: int
    quantity: int


def plain_numbers(
    rows: Iterable[PostingRow],
    before: When,
    after: When,
    *,
    most: int,
    account: str | None = None,
    registry: str | None = None,
    unit: str | None = None,
) -> list[Numbers]:
    """Every balance that differs, with the first ``most`` of its events."""
    posted = sorted(
        _Posted((r, a, u, bucket), at, position, quantity)
        for position, _, r, a, u, bucket, at, quantity in rows
        if account in (None, a)
        and registry in (None, r)
        and (unit is None or u in (unit, ALL_UNITS))
    )
    found: list[Numbers] = []
    for (r, a, u, bucket), of_row in groupby(posted, key=itemgetter(0)):
        if a in OUTSIDE_ACCOUNTS:
            continue
        start = end = 0
        events: list[tuple[int, str, int]] = []
        for (position, at), legs in groupby(of_row, key=itemgetter(2, 1)):
            tonnes = sum(leg.quantity for leg in legs)
            was, now = ((at <= as_of and position <= known) for as_of, known in (before, after))
            start += tonnes if was else 0
            end += tonnes if now else 0
            if was != now and tonnes:
                unseen = before if now else after
                why = _WHY[now, at > unseen[0], position > unseen[1]]
                events.append((position, why, tonnes if now else -tonnes))
        if start != end:
            field = "quantity" if bucket == "held" else bucket
            numbers = (start, end, end - start, len(events), events[:most])
            found.append((r, a, u, field, *numbers))
    return found


def told_numbers(rows: Iterable[DiffRow]) -> list[Numbers]:
    """What ``diff`` tells of balances, in the same shape and order."""
    found: list[Any] = [
        (
            row["registry"], row["account"], row["unit"], row["field"],
            row["from"], row["to"], row["change"], row["event_count"],
            [(event["position"], event["why"], event["change"]) for event in row["events"]],
        )
        for row in rows
        if row["what"] == "balance"
    ]  # fmt: skip
    return found


def all_postings(ledger: Ledger) -> list[PostingRow]:
    """Every posting of the log."""
    with ledger.store.engine.connect() as connection:
        rows: Any = connection.execute(select(postings))
        return [tuple(row) for row in rows]
