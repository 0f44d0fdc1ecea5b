"""The bounds that the law sets to a cut for fraud."""

import json

import pytest

from etsledger.domain.deductions import fraud_cut_bounds
from etsledger.domain.rulebook import bundled, from_object
from reports import NATIONAL


@pytest.mark.parametrize(
    ("allocation", "bounds"),
    [
        (1_000_000, (500_000, 1_000_000)),  # D50
        (1_000_001, (500_001, 1_000_001)),  # half a tonne less would be below 50 %
        (1, (1, 1)),
        (0, (0, 0)),
    ],
)
def test_d50_a_cut_for_fraud_takes_half_to_all(allocation: int, bounds: tuple[int, int]) -> None:
    assert fraud_cut_bounds(NATIONAL, allocation) == bounds


def test_a_rulebook_that_sets_no_bounds() -> None:
    book = from_object(json.loads(bundled("open").text))
    assert fraud_cut_bounds(book, 1_000) == (0, 1_000)
