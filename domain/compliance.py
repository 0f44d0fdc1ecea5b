"""Compliance: what an entity owes for a year, what it has met, and its status.

One pure function of the year book, so that the status on the day after a deadline needs no
event (rules N-SUR-1, N-SUR-2, N-SUR-4; statuses as in the contract). ``assess_compliance``
records what it says, for the file.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final

import msgspec

from etsledger.domain.commands import Command, Id, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ObligationNotKnown
from etsledger.domain.events import Event
from etsledger.domain.obligations import obligation
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Entity
from etsledger.domain.times import DAY, iso, parse_instant
from etsledger.domain.yearbook import YearBook, seen

SECOND: Final = timedelta(seconds=1)
NO_LIMIT: Final = 2**62
"""A position after every other: all that is known."""


class Standing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where an entity stands with a compliance year (tonnes of CO2e).

    ``allocated`` is all that was handed out for the year, pre-allocation included:
    allocated - recalled - recall_open = entitlement - deductions once it is final.
    ``outstanding`` is the obligation less what was surrendered (confirmed), offsets and
    green power. None stands where nothing is on record yet; ``deadline`` is the last second.
    """

    verified_emissions: int | None
    entitlement: int | None
    pre_allocated: int
    allocated: int
    recalled: int
    recall_open: int
    borrowed: int
    obligation: int
    surrendered: int
    pending: int
    offsets: int
    green_power: int
    outstanding: int
    deadline: str | None
    status: str
    fine: str | None = None


@lru_cache(maxsize=256)
def last_second(deadline: str) -> datetime:
    """The last second that is in time: a date stands for its whole day."""
    instant = parse_instant(deadline)
    return instant if "T" in deadline or " " in deadline.strip() else instant + DAY - SECOND


def in_time(at: datetime, deadline: datetime | None) -> bool:
    """Whether a fact at an instant meets a deadline; its last second is in time."""
    return deadline is None or at < deadline + SECOND


def deadline_of(rules: Rulebook, sector: str, year: int) -> datetime | None:
    """The last second for surrendering for a year; None where the rulebook names none."""
    table = rules.year(sector, year)
    return None if table is None else last_second(table.deadline)


def standing(
    rules: Rulebook, entity: Entity, year: int, book: YearBook, as_of: datetime
) -> Standing:
    """Where an entity stands as of an instant, by the facts in the book.

    ``book`` holds the facts known and in effect (``yearbook.seen``); ``entity`` with the
    statuses known; ``rules`` in force as of then.
    """
    table = rules.year(entity.sector, year)
    deadline = last_second(table.deadline) if table is not None else None
    report, approval, stated = book.report, book.approval, book.stated_obligation
    closed = {closing.surrender: closing.confirmed for closing in book.closings}
    surrendered = pending = timely = timely_pending = 0
    for submission in book.submissions:
        confirmed = closed.get(submission.command)
        if confirmed is False:
            continue
        quantity, early = submission.quantity, in_time(submission.met_at, deadline)
        if confirmed:
            surrendered += quantity
            timely += quantity if early else 0
        else:
            pending += quantity
            timely_pending += quantity if early else 0
    offsets = sum(offset.quantity for offset in book.offsets)
    green_power = sum(claim.quantity for claim in book.green_power)
    met = surrendered + offsets + green_power
    for fact in (*book.offsets, *book.green_power):
        timely += fact.quantity if in_time(fact.met_at, deadline) else 0
    due = 0
    exempt = _exempt(rules, entity, year, as_of, deadline, book)
    if stated is not None and not exempt:
        due = stated.quantity
    elif report is not None and not exempt:
        due = obligation(
            rules, entity.sector, year, report,
            None if approval is None else approval.entitlement,
            None if approval is None else approval.gas_allocation,
        )  # fmt: skip
    outstanding = max(0, due - met)
    if exempt:
        status = "EXEMPT"
    elif not book.owed:
        status = "NOT_DUE"
    elif in_time(as_of, deadline):
        status = "COMPLIANT" if not outstanding else "PARTIAL" if met else "OPEN"
    elif not outstanding:
        status = "COMPLIANT" if timely >= due else "LATE_COMPLIANT"
    else:
        status = "PENDING" if timely_pending >= outstanding else "NON_COMPLIANT"
    return Standing(
        verified_emissions=None if report is None else report.emissions,
        entitlement=None if approval is None else approval.entitlement,
        pre_allocated=book.pre_allocated,
        allocated=book.granted,
        recalled=book.recalled,
        recall_open=book.recall_open,
        borrowed=sum(loan.quantity for loan in book.loans),
        obligation=due,
        surrendered=surrendered,
        pending=pending,
        offsets=offsets,
        green_power=green_power,
        outstanding=outstanding,
        deadline=None if deadline is None else iso(deadline),
        status=status,
        fine=str(fined) if (fined := sum(fine.amount for fine in book.fines)) else None,
    )


def _exempt(
    rules: Rulebook,
    entity: Entity,
    year: int,
    as_of: datetime,
    deadline: datetime | None,
    book: YearBook,
) -> bool:
    """No obligation by rule: not a compliance year of its sector (where the rulebook names
    years at all), before its first year (unless it took over what another one owed), after it
    left for another market or others took over from it, or dissolved by the deadline."""
    if rules.years and deadline is None:
        return True
    early = entity.first_year is not None and year < entity.first_year
    if (early and not book.obligations) or (entity.succeeded and entity.gone_at(as_of)):
        return True
    if entity.leaves and entity.left_for(year, as_of) is not None:
        return True
    by = as_of if deadline is None else min(as_of, deadline)
    return entity.status_at(by) == "dissolved"


class AssessCompliance(Command, frozen=True, kw_only=True, tag="assess_compliance"):
    """Records where an entity stands with a year at ``effective_at``, as known now."""

    example: ClassVar[str] = (
        '{"command": "assess_compliance", "id": "35", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024}'
    )
    entity: Id
    year: Year


class ComplianceAssessed(Event, frozen=True, kw_only=True):
    """Where an entity stood with a year at the effective time, as known when recorded."""

    deadline: str | None
    entity: str
    obligation: int
    outstanding: int
    pending: int
    status: str
    surrendered: int
    verified_emissions: int | None
    year: int


def decide_assessment(command: AssessCompliance, desk: Desk) -> ComplianceAssessed:
    """Raises UnknownEntity, ObligationNotKnown when nothing is on record for the year."""
    entity = desk.entity(command.entity)
    book = seen(desk.year_book(command.entity, command.year), desk.effective_at, NO_LIMIT)
    if not book.owed:
        raise ObligationNotKnown(
            f"entity {command.entity} has no verified emissions for {command.year} at "
            f"{iso(desk.effective_at)}; record_verified comes first",
            entity=command.entity, year=command.year,
        )  # fmt: skip
    found = standing(desk.rules, entity, command.year, book, desk.effective_at)
    return ComplianceAssessed(
        deadline=found.deadline,
        entity=command.entity,
        obligation=found.obligation,
        outstanding=found.outstanding,
        pending=found.pending,
        status=found.status,
        surrendered=found.surrendered,
        verified_emissions=found.verified_emissions,
        year=command.year,
    )
