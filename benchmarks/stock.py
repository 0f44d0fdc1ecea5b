"""The bank transfer as the eventsourcing library's documentation builds it.

Two account aggregates, a withdrawal on one and a deposit on the other, saved together with
one ``save()``; the library's own SQLite recorder and JSON transcoder, aggregates cached.
The pragmas are those of our store, so that both write as durably.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from etsledger.ledger.sqlite_recorder import PRAGMAS


class InsufficientFunds(Exception):
    """The account holds less than is withdrawn."""


class BankAccount(Aggregate):
    """One account with one balance."""

    @event("Opened")
    def __init__(self, balance: int) -> None:
        self.balance = balance

    def withdraw(self, quantity: int) -> None:
        """Takes units out. Raises InsufficientFunds."""
        if self.balance < quantity:
            raise InsufficientFunds(self.id)
        self._withdraw(quantity)

    @event("Withdrawn")
    def _withdraw(self, quantity: int) -> None:
        self.balance -= quantity

    @event("Deposited")
    def deposit(self, quantity: int) -> None:
        """Puts units in."""
        self.balance += quantity


class Bank(Application[UUID]):
    """Accounts and the transfers between them."""

    snapshotting_intervals = None

    def open_account(self, balance: int) -> UUID:
        """Opens an account."""
        account = BankAccount(balance)
        self.save(account)
        return account.id

    def transfer(self, source: UUID, target: UUID, quantity: int) -> None:
        """One durable transfer."""
        debited: BankAccount = self.repository.get(source)
        credited: BankAccount = self.repository.get(target)
        debited.withdraw(quantity)
        credited.deposit(quantity)
        self.save(debited, credited)

    def transfer_many(self, transfers: list[tuple[UUID, UUID, int]]) -> None:
        """Many transfers in one durable save."""
        accounts: dict[UUID, BankAccount] = {}

        def get(account_id: UUID) -> BankAccount:
            if account_id not in accounts:
                accounts[account_id] = self.repository.get(account_id)
            return accounts[account_id]

        for source, target, quantity in transfers:
            debited, credited = get(source), get(target)
            debited.withdraw(quantity)
            credited.deposit(quantity)
        self.save(*accounts.values())


def open_bank(path: Path, *, env: Mapping[str, str] | None = None) -> Bank:
    """The bank over a database file, with our pragmas on its one connection."""
    bank = Bank(env={
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(path),
        "SQLITE_POOL_SIZE": "1",
        "SQLITE_MAX_OVERFLOW": "0",
        "AGGREGATE_CACHE_MAXSIZE": "100000",
        **(env or {}),
    })  # fmt: skip
    factory: Any = bank.factory
    with factory.datastore.get_connection(commit=True) as connection:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
    return bank


def settings(bank: Bank) -> dict[str, Any]:
    """The journal mode and synchronous setting that its connection really has."""
    factory: Any = bank.factory
    found: dict[str, Any] = {}
    with factory.datastore.get_connection(commit=True) as connection:
        for name in ("journal_mode", "synchronous"):
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {name}")
            found[name] = cursor.fetchone()[0]
    return found
