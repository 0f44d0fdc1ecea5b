"""The log as people and programs read it, filtered, with the back-dated facts told apart."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from etsledger.domain.events import ALL_UNITS
from etsledger.domain.times import iso, to_micros
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.postings import movements
from etsledger.ledger.record import Row, Seal, read_seal, split
from etsledger.ledger.rows import EventRow
from etsledger.ledger.store import Store
from etsledger.projections.parties import Parties


class _Stored(msgspec.Struct):
    command: dict[str, Any]
    data: dict[str, Any]
    rulebook: dict[str, str]


_stored = msgspec.json.Decoder(_Stored)
_FETCH = 1_000


def event_rows(
    store: Store,
    parties: Parties,
    upto: int,
    *,
    registry: str | None,
    account: str | None,
    entity: str | None,
    types: Sequence[str],
    from_position: int,
    as_of: datetime | None,
    back_dated: bool,
    limit: int | None,
) -> Iterator[EventRow]:
    """The events at positions in ``[from_position, upto]`` that fit every filter."""
    given = 0
    for row in _rows(store, parties, upto, account, entity, types, from_position):
        if limit is not None and given >= limit:
            return
        if (registry and row.registry != registry) or (types and row.type not in types):
            continue
        event, sealed = event_row(row)
        if as_of is not None and sealed.effective_at > as_of:
            continue
        if back_dated:
            if sealed.effective_at >= sealed.recorded_at:
                continue
            event["lag_seconds"] = int((sealed.recorded_at - sealed.effective_at).total_seconds())
            event["would_have_refused"] = _would_have_refused(store, row, event["data"], sealed)
        given += 1
        yield event


def _rows(
    store: Store,
    parties: Parties,
    upto: int,
    account: str | None,
    entity: str | None,
    types: Sequence[str],
    from_position: int,
) -> Iterator[Row]:
    if account is None and entity is None:
        yield from store.rows(from_position - 1, upto, types)
        return
    wanted: list[set[int]] = []
    if account is not None:
        wanted.append(_of_account(store, parties, account, upto, from_position - 1))
    if entity is not None:
        of_entity = {fact.position for fact in parties.facts(upto, entity=entity)}
        for own in parties.of_entity(entity, upto):
            of_entity |= _of_account(
                store, parties, own.account, upto, from_position - 1, own.registry
            )
        wanted.append(of_entity)
    both = wanted[0].intersection(*wanted[1:])
    positions = sorted(p for p in both if p >= from_position)
    for i in range(0, len(positions), _FETCH):
        yield from store.rows_at(positions[i : i + _FETCH])


def _of_account(
    store: Store,
    parties: Parties,
    account: str,
    upto: int,
    after: int,
    registry: str | None = None,
) -> set[int]:
    """Positions that concern an account id, in one registry or in every one that has it."""
    moved = movements(store, upto, account, after=after)
    found = (*parties.facts(upto, account=account), *moved)
    return {one.position for one in found if registry in (None, one.registry)}


def event_row(row: Row) -> tuple[EventRow, Seal]:
    """An event as ``events`` shows it, with its sealed columns. Raises StoreDamaged."""
    try:
        digest, body = split(row.state)
        stored, sealed = _stored.decode(body), read_seal(body)
    except (msgspec.MsgspecError, TypeError, AttributeError) as error:
        raise StoreDamaged(
            f"the event at position {row.position} cannot be read ({error}); run verify"
        ) from error
    command = stored.command
    event: EventRow = {
        "position": row.position,
        "registry": row.registry,
        "type": row.type,
        "effective_at": iso(sealed.effective_at),
        "recorded_at": iso(sealed.recorded_at),
        "command_id": command["id"],
        "actor": command.get("actor"),
        "approved_by": command.get("approved_by"),
        "reference": command.get("reference"),
        "reason": command.get("reason"),
        "rulebook": stored.rulebook,
        "data": stored.data,
        "hash": digest,
    }
    return event, sealed


def _would_have_refused(store: Store, row: Row, data: dict[str, Any], sealed: Seal) -> list[int]:
    """What was accepted before a back-dated freeze was known, and would not be after it."""
    if row.type != "AccountFrozen":
        return []
    since, unit = to_micros(sealed.effective_at), data.get("unit") or ALL_UNITS
    earlier = [
        move
        for move in movements(store, row.position - 1, data["account"])
        if move.registry == row.registry and unit in (ALL_UNITS, move.unit)
    ]
    if data.get("quantity") is None:
        stopped = (-1, 1) if data["direction"] == "both" else (-1,)
        return sorted(
            move.position
            for move in earlier
            if move.bucket == "held"
            and move.effective_at >= since
            and (move.quantity > 0) - (move.quantity < 0) in stopped
        )
    free, refused = -int(data["quantity"]), list[int]()
    for move in earlier:
        change = move.quantity if move.bucket == "held" else -move.quantity
        free += change if move.bucket != "stopped" else 0
        if move.effective_at >= since and change < 0 and free < 0:
            refused.append(move.position)
    return sorted(refused)
