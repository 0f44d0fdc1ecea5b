"""The balances that differ between two viewpoints: summed, counted and listed by the database.

Over the index, in its order: one statement sums what counts at one viewpoint only and counts
the events by row. Others sum up what the rows that differ came to, and read the first events
of each; both enter the index once for each row. What the index has not got is asked of the
end of the log.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    lateral,
    select,
    true,
    tuple_,
)

from etsledger.domain.events import ALL_UNITS, OUTSIDE_ACCOUNTS
from etsledger.domain.times import to_micros
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account
from etsledger.projections.between import Between
from etsledger.projections.instants import Viewpoint

Key = tuple[str, str, str, str]
"""Account, registry, unit, bucket."""
_KEY: Final = ("account", "registry", "unit", "bucket")
_key: Final = itemgetter(0, 1, 2, 3)
Filters = Mapping[str, str | None]
"""Which account, registry and unit a question names."""
_i: Final = postings_by_account.c
_FETCH: Final = 1_000


class Told(NamedTuple):
    """An event of a row: the number of the row, the effective time (in microseconds), the place
    in the log, and what it did to the row (None where that is no sum)."""

    row: int
    at: int
    position: int
    change: int | None


Late = tuple[int, int, int]
"""Effective time, position and tonnes of an event."""


class Change(NamedTuple):
    """What the events of a row did together, and how many there are; those the index lacks."""

    total: int
    in_all: int
    late: Sequence[Late] = ()


def changes(store: Store, whole: Between, filters: Filters, done: int) -> dict[Key, Change]:
    """The rows that changed, in the order of the index, which answers up to ``done``.

    An event whose own postings of a row cancel out is not one of its events.
    """
    between = whole.within(done)
    keys = [_i[name] for name in _KEY]
    postings_in_all, events = func.count(), func.count(_i.position.distinct())
    query = (
        select(*keys, between.total(_i), events, postings_in_all)
        .where(*_apart(_i, between), *_named(_i, filters))
        .group_by(*keys)
    )
    found: dict[Key, Change] = {}
    several: list[Key] = []
    with store.engine.connect() as connection:
        rows: Any = () if between.none else _streamed(connection, query)
        for account, registry, unit, bucket, total, count, legs in rows:
            found[account, registry, unit, bucket] = Change(int(total), count)
            if legs != count:
                several.append((account, registry, unit, bucket))
        for key, number in _without_effect(connection, between, several):
            found[key] = found[key]._replace(in_all=found[key].in_all - number)
        for key, late in _late(connection, whole, filters, done):
            was = found.get(key, Change(0, 0))
            total = was.total + sum(tonnes for _, _, tonnes in late)
            found[key] = Change(total, was.in_all + len(late), late)
    return {
        key: change
        for key, change in found.items()
        if change.total and key[0] not in OUTSIDE_ACCOUNTS
    }


def sums_at(store: Store, view: Viewpoint, done: int, keys: Sequence[Key]) -> list[int]:
    """What each row came to at a viewpoint, in tonnes."""
    at = to_micros(view.as_of)
    found = [0] * len(keys)
    with store.engine.connect() as connection:
        query = _sums_query(at, min(view.upto, done), connection.dialect.name == "sqlite")
        for row, total in _streamed(connection, query, {"keys": _listed(keys)}):
            found[row] = int(total or 0)
        if done < view.upto:
            late = _late_sums(connection, at, done, view.upto)
            return [total + late.get(key, 0) for key, total in zip(keys, found, strict=True)]
    return found


def first_events(
    store: Store, between: Between, done: int, rows: Sequence[tuple[Key, Change]], most: int
) -> list[Told]:
    """The first ``most`` events of each row, by row and effective time."""
    if not most or not rows:
        return []
    told: list[Told] = []
    with store.engine.connect() as connection:
        query = _first_query(between.within(done), connection.dialect.name == "sqlite")
        values = {"keys": _listed(key for key, _ in rows), "most": most}
        found = _streamed(connection, query, values)
        for (row, at, position), legs in groupby(found, key=itemgetter(0, 1, 2)):
            if at is not None:
                tonnes = sum([int(leg[3]) for leg in legs])
                came = between.came(at, position)
                told.append(Told(row, at, position, tonnes if came else -tonnes))
    late = [Told(row, *one) for row, (_, change) in enumerate(rows) for one in change.late]
    if not late:
        return told
    of_rows = groupby(sorted([*told, *late]), key=itemgetter(0))
    return [one for _, of_row in of_rows for one in islice(of_row, most)]


def _streamed(connection: Connection, query: Any, values: Mapping[str, Any] | None = None) -> Any:
    """The rows of an answer, a thousand at a time: thousands kept apart cost more than they do."""
    return connection.execution_options(yield_per=_FETCH).execute(query, values)


# -- the index ---------------------------------------------------------------------------------


def _apart(columns: Any, between: Between) -> Iterator[ColumnElement[bool]]:
    """Counts at one viewpoint only, and does something."""
    yield between.condition(columns)
    yield columns.quantity != 0


def _named(columns: Any, filters: Filters) -> Iterator[ColumnElement[bool]]:
    for name, value in filters.items():
        if name == "unit" and value is not None:
            # A freeze of a whole account stands under the unit "*" and belongs to every unit.
            yield columns.unit.in_((value, ALL_UNITS))
        elif value is not None:
            yield columns[name] == value


def _listed(keys: Iterable[Key]) -> str:
    return json.dumps([(number, *key) for number, key in enumerate(keys)])


def _keys(sqlite: bool) -> Any:
    """The keys bound as ``keys``, each with its number in the list."""
    given = bindparam("keys", type_=Text)
    if sqlite:
        each = func.json_each(given).table_valued("value")
        parts = [func.json_extract(each.c.value, f"$[{n}]") for n in range(5)]
    else:
        each = func.json_array_elements(cast(given, JSON)).table_valued(column("value", JSON))
        texts = [each.c.value.op("->>")(n) for n in range(5)]
        parts = [cast(texts[0], BigInteger), *texts[1:]]
    names = ("number", *_KEY)
    labelled = (part.label(name) for part, name in zip(parts, names, strict=True))
    return select(*labelled).subquery("k")


def _of(columns: Any, key: Any) -> Iterator[ColumnElement[bool]]:
    return (columns[name] == key.c[name] for name in _KEY)


def _events_query(key: Any, between: Between) -> tuple[Any, Any]:
    """The index, and the place and tonnes of each event of a key in it, in its order."""
    inner = postings_by_account.alias("j")
    place = (inner.c.effective_at, inner.c.position)
    events = select(*place).where(*_of(inner.c, key), *_apart(inner.c, between)).group_by(*place)
    return inner, events.correlate(key)


def _without_effect(
    connection: Connection, between: Between, keys: Sequence[Key]
) -> Iterator[tuple[Key, int]]:
    """How many events of each key have postings that cancel out."""
    if not keys:
        return
    key = _keys(connection.dialect.name == "sqlite")
    inner, events = _events_query(key, between)
    idle = events.having(func.sum(inner.c.quantity) == 0).subquery("idle")
    number = select(func.count()).select_from(idle).scalar_subquery()
    for place, count in connection.execute(select(key.c.number, number), {"keys": _listed(keys)}):
        yield keys[place], count


def _sums_query(at: int, upto: int, sqlite: bool) -> Any:
    """Number of the key, and what the index has of it at a viewpoint."""
    key, inner = _keys(sqlite), postings_by_account.alias("j")
    total = (
        select(func.sum(inner.c.quantity))
        .where(*_of(inner.c, key), inner.c.effective_at <= at, inner.c.position <= upto)
        .scalar_subquery()
    )
    return select(key.c.number, total)


def _first_query(between: Between, sqlite: bool) -> Any:
    """Number of the key, effective time, position and tonnes of the first events of each.

    By SQLite for each key the list of their places, with which the index is entered; by
    PostgreSQL, which would make that list for each posting, the events beside each key. Empty
    but for the number where the index has none.
    """
    key = _keys(sqlite)
    inner, events = _events_query(key, between)
    tonnes = func.sum(inner.c.quantity)
    events = events.having(tonnes != 0).order_by(inner.c.effective_at, inner.c.position)
    events = events.limit(bindparam("most"))
    if sqlite:
        beside: Any = postings_by_account.alias("e")
        place = tuple_(beside.c.effective_at, beside.c.position)
        of_key = and_(*_of(beside.c, key), place.in_(events))
        shown = (beside.c.effective_at, beside.c.position, beside.c.quantity)
    else:
        beside = lateral(events.add_columns(tonnes.label("tonnes")), "e")
        of_key = true()
        shown = (beside.c.effective_at, beside.c.position, beside.c.tonnes)
    joined = key.outerjoin(beside, of_key)
    return select(key.c.number, *shown).select_from(joined).order_by(key.c.number, *shown[:2])


# -- what the index has not got ----------------------------------------------------------------


def _late(
    connection: Connection, between: Between, filters: Filters, done: int
) -> Iterator[tuple[Key, list[Late]]]:
    """The events after ``done`` of each row, in the order of effective times."""
    if done >= between.upto:
        return
    c = postings.c
    columns = [c[name] for name in (*_KEY, "effective_at", "position")]
    query = (
        select(*columns, between.total(c))
        .where(c.position > done, c.position <= between.upto)
        .where(between.condition(c), *_named(c, filters))
        .group_by(*columns)
        .having(func.sum(c.quantity) != 0)
        .order_by(*columns)
    )
    result: Any = connection.execute(query)
    for key, rows in groupby(result, key=_key):
        yield key, [(at, position, int(tonnes)) for *_, at, position, tonnes in rows]


def _late_sums(connection: Connection, at: int, done: int, upto: int) -> dict[Key, int]:
    """What the postings after ``done`` come to at a viewpoint, by row."""
    c = postings.c
    columns = [c[name] for name in _KEY]
    query = (
        select(*columns, func.sum(c.quantity))
        .where(c.position > done, c.position <= upto, c.effective_at <= at)
        .group_by(*columns)
    )
    result: Any = connection.execute(query)
    return {_key(row): int(row[4]) for row in result}
