"""The database sums, counts and cuts what differs as one would by reading every posting."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from etsledger.domain.events import ALL_UNITS
from etsledger.domain.times import iso, parse_instant, to_micros
from etsledger.ledger import Ledger
from etsledger.ledger.log import PostingRow
from etsledger.ledger.postings import INDEX
from etsledger.ledger.tables import postings, postings_by_account
from helpers import UNIT, DayBook, SteppingClock, send_all, trial_registry
from national import SUMMER, NationalBook
from plain_diff import all_postings, plain_numbers, told_numbers

HEAD = 24
DAY = 86_400_000_000
FIRST = to_micros(parse_instant("2024-01-01", end_of_day=False))
REGISTRIES = ("other", "trial")
ACCOUNTS = ("crrc-1", "desk-1", "issuance")
ASKED = (None, None, *ACCOUNTS)
UNITS = (UNIT, ALL_UNITS)

days = st.integers(0, 6)
positions = st.integers(0, HEAD)
legs = st.tuples(
    st.sampled_from(REGISTRIES),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(UNITS),
    st.sampled_from(("held", "frozen")),
    st.sampled_from((-2, -1, -1, 0, 1, 1, 2)),
)
events = st.lists(
    st.tuples(st.integers(1, HEAD), days, st.lists(legs, min_size=1, max_size=5)),
    max_size=HEAD,
    unique_by=lambda event: event[0],
)
"""Position, day of effect, and what is posted: to few rows, so that much of it cancels out."""
viewpoints = st.tuples(days, positions)

Log = list[tuple[int, int, list[tuple[str, str, str, str, int]]]]
BACK_AND_FORTH: Log = [
    (4, 3, [("trial", "crrc-1", UNIT, "held", 2), ("trial", "crrc-1", UNIT, "held", -2)]),
    (5, 2, [("trial", "crrc-1", UNIT, "held", 1), ("trial", "crrc-1", UNIT, "held", 1)]),
    (9, 1, [("trial", "crrc-1", UNIT, "held", -1)]),
    (12, 3, [("trial", "desk-1", UNIT, "held", 1), ("trial", "crrc-1", UNIT, "held", 0)]),
]


def rows_of(log: Log) -> list[PostingRow]:
    return [
        (position, leg, registry, account, unit, bucket, FIRST + day * DAY, quantity)
        for position, day, posted in log
        for leg, (registry, account, unit, bucket, quantity) in enumerate(posted)
    ]


@contextmanager
def posted(ledger: Ledger, rows: list[PostingRow], done: int, merging: int) -> Iterator[None]:
    """Has these postings in place of its own; the index answers up to ``done``.

    A merge that has not ended yet has put ``merging`` positions more into it.
    """
    names = [column.name for column in postings.columns]
    with ledger.store.engine.begin() as connection:
        for table, upto in ((postings, HEAD), (postings_by_account, done + merging)):
            connection.execute(delete(table))
            given = [dict(zip(names, row, strict=True)) for row in rows if row[0] <= upto]
            if given:
                connection.execute(insert(table), given)
        ledger.store.set_cursor(connection, INDEX, done)
    yield


@pytest.fixture
def long_enough(ledger: Ledger) -> Ledger:
    """A log of ``HEAD`` events, whose papers are told of."""
    send_all(ledger, trial_registry())
    book = DayBook(ledger)
    for _ in range(HEAD - ledger.head().position):
        book.issue(1, at="2024-01-02")
    assert ledger.head().position == HEAD
    return ledger


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(BACK_AND_FORTH, (0, HEAD), (6, HEAD), HEAD, 0, 20, None, None, None)
@example(BACK_AND_FORTH, (6, HEAD), (0, HEAD), 6, 6, 1, None, None, None)  # backwards
@example(BACK_AND_FORTH, (6, 5), (2, HEAD), HEAD, 0, 1, None, None, None)  # each knows its own
@example(BACK_AND_FORTH, (6, 8), (6, HEAD), 8, 0, 2, None, None, None)  # none of it indexed
@example(BACK_AND_FORTH, (6, 0), (6, HEAD), 0, HEAD, 2, "crrc-1", "trial", UNIT)
@given(
    log=events,
    before=viewpoints,
    after=viewpoints,
    done=positions,
    merging=positions,
    most=st.integers(0, 4),
    account=st.sampled_from(ASKED),
    registry=st.sampled_from((None, *REGISTRIES)),
    unit=st.sampled_from((None, None, *UNITS)),
)
def test_what_the_database_sums_is_what_every_posting_says(
    long_enough: Ledger,
    log: Log,
    before: tuple[int, int],
    after: tuple[int, int],
    done: int,
    merging: int,
    most: int,
    account: str | None,
    registry: str | None,
    unit: str | None,
) -> None:
    asked: Any = {"account": account, "registry": registry, "unit": unit}
    rows = rows_of(log)
    with posted(long_enough, rows, done, merging):
        start, end = ((_text(FIRST + day * DAY), known) for day, known in (before, after))
        found = told_numbers(long_enough.diff(start, end, events=most, **asked))
    start, end = ((FIRST + day * DAY, known) for day, known in (before, after))
    assert found == plain_numbers(rows, start, end, most=most, **asked)


def _text(at: int) -> str:
    return iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at))


# -- real events -------------------------------------------------------------------------------


@pytest.fixture
def year(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """A year of a plant: allocated, sold from, surrendered by way of province and authority."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant()
    book.fund("CEA:2024", 5_000)
    book.give(600, at="2025-01-01")
    book.verified(1_000, at="2025-06-01")
    book.met(400, at="2025-07-01")
    clock.now = "2025-09-01T09:00:00+08:00"
    book.met(100, at="2025-07-15")  # back-dated
    book.send("freeze", account="plant-1", at="2025-08-01")
    return book


TIMES = ("2001-01-01", "2025-03-01", "2025-07-01", "2025-07-20", "2025-09-01")


@pytest.mark.parametrize("lag", [1, 10**6])
def test_events_that_only_pass_through_an_account_are_not_told(
    year: NationalBook, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    for module in ("ledger.postings", "projections.books"):
        monkeypatch.setattr(f"etsledger.{module}.LAG", lag)
    rows, ledger = all_postings(year.ledger), year.ledger
    head = ledger.head().position
    passed = {
        position
        for position, _, _, account, _, bucket, _, quantity in rows
        if (account, bucket) == ("hubei", "held") and quantity < 0
    }
    assert len(passed) == 2, "a surrender goes by way of the province"
    (hubei,) = ledger.diff((TIMES[0], None), account="hubei")
    assert hubei["event_count"] == len(hubei["events"]) == 1
    views = [(at, known) for at in TIMES for known in (head // 2, head)]
    for start in views:
        for end in views:
            found = told_numbers(ledger.diff(start, end, unit="CEA:2024", events=2))
            whens = [(to_micros(parse_instant(at)), known) for at, known in (start, end)]
            assert found == plain_numbers(rows, *whens, most=2, unit="CEA:2024"), (start, end)
