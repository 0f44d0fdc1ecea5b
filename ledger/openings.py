"""Openings: what a store says of its registries, as a command file for new books that begin
at a cut-over.

Registrations, rulebooks, market days and balance values are told again as they were. What
moved is not: holdings, compliance years and what carrying over needs are stated as of the
cut-over, and open freezes, pledges and locks begin anew, under their own ids. Facts that take
effect at the cut-over or later are the new books' own.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from etsledger.domain.accounts import AccountClosed, AccountOpened
from etsledger.domain.actors import ActorRegistered, RoleGranted, RoleRevoked
from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.amending import EntityAmended
from etsledger.domain.banking import UnitsCarriedOver
from etsledger.domain.catalogue import apply
from etsledger.domain.closing import PeriodClosed, PeriodReopened
from etsledger.domain.counterparties import CounterpartyDistrusted, CounterpartyTrusted
from etsledger.domain.entities import EntityRegistered, EntityStatusSet
from etsledger.domain.errors import Refusal
from etsledger.domain.events import CANCELLED, ISSUANCE, OUTSIDE_ACCOUNTS, RETIRED, Event
from etsledger.domain.freezing import AccountFrozen
from etsledger.domain.leaving import EntityLeft
from etsledger.domain.locks import CreditsLocked
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.opening_banking import OpeningBankingRecorded
from etsledger.domain.pledging import UnitsPledged
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.rulebook import bundled, bundled_names, load
from etsledger.domain.state import Scribe, State
from etsledger.domain.stated_years import StatesYears
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.times import iso
from etsledger.domain.trading import TradeSettled
from etsledger.domain.verification import BalanceValuePublished
from etsledger.domain.yearbook import EMPTY
from etsledger.ledger.opened_banking import Sales, stated_banking
from etsledger.ledger.opened_holdings import borrowed, credit, kept
from etsledger.ledger.opened_years import Document, stated_year
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import Store

Command = dict[str, Any]

_ALWAYS: Final = (RegistryOpened, EntityRegistered, AccountOpened)
"""Registrations: needed by earlier facts even where they were recorded as of later."""
_RETOLD: Final[tuple[type[Event], ...]] = (
    *_ALWAYS, RulebookAdopted, EntityAmended, EntityStatusSet, AccountClosed, ActorRegistered,
    RoleGranted, RoleRevoked, CounterpartyTrusted, CounterpartyDistrusted, BalanceValuePublished,
    MarketDayRecorded,
)  # fmt: skip
"""What is told again by the command that told it first."""
_CLAIMS: Final[dict[type[Event], tuple[str, str]]] = {
    AccountFrozen: ("freezes", "freeze"),
    UnitsPledged: ("pledges", "pledge"),
    CreditsLocked: ("locks", "lock"),
}
"""What begins anew while it is open: the table of open ones, and the field with its id."""


class _Told(NamedTuple):
    """A command of the source, as it is told again."""

    position: int
    registry: str
    event: Event
    command: Command


class Openings:
    """The registries of a store as of a cut-over, and the commands that open them elsewhere."""

    def __init__(
        self, store: Store, upto: int, cut_over: datetime, *, registry: str | None = None
    ) -> None:
        self._store, self._upto, self._cut_over = store, upto, cut_over
        self._state = State()
        self._told: list[_Told] = []
        self._claimed: list[_Told] = []
        self._left: list[_Told] = []
        self._succeeded: list[_Told] = []
        """Where nothing of the entity is left to go over: it is gone, and takes no part."""
        self._closing: dict[str, _Told] = {}
        self._settled: dict[str, list[Logged]] = {}
        self._documents: dict[int, Document] = {}
        self.left_out: list[str] = []
        """What the commands do not say, in words."""
        self._read()
        self._names = [
            name for name in self._state.registries if registry in (None, name)
        ]  # fmt: skip

    def commands(self, **more: str) -> Iterator[Command]:
        """Every command, in the order in which it can be applied; ``more`` are fields that
        each statement gets, such as its reference and actor."""
        for told in self._told:
            if told.registry in self._names and self._needed(told):
                yield told.command
        for told in self._succeeded:
            if told.registry in self._names:
                yield {**told.command, "effective_at": self._from(told)}
        for name in self._names:
            yield from self._balances(name, more)
            yield from self._years(name, more)
            yield from self._banking(name, more)
        for told in (*self._claimed, *self._left):
            if told.registry in self._names and self._open(told):
                yield {**told.command, "effective_at": self._from(told)}
        for name in self._names:
            closing = self._closing.get(name)
            if closing is not None:
                yield self._stated(name, "close_period", "closed", more, until=_until(closing))
            # Last, so that nobody needs a role for what was decided before.
            for told in self._told:
                if told.registry == name and _is_office(told.event):
                    yield self._stated(
                        name, "adopt_rulebook", f"office/{told.position}", more,
                        effective_at=told.command["effective_at"], rulebook=_rulebook(told.event),
                    )  # fmt: skip

    # -- the source ----------------------------------------------------------------------

    def _read(self) -> None:
        """Applies what had taken effect before the cut-over, by what is known now."""
        scribe = Scribe(self._state)
        for row in self._store.rows(0, self._upto):
            logged = read(row.type, row.state)
            event, record = logged.event, logged.record
            if record.effective_at >= self._cut_over and not isinstance(event, _ALWAYS):
                continue
            apply(scribe, event, logged.fact)
            if isinstance(event, EntitySucceeded) and event.wholly:
                self._succeeded.append(_again(logged))
            if isinstance(event, _RETOLD):
                self._told.append(_again(logged))
            elif isinstance(event, tuple(_CLAIMS)):
                self._claimed.append(_again(logged))
            elif isinstance(event, EntityLeft):
                self._left.append(_again(logged))
            elif isinstance(event, PeriodClosed | PeriodReopened):
                self._closing[record.registry] = _again(logged)
            elif isinstance(event, TradeSettled):
                self._settled.setdefault(record.registry, []).append(logged)
            elif isinstance(event, _DOCUMENTS):
                self._documents[record.position] = Document(event, record.rulebook)

    def _needed(self, told: _Told) -> bool:
        """Whether a registration belongs to the time before, or to something that does."""
        if told.command["effective_at"] < iso(self._cut_over):
            return True
        registry, event = self._state.registries[told.registry], told.event
        if isinstance(event, AccountOpened):
            return event.account in registry.holdings
        if isinstance(event, EntityRegistered):
            owned = registry.owned.get(event.entity, ())
            return event.entity in registry.years or any(one in registry.holdings for one in owned)
        return bool(registry.holdings or registry.years)

    def _open(self, told: _Told) -> bool:
        if isinstance(told.event, EntityLeft):
            return True
        if isinstance(told.event, CreditsLocked) and told.event.for_registry not in self._names:
            self.left_out.append(f"lock {told.event.lock!r} for {told.event.for_registry}")
            return False
        table, field = _CLAIMS[type(told.event)]
        claims: dict[str, Any] = getattr(self._state.registries[told.registry], table)
        return getattr(told.event, field) in claims

    def _from(self, told: _Told) -> str:
        """Claims begin with the units that they are on."""
        at: str = told.command["effective_at"]
        return max(at, iso(self._cut_over))

    # -- statements ----------------------------------------------------------------------

    def _stated(
        self, registry: str, command: str, name: str, more: dict[str, str], **fields: Any
    ) -> Command:
        return {
            "command": command,
            "id": f"opening/{registry}/{name}",
            "registry": registry,
            "effective_at": iso(self._cut_over),
            **more,
            **fields,
        }

    def _balances(self, name: str, more: dict[str, str]) -> Iterator[Command]:
        registry = self._state.registries[name]
        rules = load(self._state.rulebooks[registry.rulebook_at(self._cut_over).hash])
        lent = borrowed(registry)
        in_custody, told = kept(registry), set[str]()
        for account_id, units in sorted(registry.holdings.items()):
            if account_id in OUTSIDE_ACCOUNTS:
                continue
            for unit, holding in sorted(units.items()):
                if holding.held <= 0:
                    continue
                if account_id in (RETIRED, CANCELLED):
                    try:
                        rules.route("opening_balance", unit, ISSUANCE, account_id)
                    except Refusal:
                        self.left_out.append(f"{holding.held} t of {unit} {account_id} in {name}")
                        continue
                facts = {
                    "borrowed": lent.get((account_id, unit)),
                    "credit": credit(registry.credits.get(unit), first=unit not in told),
                    "custody": in_custody.get((account_id, unit)),
                }
                told.add(unit)
                stated: Command = {"account": account_id, "unit": unit, "quantity": holding.held}
                given = {key: value for key, value in facts.items() if value}
                if given:
                    stated["facts"] = given
                yield self._stated(name, "opening_balance", f"{account_id}/{unit}", more, **stated)
        for unit, tonnes in sorted(registry.auctioned.items()):
            self.left_out.append(f"that {tonnes} t of {unit} were auctioned in {name}")
        for unit in sorted(registry.credits.keys() - told):
            self.left_out.append(f"the numbers of {unit} in {name}, of which nothing is held")

    def _years(self, name: str, more: dict[str, str]) -> Iterator[Command]:
        registry = self._state.registries[name]
        for entity, books in sorted(registry.years.items()):
            if entity in registry.gone:
                self.left_out.append(f"the years of {entity} in {name}, which others took over")
                continue
            for year, book in sorted(books.items()):
                if book == EMPTY:
                    continue
                facts = stated_year(entity, year, book, registry.surrenders, self._documents.get)
                plain = msgspec.to_builtins(facts)
                if plain:
                    yield self._stated(
                        name, "opening_year", f"{entity}/{year}", more,
                        entity=entity, year=year, facts=plain,
                    )  # fmt: skip

    def _banking(self, name: str, more: dict[str, str]) -> Iterator[Command]:
        registry = self._state.registries[name]
        rules = load(self._state.rulebooks[registry.rulebook_at(self._cut_over).hash])
        table = rules.data.banking
        if table is None:
            return
        sales = Sales(table, self._settled.get(name, ()))
        for entity in sorted(registry.entities.keys() - registry.gone.keys()):
            fields = stated_banking(
                self._store, self._upto, name, registry, entity, table, sales,
                self._documents.get, self._cut_over,
            )  # fmt: skip
            if fields:
                yield self._stated(
                    name, "opening_banking", f"{entity}/banking", more, entity=entity, **fields
                )


_DOCUMENTS: Final = (AllocationFinalised, AllowancesPreAllocated, UnitsCarriedOver, StatesYears,
                     OpeningBankingRecorded)  # fmt: skip
"""Events whose documents are told with what they led to."""


def _again(logged: Logged) -> _Told:
    """The command behind an event, with the time at which it took effect."""
    event, record = logged.event, logged.record
    command: Command = msgspec.json.decode(record.command)
    command["effective_at"] = iso(record.effective_at)
    if isinstance(event, RegistryOpened | RulebookAdopted):
        command["rulebook"] = _without_office(event) if _is_office(event) else _rulebook(event)
    return _Told(record.position, record.registry, event, command)


def _is_office(event: Event) -> bool:
    """Whether it puts a rulebook in force that asks who sends a command."""
    if not isinstance(event, RegistryOpened | RulebookAdopted):
        return False
    return load(event.text).authority is not None


def _without_office(event: RegistryOpened | RulebookAdopted) -> Any:
    rulebook = msgspec.json.decode(event.text)
    rulebook["authority"]["required"] = False
    return rulebook


def _rulebook(event: Event) -> Any:
    """Its name where it is bundled as it was, else all of it."""
    assert isinstance(event, RegistryOpened | RulebookAdopted)
    name = event.rulebook.name
    if name in bundled_names() and bundled(name).ref == event.rulebook:
        return name
    return msgspec.json.decode(event.text)


def _until(closing: _Told) -> str:
    event = closing.event
    assert isinstance(event, PeriodClosed | PeriodReopened)
    return event.until
