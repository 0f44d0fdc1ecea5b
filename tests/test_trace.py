"""Provenance by tonne: serial numbers from issuance on, first in, first out."""

from collections.abc import Iterator
from typing import Any

import pytest

from banking_books import BEFORE, NEW, TODAY, BankingBook
from etsledger.ledger import Ledger
from etsledger.ledger.provenance import TraceRow
from helpers import REGISTRY, UNIT, DayBook, SteppingClock, send_all, trial_registry


@pytest.fixture
def book(new_store_url: Any) -> Iterator[DayBook]:
    with Ledger.open(new_store_url(), create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        yield DayBook(ledger)


def ranges(rows: Iterator[TraceRow]) -> list[tuple[int, int, str]]:
    return [(row["first"], row["last"], row["account"]) for row in rows]


def places(row: TraceRow) -> list[str]:
    """The accounts on a row's way."""
    return [row["way"][0]["from"], *(step["to"] for step in row["way"])]


def test_every_tonne_gets_the_next_number_in_the_order_of_the_log(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-03-01")
    book.issue(50, to="desk-1", at="2024-01-01")  # earlier in the world, later in the log
    book.send("opening_balance", account="baosteel-1", unit=UNIT, quantity=7, at="2024-02-01")
    assert ranges(book.ledger.trace(unit=UNIT)) == [
        (1, 100, "crrc-1"),
        (101, 150, "desk-1"),
        (151, 157, "baosteel-1"),
    ]


def test_a_number_means_the_same_tonne_at_every_viewpoint(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-03-01")
    book.issue(50, to="desk-1", at="2024-01-01")
    assert ranges(book.ledger.trace(unit=UNIT, as_of="2024-02-01")) == [(101, 150, "desk-1")]
    assert ranges(book.ledger.trace(unit=UNIT, known_at="@9")) == [(1, 100, "crrc-1")]


def test_an_account_gives_away_its_oldest_tonnes_first(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-01-01")
    book.issue(100, to="desk-1", at="2024-01-02")
    book.transfer(30, "desk-1", "crrc-1", at="2024-01-03")
    book.transfer(110, "crrc-1", "wang-1", at="2024-01-04")
    assert ranges(book.ledger.trace(account="wang-1")) == [
        (1, 100, "wang-1"),
        (101, 110, "wang-1"),
    ]
    assert ranges(book.ledger.trace(account="crrc-1")) == [(111, 130, "crrc-1")]
    assert ranges(book.ledger.trace(account="desk-1")) == [(131, 200, "desk-1")]


def test_the_way_names_every_move_from_issuance_on(book: DayBook) -> None:
    issued = book.issue(100, to="authority", at="2024-01-01").positions[0]
    moved = book.transfer(40, "authority", "crrc-1", at="2024-02-01", kind="release").positions[0]
    (row,) = book.ledger.trace(account="crrc-1")
    assert [step["position"] for step in row["way"]] == [issued, moved]
    assert places(row) == ["issuance", "authority", "crrc-1"]
    first = row["way"][0]
    assert (first["type"], first["first"], first["last"]) == ("UnitsIssued", 1, 40)
    assert first["effective_at"] == "2024-01-01T00:00:00+08:00"
    assert first["recorded_at"] == "2024-06-01T09:00:00+08:00"


def test_some_numbers_of_a_unit_are_told_alone(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", at="2024-01-02")
    found = book.ledger.trace(unit=UNIT, serials=(51, 70))
    assert ranges(found) == [(51, 60, "desk-1"), (61, 70, "crrc-1")]
    assert ranges(book.ledger.trace(unit=UNIT, serials=(101, 200))) == []
    of_account = book.ledger.trace(unit=UNIT, serials=(51, 70), account="crrc-1")
    assert ranges(of_account) == [(61, 70, "crrc-1")]


def test_what_is_retired_leads_back_to_its_issuance(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    book.surrender(80, at="2024-02-01")
    (row,) = book.ledger.trace(account="retired")
    assert (row["first"], row["last"], places(row)) == (1, 80, ["issuance", "crrc-1", "retired"])


def test_a_back_dated_fact_threads_anew_what_came_after_it(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-01-01")
    known = book.transfer(60, "crrc-1", "desk-1", at="2024-03-01").positions[0]
    assert ranges(book.ledger.trace(account="desk-1")) == [(1, 60, "desk-1")]
    book.transfer(10, "crrc-1", "wang-1", at="2024-02-01")
    assert ranges(book.ledger.trace(account="wang-1")) == [(1, 10, "wang-1")]
    assert ranges(book.ledger.trace(account="desk-1")) == [(11, 70, "desk-1")]
    before = book.ledger.trace(account="desk-1", known_at=known)
    assert ranges(before) == [(1, 60, "desk-1")]


@pytest.mark.parametrize("reserve", ["freeze", "pledge"])
def test_reservations_do_not_change_the_order(book: DayBook, reserve: str) -> None:
    book.issue(50, to="crrc-1", at="2024-01-01")
    getattr(book, reserve)(*((("crrc-1", 50)) if reserve == "freeze" else (50,)), at="2024-01-02")
    book.issue(50, to="crrc-1", at="2024-01-03")
    book.transfer(50, "crrc-1", "desk-1", at="2024-01-04")
    assert ranges(book.ledger.trace(account="desk-1")) == [(1, 50, "desk-1")]


def test_neighbours_that_meet_again_are_one_range(book: DayBook) -> None:
    book.issue(100, to="crrc-1", at="2024-01-01")
    for day in (2, 3, 4):
        book.transfer(10, "crrc-1", "desk-1", at=f"2024-01-0{day}")
    book.transfer(30, "desk-1", "wang-1", at="2024-01-05")
    rows = list(book.ledger.trace(account="wang-1"))
    assert ranges(iter(rows)) == [(1, 10, "wang-1"), (11, 20, "wang-1"), (21, 30, "wang-1")]
    assert len({row["way"][-1]["position"] for row in rows}) == 1


def test_an_issue_that_was_taken_back_keeps_its_numbers(book: DayBook) -> None:
    book.send("opening_balance", id="ob", account="crrc-1", unit=UNIT, quantity=10, at="2024-01-01")
    book.send("reverse", reverses="ob", at="2024-01-02")
    book.issue(5, to="crrc-1", at="2024-01-03")
    assert ranges(book.ledger.trace(unit=UNIT)) == [(1, 10, "issuance"), (11, 15, "crrc-1")]


def test_an_account_may_be_short_within_an_instant_but_not_at_its_end(book: DayBook) -> None:
    book.issue(10, to="crrc-1", at="2024-01-01")
    book.transfer(10, "crrc-1", "desk-1", at="2024-03-01")
    book.issue(10, to="crrc-1", at="2024-03-01")
    book.transfer(10, "crrc-1", "wang-1", at="2024-02-01")  # leaves the first of them short then
    assert ranges(book.ledger.trace(unit=UNIT)) == [(1, 10, "wang-1"), (11, 20, "desk-1")]


def test_what_goes_in_a_circle_within_an_instant_stays_where_it_is(book: DayBook) -> None:
    book.issue(10, to="crrc-1", at="2024-01-01")
    book.transfer(10, "crrc-1", "desk-1", at="2024-03-01")
    book.transfer(10, "desk-1", "crrc-1", at="2024-03-01")
    book.transfer(10, "crrc-1", "wang-1", at="2024-02-01")
    assert ranges(book.ledger.trace(unit=UNIT)) == [(1, 10, "wang-1")]


def test_units_and_registries_have_numbers_of_their_own(book: DayBook) -> None:
    other = {"registry": "other", "at": "2020-01-01"}
    book.send("open_registry", rulebook="open", **other)
    book.issue(5, to="authority", at="2024-01-01", registry="other")
    book.issue(7, at="2024-01-01")
    book.issue(9, at="2024-01-01", unit="CEA:2024")
    rows = list(book.ledger.trace(unit=UNIT))
    assert [(r["registry"], r["first"], r["last"]) for r in rows] == [
        ("other", 1, 5),
        (REGISTRY, 1, 7),
    ]
    assert ranges(book.ledger.trace(unit=UNIT, registry="other")) == [(1, 5, "authority")]
    units = [(r["unit"], r["first"], r["last"]) for r in book.ledger.trace(account="crrc-1")]
    assert units == [(UNIT, 1, 7), ("CEA:2024", 1, 9)]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({}, "a unit or of an account"),
        ({"account": "crrc-1", "serials": (1, 2)}, "those of a unit"),
        ({"unit": UNIT, "serials": (0, 2)}, "0-2"),
        ({"unit": UNIT, "serials": (3, 2)}, "3-2"),
        ({"unit": UNIT, "as_of": "yesterday"}, "yesterday"),
    ],
)
def test_a_question_that_is_none_is_refused(
    book: DayBook, question: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        book.ledger.trace(**question)


# -- through the chain, and across vintages ----------------------------------------------------


@pytest.fixture
def bank(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """July 2026; ``plant`` holds 100, 200 and 300 t of 2021, 2022 and 2023."""
    clock.now = TODAY
    book = BankingBook(ledger)
    for unit, quantity in (("CEA:2021", 100), ("CEA:2022", 200), ("CEA:2023", 300)):
        book.give(quantity, unit, at=BEFORE)
    return book


def test_a_tonne_that_was_carried_over_goes_on_as_one_of_the_new_vintage(
    bank: BankingBook,
) -> None:
    carried = bank.carry(250).positions[0]
    first, second = bank.ledger.trace(unit=NEW, account="plant-1")
    assert (first["first"], first["last"], first["issued_as"]) == (1, 100, "CEA:2021")
    assert (second["first"], second["last"], second["issued_as"]) == (101, 250, "CEA:2022")
    old = second["way"][-2]
    assert (old["position"], old["unit"], old["to"]) == (carried, "CEA:2022", "converted-out")
    new = second["way"][-1]
    assert (new["position"], new["unit"], new["from"]) == (carried, NEW, "converted-in")
    assert (old["last"] - old["first"], new["first"], new["last"]) == (149, 101, 250)
    there = bank.ledger.trace(unit="CEA:2022", serials=(old["first"], old["last"]))
    assert [(row["held_as"], row["account"], row["way"]) for row in there] == [
        (NEW, "plant-1", second["way"])
    ]


def test_a_number_of_an_old_vintage_is_found_where_its_tonne_is_now(bank: BankingBook) -> None:
    bank.carry(300, unit="CEA:2023", at="2026-02-01")
    bank.traded("plant-1", "other-1", 120, NEW, "2026-03-02T10:00:00+08:00")
    carried = [row for row in bank.ledger.trace(unit="CEA:2023") if row["held_as"] == NEW]
    assert [(row["quantity"], row["account"]) for row in carried] == [
        (120, "other-1"),
        (180, "plant-1"),
    ]
    assert [row["way"][-1]["first"] for row in carried] == [1, 121]


def test_what_passes_through_an_account_in_one_event_does_not_mix_with_what_it_holds(
    bank: BankingBook,
) -> None:
    bank.give(70, "CEA:2024", "hubei", at=BEFORE)
    bank.give(100, "CEA:2024", at=BEFORE)
    numbers = [(row["first"], row["account"]) for row in bank.ledger.trace(account="plant-1")]
    assert numbers[-1] == (10_000_071, "plant-1")
    bank.verified(1_000, at="2025-06-01")
    bank.met(50, at="2025-11-01")
    (row,) = bank.ledger.trace(account="retired")
    assert (row["first"], row["last"]) == (10_000_071, 10_000_120)
    last = row["way"][-1]
    assert (last["from"], last["to"]) == ("plant-1", "retired")
    assert last["via"] == ["hubei", "authority"]
