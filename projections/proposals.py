"""Proposals and what became of them, at any (as-of, known-at); always answered from the log."""

from collections.abc import Iterator
from typing import Any, Final

from etsledger.domain.proposals import (
    ProposalApproved,
    ProposalExecuted,
    ProposalMade,
    ProposalRejected,
)
from etsledger.domain.times import iso, parse_instant
from etsledger.ledger.office_rows import ProposalRow
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections.following import readable
from etsledger.projections.instants import Viewpoint

_LATER: Final = (
    ProposalApproved.__name__, ProposalExecuted.__name__, ProposalRejected.__name__,
)  # fmt: skip
TYPES: Final = (ProposalMade.__name__, *_LATER)


def proposal_rows(
    store: Store, view: Viewpoint, *, registry: str | None, status: str | None
) -> list[ProposalRow]:
    """A row for each proposal that was made by then, in the order of the log."""
    rows: dict[tuple[str, str], ProposalRow] = {}
    for logged in readable(store, 0, view.upto, TYPES):
        if registry in (None, logged.record.registry):
            _follow(rows, logged, view)
    return [row for row in rows.values() if status in (None, row["status"])]


def _follow(rows: dict[tuple[str, str], ProposalRow], logged: Logged, view: Viewpoint) -> None:
    event: Any = logged.event
    place = (logged.record.registry, event.proposal)
    at = logged.record.effective_at
    if isinstance(event, ProposalExecuted):
        at = parse_instant(event.executed_at)
    if at > view.as_of:
        return
    if isinstance(event, ProposalMade):
        rows[place] = _row(logged, event)
        return
    row = rows.get(place)
    if row is None:
        return
    match event:
        case ProposalApproved():
            row["status"], row["approver"], row["approved_at"] = "approved", event.approver, iso(at)
            row["delay_until"] = event.delay_until
        case ProposalExecuted():
            row["status"], row["executed_at"] = "executed", iso(at)
        case _:
            row["status"] = "rejected"
            row["rejected_by"], row["rejected_at"] = event.rejected_by, iso(at)


def _row(logged: Logged, event: ProposalMade) -> ProposalRow:
    command = logged.command
    return {
        "registry": logged.record.registry,
        "proposal": event.proposal,
        "kind": event.kind,
        "command_id": event.command_id,
        "status": "open",
        "proposer": event.proposer,
        "proposed_at": iso(logged.record.effective_at),
        "approver": None,
        "approved_at": None,
        "delay_until": None,
        "executed_at": None,
        "rejected_by": None,
        "rejected_at": None,
        "reserved": [
            {"account": one.account, "unit": one.unit, "quantity": one.quantity}
            for one in event.reserved
        ],
        "proposed": event.proposed,
        "reference": command.reference,
        "reason": command.reason,
        "position": logged.record.position,
    }


def later_of(store: Store, proposal: str, after: int, upto: int) -> Iterator[int]:
    """The positions of what became of a proposal, after one of its own."""
    for logged in readable(store, after, upto, _LATER):
        event: Any = logged.event
        if event.proposal == proposal:
            yield logged.record.position
            if not isinstance(event, ProposalApproved):
                return
