"""What an entity may carry over into a new vintage, with every input: the domain's function of
its trades, holdings and year books, at any (as-of, known-at)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select

from etsledger.domain.banking import UnitsCarriedOver
from etsledger.domain.banking_cap import Banking, banking, free_to_carry, snapshot_at
from etsledger.domain.compliance import in_time, last_second
from etsledger.domain.opening_banking import (
    CarryOverBefore,
    OpeningBankingRecorded,
    TradeBefore,
)
from etsledger.domain.rulebook import Rulebook, RulebookRef
from etsledger.domain.state import Entity, RegistryState, State
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.times import iso, to_micros
from etsledger.domain.trading import date_text
from etsledger.ledger.postings import sums
from etsledger.ledger.record import Logged, read
from etsledger.ledger.rows import BankingRow
from etsledger.ledger.store import Store
from etsledger.projections.compliance import entity_then, rulebook_then
from etsledger.projections.instants import Viewpoint
from etsledger.projections.market import MarketFilter, net_sales_as_of
from etsledger.projections.parties import Parties
from etsledger.projections.trades import Trade, Trades, trades

EXPIRED = "EXPIRED_FOR_COMPLIANCE"
"""Old units that were not carried over in time: no obligation of a later year takes them, but
arrears of the old years do (rule N-BANK-6)."""


def banking_row(
    store: Store,
    state: State,
    parties: Parties,
    followed: Trades,
    view: Viewpoint,
    entity: str,
    registry: str | None,
) -> BankingRow | None:
    """The calculation of an entity at a viewpoint; None where no registry that it is known in
    lets units be carried over."""
    for name in sorted(state.registries):
        found = state.registries[name]
        known = found.entities.get(entity)
        if registry not in (None, name) or known is None or known.position > view.upto:
            continue
        rulebook = rulebook_then(store, found, view)
        if rulebook is not None and rulebook[1].data.banking is not None:
            return _row(store, found, parties, followed, view, name, entity, rulebook)
    return None


def _row(
    store: Store,
    registry: RegistryState,
    parties: Parties,
    followed: Trades,
    view: Viewpoint,
    registry_id: str,
    entity: str,
    rulebook: tuple[RulebookRef, Rulebook],
) -> BankingRow:
    ref, rules = rulebook
    table = rules.data.banking
    assert table is not None
    accounts = [
        one.account for one in parties.of_entity(entity, view.upto) if one.registry == registry_id
    ]
    carried = list(_carried(store, parties, view, registry_id, entity))
    found = banking(
        rules,
        entity_then(registry.entities[entity], view),
        registry.years.get(entity, {}),
        view.as_of,
        upto=view.upto,
        sales=net_sales_as_of(
            store, entity, table.units, table.trades_from, table.trades_to, view, registry_id
        ),
        holdings={
            unit: free_to_carry(buckets)
            for unit, buckets in _held(
                store, view, snapshot_at(table, view.as_of), accounts, registry_id
            ).items()
        },
        carried=sum(event.quantity for _, event in carried),
    )
    assert found is not None
    stated = list(_stated(store, registry.entities[entity], view))
    now = _held(store, view, view.as_of, accounts, registry_id)
    over = not in_time(view.as_of, last_second(table.apply_to))
    return {
        "registry": registry_id,
        "entity": entity,
        "net_sales": {one.unit: one.quantity for one in found.net_sales},
        "net_sales_total": found.net_sales_total,
        "base": found.base,
        "ratio": str(found.ratio),
        "cap": found.cap,
        "holding": found.holding,
        "holdings": {one.unit: one.quantity for one in found.holdings},
        "carried": found.carried,
        "carryable": found.carryable,
        "into": found.into,
        "window": _window(found),
        "eligible": found.eligible,
        "reasons": list(found.reasons),
        "trades": [
            *(_trade_before(position, one) for position, event in stated for one in event.trades),
            *(
                {
                    "position": trade.position,
                    "date": trade.date,
                    "trade": trade.trade,
                    "unit": trade.unit,
                    "quantity": trade.quantity,
                    "sign": 1 if trade.seller_entity == entity else -1,
                }
                for trade in _trades(followed, view, registry_id, entity, found)
            ),
        ],
        "carry_overs": [
            *(
                _carried_before(position, one)
                for position, event in stated
                for one in event.carry_overs
            ),
            *_taken_over(store, registry.entities[entity], view),
            *(
                {
                    "position": logged.record.position,
                    "command_id": logged.command.id,
                    "effective_at": iso(logged.record.effective_at),
                    "quantity": event.quantity,
                    "units": {part.unit: part.quantity for part in event.parts},
                    "filed_by": event.batch.filed_by if event.batch else None,
                    "processed_by": event.batch.processed_by if event.batch else None,
                }
                for logged, event in carried
            ),
        ],
        "left": [
            {"unit": unit, "quantity": now[unit]["held"], "flag": EXPIRED if over else None}
            for unit in table.units
            if now.get(unit, {}).get("held", 0)
        ],
        "rule": found.rule,
        "source": found.source,
        "rulebook": {"name": ref.name, "version": ref.version, "hash": ref.hash},
    }


def _stated(
    store: Store, entity: Entity, view: Viewpoint
) -> Iterator[tuple[int, OpeningBankingRecorded]]:
    """What is stated of the time before these books, with where the log has it."""
    positions = [
        one.position for one in entity.before
        if one.position <= view.upto and one.at <= view.as_of
    ]  # fmt: skip
    for row in store.rows_at(positions) if positions else ():
        event = read(row.type, row.state).event
        if isinstance(event, OpeningBankingRecorded):
            yield row.position, event


def _taken_over(store: Store, entity: Entity, view: Viewpoint) -> Iterator[dict[str, Any]]:
    """What counts as carried over since a succession; below zero: counts no more."""
    for one in entity.before:
        if one.position > view.upto or one.at > view.as_of or not one.carried:
            continue
        row = store.row(one.position)
        logged = read(row.type, row.state) if row is not None else None
        if logged is not None and isinstance(logged.event, EntitySucceeded):
            yield {
                "position": one.position,
                "command_id": logged.command.id,
                "effective_at": iso(one.at),
                "quantity": one.carried,
                "units": {},
                "filed_by": None,
                "processed_by": None,
            }


def _trade_before(position: int, trade: TradeBefore) -> dict[str, Any]:
    return {
        "position": position,
        "date": trade.date,
        "trade": trade.trade,
        "unit": trade.unit,
        "quantity": trade.quantity,
        "sign": 1 if trade.side == "sold" else -1,
    }


def _carried_before(position: int, one: CarryOverBefore) -> dict[str, Any]:
    return {
        "position": position,
        "command_id": one.carry_over,
        "effective_at": one.effective_at,
        "quantity": one.quantity,
        "units": dict(one.units),
        "filed_by": one.filed_by,
        "processed_by": one.processed_by,
    }


def _window(found: Banking) -> dict[str, Any]:
    return {
        "trades_from": found.trades_from,
        "trades_to": found.trades_to,
        "holding_at": found.holding_at,
        "apply_from": found.apply_from,
        "apply_to": found.apply_to,
        "open": found.open,
        "batch": None
        if found.batch is None
        else {"filed_by": found.batch.filed_by, "processed_by": found.batch.processed_by},
    }


def _held(
    store: Store, view: Viewpoint, at: datetime, accounts: Iterable[str], registry: str
) -> dict[str, dict[str, int]]:
    """Tonnes by unit and bucket in some accounts at an instant."""
    found: dict[str, dict[str, int]] = {}
    for account in accounts:
        for one in sums(store, view.upto, at, account=account, registry=registry):
            buckets = found.setdefault(one.unit, {})
            buckets[one.bucket] = buckets.get(one.bucket, 0) + one.quantity
    return found


def _trades(
    followed: Trades, view: Viewpoint, registry: str, entity: str, found: Banking
) -> list[Trade]:
    """The trades that count, in the order of the log."""
    at, units = to_micros(view.as_of), [one.unit for one in found.net_sales]
    wanted = MarketFilter(
        registry, start=date_text(found.trades_from), end=date_text(found.trades_to)
    )
    rows = [
        trade
        for trade in followed.late
        if trade.position <= view.upto
        and trade.effective_at <= at
        and trade.unit in units
        and wanted.takes(trade)
        and entity in (trade.seller_entity, trade.buyer_entity)
    ]
    if followed.saved > 0:
        c = trades.c
        with followed.store.engine.connect() as connection:
            for owner in (c.seller_entity, c.buyer_entity):
                query = select(trades).where(
                    owner == entity, c.unit.in_(units), c.effective_at <= at,
                    c.position <= min(view.upto, followed.saved), *wanted.conditions(),
                )  # fmt: skip
                rows.extend(Trade._make(row) for row in connection.execute(query))
    return sorted(rows)


def _carried(
    store: Store, parties: Parties, view: Viewpoint, registry: str, entity: str
) -> Iterator[tuple[Logged, UnitsCarriedOver]]:
    """What the entity carried over by then, in the order of the log."""
    positions = sorted(
        {
            fact.position
            for fact in parties.facts(view.upto, entity=entity)
            if fact.registry == registry
        }
    )
    for row in store.rows_at(positions):
        if row.type != UnitsCarriedOver.__name__:
            continue
        logged = read(row.type, row.state)
        event = logged.event
        if isinstance(event, UnitsCarriedOver) and logged.record.effective_at <= view.as_of:
            yield logged, event
