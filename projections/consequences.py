"""Which commands are refused because of others that are no longer there."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from etsledger.ledger.alterations import Step, contents_of

_REFERENCES: Final = (
    "freeze", "lock", "pledge", "proposal", "reverses", "supersedes", "surrender",
)  # fmt: skip
"""Fields that hold the id of an earlier command."""
_NAMES: Final = {
    "account": "account", "from": "account", "to": "account", "seller": "account",
    "buyer": "account", "entity": "entity", "province": "account",
}  # fmt: skip
"""Fields that hold the name of what an earlier command made, and what that is."""
_MAKERS: Final = {"open_account": "account", "register_entity": "entity"}
Place = tuple[str, str, str]
"""account or entity or registry; the registry; the name."""


def commands_of(step: Step) -> list[dict[str, Any]]:
    """A command, or those of a batch, as objects."""
    return [msgspec.json.decode(content) for content in contents_of(step)]


class Consequences:
    """The commands that are gone (left out, or refused now), and who refers to them."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        """Of a gone command or batch, or of a command in it, to the id that is told."""
        self._places: dict[Place, str] = {}

    def gone(self, step: Step) -> None:
        """A command is not there: what refers to it cannot be decided as before."""
        self._ids.update(dict.fromkeys(step.ids, step.id))
        for command in commands_of(step):
            for place in _makes(command):
                self._places[place] = step.id

    def there(self, step: Step) -> None:
        """A command was accepted, perhaps in the place of one that is gone."""
        if not self._ids:
            return
        for one in step.ids:
            self._ids.pop(one, None)
        for command in commands_of(step):
            for place in _makes(command):
                self._places.pop(place, None)

    def of(self, step: Step) -> tuple[str, ...]:
        """The gone commands that a step refers to, by their ids or by what they made."""
        if not self._ids:
            return ()
        found: dict[str, None] = {}
        commands = commands_of(step)
        commands += [one["proposes"] for one in commands if one["command"] == "propose"]
        for command in commands:
            for name in _REFERENCES:
                reference = command.get(name)
                if isinstance(reference, str) and reference in self._ids:
                    found[self._ids[reference]] = None
            for place in _uses(command):
                if place in self._places:
                    found[self._places[place]] = None
        return tuple(found)


def _makes(command: dict[str, Any]) -> Iterator[Place]:
    name, registry = command["command"], command["registry"]
    if name == "open_registry":
        yield "registry", registry, ""
    elif name in _MAKERS:
        yield _MAKERS[name], registry, command[_MAKERS[name]]


def _uses(command: dict[str, Any]) -> Iterator[Place]:
    registries = [command["registry"]]
    if "for_registry" in command:
        registries.append(command["for_registry"])
    for registry in registries:
        if command["command"] != "open_registry":
            yield "registry", registry, ""
        for field, kind in _NAMES.items():
            value = command.get(field)
            if isinstance(value, str) and _MAKERS.get(command["command"]) != field:
                yield kind, registry, value
        for successor in command.get("successors", ()):
            for field in ("account", "entity"):
                if field in successor:
                    yield _NAMES[field], registry, successor[field]
