"""One entity's facts with a proof for each, and checking them without any store.

An extract is one JSON object: the facts that name an entity or one of its accounts, each in
clear with its sealed record and the inclusion path to the head that all of them share. What
it cannot show is that no fact was left out.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

from etsledger.ledger.errors import ImportRefused, ProofRefused
from etsledger.ledger.heads import Head
from etsledger.ledger.proofs import (
    Proof,
    Wrong,
    each_once,
    head_in,
    members_of,
    one_line,
    path_in,
    wrong_in,
)
from etsledger.ledger.signatures import doubt

FORMAT: Final = "etsledger-extract-1"
_MEMBERS: Final = {"entity", "facts", "format", "head", "last", "registry"}
_OF_FACT: Final = {"event", "path", "record"}


class ProvenFact(NamedTuple):
    """An event in clear, its inclusion path in hex from the leaf up, and its sealed record."""

    event: dict[str, Any]
    path: list[str]
    record: str


class Extract(NamedTuple):
    """One entity's facts in the order of the log, up to a head."""

    entity: str
    registry: str | None
    """Of this registry only, unless None."""
    head: Head
    last: list[str]
    """The inclusion path of the head's own hash, the last leaf of its tree."""
    facts: list[ProvenFact]

    def to_bytes(self) -> bytes:
        """The file that ``extract`` writes: one JSON object, a fact a line."""
        before = f'{{"entity":{one_line(self.entity)},"facts":['
        facts = ",".join(f"\n{one_line(fact._asdict())}" for fact in self.facts)
        after = {
            "format": FORMAT,
            "head": self.head.point.as_dict(),
            "last": self.last,
            "registry": self.registry,
        }
        return f"{before}{facts}\n],{one_line(after)[1:]}\n".encode()


class ExtractVerdict(NamedTuple):
    """What checking an extract against a kept head found."""

    wrong: list[Wrong]
    extract: Extract | None
    """What was extracted, when it could be read; believe it only when nothing is wrong."""
    head: Head

    @property
    def ok(self) -> bool:
        """Whether every fact is in the log of the kept head, and is of the entity."""
        return not self.wrong

    def as_dict(self) -> dict[str, Any]:
        """``{"ok", "entity", "registry", "positions", "head", "findings"}``"""
        given = self.extract
        return {
            "ok": self.ok,
            "entity": given and given.entity,
            "registry": given and given.registry,
            "positions": [fact.event.get("position") for fact in given.facts] if given else [],
            "head": self.head.as_dict(),
            "findings": [one._asdict() for one in self.wrong],
        }


def is_extract(text: str | bytes) -> bool:
    """Whether a text begins as an extract does, and not as the proof of one event."""
    given = text if isinstance(text, bytes) else text.encode()
    return given.startswith(b'{"entity":')


def read_extract(text: str | bytes) -> Extract:
    """An extract as ``extract`` wrote it. Raises ProofRefused."""
    try:
        given = text.decode() if isinstance(text, bytes) else text
        raw = members_of(json.loads(given, object_pairs_hook=each_once), _MEMBERS)
        if raw["format"] != FORMAT:
            raise ValueError(f"its format is {raw['format']!r}, this program knows {FORMAT!r}")
        entity, registry = raw["entity"], raw["registry"]
        if not isinstance(entity, str) or not (registry is None or isinstance(registry, str)):
            raise ValueError("its entity or registry is none")
        if not isinstance(raw["facts"], list):
            raise ValueError("it has no list of facts")
        facts = [_fact(one) for one in cast(list[Any], raw["facts"])]
        found = Extract(entity, registry, head_in(raw["head"]), path_in(raw["last"]), facts)
        if found.to_bytes() != given.encode():
            raise ValueError("it is not byte for byte as it was written: a blank or an escape")
    except (ValueError, RecursionError, ImportRefused) as error:
        raise ProofRefused(
            f"this is no extract as `etsledger extract` writes it: {error}"
        ) from None
    return found


def _fact(value: Any) -> ProvenFact:
    raw = members_of(value, _OF_FACT)
    if not (isinstance(raw["event"], dict) and isinstance(raw["record"], str)):
        raise ValueError("the event or record of a fact is none")
    return ProvenFact(raw["event"], path_in(raw["path"]), raw["record"])


def check_extract(
    text: str | bytes, kept: Head, *, public_key: str | None = None
) -> ExtractVerdict:
    """Checks an extract against a head that was kept elsewhere, without any store.

    With a ``public_key`` (hex) the head must be signed by that key.
    """
    said = doubt(kept, public_key)
    wrong = [] if said is None else [Wrong("signature", said)]
    try:
        given = read_extract(text)
    except ProofRefused as error:
        return ExtractVerdict([*wrong, Wrong("file", error.message)], None, kept)
    # What is wrong with the head is wrong with each fact: it is said once.
    wrong += dict.fromkeys([*_facts(given, kept), *_entity(given)])
    return ExtractVerdict(wrong, given, kept)


def _facts(given: Extract, kept: Head) -> Iterator[Wrong]:
    """Each fact against the kept head, and their order."""
    before = 0
    for fact in given.facts:
        position = fact.event.get("position")
        yield from wrong_in(Proof(fact.event, fact.record, given.head, given.last, fact.path), kept)
        if not isinstance(position, int) or position <= before:
            yield Wrong("order", f"position {position} stands after {before}")
        else:
            before = position


def _entity(given: Extract) -> Iterator[Wrong]:
    """That the facts are those of the entity, and of the registry."""
    if not given.facts:
        yield Wrong("entity", "there is no fact in it")
    own: set[tuple[object, object]] = {(None, given.entity)}
    for fact in given.facts:
        data = fact.event.get("data")
        if isinstance(data, dict) and fact.event.get("type") == "AccountOpened":
            opened = cast(dict[str, Any], data)
            if opened.get("entity") == given.entity:
                own.add((fact.event.get("registry"), opened.get("account")))
    for fact in given.facts:
        event, at = fact.event, fact.event.get("position")
        if given.registry is not None and event.get("registry") != given.registry:
            yield Wrong("entity", f"position {at} is of registry {event.get('registry')!r}")
        homes = {name for home, name in own if home in (None, event.get("registry"))}
        if homes.isdisjoint(_texts(event.get("data"))):
            yield Wrong(
                "entity",
                f"position {at} names neither {given.entity!r} nor an account that was opened "
                "for it",
            )  # fmt: skip


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, and every name of a member."""
    match value:
        case str():
            yield value
        case list():
            for one in cast(list[Any], value):
                yield from _texts(one)
        case dict():
            for name, one in cast(dict[str, Any], value).items():
                yield name
                yield from _texts(one)
        case _:
            pass
