"""The calendar of Chinese working days: what delays and periods are counted on.

The announcements are written out here from the notices of the State Council's office
(关于2024/2025/2026年部分节假日安排的通知), not from the package that the ledger reads.
"""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook import Rulebook, bundled, from_object
from etsledger.domain.workdays import is_working_day, nth_working_day

RULES = bundled("open")
DAY = timedelta(days=1)

# first day off .. last day off | weekend days worked for it
ANNOUNCED = """
2024-01-01 2024-01-01 |
2024-02-10 2024-02-17 | 2024-02-04 2024-02-18
2024-04-04 2024-04-06 | 2024-04-07
2024-05-01 2024-05-05 | 2024-04-28 2024-05-11
2024-06-10 2024-06-10 |
2024-09-15 2024-09-17 | 2024-09-14
2024-10-01 2024-10-07 | 2024-09-29 2024-10-12
2025-01-01 2025-01-01 |
2025-01-28 2025-02-04 | 2025-01-26 2025-02-08
2025-04-04 2025-04-06 |
2025-05-01 2025-05-05 | 2025-04-27
2025-05-31 2025-06-02 |
2025-10-01 2025-10-08 | 2025-09-28 2025-10-11
2026-01-01 2026-01-03 | 2026-01-04
2026-02-15 2026-02-23 | 2026-02-14 2026-02-28
2026-04-04 2026-04-06 |
2026-05-01 2026-05-05 | 2026-05-09
2026-06-19 2026-06-21 |
2026-09-25 2026-09-27 |
2026-10-01 2026-10-07 | 2026-09-20 2026-10-10
""".strip().splitlines()


def days(first: date, last: date) -> list[date]:
    return [first + DAY * n for n in range((last - first).days + 1)]


def announced() -> tuple[set[date], set[date]]:
    off, worked = set[date](), set[date]()
    for row in ANNOUNCED:
        span, _, extra = row.partition("|")
        off.update(days(*(date.fromisoformat(text) for text in span.split())))
        worked.update(date.fromisoformat(text) for text in extra.split())
    return off, worked


OFF, WORKED = announced()
WORKING = [
    day
    for day in days(date(2024, 1, 1), date(2026, 12, 31))
    if day in WORKED or (day.weekday() < 5 and day not in OFF)
]


def with_days(**table: Any) -> Rulebook:
    return from_object({"extends": "open", "working_days": {"source": "ets", **table}})


def test_the_working_days_are_those_that_were_announced() -> None:
    found = [d for d in days(date(2024, 1, 1), date(2026, 12, 31)) if is_working_day(d, RULES)]
    assert found == WORKING


# The spring festival of 2026 is 15 to 23 February; Saturdays 14 and 28 are worked.
SPRING_FESTIVAL = """
2026-02-11 | 1 | 2026-02-12
2026-02-11 | 2 | 2026-02-13
2026-02-11 | 3 | 2026-02-14
2026-02-11 | 4 | 2026-02-24
2026-02-13 | 1 | 2026-02-14
2026-02-14 | 1 | 2026-02-24
2026-02-18 | 1 | 2026-02-24
2026-02-23 | 1 | 2026-02-24
2026-02-23 | 4 | 2026-02-27
2026-02-23 | 5 | 2026-02-28
2026-02-23 | 6 | 2026-03-02
2026-02-28 | 1 | 2026-03-02
2026-02-18 | 0 | 2026-02-18
""".strip().splitlines()


@pytest.mark.parametrize("row", SPRING_FESTIVAL)
def test_the_day_that_a_period_is_counted_from_does_not_count(row: str) -> None:
    after, n, last = (cell.strip() for cell in row.split("|"))
    assert nth_working_day(date.fromisoformat(after), int(n), RULES) == date.fromisoformat(last)


@given(after=st.dates(date(2024, 1, 1), date(2026, 6, 30)), n=st.integers(1, 100))
def test_the_nth_working_day_is_the_nth_of_the_days_that_follow(after: date, n: int) -> None:
    later = [day for day in WORKING if day > after]
    assert nth_working_day(after, n, RULES) == later[n - 1]


def test_a_year_that_nobody_knows_is_refused_and_not_guessed() -> None:
    for refused in (
        lambda: is_working_day(date(2100, 3, 1), RULES),
        lambda: nth_working_day(date(2099, 12, 30), 5, RULES),
        lambda: is_working_day(date(2003, 12, 31), RULES),
    ):
        with pytest.raises(InvalidCommand, match=r"working_days of rulebook open") as refusal:
            refused()
        assert refusal.value.numbers["package"] == "chinesecalendar"
        assert refusal.value.numbers["year"] in (2003, 2099, 2100)


def test_a_rulebook_tells_a_year_that_the_package_does_not_know() -> None:
    rules = with_days(years=[2100], holidays=["2100-02-09", "2100-02-10"], workdays=["2100-02-07"])
    worked = [d for d in days(date(2100, 2, 5), date(2100, 2, 12)) if is_working_day(d, rules)]
    assert [day.day for day in worked] == [5, 7, 8, 11, 12]
    with pytest.raises(InvalidCommand, match="2101"):
        nth_working_day(date(2100, 12, 31), 1, rules)


def test_a_rulebook_corrects_a_day_of_a_year_that_the_package_knows() -> None:
    rules = with_days(holidays=["2026-03-02"], workdays=["2026-02-22"])
    assert not is_working_day(date(2026, 3, 2), rules)
    assert is_working_day(date(2026, 2, 22), rules)
    assert nth_working_day(date(2026, 2, 28), 1, rules) == date(2026, 3, 3)
    assert is_working_day(date(2026, 3, 2), RULES)


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"years": [1989]}, "working_days.years.0"),
        ({"years": [2200]}, "working_days.years.0"),
        ({"holidays": ["2027-02-30"]}, "working_days.holidays.0"),
        ({"holidays": [20270205]}, "working_days.holidays.0"),
        ({"workdays": ["next Monday"]}, "working_days.workdays.0"),
        ({"holidays": ["2027-02-05"], "workdays": ["2027-02-05"]}, "working_days"),
        ({"source": ""}, "working_days.source"),
        ({"weekends": []}, "working_days.weekends"),
    ],
)
def test_a_bad_table_of_days_is_refused_by_its_path(table: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidCommand, match="the rulebook is not valid") as refusal:
        with_days(**table)
    assert refusal.value.numbers["field"] == f"rulebook.{place}"
