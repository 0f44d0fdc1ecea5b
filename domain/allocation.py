"""Final allocation: the entitlement line by line, then the rest handed out or the excess
recalled (rules N-ENT-1, N-ADJ-1 to N-ADJ-4, N-DIFF). It draws on the province or authority
account and never mints."""

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

import msgspec
from msgspec import field

from etsledger.domain import custody
from etsledger.domain.calculation import Calculation
from etsledger.domain.commands import MAX_TONNES, Balance, Command, CommandId, Id, Text, Year
from etsledger.domain.deductions import Deducted, settle
from etsledger.domain.desk import Desk
from etsledger.domain.entitlement import approved_figure, calculate
from etsledger.domain.errors import (
    AllocationNotReady,
    AlreadyAllocated,
    InvalidCommand,
    UnknownReference,
)
from etsledger.domain.events import Event, Posting, move
from etsledger.domain.obligations import gas_allocation
from etsledger.domain.pre_allocation import Parties, may_take_part, parties
from etsledger.domain.state import Fact, RegistryState, Scribe
from etsledger.domain.times import iso
from etsledger.domain.verification import balance_value
from etsledger.domain.yearbook import Grant, Report, YearBook

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Incentive

NetTonnes = Annotated[int, msgspec.Meta(ge=-MAX_TONNES, le=MAX_TONNES)]


class GivenAdjustment(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Tonnes that the authority adds (or takes) beside the formula, and on what ground."""

    amount: NetTonnes
    rule: Text = "approved"
    source: Text = "decided by the competent authority"


class FinaliseAllocation(Command, frozen=True, kw_only=True, tag="finalise_allocation"):
    """Computes an entity's entitlement for a year, hands out the rest or recalls the excess.

    ``entitlement`` (tonnes) is the authority's approved figure, and final; ``supersedes``
    names the finalisation that this one replaces.
    """

    example: ClassVar[str] = (
        '{"command": "finalise_allocation", "id": "36", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024}'
    )
    entity: Id
    year: Year
    entitlement: Balance | None = None
    adjustments: tuple[GivenAdjustment, ...] = ()
    supersedes: CommandId | None = None
    source: Id | None = field(default=None, name="from")


class AllocationFinalised(Event, frozen=True, kw_only=True):
    """The final allocation of a year: its calculation, and what it moved.

    ``granted`` tonnes went from ``from`` to ``account`` (or to the ``custodian``);
    ``recalled`` came back from the account and ``recalled_custody`` out of custody;
    ``opened`` is still to come back (below zero: an earlier open recall was waived).
    """

    account: str
    allocation: str
    approved: int | None = None
    calculation: Calculation
    custodian: str | None = None
    deducted: tuple[Deducted, ...] = ()
    entitlement: int
    entity: str
    source_account: str = field(name="from")
    gas_allocation: int | None = None
    granted: int = 0
    opened: int = 0
    recalled: int = 0
    recalled_custody: int = 0
    supersedes: str | None = None
    unit: str
    year: int

    def postings(self) -> tuple[Posting, ...]:
        """The top-up, or what was recalled."""
        unit, office = self.unit, self.source_account
        legs: tuple[Posting, ...] = ()
        if self.granted and self.custodian is not None:
            legs = custody.into(unit, self.granted, office, self.custodian)
        elif self.granted:
            legs = move(unit, self.granted, office, self.account)
        if self.recalled_custody and self.custodian is not None:
            legs += custody.out_of(unit, self.recalled_custody, self.custodian, office)
        if self.recalled:
            legs += move(unit, self.recalled, self.account, office)
        return legs


class _Moves(NamedTuple):
    granted: int = 0
    recalled: int = 0
    recalled_custody: int = 0
    opened: int = 0


def decide(command: FinaliseAllocation, desk: Desk) -> AllocationFinalised:
    """Raises UnknownEntity, UnknownAccount, UnknownReference, AllocationNotReady,
    AlreadyAllocated, ParticipantNotAllowed, AccountClosed, AccountFrozen, RouteNotAllowed,
    InvalidCommand, InsufficientUnits, BackdatedOverdraft."""
    who = parties(desk, command.entity, command.year, command.source)
    book = desk.year_book(command.entity, command.year)
    _first_or_superseding(command, book, desk)
    then = desk.year_book_then(command.entity, command.year)
    found = _calculation(command, desk, who, then)
    entitlement = found.entitlement
    if not 0 <= entitlement <= MAX_TONNES:
        raise InvalidCommand(
            f"adjustments: they would make the entitlement {entitlement} t", field="adjustments"
        )
    if found.draft:
        desk.warn(f"the figures for {command.year} are a draft: {found.source}")
    kept, deducted = settle(msgspec.structs.replace(book, deductions=then.deductions), entitlement)
    custodian, held = _custodian(desk, command.entity, who)
    moves = _moves(desk, who, book, entitlement - kept, held)
    if moves.granted:
        may_take_part(desk, command.entity, who, command.year)
    else:
        desk.may_receive(who.source_id, who.source, who.unit)
    if not moves.recalled_custody:
        custodian = who.custodian
    target = desk.account(custodian) if custodian and not moves.recalled else who.account
    desk.route("finalise", who.unit, who.source, target)
    if moves.granted:
        desk.take(who.source_id, who.unit, moves.granted)
    return AllocationFinalised(
        account=who.account_id,
        allocation=command.id,
        approved=command.entitlement,
        calculation=found,
        custodian=custodian,
        deducted=deducted,
        entitlement=entitlement,
        entity=command.entity,
        source_account=who.source_id,
        gas_allocation=gas_allocation(desk.rules, found, then.report),
        granted=moves.granted,
        opened=moves.opened,
        recalled=moves.recalled,
        recalled_custody=moves.recalled_custody,
        supersedes=command.supersedes,
        unit=who.unit,
        year=command.year,
    )


def _first_or_superseding(command: FinaliseAllocation, book: YearBook, desk: Desk) -> None:
    earlier = book.approval
    if earlier is None and book.recall_open > 0:
        raise AllocationNotReady(
            f"{command.entity} is to give back {book.recall_open} t of its allocation for "
            f"{command.year}, as stated when these books began, but what it was given is not on "
            "record: opening_year states it",
            entity=command.entity, year=command.year, recall_open=book.recall_open,
        )  # fmt: skip
    if earlier is None:
        if command.supersedes is not None:
            raise UnknownReference(
                f"{command.supersedes!r} did not finalise the allocation of {command.entity} for "
                f"{command.year}: it is not final yet",
                reference_id=command.supersedes, expected="finalise_allocation",
            )  # fmt: skip
    elif command.supersedes is None:
        raise AlreadyAllocated(
            f"the allocation of {command.entity} for {command.year} is final since "
            f"{iso(earlier.at)} ({earlier.entitlement} t, command {earlier.command!r}); a "
            f'corrected one says "supersedes": "{earlier.command}"',
            entity=command.entity, year=command.year, earlier=earlier.command,
            entitlement=earlier.entitlement,
        )  # fmt: skip
    elif command.supersedes != earlier.command:
        raise UnknownReference(
            f"the allocation of {command.entity} for {command.year} in force is that of command "
            f"{earlier.command!r}, not {command.supersedes!r}",
            reference_id=command.supersedes, expected=earlier.command,
        )  # fmt: skip
    for grant in book.grants:
        desk.not_before(grant.at, f"allocation {grant.command!r}")
    desk.not_before_succession(command.entity, desk.entity(command.entity))


def _calculation(
    command: FinaliseAllocation, desk: Desk, who: Parties, then: YearBook
) -> Calculation:
    report, sector, year = then.report, who.entity.sector, command.year
    if command.entitlement is not None:
        if report is None:
            desk.warn(
                f"no verified emissions of {command.entity} for {year} are on record: only the "
                "approved figure stands behind its allocation"
            )
        value = balance_value(desk.registry, sector, year, desk)
        if who.entity.left_for(year, desk.effective_at) is not None:
            report = None  # what it emitted is another market's: there is no gap to bound
        found = approved_figure(
            desk.rules,
            sector,
            year,
            report,
            value,
            command.entitlement,
            who.entity.allocation_method,
        )
    else:
        found = calculate(
            desk.rules, sector, year, _on_record(report, command, desk),
            balance_value(desk.registry, sector, year, desk), who.entity.allocation_method,
        )  # fmt: skip
    if not command.adjustments:
        return found
    return found.with_given(
        (one.rule, _within_incentive(one, found.entitlement, year, desk), one.source)
        for one in command.adjustments
    )


def _within_incentive(given: GivenAdjustment, allocation: int, year: int, desk: Desk) -> int:
    """The tonnes of an adjustment; an incentive of the rulebook is capped (rule Q-INC)."""
    for rule in desk.rules.data.incentives:
        if rule.rule != given.rule or year not in rule.years:
            continue
        most = incentive(rule, allocation, rule.maximum_share)
        if given.amount > most:
            desk.warn(
                f"{given.rule} gives at most {most} t of an allocation of {allocation} t "
                f"({rule.source}); {given.amount} t asked, {most} t given"
            )
            return most
        least = floor(Fraction(rule.minimum_share) * allocation)
        if 0 < given.amount < min(least, most):
            desk.warn(f"{given.rule} gives {least} t or more of {allocation} t, not {given.amount}")
    return given.amount


def incentive(rule: "Incentive", allocation: int, share: Decimal) -> int:
    """A share of an allocation, rounded down and capped (tonnes; rule Q-INC, [ADOPTED])."""
    tonnes = floor(Fraction(share) * allocation)
    return tonnes if rule.limit is None else min(tonnes, rule.limit)


def _on_record(report: Report | None, command: FinaliseAllocation, desk: Desk) -> Report:
    if report is None:
        raise AllocationNotReady(
            f"entity {command.entity} has no verified emissions for {command.year} at "
            f"{iso(desk.effective_at)}; record_verified comes first",
            entity=command.entity, year=command.year,
        )  # fmt: skip
    return report


def _custodian(desk: Desk, entity: str, who: Parties) -> tuple[str | None, int]:
    """Where the entity's units are kept, now or from before, and how many of this unit."""
    province = who.custodian or desk.province_account(who.entity)
    held = custody.kept(desk.registry, entity, province, who.unit, desk.effective_at)
    return (province if held else who.custodian), held


def _moves(desk: Desk, who: Parties, book: YearBook, net: int, held: int) -> _Moves:
    """What is to move so that ``net`` tonnes of the year are with the entity in the end."""
    already_open = book.recall_open
    difference = net - (book.granted - book.recalled - already_open)
    if difference >= 0:
        waived = min(already_open, difference)
        return _Moves(granted=difference - waived, opened=-waived)
    excess = -difference
    out_of_custody = min(excess, held)
    rest = excess - out_of_custody
    at_once = min(rest, desk.takeable(who.account_id, who.account, who.unit)) if rest else 0
    return _Moves(recalled=at_once, recalled_custody=out_of_custody, opened=rest - at_once)


def evolve(scribe: Scribe, registry: RegistryState, event: AllocationFinalised, fact: Fact) -> None:
    """The grant stands in the year book; an open recall and custody are noted."""
    grant = Grant(
        fact.effective_at,
        fact.position,
        command=event.allocation,
        granted=event.granted,
        entitlement=event.entitlement,
        recalled=event.recalled + event.recalled_custody,
        opened=event.opened,
        deducted=tuple((part.deduction, part.tonnes) for part in event.deducted),
        gas_allocation=event.gas_allocation,
    )
    scribe.note(registry, event.entity, event.year, "grants", grant)
    if event.opened > 0:
        years = registry.recalls.get(event.entity, ())
        if event.year not in years:
            scribe.put(registry.recalls, event.entity, (*years, event.year))
    if event.custodian is not None:
        tonnes = event.granted - event.recalled_custody
        custody.change(
            scribe, registry, event.entity, event.custodian, event.unit, tonnes, fact.effective_at
        )
