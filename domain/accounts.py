"""Accounts: opening and closing them (rule X-4, N-PART-1)."""

from typing import ClassVar, Literal

import msgspec

from etsledger.domain.commands import Command, Id, NewId, PersonalName
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    AccountExists,
    AccountNotEmpty,
    InvalidCommand,
    ParticipantNotAllowed,
)
from etsledger.domain.events import BUILT_IN_ACCOUNTS, OUTSIDE_ACCOUNTS, PROVINCE, Event
from etsledger.domain.state import Account, Fact, RegistryState, Scribe
from etsledger.domain.times import iso


class OpenAccount(Command, frozen=True, kw_only=True, tag="open_account"):
    """Opens an account; ``entity`` binds it to a registered entity.

    ``holder`` is the name of an individual who holds it: the log gets a salted hash of it.
    """

    personal: ClassVar[tuple[str, ...]] = ("holder",)

    example: ClassVar[str] = (
        '{"command": "open_account", "id": "4", "registry": "trial", "account": "crrc-1", '
        '"kind": "entity", "entity": "crrc"}'
    )
    account: NewId
    kind: Literal["province", "entity", "institution", "individual"]
    entity: Id | None = None
    province: Id | None = None
    holder: PersonalName | None = None


class CloseAccount(Command, frozen=True, kw_only=True, tag="close_account"):
    """Closes an account that holds nothing."""

    example: ClassVar[str] = (
        '{"command": "close_account", "id": "5", "registry": "trial", "account": "crrc-1"}'
    )
    account: Id


class AccountOpened(Event, frozen=True, kw_only=True):
    """An account was opened."""

    account: str
    entity: str | None = None
    holder: str | None = None
    """A salted hash of the name of the individual who holds it."""
    kind: str
    province: str | None = None


class AccountClosed(Event, frozen=True, kw_only=True):
    """An account was closed; it held nothing."""

    account: str


def decide_opening(command: OpenAccount, desk: Desk) -> AccountOpened:
    """Raises UnknownEntity, AccountExists, ParticipantNotAllowed, InvalidCommand."""
    kind = desk.rules.account_kinds.get(command.kind)
    if kind is not None and kind.entity_required and command.entity is None:
        raise InvalidCommand(
            f"an account of kind {command.kind} names its entity here", field="entity"
        )
    if command.entity is not None:
        desk.entity(command.entity)
    if command.account in desk.registry.accounts or command.account in OUTSIDE_ACCOUNTS:
        raise AccountExists(
            f"account {command.account!r} exists already in {desk.registry_id}; ids are not reused",
            account=command.account,
        )
    if kind is None:
        raise ParticipantNotAllowed(
            f"rulebook {desk.rules.data.name} admits no account of kind {command.kind}; it admits "
            + ", ".join(desk.rules.account_kinds),
            kind=command.kind,
        )
    return AccountOpened(
        account=command.account,
        kind=command.kind,
        entity=command.entity,
        holder=command.holder,
        province=command.province,
    )


def decide_closing(command: CloseAccount, desk: Desk) -> AccountClosed:
    """Raises UnknownAccount, AccountClosed, ParticipantNotAllowed, RecallOutstanding,
    AccountNotEmpty."""
    account = desk.account(command.account)
    desk.open_at_effective_time(command.account, account)
    if account.closed_at is not None:
        raise AccountNotEmpty(
            f"account {command.account} is to close at {iso(account.closed_at)} already",
            account=command.account,
        )
    if command.account in BUILT_IN_ACCOUNTS:
        raise ParticipantNotAllowed(
            f"account {command.account} belongs to every registry and is never closed",
            account=command.account,
        )
    desk.no_recall_open(command.account, account)
    holdings = desk.registry.holdings.get(command.account, {})
    for unit, present in holdings.items():
        if present.held or present.held != present.available:
            raise AccountNotEmpty(
                f"account {command.account} holds {present.held} t of {unit} "
                f"({present.held - present.available} t of it reserved); move them first",
                account=command.account, unit=unit, held=present.held,
                available=max(present.available, 0),
            )  # fmt: skip
    if desk.past.moved_after(desk.registry_id, command.account, desk.effective_at):
        raise AccountNotEmpty(
            f"account {command.account} has movements that take effect after "
            f"{iso(desk.effective_at)}; close it later than they do",
            account=command.account,
        )
    return AccountClosed(account=command.account)


def evolve_opening(
    scribe: Scribe, registry: RegistryState, event: AccountOpened, fact: Fact
) -> None:
    """The account is there; an entity's first account of kind entity becomes its default."""
    scribe.put(
        registry.accounts,
        event.account,
        Account(kind=event.kind, entity=event.entity, province=event.province),
    )
    if event.kind == PROVINCE and event.province and event.province not in registry.provinces:
        scribe.put(registry.provinces, event.province, event.account)
    if event.entity:
        owned = registry.owned.get(event.entity, ())
        scribe.put(registry.owned, event.entity, (*owned, event.account))
    entity = registry.entities.get(event.entity) if event.entity else None
    if event.entity and entity and entity.account is None and event.kind == "entity":
        scribe.put(
            registry.entities,
            event.entity,
            msgspec.structs.replace(entity, account=event.account),
        )


def evolve_closing(
    scribe: Scribe, registry: RegistryState, event: AccountClosed, fact: Fact
) -> None:
    """The account takes part in nothing from the effective time on."""
    account = registry.accounts[event.account]
    scribe.put(
        registry.accounts,
        event.account,
        msgspec.structs.replace(account, closed_at=fact.effective_at),
    )
