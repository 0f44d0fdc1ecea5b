"""What an opening balance states beside its tonnes: effective, or refused; a label only where
the rulebook has no such rule."""

from typing import Any

import pytest

from credit_books import CREDITS, CreditBook
from credit_books import NEW as CREDIT
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, UNIT, DayBook, SteppingClock
from national import REGISTRY, SUMMER, NationalBook

pytestmark = ON_SQLITE
LENT = "CEA:2023"
CUT_OVER = "2023-10-01"


@pytest.fixture
def national(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """A plant, and its province, before any unit is there."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant()
    return book


def given(book: NationalBook, quantity: int = 900, unit: str = LENT, **facts: Any) -> Any:
    return book.send("opening_balance", account="plant-1", unit=unit, quantity=quantity,
                     facts=facts, at=CUT_OVER)  # fmt: skip


def refused(book: NationalBook, code: str = "InvalidCommand", **fields: Any) -> Any:
    sent = {"account": "plant-1", "unit": LENT, "quantity": 900, "at": CUT_OVER, **fields}
    return book.refused(code, "opening_balance", **sent)


# -- borrowed --------------------------------------------------------------------------------------


def test_borrowed_units_leave_by_the_surrender_of_their_year_only(national: NationalBook) -> None:
    national.verified(5_000, 2022, at="2023-06-01")
    national.verified(5_000, 2021, at="2023-06-01")
    given(national, borrowed={"2022": 60})
    row = national.row(unit=LENT)
    assert (row["quantity"], row["restricted"], row["available"]) == (900, 60, 840)
    refusal = national.refused("RestrictedUnits", "cancel", account="plant-1", unit=LENT,
                               quantity=841, at="2023-10-02")  # fmt: skip
    assert refusal.numbers["restricted"] == 60
    of = {"entity": "plant", "unit": LENT, "at": "2023-10-02"}
    national.refused("VintageNotEligible", "surrender", year=2021, quantity=1, **of)
    national.refused("VintageNotEligible", "surrender", year=2022, quantity=61, **of)
    national.send("surrender", year=2022, quantity=60, **of)
    assert national.row(unit=LENT)["restricted"] == 0
    assert national.ledger.verify().ok


def test_where_a_vintage_was_lent_for_several_years_the_year_is_to_be_said(
    national: NationalBook,
) -> None:
    refusal = refused(national, facts={"borrowed": 60})
    assert refusal.numbers["field"] == "facts.borrowed"
    assert '{"2021": 60}' in refusal.message
    for year in ("2020", "2023"):
        refused(national, facts={"borrowed": {year: 60}})
    assert refused(national, facts={"borrowed": {"x": 1}}).numbers["field"] == "facts.borrowed.x"
    refused(national, unit="CEA:2022", facts={"borrowed": {"2022": 60}})


@pytest.mark.parametrize(("borrowed", "fits"), [(899, True), (900, True), (901, False)])
def test_no_more_is_borrowed_than_is_there(
    national: NationalBook, borrowed: int, fits: bool
) -> None:
    if fits:
        given(national, borrowed={"2021": borrowed})
        assert national.available(unit=LENT) == 900 - borrowed
    else:
        refused(national, facts={"borrowed": {"2021": borrowed}})


# -- recalls and arrears ---------------------------------------------------------------------------


def test_an_open_recall_is_that_of_the_units_year(national: NationalBook) -> None:
    given(national, recall_open=40)
    row = national.compliance(year=2023)
    assert (row["recall_open"], row["pre_allocated"], row["allocated"]) == (40, 0, 0)
    national.plant("other")
    national.refused("RecallOutstanding", "transfer", kind="succession", from_="plant-1",
                     to="other-1", unit=LENT, quantity=1, at="2023-10-02")  # fmt: skip
    national.give(10, LENT, at="2023-10-03")
    assert national.compliance(year=2023)["recall_open"] == 0
    assert national.held(unit=LENT) == 910 - 40


def test_what_was_allocated_must_be_known_before_it_is_approved_again(
    national: NationalBook,
) -> None:
    given(national, recall_open=40)
    national.fund(LENT, 5_000)
    refusal = national.refused("AllocationNotReady", "finalise_allocation", entity="plant",
                               year=2023, entitlement=500, at="2023-10-02")  # fmt: skip
    assert "opening_year states it" in refusal.message
    assert refusal.numbers["recall_open"] == 40


def test_a_unit_of_two_years_leaves_open_whose_recall_it_is(national: NationalBook) -> None:
    unit = "CEA:2019-2020"
    refused(national, unit=unit, facts={"recall_open": 5})
    given(national, 10, unit, recall_open={"2020": 5})
    assert national.compliance(year=2020)["recall_open"] == 5


def test_arrears_are_owed_and_met_as_the_year_itself(national: NationalBook) -> None:
    unit = "CEA:2019-2020"
    given(national, 900, unit, arrears={"2020": 7})
    row = national.compliance(year=2020)
    assert (row["verified_emissions"], row["obligation"], row["outstanding"]) == (None, 7, 7)
    assert row["status"] == "NON_COMPLIANT"
    national.met(7, year=2020, unit=unit, at="2023-10-02")
    assert national.stands(year=2020) == "LATE_COMPLIANT"
    assert national.held(unit=unit) == 893


@pytest.mark.parametrize(
    ("at", "fits"),
    [("2023-12-31", False), ("2023-12-31T23:59:59", False), ("2024-01-01", True)],
)
def test_only_a_year_past_its_deadline_has_arrears(
    national: NationalBook, at: str, fits: bool
) -> None:
    facts = {"arrears": {"2022": 7}}
    if fits:
        national.send(
            "opening_balance", account="plant-1", unit=LENT, quantity=9, facts=facts, at=at
        )
        assert national.stands(year=2022) == "NON_COMPLIANT"
        refusal = national.refused(
            "SurrenderExceedsObligation", "surrender", entity="plant", year=2022, unit="CEA:2022",
            quantity=8, at="2024-02-01",
        )  # fmt: skip
        assert refusal.numbers["outstanding"] == 7
    else:
        assert refused(national, facts=facts, at=at).numbers["field"] == "facts.arrears.2022"


def test_facts_of_an_account_that_owes_nothing_are_refused(national: NationalBook) -> None:
    for facts in ({"borrowed": {"2022": 1}}, {"recall_open": 1}, {"arrears": {"2021": 1}}):
        refused(national, account="hubei", facts=facts)
    refused(national, facts={"arrears": {"2018": 1}})


def test_a_year_with_facts_here_is_not_opened_besides(national: NationalBook) -> None:
    national.verified(50, 2020, at="2023-01-01")
    assert refused(national, facts={"arrears": {"2020": 1}}).numbers["year"] == 2020


# -- net sales -------------------------------------------------------------------------------------


def test_net_sales_are_of_an_entity_and_of_units_that_are_carried_over(
    national: NationalBook,
) -> None:
    refusal = refused(national, account="hubei", facts={"net_sales": {LENT: 5}})
    assert refusal.numbers["field"] == "facts.net_sales"
    outcome = given(national, net_sales={LENT: 5, "CEA:2025": 7})
    (warning,) = outcome.warnings
    assert warning.startswith("CEA:2025 is not carried over")
    row = national.ledger.banking("plant")
    assert row is not None
    assert row["net_sales_total"] == 5


# -- custody ---------------------------------------------------------------------------------------


def test_what_is_kept_for_an_entity_is_given_to_nobody_else(national: NationalBook) -> None:
    national.plant("other")
    national.send("opening_balance", account="hubei", unit=LENT, quantity=500,
                  facts={"custody": {"plant": 120, "other": 80}}, at=CUT_OVER)  # fmt: skip
    row = national.row("hubei", LENT)
    assert (row["restricted"], row["available"]) == (200, 300)
    of = {"kind": "release", "from_": "hubei", "unit": LENT, "at": "2023-10-02"}
    national.refused("RestrictedUnits", "transfer", to="plant-1", quantity=421, **of)
    national.send("transfer", to="plant-1", quantity=120, **of)
    assert national.row("hubei", LENT)["restricted"] == 80
    assert national.ledger.verify().ok


def test_only_a_government_account_keeps_for_others(national: NationalBook) -> None:
    assert refused(national, facts={"custody": {"plant": 1}}).numbers["field"] == "facts.custody"
    refused(national, "UnknownEntity", account="hubei", facts={"custody": {"nobody": 1}})
    refused(national, account="hubei", facts={"custody": {"plant": 901}})


# -- labels ----------------------------------------------------------------------------------------


def test_where_the_rulebook_has_no_such_rule_a_fact_is_a_label_and_said_to_be(
    book: DayBook,
) -> None:
    facts = {"borrowed": 3, "recall_open": 2, "arrears": {"2022": 7}}
    outcome = book.send("opening_balance", account="crrc-1", unit=UNIT, quantity=70, facts=facts)
    assert [warning.split(": ")[1] for warning in outcome.warnings] == [
        "facts.borrowed is a label here", "facts.recall_open is a label here",
        "facts.arrears is a label here",
    ]  # fmt: skip
    assert book.available() == 70
    assert book.ledger.compliance() == []
    (event,) = book.ledger.events(from_position=outcome.positions[0])
    assert event["data"]["facts"] == facts


# -- credits ---------------------------------------------------------------------------------------


@pytest.fixture
def credits_book(ledger: Ledger, clock: SteppingClock) -> CreditBook:
    clock.now = SUMMER
    book = CreditBook(ledger)
    book.verified(1_000_000, at="2025-04-01")
    return book


def credit(**fields: Any) -> dict[str, Any]:
    known = {"programme": "ccer", "registered_on": "2025-03-06", "covered_by_ets": False}
    return {"credit": {**known, "serials": [[1, 500]], **fields}}


def state_credits(book: CreditBook, facts: dict[str, Any], **fields: Any) -> Any:
    sent = {"registry": CREDITS, "account": "wind-1", "unit": CREDIT, "quantity": 300,
            "at": "2025-05-01", "facts": facts, **fields}  # fmt: skip
    return book.send("opening_balance", **sent)


def test_stated_credits_meet_an_obligation_and_their_numbers_are_taken(
    credits_book: CreditBook,
) -> None:
    book = credits_book
    state_credits(book, credit())
    state_credits(book, credit(serials=[]), account="wang-1")
    book.use(book.lock(200))
    assert book.compliance()["offsets"] == 200
    outcome = book.credits(5, at="2025-06-02")
    (event,) = book.ledger.events(from_position=outcome.positions[0])
    assert event["data"]["serial_start"] == 501
    (row,) = book.ledger.credits(registry=CREDITS)
    assert (row["programme"], row["registered_on"], row["issued"]) == ("ccer", "2025-03-06", 605)
    assert row["free"] == 405
    assert book.ledger.verify().ok


def test_credits_of_no_programme_on_record_meet_nothing(credits_book: CreditBook) -> None:
    state_credits(credits_book, {})
    lock = credits_book.lock(200)
    credits_book.refused("OffsetNotEligible", "use_offsets", entity="plant", year=2024, lock=lock)


@pytest.mark.parametrize(
    "wrong",
    [
        {"serials": []},
        {"serials": [[5, 4]]},
        {"programme": "cqcer"},
        {"registered_on": "2025-02-30"},
    ],
)
def test_a_record_of_credits_that_cannot_be_is_refused(
    credits_book: CreditBook, wrong: dict[str, Any]
) -> None:
    credits_book.refused(
        "InvalidCommand", "opening_balance", registry=CREDITS, account="wind-1", unit=CREDIT,
        quantity=300, at="2025-05-01", facts=credit(**wrong),
    )  # fmt: skip


def test_what_is_on_record_of_credits_holds_for_all_of_them(credits_book: CreditBook) -> None:
    state_credits(credits_book, credit())
    for wrong in (
        {"registered_on": "2025-03-07"},
        {"covered_by_ets": True},
        {"serials": [[500, 501]]},
    ):
        credits_book.refused(
            "InvalidCommand", "opening_balance", registry=CREDITS, account="wind-1", unit=CREDIT,
            quantity=1, at="2025-05-01", facts=credit(**{"serials": [[501, 501]], **wrong}),
        )  # fmt: skip
    assert credits_book.ledger.balances(registry=REGISTRY) == []
