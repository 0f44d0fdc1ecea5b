"""Every cell of the status table: before, at and after the deadline, by instant and by date."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE

BEFORE = "2025-12-31T23:59:58+08:00"
AT = "2025-12-31T23:59:59+08:00"
AFTER = "2026-01-01T00:00:00+08:00"
DAY = "2025-12-31"
DAY_AFTER = "2026-01-01"
EARLY = "2025-11-01"
LATE = "2026-01-01T00:00:00"
MUCH_LATER = "2026-06-01"

Course = list[tuple[str, int, str, str | None]]
"""Surrenders of the year: (end, tonnes, submitted, ended), end one of confirm, reject, wait."""

NOTHING: Course = []
REJECTED: Course = [("reject", 100, EARLY, EARLY)]
WAITING: Course = [("wait", 100, EARLY, None)]
PART_WAITING: Course = [("wait", 99, EARLY, None)]
PART: Course = [("confirm", 40, EARLY, EARLY)]
PART_AND_THE_REST_WAITING: Course = [*PART, ("wait", 60, EARLY, None)]
PART_AND_NOT_ALL_WAITING: Course = [*PART, ("wait", 59, EARLY, None)]
PART_AND_LATE_WAITING: Course = [*PART, ("wait", 60, LATE, None)]
ALL: Course = [*PART, ("confirm", 60, EARLY, EARLY)]
ALL_BUT_ONE: Course = [("confirm", 99, EARLY, EARLY)]
AT_THE_LAST_SECOND: Course = [("confirm", 100, AT, AT)]
CONFIRMED_LATER: Course = [("confirm", 100, EARLY, MUCH_LATER)]
SOME_LATE: Course = [("confirm", 99, EARLY, EARLY), ("confirm", 1, LATE, LATE)]
ALL_LATE: Course = [("confirm", 100, LATE, LATE)]
LATE_REJECTED: Course = [("reject", 100, EARLY, LATE)]

TABLE: list[tuple[str, Course, str, str]] = [
    # nothing met
    ("nothing", NOTHING, BEFORE, "OPEN"),
    ("nothing", NOTHING, AT, "OPEN"),
    ("nothing", NOTHING, AFTER, "NON_COMPLIANT"),
    ("nothing", NOTHING, DAY, "OPEN"),
    ("nothing", NOTHING, DAY_AFTER, "NON_COMPLIANT"),
    ("rejected", REJECTED, AT, "OPEN"),
    ("rejected", REJECTED, AFTER, "NON_COMPLIANT"),
    ("waiting", WAITING, BEFORE, "OPEN"),
    ("waiting", WAITING, AT, "OPEN"),
    ("waiting", WAITING, AFTER, "PENDING"),
    ("waiting", WAITING, DAY, "OPEN"),
    ("waiting", WAITING, DAY_AFTER, "PENDING"),
    ("part-waiting", PART_WAITING, AFTER, "NON_COMPLIANT"),
    ("late-rejected", LATE_REJECTED, AT, "OPEN"),
    ("late-rejected", LATE_REJECTED, DAY, "OPEN"),
    ("late-rejected", LATE_REJECTED, AFTER, "NON_COMPLIANT"),
    # part met
    ("part", PART, BEFORE, "PARTIAL"),
    ("part", PART, AT, "PARTIAL"),
    ("part", PART, AFTER, "NON_COMPLIANT"),
    ("part", PART, DAY, "PARTIAL"),
    ("part", PART, DAY_AFTER, "NON_COMPLIANT"),
    ("all-but-one", ALL_BUT_ONE, AT, "PARTIAL"),
    ("all-but-one", ALL_BUT_ONE, AFTER, "NON_COMPLIANT"),
    ("part-rest-waiting", PART_AND_THE_REST_WAITING, AT, "PARTIAL"),
    ("part-rest-waiting", PART_AND_THE_REST_WAITING, AFTER, "PENDING"),
    ("part-59-waiting", PART_AND_NOT_ALL_WAITING, AFTER, "NON_COMPLIANT"),
    ("part-late-waiting", PART_AND_LATE_WAITING, AT, "PARTIAL"),
    ("part-late-waiting", PART_AND_LATE_WAITING, AFTER, "NON_COMPLIANT"),
    # all met by facts in time
    ("all", ALL, BEFORE, "COMPLIANT"),
    ("all", ALL, AT, "COMPLIANT"),
    ("all", ALL, AFTER, "COMPLIANT"),
    ("all", ALL, DAY, "COMPLIANT"),
    ("all", ALL, MUCH_LATER, "COMPLIANT"),
    ("last-second", AT_THE_LAST_SECOND, BEFORE, "OPEN"),
    ("last-second", AT_THE_LAST_SECOND, AT, "COMPLIANT"),
    ("last-second", AT_THE_LAST_SECOND, AFTER, "COMPLIANT"),
    ("confirmed-later", CONFIRMED_LATER, DAY, "OPEN"),
    ("confirmed-later", CONFIRMED_LATER, "2026-05-31", "PENDING"),
    ("confirmed-later", CONFIRMED_LATER, MUCH_LATER, "COMPLIANT"),
    # all met, some late
    ("some-late", SOME_LATE, AT, "PARTIAL"),
    ("some-late", SOME_LATE, AFTER, "LATE_COMPLIANT"),
    ("some-late", SOME_LATE, MUCH_LATER, "LATE_COMPLIANT"),
    ("all-late", ALL_LATE, AT, "OPEN"),
    ("all-late", ALL_LATE, AFTER, "LATE_COMPLIANT"),
]


@pytest.mark.parametrize(
    ("course", "as_of", "status"),
    [pytest.param(c, t, s, id=f"{name}-{t}-{s}") for name, c, t, s in TABLE],
)
def test_the_status_table(national: NationalBook, course: Course, as_of: str, status: str) -> None:
    book = national
    book.give(1_000, at="2025-01-01")
    book.verified(100, at="2025-06-01")
    for n, (end, tonnes, submitted, ended) in enumerate(course):
        book.surrender(tonnes, id=f"s{n}", at=submitted)
        if end != "wait":
            book.send(f"{end}_surrender", surrender=f"s{n}", at=ended)
    row = book.compliance(as_of=as_of)
    assert row["status"] == status
    assert row["outstanding"] == row["obligation"] - row["surrendered"]
    assert (row["obligation"], row["verified_emissions"]) == (100, 100)


@pytest.mark.parametrize("as_of", [BEFORE, AT, AFTER, DAY, MUCH_LATER])
def test_without_verified_emissions_nothing_is_due(national: NationalBook, as_of: str) -> None:
    row = national.compliance(as_of=as_of)
    assert (row["status"], row["obligation"], row["verified_emissions"]) == ("NOT_DUE", 0, None)
    assert row["deadline"] == AT


@pytest.mark.parametrize(("as_of", "status"), [("2025-06-30", "NOT_DUE"), ("2025-07-01", "OPEN")])
def test_a_year_is_due_once_its_report_is_in_effect(
    national: NationalBook, as_of: str, status: str
) -> None:
    national.verified(100, at="2025-07-01")
    assert national.stands(as_of=as_of) == status


@pytest.mark.parametrize("as_of", [BEFORE, AT, AFTER, MUCH_LATER])
def test_zero_emissions_are_met_by_nothing(national: NationalBook, as_of: str) -> None:
    national.verified(0)
    row = national.compliance(as_of=as_of)
    assert (row["status"], row["obligation"], row["outstanding"]) == ("COMPLIANT", 0, 0)


def test_a_year_without_a_fact_is_not_in_the_list(national: NationalBook) -> None:
    assert national.ledger.compliance(entity="plant") == []
    national.verified(10)
    assert [row["year"] for row in national.ledger.compliance(entity="plant")] == [2024]


def test_the_list_is_by_entity_and_year(national: NationalBook) -> None:
    book = national
    book.plant("another")
    for entity, year in (("plant", 2024), ("another", 2024), ("plant", 2023)):
        book.verified(10, year, entity)
    rows = book.ledger.compliance(as_of="2026-06-01")
    assert [(row["entity"], row["year"]) for row in rows] == [
        ("another", 2024), ("plant", 2023), ("plant", 2024),
    ]  # fmt: skip
    assert book.ledger.compliance(year=2023) == book.ledger.compliance(year=2023, entity="plant")


def test_the_summary_counts_by_sector_province_and_year(national: NationalBook) -> None:
    book = national
    book.plant("second", province="anhui")
    book.plant("works", sector="cement")
    for entity, tonnes in (("plant", 100), ("second", 50), ("works", 7)):
        book.verified(tonnes, entity=entity)
    book.give(100)
    book.met(100, at="2025-12-01")
    rows = book.ledger.compliance_summary(as_of="2026-02-01")
    found = {
        (row["sector"], row["province"]): (
            row["entities"], row["obligation"], row["COMPLIANT"], row["NON_COMPLIANT"],
        )
        for row in rows
    }  # fmt: skip
    assert found == {
        ("power", "hubei"): (1, 100, 1, 0),
        ("power", "anhui"): (1, 50, 0, 1),
        ("cement", "hubei"): (1, 7, 0, 1),
        (None, None): (3, 157, 1, 2),
    }
    assert all(row["year"] == 2024 for row in rows)
