"""Offsets: credits that meet a part of an obligation (rules N-OFF-1 to N-OFF-5, Q-OFF).

Credits locked for an entity's year are counted in the compliance registry and cancelled in
the credit registry, by one command in one write: a lock is used once, and no credit twice.
The limit is a share of what is owed for the year, rounded down, over all programmes.
"""

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, ClassVar

from etsledger.domain.commands import Command, CommandId, Id, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    OffsetExpired,
    OffsetLimitExceeded,
    OffsetNotEligible,
    UnknownReference,
)
from etsledger.domain.events import Elsewhere, Event
from etsledger.domain.locks import CreditsCancelled
from etsledger.domain.owing import no_more_than_owed, obligation_known, standings
from etsledger.domain.state import Claim, Credit, Entity, Fact, RegistryState, Scribe
from etsledger.domain.times import iso, parse_instant
from etsledger.domain.yearbook import Offset

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import OffsetProgramme, Offsets


class UseOffsets(Command, frozen=True, kw_only=True, tag="use_offsets"):
    """Meets a part of an entity's obligation of a year with the credits of a lock: all of it."""

    example: ClassVar[str] = (
        '{"command": "use_offsets", "id": "43", "registry": "cn-national", "entity": "huaneng", '
        '"year": 2024, "lock": "41"}'
    )
    entity: Id
    year: Year
    lock: CommandId


class OffsetsUsed(Event, frozen=True, kw_only=True):
    """Credits met a part of an obligation; they are cancelled in ``credit_registry``.

    ``limit`` is the most that credits may meet of the year, ``used`` what they met before
    this, both at the effective time (tonnes).
    """

    credit_account: str
    credit_registry: str
    entity: str
    limit: int
    lock: str
    programme: str
    quantity: int
    registered_on: str
    rule: str
    unit: str
    used: int
    year: int


def limit_of(share: Decimal, obligation: int) -> int:
    """The most that credits may meet of an obligation (tonnes), rounded down (N-OFF-1)."""
    return floor(Fraction(share) * obligation)


def decide(command: UseOffsets, desk: Desk) -> tuple[OffsetsUsed, Elsewhere]:
    """Raises UnknownEntity, UnknownReference, ObligationNotKnown, InvalidCommand (before the
    lock began), AccountClosed, AccountFrozen, OffsetExpired, OffsetNotEligible,
    OffsetLimitExceeded, SurrenderExceedsObligation."""
    entity = desk.entity(command.entity)
    credit_registry, claim = _lock(command, desk)
    obligation_known(desk, command.entity, entity, command.year)
    desk.not_before(claim.effective_at, f"lock {command.lock!r}")
    there = Desk(
        desk.state, desk.past, credit_registry, desk.state.registries[credit_registry],
        desk.effective_at, desk.now,
    )  # fmt: skip
    there.may_send(claim.account, there.account(claim.account), claim.unit)
    table, credit = _eligible(command, claim, there.registry.credits.get(claim.unit), desk)
    limit, used = _within_limit(command, entity, claim.quantity, table, desk)
    no_more_than_owed(desk, command.entity, entity, command.year, claim.quantity)
    if table.draft:
        desk.warn(f"the limits of credits for {command.year} are a draft: {table.source}")
    met = OffsetsUsed(
        credit_account=claim.account,
        credit_registry=credit_registry,
        entity=command.entity,
        limit=limit,
        lock=command.lock,
        programme=credit.programme,
        quantity=claim.quantity,
        registered_on=credit.registered_on,
        rule=table.rule,
        unit=claim.unit,
        used=used,
        year=command.year,
    )
    gone = CreditsCancelled(
        account=claim.account,
        entity=command.entity,
        for_registry=desk.registry_id,
        lock=command.lock,
        quantity=claim.quantity,
        unit=claim.unit,
        year=command.year,
    )
    return met, Elsewhere(gone, credit_registry)


def _lock(command: UseOffsets, desk: Desk) -> tuple[str, Claim]:
    """The registry and the claim of a lock that is open for this obligation."""
    for name, registry in desk.state.registries.items():
        claim = registry.locks.get(command.lock)
        if claim is None:
            continue
        if (claim.for_registry, claim.entity, claim.year) == (
            desk.registry_id, command.entity, command.year,
        ):  # fmt: skip
            return name, claim
        raise UnknownReference(
            f"lock {command.lock!r} is for {claim.entity} {claim.year} in {claim.for_registry}, "
            f"not for {command.entity} {command.year} in {desk.registry_id}; unlock it and lock "
            "again",
            reference_id=command.lock, for_registry=claim.for_registry, entity=claim.entity,
            year=claim.year,
        )  # fmt: skip
    earlier = desk.past.recorded(command.lock)
    found = "no accepted command has that id"
    if earlier:
        found = f"that command recorded {type(earlier[0].event).__name__}"
        if type(earlier[0].event).__name__ == "CreditsLocked":
            found = "it was used or unlocked"
    raise UnknownReference(
        f"{command.lock!r} is not an open lock of credits: {found}",
        reference_id=command.lock, expected="lock",
    )  # fmt: skip


def _eligible(
    command: UseOffsets, claim: Claim, credit: Credit | None, desk: Desk
) -> tuple["Offsets", Credit]:
    """Dates first, then what may be used at all (N-OFF-2, N-OFF-3, N-OFF-4, Q-OFF)."""
    tables = desk.rules.data.offsets
    table = next((t for t in tables if command.year in t.years), None)
    if credit is None:
        raise OffsetNotEligible(
            f"{claim.unit} has no programme on record: it was never issued here (issue_credits)",
            unit=claim.unit, year=command.year,
        )  # fmt: skip
    rows = [p for t in tables for p in t.programmes if p.programme == credit.programme]
    row = next((p for p in table.programmes if p.programme == credit.programme), None) if (
        table
    ) else None  # fmt: skip
    _not_expired(command, claim, credit.programme, [row] if row else rows, desk)
    why = _why_not(table, row, credit, command.year, desk)
    if why or table is None:
        raise OffsetNotEligible(
            f"{claim.unit} ({credit.programme}, registered {credit.registered_on}) may not meet "
            f"the obligation of {command.year}: {why}",
            unit=claim.unit, year=command.year, programme=credit.programme,
            registered_on=credit.registered_on, covered_by_ets=credit.covered_by_ets,
        )  # fmt: skip
    return table, credit


def _not_expired(
    command: UseOffsets, claim: Claim, programme: str, rows: list["OffsetProgramme"], desk: Desk
) -> None:
    """A year that does not name the programme has no date for it: then those of the others."""
    ends = [row.used_before for row in rows if row.used_before is not None]
    if ends and len(ends) == len(rows):
        end = max(ends, key=parse_instant)
        if desk.effective_at >= parse_instant(end):
            raise OffsetExpired(
                f"{programme} credits could be used before {end} ({rows[0].source}), not at "
                f"{iso(desk.effective_at)}",
                unit=claim.unit, year=command.year, programme=programme, used_before=end,
            )  # fmt: skip


def _why_not(
    table: "Offsets | None", row: "OffsetProgramme | None", credit: Credit, year: int, desk: Desk
) -> str:
    name = desk.rules.data.name
    if table is None:
        return f"rulebook {name} admits no credits for that year"
    if row is None:
        admitted = ", ".join(dict.fromkeys(p.programme for p in table.programmes))
        return f"rulebook {name} admits {admitted} ({table.source})"
    registered = parse_instant(credit.registered_on)
    if row.used_from is not None and desk.effective_at < parse_instant(row.used_from):
        return f"such credits are used from {row.used_from} on ({row.source})"
    if row.registered_from is not None and registered < parse_instant(row.registered_from):
        return f"only those registered from {row.registered_from} on ({row.source})"
    if row.registered_before is not None and registered >= parse_instant(row.registered_before):
        return f"only those registered before {row.registered_before} ({row.source})"
    if credit.covered_by_ets and not table.covered_projects:
        return f"a carbon market covers the project ({table.source})"
    return ""


def _within_limit(
    command: UseOffsets, entity: Entity, asked: int, table: "Offsets", desk: Desk
) -> tuple[int, int]:
    """The limit and what was used before, at the effective time."""
    found: list[tuple[int, int]] = []
    for then in standings(desk, command.entity, entity, command.year):
        limit = limit_of(table.share, then.obligation)
        if then.offsets + asked > limit:
            raise OffsetLimitExceeded(
                f"credits may meet {limit} t of what {command.entity} owes for {command.year} "
                f"({table.share} of {then.obligation} t, {table.source}); {then.offsets} t are "
                f"used, {asked} asked: {then.offsets + asked - limit} too many",
                entity=command.entity, year=command.year, obligation=then.obligation,
                limit=limit, used=then.offsets, asked=asked,
            )  # fmt: skip
        found.append((limit, then.offsets))
    return found[0]


def evolve(scribe: Scribe, registry: RegistryState, event: OffsetsUsed, fact: Fact) -> None:
    """The credits count for the year."""
    entry = Offset(fact.effective_at, fact.position, event.lock, event.unit, event.quantity)
    scribe.note(registry, event.entity, event.year, "offsets", entry)
