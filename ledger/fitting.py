"""What must hold of every event in a log, once it is applied: the laws of the books.

Verification reports what does not; an import refuses it.
"""

import hashlib
from typing import Any, Final

from etsledger.domain.events import OUTSIDE_ACCOUNTS, Posting
from etsledger.domain.proposals import ProposalApproved, ProposalExecuted
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import State
from etsledger.ledger.record import Logged, Record

_APPROVALS: Final = (ProposalApproved.__name__, ProposalExecuted.__name__)
_ADOPTING: Final = (RegistryOpened, RulebookAdopted)


class Neighbours:
    """The ids of a log, event by event: what an event may share with the one before it.

    The events of one command stand together and keep the same command, batch and recorded
    time; the commands of one batch stand together and share its recorded time, and so do an
    approval and the command that it brings about, whose batch it is. Ids that stand apart
    are for the table of command ids to tell, which holds each of them once.
    """

    def __init__(self) -> None:
        self._id: str | None = None
        self._record: Record[Any] | None = None

    def used_before(self, command_id: str, record: Record[Any]) -> str | None:
        """What is wrong with the ids of the next event; None when nothing is."""
        last_id, self._id = self._id, command_id
        before, self._record = self._record, record
        batch = record.batch
        if batch == command_id and record.type not in _APPROVALS:
            return f"the command and the batch around it have one id, {command_id!r}"
        if before is None or (command_id != last_id and batch is None and before.batch is None):
            return None
        shared = {command_id, batch} & {last_id, before.batch}
        if batch == before.batch and record.recorded_at == before.recorded_at:
            shared.discard(batch)
            if command_id == last_id and bytes(record.command) == bytes(before.command):
                shared.discard(command_id)
        for again in sorted(name for name in shared if name is not None):
            return f"the command id {again!r} was used before, at position {before.position}"
        return None


def _mirrored(legs: tuple[Posting, ...]) -> bool:
    """Whether they are two, of one unit and bucket, that cancel out, as most are."""
    if len(legs) != 2:
        return False
    (_, unit, bucket, out), (_, other, same, back) = legs
    return out == -back and unit == other and bucket == same


def unfit(state: State, logged: Logged, legs: tuple[Posting, ...]) -> list[tuple[str, str]]:
    """What is wrong with an event that was just applied: ``(check, message)`` each.

    ``legs`` are its postings. Tonnes that appear or vanish, an account left with less than
    nothing, a rulebook that is not what its hash says or was never adopted.
    """
    record = logged.record
    registry = state.registries[record.registry]
    found: list[tuple[str, str]] = []
    for account, unit, bucket, quantity in legs:
        if quantity < 0 and bucket == "held" and account not in OUTSIDE_ACCOUNTS:
            held = registry.holdings[account][unit].held
            if held < 0:
                found.append(("conservation", f"{account} is left with {held} t of {unit}"))
    if not _mirrored(legs):
        sums: dict[str, int] = {}
        for _, unit, bucket, quantity in legs:
            if bucket == "held":
                sums[unit] = sums.get(unit, 0) + quantity
        for unit, total in sums.items():
            if total:
                message = f"the postings of {unit} sum to {total}, not to zero"
                found.append(("conservation", message))
    adoptions = registry.adoptions
    if not adoptions or (
        adoptions[-1].rulebook != record.rulebook
        and all(adoption.rulebook != record.rulebook for adoption in adoptions)
    ):
        message = f"{record.registry} never adopted the rulebook {record.rulebook.hash}"
        found.append(("rulebook", message))
    if isinstance(logged.event, _ADOPTING):
        stated = logged.event.rulebook.hash
        actual = hashlib.sha256(logged.event.text.encode()).hexdigest()
        if actual != stated:
            message = f"the text of the rulebook hashes to {actual}, not to {stated}"
            found.append(("rulebook", message))
    return found
