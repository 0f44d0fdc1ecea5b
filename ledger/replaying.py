"""Deciding again: the commands of a log, sent in order to a scratch store.

Every accepted command is kept whole in the log, so that all of them can be decided again:
under another rulebook, without some of them, with others besides. Each is sent with the
recorded time of the original. The log itself is only read. With nothing changed the scratch
store ends with the same hash.

Refused commands are kept whole too, in the journal. Each is decided at the place where it was
sent, and nothing stays of it: who was refused mostly sent something else instead, which is in
the log and decided in its turn, so that to accept both would count one wish twice.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.proposals import ProposalMade
from etsledger.ledger import journal
from etsledger.ledger.alterations import Alteration, Made, Step
from etsledger.ledger.clock import Clock
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.commandfile import Prepared, batch_content, prepare
from etsledger.ledger.drafting import Draft, Known
from etsledger.ledger.errors import StoreDamaged, StoreError
from etsledger.ledger.opening import open_store
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.record import GENESIS, Logged, hash_of, read
from etsledger.ledger.store import Store
from etsledger.ledger.writer import Writer

_CHUNK: Final = 1_000
_TIMEOUT: Final = 10.0


class Decided(NamedTuple):
    """What became of a step, and the events it leads to now."""

    step: Step
    outcome: Outcome
    made: tuple[Made, ...]


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
    for command_id, group in groupby(logged, key=_command_of):
        events = list(group)
        contents = list({bytes(one.record.command): None for one in events})
        first, last = events[0], events[-1].record
        ids = dict.fromkeys((command_id, *(one.command.id for one in events)))
        # An approval brings about the proposed command; of a batch each is sent.
        batch = first.command.id != command_id
        content = batch_content(command_id, contents) if batch else contents[0]
        if isinstance(first.event, ProposalMade):
            ids[first.event.command_id] = None
        made = tuple((one.record.registry, one.event) for one in events)
        yield Step(content, tuple(ids), last.recorded_at, last.position, made, None, batch)


def _command_of(logged: Logged) -> str:
    return logged.record.batch or logged.command.id


def altered(store: Store, upto: int, alteration: Alteration, clock: Clock) -> Iterator[Step]:
    """The steps that are to be sent: those of the log, the attempts that were refused and the
    additions, in their order.

    An addition has the recorded time of the place it is put at, at the end the clock's. Of
    one place, additions come before attempts.
    """
    places, recorded, last = alteration.places, None, 0
    refused = _Attempts(store, alteration, upto)
    for step in steps(store, upto):
        first = step.position - len(step.made) + 1
        while places and places[0] < first:
            yield from alteration.besides(places.pop(0), recorded or step.recorded_at)
        yield from refused.before(first, step.recorded_at, last)
        recorded, last = step.recorded_at, step.position
        sent = alteration.altered(step)
        if sent is not None:
            yield sent
    now = clock()
    end = recorded or now
    while places:
        yield from alteration.besides(places.pop(0), end)
    yield from refused.before(upto + 1, None, last)
    yield from alteration.besides(None, max(now, end))


class _Attempts:
    """The attempts of the journal, as the places come where they were refused.

    Those of which only the time is known come after all that was recorded by then.
    """

    def __init__(self, store: Store, alteration: Alteration, upto: int) -> None:
        self._alteration, self._upto = alteration, upto
        self._placed = journal.attempts(store, placed=True)
        self._timed = journal.attempts(store, placed=False)
        self._next = next(self._placed, None)
        self._later = next(self._timed, None)

    def before(self, position: int, recorded_at: datetime | None, after: int) -> Iterator[Step]:
        """The attempts before a position, or recorded before a time (None: at any time)."""
        while (one := self._next) is not None and (one.position or 0) < position:
            yield from self._sent(one, after)
            self._next = next(self._placed, None)
        while (one := self._later) is not None and (
            recorded_at is None or one.recorded_at < recorded_at
        ):
            yield from self._sent(one, after)
            self._later = next(self._timed, None)

    def _sent(self, one: journal.Attempt, after: int) -> Iterator[Step]:
        sent = self._alteration.again(one, after)
        if sent is not None:
            yield sent


class Redecider(Writer):
    """A writer to whom every command comes with the time it is recorded at."""

    def decide_again(
        self, given: Iterable[Step], progress: Callable[[int], None] | None = None
    ) -> Generator[Decided]:
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
                    if step.attempt is not None:
                        answers.append(_attempted(draft, step, known))
                        continue
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
                        journal.keep(store, draft.refused)
                        draft.refused.clear()
                written = draft.unsaved()
                if written.entries:
                    store.log.record_write(written)
                    draft.settle(draft.position)
                if progress:
                    progress(chunk[-1].position)
                yield from answers
            self._settle(draft)


def _attempted(draft: Draft, step: Step, known: Known) -> Decided:
    """What would become of a refused command where it was sent; nothing of it stays."""
    now = max(draft.now, step.recorded_at) if draft.position else step.recorded_at
    outcome, made = draft.attempt(prepare(step.content), known, now)
    return Decided(step, outcome, tuple((one.record.registry, one.record.data) for one in made))


def _undecided(step: Step) -> Prepared | Outcome:
    """The command, or its refusal when it can no longer be read."""
    try:
        return prepare(step.content)
    except InvalidCommand as refusal:
        return Outcome(step.id, "refused", (), refusal)


def hash_at(store: Store, position: int) -> str:
    """The hash of a position of the log, unchecked. Raises StoreDamaged when it is not there."""
    if position == 0:
        return GENESIS
    row = store.row(position)
    if row is None:
        raise StoreDamaged(f"the log has no position {position}; run 'etsledger verify'")
    return hash_of(row.state)
