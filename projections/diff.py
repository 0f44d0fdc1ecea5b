"""What changed between two (as-of, known-at) pairs, and which events did it.

A fact counts at a viewpoint when it is effective by its as-of and at a position known there;
what counts at one of two viewpoints and not at the other makes the whole difference. So the
numbers of the first come from one sum by the index, those of the second from the facts that
make the difference, and events are read only of what changed.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select

from etsledger.domain.events import ALL_UNITS, OUTSIDE_ACCOUNTS
from etsledger.domain.state import State
from etsledger.domain.times import iso, parse_instant, to_micros
from etsledger.ledger.changes import ChangeEvent, DiffRow
from etsledger.ledger.postings import indexed, sums
from etsledger.ledger.record import split
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account
from etsledger.projections.diff_years import changed_years
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties

_FETCH: Final = 10_000
_TOLD: Final = 20
"""Events that a row tells, unless told otherwise."""
_TOLD_IN_ALL: Final = 20_000
"""Unless told otherwise, rows tell fewer events where all of them would tell more than this."""
Key = tuple[str, str, str, str]
"""Account, registry, unit, bucket."""
_key: Final = itemgetter(0, 1, 2, 3)
Filters = dict[str, str | None]
"""Which of the first three a question names."""


class _Event(NamedTuple):
    """An event of a row: its effective time (in microseconds), and what it did."""

    position: int
    at: int
    change: int | None


class _Change(NamedTuple):
    """What the events of a row did together; how many there are, and the first of them."""

    total: int
    in_all: int
    first: list[_Event]


class _Times(msgspec.Struct, gc=False):
    effective_at: str
    recorded_at: str


_times: Final = msgspec.json.Decoder(_Times)


class Between:
    """Two viewpoints, and what counts at one of them only."""

    def __init__(self, before: Viewpoint, after: Viewpoint) -> None:
        self.before, self.after = before, after
        self._at_before, self._at_after = to_micros(before.as_of), to_micros(after.as_of)

    @property
    def upto(self) -> int:
        """The last position that either knows."""
        return max(self.before.upto, self.after.upto)

    def condition(self, columns: Any) -> ColumnElement[bool]:
        """Counts at one viewpoint and not at the other."""
        early, late = sorted((self._at_before, self._at_after))
        low, high = sorted((self.before.upto, self.after.upto))
        at, position = columns.effective_at, columns.position
        between_times = and_(at > early, at <= late)
        between_known = and_(position > low, position <= high)
        later_knows_more = (self._at_before <= self._at_after) == (
            self.before.upto <= self.after.upto
        )
        if low == high:
            return and_(between_times, position <= low)
        if early == late:
            return and_(between_known, at <= late)
        if later_knows_more:  # the one viewpoint has all that the other has
            return or_(and_(between_times, position <= high), and_(between_known, at <= late))
        return or_(and_(between_times, position <= low), and_(between_known, at <= early))

    def came(self, at: int, position: int) -> bool:
        """Whether a fact that counts at one viewpoint only counts at the second."""
        return at <= self._at_after and position <= self.after.upto

    def why(self, at: int, position: int) -> str:
        """Why a fact counts at one viewpoint only."""
        came = self.came(at, position)
        early = at > (self._at_before if came else self._at_after)
        unknown = position > (self.before if came else self.after).upto
        if came:
            return _CAME[early, unknown]
        return _WENT[early, unknown]


_CAME: Final = {
    (True, True): "took effect and became known",
    (True, False): "took effect",
    (False, True): "became known",
}
_WENT: Final = {
    (True, True): "not yet in effect, not yet known",
    (True, False): "not yet in effect",
    (False, True): "not yet known",
}


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
    rows: list[DiffRow] = []
    wanted: list[list[_Event]] = []
    for name in names:
        filters: Filters = {"account": name, "registry": registry, "unit": unit}
        changed = _changes(store, between, filters, done, most)
        was = _sums(store, before, filters, done) if changed else {}
        for key in sorted(changed, key=itemgetter(1, 0, 2, 3)):
            row = _balance(parties, between.upto, key, was.get(key, 0), changed[key])
            if entity is None or row["entity"] == entity:
                rows.append(row)
                wanted.append(changed[key].first)
    if state is not None:
        for row, facts in changed_years(state, store, before, after, registry, entity):
            rows.append(row)
            wanted.append([_Event(position, to_micros(at), None) for at, position in facts[:most]])
    if events is None and len(rows) * _TOLD > _TOLD_IN_ALL:
        most = max(1, _TOLD_IN_ALL // len(rows))
        wanted = [told[:most] for told in wanted]
    _tell(store, between, rows, wanted)
    return rows


def _sums(store: Store, view: Viewpoint, filters: Filters, done: int) -> dict[Key, int]:
    found = sums(store, view.upto, view.as_of, done=min(done, view.upto), **filters)
    return {_key(one): one.quantity for one in found}


def _balance(parties: Parties, upto: int, key: Key, was: int, change: _Change) -> DiffRow:
    account, registry, unit, bucket = key
    known = parties.account(registry, account, upto)
    return {
        "what": "balance",
        "registry": registry,
        "account": account,
        "entity": known.entity if known else None,
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


# -- the events of balances ------------------------------------------------------------------

Posted = tuple[str, str, str, str, int, int, int]
"""A row's key, effective time, position, tonnes."""


def _changes(
    store: Store, between: Between, filters: Filters, done: int, most: int
) -> dict[Key, _Change]:
    """The rows that changed, each with its events.

    An event whose own postings of a row cancel out is not one of them.
    """
    late = list(_read(store, postings.c, between, filters, done, between.upto))
    rows: Iterable[Posted] = _read(store, postings_by_account.c, between, filters, 0, done)
    if late:
        rows = sorted([*rows, *late])
    at_after, known_after = to_micros(between.after.as_of), between.after.upto
    found: dict[Key, _Change] = {}
    for key, of_row in groupby(rows, key=_key):
        if key[0] in OUTSIDE_ACCOUNTS:
            continue
        events = _events(at_after, known_after, of_row)
        total = sum([change for _, _, change in events])
        if total:
            found[key] = _Change(total, len(events), [_Event(*one) for one in events[:most]])
    return found


def _events(at_after: int, known_after: int, rows: Iterable[Posted]) -> list[tuple[int, int, int]]:
    """Position, effective time and tonnes of each event of one row, in effective order."""
    events: list[tuple[int, int, int]] = []
    for _, _, _, _, at, position, tonnes in rows:
        quantity = int(tonnes) if at <= at_after and position <= known_after else -int(tonnes)
        if events and events[-1][0] == position:
            quantity += events.pop()[2]
        events.append((position, at, quantity))
    return [event for event in events if event[2]]


def _read(
    store: Store, columns: Any, between: Between, filters: Filters, low: int, high: int
) -> Iterator[Posted]:
    """The postings at positions in ``(low, high]`` that count at one viewpoint only."""
    if low >= high:
        return
    order = [columns[name] for name in ("account", "registry", "unit", "bucket")]
    order += [columns.effective_at, columns.position]
    query = (
        select(*order, columns.quantity)
        .where(columns.position > low, columns.position <= high)
        .where(*_named(columns, filters), between.condition(columns))
        .order_by(*order)
    )
    with store.engine.connect() as connection:
        result: Any = connection.execution_options(yield_per=_FETCH).execute(query)
        yield from result


def _named(columns: Any, filters: Filters) -> Iterator[ColumnElement[bool]]:
    for name, value in filters.items():
        if name == "unit" and value is not None:
            # A freeze of a whole account stands under the unit "*" and belongs to every unit.
            yield columns.unit.in_((value, ALL_UNITS))
        elif value is not None:
            yield columns[name] == value


# -- the papers of events --------------------------------------------------------------------


def _tell(store: Store, between: Between, rows: list[DiffRow], wanted: list[list[_Event]]) -> None:
    """Puts type, times and reason of each event into the rows."""
    positions = sorted({event.position for events in wanted for event in events})
    papers: dict[int, tuple[str, str, str]] = {}
    for i in range(0, len(positions), _FETCH):
        for stored in store.rows_at(positions[i : i + _FETCH]):
            times = _times.decode(split(stored.state)[1])
            papers[stored.position] = (
                stored.type, _shanghai(times.effective_at), _shanghai(times.recorded_at),
            )  # fmt: skip
    for row, events in zip(rows, wanted, strict=True):
        told: list[ChangeEvent] = []
        for position, at, change in events:
            name, effective_at, recorded_at = papers[position]
            told.append(
                {
                    "position": position,
                    "type": name,
                    "effective_at": effective_at,
                    "recorded_at": recorded_at,
                    "why": between.why(at, position),
                    "change": change,
                }
            )
        row["events"] = told


def _shanghai(time: str) -> str:
    return time if time.endswith("+08:00") else iso(parse_instant(time))
