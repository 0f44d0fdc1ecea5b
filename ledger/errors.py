"""What can be wrong with a store, as opposed to a command (those are refusals).

LedgerError
├─ StoreError                 the store cannot be opened, read or written: exit code 3
│  ├─ StoreAbsent  StoreForeign  StoreTooNew  StoreDamaged
│  ├─ StoreReadOnly  StoreBehind  StoreLocked  StoreWriteFailed
│  ├─ UnknownEventType        written by a newer version: reads go on, writes stop
│  └─ ClockLeap               the clock is too far from the last recorded time
├─ ImportRefused              a file that is no good continuation of this log: exit code 1
├─ BackupRefused              a backup cannot be made, or restored as it is: exit code 1
├─ FeedBroken                 the log is not the one that a cursor has read: exit code 1
├─ ProofRefused               what cannot be proven, or is no proof: exit code 1
└─ KeyRefused                 a key file that is none, or would be written over: exit code 2
"""

from typing import ClassVar


class LedgerError(Exception):
    """A failure with a stable code and a message for people; never a traceback for them."""

    code: ClassVar[str] = "LedgerError"
    exit_code: ClassVar[int] = 3

    def __init_subclass__(cls) -> None:
        cls.code = cls.__name__

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StoreError(LedgerError):
    """The store cannot be opened, read or written."""


class StoreAbsent(StoreError):
    """There is no ledger at the URL."""


class StoreForeign(StoreError):
    """What is at the URL is not a ledger of this program."""


class StoreTooNew(StoreError):
    """A newer version of the program wrote the store."""


class StoreDamaged(StoreError):
    """The store is a ledger, but cannot be read."""


class StoreReadOnly(StoreError):
    """The store answers questions but takes no writes."""


class StoreBehind(StoreError):
    """The store is a backup, or older than what was written here: it answers, takes no writes."""


class StoreLocked(StoreError):
    """Another writer held the store for longer than the time-out."""


class StoreWriteFailed(StoreError):
    """The database refused a write (disk full, lost connection); nothing was kept."""


class ClockLeap(StoreError):
    """The clock stands so far after the last recorded time that a write is not safe."""


class UnknownEventType(StoreError):
    """The log holds an event type that this version does not know."""

    def __init__(self, event_type: str) -> None:
        super().__init__(
            f"the log holds events of type {event_type!r}, which this version of etsledger does "
            "not know; upgrade it before writing"
        )
        self.event_type = event_type


class ImportRefused(LedgerError):
    """A file does not continue this log, or its chain does not hold; nothing was written."""

    exit_code = 1


class BackupRefused(LedgerError):
    """A backup cannot be made there, is not whole, or is behind what was kept since."""

    exit_code = 1


class FeedBroken(LedgerError):
    """A cursor has read what the log does not hold: it was restored, cut or exchanged."""

    exit_code = 1


class ProofRefused(LedgerError):
    """There is no such event, the head is of another history, or a file is no proof."""

    exit_code = 1


class KeyRefused(LedgerError):
    """A file holds no Ed25519 key, or a new key would be written over one."""

    exit_code = 2
