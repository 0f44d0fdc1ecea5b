"""Who is who: accounts and entities, followed from the log into tables and memory."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.accounts import AccountOpened
from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.domain.events import BUILT_IN_ACCOUNTS, Event
from etsledger.domain.proposals import ProposalMade
from etsledger.domain.registries import RegistryOpened
from etsledger.domain.succession import EntitySucceeded
from etsledger.ledger.postings import LAG
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store
from etsledger.projections.following import keeping, readable
from etsledger.projections.tables import accounts, party_facts

CURSOR: Final = "projection_parties"


def _names_a_party(event: type[Event]) -> bool:
    fields = event.__struct_fields__
    moves_nothing = event.postings is Event.postings
    names_one = "entity" in fields or ("account" in fields and moves_nothing)
    return names_one or event is ProposalMade


TYPES: Final = (
    RegistryOpened.__name__,
    *(name for name, event in EVENT_TYPES.items() if _names_a_party(event)),
)
"""The event types that this projection reads."""


class Account(NamedTuple):
    """An account as opened; ``position`` is where it became known."""

    registry: str
    account: str
    kind: str
    entity: str | None
    position: int


class PartyFact(NamedTuple):
    """An event that names an account or an entity."""

    registry: str
    account: str | None
    entity: str | None
    position: int


class Parties:
    """All accounts in memory, and the facts that name parties in a table."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.position = 0
        self._accounts: dict[tuple[str, str], Account] = {}
        self._registries: set[str] = set()
        self._late: list[PartyFact] = []
        """Facts after the table's cursor."""
        self._saved = 0

    def follow(self, upto: int) -> None:
        """Brings the accounts up to ``upto``; keeps them in the tables when it was long."""
        if self.position >= upto:
            return
        if self.position == 0:
            self._load()
        for logged in readable(self._store, self.position, upto, TYPES):
            self._note(logged)
        self.position = upto
        if upto - self._saved > LAG:
            # Not on a full disk, say: what is not kept is read from the log again.
            with suppress(SQLAlchemyError):
                self._save(upto)

    def _load(self) -> None:
        with self._store.engine.connect() as connection:
            if not self._store.engine.dialect.has_table(connection, accounts.name):
                return
            self._saved, _ = self._store.cursor(CURSOR)
            for row in connection.execute(select(accounts)):
                if row.position <= self._saved:
                    self._accounts[row.registry, row.account] = Account(*row)
                    self._registries.add(row.registry)
        self.position = self._saved

    def _note(self, logged: Logged) -> None:
        record, event = logged.record, logged.event
        if isinstance(event, RegistryOpened):
            for name in BUILT_IN_ACCOUNTS:
                known = Account(record.registry, name, name, None, record.position)
                self._accounts[record.registry, name] = known
            self._registries.add(record.registry)
        if isinstance(event, AccountOpened):
            self._accounts[record.registry, event.account] = Account(
                record.registry, event.account, event.kind, event.entity, record.position
            )
        account: str | None = getattr(event, "account", None)
        entity: str | None = getattr(event, "entity", None)
        if isinstance(event, ProposalMade):
            account, entity = (event.proposed.get(name) for name in ("account", "entity"))
        if account or entity:
            self._late.append(PartyFact(record.registry, account, entity, record.position))
        if isinstance(event, EntitySucceeded):
            self._late.extend(
                PartyFact(record.registry, None, other, record.position)
                for other in event.entities[1:]
            )

    def _save(self, upto: int) -> None:
        with keeping(self._store, CURSOR, self._saved) as connection:
            if connection is None:
                return
            new = [a._asdict() for a in self._accounts.values() if a.position > self._saved]
            if new:
                connection.execute(insert(accounts), new)
            if self._late:
                connection.execute(insert(party_facts), [f._asdict() for f in self._late])
            self._store.set_cursor(connection, CURSOR, upto)
        self._saved, self._late = upto, []

    def account(self, registry: str, account: str, upto: int) -> Account | None:
        """An account known at ``upto``."""
        found = self._accounts.get((registry, account))
        return found if found is not None and found.position <= upto else None

    def registries_of(self, account: str, upto: int) -> list[str]:
        """The registries that have an account of this id, known at ``upto``."""
        return [r for r in sorted(self._registries) if self.account(r, account, upto)]

    def of_entity(self, entity: str, upto: int) -> list[Account]:
        """The accounts of an entity known at ``upto``."""
        return [a for a in self._accounts.values() if a.entity == entity and a.position <= upto]

    def facts(
        self, upto: int, *, account: str | None = None, entity: str | None = None
    ) -> list[PartyFact]:
        """The events up to ``upto`` that name an account or an entity."""
        found: list[PartyFact] = [
            fact
            for fact in self._late
            if fact.position <= upto
            and ((account and fact.account == account) or (entity and fact.entity == entity))
        ]
        if self._saved:
            column: Any = party_facts.c.account if account else party_facts.c.entity
            query = select(party_facts).where(
                column == (account or entity), party_facts.c.position <= upto
            )
            with self._store.engine.connect() as connection:
                found.extend(PartyFact(*row) for row in connection.execute(query))
        return found

    def names(self) -> Sequence[Account]:
        """Every account there is."""
        return list(self._accounts.values())
