"""Borrowing in Chongqing (Q-BOR): from the next year, from a tenth or a twentieth of a gap on."""

from typing import Any

import pytest

from chongqing import ENTITY, PILOT, ChongqingBook, extended, pilot, pilot_ledger
from etsledger.domain.borrowing import borrowable, borrowing_rules, large_enough
from etsledger.ledger import Ledger

__all__ = ["pilot", "pilot_ledger"]  # fixtures


def short(book: ChongqingBook, gap: int, year: int = 2024, verified: int = 100_000) -> None:
    """The entity is so much short of its verified emissions; both years have units."""
    for vintage in (year, year + 1):
        book.minted(1_000_000, f"CQEA:{vintage}")
    book.verified(verified, year, at=f"{year + 1}-05-01")
    book.finalise(verified - gap, year, at=f"{year + 1}-09-01", id="final")


def asked(year: int, quantity: int, **fields: Any) -> dict[str, Any]:
    return {
        "entity": ENTITY,
        "year": year,
        "quantity": quantity,
        "at": f"{year + 1}-10-01",
    } | fields


# Year | least gap of 100,000 t
THRESHOLDS = [(2021, 10_000), (2022, 10_000), (2023, 10_000), (2024, 5_000)]


@pytest.mark.parametrize(("year", "least"), THRESHOLDS)
def test_q_bor_the_least_gap_by_year(pilot: ChongqingBook, year: int, least: int) -> None:
    short(pilot, least - 1, year)
    numbers = pilot.refused("ShortfallTooSmall", "borrow", **asked(year, 1)).numbers
    assert (numbers["gap"], numbers["minimum"]) == (least - 1, least)
    for gap in (least, least + 1):
        pilot.finalise(
            100_000 - gap, year, at=f"{year + 1}-09-02", supersedes=_latest(pilot, year)
        )  # fmt: skip
        pilot.send("borrow", **asked(year, 1))
    assert pilot.compliance(year=year)["borrowed"] == 2


def _latest(book: ChongqingBook, year: int) -> str:
    events = book.ledger.events(types=["AllocationFinalised"])
    return [one["data"]["allocation"] for one in events if one["data"]["year"] == year][-1]


@pytest.mark.parametrize(("year", "least"), THRESHOLDS)
def test_q_bor_the_rate_is_of_verified_emissions(year: int, least: int) -> None:
    """Of the allocation it would begin elsewhere: 10,000 of 90,000 are 11.1 %."""
    table = borrowing_rules(PILOT, year)
    assert table is not None
    assert not large_enough(table, 100_000, 100_000 - least + 1)
    assert large_enough(table, 100_000, 100_000 - least)
    assert not large_enough(table, 0, 0)
    assert borrowable(table, least) == least


@pytest.mark.parametrize("year", [2019, 2020, 2025])
def test_q_bor_no_other_year(pilot: ChongqingBook, year: int) -> None:
    short(pilot, 50_000, year)
    numbers = pilot.refused("BorrowingNotAllowed", "borrow", **asked(year, 1, at="2026-10-01"))
    assert numbers.numbers["years"] == [2021, 2022, 2023, 2024]


def test_q_bor_the_lender_is_the_next_year(pilot: ChongqingBook) -> None:
    short(pilot, 12_000, 2023)
    pilot.send("borrow", **asked(2023, 12_000))
    (event,) = pilot.ledger.events(types=["UnitsBorrowed"])
    data = event["data"]
    assert (data["lender_year"], data["unit"], data["from"]) == (2024, "CQEA:2024", "authority")
    assert (data["gap"], data["limit"], data["rule"]) == (12_000, 12_000, "Q-BOR")
    assert "[ADOPTED]" in data["source"]


@pytest.mark.parametrize(("quantity", "valid"), [(14_999, True), (15_000, True), (15_001, False)])
def test_q_bor_the_whole_gap_may_be_borrowed(
    pilot: ChongqingBook, quantity: int, valid: bool
) -> None:
    short(pilot, 15_000)
    if valid:
        pilot.send("borrow", **asked(2024, quantity))
        assert pilot.held(unit="CQEA:2025") == quantity
        return
    numbers = pilot.refused("BorrowingLimitExceeded", "borrow", **asked(2024, quantity)).numbers
    assert (numbers["limit"], numbers["asked"]) == (15_000, quantity)


@pytest.mark.parametrize(("quantity", "valid"), [(69_999, True), (70_000, True), (70_001, False)])
def test_q_bor_no_more_than_the_next_years_pre_allocation(
    pilot: ChongqingBook, quantity: int, valid: bool
) -> None:
    """70 % of 100,000 t, with a gap of 80,000 t (which Q-CAPGAP would bound)."""
    short(pilot, 15_000)
    pilot.send("adopt_rulebook", rulebook=_unbounded(), at="2025-09-02")
    pilot.finalise(20_000, at="2025-09-03", supersedes="final")
    if valid:
        pilot.send("borrow", **asked(2024, quantity))
        return
    numbers = pilot.refused("BorrowingLimitExceeded", "borrow", **asked(2024, quantity)).numbers
    assert (numbers["limit"], numbers["lender_year"]) == (70_000, 2025)


def _unbounded() -> dict[str, Any]:
    table = {
        "rule": "own", "sectors": ["industry"], "years": [2024], "method": "approved",
        "source": "a letter",
    }  # fmt: skip
    return extended(allocation=[table])


def test_q_bor_who_has_no_pre_allocation_has_nothing_to_borrow_from(pilot: ChongqingBook) -> None:
    """What is allocated as emitted has no gap; a deficit can come of a figure only."""
    for unit in ("CQEA:2024", "CQEA:2025"):
        pilot.minted(1_000_000, unit)
    pilot.works("gas-field", allocation_method="verified")
    pilot.verified(100_000, entity="gas-field", at="2025-05-01")
    pilot.finalise(90_000, entity="gas-field", at="2025-09-01")
    pilot.refused("AllocationNotReady", "borrow", **asked(2024, 1, entity="gas-field"))


def test_q_bor_a_share_of_the_gap_is_one_key_of_a_rulebook(pilot_ledger: Ledger) -> None:
    half = {
        "rule": "Q-BOR", "years": [2024], "minimum_gap": "0.05", "share_of_gap": "0.5",
        "source": "a letter",
    }  # fmt: skip
    book = ChongqingBook(pilot_ledger, extended(borrowing=[half]))
    short(book, 15_001)
    numbers = book.refused("BorrowingLimitExceeded", "borrow", **asked(2024, 7_501)).numbers
    assert numbers["limit"] == 7_500
    book.send("borrow", **asked(2024, 7_500))


def test_q_bor_borrowed_units_meet_that_year_and_are_repaid(pilot: ChongqingBook) -> None:
    short(pilot, 15_000)
    pilot.send("borrow", **asked(2024, 15_000))
    for name, fields in [
        ("cancel", {"account": "glass-1"}), ("pledge", {"account": "glass-1", "pledgee": "bank"}),
    ]:  # fmt: skip
        given = {"unit": "CQEA:2025", "quantity": 1, "at": "2025-10-02"}
        pilot.refused("RestrictedUnits", name, **given, **fields)
    pilot.met(85_000, at="2025-10-03")
    pilot.met(15_000, unit="CQEA:2025", at="2025-10-03")
    assert (pilot.stands(), pilot.compliance()["borrowed"]) == ("COMPLIANT", 15_000)
    pilot.pre_allocate(2025, at="2025-11-01")
    row = pilot.compliance(year=2025)
    assert row["pre_allocated"] == 70_000 - 15_000
    assert pilot.held(unit="CQEA:2025") == 55_000
