"""Borrowed units that are not surrendered yet: restricted to the surrender of one year (rule
N-BOR-3).

They stand in the entity's account as ``restricted`` and leave by that surrender only; a
rejected one brings them back under the restriction.
"""

from datetime import datetime

from etsledger.domain.custody import changed, least
from etsledger.domain.state import Borrowed, RegistryState, Scribe

Place = tuple[int, str, str]
"""The year that the units were borrowed for, the account they are in, and the unit."""


def _place(loan: Borrowed) -> Place:
    return loan.year, loan.account, loan.unit


def left(registry: RegistryState, entity: str, place: Place, at: datetime) -> int:
    """Borrowed tonnes that can be surrendered at an instant, and still after later facts."""
    for loan in registry.borrowed.get(entity, ()):
        if _place(loan) == place:
            return least(loan.changes, at)
    return 0


def change(
    scribe: Scribe, registry: RegistryState, entity: str, place: Place, tonnes: int, at: datetime
) -> None:
    """Notes that so many borrowed tonnes more (or less) are there from an instant on."""
    if not tonnes:
        return
    loans = registry.borrowed.get(entity, ())
    others = [loan for loan in loans if _place(loan) != place]
    before = next((loan.changes for loan in loans if _place(loan) == place), ())
    changes = changed(before, tonnes, at)
    quantity = sum(change for _, change in changes)
    if quantity:
        others.append(Borrowed(*place, quantity, changes))
    if others:
        scribe.put(registry.borrowed, entity, tuple(others))
    else:
        scribe.drop(registry.borrowed, entity)
