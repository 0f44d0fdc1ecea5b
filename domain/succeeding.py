"""Deciding a succession: who may take over, and what of everything goes to whom.

The books of the entity must be settled: nothing of it frozen, pledged, pending, locked or
proposed, and no fact of it on record that takes effect later.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from etsledger.domain import custody, loans
from etsledger.domain.banking import holdings_to_carry, sales_to_carry
from etsledger.domain.banking_cap import UnitTonnes, snapshot_at
from etsledger.domain.compliance import standing
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AccountFrozen,
    InvalidCommand,
    ParticipantNotAllowed,
    RestrictedUnits,
)
from etsledger.domain.heirs import BankingTaken, Heir, UnitsKept, UnitsTaken, YearTaken
from etsledger.domain.inheriting import Own, Sums, joined, lost, nothing_of, shared, stated, sums_of
from etsledger.domain.shares import apportion
from etsledger.domain.state import Entity
from etsledger.domain.succession import EntitySucceeded, SucceedEntity, Successor
from etsledger.domain.times import iso
from etsledger.domain.trading import net_sales
from etsledger.domain.yearbook import YearBook


class Party(NamedTuple):
    """A successor: ``account`` is where its units go; None for the one that carries on."""

    name: str
    entity: Entity
    account: str | None
    share: Fraction


def decide(command: SucceedEntity, desk: Desk) -> EntitySucceeded:
    """Raises UnknownEntity, UnknownAccount, ParticipantNotAllowed, AccountClosed,
    AccountFrozen, UnitNotAllowed, RouteNotAllowed, InvalidCommand (ahead of the clock, or
    before facts of the entity that take effect later), RestrictedUnits."""
    old = desk.entity(command.entity)
    parties = [_party(one, command, desk) for one in command.successors]
    _may_be_succeeded(command.entity, old, desk)
    for party in parties:
        _may_succeed(command.entity, old, party, desk)
    units = tuple(_units(command.entity, parties, desk))
    for account_id in _accounts(command.entity, desk):
        _not_frozen(command.entity, account_id, desk)
    for part in units:
        desk.may_receive(part.target, desk.account(part.target), part.unit)
    for part in units:
        source, target = desk.account(part.source), desk.account(part.target)
        desk.route("transfer.succession", part.unit, source, target)
    _has_happened(desk)
    _nothing_reserved(command.entity, desk)
    for name in dict.fromkeys((command.entity, *command.heirs)):
        _nothing_later(command.entity, name, desk)
    if old.status_at(desk.effective_at) != "active":
        desk.warn(
            f"entity {command.entity} is {old.status_at(desk.effective_at)}; its status does not "
            "follow: set_entity_status says how its successors stand"
        )
    shares = [party.share for party in parties]
    return EntitySucceeded(
        banking=tuple(_banking(command.entity, old, parties, desk)),
        custody=tuple(_custody(command.entity, parties, shares, desk)),
        entity=command.entity,
        kind=command.kind,
        succession=command.id,
        successors=tuple(
            Heir(account=party.account, entity=party.name, share=one.share)
            for party, one in zip(parties, command.successors, strict=True)
        ),
        units=units,
        years=tuple(_years(command, old, parties, shares, desk)),
    )


# -- who takes part --------------------------------------------------------------------------------


def _party(one: Successor, command: SucceedEntity, desk: Desk) -> Party:
    entity = desk.entity(one.entity)
    if one.entity == command.entity:
        return Party(one.entity, entity, None, Fraction(one.share))
    account = one.account or desk.entity_account(one.entity, entity)
    desk.account(account)
    return Party(one.entity, entity, account, Fraction(one.share))


def _may_be_succeeded(name: str, old: Entity, desk: Desk) -> None:
    if old.leaves:
        raise ParticipantNotAllowed(
            f"entity {name} left registry {desk.registry_id}, from {old.leaves[0].first_year} on; "
            "what it is to cancel is its own, and nothing of it is taken over here",
            entity=name, first_year_elsewhere=old.leaves[0].first_year,
        )  # fmt: skip


def _may_succeed(name: str, old: Entity, party: Party, desk: Desk) -> None:
    """A successor is there, of the same sector where years go over, and its account its own."""
    status = party.entity.status_at(desk.effective_at)
    if status == "dissolved" or party.entity.leaves:
        why = "is dissolved" if status == "dissolved" else "left for another market"
        raise ParticipantNotAllowed(
            f"entity {party.name} {why}: it takes over nothing from {name}", entity=party.name
        )
    if party.entity.sector != old.sector and desk.registry.years.get(name):
        raise ParticipantNotAllowed(
            f"entity {party.name} is of sector {party.entity.sector}, {name} of {old.sector}: "
            "years of one sector cannot be another's",
            entity=party.name, sector=party.entity.sector, expected=old.sector,
        )  # fmt: skip
    if party.account is not None and desk.account(party.account).entity != party.name:
        raise ParticipantNotAllowed(
            f"account {party.account} is none of entity {party.name}'s",
            account=party.account, entity=party.name,
        )  # fmt: skip


def _accounts(name: str, desk: Desk) -> tuple[str, ...]:
    return desk.registry.owned.get(name, ())


def _not_frozen(name: str, account_id: str, desk: Desk) -> None:
    account = desk.account(account_id)
    frozen = [stop.freeze for stop in account.stops if stop.covers(stop.unit, desk.effective_at)]
    frozen += [freeze for freeze, one in desk.registry.freezes.items() if one.account == account_id]
    if frozen:
        raise AccountFrozen(
            f"account {account_id} of entity {name} is frozen by command {frozen[0]!r}; a "
            "succession finds nothing frozen: unfreeze that one first",
            account=account_id, entity=name, freeze=frozen[0],
        )  # fmt: skip


# -- what must be settled --------------------------------------------------------------------------


def _has_happened(desk: Desk) -> None:
    if desk.effective_at > desk.now:
        raise InvalidCommand(
            f"effective_at {iso(desk.effective_at)} is ahead of the clock ({iso(desk.now)}); a "
            "succession is recorded when it has taken effect",
            field="effective_at", latest=iso(desk.now),
        )  # fmt: skip


def _nothing_reserved(name: str, desk: Desk) -> None:
    """Raises RestrictedUnits while anything of the entity waits for something."""
    for what, claim in _waiting(name, desk):
        raise RestrictedUnits(
            f"{what} of entity {name} is open ({claim!r}); a succession finds nothing pledged, "
            "pending, locked or proposed: settle it first",
            entity=name, reference_id=claim,
        )  # fmt: skip
    for account_id in _accounts(name, desk):
        for unit, holding in desk.registry.holdings.get(account_id, {}).items():
            lent = sum(tonnes for _, tonnes in _borrowed(name, account_id, unit, desk))
            reserved = holding.held - holding.available - lent
            if reserved:
                raise RestrictedUnits(
                    f"account {account_id} of entity {name} has {reserved} t of {unit} reserved; "
                    "a succession finds nothing pledged, pending, locked or proposed: settle it "
                    "first",
                    account=account_id, entity=name, unit=unit, held=holding.held,
                    restricted=reserved,
                )  # fmt: skip


def _waiting(name: str, desk: Desk) -> Iterator[tuple[str, str]]:
    """The open claims on what the entity has, here and on credits that are kept for it."""
    registry, owned = desk.registry, _accounts(name, desk)
    for pledge, claim in registry.pledges.items():
        if claim.account in owned:
            yield "a pledge", pledge
    for surrender, claim in registry.surrenders.items():
        if claim.entity == name or claim.account in owned:
            yield "a surrender", surrender
    for registry_id, other in desk.state.registries.items():
        for lock, claim in other.locks.items():
            ours = claim.for_registry == desk.registry_id and claim.entity == name
            if ours or (registry_id == desk.registry_id and claim.account in owned):
                yield "a lock of credits", lock
    for proposal, one in registry.proposals.items():
        if one.command.get("entity") == name:
            yield "a proposal", proposal


def _nothing_later(old: str, name: str, desk: Desk) -> None:
    """No fact that the shares rest on may take effect after the succession."""
    for what, at in _later_facts(old, name, desk):
        raise InvalidCommand(
            f"effective_at {iso(desk.effective_at)} is before {what} of {name} takes effect "
            f"({iso(at)}); a succession comes after all that is shared out",
            field="effective_at", entity=name, earliest=iso(at),
        )  # fmt: skip


def _later_facts(old: str, name: str, desk: Desk) -> Iterator[tuple[str, datetime]]:
    yield from _later_in_years(old, name, desk)
    if name == old:
        yield from _later_elsewhere(name, desk)


def _later_in_years(old: str, name: str, desk: Desk) -> Iterator[tuple[str, datetime]]:
    at, registry = desk.effective_at, desk.registry
    for year, book in registry.years.get(name, {}).items():
        if name != old and year not in registry.years.get(old, {}):
            continue
        # Of a successor only what is stated anew: the rest adds up, whenever it takes effect.
        kinds: tuple[str, ...] = ("reports", "grants", "obligations")
        for kind in book.__struct_fields__ if name == old else kinds:
            for entry in getattr(book, kind):
                if entry.at > at:
                    yield f"a fact of {year}", entry.at


def _later_elsewhere(name: str, desk: Desk) -> Iterator[tuple[str, datetime]]:
    at, registry = desk.effective_at, desk.registry
    for account_id in _accounts(name, desk):
        if desk.past.moved_after(desk.registry_id, account_id, at):
            holdings = registry.holdings.get(account_id, {}).values()
            last = max((holding.last for holding in holdings), default=at)
            yield f"a movement in account {account_id}", last
    for one in (*registry.carried.get(name, ()), *registry.entities[name].before):
        if one.at > at:
            yield "what was carried over", one.at
    for kept in registry.custody.get(name, ()):
        for when, _ in kept.changes:
            if when > at:
                yield "custody", when


# -- what goes to whom -----------------------------------------------------------------------------


def _borrowed(name: str, account: str, unit: str, desk: Desk) -> list[tuple[int, int]]:
    """Borrowed tonnes of a unit in an account, by the year that they are for."""
    found = [
        (one.year, loans.left(desk.registry, name, (one.year, account, unit), desk.effective_at))
        for one in desk.registry.borrowed.get(name, ())
        if (one.account, one.unit) == (account, unit)
    ]
    return sorted((year, tonnes) for year, tonnes in found if tonnes)


def _units(name: str, parties: Sequence[Party], desk: Desk) -> Iterator[UnitsTaken]:
    """What leaves the accounts of the entity: each unit by share, what was borrowed for a year
    apart; account by account in the order they were opened."""
    pools: dict[tuple[str, int], list[list[Any]]] = {}
    for account_id in _accounts(name, desk):
        for unit, holding in sorted(desk.registry.holdings.get(account_id, {}).items()):
            lent = _borrowed(name, account_id, unit, desk)
            free = holding.held - sum(tonnes for _, tonnes in lent)
            for year, tonnes in ((0, free), *lent):
                if tonnes:
                    pools.setdefault((unit, year), []).append([account_id, tonnes])
    shares = [party.share for party in parties]
    for (unit, year), places in sorted(pools.items()):
        total = sum(tonnes for _, tonnes in places)
        for party, part in zip(parties, apportion(total, shares), strict=True):
            if party.account is None:
                continue
            for place in places:
                taken = min(place[1], part)
                if taken:
                    place[1] -= taken
                    part -= taken  # noqa: PLW2901 - what is still to be found
                    yield UnitsTaken(
                        entity=party.name,
                        source=place[0],
                        quantity=taken,
                        target=party.account,
                        unit=unit,
                        year=year or None,
                    )


def _custody(
    name: str, parties: Sequence[Party], shares: Sequence[Fraction], desk: Desk
) -> Iterator[UnitsKept]:
    """What a government account keeps for the entity, for its successors."""
    for one in desk.registry.custody.get(name, ()):
        tonnes = custody.kept(desk.registry, name, one.account, one.unit, desk.effective_at)
        for party, part in zip(parties, apportion(tonnes, shares), strict=True):
            if not part or party.account is None:
                continue
            target = desk.province_account(party.entity)
            if target != one.account:
                desk.may_send(one.account, desk.account(one.account), one.unit)
                desk.may_receive(target, desk.account(target), one.unit)
            yield UnitsKept(
                entity=party.name, source=one.account, quantity=part, target=target, unit=one.unit
            )


class Counts(NamedTuple):
    """What counts for the carrying over of the entity, all in all (tonnes)."""

    sold: dict[str, int]
    held: dict[str, int]
    carried: int


def _counts(name: str, old: Entity, desk: Desk) -> Counts:
    """Net sales by unit in the window of the rulebook's banking, else of all time; and what
    was held when holdings were counted, once that is past: later the units are there."""
    registry, at, table = desk.registry, desk.effective_at, desk.rules.data.banking
    sold, held, carried = old.banked_at(at)
    carried += sum(one.quantity for one in registry.carried.get(name, ()))
    if table is None:
        units = {
            unit
            for account in _accounts(name, desk)
            for place in (registry.traded, registry.sold_before)
            for unit in place.get(account, {})
        }
        own = net_sales(registry, name, units, "0001-01-01", at)
    else:
        own = sales_to_carry(desk, name, table)
        if snapshot_at(table, at) < at:
            for unit, tonnes in holdings_to_carry(desk, name, table).items():
                held[unit] = held.get(unit, 0) + tonnes
    for unit, tonnes in own.items():
        sold[unit] = sold.get(unit, 0) + tonnes
    return Counts(sold, held, carried)


def _banking(
    name: str, old: Entity, parties: Sequence[Party], desk: Desk
) -> Iterator[BankingTaken]:
    """What counts for each from now on, and what counts for the entity no more."""
    total, shares = _counts(name, old, desk), [party.share for party in parties]
    carried = apportion(total.carried, shares)
    parts = [
        {unit: apportion(tonnes, shares) for unit, tonnes in sorted(sums.items()) if tonnes}
        for sums in (total.sold, total.held)
    ]
    lost = Counts({}, {}, 0)
    for i, party in enumerate(parties):
        if party.account is None:
            continue
        mine = [{unit: part[i] for unit, part in sums.items()} for sums in parts]
        for sums, gone in zip(mine, (lost.sold, lost.held), strict=True):
            for unit, tonnes in sums.items():
                gone[unit] = gone.get(unit, 0) - tonnes
        lost = lost._replace(carried=lost.carried - carried[i])
        yield from _taken(party.name, Counts(mine[0], mine[1], carried[i]))
    yield from _taken(name, lost)


def _taken(entity: str, counts: Counts) -> Iterator[BankingTaken]:
    sold, held = (
        tuple(UnitTonnes(quantity=n, unit=unit) for unit, n in sums.items() if n)
        for sums in (counts.sold, counts.held)
    )
    if sold or held or counts.carried:
        yield BankingTaken(carried=counts.carried, entity=entity, held=held, sold=sold)


# -- the years -------------------------------------------------------------------------------------


def _years(
    command: SucceedEntity,
    old: Entity,
    parties: Sequence[Party],
    shares: Sequence[Fraction],
    desk: Desk,
) -> Iterator[YearTaken]:
    for year in sorted(desk.registry.years.get(command.entity, {})):
        book = desk.year_book_then(command.entity, year)
        total = sums_of(book, standing(desk.rules, old, year, book, desk.effective_at))
        parts = shared(total, shares)
        kept = nothing_of(total)
        for party, part, one in zip(parties, parts, command.successors, strict=True):
            if party.account is None:
                kept = part
                continue
            source = f"{one.share} of {command.entity} ({command.kind})"
            facts = _gained(year, book, party, part, source, command, desk)
            yield YearTaken(entity=party.name, facts=facts, year=year)
        others = ", ".join(party.name for party in parties if party.account is not None)
        facts = stated(
            lost(total, kept), Own(), (), f"went to {others} ({command.kind})",
            total.entitlement or 0,
        )  # fmt: skip
        yield YearTaken(entity=command.entity, facts=facts, year=year)


def _gained(
    year: int,
    theirs: YearBook,
    party: Party,
    part: Sums,
    source: str,
    command: SucceedEntity,
    desk: Desk,
) -> Any:
    book = desk.year_book_then(party.name, year)
    stood = standing(desk.rules, party.entity, year, book, desk.effective_at)
    approval, report = book.approval, book.report
    first = party.entity.first_year
    own = Own(
        stood.verified_emissions,
        stood.obligation,
        stood.entitlement,
        None if approval is None else approval.gas_allocation,
        exempt=first is not None and year < first,
    )
    units = ()
    if theirs.report is not None and party.share == 1:
        mine = None if report is None else report.units
        units = joined(command.entity, theirs.report.units, mine)
    if (theirs.report is None) != (report is None) and book.owed:
        desk.warn(
            f"of {command.entity} and {party.name} only one has verified emissions for {year}; "
            f"the report of {party.name} recorded next is for both"
        )
    if (part.entitlement is None) != (approval is None) and (book.grants or report is not None):
        desk.warn(
            f"of {command.entity} and {party.name} only one has a final allocation for {year}; "
            "it is approved again for both"
        )
    return stated(part, own, units, source, own.entitlement or 0)
