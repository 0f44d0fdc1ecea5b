"""Succession: one entity takes over from another, wholly or by shares (rule X-9).

A merger, a split or a division is one fact with everything in it: units, what is kept for
the entity, what was borrowed, its years, its net sales, what it carried over. Each goes to
the successors by their shares, to whole tonnes by largest remainder (adopted; see
``etsledger.domain.shares``). What is reserved must be settled first.
"""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from etsledger.domain import custody, loans
from etsledger.domain.acts import ACTS
from etsledger.domain.commands import Command, Id, command_name
from etsledger.domain.desk import Desk
from etsledger.domain.errors import ParticipantNotAllowed
from etsledger.domain.events import Posting, move
from etsledger.domain.heirs import BankingTaken, Heir, UnitsKept, UnitsTaken, YearTaken
from etsledger.domain.state import BankedBefore, Fact, RegistryState, Scribe, Succession
from etsledger.domain.stated_years import StatedYear, StatesYears, note_year

Kind = Literal["merger", "split", "division"]


class Successor(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True,
    forbid_unknown_fields=True,
):  # fmt: skip
    """Who takes over which share (a decimal above 0, at most 1), and in which account."""

    account: Id | None = None
    entity: Id
    share: Decimal


class SucceedEntity(Command, frozen=True, kw_only=True, tag="succeed_entity"):
    """Records that successors take over from an entity by shares that add up to 1.

    ``merger``: one other entity takes over all. ``split``: several others do, and the entity
    ends. ``division``: it carries on with a share of its own, as one of the successors.
    """

    example: ClassVar[str] = (
        '{"command": "succeed_entity", "id": "49", "registry": "cn-national", '
        '"entity": "huaneng", "kind": "division", "successors": [{"entity": "huaneng", '
        '"share": "0.6"}, {"entity": "jingneng", "share": "0.4"}]}'
    )
    entity: Id
    kind: Kind
    successors: Annotated[tuple[Successor, ...], msgspec.Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        names = [one.entity for one in self.successors]
        if len(set(names)) < len(names):
            raise ValueError("an entity is named twice among the successors")
        for one in self.successors:
            if not one.share.is_finite() or not 0 < one.share <= 1 or _places(one.share) > 12:
                raise ValueError(
                    f"the share of {one.entity} is {one.share}; a share is above 0, at most 1, "
                    "and has at most 12 decimal places"
                )
            if one.entity == self.entity and one.account is not None:
                raise ValueError(
                    f"what {self.entity} keeps stays in its accounts: name none for it"
                )
        total = sum(one.share for one in self.successors)
        if total != 1:
            raise ValueError(f"the shares add up to {total}, not to 1")
        _fits(self.kind, self.entity, names)

    @property
    def heirs(self) -> tuple[str, ...]:
        """The successors by id."""
        return tuple(one.entity for one in self.successors)


def _places(share: Decimal) -> int:
    exponent = share.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _fits(kind: Kind, entity: str, names: list[str]) -> None:
    if kind == "merger" and (len(names) != 1 or entity in names):
        raise ValueError("in a merger one other entity takes over all (share 1)")
    if kind == "split" and (len(names) < 2 or entity in names):
        raise ValueError(
            "in a split several other entities take over; where the entity carries on with a "
            "share of its own it is a division"
        )
    if kind == "division" and (len(names) < 2 or entity not in names):
        raise ValueError(
            "in a division the entity carries on: it is one of the successors, with its share"
        )


class EntitySucceeded(StatesYears, frozen=True, kw_only=True):
    """What an entity had went over to its successors, from the effective time on.

    ``units`` moved, ``custody`` is kept for others; ``years`` states what each has on record
    of a year on top of its own (the old entity: below zero), ``banking`` what the carrying over
    of each counts beside its own (tonnes).
    """

    banking: tuple[BankingTaken, ...] = ()
    custody: tuple[UnitsKept, ...] = ()
    entity: str
    kind: str
    succession: str
    successors: tuple[Heir, ...]
    units: tuple[UnitsTaken, ...] = ()
    years: tuple[YearTaken, ...] = ()

    @property
    def entities(self) -> tuple[str, ...]:
        """All that it concerns: the old entity, then the others."""
        return (self.entity, *(one.entity for one in self.successors if one.entity != self.entity))

    @property
    def wholly(self) -> bool:
        """Whether the old entity keeps nothing."""
        return all(one.entity != self.entity for one in self.successors)

    def postings(self) -> tuple[Posting, ...]:
        """The units from account to account, borrowed ones restricted in both; and custody."""
        legs: list[Posting] = []
        for part in self.units:
            legs += move(part.unit, part.quantity, part.source, part.target)
            if part.year is not None:
                legs.append((part.source, part.unit, "restricted", -part.quantity))
                legs.append((part.target, part.unit, "restricted", part.quantity))
        for kept in self.custody:
            if kept.source != kept.target:
                legs.append((kept.source, kept.unit, "restricted", -kept.quantity))
                legs += custody.into(kept.unit, kept.quantity, kept.source, kept.target)
        return tuple(legs)

    def stated(self, entity: str, year: int) -> StatedYear | None:
        """What the succession changed of an entity's year."""
        for one in self.years:
            if (one.entity, one.year) == (entity, year):
                return one.facts
        return None


# -- who is gone -----------------------------------------------------------------------------------

_STILL: Final = frozenset((
    "assert_balance", "assess_compliance", "check_banking_cap", "close_account", "distrust",
    "revoke_role",
))  # fmt: skip
"""What may still be said of an entity that is gone: it changes nothing that it had."""


def refusal(command: Command, desk: Desk) -> ParticipantNotAllowed | None:
    """Why a command is refused that concerns an entity which others succeeded wholly."""
    name = command_name(command)
    acts = ACTS.get(name)
    if acts is None or name in _STILL:
        return None
    accounts, gone = desk.registry.accounts, desk.registry.gone
    named = [getattr(command, one) for one in (*acts.sources, *acts.targets)]
    owners: list[Any] = [accounts[one].entity for one in named if one in accounts]
    for field in acts.entities:
        entities: Any = getattr(command, field)
        owners += entities if isinstance(entities, tuple) else [entities]
    for one in owners:
        if one in gone:
            return desk.gone(one)
    return None


# -- what state keeps ------------------------------------------------------------------------------


def evolve(scribe: Scribe, registry: RegistryState, event: EntitySucceeded, fact: Fact) -> None:
    """Everything stands with the successors; an entity that keeps nothing is gone."""
    at = fact.effective_at
    for part in event.units:
        if part.year is not None:
            place = (part.year, part.source, part.unit)
            loans.change(scribe, registry, event.entity, place, -part.quantity, at)
            place = (part.year, part.target, part.unit)
            loans.change(scribe, registry, part.entity, place, part.quantity, at)
    for kept in event.custody:
        change = custody.change
        change(scribe, registry, event.entity, kept.source, kept.unit, -kept.quantity, at)
        change(scribe, registry, kept.entity, kept.target, kept.unit, kept.quantity, at)
    for one in event.years:
        note_year(scribe, registry, one.entity, one.year, one.facts, fact, event.succession)
    _note_entities(scribe, registry, event, fact)


def _note_entities(
    scribe: Scribe, registry: RegistryState, event: EntitySucceeded, fact: Fact
) -> None:
    succession = Succession(
        fact.effective_at,
        fact.position,
        event.succession,
        event.kind,
        event.entity,
        tuple((one.entity, str(one.share)) for one in event.successors),
        event.wholly,
    )
    for name in event.entities:
        entity = registry.entities.get(name)
        if entity is None:
            continue  # a question about one of them knows this one only
        field_ = "succeeded" if name == event.entity else "succeeds"
        changed: dict[str, Any] = {field_: (*getattr(entity, field_), succession)}
        banked = [_banked(one, fact) for one in event.banking if one.entity == name]
        if banked:
            changed["before"] = (*entity.before, *banked)
        scribe.put(registry.entities, name, msgspec.structs.replace(entity, **changed))
    if event.wholly:
        scribe.put(registry.gone, event.entity, fact.position)


def _banked(one: BankingTaken, fact: Fact) -> BankedBefore:
    return BankedBefore(
        fact.effective_at,
        fact.position,
        sold=tuple((part.unit, part.quantity) for part in one.sold),
        held=tuple((part.unit, part.quantity) for part in one.held),
        carried=one.carried,
    )
