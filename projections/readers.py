"""What an actor may read now, registry by registry: accounts, entities, events.

By the roles held and the rulebooks in force when he asks (``etsledger.domain.reading``),
whatever time the question is about.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from etsledger.domain.closing import PeriodClosed, PeriodReopened
from etsledger.domain.errors import NotAuthorised
from etsledger.domain.events import OUTSIDE_ACCOUNTS, Event
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.proposals import ProposalMade
from etsledger.domain.reading import Readable, readable
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import RegistryState, State
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.verification import BalanceValuePublished
from etsledger.ledger.clock import Clock
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.record import Row, read
from etsledger.ledger.store import Store
from etsledger.projections.compliance import rulebook_then
from etsledger.projections.instants import viewpoint

PUBLIC: Final = tuple(
    kind.__name__
    for kind in (
        RegistryOpened, RulebookAdopted, BalanceValuePublished, MarketDayRecorded, PeriodClosed,
        PeriodReopened,
    )
)  # fmt: skip
"""Events that name nobody and are for every reader of the registry."""


class Reads:
    """What an actor may read now, registry by registry."""

    def __init__(self, store: Store, state: State, clock: Clock, actor: str) -> None:
        self.actor = actor
        self._state = state
        now = viewpoint(store, clock, None, None, state.position)
        self._by: dict[str, Readable] = {}
        for name, registry in state.registries.items():
            rules = rulebook_then(store, registry, now)
            found = None if rules is None else readable(registry, rules[1], actor, now.as_of)
            if found is not None:
                self._by[name] = found

    def of(self, registry: str) -> Readable:
        """What may be read of a registry; nothing of one that is not for the actor."""
        return self._by.get(registry) or Readable()

    def anything(self, registry: str | None = None) -> None:
        """Raises NotAuthorised for who reads nothing (of a registry that is known)."""
        known = self._state.registries
        if registry is None and known and not self._by:
            self.refuse("anything", "no role lets him read")
        if registry in known and registry not in self._by:
            self.refuse(f"registry {registry}", "no role there lets him read")

    def reads_in(self, registry: str) -> bool:
        """Whether the actor is a reader of a registry."""
        return registry in self._by

    def whole(self, what: str, registry: str | None = None) -> None:
        """Raises NotAuthorised unless everything may be read (of a registry, or of all)."""
        self.anything(registry)
        asked = self._state.registries if registry is None else [registry]
        for name in asked:
            if name in self._state.registries and not self.of(name).whole:
                self.refuse(what, f"it is for who reads all of registry {name}")

    def account(
        self, account: str | None, registry: str | None = None, *, everywhere: bool = False
    ) -> None:
        """Raises NotAuthorised for an account that is known and somebody else's.

        Without a registry in all that know it; ``everywhere``: in any of them.
        """
        where = self._where(registry, lambda found: account in found.accounts)
        his = [self.of(name).has_account(account or "") for name in where]
        if his and not (all(his) if everywhere else any(his)):
            self.refuse(f"account {account}", "it is out of reach of his roles")

    def entity(
        self, entity: str | None, registry: str | None = None, *, everywhere: bool = False
    ) -> None:
        """Raises NotAuthorised for an entity that is known and somebody else's; see above."""
        where = self._where(registry, lambda found: entity in found.entities)
        his = [self.of(name).has_entity(entity or "") for name in where]
        if his and not (all(his) if everywhere else any(his)):
            self.refuse(f"entity {entity}", "it is out of reach of his roles")

    def _where(self, registry: str | None, has: Callable[[RegistryState], bool]) -> list[str]:
        self.anything(registry)
        registries = self._state.registries.items()
        return [name for name, one in registries if registry in (None, name) and has(one)]

    def is_registry(self, name: str) -> bool:
        """Whether a name is that of a registry."""
        return name in self._state.registries

    def event(self, row: Row) -> bool:
        """Whether an event may be read: a public one, or one that names what is in reach."""
        found = self._by.get(row.registry)
        if found is None or found.whole or row.type in PUBLIC:
            return found is not None
        try:
            event = read(row.type, row.state).event
        except LedgerError:
            return False
        accounts, entities = parties_of(event)
        return (
            any(found.has_account(account) for account in accounts)
            or any(found.has_entity(entity) for entity in entities)
            or self.actor in {getattr(event, name, None) for name in ("subject", "proposer")}
        )

    def refuse(self, what: str, why: str) -> NoReturn:
        """Raises NotAuthorised: ``what`` is not for this actor."""
        raise NotAuthorised(
            f"actor {self.actor} may not read {what}: {why}", actor=self.actor, asked=what
        )


def parties_of(event: Event) -> tuple[set[str], set[str]]:
    """The accounts and the entities that an event names or moves units of."""
    accounts = {account for account, *_ in event.postings()} - OUTSIDE_ACCOUNTS
    named: Mapping[str, Any] = {}
    if isinstance(event, ProposalMade):
        named = event.proposed
    for field in ("account", "from", "to", "seller", "buyer"):
        accounts.add(named.get(field) or getattr(event, field, None) or "")
    entities = {named.get("entity") or getattr(event, "entity", None) or ""}
    if isinstance(event, EntitySucceeded):
        entities.update(event.entities)
    return accounts - {""}, entities - {""}
