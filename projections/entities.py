"""Who is registered, with the particulars of any (as-of, known-at)."""

from collections.abc import Iterator

from etsledger.domain.state import Entity, State
from etsledger.ledger.office_rows import EntityRow
from etsledger.projections.compliance import entity_then
from etsledger.projections.instants import Viewpoint


def entity_rows(
    state: State,
    view: Viewpoint,
    *,
    registry: str | None,
    entity: str | None,
    province: str | None,
) -> Iterator[EntityRow]:
    """A row for each entity known at the viewpoint, by registry and id."""
    for registry_id in sorted(state.registries):
        if registry not in (None, registry_id):
            continue
        entities = state.registries[registry_id].entities
        for name in sorted(entities) if entity is None else [entity]:
            known = entities.get(name)
            if known is None or known.position > view.upto:
                continue
            then = entity_then(known, view)
            if province in (None, then.province):
                yield _row(registry_id, name, then, view)


def _row(registry: str, name: str, entity: Entity, view: Viewpoint) -> EntityRow:
    leave = next((one for one in entity.leaves if one.at <= view.as_of), None)
    by = [one for one in entity.succeeded if one.at <= view.as_of]
    heirs = [heir for one in by for heir, _ in one.successors if heir != name]
    from_ = [one.entity for one in entity.succeeds if one.at <= view.as_of and one.entity != name]
    gone = any(one.wholly for one in by)
    return {
        "registry": registry,
        "entity": name,
        "name": entity.name,
        "uscc": entity.uscc,
        "sector": entity.sector,
        "province": entity.province,
        "status": "succeeded" if gone else entity.status_at(view.as_of),
        "first_year": entity.first_year,
        "allocation_method": entity.allocation_method,
        "first_year_elsewhere": None if leave is None else leave.first_year,
        "succeeded_by": list(dict.fromkeys(heirs)),
        "succeeds": list(dict.fromkeys(from_)),
    }
