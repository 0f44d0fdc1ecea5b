"""Pre-allocation: who gets what in advance, from where, and who gets none (rules section 5)."""

from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import SINCE, NationalBook, cfb, coal, gas

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """2023 is verified: two running units, 1,001 t and 2,003 t."""
    national.fund("CEA:2024", 100_000)
    units = [coal("1", emissions=1_001), gas("2", emissions=2_003)]
    national.verified(3_004, 2023, units=units)
    return national


def in_advance(row: dict[str, Any] | None) -> list[tuple[str | None, int]]:
    assert row is not None
    return [(one.get("unit_id"), one["amount"]) for one in row["lines"]]


def test_it_is_70_percent_of_each_unit_and_comes_out_of_the_province(book: NationalBook) -> None:
    """700.7 and 1,402.1, each floored."""
    book.pre_allocate()
    found = book.allocation()["pre_allocation"]
    assert in_advance(found) == [("1", 700), ("2", 1_402)]
    assert book.compliance()["pre_allocated"] == 2_102
    assert book.held() == 2_102
    assert book.held("hubei") == 100_000 - 2_102


def test_flooring_each_unit_is_not_flooring_the_sum(book: NationalBook) -> None:
    book.verified(10, 2023, units=[coal("1", emissions=5), cfb("2", emissions=5)])
    book.pre_allocate()  # 3.5 and 3.5, together 7
    assert book.compliance()["pre_allocated"] == 6


def test_without_emissions_of_the_units_the_entity_stands_for_all(book: NationalBook) -> None:
    book.verified(1_001, 2023)
    book.pre_allocate()
    assert in_advance(book.allocation()["pre_allocation"]) == [(None, 700)]


def test_a_shut_unit_is_withheld(book: NationalBook) -> None:
    units = [coal("1", emissions=1_001), coal("2", emissions=2_003, status="shut")]
    book.verified(3_004, 2023, units=units)
    book.pre_allocate()
    found = book.allocation()["pre_allocation"]
    assert in_advance(found) == [("1", 700), ("2", 0)]
    assert found is not None
    assert [one.get("withheld", False) for one in found["lines"]] == [False, True]


@pytest.mark.parametrize("status", ["shut", "dissolved"])
def test_a_shut_entity_gets_none(book: NationalBook, status: str) -> None:
    book.status(status)
    refusal = book.refused("PreAllocationNotAllowed", "pre_allocate", entity="plant", year=2024)
    assert refusal.numbers["status"] == status


def test_an_entity_that_was_shut_later_still_gets_it(book: NationalBook) -> None:
    book.status("shut", at="2025-07-03")
    book.pre_allocate(at="2025-07-02")
    assert book.compliance(as_of="2025-07-02")["pre_allocated"] == 2_102


def test_the_base_is_the_report_in_effect_then(book: NationalBook) -> None:
    book.verified(10_000, 2023, at="2025-08-01")
    book.pre_allocate(at="2025-07-31")
    assert book.compliance(as_of="2025-07-31")["pre_allocated"] == 2_102


def test_a_restated_base_rules_from_its_time_on(book: NationalBook) -> None:
    book.verified(10_000, 2023, at="2025-08-01")
    book.pre_allocate(at="2025-08-01")
    assert book.compliance(as_of="2025-08-01")["pre_allocated"] == 7_000


def test_no_pre_allocation_before_the_base_year_is_verified(national: NationalBook) -> None:
    national.fund("CEA:2024", 1_000)
    national.verified(1_000, 2024)
    refusal = national.refused("AllocationNotReady", "pre_allocate", entity="plant", year=2024)
    assert refusal.numbers["base_year"] == 2023


def test_a_year_is_pre_allocated_once(book: NationalBook) -> None:
    book.pre_allocate(id="first")
    refusal = book.refused("AlreadyAllocated", "pre_allocate", entity="plant", year=2024)
    assert refusal.numbers["earlier"] == "first"


def test_a_year_that_is_final_is_not_pre_allocated(book: NationalBook) -> None:
    book.verified(3_000)
    book.finalise(entitlement=3_000, id="final")
    refusal = book.refused("AlreadyAllocated", "pre_allocate", entity="plant", year=2024)
    assert refusal.numbers["earlier"] == "final"


@pytest.mark.parametrize("asked", [0, 1, 2_101, 2_102])
def test_less_than_the_exact_rule_is_given_with_a_warning(book: NationalBook, asked: int) -> None:
    outcome = book.pre_allocate(quantity=asked)
    assert bool(outcome.warnings) == (asked < 2_102)
    assert book.compliance()["pre_allocated"] == asked


def test_more_than_the_rule_is_refused(book: NationalBook) -> None:
    refusal = book.refused(
        "PreAllocationLimitExceeded", "pre_allocate", entity="plant", year=2024, quantity=2_103
    )
    assert (refusal.numbers["limit"], refusal.numbers["asked"]) == (2_102, 2_103)


def test_a_maximum_may_be_undercut_in_silence_but_is_told_to_be_a_draft(
    national: NationalBook,
) -> None:
    national.fund("CEA:2025", 1_000)
    national.verified(1_000, 2024)
    outcome = national.pre_allocate(2025, quantity=100)
    (warning,) = outcome.warnings
    assert "draft" in warning
    assert national.held(unit="CEA:2025") == 100


@pytest.mark.parametrize(("year", "given"), [(2021, 700), (2022, 700)])
def test_the_second_cycle_rests_on_2021_for_both_years(
    national: NationalBook, year: int, given: int
) -> None:
    national.fund(f"CEA:{year}", 1_000)
    national.verified(1_000, 2021)
    national.verified(5_000, 2022)
    national.pre_allocate(year)
    assert national.compliance(year=year)["pre_allocated"] == given


@pytest.mark.parametrize("year", [2019, 2020])
def test_the_first_cycle_counts_the_output_of_2018_at_its_own_benchmarks(
    national: NationalBook, year: int
) -> None:
    """70 % x (1,000 MWh x 0.877 + 100 GJ x 0.126) = 622.72, and 70 % x 392 = 274.4."""
    national.fund("CEA:2019-2020", 1_000)
    units = [coal("1", supplied_mwh=1_000, gj=100), gas("2", supplied_mwh=1_000)]
    national.verified(2_000, 2018, units=units)
    national.pre_allocate(year)
    assert in_advance(national.allocation(year=year)["pre_allocation"]) == [("1", 622), ("2", 274)]
    assert national.held(unit="CEA:2019-2020") == 896


def test_industry_is_one_line_for_the_entity(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = "2026-04-01"
    book = NationalBook(ledger)
    book.plant(sector="aluminium")
    book.fund("CEA:2025", 1_000)
    book.verified(10, 2024, units=[
        {"line_id": "1", "output_t": 1, "emissions": 5}, {"line_id": "2", "emissions": 5},
    ])  # fmt: skip
    book.pre_allocate(2025)  # 70 % of 10 at once, not 3 + 3
    assert book.compliance(year=2025)["pre_allocated"] == 7


def test_it_comes_from_the_province_and_never_mints(national: NationalBook) -> None:
    national.fund("CEA:2024", 699)
    national.send("issue", unit="CEA:2024", quantity=10_000)  # with the authority
    national.verified(1_000, 2023)
    refusal = national.refused("InsufficientUnits", "pre_allocate", entity="plant", year=2024)
    assert (refusal.numbers["account"], refusal.numbers["available"], refusal.numbers["asked"]) == (
        "hubei", 699, 700,
    )  # fmt: skip
    national.pre_allocate(from_="authority")
    assert national.held("hubei") == 699
    assert national.held("authority") == 10_000 - 700
    assert national.supply()["issued"] == 10_699


def test_an_entity_without_a_province_is_served_by_the_authority(national: NationalBook) -> None:
    national.plant("alone", province=None)
    national.send("issue", unit="CEA:2024", quantity=700)
    national.verified(1_000, 2023, "alone")
    national.pre_allocate(entity="alone")
    assert (national.held("authority"), national.held("alone-1")) == (0, 700)


def test_a_province_is_found_by_its_region(national: NationalBook) -> None:
    """The account ``east`` serves the region ``anhui``; an entity names either."""
    national.send("open_account", account="east", kind="province", province="anhui", at=SINCE)
    national.send("open_account", account="east-2", kind="province", province="anhui", at=SINCE)
    national.send("issue", unit="CEA:2024", quantity=1_400)
    national.send("distribute", unit="CEA:2024", quantity=1_400, from_="authority", to="east")
    for name, province in (("by-region", "anhui"), ("by-account", "east")):
        national.plant(name, province=province)
        national.verified(1_000, 2023, name)
        national.pre_allocate(entity=name)
        assert national.held(f"{name}-1") == 700
    assert (national.held("east"), national.held("east-2")) == (0, 0)


def test_holdings_are_no_source_of_allocation(book: NationalBook) -> None:
    other = book.plant("other")
    book.give(10_000, to=other)
    refusal = book.refused(
        "RouteNotAllowed", "pre_allocate", entity="plant", year=2024, from_=other
    )
    assert refusal.numbers["movement"] == "pre_allocate"


def test_an_entity_without_an_account_cannot_be_given_anything(book: NationalBook) -> None:
    book.send("register_entity", entity="bare", name="Bare", sector="power", at=SINCE)
    book.verified(10, 2023, "bare")
    refusal = book.refused("UnknownAccount", "pre_allocate", entity="bare", year=2024)
    assert refusal.numbers["entity"] == "bare"


def test_a_province_is_served_in_one_batch_of_lines_with_an_outcome_each(
    book: NationalBook,
) -> None:
    """A table of a province, one command a line: the bad line is told, the others stand."""
    book.plant("second")
    book.verified(1_000, 2023, "second")
    names = ("plant", "nobody", "second")
    lines = [
        {"command": "pre_allocate", "id": f"pre/{name}", "entity": name, "year": 2024}
        for name in names
    ]
    outcomes = list(book.ledger.apply(lines, keep_going=True))
    assert [outcome.outcome for outcome in outcomes] == ["accepted", "refused", "accepted"]
    assert [outcome.line for outcome in outcomes] == [1, 2, 3]
    refusal = outcomes[1].refusal
    assert refusal is not None
    assert refusal.code == "UnknownEntity"
    assert (book.held(), book.held("second-1")) == (2_102, 700)


def test_nothing_to_give_is_still_recorded(book: NationalBook) -> None:
    book.verified(0, 2023)
    book.pre_allocate()
    row = book.compliance()
    assert (row["pre_allocated"], book.held()) == (0, 0)
    book.refused("AlreadyAllocated", "pre_allocate", entity="plant", year=2024)
