"""The Merkle tree of the log (RFC 9162, SHA-256): its root, its proofs, and checking them.

The leaves are the 32-byte event hashes. Pure, and nothing but the standard library: a proof
is checked with this module and no store. A tree library keeps every leaf in memory or reads
all of them for a proof; the frontier of complete subtrees is all that a root needs, and the
roots of complete subtrees (kept by ``tree.py``) are all that a proof needs. Tests compare
roots and proofs with pymerkle.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """The leaves ``start <= i < end``, counted from 0: a subtree, perhaps an incomplete one."""

    start: int
    end: int


class Node(NamedTuple):
    """The root of a complete subtree of ``2 ** level`` leaves that ends at a position."""

    position: int
    level: int
    hash: bytes


Roots = Callable[[Sequence[Span]], list[bytes]]
"""Gives the roots of spans of the tree, in their order."""


def leaf_hash(leaf: bytes) -> bytes:
    """The node of one leaf (the bytes of an event hash)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees of a growing tree, largest first."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes, grown: list[Node] | None = None, above: int = 0) -> None:
        """Adds the next leaf (the bytes of an event hash).

        ``grown`` takes the subtrees that it completes, of the level ``above`` and higher.
        """
        digest = hashlib.sha256(b"\x00" + leaf).digest()
        size, level = self.size, 0
        self.size += 1
        if grown is not None and not above:
            grown.append(Node(self.size, 0, digest))
        while size & 1:
            digest = hashlib.sha256(b"\x01" + self.peaks.pop() + digest).digest()
            size >>= 1
            level += 1
            if grown is not None and level >= above:
                grown.append(Node(self.size, level, digest))
        self.peaks.append(digest)

    def root(self) -> str:
        """The root in hex; that of an empty tree is the SHA-256 of nothing."""
        return fold(self.peaks).hex()

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


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over the complete subtrees of a span, largest first."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    digest = peaks[-1]
    for peak in reversed(peaks[:-1]):
        digest = node_hash(peak, digest)
    return digest


def complete_parts(span: Span) -> list[tuple[int, int]]:
    """The complete subtrees of a span as (position, level), largest first.

    The span begins where a subtree of its size may begin, as those of paths do.
    """
    found: list[tuple[int, int]] = []
    start, left = span.start, span.end - span.start
    while left:
        level = left.bit_length() - 1
        start += 1 << level
        left -= 1 << level
        found.append((start, level))
    return found


# -- what a proof is made of -----------------------------------------------------------------


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees of the inclusion path of a leaf (from 0), in its order: RFC 9162, 2.1.3.1.

    Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end = 0, size
    found: list[Span] = []
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(start, middle))
            start = middle
    return found[::-1]


def consistency_spans(old: int, size: int) -> list[Span]:
    """The subtrees of the path from a tree to a later one, in its order: RFC 9162, 2.1.4.1.

    Raises ValueError when ``old`` is not one of the sizes 1 to ``size``.
    """
    if not 0 < old <= size:
        raise ValueError(f"no path leads from a tree of {old} leaves to one of {size}")
    start, end, whole = 0, size, True
    found: list[Span] = []
    while old != end:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if old <= middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(start, middle))
            start, whole = middle, False
    return [*([] if whole else [Span(start, end)]), *found[::-1]]


# -- checking one ----------------------------------------------------------------------------


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion path leads to: RFC 9162, 2.1.3.2. Raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    number, last = index, size - 1
    digest = leaf_hash(leaf)
    for step in path:
        if last == 0:
            raise ValueError("the path is too long")
        if number & 1 or number == last:
            digest = node_hash(step, digest)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        number, last = number >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return digest


def roots_by_consistency(
    old: int, size: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The roots of both trees that a path between them leads to: RFC 9162, 2.1.4.2.

    Raises ValueError when the path does not fit the sizes.
    """
    if not 0 < old <= size:
        raise ValueError(f"no path leads from a tree of {old} leaves to one of {size}")
    if old == size:
        if path:
            raise ValueError("the path is too long")
        return old_root, old_root
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        raise ValueError("the path is too short")
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ValueError("the path is too long")
        if number & 1 or number == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = node_hash(second, step)
        number, last = number >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return first, second
