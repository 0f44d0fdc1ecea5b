"""What changed between two (as-of, known-at) pairs, and which events did it.

What counts at one of two viewpoints and not at the other makes the whole difference. So the
numbers of the first come from one sum by the index, those of the second from a sum of what
makes the difference, and of the events only those are read that are told.
"""

from operator import itemgetter
from typing import Final

from etsledger.domain.state import State
from etsledger.domain.times import to_micros
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.postings import indexed
from etsledger.ledger.store import Store
from etsledger.projections.between import Between
from etsledger.projections.diff_sums import (
    Change,
    Filters,
    Key,
    Told,
    changes,
    first_events,
    sums_at,
)
from etsledger.projections.diff_years import Fact, changed_years
from etsledger.projections.instants import Viewpoint
from etsledger.projections.papers import papers_of
from etsledger.projections.parties import Parties

_TOLD: Final = 20
"""Events that a row tells, unless told otherwise."""
_TOLD_IN_ALL: Final = 20_000
"""Unless told otherwise, rows tell fewer events where all of them would tell more than this."""


def diff_rows(
    store: Store,
    parties: Parties,
    state: State | None,
    before: Viewpoint,
    after: Viewpoint,
    *,
    registry: str | None,
    account: str | None,
    entity: str | None,
    unit: str | None,
    events: int | None,
) -> list[DiffRow]:
    """Balances by registry, account, unit; then compliance of ``state`` by entity and year.

    Raises ValueError, StoreDamaged.
    """
    most = _TOLD if events is None else events
    if most < 0:
        raise ValueError("the number of events to tell is 0 or greater")
    between = Between(before, after)
    done = indexed(store, between.upto)
    names: list[str | None] = [account]
    if entity is not None:
        own = {one.account for one in parties.of_entity(entity, between.upto)}
        names = [name for name in sorted(own) if account in (None, name)]
    changed: list[tuple[Key, Change]] = []
    for name in names:
        filters: Filters = {"account": name, "registry": registry, "unit": unit}
        found = changes(store, between, filters, done)
        changed += [(key, found[key]) for key in sorted(found, key=itemgetter(1, 0, 2, 3))]
    if entity is not None:
        changed = [one for one in changed if _owner(parties, between.upto, one[0]) == entity]
    rows = _balances(store, parties, between, done, changed)
    of_years: list[tuple[int, list[Fact]]] = []
    if state is not None:
        for row, facts in changed_years(state, store, before, after, registry, entity):
            of_years.append((len(rows), facts))
            rows.append(row)
    if events is None and len(rows) * _TOLD > _TOLD_IN_ALL:
        most = max(1, _TOLD_IN_ALL // len(rows))
    told = first_events(store, between, done, changed, most)
    for number, facts in of_years:
        told += [Told(number, to_micros(at), position, None) for at, position in facts[:most]]
    _tell(store, between, rows, told)
    return rows


def _owner(parties: Parties, upto: int, key: Key) -> str | None:
    known = parties.account(key[1], key[0], upto)
    return known.entity if known else None


def _balances(
    store: Store, parties: Parties, between: Between, done: int, changed: list[tuple[Key, Change]]
) -> list[DiffRow]:
    """The rows of what changed, without their events."""
    less = between.less
    sums = sums_at(store, less, done, [key for key, _ in changed]) if changed else []
    rows: list[DiffRow] = []
    for (key, change), total in zip(changed, sums, strict=True):
        account, registry, unit, bucket = key
        was = total if less is between.before else total - change.total
        rows.append(
            {
                "what": "balance",
                "registry": registry,
                "account": account,
                "entity": _owner(parties, between.upto, key),
                "unit": unit,
                "year": None,
                "field": "quantity" if bucket == "held" else bucket,
                "from": was,
                "to": was + change.total,
                "change": change.total,
                "deadline": None,
                "event_count": change.in_all,
                "events": [],
            }
        )
    return rows


def _tell(store: Store, between: Between, rows: list[DiffRow], told: list[Told]) -> None:
    """Puts type, times and reason of each event into its row."""
    papers = papers_of(store, (one.position for one in told))
    for number, at, position, change in told:
        name, effective_at, recorded_at = papers[position]
        rows[number]["events"].append(
            {
                "position": position,
                "type": name,
                "effective_at": effective_at,
                "recorded_at": recorded_at,
                "why": between.why(at, position),
                "change": change,
            }
        )
