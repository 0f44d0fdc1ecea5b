"""Penalties: the bounds that the law sets to a decision (rules section 12)."""

from fractions import Fraction

from etsledger.domain.rulebook import Rulebook


def fraud_cut_bounds(rules: Rulebook, allocation: int) -> tuple[int, int]:
    """The least and the most (whole tonnes) that fraud may cut off an allocation.

    The next year's allocation is cut by a share of it (Z3 art.22); the least is rounded up
    and the most down, so that every whole number between them is within the law. Without a
    share in the rulebook the bounds are 0 and the allocation.
    """
    row = next((row for row in rules.data.deductions if row.reason == "fraud"), None)
    low = Fraction(row.minimum_share) if row and row.minimum_share is not None else Fraction(0)
    high = Fraction(row.maximum_share) if row and row.maximum_share is not None else Fraction(1)
    return (low * allocation).__ceil__(), (high * allocation).__floor__()
