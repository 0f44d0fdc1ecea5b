"""Stated years: all that is on record of an entity's compliance year, in sums.

Where books begin in the middle, or an entity takes over what another one owed, its year is
not retold fact by fact: it is stated. A stated year becomes ordinary entries of the year
book, at the time and the position of the event that states it, so that obligation,
allocation, recall, borrowing and banking go on from it as from any other record. What was
submitted, used or claimed before keeps the instant at which it counts (``counted_at``), which
decides whether it was in time.

What is added up (allocated, recalled, surrendered, lent, deducted, fined) may be below zero
where a succession hands it over; what the last record rules (the report, the obligation, the
approved allocation) is stated anew.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from etsledger.domain.calculation import Calculation
from etsledger.domain.deductions import Reason
from etsledger.domain.events import Event
from etsledger.domain.pre_allocation_amounts import PreAllocatedLine
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.state import Fact, RegistryState, Scribe
from etsledger.domain.times import parse_instant
from etsledger.domain.yearbook import (
    Closing,
    Deduction,
    FineEntry,
    Grant,
    GreenPowerClaim,
    Loan,
    Offset,
    Report,
    ReportedUnit,
    StatedObligation,
    Submission,
)


class _Stated(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """The base of what is stated: fields in the alphabetical order of their JSON names."""


class StatedDeduction(_Stated, frozen=True, kw_only=True):
    """A deduction decided for the year: ``deducted`` tonnes of it were kept so far, of them
    ``in_advance`` from the pre-allocation. A loan's has the id of the borrowing."""

    deducted: int = 0
    deduction: str = ""
    in_advance: int = 0
    quantity: int
    reason: Reason


class StatedFine(_Stated, frozen=True, kw_only=True):
    """A fine for the year (CNY)."""

    amount: Decimal
    fine: str = ""


class StatedGreenPower(_Stated, frozen=True, kw_only=True):
    """Green electricity that met a part of the obligation (tonnes)."""

    counted_at: str
    quantity: int


class StatedLoan(_Stated, frozen=True, kw_only=True):
    """Units lent for the year out of a later one (tonnes), surrendered by now or not."""

    borrowing: str = ""
    lender_year: int
    quantity: int
    unit: str


class StatedOffset(_Stated, frozen=True, kw_only=True):
    """Credits that met a part of the obligation (tonnes); ``lock`` names the lock of them."""

    counted_at: str
    lock: str = ""
    quantity: int
    unit: str


class StatedSubmission(_Stated, frozen=True, kw_only=True):
    """Units handed in for the year (tonnes) at ``submitted_at``.

    One that is not ``confirmed`` yet waits in ``account``, as pending; of it ``borrowed``
    tonnes had been borrowed for the year, and ``custody`` tonnes were kept for the entity.
    """

    account: str | None = None
    borrowed: int = 0
    confirmed: bool = True
    custody: int = 0
    forced: bool = False
    quantity: int
    submitted_at: str
    surrender: str = ""
    unit: str


class StatedAdvance(_Stated, frozen=True, kw_only=True):
    """The document of a pre-allocation, as ``allocation`` shows it; ``computed`` is what the
    rule gave (tonnes, None: not known), before deductions."""

    allocation: str = ""
    computed: int | None = None
    draft: bool = False
    in_custody: bool = False
    lines: tuple[PreAllocatedLine, ...] = ()
    rule: str | None = None
    source: str | None = None


class StatedFinal(_Stated, frozen=True, kw_only=True):
    """The document of a final allocation, as ``allocation`` shows it: how it was computed, by
    which rulebook, and whether the report was ``restated`` since."""

    allocation: str = ""
    approved: int | None = None
    calculation: Calculation | None = None
    custodian: str | None = None
    restated: bool = False
    rulebook: RulebookRef | None = None
    supersedes: str | None = None


class StatedYear(_Stated, frozen=True, kw_only=True):
    """An entity's compliance year in sums (tonnes of CO2e; fines in CNY).

    ``allocated`` is all that was handed out, ``pre_allocated`` the part of it in advance;
    ``recalled`` came back, ``recall_open`` is still to come. The ``obligation``, where it is
    stated, wins over the one that the rules make of ``verified_emissions``, until a later
    report; with the ``entitlement`` the allocation is final. None: nothing is on record.
    """

    advance: StatedAdvance | None = None
    allocated: int = 0
    deductions: tuple[StatedDeduction, ...] = ()
    entitlement: int | None = None
    final: StatedFinal | None = None
    fines: tuple[StatedFine, ...] = ()
    gas_allocation: int | None = None
    green_power: tuple[StatedGreenPower, ...] = ()
    loans: tuple[StatedLoan, ...] = ()
    obligation: int | None = None
    offsets: tuple[StatedOffset, ...] = ()
    pre_allocated: int = 0
    recall_open: int = 0
    recalled: int = 0
    submissions: tuple[StatedSubmission, ...] = ()
    units: tuple[ReportedUnit, ...] = ()
    verified_emissions: int | None = None

    def named(self, command: str) -> "StatedYear":
        """The same with an id for each part that has none: the command's, with its place."""
        changed: dict[str, Any] = {}
        for kind, field in _IDS.items():
            parts: tuple[Any, ...] = getattr(self, kind)
            if any(not getattr(part, field) for part in parts):
                changed[kind] = tuple(
                    part
                    if getattr(part, field)
                    else msgspec.structs.replace(part, **{field: f"{command}/{field}/{n}"})
                    for n, part in enumerate(parts, 1)
                )
        return msgspec.structs.replace(self, **changed) if changed else self


NOTHING_STATED: Final = StatedYear()
_IDS: Final = {
    "deductions": "deduction",
    "fines": "fine",
    "loans": "borrowing",
    "offsets": "lock",
    "submissions": "surrender",
}
"""The kinds of parts that others refer to by id, and the field that has it."""


class StatesYears(Event, frozen=True, kw_only=True):
    """The base of events that state years of entities."""

    def stated(self, entity: str, year: int) -> StatedYear | None:
        """What the event states of an entity's year; None for one that it does not concern."""
        raise NotImplementedError


def note_year(
    scribe: Scribe,
    registry: RegistryState,
    entity: str,
    year: int,
    stated: StatedYear,
    fact: Fact,
    command: str,
) -> None:
    """Writes a stated year into the year book, as of the event's effective time.

    ``command`` is the id that the allocation has, unless its document names another. Every
    part has its id, every instant is one (``decide`` saw to it).
    """
    for kind, entry in (*_owed(stated, fact, command), *_met(stated, fact)):
        scribe.note(registry, entity, year, kind, entry)
    if stated.recall_open > 0:
        years = registry.recalls.get(entity, ())
        if year not in years:
            scribe.put(registry.recalls, entity, (*years, year))


_Entries = Iterator[tuple[str, Any]]


def _owed(stated: StatedYear, fact: Fact, command: str) -> _Entries:
    """What was reported, handed out, deducted and lent, by kind."""
    at, position = fact.effective_at, fact.position
    if stated.verified_emissions is not None:
        yield "reports", Report(at, position, stated.verified_emissions, stated.units)
    if stated.obligation is not None:
        yield "obligations", StatedObligation(at, position, stated.obligation)
    for grant in _grants(stated, fact, command):
        yield "grants", grant
    for one in stated.deductions:
        yield "deductions", Deduction(at, position, one.deduction, one.reason, one.quantity)
    for one in stated.loans:
        loan = Loan(at, position, one.borrowing, one.lender_year, one.unit, one.quantity)
        yield "loans", loan


def _met(stated: StatedYear, fact: Fact) -> _Entries:
    """What met the obligation, each counted at its own instant, and what was fined."""
    at, position = fact.effective_at, fact.position
    for one in stated.submissions:
        when = parse_instant(one.submitted_at)
        yield (
            "submissions",
            Submission(at, position, one.surrender, one.unit, one.quantity, one.forced, when),
        )
        if one.confirmed:
            yield "closings", Closing(at, position, one.surrender, confirmed=True)
    for one in stated.offsets:
        when = parse_instant(one.counted_at)
        yield "offsets", Offset(at, position, one.lock, one.unit, one.quantity, when)
    for one in stated.green_power:
        when = parse_instant(one.counted_at)
        yield "green_power", GreenPowerClaim(at, position, one.quantity, when)
    for one in stated.fines:
        yield "fines", FineEntry(at, position, one.fine, one.amount)


def _grants(stated: StatedYear, fact: Fact, command: str) -> list[Grant]:
    """The pre-allocation and the final allocation, as far as they are stated."""
    at, position = fact.effective_at, fact.position
    early = tuple((one.deduction, one.in_advance) for one in stated.deductions if one.in_advance)
    rest = tuple(
        (one.deduction, one.deducted - one.in_advance)
        for one in stated.deductions
        if one.deducted != one.in_advance
    )
    advance, final = stated.advance, stated.final
    found: list[Grant] = []
    if stated.pre_allocated or early or advance is not None:
        name = (advance.allocation if advance is not None else "") or command
        found.append(
            Grant(at, position, command=name, granted=stated.pre_allocated, deducted=early)
        )
    granted = stated.allocated - stated.pre_allocated
    if stated.entitlement is None and not (granted or rest or stated.recalled):
        if stated.recall_open:
            found.append(Grant(at, position, command=command, granted=0, opened=stated.recall_open))
        return found
    name = (final.allocation if final is not None else "") or command
    found.append(
        Grant(
            at,
            position,
            command=name,
            granted=granted,
            entitlement=stated.entitlement,
            recalled=stated.recalled,
            opened=stated.recall_open,
            deducted=rest,
            gas_allocation=stated.gas_allocation,
        )
    )
    return found
