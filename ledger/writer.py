"""The writer: commands in, events out, one transaction, in turn.

A write takes the store's writer lock, catches up with the log, decides every command
against the present, and saves all events with one ``save()``. The state moves on only
after the commit: a refused or failed write is undone, an unknown one drops the state and
looks in the log before anything is answered. Threads that write at the same time share
one commit (group commit).
"""

import os
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from eventsourcing.persistence import IntegrityError, PersistenceError
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.errors import Conflict
from etsledger.domain.state import Mark
from etsledger.ledger import journal
from etsledger.ledger.clock import Clock, recording_time
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.commandfile import Prepared, batch_content
from etsledger.ledger.drafting import Draft, Known
from etsledger.ledger.log import Written
from etsledger.ledger.names import names_in
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.past import StoredPast
from etsledger.ledger.present import Present
from etsledger.ledger.record import Logged, hash_of, read
from etsledger.ledger.store import Store, write_failed

ATTEMPTS: Final = 5
_FAILED: Final = (PersistenceError, SQLAlchemyError)


class Job:
    """Commands that one caller wants written together, and what became of them."""

    def __init__(self, commands: Sequence[Prepared], *, atomic: bool, keep_going: bool) -> None:
        self.commands = commands
        self.atomic = atomic
        self.keep_going = keep_going
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self.done = False

    def make_ready(self) -> None:
        """Called in the job's turn before its commands are decided."""

    @property
    def stopped(self) -> bool:
        """Whether nothing after this job is to be done."""
        # Deciding stopped at the refusal, so it is the last outcome.
        last = self.outcomes[-1] if self.outcomes else None
        return not self.keep_going and last is not None and last.refusal is not None


class _LookUpFirst(Exception):
    """A command was refused before its id was looked up."""


class Writer:
    """The one writer of a ledger in this process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._present = Present(store)
        self._past = StoredPast(store, self.recorded)
        self._begin_process()

    def _begin_process(self) -> None:
        self._pid = os.getpid()
        self._queue: list[Job] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()
        self._saver: ThreadPoolExecutor | None = None

    def _check_process(self) -> None:
        """After a fork: the locks, the queue and the thread are those of the parent."""
        if self._pid != os.getpid():
            self._begin_process()
            self.drop_state()

    def drop_state(self) -> None:
        """Forgets the cached state; the next write reads it from the store again."""
        self._past.end()
        self._present.forget()

    def close(self) -> None:
        """Ends the thread that saves."""
        if self._saver is not None and self._pid == os.getpid():
            self._saver.shutdown()
            self._saver = None

    # -- in turn -------------------------------------------------------------------------

    def submit(self, job: Job) -> list[Outcome]:
        """Writes a job, together with those of other threads that wait at the same time."""
        self._check_process()
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
        error: BaseException | None = None
        try:
            self._attempt_with_retries(jobs)
        except IntegrityError as conflict:
            error = Conflict(
                f"another writer won {ATTEMPTS} times ({conflict}); send the command again",
                attempts=ATTEMPTS,
            )
        except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001 - raised by submit
            error = failure
        for job in jobs:
            job.error = error
            job.done = True

    def _attempt_with_retries(self, jobs: list[Job]) -> None:
        try:
            if not self._attempt_unseen(jobs):
                self._attempt(jobs)
        except IntegrityError:
            import tenacity

            for attempt in tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(IntegrityError),
                stop=tenacity.stop_after_attempt(ATTEMPTS - 1),
                wait=tenacity.wait_random_exponential(multiplier=0.01, max=0.5),
                reraise=True,
            ):
                with attempt:
                    self._attempt(jobs)

    # -- one attempt ---------------------------------------------------------------------

    def _attempt_unseen(self, jobs: list[Job]) -> bool:
        """Writes a lone command without looking its id up: the database takes no id twice.

        False when the id must be looked up after all: it was used before, or the command is
        refused and may be a repetition of one that was not.
        """
        if len(jobs) > 1 or len(jobs[0].commands) > 1 or jobs[0].commands[0].children:
            return False
        try:
            self._attempt(jobs, look_up=False)
        except (IntegrityError, _LookUpFirst):
            return False
        return True

    def _attempt(self, jobs: list[Job], *, look_up: bool = True) -> None:
        draft: Draft | None = None
        mark: Mark | None = None
        saving = False
        try:
            with self._store.writing():
                mark = self._present.catch_up().mark()
                draft = self._draft(may_merge=True)
                known = self._store.find_commands(_all_ids(jobs)) if look_up else {}
                for job in jobs:
                    self._decide(draft, job, known)
                if draft.refused and not look_up:
                    raise _LookUpFirst
                if draft.entries:
                    saving = True
                    self._store.log.record_write(draft.unsaved())
                if draft.refused:
                    journal.keep(self._store, draft.refused)
        except (IntegrityError, _LookUpFirst):
            self._undo(mark)
            raise
        except _FAILED as error:
            self.drop_state()
            if not (saving and draft is not None and self._arrived(draft)):
                raise write_failed(error) from error
        except BaseException:
            self.drop_state()
            raise
        else:
            self._settle(draft)

    def _draft(self, *, may_merge: bool) -> Draft:
        present = self._present
        assert present.scribe is not None
        now = recording_time(self._clock(), present.last_recorded)
        return Draft(
            present.scribe, self._past, present.head, now, self._kept_content,
            partial(names_in, self._store), may_merge=may_merge,
        )  # fmt: skip

    def _decide(self, draft: Draft, job: Job, known: Known) -> None:
        job.outcomes = draft.decide_all(
            job.commands, known, atomic=job.atomic, keep_going=job.keep_going
        )

    # -- a stream of jobs ------------------------------------------------------------------

    def submit_stream(self, jobs: Sequence[Job]) -> None:
        """Writes jobs in order, each with a commit of its own, in one turn.

        While one is saved the next is decided: saving leaves Python to others. Afterwards
        each job that was reached is done; one that failed carries its error, and those after
        it are not reached. Stops after a refusal in a job that does not keep going.
        """
        self._check_process()
        with self._turn:
            try:
                self._stream(jobs)
            except (Exception, KeyboardInterrupt) as error:
                self.drop_state()
                failed = next((job for job in jobs if not job.done), None)
                if failed is None:  # all of it is kept; what failed came after
                    raise
                failed.error = write_failed(error) if isinstance(error, _FAILED) else error

    def _stream(self, jobs: Sequence[Job]) -> None:
        reached: list[Job] = []
        with self._store.writing(), _quick_switches(), collector_paused():
            self._present.catch_up()
            draft = self._draft(may_merge=True)
            saving: Future[None] | None = None
            last = 0
            try:
                for job in jobs:
                    job.make_ready()
                    draft.now = recording_time(self._clock(), draft.now)
                    self._decide(draft, job, self._store.find_commands(_ids(job.commands)))
                    job.commands = ()
                    if saving is not None:
                        saving.result()
                    if self._store.commits_at_once:
                        _mark_done(reached)
                        draft.settle(last)
                    reached.append(job)
                    written = draft.unsaved()
                    saving = self._save(written) if written.entries else None
                    last = draft.position
                    if job.stopped:
                        break
            finally:
                # The lock stays held until the last save has ended, however this block ends.
                if saving is not None:
                    saving.result()
            if draft.refused:
                journal.keep(self._store, draft.refused)
        _mark_done(reached)
        self._settle(draft)

    def _save(self, written: Written) -> "Future[None]":
        if self._saver is None:
            self._saver = ThreadPoolExecutor(1, "etsledger-save")
        return self._saver.submit(self._store.log.record_write, written)

    def _settle(self, draft: Draft) -> None:
        scribe = self._present.scribe
        assert scribe is not None
        scribe.forget()
        self._past.end()
        if draft.head != self._present.head:
            self._present.moved_on(draft.head, draft.now)
            with suppress(SQLAlchemyError):  # a snapshot is a convenience; the write is done
                self._present.keep_snapshot()

    def _undo(self, mark: Mark | None) -> None:
        self._past.end()
        scribe = self._present.scribe
        if scribe is None or mark is None:
            self.drop_state()
        else:
            scribe.undo(mark)
            scribe.forget()

    def _arrived(self, draft: Draft) -> bool:
        """After a save of unknown end: whether the log holds what it should have written."""
        last = draft.entries[-1]
        try:
            row = self._store.row(last.record.position)
        except Exception:  # noqa: BLE001 - not to be told: then it is not taken as written
            return False
        return row is not None and hash_of(row.state) == last.hash

    def preview(
        self, commands: Sequence[Prepared], *, atomic: bool, keep_going: bool
    ) -> list[Outcome]:
        """What would become of commands if they were written now; writes and locks nothing."""
        self._check_process()
        with self._turn:
            try:
                self._present.load().mark()
                draft = self._draft(may_merge=False)
                known = self._store.find_commands(_ids(commands))
                return draft.decide_all(commands, known, atomic=atomic, keep_going=keep_going)
            finally:
                self.drop_state()

    # -- commands accepted before ----------------------------------------------------------

    def _kept_content(self, command_id: str, first: int, last: int) -> bytes:
        """The canonical bytes of a command as the log keeps it; of a batch, made again."""
        logged = [read(row.type, row.state) for row in self._store.rows(first - 1, last)]
        if logged[0].record.batch == command_id != logged[0].command.id:
            contents = {bytes(one.record.command): None for one in logged}
            return batch_content(command_id, list(contents))
        return bytes(logged[0].record.command)

    def recorded(self, command_id: str) -> list[Logged]:
        """The events that an accepted command wrote."""
        known = self._store.find_commands([command_id])
        if command_id not in known:
            return []
        first, last = known[command_id]
        return [read(row.type, row.state) for row in self._store.rows(first - 1, last)]


@contextmanager
def _quick_switches() -> Generator[None]:
    """Lets the thread that saves have Python back at once when the database returns."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _mark_done(jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.done = True


def _ids(commands: Sequence[Prepared]) -> list[str]:
    return [one.command.id for given in commands for one in (given, *given.children)]


def _all_ids(jobs: list[Job]) -> list[str]:
    return [command_id for job in jobs for command_id in _ids(job.commands)]
