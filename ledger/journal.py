"""The journal of refused commands: attempts are evidence, kept beside the log.

It is outside the chain, because a refused command changes nothing. Commands whose shape
is wrong are not kept at all.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import insert, inspect, null, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from etsledger.domain.times import iso, parse_instant
from etsledger.ledger.drafting import Refused
from etsledger.ledger.store import Store
from etsledger.ledger.tables import refusals

_PLACE: Final = "position"


class Attempt(NamedTuple):
    """A refused command where it was sent: after the event at ``position``.

    ``position`` is None where an older version kept it, which noted the time only, and that
    of the end of the write.
    """

    command_id: str
    content: bytes
    recorded_at: datetime
    position: int | None
    refusal: dict[str, Any]


def keep(store: Store, refused: Sequence[Refused]) -> None:
    """Adds refused commands to the journal."""
    rows = [
        {
            "recorded_at": iso(one.recorded_at),
            "command_id": one.prepared.command.id,
            "code": one.refusal.code,
            "command": one.prepared.content,
            "refusal": msgspec.json.encode(one.refusal.as_dict()),
            _PLACE: one.position,
        }
        for one in refused
    ]
    try:
        _insert(store, rows)
    except (OperationalError, ProgrammingError):
        if _has_places(store):
            raise
        with suppress(SQLAlchemyError), store.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {refusals.name} ADD COLUMN {_PLACE} BIGINT"))
        if not _has_places(store):  # who may write need not be who may alter
            for row in rows:
                del row[_PLACE]
        _insert(store, rows)


def _insert(store: Store, rows: list[dict[str, Any]]) -> None:
    with store.engine.begin() as connection:
        connection.execute(insert(refusals), rows)


def _has_places(store: Store) -> bool:
    columns = inspect(store.engine).get_columns(refusals.name)
    return any(column["name"] == _PLACE for column in columns)


def read(store: Store, code: str | None = None) -> list[dict[str, Any]]:
    """The refused commands, oldest first, with the numbers that decided.

    ``position`` is that of the last event before, where it is known.
    """
    c = refusals.c
    place = c.position if _has_places(store) else null().label(_PLACE)
    query = select(c.recorded_at, c.command_id, c.code, c.command, c.refusal, place)
    query = query.order_by(c.recorded_at, place)
    if code is not None:
        query = query.where(refusals.c.code == code)
    with store.engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        {
            "recorded_at": row.recorded_at,
            "position": row.position,
            "command_id": row.command_id,
            "code": row.code,
            "command": msgspec.json.decode(row.command),
            "refusal": msgspec.json.decode(row.refusal),
        }
        for row in rows
    ]


def attempts(store: Store, *, placed: bool) -> Iterator[Attempt]:
    """The refused commands by the position they were sent after; unless ``placed``, those
    of which it is not known, by their recorded time. One after the other is read."""
    columns, condition, order = "command_id, command, recorded_at, refusal", "", "recorded_at"
    if _has_places(store):
        columns += f", {_PLACE}"
        condition = f" WHERE {_PLACE} IS {'NOT' if placed else ''} NULL"
        order = f"{_PLACE}, recorded_at, command_id" if placed else order
    elif placed:
        return
    query = f"SELECT {columns} FROM {refusals.name}{condition} ORDER BY {order}"
    for chunk in store.scan(query, once=True):
        for command_id, content, recorded_at, refusal, *place in chunk:
            yield Attempt(
                command_id, bytes(content), parse_instant(recorded_at),
                place[0] if place else None, msgspec.json.decode(refusal),
            )  # fmt: skip
