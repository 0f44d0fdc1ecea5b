"""Deadlines that follow from facts on record: what rules count in working days (rules N-OBJ,
N-ADJ-4, N-BANK-5 and section 7), each with the fact that it is counted from.

Pure functions of a year book; which working day is the last one is not kept anywhere, but
follows from the calendar when it is asked for.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from etsledger.domain.banking import UnitsCarriedOver
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.times import business_date, parse_instant
from etsledger.domain.workdays import nth_working_day
from etsledger.domain.yearbook import YearBook

if TYPE_CHECKING:
    from etsledger.domain.rulebook_calendar import Period


class Deadline(NamedTuple):
    """The last day of a period of ``days`` working days, counted from the day of a fact.

    ``last_day`` is None for a year whose working days nobody knows (``note`` says so);
    ``met_on`` and ``met_by`` (a position) tell what met it. Dates are those in Asia/Shanghai.
    """

    period: str
    rule: str
    source: str
    days: int
    counted_from: date
    fact: int
    last_day: date | None
    met_on: date | None = None
    met_by: int | None = None
    note: str | None = None

    def state(self, today: date) -> str:
        """``running``, ``passed``, ``met``, met ``late``, or ``unknown``."""
        return state_of(self.last_day, self.met_on, today)


def state_of(last_day: date | None, met_on: date | None, today: date) -> str:
    """How a deadline stands on a day: its last day is still in time."""
    if last_day is None:
        return "unknown"
    if met_on is not None:
        return "met" if met_on <= last_day else "late"
    return "running" if today <= last_day else "passed"


class _Start(NamedTuple):
    day: date
    fact: int
    met_on: date | None = None
    met_by: int | None = None


class Periods:
    """The periods of a rulebook; each last day is counted once."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules
        self._counted: dict[tuple[date, int], tuple[date | None, str | None]] = {}

    @property
    def of_carrying_over(self) -> bool:
        """Whether any period is counted from a carry-over."""
        return any(one.counted_from == "carried_over" for one in self._rules.data.periods)

    def of_year(self, year: int, book: YearBook) -> Iterator[Deadline]:
        """The deadlines of an entity's year, by the facts in the book as it was seen."""
        tables = self._fitting(year)
        for table in tables.values():
            first = table if table.after is None else tables.get(table.after)
            for start in () if first is None else _starts(first.counted_from, book):
                yield self._deadline(table, first, start)

    def of_carry_over(
        self, event: UnitsCarriedOver, effective_at: datetime, position: int
    ) -> Iterator[Deadline]:
        """The new units enter in the same write as the old ones leave: met at once."""
        done = business_date(effective_at)
        batch = event.batch
        day = done if batch is None else business_date(parse_instant(batch.processed_by))
        for table in self._fitting(None).values():
            if table.counted_from == "carried_over":
                yield self._deadline(table, table, _Start(day, position, done, position))

    def _fitting(self, year: int | None) -> "dict[str, Period]":
        """By name: the first table that fits the year, in the order of the rulebook."""
        found: dict[str, Period] = {}
        for table in self._rules.data.periods:
            if year is None or not table.years or year in table.years:
                found.setdefault(table.name, table)
        return found

    def _deadline(self, table: "Period", first: "Period | None", start: _Start) -> Deadline:
        counted_from, note = start.day, None
        last: date | None = start.day
        for one in (first, table) if first is not table else (table,):
            if one is not None and last is not None:
                counted_from = last
                last, note = self._last_day(last, one.working_days)
        return Deadline(
            table.name, table.rule, table.source, table.working_days, counted_from, start.fact,
            last, start.met_on, start.met_by, note,
        )  # fmt: skip

    def _last_day(self, after: date, days: int) -> tuple[date | None, str | None]:
        key = (after, days)
        if key not in self._counted:
            try:
                self._counted[key] = nth_working_day(after, days, self._rules), None
            except InvalidCommand as unknown:
                self._counted[key] = None, unknown.message
        return self._counted[key]


def _starts(counted_from: str | None, book: YearBook) -> Iterator[_Start]:
    finals = [grant for grant in book.grants if grant.entitlement is not None]
    match counted_from:
        case "verified":
            for report in book.reports:
                yield _Start(business_date(report.at), report.position)
        case "allocated":
            for grant in finals:
                yield _Start(business_date(grant.at), grant.position)
        case "restated":
            for report in book.reports:
                if any(grant.position < report.position for grant in finals):
                    later = [grant for grant in finals if grant.position > report.position]
                    met_on = business_date(later[0].at) if later else None
                    met_by = later[0].position if later else None
                    yield _Start(business_date(report.at), report.position, met_on, met_by)
        case _:
            return
