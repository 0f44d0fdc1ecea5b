"""Custody: what a province keeps of the allowances of an entity at risk (rule N-DIFF).

The units stand in the government account as ``restricted``: nobody else is given them.
They leave by a forced surrender, by a release to the entity, or by a recall.
"""

from datetime import datetime

from etsledger.domain.events import Posting, move
from etsledger.domain.state import Custody, RegistryState, Scribe


def _of(registry: RegistryState, entity: str, account: str, unit: str) -> Custody | None:
    for custody in registry.custody.get(entity, ()):
        if custody.account == account and custody.unit == unit:
            return custody
    return None


def least(changes: tuple[tuple[datetime, int], ...], at: datetime) -> int:
    """The least that such changes leave from an instant on; never below zero."""
    then = lowest = sum(tonnes for when, tonnes in changes if when <= at)
    for when, tonnes in changes:
        if when > at:
            then += tonnes
            lowest = min(lowest, then)
    return max(0, lowest)


def changed(
    changes: tuple[tuple[datetime, int], ...], tonnes: int, at: datetime
) -> tuple[tuple[datetime, int], ...]:
    """The changes with one more, by effective time."""
    sums = dict(changes)
    sums[at] = sums.get(at, 0) + tonnes
    return tuple(sorted(sums.items()))


def kept(registry: RegistryState, entity: str, account: str, unit: str, at: datetime) -> int:
    """Tonnes of a unit that an account keeps for an entity at an instant and ever after."""
    found = _of(registry, entity, account, unit)
    return 0 if found is None else least(found.changes, at)


def change(
    scribe: Scribe,
    registry: RegistryState,
    entity: str,
    account: str,
    unit: str,
    tonnes: int,
    at: datetime,
) -> None:
    """Notes that so many tonnes more (or less) are kept from an instant on."""
    if not tonnes:
        return
    others = [c for c in registry.custody.get(entity, ()) if (c.account, c.unit) != (account, unit)]
    before = _of(registry, entity, account, unit)
    changes = changed(before.changes if before else (), tonnes, at)
    others.append(Custody(account, unit, changes))
    scribe.put(registry.custody, entity, tuple(others))


def into(unit: str, quantity: int, source: str, custodian: str) -> tuple[Posting, ...]:
    """The postings of units going into custody; they may be with the custodian already."""
    moved = move(unit, quantity, source, custodian) if source != custodian else ()
    return (*moved, (custodian, unit, "restricted", quantity))


def out_of(unit: str, quantity: int, custodian: str, target: str) -> tuple[Posting, ...]:
    """The postings of units leaving custody; they may stay with the custodian, free."""
    moved = move(unit, quantity, custodian, target) if target != custodian else ()
    return ((custodian, unit, "restricted", -quantity), *moved)
