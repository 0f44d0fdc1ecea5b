"""Borrowed units (N-BOR-3): for the surrender of their year and for nothing else."""

from typing import Any

import msgspec
import pytest

from borrowing_books import DAY, LATER, LENT, borrower
from etsledger.domain.state import State
from etsledger.ledger.snapshots import state_bytes
from helpers import ON_SQLITE, replayed
from national import NationalBook


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """See ``borrower``."""
    return borrower(national)


def row(book: NationalBook) -> tuple[int, int, int, int]:
    """Of the lent vintage in ``plant``'s account: held, restricted, pending, available."""
    found = book.row(unit=LENT, as_of="2027-01-01")
    return found["quantity"], found["restricted"], found["pending"], found["available"]


def surrender(book: NationalBook, quantity: int, **fields: Any) -> None:
    """Of the lent vintage, for 2022, in October 2023."""
    given = {"year": 2022, "unit": LENT, "at": LATER, **fields}
    book.surrender(quantity, **given)


def not_surrendered(book: NationalBook, code: str, quantity: int, **fields: Any) -> dict[str, Any]:
    """The numbers of the refusal."""
    given = {"entity": "plant", "year": 2022, "unit": LENT, "at": LATER, **fields}
    return book.refused(code, "surrender", quantity=quantity, **given).numbers


# --- every other door is shut --------------------------------------------------------------------


DOORS: list[tuple[str, dict[str, Any]]] = [
    ("settle_trade", {"trade": "1", "method": "bidding", "price": "80", "seller": "plant-1",
                      "buyer": "other-1"}),
    ("pledge", {"account": "plant-1", "pledgee": "bank"}),
    ("cancel", {"account": "plant-1"}),
    ("transfer", {"from_": "plant-1", "to": "other-1", "kind": "succession"}),
    ("transfer", {"from_": "plant-1", "to": "other-1", "kind": "judicial"}),
    ("transfer", {"from_": "plant-1", "to": "hubei", "kind": "correction"}),
]  # fmt: skip


@ON_SQLITE
@pytest.mark.parametrize(("door", "fields"), DOORS)
def test_borrowed_units_are_neither_sold_nor_pledged_nor_cancelled_nor_transferred(
    book: NationalBook, door: str, fields: dict[str, Any]
) -> None:
    """D23, W1."""
    numbers = book.refused(
        "RestrictedUnits", door, unit=LENT, quantity=1, at=LATER, **fields
    ).numbers
    assert (numbers["held"], numbers["restricted"], numbers["available"]) == (100, 100, 0)
    book.give(7, LENT, at=DAY)  # free ones of the same vintage may leave
    book.refused("RestrictedUnits", door, unit=LENT, quantity=8, at=LATER, **fields)
    book.refused("InsufficientUnits", door, unit=LENT, quantity=108, at=LATER, **fields)
    book.send(door, unit=LENT, quantity=7, at=LATER, **fields)
    assert book.row(unit=LENT)["restricted"] == 100


@ON_SQLITE
def test_borrowed_units_are_not_carried_over_and_do_not_count_as_held(book: NationalBook) -> None:
    book.verified(1_000, 2022, at="2023-06-02")
    at = "2026-02-01"
    row_ = book.ledger.banking("plant", as_of=at)
    assert row_ is not None
    assert row_["holdings"] == {
        "CEA:2019-2020": 0, "CEA:2021": 0, "CEA:2022": 800, LENT: 0, "CEA:2024": 0,
    }  # fmt: skip
    given = {"entity": "plant", "unit": LENT, "quantity": 1, "at": at}
    book.refused("RestrictedUnits", "carry_over", **given)
    book.refused("BankingCapExceeded", "carry_over", **{**given, "quantity": 801})
    book.send("cancel", account="plant-1", unit="CEA:2022", quantity=50, at="2026-01-10")
    refusal = book.refused("RestrictedUnits", "carry_over", entity="plant", quantity=800, at=at)
    assert (refusal.numbers["available"], refusal.numbers["restricted"]) == (750, 100)
    book.send("carry_over", entity="plant", quantity=750, at=at)
    assert book.row(unit=LENT)["restricted"] == 100


@ON_SQLITE
def test_a_frozen_quantity_is_taken_of_what_is_free(book: NationalBook) -> None:
    refusal = book.refused("InsufficientUnits", "freeze", account="plant-1", unit=LENT,
                           quantity=1, at=LATER)  # fmt: skip
    assert refusal.numbers["available"] == 0


@ON_SQLITE
def test_a_recall_does_not_take_borrowed_units(book: NationalBook) -> None:
    book.pre_allocate(2023, at="2024-01-15")  # 700 t, 100 of them deducted for the loan
    assert row(book) == (700, 100, 0, 600)
    book.verified(1_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=50, at="2024-07-01")
    found = book.compliance(year=2023)
    assert (found["recalled"], found["recall_open"]) == (600, 0)
    assert row(book) == (100, 100, 0, 0)
    (line,) = book.allocation(year=2023)["deduction_lines"]
    assert (line["deducted"], line["remaining"]) == (50, 50)


@ON_SQLITE
def test_before_the_loan_there_is_nothing_restricted(book: NationalBook) -> None:
    given = {"account": "plant-1", "unit": LENT, "quantity": 1, "at": "2023-08-31"}
    assert book.refused("InsufficientUnits", "cancel", **given).numbers["held"] == 0


@ON_SQLITE
def test_a_loan_is_not_reversed(book: NationalBook) -> None:
    book.refused("NotReversible", "reverse", reverses="loan")


@ON_SQLITE
def test_an_account_with_borrowed_units_is_not_closed(book: NationalBook) -> None:
    book.send("transfer", unit="CEA:2022", quantity=800, from_="plant-1", to="other-1",
              kind="succession", at=LATER)  # fmt: skip
    refusal = book.refused("AccountNotEmpty", "close_account", account="plant-1", at=LATER)
    assert refusal.numbers["held"] == 100


# --- the one door --------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize("quantity", [1, 99, 100])
def test_they_meet_the_year_they_were_borrowed_for(book: NationalBook, quantity: int) -> None:
    """N-BOR-2: an exception to N-VIN-1, up to what was borrowed."""
    surrender(book, quantity, id="s")
    assert row(book) == (100, 100 - quantity, quantity, 0)
    book.confirm("s", at=LATER)
    assert row(book) == (100 - quantity, 100 - quantity, 0, 0)
    assert book.compliance(year=2022)["surrendered"] == quantity
    assert book.supply(LENT)["retired"] == quantity


@ON_SQLITE
def test_other_units_of_the_lender_year_do_not(book: NationalBook) -> None:
    book.give(50, LENT, at=DAY)
    numbers = not_surrendered(book, "VintageNotEligible", 101)
    assert (numbers["borrowed"], numbers["asked"]) == (100, 101)
    surrender(book, 100)
    assert not_surrendered(book, "VintageNotEligible", 1)["borrowed"] == 0
    assert row(book) == (150, 0, 100, 50)


@ON_SQLITE
def test_they_meet_no_other_year(book: NationalBook) -> None:
    book.verified(1_000, 2021, at="2023-06-01")
    numbers = not_surrendered(book, "VintageNotEligible", 1, year=2021)
    assert numbers["borrowed"] == 0
    book.verified(1_000, 2023, at="2023-08-01")
    numbers = not_surrendered(book, "RestrictedUnits", 1, year=2023)  # its own vintage
    assert numbers["restricted"] == 100


@ON_SQLITE
def test_they_meet_no_other_entitys_year(book: NationalBook) -> None:
    book.verified(1_000, 2022, "other", at="2023-06-01")
    numbers = not_surrendered(book, "VintageNotEligible", 1, entity="other", from_="plant-1")
    assert numbers["borrowed"] == 0


@ON_SQLITE
def test_as_arrears_the_borrowed_ones_go_first(book: NationalBook) -> None:
    """From 2026 on every old vintage meets arrears: free units of 2023 too."""
    book.give(50, LENT, at=DAY)
    surrender(book, 120, at="2026-02-01", id="s")
    assert row(book) == (150, 0, 120, 30)
    (event,) = book.ledger.events(types=["SurrenderSubmitted"])
    assert event["data"]["borrowed"] == 100
    book.reject("s", at="2026-02-02")
    assert row(book) == (150, 100, 0, 50)


@ON_SQLITE
def test_a_rejected_surrender_is_restricted_again(book: NationalBook) -> None:
    surrender(book, 60, id="s")
    book.reject("s", at="2023-10-05")
    assert row(book) == (100, 100, 0, 0)
    book.refused("RestrictedUnits", "cancel", account="plant-1", unit=LENT, quantity=1,
                 at="2023-10-06")  # fmt: skip
    not_surrendered(book, "VintageNotEligible", 101, at="2023-10-06")
    surrender(book, 100, at="2023-10-06", id="again")
    book.confirm("again", at="2023-10-07")
    assert row(book) == (0, 0, 0, 0)


@ON_SQLITE
def test_nothing_is_borrowed_before_it_was_lent(book: NationalBook) -> None:
    assert not_surrendered(book, "VintageNotEligible", 1, at="2023-08-31")["borrowed"] == 0
    surrender(book, 60, at="2023-12-01")
    assert not_surrendered(book, "VintageNotEligible", 41, at="2023-11-01")["borrowed"] == 40
    surrender(book, 40, at="2023-11-01")
    assert row(book) == (100, 0, 100, 0)


@ON_SQLITE
def test_two_loans_of_a_year_are_one_stock_and_two_years_are_two(book: NationalBook) -> None:
    book.fund("CEA:2021", 1_000)
    book.verified(100, 2021, at="2023-06-01")
    book.finalise(2021, entitlement=0, at="2023-07-01")
    book.send("borrow", entity="plant", year=2021, quantity=20, at="2023-09-02")
    book.send("borrow", entity="plant", year=2021, quantity=30, at="2023-09-03")
    assert row(book) == (150, 150, 0, 0)
    not_surrendered(book, "VintageNotEligible", 51, year=2021)
    surrender(book, 50, year=2021)
    assert not_surrendered(book, "VintageNotEligible", 101)["borrowed"] == 100
    surrender(book, 100)
    assert row(book) == (150, 0, 150, 0)


@ON_SQLITE
def test_an_obligation_bounds_borrowed_units_too(book: NationalBook) -> None:
    book.give(200, "CEA:2022", at=DAY)
    book.surrender(950, year=2022, unit="CEA:2022", at=LATER)
    assert not_surrendered(book, "SurrenderExceedsObligation", 51)["outstanding"] == 50
    surrender(book, 50)


def test_the_log_and_the_tables_know_them(book: NationalBook) -> None:
    """On both databases: what is made again from the log decides as before."""
    surrender(book, 30, id="s")
    book.send("carry_over", entity="plant", quantity=20, at="2026-02-01")
    assert book.ledger.verify().ok
    kept = state_bytes(replayed(book.ledger))
    assert state_bytes(msgspec.json.decode(kept, type=State)) == kept
    assert b'"borrowed"' in kept
    assert b'"carried"' in kept
    book.ledger.rebuild()
    assert not_surrendered(book, "VintageNotEligible", 71)["borrowed"] == 70
    surrender(book, 70)
    assert row(book) == (100, 0, 100, 0)
