"""Deciding again: the commands of a log, sent in order to a scratch store.

Every accepted command is kept whole in the log, so that all of them can be decided again:
under another rulebook, without some of them, with others besides. Each is sent with the
recorded time of the original. The log itself is only read. With nothing changed the scratch
store ends with the same hash.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import msgspec

from etsledger.domain.errors import InvalidCommand, UnknownReference, UnknownRegistry
from etsledger.domain.events import Event
from etsledger.domain.rulebook import Rulebook, bundled, from_object
from etsledger.ledger import journal
from etsledger.ledger.clock import Clock
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.commandfile import Prepared, batch_content, prepare
from etsledger.ledger.comparisons import Addition
from etsledger.ledger.errors import StoreDamaged, StoreError
from etsledger.ledger.opening import open_store
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.record import GENESIS, Logged, hash_of, read
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import Sendable
from etsledger.ledger.writer import Writer

_CHUNK: Final = 1_000
_TIMEOUT: Final = 10.0
_RULEBOOK_COMMANDS: Final = ("open_registry", "adopt_rulebook")
_OF_RULEBOOKS: Final = tuple(f'"{name}"'.encode() for name in _RULEBOOK_COMMANDS)
Made = tuple[str, Event]
"""An event and its registry."""


class _Batch(msgspec.Struct, gc=False):
    commands: list[msgspec.Raw]


_batch: Final = msgspec.json.Decoder(_Batch)


class Step(NamedTuple):
    """A command on its way to be decided again.

    ``position`` is the last that the log has of it (for an addition, that it comes after);
    ``made`` the events that it led to; ``ids`` its own, and those of a batch's commands.
    """

    content: bytes
    ids: tuple[str, ...]
    recorded_at: datetime
    position: int
    made: tuple[Made, ...] = ()
    addition: Addition | None = None

    is_batch: bool = False

    @property
    def id(self) -> str:
        """The command's own id."""
        return self.ids[0]


class Decided(NamedTuple):
    """What became of a step, and the events it leads to now."""

    step: Step
    outcome: Outcome
    made: tuple[Made, ...]


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

    @property
    def places(self) -> list[int]:
        """The positions that additions come after, in order."""
        return sorted({one.after for one in self.additions if one.after is not None})

    def _under_the_rulebook(self, step: Step) -> Step | None:
        if not any(name in step.content for name in _OF_RULEBOOKS):
            return step
        kept: list[bytes] = []
        changed = False
        for content in contents_of(step):
            raw = msgspec.json.decode(content)
            if raw["command"] not in _RULEBOOK_COMMANDS or raw["registry"] != self.registry:
                kept.append(content)
                continue
            changed = True
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


@contextmanager
def scratch_store(keep: Path | None, clock: Clock) -> Generator[Store]:
    """A store that is gone afterwards, or a new file that is kept when all went well.

    Raises StoreError when that file exists already.
    """
    if keep is None:
        with (
            TemporaryDirectory(prefix="etsledger-") as folder,
            closing(_open(Path(folder) / "what-if.db", clock)) as store,
        ):
            yield store
        return
    if keep.exists():
        raise StoreError(f"{keep} exists already; what is kept goes into a new file")
    done = False
    try:
        with closing(_open(keep, clock)) as store:
            yield store
        done = True
    finally:
        if not done:
            for suffix in ("", "-wal", "-shm", ".lock"):
                keep.with_name(keep.name + suffix).unlink(missing_ok=True)


def _open(path: Path, clock: Clock) -> Store:
    return open_store(path, True, False, clock, _TIMEOUT)


def steps(store: Store, upto: int) -> Iterator[Step]:
    """The commands of a log up to a position, in order, each with the events it led to."""
    logged = (read(row.type, row.state) for row in store.rows(0, upto))
    for (command_id, batch), group in groupby(logged, key=_command_of):
        events = list(group)
        contents = list({bytes(one.record.command): None for one in events})
        ids = (command_id,)
        content = contents[0]
        if batch:
            ids += tuple({one.command.id: None for one in events})
            content = batch_content(command_id, contents)
        last = events[-1].record
        made = tuple((one.record.registry, one.event) for one in events)
        yield Step(content, ids, last.recorded_at, last.position, made, None, batch)


def _command_of(logged: Logged) -> tuple[str, bool]:
    batch = logged.record.batch
    return (logged.command.id, False) if batch is None else (batch, True)


def altered(store: Store, upto: int, alteration: Alteration, clock: Clock) -> Iterator[Step]:
    """The steps that are to be sent: those of the log and the additions, in their order.

    An addition has the recorded time of the place it is put at, at the end the clock's.
    """
    places, recorded = alteration.places, None
    for step in steps(store, upto):
        while places and places[0] < (step.position - len(step.made) + 1):
            yield from alteration.besides(places.pop(0), recorded or step.recorded_at)
        recorded = step.recorded_at
        sent = alteration.altered(step)
        if sent is not None:
            yield sent
    now = clock()
    last = recorded or now
    while places:
        yield from alteration.besides(places.pop(0), last)
    yield from alteration.besides(None, max(now, last))


class Redecider(Writer):
    """A writer to whom every command comes with the time it is recorded at."""

    def decide_again(
        self, given: Iterable[Step], progress: Callable[[int], None] | None = None
    ) -> Iterator[Decided]:
        """Decides steps in order, refused or not, and writes the accepted ones.

        ``progress`` is called with the position of the original log that was reached.
        """
        store, stream = self._store, iter(given)
        with store.writing(), collector_paused():
            self._present.catch_up()
            draft = self._draft(may_merge=True)
            while chunk := list(islice(stream, _CHUNK)):
                known = store.find_commands([one for step in chunk for one in step.ids])
                answers: list[Decided] = []
                for step in chunk:
                    now = step.recorded_at
                    draft.now = max(draft.now, now) if draft.position else now
                    outcome = _undecided(step)
                    if isinstance(outcome, Prepared):
                        sent = [outcome]
                        outcome = draft.decide_all(sent, known, atomic=False, keep_going=True)[0]
                    count = len(outcome.positions) if outcome.outcome == "accepted" else 0
                    new = draft.entries[len(draft.entries) - count :]
                    made = tuple((one.record.registry, one.record.data) for one in new)
                    answers.append(Decided(step, outcome, made))
                    if draft.refused:
                        journal.keep(store, draft.now, draft.refused)
                        draft.refused.clear()
                written = draft.unsaved()
                if written.entries:
                    store.log.record_write(written)
                    draft.settle(draft.position)
                if progress:
                    progress(chunk[-1].position)
                yield from answers
            self._settle(draft)


def _undecided(step: Step) -> Prepared | Outcome:
    """The command, or its refusal when it can no longer be read."""
    try:
        return prepare(step.content)
    except InvalidCommand as refusal:
        return Outcome(step.id, "refused", (), refusal)


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


def hash_at(store: Store, position: int) -> str:
    """The hash of a position of the log, unchecked. Raises StoreDamaged when it is not there."""
    if position == 0:
        return GENESIS
    row = store.row(position)
    if row is None:
        raise StoreDamaged(f"the log has no position {position}; run 'etsledger verify'")
    return hash_of(row.state)
