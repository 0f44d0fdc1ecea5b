"""The pure functions of borrowing: the limit by the gap, and the gap rate (N-BOR-2, N-BOR-4)."""

from typing import Any

import pytest

from etsledger.domain.borrowing import borrowable, large_enough
from etsledger.domain.rulebook import bundled
from etsledger.domain.rulebook_trade import Borrowing


def table(**changed: Any) -> Borrowing:
    """The national table, with other keys."""
    given = bundled("cn-national").data.borrowing[0].model_dump()
    return Borrowing.model_validate({**given, **changed})


@pytest.mark.parametrize(
    ("share", "gap", "limit"),
    [
        ("0.50", 100_001, 50_000), ("0.50", 200_000, 100_000), ("0.50", 1, 0), ("0.50", 0, 0),
        ("0.50", -10, 0), (None, 100_001, 100_001), (None, -1, 0), ("0.1", 19, 1),
    ],
)  # fmt: skip
def test_what_may_be_borrowed_for_a_gap(share: str | None, gap: int, limit: int) -> None:
    assert borrowable(table(share_of_gap=share), gap) == limit


@pytest.mark.parametrize(
    ("minimum", "verified", "approved", "enough"),
    [
        ("0.10", 10, 9, True), ("0.10", 19, 17, True), ("0.10", 21, 19, False),
        ("0.05", 100, 95, True), ("0.05", 100, 96, False), ("0.10", 0, 0, False),
        ("0.10", 3, 2, True), ("0.05", 10**15, 95 * 10**13, True),
        ("0.05", 10**15, 95 * 10**13 + 1, False),
    ],
)  # fmt: skip
def test_the_gap_rate_is_exact(minimum: str, verified: int, approved: int, enough: bool) -> None:
    assert large_enough(table(minimum_gap=minimum), verified, approved) is enough
