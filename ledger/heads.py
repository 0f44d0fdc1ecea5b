"""The head of the log: its last position, the hash there, and the Merkle root of it all.

Kept elsewhere, a head proves later that nothing before it was changed or cut off.
"""

from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from etsledger.ledger.errors import ImportRefused
from etsledger.ledger.merkle import Frontier
from etsledger.ledger.record import GENESIS, hash_of
from etsledger.ledger.store import Store

FRONTIER: Final = "merkle_frontier"
_SAVE_AFTER: Final = 10_000


class Head(NamedTuple):
    """A point of the log; ``root`` is None where only the chain was walked."""

    position: int
    hash: str
    root: str | None

    def as_dict(self) -> dict[str, Any]:
        """``{"position", "hash", "root"}``"""
        return self._asdict()


def read_head(text: str | bytes) -> Head:
    """A head that was kept elsewhere, as ``head`` printed it. Raises ImportRefused."""
    try:
        raw: Any = msgspec.json.decode(text)
        return Head(int(raw["position"]), str(raw["hash"]), raw.get("root"))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, IndexError):
        raise ImportRefused(
            'the head file is not as `etsledger head` prints it: {"position", "hash", "root"}'
        ) from None


def present_head(store: Store, upto: int | None = None) -> Head:
    """The head of the log, from the kept frontier and the rows after it."""
    upto = store.head_position() if upto is None else upto
    kept, body = store.cursor(FRONTIER)
    try:
        frontier = Frontier.from_bytes(body) if body is not None else Frontier()
    except ValueError:
        frontier = Frontier()
    if frontier.size != kept or kept > upto:
        frontier = Frontier()
    start = frontier.size
    last = GENESIS
    for row in store.rows(max(start - 1, 0), upto):
        last = hash_of(row.state)
        if row.position > start:
            frontier.append(bytes.fromhex(last))
    if frontier.size - start > _SAVE_AFTER:
        _save(store, frontier)
    return Head(upto, last, frontier.root())


def _save(store: Store, frontier: Frontier) -> None:
    # Kept if it can be kept: the head is known without.
    with store.try_writing() as free, suppress(SQLAlchemyError):
        if free:
            with store.engine.begin() as connection:
                store.set_cursor(connection, FRONTIER, frontier.size, frontier.to_bytes())
