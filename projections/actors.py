"""Who holds which role, at any (as-of, known-at)."""

from collections.abc import Iterator

from etsledger.domain.state import Actor, RoleFact, State
from etsledger.domain.times import iso
from etsledger.ledger.office_rows import ActorRow
from etsledger.ledger.record import read
from etsledger.ledger.store import Store
from etsledger.projections.instants import Viewpoint


def actor_rows(
    store: Store,
    state: State,
    view: Viewpoint,
    *,
    registry: str | None,
    actor: str | None,
    role: str | None,
    entity: str | None,
) -> list[ActorRow]:
    """A row for each role held at the viewpoint, by registry and actor; one without a role for
    who holds none."""
    found = [
        (name, subject, known, fact)
        for name in sorted(state.registries)
        if registry in (None, name)
        for subject, known in sorted(state.registries[name].actors.items())
        if actor in (None, subject)
        for fact in _held(known, view)
        if role in (None, fact.role if fact else None)
        if entity in (None, fact.entity if fact else known.entity)
    ]
    by = _granted_by(store, [fact.position for *_, fact in found if fact is not None])
    return [_row(name, subject, known, fact, by) for name, subject, known, fact in found]


def _held(actor: Actor, view: Viewpoint) -> Iterator[RoleFact | None]:
    if actor.position > view.upto:
        return
    held = actor.held(view.as_of, view.upto)
    if held:
        yield from sorted(held, key=lambda fact: (fact.at, fact.position))
    elif actor.at <= view.as_of:
        yield None


def _granted_by(store: Store, positions: list[int]) -> dict[int, str | None]:
    rows = store.rows_at(sorted(set(positions)))
    return {row.position: read(row.type, row.state).command.actor for row in rows}


def _row(
    registry: str, subject: str, actor: Actor, fact: RoleFact | None, by: dict[int, str | None]
) -> ActorRow:
    return {
        "registry": registry,
        "actor": subject,
        "kind": actor.kind,
        "role": None if fact is None else fact.role,
        "province": None if fact is None else fact.province,
        "entity": actor.entity if fact is None else fact.entity,
        "granted_at": None if fact is None else iso(fact.at),
        "granted_by": None if fact is None else by.get(fact.position),
        "position": actor.position if fact is None else fact.position,
    }
