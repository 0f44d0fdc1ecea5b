"""Entities at risk (N-DIFF): their allowances stay with the province, which surrenders them."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """``plant`` is at risk since June; 1,000 t of 2024 are in the province."""
    national.plant("other")
    national.fund("CEA:2024", 1_000)
    national.verified(1_000, 2023)
    national.verified(900)
    national.status("at_risk", at="2025-06-01")
    return national


def province(book: NationalBook, **when: str) -> tuple[int, int, int]:
    """Held, in custody (restricted), available."""
    row = book.row("hubei", **when)
    return row["quantity"], row["restricted"], row["available"]


def test_a_pre_allocation_goes_into_custody(book: NationalBook) -> None:
    book.pre_allocate()
    assert province(book) == (1_000, 700, 300)
    assert book.held() == 0
    row = book.compliance()
    assert (row["pre_allocated"], row["allocated"]) == (700, 700)


def test_a_final_allocation_goes_into_custody(book: NationalBook) -> None:
    book.finalise(entitlement=900)
    assert province(book) == (1_000, 900, 100)
    assert book.held() == 0


def test_from_the_authority_it_comes_to_the_province(book: NationalBook) -> None:
    book.send("issue", unit="CEA:2024", quantity=500)
    book.finalise(entitlement=500, from_="authority")
    assert province(book) == (1_500, 500, 1_000)
    assert book.held("authority") == 0


def test_what_is_in_custody_is_given_to_nobody_else(book: NationalBook) -> None:
    book.pre_allocate()
    given = {"unit": "CEA:2024", "from_": "hubei", "to": "other-1", "kind": "release"}
    refusal = book.refused("RestrictedUnits", "transfer", quantity=301, **given)
    assert (refusal.numbers["held"], refusal.numbers["available"]) == (1_000, 300)
    book.send("transfer", quantity=300, **given)
    assert province(book) == (700, 700, 0)
    book.refused(
        "RestrictedUnits", "distribute", unit="CEA:2024", quantity=1, from_="hubei",
        to="authority",
    )  # fmt: skip


@pytest.mark.parametrize("quantity", [1, 699, 700, 701, 900])
def test_a_forced_surrender_takes_custody_first(book: NationalBook, quantity: int) -> None:
    book.pre_allocate()
    book.surrender(quantity, from_="hubei", id="forced")
    row = book.row("hubei")
    from_custody = min(quantity, 700)
    assert (row["pending"], row["restricted"]) == (quantity, 700 - from_custody)
    assert row["available"] == 300 - (quantity - from_custody)
    book.confirm("forced")
    assert province(book)[0] == 1_000 - quantity
    assert book.compliance()["surrendered"] == quantity
    assert book.supply()["retired"] == quantity


def test_the_submission_says_that_it_was_forced(book: NationalBook) -> None:
    book.pre_allocate()
    book.surrender(10, from_="hubei")
    (event,) = book.ledger.events(types=["SurrenderSubmitted"])
    assert (event["data"]["forced"], event["data"]["custody"]) == (True, 10)
    book.give(5)
    book.surrender(5)
    *_, own = book.ledger.events(types=["SurrenderSubmitted"])
    assert own["data"].get("forced", False) is False


def test_a_rejected_forced_surrender_is_in_custody_again(book: NationalBook) -> None:
    book.pre_allocate()
    book.surrender(800, from_="hubei", id="forced")
    assert province(book) == (1_000, 0, 200)
    book.reject("forced")
    assert province(book) == (1_000, 700, 300)
    assert book.compliance()["pending"] == 0


def test_a_healthy_entity_does_not_surrender_from_the_province(book: NationalBook) -> None:
    book.verified(10, entity="other")
    refusal = book.refused(
        "ParticipantNotAllowed", "surrender", entity="other", year=2024, unit="CEA:2024",
        quantity=1, from_="hubei",
    )  # fmt: skip
    assert (refusal.numbers["account"], refusal.numbers["status"]) == ("hubei", "active")


def test_what_was_kept_may_still_be_surrendered_after_recovery(book: NationalBook) -> None:
    book.pre_allocate()
    book.status("active")
    book.met(700, from_="hubei")
    assert province(book) == (300, 0, 300)
    book.refused(
        "ParticipantNotAllowed", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=1, from_="hubei",
    )  # fmt: skip


@pytest.mark.parametrize(("quantity", "kept"), [(1, 699), (700, 0), (701, 0)])
def test_the_leftover_is_released_to_the_entity(
    book: NationalBook, quantity: int, kept: int
) -> None:
    book.pre_allocate()
    book.send(
        "transfer", unit="CEA:2024", quantity=quantity, from_="hubei", to="plant-1", kind="release"
    )
    assert province(book) == (1_000 - quantity, kept, 1_000 - quantity - kept)
    assert book.available() == quantity


@pytest.mark.parametrize(("quantity", "kept"), [(300, 700), (700, 700), (701, 700)])
def test_a_reversed_release_is_in_custody_again(
    book: NationalBook, quantity: int, kept: int
) -> None:
    book.pre_allocate()
    given = {"unit": "CEA:2024", "from_": "hubei", "to": "plant-1", "kind": "release"}
    book.send("transfer", id="release", quantity=quantity, **given)
    book.send("reverse", reverses="release")
    assert province(book) == (1_000, kept, 300)
    book.met(700, from_="hubei")
    assert province(book) == (300, 0, 300)


def test_a_release_to_another_entity_leaves_custody_alone(book: NationalBook) -> None:
    book.pre_allocate()
    book.send(
        "transfer", unit="CEA:2024", quantity=300, from_="hubei", to="other-1", kind="release"
    )
    assert province(book) == (700, 700, 0)


def test_a_recall_comes_out_of_custody_first(book: NationalBook) -> None:
    book.pre_allocate()
    book.give(50)
    book.finalise(entitlement=600)
    row = book.compliance()
    assert (row["recalled"], row["recall_open"]) == (100, 0)
    assert province(book) == (1_000, 600, 400)
    assert book.held() == 50


def test_a_recall_beyond_custody_is_met_from_the_account_and_then_stays_open(
    book: NationalBook,
) -> None:
    book.pre_allocate()
    book.met(650, from_="hubei")
    book.give(20)
    book.finalise(entitlement=600)  # 100 to come back: 50 from custody, 20 from the account
    row = book.compliance()
    assert (row["recalled"], row["recall_open"]) == (70, 30)
    assert province(book)[1] == 0
    assert book.held() == 0


def test_custody_follows_the_status_of_the_day(book: NationalBook) -> None:
    book.status("active", at="2025-09-01")
    book.pre_allocate(at="2025-08-31T23:59:59")
    book.finalise(entitlement=900, at="2025-09-01")
    assert province(book, as_of="2025-09-01") == (800, 700, 100)
    assert book.held(as_of="2025-09-01") == 200


def test_custody_of_two_entities_is_told_apart(book: NationalBook) -> None:
    book.status("at_risk", "other")
    book.verified(100, entity="other")
    book.pre_allocate()
    book.finalise(entity="other", entitlement=100)
    assert province(book) == (1_000, 800, 200)
    book.met(100, entity="other", from_="hubei")
    assert province(book) == (900, 700, 200)
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="other", year=2024, unit="CEA:2024",
        quantity=1, from_="hubei",
    )  # fmt: skip
    assert refusal.numbers["outstanding"] == 0


def test_nothing_is_kept_before_it_came_into_custody(book: NationalBook) -> None:
    """A release or a forced surrender of the day before takes what was free that day only."""
    book.pre_allocate(at="2025-07-10")
    book.send(
        "transfer", unit="CEA:2024", quantity=1_000 - 700, from_="hubei", to="other-1",
        kind="release", at="2025-07-01",
    )  # fmt: skip
    given = {"unit": "CEA:2024", "from_": "hubei", "to": "plant-1", "kind": "release"}
    book.refused("BackdatedOverdraft", "transfer", quantity=1, at="2025-07-09", **given)
    book.refused(
        "BackdatedOverdraft", "surrender", entity="plant", year=2024, unit="CEA:2024", quantity=1,
        from_="hubei", at="2025-07-09",
    )  # fmt: skip
    book.send("transfer", quantity=700, at="2025-07-10", **given)
    assert province(book, as_of="2025-07-09") == (700, 0, 700)
