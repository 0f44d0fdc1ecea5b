"""What carrying over needs of the time before: what ``opening_banking`` says of an entity."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from etsledger.domain.banking import UnitsCarriedOver
from etsledger.domain.banking_cap import free_to_carry
from etsledger.domain.opening_banking import OpeningBankingRecorded
from etsledger.domain.state import RegistryState
from etsledger.domain.times import business_date, iso, parse_instant
from etsledger.domain.trading import TradeSettled, date_text
from etsledger.ledger.opened_years import DocumentAt
from etsledger.ledger.postings import sums
from etsledger.ledger.record import Logged
from etsledger.ledger.store import Store

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Banking


class Sales:
    """The trades of one registry that a window counts, by entity, in the order of the log."""

    def __init__(self, table: "Banking", settled: Iterable[Logged]) -> None:
        self._units = table.units
        self._first, self._last = date_text(table.trades_from), date_text(table.trades_to)
        self._by_entity: dict[str, list[dict[str, Any]]] = {}
        for logged in settled:
            if isinstance(logged.event, TradeSettled):
                self._note(logged.event, business_date(logged.record.effective_at).isoformat())

    def _note(self, event: TradeSettled, date: str) -> None:
        if event.unit not in self._units or not self._first <= date <= self._last:
            return
        for entity, side in ((event.seller_entity, "sold"), (event.buyer_entity, "bought")):
            if entity is not None:
                self._by_entity.setdefault(entity, []).append({
                    "date": date, "quantity": event.quantity, "side": side,
                    "trade": event.trade, "unit": event.unit,
                })  # fmt: skip

    def of(self, entity: str) -> Sequence[dict[str, Any]]:
        """The trades of an entity, as ``opening_banking`` takes them."""
        return self._by_entity.get(entity, ())


def stated_banking(
    store: Store,
    upto: int,
    registry_id: str,
    registry: RegistryState,
    entity: str,
    table: "Banking",
    sales: Sales,
    document: DocumentAt,
    cut_over: datetime,
) -> dict[str, Any]:
    """The fields of ``opening_banking``; empty where nothing of the time before counts."""
    trades = [*_trades_before(registry, entity, document), *sales.of(entity)]
    lumps = {unit: tonnes for unit, tonnes in _lumps(registry, entity, table, document) if tonnes}
    carry_overs = list(_carry_overs(registry, entity, document))
    told = sum(sum(one["units"].values()) for one in carry_overs)
    carried = sum(one.quantity for one in registry.carried.get(entity, ()))
    carried += sum(one.carried for one in registry.entities[entity].before)
    held: dict[str, int] = {}
    snapshot = parse_instant(table.holding_at)
    if cut_over > snapshot:
        held = _held(store, upto, registry_id, registry, entity, table, snapshot)
    found = {
        "net_sales": lumps, "trades": trades, "holdings": held, "carry_overs": carry_overs,
        "carried": carried - told,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _openings(
    registry: RegistryState, entity: str, document: DocumentAt
) -> Iterator[OpeningBankingRecorded]:
    """What these books were themselves told of the time before."""
    for one in registry.entities[entity].before:
        found = document(one.position)
        if found is not None and isinstance(found.event, OpeningBankingRecorded):
            yield found.event


def _trades_before(
    registry: RegistryState, entity: str, document: DocumentAt
) -> Iterator[dict[str, Any]]:
    for event in _openings(registry, entity, document):
        for one in event.trades:
            yield {
                "date": one.date, "quantity": one.quantity, "side": one.side,
                "trade": one.trade, "unit": one.unit,
            }  # fmt: skip


def _lumps(
    registry: RegistryState, entity: str, table: "Banking", document: DocumentAt
) -> Iterator[tuple[str, int]]:
    """Net sales that stand for no single trade, by unit."""
    sold = dict.fromkeys(table.units, 0)
    for account in registry.owned.get(entity, ()):
        _add(sold, registry.sold_before.get(account, {}), 1)
    for one in registry.entities[entity].before:
        _add(sold, dict(one.sold), 1)
    for event in _openings(registry, entity, document):
        for trade in event.trades:
            _add(sold, {trade.unit: trade.net}, -1)
    yield from sorted(sold.items())


def _add(sums_by_unit: dict[str, int], more: Mapping[str, int], sign: int) -> None:
    for unit, tonnes in more.items():
        if unit in sums_by_unit:
            sums_by_unit[unit] += sign * tonnes


def _carry_overs(
    registry: RegistryState, entity: str, document: DocumentAt
) -> Iterator[dict[str, Any]]:
    for event in _openings(registry, entity, document):
        for before in event.carry_overs:
            yield _carry_over(
                before.carry_over, before.effective_at, before.units, before.filed_by,
                before.processed_by,
            )  # fmt: skip
    for one in registry.carried.get(entity, ()):
        found = document(one.position)
        event = found.event if found is not None else None
        batch = event.batch if isinstance(event, UnitsCarriedOver) else None
        yield _carry_over(
            one.command, iso(one.at), dict(one.parts),
            batch.filed_by if batch else None, batch.processed_by if batch else None,
        )  # fmt: skip


def _carry_over(
    name: str, at: str, units: dict[str, int], filed_by: str | None, processed_by: str | None
) -> dict[str, Any]:
    found: dict[str, Any] = {"carry_over": name, "effective_at": at, "units": units}
    if filed_by is not None:
        found["filed_by"] = filed_by
    if processed_by is not None:
        found["processed_by"] = processed_by
    return found


def _held(
    store: Store,
    upto: int,
    registry_id: str,
    registry: RegistryState,
    entity: str,
    table: "Banking",
    snapshot: datetime,
) -> dict[str, int]:
    """What counted as held at the snapshot, by unit."""
    held = dict.fromkeys(table.units, 0)
    for account in registry.owned.get(entity, ()):
        buckets: dict[str, dict[str, int]] = {}
        for one in sums(store, upto, snapshot, account=account, registry=registry_id):
            buckets.setdefault(one.unit, {})[one.bucket] = one.quantity
        _add(held, {unit: free_to_carry(found) for unit, found in buckets.items()}, 1)
    for one in registry.entities[entity].before:
        _add(held, dict(one.held), 1)
    return {unit: tonnes for unit, tonnes in held.items() if tonnes > 0}
