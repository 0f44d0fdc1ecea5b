"""The rows that answer questions of the office: who takes part, who may act, what is due, closed
and proposed."""

from typing import Any, TypedDict


class EntityRow(TypedDict):
    """An entity with its particulars in effect at a viewpoint.

    ``status`` is active, at_risk, shut, dissolved, or succeeded when all of it went to others;
    ``succeeded_by`` and ``succeeds`` name who took over from it and from whom it took over.
    """

    registry: str
    entity: str
    name: str
    uscc: str | None
    sector: str
    province: str | None
    status: str
    first_year: int | None
    allocation_method: str | None
    first_year_elsewhere: int | None
    succeeded_by: list[str]
    succeeds: list[str]


class ActorRow(TypedDict):
    """A role that an actor holds, from when on and by whom; or an actor without a role.

    ``province`` or ``entity`` is whom the role is held for; without a role ``entity`` is whom
    the actor works for. ``position`` is where the log granted the role (or registered the actor).
    """

    registry: str
    actor: str
    kind: str
    role: str | None
    province: str | None
    entity: str | None
    granted_at: str | None
    granted_by: str | None
    position: int


class DeadlineRow(TypedDict):
    """The last day for something that follows from a fact on record.

    ``days`` working days after the day ``counted_from`` of the event at position ``fact`` (None:
    by a date in the rulebook); ``state`` is running, passed, met, late (met after it), or unknown
    for a year whose working days nobody knows, as ``note`` says.
    """

    registry: str
    entity: str
    year: int | None
    period: str
    last_day: str | None
    state: str
    counted_from: str | None
    days: int | None
    fact: int | None
    met_on: str | None
    met_by: int | None
    rule: str
    source: str
    note: str | None


class LateRow(TypedDict):
    """A fact that takes effect in a period which was closed when it was recorded."""

    position: int
    type: str
    effective_at: str
    recorded_at: str
    command_id: str
    actor: str | None
    approved_by: str | None
    reference: str | None
    reason: str | None


class PeriodRow(TypedDict):
    """A closing (``closed``), an opening again (``reopened``), or the time since (``open``).

    ``since`` and ``until`` are its first and last days (no first: all before; of ``reopened``
    what stays closed; of ``open`` no last). ``late`` are the facts recorded since the closing
    before, up to this one, that took effect in a period closed then. ``reopened_by`` is the
    position that opened a part of it again; ``hash`` and ``root`` are those of the head there.
    """

    registry: str
    what: str
    since: str | None
    until: str | None
    position: int | None
    effective_at: str | None
    recorded_at: str | None
    command_id: str | None
    actor: str | None
    approved_by: str | None
    reference: str | None
    reason: str | None
    reopened_by: int | None
    hash: str | None
    root: str | None
    late: list[LateRow]


class ReservedRow(TypedDict):
    """Units (tonnes) that a proposal keeps in an account."""

    account: str
    unit: str
    quantity: int


class ProposalRow(TypedDict):
    """A command that one actor asked for and another is to approve.

    ``status`` is open, approved (it waits to the end of the day ``delay_until``), executed or
    rejected; ``proposed`` is the command, ``command_id`` its id; ``reserved`` was kept for it
    from the proposal on, ``position`` is where the log has that. A proposal that was rejected
    by its ``proposer`` was withdrawn.
    """

    registry: str
    proposal: str
    kind: str
    command_id: str
    status: str
    proposer: str
    proposed_at: str
    approver: str | None
    approved_at: str | None
    delay_until: str | None
    executed_at: str | None
    rejected_by: str | None
    rejected_at: str | None
    reserved: list[ReservedRow]
    proposed: dict[str, Any]
    reference: str | None
    reason: str | None
    position: int
