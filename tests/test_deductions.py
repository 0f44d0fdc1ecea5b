"""Deductions (N-ADJ-3): decided by the authority, carried, given back when too much was taken."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """2023 had 1,000 t: 700 t in advance for 2024."""
    national.fund("CEA:2024", 10_000)
    national.verified(1_000, 2023)
    national.verified(1_000)
    return national


def of(book: NationalBook) -> tuple[int, int, int, int | None]:
    """Pre-allocated, deductions kept, what each has left to take, difference."""
    found = book.allocation()
    assert found["deductions"] == sum(one["deducted"] for one in found["deduction_lines"])
    remaining = sum(one["remaining"] for one in found["deduction_lines"])
    if found["final"]:
        assert found["entitlement"] is not None
        assert found["difference"] is not None
        total = found["pre_allocated"] + found["difference"] + found["deductions"]
        assert total == found["entitlement"]
    return found["pre_allocated"], found["deductions"], remaining, found["difference"]


@pytest.mark.parametrize(
    ("decided", "issued", "kept", "left"),
    [(0, 700, 0, 0), (1, 699, 1, 0), (699, 1, 699, 0), (700, 0, 700, 0), (701, 0, 700, 1)],
)
def test_the_pre_allocation_is_issued_less_what_is_deducted_and_never_below_zero(
    book: NationalBook, decided: int, issued: int, kept: int, left: int
) -> None:
    if decided:
        book.deduct(decided, at="2025-06-30")
    book.pre_allocate()
    found = of(book)
    assert found[:3] == (issued, kept, left)
    assert book.held() == issued


@pytest.mark.parametrize(
    ("decided", "granted", "recalled"),
    [(900, 100, 0), (1_000, 0, 0), (1_001, 0, 0)],
)
def test_what_could_not_be_taken_is_carried_to_the_final_allocation(
    book: NationalBook, decided: int, granted: int, recalled: int
) -> None:
    book.deduct(decided)
    book.pre_allocate()
    book.finalise(entitlement=1_000)
    assert of(book)[0] == 0
    row = book.compliance()
    assert (row["allocated"], row["recalled"], row["recall_open"]) == (granted, recalled, 0)
    assert book.held() == granted
    assert of(book)[1:3] == (min(decided, 1_000), max(0, decided - 1_000))


def test_a_deduction_decided_after_the_pre_allocation_is_recalled_at_the_end(
    book: NationalBook,
) -> None:
    book.pre_allocate()
    book.deduct(500)
    book.finalise(entitlement=1_000)
    assert of(book) == (700, 500, 0, -200)
    assert book.held() == 500


@pytest.mark.parametrize(("entitlement", "given_back"), [(400, 0), (300, 0), (299, 1), (0, 300)])
def test_what_was_taken_beyond_the_entitlement_is_given_back_to_the_deduction(
    book: NationalBook, entitlement: int, given_back: int
) -> None:
    """Z2 note 8: 300 of 700 t were kept back; the approval cannot bear them all."""
    book.deduct(300, id="d")
    book.pre_allocate()
    book.finalise(entitlement=entitlement)
    (only,) = book.allocation()["deduction_lines"]
    assert (only["deducted"], only["remaining"]) == (300 - given_back, given_back)
    assert book.held() == max(0, entitlement - 300)


def test_deductions_are_taken_in_the_order_they_were_recorded(book: NationalBook) -> None:
    for name, quantity, reason in (
        ("a", 300, "enforcement"), ("b", 300, "relief"), ("c", 300, "other"),
    ):  # fmt: skip
        book.deduct(quantity, reason, id=name)
    book.pre_allocate()
    found = {
        one["deduction"]: (one["reason"], one["deducted"], one["remaining"])
        for one in book.allocation()["deduction_lines"]
    }
    assert found == {
        "a": ("enforcement", 300, 0), "b": ("relief", 300, 0), "c": ("other", 100, 200),
    }  # fmt: skip
    book.finalise(entitlement=850)
    assert of(book) == (0, 850, 50, 0)


def test_a_deduction_that_is_not_yet_in_effect_waits(book: NationalBook) -> None:
    book.deduct(100, at="2025-08-01")
    book.pre_allocate(at="2025-07-31")
    assert book.compliance(as_of="2025-07-31")["pre_allocated"] == 700
    book.finalise(entitlement=1_000, at="2025-08-01")
    assert book.compliance(as_of="2025-08-01")["allocated"] == 900


def test_a_deduction_after_the_final_allocation_is_taken_when_it_is_approved_again(
    book: NationalBook,
) -> None:
    book.finalise(entitlement=1_000, id="final")
    outcome = book.deduct(100)
    assert "final" in outcome.warnings[0]
    assert book.held() == 1_000
    book.finalise(entitlement=1_000, supersedes="final")
    assert book.held() == 900
    assert of(book) == (0, 100, 0, 900)


def test_a_deduction_of_another_year_does_not_count(book: NationalBook) -> None:
    book.deduct(100, year=2025)
    book.pre_allocate()
    assert book.held() == 700


def test_the_ledger_deducts_no_unsurrendered_tonnes_by_itself(book: NationalBook) -> None:
    """[ADOPTED]: a deduction is a recorded decision; 2023 was never surrendered for."""
    assert book.stands(year=2023) == "NON_COMPLIANT"
    book.pre_allocate()
    assert book.held() == 700


@pytest.mark.parametrize(
    ("at", "accepted"),
    [
        ("2026-08-14T23:59:59.999999", True),
        ("2026-08-15", False),
        ("2026-08-15T00:00:01", False),
    ],
)
def test_no_reduction_for_non_surrender_is_decided_from_15_august_2026_on(
    book: NationalBook, at: str, accepted: bool
) -> None:
    if accepted:
        book.deduct(10, "unsurrendered", at=at)
    else:
        refusal = book.refused(
            "FineOutOfBounds", "record_deduction", entity="plant", year=2026, quantity=10,
            reason="unsurrendered", at=at,
        )  # fmt: skip
        assert refusal.numbers["until"] == "2026-08-15"
    book.deduct(10, "fraud", at=at)  # fraud reductions remain


@pytest.mark.parametrize("reason", ["theft", "", None])
def test_a_deduction_names_one_of_six_reasons(book: NationalBook, reason: str | None) -> None:
    refusal = book.refused(
        "InvalidCommand", "record_deduction", entity="plant", year=2024, quantity=1, reason=reason
    )
    assert refusal.numbers["field"] == "reason"


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1"])
def test_a_deduction_is_of_whole_tonnes(book: NationalBook, quantity: object) -> None:
    refusal = book.refused(
        "InvalidCommand", "record_deduction", entity="plant", year=2024, quantity=quantity,
        reason="other",
    )  # fmt: skip
    assert refusal.numbers["field"] == "quantity"


def test_a_deduction_is_of_a_known_entity(book: NationalBook) -> None:
    refusal = book.refused(
        "UnknownEntity", "record_deduction", entity="nobody", year=2024, quantity=1, reason="other"
    )
    assert refusal.numbers["entity"] == "nobody"
