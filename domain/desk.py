"""The registrar's desk: the facts and the common checks that every decision draws on.

A ``decide`` function gets its command and a ``Desk`` and asks in the order of refusals:
what is referred to, who takes part, unit and route, dates, limits, holdings, back-dating.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from etsledger.domain.commands import ID_PATTERN
from etsledger.domain.errors import (
    AccountClosed,
    AccountFrozen,
    BackdatedOverdraft,
    InsufficientUnits,
    InvalidCommand,
    ParticipantNotAllowed,
    RecallOutstanding,
    RestrictedUnits,
    UnknownAccount,
    UnknownEntity,
    UnknownReference,
    UnknownRegistry,
)
from etsledger.domain.events import AUTHORITY, BUILT_IN_ACCOUNTS, ISSUANCE, PROVINCE, Event
from etsledger.domain.rulebook import Rulebook, RulebookRef, load
from etsledger.domain.state import Account, Adoption, Claim, Entity, Fact, RegistryState, State
from etsledger.domain.times import iso
from etsledger.domain.yearbook import EMPTY, YearBook, seen

if TYPE_CHECKING:
    from etsledger.domain.rulebook_schema import Route


class Depth(NamedTuple):
    """What an account holds of a unit at an instant, and the least available after it."""

    held: int
    available: int
    lowest_after: int


class Recorded(NamedTuple):
    """An event of the past with where it stands and the command that wrote it."""

    fact: Fact
    event: Event
    command_id: str


class Past(Protocol):
    """What decisions may ask of history; the ledger answers from its postings and log."""

    def depth(self, registry: str, account: str, unit: str, since: datetime) -> Depth:
        """The holding at ``since`` and the lowest available from then on, as known now."""
        ...

    def reserved(self, registry: str, account: str, unit: str, at: datetime) -> dict[str, int]:
        """Tonnes by bucket (held, pending, frozen …) at an instant, as known now."""
        ...

    def moved_after(self, registry: str, account: str, at: datetime) -> bool:
        """Whether any posting of the account takes effect after an instant."""
        ...

    def recorded(self, command_id: str) -> list[Recorded]:
        """The events that a command wrote; empty when no such command was accepted."""
        ...


class Desk:
    """A decision's view: its registry, the rulebook in force then, and the past.

    One desk serves the decisions of a registry in turn; ``turn_to`` sets the time of each.
    """

    def __init__(
        self,
        state: State,
        past: Past,
        registry_id: str,
        registry: RegistryState,
        effective_at: datetime,
        now: datetime,
    ) -> None:
        self.state = state
        self.past = past
        self.registry_id = registry_id
        self.registry = registry
        self._adoptions: tuple[Adoption, ...] = ()
        self.warnings: list[str] = []
        """What is implausible but not refused in the decision being made."""
        self.turn_to(effective_at, now)

    def turn_to(self, effective_at: datetime, now: datetime) -> None:
        """The next decision: its facts and rules are those of ``effective_at``.

        Who may send it is judged by the roles and the rulebook of ``now``, its recorded time.
        """
        self.effective_at = effective_at
        self.now = now
        if self.warnings:
            self.warnings = []
        adoptions = self.registry.adoptions
        if len(adoptions) > 1 or adoptions is not self._adoptions:
            self._adoptions = adoptions
            self.rulebook: RulebookRef = self.registry.rulebook_at(effective_at)
            self.rules: Rulebook = load(self.state.rulebooks[self.rulebook.hash])
            self.rules_now: Rulebook = self.rules
            """The rules in force at the recorded time."""
            if len(adoptions) > 1:
                then = self.registry.rulebook_at(now)
                self.rules_now = load(self.state.rulebooks[then.hash])

    def account(self, account_id: str) -> Account:
        """An account of this registry. Raises UnknownAccount."""
        account = self.registry.accounts.get(account_id)
        if account is None:
            _check_id("account", account_id)
            raise UnknownAccount(
                f"registry {self.registry_id} has no account {account_id!r}; "
                "open_account opens one",
                account=account_id,
            )
        return account

    def entity(self, entity_id: str) -> Entity:
        """An entity of this registry, as it is at the effective time. Raises UnknownEntity."""
        entity = self.registry.entities.get(entity_id)
        if entity is None:
            _check_id("entity", entity_id)
            raise UnknownEntity(
                f"registry {self.registry_id} has no entity {entity_id!r}; "
                "register_entity registers one",
                entity=entity_id,
            )
        return entity.as_of(self.effective_at) if entity.amendments else entity

    def entity_account(self, entity_id: str, entity: Entity) -> str:
        """The account that an entity's units go to and come from. Raises UnknownAccount."""
        if entity.account is None:
            raise UnknownAccount(
                f"entity {entity_id!r} has no account of kind entity; open_account opens one",
                entity=entity_id,
            )
        return entity.account

    def province_account(self, entity: Entity) -> str:
        """The government account that serves an entity: its province's, else the authority's."""
        name = entity.province
        if name is not None:
            account = self.registry.accounts.get(name)
            if account is not None and account.kind == PROVINCE:
                return name
            return self.registry.provinces.get(name, AUTHORITY)
        return AUTHORITY

    def year_book(self, entity_id: str, year: int) -> YearBook:
        """All that is on record of an entity's compliance year, as known now."""
        return self.registry.years.get(entity_id, {}).get(year, EMPTY)

    def year_book_then(self, entity_id: str, year: int) -> YearBook:
        """What of an entity's year book is in effect at the effective time."""
        return seen(self.year_book(entity_id, year), self.effective_at, self.state.position)

    def warn(self, message: str) -> None:
        """Notes what is implausible in the command but no ground to refuse it."""
        self.warnings.append(message)

    def claim(self, table: dict[str, Claim], command_id: str, kind: str) -> Claim:
        """The open freeze, pledge or surrender of a command id. Raises UnknownReference."""
        claim = table.get(command_id)
        if claim is None:
            earlier = self.past.recorded(command_id)
            found = f"that command recorded {type(earlier[0].event).__name__}" if earlier else (
                "no accepted command has that id"
            )  # fmt: skip
            raise UnknownReference(
                f"{command_id!r} is not an open {kind} of registry {self.registry_id}: {found}",
                reference_id=command_id, expected=kind,
            )  # fmt: skip
        return claim

    def not_before(self, earlier: datetime, what: str) -> None:
        """Refuses (InvalidCommand) a fact that would take effect before what it ends."""
        if self.effective_at < earlier:
            raise InvalidCommand(
                f"effective_at {iso(self.effective_at)} is before {what} took effect "
                f"({iso(earlier)})",
                field="effective_at", earliest=iso(earlier),
            )  # fmt: skip

    def not_before_succession(self, entity_id: str, entity: Entity) -> None:
        """Refuses (InvalidCommand) what would say anew, of an earlier time, what a succession
        shared out."""
        for one in (*entity.succeeded, *entity.succeeds):
            self.not_before(one.at, f"succession {one.command!r}, which {entity_id} is part of,")

    def not_gone(self, entity_id: str) -> None:
        """Raises ParticipantNotAllowed for an entity that others succeeded wholly."""
        if entity_id in self.registry.gone:
            raise self.gone(entity_id)

    def gone(self, entity_id: str) -> ParticipantNotAllowed:
        """The refusal of what concerns an entity that others succeeded wholly."""
        last = self.registry.entities[entity_id].succeeded[-1]
        heirs = [name for name, _ in last.successors]
        return ParticipantNotAllowed(
            f"entity {entity_id} takes part in nothing any more: {', '.join(heirs)} took over from "
            f"it at {iso(last.at)} by command {last.command!r}; what concerns it is theirs",
            entity=entity_id, successors=heirs, succession=last.command,
        )  # fmt: skip

    def open_at_effective_time(self, account_id: str, account: Account) -> None:
        """Raises AccountClosed when the account is closed at the effective time."""
        if account.closed_at is not None and account.closed_at <= self.effective_at:
            raise AccountClosed(
                f"account {account_id} is closed since {iso(account.closed_at)}",
                account=account_id, closed_at=iso(account.closed_at),
            )  # fmt: skip

    def may_send(self, account_id: str, account: Account, unit: str) -> None:
        """Raises AccountClosed, AccountFrozen or ParticipantNotAllowed when the account may not
        send ``unit`` now."""
        if account.entity is not None and self.registry.gone:
            self.not_gone(account.entity)
        if account.closed_at is not None:
            self.open_at_effective_time(account_id, account)
        if account.stops:
            self._not_stopped(account_id, account, unit, ("out", "both"))

    def no_recall_open(self, account_id: str, account: Account) -> None:
        """Raises RecallOutstanding when units are to be given back before any may leave.

        Rule N-ADJ-2; surrender is no such leaving. A recall is one by the facts in effect.
        """
        if account.entity is None:
            return
        for year in self.registry.recalls.get(account.entity, ()):
            still_open = self.year_book_then(account.entity, year).recall_open
            if still_open > 0:
                raise RecallOutstanding(
                    f"entity {account.entity} is to give back {still_open} t of its allocation "
                    f"for {year}; until then nothing leaves account {account_id} but surrenders",
                    account=account_id, entity=account.entity, year=year,
                    recall_open=still_open,
                )  # fmt: skip

    def may_receive(self, account_id: str, account: Account, unit: str) -> None:
        """Raises AccountClosed, AccountFrozen or ParticipantNotAllowed when the account may not
        receive ``unit``.

        An account that is to close takes no late credit either: it would close with units.
        """
        if account.entity is not None and self.registry.gone:
            self.not_gone(account.entity)
        if account.closed_at is not None:
            self.open_at_effective_time(account_id, account)
            raise AccountClosed(
                f"account {account_id} closed empty at {iso(account.closed_at)}; a credit that "
                f"takes effect at {iso(self.effective_at)} would be in it for ever",
                account=account_id, closed_at=iso(account.closed_at),
            )  # fmt: skip
        if account.stops:
            self._not_stopped(account_id, account, unit, ("both",))

    def _not_stopped(
        self, account_id: str, account: Account, unit: str, directions: tuple[str, ...]
    ) -> None:
        for stop in account.stops:
            if stop.direction in directions and stop.covers(unit, self.effective_at):
                raise AccountFrozen(
                    f"account {account_id} is frozen ({stop.direction}, units {stop.unit}) since "
                    f"{iso(stop.since)} by command {stop.freeze!r}; unfreeze that one first",
                    account=account_id, freeze=stop.freeze,
                )  # fmt: skip

    def route(self, movement: str, unit: str, source: Account, target: Account) -> "Route":
        """The matrix row of a movement. Raises UnitNotAllowed, RouteNotAllowed."""
        return self.rules.route(movement, unit, source.kind, target.kind)

    def depth(self, account_id: str, unit: str) -> Depth:
        """What an account holds at the effective time, and the least available from then on."""
        holding = self.registry.holding(account_id, unit)
        if self.effective_at >= holding.last:
            return Depth(holding.held, holding.available, holding.available)
        return self.past.depth(self.registry_id, account_id, unit, self.effective_at)

    def takeable(self, account_id: str, account: Account, unit: str) -> int:
        """Tonnes that could leave an account from the effective time on; none when it is
        frozen then."""
        for stop in account.stops:
            if stop.direction in ("out", "both") and stop.covers(unit, self.effective_at):
                return 0
        depth = self.depth(account_id, unit)
        return max(0, min(depth.available, depth.lowest_after))

    def restricted(self, account_id: str, unit: str) -> int:
        """Tonnes of an account that are kept for a purpose at the effective time."""
        holding = self.registry.holding(account_id, unit)
        if self.effective_at >= holding.last:
            return holding.restricted
        found = self.past.reserved(self.registry_id, account_id, unit, self.effective_at)
        return found.get("restricted", 0)

    def take(self, account_id: str, unit: str, quantity: int) -> None:
        """Checks that ``quantity`` tonnes can leave or be reserved from the effective time on.

        Raises InsufficientUnits when short at that very time (RestrictedUnits when only units
        of a purpose would cover it), BackdatedOverdraft when a later fact already known
        would be left short.
        """
        held, available, lowest = self.depth(account_id, unit)
        if available < quantity:
            restricted = self.restricted(account_id, unit)
            if 0 <= quantity - max(available, 0) <= restricted:
                raise RestrictedUnits(
                    f"account {account_id} holds {held} t of {unit}, {restricted} t of it for a "
                    f"purpose of their own (borrowed, or in custody); {max(available, 0)} t are "
                    f"free, {quantity} asked",
                    account=account_id, unit=unit, held=held, available=max(available, 0),
                    restricted=restricted, asked=quantity,
                )  # fmt: skip
            raise InsufficientUnits(
                f"account {account_id} has {max(available, 0)} t of {unit} available at "
                f"{iso(self.effective_at)} (held {held}), {quantity} asked: "
                f"{quantity - max(available, 0)} short",
                account=account_id, unit=unit, held=held, available=max(available, 0),
                asked=quantity,
            )  # fmt: skip
        if lowest < quantity:
            raise BackdatedOverdraft(
                f"account {account_id} has {available} t of {unit} at {iso(self.effective_at)}, "
                f"but only {max(lowest, 0)} t stay free of later facts already recorded; "
                f"{quantity} asked",
                account=account_id, unit=unit, held=held, available=available,
                lowest=max(lowest, 0), asked=quantity,
            )  # fmt: skip


def _check_id(field: str, given: str) -> None:
    """What can be no id is a matter of shape, not of what the books know."""
    if not re.match(ID_PATTERN, given):
        raise InvalidCommand(f"{field}: {given[:80]!r} is no id ({ID_PATTERN})", field=field)


BUILT_IN: dict[str, Account] = {name: Account(kind=name) for name in (*BUILT_IN_ACCOUNTS, ISSUANCE)}
OUTSIDE = BUILT_IN[ISSUANCE]


def registry_of(state: State, registry_id: str) -> RegistryState:
    """An open registry. Raises UnknownRegistry."""
    registry = state.registries.get(registry_id)
    if registry is None:
        _check_id("registry", registry_id)
        opened = ", ".join(sorted(state.registries)) or "none"
        raise UnknownRegistry(
            f"no registry {registry_id!r} is open here (open: {opened}); open_registry opens one",
            registry=registry_id,
        )
    return registry
