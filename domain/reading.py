"""Reading: what an actor may read of a registry, by its roles and the rulebook.

As with commands, by what holds when the question is asked, whatever time it is about. Where
the rulebook asks for no authority everything is open.
"""

from datetime import datetime

from etsledger.domain.authority import Reach, scope_of
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import RegistryState


class Readable:
    """What may be read of a registry: the ``whole`` of it, or what is in reach of a role."""

    def __init__(self, reaches: tuple[Reach, ...] = (), *, whole: bool = False) -> None:
        self.whole = whole
        self._reaches = reaches

    def has_account(self, account: str) -> bool:
        """Whether an account may be read."""
        return self.whole or any(reach.has_account(account) for reach in self._reaches)

    def has_entity(self, entity: str) -> bool:
        """Whether an entity's facts may be read."""
        return self.whole or any(reach.has_entity(entity) for reach in self._reaches)

    def has_province(self, province: str) -> bool:
        """Whether what is held for a province may be read."""
        return self.whole or any(reach.has_province(province) for reach in self._reaches)


def readable(
    registry: RegistryState, rules: Rulebook, subject: str, now: datetime
) -> Readable | None:
    """What an actor may read of a registry; None when no role of his lets him read in it.

    ``rules`` are those in force now.
    """
    if rules.authority is None:
        return Readable(whole=True)
    actor = registry.actors.get(subject)
    reaches: list[Reach] = []
    reads = False
    for held in actor.held(now) if actor is not None else ():
        given = rules.reads.get(held.role)
        if given is None:
            continue
        reads = True
        scope = scope_of(given, held)
        if scope == "all":
            return Readable(whole=True)
        if scope == "own":
            reaches.append(Reach(registry, now, entity=held.entity))
        elif scope == "province":
            reaches.append(Reach(registry, now, province=held.province, entity=held.entity))
    return Readable(tuple(reaches)) if reads else None
