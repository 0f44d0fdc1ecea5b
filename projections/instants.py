"""Reading the two clocks of a question: as of when, and known at when."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from etsledger.domain.times import normalise, parse_instant
from etsledger.ledger.clock import Clock
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.questions import KnownAt, When
from etsledger.ledger.record import read_seal, split
from etsledger.ledger.store import Store


class Viewpoint(NamedTuple):
    """Where a question stands: facts effective by ``as_of``, at positions up to ``upto``."""

    as_of: datetime
    upto: int


def instant(when: When, *, end_of_day: bool = True) -> datetime | None:
    """The instant of a time or its text; a bare date is the end of that day (or its start).

    Raises ValueError.
    """
    if when is None:
        return None
    if isinstance(when, str):
        return parse_instant(when, end_of_day=end_of_day)
    return normalise(when)


def viewpoint(store: Store, clock: Clock, as_of: When, known_at: KnownAt, head: int) -> Viewpoint:
    """The viewpoint of a question at a log of ``head`` events. Raises ValueError."""
    upto = position_known(store, known_at, head)
    return Viewpoint(instant(as_of) or _now(store, clock, upto), upto)


def _now(store: Store, clock: Clock, upto: int) -> datetime:
    """The present of a question: a clock that was set back does not hide what was recorded."""
    row = store.row(upto) if upto else None
    now = clock()
    if row is None:
        return now
    try:
        return max(now, read_seal(split(row.state)[1]).recorded_at)
    except (StoreDamaged, msgspec.MsgspecError):
        return now  # verify names the row; the other answers still stand


def position_known(store: Store, known_at: KnownAt, head: int) -> int:
    """The last position that was recorded by ``known_at``. Raises ValueError.

    Recorded times never decrease along the log, so this is a binary search.
    """
    if known_at is None:
        return head
    if isinstance(known_at, str) and known_at.startswith("@"):
        number = known_at[1:]
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f"{known_at!r} is no position; @17 is the log up to position 17")
        known_at = int(number)
    if isinstance(known_at, int):
        if known_at < 0:
            raise ValueError("a position is 0 or greater")
        return min(known_at, head)
    time = instant(known_at)
    low, high = 0, head
    while time is not None and low < high:
        middle = (low + high + 1) // 2
        row = store.row(middle)
        if row is not None and read_seal(split(row.state)[1]).recorded_at <= time:
            low = middle
        else:
            high = middle - 1
    return low
