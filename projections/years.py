"""The year books of all entities, followed from the log into tables and memory.

They are filled by the domain's own ``apply``, from the event types that concern a
compliance year; every fact in them has both its clocks, so one table answers any
(as-of, known-at).
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Set
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.amending import EntityAmended
from etsledger.domain.borrowing import UnitsBorrowed
from etsledger.domain.catalogue import apply
from etsledger.domain.closing import PeriodClosed, PeriodReopened
from etsledger.domain.deductions import DeductionRecorded
from etsledger.domain.entities import EntityRegistered, EntityStatusSet
from etsledger.domain.events import Event
from etsledger.domain.fines import FineImposed
from etsledger.domain.green_power import GreenPowerRecorded
from etsledger.domain.leaving import EntityLeft
from etsledger.domain.offsets import OffsetsUsed
from etsledger.domain.opening_banking import OpeningBankingRecorded
from etsledger.domain.opening_year import OpeningYearRecorded
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.recalls import RecallCollected
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import (
    Adoption,
    BalanceValue,
    Entity,
    RegistryState,
    Scribe,
    State,
)
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.surrender import SurrenderConfirmed, SurrenderRejected, SurrenderSubmitted
from etsledger.domain.verification import BalanceValuePublished, EmissionsVerified
from etsledger.domain.yearbook import YearBook
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.postings import LAG
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import FETCH, Store
from etsledger.projections.following import keeping, readable
from etsledger.projections.tables import entities, registries, years

CURSOR: Final = "projection_years"
PART: Final = 500
"""Entities of a part, where all are gone through."""
_OF_REGISTRY: Final = (
    RegistryOpened, RulebookAdopted, BalanceValuePublished, PeriodClosed, PeriodReopened,
)  # fmt: skip
_OF_ENTITY: Final = (
    EntityRegistered, EntityStatusSet, EntityLeft, EntityAmended, OpeningBankingRecorded,
)  # fmt: skip
_OF_YEAR: Final[tuple[type[Event], ...]] = (
    EmissionsVerified,
    AllowancesPreAllocated,
    AllocationFinalised,
    DeductionRecorded,
    UnitsBorrowed,
    RecallCollected,
    SurrenderSubmitted,
    SurrenderConfirmed,
    SurrenderRejected,
    FineImposed,
    OffsetsUsed,
    GreenPowerRecorded,
    OpeningYearRecorded,
    EntitySucceeded,
)
TYPES: Final = tuple(kind.__name__ for kind in (*_OF_REGISTRY, *_OF_ENTITY, *_OF_YEAR))


class _OfRegistry(msgspec.Struct, array_like=True):
    adoptions: tuple[Adoption, ...]
    balance_values: dict[str, dict[int, tuple[BalanceValue, ...]]]
    closings: dict[int, datetime] = msgspec.field(default_factory=dict[int, datetime])


_registry: Final = msgspec.json.Decoder(_OfRegistry)
_entity: Final = msgspec.json.Decoder(Entity)
_book: Final = msgspec.json.Decoder(YearBook)
_encode: Final = msgspec.json.Encoder().encode


class Years:
    """Registries, entities and year books as questions need them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: Scribe | None = None
        self._saved = 0
        """How far the tables have followed."""
        self._touched: set[tuple[str, str, int]] = set()
        """What memory has and the tables have not: registry, entity (or ""), year (or 0)."""

    def follow(self, upto: int) -> State:
        """Everything as the log tells it up to ``upto`` or further."""
        scribe = self._all
        if scribe is None:
            scribe = Scribe(self._loaded())
            self._saved = scribe.state.position
        if scribe.state.position < upto:
            for logged in readable(self._store, scribe.state.position, upto, TYPES):
                apply(scribe, logged.event, logged.fact, ())
                self._touched.update(_places(logged))
            scribe.state.position = upto
        self._all = scribe
        if upto - self._saved > LAG:
            # Not on a full disk, say: what is not kept is read from the log again.
            with suppress(SQLAlchemyError):
                self._save(scribe.state)
        return scribe.state

    def of_entity(self, entity: str, upto: int) -> State:
        """The same for one entity only: its facts, and what holds for its registries."""
        if self._all is not None or upto - self._store.cursor(CURSOR)[0] > LAG:
            return self.follow(upto)
        return self._of({entity}, upto)

    def in_parts(self, upto: int) -> Iterator[State]:
        """The same as ``follow``, some entities at a time by their names, each of them once: for
        who goes through all of them, and keeps little of it."""
        behind = upto - self._store.cursor(CURSOR)[0]
        if self._all is not None or behind > LAG:
            yield self.follow(upto)
            return
        names = self._names(upto)
        for start in range(0, len(names), PART):
            yield self._of(set(names[start : start + PART]), upto)

    def _of(self, only: Set[str], upto: int) -> State:
        scribe = Scribe(self._loaded(only))
        for logged in readable(self._store, scribe.state.position, upto, TYPES):
            concerned = _concerned(logged.event)
            if concerned is None or not only.isdisjoint(concerned):
                apply(scribe, logged.event, logged.fact, ())
        return scribe.state

    def _names(self, upto: int) -> list[str]:
        found: set[str] = set()
        saved, rows = stored(self._store, ())
        rows.close()
        if saved:
            with self._store.engine.connect() as connection:
                found.update(connection.execute(select(entities.c.entity)).scalars())
        for logged in readable(self._store, saved, upto, (EntityRegistered.__name__,)):
            found.add(getattr(logged.event, "entity", ""))
        return sorted(found)

    def _loaded(self, only: Set[str] | None = None) -> State:
        """What the tables say (of some entities), as of the position they have followed."""
        while True:
            state = State()
            state.position, rows = stored(self._store, only)
            try:
                with closing(rows):
                    for one in rows:
                        _enter(state, one)
            except KeyError as error:
                raise _unreadable(error) from error
            # Another reader may have brought the tables on meanwhile.
            if state.position in (0, self._store.cursor(CURSOR)[0]):
                return state

    def _save(self, state: State) -> None:
        with keeping(self._store, CURSOR, self._saved) as connection:
            if connection is None:
                return
            write_rows(connection, state, self._touched)
            self._store.set_cursor(connection, CURSOR, state.position)
        self._saved, self._touched = state.position, set()


def _concerned(event: Event) -> tuple[str, ...] | None:
    """The entities that an event concerns; None where it concerns all."""
    if isinstance(event, EntitySucceeded):
        return event.entities
    entity: str | None = getattr(event, "entity", None)
    return None if entity is None else (entity,)


class Stored(NamedTuple):
    """A row of the tables: of a registry, of an entity (no year), or of an entity's year."""

    registry: str
    entity: str
    year: int
    tells: RegistryState | Entity | YearBook


def stored(store: Store, only: Collection[str] | None = None) -> tuple[int, Generator[Stored]]:
    """How far the tables have followed the log, and their rows: registries first, then the
    entities, then the years (of some entities only), never all of them in memory.

    Reading them raises StoreDamaged.
    """
    with store.engine.connect() as connection:
        if not store.engine.dialect.has_table(connection, years.name):
            return 0, (one for one in ())
    return store.cursor(CURSOR)[0], _rows(store, only)


def _rows(store: Store, only: Collection[str] | None) -> Generator[Stored]:
    whose, books = select(entities), select(years)
    if only is not None:
        whose = whose.where(entities.c.entity.in_(only))
        books = books.where(years.c.entity.in_(only))
    try:
        with store.engine.connect() as connection:
            all_of_it = only is None
            told = connection.execution_options(yield_per=FETCH) if all_of_it else connection
            with told.execute(select(registries)) as rows:
                for registry, body in rows:
                    found = _registry.decode(body)
                    values = found.balance_values
                    known = RegistryState(
                        adoptions=found.adoptions, balance_values=values,
                        closings=found.closings,
                    )  # fmt: skip
                    yield Stored(registry, "", 0, known)
            with told.execute(whose) as rows:
                for registry, name, body in rows:
                    yield Stored(registry, name, 0, _entity.decode(body))
            with told.execute(books) as rows:
                for registry, name, year, body in rows:
                    yield Stored(registry, name, year, _book.decode(body))
    except msgspec.MsgspecError as error:
        raise _unreadable(error) from error


def _enter(state: State, one: Stored) -> None:
    registry, entity, year, tells = one
    if isinstance(tells, RegistryState):
        state.registries[registry] = tells
    elif isinstance(tells, Entity):
        state.registries[registry].entities[entity] = tells
    else:
        state.registries[registry].years.setdefault(entity, {})[year] = tells


def _unreadable(error: Exception) -> StoreDamaged:
    return StoreDamaged(
        f"the tables of compliance years cannot be read ({error!r}); 'etsledger rebuild' makes "
        "them again from the log"
    )


def _places(logged: Logged) -> Iterable[tuple[str, str, int]]:
    """The rows that an event changes: registry, entity (or ""), year (or 0)."""
    event, registry = logged.event, logged.record.registry
    if isinstance(event, _OF_REGISTRY):
        return ((registry, "", 0),)
    if isinstance(event, EntitySucceeded):
        of_years = [(registry, one.entity, one.year) for one in event.years]
        return (*((registry, name, 0) for name in event.entities), *of_years)
    entity: str = getattr(event, "entity", "")
    if isinstance(event, _OF_ENTITY):
        return ((registry, entity, 0),)
    if isinstance(event, UnitsBorrowed):  # it is repaid by the lender year
        return ((registry, entity, event.year), (registry, entity, event.lender_year))
    return ((registry, entity, getattr(event, "year", 0)),)


def write_rows(connection: Connection, state: State, touched: set[tuple[str, str, int]]) -> None:
    """Replaces the rows of what was touched by what the state says of it."""
    in_registries: list[dict[str, Any]] = []
    in_entities: list[dict[str, Any]] = []
    in_years: list[dict[str, Any]] = []
    for registry, entity, year in sorted(touched):
        of_registry = state.registries[registry]
        if year:
            body = _encode(of_registry.years[entity][year])
            in_years.append({"registry": registry, "entity": entity, "year": year, "body": body})
        elif entity:
            body = _encode(of_registry.entities[entity])
            in_entities.append({"registry": registry, "entity": entity, "body": body})
        else:
            body = _encode(
                _OfRegistry(of_registry.adoptions, of_registry.balance_values, of_registry.closings)
            )
            in_registries.append({"registry": registry, "body": body})
    for table, rows in ((registries, in_registries), (entities, in_entities), (years, in_years)):
        if not rows:
            continue
        _replace(connection, table, rows)


def _replace(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    keys = [column.name for column in table.primary_key]
    gone: Any = delete(table)
    for key in keys:
        gone = gone.where(table.c[key] == bindparam(f"old_{key}"))
    connection.execute(gone, [{f"old_{key}": row[key] for key in keys} for row in rows])
    connection.execute(insert(table), rows)


def from_log(store: Store, upto: int) -> State:
    """The same, made again from the log alone."""
    scribe = Scribe(State())
    for row in store.rows(0, upto, TYPES):
        logged = read(row.type, row.state)
        apply(scribe, logged.event, logged.fact, ())
    return scribe.state
