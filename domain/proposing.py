"""What is decided about proposals: made, approved, executed, rejected (``proposals``).

What waits is judged by both clocks: a delay is over when it is over for the recorded time and
for the effective time, so that no date of one's own choosing shortens it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from etsledger.domain.approvals import (
    actor_of,
    is_spared,
    not_approved_by,
    not_handled_by,
    row_of,
)
from etsledger.domain.authority import command_names
from etsledger.domain.commands import Command
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ApprovalRequired, DuplicateCommand, UnknownReference
from etsledger.domain.events import OUTSIDE_ACCOUNTS, Apart, Elsewhere, Event, Later
from etsledger.domain.proposals import (
    Approve,
    Execute,
    ProposalApproved,
    ProposalExecuted,
    ProposalMade,
    ProposalRejected,
    Propose,
    Reject,
    ReservedUnits,
)
from etsledger.domain.state import Proposal
from etsledger.domain.times import DAY, business_date, iso, parse_instant
from etsledger.domain.workdays import nth_working_day


def effective_time(proposed: Command, at: datetime) -> datetime:
    """When a proposed command takes effect: its own time, or ``at``, of what brings it about."""
    return at if proposed.effective_at is None else parse_instant(proposed.effective_at)


def check_proposal(command: Propose, proposed: Command, desk: Desk) -> None:
    """Before the command is decided: who asks, and that its id is free.

    Raises InvalidCommand, NotAuthorised, DuplicateCommand.
    """
    actor_of(command, "the proposal", desk)
    if desk.past.recorded(proposed.id):
        raise DuplicateCommand(
            f"the id {proposed.id!r} of the proposed command was accepted before", id=proposed.id
        )
    for name, one in desk.registry.proposals.items():
        if one.command_id == proposed.id:
            raise DuplicateCommand(
                f"proposal {name!r} is for a command of the id {proposed.id!r} too",
                id=proposed.id, proposal=name,
            )  # fmt: skip


def decide_proposal(
    command: Propose, proposed: Command, decided: Iterable[Event | Apart], desk: Desk
) -> ProposalMade:
    """``decided`` is what the command would record. Raises what ``check_proposal`` does, and
    InsufficientUnits, RestrictedUnits, BackdatedOverdraft for what cannot be kept from now on."""
    reserved = _taken_by(decided)
    for one in reserved:
        desk.take(one.account, one.unit, one.quantity)
    return ProposalMade(
        command_id=proposed.id,
        kind=command_names(proposed)[0],
        proposal=command.id,
        proposed=command.proposes,
        proposer=actor_of(command, "the proposal", desk),
        reserved=reserved,
    )


def _taken_by(decided: Iterable[Event | Apart]) -> tuple[ReservedUnits, ...]:
    """By account and unit, how much less would be available in this registry."""
    changes: dict[tuple[str, str], int] = {}
    for one in decided:
        if isinstance(one, Elsewhere):
            continue  # credits that are used are locked already
        event = one.event if isinstance(one, Later) else one
        for account, unit, bucket, tonnes in event.postings():
            if bucket != "stopped" and account not in OUTSIDE_ACCOUNTS:
                change = tonnes if bucket == "held" else -tonnes
                changes[account, unit] = changes.get((account, unit), 0) + change
    return tuple(
        ReservedUnits(account, -change, unit)
        for (account, unit), change in sorted(changes.items())
        if change < 0
    )


def open_proposal(proposal_id: str, desk: Desk) -> Proposal:
    """A proposal that was neither executed nor rejected. Raises UnknownReference."""
    proposal = desk.registry.proposals.get(proposal_id)
    if proposal is not None:
        return proposal
    earlier = desk.past.recorded(proposal_id)
    kinds = {type(one.event) for one in earlier}
    if not earlier:
        found = "no accepted command has that id"
    elif ProposalMade in kinds:
        found = "it was executed or rejected since"
    else:
        found = f"that command recorded {type(earlier[0].event).__name__}"
    raise UnknownReference(
        f"{proposal_id!r} is not an open proposal of registry {desk.registry_id}: {found}",
        reference_id=proposal_id, expected="proposal",
    )  # fmt: skip


def decide_approval(
    command: Approve, proposal: Proposal, proposed: Command, desk: Desk
) -> tuple[Event | Apart, ...]:
    """Raises UnknownReference, ApprovalRequired, NotAuthorised, InvalidCommand (before the
    proposal, or a delay into a year whose working days nobody knows), DuplicateCommand."""
    if proposal.approver is not None:
        raise UnknownReference(
            f"proposal {command.proposal!r} was approved before, by {proposal.approver}; it may "
            f"be {_may_be(proposal)}",
            reference_id=command.proposal, expected="proposal", approver=proposal.approver,
            delay_until=proposal.delay_until,
        )  # fmt: skip
    approver = actor_of(command, "the approval", desk)
    refused = not_approved_by(approver, proposal.proposer, proposed, desk)
    if refused is not None:
        raise refused
    desk.not_before(proposal.at, f"proposal {command.proposal!r}")
    row = row_of(proposed, desk)
    days = 0 if row is None or is_spared(proposed, row, desk) else row.delay_working_days
    until: str | None = None
    if days:
        counted_from = business_date(max(desk.effective_at, desk.now))
        until = nth_working_day(counted_from, days, desk.rules_now).isoformat()
    approved = ProposalApproved(
        approver=approver,
        delay_until=until,
        delay_working_days=days,
        proposal=command.proposal,
        source=None if row is None else row.source,
    )
    if days:
        return (approved,)
    return (approved, _executed(command.id, command.proposal, proposal, proposed, desk))


def _may_be(proposal: Proposal) -> str:
    day = proposal.delay_until
    return "rejected" if day is None else f"rejected, or executed from the day after {day} on"


def decide_execution(
    command: Execute, proposal: Proposal, proposed: Command, desk: Desk
) -> tuple[Event | Apart, ...]:
    """Raises UnknownReference, NotAuthorised, InvalidCommand (before the approval),
    ApprovalRequired while it waits for its approval or in its delay, DuplicateCommand."""
    sender = actor_of(command, "the execution", desk)
    refused = not_handled_by(sender, proposal.proposer, proposed, "execute", desk)
    if refused is not None:
        raise refused
    if proposal.approver is None or proposal.approved_at is None:
        raise ApprovalRequired(
            f"proposal {command.proposal!r} waits for the approval of another than "
            f"{proposal.proposer}",
            proposal=command.proposal, proposer=proposal.proposer,
        )  # fmt: skip
    desk.not_before(proposal.approved_at, f"the approval of proposal {command.proposal!r}")
    if proposal.delay_until is not None:
        begin = parse_instant(proposal.delay_until) + DAY
        # By both clocks: what is dated later or earlier than it is sent shortens no delay.
        if min(desk.now, desk.effective_at) < begin:
            raise ApprovalRequired(
                f"proposal {command.proposal!r} may be rejected until the end of "
                f"{proposal.delay_until}; it is executed from {iso(begin)} on",
                proposal=command.proposal, delay_until=proposal.delay_until, earliest=iso(begin),
            )  # fmt: skip
    return (_executed(command.id, command.proposal, proposal, proposed, desk),)


def _executed(
    command_id: str, proposal_id: str, proposal: Proposal, proposed: Command, desk: Desk
) -> Later:
    """The reservation ends where the command takes what it kept: not before it began."""
    if command_id == proposed.id or desk.past.recorded(proposed.id):
        raise DuplicateCommand(
            f"the id {proposed.id!r} of the proposed command was used since: reject proposal "
            f"{proposal_id!r}",
            id=proposed.id, proposal=proposal_id,
        )  # fmt: skip
    taking = min(effective_time(proposed, desk.effective_at), desk.effective_at)
    event = ProposalExecuted(
        command_id=proposed.id,
        executed_at=iso(desk.effective_at),
        proposal=proposal_id,
        released=_kept(proposal),
    )
    return Later(event, max(proposal.at, taking))


def decide_rejection(
    command: Reject, proposal: Proposal, proposed: Command, desk: Desk
) -> ProposalRejected:
    """Raises UnknownReference, NotAuthorised, InvalidCommand (before the proposal)."""
    sender = actor_of(command, "the rejection", desk)
    refused = not_handled_by(sender, proposal.proposer, proposed, "reject", desk)
    if refused is not None:
        raise refused
    desk.not_before(proposal.at, f"proposal {command.proposal!r}")
    return ProposalRejected(
        proposal=command.proposal,
        rejected_by=sender,
        released=_kept(proposal),
        withdrawn=sender == proposal.proposer,
    )


def _kept(proposal: Proposal) -> tuple[ReservedUnits, ...]:
    return tuple(ReservedUnits(*one) for one in proposal.reserved)


def with_second_person(command: Command, desk: Desk) -> Command:
    """An approval, or an execution, with the one who approves named as of any other command."""
    match command:
        case Approve():
            approver = command.actor
        case Execute():
            approver = open_proposal(command.proposal, desk).approver
        case _:
            return command
    return msgspec.structs.replace(command, approved_by=approver)


def to_execute(
    decided: Iterable[Event | Apart], command: Approve | Execute, desk: Desk
) -> dict[str, Any] | None:
    """The proposed command that is to follow, with its second person; None while it waits."""
    if not any(
        isinstance(one, Later) and isinstance(one.event, ProposalExecuted) for one in decided
    ):
        return None
    proposal = open_proposal(command.proposal, desk)
    return {**proposal.command, "approved_by": proposal.approver or command.actor}
