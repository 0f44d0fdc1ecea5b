"""Green electricity: it meets a small part of a shortfall, and is no unit (rule Q-GREEN).

The limit is a share of the shortfall, rounded down, and a number of tonnes at most. The
shortfall is what is owed less the final entitlement, before offsets [ADOPTED].
"""

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, ClassVar

from etsledger.domain.commands import Command, Id, Tonnes, Year
from etsledger.domain.compliance import Standing
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AllocationNotReady,
    GreenPowerLimitExceeded,
    OffsetNotEligible,
)
from etsledger.domain.events import Event
from etsledger.domain.owing import no_more_than_owed, obligation_known, standings
from etsledger.domain.state import Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso
from etsledger.domain.yearbook import GreenPowerClaim

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import GreenPower


class RecordGreenPower(Command, frozen=True, kw_only=True, tag="record_green_power"):
    """Records tonnes of an entity's obligation of a year that green electricity is to meet."""

    example: ClassVar[str] = (
        '{"command": "record_green_power", "id": "44", "registry": "cn-chongqing", '
        '"entity": "glass", "year": 2024, "tonnes": 1500}'
    )
    entity: Id
    year: Year
    tonnes: Tonnes


class GreenPowerRecorded(Event, frozen=True, kw_only=True):
    """Green electricity met a part of an obligation.

    ``limit`` is the most that it may meet of the year, ``shortfall`` what that was taken of,
    ``used`` what it met before this, all at the effective time (tonnes).
    """

    entity: str
    limit: int
    rule: str
    shortfall: int
    tonnes: int
    used: int
    year: int


def limit_of(share: Decimal, most: int, shortfall: int) -> int:
    """The most that green electricity may meet (tonnes), rounded down (Q-GREEN)."""
    return max(0, min(floor(Fraction(share) * shortfall), most))


def decide(command: RecordGreenPower, desk: Desk) -> GreenPowerRecorded:
    """Raises UnknownEntity, ObligationNotKnown, AllocationNotReady, OffsetNotEligible (where
    the rulebook has no such table), GreenPowerLimitExceeded, SurrenderExceedsObligation."""
    entity = desk.entity(command.entity)
    obligation_known(desk, command.entity, entity, command.year)
    table = next((t for t in desk.rules.data.green_power if command.year in t.years), None)
    if table is None:
        raise OffsetNotEligible(
            f"rulebook {desk.rules.data.name} lets no green electricity meet the obligation of "
            f"{command.year}",
            entity=command.entity, year=command.year,
        )  # fmt: skip
    if desk.year_book_then(command.entity, command.year).approval is None:
        raise AllocationNotReady(
            f"the shortfall of {command.entity} for {command.year} is known once its allocation "
            f"is final, which it is not at {iso(desk.effective_at)}; finalise_allocation comes "
            "first",
            entity=command.entity, year=command.year,
        )  # fmt: skip
    shortfall, limit, used = _within_limit(command, entity, table, desk)
    no_more_than_owed(desk, command.entity, entity, command.year, command.tonnes)
    return GreenPowerRecorded(
        entity=command.entity,
        limit=limit,
        rule=table.rule,
        shortfall=shortfall,
        tonnes=command.tonnes,
        used=used,
        year=command.year,
    )


def _within_limit(
    command: RecordGreenPower, entity: Entity, table: "GreenPower", desk: Desk
) -> tuple[int, int, int]:
    """Shortfall, limit and what was met before, at the effective time."""
    found: list[tuple[int, int, int]] = []
    for then in standings(desk, command.entity, entity, command.year):
        shortfall = _shortfall(then)
        limit = limit_of(table.share, table.limit, shortfall)
        if then.green_power + command.tonnes > limit:
            raise GreenPowerLimitExceeded(
                f"green electricity may meet {limit} t of what {command.entity} owes for "
                f"{command.year} ({table.share} of a shortfall of {shortfall} t, at most "
                f"{table.limit} t, {table.source}); {then.green_power} t are recorded, "
                f"{command.tonnes} asked",
                entity=command.entity, year=command.year, shortfall=shortfall, limit=limit,
                used=then.green_power, asked=command.tonnes,
            )  # fmt: skip
        found.append((shortfall, limit, then.green_power))
    return found[0]


def _shortfall(then: Standing) -> int:
    return max(0, then.obligation - (then.entitlement or 0))


def evolve(scribe: Scribe, registry: RegistryState, event: GreenPowerRecorded, fact: Fact) -> None:
    """The claim counts for the year."""
    entry = GreenPowerClaim(fact.effective_at, fact.position, event.tonnes)
    scribe.note(registry, event.entity, event.year, "green_power", entry)
