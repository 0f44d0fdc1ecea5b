"""The administrative calendar: when reports of a data year are due (rules section 7)."""

from datetime import date, timedelta

import msgspec

from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.times import business_date, parse_instant


class DueDates(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a data year, each with its last day in Asia/Shanghai; None: not stated."""

    approval: date | None = None
    issue: date | None = None
    pre_allocation: date | None = None
    report: date | None = None
    source: str
    surrender: date | None = None
    verification: date | None = None


def monthly_report_due(rules: Rulebook, year: int, month: int, sector: str | None = None) -> date:
    """The last day for a month's data: so many calendar days after the end of the month.

    ``sector`` tells whether the month may be filed later. Raises AllocationNotReady when the
    rulebook asks for no monthly data, ValueError for a month that is none.
    """
    table = rules.data.monthly_reporting
    if table is None:
        raise AllocationNotReady(
            f"rulebook {rules.data.name} asks for no monthly data; it needs a [monthly_reporting]",
            rulebook=rules.data.name,
        )
    name = f"{date(year, month, 1):%Y-%m}"
    for late in table.back_filing:
        if sector in late.sectors and name in late.months:
            return _day(late.due)
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1) + timedelta(days=table.days)


def due_dates(rules: Rulebook, sector: str, year: int) -> DueDates:
    """What is due by when for the data of a year, surrender included.

    Raises AllocationNotReady when the rulebook has neither a calendar nor a deadline for it.
    """
    row = next(
        (row for row in rules.data.calendar if sector in row.sectors and year in row.years), None
    )
    compliance = rules.year(sector, year)
    if row is None and compliance is None:
        raise AllocationNotReady(
            f"rulebook {rules.data.name} has no calendar for sector {sector} and year {year}",
            sector=sector, year=year, rulebook=rules.data.name,
        )  # fmt: skip
    sources = [row.source] if row is not None else []
    steps: dict[str, date] = {}
    if row is not None:
        texts = {
            "approval": row.approval,
            "issue": row.issue,
            "pre_allocation": row.pre_allocation,
            "report": row.report,
            "verification": row.verification,
        }
        steps = {step: _day(text) for step, text in texts.items() if text is not None}
    if compliance is not None:
        steps["surrender"] = _day(compliance.deadline)
        sources.append(compliance.deadline_source)
    return DueDates(source="; ".join(sources), **steps)


def _day(text: str) -> date:
    return business_date(parse_instant(text))
