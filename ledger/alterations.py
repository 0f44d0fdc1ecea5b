"""In what the commands of a log are altered before they are decided again."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from etsledger.domain.errors import InvalidCommand, UnknownReference, UnknownRegistry
from etsledger.domain.events import Event
from etsledger.domain.registries import AdoptRulebook, OpenRegistry
from etsledger.domain.rulebook import Rulebook, bundled, from_object
from etsledger.ledger.commandfile import Prepared, batch_content, prepare
from etsledger.ledger.comparisons import Addition
from etsledger.ledger.journal import Attempt
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import Sendable

_RULEBOOK_COMMANDS: Final = ("open_registry", "adopt_rulebook")
_OF_RULEBOOKS: Final = tuple(f'"{name}"'.encode() for name in _RULEBOOK_COMMANDS)
_OF_PROPOSALS: Final = b'"proposal"'
Made = tuple[str, Event]
"""An event and its registry."""


class _Batch(msgspec.Struct, gc=False):
    commands: list[msgspec.Raw]


_batch: Final = msgspec.json.Decoder(_Batch)


class Step(NamedTuple):
    """A command on its way to be decided again.

    ``position`` is the last that the log has of it (for an addition, and for an attempt that
    was refused, that it comes after); ``made`` the events that it led to; ``ids`` its own, and
    those of a batch's commands.
    """

    content: bytes
    ids: tuple[str, ...]
    recorded_at: datetime
    position: int
    made: tuple[Made, ...] = ()
    addition: Addition | None = None
    is_batch: bool = False
    attempt: Attempt | None = None

    @property
    def id(self) -> str:
        """The command's own id."""
        return self.ids[0]


class Alteration:
    """In what the commands are altered: the rules, what is left out, what comes besides.

    ``left_out`` and ``replaced`` are filled as the steps pass by.
    """

    def __init__(
        self,
        registry: str | None = None,
        rulebook: str | Mapping[str, Any] | None = None,
        without: Collection[str] = (),
        additions: Iterable[Sendable | Addition] = (),
    ) -> None:
        self.registry = registry
        self.rulebook = None if rulebook is None else rulebook_of(rulebook)
        self._given = rulebook if isinstance(rulebook, str) else dict(rulebook or {})
        self._without = set(without)
        self.left_out: list[Step] = []
        self.replaced: list[str] = []
        self._touched: set[str] = set()
        self._unproposed: set[str] = set()
        """Proposals of rulebooks that were replaced."""
        self.additions = [one if isinstance(one, Addition) else Addition(one) for one in additions]
        self._ready = [(one, _prepared(one)) for one in self.additions]

    def untouched(self, step: Step) -> bool:
        """Whether a step is sent as it was."""
        return self._touched.isdisjoint(step.ids)

    def altered(self, step: Step) -> Step | None:
        """The step as it is sent, or None when it is left out."""
        if not self._without.isdisjoint(step.ids):
            self.left_out.append(step)
            return None
        return self._under_the_rulebook(step) if self.rulebook is not None else step

    def besides(self, after: int | None, recorded_at: datetime) -> Iterator[Step]:
        """The additions that come after a position; None: those that come at the end."""
        for addition, prepared in self._ready:
            if addition.after == after:
                ids = (prepared.command.id, *(one.command.id for one in prepared.children))
                yield Step(prepared.content, ids, recorded_at, after or 0, (), addition)

    def again(self, attempt: Attempt, after: int) -> Step | None:
        """A refused attempt as it is sent; None for what cannot be, and for the adoption of a
        rulebook in whose place another stands."""
        try:
            prepared = prepare(attempt.content)
        except InvalidCommand:
            return None
        commands = [one.command for one in prepared.children or (prepared,)]
        if self.rulebook is not None and any(
            isinstance(one, OpenRegistry | AdoptRulebook) and one.registry == self.registry
            for one in commands
        ):
            return None
        ids = (prepared.command.id, *(one.command.id for one in prepared.children))
        return Step(
            prepared.content, ids, attempt.recorded_at, after, (), None,
            bool(prepared.children), attempt,
        )  # fmt: skip

    @property
    def places(self) -> list[int]:
        """The positions that additions come after, in order."""
        return sorted({one.after for one in self.additions if one.after is not None})

    def _under_the_rulebook(self, step: Step) -> Step | None:
        decides = self._unproposed and _OF_PROPOSALS in step.content
        if not decides and not any(name in step.content for name in _OF_RULEBOOKS):
            return step
        kept: list[bytes] = []
        changed = False
        for content in contents_of(step):
            raw = msgspec.json.decode(content)
            asked = raw.get("proposes", raw)
            adopts = asked["command"] in _RULEBOOK_COMMANDS and asked["registry"] == self.registry
            if not adopts and raw.get("proposal") not in self._unproposed:
                kept.append(content)
                continue
            changed = True
            if asked is not raw:
                self._unproposed.add(raw["id"])
            self.replaced.append(raw["id"])
            self._touched.update(step.ids)
            if raw["command"] == "open_registry":
                kept.append(prepare({**raw, "rulebook": self._given}).content)
        if not changed:
            return step
        if not kept:
            return None
        return step._replace(content=batch_content(step.id, kept) if step.is_batch else kept[0])


def contents_of(step: Step) -> list[bytes]:
    """The kept bytes of a command, or of each command of a batch."""
    if not step.is_batch:
        return [step.content]
    return [bytes(one) for one in _batch.decode(step.content).commands]


def rulebook_of(given: str | Mapping[str, Any]) -> Rulebook:
    """The rulebook of a bundled name or an object. Raises InvalidCommand with the bad key."""
    return bundled(given) if isinstance(given, str) else from_object(given)


def _prepared(addition: Addition) -> Prepared:
    try:
        return prepare(addition.command)
    except InvalidCommand as refusal:
        where = f"{addition.place}: " if addition.place else ""
        raise InvalidCommand(f"{where}{refusal.message}", **refusal.numbers) from None


def check_ids(store: Store, ids: Iterable[str]) -> None:
    """Raises UnknownReference for an id that no accepted command has."""
    wanted = list(ids)
    known = store.find_commands(wanted)
    for one in wanted:
        if one not in known:
            raise UnknownReference(
                f"no command {one!r} is in the log: there is nothing to leave out",
                reference_id=one,
            )


def check_places(alteration: Alteration, upto: int) -> None:
    """Raises InvalidCommand for an addition after a position that the log has not."""
    for one in alteration.additions:
        if one.after is not None and not 0 <= one.after <= upto:
            raise InvalidCommand(
                f"{one.place or 'a command'} is to come after position {one.after}; the log ends "
                f"at {upto}",
                field="after", position=one.after, last=upto,
            )  # fmt: skip


def registry_for(
    there: Sequence[str], rulebook: Rulebook, extends: object, named: str | None
) -> str:
    """The registry a rulebook is for: the one named, or of its name, or of what it extends, or
    the only one there is.

    Raises UnknownRegistry, and InvalidCommand when it cannot be told.
    """
    known = ", ".join(there) or "none"
    if named is not None:
        if named not in there:
            raise UnknownRegistry(
                f"no registry {named!r} is in the log; there are: {known}", registry=named
            )
        return named
    for name in (rulebook.ref.name, extends):
        if name in there:
            return str(name)
    if len(there) == 1:
        return there[0]
    raise InvalidCommand(
        f"which registry is to be under {rulebook.ref.name!r}? There are: {known}; name one",
        field="registry",
    )


def registries_of(store: Store, upto: int) -> list[str]:
    """The registries that a log opens, in order."""
    opened = store.rows(0, upto, ("RegistryOpened",))
    return [row.registry for row in opened]
