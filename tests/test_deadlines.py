"""Deadlines (N-SUR-2): the last second that is in time, asked by date and by instant."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE

LAST_SECOND = {
    2019: "2021-12-31T17:00:00+08:00",
    2020: "2021-12-31T17:00:00+08:00",
    2021: "2023-12-31T23:59:59+08:00",
    2022: "2023-12-31T23:59:59+08:00",
    2023: "2024-12-31T23:59:59+08:00",
    2024: "2025-12-31T23:59:59+08:00",
    2025: "2026-12-31T23:59:59+08:00",
    2026: "2027-12-31T23:59:59+08:00",
}


@pytest.mark.parametrize("year", LAST_SECOND)
def test_the_deadline_of_a_year_is_its_last_second(national: NationalBook, year: int) -> None:
    national.verified(1, year, at="2021-01-01")
    row = national.compliance(year=year, as_of="2021-01-01")
    assert (row["deadline"], row["status"]) == (LAST_SECOND[year], "OPEN")


@pytest.mark.parametrize("year", LAST_SECOND)
def test_before_it_open_after_it_not_compliant(national: NationalBook, year: int) -> None:
    """No event is written when a deadline passes."""
    national.verified(1, year, at="2021-01-01")
    second = LAST_SECOND[year]
    head = national.ledger.head()
    day = second[:10]
    end_of_day_is_in_time = second[11:19] == "23:59:59"
    for as_of, status in (
        (second, "OPEN"),
        (second.replace("+08:00", ".999999+08:00"), "OPEN"),
        (day, "OPEN" if end_of_day_is_in_time else "NON_COMPLIANT"),
        (f"{int(day[:4]) + 1}-01-01T00:00:00", "NON_COMPLIANT"),
    ):
        assert national.stands(year=year, as_of=as_of) == status, as_of
    assert national.ledger.head() == head


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2021-12-31T08:59:59Z", "COMPLIANT"),  # 16:59:59 in Beijing
        ("2021-12-31T09:00:00Z", "COMPLIANT"),
        ("2021-12-31T09:00:00.999999Z", "COMPLIANT"),  # within that very second
        ("2021-12-31T09:00:01Z", "LATE_COMPLIANT"),
        ("2021-12-31", "COMPLIANT"),  # a fact's bare date is the start of the day
        ("2022-01-01", "LATE_COMPLIANT"),
    ],
)
def test_an_hour_includes_that_very_second(national: NationalBook, at: str, status: str) -> None:
    national.give(1, "CEA:2019-2020", at="2021-01-01")
    national.verified(1, 2020, at="2021-01-01")
    national.met(1, year=2020, unit="CEA:2019-2020", at=at)
    assert national.stands(year=2020, as_of="2022-06-01") == status


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2025-12-31T23:59:58+08:00", "COMPLIANT"),
        ("2025-12-31T23:59:59+08:00", "COMPLIANT"),
        ("2025-12-31T23:59:59.999999+08:00", "COMPLIANT"),
        ("2026-01-01T00:00:00+08:00", "LATE_COMPLIANT"),
        ("2025-12-31T15:59:59Z", "COMPLIANT"),
        ("2025-12-31T16:00:00Z", "LATE_COMPLIANT"),
    ],
)
def test_a_date_includes_the_whole_day_in_beijing(
    national: NationalBook, at: str, status: str
) -> None:
    national.give(1, at="2025-01-01")
    national.verified(1)
    national.met(1, at=at)
    assert national.stands(as_of="2026-06-01") == status


def test_in_time_means_submitted_in_time_whenever_it_is_confirmed(national: NationalBook) -> None:
    """N-SUR-4 [ADOPTED]."""
    national.give(1, at="2025-01-01")
    national.verified(1)
    national.surrender(1, id="s", at="2025-12-31T23:59:59")
    national.confirm("s", at="2026-02-01")
    assert national.stands(as_of="2025-12-31") == "OPEN"
    assert national.stands(as_of="2026-01-31") == "PENDING"
    assert national.stands(as_of="2026-02-01") == "COMPLIANT"


def test_an_entity_may_be_late_for_one_year_and_in_time_for_the_next(
    national: NationalBook,
) -> None:
    for year, at in ((2023, "2025-02-01"), (2024, "2025-11-01")):
        national.give(1, f"CEA:{year}", at="2024-06-01")
        national.verified(1, year, at="2024-06-01")
        national.met(1, year=year, unit=f"CEA:{year}", at=at)
    rows = national.ledger.compliance(entity="plant", as_of="2026-01-15")
    assert {row["year"]: row["status"] for row in rows} == {
        2023: "LATE_COMPLIANT", 2024: "COMPLIANT",
    }  # fmt: skip
