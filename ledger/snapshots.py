"""Snapshots of the whole state, so that a cold start at a million events stays fast.

A snapshot carries its position, the hash of the event there, the hash of its own body and
a fingerprint of the code that reads it. One that does not match is ignored: replaying the
log gives the same state. Snapshots are never exported; ``verify`` rebuilds and compares.
"""

import hashlib
from functools import cache
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import delete, insert, select

from etsledger.domain.state import State
from etsledger.ledger.record import hash_of
from etsledger.ledger.store import Store
from etsledger.ledger.tables import snapshots

EVERY: Final = 50_000
"""Events between snapshots: replaying so many takes less than half a second."""
SCHEMA: Final = 1
"""Raised when the meaning of a state changes without its shape."""

_decoder: Final = msgspec.json.Decoder(State)


class Snapshot(NamedTuple):
    """A state with the hash of the event at its position."""

    state: State
    head: str


def state_bytes(state: State) -> bytes:
    """The canonical bytes of a state: equal states give equal bytes."""
    for registry in state.registries.values():
        for account in [a for a, units in registry.holdings.items() if not units]:
            del registry.holdings[account]
    # By way of plain values: the years of an entity are integers, which are not sorted as keys.
    return msgspec.json.encode(msgspec.to_builtins(state, order="sorted", str_keys=True))


def state_hash(body: bytes) -> str:
    """The SHA-256 of a state's bytes in hex."""
    return hashlib.sha256(body).hexdigest()


@cache
def code_schema() -> str:
    """A fingerprint of the shape of the state and of ``SCHEMA``."""
    shape = msgspec.json.encode(msgspec.json.schema(State), order="sorted")
    return hashlib.sha256(shape + str(SCHEMA).encode()).hexdigest()


def save(store: Store, state: State, head: str) -> None:
    """Keeps the state as the only snapshot but one; called by the writer after a commit."""
    body = state_bytes(state)
    with store.engine.begin() as connection:
        kept = connection.execute(
            select(snapshots.c.position).order_by(snapshots.c.position.desc()).limit(1)
        ).scalar()
        if kept is not None:
            connection.execute(delete(snapshots).where(snapshots.c.position != kept))
        connection.execute(delete(snapshots).where(snapshots.c.position == state.position))
        connection.execute(
            insert(snapshots).values(
                position=state.position,
                head=head,
                state_hash=state_hash(body),
                code_schema=code_schema(),
                body=body,
            )
        )


def load(store: Store, upto: int | None = None) -> Snapshot | None:
    """The latest snapshot that matches the log and this code, or None."""
    query = select(snapshots).order_by(snapshots.c.position.desc())
    if upto is not None:
        query = query.where(snapshots.c.position <= upto)
    with store.engine.connect() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        if row.code_schema != code_schema() or row.state_hash != state_hash(row.body):
            continue
        at = store.row(row.position)
        if at is None or hash_of(at.state) != row.head:
            continue
        try:
            state = _decoder.decode(row.body)
        except msgspec.MsgspecError:
            continue
        if state.position == row.position:
            return Snapshot(state, row.head)
    return None
