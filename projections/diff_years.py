"""What changed in compliance between two viewpoints, and which facts of the year book did it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, cast

from etsledger.domain.compliance import in_time
from etsledger.domain.state import RegistryState, State
from etsledger.domain.times import parse_instant
from etsledger.domain.yearbook import EMPTY
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.store import Store
from etsledger.ledger.year_rows import ComplianceRow
from etsledger.projections.compliance import Standings
from etsledger.projections.instants import Viewpoint

_ALLOCATION: Final = ("grants", "collections")
_OWED: Final = ("reports", "obligations", "grants", "who", "rules")
_MET: Final = ("submissions", "closings", "offsets", "green_power")
_UNTOLD: Final = ("verified_emissions", "entitlement", "deadline", "status", "fine")
"""Columns that are empty while nothing is on record."""
_MADE_OF: Final[dict[str, tuple[str, ...]]] = {
    "verified_emissions": ("reports",),
    "entitlement": ("grants",),
    "pre_allocated": _ALLOCATION,
    "allocated": _ALLOCATION,
    "recalled": _ALLOCATION,
    "recall_open": _ALLOCATION,
    "borrowed": ("loans",),
    "obligation": _OWED,
    "surrendered": ("submissions", "closings"),
    "pending": ("submissions", "closings"),
    "offsets": ("offsets",),
    "green_power": ("green_power",),
    "outstanding": (*_OWED, *_MET),
    "deadline": ("rules",),
    "status": (*_OWED, *_MET),
    "fine": ("fines",),
}
"""Column of compliance to the facts it is made of: kinds of a year book, ``who`` the entity is
and what it left, the ``rules`` in force."""


Fact = tuple[datetime, int]
"""The effective time and the position of a fact."""


def changed_years(
    state: State,
    store: Store,
    before: Viewpoint,
    after: Viewpoint,
    registry: str | None,
    entity: str | None,
) -> Iterator[tuple[DiffRow, list[Fact]]]:
    """The columns that differ, by registry, entity and year, each with the facts behind it."""
    was, now = (_standings(store, state, view, registry, entity) for view in (before, after))
    for key in sorted(was.keys() | now.keys()):
        one, other = was.get(key), now.get(key)
        if one == other:
            continue
        of_registry, name, year = key
        shown = cast(dict[str, Any], other or one)
        facts = _facts(state.registries[of_registry], name, year, before, after)
        for field, kinds in _MADE_OF.items():
            first, last = _cell(one, field), _cell(other, field)
            if first == last:
                continue
            found = sorted({fact for kind in kinds for fact in facts.get(kind, ())})
            numbers = isinstance(first or 0, int) and isinstance(last or 0, int)
            row: DiffRow = {
                "what": "compliance",
                "registry": of_registry,
                "account": None,
                "entity": name,
                "unit": None,
                "year": year,
                "field": field,
                "from": first,
                "to": last,
                "change": int(last or 0) - int(first or 0) if numbers else None,
                "deadline": _passed(shown["deadline"], before, after),
                "event_count": len(found),
                "events": [],
            }
            yield row, found


Standing = dict[tuple[str, str, int], ComplianceRow]


def _standings(
    store: Store, state: State, view: Viewpoint, registry: str | None, entity: str | None
) -> Standing:
    found = Standings(store, state, view, registry=registry)
    return {
        (row["registry"], row["entity"], row["year"]): row for _, row in found.rows(entity, None)
    }


def _cell(row: ComplianceRow | None, field: str) -> int | str | None:
    """A column; where nothing is on record for the year, no tonnes are."""
    if row is None:
        return None if field in _UNTOLD else 0
    return cast(dict[str, Any], row)[field]


def _passed(deadline: str | None, before: Viewpoint, after: Viewpoint) -> str | None:
    """The deadline if only one of the viewpoints is in time."""
    if deadline is None:
        return None
    last = parse_instant(deadline)
    return deadline if in_time(before.as_of, last) != in_time(after.as_of, last) else None


def _facts(
    registry: RegistryState, entity: str, year: int, before: Viewpoint, after: Viewpoint
) -> dict[str, list[Fact]]:
    """Effective times and positions of what counts at one viewpoint only, by kind."""
    book = registry.years.get(entity, {}).get(year, EMPTY)
    known = registry.entities[entity]
    facts: dict[str, Iterable[Fact]] = {
        kind: [(entry.at, entry.position) for entry in getattr(book, kind)]
        for kind in book.__struct_fields__
    }
    facts["who"] = [
        *((status.at, status.position) for status in known.statuses),
        *((leave.at, leave.position) for leave in known.leaves),
        *((one.at, one.position) for one in known.succeeded),
    ]
    facts["rules"] = [(one.effective_at, one.position) for one in registry.adoptions]
    return {
        kind: [
            (at, position)
            for at, position in found
            if (at <= before.as_of and position <= before.upto)
            != (at <= after.as_of and position <= after.upto)
        ]
        for kind, found in facts.items()
    }
