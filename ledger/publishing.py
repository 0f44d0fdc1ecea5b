"""Publishing heads: after each closing the head goes where whoever can write the store cannot.

To a file, a JSON line a head, and to the standard input of a command. A failure is told and
takes nothing back: the closing is durable before its head is published.
"""

import fcntl
import json
import os
import shlex
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from etsledger.ledger.durable import sync
from etsledger.ledger.heads import Head

Publish = Callable[[Head], None]
"""Takes a head somewhere; whatever it raises says that it did not arrive."""
TIMEOUT: Final = 60.0
"""Seconds that a command may take."""
_TAIL: Final = 4096
"""More than a line of a head has."""


class NotPublished(Exception):
    """A head did not arrive where it was to be published; the message says why."""


def publish_heads(
    *, file: str | os.PathLike[str] | None = None, command: str | Sequence[str] | None = None
) -> Publish:
    """What publishes a head to a file, to a command's standard input, or to both.

    The file is made where it is absent, and is on the disk when this returns. ``command`` is a
    program with its arguments, no text for a shell, and ends with 0 when it took the head.
    The one is tried where the other failed; raises NotPublished with every reason.
    """
    arguments = shlex.split(command) if isinstance(command, str) else list(command or ())
    if file is None and not arguments:
        raise ValueError("say where heads go: to a file, or to a command")

    def publish(head: Head) -> None:
        line = json.dumps(head.as_dict(), separators=(",", ":")).encode() + b"\n"
        failures: list[str] = []
        if file is not None:
            try:
                append_line(Path(file), line)
            except OSError as error:
                failures.append(f"{os.fspath(file)}: {error.strerror or error}")
        if arguments:
            try:
                _hand_over(arguments, line)
            except (OSError, NotPublished, subprocess.TimeoutExpired) as error:
                failures.append(f"{arguments[0]}: {getattr(error, 'strerror', None) or error}")
        if failures:
            raise NotPublished("; ".join(failures))

    return publish


def append_line(path: Path, line: bytes) -> None:
    """Adds a line to a file, whole or not at all, and has it on the disk. Raises OSError.

    What a crash left of an earlier line at the end goes.
    """
    new = not path.exists()
    with _locked(path) as descriptor:
        end = _end_of_lines(descriptor)
        try:
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(0, f"{written} of {len(line)} bytes were written")
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
    if new:
        sync(path.parent)


@contextmanager
def _locked(path: Path) -> Generator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _end_of_lines(descriptor: int) -> int:
    """Where the last whole line ends; what stands after it is taken off."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - _TAIL)
    tail = os.pread(descriptor, size - start, start)
    if not tail or tail.endswith(b"\n"):
        return size
    rest = tail.rpartition(b"\n")[2]
    try:
        json.loads(rest)
    except ValueError:
        if len(rest) == len(tail) and start:
            raise OSError(0, "its last line is no head") from None
        os.ftruncate(descriptor, size - len(rest))
        return size - len(rest)
    os.write(descriptor, b"\n")  # a head that an editor saved without its line end
    return size + 1


def _hand_over(arguments: Sequence[str], line: bytes) -> None:
    done = subprocess.run(
        arguments, input=line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        timeout=TIMEOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NotPublished(f"it ended with {done.returncode}" + (f" ({said[-1]})" if said else ""))
