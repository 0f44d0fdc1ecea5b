"""Postings in the database: the rows of an event, their index by account, and the past.

``ledger_postings`` lies in the order of the log. ``ledger_postings_by_account`` is its
covering index, merged in bulk when it lags by more than ``LAG`` positions and the writer
lock is free; whatever it lacks is read from the end of ``ledger_postings``. Every reader
bounds both by positions, so that a merge in the middle of a question changes nothing.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.events import ALL_UNITS, Posting
from etsledger.domain.times import to_micros
from etsledger.ledger.log import PostingRow
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account

INDEX: Final = "postings_by_account"
LAG: Final = 100
"""Positions the index may lag before a reader asks for the lock to merge it."""
_MERGE: Final = 200_000


def rows_of(
    legs: tuple[Posting, ...], position: int, registry: str, effective_at: datetime
) -> list[PostingRow]:
    """The database rows of an event's postings."""
    if not legs:
        return []
    at = to_micros(effective_at)
    return [
        (position, leg, registry, account, unit, bucket, at, quantity)
        for leg, (account, unit, bucket, quantity) in enumerate(legs)
    ]


def rows_of_logged(logged: Logged) -> list[PostingRow]:
    """The database rows of the postings of an event in the log."""
    record = logged.record
    return rows_of(logged.event.postings(), record.position, record.registry, record.effective_at)


def merge_index(store: Store, upto: int, progress: Callable[[int], None] | None = None) -> int:
    """Brings the index to ``upto`` if the writer lock is free; gives where it stands now.

    A store that takes no writes, say on a full disk, is no reason not to answer.
    """
    done, _ = store.cursor(INDEX)
    while done < upto:
        with store.try_writing() as free:
            if not free:
                return done
            done, _ = store.cursor(INDEX)
            if done >= upto:
                return done
            try:
                done = _merge(store, done, min(upto, done + _MERGE))
            except SQLAlchemyError:
                return done
        if progress:
            progress(done)
    return done


def merge_index_while_writing(store: Store, upto: int) -> int:
    """Brings the index near ``upto`` for a caller that holds the writer lock itself.

    Closer than a reader would: every back-dated fact of a write reads the rest row by row.
    """
    _, done = store.standing(INDEX)
    while upto - done > LAG // 10:
        done = _merge(store, done, min(upto, done + _MERGE))
    return min(done, upto)


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
    found: list[ColumnElement[bool]] = []
    for name in filters:
        if name == "unit":
            # A freeze of a whole account stands under the unit "*" and belongs to every unit.
            found.append(columns.unit.in_((bindparam("unit"), ALL_UNITS)))
        elif name == "registry" and "account" not in filters:
            # As a range: SQLite takes what equals a constant out of GROUP BY, does not see any
            # more that the index is in that order, and sorts all postings in memory.
            found.append(columns.registry >= bindparam("registry"))
            found.append(columns.registry <= bindparam("registry"))
        else:
            found.append(columns[name] == bindparam(name))
    return found


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
