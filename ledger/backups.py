"""Backups: a copy of the store as it is now, and putting one in a store's place.

A backup is made while writers go on, is checked before it has its name, and says of itself
that it is one, so that it is not written to by oversight. A restore asks what was kept
since (heads, and the mark beside the file): it does not go on silently behind a newer copy.
PostgreSQL has tools of its own; there a restore only begins the new epoch.
"""

import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from etsledger.domain.times import iso
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.durable import part_of, sync
from etsledger.ledger.epochs import Epochs
from etsledger.ledger.errors import BackupRefused
from etsledger.ledger.heads import Epoch, Head
from etsledger.ledger.locks import WriterLock
from etsledger.ledger.marks import Mark
from etsledger.ledger.opening import open_store, sqlite_path
from etsledger.ledger.record import hash_of
from etsledger.ledger.signatures import doubt
from etsledger.ledger.sqlite_store import SqliteStore
from etsledger.ledger.store import Store
from etsledger.ledger.tree import present_head
from etsledger.ledger.verify import verify

_TIMEOUT: Final = 10.0
_SIDE_FILES: Final = ("", "-wal", "-shm", "-journal")
Progress = Callable[[int], None]
"""Told the position that was checked."""


class Backup(NamedTuple):
    """A backup that was made, and checked."""

    file: Path
    head: Head
    made_at: str

    def as_dict(self) -> dict[str, Any]:
        """``{"file", "made_at", "position", "hash", "root", "store_id", "epoch", "epoch_from"}``"""
        return {"file": str(self.file), "made_at": self.made_at, **self.head.as_dict()}


class Restored(NamedTuple):
    """A store that took the place of another, in an epoch of its own."""

    store: str
    head: Head
    lost: int
    """Events that are known to have been written after the backup."""

    def as_dict(self) -> dict[str, Any]:
        """``{"store", "lost", "position", "hash", "root", "store_id", "epoch", "epoch_from"}``"""
        return {"store": self.store, "lost": self.lost, **self.head.as_dict()}


def back_up(store: Store, file: Path, clock: Clock, progress: Progress | None = None) -> Backup:
    """Copies a store into a new file, checks its head and its whole chain, and marks it.

    Raises BackupRefused, StoreError.
    """
    if not isinstance(store, SqliteStore):
        raise BackupRefused(
            f"{store.url} is kept by PostgreSQL's own tools: pg_dump makes a backup of it while "
            "it is written to (docs/operations.md has the commands)"
        )
    made_at = iso(clock())
    with _new_file(file) as part:
        store.copy_to(part)
        _say(part, {"backup_at": made_at})
        with closing(SqliteStore(part, clock, create=False, read_only=True, timeout=_TIMEOUT)) as (
            copy
        ):
            head = present_head(copy)
            row = store.row(head.position)
            if row is not None and hash_of(row.state) != head.hash:
                raise BackupRefused(f"the copy ends with {head.hash}, which the store has not")
            _check(copy, [head], None, progress)
            head = head._replace(epoch=Epochs.of(copy.meta()).present)
    return Backup(file, head, made_at)


def restore(
    file: str | os.PathLike[str] | None,
    to: str | os.PathLike[str],
    *,
    heads: Sequence[Head] | None,
    public_key: str | None = None,
    accept_loss: bool = False,
    clock: Clock = system_clock,
    progress: Progress | None = None,
) -> Restored:
    """Puts a backup where the store at a URL or path was, and begins its next epoch.

    Without a ``file`` the store at ``to`` was put there by other tools. ``heads`` are those
    that were kept since, signed by ``public_key`` (hex) if it is given; None says that there
    are none. A file that is there is never written over. Raises BackupRefused where the
    backup is not whole, is of another history than a head, or, unless ``accept_loss``, is
    known to end before what was written; StoreError.
    """
    kept = list(heads or ())
    if file is None:
        with closing(open_store(to, False, False, clock, _TIMEOUT)) as store:
            return _begin_epoch(store, kept, public_key, accept_loss, clock, progress)
    target = sqlite_path(to)
    if target is None:
        raise BackupRefused(
            f"{os.fspath(to)} is restored by PostgreSQL's own tools; afterwards 'etsledger "
            "restore --to URL', without a file, begins its next epoch (docs/operations.md)"
        )
    lock = WriterLock(target.with_name(target.name + ".lock"), _TIMEOUT)
    with closing(lock), lock.held():
        with (
            _new_file(target) as part,
            closing(open_store(Path(file), False, True, clock, _TIMEOUT)) as store,
        ):
            assert isinstance(store, SqliteStore)  # a path is one
            judged = _Judged.of(store, kept, lock.noted())
            judged.refuse_loss(accept_loss)
            _check(store, judged.binding, public_key, progress)
            store.copy_to(part)
            _say(part, judged.new_meta(clock))
            head = present_head(store)._replace(epoch=judged.epoch)
        lock.note(Mark(judged.epoch.store_id, judged.epoch.epoch, head.position))
    return Restored(f"sqlite:///{target}", head, judged.lost)


def _begin_epoch(
    store: Store,
    kept: Sequence[Head],
    public_key: str | None,
    accept_loss: bool,
    clock: Clock,
    progress: Progress | None,
) -> Restored:
    mark = store.noted() if isinstance(store, SqliteStore) else None
    store.take_over()
    with store.writing():
        judged = _Judged.of(store, kept, mark)
        judged.refuse_loss(accept_loss)
        _check(store, judged.binding, public_key, progress)
        store.restate(judged.new_meta(clock))
    return Restored(store.url, present_head(store)._replace(epoch=judged.epoch), judged.lost)


class _Judged(NamedTuple):
    """What a log is beside what was kept since."""

    epochs: Epochs
    """Those of the log, with the one that the restore begins."""
    binding: list[Head]
    """The heads that the log must contain."""
    lost: int
    behind: list[str]
    """Why the log is not all that was written."""

    @classmethod
    def of(cls, store: Store, kept: Sequence[Head], mark: Mark | None) -> "_Judged":
        """Compares a log with heads and with the mark beside the file it is to have."""
        epochs, end = Epochs.of(store.meta()), store.head_position()
        own, last, lost = epochs.present, epochs.present.epoch, 0
        binding: list[Head] = []
        behind: list[str] = []
        for head in kept:
            theirs = head.epoch if head.epoch and head.epoch.store_id == own.store_id else None
            if theirs is not None:
                last = max(last, theirs.epoch)
            common = epochs.in_common_with(theirs.epoch if theirs else 1)
            if common is not None and head.position > common:
                continue  # of what an earlier restore gave up
            start = theirs.epoch_from if theirs and theirs.epoch > own.epoch else end
            if head.position > min(start, end):
                more = head.position - min(start, end)
                lost = max(lost, more)
                behind.append(f"the head kept at position {head.position} is {more} ahead")
            else:
                binding.append(head)
        if mark is not None and mark.store_id == own.store_id and mark.epoch >= own.epoch:
            last = max(last, mark.epoch)
            said = mark.doubt(own, end)
            if said is not None:
                lost = max(lost, mark.position - end)
                behind.append(f"the lock file beside the store remembers it: {said}")
        return cls(epochs.after_restore(end, last + 1), binding, lost, behind)

    @property
    def epoch(self) -> Epoch:
        """The epoch that the restore begins."""
        return self.epochs.present

    def new_meta(self, clock: Clock) -> dict[str, str | None]:
        """What the store says of itself from now on."""
        return {**self.epochs.as_meta(), "restored_at": iso(clock()), "backup_at": None}

    def refuse_loss(self, accept_loss: bool) -> None:
        """Raises BackupRefused when the log is behind, and that is not accepted."""
        if self.behind and not accept_loss:
            what = "1 event" if self.lost == 1 else f"{self.lost or 'some'} events"
            raise BackupRefused(
                f"this copy ends at position {self.epoch.epoch_from}, and {what} written after it "
                f"would be lost: {'; '.join(self.behind)}. Look for a newer copy, or give "
                "--accept-loss"
            )


def _check(
    store: Store, heads: Sequence[Head], public_key: str | None, progress: Progress | None
) -> None:
    """Raises BackupRefused unless the chain of a log holds and it contains the heads."""
    for head in heads:
        said = doubt(head, public_key)
        if said is not None:
            raise BackupRefused(f"a kept head (position {head.position}) is none: {said}")
    report = verify(store, heads=heads, chain_only=True, progress=progress)
    if not report.ok:
        first = report.findings[0]
        raise BackupRefused(
            f"{store.url} is not whole: {first.check} at position {first.position}: "
            f"{first.message}; 'etsledger verify' tells all that is wrong"
        )


# -- files -----------------------------------------------------------------------------------


@contextmanager
def _new_file(target: Path) -> Generator[Path]:
    """A file beside ``target`` that gets its name when all went well, and is durable then.

    Raises BackupRefused where something has that name.
    """
    target = target.absolute()
    if not target.parent.is_dir():
        raise BackupRefused(f"the folder {target.parent} does not exist")
    for suffix in _SIDE_FILES:
        _free(target.with_name(target.name + suffix))
    part = part_of(target)
    try:
        yield part
        sync(part)
        try:
            os.link(part, target)  # unlike a rename it replaces nothing
        except FileExistsError:
            _free(target)
        except OSError:  # a file system without links
            _free(target)
            part.rename(target)
        sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupRefused(f"{target} cannot be written: {error}") from error
    finally:
        for suffix in _SIDE_FILES:
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _free(path: Path) -> None:
    if os.path.lexists(path):
        raise BackupRefused(
            f"{path} is there already, and nothing is written over: give another name, or move "
            "it away first"
        )


def _say(file: Path, said: dict[str, str] | dict[str, str | None]) -> None:
    """Changes what the copy of a store says of itself."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for key, value in said.items():
            connection.execute("DELETE FROM ledger_meta WHERE key = ?", (key,))
            if value is not None:
                connection.execute("INSERT INTO ledger_meta VALUES (?,?)", (key, value))
