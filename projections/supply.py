"""Where all units are: the conservation law as a report (rule X-8)."""

from collections.abc import Iterable

from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT, ISSUANCE
from etsledger.ledger.postings import Sum
from etsledger.ledger.rows import SupplyRow
from etsledger.projections.parties import Parties

_PLACES = ("authority", "province", "holding", "reserve", "retired", "cancelled")


def supply_rows(sums: Iterable[Sum], parties: Parties, upto: int) -> list[SupplyRow]:
    """Per registry and unit: issued (opening balances included) and where it is now."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for account, registry, unit, bucket, quantity in sums:
        if bucket != "held":
            continue
        place = totals.setdefault((registry, unit), {})
        change = quantity
        if account == ISSUANCE:
            name, change = "issued", -quantity
        elif account == CONVERTED_IN:
            name, change = "converted_in", -quantity
        elif account == CONVERTED_OUT:
            name = "converted_out"
        else:
            known = parties.account(registry, account, upto)
            kind = known.kind if known else "holding"
            name = kind if kind in _PLACES else "holding"
        place[name] = place.get(name, 0) + change
    rows: list[SupplyRow] = []
    for (registry, unit), place in sorted(totals.items()):
        issued = place.get("issued", 0)
        came, went = place.get("converted_in", 0), place.get("converted_out", 0)
        kept = sum(place.get(name, 0) for name in _PLACES)
        rows.append(
            {
                "registry": registry,
                "unit": unit,
                "issued": issued,
                "authority": place.get("authority", 0),
                "province": place.get("province", 0),
                "holding": place.get("holding", 0),
                "reserve": place.get("reserve", 0),
                "retired": place.get("retired", 0),
                "cancelled": place.get("cancelled", 0),
                "converted_in": came,
                "converted_out": went,
                "balanced": issued + came == kept + went,
            }
        )
    return rows
