"""What is owed (N-SUR-1), the caps of the first cycle (N-ENT-1), and the gap."""

import pytest

from etsledger.domain.entitlement import approved_figure, calculate
from etsledger.domain.obligations import gap_rate, gas_allocation, obligation
from etsledger.domain.yearbook import Report
from reports import NATIONAL, coal, gas, report

FIRST_CYCLE = (2019, 2020)


def owed(year: int, given: Report, entitlement: int | None, gas_part: int | None = None) -> int:
    return obligation(NATIONAL, "power", year, given, entitlement, gas_part)


@pytest.mark.parametrize("year", range(2021, 2027))
def test_n_sur_1_what_was_emitted_is_owed(year: int) -> None:
    for given in (report(1_000), report(1_000, gas(1)), report(1_000, coal(1))):
        for entitlement in (None, 0, 999, 1_000_000):
            assert owed(year, given, entitlement) == 1_000


def test_n_sur_1_industry() -> None:
    assert obligation(NATIONAL, "cement", 2024, report(1_500_000), 1_500_000) == 1_500_000


@pytest.mark.parametrize(
    ("emissions", "surplus"), [(90_000, 10_000), (110_000, -10_000), (100_000, 0)]
)
def test_p12_surplus_and_shortage(emissions: int, surplus: int) -> None:
    assert 100_000 - owed(2024, report(emissions), 100_000) == surplus


@pytest.mark.parametrize("year", FIRST_CYCLE)
def test_first_cycle_all_is_owed_until_allocation_is_final(year: int) -> None:
    assert owed(year, report(1_000_000, gas(1)), None) == 1_000_000


@pytest.mark.parametrize("year", FIRST_CYCLE)
@pytest.mark.parametrize(
    ("allocation", "expected"), [(999, 999), (1_000, 1_000), (1_001, 1_000), (0, 0)]
)
def test_first_cycle_gas_owes_no_more_than_it_is_given(
    year: int, allocation: int, expected: int
) -> None:
    assert owed(year, report(1_000, gas(1)), allocation) == expected


@pytest.mark.parametrize("year", FIRST_CYCLE)
@pytest.mark.parametrize(
    ("allocation", "expected"),
    [
        (799_999, 999_999),
        (800_000, 1_000_000),
        (800_001, 1_000_000),
        (500_000, 700_000),
        (0, 200_000),
    ],
)
def test_first_cycle_others_owe_a_fifth_beyond_their_allocation_at_most(
    year: int, allocation: int, expected: int
) -> None:
    for given in (report(1_000_000, coal(1)), report(1_000_000)):
        assert owed(year, given, allocation) == expected


def test_first_cycle_the_cap_is_floored() -> None:
    assert owed(2019, report(1_004, coal(1)), 500) == 700  # 500 + 200.8


MIXED = report(1_000, gas(1_000, unit_id="g", emissions=500), coal(400, unit_id="c", emissions=500))


def test_first_cycle_gas_units_of_a_mixed_entity_are_capped_on_their_own() -> None:
    found = calculate(NATIONAL, "power", 2019, MIXED, None)
    assert [line.amount for line in found.lines] == [392, 350]
    part = gas_allocation(NATIONAL, found, MIXED)
    assert part == 392
    assert owed(2019, MIXED, found.entitlement, part) == 892  # 500 + 392; the other cap: 942
    assert owed(2019, MIXED, 600, part) == 800  # 600 + 200
    assert owed(2019, MIXED, found.entitlement, 501) == 942  # gas has plenty
    assert owed(2019, MIXED, found.entitlement) == 942  # not told: the second cap only


def test_first_cycle_gas_units_need_their_emissions_for_a_cap_on_their_own() -> None:
    coal_unit = coal(400, unit_id="c", emissions=400)
    known = gas(1_000, unit_id="g", emissions=500)
    for other, expected in ((None, 942), (100, 1_000 - (600 - 392))):
        given = report(1_000, coal_unit, known, gas(1, unit_id="h", emissions=other))
        assert owed(2019, given, 742, 392) == expected


def test_the_part_of_the_gas_units() -> None:
    pure, none = report(1_000, gas(1_000)), report(1_000, coal(1_000))
    for given, expected in ((pure, 392), (none, None)):
        found = calculate(NATIONAL, "power", 2019, given, None)
        assert gas_allocation(NATIONAL, found, given) == expected
    assert gas_allocation(NATIONAL, found, None) is None
    figure = approved_figure(NATIONAL, "power", 2019, pure, None, 777)
    assert gas_allocation(NATIONAL, figure, pure) == 777
    made_whole = calculate(NATIONAL, "power", 2023, MIXED, None)  # 330 + 170; 318
    assert gas_allocation(NATIONAL, made_whole, MIXED) == 500
    unknown = report(2, gas(None, unit_id="g"), coal(None, unit_id="c"))
    figure = approved_figure(NATIONAL, "power", 2019, unknown, None, 777)
    assert gas_allocation(NATIONAL, figure, unknown) is None


@pytest.mark.parametrize(
    ("verified", "approved", "expected"),
    [
        (1_000_000, 800_000, "20.00"),
        (1_000_000, 899_999, "10.00"),
        (1_000_000, 899_950, "10.01"),  # 10.005 %: half up
        (1_000_000, 899_951, "10.00"),
        (1_000_000, 1_000_000, "0.00"),
        (1_000_000, 1_100_000, "-10.00"),
        (3, 2, "33.33"),
        (3, 1, "66.67"),
        (0, 5, "0.00"),
    ],
)
def test_gap_rate_in_percent(verified: int, approved: int, expected: str) -> None:
    assert gap_rate(NATIONAL, verified, approved) == expected
