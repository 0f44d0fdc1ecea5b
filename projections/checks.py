"""The projections' own tables against the state that verification rebuilt from the log."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.state import Adoption, BalanceValue, Entity, RegistryState, State
from etsledger.domain.times import LATEST
from etsledger.domain.yearbook import EMPTY, seen
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.store import Store
from etsledger.projections.office import differences_of_office
from etsledger.projections.parties import CURSOR as PARTIES
from etsledger.projections.tables import accounts
from etsledger.projections.trade_checks import differences_of_trades
from etsledger.projections.years import Years

REMEDY = "; 'etsledger rebuild' makes it again from the log"


def differences(store: Store, state: State) -> Iterator[str]:
    """What the tables say otherwise than ``state``, which is the log's up to its position."""
    try:
        yield from _accounts(store, state)
        yield from _years(store, state)
        yield from _trades(store, state)
        for found in differences_of_office(store, state):
            yield found + REMEDY
    except (LedgerError, SQLAlchemyError) as error:
        yield f"the projections cannot be read: {error}"


def _accounts(store: Store, state: State) -> Iterator[str]:
    upto, _ = store.cursor(PARTIES)
    if not upto:
        return
    with store.engine.connect() as connection:
        rows = connection.execute(select(accounts)).all()
    # A writer may have gone on since the state was made.
    told = {
        (row.registry, row.account): (row.kind, row.entity)
        for row in rows
        if row.position <= state.position
    }
    made = {
        (registry, name): (one.kind, one.entity)
        for registry, found in state.registries.items()
        for name, one in found.accounts.items()
    }
    for key, kind in told.items():
        if made.get(key) != kind:
            yield f"the table of accounts has {key} as {kind}, the log {made.get(key)}" + REMEDY
    if upto >= state.position:
        for key in sorted(made.keys() - told.keys()):
            yield f"the table of accounts has no {key}" + REMEDY


def _trades(store: Store, state: State) -> Iterator[str]:
    for found in differences_of_trades(store, state.position):
        yield found + REMEDY


def _years(store: Store, state: State) -> Iterator[str]:
    told, upto = Years(store).tables()
    if not upto:
        return
    # Of both, what was known at the earlier of the two positions.
    upto = min(upto, state.position)
    for name in sorted({*told.registries, *state.registries}):
        made = state.registries.get(name, RegistryState())
        found = told.registries.get(name, RegistryState())
        if _adopted(found, upto) != _adopted(made, upto):
            yield f"the tables tell other rulebooks of {name} than the log" + REMEDY
        if _values(found, upto) != _values(made, upto):
            yield f"the tables tell other balance values of {name} than the log" + REMEDY
        if _closings(found, upto) != _closings(made, upto):
            yield f"the tables tell other closings of {name} than the log" + REMEDY
        for entity in sorted({*found.entities, *made.entities}):
            here = _known(found.entities.get(entity), upto)
            if here != _known(made.entities.get(entity), upto):
                yield f"the tables tell entity {entity} of {name} otherwise than the log" + REMEDY
        yield from _books(name, found, made, upto)


def _adopted(registry: RegistryState, upto: int) -> tuple[Adoption, ...]:
    return tuple(one for one in registry.adoptions if one.position <= upto)


def _closings(registry: RegistryState, upto: int) -> dict[int, datetime]:
    return {position: end for position, end in registry.closings.items() if position <= upto}


def _books(name: str, found: RegistryState, made: RegistryState, upto: int) -> Iterator[str]:
    for entity in sorted({*found.years, *made.years}):
        here, there = found.years.get(entity, {}), made.years.get(entity, {})
        for year in sorted({*here, *there}):
            told = seen(here.get(year, EMPTY), LATEST, upto)
            if told != seen(there.get(year, EMPTY), LATEST, upto):
                yield (
                    f"the table of compliance years tells {entity} {year} of {name} otherwise "
                    "than the log" + REMEDY
                )


def _known(entity: Entity | None, upto: int) -> Entity | None:
    if entity is None or entity.position > upto:
        return None
    return msgspec.structs.replace(entity.known_at(upto), account=None)


def _values(registry: RegistryState, upto: int) -> dict[tuple[str, int], tuple[BalanceValue, ...]]:
    known = {
        (sector, year): tuple(value for value in values if value.position <= upto)
        for sector, years in registry.balance_values.items()
        for year, values in years.items()
    }
    return {key: values for key, values in known.items() if values}
