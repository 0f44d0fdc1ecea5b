"""The writer lock of a SQLite store: one writer at a time, in turn, and no spinning.

An OS lock (``fcntl.flock``) on a file beside the database; the kernel queues those who
wait. Whoever waits too long learns who holds it and since when. The lock is lost with its
process, so a killed writer blocks nobody.
"""

import fcntl
import json
import os
import random
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from etsledger.ledger.errors import StoreForeign, StoreLocked, StoreReadOnly
from etsledger.ledger.forks import Turn
from etsledger.ledger.marks import AT, LENGTH, Mark

_NETWORK_FILE_SYSTEMS = {
    "nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "afs", "ncpfs", "9p.nfs", "ceph",
    "glusterfs", "fuse.sshfs", "fuse.glusterfs", "lustre", "davfs", "fuse.davfs2",
}  # fmt: skip


_NAPS = 15
_NAP = 0.01
"""Looks at a taken lock before joining the queue for it, and the shortest wait between two."""


def refuse_network_file_system(path: Path) -> None:
    """Raises StoreForeign when ``path`` lies on a file system whose locks cannot be trusted."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return
    best, kind = "", ""
    real = str(path.resolve())
    for line in mounts:
        fields = line.split()
        point = fields[1].encode().decode("unicode_escape") if len(fields) > 2 else ""
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    if kind in _NETWORK_FILE_SYSTEMS:
        raise StoreForeign(
            f"{path} lies on a network file system ({kind} at {best}), where SQLite's locks "
            "cannot be trusted; keep the store on a local disk or use PostgreSQL"
        )


class WriterLock:
    """The lock file of one store; opened anew after a fork, safe between threads."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._turn = Turn()
        self._fd = -1
        # Padded, so that a shorter label covers a longer one.
        self._host = json.dumps(socket.gethostname()).encode().ljust(100)

    def _descriptor(self) -> int:
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
            except OSError as error:
                raise StoreReadOnly(
                    f"the writer lock {self._path} cannot be opened ({error.strerror}); "
                    "the store answers questions but takes no writes"
                ) from error
        return self._fd

    def pause(self) -> bool:
        """Before a fork: waits for the writer of this process; False when it does not finish."""
        return self._turn.pause(self._timeout)

    def resume(self) -> None:
        """After a pause: writers go on."""
        self._turn.resume()

    def forget(self) -> None:
        """In the child of a fork: the lock and its file are the parent's."""
        self._turn.forget()
        if self._fd >= 0:
            # The open file is shared: kept here, it would keep the lock of a killed parent.
            os.close(self._fd)
            self._fd = -1

    @contextmanager
    def held(self) -> Generator[None]:
        """Holds the lock. Raises StoreLocked after the time-out, StoreReadOnly."""
        if not self._turn.take(self._timeout):
            raise StoreLocked(self._who())
        try:
            fd = self._descriptor()
            self._acquire(fd)
            try:
                yield
            finally:
                self._release(fd)
        finally:
            self._turn.give()

    @contextmanager
    def try_held(self) -> Generator[bool]:
        """Holds the lock if it is free now; yields whether it does."""
        if not self._turn.take(0):
            yield False
            return
        try:
            try:
                fd = self._descriptor()
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (OSError, StoreReadOnly):
                yield False
                return
            try:
                yield True
            finally:
                self._release(fd)
        finally:
            self._turn.give()

    def note(self, mark: Mark) -> None:
        """Notes how far the store was written; called while the lock is held."""
        if self._fd >= 0:
            with suppress(OSError):  # a full disk: what was written is written all the same
                os.pwrite(self._fd, mark.to_bytes(), AT)

    def noted(self) -> Mark | None:
        """How far the store was written, if that was noted and can be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(AT)
                return Mark.from_bytes(file.read(LENGTH))
        except OSError:
            return None

    def _release(self, fd: int) -> None:
        # After a fork inside the block the child has no such file any more.
        if self._fd == fd:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def _acquire(self, fd: int) -> None:
        # Passing the lock on costs as much as a write. So whoever finds it taken first looks
        # again a few times, while the holder may write on, and only then joins the queue.
        for nap in range(_NAPS):
            if self._try(fd):
                break
            time.sleep(random.uniform(0.5, 1.5) * min(nap + 1, 5) * _NAP)
        else:
            if not self._try(fd):
                self._wait(fd)
        os.pwrite(fd, self._label(), 0)

    def _try(self, fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(self, fd: int) -> None:
        # The kernel's queue is fair; a thread waits in it so that a time-out is possible.
        deciding = threading.Lock()
        taken = threading.Event()
        given_up = False

        def wait() -> None:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with deciding:
                if not given_up:
                    taken.set()
                    return
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

        threading.Thread(target=wait, daemon=True).start()
        in_time = False
        try:
            in_time = taken.wait(self._timeout)
        finally:
            with deciding:
                given_up = not in_time
            if given_up and taken.is_set():
                fcntl.flock(fd, fcntl.LOCK_UN)  # it came at the very end
            elif given_up:
                # The descriptor belongs to the waiting thread now; the next write opens its own.
                self._fd = -1
        if given_up:
            raise StoreLocked(self._who())

    def _label(self) -> bytes:
        return b'{"pid": %10d, "since": %10d, "host": %s}' % (os.getpid(), time.time(), self._host)

    def _who(self) -> str:
        try:
            holder = json.loads(self._path.read_bytes()[:AT].rstrip(b"\0") or b"{}")
            since = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(holder["since"]))
            who = f"process {holder['pid']} on {holder['host']} since {since}"
        except (OSError, ValueError, KeyError):
            who = "an unknown process"
        return (
            f"another writer ({who}) held the store for {self._timeout:g} s; "
            "try again, or find out why it does not finish"
        )

    def close(self) -> None:
        """Closes the lock file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
