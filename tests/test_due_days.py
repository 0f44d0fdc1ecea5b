"""``deadlines``: what is due by when, and the fact that each day is counted from.

The last days are written out here from the calendars of 2025 and 2026, not computed.
"""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking_books import BEFORE, TODAY, BankingBook
from chongqing import ChongqingBook, pilot, pilot_ledger
from etsledger.domain.deadlines import Periods, state_of
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook import bundled, from_object
from etsledger.domain.times import parse_instant
from etsledger.domain.yearbook import Report, YearBook
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import NationalBook

__all__ = ["pilot", "pilot_ledger"]  # fixtures

Row = dict[str, Any]


@pytest.fixture
def winter(national: NationalBook, clock: SteppingClock) -> NationalBook:
    """February 2026: the books of the national market, with much to allocate of 2024 and 2025."""
    clock.now = "2026-06-01T09:00:00+08:00"
    national.fund("CEA:2024", 9_000_000)
    return national


def rows(book: Any, period: str | None = None, **question: Any) -> list[Row]:
    found = [dict(row) for row in book.ledger.deadlines(**question)]
    return [row for row in found if period in (None, row["period"])]


def one(book: Any, period: str, **question: Any) -> Row:
    (row,) = rows(book, period, **question)
    return row


# -- what is counted from a report ---------------------------------------------------------------

VERIFIED = """
2026-02-10 | 2026-02-26 | 2026-03-11
2026-02-14 | 2026-03-03 | 2026-03-17
2026-02-17 | 2026-03-03 | 2026-03-17
2026-02-23 | 2026-03-03 | 2026-03-17
2026-02-24 | 2026-03-04 | 2026-03-18
2026-04-01 | 2026-04-13 | 2026-04-27
2026-04-20 | 2026-04-29 | 2026-05-15
2025-12-29 | 2026-01-08 | 2026-01-22
""".strip().splitlines()


@ON_SQLITE
@pytest.mark.parametrize("row", VERIFIED)
def test_a_verified_report_is_fed_back_and_objected_to_within_seven_working_days(
    winter: NationalBook, row: str
) -> None:
    verified, seven, seventeen = (cell.strip() for cell in row.split("|"))
    position = winter.verified(1_000, at=f"{verified}T16:30").positions[0]
    for period, last, days, rule, source in (
        ("verification_feedback", seven, 7, "§7 calendar", "Z3 art.12"),
        ("objection_to_verification", seven, 7, "N-OBJ", "Z4 art.27"),
        ("decision_on_objection_to_verification", seventeen, 10, "N-OBJ", "Z4 art.27"),
    ):
        found = one(winter, period)
        assert (found["last_day"], found["days"], found["rule"]) == (last, days, rule)
        assert source in found["source"]
        assert (found["fact"], found["entity"], found["year"]) == (position, "plant", 2024)
    assert one(winter, "objection_to_verification")["counted_from"] == verified
    assert one(winter, "decision_on_objection_to_verification")["counted_from"] == seven


@ON_SQLITE
@pytest.mark.parametrize(
    ("as_of", "state"),
    [("2026-02-25", "running"), ("2026-02-26", "running"), ("2026-02-27T00:00:00", "passed")],
)
def test_the_last_day_is_still_in_time(winter: NationalBook, as_of: str, state: str) -> None:
    winter.verified(1_000, at="2026-02-10")
    assert one(winter, "objection_to_verification", as_of=as_of)["state"] == state
    running = {row["period"] for row in rows(winter, as_of=as_of, running=True)}
    assert ("objection_to_verification" in running) is (state == "running")
    assert "decision_on_objection_to_verification" in running


@ON_SQLITE
def test_a_report_that_is_not_there_yet_starts_nothing(winter: NationalBook) -> None:
    before = winter.ledger.head().position
    winter.verified(1_000, at="2026-02-10")
    assert rows(winter, "objection_to_verification", as_of="2026-02-09T23:59:59") == []
    assert rows(winter, "objection_to_verification", known_at=before) == []
    assert rows(winter, "objection_to_verification", as_of="2026-02-10") != []


# -- what is counted from an allocation, and from a changed report --------------------------------


@ON_SQLITE
def test_an_allocation_is_objected_to_and_a_decision_follows(winter: NationalBook) -> None:
    winter.verified(1_000, at="2026-01-05")
    position = winter.finalise(entitlement=900, at="2026-02-10").positions[0]
    objection = one(winter, "objection_to_allocation")
    decision = one(winter, "decision_on_objection_to_allocation")
    assert (objection["last_day"], objection["fact"]) == ("2026-02-26", position)
    assert (decision["last_day"], decision["counted_from"]) == ("2026-03-11", "2026-02-26")
    assert (objection["rule"], "Z4 art.16" in objection["source"]) == ("N-OBJ", True)


@ON_SQLITE
@pytest.mark.parametrize(
    ("approved_again", "state", "met_on"),
    [
        (None, "passed", None),
        ("2026-03-02", "met", "2026-03-02"),
        ("2026-03-03", "late", "2026-03-03"),
    ],
)
def test_a_changed_report_is_approved_again_within_ten_working_days(
    winter: NationalBook, approved_again: str | None, state: str, met_on: str | None
) -> None:
    winter.fund("CEA:2025", 9_000)
    winter.verified(1_000, 2025, at="2026-01-05")
    first = winter.finalise(2025, entitlement=900, at="2026-01-20").id
    assert rows(winter, "approval_again") == []
    changed = winter.verified(1_100, 2025, at="2026-02-10").positions[0]
    met_by = None
    if approved_again is not None:
        again = winter.finalise(2025, entitlement=950, supersedes=first, at=approved_again)
        met_by = again.positions[0]
    found = one(winter, "approval_again")
    assert (found["last_day"], found["days"], found["fact"]) == ("2026-03-02", 10, changed)
    assert (found["state"], found["met_on"], found["met_by"]) == (state, met_on, met_by)
    assert one(winter, "approval_again", as_of="2026-02-28")["state"] == "running"
    assert "DRAFT" in found["source"]


@ON_SQLITE
def test_the_draft_asks_for_it_of_2025_and_2026_only(winter: NationalBook) -> None:
    winter.verified(1_000, at="2026-01-05")
    winter.finalise(entitlement=900, at="2026-01-20")
    winter.verified(1_100, at="2026-02-10")
    assert rows(winter, "approval_again") == []


# -- carrying over, surrender, leaving -----------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("applied", "counted_from", "last_day"),
    [
        ("2026-02-01T10:00:00+08:00", "2026-03-27", "2026-04-03"),
        ("2026-03-21T10:00:00+08:00", "2026-06-26", "2026-07-03"),
    ],
)
def test_the_new_vintage_of_a_carry_over_is_issued_within_five_working_days(
    ledger: Ledger, clock: SteppingClock, applied: str, counted_from: str, last_day: str
) -> None:
    clock.now = TODAY
    book = BankingBook(ledger)
    book.give(20_000, "CEA:2023", at=BEFORE)
    position = book.carry(5_000, at=applied).positions[0]
    found = one(book, "issue_of_carried_over", entity="plant")
    assert found == one(book, "issue_of_carried_over")
    assert (found["counted_from"], found["last_day"]) == (counted_from, last_day)
    assert (found["fact"], found["met_by"], found["state"]) == (position, position, "met")
    assert (found["year"], found["rule"], found["days"]) == (None, "N-BANK-5", 5)
    assert rows(book, "issue_of_carried_over", known_at=position - 1) == []
    assert rows(book, "issue_of_carried_over", entity="other") == []


@ON_SQLITE
def test_surrender_stands_with_the_other_deadlines(
    national: NationalBook, clock: SteppingClock
) -> None:
    assert rows(national) == []
    national.give(2_000)
    position = national.verified(1_000, at="2025-06-01").positions[0]
    found = one(national, "surrender", as_of="2025-12-31")
    assert (found["last_day"], found["state"], found["fact"]) == ("2025-12-31", "running", position)
    assert (found["days"], found["year"]) == (None, 2024)
    assert found["rule"] == "N-SUR-1, N-SUR-2, N-SUR-4"
    assert one(national, "surrender", as_of="2026-01-01")["state"] == "passed"
    clock.now = "2026-02-01T09:00:00+08:00"
    national.surrender(600, at="2025-12-30")
    national.met(400, at="2026-01-15")
    assert one(national, "surrender", as_of="2026-01-01")["state"] == "passed"
    waiting = one(national, "surrender", as_of="2026-01-20")
    assert (waiting["state"], "awaits" in str(waiting["note"])) == ("passed", True)


@ON_SQLITE
@pytest.mark.parametrize(("at", "state"), [("2025-12-31T23:59:59", "met"), ("2026-01-01", "late")])
def test_a_surrender_is_met_in_time_or_late(
    national: NationalBook, clock: SteppingClock, at: str, state: str
) -> None:
    clock.now = "2026-02-01T09:00:00+08:00"
    national.give(2_000, at="2025-01-01")
    national.verified(1_000, at="2025-06-01")
    national.met(1_000, at=at)
    assert one(national, "surrender", as_of="2026-01-20")["state"] == state


@ON_SQLITE
def test_an_entity_without_an_obligation_has_no_deadline(national: NationalBook) -> None:
    national.verified(1_000, at="2025-06-01")
    national.status("dissolved", at="2025-06-02")
    assert rows(national, "surrender") == []


def test_what_was_given_free_is_cancelled_after_leaving(
    pilot: ChongqingBook, clock: SteppingClock
) -> None:
    clock.now = "2028-02-01T09:00:00+08:00"
    pilot.works("mill", "steel")
    pilot.minted(1_000_000, "CQEA:2023")
    pilot.verified(100_000, 2022, "mill", at="2023-05-01")
    pilot.pre_allocate(2023, "mill", at="2023-06-01")
    assert rows(pilot, "cancel_free_units") == []
    left = pilot.send("leave_registry", entity="mill", first_year_elsewhere=2024, at="2024-06-01")
    found = one(pilot, "cancel_free_units", as_of="2027-12-31")
    assert (found["last_day"], found["state"], found["rule"]) == (
        "2027-12-31",
        "running",
        "Q-COV-2",
    )
    assert (found["fact"], found["counted_from"]) == (left.positions[0], "2024-06-01")
    assert one(pilot, "cancel_free_units", as_of="2028-01-01")["state"] == "passed"
    pilot.send("cancel", account="mill-1", unit="CQEA:2023", quantity=70_000, at="2028-01-15")
    assert one(pilot, "cancel_free_units")["state"] == "met"
    assert rows(pilot, "cancel_free_units", as_of="2024-05-31") == []


# -- narrowed ------------------------------------------------------------------------------------


def test_by_registry_entity_and_year(national: NationalBook) -> None:
    national.plant("other")
    national.verified(1_000, at="2025-06-02")
    national.verified(1_000, 2023, at="2025-06-03")
    national.verified(1_000, entity="other", at="2025-06-04")
    everything = rows(national)
    assert everything == sorted(everything, key=lambda row: row["last_day"])
    of_plant = [row for row in everything if row["entity"] == "plant"]
    assert rows(national, entity="plant") == of_plant
    assert rows(national, year=2023) == [row for row in everything if row["year"] == 2023]
    assert rows(national, registry="cn-national") == everything
    assert rows(national, registry="elsewhere") == rows(national, entity="nobody") == []
    assert {row["entity"] for row in everything} == {"plant", "other"}


@ON_SQLITE
def test_a_year_stated_in_sums_starts_no_period(national: NationalBook) -> None:
    national.send(
        "opening_year", entity="plant", year=2024, at="2025-06-01",
        facts={"verified_emissions": 1_000, "entitlement": 900, "allocated": 900},
    )  # fmt: skip
    assert [row["period"] for row in rows(national)] == ["surrender"]


@ON_SQLITE
def test_registries_without_periods_have_none(book: Any) -> None:
    book.send("record_verified", entity="crrc", year=2023, emissions=5)
    assert rows(book) == []


# -- the rulebook --------------------------------------------------------------------------------


def own(*periods: dict[str, Any], **more: Any) -> Periods:
    tables = [{"rule": "own", "source": "ets", "working_days": 3, **one} for one in periods]
    return Periods(from_object({"extends": "cn-national", "periods": tables, **more}))


REPORTED = YearBook(reports=(Report(parse_instant("2026-02-10"), 7, 1_000),))


def test_a_period_of_ones_own_stands_before_the_bundled_one_of_its_name() -> None:
    periods = own({"name": "verification_feedback", "counted_from": "verified"})
    found = {one.period: one for one in periods.of_year(2025, REPORTED)}
    assert (found["verification_feedback"].days, found["verification_feedback"].last_day) == (
        3, date(2026, 2, 13)
    )  # fmt: skip
    assert found["objection_to_verification"].days == 7


def test_a_day_into_a_year_that_nobody_knows_is_unknown_and_not_guessed() -> None:
    book = YearBook(reports=(Report(parse_instant("2099-12-30"), 7, 1_000),))
    found = {one.period: one for one in Periods(bundled("cn-national")).of_year(2099, book)}
    for name in ("objection_to_verification", "decision_on_objection_to_verification"):
        assert found[name].last_day is None
        assert "working_days of rulebook" in str(found[name].note)
        assert found[name].state(date(2100, 6, 1)) == "unknown"
    days = {"years": [2099, 2100], "holidays": ["2100-01-01"], "source": "ets"}
    told = {one.period: one for one in own(working_days=days).of_year(2099, book)}
    # 31 December is a Thursday; 1 January 2100 is off
    assert told["objection_to_verification"].last_day == date(2100, 1, 11)
    assert told["decision_on_objection_to_verification"].last_day == date(2100, 1, 25)


@pytest.mark.parametrize(
    ("period", "place"),
    [
        ({"name": "a"}, "periods.0"),
        ({"name": "a", "counted_from": "verified", "after": "b"}, "periods.0"),
        ({"name": "a", "after": "nothing"}, "periods.0.after"),
        ({"name": "a", "after": "decision_on_objection_to_allocation"}, "periods.0.after"),
        ({"name": "a", "counted_from": "told"}, "periods.0.counted_from"),
        ({"name": "a b", "counted_from": "verified"}, "periods.0.name"),
        ({"name": "a", "counted_from": "verified", "working_days": 0}, "periods.0.working_days"),
        ({"name": "a", "counted_from": "verified", "source": ""}, "periods.0.source"),
    ],
)
def test_a_bad_period_is_refused_by_its_path(period: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        own(period)
    assert refusal.value.numbers["field"] == f"rulebook.{place}"


@given(
    last=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 10)),
    met=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 10)),
    today=st.dates(date(2026, 1, 1), date(2026, 1, 10)),
)
def test_a_state_says_when_it_was_met_and_whether_the_day_is_over(
    last: date | None, met: date | None, today: date
) -> None:
    state = state_of(last, met, today)
    assert (state == "unknown") is (last is None)
    if last is not None:
        assert (state in ("met", "late")) is (met is not None)
        assert (state == "late") is (met is not None and met > last)
        assert (state == "running") is (met is None and today <= last)


def test_asking_writes_nothing(national: NationalBook, tmp_path: Path) -> None:
    national.verified(1_000, at="2025-06-02")
    head = national.ledger.head()
    rows(national)
    assert national.ledger.head() == head
    assert national.ledger.verify().ok
