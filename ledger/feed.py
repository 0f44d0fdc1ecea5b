"""The log as a change feed: what is added to it, each event at least once.

A cursor is a file that says how far a consumer has dealt with the log. It is moved after an
event was dealt with, never before: a consumer that dies is given again what it may not have
finished, and nothing is left out. It also holds the hash at its position, so that a log
that was restored or exchanged is not followed as if nothing had happened.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from etsledger.ledger.durable import replaced
from etsledger.ledger.errors import FeedBroken
from etsledger.ledger.record import GENESIS, hash_of
from etsledger.ledger.rows import EventRow
from etsledger.ledger.store import Store

WAIT: Final = 0.2
"""Seconds between two looks at a log that has nothing new."""
_TOGETHER: Final = 100
_LONGEST: Final = 1.0
"""Events, and seconds, after which the cursor is moved while there are more at once."""


class Point(NamedTuple):
    """How far a feed has come: a position of the log, and the hash there."""

    position: int
    hash: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    position: Annotated[int, msgspec.Meta(ge=0)]
    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Cursor:
    """A file that remembers how far a consumer has come."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    def read(self) -> Point | None:
        """Where it stands; None when the file is not there. Raises FeedBroken."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, ValueError) as error:
            raise FeedBroken(f"{self._path} is no cursor of a feed: {error}") from None
        return Point(found.position, found.hash)

    def save(self, point: Point) -> None:
        """Moves it, durably and in one step: a crash leaves the old place or the new one."""
        with replaced(self._path) as file:
            file.write(msgspec.json.encode(point._asdict()) + b"\n")


class Feed:
    """The events of a log after a point, as they come."""

    def __init__(
        self,
        store: Store,
        select: Callable[[int, int], Iterator[EventRow]],
        *,
        start: Point,
        cursor: Cursor | None,
        pause: Callable[[float], object],
        acknowledged: Callable[[], int] | None = None,
    ) -> None:
        """``select`` gives the events of a range of positions, both included.

        A ``start`` without a hash is taken as it is. ``pause`` waits some seconds.
        ``acknowledged`` tells up to which position a consumer elsewhere has dealt with what it
        was given; without it an event counts as dealt with when the next is asked for.
        """
        self._store = store
        self._select = select
        self._cursor = cursor
        self._pause = pause
        self._acknowledged = acknowledged
        self._come = self._dealt = start
        self._open: deque[tuple[int, Point]] = deque()
        """Points not dealt with yet, each with the last event that has to be before it is."""
        self._pending = 0
        self._moved = time.monotonic()
        """Events dealt with since the cursor was moved, and when that was."""

    def follow(self, until: int | None, limit: int | None, *, wait: bool) -> Iterator[EventRow]:
        """The events, each once; ends at ``until``, after ``limit``, or unless told to ``wait``.

        Raises FeedBroken.
        """
        given = last = 0
        try:
            while until is None or self._come.position < until:
                head = self._head()
                upto = head if until is None else min(head, until)
                if upto > self._come.position:
                    for event in self._select(self._come.position + 1, upto):
                        if given == limit:
                            break
                        given, last = given + 1, event["position"]
                        yield event
                        self._move(last, Point(last, event["hash"]))
                    if given != limit:
                        self._move(last, self._point(upto))
                self._save()
                if given == limit or (upto == head and not wait):
                    break
                if self._come.position >= self._store.head_position():
                    self._pause(WAIT)
                    self._settle()
            while self._open:
                self._pause(WAIT)
                self._settle()
        finally:
            # What was given last and not asked on from may not have been dealt with.
            self._save()

    def _head(self) -> int:
        """The present end of the log. Raises FeedBroken unless it continues what was read."""
        head, come = self._store.head_position(), self._come
        if not come.hash:
            if 0 < come.position <= head:
                self._come = self._point(come.position)
            return head
        found = self._point(come.position).hash if come.position <= head else None
        if found != come.hash:
            here = f"has {found} there" if found else f"ends at position {head}"
            raise FeedBroken(
                f"the feed has come to position {come.position} with hash {come.hash}, and the "
                f"log {here}: it was restored, cut or exchanged. 'etsledger verify' says whether "
                "it is whole; begin again with a new cursor where both histories are the same"
            )
        return head

    def _point(self, position: int) -> Point:
        row = self._store.row(position) if position else None
        return Point(position, hash_of(row.state) if row else GENESIS)

    def _move(self, needs: int, point: Point) -> None:
        """The feed has come to a point, which the event at a position leads to."""
        self._come = point
        self._open.append((needs, point))
        self._settle()

    def _settle(self) -> None:
        """Takes note of what has been dealt with."""
        upto = self._come.position if self._acknowledged is None else self._acknowledged()
        while self._open and self._open[0][0] <= upto:
            self._dealt = self._open.popleft()[1]
            self._pending += 1
        if self._pending >= _TOGETHER or (
            self._pending and time.monotonic() - self._moved > _LONGEST
        ):
            self._save()

    def _save(self) -> None:
        if self._pending and self._cursor is not None:
            self._cursor.save(self._dealt)
        self._pending, self._moved = 0, time.monotonic()
