"""The Merkle root of the log (RFC 9162, SHA-256), computed in one pass.

The leaves are the 32-byte event hashes. A tree library keeps every node in memory; the
frontier of complete subtrees is all that a root needs, so a million events take twenty
hashes of memory. Tests compare it with pymerkle.
"""

import hashlib
from collections.abc import Sequence


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees of a growing tree, largest first."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """Adds the next leaf (the bytes of an event hash)."""
        digest = hashlib.sha256(b"\x00" + leaf).digest()
        size = self.size
        while size & 1:
            digest = hashlib.sha256(b"\x01" + self.peaks.pop() + digest).digest()
            size >>= 1
        self.peaks.append(digest)
        self.size += 1

    def root(self) -> str:
        """The root in hex; that of an empty tree is the SHA-256 of nothing."""
        if not self.peaks:
            return hashlib.sha256(b"").hexdigest()
        digest = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            digest = _node(peak, digest)
        return digest.hex()

    def to_bytes(self) -> bytes:
        """A form that ``from_bytes`` reads back."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, body: bytes) -> "Frontier":
        """The frontier of ``to_bytes``. Raises ValueError when the lengths do not fit."""
        size = int.from_bytes(body[:8], "big")
        peaks = [body[i : i + 32] for i in range(8, len(body), 32)]
        if len(peaks) != size.bit_count() or any(len(p) != 32 for p in peaks):
            raise ValueError("not a Merkle frontier")
        return cls(size, peaks)
