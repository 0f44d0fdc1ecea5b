"""The statement of an account: every movement, by effective time, with running balances."""

from datetime import datetime

from etsledger.domain.times import from_micros, iso, to_micros
from etsledger.ledger.books import StatementRow
from etsledger.ledger.postings import movements
from etsledger.ledger.record import read
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
) -> list[StatementRow]:
    """The movements of an account with ``start <= effective_at <= end`` known at ``upto``.

    Balances run from the account's first movement, whatever ``start`` is.
    """
    low, high = to_micros(start) if start else None, to_micros(end)
    running: dict[tuple[str, str], int] = {}
    rows: list[StatementRow] = []
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
    for i in range(0, len(rows), _FETCH):
        _add_papers(store, account, rows[i : i + _FETCH])
    return rows


def _add_papers(store: Store, account: str, rows: list[StatementRow]) -> None:
    found = {row.position: row for row in store.rows_at([row["position"] for row in rows])}
    for row in rows:
        stored = found[row["position"]]
        logged = read(stored.type, stored.state)
        command = logged.command
        ends = {
            other
            for other, unit, bucket, _ in logged.event.postings()
            if bucket == "held" and unit == row["unit"] and other != account
        }
        row["recorded_at"] = iso(logged.record.recorded_at)
        row["type"] = stored.type
        row["counterparty"] = ends.pop() if len(ends) == 1 else None
        row["command_id"] = command.id
        row["actor"] = command.actor
        row["reference"] = command.reference
