"""The ledger's rules once more, as plain as can be: a list of facts, summed for each question.

Written from the contract and not from the code. Nothing is cached, indexed or clever: a
balance at (as-of, known-at) is the sum over the facts that are effective and known by then.
It knows the registry ``trial`` of ``helpers`` under a rulebook like ``open``, with the
surrender confirmed in a second step.
"""

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

GOVERNMENT = {"authority", "reserve", "hubei"}
FINAL = {"retired", "cancelled"}
HOLDING = {"crrc-1", "baosteel-1", "desk-1", "wang-1"}
ACCOUNTS = GOVERNMENT | FINAL | HOLDING
DEFAULT_ACCOUNT = {"crrc": "crrc-1", "baosteel": "baosteel-1"}
RESERVATIONS = ("frozen", "pledged", "pending")

Change = tuple[str, str, str, int]
"""(account, unit, bucket, tonnes)"""


class Refused(Exception):
    """The code with which the ledger must refuse."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Fact(NamedTuple):
    """One event: where it stands, when it holds, what it changed."""

    position: int
    at: datetime
    changes: tuple[Change, ...]


class Movement(NamedTuple):
    """A movement that may be reversed."""

    at: datetime
    unit: str
    quantity: int
    source: str
    target: str


class Stop(NamedTuple):
    """A freeze without a quantity."""

    account: str
    unit: str | None
    direction: str
    since: datetime


class Claim(NamedTuple):
    """A reservation that something later ends."""

    account: str
    unit: str
    quantity: int
    at: datetime


@dataclass
class Model:
    """The books of ``trial`` after its opening, which took ``position`` events."""

    position: int
    facts: list[Fact] = field(default_factory=list)
    stops: dict[str, Stop] = field(default_factory=dict)
    lifted: dict[str, datetime] = field(default_factory=dict)
    freezes: dict[str, Claim] = field(default_factory=dict)
    pledges: dict[str, Claim] = field(default_factory=dict)
    surrenders: dict[str, Claim] = field(default_factory=dict)
    movements: dict[str, Movement] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)
    accepted: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = field(default_factory=dict)

    # -- questions ---------------------------------------------------------------------------

    def amount(self, account: str, unit: str, bucket: str, at: datetime, known: int) -> int:
        """The tonnes in a bucket, as of an instant, as known at a position."""
        return sum(
            quantity
            for fact in self.facts
            if fact.position <= known and fact.at <= at
            for changed, of_unit, of_bucket, quantity in fact.changes
            if (changed, of_unit, of_bucket) == (account, unit, bucket)
        )

    def free(self, account: str, unit: str, at: datetime, known: int) -> int:
        """What is held less what is reserved; may be below zero after a back-dated freeze."""
        return self.amount(account, unit, "held", at, known) - sum(
            self.amount(account, unit, bucket, at, known) for bucket in RESERVATIONS
        )

    def balances(self, at: datetime, known: int) -> dict[tuple[str, str], dict[str, int]]:
        """The rows of ``balances``: by account and unit, those that are all zero left out."""
        keys = {
            (account, unit)
            for fact in self.facts
            for account, unit, _, _ in fact.changes
            if account != "issuance" and unit != "*"
        }
        rows: dict[tuple[str, str], dict[str, int]] = {}
        for account, unit in sorted(keys):
            row = {b: self.amount(account, unit, b, at, known) for b in ("held", *RESERVATIONS)}
            if any(row.values()):
                stops = [self.amount(account, u, "stopped", at, known) for u in (unit, "*")]
                free = self.free(account, unit, at, known)
                rows[account, unit] = row | {"available": 0 if any(stops) else max(0, free)}
        return rows

    # -- commands ----------------------------------------------------------------------------

    def answer(self, command: dict[str, Any], now: datetime) -> tuple[str, tuple[int, ...] | str]:
        """The outcome with its positions, or ``refused`` with the code."""
        if command["id"] in self.accepted:
            before, positions = self.accepted[command["id"]]
            if before == command:
                return "duplicate", positions
            return "refused", "DuplicateCommand"
        # Everything inside the containers is immutable.
        kept = {name: copy.copy(value) for name, value in self.__dict__.items()}
        try:
            first = self.position + 1
            stated = {k: v for k, v in command.items() if k in ("effective_at", "registry")}
            for one in [stated | given for given in command.get("commands", [command])]:
                if one["id"] in self.accepted:
                    raise Refused("DuplicateCommand")
                self._accept(one, now)
            positions = tuple(range(first, self.position + 1))
            self.accepted[command["id"]] = (command, positions)
        except Refused as refused:
            self.__dict__.update(kept)
            return "refused", refused.code
        return "accepted", positions

    def _accept(self, command: dict[str, Any], now: datetime) -> None:
        at = datetime.fromisoformat(command["effective_at"]) if "effective_at" in command else now
        first = self.position + 1
        getattr(self, "_" + command["command"])(command, at)
        positions = tuple(range(first, self.position + 1))
        self.accepted[command["id"]] = (command, positions)

    def _note(self, at: datetime, *changes: Change) -> None:
        self.position += 1
        self.facts.append(Fact(self.position, at, changes))

    def _move(self, c: dict[str, Any], at: datetime, source: str, target: str) -> None:
        unit, quantity = c["unit"], c["quantity"]
        self._note(at, (source, unit, "held", -quantity), (target, unit, "held", quantity))
        self.movements[c["id"]] = Movement(at, unit, quantity, source, target)

    # -- checks ------------------------------------------------------------------------------

    def _known(self, *accounts: str) -> None:
        if any(account not in ACCOUNTS for account in accounts):
            raise Refused("UnknownAccount")

    def _not_stopped(self, account: str, unit: str, at: datetime, *directions: str) -> None:
        for name, stop in self.stops.items():
            if (
                stop.account == account
                and stop.unit in (None, unit)
                and stop.direction in directions
                and stop.since <= at
                and (name not in self.lifted or at < self.lifted[name])
            ):
                raise Refused("AccountFrozen")

    def _may_send(self, account: str, unit: str, at: datetime) -> None:
        self._not_stopped(account, unit, at, "out", "both")

    def _may_receive(self, account: str, unit: str, at: datetime) -> None:
        self._not_stopped(account, unit, at, "both")

    def _take(self, account: str, unit: str, quantity: int, at: datetime) -> None:
        if self.free(account, unit, at, self.position) < quantity:
            raise Refused("InsufficientUnits")
        for later in {fact.at for fact in self.facts if fact.at > at}:
            if self.free(account, unit, later, self.position) < quantity:
                raise Refused("BackdatedOverdraft")

    # -- one method per command ----------------------------------------------------------------

    def _issue(self, c: dict[str, Any], at: datetime) -> None:
        self._known(c["to"])
        self._may_receive(c["to"], c["unit"], at)
        if c["to"] in FINAL:
            raise Refused("RouteNotAllowed")
        self._move(c, at, "issuance", c["to"])

    def _transfer(self, c: dict[str, Any], at: datetime) -> None:
        source, target = c["from"], c["to"]
        self._known(source, target)
        self._may_send(source, c["unit"], at)
        self._may_receive(target, c["unit"], at)
        if source in FINAL or target == "cancelled" or source == target:
            raise Refused("RouteNotAllowed")
        self._take(source, c["unit"], c["quantity"], at)
        self._move(c, at, source, target)

    def _cancel(self, c: dict[str, Any], at: datetime) -> None:
        self._known(c["account"])
        self._may_send(c["account"], c["unit"], at)
        if c["account"] in FINAL:
            raise Refused("RouteNotAllowed")
        self._take(c["account"], c["unit"], c["quantity"], at)
        self._move(c, at, c["account"], "cancelled")
        del self.movements[c["id"]]  # for ever

    def _freeze(self, c: dict[str, Any], at: datetime) -> None:
        account, unit, quantity = c["account"], c.get("unit"), c.get("quantity", 0)
        self._known(account)
        if quantity and unit:
            if self.free(account, unit, at, self.position) < quantity:
                raise Refused("InsufficientUnits")
            self._note(at, (account, unit, "frozen", quantity))
        else:
            self._note(at, (account, unit or "*", "stopped", 1))
            self.stops[c["id"]] = Stop(account, unit, c.get("direction", "out"), at)
        self.freezes[c["id"]] = Claim(account, unit or "*", quantity, at)

    def _end(self, claims: dict[str, Claim], name: str, at: datetime) -> Claim:
        if name not in claims:
            raise Refused("UnknownReference")
        if at < claims[name].at:
            raise Refused("InvalidCommand")
        return claims.pop(name)

    def _unfreeze(self, c: dict[str, Any], at: datetime) -> None:
        freeze = self._end(self.freezes, c["freeze"], at)
        if freeze.quantity:
            self._note(at, (freeze.account, freeze.unit, "frozen", -freeze.quantity))
        else:
            self._note(at, (freeze.account, freeze.unit, "stopped", -1))
            self.lifted[c["freeze"]] = at

    def _pledge(self, c: dict[str, Any], at: datetime) -> None:
        self._known(c["account"])
        self._may_send(c["account"], c["unit"], at)
        self._take(c["account"], c["unit"], c["quantity"], at)
        self._note(at, (c["account"], c["unit"], "pledged", c["quantity"]))
        self.pledges[c["id"]] = Claim(c["account"], c["unit"], c["quantity"], at)

    def _release_pledge(self, c: dict[str, Any], at: datetime) -> None:
        pledge = self._end(self.pledges, c["pledge"], at)
        self._note(at, (pledge.account, pledge.unit, "pledged", -pledge.quantity))

    def _surrender(self, c: dict[str, Any], at: datetime) -> None:
        if c["entity"] not in DEFAULT_ACCOUNT:
            raise Refused("UnknownEntity")
        account = DEFAULT_ACCOUNT[c["entity"]]
        self._may_send(account, c["unit"], at)
        self._take(account, c["unit"], c["quantity"], at)
        self._note(at, (account, c["unit"], "pending", c["quantity"]))
        self.surrenders[c["id"]] = Claim(account, c["unit"], c["quantity"], at)

    def _confirm_surrender(self, c: dict[str, Any], at: datetime) -> None:
        account, unit, quantity, _ = self._end(self.surrenders, c["surrender"], at)
        self._note(
            at,
            (account, unit, "pending", -quantity),
            (account, unit, "held", -quantity),
            ("retired", unit, "held", quantity),
        )

    def _reject_surrender(self, c: dict[str, Any], at: datetime) -> None:
        account, unit, quantity, _ = self._end(self.surrenders, c["surrender"], at)
        self._note(at, (account, unit, "pending", -quantity))

    def _reverse(self, c: dict[str, Any], at: datetime) -> None:
        name = c["reverses"]
        if name not in self.accepted:
            raise Refused("UnknownReference")
        if name in self.reversed:
            raise Refused("AlreadyReversed")
        if name not in self.movements:
            raise Refused("NotReversible")
        was = self.movements[name]
        self._may_send(was.target, was.unit, at)
        self._may_receive(was.source, was.unit, at)
        if at < was.at:
            raise Refused("InvalidCommand")
        try:
            self._take(was.target, was.unit, was.quantity, at)
        except Refused as short:
            code = "NotReversible" if short.code == "InsufficientUnits" else short.code
            raise Refused(code) from None
        self._note(
            at,
            (was.target, was.unit, "held", -was.quantity),
            (was.source, was.unit, "held", was.quantity),
        )
        self.reversed.add(name)

    def _assert_balance(self, c: dict[str, Any], at: datetime) -> None:
        self._known(c["account"])
        if self.amount(c["account"], c["unit"], "held", at, self.position) != c["quantity"]:
            raise Refused("InvalidCommand")
        self._note(at)
