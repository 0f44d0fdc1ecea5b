"""The front door: open a ledger, send it commands, ask it questions."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Self, Unpack

from etsledger.domain.errors import InvalidCommand
from etsledger.ledger import journal
from etsledger.ledger.books import (
    AllocationRow,
    BalanceQuestion,
    BalanceRow,
    BankingRow,
    Books,
    ComplianceQuestion,
    ComplianceRow,
    ComplianceSummaryRow,
    CreditRow,
    CreditsQuestion,
    EventRow,
    EventsQuestion,
    LeavingQuestion,
    LeavingRow,
    MarketQuestion,
    MarketRow,
    StatementQuestion,
    StatementRow,
    SupplyQuestion,
    SupplyRow,
    Viewpoint,
    load_books,
)
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.commandfile import prepare
from etsledger.ledger.heads import Head, present_head
from etsledger.ledger.opening import open_store
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.portable import export_lines, import_lines
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import CHUNK, Commands, Sendable, Stretch, numbered, turns
from etsledger.ledger.verify import Report, verify
from etsledger.ledger.writer import Job, Writer

LOCK_TIMEOUT: Final = 10.0
MAX_ATOMIC: Final = 100_000
"""The most commands that can be one all-or-nothing write."""
Progress = Callable[[int], None]


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
        return cls(open_store(url, create, read_only, clock, lock_timeout), clock)

    def close(self) -> None:
        """Closes the store."""
        self._writer.close()
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
        commands: Commands,
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
        for stretches in turns(commands, chunk, keep_going):
            self._writer.submit_stream(stretches)
            for stretch in stretches:
                if stretch.error is not None:
                    raise stretch.error
                yield from stretch.answers()
                if stretch.stopped:
                    return

    def _apply_whole(
        self, commands: Commands, keep_going: bool, atomic: bool, dry_run: bool
    ) -> list[Outcome]:
        given = [(number, one) for number, one in numbered(commands) if one is not None]
        if atomic and len(given) > MAX_ATOMIC:
            refusal = InvalidCommand(
                f"an all-or-nothing write holds at most {MAX_ATOMIC} commands, these are "
                f"{len(given)}; send them without atomic, or in parts",
                field="", limit=MAX_ATOMIC, found=len(given),
            )  # fmt: skip
            return [Outcome("", "refused", (), refusal, given[MAX_ATOMIC][0])]
        stretch = Stretch(given, keep_going=keep_going and not atomic, atomic=atomic)
        stretch.make_ready()
        if stretch.commands and not (atomic and stretch.stopped):
            if dry_run:
                stretch.outcomes = self._writer.preview(
                    stretch.commands, atomic=atomic, keep_going=stretch.keep_going
                )
            else:
                self._writer.submit(stretch)
        return stretch.answers()

    def refusals(self, code: str | None = None) -> list[dict[str, Any]]:
        """The journal of refused commands, oldest first."""
        return journal.read(self._store, code)

    # -- questions -----------------------------------------------------------------------

    @property
    def _books(self) -> Books:
        if self._loaded_books is None:
            self._loaded_books = load_books()(self._store, self._clock)
        return self._loaded_books

    def balances(self, **question: Unpack[BalanceQuestion]) -> list[BalanceRow]:
        """What accounts held at ``as_of``, as the books knew it at ``known_at`` (tonnes).

        ``from_log`` answers by replaying the log; ``zero`` keeps rows that hold nothing.
        Raises ValueError for a text that is no time.
        """
        return self._books.balances(**question)

    def statement(self, account: str, **question: Unpack[StatementQuestion]) -> list[StatementRow]:
        """Every movement of an account by effective time, with running balances by unit.

        ``start`` and ``end`` bound the effective times shown. Raises ValueError.
        """
        return self._books.statement(account, **question)

    def supply(self, **question: Unpack[SupplyQuestion]) -> list[SupplyRow]:
        """Per unit: issued, where it is held, retired, cancelled; always balances.

        Raises ValueError for a text that is no time.
        """
        return self._books.supply(**question)

    def compliance(self, **question: Unpack[ComplianceQuestion]) -> list[ComplianceRow]:
        """Obligations and status by entity and year, in tonnes.

        The status follows from the facts: nothing has to be recorded for a deadline to pass.
        Raises ValueError for a text that is no time.
        """
        return self._books.compliance(**question)

    def compliance_summary(
        self, **question: Unpack[ComplianceQuestion]
    ) -> list[ComplianceSummaryRow]:
        """Entities counted by status for each year, sector and province, with their tonnes.

        Raises ValueError for a text that is no time.
        """
        return self._books.compliance_summary(**question)

    def allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> AllocationRow | None:
        """An entity's allocation of a year line by line, each with its rule and source.

        As decided, or while it is not final as it would be; None when nothing is on record.
        Raises ValueError for a text that is no time.
        """
        return self._books.allocation(entity, year, **question)

    def market(self, **question: Unpack[MarketQuestion]) -> list[MarketRow]:
        """Trades by unit, method and period: tonnes, CNY, average price, how many.

        ``by`` is "day", "month" (unless told otherwise), "year" or "all"; ``start`` and
        ``end`` bound the days of the trades. ``from_log`` answers from the log. Raises
        ValueError for a text that is no time.
        """
        return self._books.market(**question)

    def banking(self, entity: str, **question: Unpack[Viewpoint]) -> BankingRow | None:
        """What an entity may carry over into a new vintage, down to the trades that count.

        None where no registry that it is known in lets units be carried over. Raises
        ValueError for a text that is no time.
        """
        return self._books.banking(entity, **question)

    def credits(self, **question: Unpack[CreditsQuestion]) -> list[CreditRow]:
        """Credits by project and year, from issuance to use, with their serial numbers (tonnes).

        Always answered from the log. Raises ValueError for a text that is no time.
        """
        return self._books.credits(**question)

    def leaving(self, **question: Unpack[LeavingQuestion]) -> list[LeavingRow]:
        """Who left for another market, and what each still has to cancel by when (tonnes).

        By unit (rule Q-COV-2). Raises ValueError for a text that is no time.
        """
        return self._books.leaving(**question)

    def events(self, **question: Unpack[EventsQuestion]) -> Iterator[EventRow]:
        """The log, oldest first; ``back_dated`` keeps facts recorded after they took effect.

        Raises ValueError for a text that is no time.
        """
        return self._books.events(**question)

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
        return verify(
            self._store, head=head, chain_only=chain_only, progress=progress,
            projections=self._books.differences,
        )  # fmt: skip

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
