"""Actors: who may ask for something, and the roles they hold, as facts of the registry.

A person, a system or an office is registered, and granted roles that take effect and end on
dates of their own. Where the rulebook asks for authority, a command is judged by the roles
that its actor holds when it is recorded (``domain/authority.py``).
"""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from etsledger.domain.acts import names_of
from etsledger.domain.commands import Command, Id, NewId, PersonalName
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AccountExists,
    InvalidCommand,
    NotAuthorised,
    UnknownReference,
)
from etsledger.domain.events import Event
from etsledger.domain.roles import FOR_SOME, ROLES, Role
from etsledger.domain.state import Actor, Fact, RegistryState, RoleFact, Scribe
from etsledger.domain.times import iso

GRANTING = "grant_role"
"""Whoever may send this command keeps the office going: the last one keeps the role."""


class RegisterActor(Command, frozen=True, kw_only=True, tag="register_actor"):
    """Registers who may ask for something; ``entity`` is whom a person or system works for.

    Of the ``name`` of a person the log gets a salted hash.
    """

    personal: ClassVar[tuple[str, ...]] = ("name",)

    example: ClassVar[str] = (
        '{"command": "register_actor", "id": "50", "registry": "trial", "subject": "li.na", '
        '"kind": "person", "entity": "crrc"}'
    )
    subject: NewId
    kind: Literal["person", "system", "office"] = "person"
    entity: Id | None = None
    name: PersonalName | None = None


class GrantRole(Command, frozen=True, kw_only=True, tag="grant_role"):
    """Gives an actor a role from ``effective_at`` on.

    The role ``province`` is for a ``province`` (its account, or its region), the role
    ``entity`` for an ``entity`` (the actor's own unless it says another); ``verifier`` and
    ``auditor`` may be for one of either.
    """

    example: ClassVar[str] = (
        '{"command": "grant_role", "id": "51", "registry": "trial", "subject": "li.na", '
        '"role": "entity", "entity": "crrc"}'
    )
    subject: Id
    role: Role
    province: Id | None = None
    entity: Id | None = None


class RevokeRole(Command, frozen=True, kw_only=True, tag="revoke_role"):
    """Takes a role back from ``effective_at`` on: for one province or entity, or for all."""

    example: ClassVar[str] = (
        '{"command": "revoke_role", "id": "52", "registry": "trial", "subject": "li.na", '
        '"role": "entity"}'
    )
    subject: Id
    role: Role
    province: Id | None = None
    entity: Id | None = None


class ActorRegistered(Event, frozen=True, kw_only=True):
    """An actor is known, without a role yet."""

    entity: str | None = None
    kind: str
    name: str | None = None
    """A salted hash of it."""
    subject: str


class HeldFor(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Whom a role is held for: a province, an entity, or the whole registry."""

    entity: str | None = None
    province: str | None = None


class RoleGranted(Event, frozen=True, kw_only=True):
    """An actor holds a role from the effective time on."""

    entity: str | None = None
    province: str | None = None
    role: str
    subject: str


class RoleRevoked(Event, frozen=True, kw_only=True):
    """An actor holds a role no more, for each of ``held_for``."""

    held_for: tuple[HeldFor, ...]
    role: str
    subject: str


def actor_of(desk: Desk, subject: str) -> Actor:
    """An actor of this registry. Raises UnknownReference."""
    actor = desk.registry.actors.get(subject)
    if actor is None:
        raise UnknownReference(
            f"registry {desk.registry_id} knows no actor {subject!r}; register_actor registers one",
            reference_id=subject, expected="actor",
        )  # fmt: skip
    return actor


def granting_roles(desk: Desk) -> tuple[str, ...]:
    """The roles that may grant roles to anybody, by the rulebook in force now."""
    names = names_of(GRANTING, None)
    rules = desk.rules_now
    powers = ((role, rules.power(role, names)) for role in ROLES)
    return tuple(role for role, power in powers if power is not None and power.scope == "all")


def decide_registration(command: RegisterActor, desk: Desk) -> ActorRegistered:
    """Raises UnknownEntity, AccountExists when the actor is registered already."""
    if command.entity is not None:
        desk.entity(command.entity)
    if command.subject in desk.registry.actors:
        raise AccountExists(
            f"actor {command.subject!r} is registered already in {desk.registry_id}",
            actor=command.subject,
        )
    return ActorRegistered(
        entity=command.entity, kind=command.kind, name=command.name, subject=command.subject
    )


def decide_grant(command: GrantRole, desk: Desk) -> RoleGranted:
    """Raises UnknownReference, UnknownEntity, InvalidCommand when it is not said for whom."""
    actor = actor_of(desk, command.subject)
    entity = granted_for(command, actor)
    if entity is not None:
        desk.entity(entity)
    _said_for_whom(command.role, command.province, entity)
    return RoleGranted(
        entity=entity, province=command.province, role=command.role, subject=command.subject
    )


def _said_for_whom(role: str, province: str | None, entity: str | None) -> None:
    given = {"province": province, "entity": entity}
    for field, value in given.items():
        if role == field and value is None:
            raise InvalidCommand(f"{field}: the role {role} is for one: say which", field=field)
        if role != field and value is not None and role not in FOR_SOME:
            raise InvalidCommand(f"{field}: the role {role} is for no {field}", field=field)
    if province is not None and entity is not None:
        raise InvalidCommand(
            "entity: a role is for a province or for an entity, not for both", field="entity"
        )


def granted_for(command: GrantRole, actor: Actor) -> str | None:
    """The entity that a role is to be held for."""
    if command.entity is None and command.role == "entity":
        return actor.entity
    return command.entity


def revoked(command: RevokeRole, actor: Actor, desk: Desk) -> tuple[RoleFact, ...]:
    """The grants in force at the effective time that a revocation ends."""
    return tuple(
        fact
        for fact in actor.held(desk.effective_at)
        if fact.role == command.role
        and command.province in (None, fact.province)
        and command.entity in (None, fact.entity)
    )


def decide_revocation(command: RevokeRole, desk: Desk) -> RoleRevoked:
    """Raises UnknownReference when the actor or the role is not there, NotAuthorised when nobody
    would be left who may grant roles."""
    actor = actor_of(desk, command.subject)
    found = revoked(command, actor, desk)
    if not found:
        raise UnknownReference(
            f"actor {command.subject} does not hold the role {command.role} at "
            f"{iso(desk.effective_at)}",
            reference_id=command.subject, expected=command.role,
        )  # fmt: skip
    _leaves_somebody(command, desk)
    held_for = tuple(HeldFor(fact.entity, fact.province) for fact in found)
    return RoleRevoked(held_for=held_for, role=command.role, subject=command.subject)


def _leaves_somebody(command: RevokeRole, desk: Desk) -> None:
    """Somebody else holds a granting role from then on, without an end on record."""
    granting = granting_roles(desk)
    if command.role not in granting:
        return
    at = max(desk.effective_at, desk.now)
    for role in granting:
        for subject in desk.registry.holders(role, at):
            kept = (subject, role) != (command.subject, command.role)
            if kept and _keeps(desk.registry.actors[subject], role, at):
                return
    raise NotAuthorised(
        f"actor {command.subject} is the last one of registry {desk.registry_id} who may grant "
        f"roles from {iso(at)} on; grant {' or '.join(granting)} to another first",
        actor=command.subject, role=command.role, roles=list(granting),
    )  # fmt: skip


def _keeps(actor: Actor, role: str, at: datetime) -> bool:
    """Whether a role is held at every time on record after ``at``."""
    return all(actor.holds(role, fact.at) for fact in actor.roles if fact.at > at)


def evolve_registration(
    scribe: Scribe, registry: RegistryState, event: ActorRegistered, fact: Fact
) -> None:
    """The actor is known, without a role yet."""
    actor = Actor(fact.effective_at, fact.position, event.kind, event.entity)
    scribe.put(registry.actors, event.subject, actor)


def evolve_grant(scribe: Scribe, registry: RegistryState, event: RoleGranted, fact: Fact) -> None:
    """The grant joins the actor's timeline."""
    _note(scribe, registry, event.subject, [
        RoleFact(fact.effective_at, fact.position, event.role, True, event.province, event.entity)
    ])  # fmt: skip
    holders = registry.granted.get(event.role)
    if holders is None:
        holders = dict[str, int]()
        scribe.put(registry.granted, event.role, holders)
    if event.subject not in holders:
        scribe.put(holders, event.subject, fact.position)


def evolve_revocation(
    scribe: Scribe, registry: RegistryState, event: RoleRevoked, fact: Fact
) -> None:
    """The end of each grant joins the actor's timeline."""
    at, position = fact.effective_at, fact.position
    _note(scribe, registry, event.subject, [
        RoleFact(at, position, event.role, False, one.province, one.entity)
        for one in event.held_for
    ])  # fmt: skip


def _note(scribe: Scribe, registry: RegistryState, subject: str, facts: list[RoleFact]) -> None:
    actor = registry.actors[subject]
    roles = sorted((*actor.roles, *facts), key=lambda fact: (fact.at, fact.position))
    scribe.put(registry.actors, subject, msgspec.structs.replace(actor, roles=tuple(roles)))
