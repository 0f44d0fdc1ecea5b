"""The head of the log: its last position, the hash there, and the Merkle root of it all.

Kept elsewhere, a head proves later that nothing before it was changed or cut off. Signed,
it also says which store it is of, when it was taken, and by whose key. Reads and checks
heads without a store.
"""

import json
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from etsledger.ledger.errors import ImportRefused

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
_SIGNED: Final = ("public_key", "signature", "signed_at", "store_id")


class Signed(NamedTuple):
    """What signing adds to a head.

    ``public_key`` and ``signature`` are those of Ed25519 in hex; ``signed_at`` is the time of
    the ledger's clock, ``store_id`` what the store calls itself.
    """

    public_key: str
    signature: str
    signed_at: str
    store_id: str


class Head(NamedTuple):
    """A point of the log; ``root`` is None where only the chain was walked."""

    position: int
    hash: str
    root: str | None
    signed: Signed | None = None

    @property
    def point(self) -> "Head":
        """The same point of the log, unsigned."""
        return self._replace(signed=None)

    def as_dict(self) -> dict[str, Any]:
        """``{"position", "hash", "root"}``, and what signing added."""
        plain = {"position": self.position, "hash": self.hash, "root": self.root}
        return plain if self.signed is None else {**plain, **self.signed._asdict()}

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


def read_head(text: str | bytes) -> Head:
    """A head that was kept elsewhere, as ``head`` printed it. Raises ImportRefused."""
    try:
        given = msgspec.json.decode(text, type=_File)
    except (msgspec.MsgspecError, ValueError):
        raise ImportRefused(
            'the head file is not as `etsledger head` prints it: {"position", "hash", "root"}, '
            "and what signing adds"
        ) from None
    added = [getattr(given, name) for name in _SIGNED]
    if None in added and any(one is not None for one in added):
        lost = [name for name in _SIGNED if getattr(given, name) is None]
        raise ImportRefused(
            f"the head file is not as `etsledger head --sign` prints it: {', '.join(lost)} "
            "is missing"
        )
    signed = None if None in added else Signed(*added)
    return Head(given.position, given.hash, given.root, signed)


def forked(one: Head, other: Head) -> bool:
    """Whether two heads are of different histories: the same position, other contents."""
    if one.position != other.position:
        return False
    roots = one.root is not None and other.root is not None and one.root != other.root
    return one.hash != other.hash or roots
