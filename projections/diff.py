"""What changed between two (as-of, known-at) pairs, and which events did it.

A fact counts at a viewpoint when it is effective by its as-of and at a position known there;
what counts at one of two viewpoints and not at the other makes the whole difference. So the
numbers come from two sums by the index, and events are read only of what changed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select

from etsledger.domain.events import ALL_UNITS, OUTSIDE_ACCOUNTS
from etsledger.domain.state import State
from etsledger.domain.times import iso, to_micros
from etsledger.ledger.changes import ChangeEvent, DiffRow
from etsledger.ledger.postings import Sum, indexed, sums
from etsledger.ledger.record import read_seal, split
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account
from etsledger.projections.diff_years import changed_years
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties

_FIELDS: Final = {"held": "quantity"}
_FEW: Final = 200
"""Up to so many changed rows each is asked for by itself; more are read in one go."""
_FETCH: Final = 10_000
Key = tuple[str, str, str, str]
"""Account, registry, unit, bucket."""
_COLUMNS: Final = ("account", "registry", "unit", "bucket")
Filters = dict[str, str | None]
"""Which of those columns a question names."""


class _Found(NamedTuple):
    """Events of one row: how many there are, and the first of them with what each did."""

    in_all: int
    first: list[tuple[int, int | None]]


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
    events: int,
) -> list[DiffRow]:
    """Balances by registry, account, unit; then compliance of ``state`` by entity and year.

    Raises ValueError, StoreDamaged.
    """
    if events < 0:
        raise ValueError("the number of events to tell is 0 or greater")
    upto = max(before.upto, after.upto)
    done = indexed(store, upto)
    names: list[str | None] = [account]
    if entity is not None:
        own = {one.account for one in parties.of_entity(entity, upto)}
        names = [name for name in sorted(own) if account in (None, name)]
    rows: list[DiffRow] = []
    wanted: list[list[tuple[int, int | None]]] = []
    for name in names:
        filters: Filters = {"account": name, "registry": registry, "unit": unit}
        was = _by_key(sums(store, before.upto, before.as_of, done=_least(done, before), **filters))
        now = _by_key(sums(store, after.upto, after.as_of, done=_least(done, after), **filters))
        changed = sorted(
            (key for key in was.keys() | now.keys() if was.get(key, 0) != now.get(key, 0)),
            key=lambda key: (key[1], key[0], key[2], key[3]),
        )
        told = _events(store, before, after, changed, filters, done, events)
        for key in changed:
            row = _balance(parties, upto, key, was.get(key, 0), now.get(key, 0))
            if entity is not None and row["entity"] != entity:
                continue
            row["event_count"] = told[key].in_all
            rows.append(row)
            wanted.append(told[key].first)
    if state is not None:
        for row, changes in changed_years(store, state, before, after, registry, entity):
            row["event_count"] = len(changes)
            rows.append(row)
            wanted.append([(position, None) for position in changes[:events]])
    _tell(store, before, after, rows, wanted)
    return rows


def _least(done: int, view: Viewpoint) -> int:
    return min(done, view.upto)


def _by_key(found: Iterable[Sum]) -> dict[Key, int]:
    return {
        (one.account, one.registry, one.unit, one.bucket): one.quantity
        for one in found
        if one.account not in OUTSIDE_ACCOUNTS
    }


def _balance(parties: Parties, upto: int, key: Key, was: int, now: int) -> DiffRow:
    account, registry, unit, bucket = key
    known = parties.account(registry, account, upto)
    return {
        "what": "balance",
        "registry": registry,
        "account": account,
        "entity": known.entity if known else None,
        "unit": unit,
        "year": None,
        "field": _FIELDS.get(bucket, bucket),
        "from": was,
        "to": now,
        "change": now - was,
        "deadline": None,
        "event_count": 0,
        "events": [],
    }


# -- the events of balances ------------------------------------------------------------------


def _events(
    store: Store,
    before: Viewpoint,
    after: Viewpoint,
    changed: list[Key],
    filters: Filters,
    done: int,
    most: int,
) -> dict[Key, _Found]:
    """Of each changed row the events that count at one viewpoint only.

    An event whose own postings of the row cancel out is not one of them.
    """
    found: dict[Key, _Found] = {}
    if len(changed) <= _FEW:
        for key in changed:
            named: Filters = dict(zip(_COLUMNS, key, strict=True))
            _collect(_postings(store, before, after, named, done), found, most, {key})
    else:
        _collect(_postings(store, before, after, filters, done), found, most, set(changed))
    return found


Posted = tuple[Key, int, int, int]
"""A row's key, effective time, position, tonnes (of all legs of the event)."""


def _collect(
    found_postings: Iterable[Posted], found: dict[Key, _Found], most: int, wanted: set[Key]
) -> None:
    counts: dict[Key, int] = {}
    firsts: dict[Key, list[tuple[int, int | None]]] = {}
    for key, _, position, quantity in found_postings:
        if not quantity or key not in wanted:
            continue
        count = counts[key] = counts.get(key, 0) + 1
        if count <= most:
            firsts.setdefault(key, []).append((position, quantity))
    for key, count in counts.items():
        found[key] = _Found(count, firsts.get(key, []))


def _postings(
    store: Store,
    before: Viewpoint,
    after: Viewpoint,
    named: Filters,
    done: int,
) -> Iterator[Posted]:
    """By key, effective time and position; what ``after`` lacks with its sign turned."""
    late = list(_read(store, postings.c, before, after, named, done, max(before.upto, after.upto)))
    rows = _read(store, postings_by_account.c, before, after, named, 0, done)
    yield from _merged(rows, late)


def _merged(rows: Iterable[Posted], late: list[Posted]) -> Iterable[Posted]:
    """What the index has and what it lacks, in one order."""
    if not late:
        return rows
    return sorted([*rows, *late])


def _read(
    store: Store,
    columns: Any,
    before: Viewpoint,
    after: Viewpoint,
    named: Filters,
    low: int,
    high: int,
) -> Iterator[Posted]:
    """The postings at positions in ``(low, high]`` that count at one viewpoint only."""
    if low >= high:
        return
    query = (
        select(columns.account, columns.registry, columns.unit, columns.bucket,
               columns.effective_at, columns.position, columns.quantity)
        .where(columns.position > low, columns.position <= high)
        .where(*_named(columns, named))
        .where(_one_only(columns, before, after))
        .order_by(columns.account, columns.registry, columns.unit, columns.bucket,
                  columns.effective_at, columns.position)
    )  # fmt: skip
    at_after = to_micros(after.as_of)
    key: Key | None = None
    when = position = total = 0
    with store.engine.connect() as connection:
        result: Any = connection.execution_options(yield_per=_FETCH).execute(query)
        for a, r, u, b, at, where, quantity in result:
            if where != position or key != (a, r, u, b):
                if key is not None:
                    yield key, when, position, total
                key, when, position, total = (a, r, u, b), at, where, 0
            counts = at <= at_after and where <= after.upto
            total += quantity if counts else -quantity
    if key is not None:
        yield key, when, position, total


def _named(columns: Any, named: Filters) -> Iterator[ColumnElement[bool]]:
    for name, value in named.items():
        if name == "unit" and "bucket" not in named and value is not None:
            # A freeze of a whole account stands under the unit "*" and belongs to every unit.
            yield columns.unit.in_((value, ALL_UNITS))
        elif value is not None:
            yield columns[name] == value


def _one_only(columns: Any, before: Viewpoint, after: Viewpoint) -> ColumnElement[bool]:
    """Counts at one viewpoint and not at the other, said so that an index can find it."""
    times = sorted((to_micros(before.as_of), to_micros(after.as_of)))
    known = sorted((before.upto, after.upto))
    at, position = columns.effective_at, columns.position
    same_way = (before.as_of <= after.as_of) == (before.upto <= after.upto)
    between_times = and_(at > times[0], at <= times[1])
    between_known = and_(position > known[0], position <= known[1])
    if known[0] == known[1]:
        return and_(between_times, position <= known[0])
    if times[0] == times[1]:
        return and_(between_known, at <= times[0])
    if same_way:
        # The one viewpoint knows all that the other does.
        return or_(and_(between_times, position <= known[1]), and_(between_known, at <= times[1]))
    return or_(and_(between_times, position <= known[0]), and_(between_known, at <= times[0]))


# -- the papers of events --------------------------------------------------------------------


def _tell(
    store: Store,
    before: Viewpoint,
    after: Viewpoint,
    rows: list[DiffRow],
    wanted: list[list[tuple[int, int | None]]],
) -> None:
    """Puts type, times and reason of each event into the rows."""
    positions = sorted({position for events in wanted for position, _ in events})
    papers: dict[int, tuple[str, str, str, str]] = {}
    for i in range(0, len(positions), _FETCH):
        for row in store.rows_at(positions[i : i + _FETCH]):
            sealed = read_seal(split(row.state)[1])
            papers[row.position] = (
                row.type,
                iso(sealed.effective_at),
                iso(sealed.recorded_at),
                _why(before, after, sealed.effective_at, row.position),
            )
    for row, events in zip(rows, wanted, strict=True):
        told: list[ChangeEvent] = []
        for position, change in events:
            name, effective_at, recorded_at, why = papers[position]
            told.append(
                {
                    "position": position,
                    "type": name,
                    "effective_at": effective_at,
                    "recorded_at": recorded_at,
                    "why": why,
                    "change": change,
                }
            )
        row["events"] = told


def _why(before: Viewpoint, after: Viewpoint, at: Any, position: int) -> str:
    """Why an event counts at one viewpoint only."""
    came = at <= after.as_of and position <= after.upto
    other = before if came else after
    early, unknown = at > other.as_of, position > other.upto
    if came:
        return (
            "took effect and became known" if early and unknown
            else "took effect" if early else "became known"
        )  # fmt: skip
    return (
        "not yet in effect, not yet known" if early and unknown
        else "not yet in effect" if early else "not yet known"
    )  # fmt: skip
