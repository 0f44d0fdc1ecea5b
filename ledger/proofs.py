"""Proofs that one event is in the log, and checking them without any store.

A proof is one JSON object: the event in clear, its sealed record as it is hashed, the head of
the log it was taken from, the inclusion path to that head's root, and perhaps an earlier
head with the consistency path from it. Checking needs the head that was kept, SHA-256 and
nothing of the ledger; what is wrong is said in plain words, as values.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

from etsledger.ledger.errors import ImportRefused, ProofRefused
from etsledger.ledger.heads import Head, read_head
from etsledger.ledger.merkle import root_by_inclusion, roots_by_consistency
from etsledger.ledger.signatures import doubt

FORMAT: Final = "etsledger-proof-1"
_MEMBERS: Final = {"event", "format", "head", "last", "path", "record", "since"}
_SINCE: Final = {"head", "last", "path"}
_LONGEST: Final = 64
"""The hashes of the longest path: no log has more than 2^64 events."""


class Since(NamedTuple):
    """An earlier head of the same log, and the consistency path (hex) from it."""

    head: Head
    last: list[str]
    """The inclusion path of the head's own hash, the last leaf of its tree."""
    path: list[str]


class Proof(NamedTuple):
    """That one event is in the log of a head."""

    event: dict[str, Any]
    """In clear, as ``events`` shows it."""
    record: str
    """The canonical bytes that were hashed, as text."""
    head: Head
    last: list[str]
    """The inclusion path of the head's own hash, the last leaf of its tree."""
    path: list[str]
    """The inclusion path of the event in hex, from the leaf to the root."""
    since: Since | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON object that ``prove`` writes."""
        since = self.since
        return {
            "event": self.event,
            "format": FORMAT,
            "head": self.head.point.as_dict(),
            "last": self.last,
            "path": self.path,
            "record": self.record,
            "since": since and {**since._asdict(), "head": since.head.point.as_dict()},
        }

    def to_bytes(self) -> bytes:
        """The file that ``prove`` writes: one line of JSON."""
        return one_line(self.as_dict()).encode() + b"\n"


class Wrong(NamedTuple):
    """One thing that is wrong with a proof."""

    check: str
    message: str


class Verdict(NamedTuple):
    """What checking a proof against a kept head found."""

    wrong: list[Wrong]
    event: dict[str, Any] | None
    """The event, when the proof could be read; believe it only when nothing is wrong."""
    head: Head

    @property
    def ok(self) -> bool:
        """Whether the event is in the log of the kept head."""
        return not self.wrong

    def as_dict(self) -> dict[str, Any]:
        """``{"ok", "position", "event_hash", "head", "findings"}``"""
        event = self.event or {}
        return {
            "ok": self.ok,
            "position": event.get("position"),
            "event_hash": event.get("hash"),
            "head": self.head.as_dict(),
            "findings": [one._asdict() for one in self.wrong],
        }


def clear_event(record: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The event of a record in clear, as ``events`` shows it."""
    command = record["command"]
    return {
        "position": record["position"],
        "registry": record["registry"],
        "type": record["type"],
        "effective_at": record["effective_at"],
        "recorded_at": record["recorded_at"],
        "command_id": command["id"],
        "actor": command.get("actor"),
        "approved_by": command.get("approved_by"),
        "reference": command.get("reference"),
        "reason": command.get("reason"),
        "rulebook": record["rulebook"],
        "data": record["data"],
        "hash": digest,
    }


def read_proof(text: str | bytes) -> Proof:
    """A proof as ``prove`` wrote it. Raises ProofRefused."""
    try:
        raw = members_of(json.loads(text, object_pairs_hook=each_once), _MEMBERS)
        if raw["format"] != FORMAT:
            raise ValueError(f"its format is {raw['format']!r}, this program knows {FORMAT!r}")
        since = raw["since"]
        if since is not None:
            since = members_of(since, _SINCE)
            since = Since(head_in(since["head"]), path_in(since["last"]), path_in(since["path"]))
        event, record = raw["event"], raw["record"]
        if not (isinstance(event, dict) and isinstance(record, str)):
            raise ValueError("its event or record is none")
        event = cast(dict[str, Any], event)
        last, path = path_in(raw["last"]), path_in(raw["path"])
        return Proof(event, record, head_in(raw["head"]), last, path, since)
    except (ValueError, RecursionError, ImportRefused) as error:
        raise ProofRefused(f"this is no proof as `etsledger prove` writes it: {error}") from None


def check_proof(text: str | bytes, kept: Head, *, public_key: str | None = None) -> Verdict:
    """Checks a proof against a head that was kept elsewhere, without any store.

    With a ``public_key`` (hex) the head must be signed by that key.
    """
    said = doubt(kept, public_key)
    wrong = [] if said is None else [Wrong("signature", said)]
    try:
        proof = read_proof(text)
    except ProofRefused as error:
        return Verdict([*wrong, Wrong("file", error.message)], None, kept)
    wrong += wrong_in(proof, kept)
    return Verdict(wrong, proof.event, kept)


def wrong_in(proof: Proof, kept: Head) -> Iterator[Wrong]:
    """All that is wrong with a proof against the head that was kept."""
    yield from _record(proof)
    yield from _paths(proof)
    yield from _kept(proof, kept)


# -- the parts of it -------------------------------------------------------------------------


def _record(proof: Proof) -> Iterator[Wrong]:
    """The record against its own form, and the clear event against the record."""
    try:
        digest = hashlib.sha256(proof.record.encode()).hexdigest()
        record = json.loads(
            proof.record, object_pairs_hook=_in_order, parse_float=_no_number,
            parse_constant=_no_number,
        )  # fmt: skip
        if one_line(record) != proof.record:
            raise ValueError("there are blanks or escapes in it")
        clear = clear_event(record, digest)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        yield Wrong("record", f"the record is no canonical JSON of an event: {error}")
        return
    if proof.event.get("hash") != digest:
        yield Wrong(
            "record",
            f"the record hashes to {digest}, the event in clear says {proof.event.get('hash')}: "
            "one of the two was changed",
        )  # fmt: skip
    for place, said, sealed in _differences(proof.event, clear):
        if place != "hash":
            yield Wrong("event", f"{place}: the event in clear says {said}, its record {sealed}")


def _paths(proof: Proof) -> Iterator[Wrong]:
    head, since = proof.head, proof.since
    root = bytes.fromhex(str(head.root))
    try:
        leaf = hashlib.sha256(proof.record.encode()).digest()
        position = proof.event.get("position")
        if type(position) is not int:
            raise ValueError(f"the event stands at {position!r}, which is no position")
        led = root_by_inclusion(leaf, position - 1, head.position, _bytes(proof.path))
        if led != root:
            raise ValueError(f"it leads to the root {led.hex()}, the proof's head has {head.root}")
    except ValueError as error:
        yield Wrong("inclusion", f"the inclusion path does not hold: {error}")
    if since is None:
        return
    try:
        older = bytes.fromhex(str(since.head.root))
        path = _bytes(since.path)
        first, second = roots_by_consistency(since.head.position, head.position, older, path)
        if (first, second) != (older, root):
            raise ValueError(
                f"it leads from {first.hex()} to {second.hex()}, the proof says from "
                f"{since.head.root} to {head.root}"
            )
        if since.head.position == head.position and since.head != head:
            raise ValueError("two heads of the same position differ")
    except ValueError as error:
        yield Wrong("consistency", f"the consistency path does not hold: {error}")


def _kept(proof: Proof, kept: Head) -> Iterator[Wrong]:
    """The heads of the proof: each in itself, and against the one that was kept."""
    yield from _whole(proof.head, proof.last)
    if proof.since is not None:
        yield from _whole(proof.since.head, proof.since.last)
    ours = [proof.head, *([proof.since.head] if proof.since else [])]
    at = next((one for one in ours if one.position == kept.position), None)
    if kept.root is None:
        yield Wrong("head", "the kept head has no Merkle root, so nothing can be proven with it")
    elif at is None:
        known = " and ".join(str(one.position) for one in ours)
        yield Wrong(
            "head",
            f"the kept head is at position {kept.position}, the proof leads to {known}: it was "
            "made for another head; 'etsledger prove POSITION --head FILE' makes one for yours",
        )  # fmt: skip
    elif at != kept.point:
        yield Wrong(
            "head",
            f"at position {kept.position} the kept head has hash {kept.hash} and root "
            f"{kept.root}, the proof has {at.hash} and {at.root}: another history",
        )  # fmt: skip
    else:
        position = proof.event.get("position")
        if isinstance(position, int) and position > kept.position:
            yield Wrong(
                "head",
                f"the event at position {position} was written after the kept head (position "
                f"{kept.position}), which cannot vouch for it; check it with a later head",
            )  # fmt: skip


def _whole(head: Head, last: list[str]) -> Iterator[Wrong]:
    """That a head's hash is the last leaf under its root."""
    try:
        leaf, size = bytes.fromhex(head.hash), head.position
        if root_by_inclusion(leaf, size - 1, size, _bytes(last)).hex() != head.root:
            raise ValueError("its hash is not that of the last event under its root")
    except ValueError as error:
        yield Wrong("head", f"the proof's head at position {head.position} is none: {error}")


def _differences(said: Any, sealed: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(said, dict) and isinstance(sealed, dict):
        one, other = cast(dict[str, Any], said), cast(dict[str, Any], sealed)
        for name in sorted(one.keys() | other.keys()):
            where = f"{place}.{name}" if place else name
            if name not in one or name not in other:
                yield where, _short(one, name), _short(other, name)
            else:
                yield from _differences(one[name], other[name], where)
    elif one_line(said) != one_line(sealed):
        yield place, one_line(said)[:80], one_line(sealed)[:80]


def _short(members: Mapping[str, Any], name: str) -> str:
    return one_line(members[name])[:80] if name in members else "nothing"


# -- strict JSON -----------------------------------------------------------------------------


def one_line(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object. Raises ValueError when one stands in it twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands in it twice")
    return members


def _in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Members sorted by name as UTF-16, as RFC 8785 has it; none twice."""
    keys = [name.encode("utf-16-be", "surrogatepass") for name, _ in pairs]
    if any(one >= other for one, other in pairwise(keys)):
        raise ValueError("its members are out of order")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def members_of(value: Any, members: set[str]) -> dict[str, Any]:
    """An object with just these members. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError("there is no object where one is due")
    given = cast(dict[str, Any], value)
    if given.keys() != members:
        odd = sorted(given.keys() ^ members)
        raise ValueError(f"it has other members than it should: {', '.join(odd)}")
    return given


def head_in(value: Any) -> Head:
    """The head in a proof: with a root, unsigned. Raises ValueError, ImportRefused."""
    head = read_head(one_line(value))
    if head.root is None or head != head.point:
        raise ValueError("a head in it has no root, or more than a root")
    return head


def path_in(value: Any) -> list[str]:
    """A path in a proof, in hex. Raises ValueError."""
    if not isinstance(value, list) or len(cast(list[Any], value)) > _LONGEST:
        raise ValueError("a path in it is none")
    path = cast(list[Any], value)
    for step in path:
        if not isinstance(step, str) or len(step) != 64 or step.strip("0123456789abcdef"):
            raise ValueError("a step of a path is no hash")
    return path


def _bytes(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(step) for step in path]
