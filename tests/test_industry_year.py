"""Steel, cement and aluminium through commands (N-IND): balance values, lines, small works."""

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import NationalBook, line

pytestmark = ON_SQLITE


@pytest.fixture
def works(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """A cement works in 2026, with 100,000 t of 2025 in the province."""
    clock.now = "2026-07-01"
    book = NationalBook(ledger)
    book.plant(sector="cement")
    book.fund("CEA:2025", 100_000)
    book.fund("CEA:2026", 100_000)
    return book


def test_intensity_waits_for_the_balance_value(works: NationalBook) -> None:
    works.verified(850, 2025, units=[line(output_t=1_000, emissions=850)])
    refusal = works.refused("AllocationNotReady", "finalise_allocation", entity="plant", year=2025)
    assert refusal.numbers["missing"] == "balance_value"
    works.send("publish_balance_value", sector="steel", year=2025, value="0.85")
    works.refused("AllocationNotReady", "finalise_allocation", entity="plant", year=2025)
    works.send("publish_balance_value", sector="cement", year=2025, value="0.85")
    works.finalise(2025)
    assert works.compliance(year=2025)["entitlement"] == 850


def test_a_corrected_balance_value_rules_from_its_time_on(works: NationalBook) -> None:
    works.verified(850, 2025, units=[line(output_t=1_000, emissions=850)])
    for at, value in (("2026-07-01", "0.85"), ("2026-07-03", "1.00")):
        works.send("publish_balance_value", sector="cement", year=2025, value=value, at=at)
    works.finalise(2025, at="2026-07-02", id="before")
    assert works.compliance(year=2025, as_of="2026-07-02")["entitlement"] == 850
    works.finalise(2025, at="2026-07-03", supersedes="before")  # X = 15 %, α = 2.25 %: 869.125
    assert works.compliance(year=2025, as_of="2026-07-03")["entitlement"] == 869


def test_lines_are_floored_and_summed_and_special_ones_get_their_emissions(
    works: NationalBook,
) -> None:
    works.send("publish_balance_value", sector="cement", year=2025, value="0.85")
    units = [
        line("a", output_t=1_000, emissions=800),  # X = 5.88 %: 807.06
        line("b", output_t=1_000, emissions=800),
        line("white", output_t=10, emissions=500, special=True),
        line("shut", output_t=10, emissions=500, status="shut"),
    ]
    works.verified(2_600, 2025, units=units)
    works.finalise(2025)
    found = works.allocation(year=2025)
    assert [one["amount"] for one in found["lines"]] == [807, 807, 500, 0]
    assert found["adjustments"] == []  # no floor, no gas here
    assert found["entitlement"] == 2_114


@pytest.mark.parametrize(
    ("verified", "entitlement"), [(25_999, 25_999), (26_000, 25_220), (26_001, 25_220)]
)
def test_a_small_works_gets_its_emissions_in_the_2026_draft(
    works: NationalBook, verified: int, entitlement: int
) -> None:
    """From 26,000 t on the line counts: 3 % less."""
    works.send("publish_balance_value", sector="cement", year=2026, value="0.5")
    works.verified(verified, 2026, units=[line(output_t=1_000, emissions=26_000)])
    works.finalise(2026)
    assert works.compliance(year=2026)["entitlement"] == entitlement


def test_steel_measures_its_intensity_over_a_part_of_its_emissions(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = "2026-07-01"
    book = NationalBook(ledger)
    book.plant(sector="steel")
    book.fund("CEA:2025", 100_000)
    book.send("publish_balance_value", sector="steel", year=2025, value="1.0")
    units = [line(output_t=1_000, emissions=2_000, intensity_emissions=900)]
    book.verified(2_000, 2025, units=units)
    book.finalise(2025)  # X = 10 %, α = 1.5 % of the whole 2,000 t
    assert book.compliance(year=2025)["entitlement"] == 2_030
