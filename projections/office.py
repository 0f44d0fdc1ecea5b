"""What says who may read what, and who holds which role: followed from the log.

The domain's own ``apply`` fills it, from the event types that say what a registry's rules
are, whose an account is, which province an entity belongs to, and who holds a role.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.accounts import AccountOpened
from etsledger.domain.actors import ActorRegistered, RoleGranted, RoleRevoked
from etsledger.domain.amending import EntityAmended
from etsledger.domain.catalogue import apply
from etsledger.domain.entities import EntityRegistered
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import Account, Actor, Adoption, Entity, RegistryState, Scribe, State
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.store import Store
from etsledger.projections.following import keeping, readable

CURSOR: Final = "projection_office"
LAG: Final = 5_000
"""Positions after which what was made of the log is kept again."""
TYPES: Final = tuple(
    kind.__name__
    for kind in (
        RegistryOpened, RulebookAdopted, AccountOpened, EntityRegistered, EntityAmended,
        ActorRegistered, RoleGranted, RoleRevoked,
    )
)  # fmt: skip


class OfRegistry(msgspec.Struct):
    """What is kept of a registry."""

    adoptions: tuple[Adoption, ...]
    accounts: dict[str, Account]
    entities: dict[str, Entity]
    provinces: dict[str, str]
    actors: dict[str, Actor]


_kept: Final = msgspec.json.Decoder(dict[str, OfRegistry])


class OfficeBooks:
    """Registries with their rulebooks, accounts, entities and actors."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scribe: Scribe | None = None
        self._saved = 0

    def follow(self, upto: int) -> State:
        """Everything as the log tells it up to ``upto`` or further. Raises StoreDamaged."""
        scribe = self._scribe
        if scribe is None:
            scribe = Scribe(self.kept())
            self._saved = scribe.state.position
        state = scribe.state
        if state.position < upto:
            for logged in readable(self._store, state.position, upto, TYPES):
                apply(scribe, logged.event, logged.fact, ())
            state.position = upto
        self._scribe = scribe
        if upto - self._saved > LAG:
            # Not on a full disk, say: what is not kept is read from the log again.
            with suppress(SQLAlchemyError):
                self._save(state)
        return state

    def kept(self) -> State:
        """What is kept beside the log, as far as it has followed it. Raises StoreDamaged."""
        position, body = self._store.cursor(CURSOR)
        state = State(position=position)
        try:
            found = _kept.decode(body) if body else {}
        except msgspec.MsgspecError as error:
            raise StoreDamaged(
                f"what is kept of the office cannot be read ({error}); 'etsledger rebuild' makes "
                "it again from the log"
            ) from error
        for name, one in found.items():
            state.registries[name] = RegistryState(**msgspec.structs.asdict(one))
        return state

    def _save(self, state: State) -> None:
        body = msgspec.json.encode({name: of(one) for name, one in state.registries.items()})
        with keeping(self._store, CURSOR, self._saved) as connection:
            if connection is None:
                return
            self._store.set_cursor(connection, CURSOR, state.position, body)
        self._saved = state.position


def of(registry: RegistryState) -> OfRegistry:
    """What of a registry's state is the office's."""
    return OfRegistry(
        adoptions=registry.adoptions,
        accounts=registry.accounts,
        entities=registry.entities,
        provinces=registry.provinces,
        actors=registry.actors,
    )


def differences_of_office(store: Store, state: State) -> Iterator[str]:
    """What is kept says otherwise of who may read what than ``state``, the log's."""
    books = OfficeBooks(store)
    kept = books.kept()
    if not kept.position or kept.position > state.position:  # a writer has gone on since
        return
    told = books.follow(state.position)
    for name in sorted({*told.registries, *state.registries}):
        here = told.registries.get(name, RegistryState())
        if _compared(here) != _compared(state.registries.get(name, RegistryState())):
            yield f"what is kept of who reads what in {name} is not what the log says"


def _compared(registry: RegistryState) -> object:
    """What readers are judged by; other events change the rest of accounts and entities."""
    return (
        registry.adoptions,
        registry.provinces,
        registry.actors,
        {name: (one.kind, one.entity, one.province) for name, one in registry.accounts.items()},
        {name: (one.province, one.amendments) for name, one in registry.entities.items()},
    )
