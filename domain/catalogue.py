"""The one table of what can be commanded and what can have happened.

A new rule family adds its commands and events here and nothing else changes: parsing,
dispatch, schemas, storage and replay all read these tables.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from pydantic import Field, ValidationError

from etsledger.domain import (
    accounts,
    assertions,
    cancellation,
    corrections,
    entities,
    freezing,
    issuance,
    pledging,
    registries,
    surrender,
    transfers,
)
from etsledger.domain.commands import Command
from etsledger.domain.desk import Desk, Past, registry_of
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Event, Posting
from etsledger.domain.state import Fact, RegistryState, Scribe, State

Decide = Callable[[Any, Desk], Event | tuple[Event, ...]]
Evolve = Callable[[Scribe, RegistryState, Any, Fact], None]


class Batch(Command):
    """Several commands, each with its own id, in one all-or-nothing write.

    What the batch states of ``registry``, ``effective_at``, ``actor``, ``approved_by``,
    ``reference`` and ``reason`` holds for each command in it that does not state its own.
    """

    example = (
        '{"command": "batch", "id": "21", "commands": [{"command": "issue", "id": "21/1", '
        '"registry": "trial", "unit": "CEA:2024", "quantity": 10}]}'
    )
    command: str = Field(default="batch", pattern="^batch$")
    commands: list[dict[str, Any]] = Field(min_length=1, max_length=100_000)


INHERITED = ("registry", "effective_at", "actor", "approved_by", "reference", "reason")

COMMANDS: dict[str, tuple[type[Command], Decide]] = {
    # registries and who takes part
    "adopt_rulebook": (registries.AdoptRulebook, registries.decide_adoption),
    "register_entity": (entities.RegisterEntity, entities.decide),
    "open_account": (accounts.OpenAccount, accounts.decide_opening),
    "close_account": (accounts.CloseAccount, accounts.decide_closing),
    # reservations
    "freeze": (freezing.Freeze, freezing.decide_freeze),
    "unfreeze": (freezing.Unfreeze, freezing.decide_unfreeze),
    "pledge": (pledging.Pledge, pledging.decide_pledge),
    "release_pledge": (pledging.ReleasePledge, pledging.decide_release),
    # units
    "opening_balance": (issuance.OpeningBalance, issuance.decide_opening_balance),
    "issue": (issuance.Issue, issuance.decide_issue),
    "distribute": (issuance.Distribute, issuance.decide_distribute),
    "reserve": (issuance.Reserve, issuance.decide_reserve),
    "transfer": (transfers.Transfer, transfers.decide),
    "cancel": (cancellation.Cancel, cancellation.decide),
    # compliance
    "surrender": (surrender.Surrender, surrender.decide_surrender),
    "confirm_surrender": (surrender.ConfirmSurrender, surrender.decide_confirmation),
    "reject_surrender": (surrender.RejectSurrender, surrender.decide_rejection),
    # corrections and assertions
    "reverse": (corrections.Reverse, corrections.decide),
    "assert_balance": (assertions.AssertBalance, assertions.decide),
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
    accounts.AccountOpened: accounts.evolve_opening,
    accounts.AccountClosed: accounts.evolve_closing,
    freezing.AccountFrozen: freezing.evolve_freeze,
    freezing.AccountUnfrozen: freezing.evolve_unfreeze,
    pledging.UnitsPledged: pledging.evolve_pledge,
    pledging.PledgeReleased: pledging.evolve_release,
    issuance.OpeningBalanceRecorded: None,
    issuance.UnitsIssued: None,
    issuance.UnitsDistributed: None,
    issuance.UnitsReserved: None,
    transfers.UnitsTransferred: None,
    cancellation.UnitsCancelled: None,
    surrender.SurrenderSubmitted: surrender.evolve_submitted,
    surrender.SurrenderConfirmed: surrender.evolve_closed,
    surrender.SurrenderRejected: surrender.evolve_closed,
    corrections.MovementReversed: corrections.evolve,
    assertions.BalanceAsserted: None,
}
"""Event class to what it changes beside holdings (its postings do those)."""

EVENT_TYPES: dict[str, type[Event]] = {event.__name__: event for event in EVENTS}
"""Stored event name to its class."""

_DECISIONS: dict[type[Command], Decide] = dict(COMMANDS.values())


def parse(raw: Any) -> Command:
    """The command of a JSON object. Raises InvalidCommand naming the field and the reason."""
    if not isinstance(raw, dict):
        raise InvalidCommand("a command is a JSON object", field="")
    given = cast("dict[str, Any]", raw)
    name = given.get("command")
    model = MODELS.get(name) if isinstance(name, str) else None
    if model is None:
        raise InvalidCommand(
            f"unknown command {str(name)[:60]!r}; there are {', '.join(sorted(MODELS))}"
            if name is not None
            else "the field 'command' is missing",
            field="command",
        )
    try:
        return model.__pydantic_validator__.validate_python(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> InvalidCommand:
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    path = ".".join(str(part) for part in first["loc"]) or "command"
    reason = first["msg"].removeprefix("Value error, ")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return InvalidCommand(f"{path}: {reason}{more}", field=path)


def decide(command: Command, state: State, past: Past, effective_at: datetime) -> tuple[Event, ...]:
    """The events a command turns into, without changing anything. Raises a Refusal."""
    if isinstance(command, registries.OpenRegistry):
        return (registries.decide_opening(command, state),)
    registry = registry_of(state, command.registry)
    desk = Desk(state, past, command.registry, registry, effective_at, command.id)
    result = _DECISIONS[type(command)](command, desk)
    return result if isinstance(result, tuple) else (result,)


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
    evolve = EVENTS[type(event)]
    if evolve is not None:
        evolve(scribe, registry, event, fact)
    registry.version = fact.sequence
    state.position = fact.position
