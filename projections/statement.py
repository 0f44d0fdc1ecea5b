"""The statement of an account: every movement, by effective time, with running balances."""

from collections import deque
from datetime import datetime

from etsledger.domain.times import from_micros, iso, to_micros
from etsledger.ledger.errors import UnknownEventType
from etsledger.ledger.postings import movements
from etsledger.ledger.record import Row, read, read_command, read_seal, split
from etsledger.ledger.rows import StatementRow
from etsledger.ledger.store import Store

_FETCH = 2_000


def statement_rows(
    store: Store,
    account: str,
    upto: int,
    *,
    registry: str | None,
    start: datetime | None,
    end: datetime,
    latest: int | None = None,
) -> list[StatementRow]:
    """The movements of an account with ``start <= effective_at <= end`` known at ``upto``.

    Balances run from the account's first movement, whatever ``start`` is. ``latest`` leaves out
    all but so many.
    """
    low, high = to_micros(start) if start else None, to_micros(end)
    running: dict[tuple[str, str], int] = {}
    rows: deque[StatementRow] = deque(maxlen=latest)
    for move in movements(store, upto, account):
        if move.bucket != "held" or move.effective_at > high:
            continue
        if registry is not None and move.registry != registry:
            continue
        key = (move.registry, move.unit)
        running[key] = running.get(key, 0) + move.quantity
        if low is not None and move.effective_at < low:
            continue
        rows.append(
            {
                "position": move.position,
                "registry": move.registry,
                "effective_at": iso(from_micros(move.effective_at)),
                "recorded_at": "",
                "type": "",
                "unit": move.unit,
                "quantity": move.quantity,
                "balance": running[key],
                "counterparty": None,
                "command_id": "",
                "actor": None,
                "reference": None,
            }
        )
    found = list(rows)
    for i in range(0, len(found), _FETCH):
        _add_papers(store, account, found[i : i + _FETCH])
    return found


def _add_papers(store: Store, account: str, rows: list[StatementRow]) -> None:
    found = {row.position: row for row in store.rows_at([row["position"] for row in rows])}
    for row in rows:
        stored = found[row["position"]]
        body = split(stored.state)[1]
        command = read_command(body)
        row["recorded_at"] = iso(read_seal(body).recorded_at)
        row["type"] = stored.type
        row["counterparty"] = _other_side(stored, account, row["unit"], row["quantity"])
        row["command_id"] = command.id
        row["actor"] = command.actor
        row["reference"] = command.reference


def _other_side(stored: Row, account: str, unit: str, moved: int) -> str | None:
    """The account at the other end of a movement, if there is one and the event is known."""
    try:
        legs = read(stored.type, stored.state).event.postings()
    except UnknownEventType:
        return None
    ends: dict[str, int] = {}
    for other, of_unit, bucket, quantity in legs:
        if bucket == "held" and of_unit == unit and other != account:
            ends[other] = ends.get(other, 0) + quantity
    # What only passes through an account on its way is not its end, nor what goes the same way.
    others = [other for other, quantity in ends.items() if quantity * moved < 0]
    return others[0] if len(others) == 1 else None
