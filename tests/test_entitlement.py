"""Final allocation of power plants: the formulas, their edges, their exemptions."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
import rfc8785

from etsledger.domain.benchmarks import class_of, rounded, steps
from etsledger.domain.calculation import Calculation, Line
from etsledger.domain.entitlement import approved_figure, calculate
from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.obligations import gap_rate
from etsledger.domain.rulebook import from_object
from etsledger.domain.yearbook import Report, ReportedUnit
from reports import NATIONAL, coal, gas, mwh_for, report, unit


def power(year: int, given: Report) -> Calculation:
    return calculate(NATIONAL, "power", year, given, None)


def given_to(year: int, one: ReportedUnit, emissions: int = 0) -> int:
    """The entitlement of an entity with one unit; without emissions no exemption matters."""
    return power(year, report(emissions, one)).entitlement


def line_of(year: int, one: ReportedUnit) -> Line:
    (line,) = power(year, report(0, one)).lines
    return line


# --- classes and benchmarks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rated_mw", "expected"),
    [("150", "II"), ("399.99", "II"), ("400", "I"), ("400.01", "I"), ("1000", "I")],
)
def test_class_i_begins_at_400_mw_of_rated_power(rated_mw: str, expected: str) -> None:
    assert class_of(NATIONAL, coal(rated_mw=rated_mw)) == expected


def test_class_of_the_other_kinds_needs_no_rated_power() -> None:
    assert class_of(NATIONAL, unit("unconventional_coal")) == "III"
    assert class_of(NATIONAL, gas()) == "IV"


def test_p13_a_150_mw_coal_unit_has_the_benchmark_of_class_ii() -> None:
    line = line_of(2024, coal(1, rated_mw=150))
    assert (line.class_, line.benchmark) == ("II", Decimal("0.8049"))


@pytest.mark.parametrize(
    ("year", "expected"), [(2024, (2_373_000, 123_960)), (2023, (2_385_000, 124_560))]
)
def test_d01_electricity_and_heat_at_the_benchmark(year: int, expected: tuple[int, int]) -> None:
    line = line_of(year, coal(3_000_000, 1_200_000, load_factor="0.70"))
    assert (line.electricity, line.heat) == expected
    assert line.amount == sum(expected)
    assert (line.factor, line.factors, line.rule) == (1, {}, "N-ENT-1")


def test_d04_class_iii_has_no_factor() -> None:
    line = line_of(2024, unit("unconventional_coal", 800_000, 500_000, load_factor="0.55"))
    assert (line.electricity, line.heat, line.amount) == (659_520, 51_650, 711_170)
    assert line.factor == 1


def test_the_supply_basis_to_2022_and_the_generation_basis_from_2023() -> None:
    one = coal(100_000, supplied_mwh=90_000)
    assert line_of(2022, one).electricity_mwh == 90_000
    assert line_of(2022, one).electricity == 73_593  # 90,000 x 0.8177
    assert line_of(2023, one).electricity_mwh == 100_000
    assert line_of(2023, one).electricity == 79_500


# --- N-FF-1: the factor for a low load -----------------------------------------------------------


def test_d02_the_factor_is_rounded_before_it_multiplies() -> None:
    line = line_of(2024, coal(3_000_000, 1_200_000, load_factor="0.60"))
    assert line.factor == Decimal("1.061364")
    assert (line.electricity, line.amount) == (2_518_616, 2_642_576)
    assert line.rule == "N-ENT-1, N-FF-1"


@pytest.mark.parametrize("year", [2023, 2024])
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("0.50", "1.093443"),  # 1.015^6
        ("0.6499", "1.045710"),
        ("0.65", "1"),
        ("0.6501", "1"),
        ("1", "1"),
        (None, "1"),
    ],
)
def test_n_ff_1_2023_24_below_65_percent(year: int, load: str | None, expected: str) -> None:
    assert str(line_of(year, coal(1, load_factor=load)).factor) == expected


@pytest.mark.parametrize("year", [2025, 2026])
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("0.45", "1.126059"), ("0.40", "1.160254"), ("0.30", "1.281146"), ("0.20", "1.608868"),
        ("0.10", "2.747225"), ("0.4999", "1.100321"), ("0.50", "1"), ("0.5001", "1"), ("1", "1"),
    ],
)  # fmt: skip
def test_p05_n_ff_1_2025_26_below_50_percent(year: int, load: str, expected: str) -> None:
    assert str(line_of(year, coal(1, load_factor=load)).factor) == expected


@pytest.mark.parametrize("year", [2019, 2020, 2021, 2022])
@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("0.70", "1.030225"),  # 1.015^2
        ("0.7499", "1.015030"),
        ("0.75", "1.015000"),
        ("0.7501", "1.014984"),
        ("0.7999", "1.007016"),
        ("0.80", "1.007000"),
        ("0.8001", "1.006986"),
        ("0.8499", "1.000014"),
        ("0.85", "1"),
        ("0.8501", "1"),
    ],
)
def test_n_ff_1_2019_22_by_pieces(year: int, load: str, expected: str) -> None:
    assert str(line_of(year, coal(1, load_factor=load)).factor) == expected


@pytest.mark.parametrize("year", range(2019, 2027))
@pytest.mark.parametrize("kind", ["unconventional_coal", "gas"])
def test_n_ff_1_concerns_classes_i_and_ii_only(year: int, kind: str) -> None:
    assert line_of(year, unit(kind, 1, load_factor="0.30")).factor == 1
    assert line_of(year, coal(1, load_factor="0.30", rated_mw=100)).factor > 1


# --- corrections 2019 to 2022 --------------------------------------------------------------------


def test_d15_gas_that_supplies_heat_2022() -> None:
    line = line_of(2022, gas(1_000_000, 400_000, heat_ratio="0.25"))
    assert line.factor == Decimal("0.85")
    assert (line.electricity, line.heat, line.amount) == (331_585, 22_280, 353_865)


@pytest.mark.parametrize("kind", ["conventional_coal", "unconventional_coal"])
def test_air_cooled_coal_units_2019_22(kind: str) -> None:
    for year in (2019, 2020, 2021, 2022):
        factors = [
            line_of(year, unit(kind, 1, rated_mw=600, cooling=cooling)).factor
            for cooling in ("air", "water", None)
        ]
        assert factors == [Decimal("1.05"), 1, 1]
    assert line_of(2022, gas(1, cooling="air")).factor == 1
    assert line_of(2023, unit(kind, 1, rated_mw=600, cooling="air")).factor == 1


def test_coal_units_that_supply_heat_2019_22() -> None:
    for year in (2019, 2020, 2021, 2022):
        assert line_of(year, coal(1, heat_ratio="0.25")).factor == Decimal("0.945")
    assert line_of(2023, coal(1, heat_ratio="0.25")).factor == 1
    assert line_of(2023, gas(1, heat_ratio="0.25")).factor == 1


def test_several_corrections_multiply_and_each_is_shown() -> None:
    one = coal(1_000_000, heat_ratio="0.25", cooling="air", load_factor="0.70")
    line = line_of(2022, one)
    assert line.factors == {
        "cooling-2019-22": Decimal("1.050000"),
        "heat-supply-coal-2019-22": Decimal("0.945000"),
        "load-factor-2019-22": Decimal("1.030225"),
    }
    assert line.factor == Decimal("1.02224075625")  # 1.05 x 0.945 x 1.030225: only Ff is rounded
    assert line.electricity == 835_886  # 1,000,000 x 0.8177 x 1.02224075625
    assert "[unsourced]" in line.source


# --- N-RND-1 -------------------------------------------------------------------------------------


def test_p01_pre_allocation_is_floored() -> None:
    assert rounded(Fraction("1789.70"), steps(NATIONAL).pre_allocation) == 1789


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.0000004999", "1.000000"), ("1.0000005", "1.000001"), ("-1.0000005", "-1.000001")],
)
def test_n_rnd_1_factors_are_rounded_half_up_to_six_places(value: str, expected: str) -> None:
    assert str(rounded(Fraction(value), steps(NATIONAL).factor)) == expected


def test_n_rnd_1_electricity_and_heat_are_floored_each() -> None:
    # 0.791 x 100 = 79.1 and 0.1033 x 99 = 10.2267; then 79.1 + 8.9871 would be 88.0871.
    assert given_to(2024, coal(100, 99)) == 79 + 10
    # 79.891 and 9.9168: together 89.8, floored each 88.
    assert given_to(2024, coal(101, 96)) == 79 + 9


def test_n_rnd_1_a_product_that_is_whole_stays_whole() -> None:
    assert line_of(2024, coal(1000)).electricity == 791
    assert line_of(2024, coal("999.999")).electricity == 790


# --- N-EXCL --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["shut", "new", "excluded"])
@pytest.mark.parametrize("year", range(2019, 2027))
def test_n_excl_units_outside_the_benchmarks(year: int, status: str) -> None:
    running = coal(1_000_000, unit_id="a", emissions=900_000)
    other = coal(500_000, unit_id="b", emissions=450_000, status=status)
    found = power(year, report(0, running, other))
    line = found.lines[1]
    assert line.amount == (0 if year <= 2024 else 450_000)
    assert (line.rule, line.unit_id, line.electricity) == ("N-EXCL", "b", None)
    assert found.entitlement == found.lines[0].amount + line.amount


def test_n_excl_a_unit_outside_the_benchmarks_needs_no_output() -> None:
    shut = ReportedUnit(unit_id="b", class_="conventional_coal", status="shut")
    assert power(2024, report(0, coal(1000), shut)).entitlement == 791
    with pytest.raises(AllocationNotReady) as refused:
        power(2025, report(0, coal(1000, emissions=1), shut))
    assert refused.value.numbers == {"unit_id": "b", "missing": "emissions"}


# --- N-GAS ---------------------------------------------------------------------------------------


def test_d07_a_gas_unit_is_made_whole() -> None:
    found = power(2024, report(372_000, gas(1_000_000, 400_000)))
    assert found.subtotal == 350_120
    (top_up,) = found.adjustments
    assert (top_up.amount, top_up.rule, top_up.unit_id) == (21_880, "N-GAS", "u1")
    assert found.entitlement == 372_000
    assert gap_rate(NATIONAL, 372_000, found.entitlement) == "0.00"


@pytest.mark.parametrize("year", range(2021, 2027))
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_n_gas_lifts_to_the_verified_emissions_and_never_lowers(year: int, more: int) -> None:
    one = gas(1_000_000)
    initial = line_of(year, one).amount
    found = power(year, report(initial + more, one))
    assert found.entitlement == initial + max(0, more)
    assert [top_up.amount for top_up in found.adjustments] == ([1] if more == 1 else [])


def test_n_gas_is_none_of_the_first_cycle_and_none_of_coal() -> None:
    for year in (2019, 2020):
        assert given_to(year, gas(1_000_000), 500_000) == 392_000
    assert given_to(2024, coal(1000), 800) == 791


def test_n_gas_looks_at_each_unit_on_its_own() -> None:
    short = gas(1000, unit_id="a", emissions=400)
    plenty = gas(1000, unit_id="b", emissions=200)
    found = power(2024, report(600, short, plenty))  # together 656 t initially, 600 t emitted
    assert [(one.unit_id, one.amount) for one in found.adjustments] == [("a", 400 - 328)]
    assert found.entitlement == 400 + 328


@pytest.mark.parametrize("status", ["shut", "new", "excluded"])
def test_n_gas_is_not_for_a_unit_that_is_given_nothing(status: str) -> None:
    found = power(2024, report(0, gas(1000, emissions=400, status=status)))
    assert (found.entitlement, found.adjustments) == (0, ())


def test_n_gas_needs_the_emissions_of_each_of_several_units() -> None:
    with pytest.raises(AllocationNotReady, match="unit a has no emissions") as refused:
        power(2024, report(600, gas(1000, unit_id="a"), coal(1000, unit_id="b")))
    assert refused.value.numbers == {"unit_id": "a", "missing": "emissions"}


# --- N-FLOOR80 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("year", range(2021, 2027))
@pytest.mark.parametrize(
    ("initial", "top_up"), [(799_999, 1), (800_000, 0), (800_001, 0), (700_000, 100_000)]
)
def test_n_floor80_at_80_percent_of_the_verified_emissions(
    year: int, initial: int, top_up: int
) -> None:
    table = NATIONAL.allocation("power", year)
    assert table is not None
    one = coal(mwh_for(initial, str(table.electricity["I"])))
    found = power(year, report(1_000_000, one))
    assert found.subtotal == initial
    assert [(a.amount, a.rule, a.unit_id) for a in found.adjustments] == (
        [(top_up, "N-FLOOR80", None)] if top_up else []
    )
    assert found.entitlement == initial + top_up


def test_d11_the_floor_with_a_fraction() -> None:
    found = power(2024, report(1_234_567, coal(mwh_for(900_000, "0.7910"))))
    assert [one.amount for one in found.adjustments] == [87_653]
    assert found.entitlement == 987_653
    assert gap_rate(NATIONAL, 1_234_567, found.entitlement) == "20.00"


def test_n_floor80_less_than_a_tonne_missing_is_nothing() -> None:
    found = power(2024, report(1_000_001, coal(mwh_for(800_000, "0.7910"))))  # 800,000.8 t
    assert (found.adjustments, found.entitlement) == ((), 800_000)


def test_d25_the_floor_2022() -> None:
    found = power(2022, report(1_000_000, coal(mwh_for(700_000, "0.8177"))))
    assert found.entitlement == 800_000
    assert gap_rate(NATIONAL, 1_000_000, found.entitlement) == "20.00"


def test_n_floor80_is_none_of_the_first_cycle() -> None:
    for year in (2019, 2020):
        assert given_to(year, coal(1000), 1_000_000) == 877


def test_n_floor80_comes_after_n_gas_and_counts_the_whole_entity() -> None:
    burner = gas(1_000_000, unit_id="g", emissions=400_000)  # 328,800, made whole: +71,200
    boiler = coal(500_000, unit_id="c", emissions=600_000)  # 395,500
    found = power(2024, report(1_000_000, burner, boiler))
    assert found.subtotal == 724_300
    assert [(a.rule, a.amount) for a in found.adjustments] == [
        ("N-GAS", 71_200),
        ("N-FLOOR80", 4_500),  # 800,000 - 795,500
    ]
    assert found.entitlement == 800_000


# --- drafts --------------------------------------------------------------------------------------


def _texts(found: Calculation) -> list[str]:
    return [found.source, *(one.source for one in (*found.lines, *found.adjustments))]


FLEET = report(
    1_000_000,
    coal(300_000, 1000, unit_id="a", emissions=700_000, load_factor="0.40"),
    gas(300_000, unit_id="b", emissions=200_000),
    coal(1, unit_id="c", emissions=100_000, status="new"),
)


@pytest.mark.parametrize("year", [2025, 2026])
def test_every_line_that_rests_on_a_draft_says_so(year: int) -> None:
    found = power(year, FLEET)
    assert found.draft
    assert len(found.lines) == 3
    assert {one.rule for one in found.adjustments} == {"N-GAS", "N-FLOOR80"}
    assert [text for text in _texts(found) if "DRAFT" not in text] == []


@pytest.mark.parametrize("year", [2023, 2024])
def test_no_line_of_a_final_year_says_draft(year: int) -> None:
    found = power(year, FLEET)
    assert not found.draft
    assert {one.rule for one in found.adjustments} == {"N-GAS", "N-FLOOR80"}
    assert [text for text in _texts(found) if "DRAFT" in text] == []


def test_d16_2025_draft() -> None:
    found = power(2025, report(1_400_000, coal(1_500_000, load_factor="0.45")))
    assert (found.entitlement, found.draft) == (1_334_717, True)


# --- what is not ready ---------------------------------------------------------------------------

NO_KIND = ReportedUnit(unit_id="u1", electricity_mwh=Decimal(1))
NOT_READY: list[tuple[str, int, Report, dict[str, Any]]] = [
    ("power", 2018, report(1, coal(1)), {"year": 2018}),
    ("power", 2027, report(1, coal(1)), {"year": 2027}),
    ("cement", 2023, report(1, coal(1)), {"sector": "cement", "year": 2023}),
    ("other", 2024, report(1, coal(1)), {"sector": "other"}),
    ("power", 2024, report(1), {"missing": "units"}),
    ("power", 2024, report(1, NO_KIND), {"unit_id": "u1", "missing": "class"}),
    ("power", 2024, report(1, coal(1, rated_mw=None)), {"missing": "rated_mw"}),
    ("power", 2024, report(1, coal(None)), {"missing": "electricity_mwh"}),
    ("power", 2022, report(1, coal(1, supplied_mwh=None)), {"missing": "supplied_mwh"}),
]


@pytest.mark.parametrize(("sector", "year", "given", "numbers"), NOT_READY)
def test_what_is_missing_is_told(
    sector: str, year: int, given: Report, numbers: dict[str, Any]
) -> None:
    with pytest.raises(AllocationNotReady) as refused:
        calculate(NATIONAL, sector, year, given, None)
    assert numbers.items() <= refused.value.numbers.items()


def own(**table: Any) -> Any:
    """``cn-national`` with an allocation of a user's own for power in 2024."""
    first = {
        "rule": "mine", "sectors": ["power"], "years": [2024], "method": "benchmark",
        "electricity": {"I": "0.5"}, "source": "my office", **table,
    }  # fmt: skip
    book = {"extends": "cn-national", "name": "mine", "version": "1", "allocation": [first]}
    return from_object(book)


def test_a_class_without_a_benchmark_is_not_ready() -> None:
    with pytest.raises(AllocationNotReady, match="no benchmark of class IV"):
        calculate(own(), "power", 2024, report(1, gas(1)), None)


def test_heat_without_a_benchmark_is_not_ready() -> None:
    assert calculate(own(), "power", 2024, report(1, coal(10)), None).entitlement == 5
    with pytest.raises(AllocationNotReady, match="no heat benchmark of class I"):
        calculate(own(), "power", 2024, report(1, coal(10, 1)), None)


def test_a_year_by_the_authoritys_figure_only_is_not_computed() -> None:
    mine = own(method="approved")
    with pytest.raises(AllocationNotReady, match="authority's figure"):
        calculate(mine, "power", 2024, report(1, coal(10)), None)
    assert approved_figure(mine, "power", 2024, None, None, 7).entitlement == 7


# --- the approved figure -------------------------------------------------------------------------


def test_an_approved_figure_stands_beside_the_computed_one() -> None:
    short = report(1_000_000, coal(mwh_for(700_000, "0.7910")))
    found = approved_figure(NATIONAL, "power", 2024, short, None, 650_000)
    assert (found.entitlement, found.computed, found.subtotal) == (650_000, 800_000, 700_000)
    assert found.adjustments == ()  # no exemption comes on top
    assert found.lines == power(2024, short).lines
    assert (found.rule, found.draft) == ("approved", False)


@pytest.mark.parametrize("given", [None, report(1_000_000)])
def test_an_approved_figure_needs_no_computed_one(given: Report | None) -> None:
    found = approved_figure(NATIONAL, "power", 2024, given, None, 650_000)
    assert (found.entitlement, found.computed, found.lines) == (650_000, None, ())
    assert found.subtotal == 650_000


def test_what_the_authority_adds_comes_on_top() -> None:
    found = power(2024, report(0, coal(1000))).with_given([("my rule", -91, "decision 7")])
    assert (found.subtotal, found.entitlement) == (791, 700)
    (one,) = found.adjustments
    assert (one.rule, one.amount, one.source) == ("my rule", -91, "decision 7")


def test_a_calculation_is_stored_canonically_and_read_back() -> None:
    one = coal(1_000_000, 5, heat_ratio="0.25", cooling="air", load_factor="0.70", unit_id="c")
    given = report(9_000_000, one, gas(1000, unit_id="g", emissions=1000))
    for found in (
        power(2022, given),
        approved_figure(NATIONAL, "power", 2022, given, None, 5),
    ):
        stored = msgspec.json.encode(found)
        assert stored == rfc8785.dumps(json.loads(stored))
        assert msgspec.json.decode(stored, type=Calculation) == found
