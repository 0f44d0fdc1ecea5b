"""The one table of what can be commanded and what can have happened.

A new rule family adds its commands and events here and nothing else changes: parsing,
dispatch, schemas, storage and replay all read these tables.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Union, cast

import msgspec

from etsledger.domain import (
    accounts,
    actors,
    allocation,
    amending,
    approvals,
    assertions,
    auctions,
    authority,
    banking,
    borrowing,
    cancellation,
    closing,
    compliance,
    corrections,
    counterparties,
    credits,  # noqa: A004 - the interpreter's own is for its prompt
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
    proposing,
    recalls,
    reconciliation,
    registries,
    succeeding,
    succession,
    surrender,
    trading,
    transfers,
    verification,
)
from etsledger.domain.commands import Command, Meta
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    InvalidCommand,
    Refusal,
    UnknownAccount,
    UnknownEntity,
    UnknownReference,
    UnknownRegistry,
)
from etsledger.domain.events import Apart, Event, Posting
from etsledger.domain.recalls import collect
from etsledger.domain.state import Fact, Proposal, RegistryState, Scribe

Decide = Callable[[Any, Desk], Event | tuple[Event | Apart, ...]]
Evolve = Callable[[Scribe, RegistryState, Any, Fact], None]


class Batch(Command, frozen=True, kw_only=True, tag="batch"):
    """Several commands, each with its own id, in one all-or-nothing write.

    What the batch states of ``registry``, ``effective_at``, ``actor``, ``approved_by``,
    ``reference`` and ``reason`` holds for each command in it that does not state its own.
    """

    example: ClassVar[str] = (
        '{"command": "batch", "id": "21", "commands": [{"command": "issue", "id": "21/1", '
        '"registry": "trial", "unit": "CEA:2024", "quantity": 10}]}'
    )
    commands: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=100_000)]


INHERITED = ("registry", "effective_at", "actor", "approved_by", "reference", "reason")


def _decide_proposal(command: proposals.Propose, desk: Desk) -> Event:
    """The proposed command is decided as if it were sent now, but for the second person."""
    proposed = _read(command.proposes)
    proposing.check_proposal(command, proposed, desk)
    at, now = desk.effective_at, desk.now
    desk.turn_to(proposing.effective_time(proposed, at), now)
    decided = decide(proposed, desk, "proposed")
    warnings = desk.warnings
    desk.turn_to(at, now)
    desk.warnings = warnings
    return proposing.decide_proposal(command, proposed, decided, desk)


def _on_proposal(decide_on: Callable[[Any, Proposal, Command, Desk], Any]) -> Decide:
    """A decision on an open proposal, given the command that was proposed."""

    def decide_(command: Any, desk: Desk) -> Any:
        proposal = proposing.open_proposal(command.proposal, desk)
        return decide_on(command, proposal, _read(proposal.command), desk)

    return decide_


def _read(command: dict[str, Any]) -> Command:
    try:
        return msgspec.convert(command, ANY_COMMAND)
    except msgspec.ValidationError as error:  # kept by a version that knew another shape
        raise invalid(error, command) from None


COMMANDS: dict[str, tuple[type[Command], Decide]] = {
    # registries and who takes part
    "adopt_rulebook": (registries.AdoptRulebook, registries.decide_adoption),
    "register_entity": (entities.RegisterEntity, entities.decide),
    "set_entity_status": (entities.SetEntityStatus, entities.decide_status),
    "leave_registry": (leaving.LeaveRegistry, leaving.decide),
    "amend_entity": (amending.AmendEntity, amending.decide),
    "succeed_entity": (succession.SucceedEntity, succeeding.decide),
    "open_account": (accounts.OpenAccount, accounts.decide_opening),
    "close_account": (accounts.CloseAccount, accounts.decide_closing),
    "register_actor": (actors.RegisterActor, actors.decide_registration),
    "grant_role": (actors.GrantRole, actors.decide_grant),
    "revoke_role": (actors.RevokeRole, actors.decide_revocation),
    # a second person
    "propose": (proposals.Propose, _decide_proposal),
    "approve": (proposals.Approve, _on_proposal(proposing.decide_approval)),
    "reject": (proposals.Reject, _on_proposal(proposing.decide_rejection)),
    "execute": (proposals.Execute, _on_proposal(proposing.decide_execution)),
    "trust": (counterparties.Trust, counterparties.decide_trust),
    "distrust": (counterparties.Distrust, counterparties.decide_distrust),
    # reservations
    "freeze": (freezing.Freeze, freezing.decide_freeze),
    "unfreeze": (freezing.Unfreeze, freezing.decide_unfreeze),
    "pledge": (pledging.Pledge, pledging.decide_pledge),
    "release_pledge": (pledging.ReleasePledge, pledging.decide_release),
    # units
    "opening_balance": (issuance.OpeningBalance, issuance.decide_opening_balance),
    "opening_banking": (opening_banking.OpeningBanking, opening_banking.decide),
    "opening_year": (opening_year.OpeningYear, opening_year.decide),
    "issue": (issuance.Issue, issuance.decide_issue),
    "distribute": (issuance.Distribute, issuance.decide_distribute),
    "reserve": (issuance.Reserve, issuance.decide_reserve),
    "auction": (auctions.Auction, auctions.decide),
    "transfer": (transfers.Transfer, transfers.decide),
    "cancel": (cancellation.Cancel, cancellation.decide),
    # the year of an entity
    "record_verified": (verification.RecordVerified, verification.decide_report),
    "publish_balance_value": (
        verification.PublishBalanceValue,
        verification.decide_balance_value,
    ),
    "pre_allocate": (pre_allocation.PreAllocate, pre_allocation.decide),
    "finalise_allocation": (allocation.FinaliseAllocation, allocation.decide),
    "record_deduction": (deductions.RecordDeduction, deductions.decide),
    # a later year's units, and older ones
    "borrow": (borrowing.Borrow, borrowing.decide),
    "check_banking_cap": (banking.CheckBankingCap, banking.decide_check),
    "carry_over": (banking.CarryOver, banking.decide),
    # compliance
    "surrender": (surrender.Surrender, surrender.decide_surrender),
    "confirm_surrender": (surrender.ConfirmSurrender, surrender.decide_confirmation),
    "reject_surrender": (surrender.RejectSurrender, surrender.decide_rejection),
    "impose_fine": (fines.ImposeFine, fines.decide),
    "assess_compliance": (compliance.AssessCompliance, compliance.decide_assessment),
    # credits and green electricity
    "issue_credits": (credits.IssueCredits, credits.decide),
    "lock_credits": (locks.LockCredits, locks.decide_lock),
    "unlock_credits": (locks.UnlockCredits, locks.decide_unlock),
    "use_offsets": (offsets.UseOffsets, offsets.decide),
    "record_green_power": (green_power.RecordGreenPower, green_power.decide),
    # the market
    "record_market_day": (market.RecordMarketDay, market.decide),
    "settle_trade": (trading.SettleTrade, trading.decide),
    # corrections and assertions
    "reverse": (corrections.Reverse, corrections.decide),
    "assert_balance": (assertions.AssertBalance, assertions.decide),
    "record_reconciliation": (reconciliation.RecordReconciliation, reconciliation.decide),
    # periods
    "close_period": (closing.ClosePeriod, closing.decide_closing),
    "reopen_period": (closing.ReopenPeriod, closing.decide_reopening),
}
"""Command name to its model and its decision; ``open_registry`` and ``batch`` stand beside."""

MODELS: dict[str, type[Command]] = {
    "open_registry": registries.OpenRegistry,
    **{name: model for name, (model, _) in COMMANDS.items()},
    "batch": Batch,
}
"""Every command of the contract that this version knows."""

EVENTS: dict[type[Event], Evolve | None] = {
    registries.RegistryOpened: registries.evolve_opening,
    registries.RulebookAdopted: registries.evolve_adoption,
    entities.EntityRegistered: entities.evolve,
    entities.EntityStatusSet: entities.evolve_status,
    leaving.EntityLeft: leaving.evolve,
    amending.EntityAmended: amending.evolve,
    succession.EntitySucceeded: succession.evolve,
    accounts.AccountOpened: accounts.evolve_opening,
    accounts.AccountClosed: accounts.evolve_closing,
    actors.ActorRegistered: actors.evolve_registration,
    actors.RoleGranted: actors.evolve_grant,
    actors.RoleRevoked: actors.evolve_revocation,
    proposals.ProposalMade: proposals.evolve_made,
    proposals.ProposalApproved: proposals.evolve_approved,
    proposals.ProposalExecuted: proposals.evolve_ended,
    proposals.ProposalRejected: proposals.evolve_ended,
    counterparties.CounterpartyTrusted: counterparties.evolve_trust,
    counterparties.CounterpartyDistrusted: counterparties.evolve_distrust,
    freezing.AccountFrozen: freezing.evolve_freeze,
    freezing.AccountUnfrozen: freezing.evolve_unfreeze,
    pledging.UnitsPledged: pledging.evolve_pledge,
    pledging.PledgeReleased: pledging.evolve_release,
    issuance.OpeningBalanceRecorded: trading.evolve_opening,
    opening_banking.OpeningBankingRecorded: opening_banking.evolve,
    opening_year.OpeningYearRecorded: opening_year.evolve,
    issuance.UnitsIssued: None,
    issuance.UnitsDistributed: None,
    issuance.UnitsReserved: None,
    transfers.UnitsTransferred: transfers.evolve,
    cancellation.UnitsCancelled: None,
    surrender.SurrenderSubmitted: surrender.evolve_submitted,
    surrender.SurrenderConfirmed: surrender.evolve_confirmed,
    surrender.SurrenderRejected: surrender.evolve_rejected,
    verification.EmissionsVerified: verification.evolve_report,
    verification.BalanceValuePublished: verification.evolve_balance_value,
    pre_allocation.AllowancesPreAllocated: pre_allocation.evolve,
    allocation.AllocationFinalised: allocation.evolve,
    recalls.RecallCollected: recalls.evolve,
    deductions.DeductionRecorded: deductions.evolve,
    borrowing.UnitsBorrowed: borrowing.evolve,
    banking.BankingCapChecked: None,
    banking.UnitsCarriedOver: banking.evolve,
    compliance.ComplianceAssessed: None,
    fines.FineImposed: fines.evolve,
    auctions.UnitsAuctioned: auctions.evolve,
    credits.CreditsIssued: credits.evolve,
    locks.CreditsLocked: locks.evolve_lock,
    locks.CreditsUnlocked: locks.evolve_end,
    locks.CreditsCancelled: locks.evolve_end,
    offsets.OffsetsUsed: offsets.evolve,
    green_power.GreenPowerRecorded: green_power.evolve,
    market.MarketDayRecorded: market.evolve,
    trading.TradeSettled: trading.evolve,
    corrections.MovementReversed: corrections.evolve,
    assertions.BalanceAsserted: None,
    reconciliation.ReconciliationRecorded: None,
    closing.PeriodClosed: closing.evolve_closing,
    closing.PeriodReopened: closing.evolve_reopening,
}
"""Event class to what it changes beside holdings (its postings do those)."""

EVENT_TYPES: dict[str, type[Event]] = {event.__name__: event for event in EVENTS}
"""Stored event name to its class."""

_DECISIONS: dict[type[Command], Decide] = dict(COMMANDS.values())


ANY_COMMAND: Any = Union[tuple(MODELS.values())]  # noqa: UP007 - made from a table
"""The tagged union of every command model."""


def invalid(error: msgspec.ValidationError, raw: Any) -> InvalidCommand:
    """The refusal for a command of a wrong shape, naming the field and the reason."""
    if not isinstance(raw, dict):
        return InvalidCommand(f"a command is a JSON object: {error}", field="")
    reason, _, place = str(error).partition(" - at `")
    place = place.removesuffix("`").rpartition("` in `")[2]  # "key` in `$.facts.net_sales"
    field = re.sub(r"\[(\d+)\]", r".\1", place).replace("[...]", "").removeprefix("$.")
    named = re.search(r"field `(\w+)`", reason)
    if named:
        field = f"{field}.{named[1]}" if field else named[1]
    if field == "command":
        name = cast(dict[str, Any], raw).get("command")
        found = "the field is missing" if name is None else f"{str(name)[:60]!r} is no command"
        reason = f"{found}; there are {', '.join(sorted(MODELS))}"
    return InvalidCommand(f"{field}: {reason}" if field else reason, field=field)


def decide(
    command: Command, desk: Desk, stage: proposals.Stage = "sent"
) -> tuple[Event | Apart, ...]:
    """The events a command turns into, without changing anything. Raises a Refusal.

    One that the actor may not send, or not alone, is refused for that, unless it names what is
    not known. A command that is ``proposed`` waits for a second person, one that is
    ``executed`` has one.
    """
    if desk.rules_now.authority is not None and not isinstance(command, proposals.OF_PROPOSALS):
        refused = authority.refusal(command, desk)
        if refused is None and stage == "sent":
            refused = approvals.refusal(command, desk)
        if refused is not None:
            raise _rather_unknown(command, desk, refused)
    if desk.registry.gone:
        gone = succession.refusal(command, desk)
        if gone is not None:
            raise _rather_unknown(command, desk, gone)
    result = _DECISIONS[type(command)](command, desk)
    events = result if isinstance(result, tuple) else (result,)
    if desk.registry.recalls:
        events += collect(events, desk)
    if (desk.registry.closed or len(events) > 1) and stage != "proposed":
        closing.refuse_late(proposing.with_second_person(command, desk), desk, events)
    return events


def _rather_unknown(command: Command, desk: Desk, refused: Refusal) -> Refusal:
    """The refusal to give: what the command refers to comes before who takes part."""
    try:
        _DECISIONS[type(command)](command, desk)
    except (UnknownRegistry, UnknownEntity, UnknownAccount, UnknownReference) as unknown:
        return unknown
    except Refusal:
        pass
    return refused


def apply(
    scribe: Scribe, event: Event, fact: Fact, postings: tuple[Posting, ...] | None = None
) -> None:
    """Writes one event into the state; decides nothing and never refuses.

    ``postings`` are the event's, if the caller has them at hand.
    """
    state = scribe.state
    registry = state.registries.get(fact.registry)
    if registry is None:
        registry = RegistryState()
        scribe.put(state.registries, fact.registry, registry)
    if postings is None:
        postings = event.postings()
    if postings:
        scribe.post(registry, postings, fact.effective_at)
    if registry.closed:
        closing.note_late(scribe, registry, event, fact)
    evolve = EVENTS[type(event)]
    if evolve is not None:
        evolve(scribe, registry, event, fact)
    registry.version = fact.sequence
    state.position = fact.position
