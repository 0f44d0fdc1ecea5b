"""The second person: which commands need one, and who may be it.

The rulebook lists the kinds (``[[authority.approvals]]``): some are proposed, approved by
another and then executed (``domain/proposals.py``), some are sent with the name of the one who
approved. As authority, all of it is judged by what holds when the command is recorded.
"""

from typing import TYPE_CHECKING

import msgspec

from etsledger.domain import authority
from etsledger.domain.commands import Command, command_name
from etsledger.domain.counterparties import between_trusted
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ApprovalRequired, InvalidCommand, NotAuthorised, Refusal

if TYPE_CHECKING:
    from etsledger.domain.rulebook_office import Approval


def row_of(command: Command, desk: Desk) -> "Approval | None":
    """The row of the rulebook in force now that asks a second person for a command."""
    return desk.rules_now.approval(authority.command_names(command))


def refusal(command: Command, desk: Desk) -> Refusal | None:
    """Why a command may not be sent by one person alone; None where it may."""
    row = row_of(command, desk)
    if row is None or is_spared(command, row, desk):
        return None
    name, by = authority.command_names(command)[0], " or ".join(row.by)
    if row.form == "named" and command.approved_by is not None:
        return not_approved_by(command.approved_by, command.actor, command, desk)
    how = (
        f"send it with approved_by: another actor who is {by}"
        if row.form == "named"
        else f"propose it, and let another actor who is {by} approve it"
    )
    return ApprovalRequired(
        f"rulebook {desk.rules_now.data.name} asks for a second person for {name}: {how}",
        command=name, form=row.form, by=list(row.by), source=row.source,
    )  # fmt: skip


def is_spared(command: Command, row: "Approval", desk: Desk) -> bool:
    """Whether trust between the two accounts takes the place of the second person."""
    return row.trusted and between_trusted(command, command_name(command), desk)


def not_approved_by(
    approver: str, proposer: str | None, command: Command, desk: Desk
) -> Refusal | None:
    """Why somebody may not approve a command of ``proposer``; None where he may.

    With a row of the rulebook one of its roles approves what it reaches; without one whoever
    could have sent the command himself.
    """
    name = authority.command_names(command)[0]
    if approver == proposer:
        return ApprovalRequired(
            f"{name} needs a second person: {approver} asks for it and cannot approve it",
            command=name, actor=approver,
        )  # fmt: skip
    if desk.rules_now.authority is None:
        return None
    row = row_of(command, desk)
    if row is None:
        return authority.refusal(_sent_by(approver, command), desk)
    if any(
        fact.role in row.by and authority.reaches(fact, command, desk)
        for fact in authority.roles_of(approver, desk)
    ):
        return None
    roles = [fact.role for fact in authority.roles_of(approver, desk)]
    return NotAuthorised(
        f"actor {approver} ({', '.join(roles) or 'without a role'}) may not approve {name} here; "
        f"it may be approved by {', '.join(row.by)}",
        actor=approver, command=name, roles=roles, could=list(row.by),
    )  # fmt: skip


def not_handled_by(
    actor: str, proposer: str, command: Command, handling: str, desk: Desk
) -> Refusal | None:
    """Why somebody may not reject or execute (``handling``) what was proposed.

    The proposer may, whoever may approve, and a role whose power over the whole registry
    names ``handling``.
    """
    if actor == proposer or desk.rules_now.authority is None:
        return None
    for fact in authority.roles_of(actor, desk):
        power = desk.rules_now.power(fact.role, (handling, "*"))
        if power is not None and power.scope == "all":
            return None
    return not_approved_by(actor, None, command, desk)


def actor_of(command: Command, what: str, desk: Desk) -> str:
    """Who sends a command that is nothing without a name.

    Raises InvalidCommand, where the rulebook asks for authority NotAuthorised.
    """
    if command.actor is not None:
        return command.actor
    message = f"{what} names no actor: a second person is another than the first"
    if desk.rules_now.authority is None:
        raise InvalidCommand(f"actor: {message}", field="actor")
    raise NotAuthorised(message, actor=None, command=command_name(command), roles=[])


def _sent_by(actor: str, command: Command) -> Command:
    return msgspec.structs.replace(command, actor=actor)
