"""An entity's compliance year as a statement of it: what ``opening_year`` says of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, cast

import msgspec

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.deductions import Reason
from etsledger.domain.events import Event
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.state import Claim
from etsledger.domain.stated_years import (
    StatedAdvance,
    StatedDeduction,
    StatedFinal,
    StatedFine,
    StatedGreenPower,
    StatedLoan,
    StatedOffset,
    StatedSubmission,
    StatedYear,
    StatesYears,
)
from etsledger.domain.times import iso
from etsledger.domain.yearbook import FineEntry, Grant, Loan, Submission, YearBook


class Document(NamedTuple):
    """The event behind an entry of a year book, and the rulebook that decided it."""

    event: Event
    rulebook: RulebookRef


DocumentAt = Callable[[int], Document | None]


def stated_year(
    entity: str,
    year: int,
    book: YearBook,
    waiting: Mapping[str, Claim],
    document: DocumentAt,
) -> StatedYear:
    """All that a year book says, in sums; ``waiting`` are the surrenders not confirmed yet,
    ``document`` gives the event at a position."""
    report, owed, approval = book.report, book.stated_obligation, book.approval
    first = book.pre_allocation
    return StatedYear(
        advance=None if first is None else _advance(entity, year, first, document),
        allocated=book.granted,
        deductions=_deductions(book),
        entitlement=None if approval is None else approval.entitlement,
        final=None if approval is None else _final(entity, year, book, approval, document),
        fines=_fines(book.fines),
        gas_allocation=None if approval is None else approval.gas_allocation,
        green_power=_green_power(book),
        loans=_loans(book.loans),
        obligation=None if owed is None else owed.quantity,
        offsets=_offsets(book),
        pre_allocated=book.pre_allocated,
        recall_open=book.recall_open,
        recalled=book.recalled,
        submissions=_submissions(book, waiting),
        units=() if report is None else report.units,
        verified_emissions=None if report is None else report.emissions,
    )


def _advance(entity: str, year: int, grant: Grant, document: DocumentAt) -> StatedAdvance:
    found = document(grant.position)
    event = found.event if found is not None else None
    said: StatedAdvance | None = None
    if isinstance(event, AllowancesPreAllocated):
        said = StatedAdvance(
            computed=event.computed,
            draft=event.draft,
            in_custody=event.in_custody,
            lines=event.lines,
            rule=event.rule,
            source=event.source,
        )
    elif isinstance(event, StatesYears):
        stated = event.stated(entity, year)
        said = stated.advance if stated is not None else None
    return msgspec.structs.replace(said or StatedAdvance(), allocation=grant.command)


def _final(
    entity: str, year: int, book: YearBook, grant: Grant, document: DocumentAt
) -> StatedFinal:
    found, report = document(grant.position), book.report
    event = found.event if found is not None else None
    said: StatedFinal | None = None
    if isinstance(event, AllocationFinalised) and found is not None:
        said = StatedFinal(
            approved=event.approved,
            calculation=event.calculation,
            custodian=event.custodian,
            rulebook=found.rulebook,
            supersedes=event.supersedes,
        )
    elif isinstance(event, StatesYears):
        stated = event.stated(entity, year)
        said = stated.final if stated is not None else None
    said = said or StatedFinal()
    if report is not None and report.position != grant.position:
        said = msgspec.structs.replace(said, restated=report.position > grant.position)
    return msgspec.structs.replace(said, allocation=grant.command)


def _deductions(book: YearBook) -> tuple[StatedDeduction, ...]:
    early: dict[str, int] = {}
    for grant in book.advances:
        for name, tonnes in grant.deducted:
            early[name] = early.get(name, 0) + tonnes
    return tuple(
        StatedDeduction(
            deducted=book.deducted(one.command),
            deduction=one.command,
            in_advance=early.get(one.command, 0),
            quantity=one.quantity,
            reason=cast(Reason, one.reason),
        )
        for one in book.decided_deductions
        if one.quantity
    )


def _loans(loans: tuple[Loan, ...]) -> tuple[StatedLoan, ...]:
    sums: dict[tuple[str, int, str], int] = {}
    for one in loans:
        key = (one.command, one.lender_year, one.unit)
        sums[key] = sums.get(key, 0) + one.quantity
    return tuple(
        StatedLoan(borrowing=name, lender_year=year, quantity=tonnes, unit=unit)
        for (name, year, unit), tonnes in sums.items()
        if tonnes
    )


def _submissions(book: YearBook, waiting: Mapping[str, Claim]) -> tuple[StatedSubmission, ...]:
    closed = {one.surrender: one.confirmed for one in book.closings}
    sums: dict[str, tuple[Submission, int]] = {}
    for one in book.submissions:
        first, tonnes = sums.get(one.command, (one, 0))
        sums[one.command] = (first, tonnes + one.quantity)
    found: list[StatedSubmission] = []
    for name, (one, tonnes) in sums.items():
        confirmed, claim = closed.get(name), waiting.get(name)
        if confirmed is False or not tonnes:
            continue
        found.append(
            StatedSubmission(
                account=None if confirmed or claim is None else claim.account,
                borrowed=0 if confirmed or claim is None else claim.borrowed,
                confirmed=bool(confirmed),
                custody=0 if confirmed or claim is None else claim.custody,
                forced=one.forced,
                quantity=tonnes,
                submitted_at=iso(one.met_at),
                surrender=name,
                unit=one.unit,
            )
        )
    return tuple(found)


def _offsets(book: YearBook) -> tuple[StatedOffset, ...]:
    sums: dict[tuple[str, str, datetime], int] = {}
    for one in book.offsets:
        key = (one.lock, one.unit, one.met_at)
        sums[key] = sums.get(key, 0) + one.quantity
    return tuple(
        StatedOffset(counted_at=iso(at), lock=lock, quantity=tonnes, unit=unit)
        for (lock, unit, at), tonnes in sums.items()
        if tonnes
    )


def _green_power(book: YearBook) -> tuple[StatedGreenPower, ...]:
    sums: dict[datetime, int] = {}
    for one in book.green_power:
        sums[one.met_at] = sums.get(one.met_at, 0) + one.quantity
    return tuple(
        StatedGreenPower(counted_at=iso(at), quantity=tonnes)
        for at, tonnes in sums.items()
        if tonnes
    )


def _fines(fines: tuple[FineEntry, ...]) -> tuple[StatedFine, ...]:
    found: dict[str, StatedFine] = {}
    for one in fines:
        before = found.get(one.command)
        amount = one.amount if before is None else before.amount + one.amount
        found[one.command] = StatedFine(amount=amount, fine=one.command)
    return tuple(found.values())
