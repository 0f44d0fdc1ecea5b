"""The tonnes of one unit, followed from issuance through every move: one pass over its postings.

A pass keeps no way of any tonne. It keeps which ranges of serial numbers each move took, in
flat arrays; the way of a tonne is then all moves that took it, in their order, and a sweep
over the ranges tells the ways of as many tonnes as are asked for.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

from sqlalchemy import func, select

from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT, ISSUANCE
from etsledger.domain.times import to_micros
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings
from etsledger.projections.fifo import Convention, Range
from etsledger.projections.instants import Viewpoint

_p = postings.c
_FETCH = 10_000
_SOURCES = (ISSUANCE, CONVERTED_IN)
Legs = list[tuple[str, int]]
"""What an event did to holdings of the unit: account and tonnes, in the order of its legs."""


class Move(NamedTuple):
    """Tonnes of a unit went from one account to another, by way of others, in one event."""

    position: int
    source: str
    target: str
    via: tuple[str, ...]


class Atom(NamedTuple):
    """Tonnes with the same way: their serial numbers, and the moves that took them."""

    first: int
    last: int
    moves: tuple[int, ...]


def minted(store: Store, registry: str, unit: str, upto: int) -> dict[int, tuple[int, int]]:
    """The serial numbers that each position gave out, first and last, in the order of the log.

    They do not depend on as-of: a tonne has the same number at every viewpoint.
    """
    query = (
        select(_p.position, func.sum(-_p.quantity))
        .where(_p.registry == registry, _p.unit == unit, _p.bucket == "held")
        .where(_p.account.in_(_SOURCES), _p.quantity < 0, _p.position <= upto)
        .group_by(_p.position)
        .order_by(_p.position)
    )
    given: dict[int, tuple[int, int]] = {}
    last = 0
    with store.engine.connect() as connection:
        for position, quantity in connection.execute(query):
            given[position] = (last + 1, last + int(quantity))
            last += int(quantity)
    return given


class Threads:
    """All moves of one unit of one registry at a viewpoint, with the ranges each took.

    Facts are taken in the order of effective times, then positions; of one event, what only
    passes through an account does not mix with what that account holds. ``keep`` keeps the
    ways of a part of the serial numbers only. Raises StoreDamaged.
    """

    def __init__(
        self,
        store: Store,
        registry: str,
        unit: str,
        view: Viewpoint,
        convention: Callable[[], Convention],
        keep: Range | None = None,
    ) -> None:
        self.registry, self.unit = registry, unit
        self.given = minted(store, registry, unit, view.upto)
        self.holdings = convention()
        self.moves: list[Move] = []
        self.left: dict[int, list[Range]] = {}
        """What left for another vintage, by position, in its order."""
        self.linked: list[Atom] | None = None
        self._low, self._high = keep or (1, 2**62)
        self._firsts, self._lasts = array("q"), array("q")
        self._of_move = array("q")
        self._thread_all(store, view)

    def _thread_all(self, store: Store, view: Viewpoint) -> None:
        instant, stuck = 0, list[tuple[int, Legs]]()
        for at, position, legs in self._events(store, view):
            if stuck and at != instant:
                self._settle(stuck)
                stuck = []
            instant = at
            if not self._thread(position, legs):
                stuck.append((position, legs))
        self._settle(stuck)

    def _events(self, store: Store, view: Viewpoint) -> Iterator[tuple[int, int, Legs]]:
        query = (
            select(_p.effective_at, _p.position, _p.account, _p.quantity)
            .where(_p.registry == self.registry, _p.unit == self.unit, _p.bucket == "held")
            .where(_p.effective_at <= to_micros(view.as_of), _p.position <= view.upto)
            .order_by(_p.effective_at, _p.position, _p.leg)
        )
        at = position = 0
        legs: Legs = []
        with store.engine.connect() as connection:
            result: Any = connection.execution_options(yield_per=_FETCH).execute(query)
            for when, where, account, quantity in result:
                if where != position:
                    if legs:
                        yield at, position, legs
                    at, position, legs = when, where, []
                legs.append((account, quantity))
        if legs:
            yield at, position, legs

    def _settle(self, stuck: list[tuple[int, Legs]]) -> None:
        """Events of one instant that others of it must come before.

        A back-dated fact may leave an account short in the middle of a later instant, though
        not at the end of it. What waits for each other in a circle counts as one event.
        """
        while stuck:
            left = [
                (position, legs) for position, legs in stuck if not self._thread(position, legs)
            ]
            if len(left) == len(stuck):
                position = left[-1][0]
                if not self._thread(position, [leg for _, legs in left for leg in legs]):
                    raise StoreDamaged(
                        f"position {position} takes more {self.unit} than there is; run verify"
                    )
                return
            stuck = left

    def _thread(self, position: int, legs: Legs) -> bool:
        """Moves the ranges of one event; False, and nothing is done, if they are not there."""
        if len(legs) == 2 and legs[0][1] < 0 and legs[0][0] != legs[1][0]:
            source, (target, quantity) = legs[0][0], legs[1]
            if source not in _SOURCES and self.holdings.holds(source) < quantity:
                return False
            self._move(position, source, target, quantity)
            return True
        moves, via = _net(legs)
        short: dict[str, int] = {}
        for source, _, quantity in moves:
            if source not in _SOURCES:
                short[source] = short.get(source, 0) + quantity
        if any(self.holdings.holds(source) < quantity for source, quantity in short.items()):
            return False
        born = 0
        for source, target, quantity in moves:
            self._move(position, source, target, quantity, via, born)
            born += quantity if source in _SOURCES else 0
        return True

    def _move(
        self, position: int, source: str, target: str, quantity: int,
        via: tuple[str, ...] = (), born: int = 0,
    ) -> None:  # fmt: skip
        """Moves one part of an event, after ``born`` tonnes that came to be in it."""
        holdings = self.holdings
        if source in _SOURCES:
            first = self.given[position][0] + born
            taken = [(first, first + quantity - 1)]
        else:
            taken = holdings.take(source, quantity)
        if target == CONVERTED_OUT:
            self.left.setdefault(position, []).extend(taken)
        low, high, index = self._low, self._high, len(self.moves)
        kept = False
        for first, last in taken:
            holdings.put(target, first, last)
            if last >= low and first <= high:
                kept = True
                self._firsts.append(max(first, low))
                self._lasts.append(min(last, high))
                self._of_move.append(index)
        if kept:
            self.moves.append(Move(position, source, target, via))

    def converted_in(self) -> list[Range]:
        """The ranges that came from older vintages and are in the books at the viewpoint."""
        there = {move.position for move in self.moves if move.source == CONVERTED_IN}
        return [given for position, given in self.given.items() if position in there]

    def atoms(self, ranges: Iterable[Range]) -> Iterator[Atom]:
        """The tonnes of some ranges by way, in the order of their serial numbers.

        Numbers that are not in the books at the viewpoint are left out.
        """
        wanted = sorted(ranges)
        order = sorted(range(len(self._firsts)), key=self._firsts.__getitem__)
        ends: list[tuple[int, int]] = []
        active: list[int] = []
        at, count = 0, len(order)
        for low, high in wanted:
            position = low
            while position <= high:
                while at < count and self._firsts[order[at]] <= position:
                    entry = order[at]
                    at += 1
                    if self._lasts[entry] >= position:
                        insort(active, self._of_move[entry])
                        heappush(ends, (self._lasts[entry], self._of_move[entry]))
                while ends and ends[0][0] < position:
                    del active[bisect_left(active, heappop(ends)[1])]
                until = high
                if ends:
                    until = min(until, ends[0][0])
                if at < count:
                    until = min(until, self._firsts[order[at]] - 1)
                if active:
                    yield Atom(position, until, tuple(active))
                elif at == count:
                    break
                position = until + 1


def within(atoms: Sequence[Atom], first: int, last: int) -> Iterator[Atom]:
    """The parts of atoms (in order) that lie within a range."""
    at = max(0, bisect_right(atoms, first, key=lambda atom: atom.first) - 1)
    while at < len(atoms) and atoms[at].first <= last:
        atom = atoms[at]
        if atom.last >= first:
            yield Atom(max(atom.first, first), min(atom.last, last), atom.moves)
        at += 1


def _net(legs: Legs) -> tuple[tuple[tuple[str, str, int], ...], tuple[str, ...]]:
    """Who gave how much to whom in the end, and the accounts that it passed through."""
    nets: dict[str, int] = {}
    for account, quantity in legs:
        nets[account] = nets.get(account, 0) + quantity
    givers = [[account, -quantity] for account, quantity in nets.items() if quantity < 0]
    moves: list[tuple[str, str, int]] = []
    for target, left in nets.items():
        quantity = left
        while quantity > 0:
            giver: Any = givers[0]
            part = min(quantity, giver[1])
            moves.append((giver[0], target, part))
            quantity -= part
            giver[1] -= part
            if not giver[1]:
                givers.pop(0)
    passed = tuple(account for account, quantity in nets.items() if not quantity)
    return tuple(moves), passed if moves else ()
