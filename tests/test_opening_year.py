"""Opening years: a compliance year stated in sums, and every later rule that rests on it."""

from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import REGISTRY, NationalBook, coal

pytestmark = ON_SQLITE
UNIT = "CEA:2023"
CUT_OVER = "2025-01-10"
"""Ten days after the deadline for 2023."""
DEADLINE = "2024-12-31T23:59:59"


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """One plant whose account holds 1,000 t of 2023 when the books begin."""
    clock.now = "2025-07-01T09:00:00"
    book = NationalBook(ledger)
    book.plant()
    book.give(1_000, UNIT, at=CUT_OVER)
    return book


def opened(book: NationalBook, year: int = 2023, **facts: Any) -> Any:
    return book.send(
        "opening_year", id="opened", entity="plant", year=year, facts=facts, at=CUT_OVER
    )


def not_opened(book: NationalBook, code: str, year: int = 2023, **facts: Any) -> Any:
    return book.refused(
        code, "opening_year", entity="plant", year=year, facts=facts, at=CUT_OVER
    )  # fmt: skip


def submitted(quantity: int, at: str, **fields: Any) -> dict[str, Any]:
    return {"unit": UNIT, "quantity": quantity, "submitted_at": at, **fields}


# -- what it says ----------------------------------------------------------------------------------


def test_every_sum_of_the_year_is_what_was_stated(book: NationalBook) -> None:
    opened(
        book, verified_emissions=2_000, entitlement=1_900, pre_allocated=1_400, allocated=1_950,
        recalled=10, recall_open=140, submissions=[submitted(700, "2024-12-01")],
        offsets=[{"unit": "CCER:wind:2023", "quantity": 90, "counted_at": "2024-12-02"}],
        green_power=[{"quantity": 8, "counted_at": "2024-12-03"}],
        loans=[{"unit": "CEA:2024", "lender_year": 2024, "quantity": 60}],
        deductions=[{"reason": "fraud", "quantity": 300, "deducted": 100, "in_advance": 40}],
        fines=[{"amount": "20000.5"}, {"amount": "1"}],
    )  # fmt: skip
    row = book.compliance(year=2023)
    assert {key: value for key, value in row.items() if key not in ("registry", "entity")} == {
        "year": 2023, "verified_emissions": 2_000, "entitlement": 1_900, "pre_allocated": 1_400,
        "allocated": 1_950, "recalled": 10, "recall_open": 140, "borrowed": 60,
        "obligation": 2_000, "surrendered": 700, "pending": 0, "offsets": 90, "green_power": 8,
        "outstanding": 1_202, "deadline": "2024-12-31T23:59:59+08:00", "status": "NON_COMPLIANT",
        "fine": "20001.50",
    }  # fmt: skip
    found = book.allocation(year=2023)
    assert (found["final"], found["entitlement"], found["pre_allocated"]) == (True, 1_900, 1_400)
    assert (found["deductions"], found["difference"]) == (100, 400)
    assert found["deduction_lines"] == [
        {"deduction": "opened/deduction/1", "reason": "fraud", "quantity": 300, "deducted": 100,
         "remaining": 200},
    ]  # fmt: skip
    assert book.ledger.verify().ok


@pytest.mark.parametrize(
    ("at", "status"),
    [(DEADLINE, "COMPLIANT"), ("2025-01-01", "LATE_COMPLIANT")],
)
def test_lateness_is_that_of_the_submission_not_of_the_opening(
    book: NationalBook, at: str, status: str
) -> None:
    opened(book, verified_emissions=2_000, submissions=[submitted(2_000, at)])
    assert book.stands(year=2023) == status


@pytest.mark.parametrize(
    ("at", "status"), [(DEADLINE, "COMPLIANT"), ("2025-01-01", "LATE_COMPLIANT")]
)
def test_lateness_of_credits_and_green_power_is_that_of_their_use(
    book: NationalBook, at: str, status: str
) -> None:
    opened(
        book, verified_emissions=100,
        offsets=[{"unit": "CCER:wind:2023", "quantity": 60, "counted_at": at}],
        green_power=[{"quantity": 40, "counted_at": "2024-12-01"}],
    )  # fmt: skip
    assert book.stands(year=2023) == status


def test_a_stated_obligation_wins_over_the_computed_one_until_a_later_report(
    book: NationalBook,
) -> None:
    opened(book, verified_emissions=2_000, obligation=1_850)
    assert book.compliance(year=2023)["obligation"] == 1_850
    book.verified(2_100, 2023, at="2025-02-02")
    assert book.compliance(year=2023)["obligation"] == 2_100
    assert book.compliance(year=2023, as_of="2025-02-01")["obligation"] == 1_850


def test_an_obligation_may_be_stated_of_a_year_whose_report_is_not_known(
    book: NationalBook,
) -> None:
    opened(book, obligation=70)
    row = book.compliance(year=2023)
    assert (row["verified_emissions"], row["obligation"]) == (None, 70)
    assert row["status"] == "NON_COMPLIANT"
    book.met(70, year=2023, unit=UNIT, at="2025-02-01")
    assert book.stands(year=2023) == "LATE_COMPLIANT"


def test_before_the_opening_the_books_say_nothing_of_the_year(book: NationalBook) -> None:
    opened(book, verified_emissions=2_000)
    assert book.ledger.compliance(registry=REGISTRY, as_of="2025-01-09") == []
    before = book.ledger.head().position - 1
    assert book.ledger.compliance(registry=REGISTRY, known_at=f"@{before}") == []


# -- what later rules make of it -------------------------------------------------------------------


def test_no_more_is_surrendered_than_is_left_of_a_stated_year(book: NationalBook) -> None:
    opened(book, verified_emissions=2_000, submissions=[submitted(1_500, "2024-12-01")])
    given = {"entity": "plant", "year": 2023, "unit": UNIT, "at": "2025-02-01"}
    refusal = book.refused("SurrenderExceedsObligation", "surrender", quantity=501, **given)
    assert refusal.numbers["outstanding"] == 500
    book.met(500, year=2023, unit=UNIT, at="2025-02-01")
    assert book.compliance(year=2023)["outstanding"] == 0


def test_a_stated_final_allocation_is_superseded_by_its_id(book: NationalBook) -> None:
    """The rest, less what it gave before, is handed out: 1,950 - 1,900 - 0 = 50 t more."""
    book.fund(UNIT, 10_000)
    opened(book, verified_emissions=2_000, entitlement=1_900, allocated=1_900,
           final={"allocation": "letter 5"})  # fmt: skip
    given = {"entity": "plant", "year": 2023, "entitlement": 1_950, "at": "2025-02-01"}
    refusal = book.refused("AlreadyAllocated", "finalise_allocation", **given)
    assert refusal.numbers["earlier"] == "letter 5"
    held = book.held(unit=UNIT)
    book.send("finalise_allocation", supersedes="letter 5", **given)
    assert book.held(unit=UNIT) == held + 50
    book.refused("AlreadyAllocated", "pre_allocate", entity="plant", year=2023, at="2025-02-02")


def test_a_stated_deduction_is_carried_to_the_final_allocation(book: NationalBook) -> None:
    """Of 300 t 100 were kept in advance; the final allocation keeps the other 200."""
    book.fund("CEA:2024", 10_000)
    opened(
        book, 2024, pre_allocated=600, allocated=600,
        deductions=[{"deduction": "cut", "reason": "enforcement", "quantity": 300,
                     "deducted": 100, "in_advance": 100}],
    )  # fmt: skip
    book.verified(2_000, 2024, at="2025-06-01")
    book.finalise(2024, entitlement=1_000, at="2025-06-02")
    row = book.allocation(year=2024)
    assert (row["deductions"], row["pre_allocation"] or {})[0] == 300
    assert (row["pre_allocation"] or {})["deducted"] == 100
    assert book.held(unit="CEA:2024") == 1_000 - 600 - 300


def test_an_open_recall_stated_is_met_by_what_comes_and_stops_what_leaves(
    book: NationalBook,
) -> None:
    opened(book, verified_emissions=2_000, entitlement=1_900, allocated=2_050, recall_open=150)
    book.plant("other")
    book.refused("RecallOutstanding", "transfer", kind="succession", unit=UNIT, quantity=1,
                 from_="plant-1", to="other-1", at="2025-02-01")  # fmt: skip
    book.give(400, UNIT, to="other-1", at=CUT_OVER)
    book.send("transfer", kind="succession", unit=UNIT, quantity=100, from_="other-1",
              to="plant-1", at="2025-02-01")  # fmt: skip
    row = book.compliance(year=2023)
    assert (row["recalled"], row["recall_open"]) == (150, 0)
    assert book.held(unit=UNIT) == 1_000 + 100 - 150


def test_what_was_lent_before_counts_for_the_limits_and_is_repaid(book: NationalBook) -> None:
    """A gap of 1,000 t lends 500; 450 were lent before, and are deducted from 2023."""
    book.fund(UNIT, 10_000)
    opened(
        book, 2022, verified_emissions=5_000, entitlement=4_000, allocated=4_000,
        loans=[{"borrowing": "loan", "unit": UNIT, "lender_year": 2023, "quantity": 450}],
    )  # fmt: skip
    book.send(
        "opening_year", entity="plant", year=2023, at=CUT_OVER,
        facts={"verified_emissions": 4_000, "pre_allocated": 3_000, "allocated": 3_000,
               "deductions": [{"deduction": "loan", "reason": "borrowed", "quantity": 450}]},
    )  # fmt: skip
    given = {"entity": "plant", "year": 2022, "at": "2025-02-01"}
    refusal = book.refused("BorrowingLimitExceeded", "borrow", quantity=51, **given)
    assert (refusal.numbers["limit"], refusal.numbers["borrowed"]) == (500, 450)
    book.send("borrow", quantity=50, **given)
    assert book.compliance(year=2022)["borrowed"] == 500
    book.finalise(2023, entitlement=4_000, at="2025-03-01")
    assert book.allocation(year=2023)["deductions"] == 500


def test_a_report_of_before_is_the_base_of_a_pre_allocation(book: NationalBook) -> None:
    """As if it had been recorded here: 70 % of the allocation of the year before."""
    twin = NationalBook.plant(book, "twin")
    unit = coal(mwh=1_000_000, gj=500_000, load_factor=0.7, emissions=900_000)
    opened(book, 2024, verified_emissions=900_000, units=[unit])
    book.verified(900_000, 2024, entity="twin", units=[unit], at=CUT_OVER)
    book.fund("CEA:2025", 10_000_000)
    for entity in ("plant", "twin"):
        book.send("pre_allocate", entity=entity, year=2025, at="2025-05-01")
    assert book.held(unit="CEA:2025") == book.held(twin, "CEA:2025") > 0


def test_a_late_stated_year_is_not_eligible_for_carrying_over(book: NationalBook) -> None:
    opened(book, verified_emissions=10, submissions=[submitted(10, "2025-01-02")])
    row = book.ledger.banking("plant", registry=REGISTRY, as_of="2026-02-01")
    assert row is not None
    assert (row["eligible"], len(row["reasons"])) == (False, 1)


@pytest.mark.parametrize(("ending", "surrendered"), [("confirm", 400), ("reject", 0)])
def test_a_submission_that_waited_at_the_cut_over_is_confirmed_or_rejected_here(
    book: NationalBook, ending: str, surrendered: int
) -> None:
    waits = submitted(400, "2024-12-30", surrender="s9", confirmed=False, account="plant-1")
    opened(book, verified_emissions=400, submissions=[waits])
    row = book.row(unit=UNIT)
    assert (row["pending"], row["available"]) == (400, 600)
    assert book.stands(year=2023) == "PENDING"
    book.send(f"{ending}_surrender", surrender="s9", at="2025-01-20")
    found = book.compliance(year=2023)
    assert (found["surrendered"], found["pending"]) == (surrendered, 0)
    assert found["status"] == ("COMPLIANT" if surrendered else "NON_COMPLIANT")
    assert book.row(unit=UNIT)["quantity"] == 1_000 - surrendered
    assert book.ledger.verify().ok


# -- what is refused -------------------------------------------------------------------------------

BAD: list[tuple[str, dict[str, Any]]] = [
    ("facts", {}),
    ("facts.obligation", {"obligation": -1}),
    ("facts.allocated", {"entitlement": 5, "pre_allocated": 6, "allocated": 5}),
    ("facts.entitlement", {"allocated": 5}),
    ("facts.entitlement", {"recalled": 5}),
    ("facts.entitlement", {"gas_allocation": 5}),
    ("facts.entitlement", {"final": {"allocation": "x"}}),
    ("facts.entitlement", {"deductions": [{"reason": "fraud", "quantity": 5, "deducted": 5}]}),
    ("facts.verified_emissions", {"obligation": 5, "units": [{"unit_id": "1", "class": "gas"}]}),
    ("facts.units.0.class", {"verified_emissions": 5, "units": [{"unit_id": "1"}]}),
    ("facts.deductions.0.deducted",
     {"entitlement": 5, "deductions": [{"reason": "fraud", "quantity": 5, "deducted": 6}]}),
    ("facts.deductions.0.deducted",
     {"entitlement": 5,
      "deductions": [{"reason": "fraud", "quantity": 5, "deducted": 1, "in_advance": 2}]}),
    ("facts.loans.0.quantity",
     {"loans": [{"unit": UNIT, "lender_year": 2024, "quantity": 0}]}),
    ("facts.fines.0.amount", {"fines": [{"amount": "1.005"}]}),
    ("facts.submissions.0.submitted_at", {"submissions": [submitted(1, "yesterday")]}),
    ("facts.submissions.0.submitted_at", {"submissions": [submitted(1, "2025-01-10T00:00:01")]}),
    ("facts.submissions.0.account", {"submissions": [submitted(1, CUT_OVER, confirmed=False)]}),
    ("facts.submissions.0.account", {"submissions": [submitted(1, CUT_OVER, account="plant-1")]}),
    ("facts.submissions.0.borrowed",
     {"submissions": [submitted(1, CUT_OVER, confirmed=False, account="plant-1", borrowed=2)]}),
    ("facts.submissions.1.surrender",
     {"submissions": [submitted(1, CUT_OVER, surrender="s"),
                      submitted(1, CUT_OVER, surrender="s")]}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "facts"), BAD)
def test_sums_that_make_no_sense_are_refused_and_the_field_named(
    book: NationalBook, field: str, facts: dict[str, Any]
) -> None:
    assert not_opened(book, "InvalidCommand", **facts).numbers["field"] == field


def test_a_year_is_opened_once_and_before_any_other_fact_of_it(book: NationalBook) -> None:
    opened(book, verified_emissions=2_000)
    assert not_opened(book, "InvalidCommand", verified_emissions=1).numbers["field"] == "year"
    book.verified(5, 2024, at=CUT_OVER)
    not_opened(book, "InvalidCommand", 2024, verified_emissions=5)


def test_what_is_not_known_and_what_is_not_there_is_refused(book: NationalBook) -> None:
    facts = {"obligation": 5}
    given = {"year": 2023, "facts": facts, "at": CUT_OVER}
    book.refused("UnknownEntity", "opening_year", entity="nobody", **given)
    waits = {"confirmed": False, "account": "nowhere"}
    not_opened(book, "UnknownAccount", submissions=[submitted(5, CUT_OVER, **waits)])
    not_opened(book, "UnitNotAllowed", submissions=[{**submitted(5, CUT_OVER), "unit": "X"}])
    waits["account"] = "plant-1"
    refusal = not_opened(
        book, "InsufficientUnits", submissions=[submitted(1_001, CUT_OVER, **waits)]
    )
    assert refusal.numbers["available"] == 1_000
    not_opened(
        book, "InsufficientUnits",
        submissions=[submitted(600, CUT_OVER, surrender="a", **waits),
                     submitted(401, CUT_OVER, surrender="b", **waits)],
    )  # fmt: skip


def test_figures_that_do_not_add_up_are_warned_of(book: NationalBook) -> None:
    outcome = opened(book, verified_emissions=5, entitlement=100, allocated=90)
    (warning,) = outcome.warnings
    assert "90 t, the entitlement less deductions 100 t" in warning


def test_a_year_that_is_none_of_the_sector_is_warned_of(book: NationalBook) -> None:
    outcome = opened(book, 2018, verified_emissions=5)
    (warning,) = outcome.warnings
    assert "no compliance year 2018" in warning


# -- why -------------------------------------------------------------------------------------------


def test_every_number_is_explained_by_the_statement(book: NationalBook) -> None:
    outcome = opened(
        book, verified_emissions=2_000, obligation=1_900, entitlement=1_900, allocated=1_900,
        submissions=[submitted(700, "2024-12-01"), submitted(30, "2025-01-05")],
        fines=[{"amount": "20000"}],
    )  # fmt: skip
    found = book.ledger.explain_compliance("plant", 2023)
    assert found is not None
    (outstanding,) = [one for one in found["because"] if one["key"] == "outstanding"]
    owed, met = (
        next(one for one in outstanding["because"] if one["key"] == key)
        for key in ("obligation", "surrendered")
    )
    assert [(one["value"], one["sign"]) for one in owed["because"]] == [(2_000, None), (1_900, 1)]
    assert [(one["value"], one["sign"]) for one in met["because"]] == [(700, 1), (30, 1)]
    assert met["because"][0]["what"].endswith("in time")
    assert met["because"][1]["what"].endswith("after the deadline")
    (fine,) = [one for one in found["because"] if one["key"] == "fine"]
    assert fine["because"][0]["value"] == "20000.00"
    allocation = book.ledger.explain_allocation("plant", 2023)
    assert allocation is not None
    assert allocation["value"] == 1_900
    event = book.ledger.explain_event(outcome.positions[0])
    assert event is not None
    assert {one["key"]: one["value"] for one in event["because"]}["obligation"] == 1_900
    assert "1,900" in book.ledger.report("plant")
    (changed,) = [
        row
        for row in book.ledger.diff(("2025-01-09", None), ("2025-01-11", None), entity="plant")
        if row["field"] == "obligation"
    ]
    assert (changed["to"], changed["event_count"]) == (1_900, 1)
