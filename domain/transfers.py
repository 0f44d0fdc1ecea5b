"""Transfers outside the market: succession, court orders, release, correction, and free
transfer where the rulebook has it (rules X-9, N-TRD-1: all trade goes through the exchange).

A release out of a government account to an entity takes what is in custody for it first.
"""

from typing import ClassVar, Literal

from msgspec import field

from etsledger.domain import custody
from etsledger.domain.commands import Command, Id, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import RouteNotAllowed
from etsledger.domain.events import Event, Posting, move
from etsledger.domain.state import Fact, RegistryState, Scribe

TransferKind = Literal["succession", "judicial", "release", "correction", "free"]


class Transfer(Command, frozen=True, kw_only=True, tag="transfer"):
    """Moves units from one account to another; ``kind`` says on what ground."""

    example: ClassVar[str] = (
        '{"command": "transfer", "id": "14", "registry": "trial", "unit": "CEA:2023", '
        '"quantity": 100, "from": "authority", "to": "crrc-1", "kind": "free"}'
    )
    unit: Unit
    quantity: Tonnes
    source: Id = field(name="from")
    to: Id
    kind: TransferKind


class UnitsTransferred(Event, frozen=True, kw_only=True):
    """Units went from one account to another; ``custody`` tonnes of them were kept there for
    the entity that is given them."""

    custody: int = 0
    source: str = field(name="from")
    kind: str
    quantity: int
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From source to target; out of custody first."""
        moved = move(self.unit, self.quantity, self.source, self.target)
        if not self.custody:
            return moved
        return ((self.source, self.unit, "restricted", -self.custody), *moved)


def decide(command: Transfer, desk: Desk) -> UnitsTransferred:
    """Raises UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed, RouteNotAllowed,
    RecallOutstanding, InsufficientUnits, BackdatedOverdraft."""
    source, target = desk.account(command.source), desk.account(command.to)
    desk.may_send(command.source, source, command.unit)
    desk.may_receive(command.to, target, command.unit)
    desk.route(f"transfer.{command.kind}", command.unit, source, target)
    if command.source == command.to:
        raise RouteNotAllowed(
            f"units of {command.source} cannot be transferred to itself", account=command.to
        )
    desk.no_recall_open(command.source, source)
    kept = 0
    if command.kind == "release" and target.entity is not None:
        kept = custody.kept(
            desk.registry, target.entity, command.source, command.unit, desk.effective_at
        )
        kept = min(kept, command.quantity)
    if command.quantity > kept:
        desk.take(command.source, command.unit, command.quantity - kept)
    return UnitsTransferred(
        custody=kept,
        source=command.source,
        kind=command.kind,
        quantity=command.quantity,
        target=command.to,
        unit=command.unit,
    )


def evolve(scribe: Scribe, registry: RegistryState, event: UnitsTransferred, fact: Fact) -> None:
    """What came out of custody is kept no more."""
    if event.custody:
        entity = registry.accounts[event.target].entity or ""
        custody.change(
            scribe, registry, entity, event.source, event.unit, -event.custody, fact.effective_at
        )
