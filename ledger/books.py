"""The questions of a ledger, as its front door offers them.

Answers live above, in ``etsledger.projections``; the ledger knows only these shapes and
finds the implementation by name when the first question is asked.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pkgutil import resolve_name
from typing import Any, Protocol, Unpack

from etsledger.ledger.changes import DiffRow
from etsledger.ledger.clock import Clock
from etsledger.ledger.comparisons import Addition, Replay, WhatIf
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.office_rows import (
    ActorRow,
    DeadlineRow,
    EntityRow,
    PeriodRow,
    ProposalRow,
)
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
    KnownAt,
    LeavingQuestion,
    MarketQuestion,
    ProposalsQuestion,
    ReconcileQuestion,
    ReportQuestion,
    StatementQuestion,
    SupplyQuestion,
    TraceQuestion,
    Viewpoint,
    When,
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
from etsledger.ledger.stretches import Sendable
from etsledger.ledger.verify import TableChecks
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow, ComplianceSummaryRow


class Explains(Protocol):
    """What can be explained; None for what the books do not know."""

    def event(self, position: int) -> Explanation | None: ...

    def balance(
        self, account: str, unit: str, **question: Unpack[ExplainBalanceQuestion]
    ) -> BalanceExplanation | None: ...

    def compliance(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None: ...

    def allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None: ...


class Books(Protocol):
    """What can be asked of a ledger at any (as-of, known-at)."""

    def __init__(self, store: Store, clock: Clock) -> None: ...

    def balances(self, **question: Unpack[BalanceQuestion]) -> list[BalanceRow]: ...

    def statement(
        self, account: str, **question: Unpack[StatementQuestion]
    ) -> list[StatementRow]: ...

    def supply(self, **question: Unpack[SupplyQuestion]) -> list[SupplyRow]: ...

    def compliance(self, **question: Unpack[ComplianceQuestion]) -> list[ComplianceRow]: ...

    def compliance_summary(
        self, **question: Unpack[ComplianceQuestion]
    ) -> list[ComplianceSummaryRow]: ...

    def allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> AllocationRow | None: ...

    def market(self, **question: Unpack[MarketQuestion]) -> list[MarketRow]: ...

    def banking(self, entity: str, **question: Unpack[Viewpoint]) -> BankingRow | None: ...

    def credits(self, **question: Unpack[CreditsQuestion]) -> list[CreditRow]: ...

    def deadlines(self, **question: Unpack[DeadlinesQuestion]) -> list[DeadlineRow]: ...

    def periods(self, **question: Unpack[Viewpoint]) -> list[PeriodRow]: ...

    def leaving(self, **question: Unpack[LeavingQuestion]) -> list[LeavingRow]: ...

    def proposals(self, **question: Unpack[ProposalsQuestion]) -> list[ProposalRow]: ...

    def entities(self, **question: Unpack[EntitiesQuestion]) -> list[EntityRow]: ...

    def actors(self, **question: Unpack[ActorsQuestion]) -> list[ActorRow]: ...

    def events(self, **question: Unpack[EventsQuestion]) -> Iterator[EventRow]: ...

    def report(self, subject: str, **question: Unpack[ReportQuestion]) -> str: ...

    def reconcile(
        self, rows: Iterable[OutsideRow], **question: Unpack[ReconcileQuestion]
    ) -> list[ReconciliationRow]: ...

    def trace(self, **question: Unpack[TraceQuestion]) -> Iterator[TraceRow]: ...

    def diff(
        self, start: Instants, end: Instants, **question: Unpack[DiffQuestion]
    ) -> list[DiffRow]: ...

    @property
    def explaining(self) -> Explains: ...

    def table_checks(self, upto: int) -> TableChecks: ...

    def replay(self, *, to: KnownAt, progress: Callable[[int], None] | None) -> Replay: ...

    def what_if(
        self,
        *,
        rulebook: str | Mapping[str, Any] | None,
        without: Collection[str],
        with_: Iterable[Sendable | Addition],
        registry: str | None,
        as_of: When,
        keep: str | os.PathLike[str] | None,
        progress: Callable[[int], None] | None,
    ) -> WhatIf: ...

    def rebuild(self, progress: Callable[[int], None] | None = None) -> int: ...


def load_books() -> type[Books]:
    """The implementation; the one late binding of the house, so that no import runs upward."""
    return resolve_name("etsledger.projections.books:LedgerBooks")
