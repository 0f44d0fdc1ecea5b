"""What of a holding can leave, and what keeps the rest: freezes, pledges, surrenders, locks."""

from typing import Final

from etsledger.ledger.explanations import Explanation
from etsledger.ledger.holdings import Holding, Moved
from etsledger.ledger.store import Store
from etsledger.projections.explain_facts import Facts
from etsledger.projections.explain_nodes import TONNES, node, part

_CLAIMS: Final = ("freeze", "pledge", "surrender", "lock", "proposal")
_LAST: Final = 2**63 - 1


def of_which(
    store: Store,
    facts: Facts,
    then: Holding,
    at: int,
    held: int,
    kept: dict[str, int],
    stopped: set[str],
    limit: int,
) -> list[Explanation]:
    """What can leave, and each reservation with what made it."""
    told: list[Explanation] = []
    for bucket, tonnes in kept.items():
        if tonnes:
            claims = _claims(store, facts, then, at, bucket, tonnes, limit)
            told.append(node(bucket, bucket, tonnes, TONNES, because=claims))
    free = [part("quantity", "held", held)]
    free += [part(bucket, bucket, -tonnes) for bucket, tonnes in kept.items() if tonnes]
    available = max(0, held - sum(kept.values()))
    if stopped:
        why = [
            claim
            for unit in sorted(stopped)
            for claim in _claims(store, facts, then._replace(unit=unit), at, "stopped", None, limit)
        ]
        free.append(
            {**part("stopped", "kept in by a freeze of all of it", -available), "because": why}
        )
        available = 0
    return [node("available", "can leave", available, TONNES, because=free), *told]


def _claims(
    store: Store, facts: Facts, then: Holding, at: int, bucket: str, tonnes: int | None, limit: int
) -> list[Explanation]:
    """The open freezes, pledges, surrenders or locks of a bucket; those that ended are left out."""
    moved = then.movements(store, bucket, upto=(at, _LAST), limit=limit, latest=True)
    found = facts.at(one.position for one in moved)
    sums: dict[object, int] = {}
    claims: list[tuple[object, Moved]] = []
    for one in moved:
        event = found[one.position].event
        ids = (getattr(event, name, None) for name in _CLAIMS)
        claim = next((id_ for id_ in ids if id_ is not None), None) or one.position
        sums[claim] = sums.get(claim, 0) + one.quantity
        claims.append((claim, one))
    told = [
        facts.part(found[one.position], one.quantity, "claim")
        for claim, one in claims
        if sums[claim] != 0
    ]
    if tonnes is None:  # counts of freezes are no tonnes
        return [{**one, "value": None, "unit": None, "sign": None} for one in told]
    rest = tonnes - sum(one.quantity for one in moved)
    if rest:
        told.insert(0, part("opening", "by earlier facts", rest))
    return told
