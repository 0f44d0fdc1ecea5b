"""The questions of a ledger, as its front door offers them.

Answers live above, in ``etsledger.projections``; the ledger knows only these shapes and
finds the implementation by name when the first question is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pkgutil import resolve_name
from typing import Any, NotRequired, Protocol, TypedDict, Unpack

from etsledger.ledger.clock import Clock
from etsledger.ledger.store import Store

When = datetime | str | None
"""A time, or its ISO text: a bare date is the end of that day; None is now."""
KnownAt = datetime | str | int | None
"""A recorded time, or a position (an integer, or ``"@17"``); None is now."""


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


class _Viewpoint(TypedDict, total=False):
    registry: str | None
    as_of: When
    known_at: KnownAt


class BalanceQuestion(_Viewpoint, total=False):
    """What narrows a question for balances."""

    account: str | None
    entity: str | None
    unit: str | None
    zero: bool
    from_log: bool


class StatementQuestion(_Viewpoint, total=False):
    """What narrows a question for a statement."""

    start: When
    end: When


class SupplyQuestion(_Viewpoint, total=False):
    """What narrows a question for the supply."""

    unit: str | None
    from_log: bool


class EventsQuestion(_Viewpoint, total=False):
    """What narrows a question for events; positions are inclusive."""

    account: str | None
    entity: str | None
    types: Sequence[str]
    from_position: int
    to_position: int | None
    limit: int | None
    back_dated: bool


class Books(Protocol):
    """What can be asked of a ledger at any (as-of, known-at)."""

    def __init__(self, store: Store, clock: Clock) -> None: ...

    def balances(self, **question: Unpack[BalanceQuestion]) -> list[BalanceRow]: ...

    def statement(
        self, account: str, **question: Unpack[StatementQuestion]
    ) -> list[StatementRow]: ...

    def supply(self, **question: Unpack[SupplyQuestion]) -> list[SupplyRow]: ...

    def events(self, **question: Unpack[EventsQuestion]) -> Iterator[EventRow]: ...

    def rebuild(self, progress: Callable[[int], None] | None = None) -> int: ...


def load_books() -> type[Books]:
    """The implementation; the one late binding of the house, so that no import runs upward."""
    return resolve_name("etsledger.projections.books:LedgerBooks")
