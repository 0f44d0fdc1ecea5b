"""Snapshots of the whole state, so that a cold start at a million events stays fast.

A snapshot carries its position, the hash of the event there, the hash of its own body and
a fingerprint of the code that reads it. One that does not match is ignored: replaying the
log gives the same state. Snapshots are never exported; ``verify`` rebuilds and compares.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, cast

import msgspec
from sqlalchemy import delete, insert, select

from etsledger.domain.state import RegistryState, State
from etsledger.ledger.errors import StoreDamaged
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
    return b"".join(_state_pieces(state))


def state_hash(body: bytes) -> str:
    """The SHA-256 of a state's bytes in hex."""
    return hashlib.sha256(body).hexdigest()


def hash_of_state(state: State) -> str:
    """The ``state_hash`` of the ``state_bytes`` of a state, which are never there as a whole."""
    digest = hashlib.sha256()
    for piece in _state_pieces(state):
        digest.update(piece)
    return digest.hexdigest()


def _state_pieces(state: State) -> Iterator[bytes]:
    for registry in state.registries.values():
        for account in [a for a, units in registry.holdings.items() if not units]:
            del registry.holdings[account]
    return _pieces(state, _TABLES)


_TABLES: Final = 4
"""How deep the entries of a registry's tables lie: state, registries, registry, table."""


def _pieces(value: Any, depth: int) -> Iterator[bytes]:
    """The sorted JSON of a value; of what lies above the entries, entry by entry."""
    if depth and isinstance(value, State | RegistryState):
        value = msgspec.structs.asdict(value)
    if not depth or not isinstance(value, dict):
        # By way of plain values: the years of an entity are integers, which are not sorted as
        # keys.
        yield msgspec.json.encode(msgspec.to_builtins(value, order="sorted", str_keys=True))
        return
    before = b"{"
    entries = cast("dict[str, Any]", value)
    for name in sorted(entries):
        yield before + msgspec.json.encode(name) + b":"
        yield from _pieces(entries[name], depth - 1)
        before = b","
    yield b"{}" if not entries else b"}"


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
    columns = [column for column in snapshots.columns if column.name != "body"]
    query = select(*columns).order_by(snapshots.c.position.desc())
    if upto is not None:
        query = query.where(snapshots.c.position <= upto)
    with store.engine.connect() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        at = store.row(row.position)
        if row.code_schema != code_schema() or at is None or hash_of(at.state) != row.head:
            continue
        try:
            body = b"".join(store.snapshot_body(row.position))
            if row.state_hash != state_hash(body):
                continue
            state = _decoder.decode(body)
        except (StoreDamaged, msgspec.MsgspecError):
            continue
        if state.position == row.position:
            return Snapshot(state, row.head)
    return None
