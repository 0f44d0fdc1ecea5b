"""Surrender: handing in units for a year's obligation (rules X-6, N-SUR-4).

A submitted surrender freezes the units (``pending``) until it is confirmed or rejected;
where the rulebook asks for no confirmation, submitting confirms.
"""

from typing import ClassVar, TypeVar

import msgspec
from msgspec import field

from etsledger.domain.commands import Command, CommandId, Id, Tonnes, Unit, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import UnknownAccount
from etsledger.domain.events import RETIRED, Event, Posting, move
from etsledger.domain.state import Claim, Fact, RegistryState, Scribe


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
    entity: str
    quantity: int
    surrender: str
    unit: str
    year: int


class SurrenderSubmitted(_SurrenderEvent, frozen=True, kw_only=True):
    """Units were submitted for a year's obligation and wait for confirmation."""

    def postings(self) -> tuple[Posting, ...]:
        """The pending tonnes."""
        return ((self.account, self.unit, "pending", self.quantity),)


class SurrenderConfirmed(_SurrenderEvent, frozen=True, kw_only=True):
    """The units of a surrender were retired and count for the obligation."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer, and from the account to ``retired``."""
        return (
            (self.account, self.unit, "pending", -self.quantity),
            *move(self.unit, self.quantity, self.account, RETIRED),
        )


class SurrenderRejected(_SurrenderEvent, frozen=True, kw_only=True):
    """A surrender was sent back; its units are free again."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer."""
        return ((self.account, self.unit, "pending", -self.quantity),)


def decide_surrender(command: Surrender, desk: Desk) -> tuple[Event, ...]:
    """Raises UnknownEntity, UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed,
    RouteNotAllowed, InsufficientUnits, BackdatedOverdraft."""
    entity = desk.entity(command.entity)
    account_id = command.source or entity.account
    if account_id is None:
        raise UnknownAccount(
            f"entity {command.entity!r} has no account of kind entity; open_account opens one",
            entity=command.entity,
        )
    account = desk.account(account_id)
    desk.may_send(account_id, account, command.unit)
    desk.route("surrender", command.unit, account, desk.account(RETIRED))
    desk.take(account_id, command.unit, command.quantity)
    submitted = SurrenderSubmitted(
        account=account_id,
        entity=command.entity,
        quantity=command.quantity,
        surrender=command.id,
        unit=command.unit,
        year=command.year,
    )
    if desk.rules.data.surrender.confirmation:
        return (submitted,)
    return (submitted, SurrenderConfirmed(**msgspec.structs.asdict(submitted)))


Closing = TypeVar("Closing", SurrenderConfirmed, SurrenderRejected)


def _close(kind: type[Closing], surrender: str, desk: Desk) -> Closing:
    claim = desk.claim(desk.registry.surrenders, surrender, "surrender")
    desk.not_before(claim.effective_at, f"surrender {surrender!r}")
    return kind(
        account=claim.account,
        entity=claim.entity or "",
        quantity=claim.quantity,
        surrender=surrender,
        unit=claim.unit,
        year=claim.year or 0,
    )


def decide_confirmation(command: ConfirmSurrender, desk: Desk) -> SurrenderConfirmed:
    """Raises UnknownReference when it is not pending, InvalidCommand before it was submitted."""
    return _close(SurrenderConfirmed, command.surrender, desk)


def decide_rejection(command: RejectSurrender, desk: Desk) -> SurrenderRejected:
    """Raises UnknownReference when it is not pending, InvalidCommand before it was submitted."""
    return _close(SurrenderRejected, command.surrender, desk)


def evolve_submitted(
    scribe: Scribe, registry: RegistryState, event: SurrenderSubmitted, fact: Fact
) -> None:
    """The surrender is pending."""
    claim = Claim(
        event.account, event.unit, event.quantity, fact.effective_at, event.entity, event.year
    )
    scribe.put(registry.surrenders, event.surrender, claim)


def evolve_closed(
    scribe: Scribe,
    registry: RegistryState,
    event: SurrenderConfirmed | SurrenderRejected,
    fact: Fact,
) -> None:
    """The surrender is pending no longer."""
    scribe.drop(registry.surrenders, event.surrender)
