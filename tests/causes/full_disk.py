"""A disk that is full: a small tmpfs where this process may mount one, or a file size limit."""

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from causes.common import (
    answers,
    balances,
    etsledger,
    expect,
    file_of,
    one_line,
    records,
    whole,
)
from causes.kills import kept_of_file, story

QUERIES = [["balances"], ["supply"], ["statement", "account-1"], ["head"], ["events"]]
SMALL = 6 << 20


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], object]]:
    """Mounts a tmpfs of 6 MiB on a folder; gives what makes it large. Raises OSError."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        raise OSError("no mount program") from error
    if done.returncode:
        raise OSError(done.stderr.strip())
    larger = ["mount", "-o", "remount,size=256m", str(folder)]
    try:
        yield lambda: subprocess.run(larger, check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def limit_file_size(size: int) -> None:
    """In a child process: no file grows beyond so many bytes, as if the disk were full then."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fill_a_disk(folder: Path, *, seed: int, commands: int) -> str:
    """A file that does not fit on a tmpfs. Raises OSError where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk) as enlarge:
        return _fill(disk / "books.db", seed, commands, None, enlarge)


def outgrow_a_limit(folder: Path, *, seed: int, commands: int, size: int = SMALL) -> str:
    """A file that does not fit under a limit on the size of files."""
    limit = partial(limit_file_size, size)
    return _fill(folder / "limited.db", seed, commands, limit, lambda: None)


def _fill(
    path: Path,
    seed: int,
    commands: int,
    before: Callable[[], object] | None,
    enlarge: Callable[[], object],
) -> str:
    """The refused write leaves nothing and says one line; the store answers, verifies, goes on."""
    url = f"sqlite:///{path}"
    lines = story(commands, seed)
    given = file_of(lines)
    done = etsledger(url, "apply", "--format", "jsonl", "-", given=given, before=before)
    said = one_line(done, 3, "apply on a full disk")
    expect(said.startswith("error: StoreWriteFailed: "), said)
    answered = answers(done.out)
    kept = kept_of_file(url, lines, answered)
    expect(0 < kept < len(lines), f"the disk was not full in the middle: {kept}")
    again = etsledger(url, "apply", "-", given=file_of(lines[kept:]), before=before)
    one_line(again, 3, "apply on a disk that is still full")
    for query in QUERIES:
        asked = etsledger(url, *query, before=before)
        expect(asked.code == 0 and not asked.err, f"{query} on a full disk: {asked.err}")
    enlarge()
    last = etsledger(url, "apply", "--format", "jsonl", "-", given=given)
    expect(last.code == 0, f"with room again: {last.err}")
    expect(len(answers(last.out)) == len(lines), "not every command was answered")
    whole(url)
    expect(len({r["command"]["id"] for r in records(url)}) == len(records(url)), "an id twice")
    expect(sum(balances(url).values()) == 10 * 100_000_000, "tonnes came or went")
    return f"full after {kept} of {len(lines)} commands ({len(answered)} answered): {said[:90]}"
