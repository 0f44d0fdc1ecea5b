"""Locks: credits kept for an obligation in another registry (rules N-OFF-5, Q-OFF).

The handshake is lock -> use -> cancelled, or unlock. A locked credit stays in its account
as ``pending``; whether it may be used, and how much, is judged when it is (``offsets``).
"""

from typing import ClassVar

from etsledger.domain.commands import Command, CommandId, Id, Tonnes, Unit, Year
from etsledger.domain.desk import Desk, registry_of
from etsledger.domain.errors import InvalidCommand, UnknownEntity
from etsledger.domain.events import CANCELLED, Event, Posting, move
from etsledger.domain.state import Claim, Fact, RegistryState, Scribe


class LockCredits(Command, frozen=True, kw_only=True, tag="lock_credits"):
    """Keeps credits of an account for an entity's obligation of a year in another registry.

    ``entity`` is one of ``for_registry``; the account need not be bound to it.
    """

    example: ClassVar[str] = (
        '{"command": "lock_credits", "id": "41", "registry": "ccer", "account": "wind-1", '
        '"unit": "CCER:haian-wind:2024", "quantity": 50000, "for_registry": "cn-national", '
        '"entity": "huaneng", "year": 2024}'
    )
    account: Id
    unit: Unit
    quantity: Tonnes
    for_registry: Id
    entity: Id
    year: Year


class UnlockCredits(Command, frozen=True, kw_only=True, tag="unlock_credits"):
    """Frees locked credits, named by the id of the command that locked them."""

    example: ClassVar[str] = (
        '{"command": "unlock_credits", "id": "42", "registry": "ccer", "lock": "41"}'
    )
    lock: CommandId


class _LockEvent(Event, frozen=True, kw_only=True):
    account: str
    entity: str
    for_registry: str
    lock: str
    quantity: int
    unit: str
    year: int


class CreditsLocked(_LockEvent, frozen=True, kw_only=True):
    """Credits are kept for an obligation elsewhere."""

    def postings(self) -> tuple[Posting, ...]:
        """The pending tonnes."""
        return ((self.account, self.unit, "pending", self.quantity),)


class CreditsUnlocked(_LockEvent, frozen=True, kw_only=True):
    """A lock ended unused; the fields repeat what it held."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer."""
        return ((self.account, self.unit, "pending", -self.quantity),)


class CreditsCancelled(_LockEvent, frozen=True, kw_only=True):
    """Locked credits met an obligation elsewhere and are gone for ever."""

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer, and from the account to ``cancelled``."""
        pending: Posting = (self.account, self.unit, "pending", -self.quantity)
        return (pending, *move(self.unit, self.quantity, self.account, CANCELLED))


def decide_lock(command: LockCredits, desk: Desk) -> CreditsLocked:
    """Raises InvalidCommand, UnknownAccount, UnknownRegistry, UnknownEntity, AccountClosed,
    AccountFrozen, UnitNotAllowed, RouteNotAllowed, InsufficientUnits, BackdatedOverdraft."""
    if command.for_registry == desk.registry_id:
        raise InvalidCommand(
            f"for_registry: a lock is for an obligation in another registry than "
            f"{desk.registry_id}",
            field="for_registry",
        )
    account = desk.account(command.account)
    if command.entity not in registry_of(desk.state, command.for_registry).entities:
        raise UnknownEntity(
            f"registry {command.for_registry} has no entity {command.entity!r}; register_entity "
            "registers one there",
            entity=command.entity, registry=command.for_registry,
        )  # fmt: skip
    Desk(
        desk.state, desk.past, command.for_registry, desk.state.registries[command.for_registry],
        desk.effective_at, desk.now,
    ).not_gone(command.entity)  # fmt: skip
    desk.may_send(command.account, account, command.unit)
    desk.route("lock", command.unit, account, desk.account(CANCELLED))
    desk.take(command.account, command.unit, command.quantity)
    return CreditsLocked(
        account=command.account,
        entity=command.entity,
        for_registry=command.for_registry,
        lock=command.id,
        quantity=command.quantity,
        unit=command.unit,
        year=command.year,
    )


def decide_unlock(command: UnlockCredits, desk: Desk) -> CreditsUnlocked:
    """Raises UnknownReference when the lock is not open, InvalidCommand before it began."""
    claim = desk.claim(desk.registry.locks, command.lock, "lock")
    desk.not_before(claim.effective_at, f"lock {command.lock!r}")
    return CreditsUnlocked(
        account=claim.account,
        entity=claim.entity or "",
        for_registry=claim.for_registry or "",
        lock=command.lock,
        quantity=claim.quantity,
        unit=claim.unit,
        year=claim.year or 0,
    )


def evolve_lock(scribe: Scribe, registry: RegistryState, event: CreditsLocked, fact: Fact) -> None:
    """The lock is open."""
    claim = Claim(
        event.account,
        event.unit,
        event.quantity,
        fact.effective_at,
        event.entity,
        event.year,
        for_registry=event.for_registry,
    )
    scribe.put(registry.locks, event.lock, claim)


def evolve_end(
    scribe: Scribe, registry: RegistryState, event: CreditsUnlocked | CreditsCancelled, fact: Fact
) -> None:
    """The lock is closed: its credits are free, or gone."""
    scribe.drop(registry.locks, event.lock)
