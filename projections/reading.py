"""The questions of a ledger as an actor may ask them: only what his roles let him read.

A list leaves out what is somebody else's; a question about somebody else is NotAuthorised.
What an actor reads is judged when he asks, by the roles held and the rulebooks in force now
(``etsledger.projections.readers``). What the exchange publishes is for every reader.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar, Unpack

from etsledger.ledger.books import Explains
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.clock import Clock
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.office_rows import ActorRow, DeadlineRow, EntityRow, PeriodRow, ProposalRow
from etsledger.ledger.provenance import TraceRow
from etsledger.ledger.questions import (
    ActorsQuestion,
    BalanceQuestion,
    ComplianceQuestion,
    CreditsQuestion,
    DeadlinesQuestion,
    DiffQuestion,
    EntitiesQuestion,
    EventsQuestion,
    ExplainBalanceQuestion,
    Instants,
    LeavingQuestion,
    MarketQuestion,
    ProposalsQuestion,
    ReconcileQuestion,
    ReportQuestion,
    StatementQuestion,
    SupplyQuestion,
    TraceQuestion,
    Viewpoint,
)
from etsledger.ledger.reconciliation import OutsideRow, ReconciliationRow
from etsledger.ledger.rows import (
    BalanceRow,
    BankingRow,
    CreditRow,
    EventRow,
    LeavingRow,
    MarketRow,
    StatementRow,
    SupplyRow,
)
from etsledger.ledger.store import Store
from etsledger.ledger.verify import TableChecks
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow, ComplianceSummaryRow
from etsledger.projections.books import LedgerBooks
from etsledger.projections.compliance import summary_rows
from etsledger.projections.office import OfficeBooks
from etsledger.projections.readers import Reads

_CHUNK: Final = 1_000
T = TypeVar("T")


class BooksOfActor:
    """The questions over one store, as an actor may ask them."""

    def __init__(self, store: Store, clock: Clock, actor: str) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._books = LedgerBooks(store, clock)
        self._office = OfficeBooks(store)

    def _reads(self) -> Reads:
        """What may be read at this moment."""
        state = self._office.follow(self._store.head_position())
        return Reads(self._store, state, self._clock, self._actor)

    def whole(self, what: str) -> None:
        """Raises NotAuthorised unless the actor reads everything of every registry."""
        self._reads().whole(what)

    def event_of_his(self, position: int) -> None:
        """Raises NotAuthorised unless the actor may read the event at a position."""
        reads = self._reads()
        row = self._store.row(position)
        if row is not None and not reads.event(row):
            reads.refuse(f"the event at position {position}", "it is out of reach of his roles")

    def entity_of_his(self, entity: str, registry: str | None) -> None:
        """Raises NotAuthorised unless the actor may read an entity's facts."""
        self._reads().entity(entity, registry, everywhere=True)

    def account_of_his(self, account: str, registry: str | None) -> None:
        """Raises NotAuthorised unless the actor may read an account."""
        self._reads().account(account, registry, everywhere=True)

    # -- of accounts and entities --------------------------------------------------------------

    def balances(self, **question: Unpack[BalanceQuestion]) -> list[BalanceRow]:
        """The balances of what is in reach."""
        reads = self._asked(question)
        rows = self._books.balances(**question)
        return [row for row in rows if reads.of(row["registry"]).has_account(row["account"])]

    def statement(self, account: str, **question: Unpack[StatementQuestion]) -> list[StatementRow]:
        """The statement of an account in reach."""
        reads = self._reads()
        reads.account(account, question.get("registry"))
        rows = self._books.statement(account, **question)
        return [row for row in rows if reads.of(row["registry"]).has_account(account)]

    def compliance(self, **question: Unpack[ComplianceQuestion]) -> list[ComplianceRow]:
        """How the entities in reach stand."""
        reads = self._asked(question)
        return _of_entities(reads, self._books.compliance(**question))

    def compliance_summary(
        self, **question: Unpack[ComplianceQuestion]
    ) -> list[ComplianceSummaryRow]:
        """How many of the entities in reach stand how."""
        reads = self._asked(question)
        entity = question.get("entity")
        found = self._books.standings(
            question.get("registry"), entity, question.get("as_of"), question.get("known_at"),
            question.get("from_log", False),
        )  # fmt: skip
        rows = found.rows(entity, question.get("year"))
        return summary_rows(
            (one, row) for one, row in rows if reads.of(row["registry"]).has_entity(row["entity"])
        )

    def allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> AllocationRow | None:
        """The allocation of an entity in reach."""
        reads = self._reads()
        reads.entity(entity, question.get("registry"))
        row = self._books.allocation(entity, year, **question)
        if row is not None:
            reads.entity(entity, row["registry"])
        return row

    def banking(self, entity: str, **question: Unpack[Viewpoint]) -> BankingRow | None:
        """What an entity in reach may carry over."""
        reads = self._reads()
        reads.entity(entity, question.get("registry"))
        row = self._books.banking(entity, **question)
        if row is not None:
            reads.entity(entity, row["registry"])
        return row

    def deadlines(self, **question: Unpack[DeadlinesQuestion]) -> list[DeadlineRow]:
        """What is due of the entities in reach."""
        reads = self._asked(question)
        return _of_entities(reads, self._books.deadlines(**question))

    def leaving(self, **question: Unpack[LeavingQuestion]) -> list[LeavingRow]:
        """Which of the entities in reach left."""
        reads = self._asked(question)
        return _of_entities(reads, self._books.leaving(**question))

    def entities(self, **question: Unpack[EntitiesQuestion]) -> list[EntityRow]:
        """The entities in reach."""
        reads = self._asked(question)
        return _of_entities(reads, self._books.entities(**question))

    def actors(self, **question: Unpack[ActorsQuestion]) -> list[ActorRow]:
        """Who acts for what is in reach, and the actor's own roles."""
        reads = self._asked({"registry": question.get("registry")})

        def his(row: ActorRow) -> bool:
            of, entity, province = reads.of(row["registry"]), row["entity"], row["province"]
            return (
                of.whole
                or row["actor"] == self._actor
                or (entity is not None and of.has_entity(entity))
                or (province is not None and of.has_province(province))
            )

        return [row for row in self._books.actors(**question) if his(row)]

    def diff(
        self, start: Instants, end: Instants, **question: Unpack[DiffQuestion]
    ) -> list[DiffRow]:
        """What changed of what is in reach."""
        reads = self._asked(question)

        def his(row: DiffRow) -> bool:
            of, account, entity = reads.of(row["registry"]), row["account"], row["entity"]
            return of.has_account(account) if account is not None else of.has_entity(entity or "")

        return [row for row in self._books.diff(start, end, **question) if his(row)]

    def reconcile(
        self, rows: Iterable[OutsideRow], **question: Unpack[ReconcileQuestion]
    ) -> list[ReconciliationRow]:
        """A statement that speaks of accounts in reach only, against the books."""
        reads, registry, given = self._reads(), question.get("registry"), list(rows)
        if question.get("every_account"):
            reads.whole("every account", registry)
        for account in {*question.get("accounts", ()), *(str(row["account"]) for row in given)}:
            reads.account(account, registry)
        return self._books.reconcile(given, **question)

    def report(self, subject: str, **question: Unpack[ReportQuestion]) -> str:
        """The page of an entity in reach, or of a registry that is read whole."""
        reads = self._reads()
        if reads.is_registry(subject):
            reads.whole(f"the page of registry {subject}", subject)
        reads.entity(subject, question.get("registry"), everywhere=True)
        return self._books.report(subject, **question)

    def _asked(self, question: Mapping[str, Any]) -> Reads:
        """What may be read; NotAuthorised when the question names what is somebody else's."""
        reads, registry = self._reads(), question.get("registry")
        reads.anything(registry)
        reads.account(question.get("account"), registry)
        reads.entity(question.get("entity"), registry)
        return reads

    # -- of events -------------------------------------------------------------------------------

    def events(self, **question: Unpack[EventsQuestion]) -> Iterator[EventRow]:
        """The events that name what is in reach, and those that name nobody."""
        limit = question.pop("limit", None)
        reads = self._asked(question)
        found = self._his(reads, self._books.events(**question))
        return found if limit is None else islice(found, limit)

    def _his(self, reads: Reads, events: Iterator[EventRow]) -> Iterator[EventRow]:
        while chunk := list(islice(events, _CHUNK)):
            rows = self._store.rows_at([event["position"] for event in chunk])
            his = {row.position for row in rows if reads.event(row)}
            yield from (event for event in chunk if event["position"] in his)

    def proposals(self, **question: Unpack[ProposalsQuestion]) -> list[ProposalRow]:
        """What was proposed of what is in reach, and what the actor proposed or approved."""
        reads = self._asked(question)
        rows = self._books.proposals(**question)
        stored = self._store.rows_at([row["position"] for row in rows])
        his = {row.position for row in stored if reads.event(row)}
        return [row for row in rows if row["position"] in his or row["approver"] == self._actor]

    def periods(self, **question: Unpack[Viewpoint]) -> list[PeriodRow]:
        """The closings; of what came late that is in reach."""
        reads = self._asked(question)
        rows = [r for r in self._books.periods(**question) if reads.reads_in(r["registry"])]
        late = sorted({one["position"] for row in rows for one in row["late"]})
        his = {row.position for row in self._store.rows_at(late) if reads.event(row)}
        for row in rows:
            row["late"] = [one for one in row["late"] if one["position"] in his]
        return rows

    # -- of the whole ----------------------------------------------------------------------------

    def supply(self, **question: Unpack[SupplyQuestion]) -> list[SupplyRow]:
        """The supply of registries that are read whole."""
        self._reads().whole("the supply", question.get("registry"))
        return self._books.supply(**question)

    def credits(self, **question: Unpack[CreditsQuestion]) -> list[CreditRow]:
        """The credits of registries that are read whole."""
        self._reads().whole("credits by project", question.get("registry"))
        return self._books.credits(**question)

    def trace(self, **question: Unpack[TraceQuestion]) -> Iterator[TraceRow]:
        """Where units are, for who reads the whole registry."""
        self._reads().whole("where units came from and went", question.get("registry"))
        return self._books.trace(**question)

    def market(self, **question: Unpack[MarketQuestion]) -> list[MarketRow]:
        """What the exchange publishes: for every reader."""
        self._reads().anything(question.get("registry"))
        return self._books.market(**question)

    def table_checks(self, upto: int) -> TableChecks:
        """See ``LedgerBooks``; the ledger asks ``whole`` first, as it does before the next ones."""
        return self._books.table_checks(upto)

    def replay(self, **asked: Any) -> Any:
        """See ``LedgerBooks``."""
        return self._books.replay(**asked)

    def what_if(self, **asked: Any) -> Any:
        """See ``LedgerBooks``."""
        return self._books.what_if(**asked)

    def rebuild(self, progress: Any = None) -> int:
        """Writes; the ledger refuses it before."""
        self.whole("the tables")
        return self._books.rebuild(progress)

    @property
    def explaining(self) -> Explains:
        """Explanations of what is in reach."""
        return _Explaining(self, self._books.explaining)


class _Explaining:
    """Explanations, for who may ask for them."""

    def __init__(self, books: BooksOfActor, explains: Explains) -> None:
        self._books = books
        self._explains = explains

    def event(self, position: int) -> Explanation | None:
        self._books.event_of_his(position)
        return self._explains.event(position)

    def balance(
        self, account: str, unit: str, **question: Unpack[ExplainBalanceQuestion]
    ) -> BalanceExplanation | None:
        self._books.account_of_his(account, question.get("registry"))
        return self._explains.balance(account, unit, **question)

    def compliance(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None:
        self._books.entity_of_his(entity, question.get("registry"))
        return self._explains.compliance(entity, year, **question)

    def allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None:
        self._books.entity_of_his(entity, question.get("registry"))
        return self._explains.allocation(entity, year, **question)


def _of_entities(reads: Reads, rows: Iterable[T]) -> list[T]:
    """The rows whose entity is in reach."""
    found: list[T] = []
    for row in rows:
        named: Any = row
        if reads.of(named["registry"]).has_entity(named["entity"]):
            found.append(row)
    return found
