"""Opening years: what is on record of an entity's year where the books begin in the middle
(rule X-3).

A labelled fact: the year is stated in sums as of the cut-over, and later rules go on from it.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from etsledger.domain.commands import MAX_TONNES, Command, Id, Year
from etsledger.domain.compliance import deadline_of, in_time
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Posting
from etsledger.domain.market import FEN, price_fault
from etsledger.domain.state import Claim, Entity, Fact, RegistryState, Scribe
from etsledger.domain.stated_years import (
    NOTHING_STATED,
    StatedSubmission,
    StatedYear,
    StatesYears,
    note_year,
)
from etsledger.domain.times import iso, parse_instant
from etsledger.domain.verification import check_numbers, check_shapes
from etsledger.domain.yearbook import EMPTY


class OpeningYear(Command, frozen=True, kw_only=True, tag="opening_year"):
    """States an entity's compliance year as it stood when these books began, in sums."""

    example: ClassVar[str] = (
        '{"command": "opening_year", "id": "48", "registry": "cn-national", '
        '"effective_at": "2025-01-01", "entity": "huaneng", "year": 2023, "facts": '
        '{"verified_emissions": 1000, "obligation": 1000, "submissions": [{"unit": "CEA:2023", '
        '"quantity": 900, "submitted_at": "2024-12-20"}]}}'
    )
    entity: Id
    year: Year
    facts: StatedYear


class OpeningYearRecorded(StatesYears, frozen=True, kw_only=True):
    """An entity's compliance year as it stood when the books began; ``opening`` is the id of
    the command that states it."""

    entity: str
    facts: StatedYear
    opening: str
    year: int

    def postings(self) -> tuple[Posting, ...]:
        """What awaits confirmation is pending in its account, and reserved for nothing else."""
        return tuple(posting for one in _waiting(self.facts) for posting in _reserved(one))

    def stated(self, entity: str, year: int) -> StatedYear | None:
        """The facts, if it is this entity's year."""
        return self.facts if (entity, year) == (self.entity, self.year) else None


def _waiting(facts: StatedYear) -> Iterator[StatedSubmission]:
    return (one for one in facts.submissions if not one.confirmed)


def _reserved(one: StatedSubmission) -> Iterator[Posting]:
    account = one.account or ""
    yield account, one.unit, "pending", one.quantity


def decide(command: OpeningYear, desk: Desk) -> OpeningYearRecorded:
    """Raises InvalidCommand for sums that make no sense together and for a year with facts
    here, UnknownEntity, UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed,
    InsufficientUnits, BackdatedOverdraft."""
    _check_sums(command.facts)
    facts = _canonical(command.facts, desk).named(command.id)
    entity = desk.entity(command.entity)
    check_shapes(facts.units, "facts.units", entity)
    for one in _waiting(facts):
        account_id = one.account or ""
        account = desk.account(account_id)
        desk.may_send(account_id, account, one.unit)
    for one in (*facts.submissions, *facts.offsets, *facts.loans):
        _unit_known(one, desk)
    nothing_on_record(command.entity, command.year, desk)
    _take_waiting(facts, desk)
    _warn(command, facts, desk)
    return OpeningYearRecorded(
        entity=command.entity, facts=facts, opening=command.id, year=command.year
    )


def nothing_on_record(entity: str, year: int, desk: Desk) -> None:
    """Raises InvalidCommand where the year has facts of its own in these books."""
    book = desk.year_book(entity, year)
    if book != EMPTY:
        raise InvalidCommand(
            f"entity {entity} has facts of {year} in these books already; a year is opened once, "
            "before any other fact of it",
            field="year", entity=entity, year=year,
        )  # fmt: skip


def deadline_passed(entity: Entity, year: int, desk: Desk) -> bool:
    """Whether a year's surrender was due before the opening; a year without one is past."""
    deadline = deadline_of(desk.rules, entity.sector, year)
    return deadline is None or not in_time(desk.effective_at, deadline)


# -- what can be stated ----------------------------------------------------------------------------

_SUMS = (
    "allocated", "entitlement", "gas_allocation", "obligation", "pre_allocated", "recall_open",
    "recalled", "verified_emissions",
)  # fmt: skip
_PARTS = {
    "deductions": "deduction",
    "fines": "fine",
    "green_power": "",
    "loans": "borrowing",
    "offsets": "lock",
    "submissions": "surrender",
}
"""The kinds of parts, and the field by which each is named."""


def _check_sums(facts: StatedYear) -> None:
    if facts == NOTHING_STATED:
        raise _fault("", "nothing is stated")
    for field in _SUMS:
        value: int | None = getattr(facts, field)
        if value is not None and not 0 <= value <= MAX_TONNES:
            raise _fault(field, f"{value} is not from 0 to {MAX_TONNES}")
    check_numbers(facts.units, "facts.units")
    if facts.units and facts.verified_emissions is None:
        raise _fault("verified_emissions", "is missing; the units are those of its report")
    if facts.pre_allocated > facts.allocated:
        raise _fault(
            "allocated",
            f"{facts.allocated} t in all are less than the {facts.pre_allocated} t in advance",
        )
    for kind, name in _PARTS.items():
        names: set[str] = set()
        for i, part in enumerate(getattr(facts, kind)):
            _check_part(f"{kind}.{i}", part)
            given = getattr(part, name) if name else ""
            if given in names:
                raise _fault(f"{kind}.{i}.{name}", f"{given!r} is there twice")
            if given:
                names.add(given)
    if facts.entitlement is None:
        _not_final(facts)


def _check_part(where: str, part: Any) -> None:
    if hasattr(part, "amount"):
        if fault := price_fault(part.amount):
            raise _fault(f"{where}.amount", fault)
        return
    if not 0 < part.quantity <= MAX_TONNES:
        raise _fault(f"{where}.quantity", f"{part.quantity} is not from 1 to {MAX_TONNES}")
    if hasattr(part, "deducted") and not 0 <= part.in_advance <= part.deducted <= part.quantity:
        raise _fault(
            f"{where}.deducted",
            f"{part.deducted} t deducted, {part.in_advance} t of them in advance, are not within "
            f"the {part.quantity} t decided",
        )
    if hasattr(part, "confirmed"):
        _check_submission(where, part)


def _check_submission(where: str, one: StatedSubmission) -> None:
    if one.borrowed < 0 or one.custody < 0 or one.borrowed + one.custody > one.quantity:
        raise _fault(
            f"{where}.borrowed",
            f"{one.borrowed} t borrowed and {one.custody} t in custody are not within the "
            f"{one.quantity} t submitted",
        )
    if one.confirmed == (one.account is not None):
        raise _fault(
            f"{where}.account",
            "names where units await confirmation; confirmed ones have left it"
            if one.confirmed
            else "is missing; it is where the units await confirmation",
        )


def _not_final(facts: StatedYear) -> None:
    """Without an entitlement, all that was handed out was so in advance."""
    late = any(one.deducted != one.in_advance for one in facts.deductions)
    if facts.allocated != facts.pre_allocated or facts.recalled or late:
        raise _fault(
            "entitlement",
            "is missing; what was handed out, recalled or deducted beyond the pre-allocation "
            "belongs to a final allocation",
        )
    if facts.final is not None or facts.gas_allocation is not None:
        raise _fault("entitlement", "is missing; the final allocation has one")


def _fault(field: str, why: str) -> InvalidCommand:
    where = f"facts.{field}" if field else "facts"
    return InvalidCommand(f"{where}: {why}", field=where)


def _canonical(facts: StatedYear, desk: Desk) -> StatedYear:
    """Every instant as one, none after the opening itself; fines with two places."""
    changed: dict[str, Any] = {}
    if facts.fines:
        changed["fines"] = tuple(
            msgspec.structs.replace(fine, amount=fine.amount.quantize(FEN)) for fine in facts.fines
        )
    for kind, field in (
        ("submissions", "submitted_at"), ("offsets", "counted_at"), ("green_power", "counted_at")
    ):  # fmt: skip
        parts: tuple[Any, ...] = getattr(facts, kind)
        if parts:
            changed[kind] = tuple(
                msgspec.structs.replace(
                    part, **{field: _instant(f"{kind}.{i}.{field}", getattr(part, field), desk)}
                )
                for i, part in enumerate(parts)
            )
    return msgspec.structs.replace(facts, **changed) if changed else facts


def _instant(where: str, text: str, desk: Desk) -> str:
    try:
        when = parse_instant(text)
    except ValueError as error:
        raise _fault(where, str(error)) from None
    if when > desk.effective_at:
        raise _fault(
            where,
            f"{iso(when)} is after the opening ({iso(desk.effective_at)}); what came later is "
            "recorded as itself",
        )
    return iso(when)


def _unit_known(part: Any, desk: Desk) -> None:
    """Credits are units of another registry; the others are units of this one."""
    if hasattr(part, "lock"):
        return
    desk.rules.unit_kind(part.unit)


def _take_waiting(facts: StatedYear, desk: Desk) -> None:
    """What awaits confirmation must be there, beside what is for a purpose of its own."""
    asked: dict[tuple[str, str], int] = {}
    for one in _waiting(facts):
        place = (one.account or "", one.unit)
        asked[place] = asked.get(place, 0) + one.quantity
    for (account, unit), tonnes in asked.items():
        desk.take(account, unit, tonnes)
    for one in _waiting(facts):
        if one.surrender in desk.registry.surrenders:
            raise InvalidCommand(
                f"facts.submissions: surrender {one.surrender!r} awaits confirmation already",
                field="facts.submissions", surrender=one.surrender,
            )  # fmt: skip


def _warn(command: OpeningYear, facts: StatedYear, desk: Desk) -> None:
    entity, year, rules = desk.entity(command.entity), command.year, desk.rules
    if rules.years and rules.year(entity.sector, year) is None:
        desk.warn(
            f"rulebook {rules.data.name} has no compliance year {year} for sector "
            f"{entity.sector}: what is stated creates no obligation"
        )
    if facts.entitlement is None:
        return
    net = facts.allocated - facts.recalled - facts.recall_open
    due = facts.entitlement - sum(one.deducted for one in facts.deductions)
    if net != due:
        desk.warn(
            f"{command.entity} {year}: allocated less recalled is {net} t, the entitlement less "
            f"deductions {due} t; the difference moves when it is approved again"
        )


def evolve(scribe: Scribe, registry: RegistryState, event: OpeningYearRecorded, fact: Fact) -> None:
    """The year stands in the year book; what awaits confirmation can be confirmed."""
    note_year(scribe, registry, event.entity, event.year, event.facts, fact, event.opening)
    for one in _waiting(event.facts):
        claim = Claim(
            one.account or "", one.unit, one.quantity, fact.effective_at, event.entity, event.year,
            custody=one.custody, borrowed=one.borrowed,
        )  # fmt: skip
        scribe.put(registry.surrenders, one.surrender, claim)
