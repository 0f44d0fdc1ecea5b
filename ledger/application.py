"""The front door: open a ledger, send it commands, ask it questions."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from etsledger.domain.commands import Command
from etsledger.domain.errors import InvalidCommand, Refusal
from etsledger.ledger import journal
from etsledger.ledger.books import (
    BalanceRow,
    Books,
    EventRow,
    KnownAt,
    StatementRow,
    SupplyRow,
    When,
    load_books,
)
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.commandfile import Prepared, prepare
from etsledger.ledger.errors import StoreForeign
from etsledger.ledger.heads import Head, present_head
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.portable import export_lines, import_lines
from etsledger.ledger.sqlite_store import SqliteStore
from etsledger.ledger.store import DEFAULT_URL, Store
from etsledger.ledger.verify import Report, verify
from etsledger.ledger.writer import Job, Writer

LOCK_TIMEOUT: Final = 10.0
CHUNK: Final = 1_000
"""Commands of a file that share one commit; each is still accepted or refused by itself."""
TURN: Final = 16
"""Stretches of ``CHUNK`` commands that one turn writes before others may."""
MAX_ATOMIC: Final = 100_000
"""The most commands that can be one all-or-nothing write."""

Sendable = Command | Mapping[str, Any] | str | bytes
"""A command object, its JSON object, or its JSON text."""
Progress = Callable[[int], None]


class Line(NamedTuple):
    """A command with the line of the file it came from."""

    number: int
    command: Sendable


class Ledger:
    """An event-sourced ledger of emission units.

    >>> with Ledger.open("sqlite:///books.db", create=True) as ledger:
    ...     ledger.execute({"command": "open_registry", "id": "1", "rulebook": "open"})
    ...     ledger.balances(as_of="2024-12-31")

    Safe between threads; after a fork the child opens its own connections.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writer = Writer(store, clock)
        self._loaded_books: Books | None = None

    @classmethod
    def open(
        cls,
        url: str | os.PathLike[str] | None = None,
        *,
        create: bool = False,
        read_only: bool = False,
        clock: Clock = system_clock,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> Self:
        """Opens the ledger at a URL (``sqlite:///FILE`` or ``postgresql://…``) or file path.

        ``create`` makes it if it is absent; ``lock_timeout`` is how long, in seconds, a write
        waits for its turn. Raises StoreError, by the kind of what is wrong.
        """
        return cls(_open_store(url, create, read_only, clock, lock_timeout), clock)

    def close(self) -> None:
        """Closes the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def store(self) -> Store:
        """The store beneath, for projections and tools."""
        return self._store

    # -- commands ------------------------------------------------------------------------

    def execute(self, command: Sendable) -> Outcome:
        """Writes one command, or a batch, as one durable all-or-nothing fact.

        Gives the accepted (or duplicate) outcome with its positions. Raises a Refusal with
        its code and numbers, or StoreError; then nothing was written.
        """
        job = Job([prepare(command)], atomic=False, keep_going=False)
        outcome = self._writer.submit(job)[0]
        if outcome.refusal is not None:
            raise outcome.refusal
        return outcome

    def apply(
        self,
        commands: Iterable[Sendable | Line | None],
        *,
        keep_going: bool = False,
        atomic: bool = False,
        dry_run: bool = False,
        chunk: int = CHUNK,
    ) -> Iterator[Outcome]:
        """Runs commands in order and gives one outcome each, after it is durable.

        It stops at the first refusal unless ``keep_going``; ``atomic`` makes all of them one
        write (at most ``MAX_ATOMIC``); ``dry_run`` writes nothing and says what would happen.
        Commands that follow each other share a commit, ``chunk`` at a time; a None among
        them has what came before it written now (where the next may be long in coming).
        """
        if atomic or dry_run:
            yield from self._apply_whole(commands, keep_going, atomic, dry_run)
            return
        for jobs in _turns(commands, chunk, keep_going):
            self._writer.submit_stream(jobs)
            for job in jobs:
                if job.error is not None:
                    raise job.error
                yield from job.answers()
                if job.stopped:
                    return

    def _apply_whole(
        self,
        commands: Iterable[Sendable | Line | None],
        keep_going: bool,
        atomic: bool,
        dry_run: bool,
    ) -> Iterator[Outcome]:
        numbers: list[int] = []
        prepared: list[Prepared] = []
        bad: list[Outcome] = []
        for number, given in _numbered(commands):
            if given is None:
                continue
            try:
                prepared.append(prepare(given))
                numbers.append(number)
            except InvalidCommand as refusal:
                bad.append(Outcome(_id_of(given), "refused", (), refusal, number))
                if atomic or not keep_going:
                    break
            if len(prepared) > MAX_ATOMIC and atomic:
                refusal = InvalidCommand(
                    f"an all-or-nothing write holds at most {MAX_ATOMIC} commands; "
                    "send the file without --atomic, or in parts",
                    field="", limit=MAX_ATOMIC,
                )  # fmt: skip
                yield Outcome("", "refused", (), refusal, number)
                return
        if atomic and bad:
            yield bad[0]
            return
        if dry_run:
            outcomes = self._writer.preview(prepared, atomic=atomic, keep_going=keep_going)
        else:
            job = Job(prepared, atomic=True, keep_going=False)
            outcomes = self._writer.submit(job) if prepared else []
        answers = _with_lines(numbers, outcomes)
        if atomic and _refused(answers):
            answers = [answer for answer in answers if answer.outcome == "refused"]
        elif not _refused(answers) or keep_going:
            answers = sorted([*answers, *bad], key=lambda o: o.line or 0)
        yield from answers

    def refusals(self, code: str | None = None) -> list[dict[str, Any]]:
        """The journal of refused commands, oldest first."""
        return journal.read(self._store, code)

    # -- questions -----------------------------------------------------------------------

    @property
    def _books(self) -> Books:
        if self._loaded_books is None:
            self._loaded_books = load_books()(self._store, self._clock)
        return self._loaded_books

    def balances(
        self,
        *,
        registry: str | None = None,
        account: str | None = None,
        entity: str | None = None,
        unit: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        zero: bool = False,
        from_log: bool = False,
    ) -> list[BalanceRow]:
        """What accounts held at ``as_of``, as the books knew it at ``known_at`` (tonnes).

        ``from_log`` answers by replaying the log; ``zero`` keeps rows that hold nothing.
        """
        return self._books.balances(
            registry=registry, account=account, entity=entity, unit=unit, as_of=as_of,
            known_at=known_at, zero=zero, from_log=from_log,
        )  # fmt: skip

    def statement(
        self,
        account: str,
        *,
        registry: str | None = None,
        start: When = None,
        end: When = None,
        as_of: When = None,
        known_at: KnownAt = None,
    ) -> list[StatementRow]:
        """Every movement of an account by effective time, with running balances by unit."""
        return self._books.statement(
            account, registry=registry, start=start, end=end, as_of=as_of, known_at=known_at
        )

    def supply(
        self,
        *,
        registry: str | None = None,
        unit: str | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        from_log: bool = False,
    ) -> list[SupplyRow]:
        """Per unit: issued, where it is held, retired, cancelled; always balances."""
        return self._books.supply(
            registry=registry, unit=unit, as_of=as_of, known_at=known_at, from_log=from_log
        )

    def events(
        self,
        *,
        registry: str | None = None,
        account: str | None = None,
        entity: str | None = None,
        types: Sequence[str] = (),
        from_position: int = 1,
        to_position: int | None = None,
        limit: int | None = None,
        as_of: When = None,
        known_at: KnownAt = None,
        back_dated: bool = False,
    ) -> Iterator[EventRow]:
        """The log, oldest first; ``back_dated`` keeps facts recorded after they took effect."""
        return self._books.events(
            registry=registry, account=account, entity=entity, types=types,
            from_position=from_position, to_position=to_position, limit=limit, as_of=as_of,
            known_at=known_at, back_dated=back_dated,
        )  # fmt: skip

    # -- trust ---------------------------------------------------------------------------

    def head(self) -> Head:
        """The present head: position, hash and Merkle root, to keep elsewhere."""
        return present_head(self._store)

    def verify(
        self,
        *,
        head: Head | None = None,
        chain_only: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Walks the log and everything derived from it; reports all that is wrong."""
        return verify(self._store, head=head, chain_only=chain_only, progress=progress)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Drops every derived table and fills it again from the log; gives the position."""
        return self._books.rebuild(progress)

    def export(self) -> Iterator[bytes]:
        """The whole log, one sealed record a line, without the line ends."""
        return export_lines(self._store)

    def import_log(
        self, lines: Iterable[bytes], *, head: Head | None = None, progress: Progress | None = None
    ) -> int:
        """Takes an exported log in, re-verified; gives the number of new events."""
        self._writer.drop_state()
        return import_lines(self._store, lines, head=head, progress=progress)


class _FileJob(Job):
    """A stretch of a command file; its lines are read when its turn comes."""

    def __init__(self, given: list[tuple[int, Sendable]], keep_going: bool) -> None:
        super().__init__((), atomic=False, keep_going=keep_going)
        self._given = given
        self._places: list[int] = []
        self._bad: list[tuple[int, Outcome]] = []

    def make_ready(self) -> None:
        """Reads and checks the lines; the first bad one is the last unless going on."""
        ready: list[Prepared] = []
        for place, (number, given) in enumerate(self._given):
            try:
                ready.append(prepare(given))
                self._places.append(place)
            except InvalidCommand as refusal:
                outcome = Outcome(_id_of(given), "refused", (), refusal, number)
                self._bad.append((place, outcome))
                if not self.keep_going:
                    break
        self.commands = ready

    @property
    def stopped(self) -> bool:
        """Whether nothing after this stretch is to be done."""
        return super().stopped or (bool(self._bad) and not self.keep_going)

    def answers(self) -> list[Outcome]:
        """The outcomes with their lines, in the order of the file."""
        for place, outcome in zip(self._places, self.outcomes, strict=False):
            outcome.line = self._given[place][0]
        if not self._bad or super().stopped:
            return self.outcomes
        answers = [*zip(self._places, self.outcomes, strict=False), *self._bad]
        return [outcome for _, outcome in sorted(answers, key=lambda one: one[0])]


def _turns(
    commands: Iterable[Sendable | Line | None], chunk: int, keep_going: bool
) -> Iterator[list[_FileJob]]:
    """The stretches that one turn writes, before others may; a None ends a turn early."""
    turn: list[_FileJob] = []
    stretch: list[tuple[int, Sendable]] = []
    for number, given in _numbered(commands):
        if given is not None:
            stretch.append((number, given))
        if stretch and (given is None or len(stretch) >= chunk):
            turn.append(_FileJob(stretch, keep_going))
            stretch = []
        if turn and (given is None or len(turn) >= TURN):
            yield turn
            turn = []
    if stretch:
        turn.append(_FileJob(stretch, keep_going))
    if turn:
        yield turn


def _numbered(
    commands: Iterable[Sendable | Line | None],
) -> Iterator[tuple[int, Sendable | None]]:
    number = 0
    for given in commands:
        if isinstance(given, Line):
            number = given.number
            yield number, given.command
        else:
            number += given is not None
            yield number, given


def _with_lines(numbers: Iterable[int], outcomes: list[Outcome]) -> list[Outcome]:
    for number, outcome in zip(numbers, outcomes, strict=False):
        outcome.line = number
    return outcomes


def _refused(outcomes: Iterable[Outcome]) -> bool:
    return any(outcome.refusal is not None for outcome in outcomes)


def _id_of(given: Any) -> str:
    """The id of a command that could not be read, as far as it can be told."""
    if isinstance(given, str | bytes):
        try:
            import json

            given = json.loads(given)
        except (ValueError, RecursionError):
            return ""
    found: Any = given.get("id") if isinstance(given, Mapping) else getattr(given, "id", "")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return found if isinstance(found, str) and len(found) <= 200 and found.isprintable() else ""


def _open_store(
    url: str | os.PathLike[str] | None, create: bool, read_only: bool, clock: Clock, timeout: float
) -> Store:
    text = os.fspath(url) if url is not None else DEFAULT_URL
    if "://" not in text:
        text = f"sqlite:///{text}"
    try:
        parsed = make_url(text)
        dialect = parsed.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StoreForeign(f"{text!r} is no store URL: {error}") from None
    match dialect:
        case "sqlite":
            if not parsed.database or ":memory:" in parsed.database:
                raise StoreForeign("a ledger is kept in a file: sqlite:///PATH")
            path = Path(parsed.database)
            return SqliteStore(path, clock, create=create, read_only=read_only, timeout=timeout)
        case "postgresql" | "postgres":
            from etsledger.ledger.postgres_store import PostgresStore

            return PostgresStore(parsed, clock, create=create, read_only=read_only, timeout=timeout)
        case _:
            raise StoreForeign(f"no store can be kept at {dialect}://; use sqlite or postgresql")


__all__ = ["Ledger", "Line", "Refusal"]
