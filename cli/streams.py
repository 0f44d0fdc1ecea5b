"""Standard output: bytes for programs, text for people; all of it, or an OSError."""

import sys
from collections.abc import Mapping

import msgspec

Row = Mapping[str, object]
"""One row, or the one object, of an answer."""


def echo(text: str) -> None:
    """A line or lines for people, in whatever encoding their terminal has."""
    sys.stdout.flush()
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    write((text + "\n").encode(encoding, "backslashreplace"), flush=True)


def write(data: bytes, *, flush: bool = False) -> None:
    """Bytes to standard output, all of them or an OSError."""
    stream, rest = sys.stdout.buffer, memoryview(data)
    while rest:  # under PYTHONUNBUFFERED one write may take only a part
        rest = rest[stream.write(rest) :]
    if flush:
        stream.flush()


def encode_line(row: Row) -> bytes:
    """A row as one line of JSON."""
    return msgspec.json.encode(row) + b"\n"
