"""When reports are due: the calendar of each data year, and monthly data."""

import json
from datetime import date
from typing import Any

import pytest

from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.reporting import due_dates, monthly_report_due
from etsledger.domain.rulebook import bundled, from_object
from reports import NATIONAL

INDUSTRY = ("steel", "cement", "aluminium")


@pytest.mark.parametrize(
    ("year", "month", "due"),
    [
        (2025, 6, "2025-08-09"),
        (2026, 1, "2026-03-12"),
        (2024, 2, "2024-04-09"),
        (2023, 2, "2023-04-09"),
        (2025, 12, "2026-02-09"),
        (2025, 11, "2026-01-09"),
    ],
)
def test_d53_monthly_data_within_40_days_of_the_end_of_the_month(
    year: int, month: int, due: str
) -> None:
    assert monthly_report_due(NATIONAL, year, month) == date.fromisoformat(due)
    assert monthly_report_due(NATIONAL, year, month, "power") == date.fromisoformat(due)


@pytest.mark.parametrize("sector", INDUSTRY)
def test_industry_files_the_first_half_of_2025_by_october(sector: str) -> None:
    for month in range(1, 7):
        assert monthly_report_due(NATIONAL, 2025, month, sector) == date(2025, 10, 31)
    assert monthly_report_due(NATIONAL, 2025, 7, sector) == date(2025, 9, 9)
    assert monthly_report_due(NATIONAL, 2026, 1, sector) == date(2026, 3, 12)


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_month_that_is_none(month: int) -> None:
    with pytest.raises(ValueError, match="month"):
        monthly_report_due(NATIONAL, 2025, month)


# Sectors | data year | report | verification | pre-allocation | approval | issue | surrender
CALENDAR = """
power    | 2021 | -          | -          | 2023-04-30 | 2023-07-15 | -          | 2023-12-31
power    | 2022 | -          | -          | 2023-04-30 | 2023-07-15 | -          | 2023-12-31
power    | 2024 | 2025-03-31 | 2025-06-30 | 2025-04-20 | 2025-07-31 | 2025-08-20 | 2025-12-31
industry | 2024 | 2025-06-30 | 2025-08-31 | -          | 2025-09-30 | 2025-10-20 | 2025-12-31
power    | 2025 | 2026-03-31 | 2026-06-30 | 2026-06-30 | 2026-09-20 | 2026-09-30 | 2026-12-31
industry | 2025 | 2026-03-31 | 2026-07-31 | 2026-04-10 | 2026-09-20 | 2026-09-30 | 2026-12-31
other    | 2024 | 2025-03-31 | 2025-12-31 | -          | -          | -          | -
other    | 2025 | 2026-03-31 | 2026-12-31 | -          | -          | -          | -
power    | 2019 | -          | -          | -          | -          | -          | 2021-12-31
""".strip().splitlines()


@pytest.mark.parametrize("row", CALENDAR, ids=lambda row: row[:15].replace(" ", ""))
def test_due_dates_of_a_data_year(row: str) -> None:
    sectors, year, *dates = (cell.strip() for cell in row.split("|"))
    expected = [None if text == "-" else date.fromisoformat(text) for text in dates]
    for sector in INDUSTRY if sectors == "industry" else (sectors,):
        found = due_dates(NATIONAL, sector, int(year))
        assert [
            found.report, found.verification, found.pre_allocation, found.approval, found.issue,
            found.surrender,
        ] == expected  # fmt: skip
        assert found.source


def test_a_year_without_a_calendar() -> None:
    with pytest.raises(AllocationNotReady, match="no calendar for sector power and year 2030"):
        due_dates(NATIONAL, "power", 2030)


def test_a_rulebook_without_monthly_data() -> None:
    book: dict[str, Any] = json.loads(bundled("open").text)
    with pytest.raises(AllocationNotReady, match="no monthly data"):
        monthly_report_due(from_object(book), 2025, 1)
