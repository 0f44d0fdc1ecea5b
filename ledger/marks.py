"""The mark beside a SQLite store: how far it was written, so that an older copy is noticed.

It stands in the file of the writer lock, behind the label of who holds it, and is written
after each commit without an fsync of its own: it may lag behind the store, never lead it.
A store file that was exchanged for an older copy is behind its mark. Nothing rests on the
mark but that warning: whoever can write the folder can delete it.
"""

from typing import Final, NamedTuple
from zlib import crc32

from etsledger.ledger.heads import Epoch

AT: Final = 512
"""Where the mark stands in the file."""
LENGTH: Final = 128


class Mark(NamedTuple):
    """How far a store was written, and in which epoch."""

    store_id: str
    epoch: int
    position: int

    def to_bytes(self) -> bytes:
        """One line of a fixed length, with a checksum against a torn write."""
        text = f"{self.store_id} {self.epoch} {self.position}".encode()
        return b"%b %08x" % (text.ljust(LENGTH - 10), crc32(text)) + b"\n"

    @classmethod
    def from_bytes(cls, line: bytes) -> "Mark | None":
        """The mark of a line; None for anything else."""
        match line[: LENGTH - 10].split():
            case [store_id, epoch, position] if epoch.isdigit() and position.isdigit():
                mark = cls(store_id.decode("ascii", "replace"), int(epoch), int(position))
                return mark if mark.to_bytes() == line else None
            case _:
                return None

    def doubt(self, own: Epoch, position: int) -> str | None:
        """Why a store that ends at ``position`` is not what was written here last, or None."""
        if self.store_id != own.store_id or self.epoch < own.epoch:
            return None
        if self.epoch > own.epoch:
            return (
                f"it is of epoch {own.epoch}, and a backup was restored here since "
                f"(epoch {self.epoch}): it is the copy from before"
            )
        if self.position > position:
            return (
                f"it ends at position {position}, and was written up to position {self.position} "
                "here: it is an older copy"
            )
        return None
