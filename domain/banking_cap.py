"""What of the old vintages an entity may carry over: one pure function of the rulebook, its
year books, its net sales and its holdings (rules N-BANK-1 to N-BANK-5).

Decisions and questions share it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

import msgspec

from etsledger.domain.compliance import NO_LIMIT, in_time, last_second, standing
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Entity
from etsledger.domain.times import parse_instant
from etsledger.domain.yearbook import EMPTY, YearBook, seen

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Banking as BankingTable

LATE = frozenset(("NON_COMPLIANT", "LATE_COMPLIANT"))
"""The statuses of a year that was not met in time; one that awaits confirmation is none."""


class UnitTonnes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Tonnes of one unit; net sales may be below zero."""

    quantity: int
    unit: str


class Batch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The batch that an application falls in: filed by a day, processed by another."""

    filed_by: str
    processed_by: str


class Banking(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an entity may carry over, with every number that decides (tonnes).

    ``net_sales`` by unit are sold less bought; ``net_sales_total`` is their sum, at least
    zero; ``cap`` = base + total x ratio, floored; ``holding`` is what was held at
    ``holding_at`` and could be carried; ``carryable`` = the lesser of both less ``carried``.
    """

    apply_from: str
    apply_to: str
    base: int
    batch: Batch | None
    cap: int
    carried: int
    carryable: int
    eligible: bool
    holding: int
    holding_at: str
    holdings: tuple[UnitTonnes, ...]
    into: str
    net_sales: tuple[UnitTonnes, ...]
    net_sales_total: int
    open: bool
    ratio: Decimal
    reasons: tuple[str, ...]
    rule: str
    source: str
    trades_from: str
    trades_to: str


def banking(
    rules: Rulebook,
    entity: Entity,
    books: Mapping[int, YearBook],
    at: datetime,
    *,
    sales: Mapping[str, int],
    holdings: Mapping[str, int],
    carried: int,
    upto: int = NO_LIMIT,
) -> Banking | None:
    """What an entity may carry over at an instant; None where the rulebook has no banking.

    ``sales`` are net sales by unit in the window, ``holdings`` what it held at the snapshot
    (or at ``at``, if that is earlier), ``carried`` what it carried over so far (tonnes), each
    without what is stated of the time before these books, which is added here;
    ``books`` its year books, of which facts effective by ``at`` and known at the position
    ``upto`` count. Rules N-BANK-1 to N-BANK-5.
    """
    table = rules.data.banking
    if table is None:
        return None
    sold_before, held_before, carried_before = entity.banked_at(at)
    sold = _together(table.units, sales, sold_before)
    held = _together(table.units, holdings, held_before)
    carried += carried_before
    total = max(0, sum(one.quantity for one in sold))
    cap = floor(table.base + total * Fraction(table.ratio))
    holding = sum(one.quantity for one in held)
    reasons = _late_years(table, rules, entity, books, at, upto)
    return Banking(
        apply_from=table.apply_from,
        apply_to=table.apply_to,
        base=table.base,
        batch=_batch(table, at),
        cap=cap,
        carried=carried,
        carryable=max(0, min(cap, holding) - carried),
        eligible=not reasons,
        holding=holding,
        holding_at=table.holding_at,
        holdings=held,
        into=table.into,
        net_sales=sold,
        net_sales_total=total,
        open=is_open(table, at),
        ratio=table.ratio,
        reasons=reasons,
        rule=table.rule,
        source=table.source,
        trades_from=table.trades_from,
        trades_to=table.trades_to,
    )


def _together(units: Iterable[str], *parts: Mapping[str, int]) -> tuple[UnitTonnes, ...]:
    return tuple(
        UnitTonnes(quantity=sum(part.get(unit, 0) for part in parts), unit=unit) for unit in units
    )


def is_open(table: "BankingTable", at: datetime) -> bool:
    return parse_instant(table.apply_from) <= at and in_time(at, last_second(table.apply_to))


def _batch(table: "BankingTable", at: datetime) -> Batch | None:
    if not is_open(table, at):
        return None
    for one in table.batches:
        if in_time(at, last_second(one.filed_by)):
            return Batch(filed_by=one.filed_by, processed_by=one.processed_by)
    return None


def _late_years(
    table: "BankingTable",
    rules: Rulebook,
    entity: Entity,
    books: Mapping[int, YearBook],
    at: datetime,
    upto: int,
) -> tuple[str, ...]:
    """Rule N-BANK-4: why the entity may not; a year without an obligation is not late."""
    found: list[str] = []
    gone = entity.gone_at(at)
    if gone is not None:
        found.append(f"{', '.join(name for name, _ in gone.successors)} took over from it")
    for year in table.on_time_years:
        stood = standing(rules, entity, year, seen(books.get(year, EMPTY), at, upto), at)
        if stood.status in LATE:
            found.append(f"{year} was not met by {stood.deadline}: {stood.status}")
    return tuple(found)


def free_to_carry(reserved: Mapping[str, int]) -> int:
    """Tonnes of a holding that count: frozen ones too, but not what is submitted for
    surrender, nor what is restricted (rules N-BANK-3, N-BOR-3)."""
    taken = reserved.get("pending", 0) + reserved.get("restricted", 0)
    return reserved.get("held", 0) - taken


def snapshot_at(table: "BankingTable", at: datetime) -> datetime:
    """When holdings are counted: at the snapshot, or at an earlier instant that asks."""
    return min(parse_instant(table.holding_at), at)
