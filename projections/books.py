"""Every question of a ledger, answered at any (as-of, known-at)."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from sqlalchemy import inspect

from etsledger.domain.state import State
from etsledger.ledger.books import Explains
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.clock import Clock
from etsledger.ledger.comparisons import Addition, Replay, WhatIf
from etsledger.ledger.office_rows import ActorRow, DeadlineRow, EntityRow, PeriodRow, ProposalRow
from etsledger.ledger.postings import INDEX, LAG, Sum, merge_index, sums
from etsledger.ledger.provenance import TraceRow
from etsledger.ledger.questions import Instants, KnownAt, Period, ReconcileQuestion, When
from etsledger.ledger.rebuild import rebuild_from_log
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
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow, ComplianceSummaryRow
from etsledger.projections.actors import actor_rows
from etsledger.projections.allocation import allocation_row
from etsledger.projections.balances import balance_rows, sums_from_log
from etsledger.projections.banking import banking_row
from etsledger.projections.checks import ProjectionChecks
from etsledger.projections.compliance import Standings, summary_rows
from etsledger.projections.credits import credit_rows
from etsledger.projections.deadlines import Narrowed, deadline_rows
from etsledger.projections.entities import entity_rows
from etsledger.projections.events import event_rows
from etsledger.projections.instants import Viewpoint, instant, viewpoint
from etsledger.projections.leaving import leaving_rows
from etsledger.projections.market import MarketFilter, date_of
from etsledger.projections.market import sums as market_sums
from etsledger.projections.market import sums_from_log as market_from_log
from etsledger.projections.office import OfficeBooks
from etsledger.projections.parties import Parties
from etsledger.projections.periods import period_rows
from etsledger.projections.proposals import proposal_rows
from etsledger.projections.statement import statement_rows
from etsledger.projections.supply import supply_rows
from etsledger.projections.tables import metadata
from etsledger.projections.trades import Trades
from etsledger.projections.years import Years, from_log


class LedgerBooks:
    """The questions over one store; caught up with the log before each answer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._parties = Parties(store)
        self._years = Years(store)
        self._trades = Trades(store)
        self._office = OfficeBooks(store)
        self._explaining: Explains | None = None

    def _view(self, as_of: When, known_at: KnownAt) -> tuple[Viewpoint, int]:
        """The viewpoint of a question and how far the index answers it."""
        head, done = self._store.standing(INDEX)
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
        if head - done > LAG:
            done = merge_index(self._store, head)
        self._parties.follow(head)
        return view, min(done, view.upto)

    def _asked(self, as_of: When, known_at: KnownAt) -> tuple[Viewpoint, int]:
        """The viewpoint of a question that needs no sums, and the head it is asked at."""
        head = self._store.head_position()
        return viewpoint(self._store, self._clock, as_of, known_at, head), head

    def _state(self, entity: str | None, head: int) -> State:
        """Registries, entities and year books: of one entity, or of all."""
        return self._years.follow(head) if entity is None else self._years.of_entity(entity, head)

    def _sums(self, view: Viewpoint, done: int, from_log: bool, **filters: str | None) -> list[Sum]:
        if from_log:
            return sums_from_log(self._store, view.upto, view.as_of, **filters)
        return sums(self._store, view.upto, view.as_of, done=done, **filters)

    def balances(
        self,
        *,
        registry: str | None = None,
        account: str | None = None,
        entity: str | None = None,
        unit: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        zero: bool = False,
        from_log: bool = False,
    ) -> list[BalanceRow]:
        """See ``Ledger.balances``."""
        view, done = self._view(as_of, known_at)
        if entity is None:
            found = self._sums(view, done, from_log, account=account, registry=registry, unit=unit)
        else:
            names = {a.account for a in self._parties.of_entity(entity, view.upto)}
            found = [
                one
                for name in sorted(names if account is None else names & {account})
                for one in self._sums(
                    view, done, from_log, account=name, registry=registry, unit=unit
                )
            ]
        rows = balance_rows(found, self._parties, view.upto, zero=zero, unit=unit)
        return rows if entity is None else [row for row in rows if row["entity"] == entity]

    def statement(
        self,
        account: str,
        *,
        registry: str | None = None,
        start: When = None,
        end: When = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[StatementRow]:
        """See ``Ledger.statement``."""
        view, _ = self._view(as_of, known_at)
        last = instant(end)
        return statement_rows(
            self._store, account, view.upto, registry=registry,
            start=instant(start, end_of_day=False),
            end=view.as_of if last is None else last,
        )  # fmt: skip

    def supply(
        self,
        *,
        registry: str | None = None,
        unit: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        from_log: bool = False,
    ) -> list[SupplyRow]:
        """See ``Ledger.supply``."""
        view, done = self._view(as_of, known_at)
        found = self._sums(view, done, from_log, registry=registry, unit=unit)
        return supply_rows(found, self._parties, view.upto)

    def standings(
        self, registry: str | None, entity: str | None, as_of: When, known_at: KnownAt, log: bool
    ) -> Standings:
        """How entities stand with their years; what ``compliance`` shows."""
        view, head = self._asked(as_of, known_at)
        state = from_log(self._store, view.upto) if log else self._state(entity, head)
        return Standings(self._store, state, view, registry=registry)

    def compliance(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        year: int | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        from_log: bool = False,
    ) -> list[ComplianceRow]:
        """See ``Ledger.compliance``."""
        found = self.standings(registry, entity, as_of, known_at, from_log)
        return [row for _, row in found.rows(entity, year)]

    def _each_year(
        self, *, registry: str, entity: str | None = None, as_of: When, known_at: KnownAt
    ) -> Iterator[ComplianceRow]:
        """The rows of ``compliance``, made one after the other."""
        if entity is not None:
            found = self.standings(registry, entity, as_of, known_at, False)
            yield from (row for _, row in found.rows(entity, None))
            return
        view, head = self._asked(as_of, known_at)
        for state in self._years.in_parts(head):
            part = Standings(self._store, state, view, registry=registry)
            yield from (row for _, row in part.rows(None, None))

    def compliance_summary(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        year: int | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        from_log: bool = False,
    ) -> list[ComplianceSummaryRow]:
        """See ``Ledger.compliance_summary``."""
        found = self.standings(registry, entity, as_of, known_at, from_log)
        return summary_rows(found.rows(entity, year))

    def allocation(
        self,
        entity: str,
        year: int,
        *,
        registry: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> AllocationRow | None:
        """See ``Ledger.allocation``."""
        view, head = self._asked(as_of, known_at)
        state = self._years.of_entity(entity, head)
        return allocation_row(self._store, state, view, entity, year, registry)

    def market(
        self,
        *,
        registry: str | None = None,
        unit: str | None = None,
        method: str | None = None,
        start: When = None,
        end: When = None,
        by: Period = "month",
        as_of: When = None,
        known_at: KnownAt = None,
        from_log: bool = False,
    ) -> list[MarketRow]:
        """See ``Ledger.market``."""
        view, head = self._asked(as_of, known_at)
        wanted = MarketFilter(registry, unit, method, date_of(start), date_of(end))
        if from_log:
            return market_from_log(self._store, view, wanted, by).rows()
        self._trades.follow(head)
        return market_sums(self._trades, view, wanted, by).rows()

    def banking(
        self,
        entity: str,
        *,
        registry: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> BankingRow | None:
        """See ``Ledger.banking``."""
        view, head = self._asked(as_of, known_at)
        self._parties.follow(head)
        self._trades.follow(head)
        state = self._years.of_entity(entity, head)
        return banking_row(self._store, state, self._parties, self._trades, view, entity, registry)

    def credits(
        self,
        *,
        registry: str | None = None,
        unit: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[CreditRow]:
        """See ``Ledger.credits``."""
        view, _ = self._asked(as_of, known_at)
        return credit_rows(self._store, view, registry=registry, unit=unit)

    def deadlines(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        year: int | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        running: bool = False,
    ) -> list[DeadlineRow]:
        """See ``Ledger.deadlines``."""
        view, head = self._asked(as_of, known_at)
        self._parties.follow(head)
        state = self._state(entity, head)
        asked = Narrowed(registry, entity, year, running)
        return deadline_rows(self._store, state, self._parties, view, asked)

    def periods(
        self, *, registry: str | None = None, as_of: When = None, known_at: KnownAt = None
    ) -> list[PeriodRow]:
        """See ``Ledger.periods``."""
        view, head = self._asked(as_of, known_at)
        # Of no entity: what holds for the registries is all that is asked for.
        state = self._years.of_entity("", head)
        return period_rows(self._store, state, view, registry)

    def leaving(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[LeavingRow]:
        """See ``Ledger.leaving``."""
        view, head = self._asked(as_of, known_at)
        self._parties.follow(head)
        state = self._state(entity, head)
        return list(
            leaving_rows(self._store, state, self._parties, view, registry=registry, entity=entity)
        )

    def actors(
        self,
        *,
        registry: str | None = None,
        actor: str | None = None,
        role: str | None = None,
        entity: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[ActorRow]:
        """See ``Ledger.actors``."""
        view, head = self._asked(as_of, known_at)
        return actor_rows(
            self._store, self._office.follow(head), view, registry=registry, actor=actor,
            role=role, entity=entity,
        )  # fmt: skip

    def entities(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        province: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[EntityRow]:
        """See ``Ledger.entities``."""
        view, head = self._asked(as_of, known_at)
        state = self._state(entity, head)
        return list(entity_rows(state, view, registry=registry, entity=entity, province=province))

    def proposals(
        self,
        *,
        registry: str | None = None,
        status: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[ProposalRow]:
        """See ``Ledger.proposals``."""
        view, _ = self._asked(as_of, known_at)
        return proposal_rows(self._store, view, registry=registry, status=status)

    def events(
        self,
        *,
        registry: str | None = None,
        account: str | None = None,
        entity: str | None = None,
        types: Sequence[str] = (),
        from_position: int = 1,
        to_position: int | None = None,
        limit: int | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        back_dated: bool = False,
    ) -> Iterator[EventRow]:
        """See ``Ledger.events``."""
        view, _ = self._view(as_of, known_at)
        upto = view.upto if to_position is None else min(view.upto, to_position)
        return event_rows(
            self._store, self._parties, upto, registry=registry, account=account,
            entity=entity, types=types, from_position=max(from_position, 1),
            as_of=None if as_of is None else view.as_of, back_dated=back_dated, limit=limit,
        )  # fmt: skip

    def report(
        self,
        subject: str,
        *,
        registry: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        lang: str = "en",
    ) -> str:
        """See ``Ledger.report``."""
        from etsledger.projections.report.gather import Asked
        from etsledger.projections.report.page import render_report

        view, _ = self._view(as_of, known_at)
        state = self._years.of_entity(subject, self._store.head_position())
        asked = Asked(
            self._store, self._parties, state, view, self.balances, self.supply,
            self._each_year, self.allocation, self.events, self.periods,
        )  # fmt: skip
        return render_report(asked, subject, registry, lang)

    def reconcile(
        self, rows: Iterable[OutsideRow], **question: Unpack[ReconcileQuestion]
    ) -> list[ReconciliationRow]:
        """See ``Ledger.reconcile``."""
        from etsledger.projections.reconciling import reconcile

        view, _ = self._view(question.get("as_of"), question.get("known_at"))
        return reconcile(self.balances, self.statement, self._parties, view, rows, question)

    def trace(
        self,
        *,
        unit: str | None = None,
        serials: tuple[int, int] | None = None,
        account: str | None = None,
        registry: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> Iterator[TraceRow]:
        """See ``Ledger.trace``."""
        from etsledger.projections.tracing import trace_rows

        view, done = self._view(as_of, known_at)
        found = self._sums(view, done, False, account=account, registry=registry, unit=unit)
        return trace_rows(self._store, view, found, unit, serials, account)

    def diff(
        self,
        start: Instants,
        end: Instants,
        *,
        registry: str | None = None,
        account: str | None = None,
        entity: str | None = None,
        unit: str | None = None,
        events: int | None = None,
    ) -> list[DiffRow]:
        """See ``Ledger.diff``."""
        from etsledger.projections.diff import diff_rows

        before, _ = self._view(*start)
        after, _ = self._view(*end)
        state = None
        if account is None and unit is None:
            state = self._state(entity, self._store.head_position())
        return diff_rows(
            self._store, self._parties, state, before, after, registry=registry, account=account,
            entity=entity, unit=unit, events=events,
        )  # fmt: skip

    @property
    def explaining(self) -> Explains:
        """See ``Ledger.explain_event`` and its neighbours."""
        if self._explaining is None:
            from etsledger.projections.explaining import Explaining

            self._explaining = Explaining(self._store, self._clock, self._parties, self._years)
        return self._explaining

    def table_checks(self, upto: int) -> ProjectionChecks:
        """The projections' tables beside the log, for ``verify``."""
        return ProjectionChecks(self._store, upto)

    def replay(self, *, to: KnownAt, progress: Any = None) -> Replay:
        """See ``Ledger.replay``; asked of the tables, not of what this object remembers."""
        from etsledger.projections.replay import replay

        fresh: Any = LedgerBooks(self._store, self._clock)
        return replay(self._store, self._clock, fresh, to, progress)

    def what_if(
        self,
        *,
        rulebook: str | Mapping[str, Any] | None = None,
        without: Collection[str] = (),
        with_: Iterable[Sendable | Addition] = (),
        registry: str | None = None,
        as_of: When = None,
        keep: str | os.PathLike[str] | None = None,
        progress: Any = None,
    ) -> WhatIf:
        """See ``Ledger.what_if``."""
        from etsledger.projections.whatif import what_if

        books: Any = LedgerBooks
        return what_if(
            self._store, self._clock, books, rulebook=rulebook, with_=with_,
            without=[without] if isinstance(without, str) else without, registry=registry,
            as_of=as_of, keep=None if keep is None else Path(keep), progress=progress,
        )  # fmt: skip

    def rebuild(self, progress: Any = None) -> int:
        """Empties every derived table and fills it again from the log."""
        there = set(inspect(self._store.engine).get_table_names())

        def empty_ours(connection: Any) -> None:
            for table in metadata.sorted_tables:
                if table.name in there:
                    connection.execute(table.delete())

        upto = rebuild_from_log(self._store, empty_ours, progress)
        self._explaining = None
        self._parties = Parties(self._store)
        self._parties.follow(upto)
        self._years = Years(self._store)
        self._years.follow(upto)
        self._trades = Trades(self._store)
        self._trades.follow(upto)
        self._office = OfficeBooks(self._store)
        self._office.follow(upto)
        return upto
