"""The rows that answer questions of units: what is held, moved, traded, carried and recorded."""

from typing import Any, NotRequired, TypedDict


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


class MarketRow(TypedDict):
    """Trades of one unit by one method in one period: tonnes, CNY, and how many.

    ``period`` is a day, a month or a year as text; None when all are put together. ``value``
    and ``average_price`` (value over volume, half-up to 0.01) are decimal texts.
    """

    registry: str
    unit: str
    method: str
    period: str | None
    volume: int
    value: str
    average_price: str
    trades: int


class BankingRow(TypedDict):
    """What an entity may carry over into a new vintage, with every input (tonnes).

    ``net_sales`` by unit are sold less bought in the window, ``net_sales_total`` their sum, at
    least zero; ``cap`` = ``base`` + total x ``ratio``; ``carryable`` is the lesser of cap and
    ``holding`` (as of the snapshot), less ``carried``. ``trades`` are those that count (sign 1:
    sold, -1: bought), ``carry_overs`` what was carried and in which batch, ``left`` the old
    units that are there now, with a flag once no later year takes them any more.
    """

    registry: str
    entity: str
    net_sales: dict[str, int]
    net_sales_total: int
    base: int
    ratio: str
    cap: int
    holding: int
    holdings: dict[str, int]
    carried: int
    carryable: int
    into: str
    window: dict[str, Any]
    eligible: bool
    reasons: list[str]
    trades: list[dict[str, Any]]
    carry_overs: list[dict[str, Any]]
    left: list[dict[str, Any]]
    rule: str
    source: str
    rulebook: dict[str, str]


class CreditLockRow(TypedDict):
    """Credits of an account that are kept for an obligation elsewhere (tonnes)."""

    lock: str
    account: str
    for_registry: str
    entity: str
    year: int
    quantity: int


class CreditUseRow(CreditLockRow):
    """Credits that met an obligation elsewhere; their serial numbers, first and last each."""

    position: int
    serials: list[tuple[int, int]]


class CreditRow(TypedDict):
    """One unit of credits from issuance to use (tonnes).

    ``issued`` (opening balances included) = ``free`` + ``locked`` + ``used`` + ``cancelled``
    (given up without an obligation). ``serials`` are ranges of numbers, first and last, one
    a tonne; those of what is gone are told first in, first out.
    """

    registry: str
    unit: str
    programme: str | None
    registered_on: str | None
    covered_by_ets: bool | None
    methodology: str | None
    issued: int
    free: int
    locked: int
    used: int
    cancelled: int
    serials: list[tuple[int, int]]
    locks: list[CreditLockRow]
    uses: list[CreditUseRow]
    cancelled_serials: list[tuple[int, int]]


class LeavingRow(TypedDict):
    """What an entity that left for another market is to cancel of one unit (tonnes).

    ``given_free`` was given free and held at leaving, or handed out since; ``cancelled``,
    ``surrendered`` (for earlier years) and ``recalled`` since then; ``left`` is still to be
    cancelled, and ``overdue`` after the day ``cancel_by``. Without a ``unit`` there is nothing.
    """

    registry: str
    entity: str
    first_year_elsewhere: int
    cancel_by: str | None
    unit: str | None
    given_free: int
    cancelled: int
    surrendered: int
    recalled: int
    left: int
    overdue: bool


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
