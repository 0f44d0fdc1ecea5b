"""What opening balances state beside tonnes: what is lent, kept for entities, known of credits."""

from typing import Any

from etsledger.domain.state import Credit, RegistryState


def borrowed(registry: RegistryState) -> dict[tuple[str, str], dict[str, int]]:
    """By account and unit: tonnes lent and not surrendered yet, by year."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for loans in registry.borrowed.values():
        for one in loans:
            if one.quantity:
                found.setdefault((one.account, one.unit), {})[str(one.year)] = one.quantity
    return found


def credit(known: Credit | None, *, first: bool) -> dict[str, Any] | None:
    """What is on record of a unit of credits; its numbers with the first balance of it."""
    if known is None:
        return None
    said: dict[str, Any] = {
        "covered_by_ets": known.covered_by_ets, "programme": known.programme,
        "registered_on": known.registered_on,
    }  # fmt: skip
    if known.methodology is not None:
        said["methodology"] = known.methodology
    if first:
        said["serials"] = [list(block) for block in known.serials]
    return said


def kept(registry: RegistryState) -> dict[tuple[str, str], dict[str, int]]:
    """By account and unit: tonnes kept for entities at risk."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for entity, kept in registry.custody.items():
        for one in kept:
            tonnes = sum(change for _, change in one.changes)
            if tonnes:
                found.setdefault((one.account, one.unit), {})[entity] = tonnes
    return found
