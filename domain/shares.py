"""Whole tonnes by share: by largest remainder, ties by the order given (rule X-9, adopted).

What belongs together (what met an obligation, what was deducted) is shared out so that its
sums fit as well as its parts.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

Shares = Sequence[Fraction]


def apportion(total: int, shares: Shares, most: Sequence[int] | None = None) -> list[int]:
    """A total in whole parts that add up to it; ``shares`` add up to 1.

    Each part is its exact share rounded down; what is left goes one by one to the largest
    remainders, of equal ones to the earlier. With ``most`` no part is above its own, as far
    as the total lets it. A total below zero is shared like one above.
    """
    if total < 0:
        return [-part for part in apportion(-total, shares)]
    exact = [total * share for share in shares]
    whole = [floor(one) for one in exact]
    order = sorted(range(len(whole)), key=lambda i: (whole[i] - exact[i], i))
    parts = whole if most is None else [min(a, max(0, b)) for a, b in zip(whole, most, strict=True)]
    left = total - sum(parts)
    while left:
        room = [i for i in order if most is None or parts[i] < most[i]] or order
        for i in room[:left]:
            parts[i] += 1
        left -= min(left, len(room))
    return parts


def apportion_each(
    totals: Sequence[int], shares: Shares, most: Sequence[int] | None = None
) -> list[list[int]]:
    """Several totals, each in whole parts, so that every running sum is shared out as well.

    All of them together are ``apportion``-ed (within ``most``), then what comes before the last
    one within that, and so on: no part is below zero, and none of the sums is off by more than
    its own rounding.
    """
    running = sum(totals)
    above = apportion(running, shares, most)
    found: list[list[int]] = []
    for total in reversed(totals):
        running -= total
        below = apportion(running, shares, above)
        found.append([a - b for a, b in zip(above, below, strict=True)])
        above = below
    return found[::-1]
