"""Entities: the key emitting entities and other participants of a registry."""

from typing import ClassVar, Literal

import msgspec

from etsledger.domain.commands import Command, Id, NewId, Text, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import AccountExists
from etsledger.domain.events import Event
from etsledger.domain.state import Entity, Fact, RegistryState, Scribe, StatusFact

Sector = Literal["power", "steel", "cement", "aluminium", "industry", "other"]
EntityStatus = Literal["active", "at_risk", "shut", "dissolved"]
AllocationMethod = Literal["benchmark", "historical_intensity", "historical_emissions", "verified"]


class RegisterEntity(Command, frozen=True, kw_only=True, tag="register_entity"):
    """Registers an entity; ``province`` is the account or region that serves it."""

    example: ClassVar[str] = (
        '{"command": "register_entity", "id": "3", "registry": "trial", "entity": "crrc", '
        '"name": "CRRC Power", "sector": "power"}'
    )
    entity: NewId
    name: Text
    sector: Sector
    province: Id | None = None
    uscc: Text | None = None
    first_year: Year | None = None
    allocation_method: AllocationMethod | None = None


class SetEntityStatus(Command, frozen=True, kw_only=True, tag="set_entity_status"):
    """Says how an entity stands from ``effective_at`` on: a decision of its province.

    ``at_risk`` sends its allowances to the province's custody (rule N-DIFF); ``shut`` and
    ``dissolved`` end pre-allocation; a ``dissolved`` one owes nothing for years not yet due.
    """

    example: ClassVar[str] = (
        '{"command": "set_entity_status", "id": "30", "registry": "cn-national", '
        '"entity": "huaneng", "status": "at_risk"}'
    )
    entity: Id
    status: EntityStatus


class EntityStatusSet(Event, frozen=True, kw_only=True):
    """An entity's status from the effective time on."""

    entity: str
    status: str


class EntityRegistered(Event, frozen=True, kw_only=True):
    """An entity joined the registry."""

    allocation_method: str | None = None
    entity: str
    first_year: int | None = None
    name: str
    province: str | None = None
    sector: str
    uscc: str | None = None


def decide(command: RegisterEntity, desk: Desk) -> EntityRegistered:
    """Raises AccountExists when the entity is registered already."""
    if command.entity in desk.registry.entities:
        raise AccountExists(
            f"entity {command.entity!r} is registered already in {desk.registry_id}",
            entity=command.entity,
        )
    return EntityRegistered(
        entity=command.entity,
        name=command.name,
        sector=command.sector,
        province=command.province,
        uscc=command.uscc,
        first_year=command.first_year,
        allocation_method=command.allocation_method,
    )


def decide_status(command: SetEntityStatus, desk: Desk) -> EntityStatusSet:
    """Raises UnknownEntity."""
    desk.entity(command.entity)
    return EntityStatusSet(entity=command.entity, status=command.status)


def evolve(scribe: Scribe, registry: RegistryState, event: EntityRegistered, fact: Fact) -> None:
    """The entity is known, without an account yet."""
    scribe.put(
        registry.entities,
        event.entity,
        Entity(
            name=event.name,
            sector=event.sector,
            province=event.province,
            uscc=event.uscc,
            first_year=event.first_year,
            allocation_method=event.allocation_method,
            position=fact.position,
        ),
    )


def evolve_status(
    scribe: Scribe, registry: RegistryState, event: EntityStatusSet, fact: Fact
) -> None:
    """The status joins the entity's timeline."""
    entity = registry.entities[event.entity]
    statuses = sorted(
        (*entity.statuses, StatusFact(fact.effective_at, fact.position, event.status)),
        key=lambda status: (status.at, status.position),
    )
    changed = msgspec.structs.replace(entity, statuses=tuple(statuses))
    scribe.put(registry.entities, event.entity, changed)
