"""Trusted counterparties: accounts that an account may pay without a second person.

Which commands that spares, the rulebook says (``trusted`` in ``[[authority.approvals]]``).
As a role, trust is judged at the recorded time of the command that rests on it: no back-dated
fact opens a way for what is sent today.
"""

from typing import TYPE_CHECKING, ClassVar

from etsledger.domain.acts import ACTS
from etsledger.domain.commands import Command, Id
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand, UnknownReference
from etsledger.domain.events import Event
from etsledger.domain.state import Fact, RegistryState, Scribe, TrustFact
from etsledger.domain.times import iso

if TYPE_CHECKING:
    from datetime import datetime


class Trust(Command, frozen=True, kw_only=True, tag="trust"):
    """Puts an account on another's list of trusted counterparties, from ``effective_at`` on."""

    example: ClassVar[str] = (
        '{"command": "trust", "id": "57", "registry": "trial", "account": "crrc-1", '
        '"counterparty": "baosteel-1"}'
    )
    account: Id
    counterparty: Id


class Distrust(Command, frozen=True, kw_only=True, tag="distrust"):
    """Takes an account off another's list of trusted counterparties."""

    example: ClassVar[str] = (
        '{"command": "distrust", "id": "58", "registry": "trial", "account": "crrc-1", '
        '"counterparty": "baosteel-1"}'
    )
    account: Id
    counterparty: Id


class CounterpartyTrusted(Event, frozen=True, kw_only=True):
    """An account is trusted by another, from the effective time on."""

    account: str
    counterparty: str


class CounterpartyDistrusted(Event, frozen=True, kw_only=True):
    """An account is trusted by another no more, from the effective time on."""

    account: str
    counterparty: str


def decide_trust(command: Trust, desk: Desk) -> CounterpartyTrusted:
    """Raises UnknownAccount, AccountClosed, InvalidCommand (of itself, or trusted already)."""
    account = desk.account(command.account)
    counterparty = desk.account(command.counterparty)
    if command.account == command.counterparty:
        raise InvalidCommand(
            f"counterparty: account {command.account} is no counterparty of its own",
            field="counterparty",
        )
    desk.open_at_effective_time(command.account, account)
    desk.open_at_effective_time(command.counterparty, counterparty)
    if trusts(desk.registry, command.account, command.counterparty, desk.effective_at):
        raise InvalidCommand(
            f"counterparty: account {command.account} trusts {command.counterparty} already at "
            f"{iso(desk.effective_at)}",
            field="counterparty",
        )
    return CounterpartyTrusted(account=command.account, counterparty=command.counterparty)


def decide_distrust(command: Distrust, desk: Desk) -> CounterpartyDistrusted:
    """Raises UnknownAccount, UnknownReference when it is not trusted then."""
    desk.account(command.account)
    desk.account(command.counterparty)
    if not trusts(desk.registry, command.account, command.counterparty, desk.effective_at):
        raise UnknownReference(
            f"account {command.account} does not trust {command.counterparty} at "
            f"{iso(desk.effective_at)}",
            reference_id=command.counterparty, expected="trusted counterparty",
        )  # fmt: skip
    return CounterpartyDistrusted(account=command.account, counterparty=command.counterparty)


def trusts(registry: RegistryState, account: str, counterparty: str, at: "datetime") -> bool:
    """Whether an account trusts another at an instant, as known now."""
    found = False
    for fact in registry.trusted.get(account, ()):
        if fact.counterparty == counterparty and fact.at <= at:
            found = fact.trusted
    return found


def between_trusted(command: Command, name: str, desk: Desk) -> bool:
    """Whether a command goes from one account to another that it trusts when it is recorded."""
    acts = ACTS.get(name)
    if acts is None or len(acts.sources) != 1 or len(acts.targets) != 1:
        return False
    source = getattr(command, acts.sources[0])
    target = getattr(command, acts.targets[0])
    if source is None or target is None:
        return False
    return trusts(desk.registry, source, target, desk.now)


def evolve_trust(
    scribe: Scribe, registry: RegistryState, event: CounterpartyTrusted, fact: Fact
) -> None:
    """The trust joins the account's timeline."""
    _note(scribe, registry, event.account, event.counterparty, fact, trusted=True)


def evolve_distrust(
    scribe: Scribe, registry: RegistryState, event: CounterpartyDistrusted, fact: Fact
) -> None:
    """The end of it joins the account's timeline."""
    _note(scribe, registry, event.account, event.counterparty, fact, trusted=False)


def _note(
    scribe: Scribe,
    registry: RegistryState,
    account: str,
    counterparty: str,
    fact: Fact,
    *,
    trusted: bool,
) -> None:
    entry = TrustFact(fact.effective_at, fact.position, counterparty, trusted)
    facts = sorted(
        (*registry.trusted.get(account, ()), entry), key=lambda one: (one.at, one.position)
    )
    scribe.put(registry.trusted, account, tuple(facts))
