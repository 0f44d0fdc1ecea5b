"""Every question of a ledger, answered at any (as-of, known-at)."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import inspect

from etsledger.domain.state import State
from etsledger.ledger.books import (
    AllocationRow,
    BalanceRow,
    BankingRow,
    ComplianceRow,
    ComplianceSummaryRow,
    CreditRow,
    EventRow,
    KnownAt,
    LeavingRow,
    MarketRow,
    Period,
    StatementRow,
    SupplyRow,
    When,
)
from etsledger.ledger.clock import Clock
from etsledger.ledger.postings import INDEX, LAG, Sum, merge_index, sums
from etsledger.ledger.rebuild import rebuild_from_log
from etsledger.ledger.store import Store
from etsledger.projections.allocation import allocation_row
from etsledger.projections.balances import balance_rows, sums_from_log
from etsledger.projections.banking import banking_row
from etsledger.projections.checks import differences
from etsledger.projections.compliance import Standings, summary_rows
from etsledger.projections.credits import credit_rows
from etsledger.projections.events import event_rows
from etsledger.projections.instants import Viewpoint, instant, viewpoint
from etsledger.projections.leaving import leaving_rows
from etsledger.projections.market import MarketFilter, date_of
from etsledger.projections.market import sums as market_sums
from etsledger.projections.market import sums_from_log as market_from_log
from etsledger.projections.parties import Parties
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

    def _view(self, as_of: When, known_at: KnownAt) -> tuple[Viewpoint, int]:
        """The viewpoint of a question and how far the index answers it."""
        head, done = self._store.standing(INDEX)
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
        if head - done > LAG:
            done = merge_index(self._store, head)
        self._parties.follow(head)
        return view, min(done, view.upto)

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

    def _standings(
        self, registry: str | None, entity: str | None, as_of: When, known_at: KnownAt, log: bool
    ) -> Standings:
        head = self._store.head_position()
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
        if log:
            state = from_log(self._store, view.upto)
        elif entity is not None:
            state = self._years.of_entity(entity, head)
        else:
            state = self._years.follow(head)
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
        found = self._standings(registry, entity, as_of, known_at, from_log)
        return [row for _, row in found.rows(entity, year)]

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
        found = self._standings(registry, entity, as_of, known_at, from_log)
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
        head = self._store.head_position()
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
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
        head = self._store.head_position()
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
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
        view, _ = self._view(as_of, known_at)
        head = self._store.head_position()
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
        head = self._store.head_position()
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
        return credit_rows(self._store, view, registry=registry, unit=unit)

    def leaving(
        self,
        *,
        registry: str | None = None,
        entity: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[LeavingRow]:
        """See ``Ledger.leaving``."""
        view, _ = self._view(as_of, known_at)
        head = self._store.head_position()
        years = self._years
        state = years.follow(head) if entity is None else years.of_entity(entity, head)
        return list(
            leaving_rows(self._store, state, self._parties, view, registry=registry, entity=entity)
        )

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

    def differences(self, state: State) -> Iterator[str]:
        """What the projections' tables say otherwise than a state made from the log."""
        return differences(self._store, state)

    def rebuild(self, progress: Any = None) -> int:
        """Empties every derived table and fills it again from the log."""
        there = set(inspect(self._store.engine).get_table_names())

        def empty_ours(connection: Any) -> None:
            for table in metadata.sorted_tables:
                if table.name in there:
                    connection.execute(table.delete())

        upto = rebuild_from_log(self._store, empty_ours, progress)
        self._parties = Parties(self._store)
        self._parties.follow(upto)
        self._years = Years(self._store)
        self._years.follow(upto)
        self._trades = Trades(self._store)
        self._trades.follow(upto)
        return upto
