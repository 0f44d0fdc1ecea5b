"""What questions of a ledger can be asked with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from etsledger.ledger.reconciliation import StatementKind

When = datetime | str | None
"""A time, or its ISO text: a bare date is the end of that day; None is now."""

KnownAt = datetime | str | int | None
"""A recorded time, or a position (an integer, or ``"@17"``); None is now."""

Instants = tuple[When, KnownAt]
"""As of when, and as known when."""


Period = Literal["day", "month", "year", "all"]
"""By what the trades of a question are put together."""


class Viewpoint(TypedDict, total=False):
    """Of one registry only, as of when, and as known when."""

    registry: str | None
    as_of: When
    known_at: KnownAt


class BalanceQuestion(Viewpoint, total=False):
    """What narrows a question for balances."""

    account: str | None
    entity: str | None
    unit: str | None
    zero: bool
    from_log: bool


class StatementQuestion(Viewpoint, total=False):
    """What narrows a question for a statement."""

    start: When
    end: When


class SupplyQuestion(Viewpoint, total=False):
    """What narrows a question for the supply."""

    unit: str | None
    from_log: bool


class CreditsQuestion(Viewpoint, total=False):
    """What narrows a question for credits."""

    unit: str | None


class ProposalsQuestion(Viewpoint, total=False):
    """What narrows a question for proposals: ``status`` is one of ``ProposalRow``."""

    status: str | None


class DeadlinesQuestion(Viewpoint, total=False):
    """What narrows a question for deadlines; ``running`` leaves out what is over or met."""

    entity: str | None
    year: int | None
    running: bool


class LeavingQuestion(Viewpoint, total=False):
    """What narrows a question for leavers."""

    entity: str | None


class ActorsQuestion(Viewpoint, total=False):
    """What narrows a question for actors."""

    actor: str | None
    role: str | None
    entity: str | None


class EntitiesQuestion(Viewpoint, total=False):
    """What narrows a question for entities."""

    entity: str | None
    province: str | None


class ComplianceQuestion(Viewpoint, total=False):
    """What narrows a question for compliance."""

    entity: str | None
    year: int | None
    from_log: bool


class MarketQuestion(Viewpoint, total=False):
    """What narrows a question for the market; ``start`` and ``end`` are days, both included."""

    unit: str | None
    method: str | None
    start: When
    end: When
    by: Period
    from_log: bool


class EventsQuestion(Viewpoint, total=False):
    """What narrows a question for events; positions are inclusive."""

    account: str | None
    entity: str | None
    types: Sequence[str]
    from_position: int
    to_position: int | None
    limit: int | None
    back_dated: bool


class FollowQuestion(TypedDict, total=False):
    """What narrows a feed of events."""

    registry: str | None
    account: str | None
    entity: str | None
    types: Sequence[str]
    as_of: When
    back_dated: bool


class ReportQuestion(Viewpoint, total=False):
    """What narrows a report; ``lang`` is "en" or "zh"."""

    lang: str


class ReconcileQuestion(Viewpoint, total=False):
    """What narrows a comparison with a statement; see ``Ledger.reconcile``."""

    accounts: Sequence[str]
    every_account: bool
    unit: str | None
    start: When
    end: When
    days: int
    kind: StatementKind | None


class TraceQuestion(Viewpoint, total=False):
    """What narrows a trace: a unit, some of its serial numbers (first, last), an account."""

    unit: str | None
    serials: tuple[int, int] | None
    account: str | None


class DiffQuestion(TypedDict, total=False):
    """What narrows a comparison of two instants; ``events`` is how many to tell a row (20;
    unless told otherwise fewer where more than a thousand rows changed, but one at least)."""

    registry: str | None
    account: str | None
    entity: str | None
    unit: str | None
    events: int | None


class ExplainBalanceQuestion(TypedDict, total=False):
    """What narrows the explanation of a balance.

    ``limit`` movements (50) are told: those that follow the movement at position ``after``
    in the order of the statement (0: the first ones), or without it the latest.
    """

    registry: str | None
    as_of: When
    known_at: KnownAt
    limit: int
    after: int | None
