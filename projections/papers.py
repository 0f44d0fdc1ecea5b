"""The papers of events that an answer lists: type, and both times."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from etsledger.domain.times import iso, parse_instant
from etsledger.ledger.record import split
from etsledger.ledger.store import Store

_FETCH: Final = 1_000


class Papers(NamedTuple):
    """The type of an event, when it took effect and when it was recorded."""

    type: str
    effective_at: str
    recorded_at: str


class _Times(msgspec.Struct, gc=False):
    effective_at: str
    recorded_at: str


_times: Final = msgspec.json.Decoder(_Times)


def papers_of(store: Store, positions: Iterable[int]) -> dict[int, Papers]:
    """By position, of those that the log has. Raises StoreDamaged."""
    wanted = sorted(set(positions))
    found: dict[int, Papers] = {}
    for i in range(0, len(wanted), _FETCH):
        for row in store.rows_at(wanted[i : i + _FETCH]):
            times = _times.decode(split(row.state)[1])
            found[row.position] = Papers(
                row.type, _shanghai(times.effective_at), _shanghai(times.recorded_at)
            )
    return found


def _shanghai(time: str) -> str:
    return time if time.endswith("+08:00") else iso(parse_instant(time))
