"""The questions of a ledger, as its front door offers them.

Answers live above, in ``etsledger.projections``; the ledger knows only these shapes and
finds the implementation by name when the first question is asked.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pkgutil import resolve_name
from typing import Any, Literal, NotRequired, Protocol, TypedDict, Unpack

from etsledger.ledger.changes import DiffRow
from etsledger.ledger.clock import Clock
from etsledger.ledger.comparisons import Addition, Replay, WhatIf
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.provenance import TraceRow
from etsledger.ledger.reconciliation import OutsideRow, ReconciliationRow, StatementKind
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import Sendable
from etsledger.ledger.verify import TableChecks

When = datetime | str | None
"""A time, or its ISO text: a bare date is the end of that day; None is now."""
KnownAt = datetime | str | int | None
"""A recorded time, or a position (an integer, or ``"@17"``); None is now."""
Instants = tuple[When, KnownAt]
"""As of when, and as known when."""


class BalanceRow(TypedDict):
    """One account's holding of one unit (tonnes)."""

    registry: str
    account: str
    entity: str | None
    unit: str
    quantity: int
    available: int
    frozen: int
    pledged: int
    pending: int
    restricted: int


class StatementRow(TypedDict):
    """One movement of an account with the balance after it (tonnes)."""

    position: int
    registry: str
    effective_at: str
    recorded_at: str
    type: str
    unit: str
    quantity: int
    balance: int
    counterparty: str | None
    command_id: str
    actor: str | None
    reference: str | None


class SupplyRow(TypedDict):
    """Where all units of a kind are (tonnes); ``balanced`` is the conservation law."""

    registry: str
    unit: str
    issued: int
    authority: int
    province: int
    holding: int
    reserve: int
    retired: int
    cancelled: int
    converted_in: int
    converted_out: int
    balanced: bool


class ComplianceRow(TypedDict):
    """Where an entity stands with a compliance year (tonnes; the fine in CNY).

    ``allocated`` is all that was handed out for the year; with a final allocation,
    allocated - recalled - recall_open = entitlement - deductions. ``deadline`` is the last
    second that is in time.
    """

    registry: str
    entity: str
    year: int
    verified_emissions: int | None
    entitlement: int | None
    pre_allocated: int
    allocated: int
    recalled: int
    recall_open: int
    borrowed: int
    obligation: int
    surrendered: int
    pending: int
    offsets: int
    green_power: int
    outstanding: int
    deadline: str | None
    status: str
    fine: str | None


class ComplianceSummaryRow(TypedDict):
    """Entities of one sector and province in a year: tonnes, and how many have which status.

    The row without sector and province is the year's total.
    """

    registry: str
    year: int
    sector: str | None
    province: str | None
    entities: int
    verified_emissions: int
    obligation: int
    surrendered: int
    pending: int
    outstanding: int
    NOT_DUE: int
    OPEN: int
    PARTIAL: int
    COMPLIANT: int
    LATE_COMPLIANT: int
    PENDING: int
    NON_COMPLIANT: int
    EXEMPT: int


class AllocationRow(TypedDict):
    """An allocation as it was decided, or as it would be by what is on record (tonnes).

    ``lines`` and ``adjustments`` are the calculation, ``deductions`` what was kept of it,
    each of them in ``deduction_lines`` with what remains; ``difference`` = entitlement -
    pre_allocated - deductions: above zero handed out at the end, below zero recalled.
    ``computed`` is what the formula gives where the authority's figure stands instead;
    ``custodian`` the province's account that keeps what was granted to an entity at risk.
    """

    registry: str
    entity: str
    year: int
    unit: str | None
    final: bool
    draft: bool
    lines: list[dict[str, Any]]
    subtotal: int | None
    adjustments: list[dict[str, Any]]
    entitlement: int | None
    approved: int | None
    computed: int | None
    pre_allocated: int
    pre_allocation: dict[str, Any] | None
    deductions: int
    deduction_lines: list[dict[str, Any]]
    difference: int | None
    recalled: int
    recall_open: int
    gap_rate: str | None
    verified_emissions: int | None
    custodian: str | None
    restated_since: bool
    position: int | None
    command_id: str | None
    supersedes: str | None
    rule: str | None
    source: str | None
    reason: str | None
    rulebook: dict[str, str]


Period = Literal["day", "month", "year", "all"]
"""By what the trades of a question are put together."""


class MarketRow(TypedDict):
    """Trades of one unit by one method in one period: tonnes, CNY, and how many.

    ``period`` is a day, a month or a year as text; None when all are put together. ``value``
    and ``average_price`` (value over volume, half-up to 0.01) are decimal texts.
    """

    registry: str
    unit: str
    method: str
    period: str | None
    volume: int
    value: str
    average_price: str
    trades: int


class BankingRow(TypedDict):
    """What an entity may carry over into a new vintage, with every input (tonnes).

    ``net_sales`` by unit are sold less bought in the window, ``net_sales_total`` their sum, at
    least zero; ``cap`` = ``base`` + total x ``ratio``; ``carryable`` is the lesser of cap and
    ``holding`` (as of the snapshot), less ``carried``. ``trades`` are those that count (sign 1:
    sold, -1: bought), ``carry_overs`` what was carried and in which batch, ``left`` the old
    units that are there now, with a flag once no later year takes them any more.
    """

    registry: str
    entity: str
    net_sales: dict[str, int]
    net_sales_total: int
    base: int
    ratio: str
    cap: int
    holding: int
    holdings: dict[str, int]
    carried: int
    carryable: int
    into: str
    window: dict[str, Any]
    eligible: bool
    reasons: list[str]
    trades: list[dict[str, Any]]
    carry_overs: list[dict[str, Any]]
    left: list[dict[str, Any]]
    rule: str
    source: str
    rulebook: dict[str, str]


class CreditLockRow(TypedDict):
    """Credits of an account that are kept for an obligation elsewhere (tonnes)."""

    lock: str
    account: str
    for_registry: str
    entity: str
    year: int
    quantity: int


class CreditUseRow(CreditLockRow):
    """Credits that met an obligation elsewhere; their serial numbers, first and last each."""

    position: int
    serials: list[tuple[int, int]]


class CreditRow(TypedDict):
    """One unit of credits from issuance to use (tonnes).

    ``issued`` (opening balances included) = ``free`` + ``locked`` + ``used`` + ``cancelled``
    (given up without an obligation). ``serials`` are ranges of numbers, first and last, one
    a tonne; those of what is gone are told first in, first out.
    """

    registry: str
    unit: str
    programme: str | None
    registered_on: str | None
    covered_by_ets: bool | None
    methodology: str | None
    issued: int
    free: int
    locked: int
    used: int
    cancelled: int
    serials: list[tuple[int, int]]
    locks: list[CreditLockRow]
    uses: list[CreditUseRow]
    cancelled_serials: list[tuple[int, int]]


class EntityRow(TypedDict):
    """An entity with its particulars in effect at a viewpoint.

    ``status`` is active, at_risk, shut, dissolved, or succeeded when all of it went to others;
    ``succeeded_by`` and ``succeeds`` name who took over from it and from whom it took over.
    """

    registry: str
    entity: str
    name: str
    uscc: str | None
    sector: str
    province: str | None
    status: str
    first_year: int | None
    allocation_method: str | None
    first_year_elsewhere: int | None
    succeeded_by: list[str]
    succeeds: list[str]


class ActorRow(TypedDict):
    """A role that an actor holds, from when on and by whom; or an actor without a role.

    ``province`` or ``entity`` is whom the role is held for; without a role ``entity`` is whom
    the actor works for. ``position`` is where the log granted the role (or registered the actor).
    """

    registry: str
    actor: str
    kind: str
    role: str | None
    province: str | None
    entity: str | None
    granted_at: str | None
    granted_by: str | None
    position: int


class DeadlineRow(TypedDict):
    """The last day for something that follows from a fact on record.

    ``days`` working days after the day ``counted_from`` of the event at position ``fact`` (None:
    by a date in the rulebook); ``state`` is running, passed, met, late (met after it), or unknown
    for a year whose working days nobody knows, as ``note`` says.
    """

    registry: str
    entity: str
    year: int | None
    period: str
    last_day: str | None
    state: str
    counted_from: str | None
    days: int | None
    fact: int | None
    met_on: str | None
    met_by: int | None
    rule: str
    source: str
    note: str | None


class LateRow(TypedDict):
    """A fact that takes effect in a period which was closed when it was recorded."""

    position: int
    type: str
    effective_at: str
    recorded_at: str
    command_id: str
    actor: str | None
    approved_by: str | None
    reference: str | None
    reason: str | None


class PeriodRow(TypedDict):
    """A closing (``closed``), an opening again (``reopened``), or the time since (``open``).

    ``since`` and ``until`` are its first and last days (no first: all before; of ``reopened``
    what stays closed; of ``open`` no last). ``late`` are the facts recorded since the closing
    before, up to this one, that took effect in a period closed then. ``reopened_by`` is the
    position that opened a part of it again; ``hash`` and ``root`` are those of the head there.
    """

    registry: str
    what: str
    since: str | None
    until: str | None
    position: int | None
    effective_at: str | None
    recorded_at: str | None
    command_id: str | None
    actor: str | None
    approved_by: str | None
    reference: str | None
    reason: str | None
    reopened_by: int | None
    hash: str | None
    root: str | None
    late: list[LateRow]


class LeavingRow(TypedDict):
    """What an entity that left for another market is to cancel of one unit (tonnes).

    ``given_free`` was given free and held at leaving, or handed out since; ``cancelled``,
    ``surrendered`` (for earlier years) and ``recalled`` since then; ``left`` is still to be
    cancelled, and ``overdue`` after the day ``cancel_by``. Without a ``unit`` there is nothing.
    """

    registry: str
    entity: str
    first_year_elsewhere: int
    cancel_by: str | None
    unit: str | None
    given_free: int
    cancelled: int
    surrendered: int
    recalled: int
    left: int
    overdue: bool


class ReservedRow(TypedDict):
    """Units (tonnes) that a proposal keeps in an account."""

    account: str
    unit: str
    quantity: int


class ProposalRow(TypedDict):
    """A command that one actor asked for and another is to approve.

    ``status`` is open, approved (it waits to the end of the day ``delay_until``), executed or
    rejected; ``proposed`` is the command, ``command_id`` its id; ``reserved`` was kept for it
    from the proposal on, ``position`` is where the log has that. A proposal that was rejected
    by its ``proposer`` was withdrawn.
    """

    registry: str
    proposal: str
    kind: str
    command_id: str
    status: str
    proposer: str
    proposed_at: str
    approver: str | None
    approved_at: str | None
    delay_until: str | None
    executed_at: str | None
    rejected_by: str | None
    rejected_at: str | None
    reserved: list[ReservedRow]
    proposed: dict[str, Any]
    reference: str | None
    reason: str | None
    position: int


class EventRow(TypedDict):
    """One event as ``events`` shows it; the last two stand in the back-dated list only."""

    position: int
    registry: str
    type: str
    effective_at: str
    recorded_at: str
    command_id: str
    actor: str | None
    approved_by: str | None
    reference: str | None
    reason: str | None
    rulebook: dict[str, str]
    data: dict[str, Any]
    hash: str
    lag_seconds: NotRequired[int]
    would_have_refused: NotRequired[list[int]]


class Viewpoint(TypedDict, total=False):
    """Of one registry only, as of when, and as known when."""

    registry: str | None
    as_of: When
    known_at: KnownAt


class BalanceQuestion(Viewpoint, total=False):
    """What narrows a question for balances."""

    account: str | None
    entity: str | None
    unit: str | None
    zero: bool
    from_log: bool


class StatementQuestion(Viewpoint, total=False):
    """What narrows a question for a statement."""

    start: When
    end: When


class SupplyQuestion(Viewpoint, total=False):
    """What narrows a question for the supply."""

    unit: str | None
    from_log: bool


class CreditsQuestion(Viewpoint, total=False):
    """What narrows a question for credits."""

    unit: str | None


class ProposalsQuestion(Viewpoint, total=False):
    """What narrows a question for proposals: ``status`` is one of ``ProposalRow``."""

    status: str | None


class DeadlinesQuestion(Viewpoint, total=False):
    """What narrows a question for deadlines; ``running`` leaves out what is over or met."""

    entity: str | None
    year: int | None
    running: bool


class LeavingQuestion(Viewpoint, total=False):
    """What narrows a question for leavers."""

    entity: str | None


class ActorsQuestion(Viewpoint, total=False):
    """What narrows a question for actors."""

    actor: str | None
    role: str | None
    entity: str | None


class EntitiesQuestion(Viewpoint, total=False):
    """What narrows a question for entities."""

    entity: str | None
    province: str | None


class ComplianceQuestion(Viewpoint, total=False):
    """What narrows a question for compliance."""

    entity: str | None
    year: int | None
    from_log: bool


class MarketQuestion(Viewpoint, total=False):
    """What narrows a question for the market; ``start`` and ``end`` are days, both included."""

    unit: str | None
    method: str | None
    start: When
    end: When
    by: Period
    from_log: bool


class EventsQuestion(Viewpoint, total=False):
    """What narrows a question for events; positions are inclusive."""

    account: str | None
    entity: str | None
    types: Sequence[str]
    from_position: int
    to_position: int | None
    limit: int | None
    back_dated: bool


class FollowQuestion(TypedDict, total=False):
    """What narrows a feed of events."""

    registry: str | None
    account: str | None
    entity: str | None
    types: Sequence[str]
    as_of: When
    back_dated: bool


class ReportQuestion(Viewpoint, total=False):
    """What narrows a report; ``lang`` is "en" or "zh"."""

    lang: str


class ReconcileQuestion(Viewpoint, total=False):
    """What narrows a comparison with a statement; see ``Ledger.reconcile``."""

    accounts: Sequence[str]
    every_account: bool
    unit: str | None
    start: When
    end: When
    days: int
    kind: StatementKind | None


class TraceQuestion(Viewpoint, total=False):
    """What narrows a trace: a unit, some of its serial numbers (first, last), an account."""

    unit: str | None
    serials: tuple[int, int] | None
    account: str | None


class DiffQuestion(TypedDict, total=False):
    """What narrows a comparison of two instants; ``events`` is how many to tell a row (20;
    unless told otherwise fewer where more than a thousand rows changed, but one at least)."""

    registry: str | None
    account: str | None
    entity: str | None
    unit: str | None
    events: int | None


class ExplainBalanceQuestion(TypedDict, total=False):
    """What narrows the explanation of a balance.

    ``limit`` movements (50) are told: those that follow the movement at position ``after``
    in the order of the statement (0: the first ones), or without it the latest.
    """

    registry: str | None
    as_of: When
    known_at: KnownAt
    limit: int
    after: int | None


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
