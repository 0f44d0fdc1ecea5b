"""Amounts of pre-allocation: ratio, base year and basis of every period."""

from typing import Any

import pytest

from etsledger.domain.errors import AllocationNotReady, PreAllocationNotAllowed
from etsledger.domain.pre_allocation_amounts import base_year, pre_allocation
from etsledger.domain.yearbook import ReportedUnit
from reports import NATIONAL, coal, gas, industrial_line, report

INDUSTRY = ("steel", "cement", "aluminium")


def emitting(name: str, emissions: int | None, **fields: Any) -> ReportedUnit:
    return coal(1, unit_id=name, emissions=emissions, **fields)


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2019, 2018), (2020, 2018), (2021, 2021), (2022, 2021),
        (2023, 2022), (2024, 2023), (2025, 2024), (2026, 2025),
    ],
)  # fmt: skip
def test_the_year_that_the_pre_allocation_rests_on(year: int, expected: int) -> None:
    assert base_year(NATIONAL, "power", year) == expected
    if year >= 2025:
        assert {base_year(NATIONAL, sector, year) for sector in INDUSTRY} == {expected}


@pytest.mark.parametrize("year", [2021, 2022, 2023, 2024])
def test_70_percent_of_each_units_emissions_floored_each(year: int) -> None:
    base = report(3_000_003, emitting("a", 1_000_001), emitting("b", 2_000_002))
    found = pre_allocation(NATIONAL, "power", year, base)
    assert [(line.unit_id, line.base, line.amount) for line in found.lines] == [
        ("a", 1_000_001, 700_000),  # 700,000.7
        ("b", 2_000_002, 1_400_001),  # 1,400,001.4
    ]
    assert found.amount == 2_100_001  # of 2,100,002.1
    assert (found.maximum, found.draft) == (False, False)


@pytest.mark.parametrize(
    ("emissions", "expected"), [(9, 6), (10, 7), (11, 7), (0, 0), (1, 0), (2, 1)]
)
def test_70_percent_at_whole_tonnes(emissions: int, expected: int) -> None:
    for base in (report(emissions), report(emissions, emitting("a", emissions))):
        assert pre_allocation(NATIONAL, "power", 2024, base).amount == expected


@pytest.mark.parametrize("year", [2025, 2026])
def test_d16_half_of_it_at_most_in_the_draft(year: int) -> None:
    found = pre_allocation(NATIONAL, "power", year, report(2_000_001))
    assert (found.amount, found.maximum, found.draft) == (1_000_000, True, True)
    assert "DRAFT" in found.source


@pytest.mark.parametrize("year", [2019, 2020])
def test_first_cycle_70_percent_of_the_output_of_2018_at_the_benchmarks(year: int) -> None:
    boiler = coal(9_000_000, 1_000_000, supplied_mwh=1_000_000, unit_id="a", load_factor="0.5")
    burner = gas(9_000_000, 10, supplied_mwh=1_001, unit_id="b")
    found = pre_allocation(NATIONAL, "power", year, report(5, boiler, burner))
    a, b = found.lines
    # 1,000,000 x 0.877 + 1,000,000 x 0.126 = 1,003,000; no correction for the load
    assert (a.base, a.amount) == (1_003_000, 702_100)
    # 1,001 x 0.392 + 10 x 0.059 = 392.982; 70 % = 275.0874
    assert (str(b.base), b.amount) == ("392.982", 275)
    assert found.amount == 702_375


def test_first_cycle_needs_the_output_of_every_unit() -> None:
    with pytest.raises(AllocationNotReady, match="record_verified again with the units"):
        pre_allocation(NATIONAL, "power", 2019, report(1_000_000))
    with pytest.raises(AllocationNotReady) as refused:
        pre_allocation(NATIONAL, "power", 2019, report(1, coal(None)))
    assert refused.value.numbers["missing"] == "supplied_mwh"


@pytest.mark.parametrize("year", [2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026])
def test_shut_units_get_none(year: int) -> None:
    shut = emitting("b", 1_000, status="shut")
    with_it = pre_allocation(NATIONAL, "power", year, report(3_000, emitting("a", 2_000), shut))
    without = pre_allocation(NATIONAL, "power", year, report(2_000, emitting("a", 2_000)))
    assert with_it.amount == without.amount
    line = with_it.lines[1]
    assert (line.unit_id, line.amount, line.withheld) == ("b", 0, True)


def test_units_that_share_the_entitys_emissions_are_one_line() -> None:
    base = report(1_001, emitting("a", None), emitting("b", 500))
    found = pre_allocation(NATIONAL, "power", 2024, base)
    assert [(line.unit_id, line.amount) for line in found.lines] == [(None, 700)]
    shut = emitting("c", 101, status="shut")
    found = pre_allocation(NATIONAL, "power", 2024, report(1_001, *base.units, shut))
    assert [(line.unit_id, line.amount) for line in found.lines] == [(None, 630), ("c", 0)]
    unknown = emitting("c", None, status="shut")
    with pytest.raises(AllocationNotReady, match="unit c has no emissions"):
        pre_allocation(NATIONAL, "power", 2024, report(1_001, *base.units, unknown))


def test_a_single_unit_without_emissions_has_the_entitys() -> None:
    found = pre_allocation(NATIONAL, "power", 2024, report(1_001, emitting("a", None)))
    assert [(line.unit_id, line.amount) for line in found.lines] == [("a", 700)]


@pytest.mark.parametrize("sector", INDUSTRY)
def test_d21_industry_of_the_entitys_emissions(sector: str) -> None:
    lines = [industrial_line(750_000, 1, line_id="k1"), industrial_line(750_001, 1, line_id="k2")]
    for base in (report(1_500_001), report(1_500_001, *lines)):
        found = pre_allocation(NATIONAL, sector, 2025, base)
        assert (found.amount, found.maximum, found.draft) == (1_050_000, False, False)
        found = pre_allocation(NATIONAL, sector, 2026, base)
        assert (found.amount, found.maximum, found.draft) == (750_000, True, True)


@pytest.mark.parametrize("sector", INDUSTRY)
def test_d17_industry_has_none_for_2024(sector: str) -> None:
    for base in (None, report(1_500_000)):
        with pytest.raises(PreAllocationNotAllowed, match="no pre-allocation") as refused:
            pre_allocation(NATIONAL, sector, 2024, base)
        assert refused.value.numbers == {"sector": sector, "year": 2024}
    with pytest.raises(PreAllocationNotAllowed):
        base_year(NATIONAL, sector, 2024)


@pytest.mark.parametrize(
    ("sector", "year"), [("power", 2018), ("power", 2027), ("steel", 2023), ("other", 2024)]
)
def test_a_year_without_a_table_is_not_ready(sector: str, year: int) -> None:
    with pytest.raises(AllocationNotReady, match="no table for sector"):
        pre_allocation(NATIONAL, sector, year, report(1))
    with pytest.raises(AllocationNotReady):
        base_year(NATIONAL, sector, year)


def test_a_base_year_without_a_report_is_not_ready() -> None:
    with pytest.raises(AllocationNotReady, match="record_verified for 2018 comes first") as refused:
        pre_allocation(NATIONAL, "power", 2020, None)
    assert refused.value.numbers == {"year": 2020, "base_year": 2018}
