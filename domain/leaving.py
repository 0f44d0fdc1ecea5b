"""Leaving: an entity of a pilot moves to the national market (rules N-COV-5, Q-COV-2).

What it was given free and still holds is to be cancelled within some years.
"""

from typing import ClassVar

import msgspec

from etsledger.domain.commands import Command, Id, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ParticipantNotAllowed
from etsledger.domain.events import Event
from etsledger.domain.state import Fact, Leave, RegistryState, Scribe


class LeaveRegistry(Command, frozen=True, kw_only=True, tag="leave_registry"):
    """Records that an entity owes nothing here from ``first_year_elsewhere`` on."""

    example: ClassVar[str] = (
        '{"command": "leave_registry", "id": "47", "registry": "cn-chongqing", '
        '"entity": "steelworks", "first_year_elsewhere": 2024}'
    )
    entity: Id
    first_year_elsewhere: Year


class LeftoverUnits(msgspec.Struct, frozen=True, gc=False):
    """Units that were given free and are still held (tonnes)."""

    tonnes: int
    unit: str


class EntityLeft(Event, frozen=True, kw_only=True):
    """An entity moved to another market; its free units are to be cancelled by a date."""

    cancel_by: str | None = None
    entity: str
    first_year_elsewhere: int
    rule: str = ""
    to_cancel: tuple[LeftoverUnits, ...] = ()


def decide(command: LeaveRegistry, desk: Desk) -> EntityLeft:
    """Raises UnknownEntity, ParticipantNotAllowed when it left before."""
    entity = desk.entity(command.entity)
    if entity.leaves:
        raise ParticipantNotAllowed(
            f"entity {command.entity} left registry {desk.registry_id} before, from "
            f"{entity.leaves[-1].first_year} on",
            entity=command.entity, first_year_elsewhere=entity.leaves[-1].first_year,
        )  # fmt: skip
    rule = desk.rules.data.leaving
    cancel_by = None if rule is None else f"{command.first_year_elsewhere + rule.years}-12-31"
    return EntityLeft(
        cancel_by=cancel_by,
        entity=command.entity,
        first_year_elsewhere=command.first_year_elsewhere,
        rule="" if rule is None else rule.rule,
        to_cancel=() if rule is None else free_units(desk, command.entity),
    )


def free_units(desk: Desk, entity: str) -> tuple[LeftoverUnits, ...]:
    """What the entity holds of units that it was given free: never more than was given.

    What was bought is not in it: of a unit held, the free tonnes count as left over as far as
    they were given and not recalled [ADOPTED].
    """
    sector = desk.entity(entity).sector
    given: dict[str, int] = {}
    for year in desk.registry.years.get(entity, {}):
        book, table = desk.year_book_then(entity, year), desk.rules.year(sector, year)
        if table is not None:
            given[table.unit] = given.get(table.unit, 0) + book.granted - book.recalled
    found: list[LeftoverUnits] = []
    for unit, tonnes in sorted(given.items()):
        held = sum(
            desk.depth(account, unit).held for account in desk.registry.owned.get(entity, ())
        )
        if min(tonnes, held) > 0:
            found.append(LeftoverUnits(min(tonnes, held), unit))
    return tuple(found)


def evolve(scribe: Scribe, registry: RegistryState, event: EntityLeft, fact: Fact) -> None:
    """The entity's timeline knows when it left, and from which year on."""
    entity = registry.entities[event.entity]
    leave = Leave(fact.effective_at, fact.position, event.first_year_elsewhere)
    changed = msgspec.structs.replace(entity, leaves=(*entity.leaves, leave))
    scribe.put(registry.entities, event.entity, changed)
