"""The present of every registry: what decisions look at, built by applying events.

State holds the present and small timelines; the past is asked through a port
(``etsledger.domain.desk.Past``). Values in the tables are immutable and replaced, never
changed in place, so that a write which fails is undone exactly: while a journal is kept,
every table write notes what stood there before.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from etsledger.domain.events import ALL_UNITS, Posting
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.times import EARLIEST
from etsledger.domain.yearbook import EMPTY, YearBook, noted

MAX_POSITION: Final = 2**63 - 1


class Holding(msgspec.Struct, frozen=True, gc=False):
    """One account's tonnes of one unit, with the reservations on them.

    ``last`` is the latest effective time among its postings: a fact at or after it sees
    the present sums; an earlier one must ask the past.
    """

    held: int
    frozen: int
    pledged: int
    pending: int
    restricted: int
    last: datetime

    @property
    def available(self) -> int:
        """Tonnes that can leave: held less frozen, pledged, pending and restricted."""
        return self.held - self.frozen - self.pledged - self.pending - self.restricted


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A freeze of a whole account, or of all it has of one unit, from one time to another."""

    freeze: str
    unit: str
    direction: str
    since: datetime
    until: datetime | None = None

    def covers(self, unit: str, at: datetime) -> bool:
        """Whether the freeze is in force for ``unit`` at an instant."""
        in_force = self.since <= at and (self.until is None or at < self.until)
        return in_force and self.unit in (unit, ALL_UNITS)


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account: its kind, who it belongs to, and the freezes of its whole life."""

    kind: str
    entity: str | None = None
    province: str | None = None
    closed_at: datetime | None = None
    stops: tuple[Stop, ...] = ()


class StatusFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An entity's status from an instant on: active, at_risk, shut or dissolved."""

    at: datetime
    position: int
    status: str


class BalanceValue(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A sector's published balance value of a year (tCO2e per tonne of product)."""

    at: datetime
    position: int
    value: Decimal


class Custody(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Tonnes of a unit that a government account keeps for an entity at risk."""

    account: str
    unit: str
    changes: tuple[tuple[datetime, int], ...]
    """What came (below zero: went), by effective time: one sum for an instant."""


class Borrowed(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Borrowed tonnes of a unit that an account has left for the surrender of a year."""

    year: int
    account: str
    unit: str
    quantity: int
    changes: tuple[tuple[datetime, int], ...]
    """What came (below zero: went), by effective time: one sum for an instant."""


class Carried(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an entity carried over by one command: tonnes by old unit."""

    at: datetime
    position: int
    command: str
    parts: tuple[tuple[str, int], ...]

    @property
    def quantity(self) -> int:
        """Tonnes of all units."""
        return sum(tonnes for _, tonnes in self.parts)


class Leave(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An entity moves to another market: from ``first_year`` on it owes nothing here."""

    at: datetime
    position: int
    first_year: int


class Amendment(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Particulars of an entity that are others from an instant on; None: as before."""

    at: datetime
    position: int
    name: str | None = None
    province: str | None = None
    uscc: str | None = None


class Succession(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an entity had went over to its successors at an instant, by share (decimal text).

    ``wholly`` when it is none of them: from then on it takes part in nothing.
    """

    at: datetime
    position: int
    command: str
    kind: str
    entity: str
    successors: tuple[tuple[str, str], ...]
    wholly: bool


class BankedBefore(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What counts for carrying over beside what an entity did itself in these books: stated of
    the time before, or handed over by a succession, below zero (tonnes, by unit)."""

    at: datetime
    position: int
    sold: tuple[tuple[str, int], ...] = ()
    """Net sales of the window: sold less bought."""
    held: tuple[tuple[str, int], ...] = ()
    """What counted as held at the snapshot."""
    carried: int = 0


class Entity(msgspec.Struct, frozen=True, gc=False):
    """A key emitting entity or other participant, as registered; ``as_of`` gives it as it was
    at an instant."""

    name: str
    sector: str
    province: str | None = None
    uscc: str | None = None
    first_year: int | None = None
    allocation_method: str | None = None
    account: str | None = None
    """Its first account of kind ``entity``: where its units go unless a command says."""
    position: int = 0
    """Where the log registered it."""
    statuses: tuple[StatusFact, ...] = ()
    """By effective time; of two for one instant the later recorded one rules."""

    leaves: tuple[Leave, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    """By effective time; of two for one instant the later recorded one rules."""
    succeeded: tuple[Succession, ...] = ()
    """The successions by which others took over what it had, in the order of the log."""
    succeeds: tuple[Succession, ...] = ()
    """Those by which it took over from others, or kept a share of its own."""

    def known_at(self, upto: int) -> "Entity":
        """The entity with the facts of its timelines that were recorded up to a position."""
        changed: dict[str, Any] = {}
        for name in _TIMELINES:
            facts: tuple[Any, ...] = getattr(self, name)
            if any(fact.position > upto for fact in facts):
                changed[name] = tuple(fact for fact in facts if fact.position <= upto)
        return msgspec.structs.replace(self, **changed) if changed else self

    def gone_at(self, at: datetime) -> Succession | None:
        """The succession in effect at an instant by which all of it went to others."""
        return next((one for one in self.succeeded if one.wholly and one.at <= at), None)

    def as_of(self, at: datetime, upto: int = MAX_POSITION) -> "Entity":
        """The entity with its name, credit code and province in effect at an instant, of the
        amendments recorded up to a position."""
        changed: dict[str, str] = {}
        for one in self.amendments:
            if one.at > at or one.position > upto:
                continue
            for field in ("name", "province", "uscc"):
                value = getattr(one, field)
                if value is not None:
                    changed[field] = value
        return msgspec.structs.replace(self, **changed) if changed else self

    before: tuple[BankedBefore, ...] = ()

    def banked_at(self, at: datetime) -> tuple[dict[str, int], dict[str, int], int]:
        """Net sales and snapshot holdings by unit, and what was carried over, that are stated
        as of an instant."""
        sold, held, carried = dict[str, int](), dict[str, int](), 0
        for one in self.before:
            if one.at <= at:
                carried += one.carried
                for sums, parts in ((sold, one.sold), (held, one.held)):
                    for unit, tonnes in parts:
                        sums[unit] = sums.get(unit, 0) + tonnes
        return sold, held, carried

    def status_at(self, at: datetime) -> str:
        """Its status at an instant; active until a decision says otherwise."""
        current = "active"
        for fact in self.statuses:
            if fact.at <= at:
                current = fact.status
        return current

    def left_for(self, year: int, at: datetime) -> Leave | None:
        """The leave, in effect at an instant, by which a year is another market's."""
        return next((one for one in self.leaves if year >= one.first_year and one.at <= at), None)


_TIMELINES: Final = ("statuses", "leaves", "amendments", "succeeded", "succeeds", "before")


class Claim(msgspec.Struct, frozen=True, gc=False):
    """An open reservation by command id: a freeze, a pledge, a lock, a submitted surrender."""

    account: str
    unit: str
    quantity: int
    effective_at: datetime
    entity: str | None = None
    year: int | None = None
    direction: str | None = None
    custody: int = 0
    """Tonnes of a surrender that came out of custody."""
    borrowed: int = 0
    """Tonnes of a surrender that had been borrowed for its year."""
    for_registry: str | None = None
    """Of a lock on credits: where they are to meet an obligation."""


class Credit(msgspec.Struct, frozen=True, gc=False):
    """What is on record of a unit of credits: the same for every issuance of it."""

    programme: str
    registered_on: str
    covered_by_ets: bool
    methodology: str | None = None
    serials: tuple[tuple[int, int], ...] = ()
    """First and last numbers that were given out; ascending, neighbours joined."""


class MarketDay(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the exchange published of a unit's day (CNY a tonne; tonnes; CNY).

    ``date`` is a day as ISO text, which sorts as days do; ``position`` is where the log has
    the record that rules.
    """

    date: str
    position: int
    close: Decimal
    vwap: Decimal | None = None
    volume: int | None = None
    value: Decimal | None = None


class TradedDay(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What an account bought and sold of a unit on one day (tonnes)."""

    bought: int = 0
    sold: int = 0
    trades: tuple[tuple[datetime, int], ...] = ()
    """Each trade of the day by effective time: bought, or below zero sold."""


class ListedDay(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The listed trades of a unit settled here on one day: tonnes, and fen in all."""

    quantity: int = 0
    fen: int = 0


class RoleFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An actor holds a role, or holds it no more, from an instant on.

    A role ``province`` is held for a province, a role ``entity`` for an entity.
    """

    at: datetime
    position: int
    role: str
    granted: bool
    province: str | None = None
    entity: str | None = None


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Who may ask for something: a person, a system or an office, with its roles."""

    at: datetime
    position: int
    kind: str
    entity: str | None = None
    roles: tuple[RoleFact, ...] = ()
    """By effective time; of two for one instant the later recorded one rules."""

    def held(self, at: datetime, upto: int = MAX_POSITION) -> tuple[RoleFact, ...]:
        """The grants in force at an instant, of those recorded up to a position."""
        held: dict[tuple[str, str | None, str | None], RoleFact] = {}
        for fact in self.roles:
            if fact.at > at or fact.position > upto:
                continue
            place = (fact.role, fact.province, fact.entity)
            if fact.granted:
                held[place] = fact
            else:
                held.pop(place, None)
        return tuple(held.values())

    def holds(self, role: str, at: datetime) -> bool:
        """Whether it holds a role at an instant, for whomever."""
        return any(fact.role == role for fact in self.held(at))


class Closed(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How far the past of a registry is closed: up to an instant, by the fact at a position."""

    end: datetime
    position: int


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A command that waits for a second person, or approved for the end of its delay."""

    at: datetime
    position: int
    proposer: str
    command_id: str
    command: dict[str, Any]
    """The proposed command, as it is kept."""
    reserved: tuple[tuple[str, int, str], ...] = ()
    """Account, tonnes and unit of what is pending for it."""
    approver: str | None = None
    approved_at: datetime | None = None
    delay_until: str | None = None
    """The last day (ISO) of its delay."""


class TrustFact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An account trusts a counterparty, or trusts it no more, from an instant on."""

    at: datetime
    position: int
    counterparty: str
    trusted: bool


class Adoption(msgspec.Struct, frozen=True, gc=False):
    """A rulebook in force from an instant on."""

    effective_at: datetime
    position: int
    rulebook: RulebookRef


def _dict() -> Any:
    return msgspec.field(default_factory=dict[Any, Any])


class RegistryState(msgspec.Struct):
    """Everything decisions need to know of one registry."""

    version: int = 0
    adoptions: tuple[Adoption, ...] = ()
    accounts: dict[str, Account] = _dict()
    entities: dict[str, Entity] = _dict()
    holdings: dict[str, dict[str, Holding]] = _dict()
    freezes: dict[str, Claim] = _dict()
    pledges: dict[str, Claim] = _dict()
    surrenders: dict[str, Claim] = _dict()
    reversed: dict[str, str] = _dict()
    provinces: dict[str, str] = _dict()
    """Region to the first province account that serves it."""
    years: dict[str, dict[int, YearBook]] = _dict()
    """Entity to its year books."""
    recalls: dict[str, tuple[int, ...]] = _dict()
    """Entity to the years of which a part of a recall stayed open once."""
    custody: dict[str, tuple[Custody, ...]] = _dict()
    """Entity to what is kept for it."""
    borrowed: dict[str, tuple[Borrowed, ...]] = _dict()
    """Entity to what it borrowed and has not surrendered yet."""
    carried: dict[str, tuple[Carried, ...]] = _dict()
    """Entity to what it carried over."""
    balance_values: dict[str, dict[int, tuple[BalanceValue, ...]]] = _dict()
    """Sector to the published values of its years."""
    credits: dict[str, Credit] = _dict()
    """By unit."""
    locks: dict[str, Claim] = _dict()
    """Credits kept for an obligation elsewhere, by the command that locked them."""

    market_days: dict[str, tuple[MarketDay, ...]] = _dict()
    """Unit to its market days in order; of two records for one day the later one."""
    listed: dict[str, dict[str, ListedDay]] = _dict()
    """Unit and date to the listed trades settled here."""
    traded: dict[str, dict[str, dict[str, TradedDay]]] = _dict()
    """Account, unit and date to what was bought and sold."""
    trades: dict[str, int] = _dict()
    """Trade to the position that settled it."""
    auctioned: dict[str, int] = _dict()
    """By unit: tonnes that were auctioned."""
    owned: dict[str, tuple[str, ...]] = _dict()
    """Entity to its accounts, in the order of the log."""
    sold_before: dict[str, dict[str, int]] = _dict()
    """Account and unit to the net sales (tonnes) stated of the time before these books."""
    gone: dict[str, int] = _dict()
    """Entities that others succeeded wholly, with the position of that."""
    actors: dict[str, Actor] = _dict()
    granted: dict[str, dict[str, int]] = _dict()
    """Role to the actors that it was ever granted to, with the position of the first time."""
    proposals: dict[str, Proposal] = _dict()
    """What waits for a second person, by the command that proposed it."""
    trusted: dict[str, tuple[TrustFact, ...]] = _dict()
    """By account, in the order of effective times: whom it trusts."""

    def holders(self, role: str, at: datetime) -> Iterator[str]:
        """The actors that hold a role at an instant."""
        for subject in self.granted.get(role, ()):
            if self.actors[subject].holds(role, at):
                yield subject

    closed: dict[str, Closed] = _dict()
    """Under the one key ``until``: how far the past is closed. Empty: nothing ever was."""
    closings: dict[int, datetime] = _dict()
    """Positions of every closing and opening again, with how far the past was closed by it."""
    late: dict[int, datetime] = _dict()
    """Positions of what was recorded since the last closing and took effect in a closed
    period, with the time it did."""

    def holding(self, account: str, unit: str) -> Holding:
        """The present holding; nothing held gives zeros."""
        units = self.holdings.get(account)
        return (units.get(unit) if units else None) or NOTHING

    def rulebook_at(self, at: datetime) -> RulebookRef:
        """The rulebook in force at an instant, as known now.

        Before the first adoption the first one answers: books may be opened here later
        than the facts they record.
        """
        current = self.adoptions[0]
        for adoption in self.adoptions[1:]:
            if adoption.effective_at <= at:
                current = adoption
        return current.rulebook


NOTHING: Final = Holding(0, 0, 0, 0, 0, EARLIEST)


class State(msgspec.Struct):
    """All registries of a store at one position."""

    position: int = 0
    registries: dict[str, RegistryState] = _dict()
    rulebooks: dict[str, str] = _dict()
    """Canonical texts by SHA-256."""


class Fact(Protocol):
    """When and where an event stands: all that ``evolve`` needs beside the event."""

    @property
    def registry(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def effective_at(self) -> datetime: ...


class Mark(NamedTuple):
    """A point to which ``Scribe.undo`` can go back."""

    journal_length: int
    position: int
    registries: dict[str, tuple[int, tuple[Adoption, ...]]]


_MISSING: Final = object()


class Scribe:
    """Writes applied events into a state, and can take the latest ones back.

    ``journal`` is kept from the first ``mark`` to ``forget``; without one, applying is
    plain replay.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.journal: list[tuple[dict[Any, Any], Any, Any]] | None = None

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Writes one row of a state table."""
        if self.journal is not None:
            self.journal.append((table, key, table.get(key, _MISSING)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        """Takes one row out of a state table, if it is there."""
        if key in table:
            if self.journal is not None:
                self.journal.append((table, key, table[key]))
            del table[key]

    def note(self, registry: RegistryState, entity: str, year: int, kind: str, entry: Any) -> None:
        """Adds an entry of a kind to an entity's year book."""
        books = registry.years.get(entity)
        if books is None:
            books = dict[int, YearBook]()
            self.put(registry.years, entity, books)
        self.put(books, year, noted(books.get(year, EMPTY), kind, entry))

    def post(self, registry: RegistryState, postings: tuple[Posting, ...], at: datetime) -> None:
        """Adds postings to the holdings; counts of stops live on the accounts instead."""
        journal, holdings = self.journal, registry.holdings
        for account, unit, bucket, quantity in postings:
            if bucket == "stopped":
                continue
            units = holdings.get(account)
            if units is None:
                units = {}
                self.put(holdings, account, units)
            old = units.get(unit)
            if journal is not None:
                journal.append((units, unit, _MISSING if old is None else old))
            if old is None:
                old = NOTHING
            last = old.last
            if at > last:
                last = at
            if bucket == "held":
                units[unit] = Holding(
                    old.held + quantity, old.frozen, old.pledged, old.pending, old.restricted, last
                )
            else:
                changed: dict[str, Any] = {bucket: getattr(old, bucket) + quantity, "last": last}
                units[unit] = msgspec.structs.replace(old, **changed)

    def mark(self) -> Mark:
        """Starts or continues the journal and names the present point."""
        if self.journal is None:
            self.journal = []
        registries = {
            name: (registry.version, registry.adoptions)
            for name, registry in self.state.registries.items()
        }
        return Mark(len(self.journal), self.state.position, registries)

    def undo(self, mark: Mark) -> None:
        """Puts everything back as it was at ``mark``."""
        journal = self.journal
        if journal is None:
            raise RuntimeError("undo without a journal")
        while len(journal) > mark.journal_length:
            table, key, old = journal.pop()
            if old is _MISSING:
                table.pop(key, None)
            else:
                table[key] = old
        self.state.position = mark.position
        for name, (version, adoptions) in mark.registries.items():
            registry = self.state.registries[name]
            registry.version, registry.adoptions = version, adoptions

    def forget(self) -> None:
        """Ends the journal: what was applied stays."""
        self.journal = None
