"""Registries and the rulebooks they adopt.

A registry (``cn-national``, ``cn-chongqing``, ``ccer``, or one of the user's own) has its
own accounts, units and rulebook; a unit of one is never valid in another (rules X-3, §13).
"""

import re
from typing import Any, ClassVar

from etsledger.domain.commands import ID_PATTERN, Command
from etsledger.domain.desk import BUILT_IN, Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import BUILT_IN_ACCOUNTS, Event
from etsledger.domain.rulebook import Rulebook, RulebookRef, bundled, from_object
from etsledger.domain.state import Adoption, Fact, RegistryState, Scribe, State


class OpenRegistry(Command, frozen=True, kw_only=True, tag="open_registry"):
    """Opens a registry under a bundled rulebook (by name) or one given as an object."""

    example: ClassVar[str] = (
        '{"command": "open_registry", "id": "1", "registry": "trial", "rulebook": "open"}'
    )
    rulebook: str | dict[str, Any]


class AdoptRulebook(Command, frozen=True, kw_only=True, tag="adopt_rulebook"):
    """Replaces the rulebook in force from ``effective_at`` on."""

    example: ClassVar[str] = (
        '{"command": "adopt_rulebook", "id": "2", "registry": "trial", "rulebook": "open", '
        '"effective_at": "2025-01-01"}'
    )
    rulebook: str | dict[str, Any]


class RegistryOpened(Event, frozen=True, kw_only=True):
    """A registry began, with its built-in accounts and first rulebook (canonical text)."""

    rulebook: RulebookRef
    text: str


class RulebookAdopted(Event, frozen=True, kw_only=True):
    """Another rulebook (canonical text) is in force from the effective time on."""

    rulebook: RulebookRef
    text: str


def _rulebook(given: str | dict[str, Any]) -> Rulebook:
    return bundled(given) if isinstance(given, str) else from_object(given)


def decide_opening(command: OpenRegistry, state: State) -> RegistryOpened:
    """Raises InvalidCommand when the id or the rulebook is bad or the registry is open."""
    if not re.match(ID_PATTERN, command.registry):
        raise InvalidCommand(
            f"registry: {command.registry!r} is no id; ids match {ID_PATTERN}", field="registry"
        )
    if command.registry in state.registries:
        raise InvalidCommand(
            f"registry {command.registry!r} is open already; adopt_rulebook changes its rules",
            field="registry", registry=command.registry,
        )  # fmt: skip
    rulebook = _rulebook(command.rulebook)
    return RegistryOpened(rulebook=rulebook.ref, text=rulebook.text)


def decide_adoption(command: AdoptRulebook, desk: Desk) -> RulebookAdopted:
    """Raises InvalidCommand for a bad rulebook, with the path of the bad key."""
    rulebook = _rulebook(command.rulebook)
    return RulebookAdopted(rulebook=rulebook.ref, text=rulebook.text)


def evolve_opening(
    scribe: Scribe, registry: RegistryState, event: RegistryOpened, fact: Fact
) -> None:
    """The registry has its built-in accounts and its first rulebook."""
    for name in BUILT_IN_ACCOUNTS:
        scribe.put(registry.accounts, name, BUILT_IN[name])
    _adopt(scribe, registry, event.rulebook, event.text, fact)


def evolve_adoption(
    scribe: Scribe, registry: RegistryState, event: RulebookAdopted, fact: Fact
) -> None:
    """The rulebook joins the timeline; of two for one instant the later recorded rules."""
    _adopt(scribe, registry, event.rulebook, event.text, fact)


def _adopt(
    scribe: Scribe, registry: RegistryState, ref: RulebookRef, text: str, fact: Fact
) -> None:
    scribe.put(scribe.state.rulebooks, ref.hash, text)
    adoption = Adoption(fact.effective_at, fact.position, ref)
    registry.adoptions = tuple(
        sorted((*registry.adoptions, adoption), key=lambda a: (a.effective_at, a.position))
    )
