"""The moves of one unit, and the ranges of serial numbers that each took, in flat arrays.

No way of any tonne is kept: the way of a tonne is all moves that took it, in their order, and
a sweep over the ranges tells the ways of as many tonnes as are asked for.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from etsledger.projections.fifo import Range

_PILE = 20_000
"""Ranges that are sorted at a time, about."""


class Atom(NamedTuple):
    """Tonnes with the same way: their serial numbers, and the moves that took them."""

    first: int
    last: int
    moves: tuple[int, ...]


class Moves:
    """All moves in their order; ``keep`` keeps those of a part of the serial numbers only."""

    def __init__(self, keep: Range | None) -> None:
        self._low, self._high = keep or (1, 2**62)
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._positions, self._sources, self._targets = array("q"), array("i"), array("i")
        self._via: dict[int, tuple[str, ...]] = {}
        self._firsts, self._lasts, self._of_move = array("q"), array("q"), array("i")

    def add(
        self, position: int, source: str, target: str, via: tuple[str, ...], taken: Iterable[Range]
    ) -> None:
        """A move and the ranges that it took."""
        index, low, high = len(self._positions), self._low, self._high
        kept = False
        for first, last in taken:
            if last >= low and first <= high:
                kept = True
                self._firsts.append(max(first, low))
                self._lasts.append(min(last, high))
                self._of_move.append(index)
        if kept:
            self._positions.append(position)
            self._sources.append(self._number(source))
            self._targets.append(self._number(target))
            if via:
                self._via[index] = via

    def _number(self, account: str) -> int:
        number = self._numbers.setdefault(account, len(self._names))
        if number == len(self._names):
            self._names.append(account)
        return number

    def position(self, index: int) -> int:
        """The position of the event of a move."""
        return self._positions[index]

    def source(self, index: int) -> str:
        """The account that gave."""
        return self._names[self._sources[index]]

    def target(self, index: int) -> str:
        """The account that got."""
        return self._names[self._targets[index]]

    def via(self, index: int) -> tuple[str, ...]:
        """The accounts that it passed through in the same event."""
        return self._via.get(index, ())

    def out_of(self, account: str) -> set[int]:
        """The positions of the moves out of an account."""
        number = self._numbers.get(account)
        return {
            position
            for position, source in zip(self._positions, self._sources, strict=True)
            if source == number
        }

    def atoms(self, ranges: Iterable[Range]) -> Iterator[Atom]:
        """The tonnes of some ranges by way, in the order of their serial numbers.

        The ranges have no number in common. Numbers that no move took are left out.
        """
        wanted = sorted(ranges)
        entries = self._sorted(self._within(wanted))
        ends: list[tuple[int, int]] = []
        active: list[int] = []
        entry = next(entries, None)
        for low, high in wanted:
            position = low
            while position <= high:
                while entry is not None and self._firsts[entry] <= position:
                    if self._lasts[entry] >= position:
                        insort(active, self._of_move[entry])
                        heappush(ends, (self._lasts[entry], self._of_move[entry]))
                    entry = next(entries, None)
                while ends and ends[0][0] < position:
                    del active[bisect_left(active, heappop(ends)[1])]
                until = high
                if ends:
                    until = min(until, ends[0][0])
                if entry is not None:
                    until = min(until, self._firsts[entry] - 1)
                if active:
                    yield Atom(position, until, tuple(active))
                elif entry is None:
                    break
                position = until + 1

    def _within(self, wanted: Sequence[Range]) -> Sequence[int]:
        """The entries that have a number in one of some sorted ranges."""
        if len(wanted) == 1 and wanted[0][0] <= self._low and wanted[0][1] >= self._high:
            return range(len(self._firsts))
        lows = [low for low, _ in wanted]
        found = array("q")
        for entry, (first, last) in enumerate(zip(self._firsts, self._lasts, strict=True)):
            at = bisect_right(lows, last) - 1
            if at >= 0 and wanted[at][1] >= first:
                found.append(entry)
        return found

    def _sorted(self, entries: Sequence[int]) -> Iterator[int]:
        """Entries by their first number, sorted pile by pile as they are asked for."""
        firsts = self._firsts
        number = len(entries) // _PILE
        some = sorted(firsts[entry] for entry in entries[:: max(1, _PILE // 100)])
        bounds = [some[n * len(some) // (number + 1)] for n in range(1, number + 1)]
        piles = [array("q") for _ in range(number + 1)]
        for entry in entries:
            piles[bisect_right(bounds, firsts[entry])].append(entry)
        piles.reverse()
        while piles:
            yield from sorted(piles.pop(), key=firsts.__getitem__)


def within(atoms: Sequence[Atom], first: int, last: int) -> Iterator[Atom]:
    """The parts of atoms (in order) that lie within a range."""
    at = max(0, bisect_right(atoms, first, key=lambda atom: atom.first) - 1)
    while at < len(atoms) and atoms[at].first <= last:
        atom = atoms[at]
        if atom.last >= first:
            yield Atom(max(atom.first, first), min(atom.last, last), atom.moves)
        at += 1
