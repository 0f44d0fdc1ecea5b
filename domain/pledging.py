"""Pledging: units as security for a creditor; they stay, but cannot leave."""

from typing import ClassVar

from etsledger.domain.commands import Command, CommandId, Id, Text, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.events import Event, Posting
from etsledger.domain.state import Claim, Fact, RegistryState, Scribe


class Pledge(Command, frozen=True, kw_only=True, tag="pledge"):
    """Pledges units of an account to a creditor."""

    example: ClassVar[str] = (
        '{"command": "pledge", "id": "8", "registry": "trial", "account": "crrc-1", '
        '"unit": "CEA:2023", "quantity": 50, "pledgee": "Bank of Hubei"}'
    )
    account: Id
    unit: Unit
    quantity: Tonnes
    pledgee: Text


class ReleasePledge(Command, frozen=True, kw_only=True, tag="release_pledge"):
    """Releases a pledge, named by the id of the command that made it."""

    example: ClassVar[str] = (
        '{"command": "release_pledge", "id": "9", "registry": "trial", "pledge": "8"}'
    )
    pledge: CommandId


class UnitsPledged(Event, frozen=True, kw_only=True):
    """Units were pledged."""

    account: str
    pledge: str
    pledgee: str
    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """The pledged tonnes."""
        return ((self.account, self.unit, "pledged", self.quantity),)


class PledgeReleased(Event, frozen=True, kw_only=True):
    """A pledge ended; the fields repeat what it held."""

    account: str
    pledge: str
    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """The pledged tonnes taken back."""
        return ((self.account, self.unit, "pledged", -self.quantity),)


def decide_pledge(command: Pledge, desk: Desk) -> UnitsPledged:
    """Raises UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed,
    RecallOutstanding, InsufficientUnits, BackdatedOverdraft."""
    account = desk.account(command.account)
    desk.may_send(command.account, account, command.unit)
    desk.rules.unit_kind(command.unit)
    desk.no_recall_open(command.account, account)
    desk.take(command.account, command.unit, command.quantity)
    return UnitsPledged(
        account=command.account,
        pledge=command.id,
        pledgee=command.pledgee,
        quantity=command.quantity,
        unit=command.unit,
    )


def decide_release(command: ReleasePledge, desk: Desk) -> PledgeReleased:
    """Raises UnknownReference when the pledge is not open, InvalidCommand before it began."""
    claim = desk.claim(desk.registry.pledges, command.pledge, "pledge")
    desk.not_before(claim.effective_at, f"pledge {command.pledge!r}")
    return PledgeReleased(
        account=claim.account, pledge=command.pledge, quantity=claim.quantity, unit=claim.unit
    )


def evolve_pledge(scribe: Scribe, registry: RegistryState, event: UnitsPledged, fact: Fact) -> None:
    """The pledge is open."""
    claim = Claim(event.account, event.unit, event.quantity, fact.effective_at)
    scribe.put(registry.pledges, event.pledge, claim)


def evolve_release(
    scribe: Scribe, registry: RegistryState, event: PledgeReleased, fact: Fact
) -> None:
    """The pledge is closed."""
    scribe.drop(registry.pledges, event.pledge)
