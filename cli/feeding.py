"""The ends of ``events --follow``: what reads its lines, and what tells that it has."""

import os
import select
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etsledger.ledger.feed import Cursor

if TYPE_CHECKING:
    from etsledger.ledger.feed import Point


class Reader:
    """Who reads the lines, and may write back the positions that were dealt with."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self._out = _descriptor(sys.stdout)
        self._back = _descriptor(sys.stdin) if answers else None
        self._poll = select.poll()
        if self._out is not None:
            self._poll.register(self._out, 0)  # only whether nobody reads any more
        if self._back is not None:
            self._poll.register(self._back, select.POLLIN)
        self._rest = b""
        self._upto = 0

    def pause(self, seconds: float) -> None:
        """Waits, or until the reader answers. Raises BrokenPipeError when it has gone."""
        if self._out is None and self._back is None:
            time.sleep(seconds)
            return
        for descriptor, what in self._poll.poll(round(seconds * 1000)):
            if descriptor == self._out and what & (select.POLLERR | select.POLLHUP):
                raise BrokenPipeError
            if descriptor == self._back:
                self._read(descriptor)

    def acknowledged(self) -> int:
        """The position up to which the reader says it has dealt with the feed."""
        self.pause(0)
        return self._upto

    def has_gone(self) -> bool:
        """Whether nobody reads any more."""
        return any(
            descriptor == self._out and what & (select.POLLERR | select.POLLHUP)
            for descriptor, what in self._poll.poll(0)
        )

    def _read(self, descriptor: int) -> None:
        given = os.read(descriptor, 1 << 16)
        if not given:
            raise BrokenPipeError  # who says no more has gone
        *lines, self._rest = (self._rest + given).split(b"\n")
        for line in filter(None, map(bytes.strip, lines)):
            if not line.isdigit():
                raise click.UsageError(
                    f"--acknowledged wants positions on standard input, a line each: {line[:40]!r}"
                )
            self._upto = max(self._upto, int(line))


class FlushedCursor(Cursor):
    """A cursor that moves when standard output is on the disk, where it goes to a file.

    It stays where it is when a reader has gone that does not answer: what lay in the pipe was
    not read.
    """

    def __init__(self, path: Path, reader: Reader) -> None:
        super().__init__(path)
        self._reader = reader

    def save(self, point: "Point") -> None:
        """Moves the cursor to a point whose lines were flushed."""
        if not self._reader.answers and self._reader.has_gone():
            return
        descriptor = _descriptor(sys.stdout)
        if descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
        super().save(point)


def _descriptor(stream: object) -> int | None:
    try:
        return stream.fileno()  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):  # a test's stream, or a closed one
        return None
