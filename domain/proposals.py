"""Proposals: what one person asks for and another approves.

A proposed command is decided at once, so that it is refused as it would be if it were sent;
what it would take is reserved (``pending``) until it is executed or rejected. Approved by
another actor it is decided again, by the facts of then, and written together with the
approval; where the rulebook asks for a delay, from the day after it. A refusal then leaves
the proposal open. The decisions are in ``domain/proposing.py``.
"""

from typing import Any, ClassVar, Final, Literal

import msgspec

from etsledger.domain.commands import Command, CommandId
from etsledger.domain.events import Event, Posting
from etsledger.domain.state import Fact, Proposal, RegistryState, Scribe

NEVER_PROPOSED: Final = ("open_registry", "batch", "propose", "approve", "reject", "execute")
"""Commands that cannot be proposed; of a batch each command can."""


class Propose(Command, frozen=True, kw_only=True, tag="propose"):
    """Asks for a command that another actor is to approve; what it would take is reserved.

    The command has an id of its own and is of the same registry and actor; ``reference`` and
    ``reason`` hold for it too unless it states its own.
    """

    example: ClassVar[str] = (
        '{"command": "propose", "id": "53", "registry": "trial", "actor": "li.na", "proposes": '
        '{"command": "cancel", "id": "53/1", "account": "crrc-1", "unit": "CEA:2023", '
        '"quantity": 10}}'
    )
    proposes: dict[str, Any]


class Approve(Command, frozen=True, kw_only=True, tag="approve"):
    """Approves a proposal, named by the id of its ``propose``; without a delay it is executed."""

    example: ClassVar[str] = (
        '{"command": "approve", "id": "54", "registry": "trial", "actor": "wang.wei", '
        '"proposal": "53"}'
    )
    proposal: CommandId


class Reject(Command, frozen=True, kw_only=True, tag="reject"):
    """Rejects a proposal, or withdraws it: until it is executed."""

    example: ClassVar[str] = (
        '{"command": "reject", "id": "55", "registry": "trial", "actor": "wang.wei", '
        '"proposal": "53"}'
    )
    proposal: CommandId


class Execute(Command, frozen=True, kw_only=True, tag="execute"):
    """Executes an approved proposal once its delay is over."""

    example: ClassVar[str] = (
        '{"command": "execute", "id": "56", "registry": "trial", "actor": "li.na", '
        '"proposal": "53"}'
    )
    proposal: CommandId


TAKEN_OVER: Final = ("registry", "actor", "reference", "reason")
"""What a proposed command takes over from its proposal, unless it says otherwise."""
OF_PROPOSALS: Final = (Propose, Approve, Reject, Execute)
"""Who may send these follows from what is proposed."""
Stage = Literal["sent", "proposed", "executed"]
"""How far a command has come on its way to a second person."""


class ReservedUnits(msgspec.Struct, frozen=True, gc=False):
    """Tonnes of a unit that a proposal keeps in an account."""

    account: str
    quantity: int
    unit: str


def _pending(units: tuple[ReservedUnits, ...], sign: int) -> tuple[Posting, ...]:
    return tuple((one.account, one.unit, "pending", sign * one.quantity) for one in units)


class ProposalMade(Event, frozen=True, kw_only=True):
    """A command waits for a second person; what it would take is reserved."""

    command_id: str
    """The id that the command will have."""
    kind: str
    """The command's name, with its kind where it has one: ``transfer.correction``."""
    proposal: str
    proposed: dict[str, Any]
    """The command, whole and canonical."""
    proposer: str
    reserved: tuple[ReservedUnits, ...] = ()

    def postings(self) -> tuple[Posting, ...]:
        """The pending tonnes."""
        return _pending(self.reserved, 1)


class ProposalApproved(Event, frozen=True, kw_only=True):
    """A second person approved; with a delay it may be rejected until the end of that day."""

    approver: str
    delay_until: str | None = None
    """The last day (ISO) of the delay: executed from the next day on."""
    delay_working_days: int = 0
    proposal: str
    source: str | None = None
    """The rulebook's, for asking a second person."""


class ProposalExecuted(Event, frozen=True, kw_only=True):
    """The reservation ended where the command, whose events follow, takes effect."""

    command_id: str
    executed_at: str
    """When: the release may take effect before, where the command does."""
    proposal: str
    released: tuple[ReservedUnits, ...] = ()

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer."""
        return _pending(self.released, -1)


class ProposalRejected(Event, frozen=True, kw_only=True):
    """A proposal was rejected, or withdrawn by who had made it; its units are free again."""

    proposal: str
    rejected_by: str
    released: tuple[ReservedUnits, ...] = ()
    withdrawn: bool = False

    def postings(self) -> tuple[Posting, ...]:
        """Pending no longer."""
        return _pending(self.released, -1)


def evolve_made(scribe: Scribe, registry: RegistryState, event: ProposalMade, fact: Fact) -> None:
    """The proposal is open."""
    proposal = Proposal(
        at=fact.effective_at,
        position=fact.position,
        proposer=event.proposer,
        command_id=event.command_id,
        command=event.proposed,
        reserved=tuple((one.account, one.quantity, one.unit) for one in event.reserved),
    )
    scribe.put(registry.proposals, event.proposal, proposal)


def evolve_approved(
    scribe: Scribe, registry: RegistryState, event: ProposalApproved, fact: Fact
) -> None:
    """The proposal is approved, and may wait."""
    changed = msgspec.structs.replace(
        registry.proposals[event.proposal],
        approver=event.approver,
        approved_at=fact.effective_at,
        delay_until=event.delay_until,
    )
    scribe.put(registry.proposals, event.proposal, changed)


def evolve_ended(
    scribe: Scribe, registry: RegistryState, event: ProposalExecuted | ProposalRejected, _: Fact
) -> None:
    """The proposal is open no more."""
    scribe.drop(registry.proposals, event.proposal)
