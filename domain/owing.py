"""What an entity still owes, as decisions ask that meet an obligation: by units, by credits,
by green electricity.

A back-dated fact must fit at its own time and ever after: it is judged at the effective
time and at every later instant at which something on record changes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from etsledger.domain.compliance import NO_LIMIT, Standing, standing
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ObligationNotKnown, SurrenderExceedsObligation
from etsledger.domain.state import Entity
from etsledger.domain.times import iso
from etsledger.domain.yearbook import YearBook, seen


def obligation_known(desk: Desk, entity_id: str, entity: Entity, year: int) -> None:
    """Raises ObligationNotKnown for a year that is none of the sector, or has no report in
    effect."""
    rules = desk.rules
    if rules.years and rules.year(entity.sector, year) is None:
        raise ObligationNotKnown(
            f"rulebook {rules.data.name} has no compliance year {year} for sector {entity.sector}",
            entity=entity_id, year=year, sector=entity.sector,
        )  # fmt: skip
    if not desk.year_book_then(entity_id, year).owed:
        raise ObligationNotKnown(
            f"entity {entity_id} has no verified emissions for {year} at "
            f"{iso(desk.effective_at)}; record_verified comes first",
            entity=entity_id, year=year,
        )  # fmt: skip


def standings(desk: Desk, entity_id: str, entity: Entity, year: int) -> Iterator[Standing]:
    """Where the entity stands at the effective time, then at each later change on record."""
    book = desk.year_book(entity_id, year)
    for at in (desk.effective_at, *_changes_after(book, desk.effective_at)):
        yield standing(desk.rules, entity, year, seen(book, at, NO_LIMIT), at)


def _changes_after(book: YearBook, at: datetime) -> list[datetime]:
    kinds: tuple[Any, ...] = msgspec.structs.astuple(book)
    return sorted({entry.at for entries in kinds for entry in entries if entry.at > at})


def no_more_than_owed(
    desk: Desk, entity_id: str, entity: Entity, year: int, quantity: int
) -> None:  # fmt: skip
    """Raises SurrenderExceedsObligation for more than is outstanding less what is pending."""
    for found in standings(desk, entity_id, entity, year):
        left = max(found.outstanding - found.pending, 0)
        if quantity > left:
            raise SurrenderExceedsObligation(
                f"entity {entity_id} owes {left} t for {year} (obligation {found.obligation}, "
                f"surrendered {found.surrendered}, pending {found.pending}, offsets "
                f"{found.offsets}, green power {found.green_power}); {quantity} t asked",
                entity=entity_id, year=year, obligation=found.obligation,
                surrendered=found.surrendered, pending=found.pending, offsets=found.offsets,
                green_power=found.green_power, outstanding=left, asked=quantity,
            )  # fmt: skip
