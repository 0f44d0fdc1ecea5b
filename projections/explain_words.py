"""Every event type in words: what happened, and the one number of it.

A new event type gets a line here; a test compares the table with the catalogue.
"""

from collections.abc import Callable
from decimal import Decimal
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
from etsledger.domain.events import Event
from etsledger.projections.explain_nodes import MONEY, PRICE, TONNES


class Words(NamedTuple):
    """An event for people; ``unit`` is what the value is counted in."""

    what: str
    value: int | Decimal | str | None = None
    unit: str | None = None


def _registry(e: registries.RegistryOpened) -> Words:
    return Words(f"registry opened under rulebook {e.rulebook.name} {e.rulebook.version}")


def _adoption(e: registries.RulebookAdopted) -> Words:
    return Words(f"rulebook {e.rulebook.name} {e.rulebook.version} in force")


def _entity(e: entities.EntityRegistered) -> Words:
    served = f", served by {e.province}" if e.province else ""
    return Words(f"{e.entity} ({e.name}, {e.sector}) registered{served}")


def _status(e: entities.EntityStatusSet) -> Words:
    return Words(f"status of {e.entity}", e.status)


def _left(e: leaving.EntityLeft) -> Words:
    return Words(f"{e.entity} left for another market from {e.first_year_elsewhere} on")


def _amended(e: amending.EntityAmended) -> Words:
    named = {"name": e.name, "province": e.province, "uscc": e.uscc}
    told = [
        f"{key} {value} (was {e.before.get(key) or 'none'})"
        for key, value in named.items()
        if value is not None
    ]
    kept = "; what was kept for it went along" if e.custody else ""
    return Words(f"{e.entity} has another {', another '.join(told)}{kept}")


def _succeeded(e: succession.EntitySucceeded) -> Words:
    heirs = ", ".join(f"{one.entity} ({one.share})" for one in e.successors)
    return Words(f"{heirs} took over from {e.entity} ({e.kind})")


def _opened(e: accounts.AccountOpened) -> Words:
    whose = f" of {e.entity}" if e.entity else ""
    return Words(f"account {e.account} ({e.kind}{whose}) opened")


def _closed(e: accounts.AccountClosed) -> Words:
    return Words(f"account {e.account} closed, empty")


def _actor(e: actors.ActorRegistered) -> Words:
    whose = f" of {e.entity}" if e.entity else ""
    return Words(f"actor {e.subject} ({e.kind}{whose}) registered")


def _granted(e: actors.RoleGranted) -> Words:
    whose = e.province or e.entity
    return Words(f"role of {e.subject}", e.role if whose is None else f"{e.role} of {whose}")


def _revoked(e: actors.RoleRevoked) -> Words:
    whose = [one.province or one.entity for one in e.held_for]
    places = ", ".join(one for one in whose if one is not None)
    return Words(f"role taken from {e.subject}", f"{e.role} of {places}" if places else e.role)


def _proposed(e: proposals.ProposalMade) -> Words:
    tonnes = sum(one.quantity for one in e.reserved)
    what = f"{e.kind} {e.command_id} proposed by {e.proposer}"
    return Words(f"{what}, reserved", tonnes, TONNES) if tonnes else Words(what)


def _approved(e: proposals.ProposalApproved) -> Words:
    what = f"proposal {e.proposal} approved by {e.approver}"
    return Words(what if e.delay_until is None else f"{what}, delayed to the end of", e.delay_until)


def _executed(e: proposals.ProposalExecuted) -> Words:
    return Words(f"proposal {e.proposal} executed: {e.command_id}")


def _rejected(e: proposals.ProposalRejected) -> Words:
    how = "withdrawn" if e.withdrawn else "rejected"
    return Words(f"proposal {e.proposal} {how} by {e.rejected_by}")


def _trust(e: counterparties.CounterpartyTrusted) -> Words:
    return Words(f"{e.account} trusts {e.counterparty}")


def _distrust(e: counterparties.CounterpartyDistrusted) -> Words:
    return Words(f"{e.account} trusts {e.counterparty} no more")


def _freeze(e: freezing.AccountFrozen) -> Words:
    return _frozen("frozen", e)


def _unfreeze(e: freezing.AccountUnfrozen) -> Words:
    return _frozen("unfrozen", e)


def _frozen(done: str, e: freezing.AccountFrozen | freezing.AccountUnfrozen) -> Words:
    if e.quantity is None:
        what = f"all {e.unit}" if e.unit else "everything"
        way = "in and out" if e.direction == "both" else "what leaves"
        return Words(f"{what} in {e.account} {done} ({way}), freeze {e.freeze}")
    return Words(f"{e.unit} {done} in {e.account}, freeze {e.freeze}", e.quantity, TONNES)


def _pledge(e: pledging.UnitsPledged) -> Words:
    return Words(f"{e.unit} in {e.account} pledged to {e.pledgee}", e.quantity, TONNES)


def _release(e: pledging.PledgeReleased) -> Words:
    return Words(f"pledge {e.pledge} of {e.unit} in {e.account} released", e.quantity, TONNES)


def _opening(e: issuance.OpeningBalanceRecorded) -> Words:
    return Words(f"opening balance of {e.unit} in {e.account}", e.quantity, TONNES)


def _opening_banking(e: opening_banking.OpeningBankingRecorded) -> Words:
    what = f"{e.entity} sold net before these books, as far as carrying over counts it"
    return Words(what, sum(one.quantity for one in e.sold), TONNES)


def _opening_year(e: opening_year.OpeningYearRecorded) -> Words:
    return Words(f"{e.entity} {e.year} as stated when these books began")


def _issued(e: issuance.UnitsIssued) -> Words:
    return Words(f"{e.unit} issued to {e.target}", e.quantity, TONNES)


def _distributed(e: issuance.UnitsDistributed) -> Words:
    return Words(f"{e.unit} distributed from {e.source} to {e.target}", e.quantity, TONNES)


def _reserved(e: issuance.UnitsReserved) -> Words:
    return Words(f"{e.unit} set aside in the reserve", e.quantity, TONNES)


def _transfer(e: transfers.UnitsTransferred) -> Words:
    what = f"{e.unit} transferred from {e.source} to {e.target} ({e.kind})"
    return Words(what, e.quantity, TONNES)


def _cancelled(e: cancellation.UnitsCancelled) -> Words:
    return Words(f"{e.unit} of {e.account} cancelled for ever", e.quantity, TONNES)


def _surrender(done: str) -> Callable[[Any], Words]:
    def words(e: surrender.SurrenderSubmitted) -> Words:
        forced = ", forced out of custody" if e.forced else ""
        what = f"{e.unit} of {e.account} {done} for {e.entity} {e.year}{forced}"
        return Words(what, e.quantity, TONNES)

    return words


def _verified(e: verification.EmissionsVerified) -> Words:
    again = "" if e.restates is None else f", restating position {e.restates}"
    return Words(f"verified emissions of {e.entity} for {e.year}{again}", e.emissions, TONNES)


def _balance_value(e: verification.BalanceValuePublished) -> Words:
    return Words(f"balance value of {e.sector} for {e.year}", e.value, "tCO2e/t")


def _advance(e: pre_allocation.AllowancesPreAllocated) -> Words:
    kept = f" into custody in {e.account}" if e.in_custody else ""
    what = f"{e.unit} pre-allocated to {e.entity} for {e.year}{kept}"
    return Words(what, e.quantity, TONNES)


def _final(e: allocation.AllocationFinalised) -> Words:
    again = f", in place of {e.supersedes}" if e.supersedes else ""
    return Words(f"final allocation of {e.entity} for {e.year}{again}", e.entitlement, TONNES)


def _collected(e: recalls.RecallCollected) -> Words:
    what = f"{e.unit} of {e.account} taken for the open recall of {e.year}"
    return Words(what, e.quantity, TONNES)


def _deduction(e: deductions.DeductionRecorded) -> Words:
    what = f"to be deducted from the allocation of {e.entity} for {e.year} ({e.reason})"
    return Words(what, e.quantity, TONNES)


def _borrowed(e: borrowing.UnitsBorrowed) -> Words:
    what = f"{e.unit} of {e.lender_year} lent to {e.entity} for its surrender of {e.year}"
    return Words(what, e.quantity, TONNES)


def _cap_checked(e: banking.BankingCapChecked) -> Words:
    what = f"{e.entity} may carry over into {e.calculation.into}"
    return Words(what, e.calculation.carryable, TONNES)


def _carried(e: banking.UnitsCarriedOver) -> Words:
    old = ", ".join(f"{one.quantity:,} t {one.unit}" for one in e.parts)
    return Words(f"{e.entity} carried {old} over into {e.into}", e.quantity, TONNES)


def _assessed(e: compliance.ComplianceAssessed) -> Words:
    return Words(f"status of {e.entity} for {e.year} as assessed", e.status)


def _fine(e: fines.FineImposed) -> Words:
    return Words(f"fine of {e.entity} for {e.year}", e.amount, MONEY)


def _auctioned(e: auctions.UnitsAuctioned) -> Words:
    return Words(f"{e.unit} of the reserve auctioned to {e.buyer}", e.quantity, TONNES)


def _credits(e: issuing_credits.CreditsIssued) -> Words:
    what = f"{e.unit} ({e.programme}) issued to {e.target}, from serial {e.serial_start} on"
    return Words(what, e.quantity, TONNES)


def _lock(done: str) -> Callable[[Any], Words]:
    def words(e: locks.CreditsLocked) -> Words:
        what = f"{e.unit} of {e.account} {done} {e.entity} {e.year} in {e.for_registry}"
        return Words(what, e.quantity, TONNES)

    return words


def _offsets(e: offsets.OffsetsUsed) -> Words:
    what = f"{e.unit} ({e.programme}) met a part of the obligation of {e.entity} for {e.year}"
    return Words(what, e.quantity, TONNES)


def _green(e: green_power.GreenPowerRecorded) -> Words:
    what = f"green electricity met a part of the obligation of {e.entity} for {e.year}"
    return Words(what, e.tonnes, TONNES)


def _market_day(e: market.MarketDayRecorded) -> Words:
    return Words(f"closing price of {e.unit} on {e.date}", e.close, PRICE)


def _trade(e: trading.TradeSettled) -> Words:
    what = f"{e.unit} sold by {e.seller} to {e.buyer} ({e.method} trade {e.trade})"
    return Words(what, e.quantity, TONNES)


def _reversal(e: corrections.MovementReversed) -> Words:
    what = f"command {e.reverses} reversed: {e.unit} back from {e.source} to {e.target}"
    return Words(what, e.quantity, TONNES)


def _asserted(e: assertions.BalanceAsserted) -> Words:
    return Words(f"{e.account} stated to hold {e.unit}", e.quantity, TONNES)


def _reconciled(e: reconciliation.ReconciliationRecorded) -> Words:
    what = f"breaks between {e.source} and the books ({e.kind}), known at position {e.known_at}"
    return Words(what, e.missing_here + e.missing_there + e.differing)


def _period_closed(e: closing.PeriodClosed) -> Words:
    since = f"from {e.since} " if e.since else ""
    return Words(f"closed {since}up to {e.until}; facts recorded late since", len(e.late))


def _period_reopened(e: closing.PeriodReopened) -> Words:
    return Words(f"open again after {e.until} (it was closed up to {e.closed_until})")


WORDS: Final[dict[type[Event], Callable[[Any], Words]]] = {
    registries.RegistryOpened: _registry,
    registries.RulebookAdopted: _adoption,
    entities.EntityRegistered: _entity,
    entities.EntityStatusSet: _status,
    leaving.EntityLeft: _left,
    amending.EntityAmended: _amended,
    succession.EntitySucceeded: _succeeded,
    accounts.AccountOpened: _opened,
    accounts.AccountClosed: _closed,
    actors.ActorRegistered: _actor,
    actors.RoleGranted: _granted,
    actors.RoleRevoked: _revoked,
    proposals.ProposalMade: _proposed,
    proposals.ProposalApproved: _approved,
    proposals.ProposalExecuted: _executed,
    proposals.ProposalRejected: _rejected,
    counterparties.CounterpartyTrusted: _trust,
    counterparties.CounterpartyDistrusted: _distrust,
    freezing.AccountFrozen: _freeze,
    freezing.AccountUnfrozen: _unfreeze,
    pledging.UnitsPledged: _pledge,
    pledging.PledgeReleased: _release,
    issuance.OpeningBalanceRecorded: _opening,
    opening_banking.OpeningBankingRecorded: _opening_banking,
    opening_year.OpeningYearRecorded: _opening_year,
    issuance.UnitsIssued: _issued,
    issuance.UnitsDistributed: _distributed,
    issuance.UnitsReserved: _reserved,
    transfers.UnitsTransferred: _transfer,
    cancellation.UnitsCancelled: _cancelled,
    surrender.SurrenderSubmitted: _surrender("submitted"),
    surrender.SurrenderConfirmed: _surrender("surrendered and retired"),
    surrender.SurrenderRejected: _surrender("sent back: not surrendered"),
    verification.EmissionsVerified: _verified,
    verification.BalanceValuePublished: _balance_value,
    pre_allocation.AllowancesPreAllocated: _advance,
    allocation.AllocationFinalised: _final,
    recalls.RecallCollected: _collected,
    deductions.DeductionRecorded: _deduction,
    borrowing.UnitsBorrowed: _borrowed,
    banking.BankingCapChecked: _cap_checked,
    banking.UnitsCarriedOver: _carried,
    compliance.ComplianceAssessed: _assessed,
    fines.FineImposed: _fine,
    auctions.UnitsAuctioned: _auctioned,
    issuing_credits.CreditsIssued: _credits,
    locks.CreditsLocked: _lock("locked for the obligation of"),
    locks.CreditsUnlocked: _lock("no longer locked for the obligation of"),
    locks.CreditsCancelled: _lock("cancelled: they met the obligation of"),
    offsets.OffsetsUsed: _offsets,
    green_power.GreenPowerRecorded: _green,
    market.MarketDayRecorded: _market_day,
    trading.TradeSettled: _trade,
    corrections.MovementReversed: _reversal,
    assertions.BalanceAsserted: _asserted,
    reconciliation.ReconciliationRecorded: _reconciled,
    closing.PeriodClosed: _period_closed,
    closing.PeriodReopened: _period_reopened,
}
