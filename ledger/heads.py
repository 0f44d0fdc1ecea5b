"""The head of the log: its last position, the hash there, and the Merkle root of it all.

Kept elsewhere, a head proves later that nothing before it was changed or cut off. Signed,
it also says which store it is of, when it was taken, and by whose key. A store that was
restored from a backup counts its epochs, and its heads say which one they are of: that is
how two histories from one store are told apart. Reads and checks heads without a store.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from etsledger.ledger.errors import ImportRefused

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_SIGNED: Final = ("public_key", "signature", "signed_at", "store_id")
_EPOCH: Final = ("epoch", "epoch_from", "store_id")


class Signed(NamedTuple):
    """What signing adds to a head.

    ``public_key`` and ``signature`` are those of Ed25519 in hex; ``signed_at`` is the time of
    the ledger's clock, ``store_id`` what the store calls itself.
    """

    public_key: str
    signature: str
    signed_at: str
    store_id: str


class Epoch(NamedTuple):
    """Which life of a store a log or a head is of.

    ``epoch`` is 1 at first and one more after every restore; its own events stand after the
    position ``epoch_from``, where the backup ended.
    """

    store_id: str
    epoch: int
    epoch_from: int

    @property
    def is_first(self) -> bool:
        """Whether the store was never restored."""
        return self.epoch == 1


class Head(NamedTuple):
    """A point of the log; ``root`` is None where only the chain was walked.

    ``epoch`` is told of signed heads and of stores that were restored.
    """

    position: int
    hash: str
    root: str | None
    signed: Signed | None = None
    epoch: Epoch | None = None

    @property
    def point(self) -> "Head":
        """The same point of the log, unsigned."""
        return self._replace(signed=None, epoch=None)

    def as_dict(self) -> dict[str, Any]:
        """``{"position", "hash", "root"}``, and what signing and a restore added."""
        found: dict[str, Any] = {"position": self.position, "hash": self.hash, "root": self.root}
        for more in (self.epoch, self.signed):
            found |= more._asdict() if more is not None else {}
        return found

    def message(self) -> bytes:
        """The bytes that are signed: all of the head but the signature, in canonical JSON."""
        members = {name: value for name, value in self.as_dict().items() if name != "signature"}
        text = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    position: Annotated[int, msgspec.Meta(ge=0)]
    hash: Digest
    root: Digest | None = None
    public_key: Digest | None = None
    signature: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}\Z")] | None = None
    signed_at: str | None = None
    store_id: str | None = None
    epoch: Annotated[int, msgspec.Meta(ge=1)] | None = None
    epoch_from: Annotated[int, msgspec.Meta(ge=0)] | None = None


def read_head(text: str | bytes) -> Head:
    """A head that was kept elsewhere, as ``head`` printed it. Raises ImportRefused."""
    try:
        given = msgspec.json.decode(text, type=_File)
    except (msgspec.MsgspecError, ValueError):
        raise ImportRefused(
            'the head file is not as `etsledger head` prints it: {"position", "hash", "root"}, '
            "and what signing adds"
        ) from None
    wanted = {name for name in (*_SIGNED, *_EPOCH) if getattr(given, name) is not None}
    if wanted & {*_SIGNED} - {"store_id"} or wanted == {"store_id"}:
        wanted.update(_SIGNED)
    if wanted & {*_EPOCH} - {"store_id"}:
        wanted.update(_EPOCH)
    lost = sorted(name for name in wanted if getattr(given, name) is None)
    if lost:
        raise ImportRefused(
            f"the head file is not as `etsledger head --sign` prints it: {', '.join(lost)} "
            "is missing"
        )
    said: Any = [getattr(given, name) for name in _SIGNED]
    signed = Signed(*said) if given.signature is not None else None
    epoch = None
    if given.epoch is not None and given.epoch_from is not None and given.store_id is not None:
        epoch = Epoch(given.store_id, given.epoch, given.epoch_from)
    return Head(given.position, given.hash, given.root, signed, epoch)


def read_heads(text: str | bytes) -> list[Head]:
    """All heads of a file that they were added to one by one. Raises ImportRefused.

    As ``head --format json`` or ``--format jsonl`` printed each, whatever blanks stand between.
    """
    try:
        return [read_head(json.dumps(one)) for one in _objects(text)]
    except (ValueError, RecursionError):
        return [read_head(b"")]  # none: said as for a file of one


def _objects(text: str | bytes) -> Iterator[Any]:
    """The JSON values of a text, at least one. Raises ValueError."""
    rest = (text.decode() if isinstance(text, bytes) else text).strip()
    decoder = json.JSONDecoder()
    while True:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()
        if not rest:
            return


def forked(one: Head, other: Head) -> bool:
    """Whether two heads are of different histories: the same position, other contents."""
    if one.position != other.position:
        return False
    roots = one.root is not None and other.root is not None and one.root != other.root
    return one.hash != other.hash or roots
