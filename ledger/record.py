"""The stored form of an event: one sealed record per event, chained by SHA-256.

A row's ``state`` is ``{"hash": H, "record": R}`` where R is RFC 8785 canonical JSON and H
is the SHA-256 of R's bytes in hex. R carries every stored column (position, registry,
sequence, type, schema version ``v``, both times, the whole command, the rulebook that
decided) and ``prev``, the H of the position before (64 zeros at position 1). A stranger
needs a JSON canonicaliser and SHA-256 to recompute the chain in any language.
"""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.domain.events import Event
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.state import Fact
from etsledger.ledger.errors import StoreDamaged, UnknownEventType
from etsledger.ledger.upcasting import upcast

GENESIS: Final = "0" * 64
_PREFIX: Final = b'{"hash":"'
_MIDDLE: Final = b'","record":'
_HASH: Final = slice(len(_PREFIX), len(_PREFIX) + 64)
_RECORD: Final = slice(len(_PREFIX) + 64 + len(_MIDDLE), -1)

E = TypeVar("E")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its offset; the log holds no other."""


class Record(msgspec.Struct, Generic[E], frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What is hashed; fields in alphabetical order so that the bytes are canonical."""

    batch: str | None = None
    command: msgspec.Raw
    data: E
    effective_at: Instant
    position: int
    prev: str
    recorded_at: Instant
    registry: str
    rulebook: RulebookRef
    sequence: int
    type: str
    v: int


class Seal(msgspec.Struct, frozen=True, gc=False):
    """The part of a record that the chain and the columns are checked against."""

    effective_at: datetime
    position: int
    prev: str
    recorded_at: datetime
    registry: str
    sequence: int
    type: str


class CommandView(msgspec.Struct, frozen=True, gc=False):
    """What readers need of the kept command."""

    id: str
    actor: str | None = None
    approved_by: str | None = None
    reference: str | None = None
    reason: str | None = None


class _Papers(msgspec.Struct, frozen=True, gc=False):
    command: CommandView


class Row(NamedTuple):
    """One row of the log as the database gives it."""

    position: int
    registry: str
    sequence: int
    type: str
    state: bytes


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A sealed event on its way into the log; what the eventsourcing library stores."""

    originator_id: str
    originator_version: int
    topic: str
    state: bytes
    record: Record[Any]
    hash: str


class Logged(NamedTuple):
    """An event read back from the log."""

    record: Record[Any]
    event: Event
    hash: str

    @property
    def command(self) -> CommandView:
        """The id, actor and papers of the command behind the event. Raises StoreDamaged."""
        try:
            return _command_decoder.decode(self.record.command)
        except msgspec.MsgspecError as error:
            at = self.record.position
            raise StoreDamaged(f"the command of event {at} cannot be read: {error}") from error

    @property
    def fact(self) -> Fact:
        """Where and when the event stands, as ``apply`` needs it: the record says all of it."""
        return self.record


_encode = msgspec.json.Encoder().encode
_command_decoder: Final = msgspec.json.Decoder(CommandView)
_papers_decoder: Final = msgspec.json.Decoder(_Papers)
_seal_decoder: Final = msgspec.json.Decoder(Seal)
_raw_decoder: Final = msgspec.json.Decoder(Record[dict[str, Any]])
_decoders: Final[dict[str, msgspec.json.Decoder[Record[Any]]]] = {
    name: msgspec.json.Decoder(Record[event])  # type: ignore[valid-type]
    for name, event in EVENT_TYPES.items()
}


def seal(record: Record[Any]) -> Entry:
    """Encodes and hashes a record."""
    body = _encode(record)
    digest = sha256(body).hexdigest()
    state = b"".join((_PREFIX, digest.encode(), _MIDDLE, body, b"}"))
    return Entry(record.registry, record.sequence, record.type, state, record, digest)


def split(state: bytes) -> tuple[str, bytes]:
    """The stored hash and the record's bytes of a row. Raises StoreDamaged."""
    middle = state[_HASH.stop : _RECORD.start]
    if not (state.startswith(_PREFIX) and middle == _MIDDLE and state.endswith(b"}")):
        raise StoreDamaged("a row of the log does not begin with its hash")
    return state[_HASH].decode("ascii", "replace"), state[_RECORD]


def hash_of(state: bytes) -> str:
    """The hash a row carries, unchecked."""
    return state[_HASH].decode("ascii", "replace")


def read_seal(body: bytes) -> Seal:
    """The sealed columns of a record. Raises msgspec.DecodeError for garbage."""
    return _seal_decoder.decode(body)


def read_command(body: bytes) -> CommandView:
    """The id, actor and papers of the command in a record. Raises msgspec.DecodeError."""
    return _papers_decoder.decode(body).command


def read(topic: str, state: bytes) -> Logged:
    """The event of a row, brought to the present schema version.

    Raises UnknownEventType, StoreDamaged.
    """
    decoder = _decoders.get(topic)
    if decoder is None:
        raise UnknownEventType(topic)
    body = state[_RECORD]
    try:
        record = decoder.decode(body)
        if record.v == EVENT_TYPES[topic].VERSION:
            return Logged(record, record.data, hash_of(state))
    except msgspec.MsgspecError:
        pass
    try:
        old = _raw_decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise StoreDamaged(f"an event of type {topic} cannot be read: {error}") from error
    event = upcast(topic, old.v, old.data)
    return Logged(msgspec.structs.replace(old, data=event), event, hash_of(state))
