"""Why an event stands in the log, and what became of it."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import select

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.assertions import BalanceAsserted
from etsledger.domain.borrowing import UnitsBorrowed
from etsledger.domain.events import CANCELLED, OUTSIDE_ACCOUNTS, Event
from etsledger.domain.leaving import EntityLeft
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.proposals import ProposalApproved, ProposalMade
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import BalanceValue, State
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.times import parse_instant, to_micros
from etsledger.domain.verification import BalanceValuePublished
from etsledger.domain.yearbook import EMPTY, YearBook, seen
from etsledger.ledger.explanations import Explanation
from etsledger.ledger.holdings import Holding
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings, postings_by_account
from etsledger.projections.explain_facts import Fact, Facts
from etsledger.projections.explain_links import (
    changed_by,
    named_commands,
    named_positions,
    repaid,
    rests_on,
    undoes,
)
from etsledger.projections.explain_nodes import node
from etsledger.projections.explain_prices import Prices
from etsledger.projections.explain_succession import parts_of
from etsledger.projections.parties import Parties
from etsledger.projections.proposals import later_of

MOST: Final = 50
"""Facts of one kind that are told below an event."""
_PARTY_FACTS: Final = {
    "EntityRegistered", "EntityStatusSet", "EntityLeft", "EntityAmended", "AccountOpened",
    "AccountClosed", "EntitySucceeded",
}  # fmt: skip


class ExplainedEvent:
    """The explanation of one position."""

    def __init__(
        self,
        store: Store,
        facts: Facts,
        prices: Prices,
        parties: Parties,
        state: State,
        head: int,
        done: int,
    ) -> None:
        self._store, self._facts, self._parties = store, facts, parties
        self._prices, self._state, self._head, self._done = prices, state, head, done

    def tree(self, fact: Fact) -> Explanation:
        """The event with what it rested on, its numbers, and what changed it since."""
        told = self._facts.told(fact, "event")
        if fact.event is None:
            return told
        told["because"] = [
            *told["because"],
            *(parts_of(fact.event) if isinstance(fact.event, EntitySucceeded) else ()),
            *self._facts_at(set(self._because(fact, fact.event)) - {fact.position}, "fact"),
        ]
        told["since"] = self._facts_at(set(self._since(fact, fact.event)), "since")
        told["since"] += self._prices.since([fact], self._head).get(fact.position, [])
        if isinstance(fact.event, BalanceAsserted):
            told["since"] += self._restated(fact, fact.event)
        return told

    def _facts_at(self, positions: set[int], key: str) -> list[Explanation]:
        wanted = sorted(positions)
        found = self._facts.at(wanted[:MOST])
        told = [self._facts.told(found[p], key) for p in wanted[:MOST] if p in found]
        if len(wanted) > MOST:
            told.append(node(f"more_{key}", "more facts", len(wanted) - MOST))
        return told

    # -- what it rested on --------------------------------------------------------------------

    def _because(self, fact: Fact, event: Event) -> Iterator[int]:
        ids = named_commands(event)
        for one in self._facts.of_commands(ids):
            if one.position < fact.position:
                yield one.position
        yield from named_positions(event)
        yield from self._same_write(fact)
        book = self._book(fact, event)
        if book is not None:
            then = parse_instant(fact.row["effective_at"])
            yield from rests_on(event, seen(book, then, fact.position - 1))
        if isinstance(event, AllowancesPreAllocated):
            yield from self._base(fact, event)
        if isinstance(event, AllocationFinalised):
            then = to_micros(parse_instant(fact.row["effective_at"]))
            values = self._balance_values(fact, event)
            known = [v for v in values if v.position < fact.position and to_micros(v.at) <= then]
            yield from (one.position for one in known[-1:])
        if isinstance(event, EntityLeft):
            yield from (p for p in self._given(fact, event) if p < fact.position)
        yield from self._prices.behind(fact)

    def _same_write(self, fact: Fact) -> Iterator[int]:
        """What the same command wrote before it, and the approval that brought it about."""
        for one in self._facts.of_commands([fact.row["command_id"]]):
            if one.position < fact.position:
                yield one.position
        if fact.batch is not None:
            for one in self._facts.beginning_of(fact.batch):
                if one.position < fact.position:
                    yield one.position

    def _base(self, fact: Fact, event: AllowancesPreAllocated) -> Iterator[int]:
        """The report that a pre-allocation is a share of."""
        year = self._facts.base_year(fact, event)
        books = self._books(fact.row["registry"], event.entity)
        then = parse_instant(fact.row["effective_at"])
        report = seen(books.get(year, EMPTY), then, fact.position - 1).report
        if report is not None:
            yield report.position

    # -- what became of it --------------------------------------------------------------------

    def _since(self, fact: Fact, event: Event) -> Iterator[int]:
        book = self._book(fact, event)
        if book is not None:
            yield from changed_by(event, book, fact.position)
        yield from self._undone(fact, event)
        if isinstance(event, ProposalMade | ProposalApproved):
            yield from later_of(self._store, event.proposal, fact.position, self._head)
        registry = self._state.registries.get(fact.row["registry"])
        if isinstance(event, RegistryOpened | RulebookAdopted) and registry is not None:
            yield from (a.position for a in registry.adoptions if a.position > fact.position)
        if isinstance(event, BalanceValuePublished) and registry is not None:
            values = registry.balance_values.get(event.sector, {}).get(event.year, ())
            yield from (one.position for one in values if one.position > fact.position)
        if isinstance(event, AllocationFinalised):
            values = self._balance_values(fact, event)
            yield from (one.position for one in values if one.position > fact.position)
        if isinstance(event, UnitsBorrowed):
            lender = self._books(fact.row["registry"], event.entity).get(event.lender_year, EMPTY)
            yield from repaid(lender, event.borrowing)
        if isinstance(event, EntityLeft):
            yield from (p for p in self._given(fact, event) if p > fact.position)
            yield from self._cancelled(fact, event)
        if fact.row["type"] in _PARTY_FACTS:
            yield from self._party(fact, event)

    def _undone(self, fact: Fact, event: Event) -> Iterator[int]:
        """Later postings that are the opposite of one of the event's, and mean it."""
        for account, unit, bucket, quantity in event.postings():
            if account in OUTSIDE_ACCOUNTS:
                continue
            opposite = self._opposite(fact, account, unit, bucket, -quantity)
            found = self._facts.at(opposite[:MOST])
            for later in found.values():
                if later.event is not None and undoes(later.event, fact.position, event):
                    yield later.position
            if bucket == "held":
                return  # a movement's first leg tells; the others are its mirror

    def _opposite(
        self, fact: Fact, account: str, unit: str, bucket: str, quantity: int
    ) -> list[int]:
        found: list[int] = []
        tables = ((postings_by_account, fact.position, self._done),
                  (postings, max(fact.position, self._done), self._head))  # fmt: skip
        with self._store.engine.connect() as connection:
            for table, after, upto in tables:
                c: Any = table.c
                query = (
                    select(c.position)
                    .where(c.account == account, c.registry == fact.row["registry"])
                    .where(c.unit == unit, c.bucket == bucket, c.quantity == quantity)
                    .where(c.position > after, c.position <= upto)
                )
                found += connection.execute(query).scalars()
        return sorted(set(found))

    def _party(self, fact: Fact, event: Any) -> Iterator[int]:
        """Later facts of the account or the entity itself."""
        account, entity = getattr(event, "account", None), getattr(event, "entity", None)
        name = {"account": account} if account else {"entity": entity}
        later = [
            one.position
            for one in self._parties.facts(self._head, **name)
            if one.position > fact.position and one.registry == fact.row["registry"]
        ]
        for position, one in self._facts.at(sorted(later)[: 4 * MOST]).items():
            if one.row["type"] in _PARTY_FACTS:
                yield position

    def _cancelled(self, fact: Fact, event: EntityLeft) -> Iterator[int]:
        """What was cancelled since of the units that are to be."""
        registry = fact.row["registry"]
        accounts = [
            one.account
            for one in self._parties.of_entity(event.entity, self._head)
            if one.registry == registry
        ]
        units = [one.unit for one in event.to_cancel]
        gone = postings.alias("gone")
        tables = ((postings_by_account, fact.position, self._done),
                  (postings, max(fact.position, self._done), self._head))  # fmt: skip
        with self._store.engine.connect() as connection:
            for table, after, upto in tables:
                c: Any = table.c
                query = (
                    select(c.position)
                    .join(gone, gone.c.position == c.position)
                    .where(c.account.in_(accounts), c.registry == registry, c.unit.in_(units))
                    .where(c.bucket == "held", c.position > after, c.position <= upto)
                    .where(gone.c.account == CANCELLED, gone.c.unit == c.unit)
                )
                yield from connection.execute(query).scalars()

    def _restated(self, fact: Fact, event: BalanceAsserted) -> list[Explanation]:
        """What was recorded later of the time that an assertion speaks of."""
        at = to_micros(parse_instant(fact.row["effective_at"]))
        held = Holding(fact.row["registry"], event.account, event.unit, self._done, self._head)
        moved = held.known_later(self._store, "held", fact.position, (at, 2**63 - 1), MOST)
        return self._facts_at({one.position for one in moved}, "restated")

    # -- the year -----------------------------------------------------------------------------

    def _book(self, fact: Fact, event: Any) -> YearBook | None:
        entity, year = getattr(event, "entity", None), getattr(event, "year", None)
        if entity is None or year is None:
            return None
        registry = getattr(event, "for_registry", fact.row["registry"])
        return self._books(registry, entity).get(year)

    def _given(self, fact: Fact, event: EntityLeft) -> Iterator[int]:
        """What the entity was handed out for the years before it left, and gave back."""
        for year, book in self._books(fact.row["registry"], event.entity).items():
            if year < event.first_year_elsewhere:
                yield from (one.position for one in (*book.grants, *book.collections))

    def _balance_values(self, fact: Fact, event: AllocationFinalised) -> tuple[BalanceValue, ...]:
        """The values published for the sector and year, where the allocation used one."""
        registry = self._state.registries.get(fact.row["registry"])
        entity = registry.entities.get(event.entity) if registry is not None else None
        used = any(line.intensity is not None for line in event.calculation.lines)
        if registry is None or entity is None or not used:
            return ()
        return registry.balance_values.get(entity.sector, {}).get(event.year, ())

    def _books(self, registry: str, entity: str) -> dict[int, YearBook]:
        known = self._state.registries.get(registry)
        return known.years.get(entity, {}) if known is not None else {}
