"""By which rule an event was decided: event type to rule id, and to the rulebook's source.

An event that names its rule and source itself is quoted. For the others the table says
which rule of the project it is (in the national market, in Chongqing, anywhere), and which
table of the rulebook in force names the document.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from etsledger.domain import (
    accounts,
    actors,
    allocation,
    amending,
    assertions,
    auctions,
    banking,
    borrowing,
    cancellation,
    closing,
    compliance,
    corrections,
    counterparties,
    deductions,
    entities,
    fines,
    freezing,
    green_power,
    issuance,
    leaving,
    locks,
    market,
    offsets,
    opening_banking,
    opening_year,
    pledging,
    pre_allocation,
    proposals,
    recalls,
    reconciliation,
    registries,
    succession,
    surrender,
    trading,
    transfers,
    verification,
)
from etsledger.domain import credits as issuing_credits
from etsledger.domain.acts import names_of
from etsledger.domain.errors import Refusal
from etsledger.domain.events import AUTHORITY, CANCELLED, ISSUANCE, RESERVE
from etsledger.domain.events import Event as AnyEvent
from etsledger.domain.issuance import reserve_rules
from etsledger.domain.rulebook import Rulebook


class Office(NamedTuple):
    """What a look-up may ask: the rulebook that decided, and who is who."""

    rules: Rulebook
    kind_of: Callable[[str], str | None]
    sector_of: Callable[[str], str | None]


class Basis(NamedTuple):
    """A rule id and the document behind it."""

    rule: str | None
    source: str | None


class Rule(NamedTuple):
    """The rule of an event type, by market, and where the rulebook says it."""

    anywhere: str
    national: str | None = None
    chongqing: str | None = None
    told_by: Callable[[Any, Office], "str | Basis | None"] | None = None


def _own(event: Any, _: Office) -> Basis:
    return Basis(event.rule, event.source)


def _calculated(event: Any, _: Office) -> Basis:
    return Basis(event.calculation.rule, event.calculation.source)


def _route(movement: str, source: str, target: str) -> Callable[[Any, Office], str | None]:
    """The matrix row of a movement; the ends are accounts, or names of the event's fields."""

    def told_by(event: Any, office: Office) -> str | None:
        name = movement.format(kind=getattr(event, "kind", ""))
        ends = [office.kind_of(getattr(event, end, end)) for end in (source, target)]
        try:
            return office.rules.route(name, event.unit, ends[0] or "", ends[1] or "").source
        except Refusal:
            return None

    return told_by


def _account_kind(event: Any, office: Office) -> str | None:
    kind = office.kind_of(event.account)
    found = office.rules.account_kinds.get(kind or "")
    return found.source if found else None


def _authority(_: Any, office: Office) -> str | None:
    table = office.rules.authority
    return None if table is None else table.source


def _approval(event: proposals.ProposalMade, office: Office) -> str | None:
    name, _, qualifier = event.kind.partition(".")
    row = office.rules.approval(names_of(name, qualifier or None))
    return _authority(event, office) if row is None else row.source


def _approved(event: proposals.ProposalApproved, office: Office) -> str | None:
    return event.source or _authority(event, office)


def _coverage(event: entities.EntityRegistered, office: Office) -> Basis | None:
    for table in office.rules.data.coverage:
        if event.sector in table.sectors:
            return Basis(table.rule, table.source)
    return None


def _custody(event: entities.EntityStatusSet, office: Office) -> Basis | None:
    table = office.rules.data.custody
    if table is None or event.status not in table.statuses:
        return None
    return Basis(table.rule, table.source)


def _leaving(event: leaving.EntityLeft, office: Office) -> Basis | None:
    table = office.rules.data.leaving
    return None if table is None else Basis(event.rule or table.rule, table.source)


def _succession(_: Any, office: Office) -> str | None:
    """The source of the row that lets units follow a successor, whatever the units."""
    routes = office.rules.data.routes
    return next((one.source for one in routes if one.movement == "transfer.succession"), None)


def _surrender(event: Any, office: Office) -> str:
    table = _year(event, office)
    how = office.rules.data.surrender.source
    return how if table is None else f"{how}; {table.units_source}"


def _deadline(event: Any, office: Office) -> str | None:
    table = _year(event, office)
    return None if table is None else table.deadline_source


def _year(event: Any, office: Office) -> Any:
    sector = office.sector_of(event.entity)
    return None if sector is None else office.rules.year(sector, event.year)


def _report(event: verification.EmissionsVerified, office: Office) -> str | None:
    table = _year(event, office)
    return None if table is None else table.source


def _intensity(event: verification.BalanceValuePublished, office: Office) -> Basis | None:
    table = office.rules.allocation(event.sector, event.year)
    return None if table is None else Basis(table.rule, table.source)


def _deduction(event: deductions.DeductionRecorded, office: Office) -> str | None:
    reasons = office.rules.data.deductions
    return next((one.source for one in reasons if one.reason == event.reason), None)


def _offset(event: offsets.OffsetsUsed, office: Office) -> Basis:
    tables = office.rules.data.offsets
    source = next((one.source for one in tables if event.year in one.years), None)
    return Basis(event.rule, source)


def _green(event: green_power.GreenPowerRecorded, office: Office) -> Basis:
    tables = office.rules.data.green_power
    source = next((one.source for one in tables if event.year in one.years), None)
    return Basis(event.rule, source)


def _market(event: Any, office: Office) -> Basis | None:
    try:
        kind = office.rules.unit_kind(event.unit)
    except Refusal:
        return None
    for table in office.rules.data.market:
        if kind in table.units or "*" in table.units:
            return Basis(table.rule, table.source)
    return None


def _banking(_: Any, office: Office) -> str | None:
    table = office.rules.data.banking
    return None if table is None else table.source


def _reserve(event: Any, office: Office) -> Basis | None:
    table = reserve_rules(office.rules, event.unit)
    return None if table is None else Basis(table.rule, table.source)


def _set_aside(event: issuance.UnitsReserved, office: Office) -> Basis | str | None:
    return _reserve(event, office) or _route("reserve", AUTHORITY, RESERVE)(event, office)


def _auction(event: auctions.UnitsAuctioned, office: Office) -> Basis | str | None:
    return _reserve(event, office) or _route("auction", RESERVE, "buyer")(event, office)


def _closing(_: Any, office: Office) -> str | None:
    table = office.rules.data.closing
    return None if table is None else table.source


_SURRENDER: Final = Rule("X-6", "X-6, N-SUR-1, N-VIN-1", "X-6, Q-SUR", _surrender)
_CREDITS: Final = "N-OFF-5"

RULES: Final[dict[type[AnyEvent], Rule]] = {
    registries.RegistryOpened: Rule("X-3"),
    registries.RulebookAdopted: Rule("X-3"),
    entities.EntityRegistered: Rule("X-3", "N-COV-1", "Q-COV-1", _coverage),
    entities.EntityStatusSet: Rule("X-3", "N-DIFF", None, _custody),
    leaving.EntityLeft: Rule("N-COV-5", "N-COV-5", "Q-COV-2", _leaving),
    amending.EntityAmended: Rule("X-9", told_by=_succession),
    succession.EntitySucceeded: Rule("X-9", told_by=_succession),
    accounts.AccountOpened: Rule("X-4", "X-4, N-PART-1", "X-4, Q-PART", _account_kind),
    accounts.AccountClosed: Rule("X-4", told_by=_account_kind),
    actors.ActorRegistered: Rule("X-4", told_by=_authority),
    actors.RoleGranted: Rule("X-4", told_by=_authority),
    actors.RoleRevoked: Rule("X-4", told_by=_authority),
    proposals.ProposalMade: Rule("X-4", told_by=_approval),
    proposals.ProposalApproved: Rule("X-4", told_by=_approved),
    proposals.ProposalExecuted: Rule("X-4", told_by=_authority),
    proposals.ProposalRejected: Rule("X-4", told_by=_authority),
    counterparties.CounterpartyTrusted: Rule("X-4", told_by=_authority),
    counterparties.CounterpartyDistrusted: Rule("X-4", told_by=_authority),
    freezing.AccountFrozen: Rule("X-4"),
    freezing.AccountUnfrozen: Rule("X-4"),
    pledging.UnitsPledged: Rule("X-4"),
    pledging.PledgeReleased: Rule("X-4"),
    issuance.OpeningBalanceRecorded: Rule(
        "X-3", told_by=_route("opening_balance", ISSUANCE, "account")
    ),
    opening_banking.OpeningBankingRecorded: Rule("X-3", told_by=_banking),
    opening_year.OpeningYearRecorded: Rule("X-3"),
    issuance.UnitsIssued: Rule("X-5", told_by=_route("issue", ISSUANCE, "target")),
    issuance.UnitsDistributed: Rule("X-5", told_by=_route("distribute", "source", "target")),
    issuance.UnitsReserved: Rule("X-5", "X-5", "Q-RES", _set_aside),
    transfers.UnitsTransferred: Rule("X-3", told_by=_route("transfer.{kind}", "source", "target")),
    cancellation.UnitsCancelled: Rule("X-7", told_by=_route("cancel", "account", CANCELLED)),
    surrender.SurrenderSubmitted: _SURRENDER,
    surrender.SurrenderConfirmed: _SURRENDER,
    surrender.SurrenderRejected: _SURRENDER,
    verification.EmissionsVerified: Rule("N-SUR-1", "N-SUR-1", "Q-SUR", _report),
    verification.BalanceValuePublished: Rule("N-IND-2025", told_by=_intensity),
    pre_allocation.AllowancesPreAllocated: Rule("N-ADJ-1", told_by=_own),
    allocation.AllocationFinalised: Rule("N-ENT-1", told_by=_calculated),
    recalls.RecallCollected: Rule("N-ADJ-2", told_by=_route("recall", "account", "target")),
    deductions.DeductionRecorded: Rule("N-ADJ-3", told_by=_deduction),
    borrowing.UnitsBorrowed: Rule("N-BOR-2", told_by=_own),
    banking.BankingCapChecked: Rule("N-BANK-1", told_by=_calculated),
    banking.UnitsCarriedOver: Rule("N-BANK-1", told_by=_own),
    compliance.ComplianceAssessed: Rule("N-SUR-1, N-SUR-2, N-SUR-4", None, "Q-SUR", _deadline),
    fines.FineImposed: Rule("N-SUR-4", told_by=_own),
    auctions.UnitsAuctioned: Rule("X-5", "X-5", "Q-RES", _auction),
    issuing_credits.CreditsIssued: Rule(
        _CREDITS, told_by=_route("issue_credits", ISSUANCE, "target")
    ),
    locks.CreditsLocked: Rule(_CREDITS, told_by=_route("lock", "account", CANCELLED)),
    locks.CreditsUnlocked: Rule(_CREDITS, told_by=_route("lock", "account", CANCELLED)),
    locks.CreditsCancelled: Rule(_CREDITS, told_by=_route("lock", "account", CANCELLED)),
    offsets.OffsetsUsed: Rule("N-OFF-1", told_by=_offset),
    green_power.GreenPowerRecorded: Rule("Q-GREEN", told_by=_green),
    market.MarketDayRecorded: Rule("N-TRD-4", "N-TRD-4", "Q-TRD", _market),
    trading.TradeSettled: Rule("N-TRD-1", "N-TRD-1", "Q-TRD", _market),
    corrections.MovementReversed: Rule("X-3"),
    assertions.BalanceAsserted: Rule("X-8"),
    reconciliation.ReconciliationRecorded: Rule("X-3"),
    closing.PeriodClosed: Rule("X-3", told_by=_closing),
    closing.PeriodReopened: Rule("X-3", told_by=_closing),
}

_BY_KIND: Final = {"succession": "X-9", "judicial": "X-4", "release": "X-5"}


def basis_of(event: AnyEvent, office: Office) -> Basis:
    """By which rule an event was decided, and which document says so; as far as is known."""
    row = RULES[type(event)]
    given = rule_of(type(event), office.rules)
    if isinstance(event, transfers.UnitsTransferred):
        given = _BY_KIND.get(event.kind, given)
    told = row.told_by(event, office) if row.told_by is not None else None
    if isinstance(told, Basis):
        return Basis(told.rule or given, told.source)
    return Basis(given, told)


def rule_of(event: type[AnyEvent], rules: Rulebook) -> str:
    """The rule of an event type in the market of a rulebook."""
    row = RULES[event]
    return {"N": row.national, "Q": row.chongqing}.get(_market_of(rules)) or row.anywhere


def _market_of(rules: Rulebook) -> str:
    """``N`` for a rulebook of the national rules, ``Q`` for one of Chongqing's, else nothing."""
    for table in (*rules.data.allocation, *rules.data.coverage):
        return table.rule[:1]
    return ""
