"""Steel, cement and aluminium: verified in 2024, by intensity from 2025 on."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from etsledger.domain.calculation import Calculation
from etsledger.domain.entitlement import calculate
from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.industry import alpha
from etsledger.domain.yearbook import Report
from reports import NATIONAL, industrial_line, report

SECTORS = ("steel", "cement", "aluminium")


def cement(year: int, given: Report, value: str | None = "0.85") -> Calculation:
    return calculate(NATIONAL, "cement", year, given, None if value is None else Decimal(value))


def one_line(emissions: int, output: str | int, **fields: Any) -> Report:
    return report(emissions, industrial_line(emissions, output, **fields))


@pytest.mark.parametrize("sector", SECTORS)
def test_d17_n_ind_2024_gives_what_was_emitted(sector: str) -> None:
    found = calculate(NATIONAL, sector, 2024, report(1_500_000), None)
    assert (found.entitlement, found.adjustments) == (1_500_000, ())
    (line,) = found.lines
    assert (line.amount, line.emissions, line.unit_id) == (1_500_000, 1_500_000, None)
    assert (line.rule, found.draft) == ("N-IND-2024", False)


def test_n_ind_2024_line_by_line_where_the_lines_make_up_the_entity() -> None:
    lines = [industrial_line(n * 100, None, line_id=f"k{n}") for n in (1, 2)]
    found = cement(2024, report(300, *lines), None)
    assert [(line.unit_id, line.class_, line.amount) for line in found.lines] == [
        ("k1", "clinker", 100), ("k2", "clinker", 200)
    ]  # fmt: skip
    found = cement(2024, report(301, *lines), None)
    assert [(line.unit_id, line.amount) for line in found.lines] == [(None, 301)]


# Emissions, balance value, output, entitlement
INTENSITY = [
    (850_000, "0.85", 1_000_000, 850_000),  # D18: at the balance value
    (800_000, "0.85", 1_000_000, 807_058),  # D18: X = 5.88235 %
    (680_000, "0.85", 1_000_000, 700_400),  # D19: X = 20 %
    (1_020_000, "0.85", 1_000_000, 989_400),  # D19: X = -20 %
    (600_000, "0.85", 1_000_000, 618_000),  # D19: X = 29.4 %
    (680_001, "0.85", 1_000_000, 700_400),  # a tonne inside: 700,400.88
    (679_999, "0.85", 1_000_000, 700_398),  # a tonne beyond: 700,398.97
    (1_019_999, "0.85", 1_000_000, 989_399),  # 989,399.21
    (1_020_001, "0.85", 1_000_000, 989_400),  # 989,400.97
]


@pytest.mark.parametrize("year", [2025, 2026])
@pytest.mark.parametrize(("emissions", "value", "output", "expected"), INTENSITY)
def test_n_ind_intensity(year: int, emissions: int, value: str, output: int, expected: int) -> None:
    assert cement(year, one_line(emissions, output), value).entitlement == expected


def test_d18_the_factor_is_shown_to_ten_places() -> None:
    (line,) = cement(2025, one_line(800_000, 1_000_000)).lines
    assert (line.factor, line.intensity) == (Decimal("1.0088235294"), Decimal("0.8000000000"))
    assert (line.benchmark, line.class_) == (Decimal("0.85"), "clinker")


def test_d20_the_intensity_may_be_taken_over_part_of_the_emissions() -> None:
    part = one_line(1_234_567, 10_000, intensity_emissions=8_637)
    assert cement(2025, part, "0.8500").entitlement == 1_231_582
    # A whole intensity of 123 instead of 0.8637 would have met the cap.
    assert cement(2025, one_line(1_234_567, 10_000), "0.8500").entitlement == 1_197_529


def test_lines_are_floored_each_then_summed() -> None:
    lines = [industrial_line(800_000, 1_000_000, line_id=f"k{n}") for n in range(3)]
    assert cement(2025, report(2_400_000, *lines)).entitlement == 3 * 807_058  # of 807,058.82


def test_special_lines_are_given_what_they_emitted() -> None:
    for year in (2025, 2026):
        found = cement(year, one_line(600_000, 1_000_000, special=True), None)
        assert found.entitlement == 600_000


@pytest.mark.parametrize("status", ["shut", "new"])
def test_shut_and_new_lines_get_nothing_in_2025_and_their_emissions_in_2026(status: str) -> None:
    given = one_line(600_000, 1_000_000, status=status)
    assert cement(2025, given).entitlement == 0
    assert cement(2026, given).entitlement == 600_000


@pytest.mark.parametrize(
    ("emissions", "verified"), [(25_999, True), (26_000, False), (26_001, False)]
)
def test_n_ind_2026_small_entities_are_given_what_they_emitted(
    emissions: int, verified: bool
) -> None:
    given = one_line(emissions, emissions)  # an intensity of 1: the cap takes 3 % off
    less = emissions * 97 // 100
    assert cement(2026, given, "0.5").entitlement == (emissions if verified else less)
    assert cement(2025, given, "0.5").entitlement == less


def test_neither_the_floor_nor_make_whole_is_for_industry() -> None:
    assert cement(2025, one_line(1_500_000, 1_000_000)).adjustments == ()


def test_2025_and_2026_rest_on_a_draft() -> None:
    given = one_line(600_000, 1_000_000)
    assert [cement(year, given).draft for year in (2024, 2025, 2026)] == [False, True, True]
    for year in (2025, 2026):
        found = cement(year, given)
        assert "DRAFT" in found.source
        assert "DRAFT" in found.lines[0].source


def test_what_is_missing_is_told() -> None:
    with pytest.raises(AllocationNotReady, match="publish_balance_value") as refused:
        cement(2025, one_line(1, 1), None)
    assert refused.value.numbers["missing"] == "balance_value"
    for output in (None, 0):
        with pytest.raises(AllocationNotReady, match="output_t") as refused:
            cement(2025, report(1, industrial_line(1, output)))
        assert refused.value.numbers == {"unit_id": "k1", "missing": "output_t"}
    with pytest.raises(AllocationNotReady, match="no units or lines"):
        cement(2025, report(30_000))
    two = [industrial_line(None, 1, line_id=name) for name in ("k1", "k2")]
    with pytest.raises(AllocationNotReady, match="unit k1 has no emissions"):
        cement(2025, report(30_000, *two))


@pytest.mark.parametrize(
    ("intensity", "expected"),
    [
        ("0.800001", "0.02999985"),  # X = 19.9999 %
        ("0.8", "0.03"),
        ("0.799999", "0.03"),
        ("1.199999", "-0.02999985"),
        ("1.2", "-0.03"),
        ("1.200001", "-0.03"),
        ("1", "0"),
        ("9", "-0.03"),
    ],
)
def test_alpha_at_its_limits(intensity: str, expected: str) -> None:
    for year in (2025, 2026):
        table = NATIONAL.allocation("steel", year)
        assert table is not None
        assert table.intensity is not None
        assert alpha(table.intensity, Fraction(1), Fraction(intensity)) == Fraction(expected)
