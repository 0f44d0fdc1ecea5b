"""What holds of every entitlement, whatever the plant: floors, bounds, monotony."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.domain.entitlement import calculate
from etsledger.domain.industry import alpha
from etsledger.domain.obligations import gap_rate, obligation
from etsledger.domain.pre_allocation_amounts import pre_allocation
from etsledger.domain.yearbook import ReportedUnit
from reports import NATIONAL, industrial_line, report

TONNES = st.integers(0, 10**8)
FRACTION = st.decimals(0, 1, places=4)
QUANTITY = st.decimals(0, 10**8, places=3)
YEARS = st.integers(2019, 2026)


def fields_of(kind: str) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "class_": st.just(kind),
        "rated_mw": st.decimals(1, 1200, places=2),
        "electricity_mwh": QUANTITY,
        "supplied_mwh": QUANTITY,
        "heat_gj": QUANTITY,
        "heat_ratio": FRACTION,
        "load_factor": FRACTION,
        "cooling": st.sampled_from(["water", "air", None]),
        "status": st.sampled_from(["running", "running", "running", "shut", "new", "excluded"]),
        "emissions": TONNES,
    }  # fmt: skip


def units(*kinds: str, **fixed: Any) -> st.SearchStrategy[list[ReportedUnit]]:
    """One to four units of these kinds, each with its emissions."""
    fields = [{**fields_of(kind), **fixed} for kind in kinds]
    one = st.one_of([st.fixed_dictionaries(each) for each in fields])
    return st.lists(one, min_size=1, max_size=4).map(
        lambda found: [ReportedUnit(unit_id=f"u{i}", **each) for i, each in enumerate(found)]
    )


ANY = ("conventional_coal", "unconventional_coal", "gas")


def emitted(plants: list[ReportedUnit]) -> int:
    return sum(one.emissions or 0 for one in plants)


@given(YEARS, units(*ANY))
def test_an_entitlement_is_its_lines_and_its_adjustments(
    year: int, plants: list[ReportedUnit]
) -> None:
    found = calculate(NATIONAL, "power", year, report(emitted(plants), *plants), None)
    assert len(found.lines) == len(plants)
    assert found.subtotal == sum(line.amount for line in found.lines)
    assert found.entitlement == found.subtotal + sum(a.amount for a in found.adjustments)
    assert all(adjustment.amount > 0 for adjustment in found.adjustments)
    for line in found.lines:
        if line.electricity is not None:
            assert line.electricity_mwh is not None
            assert line.benchmark is not None
            exact = Fraction(line.electricity_mwh) * Fraction(line.benchmark)
            assert line.electricity == exact * Fraction(line.factor) // 1
            assert line.amount == line.electricity + (line.heat or 0)


@given(st.integers(2021, 2026), units(*ANY))
def test_no_entity_is_below_80_percent_where_the_floor_applies(
    year: int, plants: list[ReportedUnit]
) -> None:
    emissions = emitted(plants)
    found = calculate(NATIONAL, "power", year, report(emissions, *plants), None)
    assert found.entitlement >= emissions * 8 // 10
    lifted = [a for a in found.adjustments if a.rule == "N-FLOOR80"]
    if lifted:  # never beyond the floor
        assert found.entitlement == emissions * 8 // 10
    assert Decimal(gap_rate(NATIONAL, emissions, found.entitlement)) <= 20 or emissions < 20_000


@given(st.integers(2021, 2026), units("gas", status=st.just("running")))
def test_an_entity_of_gas_units_is_never_short(year: int, plants: list[ReportedUnit]) -> None:
    emissions = emitted(plants)
    found = calculate(NATIONAL, "power", year, report(emissions, *plants), None)
    assert found.entitlement >= emissions


@given(YEARS, units(*ANY), st.integers(1, 10**6))
def test_more_emissions_never_make_an_entitlement_smaller(
    year: int, plants: list[ReportedUnit], more: int
) -> None:
    emissions = emitted(plants)
    less = calculate(NATIONAL, "power", year, report(emissions, *plants), None)
    found = calculate(NATIONAL, "power", year, report(emissions + more, *plants), None)
    assert found.entitlement >= less.entitlement


@given(st.integers(2019, 2026), TONNES, TONNES)
def test_an_obligation_is_never_above_the_emissions_and_rises_with_the_allocation(
    year: int, emissions: int, entitlement: int
) -> None:
    owed = obligation(NATIONAL, "power", year, report(emissions), entitlement)
    assert 0 <= owed <= emissions
    assert owed >= min(emissions, entitlement)
    assert owed <= obligation(NATIONAL, "power", year, report(emissions), entitlement + 1)


@given(st.integers(2021, 2026), st.lists(TONNES, min_size=1, max_size=4), st.integers(0, 10**6))
def test_pre_allocation_rises_with_the_emissions_and_stays_below_them(
    year: int, each: list[int], more: int
) -> None:
    def amount(emissions: list[int]) -> int:
        plants = [ReportedUnit(unit_id=f"u{i}", emissions=e) for i, e in enumerate(emissions)]
        found = pre_allocation(NATIONAL, "power", year, report(sum(emissions), *plants))
        assert found.amount == sum(line.amount for line in found.lines)
        return found.amount

    ratio = Fraction(1, 2) if year >= 2025 else Fraction(7, 10)
    assert ratio * sum(each) - len(each) < amount(each) <= ratio * sum(each)
    assert amount(each) <= amount([each[0] + more, *each[1:]])


@given(
    st.sampled_from(["steel", "cement", "aluminium"]),
    st.integers(2025, 2026),
    st.integers(26_000, 10**8),
    st.decimals("0.001", 10**8, places=3),
    st.decimals("0.0001", 100, places=4),
)
def test_industry_stays_within_three_percent_of_its_emissions(
    sector: str, year: int, emissions: int, output: Decimal, value: Decimal
) -> None:
    given_report = report(emissions, industrial_line(emissions, str(output)))
    found = calculate(NATIONAL, sector, year, given_report, value)
    assert emissions * 97 // 100 <= found.entitlement <= emissions * 103 // 100


@pytest.mark.parametrize("year", [2025, 2026])
def test_alpha_is_symmetric_and_falls_with_the_intensity(year: int) -> None:
    table = NATIONAL.allocation("steel", year)
    assert table is not None
    limits = table.intensity
    assert limits is not None

    @given(st.fractions(Fraction(1, 1000), 1000), st.fractions(0, 1), st.fractions(0, 1))
    def holds(value: Fraction, a: Fraction, b: Fraction) -> None:
        gain = alpha(limits, value, value * (1 - a))
        assert gain == -alpha(limits, value, value * (1 + a))
        assert -Fraction("0.03") <= gain <= Fraction("0.03")
        low, high = sorted((a, b))
        assert alpha(limits, value, value * (1 - low)) <= alpha(limits, value, value * (1 - high))

    holds()
