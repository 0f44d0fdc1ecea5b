"""Corrections: a new linked fact that takes an earlier one back; nothing is overwritten."""

from typing import ClassVar

from msgspec import field

from etsledger.domain import custody
from etsledger.domain.commands import Command, CommandId
from etsledger.domain.desk import OUTSIDE, Desk, Recorded
from etsledger.domain.errors import (
    AlreadyReversed,
    InsufficientUnits,
    NotReversible,
    UnknownReference,
)
from etsledger.domain.events import ISSUANCE, Event, Posting, move
from etsledger.domain.issuance import (
    OpeningBalanceRecorded,
    UnitsDistributed,
    UnitsIssued,
    UnitsReserved,
)
from etsledger.domain.state import Fact, RegistryState, Scribe
from etsledger.domain.transfers import UnitsTransferred


class Reverse(Command, frozen=True, kw_only=True, tag="reverse"):
    """Reverses a movement, named by its command id: once, while the units are still there."""

    example: ClassVar[str] = (
        '{"command": "reverse", "id": "19", "registry": "trial", "reverses": "14"}'
    )
    reverses: CommandId


class MovementReversed(Event, frozen=True, kw_only=True):
    """The movement of an earlier command was taken back (its position is given); ``custody``
    tonnes of it are kept for the entity again."""

    custody: int = 0
    source: str = field(name="from")
    quantity: int
    reversal: str
    reversed_position: int
    reverses: str
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From where the units went back to where they came from."""
        moved = move(self.unit, self.quantity, self.source, self.target)
        if not self.custody:
            return moved
        return (*moved, (self.target, self.unit, "restricted", self.custody))


def decide(command: Reverse, desk: Desk) -> MovementReversed:
    """Raises UnknownReference, AlreadyReversed, NotReversible, AccountClosed, AccountFrozen,
    InvalidCommand (before the reversed fact took effect), RecallOutstanding,
    BackdatedOverdraft."""
    earlier = _movement(command.reverses, desk)
    event = earlier.event
    movement = _movement_name(event)
    (source, unit, _, _), (target, _, _, quantity) = event.postings()[-2:]
    back_from, back_to = (
        desk.account(target),
        OUTSIDE if source == ISSUANCE else desk.account(source),
    )
    desk.may_send(target, back_from, unit)
    desk.may_receive(source, back_to, unit)
    route = desk.route(movement, unit, back_to, back_from)
    if not route.reversible:
        raise NotReversible(
            f"rulebook {desk.rules.data.name} lets no {movement} of {unit} be reversed",
            reverses=command.reverses, movement=movement,
        )  # fmt: skip
    desk.not_before(earlier.fact.effective_at, f"command {command.reverses!r}")
    desk.no_recall_open(target, back_from)
    try:
        desk.take(target, unit, quantity)
    except InsufficientUnits as short:
        raise NotReversible(
            f"the {quantity} t of {unit} are no longer at {target}: {short.message}",
            reverses=command.reverses, **short.numbers,
        ) from None  # fmt: skip
    return MovementReversed(
        custody=event.custody if isinstance(event, UnitsTransferred) else 0,
        source=target,
        quantity=quantity,
        reversal=command.id,
        reversed_position=earlier.fact.position,
        reverses=command.reverses,
        target=source,
        unit=unit,
    )


def _movement(command_id: str, desk: Desk) -> Recorded:
    earlier = [r for r in desk.past.recorded(command_id) if r.fact.registry == desk.registry_id]
    if not earlier:
        raise UnknownReference(
            f"no accepted command of registry {desk.registry_id} has the id {command_id!r}",
            reference_id=command_id,
        )
    by = desk.registry.reversed.get(command_id)
    if by is not None:
        raise AlreadyReversed(
            f"command {command_id!r} was reversed by {by!r}; a fact is reversed once",
            reverses=command_id, reversed_by=by,
        )  # fmt: skip
    first = earlier[0]
    if len(earlier) > 1 or first.command_id != command_id or not _movement_name(first.event):
        kinds = ", ".join(sorted({type(r.event).__name__ for r in earlier}))
        raise NotReversible(
            f"command {command_id!r} recorded {kinds}, which is not one movement that can be "
            "taken back; reverse the single commands of a batch, lift a freeze, reject a "
            "pending surrender",
            reverses=command_id,
        )
    if isinstance(first.event, OpeningBalanceRecorded) and first.event.facts:
        raise NotReversible(
            f"the opening balance {command_id!r} also states {', '.join(first.event.facts)}, which "
            "later rules rest on; correct its units by a transfer of kind correction",
            reverses=command_id, facts=sorted(first.event.facts),
        )  # fmt: skip
    return first


def _movement_name(event: Event) -> str:
    match event:
        case UnitsTransferred():
            return f"transfer.{event.kind}"
        case UnitsIssued():
            return "issue"
        case OpeningBalanceRecorded():
            return "opening_balance"
        case UnitsDistributed():
            return "distribute"
        case UnitsReserved():
            return "reserve"
        case _:
            return ""


def evolve(scribe: Scribe, registry: RegistryState, event: MovementReversed, fact: Fact) -> None:
    """The reversed command is remembered, so that it is reversed once only."""
    scribe.put(registry.reversed, event.reverses, event.reversal)
    if event.custody:
        entity = registry.accounts[event.source].entity or ""
        custody.change(
            scribe, registry, entity, event.target, event.unit, event.custody, fact.effective_at
        )
