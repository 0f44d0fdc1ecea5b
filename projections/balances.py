"""What accounts hold: sums of postings, put into rows; and the same from the log."""

from collections.abc import Iterable
from datetime import datetime

from etsledger.domain.events import ALL_UNITS, OUTSIDE_ACCOUNTS
from etsledger.domain.times import to_micros
from etsledger.ledger.postings import Sum, rows_of_logged
from etsledger.ledger.record import read
from etsledger.ledger.rows import BalanceRow
from etsledger.ledger.store import Store
from etsledger.projections.parties import Parties

_COLUMN = {"held": 0, "frozen": 1, "pledged": 2, "pending": 3, "restricted": 4}


def balance_rows(
    sums: Iterable[Sum], parties: Parties, upto: int, *, zero: bool, unit: str | None
) -> list[BalanceRow]:
    """Rows by registry, account and unit from sums by bucket.

    ``available`` is what can leave: the total less frozen, pledged, pending and restricted,
    never below zero, and zero while a freeze stops the whole account or unit.
    """
    holdings: dict[tuple[str, str, str], list[int]] = {}
    stops: set[tuple[str, str, str]] = set()
    for account, registry, held_unit, bucket, quantity in sums:
        if account in OUTSIDE_ACCOUNTS:
            continue
        if bucket == "stopped":
            if quantity > 0:
                stops.add((registry, account, held_unit))
            continue
        key = (registry, account, held_unit)
        columns = holdings.get(key)
        if columns is None:
            columns = holdings[key] = [0, 0, 0, 0, 0]
        columns[_COLUMN[bucket]] += quantity
    rows: list[BalanceRow] = []
    for (registry, account, held_unit), columns in sorted(holdings.items()):
        if (unit is not None and held_unit != unit) or not (zero or any(columns)):
            continue
        held, frozen, pledged, pending, restricted = columns
        stopped = stops and (
            (registry, account, ALL_UNITS) in stops or (registry, account, held_unit) in stops
        )
        known = parties.account(registry, account, upto)
        rows.append(
            {
                "registry": registry,
                "account": account,
                "entity": known.entity if known else None,
                "unit": held_unit,
                "quantity": held,
                "available": 0
                if stopped
                else max(0, held - frozen - pledged - pending - restricted),
                "frozen": frozen,
                "pledged": pledged,
                "pending": pending,
                "restricted": restricted,
            }
        )
    return rows


def sums_from_log(
    store: Store,
    upto: int,
    as_of: datetime,
    *,
    account: str | None = None,
    registry: str | None = None,
    unit: str | None = None,
) -> list[Sum]:
    """The sums of the index, made again from the log alone."""
    limit = to_micros(as_of)
    totals: dict[tuple[str, str, str, str], int] = {}
    for row in store.rows(0, upto):
        logged = read(row.type, row.state)
        record = logged.record
        if registry is not None and record.registry != registry:
            continue
        for _, _, r, a, u, bucket, at, quantity in rows_of_logged(logged):
            if at > limit or account not in (None, a) or (unit and u not in (unit, ALL_UNITS)):
                continue
            key = (a, r, u, bucket)
            totals[key] = totals.get(key, 0) + quantity
    return [Sum(*key, quantity) for key, quantity in sorted(totals.items())]
