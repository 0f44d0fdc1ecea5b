"""Freezing: judicial or administrative stops on an account or a quantity (rule X-4).

A freeze with a quantity is a reservation; without one it stops the whole account, or all
it has of one unit. It moves nothing: a back-dated freeze is judged by what was held then
and never re-judges what was accepted since.
"""

from typing import ClassVar, Literal

import msgspec

from etsledger.domain.commands import Command, CommandId, Id, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InsufficientUnits
from etsledger.domain.events import ALL_UNITS, Event, Posting
from etsledger.domain.state import Claim, Fact, RegistryState, Scribe, Stop
from etsledger.domain.times import iso

Direction = Literal["out", "both"]


class Freeze(Command, frozen=True, kw_only=True, tag="freeze"):
    """Freezes an account (``out``: nothing leaves; ``both``: nothing enters either)."""

    example: ClassVar[str] = (
        '{"command": "freeze", "id": "6", "registry": "trial", "account": "crrc-1", '
        '"unit": "CEA:2023", "quantity": 100, "reason": "court order 8"}'
    )
    account: Id
    unit: Unit | None = None
    quantity: Tonnes | None = None
    direction: Direction = "out"

    def __post_init__(self) -> None:
        if self.quantity is not None and self.unit is None:
            raise ValueError("a quantity is frozen of one unit: name it in 'unit'")
        if self.quantity is not None and self.direction == "both":
            raise ValueError("direction 'both' stops an account or a unit, not a quantity")


class Unfreeze(Command, frozen=True, kw_only=True, tag="unfreeze"):
    """Lifts a freeze, named by the id of the command that made it."""

    example: ClassVar[str] = (
        '{"command": "unfreeze", "id": "7", "registry": "trial", "freeze": "6"}'
    )
    freeze: CommandId


class AccountFrozen(Event, frozen=True, kw_only=True):
    """An account, one of its units, or a quantity of it is frozen."""

    account: str
    direction: str
    freeze: str
    quantity: int | None = None
    unit: str | None = None

    def postings(self) -> tuple[Posting, ...]:
        """The frozen tonnes, or one stop."""
        return _postings(self, 1)


class AccountUnfrozen(Event, frozen=True, kw_only=True):
    """A freeze was lifted; the fields repeat what it froze."""

    account: str
    direction: str
    freeze: str
    quantity: int | None = None
    unit: str | None = None

    def postings(self) -> tuple[Posting, ...]:
        """The frozen tonnes, or the stop, taken back."""
        return _postings(self, -1)


def _postings(event: AccountFrozen | AccountUnfrozen, sign: int) -> tuple[Posting, ...]:
    if event.quantity is not None and event.unit is not None:
        return ((event.account, event.unit, "frozen", sign * event.quantity),)
    return ((event.account, event.unit or ALL_UNITS, "stopped", sign),)


def decide_freeze(command: Freeze, desk: Desk) -> AccountFrozen:
    """Raises UnknownAccount, AccountClosed, UnitNotAllowed, InsufficientUnits."""
    account = desk.account(command.account)
    desk.open_at_effective_time(command.account, account)
    if command.unit is not None:
        desk.rules.unit_kind(command.unit)
    if command.quantity is not None and command.unit is not None:
        holding = desk.registry.holding(command.account, command.unit)
        held, available = holding.held, holding.available
        if desk.effective_at < holding.last:
            held, available, _ = desk.past.depth(
                desk.registry_id, command.account, command.unit, desk.effective_at
            )
        if available < command.quantity:
            raise InsufficientUnits(
                f"account {command.account} has {max(available, 0)} t of {command.unit} free at "
                f"{iso(desk.effective_at)} (held {held}), {command.quantity} to be frozen",
                account=command.account, unit=command.unit, held=held,
                available=max(available, 0), asked=command.quantity,
            )  # fmt: skip
    return AccountFrozen(
        account=command.account,
        direction=command.direction,
        freeze=command.id,
        quantity=command.quantity,
        unit=command.unit,
    )


def decide_unfreeze(command: Unfreeze, desk: Desk) -> AccountUnfrozen:
    """Raises UnknownReference when the freeze is not open, InvalidCommand before it began."""
    claim = desk.claim(desk.registry.freezes, command.freeze, "freeze")
    desk.not_before(claim.effective_at, f"freeze {command.freeze!r}")
    return AccountUnfrozen(
        account=claim.account,
        direction=claim.direction or "out",
        freeze=command.freeze,
        quantity=claim.quantity or None,
        unit=claim.unit or None,
    )


def evolve_freeze(
    scribe: Scribe, registry: RegistryState, event: AccountFrozen, fact: Fact
) -> None:
    """The freeze is open; a whole stop joins the account's timeline."""
    claim = Claim(
        account=event.account,
        unit=event.unit or "",
        quantity=event.quantity or 0,
        effective_at=fact.effective_at,
        direction=event.direction,
    )
    scribe.put(registry.freezes, event.freeze, claim)
    if event.quantity is None:
        account = registry.accounts[event.account]
        stop = Stop(event.freeze, event.unit or ALL_UNITS, event.direction, fact.effective_at)
        changed = msgspec.structs.replace(account, stops=(*account.stops, stop))
        scribe.put(registry.accounts, event.account, changed)


def evolve_unfreeze(
    scribe: Scribe, registry: RegistryState, event: AccountUnfrozen, fact: Fact
) -> None:
    """The freeze is closed from the effective time on."""
    scribe.drop(registry.freezes, event.freeze)
    if event.quantity is None:
        account = registry.accounts[event.account]
        stops = tuple(
            msgspec.structs.replace(s, until=fact.effective_at) if s.freeze == event.freeze else s
            for s in account.stops
        )
        changed = msgspec.structs.replace(account, stops=stops)
        scribe.put(registry.accounts, event.account, changed)
