"""Particulars of an entity that change: its name, its credit code, its province (rule X-9).

They change from an effective time on; as-of questions before it show the old ones. The
province says which government account serves the entity: what the old one keeps for it goes
to the new one in the same fact.
"""

from typing import ClassVar

import msgspec
from msgspec import field

from etsledger.domain import custody
from etsledger.domain.commands import Command, Id, Text
from etsledger.domain.desk import Desk
from etsledger.domain.events import Event, Posting
from etsledger.domain.state import Amendment, Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso


class AmendEntity(Command, frozen=True, kw_only=True, tag="amend_entity"):
    """Gives an entity another name, credit code (USCC) or province from ``effective_at`` on.

    What is not named stays as it is. ``province`` is the account or region that serves it.
    """

    example: ClassVar[str] = (
        '{"command": "amend_entity", "id": "48", "registry": "cn-national", '
        '"entity": "huaneng", "name": "Huaneng Hubei Power", "province": "hubei"}'
    )
    entity: Id
    name: Text | None = None
    province: Id | None = None
    uscc: Text | None = None

    def __post_init__(self) -> None:
        if self.name is None and self.province is None and self.uscc is None:
            raise ValueError("nothing to amend: give a name, a province or a uscc")


class CustodyMoved(msgspec.Struct, frozen=True, gc=False):
    """Tonnes of a unit that one government account kept for an entity and another one keeps
    from now on."""

    source: str = field(name="from")
    quantity: int
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """Out of the custody of one account, into that of the other."""
        out: Posting = (self.source, self.unit, "restricted", -self.quantity)
        return (out, *custody.into(self.unit, self.quantity, self.source, self.target))


class EntityAmended(Event, frozen=True, kw_only=True):
    """An entity's particulars from the effective time on: those named, each with what it was
    before; and what was kept for it and is kept elsewhere now."""

    before: dict[str, str | None]
    custody: tuple[CustodyMoved, ...] = ()
    entity: str
    name: str | None = None
    province: str | None = None
    uscc: str | None = None

    def postings(self) -> tuple[Posting, ...]:
        """What went from one custody to another."""
        return tuple(leg for part in self.custody for leg in part.postings())


def decide(command: AmendEntity, desk: Desk) -> EntityAmended:
    """Raises UnknownEntity, AccountClosed, AccountFrozen (a custody that would change)."""
    entity = desk.entity(command.entity)
    given = {"name": command.name, "province": command.province, "uscc": command.uscc}
    named = {key: value for key, value in given.items() if value is not None}
    before = {key: getattr(entity, key) for key in named}
    if before == named:
        desk.warn(
            f"entity {command.entity} has these particulars already at {iso(desk.effective_at)}"
        )
    return EntityAmended(
        before=before,
        custody=_custody(command.entity, entity, command.province, desk),
        entity=command.entity,
        **named,
    )


def _custody(
    entity_id: str, entity: Entity, province: str | None, desk: Desk
) -> tuple[CustodyMoved, ...]:
    """What the account that served the entity keeps for it, when another one serves it."""
    if province is None:
        return ()
    source = desk.province_account(entity)
    target = desk.province_account(msgspec.structs.replace(entity, province=province))
    if source == target:
        return ()
    moved: list[CustodyMoved] = []
    for one in desk.registry.custody.get(entity_id, ()):
        if one.account != source:
            continue
        tonnes = custody.kept(desk.registry, entity_id, source, one.unit, desk.effective_at)
        if tonnes:
            desk.may_send(source, desk.account(source), one.unit)
            desk.may_receive(target, desk.account(target), one.unit)
            moved.append(CustodyMoved(source=source, quantity=tonnes, target=target, unit=one.unit))
    return tuple(moved)


def evolve(scribe: Scribe, registry: RegistryState, event: EntityAmended, fact: Fact) -> None:
    """The amendment joins the entity's timeline; custody is noted where it is now."""
    at = fact.effective_at
    entity = registry.entities[event.entity]
    amendment = Amendment(at, fact.position, event.name, event.province, event.uscc)
    amendments = sorted((*entity.amendments, amendment), key=lambda one: (one.at, one.position))
    changed = msgspec.structs.replace(entity, amendments=tuple(amendments))
    scribe.put(registry.entities, event.entity, changed)
    for part in event.custody:
        custody.change(scribe, registry, event.entity, part.source, part.unit, -part.quantity, at)
        custody.change(scribe, registry, event.entity, part.target, part.unit, part.quantity, at)
