"""Entities: the key emitting entities and other participants of a registry."""

from typing import ClassVar, Literal

from etsledger.domain.commands import Command, Id, NewId, Text, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import AccountExists
from etsledger.domain.events import Event
from etsledger.domain.state import Entity, Fact, RegistryState, Scribe

Sector = Literal["power", "steel", "cement", "aluminium", "industry", "other"]
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
        ),
    )
