"""Who left for another market, and what of the units given free is still to be cancelled (rule
Q-COV-2), at any (as-of, known-at).

What was given free and held at leaving, or was handed out since for an earlier year, is to be
cancelled by a day. What it surrenders for earlier years or gives back since is not: as at
leaving, units count as free as far as they were given and are there [ADOPTED], so that the
answer does not hang on whether a surrender was made just before or just after. A sale takes
nothing off.
"""

from collections.abc import Iterator

import msgspec

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.cancellation import UnitsCancelled
from etsledger.domain.compliance import in_time, last_second
from etsledger.domain.leaving import EntityLeft
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.recalls import RecallCollected
from etsledger.domain.state import Leave, RegistryState, State
from etsledger.domain.surrender import SurrenderConfirmed
from etsledger.domain.times import to_micros
from etsledger.ledger.postings import Movement, movements
from etsledger.ledger.record import read
from etsledger.ledger.rows import LeavingRow
from etsledger.ledger.store import Store
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties

_ALLOCATED = (AllocationFinalised.__name__, AllowancesPreAllocated.__name__)
_RECALLED = (AllocationFinalised.__name__, RecallCollected.__name__)


class _Unit(msgspec.Struct):
    """Tonnes of one unit: given free, held (with all that came since), and what left since."""

    given: int = 0
    held: int = 0
    cancelled: int = 0
    surrendered: int = 0
    recalled: int = 0

    def moved(self, kind: str, tonnes: int) -> None:
        """A movement since, by the type of its event; above zero it came."""
        if tonnes > 0:
            self.held += tonnes
            self.given += tonnes if kind in _ALLOCATED else 0
        elif kind in _RECALLED:
            self.recalled -= tonnes
        elif kind == UnitsCancelled.__name__:
            self.cancelled -= tonnes
        elif kind == SurrenderConfirmed.__name__:
            self.surrendered -= tonnes

    @property
    def left(self) -> int:
        """What is still to be cancelled."""
        free = min(self.given, self.held - self.surrendered) - self.recalled
        return max(0, free - self.cancelled)


def leaving_rows(
    store: Store,
    state: State,
    parties: Parties,
    view: Viewpoint,
    *,
    registry: str | None,
    entity: str | None,
) -> Iterator[LeavingRow]:
    """A row for each unit of each entity that left by then; one without a unit for an entity
    that had none to cancel."""
    for registry_id in sorted(state.registries):
        if registry not in (None, registry_id):
            continue
        found = state.registries[registry_id]
        for name in sorted(found.entities) if entity is None else [entity]:
            leave = _leave(found, name, view)
            if leave is not None:
                yield from _rows(store, parties, view, registry_id, name, leave)


def _leave(registry: RegistryState, entity: str, view: Viewpoint) -> Leave | None:
    known = registry.entities.get(entity)
    for leave in known.leaves if known is not None else ():
        if leave.position <= view.upto and leave.at <= view.as_of:
            return leave
    return None


def _rows(
    store: Store, parties: Parties, view: Viewpoint, registry: str, entity: str, leave: Leave
) -> Iterator[LeavingRow]:
    row = store.row(leave.position)
    event = read(row.type, row.state).event if row is not None else None
    if not isinstance(event, EntityLeft):
        return
    units = {one.unit: _Unit(given=one.tonnes) for one in event.to_cancel}
    if event.cancel_by is not None:
        _follow(store, parties, view, registry, entity, leave, units)
    overdue = event.cancel_by is not None and not in_time(view.as_of, last_second(event.cancel_by))
    for unit, one in sorted(units.items()) or [(None, _Unit())]:
        yield {
            "registry": registry,
            "entity": entity,
            "first_year_elsewhere": leave.first_year,
            "cancel_by": event.cancel_by,
            "unit": unit,
            "given_free": one.given,
            "cancelled": one.cancelled,
            "surrendered": one.surrendered,
            "recalled": one.recalled,
            "left": one.left,
            "overdue": overdue and one.left > 0,
        }


def _follow(
    store: Store,
    parties: Parties,
    view: Viewpoint,
    registry: str,
    entity: str,
    leave: Leave,
    units: dict[str, _Unit],
) -> None:
    """What the entity's accounts held at leaving, and what left or came since."""
    as_of, left_at = to_micros(view.as_of), to_micros(leave.at)
    since: list[Movement] = []
    for account in parties.of_entity(entity, view.upto):
        if account.registry != registry:
            continue
        for move in movements(store, view.upto, account.account):
            if move.registry != registry or move.bucket != "held" or move.effective_at > as_of:
                continue
            if move.position > leave.position or move.effective_at > left_at:
                since.append(move)
            elif move.unit in units:
                units[move.unit].held += move.quantity
    types = {row.position: row.type for row in store.rows_at([m.position for m in since])}
    for move in since:
        kind = types[move.position]
        if kind in _ALLOCATED and move.quantity > 0:
            units.setdefault(move.unit, _Unit())
        if move.unit in units:
            units[move.unit].moved(kind, move.quantity)
