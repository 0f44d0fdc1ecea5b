"""Borrowing: units of a later year lent for the surrender of a year with a large gap (rules
N-BOR-1 to N-BOR-5, Q-BOR).

The same write leaves a deduction in the lender year, so that its pre-allocation repays the
loan first and its final allocation what is left (rule N-ADJ-3).
"""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from etsledger.domain import loans
from etsledger.domain.commands import Command, Id, Tonnes, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AllocationNotReady,
    BorrowingLimitExceeded,
    BorrowingNotAllowed,
    PreAllocationNotAllowed,
    ShortfallTooSmall,
)
from etsledger.domain.events import Event, Posting, move
from etsledger.domain.pre_allocation_amounts import base_year, pre_allocation
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso
from etsledger.domain.yearbook import Deduction, Loan

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Borrowing

REASON = "borrowed"
"""The reason of the deduction that a loan leaves."""


class Borrow(Command, frozen=True, kw_only=True, tag="borrow"):
    """Lends an entity units of a later year for its surrender of ``year`` (tonnes)."""

    example: ClassVar[str] = (
        '{"command": "borrow", "id": "40", "registry": "cn-national", "entity": "huaneng", '
        '"year": 2022, "quantity": 50000}'
    )
    entity: Id
    year: Year
    quantity: Tonnes


class UnitsBorrowed(Event, frozen=True, kw_only=True):
    """Units of the lender year were lent for the surrender of ``year``, and for nothing else.

    ``gap`` is verified less approved; ``limit`` bounds what may be borrowed for the year,
    ``lender_limit`` what may be borrowed from the lender year in all (tonnes).
    """

    account: str
    approved: int
    borrowing: str
    entity: str
    source_account: str = field(name="from")
    gap: int
    lender_limit: int
    lender_year: int
    limit: int
    quantity: int
    rule: str
    source: str
    unit: str
    verified: int
    year: int

    def postings(self) -> tuple[Posting, ...]:
        """From the government account to the entity's, and restricted there."""
        lent = move(self.unit, self.quantity, self.source_account, self.account)
        return (*lent, (self.account, self.unit, "restricted", self.quantity))


def borrowing_rules(rules: Rulebook, year: int) -> "Borrowing | None":
    """The table that lets units be borrowed for a year; the first that fits rules."""
    return next((one for one in rules.data.borrowing if year in one.years), None)


def borrowable(table: "Borrowing", gap: int) -> int:
    """What may be borrowed at most for a gap of so many tonnes, floored (N-BOR-2)."""
    share = Fraction(1) if table.share_of_gap is None else Fraction(table.share_of_gap)
    return max(0, floor(share * gap))


def large_enough(table: "Borrowing", verified: int, approved: int) -> bool:
    """Whether the gap rate, (verified - approved) / verified, reaches the minimum (N-BOR-4)."""
    return verified > 0 and Fraction(verified - approved, verified) >= Fraction(table.minimum_gap)


def decide(command: Borrow, desk: Desk) -> UnitsBorrowed:
    """Raises UnknownEntity, UnknownAccount, AllocationNotReady, AccountClosed, AccountFrozen,
    RouteNotAllowed, BorrowingNotAllowed, ShortfallTooSmall, BorrowingLimitExceeded,
    InsufficientUnits, BackdatedOverdraft."""
    entity = desk.entity(command.entity)
    account_id = desk.entity_account(command.entity, entity)
    table = _table(command, desk)
    lender_year = table.lender_year or command.year + 1
    verified, approved = _figures(command, desk)
    unit = _lender_unit(desk, entity, lender_year)
    lender_limit = _lender_limit(command.entity, entity, lender_year, desk)
    _may_borrow(command.entity, entity, command.year, table, desk)
    account, source_id = desk.account(account_id), desk.province_account(entity)
    source = desk.account(source_id)
    desk.may_send(source_id, source, unit)
    desk.may_receive(account_id, account, unit)
    desk.route("borrow", unit, source, account)
    desk.not_before_succession(command.entity, entity)
    _gap_reached(command, table, verified, approved)
    limit = borrowable(table, verified - approved)
    _within(command, limit, lender_year, lender_limit, desk)
    desk.take(source_id, unit, command.quantity)
    if desk.year_book(command.entity, lender_year).approval is not None:
        desk.warn(
            f"the allocation of {command.entity} for {lender_year} is final: the loan is repaid "
            "when it is approved again"
        )
    return UnitsBorrowed(
        account=account_id,
        approved=approved,
        borrowing=command.id,
        entity=command.entity,
        source_account=source_id,
        gap=verified - approved,
        lender_limit=lender_limit,
        lender_year=lender_year,
        limit=limit,
        quantity=command.quantity,
        rule=table.rule,
        source=table.source,
        unit=unit,
        verified=verified,
        year=command.year,
    )


def _table(command: Borrow, desk: Desk) -> "Borrowing":
    table = borrowing_rules(desk.rules, command.year)
    if table is None:
        years = sorted({year for one in desk.rules.data.borrowing for year in one.years})
        raise BorrowingNotAllowed(
            f"rulebook {desk.rules.data.name} has no borrowing for {command.year}; it has it for "
            f"{', '.join(map(str, years)) or 'no year'}",
            entity=command.entity, year=command.year, years=years,
        )  # fmt: skip
    return table


def _figures(command: Borrow, desk: Desk) -> tuple[int, int]:
    """Verified emissions and the approved entitlement in effect (tonnes)."""
    book = desk.year_book_then(command.entity, command.year)
    report, approval = book.report, book.approval
    if report is not None and approval is not None and approval.entitlement is not None:
        return report.emissions, approval.entitlement
    what, missing = "final allocation", "finalise_allocation"
    if report is None:
        what, missing = "verified emissions", "record_verified"
    raise AllocationNotReady(
        f"entity {command.entity} has no {what} for {command.year} at {iso(desk.effective_at)}, "
        f"so its gap is not known; {missing} comes first",
        entity=command.entity, year=command.year, missing=missing,
    )  # fmt: skip


def _lender_unit(desk: Desk, entity: Entity, lender_year: int) -> str:
    table = desk.rules.year(entity.sector, lender_year)
    if table is None:
        raise AllocationNotReady(
            f"rulebook {desk.rules.data.name} has no compliance year {lender_year} for sector "
            f"{entity.sector} to borrow from",
            year=lender_year, sector=entity.sector,
        )  # fmt: skip
    return table.unit


def _lender_limit(entity_id: str, entity: Entity, lender_year: int, desk: Desk) -> int:
    """The lender year's pre-allocation: as it would be, or what was left of it by other
    deductions once it was handed out (tonnes)."""
    rules, sector, method = desk.rules, entity.sector, entity.allocation_method
    book = desk.year_book_then(entity_id, lender_year)
    if book.advances:
        ours = {loan.command for loan in _loans_from(entity_id, lender_year, desk)}
        taken = [part for first in book.advances for part in first.deducted]
        return book.pre_allocated + sum(tonnes for name, tonnes in taken if name in ours)
    try:
        base = desk.year_book_then(entity_id, base_year(rules, sector, lender_year, method))
        return pre_allocation(rules, sector, lender_year, base.report, method).amount
    except PreAllocationNotAllowed as none:
        raise AllocationNotReady(
            f"nothing can be borrowed from {lender_year}: {none.message}", **none.numbers
        ) from None


def _loans_from(entity_id: str, lender_year: int, desk: Desk) -> list[Loan]:
    books = desk.registry.years.get(entity_id, {}).values()
    return [loan for book in books for loan in book.loans if loan.lender_year == lender_year]


def _may_borrow(entity_id: str, entity: Entity, year: int, table: "Borrowing", desk: Desk) -> None:
    """Whom the rule withholds it from: by status, and by a freeze of an account (W7)."""
    status = entity.status_at(desk.effective_at)
    if status in table.withheld_entities:
        raise BorrowingNotAllowed(
            f"entity {entity_id} is {status} at {iso(desk.effective_at)}; such an entity may not "
            f"borrow ({table.source})",
            entity=entity_id, status=status,
        )  # fmt: skip
    lender_year = table.lender_year or year + 1
    for leave in entity.leaves:
        if lender_year >= leave.first_year and leave.at <= desk.effective_at:
            raise BorrowingNotAllowed(
                f"entity {entity_id} left for another market from {leave.first_year} on: it has "
                f"no allocation of {lender_year} here to borrow from",
                entity=entity_id, lender_year=lender_year, first_year_elsewhere=leave.first_year,
            )  # fmt: skip
    if table.frozen_accounts:
        return
    for account_id, freeze, since in _freezes(entity_id, desk):
        raise BorrowingNotAllowed(
            f"account {account_id} of entity {entity_id} is under a freeze since {iso(since)} by "
            f"command {freeze!r}; such an entity may not borrow ({table.source})",
            entity=entity_id, account=account_id, freeze=freeze,
        )  # fmt: skip


def _freezes(entity_id: str, desk: Desk) -> Iterator[tuple[str, str, datetime]]:
    """The freezes in force on an entity's accounts: of all, of a unit, or of a quantity."""
    owned = desk.registry.owned.get(entity_id, ())
    for account_id in owned:
        for stop in desk.account(account_id).stops:
            if stop.covers(stop.unit, desk.effective_at):
                yield account_id, stop.freeze, stop.since
    for freeze, claim in desk.registry.freezes.items():
        if claim.account in owned and claim.effective_at <= desk.effective_at:
            yield claim.account, freeze, claim.effective_at


def _gap_reached(command: Borrow, table: "Borrowing", verified: int, approved: int) -> None:
    if not large_enough(table, verified, approved):
        least = -floor(-Fraction(table.minimum_gap) * verified)
        raise ShortfallTooSmall(
            f"the gap of {command.entity} for {command.year} is {verified - approved} t "
            f"({verified} t verified, {approved} t approved); borrowing begins at "
            f"{100 * Fraction(table.minimum_gap)} % of the verified emissions, {least} t "
            f"({table.source})",
            entity=command.entity, year=command.year, verified=verified, approved=approved,
            gap=verified - approved, minimum=least, minimum_rate=str(table.minimum_gap),
        )  # fmt: skip


def _within(command: Borrow, limit: int, lender_year: int, lender_limit: int, desk: Desk) -> None:
    """Limits hold for all that was borrowed, whenever it takes effect."""
    for_year = sum(loan.quantity for loan in desk.year_book(command.entity, command.year).loans)
    from_lender = sum(loan.quantity for loan in _loans_from(command.entity, lender_year, desk))
    for what, most, borrowed in (
        (f"for {command.year} by the gap", limit, for_year),
        (f"from the pre-allocation of {lender_year}", lender_limit, from_lender),
    ):
        if borrowed + command.quantity > most:
            raise BorrowingLimitExceeded(
                f"entity {command.entity} may borrow {most} t {what}; {borrowed} t are borrowed, "
                f"{command.quantity} t asked: {borrowed + command.quantity - most} t too many",
                entity=command.entity, year=command.year, limit=most, borrowed=borrowed,
                asked=command.quantity, lender_year=lender_year,
            )  # fmt: skip


def evolve(scribe: Scribe, registry: RegistryState, event: UnitsBorrowed, fact: Fact) -> None:
    """The loan stands in its year, what repays it in the lender year, and the restriction."""
    at, position = fact.effective_at, fact.position
    loan = Loan(at, position, event.borrowing, event.lender_year, event.unit, event.quantity)
    scribe.note(registry, event.entity, event.year, "loans", loan)
    owed = Deduction(at, position, event.borrowing, REASON, event.quantity)
    scribe.note(registry, event.entity, event.lender_year, "deductions", owed)
    place = (event.year, event.account, event.unit)
    loans.change(scribe, registry, event.entity, place, event.quantity, at)
