"""Surrender: handing in units for a year's obligation (rules X-6, N-SUR-1 to N-SUR-4,
N-VIN-1, N-VIN-2, N-DIFF, N-BOR-3).

A submitted surrender freezes the units (``pending``) until it is confirmed or rejected;
where the rulebook asks for no confirmation, submitting confirms.
"""

from itertools import pairwise
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import field

from etsledger.domain import custody, loans
from etsledger.domain.commands import Command, CommandId, Id, Tonnes, Unit, Year
from etsledger.domain.compliance import deadline_of, in_time
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    ParticipantNotAllowed,
    VintageNotEligible,
)
from etsledger.domain.events import AUTHORITY, PROVINCE, RETIRED, Event, Posting, move
from etsledger.domain.owing import no_more_than_owed, obligation_known
from etsledger.domain.state import Account, Claim, Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso, parse_instant
from etsledger.domain.yearbook import Closing, Submission


class Surrender(Command, frozen=True, kw_only=True, tag="surrender"):
    """Submits units for an entity's obligation of a year; ``from`` names another account."""

    example: ClassVar[str] = (
        '{"command": "surrender", "id": "16", "registry": "trial", "entity": "crrc", '
        '"year": 2023, "unit": "CEA:2023", "quantity": 80}'
    )
    entity: Id
    year: Year
    unit: Unit
    quantity: Tonnes
    source: Id | None = field(default=None, name="from")


class ConfirmSurrender(Command, frozen=True, kw_only=True, tag="confirm_surrender"):
    """Retires the units of a submitted surrender, named by its command id."""

    example: ClassVar[str] = (
        '{"command": "confirm_surrender", "id": "17", "registry": "trial", "surrender": "16"}'
    )
    surrender: CommandId


class RejectSurrender(Command, frozen=True, kw_only=True, tag="reject_surrender"):
    """Sends a submitted surrender back: the units are free again."""

    example: ClassVar[str] = (
        '{"command": "reject_surrender", "id": "18", "registry": "trial", "surrender": "16"}'
    )
    surrender: CommandId


class _SurrenderEvent(Event, frozen=True, kw_only=True):
    account: str
    borrowed: int = 0
    """Tonnes that had been borrowed for the year."""
    custody: int = 0
    """Tonnes that a government account kept for the entity: a forced surrender."""
    entity: str
    forced: bool = False
    quantity: int
    surrender: str
    unit: str
    via: tuple[str, ...] = ()
    """The government accounts on the way to ``retired``."""
    year: int


class SurrenderSubmitted(_SurrenderEvent, frozen=True, kw_only=True):
    """Units were submitted for a year's obligation and wait for confirmation."""

    def postings(self) -> tuple[Posting, ...]:
        """The pending tonnes; those borrowed or in custody were reserved before."""
        pending: Posting = (self.account, self.unit, "pending", self.quantity)
        reserved = self.borrowed + self.custody
        if not reserved:
            return (pending,)
        return ((self.account, self.unit, "restricted", -reserved), pending)


class SurrenderConfirmed(_SurrenderEvent, frozen=True, kw_only=True):
    """The units of a surrender were retired and count for the obligation."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer, and from the account by way of the chain to ``retired``."""
        steps = (self.account, *self.via, RETIRED)
        legs: tuple[Posting, ...] = ((self.account, self.unit, "pending", -self.quantity),)
        for source, target in pairwise(steps):
            legs += move(self.unit, self.quantity, source, target)
        return legs


class SurrenderRejected(_SurrenderEvent, frozen=True, kw_only=True):
    """A surrender was sent back; its units are free again, or restricted as before."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer."""
        pending: Posting = (self.account, self.unit, "pending", -self.quantity)
        reserved = self.borrowed + self.custody
        if not reserved:
            return (pending,)
        return (pending, (self.account, self.unit, "restricted", reserved))


def decide_surrender(command: Surrender, desk: Desk) -> tuple[Event, ...]:
    """Raises UnknownEntity, UnknownAccount, ObligationNotKnown, AccountClosed, AccountFrozen,
    ParticipantNotAllowed, UnitNotAllowed, RouteNotAllowed, VintageNotEligible,
    SurrenderExceedsObligation, InsufficientUnits, BackdatedOverdraft."""
    entity = desk.entity(command.entity)
    account_id = command.source or desk.entity_account(command.entity, entity)
    account = desk.account(account_id)
    rules = desk.rules.data.surrender
    if rules.obligations:
        obligation_known(desk, command.entity, entity, command.year)
    desk.may_send(account_id, account, command.unit)
    kept = _kept_for(command, entity, account_id, account, desk) if rules.chain else 0
    desk.route("surrender", command.unit, account, desk.account(RETIRED))
    if account.entity not in (None, command.entity):
        desk.no_recall_open(account_id, account)
    place = (command.year, account_id, command.unit)
    lent = loans.left(desk.registry, command.entity, place, desk.effective_at)
    borrowed = min(lent, command.quantity)
    if rules.obligations:
        _vintage_eligible(command, entity, borrowed, desk)
        no_more_than_owed(desk, command.entity, entity, command.year, command.quantity)
    from_custody = min(kept, command.quantity)
    if command.quantity > from_custody + borrowed:
        desk.take(account_id, command.unit, command.quantity - from_custody - borrowed)
    submitted = SurrenderSubmitted(
        account=account_id,
        borrowed=borrowed,
        custody=from_custody,
        entity=command.entity,
        forced=rules.chain and account.entity is None,
        quantity=command.quantity,
        surrender=command.id,
        unit=command.unit,
        year=command.year,
    )
    if rules.confirmation:
        return (submitted,)
    via = _chain(desk, command.entity, account_id)
    given: dict[str, Any] = {**msgspec.structs.asdict(submitted), "via": via}
    return (submitted, SurrenderConfirmed(**given))


def _kept_for(
    command: Surrender, entity: Entity, account_id: str, account: Account, desk: Desk
) -> int:
    """What a government account keeps for the entity: only then, or at risk, it surrenders."""
    if desk.rules.account_group(account.kind) != "government":
        return 0
    kept = custody.kept(desk.registry, command.entity, account_id, command.unit, desk.effective_at)
    held_for = desk.rules.data.custody
    status = entity.status_at(desk.effective_at)
    if kept or (held_for is not None and status in held_for.statuses):
        return kept
    raise ParticipantNotAllowed(
        f"account {account_id} keeps no {command.unit} for entity {command.entity}, which is "
        f"{status}: it surrenders from its own account",
        account=account_id, entity=command.entity, status=status,
    )  # fmt: skip


def _vintage_eligible(command: Surrender, entity: Entity, borrowed: int, desk: Desk) -> None:
    """Rules N-VIN-1, N-VIN-2: which vintages may meet which year, and its arrears.

    Units borrowed for the year are an exception (N-BOR-2), up to what was ``borrowed``.
    """
    if borrowed == command.quantity:
        return
    year = desk.rules.year(entity.sector, command.year)
    if year is None:
        return
    eligible = year.units
    late = not in_time(desk.effective_at, deadline_of(desk.rules, entity.sector, command.year))
    since = year.arrears_from
    if late and (since is None or desk.effective_at >= parse_instant(since)):
        eligible = (*year.units, *year.arrears_units)
    if command.unit not in eligible:
        lent = f"; {borrowed} t of it are borrowed for {command.year}" if borrowed else ""
        raise VintageNotEligible(
            f"{command.unit} may not meet the obligation of {command.year} at "
            f"{iso(desk.effective_at)}; these may: {', '.join(dict.fromkeys(eligible))} "
            f"({year.units_source}){lent}",
            unit=command.unit, year=command.year, eligible=list(dict.fromkeys(eligible)),
            borrowed=borrowed, asked=command.quantity,
        )  # fmt: skip


def _chain(desk: Desk, entity_id: str, account_id: str) -> tuple[str, ...]:
    """Rule X-6: by way of the province's account and the authority's."""
    if not desk.rules.data.surrender.chain:
        return ()
    account = desk.account(account_id)
    if account_id == AUTHORITY:
        return ()
    if account.kind == PROVINCE:
        return (AUTHORITY,)
    province = desk.province_account(desk.entity(entity_id))
    return (AUTHORITY,) if province == AUTHORITY else (province, AUTHORITY)


Ending = TypeVar("Ending", SurrenderConfirmed, SurrenderRejected)


def _close(kind: type[Ending], surrender: str, desk: Desk, via: tuple[str, ...] = ()) -> Ending:
    claim = _pending(surrender, desk)
    return kind(
        account=claim.account,
        borrowed=claim.borrowed,
        custody=claim.custody,
        entity=claim.entity or "",
        quantity=claim.quantity,
        surrender=surrender,
        unit=claim.unit,
        via=via,
        year=claim.year or 0,
    )


def _pending(surrender: str, desk: Desk) -> Claim:
    claim = desk.claim(desk.registry.surrenders, surrender, "surrender")
    desk.not_before(claim.effective_at, f"surrender {surrender!r}")
    return claim


def decide_confirmation(command: ConfirmSurrender, desk: Desk) -> SurrenderConfirmed:
    """Raises UnknownReference when it is not pending, InvalidCommand before it was submitted."""
    claim = _pending(command.surrender, desk)
    return _close(
        SurrenderConfirmed, command.surrender, desk, _chain(desk, claim.entity or "", claim.account)
    )


def decide_rejection(command: RejectSurrender, desk: Desk) -> SurrenderRejected:
    """Raises UnknownReference when it is not pending, InvalidCommand before it was submitted."""
    return _close(SurrenderRejected, command.surrender, desk)


def evolve_submitted(
    scribe: Scribe, registry: RegistryState, event: SurrenderSubmitted, fact: Fact
) -> None:
    """The surrender is pending."""
    claim = Claim(
        event.account,
        event.unit,
        event.quantity,
        fact.effective_at,
        event.entity,
        event.year,
        custody=event.custody,
        borrowed=event.borrowed,
    )
    scribe.put(registry.surrenders, event.surrender, claim)
    entry = Submission(
        fact.effective_at, fact.position, event.surrender, event.unit, event.quantity, event.forced
    )
    scribe.note(registry, event.entity, event.year, "submissions", entry)
    _restrict(scribe, registry, event, fact, -1)


def evolve_confirmed(
    scribe: Scribe, registry: RegistryState, event: SurrenderConfirmed, fact: Fact
) -> None:
    """The surrender counts."""
    _closed(scribe, registry, event, fact, confirmed=True)


def evolve_rejected(
    scribe: Scribe, registry: RegistryState, event: SurrenderRejected, fact: Fact
) -> None:
    """The surrender counts no more; what was borrowed or in custody is so again."""
    _closed(scribe, registry, event, fact, confirmed=False)
    _restrict(scribe, registry, event, fact, 1)


def _restrict(
    scribe: Scribe, registry: RegistryState, event: _SurrenderEvent, fact: Fact, sign: int
) -> None:
    at = fact.effective_at
    custody.change(
        scribe, registry, event.entity, event.account, event.unit, sign * event.custody, at
    )
    place = (event.year, event.account, event.unit)
    loans.change(scribe, registry, event.entity, place, sign * event.borrowed, at)


def _closed(
    scribe: Scribe,
    registry: RegistryState,
    event: SurrenderConfirmed | SurrenderRejected,
    fact: Fact,
    *,
    confirmed: bool,
) -> None:
    scribe.drop(registry.surrenders, event.surrender)
    entry = Closing(fact.effective_at, fact.position, event.surrender, confirmed)
    scribe.note(registry, event.entity, event.year, "closings", entry)
