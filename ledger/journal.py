"""The journal of refused commands: attempts are evidence, kept beside the log.

It is outside the chain, because a refused command changes nothing. Commands whose shape
is wrong are not kept at all.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select

from etsledger.domain.errors import Refusal
from etsledger.domain.times import iso
from etsledger.ledger.commandfile import Prepared
from etsledger.ledger.store import Store
from etsledger.ledger.tables import refusals


def keep(store: Store, now: datetime, refused: Sequence[tuple[Prepared, Refusal]]) -> None:
    """Adds refused commands to the journal."""
    rows = [
        {
            "recorded_at": iso(now),
            "command_id": prepared.command.id,
            "code": refusal.code,
            "command": prepared.content,
            "refusal": msgspec.json.encode(refusal.as_dict()),
        }
        for prepared, refusal in refused
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(refusals), rows)


def read(store: Store, code: str | None = None) -> list[dict[str, Any]]:
    """The refused commands, oldest first, with the numbers that decided."""
    query = select(refusals).order_by(refusals.c.recorded_at)
    if code is not None:
        query = query.where(refusals.c.code == code)
    with store.engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        {
            "recorded_at": row.recorded_at,
            "command_id": row.command_id,
            "code": row.code,
            "command": msgspec.json.decode(row.command),
            "refusal": msgspec.json.decode(row.refusal),
        }
        for row in rows
    ]
