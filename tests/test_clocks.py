"""Two clocks and one order: when a fact holds, when it was written down, and where it stands."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from freezegun import freeze_time

from etsledger.domain.times import SHANGHAI
from etsledger.ledger import Ledger, StoreError
from etsledger.ledger.clock import LEAP_BOUND
from helpers import ON_SQLITE, DayBook, SteppingClock, records, standing, trial_registry

NEW_YORK = timezone(timedelta(hours=-5))


def times_of(book: DayBook, position: int) -> tuple[str, str]:
    (event,) = book.ledger.events(from_position=position, to_position=position)
    return event["effective_at"], event["recorded_at"]


# -- reading times -----------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2024-03-01", "2024-03-01T00:00:00+08:00"),
        ("2024-03-01T12:30", "2024-03-01T12:30:00+08:00"),
        ("2024-03-01 12:30:15", "2024-03-01T12:30:15+08:00"),
        ("2024-03-01T12:30:15.000001", "2024-03-01T12:30:15.000001+08:00"),
        ("2024-03-01T12:30:15.5", "2024-03-01T12:30:15.500000+08:00"),
        ("2024-03-01T12:30:15+08:00", "2024-03-01T12:30:15+08:00"),
        ("2024-03-01T12:30:15Z", "2024-03-01T20:30:15+08:00"),
        ("2024-03-01T20:30:15-05:00", "2024-03-02T09:30:15+08:00"),
        ("2024-02-29", "2024-02-29T00:00:00+08:00"),
        ("1900-01-01", "1900-01-01T00:00:00+08:00"),
        ("2199-12-31T23:59:59.999999", "2199-12-31T23:59:59.999999+08:00"),
        (datetime(2024, 3, 1, 12), "2024-03-01T12:00:00+08:00"),  # noqa: DTZ001 - naive is meant
        (datetime(2024, 3, 1, 12, tzinfo=UTC), "2024-03-01T20:00:00+08:00"),
        (datetime(2024, 3, 1, 12, tzinfo=NEW_YORK), "2024-03-02T01:00:00+08:00"),
        (date(2024, 3, 1), "2024-03-01T00:00:00+08:00"),
    ],
    ids=str,
)
def test_a_fact_without_an_offset_is_shanghai_time_and_a_bare_date_its_start(
    book: DayBook, given: Any, stored: str
) -> None:
    outcome = book.issue(1, at=given)
    assert times_of(book, outcome.positions[0])[0] == stored


AS_OF: list[tuple[Any, int]] = [
    ("2024-02-29", 0),
    ("2024-03-01", 7),  # a bare date asks for the end of that day
    ("2024-03-01T00:00:00", 0),
    ("2024-03-01T11:59:59.999999", 0),
    ("2024-03-01T12:00:00", 7),  # inclusive
    ("2024-03-01T04:00:00Z", 7),
    ("2024-03-01T03:59:59Z", 0),
    (datetime(2024, 3, 1, 12), 7),  # noqa: DTZ001 - naive is meant
    (datetime(2024, 3, 1, 4, tzinfo=UTC), 7),
    (datetime(2024, 2, 29, 22, 59, tzinfo=NEW_YORK), 0),
    (datetime(2024, 2, 29, 23, tzinfo=NEW_YORK), 7),
]


def test_as_of_is_inclusive_and_a_bare_date_the_end_of_its_day(book: DayBook) -> None:
    book.issue(7, at="2024-03-01T12:00:00")
    ledger = book.ledger
    for as_of, held in AS_OF:
        assert book.held(as_of=as_of) == held, as_of
        assert book.held(as_of=as_of, from_log=True) == held, as_of
        assert bool(ledger.supply(as_of=as_of)) == bool(held), as_of
        assert bool(ledger.statement("crrc-1", end=as_of)) == bool(held), as_of
        assert bool(list(ledger.events(types=["UnitsIssued"], as_of=as_of))) == bool(held), as_of


def test_the_last_microsecond_of_a_day_belongs_to_it(book: DayBook) -> None:
    book.issue(1, at="2024-03-01T23:59:59.999999")
    book.issue(2, at="2024-03-02")
    assert book.held(as_of="2024-03-01") == 1
    assert book.held(as_of="2024-03-02") == 3


def test_the_start_of_a_statement_is_the_start_of_its_day(book: DayBook) -> None:
    for at in ("2024-02-29T23:59:59.999999", "2024-03-01", "2024-03-02T23:59:59.999999"):
        book.issue(1, at=at)
    rows = book.ledger.statement("crrc-1", start="2024-03-01", end="2024-03-02")
    assert [row["balance"] for row in rows] == [2, 3]


@ON_SQLITE
@pytest.mark.parametrize("text", ["yesterday", "2024-02-30", "2024-3-1", "", "2024-03-01T12", "@1"])
def test_a_time_that_is_none_is_told(book: DayBook, text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        book.ledger.balances(as_of=text)


# -- known at ----------------------------------------------------------------------------------


@pytest.fixture
def diary(book: DayBook, clock: SteppingClock) -> DayBook:
    """One tonne a day at noon, recorded on 1, 2 and 3 July, effective since January."""
    for day in (1, 2, 3):
        clock.now = f"2024-07-0{day}T12:00:00"
        book.issue(1, at="2024-01-01")
    clock.now = "2024-08-01"
    return book


KNOWN_AT: list[tuple[Any, int]] = [
    ("2024-06-30", 0),
    ("2024-07-01", 1),
    ("2024-07-02T11:59:59.999999", 1),
    ("2024-07-02T12:00:00", 2),  # inclusive
    ("2024-07-02T04:00:00Z", 2),
    (datetime(2024, 7, 2, 12, tzinfo=SHANGHAI), 2),
    ("2024-07-02", 2),
    ("2024-07-31", 3),
    ("2023-01-01", 0),
    ("2199-01-01", 3),
    (None, 3),
    ("@0", 0),
    ("@8", 0),
    ("@9", 1),
    (10, 2),
    ("@11", 3),
    ("@999999999999", 3),
]


def test_known_at_asks_what_had_been_written_down(diary: DayBook) -> None:
    ledger = diary.ledger
    for known_at, held in KNOWN_AT:
        for as_of in ("2024-01-01", "2024-08-01"):
            assert diary.held(as_of=as_of, known_at=known_at) == held, known_at
            assert diary.held(as_of=as_of, known_at=known_at, from_log=True) == held, known_at
        assert len(ledger.statement("crrc-1", known_at=known_at)) == held, known_at
        assert sum(row["issued"] for row in ledger.supply(known_at=known_at)) == held, known_at
        issues = list(ledger.events(types=["UnitsIssued"], known_at=known_at))
        assert len(issues) == held, known_at


@ON_SQLITE
@pytest.mark.parametrize("known_at", ["@", "@x", "@-1", "@1.5", -1, "@ 1", "@１"])
def test_a_position_that_is_none_is_told(book: DayBook, known_at: Any) -> None:
    with pytest.raises(ValueError, match="position"):
        book.ledger.balances(known_at=known_at)


def test_accounts_are_known_from_when_they_were_opened(
    diary: DayBook, clock: SteppingClock
) -> None:
    before = diary.ledger.head().position
    diary.send("open_account", account="late", kind="entity", entity="crrc", at="2020-01-01")
    diary.issue(5, to="late", at="2020-01-01")
    ledger = diary.ledger
    accounts = {row["account"] for row in ledger.balances(entity="crrc", known_at=before)}
    assert accounts == {"crrc-1"}
    accounts = {row["account"] for row in ledger.balances(entity="crrc")}
    assert accounts == {"crrc-1", "late"}


def test_several_facts_of_one_instant_are_told_apart_by_position(book: DayBook) -> None:
    first = [book.issue(1, at="2024-01-01").positions[0] for _ in range(3)]
    assert first == sorted(first)
    assert [book.held(known_at=position) for position in first] == [1, 2, 3]
    assert len({times_of(book, position)[1] for position in first}) == 1


# -- the future --------------------------------------------------------------------------------


def test_a_fact_of_the_future_counts_from_then_on(book: DayBook, clock: SteppingClock) -> None:
    book.issue(9, at="2024-12-01T12:00:00")
    assert book.held() == 0
    assert book.ledger.supply() == []
    assert book.ledger.statement("crrc-1") == []
    assert book.held(as_of="2024-12-01") == 9
    clock.now = "2024-12-01T11:59:59.999999"
    assert book.held() == 0
    clock.advance(microseconds=1)
    assert book.held() == 9
    assert len(book.ledger.statement("crrc-1")) == 1


def test_events_are_listed_whenever_they_take_effect(book: DayBook) -> None:
    outcome = book.issue(9, at="2150-01-01")
    assert [event["position"] for event in book.ledger.events()][-1] == outcome.positions[0]


# -- recording ---------------------------------------------------------------------------------


def test_a_fact_takes_effect_when_it_is_recorded_unless_it_says_otherwise(
    book: DayBook, clock: SteppingClock
) -> None:
    clock.now = "2024-07-01T08:15:30.123456"
    outcome = book.issue(1)
    told = "2024-07-01T08:15:30.123456+08:00"
    assert times_of(book, outcome.positions[0]) == (told, told)
    assert book.held() == 1


def test_recorded_time_never_decreases_when_the_clock_goes_back(
    book: DayBook, clock: SteppingClock
) -> None:
    clock.now = "2024-07-01T12:00:00"
    book.issue(1)
    clock.now = "2024-06-15T12:00:00"
    book.issue(1)
    clock.now = "2024-07-01T11:59:59.999999"
    book.issue(1)
    clock.now = "2024-07-01T12:00:01"
    book.issue(1)
    found = [record["record"]["recorded_at"] for record in records(book.ledger)][-4:]
    noon = "2024-07-01T12:00:00+08:00"
    assert found == [noon, noon, noon, "2024-07-01T12:00:01+08:00"]
    assert book.ledger.verify().ok


def test_recorded_time_never_decreases_across_ledgers_of_one_store(
    new_store_url: Callable[[], str],
) -> None:
    url, ahead, behind = new_store_url(), SteppingClock("2024-07-02"), SteppingClock("2024-07-01")
    with Ledger.open(url, create=True, clock=ahead) as one, Ledger.open(url, clock=behind) as two:
        for sent in trial_registry():
            one.execute(sent)
        DayBook(two).issue(1)
        recorded = [record["record"]["recorded_at"] for record in records(one)]
    assert set(recorded) == {"2024-07-02T00:00:00+08:00"}


def test_a_clock_that_leaps_refuses_to_write(book: DayBook, clock: SteppingClock) -> None:
    start, before = clock.now, standing(book.ledger)
    clock.now = start + LEAP_BOUND + timedelta(microseconds=1)
    with pytest.raises(StoreError) as caught:
        book.issue(1, id="i")
    assert caught.value.code == "ClockLeap"
    assert "2024-06-01" in caught.value.message
    assert standing(book.ledger) == before
    clock.now = start + LEAP_BOUND
    book.issue(1, id="i")
    assert book.held() == 1


def test_a_clock_may_begin_anywhere(new_store_url: Callable[[], str]) -> None:
    for start in ("1990-01-01", "2190-01-01"):
        with Ledger.open(new_store_url(), create=True, clock=SteppingClock(start)) as ledger:
            assert ledger.execute(trial_registry()[0]).outcome == "accepted"


def test_under_freezegun_the_ledger_lives_at_the_frozen_time(store_url: str) -> None:
    with (
        Ledger.open(store_url, create=True) as ledger,
        freeze_time("2024-12-31 15:59:59.999999") as frozen,
    ):
        for sent in trial_registry():
            ledger.execute(sent)
        book = DayBook(ledger)
        now = datetime.now(UTC)  # freezegun's own class
        book.issue(5, at=now)
        book.issue(7, at=date(2024, 12, 31))
        late = book.issue(11)
        assert times_of(book, late.positions[0]) == (
            "2024-12-31T23:59:59.999999+08:00",
            "2024-12-31T23:59:59.999999+08:00",
        )
        frozen.tick(timedelta(microseconds=1))
        book.issue(13)
        assert book.held() == 36
        assert book.held(as_of=now) == 23
        assert book.held(as_of="2024-12-31") == 23
        assert book.held(known_at="2024-12-31") == 23
        assert book.held(as_of=datetime(2025, 1, 1)) == 36  # noqa: DTZ001 - naive is meant
        assert ledger.verify().ok
    with Ledger.open(store_url) as ledger:  # … and is read back at any other
        assert DayBook(ledger).held(as_of="2024-12-31") == 23


def test_a_clock_set_back_hides_nothing_from_a_bare_question(
    book: DayBook, clock: SteppingClock
) -> None:
    clock.now = "2024-06-01"
    book.issue(5)
    clock.now = "2024-05-01"
    assert book.held() == 5
    [row] = book.ledger.balances(account="crrc-1", known_at="@0") or [{"quantity": 0}]
    assert row["quantity"] == 0
