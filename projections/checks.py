"""The projections' own tables against the state that verification rebuilt from the log."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.state import BalanceValue, Entity, RegistryState, State
from etsledger.domain.times import LATEST
from etsledger.domain.yearbook import EMPTY, YearBook, seen
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.record import Logged
from etsledger.ledger.store import FETCH, Store
from etsledger.projections.office import differences_of_office
from etsledger.projections.parties import CURSOR as PARTIES
from etsledger.projections.tables import accounts
from etsledger.projections.trade_checks import TYPES, MarketChecks
from etsledger.projections.years import stored

REMEDY: Final = "; 'etsledger rebuild' makes it again from the log"


class ProjectionChecks:
    """All tables of a log up to a position: those of the market row by row as the events pass
    by, the others beside the state at the end."""

    types = TYPES

    def __init__(self, store: Store, upto: int) -> None:
        self._store, self._upto = store, upto
        self._failed: Exception | None = None
        self._market: MarketChecks | None = None
        self._guarded(lambda: None)

    def follow(self, logged: Logged) -> None:
        """The next event of one of the ``types``."""
        self._guarded(lambda: self._market and self._market.follow(logged))

    def _guarded(self, step: Callable[[], object]) -> None:
        """A table that cannot be read is told at the end, and not asked again."""
        if self._failed is None:
            try:
                if self._market is None:
                    self._market = MarketChecks(self._store, self._upto)
                step()
            except (LedgerError, SQLAlchemyError) as error:
                self._failed = error

    def differences(self, state: State) -> Iterator[str]:
        """What the tables say otherwise than the log, whose state this is at the end."""
        try:
            yield from _accounts(self._store, state)
            yield from _years(self._store, state)
            for found in differences_of_office(self._store, state):
                yield found + REMEDY
            if self._market is not None and self._failed is None:
                for found in self._market.finish():
                    yield found + REMEDY
        except (LedgerError, SQLAlchemyError) as error:
            self._failed = error
        if self._failed is not None:
            yield f"the projections cannot be read: {self._failed}"


def _accounts(store: Store, state: State) -> Iterator[str]:
    upto, _ = store.cursor(PARTIES)
    if not upto:
        return
    matched = 0
    # A writer may have gone on since the state was made.
    for registry, name, *told in _known_accounts(store, state.position):
        made = _account(state, registry, name)
        matched += made is not None
        if made != tuple(told):
            yield (
                f"the table of accounts has {(registry, name)} as {tuple(told)}, the log {made}"
                + REMEDY
            )
    there = sum(len(one.accounts) for one in state.registries.values())
    if upto >= state.position and matched < there:
        told = {(registry, name) for registry, name, *_ in _known_accounts(store, state.position)}
        for registry, one in sorted(state.registries.items()):
            for name in sorted(one.accounts):
                if (registry, name) not in told:
                    yield f"the table of accounts has no {(registry, name)}" + REMEDY


def _known_accounts(store: Store, upto: int) -> Iterator[tuple[str, str, str, str | None]]:
    c = accounts.c
    query = select(c.registry, c.account, c.kind, c.entity).where(c.position <= upto)
    with store.engine.connect() as connection:
        rows: Any = connection.execution_options(yield_per=FETCH).execute(query)
        with rows:
            yield from rows


def _account(state: State, registry: str, name: str) -> tuple[str, str | None] | None:
    found = state.registries.get(registry)
    one = found.accounts.get(name) if found is not None else None
    return None if one is None else (one.kind, one.entity)


def _years(store: Store, state: State) -> Iterator[str]:
    upto, rows = stored(store)
    if not upto:
        return
    # Of both, what was known at the earlier of the two positions.
    upto = min(upto, state.position)
    matched = 0
    for registry, entity, year, tells in rows:
        place = registry, entity, year
        made = _known(_made(state, place), upto)
        matched += made is not None
        if _known(tells, upto) != made:
            yield _otherwise(place)
    if matched < sum(1 for _ in _places(state, upto)):
        told = {one[:3] for one in stored(store)[1]}
        for place in _places(state, upto):
            if place not in told:
                yield _otherwise(place)


Place = tuple[str, str, int]
"""A registry, an entity of it (or ""), a year of that (or 0)."""


def _otherwise(place: Place) -> str:
    registry, entity, year = place
    if not entity:
        said = f"the tables tell the rulebooks, balance values or closings of {registry} otherwise"
    elif not year:
        said = f"the tables tell entity {entity} of {registry} otherwise"
    else:
        said = f"the table of compliance years tells {entity} {year} of {registry} otherwise"
    return f"{said} than the log{REMEDY}"


def _places(state: State, upto: int) -> Iterator[Place]:
    """Everything of a state that was known at a position."""
    for registry, of_registry in sorted(state.registries.items()):
        if _known(of_registry, upto) is not None:
            yield registry, "", 0
        for entity, one in of_registry.entities.items():
            if _known(one, upto) is not None:
                yield registry, entity, 0
        for entity, years in of_registry.years.items():
            for year, book in years.items():
                if _known(book, upto) is not None:
                    yield registry, entity, year


def _made(state: State, place: Place) -> RegistryState | Entity | YearBook | None:
    registry, entity, year = place
    of_registry = state.registries.get(registry)
    if of_registry is None or not entity:
        return of_registry
    if not year:
        return of_registry.entities.get(entity)
    return of_registry.years.get(entity, {}).get(year)


def _known(tells: RegistryState | Entity | YearBook | None, upto: int) -> Any:
    """What of a fact was known at a position; None for nothing."""
    match tells:
        case RegistryState():
            adoptions = tuple(one for one in tells.adoptions if one.position <= upto)
            if not adoptions:
                return None
            return adoptions, _values(tells, upto), _closings(tells, upto)
        case Entity() if tells.position <= upto:
            return msgspec.structs.replace(tells.known_at(upto), account=None)
        case YearBook():
            book = seen(tells, LATEST, upto)
            return None if book == EMPTY else book
        case _:
            return None


def _closings(registry: RegistryState, upto: int) -> dict[int, datetime]:
    return {position: end for position, end in registry.closings.items() if position <= upto}


def _values(registry: RegistryState, upto: int) -> dict[tuple[str, int], tuple[BalanceValue, ...]]:
    known = {
        (sector, year): tuple(value for value in values if value.position <= upto)
        for sector, years in registry.balance_values.items()
        for year, values in years.items()
    }
    return {key: values for key, values in known.items() if values}
