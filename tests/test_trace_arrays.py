"""What tracing keeps in flat arrays is what lists of tuples would say."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.projections import fifo, moves
from etsledger.projections.fifo import FirstInFirstOut, Range
from etsledger.projections.moves import Moves, within

spans = st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1]))
taken = st.lists(st.lists(spans, min_size=1, max_size=3), max_size=12)


def ways(kept: list[list[Range]], low: int, high: int) -> dict[int, tuple[int, ...]]:
    """The moves that took each number, number by number."""
    found: dict[int, tuple[int, ...]] = {}
    for number in range(low, high + 1):
        way = [n for n, of in enumerate(kept) for first, last in of if first <= number <= last]
        if way:
            found[number] = tuple(way)
    return found


@pytest.mark.parametrize("pile", [1, 3, 20_000])
def test_a_sweep_tells_of_each_number_the_moves_that_took_it(
    pile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "_PILE", pile)

    @given(taken=taken, low=st.integers(1, 60), size=st.integers(0, 30), more=spans)
    def holds(taken: list[list[Range]], low: int, size: int, more: Range) -> None:
        taken = [of for of in taken if _apart(of)]
        kept = Moves(None)
        for position, of in enumerate(taken, 1):
            kept.add(position, "one", "other", (), of)
        wanted = [(low, low + size)]
        if more[0] > low + size:
            wanted.append(more)
        atoms = list(kept.atoms(reversed(wanted)))
        found = {n: atom.moves for atom in atoms for n in range(atom.first, atom.last + 1)}
        assert found == {
            n: w for first, last in wanted for n, w in ways(taken, first, last).items()
        }
        assert sum(atom.last - atom.first + 1 for atom in atoms) == len(found)
        assert list(found) == sorted(found)
        part = {n for atom in within(atoms, low, low) for n in range(atom.first, atom.last + 1)}
        assert part == {low} & found.keys()
        everything = {
            n: atom.moves
            for atom in kept.atoms([(1, 2**62)])
            for n in range(atom.first, atom.last + 1)
        }
        assert everything == ways(taken, 1, 80)

    holds()


def _apart(ranges: list[Range]) -> bool:
    """A move takes a tonne once."""
    return all(one[1] < other[0] for one, other in pairwise(sorted(ranges)))


def test_a_part_of_the_numbers_is_kept_with_the_moves_that_took_it() -> None:
    kept = Moves((5, 6))
    kept.add(1, "issuance", "a", (), [(1, 4)])
    kept.add(2, "issuance", "a", (), [(5, 9)])
    kept.add(3, "a", "b", ("c",), [(1, 4), (5, 5)])
    assert [(a.first, a.last, a.moves) for a in kept.atoms([(1, 9)])] == [
        (5, 5, (0, 1)),
        (6, 6, (0,)),
    ]
    assert (kept.position(1), kept.source(1), kept.target(1), kept.via(1)) == (3, "a", "b", ("c",))
    assert kept.out_of("issuance") == {2}
    assert kept.out_of("nobody") == set()


@pytest.mark.parametrize("spent", [2, 1_024])
def test_first_in_is_first_out(spent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fifo, "_SPENT", spent)

    @given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.booleans()), max_size=60))
    def holds(steps: list[tuple[bool, int, bool]]) -> None:
        convention, tonnes, number = FirstInFirstOut(), deque[int](), 1
        for comes, quantity, gap in steps:
            if comes:
                number += gap
                convention.put("a", number, number + quantity - 1)
                tonnes.extend(range(number, number + quantity))
                number += quantity
            elif quantity <= len(tonnes):
                given = [n for a, z in convention.take("a", quantity) for n in range(a, z + 1)]
                assert given == [tonnes.popleft() for _ in range(quantity)]
            assert convention.holds("a") == len(tonnes)
            there = convention.there("a")
            assert [n for a, z in there for n in range(a, z + 1)] == list(tonnes)
            assert all(one[1] + 1 != other[0] for one, other in pairwise(there))
        assert (convention.holds("b"), convention.there("b")) == (0, [])

    holds()
