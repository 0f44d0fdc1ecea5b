"""Custody: what a province keeps of the allowances of an entity at risk (rule N-DIFF).

The units stand in the government account as ``restricted``: nobody else is given them.
They leave by a forced surrender, by a release to the entity, or by a recall.
"""

from etsledger.domain.events import Posting, move
from etsledger.domain.state import Custody, RegistryState, Scribe


def kept(registry: RegistryState, entity: str, account: str, unit: str) -> int:
    """Tonnes of a unit that an account keeps for an entity."""
    return next(
        (
            custody.quantity
            for custody in registry.custody.get(entity, ())
            if custody.account == account and custody.unit == unit
        ),
        0,
    )


def change(
    scribe: Scribe, registry: RegistryState, entity: str, account: str, unit: str, tonnes: int
) -> None:
    """Notes that so many tonnes more (or less) are kept."""
    if not tonnes:
        return
    present = registry.custody.get(entity, ())
    others = [c for c in present if (c.account, c.unit) != (account, unit)]
    quantity = kept(registry, entity, account, unit) + tonnes
    if quantity:
        others.append(Custody(account, unit, quantity))
    if others:
        scribe.put(registry.custody, entity, tuple(others))
    else:
        scribe.drop(registry.custody, entity)


def into(unit: str, quantity: int, source: str, custodian: str) -> tuple[Posting, ...]:
    """The postings of units going into custody; they may be with the custodian already."""
    moved = move(unit, quantity, source, custodian) if source != custodian else ()
    return (*moved, (custodian, unit, "restricted", quantity))


def out_of(unit: str, quantity: int, custodian: str, target: str) -> tuple[Posting, ...]:
    """The postings of units leaving custody; they may stay with the custodian, free."""
    moved = move(unit, quantity, custodian, target) if target != custodian else ()
    return ((custodian, unit, "restricted", -quantity), *moved)
