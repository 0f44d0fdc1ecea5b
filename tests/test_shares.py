"""Whole tonnes by share: largest remainder, ties by the order given."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.domain.shares import apportion, apportion_each
from successions import by_largest_remainder

weights = st.lists(st.integers(1, 50), min_size=1, max_size=5)
shares = weights.map(lambda given: [Fraction(one, sum(given)) for one in given])
totals = st.one_of(st.integers(0, 12), st.integers(0, 10**15))

SIXTY_FORTY = [Fraction(3, 5), Fraction(2, 5)]
THIRDS = [Fraction(333_333, 10**6), Fraction(333_333, 10**6), Fraction(333_334, 10**6)]
HALVES = [Fraction(1, 2), Fraction(1, 2)]


@pytest.mark.parametrize(
    ("total", "of", "parts"),
    [
        (0, SIXTY_FORTY, [0, 0]),
        (1, SIXTY_FORTY, [1, 0]),
        (2, SIXTY_FORTY, [1, 1]),
        (3, SIXTY_FORTY, [2, 1]),
        (4, SIXTY_FORTY, [2, 2]),
        (5, SIXTY_FORTY, [3, 2]),
        (6, SIXTY_FORTY, [4, 2]),
        (99, SIXTY_FORTY, [59, 40]),
        (100, SIXTY_FORTY, [60, 40]),
        (101, SIXTY_FORTY, [61, 40]),
        (1, HALVES, [1, 0]),  # a tie goes to the one named first
        (3, HALVES, [2, 1]),
        (1, THIRDS, [0, 0, 1]),
        (2, THIRDS, [1, 0, 1]),
        (3, THIRDS, [1, 1, 1]),
        (-5, SIXTY_FORTY, [-3, -2]),
        (-1, HALVES, [-1, 0]),
    ],
)
def test_what_is_left_goes_to_the_largest_remainders(
    total: int, of: list[Fraction], parts: list[int]
) -> None:
    assert apportion(total, of) == parts


@given(totals, shares)
def test_the_parts_are_those_of_the_rule_and_add_up(total: int, of: list[Fraction]) -> None:
    parts = apportion(total, of)
    assert parts == by_largest_remainder(total, of)
    assert sum(parts) == total
    assert all(abs(part - total * share) < 1 for part, share in zip(parts, of, strict=True))


@given(totals, totals, shares)
def test_no_part_is_above_what_bounds_it(less: int, more: int, of: list[Fraction]) -> None:
    most = apportion(less + more, of)
    parts = apportion(less, of, most)
    assert sum(parts) == less
    assert all(0 <= part <= bound for part, bound in zip(parts, most, strict=True))


@given(st.lists(totals, max_size=6), totals, shares)
def test_running_sums_are_shared_out_as_well_as_their_parts(
    given: list[int], more: int, of: list[Fraction]
) -> None:
    most = apportion(sum(given) + more, of)
    parts = apportion_each(given, of, most)
    assert [sum(one) for one in parts] == given
    assert all(part >= 0 for one in parts for part in one)
    for i, bound in enumerate(most):
        assert sum(one[i] for one in parts) <= bound


def test_a_bound_that_cannot_hold_all_is_exceeded_and_nothing_is_lost() -> None:
    assert apportion(10, HALVES, [2, 2]) == [5, 5]
