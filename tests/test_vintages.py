"""Which vintages may meet which year, and its arrears (N-VIN-1, N-VIN-2)."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE

UNITS = (
    "CEA:2019-2020", "CEA:2021", "CEA:2022", "CEA:2023", "CEA:2024", "CEA:2025", "CEA:2026",
)  # fmt: skip
IN_TIME = {
    2019: "2021-12-01", 2020: "2021-12-01", 2021: "2023-12-01", 2022: "2023-12-01",
    2023: "2024-12-01", 2024: "2025-12-01", 2025: "2026-12-01", 2026: "2027-12-01",
}  # fmt: skip
MAY = {
    2019: UNITS[:1],
    2020: UNITS[:1],
    2021: UNITS[:3],
    2022: UNITS[:3],
    2023: UNITS[:4],
    2024: UNITS[:5],
    2025: UNITS[5:],
    2026: UNITS[5:],
}
"""In time. The two years of the second cycle share their vintages: [ADOPTED]."""


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """Every year owes 1,000 t, and there are 1,000 t of every vintage."""
    for unit in UNITS:
        national.give(1_000, unit, at="2019-06-01")
    for year in MAY:
        national.verified(1_000, year, at="2019-06-01")
    return national


def may(book: NationalBook, year: int, at: str) -> tuple[str, ...]:
    """The vintages that are accepted; the others are refused for what they are."""
    accepted: list[str] = []
    for unit in UNITS:
        given = {"entity": "plant", "year": year, "unit": unit, "quantity": 1, "at": at}
        sent = {"command": "surrender", "id": f"{year}/{unit}/{at}", "registry": "cn-national"}
        renamed = {"effective_at" if k == "at" else k: v for k, v in given.items()}
        (outcome,) = book.ledger.apply([{**sent, **renamed}], dry_run=True)
        if outcome.refusal is None:
            accepted.append(unit)
            continue
        assert outcome.refusal.code == "VintageNotEligible"
        assert unit not in outcome.refusal.numbers["eligible"]
    return tuple(accepted)


@pytest.mark.parametrize("year", MAY)
def test_in_time_only_the_year_s_own_vintages_may(book: NationalBook, year: int) -> None:
    assert may(book, year, IN_TIME[year]) == MAY[year]


@pytest.mark.parametrize("year", [2019, 2022, 2023, 2024])
def test_arrears_of_2019_to_2024_may_be_paid_with_any_from_2026_on(
    book: NationalBook, year: int
) -> None:
    assert may(book, year, "2026-01-01") == UNITS
    assert may(book, year, "2026-06-01") == UNITS


@pytest.mark.parametrize("year", [2019, 2022, 2023])
def test_before_2026_arrears_are_paid_with_the_year_s_own_vintages(
    book: NationalBook, year: int
) -> None:
    assert may(book, year, "2025-12-31T23:59:59.999999") == MAY[year]


@pytest.mark.parametrize("year", [2025, 2026])
def test_later_years_are_never_paid_with_what_was_not_carried_over(
    book: NationalBook, year: int
) -> None:
    assert may(book, year, "2028-06-01") == UNITS[5:]


def test_a_year_that_is_not_late_yet_has_no_arrears(book: NationalBook) -> None:
    """2025 is due until the end of 2026."""
    assert may(book, 2025, "2026-06-01") == UNITS[5:]


def test_a_late_surrender_of_another_vintage_counts(book: NationalBook) -> None:
    book.met(1_000, year=2024, unit="CEA:2026", at="2026-03-01")
    assert book.stands(year=2024, as_of="2026-03-01") == "LATE_COMPLIANT"


@pytest.mark.parametrize("unit", ["CEA:2019", "CEA:2020", "CQEA:2024", "CEA:24", "CEA", "X"])
def test_what_is_no_vintage_is_no_unit_here(book: NationalBook, unit: str) -> None:
    """X-2: 2019 and 2020 are one product."""
    refusal = book.refused("UnitNotAllowed", "issue", unit=unit, quantity=1)
    assert refusal.numbers["unit"] == unit


def test_2019_and_2020_are_given_the_one_product_of_both(national: NationalBook) -> None:
    national.fund("CEA:2019-2020", 1_000)
    for year in (2019, 2020):
        national.verified(400, year)
        national.finalise(year, entitlement=400)
    assert national.held(unit="CEA:2019-2020") == 800
