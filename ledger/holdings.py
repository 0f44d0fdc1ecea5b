"""One holding's postings page by page: the covering index is entered where the page is.

Like sums, every question is bounded by positions and reads what the index lacks from the
end of the log. Postings of one event in one bucket of a holding are one movement.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, func, literal, select, tuple_

from etsledger.domain.events import ALL_UNITS
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account

_i, _p = postings_by_account.c, postings.c
Place = tuple[int, int]
"""Effective time (microseconds) and position: the order of a statement."""
END: Final = (2**63 - 1, 2**63 - 1)
BEGINNING: Final = (-(2**63) + 1, 0)


RESERVED: Final = ("frozen", "pledged", "pending", "restricted", "stopped")


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


class Slot(NamedTuple):
    """What a stretch of effective time comes to, and the first and last position in it."""

    number: int
    quantity: int
    postings: int
    first: int
    last: int


class Holding(NamedTuple):
    """The postings of an account and unit up to ``upto``, of which the index has ``done``."""

    registry: str
    account: str
    unit: str
    done: int
    upto: int

    def values_of(self, bucket: str) -> dict[str, Any]:
        """The values that a question about a bucket binds."""
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
        upto: Place = END,
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
        self, store: Store, bucket: str, *, after: Place = BEGINNING, upto: Place = END
    ) -> Tally:
        """The sum of the movements with ``after < place <= upto``."""
        return _added((
            self.indexed(store, bucket, after=after, upto=upto),
            self.unindexed(store, bucket, after=after, upto=upto),
        ))  # fmt: skip

    def indexed(self, store: Store, bucket: str, *, after: Place, upto: Place) -> Tally:
        """The same of what the index has."""
        values = self.values_of(bucket) | _bounds(after, upto)
        with store.engine.connect() as connection:
            return _added([connection.execute(_tally_query()[0], values).one()])

    def unindexed(self, store: Store, bucket: str, *, after: Place, upto: Place) -> Tally:
        """The same of what the index has not got."""
        if self.done >= self.upto:
            return Tally(0, 0)
        values = self.values_of(bucket) | _bounds(after, upto)
        with store.engine.connect() as connection:
            return _added([connection.execute(_tally_query()[1], values).one()])

    def slots(self, store: Store, bucket: str, width: int) -> list[Slot]:
        """What the index has, summed by stretches of ``width`` microseconds of effective time."""
        values = self.values_of(bucket) | _bounds(BEGINNING, END) | {"width": width}
        with store.engine.connect() as connection:
            rows: list[Any] = list(connection.execute(_slots_query(), values).all())
        return [Slot(*map(int, row)) for row in rows]

    def known_later(
        self, store: Store, bucket: str, known: int, upto: Place, limit: int
    ) -> list[Moved]:
        """The latest ``limit`` movements at places up to ``upto`` that were recorded after
        position ``known``, in the order of the log."""
        if known >= self.upto:
            return []
        bounds = _bounds(BEGINNING, upto) | {"known": known, "limit": limit}
        values = self.values_of(bucket) | bounds
        index, late = _known_later_query()
        with store.engine.connect() as connection:
            rows: list[Any] = list(connection.execute(index, values).all())
            if self.done < self.upto:
                rows += connection.execute(late, values).all()
        found = sorted(Moved(*map(int, row)) for row in rows)[-limit:]
        return sorted(found, key=lambda one: one.position)


def reserved(store: Store, holding: Holding, at: int) -> dict[tuple[str, str], int]:
    """By unit (``*`` for freezes of a whole account) and bucket, all but ``held``: tonnes
    effective by ``at``; counts of freezes for ``stopped``."""
    values = {**holding.values_of(""), "at": at}
    index, late = _reserved_query()
    found: dict[tuple[str, str], int] = {}
    with store.engine.connect() as connection:
        rows: list[Any] = list(connection.execute(index, values).all())
        if holding.done < holding.upto:
            rows += connection.execute(late, values).all()
    for unit, bucket, quantity in rows:
        found[unit, bucket] = found.get((unit, bucket), 0) + int(quantity)
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
def _slots_query() -> Any:
    c, known = _RANGES[0]
    # Floor, also before 1970: a quotient of integers is cut off towards zero.
    width = bindparam("width", type_=BigInteger)
    number = (c.effective_at - ((c.effective_at % width) + width) % width) // width
    sums = (func.sum(c.quantity), func.count(), func.min(c.position), func.max(c.position))
    return select(number, *sums).where(*_of_holding(c, known)).group_by(number).order_by(number)


@cache
def _known_later_query() -> tuple[Any, Any]:
    index, late = (
        select(c.effective_at, c.position, func.sum(c.quantity), func.count())
        .where(*_of_holding(c, known), c.position > bindparam("known"))
        .group_by(c.effective_at, c.position)
        .order_by(c.effective_at.desc(), c.position.desc())
        .limit(bindparam("limit"))
        for c, known in _RANGES
    )
    return index, late


@cache
def _reserved_query() -> tuple[Any, Any]:
    index, late = (
        select(c.unit, c.bucket, func.sum(c.quantity))
        .where(c.account == bindparam("account"), c.registry == bindparam("registry"))
        .where(c.unit.in_((bindparam("unit", type_=Text), literal(ALL_UNITS))))
        .where(c.bucket.in_(RESERVED), c.effective_at <= bindparam("at"), known)
        .group_by(c.unit, c.bucket)
        for c, known in _RANGES
    )
    return index, late
