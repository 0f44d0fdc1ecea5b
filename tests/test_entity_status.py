"""How an entity stands, by the day: active, at risk, shut, dissolved; and who owes at all."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE


@pytest.mark.parametrize(
    ("dissolved", "as_of", "status"),
    [
        ("2025-12-31T23:59:59", "2025-12-31T23:59:58", "OPEN"),
        ("2025-12-31T23:59:59", "2025-12-31T23:59:59", "EXEMPT"),
        ("2025-12-31T23:59:59", "2026-06-01", "EXEMPT"),
        ("2026-01-01", "2025-12-31", "OPEN"),
        ("2026-01-01", "2026-01-01", "NON_COMPLIANT"),
        ("2026-01-01", "2026-06-01", "NON_COMPLIANT"),
    ],
)
def test_who_is_dissolved_by_the_deadline_owes_nothing(
    national: NationalBook, dissolved: str, as_of: str, status: str
) -> None:
    national.verified(100)
    national.status("dissolved", at=dissolved)
    row = national.compliance(as_of=as_of)
    assert row["status"] == status
    assert row["obligation"] == (0 if status == "EXEMPT" else 100)


def test_years_before_the_dissolution_stay_owed(national: NationalBook) -> None:
    national.verified(10, 2023)
    national.verified(10, 2024)
    national.status("dissolved", at="2025-06-01")
    rows = national.ledger.compliance(entity="plant", as_of="2026-06-01")
    assert {row["year"]: row["status"] for row in rows} == {2023: "NON_COMPLIANT", 2024: "EXEMPT"}


@pytest.mark.parametrize("status", ["at_risk", "shut", "active"])
def test_every_other_status_still_owes(national: NationalBook, status: str) -> None:
    national.verified(100)
    national.status(status)
    assert national.stands(as_of="2026-06-01") == "NON_COMPLIANT"


def test_a_dissolved_entity_is_given_nothing(national: NationalBook) -> None:
    national.fund("CEA:2024", 1_000)
    national.verified(1_000, 2023)
    national.verified(1_000)
    national.status("dissolved")
    refusal = national.refused(
        "ParticipantNotAllowed", "finalise_allocation", entity="plant", year=2024, entitlement=10
    )
    assert refusal.numbers["status"] == "dissolved"
    refusal = national.refused("PreAllocationNotAllowed", "pre_allocate", entity="plant", year=2024)
    assert refusal.numbers["status"] == "dissolved"


def test_a_shut_entity_still_gets_its_final_allocation(national: NationalBook) -> None:
    national.fund("CEA:2024", 1_000)
    national.verified(1_000)
    national.status("shut")
    national.finalise(entitlement=900)
    assert national.held() == 900


def test_nothing_is_surrendered_for_what_is_not_owed(national: NationalBook) -> None:
    national.give(10)
    national.verified(10)
    national.status("dissolved")
    refusal = national.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=1,
    )  # fmt: skip
    assert (refusal.numbers["obligation"], refusal.numbers["outstanding"]) == (0, 0)


def test_a_status_is_seen_from_when_it_was_known(national: NationalBook) -> None:
    national.verified(100)
    before = national.ledger.head().position
    national.status("dissolved", at="2025-03-01")
    assert national.stands(known_at=f"@{before}") == "OPEN"
    assert national.stands() == "EXEMPT"
    assert national.stands(as_of="2025-07-01", known_at=f"@{before}") == "OPEN"


def test_of_two_statuses_for_one_instant_the_later_recorded_one_rules(
    national: NationalBook,
) -> None:
    national.verified(100)
    for status in ("dissolved", "active"):
        national.status(status, at="2025-03-01")
    assert national.stands() == "OPEN"
    national.status("dissolved", at="2025-02-01")  # before both
    assert national.stands() == "OPEN"


@pytest.mark.parametrize(
    ("first_year", "status"), [(2023, "OPEN"), (2024, "OPEN"), (2025, "EXEMPT")]
)
def test_nobody_owes_before_its_first_year(
    national: NationalBook, first_year: int, status: str
) -> None:
    national.plant("young", first_year=first_year)
    national.verified(100, entity="young")
    row = national.compliance("young")
    assert (row["status"], row["obligation"]) == (status, 0 if status == "EXEMPT" else 100)


@pytest.mark.parametrize(
    ("sector", "year", "status"),
    [
        ("cement", 2023, "EXEMPT"), ("cement", 2024, "OPEN"), ("steel", 2024, "OPEN"),
        ("aluminium", 2024, "OPEN"), ("industry", 2024, "EXEMPT"), ("other", 2024, "EXEMPT"),
        ("power", 2023, "NON_COMPLIANT"),
    ],
)  # fmt: skip
def test_a_sector_owes_from_its_first_compliance_year_on(
    national: NationalBook, sector: str, year: int, status: str
) -> None:
    """N-COV-3: steel, cement and aluminium from 2024 on."""
    national.plant("one", sector=sector)
    national.verified(100, year, "one")
    assert national.stands("one", year) == status


def test_an_unknown_status_is_no_command(national: NationalBook) -> None:
    refusal = national.refused(
        "InvalidCommand", "set_entity_status", entity="plant", status="bankrupt"
    )
    assert refusal.numbers["field"] == "status"


def test_a_status_is_of_a_known_entity(national: NationalBook) -> None:
    refusal = national.refused("UnknownEntity", "set_entity_status", entity="nobody", status="shut")
    assert refusal.numbers["entity"] == "nobody"
