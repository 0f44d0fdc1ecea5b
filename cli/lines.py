"""Lines of a file or a pipe, as they come."""

import os
import select
import stat
from collections.abc import Generator, Iterator
from io import UnsupportedOperation
from typing import IO

LONGEST = 64 * 1024 * 1024 + 1
"""A longer line is cut here; what reads it refuses it for its length."""
IDLE = 0.2
"""Seconds after which a pipe without a further line counts as idle."""
_READ = 1 << 20


def lines_of(file: IO[bytes]) -> Iterator[bytes | None]:
    """The lines of a file; of a pipe or terminal also a None whenever it falls idle."""
    try:
        descriptor = file.fileno()
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except (UnsupportedOperation, AttributeError, OSError):
        descriptor, regular = -1, True
    return _of_file(file) if regular else _of_pipe(descriptor)


def _of_file(file: IO[bytes]) -> Iterator[bytes]:
    while text := file.readline(LONGEST):
        yield text
        while len(text) == LONGEST and not text.endswith(b"\n"):
            text = file.readline(LONGEST)


def _of_pipe(descriptor: int) -> Iterator[bytes | None]:
    parts: list[bytes] = []
    size, skipping = 0, False
    while data := (yield from _read(descriptor)):
        *whole, rest = data.split(b"\n")
        for text in whole:
            if not skipping:
                yield b"".join((*parts, text, b"\n"))[:LONGEST]
            parts, size, skipping = [], 0, False
        parts.append(rest)
        size += len(rest)
        if size >= LONGEST and not skipping:
            yield b"".join(parts)[:LONGEST]
            skipping = True
        if skipping:
            parts, size = [], 0
    if size and not skipping:
        yield b"".join(parts)


def _read(descriptor: int) -> Generator[None, None, bytes]:
    """What the pipe has; yields None again and again while it has nothing."""
    while not select.select([descriptor], [], [], IDLE)[0]:
        yield None
    return os.read(descriptor, _READ)
