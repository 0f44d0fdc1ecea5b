"""Authority: whether an actor may send a command, by its roles and the rulebook.

Judged by what holds when the command is recorded, never at its effective time: nobody acts
in the name of a role that he had once, or will have. Off unless the rulebook in force asks
for it (``[authority] required``).
"""

from datetime import datetime
from typing import NamedTuple

from etsledger.domain.actors import (
    GRANTING,
    GrantRole,
    RegisterActor,
    RevokeRole,
    granted_for,
    granting_roles,
    revoked,
)
from etsledger.domain.acts import ACTS, Acts, names_of
from etsledger.domain.commands import Command, command_name
from etsledger.domain.desk import Desk
from etsledger.domain.errors import NotAuthorised
from etsledger.domain.events import AUTHORITY, OUTSIDE_ACCOUNTS, PROVINCE, RESERVE
from etsledger.domain.roles import FOR_SOME, ROLES
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Account, Actor, RegistryState, RoleFact
from etsledger.domain.times import iso

_NOTHING = Acts()


class Acted(NamedTuple):
    """What a command acts on, by id; ``kinds`` are those of accounts that come to be."""

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    everybody: bool = False
    """It concerns the whole registry: none but a role of scope ``all`` may send it."""


def command_names(command: Command) -> tuple[str, ...]:
    """What a rulebook may call a command, the nearest first: transfer.correction, transfer, *."""
    name = command_name(command)
    qualifier = ACTS.get(name, _NOTHING).qualifier
    return names_of(name, getattr(command, qualifier) if qualifier else None)


def refusal(command: Command, desk: Desk) -> NotAuthorised | None:
    """Why the actor of a command may not send it now; None where it may, or nobody asks."""
    if desk.rules_now.authority is None or _is_the_beginning(command, desk):
        return None
    names, rules = command_names(command), desk.rules_now
    could = roles_that_could(rules, names)
    actor = None if command.actor is None else desk.registry.actors.get(command.actor)
    held = actor.held(desk.now) if actor is not None else ()
    if not held:
        return _without_role(command, actor, could, desk)
    acted: Acted | None = None
    reasons: list[str] = []
    for fact in held:
        power = rules.power(fact.role, names)
        if power is None or power.scope == "none":
            continue
        scope = scope_of(power.scope, fact)
        if scope == "all" and power.accounts is None:
            return None
        acted = acted or acted_on(command, desk)
        outside = _outside(scope, power.accounts, fact, acted, desk)
        if outside is None:
            return None
        reasons.append(f"as {_held_as(fact)} {outside}")
    roles = [fact.role for fact in held]
    what = f"actor {command.actor} ({', '.join(map(_held_as, held))}) may not send {names[0]}"
    return NotAuthorised(
        f"{what}{': ' if reasons else '; '}{'; '.join(reasons) or _may(could)}",
        actor=command.actor, command=names[0], roles=roles, could=could,
    )  # fmt: skip


def scope_of(scope: str, held: RoleFact) -> str:
    """The scope of a row, as narrow as the role is held: for one province or entity, or all."""
    narrower = held.role in FOR_SOME and (held.province or held.entity)
    return "province" if scope == "all" and narrower else scope


def roles_of(subject: str, desk: Desk) -> tuple[RoleFact, ...]:
    """The roles that somebody holds now; none for who is no actor."""
    actor = desk.registry.actors.get(subject)
    return () if actor is None else actor.held(desk.now)


def reaches(held: RoleFact, command: Command, desk: Desk) -> bool:
    """Whether a role, as one is granted it, is held for all that a command acts on."""
    scope = "province" if held.province else "own" if held.entity else "all"
    return _outside(scope, None, held, acted_on(command, desk), desk) is None


def roles_that_could(rules: Rulebook, names: tuple[str, ...]) -> list[str]:
    """The roles that may send a command, of whatever scope."""
    powers = ((role, rules.power(role, names)) for role in ROLES)
    return [role for role, power in powers if power is not None and power.scope != "none"]


def _is_the_beginning(command: Command, desk: Desk) -> bool:
    """While nobody may grant roles, anybody may register actors and grant the first ones."""
    if not isinstance(command, RegisterActor | GrantRole):
        return False
    registry, now = desk.registry, desk.now
    held = (next(registry.holders(role, now), None) for role in granting_roles(desk))
    return all(subject is None for subject in held)


def _without_role(
    command: Command, actor: Actor | None, could: list[str], desk: Desk
) -> NotAuthorised:
    given = command.actor
    name = command_names(command)[0]
    if given is None:
        why = (
            f"{name} names no actor, and rulebook {desk.rules_now.data.name} asks for one in "
            f"registry {desk.registry_id}"
        )
    elif actor is None:
        why = f"registry {desk.registry_id} knows no actor {given!r} (register_actor registers one)"
    else:
        why = f"actor {given} holds no role in registry {desk.registry_id} at {iso(desk.now)}"
    return NotAuthorised(f"{why}; {_may(could)}", actor=given, command=name, roles=[], could=could)


def _may(could: list[str]) -> str:
    if not could:
        return "no role of this rulebook may send it"
    return f"it may be sent by {', '.join(could)}; {GRANTING} grants a role"


def _held_as(fact: RoleFact) -> str:
    whose = fact.province or fact.entity
    return fact.role if whose is None else f"{fact.role} of {whose}"


# -- what it acts on -----------------------------------------------------------------------------


def acted_on(command: Command, desk: Desk) -> Acted:
    """The accounts, entities and provinces of a command, by the table ``ACTS``."""
    acts = ACTS.get(command_name(command))
    if acts is None:
        return Acted(everybody=True)
    if isinstance(command, GrantRole | RevokeRole):
        return _held_for(command, desk)
    entities = _named(command, acts.entities)
    sources = _named(command, acts.sources)
    if acts.claim is not None:
        field, table = acts.claim
        claim = getattr(desk.registry, table).get(getattr(command, field))
        if claim is not None:
            sources = (claim.account,)
            if table == "surrenders" and claim.entity is not None:
                entities = (claim.entity,)
    if acts.reversed_command:
        sources = _of_reversed(getattr(command, acts.reversed_command), desk)
    if not sources and acts.default_source:
        sources = _default(acts.default_source, entities, desk)
    kinds = _named(command, (acts.kind_of_account,)) if acts.kind_of_account else ()
    targets, provinces = _named(command, acts.targets), _named(command, acts.provinces)
    return Acted(sources, targets, entities, provinces, kinds)


def _named(command: Command, fields: tuple[str, ...]) -> tuple[str, ...]:
    given = (getattr(command, field) for field in fields)
    found: list[str] = []
    for one in given:
        found.extend(one if isinstance(one, tuple) else () if one is None else (one,))  # pyright: ignore[reportUnknownArgumentType]
    return tuple(found)


def _default(kind: str, entities: tuple[str, ...], desk: Desk) -> tuple[str, ...]:
    if kind in {AUTHORITY, RESERVE}:
        return (kind,)
    if not entities or entities[0] not in desk.registry.entities:
        return ()
    entity = desk.entity(entities[0])
    if kind == "government":
        return (desk.province_account(entity),)
    return () if entity.account is None else (entity.account,)


def _of_reversed(command_id: str, desk: Desk) -> tuple[str, ...]:
    """Every account that the earlier command moved units of, in or out."""
    found = {
        account: None
        for recorded in desk.past.recorded(command_id)
        if recorded.fact.registry == desk.registry_id
        for account, *_ in recorded.event.postings()
        if account not in OUTSIDE_ACCOUNTS
    }
    return tuple(found)


def _held_for(command: GrantRole | RevokeRole, desk: Desk) -> Acted:
    """Whom the role is held for: a role for the whole registry concerns everybody."""
    actor = desk.registry.actors.get(command.subject)
    if actor is None:
        return Acted(everybody=True)
    if isinstance(command, GrantRole):
        places = [(command.province, granted_for(command, actor))]
    else:
        places = [(fact.province, fact.entity) for fact in revoked(command, actor, desk)]
    return Acted(
        entities=tuple(entity for _, entity in places if entity is not None),
        provinces=tuple(province for province, _ in places if province is not None),
        everybody=not places or any(place == (None, None) for place in places),
    )


# -- whether that is within reach ----------------------------------------------------------------


def _outside(
    scope: str, kinds: tuple[str, ...] | None, held: RoleFact, acted: Acted, desk: Desk
) -> str | None:
    """What of it the role does not reach, in words; None when it reaches all of it."""
    if kinds is not None:
        allowed = {kind for name in kinds for kind in desk.rules_now.data.kinds_in(name)}
        for account_id in acted.sources:
            account = desk.registry.accounts.get(account_id)
            if account is None or account.kind not in allowed:
                kind = "unknown" if account is None else account.kind
                return (
                    f"he takes from accounts of {', '.join(kinds)} only, not {account_id} ({kind})"
                )
        for kind in acted.kinds:
            if kind not in allowed:
                return f"he opens accounts of {', '.join(kinds)} only, not of {kind}"
    if scope == "all":
        return None
    registry = desk.registry
    if scope == "own":
        whose = f"he reaches what is {held.entity}'s own"
        reached = Reach(registry, desk.now, entity=held.entity)
        found = reached.first_outside(acted.sources, acted.entities, acted.provinces)
    else:
        whose = f"he reaches {held.province or held.entity or 'no province'} and what is its own"
        reached = Reach(registry, desk.now, province=held.province, entity=held.entity)
        given = tuple(one for one in acted.targets if one != AUTHORITY)
        found = reached.first_outside((*acted.sources, *given), acted.entities, acted.provinces)
    if found is not None:
        return f"{whose}, not {found}"
    named = (*acted.sources, *acted.entities, *acted.provinces)
    if acted.everybody or not named:
        return f"{whose}, and this concerns the whole registry"
    return None


class Reach:
    """The accounts and entities of a province at an instant, or of an entity; nobody's when
    neither is given."""

    def __init__(
        self,
        registry: RegistryState,
        at: datetime,
        *,
        province: str | None = None,
        entity: str | None = None,
    ) -> None:
        self._registry = registry
        self._at = at
        self._entity = entity
        self._place = None if province is None else self._place_of(province)

    def has_entity(self, entity_id: str) -> bool:
        """Whether an entity is its own, or one of the province's."""
        if self._place is None:
            return self._entity is not None and entity_id == self._entity
        entity = self._registry.entities.get(entity_id)
        province = None if entity is None else entity.as_of(self._at).province
        return province is not None and self._place_of(province) == self._place

    def has_account(self, account_id: str) -> bool:
        """Whether an account is its own, or the province's, or one of the province's entities."""
        account = self._registry.accounts.get(account_id)
        if account is None:
            return False
        if account.entity is not None:
            return self.has_entity(account.entity)
        return self._place is not None and self._place in self._places_of(account_id, account)

    def has_province(self, province: str) -> bool:
        """Whether it is the province itself, by its region or by its account."""
        return self._place is not None and self._place_of(province) == self._place

    def first_outside(
        self, accounts: tuple[str, ...], entities: tuple[str, ...], provinces: tuple[str, ...]
    ) -> str | None:
        """The first of them that is somebody else's, in words."""
        for account_id in accounts:
            if not self.has_account(account_id):
                return f"account {account_id}"
        for entity_id in entities:
            if not self.has_entity(entity_id):
                return f"entity {entity_id}"
        for province in provinces:
            if not self.has_province(province):
                return f"province {province}"
        return None

    def _place_of(self, province: str) -> str:
        """One name for a province, whether it is called by its region or by its account."""
        return self._registry.provinces.get(province, province)

    def _places_of(self, account_id: str, account: Account) -> tuple[str, ...]:
        places = () if account.province is None else (self._place_of(account.province),)
        return (*places, account_id) if account.kind == PROVINCE else places
