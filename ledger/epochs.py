"""The lives of a store: which histories it shares with the copies that were restored.

A store counts its epochs: 1 when it is made, one more whenever a backup is put in its place.
Two copies of one store that both went on are then told apart by more than their hashes, and
one that was left behind is known as such. What a store says of its epochs stands outside
the chain: it names a fork, the hashes prove it.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from etsledger.ledger.heads import Epoch, Head

_KEY: Final = "epochs"


class Epochs(NamedTuple):
    """The epochs of a store, each by the position after which its own events stand."""

    store_id: str
    starts: tuple[int, ...] = (0,)

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> "Epochs":
        """Those of a store by what it says of itself; one where it says nothing of them."""
        said = meta.get(_KEY, "0").split()
        usable = said and all(one.isascii() and one.isdigit() for one in said)
        return cls(meta.get("store_id", ""), tuple(map(int, said)) if usable else (0,))

    def as_meta(self) -> dict[str, str]:
        """What the store says of them."""
        return {_KEY: " ".join(map(str, self.starts))}

    @property
    def present(self) -> Epoch:
        """The last one, which the store is in."""
        return Epoch(self.store_id, len(self.starts), self.starts[-1])

    def after_restore(self, position: int, number: int) -> "Epochs":
        """With a new epoch of a number that begins at a position.

        Numbers that are left out are those of copies which this history is not of: it has no
        more in common with them than what was restored.
        """
        return self._replace(starts=self.starts + (position,) * (number - len(self.starts)))

    def in_common_with(self, epoch: int) -> int | None:
        """Up to where this history is that of an earlier epoch; None for the present one."""
        return min(self.starts[epoch:], default=None)

    def parted(self, kept: Head, end: int) -> str | None:
        """Why a log that ends at ``end`` and a kept head are of two histories, as epochs tell.

        None where they tell nothing: then only the hashes do. A head that names no epoch is of
        the first.
        """
        own, theirs = self.present, kept.epoch or Epoch(self.store_id, 1, 0)
        if theirs.store_id != own.store_id:
            return None
        common = self.in_common_with(theirs.epoch)
        if common is not None and kept.position > common:
            return (
                f"it is of epoch {theirs.epoch} of this store, which was restored to position "
                f"{common} since and is in epoch {own.epoch}"
            )
        if theirs.epoch > own.epoch and end > theirs.epoch_from:
            return (
                f"it is of epoch {theirs.epoch}, which a restore began at position "
                f"{theirs.epoch_from}; this log is of epoch {own.epoch} and goes on to {end} "
                "by itself: it is the copy from before"
            )
        return None
