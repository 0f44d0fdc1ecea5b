"""The writer: commands in, events out, one transaction, in turn.

A write takes the store's writer lock, catches up with the log, decides every command
against the present, and saves all events with one ``save()``. The state moves on only
after the commit: a refused or failed write is undone, an unknown one drops the state and
looks the command ids up before anything is answered. Threads that write at the same time
share one commit (group commit).
"""

import gc
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import msgspec
from eventsourcing.persistence import IntegrityError, PersistenceError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from etsledger.domain.catalogue import apply, decide
from etsledger.domain.errors import Conflict, DuplicateCommand, Refusal
from etsledger.domain.events import Event
from etsledger.domain.registries import RegistryOpened
from etsledger.domain.state import Fact, Mark, Scribe, State
from etsledger.ledger import journal, snapshots
from etsledger.ledger.clock import Clock, recording_time
from etsledger.ledger.commandfile import Prepared, batch_content
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.log import CommandRow, PostingRow, Written
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.past import StoredPast
from etsledger.ledger.postings import rows_of
from etsledger.ledger.record import GENESIS, Entry, Logged, Record, Row, hash_of, read, seal
from etsledger.ledger.store import Store, write_failed

ATTEMPTS: Final = 5


class Job:
    """Commands that one caller wants written together, and what became of them."""

    def __init__(self, commands: Sequence[Prepared], *, atomic: bool, keep_going: bool) -> None:
        self.commands = commands
        self.atomic = atomic
        self.keep_going = keep_going
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self.done = False


class _Draft:
    """What a write has decided so far."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.entries: list[Entry] = []
        self.commands: list[CommandRow] = []
        self.postings: list[PostingRow] = []
        self.refused: list[tuple[Prepared, Refusal]] = []
        self.accepted: dict[str, tuple[Prepared, tuple[int, ...]]] = {}

    def sizes(self) -> tuple[int, int, int, int]:
        return len(self.entries), len(self.commands), len(self.postings), len(self.accepted)


class Writer:
    """The one writer of a ledger in this process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queue: list[Job] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()
        self._past = StoredPast(store, self.recorded)
        self.drop_state()

    def drop_state(self) -> None:
        """Forgets the cached state; the next write reads it from the store again."""
        self._past.end()
        self._scribe: Scribe | None = None
        self._head = GENESIS
        self._last_recorded: datetime | None = None
        self._snapshot_at = 0

    # -- in turn -------------------------------------------------------------------------

    def submit(self, job: Job) -> list[Outcome]:
        """Writes a job, together with those of other threads that wait at the same time."""
        with self._queue_lock:
            self._queue.append(job)
        with self._turn:
            if not job.done:
                with self._queue_lock:
                    jobs, self._queue = self._queue, []
                self._run(jobs)
        if job.error is not None:
            raise job.error
        return job.outcomes

    def _run(self, jobs: list[Job]) -> None:
        try:
            self._attempt_with_retries(jobs)
        except IntegrityError as error:
            self._fail(jobs, Conflict(
                f"another writer won {ATTEMPTS} times ({error}); send the command again",
                attempts=ATTEMPTS,
            ))  # fmt: skip
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - raised by submit
            self._fail(jobs, error)
        finally:
            for job in jobs:
                job.done = True

    def _attempt_with_retries(self, jobs: list[Job]) -> None:
        try:
            self._attempt(jobs)
        except IntegrityError:
            for attempt in Retrying(
                retry=retry_if_exception_type(IntegrityError),
                stop=stop_after_attempt(ATTEMPTS - 1),
                wait=wait_random_exponential(multiplier=0.01, max=0.5),
                reraise=True,
            ):
                with attempt:
                    self._attempt(jobs)

    def _fail(self, jobs: list[Job], error: BaseException) -> None:
        for job in jobs:
            job.error = error

    # -- one attempt ---------------------------------------------------------------------

    def _attempt(self, jobs: list[Job]) -> None:
        draft: _Draft | None = None
        mark: Mark | None = None
        saved = False
        try:
            with self._store.writing():
                scribe = self._catch_up()
                mark = scribe.mark()
                self._past.begin(scribe.state.position)
                draft = _Draft(recording_time(self._clock(), self._last_recorded))
                known = self._store.find_commands(_all_ids(jobs))
                with _collector_paused():
                    for job in jobs:
                        job.outcomes = []
                        self._decide_job(job, draft, known)
                if draft.entries:
                    saved = True
                    self._store.log.record_write(
                        Written(draft.entries, draft.commands, draft.postings)
                    )
                if draft.refused:
                    journal.keep(self._store, draft.now, draft.refused)
        except (IntegrityError, Refusal):
            self._past.end()
            if mark is None:
                self.drop_state()
            else:
                self._undo(mark)
            raise
        except PersistenceError as error:
            self.drop_state()
            if not (saved and draft is not None and self._arrived(draft)):
                raise write_failed(error) from error
        except BaseException:
            self.drop_state()
            raise
        else:
            self._settle(draft)

    def _settle(self, draft: _Draft) -> None:
        scribe = self._scribe
        assert scribe is not None
        scribe.forget()
        self._past.end()
        if draft.entries:
            self._head = draft.entries[-1].hash
            self._last_recorded = draft.now
        if scribe.state.position - self._snapshot_at >= snapshots.EVERY:
            self._take_snapshot(scribe.state)

    def _undo(self, mark: Mark) -> None:
        if self._scribe is not None:
            self._scribe.undo(mark)
            self._scribe.forget()

    def _arrived(self, draft: _Draft) -> bool:
        """After a save of unknown end: whether the log holds what it should have written."""
        last = draft.entries[-1]
        try:
            row = self._store.row(last.record.position)
        except Exception:  # noqa: BLE001 - not to be told: then it is not taken as written
            return False
        return row is not None and hash_of(row.state) == last.hash

    # -- deciding ------------------------------------------------------------------------

    def _decide_job(self, job: Job, draft: _Draft, known: dict[str, tuple[int, int]]) -> None:
        scribe = self._scribe
        assert scribe is not None
        mark, sizes = scribe.mark(), draft.sizes()
        for prepared in job.commands:
            try:
                job.outcomes.append(self._decide_one(prepared, draft, known))
            except Refusal as refusal:
                draft.refused.append((prepared, refusal))
                job.outcomes.append(Outcome(prepared.command.id, "refused", (), refusal))
                if job.atomic:
                    self._take_back(mark, draft, sizes)
                    return
                if not job.keep_going:
                    return

    def _decide_one(
        self, prepared: Prepared, draft: _Draft, known: dict[str, tuple[int, int]]
    ) -> Outcome:
        command_id = prepared.command.id
        first = self._first_answer(prepared, draft, known)
        if first is not None:
            return Outcome(command_id, "duplicate", first)
        start = len(draft.entries)
        if prepared.children:
            self._decide_batch(prepared, draft, known)
        else:
            self._decide_events(prepared, draft, None)
        return Outcome(command_id, "accepted", self._accept(prepared, draft, start))

    def _accept(self, prepared: Prepared, draft: _Draft, start: int) -> tuple[int, ...]:
        """Notes the command id of the entries from ``start`` on; gives their positions."""
        positions = tuple(entry.record.position for entry in draft.entries[start:])
        draft.commands.append((prepared.command.id, positions[0], positions[-1]))
        draft.accepted[prepared.command.id] = (prepared, positions)
        return positions

    def _decide_batch(
        self, batch: Prepared, draft: _Draft, known: dict[str, tuple[int, int]]
    ) -> None:
        scribe = self._scribe
        assert scribe is not None
        mark, sizes = scribe.mark(), draft.sizes()
        for i, child in enumerate(batch.children):
            try:
                if child.command.id in known or child.command.id in draft.accepted:
                    raise DuplicateCommand(
                        f"the id {child.command.id!r} was accepted before, outside of this batch",
                        id=child.command.id,
                    )
                start = len(draft.entries)
                self._decide_events(child, draft, batch.command.id)
                self._accept(child, draft, start)
            except Refusal as refusal:
                self._take_back(mark, draft, sizes)
                refusal.message = f"commands.{i} ({child.command.id!r}): {refusal.message}"
                refusal.numbers.setdefault("command_id", child.command.id)
                raise

    def _take_back(self, mark: Mark, draft: _Draft, sizes: tuple[int, int, int, int]) -> None:
        assert self._scribe is not None
        self._scribe.undo(mark)
        entries, commands, postings, accepted = sizes
        while len(draft.accepted) > accepted:
            draft.accepted.popitem()
        del draft.entries[entries:], draft.commands[commands:], draft.postings[postings:]
        self._past.drop_to(entries, postings)

    def _decide_events(self, prepared: Prepared, draft: _Draft, batch: str | None) -> None:
        scribe = self._scribe
        assert scribe is not None
        command = prepared.command
        effective_at = prepared.effective_at or draft.now
        for event in decide(command, scribe.state, self._past, effective_at):
            self._append(event, prepared, effective_at, draft, batch)

    def _append(
        self,
        event: Event,
        prepared: Prepared,
        effective_at: datetime,
        draft: _Draft,
        batch: str | None,
    ) -> None:
        scribe = self._scribe
        assert scribe is not None
        state, registry_id = scribe.state, prepared.command.registry
        registry = state.registries.get(registry_id)
        if registry is not None:
            rulebook = registry.rulebook_at(effective_at)
        else:
            assert isinstance(event, RegistryOpened)
            rulebook = event.rulebook
        position = state.position + 1
        entry = seal(
            Record(
                batch=batch,
                command=msgspec.Raw(prepared.content),
                data=event,
                effective_at=effective_at,
                position=position,
                prev=draft.entries[-1].hash if draft.entries else self._head,
                recorded_at=draft.now,
                registry=registry_id,
                rulebook=rulebook,
                sequence=(registry.version if registry else 0) + 1,
                type=type(event).__name__,
                v=event.VERSION,
            )
        )
        fact = Fact(registry_id, position, entry.record.sequence, prepared.command.id, effective_at)
        legs = event.postings()
        apply(scribe, event, fact, legs)
        rows = rows_of(event, position, registry_id, effective_at, legs)
        draft.entries.append(entry)
        draft.postings.extend(rows)
        self._past.add(entry, rows)

    # -- commands accepted before ----------------------------------------------------------

    def _first_answer(
        self, prepared: Prepared, draft: _Draft, known: dict[str, tuple[int, int]]
    ) -> tuple[int, ...] | None:
        """The positions of the same command accepted before. Raises DuplicateCommand."""
        command_id = prepared.command.id
        if command_id in draft.accepted:
            before, positions = draft.accepted[command_id]
            content = before.content
        elif command_id in known:
            first, last = known[command_id]
            content = self._kept_content(command_id, first, last)
            positions = tuple(range(first, last + 1))
        else:
            return None
        if content != prepared.content:
            raise DuplicateCommand(
                f"the id {command_id!r} was accepted before at position {positions[:1]} with "
                "other content; a new command needs an id of its own",
                id=command_id, positions=list(positions),
            )  # fmt: skip
        return positions

    def _kept_content(self, command_id: str, first: int, last: int) -> bytes:
        logged = [read(row.type, row.state) for row in self._store.rows(first - 1, last)]
        if logged and logged[0].record.batch == command_id:
            contents = {bytes(x.record.command): None for x in logged}
            return batch_content(command_id, list(contents))
        return bytes(logged[0].record.command) if logged else b""

    def recorded(self, command_id: str) -> list[Logged]:
        """The events that an accepted command wrote."""
        known = self._store.find_commands([command_id])
        if command_id not in known:
            return []
        first, last = known[command_id]
        return [read(row.type, row.state) for row in self._store.rows(first - 1, last)]

    # -- the state -------------------------------------------------------------------------

    def _catch_up(self) -> Scribe:
        """The state at the head of the log; reads only what is new."""
        scribe = self._scribe
        if scribe is None:
            scribe = self._load()
        position = scribe.state.position
        rows = self._store.tail(max(position, 1))
        if position:
            if not rows or rows[0].position != position or hash_of(rows[0].state) != self._head:
                self.drop_state()
                raise StoreDamaged(
                    f"the log no longer holds position {position} with hash {self._head}: it was "
                    "cut, exchanged or rewritten; run 'etsledger verify'"
                )
            rows = rows[1:]
        for row in rows:
            self._follow(scribe, row)
        self._scribe = scribe
        return scribe

    def _load(self) -> Scribe:
        snapshot = snapshots.load(self._store)
        scribe = Scribe(snapshot.state if snapshot else State())
        self._head = snapshot.head if snapshot else GENESIS
        self._snapshot_at = scribe.state.position
        if snapshot:
            row = self._store.row(scribe.state.position)
            self._last_recorded = read(row.type, row.state).record.recorded_at if row else None
        for row in self._store.rows(scribe.state.position):
            self._follow(scribe, row)
        return scribe

    def _follow(self, scribe: Scribe, row: Row) -> None:
        logged = read(row.type, row.state)
        if row.position != scribe.state.position + 1 or logged.record.prev != self._head:
            raise StoreDamaged(
                f"the log does not continue at position {row.position}; run 'etsledger verify'"
            )
        apply(scribe, logged.event, logged.fact)
        self._head, self._last_recorded = logged.hash, logged.record.recorded_at

    def _take_snapshot(self, state: State) -> None:
        self._snapshot_at = state.position
        try:
            snapshots.save(self._store, state, self._head)
        except Exception:  # noqa: BLE001 - a snapshot is a convenience; the write is done
            return

    def preview(self, commands: Sequence[Prepared], *, keep_going: bool) -> list[Outcome]:
        """What would become of commands if they were written now; writes nothing."""
        job = Job(commands, atomic=False, keep_going=keep_going)
        with self._turn:
            scribe = self._load()
            self._scribe = scribe
            self._past.begin(scribe.state.position)
            draft = _Draft(recording_time(self._clock(), self._last_recorded))
            try:
                self._decide_job(job, draft, self._store.find_commands(_all_ids([job])))
            finally:
                self.drop_state()
        return job.outcomes


@contextmanager
def _collector_paused() -> Generator[None]:
    """No garbage collection while a chunk is decided: it holds no cycles, only many tuples."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _all_ids(jobs: list[Job]) -> list[str]:
    return [
        one.command.id
        for job in jobs
        for prepared in job.commands
        for one in (prepared, *prepared.children)
    ]
