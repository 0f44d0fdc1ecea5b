"""Pre-allocation: what is handed out before a year is verified (rules N-ADJ-1, N-ADJ-3,
N-DIFF and the table of rules section 5)."""

from typing import ClassVar

import msgspec
from msgspec import field

from etsledger.domain import custody
from etsledger.domain.commands import Balance, Command, Id, Year
from etsledger.domain.deductions import Deducted, settle
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AllocationNotReady,
    AlreadyAllocated,
    ParticipantNotAllowed,
    PreAllocationLimitExceeded,
    PreAllocationNotAllowed,
)
from etsledger.domain.events import Event, Posting, move
from etsledger.domain.pre_allocation_amounts import PreAllocatedLine, base_year, pre_allocation
from etsledger.domain.state import Account, Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso
from etsledger.domain.yearbook import Grant


class PreAllocate(Command, frozen=True, kw_only=True, tag="pre_allocate"):
    """Hands out an entity's pre-allocation for a year; ``quantity`` (tonnes) only where the
    rule sets a maximum."""

    example: ClassVar[str] = (
        '{"command": "pre_allocate", "id": "34", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024}'
    )
    entity: Id
    year: Year
    quantity: Balance | None = None
    source: Id | None = field(default=None, name="from")


class AllowancesPreAllocated(Event, frozen=True, kw_only=True):
    """Allowances were handed out in advance: ``quantity`` tonnes after ``deducted``.

    ``computed`` is what the rule gives (or at most gives); with ``in_custody`` the account
    is the province's and keeps them for the entity.
    """

    account: str
    allocation: str
    computed: int
    deducted: tuple[Deducted, ...] = ()
    draft: bool = False
    entity: str
    source_account: str = field(name="from")
    in_custody: bool = False
    lines: tuple[PreAllocatedLine, ...] = ()
    quantity: int
    rule: str
    source: str
    unit: str
    year: int

    def postings(self) -> tuple[Posting, ...]:
        """To the entity, or into custody."""
        if not self.quantity:
            return ()
        if self.in_custody:
            return custody.into(self.unit, self.quantity, self.source_account, self.account)
        return move(self.unit, self.quantity, self.source_account, self.account)


class Parties(msgspec.Struct, frozen=True, gc=False):
    """Who hands out and who is given; ``custodian`` when the entity is at risk."""

    entity: Entity
    unit: str
    source_id: str
    source: Account
    account_id: str
    account: Account
    custodian: str | None

    @property
    def target_id(self) -> str:
        """The account that what is granted goes to."""
        return self.custodian or self.account_id


def parties(desk: Desk, entity_id: str, year: int, source: str | None) -> Parties:
    """The accounts of an allocation and the unit of its year.

    Raises UnknownEntity, UnknownAccount, AllocationNotReady when it is no compliance year.
    """
    entity = desk.entity(entity_id)
    rules = desk.rules
    table = rules.year(entity.sector, year)
    if table is None:
        known = sorted(y for y, one in rules.years.items() if entity.sector in one.sectors)
        raise AllocationNotReady(
            f"rulebook {rules.data.name} has no compliance year {year} for sector "
            f"{entity.sector}; it has {', '.join(map(str, known)) or 'none'}",
            entity=entity_id, year=year, sector=entity.sector,
        )  # fmt: skip
    province = desk.province_account(entity)
    source_id = source or province
    account_id = desk.entity_account(entity_id, entity)
    held_for = rules.data.custody
    status = entity.status_at(desk.effective_at)
    at_risk = held_for is not None and status in held_for.statuses
    return Parties(
        entity=entity,
        unit=table.unit,
        source_id=source_id,
        source=desk.account(source_id),
        account_id=account_id,
        account=desk.account(account_id),
        custodian=province if at_risk else None,
    )


def may_take_part(desk: Desk, entity_id: str, who: Parties, year: int) -> None:
    """Raises ParticipantNotAllowed, AccountClosed, AccountFrozen."""
    if who.entity.status_at(desk.effective_at) == "dissolved":
        raise ParticipantNotAllowed(
            f"entity {entity_id} is dissolved at {iso(desk.effective_at)} and is given nothing",
            entity=entity_id, status="dissolved",
        )  # fmt: skip
    leave = who.entity.left_for(year, desk.effective_at)
    if leave is not None:
        raise ParticipantNotAllowed(
            f"entity {entity_id} left registry {desk.registry_id}, from {leave.first_year} on; it "
            f"is given nothing for {year}",
            entity=entity_id, year=year, first_year_elsewhere=leave.first_year,
        )  # fmt: skip
    desk.may_send(who.source_id, who.source, who.unit)
    desk.may_receive(who.target_id, desk.account(who.target_id), who.unit)


def decide(command: PreAllocate, desk: Desk) -> AllowancesPreAllocated:
    """Raises UnknownEntity, UnknownAccount, AllocationNotReady, AlreadyAllocated,
    ParticipantNotAllowed, AccountClosed, AccountFrozen, RouteNotAllowed,
    PreAllocationNotAllowed, PreAllocationLimitExceeded, InsufficientUnits,
    BackdatedOverdraft."""
    who = parties(desk, command.entity, command.year, command.source)
    entity, sector, year = who.entity, who.entity.sector, command.year
    book = desk.year_book(command.entity, year)
    if book.grants:
        raise AlreadyAllocated(
            f"entity {command.entity} was allocated for {year} before, by command "
            f"{book.grants[0].command!r}",
            entity=command.entity, year=year, earlier=book.grants[0].command,
        )  # fmt: skip
    status = entity.status_at(desk.effective_at)
    method = entity.allocation_method
    table = desk.rules.pre_allocation(sector, year, method)
    if table is not None and status in table.withheld_entities:
        raise PreAllocationNotAllowed(
            f"entity {command.entity} is {status}; it gets no pre-allocation for {year} "
            f"({table.source})",
            entity=command.entity, year=year, status=status,
        )  # fmt: skip
    base = desk.year_book_then(command.entity, base_year(desk.rules, sector, year, method)).report
    given = pre_allocation(desk.rules, sector, year, base, method)
    may_take_part(desk, command.entity, who, year)
    target = desk.account(who.target_id)
    desk.route("pre_allocate", who.unit, who.source, target)
    quantity = given.amount if command.quantity is None else command.quantity
    if quantity > given.amount:
        raise PreAllocationLimitExceeded(
            f"the pre-allocation of {command.entity} for {year} is at most {given.amount} t "
            f"({given.source}); {quantity} t asked",
            entity=command.entity, year=year, limit=given.amount, asked=quantity,
        )  # fmt: skip
    if quantity < given.amount and not given.maximum:
        desk.warn(f"the rule gives {command.entity} {given.amount} t for {year}, not {quantity} t")
    if given.draft:
        desk.warn(f"the figures for {year} are a draft: {given.source}")
    then = desk.year_book_then(command.entity, year)
    kept, deducted = settle(then, quantity)
    if quantity > kept:
        desk.take(who.source_id, who.unit, quantity - kept)
    return AllowancesPreAllocated(
        account=who.target_id,
        allocation=command.id,
        computed=given.amount,
        deducted=deducted,
        draft=given.draft,
        entity=command.entity,
        source_account=who.source_id,
        in_custody=who.custodian is not None,
        lines=given.lines,
        quantity=quantity - kept,
        rule=given.rule,
        source=given.source,
        unit=who.unit,
        year=year,
    )


def evolve(
    scribe: Scribe, registry: RegistryState, event: AllowancesPreAllocated, fact: Fact
) -> None:
    """The grant stands in the year book; custody is noted."""
    grant = Grant(
        fact.effective_at,
        fact.position,
        command=event.allocation,
        granted=event.quantity,
        deducted=tuple((part.deduction, part.tonnes) for part in event.deducted),
    )
    scribe.note(registry, event.entity, event.year, "grants", grant)
    if event.in_custody:
        custody.change(
            scribe, registry, event.entity, event.account, event.unit, event.quantity,
            fact.effective_at,
        )  # fmt: skip
