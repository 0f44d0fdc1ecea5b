"""Files that outlive a crash: whole or not at all, under their name or not there."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def sync(path: Path) -> None:
    """Has a file, or the names in a folder, on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_of(target: Path) -> Path:
    """Where a file is written before it gets its name: beside it, hidden, of this process."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


@contextmanager
def replaced(target: Path) -> Generator[IO[bytes]]:
    """A file to write that takes the place of ``target`` when all went well, in one step."""
    part = part_of(target)
    try:
        with part.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(target.absolute().parent)
