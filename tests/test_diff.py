"""What changed between two instants, and which events did it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from etsledger.domain.times import iso
from etsledger.ledger import Ledger
from etsledger.ledger.changes import DiffRow
from etsledger.projections import diff as projection
from helpers import BEGIN, ON_SQLITE, UNIT, DayBook, SteppingClock, send_all, trial_registry
from national import SUMMER, NationalBook
from random_books import Books, picks

pytestmark = ON_SQLITE
NOW = (None, None)


@pytest.fixture
def book(ledger: Ledger) -> DayBook:
    """crrc-1 gets 100 t in January and sends 30 t to desk-1 in March."""
    send_all(ledger, trial_registry())
    book = DayBook(ledger)
    book.issue(100, to="crrc-1", at="2024-01-02")
    book.transfer(30, "crrc-1", "desk-1", at="2024-03-01")
    return book


def numbers(rows: list[DiffRow]) -> list[tuple[str | None, str, Any, Any, int | None]]:
    return [
        (r["account"] or r["entity"], r["field"], r["from"], r["to"], r["change"]) for r in rows
    ]


def reasons(row: DiffRow) -> list[tuple[int, str, int | None]]:
    return [(event["position"], event["why"], event["change"]) for event in row["events"]]


def test_a_fact_that_took_effect_in_between_is_the_difference(book: DayBook) -> None:
    rows = book.ledger.diff(("2024-02-01", None), ("2024-04-01", None))
    assert numbers(rows) == [
        ("crrc-1", "quantity", 100, 70, -30),
        ("desk-1", "quantity", 0, 30, 30),
    ]
    assert reasons(rows[0]) == [(10, "took effect", -30)]
    (event,) = rows[0]["events"]
    assert event["type"] == "UnitsTransferred"
    assert event["effective_at"] == "2024-03-01T00:00:00+08:00"
    assert event["recorded_at"] == BEGIN


def test_a_fact_that_became_known_in_between_is_the_difference(book: DayBook) -> None:
    known = book.ledger.head().position
    late = book.transfer(5, "crrc-1", "wang-1", at="2024-01-15").positions[0]
    rows = book.ledger.diff(("2024-02-01", known), ("2024-02-01", None))
    assert numbers(rows) == [
        ("crrc-1", "quantity", 100, 95, -5),
        ("wang-1", "quantity", 0, 5, 5),
    ]
    assert reasons(rows[0]) == [(late, "became known", -5)]
    both = book.ledger.diff(("2024-01-10", known), ("2024-02-01", None), account="wang-1")
    assert reasons(both[0]) == [(late, "took effect and became known", 5)]


def test_a_difference_looked_at_backwards_has_the_other_sign(book: DayBook) -> None:
    (row,) = book.ledger.diff(("2024-04-01", None), ("2024-02-01", None), account="crrc-1")
    assert (row["from"], row["to"], row["change"]) == (70, 100, 30)
    assert reasons(row) == [(10, "not yet in effect", 30)]
    (row,) = book.ledger.diff(NOW, ("2024-06-01", 9), account="crrc-1")
    assert reasons(row) == [(10, "not yet known", 30)]
    (row,) = book.ledger.diff(NOW, ("2024-02-01", 9), account="crrc-1")
    assert reasons(row) == [(10, "not yet in effect, not yet known", 30)]


def test_what_came_and_went_in_between_is_no_difference(book: DayBook) -> None:
    book.transfer(30, "desk-1", "crrc-1", at="2024-04-01")
    assert book.ledger.diff(("2024-02-01", None), ("2024-05-01", None)) == []


def test_reservations_are_told_each_by_itself(book: DayBook) -> None:
    book.freeze("crrc-1", 20, at="2024-05-01")
    book.freeze("desk-1", at="2024-05-01")
    rows = book.ledger.diff(("2024-04-01", None))
    assert numbers(rows) == [("crrc-1", "frozen", 0, 20, 20), ("desk-1", "stopped", 0, 1, 1)]
    assert rows[1]["unit"] == "*"
    of_unit = book.ledger.diff(("2024-04-01", None), unit=UNIT)
    assert numbers(of_unit) == numbers(rows)


def test_events_are_capped_and_counted(book: DayBook, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        book.transfer(1, "crrc-1", "wang-1", at=f"2024-05-0{n + 1}")
    rows = book.ledger.diff(("2024-04-01", None), account="wang-1", events=2)
    assert numbers(rows) == [("wang-1", "quantity", 0, 5, 5)]
    assert rows[0]["event_count"] == 5
    assert reasons(rows[0]) == [(11, "took effect", 1), (12, "took effect", 1)]
    monkeypatch.setattr(projection, "_TOLD_IN_ALL", 3)
    fewer = book.ledger.diff(("2024-04-01", None))
    assert [(r["event_count"], len(r["events"])) for r in fewer] == [(5, 1), (5, 1)]
    asked = book.ledger.diff(("2024-04-01", None), events=5)
    assert [len(row["events"]) for row in asked] == [5, 5]
    none = book.ledger.diff(("2024-04-01", None), account="wang-1", events=0)
    assert (none[0]["event_count"], none[0]["events"]) == (5, [])


def test_an_entity_has_its_accounts_and_its_years_only(book: DayBook) -> None:
    book.surrender(10, "crrc", at="2024-05-01")
    book.issue(5, to="baosteel-1", at="2024-05-01")
    rows = book.ledger.diff(("2024-04-01", None), entity="crrc")
    assert {(r["what"], r["account"], r["entity"]) for r in rows} == {
        ("balance", "crrc-1", "crrc"),
        ("compliance", None, "crrc"),
    }
    assert {r["what"] for r in book.ledger.diff(("2024-04-01", None), unit=UNIT)} == {"balance"}
    assert book.ledger.diff(("2024-04-01", None), entity="nobody") == []


def test_a_negative_number_of_events_and_a_text_that_is_no_time_are_refused(book: DayBook) -> None:
    with pytest.raises(ValueError, match="0 or greater"):
        book.ledger.diff(NOW, events=-1)
    with pytest.raises(ValueError, match="yesterday"):
        book.ledger.diff(("yesterday", None))


# -- compliance --------------------------------------------------------------------------------


@pytest.fixture
def year(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """``plant`` has 1,000 t to surrender for 2024 by the end of 2025, and 600 t."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant()
    book.give(600, at="2025-01-01")
    book.verified(1_000, at="2025-06-01")
    return book


def of_year(rows: list[DiffRow]) -> dict[str, DiffRow]:
    return {row["field"]: row for row in rows if row["what"] == "compliance"}


def test_what_a_surrender_changed_of_a_year(year: NationalBook) -> None:
    year.met(400, at="2025-07-01")
    rows = of_year(year.ledger.diff(("2025-06-30", None), ("2025-07-31", None)))
    assert {name: (row["from"], row["to"], row["change"]) for name, row in rows.items()} == {
        "surrendered": (0, 400, 400),
        "outstanding": (1_000, 600, -400),
        "status": ("OPEN", "PARTIAL", None),
    }
    types = [event["type"] for event in rows["surrendered"]["events"]]
    assert types == ["SurrenderSubmitted", "SurrenderConfirmed"]
    assert rows["status"]["deadline"] is None
    assert (rows["status"]["entity"], rows["status"]["year"]) == ("plant", 2024)


def test_a_deadline_that_passed_changes_a_status_without_an_event(year: NationalBook) -> None:
    rows = of_year(year.ledger.diff(("2025-12-31", None), ("2026-01-01", None)))
    (status,) = rows.values()
    assert (status["from"], status["to"]) == ("OPEN", "NON_COMPLIANT")
    assert (status["events"], status["event_count"]) == ([], 0)
    assert status["deadline"] == "2025-12-31T23:59:59+08:00"


def test_a_report_that_was_restated_is_known_from_then_on(year: NationalBook) -> None:
    before = year.ledger.head().position
    restated = year.verified(1_500, at="2025-06-01").positions[0]
    rows = of_year(year.ledger.diff(("2025-06-30", before), ("2025-06-30", None)))
    assert {name: (row["from"], row["to"]) for name, row in rows.items()} == {
        "verified_emissions": (1_000, 1_500),
        "obligation": (1_000, 1_500),
        "outstanding": (1_000, 1_500),
    }
    assert [reasons(row) for row in rows.values()] == [[(restated, "became known", None)]] * 3


def test_a_year_that_came_on_record_had_no_tonnes_before(year: NationalBook) -> None:
    rows = of_year(year.ledger.diff(("2025-05-31", None), ("2025-06-30", None)))
    assert {name: (row["from"], row["to"]) for name, row in rows.items()} == {
        "verified_emissions": (None, 1_000),
        "obligation": (0, 1_000),
        "outstanding": (0, 1_000),
        "deadline": (None, "2025-12-31T23:59:59+08:00"),
        "status": (None, "OPEN"),
    }


# -- any two instants --------------------------------------------------------------------------

COLUMNS = ("quantity", "frozen", "pledged", "pending", "restricted")


class Compared(Books):
    """A day at the registry, two instants of which are compared now and then."""

    def look_back(self, as_of: int, known: int, minutes: int) -> None:
        """Not here: other tests look at the balances."""

    def teardown(self) -> None:
        try:
            self.compare(-300, self.model.position, 0, self.model.position)
            self.compare(0, self.model.position // 2, 0, self.model.position)
        finally:
            self.ledger.close()

    @rule(
        as_of=st.integers(-500, 100), known=picks, to=st.integers(-500, 100), to_known=picks
    )  # fmt: skip
    def compare(self, as_of: int, known: int, to: int, to_known: int) -> None:
        """From + the changes of the events = to, and nothing else differs."""
        start, end = (
            (iso(self.clock.now + timedelta(minutes=minutes)), n % (self.model.position + 1))
            for minutes, n in ((as_of, known), (to, to_known))
        )
        rows = self.ledger.diff(start, end, events=10**6)
        was, now = self.numbers(start), self.numbers(end)
        found: dict[tuple[str, str, str], DiffRow] = {}
        for row in rows:
            if row["what"] == "balance" and row["field"] != "stopped":
                found[row["account"] or "", row["unit"] or "", row["field"]] = row
        keys = was.keys() | now.keys()
        assert found.keys() == {key for key in keys if was.get(key, 0) != now.get(key, 0)}
        for key, row in found.items():
            assert (row["from"], row["to"]) == (was.get(key, 0), now.get(key, 0))
            changes = [event["change"] or 0 for event in row["events"]]
            assert was.get(key, 0) + sum(changes) == now.get(key, 0)
            assert 0 not in changes
            assert row["event_count"] == len(row["events"])
            assert row["change"] == sum(changes)

    def numbers(self, when: tuple[str, int]) -> dict[tuple[str, str, str], int]:
        as_of, known = when
        return {
            (row["account"], row["unit"], name): row[name]
            for row in self.ledger.balances(as_of=as_of, known_at=known)
            for name in COLUMNS
        }


@pytest.mark.parametrize("lag", [5, 10**6])
def test_the_events_make_up_the_difference(
    new_store_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    for module in ("ledger.postings", "projections.books"):
        monkeypatch.setattr(f"etsledger.{module}.LAG", lag)

    class Here(Compared):
        def new_url(self) -> str:
            return new_store_url()

    budget = settings(
        max_examples=12,
        stateful_step_count=40,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Here, settings=budget)
