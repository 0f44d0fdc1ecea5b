"""Every event that moved one unit, in effective order, kept in flat arrays.

The log is read in its own order, which the database gives without sorting: what is back-dated
is put in its place here. A posting takes twelve bytes, an event twenty-four.
"""

from array import array
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any

from sqlalchemy import select

from etsledger.domain.times import to_micros
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings
from etsledger.projections.instants import Viewpoint

_p = postings.c
_FETCH = 10_000
Legs = list[tuple[str, int]]
"""What an event did to holdings of the unit: account and tonnes, in the order of its legs."""


class UnitFacts:
    """What is known of one unit of one registry at a viewpoint."""

    def __init__(self, store: Store, registry: str, unit: str, view: Viewpoint) -> None:
        self._names: list[str] = []
        self._accounts, self._tonnes = array("i"), array("q")
        """Of each leg; the account by its number among the names."""
        self._instants, self._positions, self._begins = array("q"), array("q"), array("q")
        """Of each event; where its legs begin."""
        query = (
            select(_p.position, _p.effective_at, _p.account, _p.quantity)
            .where(_p.registry == registry, _p.unit == unit, _p.bucket == "held")
            .where(_p.effective_at <= to_micros(view.as_of), _p.position <= view.upto)
            .order_by(_p.position, _p.leg)
        )
        with store.engine.connect() as connection:
            self._read(connection.execution_options(yield_per=_FETCH).execute(query))
        self._begins.append(len(self._tonnes))

    def _read(self, rows: Iterable[Any]) -> None:
        numbers: dict[str, int] = {}
        last = 0
        for position, at, account, quantity in rows:
            if position != last:
                last = position
                self._positions.append(position)
                self._instants.append(at)
                self._begins.append(len(self._tonnes))
            self._accounts.append(numbers.setdefault(account, len(numbers)))
            self._tonnes.append(quantity)
        self._names = list(numbers)

    def __iter__(self) -> Iterator[tuple[int, int, Legs]]:
        """Effective time, position and legs of each event, by effective time, then position."""
        names, accounts, tonnes = self._names, self._accounts, self._tonnes
        for event in self._order():
            begin, end = self._begins[event], self._begins[event + 1]
            legs = [(names[accounts[leg]], tonnes[leg]) for leg in range(begin, end)]
            yield self._instants[event], self._positions[event], legs

    def _order(self) -> Iterable[int]:
        instants = self._instants
        late: list[int] = []
        latest = instants[0] if instants else 0
        for event, at in enumerate(instants):
            if at < latest:
                late.append(event)
            latest = max(latest, at)
        if not late:
            return range(len(instants))
        late.sort(key=instants.__getitem__)  # of one instant they stay in the order of the log
        return merge(self._punctual(), late, key=lambda event: (instants[event], event))

    def _punctual(self) -> Iterator[int]:
        """The events that were not back-dated before an earlier one."""
        latest = -(2**63)
        for event, at in enumerate(self._instants):
            if at >= latest:
                latest = at
                yield event
