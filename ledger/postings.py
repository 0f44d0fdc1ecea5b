"""Postings in the database: the rows of an event, their index by account, and the past.

``ledger_postings`` lies in the order of the log. ``ledger_postings_by_account`` is its
covering index, merged in bulk when it lags by more than ``LAG`` positions and the writer
lock is free; whatever it lacks is read from the end of ``ledger_postings``. Every reader
bounds both by positions, so that a merge in the middle of a question changes nothing.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, func, insert, select

from etsledger.domain.desk import Depth, Recorded
from etsledger.domain.events import ALL_UNITS, Event, Posting
from etsledger.domain.times import to_micros
from etsledger.ledger.log import PostingRow
from etsledger.ledger.record import Entry, Logged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account

INDEX: Final = "postings_by_account"
LAG: Final = 1_000
"""Positions the index may lag before a reader asks for the lock to merge it."""
_MERGE: Final = 200_000


def rows_of(
    event: Event,
    position: int,
    registry: str,
    effective_at: datetime,
    legs: tuple[Posting, ...] | None = None,
) -> list[PostingRow]:
    """The database rows of an event's postings (``legs``, if the caller has them at hand)."""
    if legs is None:
        legs = event.postings()
    if not legs:
        return []
    at = to_micros(effective_at)
    return [
        (position, leg, registry, account, unit, bucket, at, quantity)
        for leg, (account, unit, bucket, quantity) in enumerate(legs)
    ]


def merge_index(store: Store, upto: int, progress: Callable[[int], None] | None = None) -> int:
    """Brings the index to ``upto`` if the writer lock is free; gives where it stands now."""
    done, _ = store.cursor(INDEX)
    while done < upto:
        with store.try_writing() as free:
            if not free:
                return done
            done, _ = store.cursor(INDEX)
            if done >= upto:
                return done
            done = _merge(store, done, min(upto, done + _MERGE))
        if progress:
            progress(done)
    return done


def _merge(store: Store, after: int, until: int) -> int:
    columns = [postings.c[column.name] for column in postings_by_account.columns]
    key = [postings.c[column.name] for column in postings_by_account.primary_key]
    rows = (
        select(*columns)
        .where(postings.c.position > after, postings.c.position <= until)
        .order_by(*key)
    )
    names = [column.name for column in postings_by_account.columns]
    with store.engine.begin() as connection:
        connection.execute(insert(postings_by_account).from_select(names, rows))
        store.set_cursor(connection, INDEX, until)
    return until


def indexed(store: Store, upto: int) -> int:
    """How much of ``(0, upto]`` the index answers, merged first if it lags."""
    _, done = store.standing(INDEX)
    return min(upto, merge_index(store, upto) if upto - done > LAG else done)


class Sum(NamedTuple):
    """A sum of postings by account, unit and bucket."""

    account: str
    registry: str
    unit: str
    bucket: str
    quantity: int


_i, _p = postings_by_account.c, postings.c
Filters = tuple[str, ...]
"""Which of ``account``, ``registry`` and ``unit`` a question names."""


@cache
def _sums_query(filters: Filters) -> tuple[Any, Any]:
    """The question to the index and the one to the end of the log, built once."""
    group = (_i.account, _i.registry, _i.unit, _i.bucket)
    index = (
        select(*group, func.sum(_i.quantity))
        .where(*_conditions(_i, filters), _i.effective_at <= bindparam("at"))
        .where(_i.position <= bindparam("done"))
        .group_by(*group)
    )
    late = (
        select(_p.account, _p.registry, _p.unit, _p.bucket, _p.quantity)
        .where(_p.position > bindparam("done"), _p.position <= bindparam("upto"))
        .where(*_conditions(_p, filters), _p.effective_at <= bindparam("at"))
    )
    return index, late


def _conditions(columns: Any, filters: Filters) -> list[ColumnElement[bool]]:
    # A freeze of a whole account stands under the unit "*" and belongs to every unit.
    return [
        columns.unit.in_((bindparam("unit"), ALL_UNITS)) if name == "unit"
        else columns[name] == bindparam(name)
        for name in filters
    ]  # fmt: skip


def sums(
    store: Store,
    upto: int,
    effective_at: datetime,
    *,
    done: int | None = None,
    account: str | None = None,
    registry: str | None = None,
    unit: str | None = None,
) -> list[Sum]:
    """Sums over postings effective by an instant, at positions up to ``upto``, in key order.

    ``done`` is what ``indexed`` gave, if the caller has asked already. ``stopped`` counts of
    a whole account stand under the unit ``*`` and are not left out by a filter on a unit.
    """
    done = indexed(store, upto) if done is None else done
    named = {"account": account, "registry": registry, "unit": unit}
    given = {name: value for name, value in named.items() if value is not None}
    index, late = _sums_query(tuple(given))
    values = {**given, "at": to_micros(effective_at), "done": done, "upto": upto}
    with store.engine.connect() as connection:
        found: list[Any] = list(connection.execute(index, values).all())
        tail: list[Any] = list(connection.execute(late, values).all()) if done < upto else []
    if not tail:
        return [Sum(a, r, u, b, int(q)) for a, r, u, b, q in found]
    totals: dict[tuple[str, str, str, str], int] = {}
    for a, r, u, b, q in (*found, *tail):
        totals[a, r, u, b] = totals.get((a, r, u, b), 0) + int(q)
    return [Sum(*key, q) for key, q in sorted(totals.items())]


class Movement(NamedTuple):
    """One posting as a statement lists it."""

    effective_at: int
    position: int
    leg: int
    registry: str
    unit: str
    bucket: str
    quantity: int


def movements(store: Store, upto: int, account: str, *, after: int = 0) -> list[Movement]:
    """Every posting of an account at positions in ``(after, upto]``, by effective time."""
    done = indexed(store, upto)
    found: list[Movement] = []
    for columns, low, high in ((_i, after, done), (_p, max(done, after), upto)):
        if low >= high:
            continue
        query = select(*(columns[name] for name in Movement._fields)).where(
            columns.account == account, columns.position > low, columns.position <= high
        )
        with store.engine.connect() as connection:
            rows: Any = connection.execute(query)
            found.extend(map(Movement._make, rows))
    return sorted(found)


def _change(bucket: str, quantity: int) -> tuple[int, int]:
    """What a posting does to what is available and to what is held."""
    if bucket == "held":
        return quantity, quantity
    return (0, 0) if bucket == "stopped" else (-quantity, 0)


@cache
def _depth_query(*, index: bool) -> Any:
    columns: Any = _i if index else _p
    at = bindparam("at", type_=BigInteger)
    time = case((columns.effective_at <= at, at), else_=columns.effective_at)
    held = columns.bucket == "held"
    free = case((held, columns.quantity), else_=-columns.quantity)
    return (
        select(
            time.label("time"),
            func.sum(free),
            func.sum(case((held, columns.quantity), else_=0)),
        )
        .where(
            columns.account == bindparam("account"),
            columns.registry == bindparam("registry"),
            columns.unit == bindparam("unit"),
            columns.bucket != "stopped",
            columns.position > bindparam("low"),
            columns.position <= bindparam("high"),
        )
        .group_by("time")
    )


class StoredPast:
    """What decisions may ask of history: the database, and what this write adds to it."""

    def __init__(self, store: Store, recorded: Callable[[str], list[Logged]]) -> None:
        self._store = store
        self._recorded = recorded
        self._pending: list[Entry] = []
        self._pending_rows: list[PostingRow] = []
        self.position = 0
        """The last position in the database when this write began."""

    def begin(self, position: int) -> None:
        """A write begins: nothing is pending."""
        self.position = position
        self._pending, self._pending_rows = [], []

    def add(self, entry: Entry, rows: list[PostingRow]) -> None:
        """An event of this write, decided but not in the database yet."""
        self._pending.append(entry)
        self._pending_rows.extend(rows)

    def drop_to(self, entries: int, rows: int) -> None:
        """Forgets the latest events of this write, down to those numbers."""
        del self._pending[entries:]
        del self._pending_rows[rows:]

    def _parts(self) -> Iterator[tuple[bool, int, int]]:
        """The index and the end of the log, with the positions each answers for."""
        done = indexed(self._store, self.position) if self.position else 0
        if done:
            yield True, 0, done
        if done < self.position:
            yield False, done, self.position

    def depth(self, registry: str, account: str, unit: str, since: datetime) -> Depth:
        """The holding at ``since`` and the lowest available from then on."""
        at = to_micros(since)
        held = available = 0
        later: dict[int, int] = {}
        changes: list[tuple[int, int, int]] = [
            (max(when, at), *_change(bucket, quantity))
            for _, _, r, a, u, bucket, when, quantity in self._pending_rows
            if (r, a, u) == (registry, account, unit)
        ]
        values = {"registry": registry, "account": account, "unit": unit, "at": at}
        for index, low, high in self._parts():
            with self._store.engine.connect() as connection:
                found: Any = connection.execute(
                    _depth_query(index=index), {**values, "low": low, "high": high}
                )
                changes.extend((int(t), int(free), int(all_)) for t, free, all_ in found)
        for when, free, all_ in changes:
            if when > at:
                later[when] = later.get(when, 0) + free
            else:
                available += free
                held += all_
        lowest = running = available
        for when in sorted(later):
            running += later[when]
            lowest = min(lowest, running)
        return Depth(held, available, lowest)

    def moved_after(self, registry: str, account: str, at: datetime) -> bool:
        """Whether any posting of the account takes effect after an instant."""
        limit = to_micros(at)
        if any(row[2:4] == (registry, account) and row[6] > limit for row in self._pending_rows):
            return True
        for index, low, high in self._parts():
            columns = _i if index else _p
            query = select(columns.position).where(
                columns.account == account,
                columns.registry == registry,
                columns.effective_at > limit,
                columns.position > low,
                columns.position <= high,
            )
            with self._store.engine.connect() as connection:
                if connection.execute(query.limit(1)).first():
                    return True
        return False

    def recorded(self, command_id: str) -> list[Recorded]:
        """The events of an earlier command, in the database or in this write."""
        pending = [
            Recorded(logged.fact, logged.event)
            for logged in (Logged(e.record, e.record.data, e.hash) for e in self._pending)
            if command_id in (logged.command.id, logged.record.batch)
        ]
        return pending or [Recorded(x.fact, x.event) for x in self._recorded(command_id)]
