"""Explanations of who left a pilot, of loans, balance values and reconciliations."""

from pathlib import Path

import pytest

from chongqing import ChongqingBook
from etsledger.ledger import Explanation, Ledger
from explained import lawful, part, types
from helpers import DayBook, SteppingClock
from national import NationalBook, line
from test_leaving import LEFT, MILL, OLD

TODAY = "2025-11-03T18:00:00+08:00"


def why(ledger: Ledger, position: int) -> Explanation:
    told = ledger.explain_event(position)
    assert told is not None
    lawful(told)
    return told


# -- leaving -------------------------------------------------------------------------------------


@pytest.fixture
def mill(ledger: Ledger, clock: SteppingClock) -> ChongqingBook:
    """A steel mill that was given 70,000 t of 2023 in advance, owes for it, and leaves."""
    clock.now = TODAY
    pilot = ChongqingBook(ledger)
    pilot.works(MILL, "steel")
    pilot.minted(1_000_000, OLD)
    pilot.verified(100_000, 2022, MILL, at="2023-05-01")
    pilot.pre_allocate(2023, MILL, at="2023-06-01", id="advance")
    pilot.verified(100_000, 2023, MILL, at="2024-05-01")
    return pilot


def left(book: ChongqingBook) -> int:
    given = {"entity": MILL, "first_year_elsewhere": 2024, "at": LEFT}
    return book.send("leave_registry", **given).positions[0]


def test_who_left_is_told_with_what_is_to_be_cancelled_and_what_was_given(
    mill: ChongqingBook,
) -> None:
    told = why(mill.ledger, left(mill))
    assert told["what"] == "mill left for another market from 2024 on"
    assert told["rule"] == "Q-COV-2"
    assert told["source"]
    units = part(told, "to_cancel")
    assert units["what"] == f"{OLD} to be cancelled by 2027-12-31"
    assert (units["value"], units["unit"]) == (70_000, "t")
    assert types(told, "because") == ["AllowancesPreAllocated"]
    assert part(told, "fact", command_id="advance")["value"] == 70_000
    assert told["since"] == []


def test_it_says_what_was_given_cancelled_and_taken_back_since(mill: ChongqingBook) -> None:
    position = left(mill)
    mill.send("cancel", account="mill-1", unit=OLD, quantity=10_000, at="2024-07-01")
    mill.send("transfer", kind="judicial", unit=OLD, quantity=500, from_="mill-1", to="glass-1",
              at="2024-07-02")  # fmt: skip
    mill.send("cancel", account="glass-1", unit=OLD, quantity=500, at="2024-07-03")
    mill.finalise(65_000, 2023, MILL, at="2024-09-01")
    mill.verified(1_000, 2024, at="2025-05-01")  # of another entity
    told = why(mill.ledger, position)
    assert types(told, "since") == ["UnitsCancelled", "AllocationFinalised"]
    assert told["since"][0]["value"] == 10_000
    registered = why(mill.ledger, next(
        e["position"] for e in mill.ledger.events(types=["EntityRegistered"])
        if e["data"]["entity"] == MILL
    ))  # fmt: skip
    assert "EntityLeft" in types(registered, "since")


def test_a_year_that_is_another_markets_names_the_leave(mill: ChongqingBook) -> None:
    left(mill)
    told = mill.ledger.explain_compliance(MILL, 2024, as_of="2025-10-01")
    assert told is not None
    lawful(told)
    assert told["value"] == "EXEMPT"
    exempt = part(told, "exempt", type="EntityLeft")
    assert exempt["what"] == "mill left for another market from 2024 on"
    assert part(exempt, "to_cancel")["value"] == 70_000


# -- loans ---------------------------------------------------------------------------------------


def test_a_loan_says_what_repaid_it(national: NationalBook, clock: SteppingClock) -> None:
    national.fund("CEA:2022", 5_000_000)
    national.fund("CEA:2023", 5_000_000)
    national.verified(1_000_000, 2022, at="2023-06-01")
    national.finalise(2022, entitlement=899_999, at="2023-07-01")
    loan = national.send("borrow", entity="plant", year=2022, quantity=50_000, at="2023-09-01")
    assert why(national.ledger, loan.positions[0])["since"] == []
    national.pre_allocate(2023, at="2024-07-01")
    told = why(national.ledger, loan.positions[0])
    assert types(told, "since") == ["AllowancesPreAllocated"]
    assert part(told["since"][0], "deducted")["value"] == 50_000


# -- balance values ------------------------------------------------------------------------------


def test_an_allocation_by_intensity_rests_on_the_balance_value_of_then(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = "2026-07-01"
    book = NationalBook(ledger)
    book.plant(sector="cement")
    book.fund("CEA:2025", 100_000)
    book.verified(850, 2025, units=[line(output_t=1_000, emissions=850)])
    for value in ("0.80", "0.85"):
        book.send("publish_balance_value", sector="cement", year=2025, value=value)
    book.send("publish_balance_value", sector="steel", year=2025, value="0.90")
    final = book.finalise(2025, id="final")
    told = why(ledger, final.positions[0])
    assert types(told, "because") == ["EmissionsVerified", "BalanceValuePublished"]
    assert part(told, "fact", type="BalanceValuePublished")["value"] == "0.85"
    assert told["since"] == []
    book.send("publish_balance_value", sector="cement", year=2025, value="0.95")
    told = why(ledger, final.positions[0])
    assert [(one["what"], one["value"]) for one in told["since"]] == [
        ("balance value of cement for 2025", "0.95")
    ]


# -- reconciliations -----------------------------------------------------------------------------


def test_a_reconciliation_tells_its_breaks(book: DayBook, tmp_path: Path) -> None:
    book.issue(1000)
    broken = [
        {"kind": "differing", "account": "crrc-1", "unit": "CEA:2023", "ours": 1000,
         "theirs": 1100},
        {"kind": "missing_here", "account": "desk-1", "unit": "CEA:2023", "theirs": 7,
         "date": "2024-05-30", "reference": "合同 9"},
    ]  # fmt: skip
    outcome = book.send(
        "record_reconciliation", source="bank.csv", sha256="0" * 64, kind="holdings",
        as_of="2024-05-31", known_at=9, matched=3, missing_here=1, missing_there=0, differing=1,
        breaks=broken,
    )  # fmt: skip
    told = why(book.ledger, outcome.positions[0])
    assert told["what"] == "breaks between bank.csv and the books (holdings), known at position 9"
    assert told["value"] == 2
    assert part(told, "matched")["value"] == 3
    assert [(one["what"], one["value"]) for one in told["because"] if one["key"] == "break"] == [
        ("differing: CEA:2023 in crrc-1", "1,100 t there, 1,000 t here"),
        ("missing here: CEA:2023 in desk-1 of 2024-05-30, reference 合同 9",
         "7 t there, nothing here"),
    ]  # fmt: skip
