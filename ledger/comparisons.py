"""What comparing gives: the log with the tables made from it, and what was with what would be.

Comparing itself lives above, in ``etsledger.projections``; these are its answers.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from etsledger.ledger.stretches import Sendable

Row = Mapping[str, Any]
"""A row of an answer; see ``etsledger.ledger.rows``."""


class Addition(NamedTuple):
    """A command to be sent besides: after the log up to a position, or after all of it.

    ``place`` says where it came from, such as ``FILE:LINE``.
    """

    command: Sendable
    after: int | None = None
    place: str = ""


class Difference(NamedTuple):
    """A row that the tables have otherwise than the log makes it.

    ``key`` names the row of ``table``; ``log`` and ``projection`` hold the fields that differ,
    None where one of them has no such row. ``message`` says why a table could not be compared.
    """

    table: str
    key: dict[str, Any]
    log: dict[str, Any] | None
    projection: dict[str, Any] | None
    message: str | None = None


class Replay(NamedTuple):
    """The books made again from the log alone, up to a position, and what differs from them.

    ``balances``, ``supply`` and ``compliance`` are what the log makes, as of ``as_of``;
    ``compared`` counts the rows of each table, ``hash`` is that of the event at ``position``.
    """

    ok: bool
    position: int
    as_of: str
    recorded_at: str | None
    hash: str
    compared: dict[str, int]
    differences: list[Difference]
    balances: list[Row]
    supply: list[Row]
    compliance: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """The comparison, without the rows that were made again."""
        left_out = ("balances", "supply", "compliance", "differences")
        told = {name: value for name, value in self._asdict().items() if name not in left_out}
        return {**told, "differences": [one._asdict() for one in self.differences]}


class LeftOut(NamedTuple):
    """A command that was not sent again: the whole batch, where it was one of a batch."""

    id: str
    named: tuple[str, ...]
    """The ids it was left out by: its own, or those of commands of the batch."""
    position: int
    batch: tuple[str, ...] = ()
    """Of a batch: the ids of all its commands."""


class RefusedNow(NamedTuple):
    """A command that was accepted and would be refused, with the numbers that decide.

    ``because_of`` are the ids, left out or refused themselves, that it refers to or whose
    accounts and entities it names: then it is a consequence. ``position`` is where the log
    has it.
    """

    id: str
    command: str
    registry: str | None
    position: int
    refusal: dict[str, Any]
    because_of: tuple[str, ...] = ()


class AcceptedNow(NamedTuple):
    """A command that was refused, kept in the journal, and would be accepted where it was sent.

    Nothing of it is in the books that are compared. ``after`` is the last position of the log
    before it, ``refusal`` why it was refused, ``events`` the types of what it would lead to.
    ``accepted_at`` is where the log accepted a command of its id later. ``exact`` is false
    where an older version noted the time of the attempt only: then it was decided after all
    that was recorded by that time, and may be accepted for that reason alone.
    """

    id: str
    command: str
    registry: str | None
    after: int
    refusal: dict[str, Any]
    events: tuple[str, ...]
    accepted_at: int | None = None
    exact: bool = True


class Added(NamedTuple):
    """A command that was sent besides: where from, and what became of it."""

    id: str
    place: str
    after: int | None
    outcome: str
    refusal: dict[str, Any] | None = None


class Otherwise(NamedTuple):
    """A command that is accepted both times and leads to other events (their types)."""

    id: str
    position: int
    before: tuple[str, ...]
    after: tuple[str, ...]


class Change(NamedTuple):
    """A row that would differ: its key, and the fields that do (None: no such row)."""

    key: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    def has(self, field: str) -> bool:
        """Whether a field differs."""
        return self.of(self.before, field) != self.of(self.after, field)

    @staticmethod
    def of(side: dict[str, Any] | None, field: str) -> Any:
        """What one side says of a field, None where it has no such row."""
        return None if side is None else side.get(field)

    def as_dict(self) -> dict[str, Any]:
        """The key's fields, ``before`` and ``after``."""
        return {**self.key, "before": self.before, "after": self.after}


class WhatIf(NamedTuple):
    """What would differ if the commands of a log were decided again in another way.

    ``commands`` were decided again, up to position ``upto`` of the log; of ``attempts`` that were
    refused then, ``accepted`` would be accepted; ``replaced`` are the ids of commands whose
    rulebook was exchanged or that adopted one; ``rulebook`` is the one they were decided under,
    where one was given. ``compliance`` and ``balances`` are compared as of ``as_of``;
    ``position`` and ``hash`` are where the scratch store ends, which is kept at ``kept`` if that
    was asked for.
    """

    registry: str | None
    rulebook: dict[str, str] | None
    as_of: str
    upto: int
    commands: int
    attempts: int
    replaced: list[str]
    left_out: list[LeftOut]
    added: list[Added]
    refused: list[RefusedNow]
    accepted: list[AcceptedNow]
    otherwise: list[Otherwise]
    compliance: list[Change]
    balances: list[Change]
    position: int
    hash: str
    same_log: bool
    """Whether the scratch store ends with the very hash of the log."""
    kept: str | None = None

    @property
    def entitlements(self) -> list[Change]:
        """By entity and year: those whose entitlement differs."""
        return [one for one in self.compliance if one.has("entitlement")]

    @property
    def statuses(self) -> list[Change]:
        """By entity and year: those whose status differs."""
        return [one for one in self.compliance if one.has("status")]

    @property
    def differs(self) -> bool:
        """Whether anything at all would differ."""
        accepted = any(one.exact for one in self.accepted)
        return accepted or bool(self.refused or self.otherwise or self.compliance or self.balances)

    def summary(self) -> dict[str, int]:
        """How many of each; ``entitlement_tonnes`` is the sum of the differences."""
        tonnes = sum(
            (one.of(one.after, "entitlement") or 0) - (one.of(one.before, "entitlement") or 0)
            for one in self.entitlements
        )
        return {
            "commands": self.commands,
            "replaced": len(self.replaced),
            "left_out": len(self.left_out),
            "added": len(self.added),
            "refused": len(self.refused),
            "consequences": sum(1 for one in self.refused if one.because_of),
            "attempts": self.attempts,
            "accepted": len(self.accepted),
            "otherwise": len(self.otherwise),
            "entitlements": len(self.entitlements),
            "entitlement_tonnes": tonnes,
            "statuses": len(self.statuses),
            "compliance": len(self.compliance),
            "balances": len(self.balances),
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything, the counts of ``summary`` first."""
        return {
            "summary": self.summary(),
            **self._asdict(),
            "left_out": [one._asdict() for one in self.left_out],
            "added": [one._asdict() for one in self.added],
            "refused": [one._asdict() for one in self.refused],
            "accepted": [one._asdict() for one in self.accepted],
            "otherwise": [one._asdict() for one in self.otherwise],
            "compliance": [one.as_dict() for one in self.compliance],
            "balances": [one.as_dict() for one in self.balances],
        }
