"""The tonnes of one unit, followed from issuance through every move: one pass over its postings.

A pass keeps no way of any tonne, but which ranges of serial numbers each move took (``moves``).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import func, select

from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT, ISSUANCE
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings
from etsledger.projections.fifo import Convention, Range
from etsledger.projections.instants import Viewpoint
from etsledger.projections.moves import Atom, Moves
from etsledger.projections.unit_facts import Legs, UnitFacts

_p = postings.c
_SOURCES = (ISSUANCE, CONVERTED_IN)


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
        self.moves = Moves(keep)
        self.left: dict[int, list[Range]] = {}
        """What left for another vintage, by position, in its order."""
        self.linked: list[Atom] | None = None
        self._thread_all(store, view)

    def _thread_all(self, store: Store, view: Viewpoint) -> None:
        instant, stuck = 0, list[tuple[int, Legs]]()
        for at, position, legs in UnitFacts(store, self.registry, self.unit, view):
            if stuck and at != instant:
                self._settle(stuck)
                stuck = []
            instant = at
            if not self._thread(position, legs):
                stuck.append((position, legs))
        self._settle(stuck)

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
        for first, last in taken:
            holdings.put(target, first, last)
        self.moves.add(position, source, target, via, taken)

    def converted_in(self) -> list[Range]:
        """The ranges that came from older vintages and are in the books at the viewpoint."""
        there = self.moves.out_of(CONVERTED_IN)
        return [given for position, given in self.given.items() if position in there]

    def atoms(self, ranges: Iterable[Range]) -> Iterator[Atom]:
        """The tonnes of some ranges by way, of those in the books at the viewpoint."""
        return self.moves.atoms(ranges)


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
