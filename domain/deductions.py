"""Deductions from an allocation: decided by the authority, carried until they are taken.

Rule N-ADJ-3: what a pre-allocation cannot bear is carried to the final allocation; what was
taken beyond the final entitlement is given back to the deduction.
"""

from fractions import Fraction
from typing import ClassVar, Literal

import msgspec

from etsledger.domain.commands import Command, Id, Tonnes, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import FineOutOfBounds
from etsledger.domain.events import Event
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Fact, RegistryState, Scribe
from etsledger.domain.times import iso, parse_instant
from etsledger.domain.yearbook import Deduction, YearBook

Reason = Literal["borrowed", "unsurrendered", "enforcement", "fraud", "relief", "other"]


class RecordDeduction(Command, frozen=True, kw_only=True, tag="record_deduction"):
    """Records what is to be deducted from an entity's allocation of a year (tonnes)."""

    example: ClassVar[str] = (
        '{"command": "record_deduction", "id": "33", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024, "quantity": 5000, "reason": "enforcement"}'
    )
    entity: Id
    year: Year
    quantity: Tonnes
    # Beside it stands ``reason``, which every command has as free text: here it is one of six.
    reason: Reason  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]


class DeductionRecorded(Event, frozen=True, kw_only=True):
    """So much is to be deducted from an entity's allocation of a year."""

    deduction: str
    entity: str
    quantity: int
    reason: str
    year: int


class Deducted(msgspec.Struct, frozen=True, gc=False):
    """A part of a deduction that one allocation took (below zero: gave back)."""

    deduction: str
    tonnes: int


def decide(command: RecordDeduction, desk: Desk) -> DeductionRecorded:
    """Raises UnknownEntity, FineOutOfBounds where the law of the day does not allow it."""
    desk.entity(command.entity)
    book = desk.year_book(command.entity, command.year)
    for rule in desk.rules.data.deductions:
        if rule.reason != command.reason:
            continue
        if rule.until is not None and desk.effective_at >= parse_instant(rule.until):
            raise FineOutOfBounds(
                f"no deduction for {command.reason} may be decided from {rule.until} on "
                f"({rule.source}); this one is of {iso(desk.effective_at)}",
                reason=command.reason, until=rule.until,
            )  # fmt: skip
        break
    approval = book.approval
    if command.reason == "fraud" and approval is not None and approval.entitlement is not None:
        low, high = fraud_cut_bounds(desk.rules, approval.entitlement)
        if not low <= command.quantity <= high:
            raise FineOutOfBounds(
                f"a cut for fraud takes {low} to {high} t of an allocation of "
                f"{approval.entitlement} t; {command.quantity} t asked",
                low=low, high=high, asked=command.quantity, entitlement=approval.entitlement,
            )  # fmt: skip
    if approval is not None:
        desk.warn(
            f"the allocation of {command.entity} for {command.year} is final: the deduction is "
            "taken when it is approved again"
        )
    return DeductionRecorded(
        deduction=command.id,
        entity=command.entity,
        quantity=command.quantity,
        reason=command.reason,
        year=command.year,
    )


def fraud_cut_bounds(rules: Rulebook, allocation: int) -> tuple[int, int]:
    """The least and the most (whole tonnes) that fraud may cut off an allocation.

    The next year's allocation is cut by a share of it (Z3 art.22); the least is rounded up
    and the most down, so that every whole number between them is within the law. Without a
    share in the rulebook the bounds are 0 and the allocation.
    """
    row = next((row for row in rules.data.deductions if row.reason == "fraud"), None)
    low = Fraction(row.minimum_share) if row and row.minimum_share is not None else Fraction(0)
    high = Fraction(row.maximum_share) if row and row.maximum_share is not None else Fraction(1)
    return (low * allocation).__ceil__(), (high * allocation).__floor__()


def settle(book: YearBook, capacity: int) -> tuple[int, tuple[Deducted, ...]]:
    """What an allocation of ``capacity`` tonnes bears of the book's deductions in all, in the
    order they were recorded, and the changes to what was taken before."""
    left, changes = capacity, list[Deducted]()
    for deduction in book.decided_deductions:
        taken = min(deduction.quantity, left)
        left -= taken
        change = taken - book.deducted(deduction.command)
        if change:
            changes.append(Deducted(deduction.command, change))
    return capacity - left, tuple(changes)


def evolve(scribe: Scribe, registry: RegistryState, event: DeductionRecorded, fact: Fact) -> None:
    """The deduction waits in the year book."""
    entry = Deduction(
        fact.effective_at, fact.position, event.deduction, event.reason, event.quantity
    )
    scribe.note(registry, event.entity, event.year, "deductions", entry)
