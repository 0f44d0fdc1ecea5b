"""An open recall (N-ADJ-2) at the doors that are easily forgotten, and what it does not bar."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """``plant`` is to give back 150 t of CEA:2024 and holds 200 t of CEA:2023; ``other`` owes."""
    national.plant("other")
    national.fund("CEA:2024", 10_000)
    national.give(200, unit="CEA:2023")
    national.verified(1_000, 2023)
    national.verified(450)
    national.verified(500, entity="other")
    national.pre_allocate()
    national.send(
        "transfer", unit="CEA:2024", quantity=700, kind="succession", from_="plant-1", to="other-1"
    )
    national.finalise(entitlement=550, id="final")
    assert national.compliance()["recall_open"] == 150
    return national


def test_n_adj_2_units_do_not_leave_by_a_surrender_for_another_entity(book: NationalBook) -> None:
    helped = {"entity": "other", "year": 2024, "unit": "CEA:2023", "from_": "plant-1"}
    refusal = book.refused("RecallOutstanding", "surrender", quantity=100, **helped)
    assert (refusal.numbers["entity"], refusal.numbers["recall_open"]) == ("plant", 150)
    book.surrender(100, unit="CEA:2023")  # its own obligation it may meet
    book.send("surrender", quantity=100, **{**helped, "unit": "CEA:2024", "from_": "other-1"})


def test_n_adj_2_an_account_with_an_open_recall_is_not_closed(book: NationalBook) -> None:
    book.met(200, unit="CEA:2023")
    refusal = book.refused("RecallOutstanding", "close_account", account="plant-1")
    assert refusal.numbers["recall_open"] == 150


def test_n_adj_1_the_excess_of_a_dissolved_entity_is_recalled(book: NationalBook) -> None:
    book.status("dissolved", "other")
    refusal = book.refused(
        "ParticipantNotAllowed", "finalise_allocation", entity="other", year=2024, entitlement=1
    )
    assert refusal.numbers["status"] == "dissolved"
    book.status("dissolved")
    book.finalise(entitlement=500, supersedes="final", id="again")
    assert book.compliance()["recall_open"] == 200
    before = book.compliance()
    assert (before["allocated"], before["recalled"]) == (700, 0)


def test_n_adj_3_what_would_be_handed_out_counts_deductions(national: NationalBook) -> None:
    national.fund("CEA:2024", 10_000)
    national.verified(1_000, 2023)
    national.pre_allocate()
    national.deduct(100)
    national.verified(800)
    national.finalise(entitlement=800, id="final")
    decided = national.allocation()
    assert (decided["deductions"], decided["difference"]) == (100, 0)


def test_n_adj_3_a_preview_says_what_would_be_deducted(national: NationalBook) -> None:
    national.plant("works", "cement")
    national.deduct(100, entity="works")
    national.verified(800, entity="works")
    preview = national.allocation("works")
    assert not preview["final"]
    assert (preview["entitlement"], preview["deductions"], preview["difference"]) == (800, 100, 700)
