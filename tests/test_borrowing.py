"""Borrowing (N-BOR-1 to N-BOR-5, N-ADJ-3): who may borrow, how much, and how it is repaid."""

from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import SUMMER, NationalBook

pytestmark = ON_SQLITE

LENT = "CEA:2023"
DAY = "2023-09-01"


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """``plant`` is 100,001 t short of 1,000,000 t verified in 2022 (D23); 2023 lends 700,000 t."""
    national.fund("CEA:2022", 5_000_000)
    national.fund(LENT, 5_000_000)
    national.verified(1_000_000, 2022, at="2023-06-01")
    national.finalise(2022, entitlement=899_999, at="2023-07-01", id="final-2022")
    return national


def borrow(book: NationalBook, quantity: int, year: int = 2022, **fields: Any) -> None:
    """In September 2023."""
    given = {"entity": "plant", "at": DAY, **fields}
    book.send("borrow", year=year, quantity=quantity, **given)


def refused(
    book: NationalBook, code: str, quantity: int = 1, year: int = 2022, **fields: Any
) -> dict[str, Any]:
    """The numbers of the refusal."""
    given = {"entity": "plant", "at": DAY, **fields}
    return book.refused(code, "borrow", year=year, quantity=quantity, **given).numbers


def short_by(book: NationalBook, gap: int) -> None:
    """The approval of 2022 is replaced: ``gap`` tonnes less than what was verified."""
    book.finalise(2022, entitlement=1_000_000 - gap, supersedes="final-2022", at="2023-07-02")


@pytest.mark.parametrize("quantity", [1, 49_999, 50_000])
def test_half_the_gap_is_lent_and_restricted(book: NationalBook, quantity: int) -> None:
    borrow(book, quantity, id="loan")
    row = book.row(unit=LENT)
    assert (row["quantity"], row["restricted"], row["available"]) == (quantity, quantity, 0)
    assert book.held("hubei", LENT) == 5_000_000 - quantity
    assert book.compliance(year=2022)["borrowed"] == quantity
    assert book.supply(LENT)["holding"] == quantity


def test_the_limit_is_half_the_gap_rounded_down(book: NationalBook) -> None:
    """D23: half of 100,001 t is 50,000.5 t."""
    numbers = refused(book, "BorrowingLimitExceeded", 50_001)
    assert (numbers["limit"], numbers["borrowed"], numbers["asked"]) == (50_000, 0, 50_001)


def test_the_limit_holds_for_all_loans_of_the_year(book: NationalBook) -> None:
    borrow(book, 30_000)
    numbers = refused(book, "BorrowingLimitExceeded", 20_001)
    assert (numbers["limit"], numbers["borrowed"]) == (50_000, 30_000)
    borrow(book, 20_000)
    assert book.compliance(year=2022)["borrowed"] == 50_000


def test_a_loan_that_takes_effect_later_counts_too(book: NationalBook) -> None:
    borrow(book, 30_000, at="2023-11-01")
    assert refused(book, "BorrowingLimitExceeded", 20_001)["borrowed"] == 30_000


def test_the_event_says_what_decided(book: NationalBook) -> None:
    borrow(book, 50_000, id="loan")
    (event,) = book.ledger.events(types=["UnitsBorrowed"])
    data = event["data"]
    assert data["borrowing"] == "loan"
    assert (data["verified"], data["approved"], data["gap"]) == (1_000_000, 899_999, 100_001)
    assert (data["limit"], data["lender_limit"], data["lender_year"]) == (50_000, 700_000, 2023)
    assert (data["from"], data["account"], data["unit"]) == ("hubei", "plant-1", LENT)
    assert "W1" in data["source"]


# --- who and when --------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [2019, 2020, 2023, 2024, 2025])
def test_only_2021_and_2022_can_be_borrowed_for(book: NationalBook, year: int) -> None:
    """D24, N-BOR-1."""
    assert refused(book, "BorrowingNotAllowed", year=year)["years"] == [2021, 2022]


def test_2021_borrows_from_2023_too(book: NationalBook) -> None:
    book.fund("CEA:2021", 1_000_000)
    book.verified(800_000, 2021, at="2023-06-01")
    book.finalise(2021, entitlement=600_000, at="2023-07-01")
    borrow(book, 100_000, year=2021)
    refused(book, "BorrowingLimitExceeded", 1, year=2021)
    borrow(book, 50_000)  # each year has its own gap
    assert book.row(unit=LENT)["restricted"] == 150_000


@pytest.mark.parametrize("status", ["at_risk", "shut", "dissolved"])
def test_entities_at_risk_or_closed_may_not_borrow(book: NationalBook, status: str) -> None:
    book.status(status, at="2023-08-01")
    assert refused(book, "BorrowingNotAllowed")["status"] == status
    borrow(book, 1, at="2023-07-31")  # the status of that day


@pytest.mark.parametrize("direction", ["out", "both"])
def test_an_entity_with_a_frozen_account_may_not_borrow(book: NationalBook, direction: str) -> None:
    """D24, W7: any of its accounts, while it is frozen."""
    book.send("open_account", account="plant-2", kind="entity", entity="plant", at="2020-01-01")
    book.send("freeze", account="plant-2", direction=direction, at="2023-08-01", id="court")
    numbers = refused(book, "BorrowingNotAllowed")
    assert (numbers["account"], numbers["freeze"]) == ("plant-2", "court")
    book.send("unfreeze", freeze="court", at="2023-08-31")
    borrow(book, 1)


@pytest.mark.parametrize("what", [{"quantity": 10}, {}])
def test_an_entity_with_frozen_units_may_not_borrow(
    book: NationalBook, what: dict[str, int]
) -> None:
    """D24, W7: under judicial freeze is also who has a quantity or a unit frozen."""
    book.give(10, "CEA:2022", at="2023-01-01")
    book.send("freeze", account="plant-1", unit="CEA:2022", at="2023-02-01", id="court", **what)
    assert refused(book, "BorrowingNotAllowed")["freeze"] == "court"
    book.send("unfreeze", freeze="court", at="2023-08-31")
    borrow(book, 1)
    assert book.compliance(year=2022)["borrowed"] == 1


# --- the gap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "allowed"), [(0, False), (99_999, False), (100_000, True), (100_001, True)]
)
def test_borrowing_begins_at_a_gap_of_ten_percent(
    book: NationalBook, gap: int, allowed: bool
) -> None:
    short_by(book, gap)
    if allowed:
        borrow(book, 50_000)
        refused(book, "BorrowingLimitExceeded", 1)
    else:
        numbers = refused(book, "ShortfallTooSmall")
        assert (numbers["verified"], numbers["approved"]) == (1_000_000, 1_000_000 - gap)
        assert (numbers["gap"], numbers["minimum"]) == (gap, 100_000)


def test_a_surplus_is_no_gap(book: NationalBook) -> None:
    short_by(book, -200_000)
    assert refused(book, "ShortfallTooSmall")["gap"] == -200_000


def test_the_gap_is_taken_after_the_exemptions(book: NationalBook) -> None:
    """D25: 700,000 t by the formula are lifted to 80 % of 1,000,000 t before the gap is taken."""
    book.plant("coal")
    units = [
        {
            "unit_id": "1", "class": "conventional_coal", "rated_mw": 600, "load_factor": 1,
            "supplied_mwh": "856059.7", "heat_gj": 0, "heat_ratio": 0, "cooling": "water",
        }
    ]  # fmt: skip
    book.verified(1_000_000, 2022, "coal", units, at="2023-06-01")
    book.finalise(2022, "coal", at="2023-07-01")
    row = book.allocation("coal", 2022)
    assert (row["subtotal"], row["entitlement"]) == (700_000, 800_000)
    numbers = refused(book, "BorrowingLimitExceeded", 100_001, entity="coal")
    assert numbers["limit"] == 100_000
    borrow(book, 100_000, entity="coal")
    assert book.compliance("coal", 2022)["borrowed"] == 100_000


# --- what is not known yet -----------------------------------------------------------------------


def test_the_year_must_be_final(book: NationalBook) -> None:
    book.plant("other")
    book.verified(1_000, 2022, "other", at="2023-06-01")
    numbers = refused(book, "AllocationNotReady", entity="other")
    assert numbers["missing"] == "finalise_allocation"
    assert refused(book, "AllocationNotReady", at="2023-06-30")["missing"] == "finalise_allocation"


def test_an_approved_figure_without_a_report_gives_no_gap(book: NationalBook) -> None:
    book.plant("other")
    book.finalise(2022, "other", entitlement=500, at="2023-07-01")
    assert refused(book, "AllocationNotReady", entity="other")["missing"] == "record_verified"


def test_the_lender_years_pre_allocation_must_be_computable(book: NationalBook) -> None:
    """2021 rests on 2023's base year, 2022, which has no report here."""
    book.plant("other")
    book.fund("CEA:2021", 1_000)
    book.verified(1_000, 2021, "other", at="2023-06-01")
    book.finalise(2021, "other", entitlement=500, at="2023-07-01")
    numbers = refused(book, "AllocationNotReady", entity="other", year=2021)
    assert (numbers["year"], numbers["base_year"]) == (2023, 2022)


def test_a_borrower_is_a_known_entity_with_an_account(book: NationalBook) -> None:
    refused(book, "UnknownEntity", entity="nobody")
    book.send("register_entity", entity="new", name="New", sector="power", at="2020-01-01")
    refused(book, "UnknownAccount", entity="new")


def test_the_government_account_must_have_the_units(book: NationalBook) -> None:
    book.send(
        "distribute", unit=LENT, quantity=4_999_990, from_="hubei", to="authority",
        at="2023-08-01",
    )  # fmt: skip
    numbers = refused(book, "InsufficientUnits", 11)
    assert (numbers["account"], numbers["available"]) == ("hubei", 10)
    borrow(book, 10)


def test_an_entity_without_a_province_borrows_from_the_authority(book: NationalBook) -> None:
    book.send("issue", unit=LENT, quantity=10, at="2020-01-01")
    book.send("register_entity", entity="lone", name="L", sector="power", at="2020-01-01")
    book.send("open_account", account="lone-1", kind="entity", entity="lone", at="2020-01-01")
    book.verified(100, 2022, "lone", at="2023-06-01")
    book.send("issue", unit="CEA:2022", quantity=100, at="2020-01-01")
    book.finalise(2022, "lone", entitlement=80, at="2023-07-01")
    borrow(book, 10, entity="lone")
    assert book.held("authority", LENT) == 0


# --- the lender year -----------------------------------------------------------------------------


def of_2023(book: NationalBook) -> tuple[int, int]:
    """Of the loan: deducted so far, and what remains."""
    lines = book.allocation(year=2023)["deduction_lines"]
    found = [line for line in lines if line["deduction"] == "loan"]
    assert [line["reason"] for line in found] == ["borrowed"]
    return found[0]["deducted"], found[0]["remaining"]


def test_the_loan_is_repaid_by_the_final_allocation(book: NationalBook) -> None:
    """D23: 700,000 t approved for 2023, 650,000 t handed out."""
    borrow(book, 50_000, id="loan")
    book.verified(720_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=700_000, at="2024-07-01")
    assert of_2023(book) == (50_000, 0)
    assert book.compliance(year=2023)["allocated"] == 650_000
    assert book.available(unit=LENT) == 650_000


def test_the_pre_allocation_repays_first(book: NationalBook) -> None:
    borrow(book, 50_000, id="loan")
    book.pre_allocate(2023, at="2024-01-15")
    assert of_2023(book) == (50_000, 0)
    assert book.compliance(year=2023)["pre_allocated"] == 650_000
    book.verified(720_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=700_000, at="2024-07-01")
    assert of_2023(book) == (50_000, 0)
    assert book.compliance(year=2023)["allocated"] == 650_000


def test_what_the_pre_allocation_cannot_bear_is_left_to_the_final_one(book: NationalBook) -> None:
    book.deduct(690_000, year=2023, at="2023-08-01")
    borrow(book, 50_000, id="loan")
    book.pre_allocate(2023, at="2024-01-15")
    assert of_2023(book) == (10_000, 40_000)
    book.verified(900_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=900_000, at="2024-07-01")
    assert of_2023(book) == (50_000, 0)
    assert book.compliance(year=2023)["allocated"] == 900_000 - 690_000 - 50_000


def test_a_loan_after_the_pre_allocation_is_repaid_at_the_end(book: NationalBook) -> None:
    book.pre_allocate(2023, at="2023-08-01")
    borrow(book, 50_000, id="loan")
    assert of_2023(book) == (0, 50_000)
    book.verified(720_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=700_000, at="2024-07-01")
    assert of_2023(book) == (50_000, 0)
    assert book.compliance(year=2023)["recalled"] == 50_000


def test_a_loan_after_the_final_allocation_of_the_lender_year_is_warned_of(
    book: NationalBook,
) -> None:
    book.verified(720_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=700_000, at="2024-07-01", id="final-2023")
    outcome = book.send("borrow", entity="plant", year=2022, quantity=5, at="2024-08-01")
    assert "final" in outcome.warnings[0]
    book.finalise(2023, entitlement=700_000, at="2024-09-01", supersedes="final-2023")
    assert book.compliance(year=2023)["recalled"] == 5


def test_no_more_is_lent_than_the_lender_years_pre_allocation(book: NationalBook) -> None:
    """A small plant of 2022 that was large in 2021: 70 % of 2022 bounds both years together."""
    book.plant("small")
    book.fund("CEA:2021", 10_000)
    book.verified(10_000, 2021, "small", at="2023-06-01")
    book.verified(100, 2022, "small", at="2023-06-01")
    book.finalise(2021, "small", entitlement=0, at="2023-07-01")
    book.finalise(2022, "small", entitlement=0, at="2023-07-01")
    borrow(book, 50, entity="small")
    numbers = refused(book, "BorrowingLimitExceeded", 21, year=2021, entity="small")
    assert (numbers["limit"], numbers["borrowed"], numbers["lender_year"]) == (70, 50, 2023)
    borrow(book, 20, year=2021, entity="small")
    refused(book, "BorrowingLimitExceeded", 1, year=2021, entity="small")


def test_what_other_deductions_took_of_the_pre_allocation_is_not_lent(book: NationalBook) -> None:
    book.deduct(680_000, year=2023, at="2023-07-15")
    borrow(book, 5_000, at="2023-07-20", id="first")
    book.pre_allocate(2023, at="2023-08-01")  # 700,000: 680,000 and the loan are kept
    numbers = refused(book, "BorrowingLimitExceeded", 15_001)
    assert (numbers["limit"], numbers["borrowed"]) == (20_000, 5_000)
    borrow(book, 15_000)
    assert book.compliance(year=2022)["borrowed"] == 20_000


# --- as of, known at -----------------------------------------------------------------------------


def test_a_loan_is_seen_from_its_day_on_and_once_it_was_known(book: NationalBook) -> None:
    before = book.ledger.head().position
    borrow(book, 40_000, id="loan")
    assert book.compliance(year=2022, as_of="2023-08-31")["borrowed"] == 0
    assert book.compliance(year=2022, known_at=before)["borrowed"] == 0
    assert book.compliance(year=2022)["borrowed"] == 40_000
    assert book.ledger.verify().ok
    book.ledger.rebuild()
    assert book.compliance(year=2022)["borrowed"] == 40_000
    assert of_2023(book) == (0, 40_000)


def test_the_tables_have_the_loan_in_both_years(book: NationalBook, store_url: str) -> None:
    borrow(book, 40_000, id="loan")
    for number in range(120):  # more than the tables may lag behind
        book.send("register_entity", entity=f"e{number}", name="E", sector="power", at=DAY)
    assert book.ledger.compliance(year=2022)[0]["borrowed"] == 40_000
    assert book.ledger.verify().ok
    with Ledger.open(store_url, clock=SteppingClock(SUMMER)) as another:
        row = another.allocation("plant", 2023)
    assert row is not None
    assert [line["quantity"] for line in row["deduction_lines"]] == [40_000]


# --- a market with a table of its own ------------------------------------------------------------


PILOT: dict[str, Any] = {
    "extends": "cn-national",
    "name": "pilot",
    "borrowing": [
        {"rule": "Q-BOR", "years": [2022, 2023], "minimum_gap": "0.10", "source": "S1",
         "frozen_accounts": True},
        {"rule": "Q-BOR", "years": [2024], "minimum_gap": "0.05", "source": "S1"},
    ],
}  # fmt: skip


def test_without_a_lender_year_and_a_share_the_next_year_lends_the_whole_gap(
    ledger: Ledger, clock: SteppingClock
) -> None:
    """Q-BOR: thresholds by year, and no limit but the gap and the next year's pre-allocation."""
    clock.now = "2026-01-01"
    book = NationalBook(ledger, PILOT)
    book.plant()
    for unit in ("CEA:2022", "CEA:2023", "CEA:2024", "CEA:2025"):
        book.fund(unit, 1_000_000)
    for year, gap in ((2023, 100), (2024, 50)):
        day = f"{year + 1}-06-01"
        book.verified(1_000, year, at=day)
        book.finalise(year, entitlement=1_000 - gap + 1, at=day, id=f"early-{year}")
        numbers = refused(book, "ShortfallTooSmall", year=year, at=day)
        assert (numbers["gap"], numbers["minimum"]) == (gap - 1, gap)
        book.finalise(year, entitlement=1_000 - gap, at=day, supersedes=f"early-{year}")
        refused(book, "BorrowingLimitExceeded", gap + 1, year=year, at=day)
        if year == 2023:
            book.send("freeze", account="plant-1", at=day, id="f")
        borrow(book, gap, year=year, at=day, id=f"loan-{year}")
        if year == 2023:
            book.send("unfreeze", freeze="f", at=day)
        lent = f"CEA:{year + 1}"
        assert book.row(unit=lent)["restricted"] == gap
        book.surrender(gap, year=year, unit=lent, at=day, id=f"s-{year}")
        book.confirm(f"s-{year}", at=day)
        assert book.compliance(year=year)["surrendered"] == gap
        (line,) = book.allocation(year=year + 1)["deduction_lines"]
        assert (line["deduction"], line["quantity"]) == (f"loan-{year}", gap)
    refused(book, "BorrowingNotAllowed", year=2020)


def test_the_next_years_pre_allocation_bounds_it(ledger: Ledger) -> None:
    book = NationalBook(ledger, PILOT)
    book.plant()
    book.fund("CEA:2024", 1_000)
    book.verified(1_000, 2023, at="2024-06-01")
    book.finalise(2023, entitlement=0, at="2024-06-01")
    numbers = refused(book, "BorrowingLimitExceeded", 701, year=2023, at="2024-06-02")
    assert (numbers["limit"], numbers["lender_year"]) == (700, 2024)
    borrow(book, 700, year=2023, at="2024-06-02")
