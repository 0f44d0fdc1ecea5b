"""Who is listed as a key emitting entity (N-COV-1), and until when (N-COV-2)."""

import pytest

from etsledger.domain.coverage import coverage, reaches_threshold, stays_listed
from reports import NATIONAL

SECTORS = ("power", "steel", "cement", "aluminium")


def covered(sector: str) -> range:
    return range(2019 if sector == "power" else 2024, 2027)


@pytest.mark.parametrize("sector", SECTORS)
@pytest.mark.parametrize(
    ("emissions", "listed"), [(25_999, False), (26_000, True), (26_001, True), (0, False)]
)
def test_d54_n_cov_1_listed_from_26000_tonnes_on(sector: str, emissions: int, listed: bool) -> None:
    for year in covered(sector):
        assert reaches_threshold(NATIONAL, sector, year, emissions) is listed


@pytest.mark.parametrize(
    ("sector", "first"), [("power", 2019), ("steel", 2024), ("cement", 2024), ("aluminium", 2024)]
)
def test_n_cov_3_sectors_from_their_first_year_on(sector: str, first: int) -> None:
    assert not reaches_threshold(NATIONAL, sector, first - 1, 10**9)
    assert reaches_threshold(NATIONAL, sector, first, 10**9)
    table = coverage(NATIONAL, sector, first)
    assert table is not None
    assert (table.rule, table.exit_rule, table.exit_years) == ("N-COV-1", "N-COV-2", 2)


def test_n_cov_3_other_sectors_are_not_covered() -> None:
    for sector in ("industry", "other"):
        assert coverage(NATIONAL, sector, 2024) is None
        assert not stays_listed(NATIONAL, sector, 2024, {})


@pytest.mark.parametrize(
    ("emissions", "stays"),
    [
        ({2023: 25_000, 2024: 25_900}, False),
        ({2023: 25_999, 2024: 25_999}, False),
        ({2023: 26_000, 2024: 25_999}, True),
        ({2023: 25_999, 2024: 26_000}, True),
        ({2024: 25_000}, True),  # one year only
        ({2022: 25_000, 2024: 25_000}, True),  # not running
        ({2022: 1, 2023: 1, 2024: 26_000}, True),
        ({2022: 90_000, 2023: 1, 2024: 1}, False),
        ({}, True),
    ],
)
def test_d54_n_cov_2_leaves_after_two_years_below(emissions: dict[int, int], stays: bool) -> None:
    assert stays_listed(NATIONAL, "power", 2024, emissions) is stays


def test_n_cov_2_leaves_when_it_ceased_operation() -> None:
    assert stays_listed(NATIONAL, "power", 2024, {2024: 10**6})
    assert not stays_listed(NATIONAL, "power", 2024, {2024: 10**6}, ceased=True)
