"""Coverage: who is listed as a key emitting entity, and until when (N-COV-1, N-COV-2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from etsledger.domain.rulebook import Rulebook

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import Coverage


def coverage(rules: Rulebook, sector: str, year: int) -> "Coverage | None":
    """The coverage table of a sector and year; None where the market does not cover it."""
    return next(
        (row for row in rules.data.coverage if sector in row.sectors and year in row.years), None
    )


def reaches_threshold(rules: Rulebook, sector: str, year: int, emissions: int) -> bool:
    """Whether ``emissions`` (tonnes in the year) make an entity one to be listed (N-COV-1).

    At the threshold itself they do. False where the market does not cover the sector.
    """
    row = coverage(rules, sector, year)
    return row is not None and emissions >= row.threshold


def stays_listed(
    rules: Rulebook, sector: str, year: int, emissions: Mapping[int, int], *, ceased: bool = False
) -> bool:
    """Whether a listed entity stays on the list after a year (N-COV-2).

    ``emissions`` are tonnes by year. It leaves when it ``ceased`` operation, or stayed below
    the threshold in so many years running, the last of them ``year``; a year that is not on
    record is not one below. False where the market does not cover the sector.
    """
    row = coverage(rules, sector, year)
    if row is None or ceased:
        return False
    last = range(year - row.exit_years + 1, year + 1)
    return not all(y in emissions and emissions[y] < row.threshold for y in last)
