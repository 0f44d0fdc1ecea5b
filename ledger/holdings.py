"""One holding's postings page by page: the covering index is entered where the page is.

Like sums, every question is bounded by positions and reads what the index lacks from the
end of the log. Postings of one event in one bucket of a holding are one movement.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, func, or_, select, tuple_

from etsledger.domain.events import ALL_UNITS
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account

_i, _p = postings_by_account.c, postings.c
Place = tuple[int, int]
"""Effective time (microseconds) and position: the order of a statement."""
_END: Final = (2**63 - 1, 2**63 - 1)
BEGINNING: Final = (-(2**63) + 1, 0)


class Moved(NamedTuple):
    """What one event did to a bucket of a holding: tonnes, and in how many postings."""

    effective_at: int
    position: int
    quantity: int
    postings: int

    @property
    def place(self) -> Place:
        """Where it stands in the statement."""
        return self.effective_at, self.position


class Tally(NamedTuple):
    """Tonnes and number of postings."""

    quantity: int
    postings: int


class Holding(NamedTuple):
    """The postings of an account and unit up to ``upto``, of which the index has ``done``."""

    registry: str
    account: str
    unit: str
    done: int
    upto: int

    def values_of(self, bucket: str) -> dict[str, Any]:
        return {
            "registry": self.registry, "account": self.account, "unit": self.unit,
            "bucket": bucket, "done": min(self.done, self.upto), "upto": self.upto,
        }  # fmt: skip

    def movements(
        self,
        store: Store,
        bucket: str,
        *,
        after: Place = BEGINNING,
        upto: Place = _END,
        limit: int,
        latest: bool,
    ) -> list[Moved]:
        """Movements with ``after < place <= upto``: the first ``limit``, or the latest.

        In the order of the statement either way.
        """
        values = self.values_of(bucket) | _bounds(after, upto)
        index, late = _movements_query(latest)
        with store.engine.connect() as connection:
            rows: list[Any] = list(connection.execute(index, {**values, "limit": limit}).all())
            if self.done < self.upto:
                rows += connection.execute(late, values).all()
        found = sorted(Moved(int(a), int(p), int(q), int(n)) for a, p, q, n in rows)
        return found[-limit:] if latest else found[:limit]

    def tally(
        self, store: Store, bucket: str, *, after: Place = BEGINNING, upto: Place = _END
    ) -> Tally:
        """The sum of the movements with ``after < place <= upto``."""
        values = self.values_of(bucket) | _bounds(after, upto)
        index, late = _tally_query()
        with store.engine.connect() as connection:
            rows = [connection.execute(index, values).one()]
            if self.done < self.upto:
                rows.append(connection.execute(late, values).one())
        return _added(rows)

    def known_later(
        self, store: Store, bucket: str, known: int, upto: Place, limit: int
    ) -> tuple[list[Moved], Tally]:
        """Movements at places up to ``upto`` that were recorded after position ``known``.

        The first ``limit`` in the order of the log, and the sum of all.
        """
        if known >= self.upto:
            return [], Tally(0, 0)
        values = {**self.values_of(bucket), **_bounds(BEGINNING, upto), "known": known}
        index, late = _known_later_query()
        with store.engine.connect() as connection:
            rows: list[Any] = list(connection.execute(index, values).all())
            if self.done < self.upto:
                rows += connection.execute(late, values).all()
        found = sorted((Moved(*map(int, row)) for row in rows), key=lambda one: one.position)
        return found[:limit], _added((one.quantity, one.postings) for one in found)


def tallies(store: Store, holding: Holding, at: int) -> dict[tuple[str, str], Tally]:
    """By unit (``*`` for freezes of a whole account) and bucket, effective by ``at``."""
    values = {**holding.values_of(""), "at": at}
    index, late = _tallies_query()
    found: dict[tuple[str, str], Tally] = {}
    with store.engine.connect() as connection:
        rows: list[Any] = list(connection.execute(index, values).all())
        if holding.done < holding.upto:
            rows += connection.execute(late, values).all()
    for unit, bucket, quantity, number in rows:
        found[unit, bucket] = _added([found.get((unit, bucket), Tally(0, 0)), (quantity, number)])
    return found


def _added(rows: Iterable[Any]) -> Tally:
    quantity = number = 0
    for tonnes, count in rows:
        quantity, number = quantity + int(tonnes or 0), number + int(count or 0)
    return Tally(quantity, number)


def _bounds(after: Place, upto: Place) -> dict[str, int]:
    return {"after_at": after[0], "after": after[1], "at": upto[0], "until": upto[1]}


_RANGES: Final = (
    (_i, _i.position <= bindparam("done")),
    (_p, (_p.position > bindparam("done")) & (_p.position <= bindparam("upto"))),
)
"""The index, and the end of the log that it has not got."""


def _of_holding(c: Any, known: Any) -> list[Any]:
    place = tuple_(c.effective_at, c.position)
    return [
        c.account == bindparam("account"),
        c.registry == bindparam("registry"),
        c.unit == bindparam("unit"),
        c.bucket == bindparam("bucket"),
        place > tuple_(bindparam("after_at"), bindparam("after")),
        place <= tuple_(bindparam("at"), bindparam("until")),
        known,
    ]


@cache
def _movements_query(latest: bool) -> tuple[Any, Any]:
    made: list[Any] = []
    for c, known in _RANGES:
        query = (
            select(c.effective_at, c.position, func.sum(c.quantity), func.count())
            .where(*_of_holding(c, known))
            .group_by(c.effective_at, c.position)
        )
        if c is _i:
            order = (c.effective_at, c.position)
            turned = tuple(column.desc() for column in order) if latest else order
            query = query.order_by(*turned).limit(bindparam("limit"))
        made.append(query)
    return made[0], made[1]


@cache
def _tally_query() -> tuple[Any, Any]:
    index, late = (
        select(func.sum(c.quantity), func.count()).where(*_of_holding(c, known))
        for c, known in _RANGES
    )
    return index, late


@cache
def _known_later_query() -> tuple[Any, Any]:
    index, late = (
        select(c.effective_at, c.position, func.sum(c.quantity), func.count())
        .where(*_of_holding(c, known), c.position > bindparam("known"))
        .group_by(c.effective_at, c.position)
        for c, known in _RANGES
    )
    return index, late


@cache
def _tallies_query() -> tuple[Any, Any]:
    index, late = (
        select(c.unit, c.bucket, func.sum(c.quantity), func.count())
        .where(c.account == bindparam("account"), c.registry == bindparam("registry"))
        .where(or_(c.unit == bindparam("unit"), c.unit == ALL_UNITS))
        .where(c.effective_at <= bindparam("at"), known)
        .group_by(c.unit, c.bucket)
        for c, known in _RANGES
    )
    return index, late
