"""The front door: open a ledger, send it commands, ask it questions."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final, Self, Unpack

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.times import iso
from etsledger.ledger import journal
from etsledger.ledger.backups import Backup, back_up
from etsledger.ledger.books import Books, load_books
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.clock import Clock, system_clock
from etsledger.ledger.commandfile import prepare
from etsledger.ledger.comparisons import Addition, Replay, WhatIf
from etsledger.ledger.epochs import Epochs
from etsledger.ledger.errors import ProofRefused
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.extracts import Extract
from etsledger.ledger.feed import Cursor, Feed, Point
from etsledger.ledger.heads import Epoch, Head
from etsledger.ledger.names import NameRow, forget_names, read_names
from etsledger.ledger.office_rows import ActorRow, DeadlineRow, EntityRow, PeriodRow, ProposalRow
from etsledger.ledger.opening import open_store
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.portable import export_lines, import_lines
from etsledger.ledger.proofs import Proof
from etsledger.ledger.provenance import TraceRow
from etsledger.ledger.publishing import Publish
from etsledger.ledger.questions import (
    ActorsQuestion,
    BalanceQuestion,
    ComplianceQuestion,
    CreditsQuestion,
    DeadlinesQuestion,
    DiffQuestion,
    EntitiesQuestion,
    EventsQuestion,
    ExplainBalanceQuestion,
    FollowQuestion,
    Instants,
    KnownAt,
    LeavingQuestion,
    MarketQuestion,
    ProposalsQuestion,
    ReconcileQuestion,
    ReportQuestion,
    StatementQuestion,
    SupplyQuestion,
    TraceQuestion,
    Viewpoint,
    When,
)
from etsledger.ledger.reconciliation import OutsideRow, ReconciliationRow
from etsledger.ledger.rows import (
    BalanceRow,
    BankingRow,
    CreditRow,
    EventRow,
    LeavingRow,
    MarketRow,
    StatementRow,
    SupplyRow,
)
from etsledger.ledger.signatures import check_private_key, sign
from etsledger.ledger.store import Store
from etsledger.ledger.stretches import CHUNK, Commands, Sendable, Stretch, numbered, turns
from etsledger.ledger.tree import Tree, present_head
from etsledger.ledger.verify import Report, verify, verify_upcasting
from etsledger.ledger.writer import Job, Writer
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow, ComplianceSummaryRow

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

    def __init__(
        self,
        store: Store,
        clock: Clock,
        publish: Publish | None = None,
        publish_key: bytes | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish, self._publish_key = publish, publish_key
        self.unpublished: list[int] = []
        """Positions of the closings whose heads could not be published."""
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
        publish: Publish | None = None,
        publish_key: bytes | None = None,
    ) -> Self:
        """Opens the ledger at a URL (``sqlite:///FILE`` or ``postgresql://…``) or file path.

        ``create`` makes it if it is absent; ``lock_timeout`` is how long, in seconds, a write
        waits for its turn. ``publish`` is given the head of each closing that is accepted here
        (``publish_heads``), signed with the PEM text of the private ``publish_key`` if there is
        one; a failure of it is a warning of the outcome. Raises StoreError, by the kind of what
        is wrong, KeyRefused.
        """
        if publish_key is not None:
            check_private_key(publish_key)
        store = open_store(url, create, read_only, clock, lock_timeout)
        return cls(store, clock, publish, publish_key)

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

    @property
    def clock(self) -> Clock:
        """What tells the present of a question and of a new fact."""
        return self._clock

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
        self._publish_closings([outcome])
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
                if stretch.done and stretch.error is None:
                    self._publish_closings(stretch.outcomes)
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
                self._publish_closings(stretch.outcomes)
        return stretch.answers()

    def _publish_closings(self, outcomes: Iterable[Outcome]) -> None:
        """Publishes the head of each closing, as the log stood with it; never raises for it."""
        if self._publish is None:
            return
        for outcome in outcomes:
            for position in outcome.closings:
                try:
                    head = Tree(self._store).at(position)
                    self._publish(self._told(head, self._publish_key))
                except Exception as failure:  # noqa: BLE001 - whatever it was, the closing stands
                    self.unpublished.append(position)
                    warning = (
                        f"the period is closed (position {position}), but its head was not "
                        f"published: {failure}; 'etsledger head' prints the present one"
                    )
                    outcome.warnings = (*outcome.warnings, warning)

    def refusals(self, code: str | None = None) -> list[dict[str, Any]]:
        """The journal of refused commands, oldest first."""
        return journal.read(self._store, code)

    def names(self) -> list[NameRow]:
        """The names of individuals on file, in the order of the log, which has only a hash."""
        return read_names(self._store)

    def forget_names(
        self,
        *,
        registry: str | None = None,
        account: str | None = None,
        actor: str | None = None,
        everyone: bool = False,
    ) -> int:
        """Takes the names of an account's holder, of an actor, or of ``everyone`` off file.

        For ever, and out of the database's files too; backups made before still have them.
        The log, its chain and its proofs do not change. Gives the number of names. Raises
        ValueError where nobody is named, StoreReadOnly, StoreLocked.
        """
        if not (account or actor or everyone):
            raise ValueError("say whose name: an account, an actor, or everyone")
        if everyone:
            return forget_names(self._store, None)
        meant = [
            row["hash"]
            for row in self.names()
            if registry in (None, row["registry"])
            and ((account and row["account"] == account) or (actor and row["actor"] == actor))
        ]
        return forget_names(self._store, meant)

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

    def deadlines(self, **question: Unpack[DeadlinesQuestion]) -> list[DeadlineRow]:
        """Last days that follow from facts on record, each with the fact and its rule.

        Periods in working days, surrender for compliance years, cancelling after leaving; a
        last day is in time. Raises ValueError for a text that is no time.
        """
        return self._books.deadlines(**question)

    def periods(self, **question: Unpack[Viewpoint]) -> list[PeriodRow]:
        """The closings of each registry with their heads, and the time since the last one.

        Each with the facts recorded in it that take effect in periods closed before. Raises
        ValueError for a text that is no time.
        """
        return self._books.periods(**question)

    def leaving(self, **question: Unpack[LeavingQuestion]) -> list[LeavingRow]:
        """Who left for another market, and what each still has to cancel by when (tonnes).

        By unit (rule Q-COV-2). Raises ValueError for a text that is no time.
        """
        return self._books.leaving(**question)

    def proposals(self, **question: Unpack[ProposalsQuestion]) -> list[ProposalRow]:
        """What one actor asked for and another is to approve, and what became of it.

        In the order of the log, always answered from it. Raises ValueError for a text that is
        no time.
        """
        return self._books.proposals(**question)

    def entities(self, **question: Unpack[EntitiesQuestion]) -> list[EntityRow]:
        """Who is registered, with the particulars (name, credit code, province) of then.

        Raises ValueError for a text that is no time.
        """
        return self._books.entities(**question)

    def actors(self, **question: Unpack[ActorsQuestion]) -> list[ActorRow]:
        """Who may ask for something, and which roles they hold since when, from whom.

        Raises ValueError for a text that is no time.
        """
        return self._books.actors(**question)

    def reading_as(self, actor: str) -> "Ledger":
        """The questions of this ledger, restricted to what the roles of an actor may read.

        By the roles held and the rulebooks in force when a question is asked, whatever it is
        about; a registry whose rulebook asks for no authority is open to all. What lies outside
        is left out of lists, and NotAuthorised when it is asked for; so is everything that
        writes. It shares the store of this ledger and is not to be closed. The ledger vouches
        for no identity: whoever opens the file reads all of it.
        """
        reading: Callable[[Ledger, str], Ledger] = resolve_name("etsledger.ledger.reading:as_actor")
        return reading(self, actor)

    def events(self, **question: Unpack[EventsQuestion]) -> Iterator[EventRow]:
        """The log, oldest first; ``back_dated`` keeps facts recorded after they took effect.

        Raises ValueError for a text that is no time.
        """
        return self._books.events(**question)

    def follow(
        self,
        *,
        cursor: Cursor | str | os.PathLike[str] | None = None,
        after: int = 0,
        until: int | None = None,
        limit: int | None = None,
        wait: bool = True,
        pause: Callable[[float], object] = time.sleep,
        acknowledged: Callable[[], int] | None = None,
        **question: Unpack[FollowQuestion],
    ) -> Iterator[EventRow]:
        """The log as a change feed: the events after a position as they come.

        ``cursor`` is a file that remembers how far its reader has come, and where the feed goes
        on when it is there; else it begins ``after`` a position. It moves when the next event
        is asked for, so that each is given at least once. Ends at the position ``until``, after
        ``limit`` events, or unless told to ``wait`` with the last there is; ``pause`` waits some
        seconds for more. Where the events are dealt with elsewhere, ``acknowledged`` says up
        to which position. Raises FeedBroken for a log that is not the one the cursor has read,
        ValueError for a text that is no time.
        """
        if cursor is not None and not isinstance(cursor, Cursor):
            cursor = Cursor(cursor)

        def select(first: int, last: int) -> Iterator[EventRow]:
            return self.events(**question, from_position=first, to_position=last)

        feed = Feed(
            self._store, select, cursor=cursor, pause=pause, acknowledged=acknowledged,
            start=(cursor.read() if cursor is not None else None) or Point(after, ""),
        )  # fmt: skip
        return feed.follow(until, limit, wait=wait)

    def report(self, subject: str, **question: Unpack[ReportQuestion]) -> str:
        """One self-contained HTML page on an entity or a registry, to hand to a regulator.

        ``lang`` is "en" or "zh". The same question gives the same text. Raises ValueError for
        a text that is no time, and when ``subject`` is neither or could be several.
        """
        return self._books.report(subject, **question)

    def reconcile(
        self, rows: Iterable[OutsideRow], **question: Unpack[ReconcileQuestion]
    ) -> list[ReconciliationRow]:
        """Somebody else's statement of one registry's accounts against ours (tonnes).

        Rows with a date are movements, paired by account, unit, quantity, date (at most
        ``days`` apart) and reference where given; rows without are holdings. The statement
        speaks of the accounts that it names and of ``accounts`` (of all opened with
        ``every_account``), of ``unit`` only if given, and of the days from ``start`` to
        ``end`` (its first and last); ``kind`` says what it is, should it be empty. Raises
        ValueError for a text that is no time, a row that is none, or a registry that is
        unknown or not told.
        """
        return self._books.reconcile(rows, **question)

    def trace(self, **question: Unpack[TraceQuestion]) -> Iterator[TraceRow]:
        """Where tonnes came from and where they are, as ranges of derived serial numbers.

        Of a ``unit`` (or of its ``serials``, first and last), or of what an ``account``
        holds. A tonne's number is that of its issuance in the order of the log; which tonnes
        an account gave away is told first in, first out by effective time. Raises ValueError
        without unit and account, for serials without a unit, for a text that is no time.
        """
        return self._books.trace(**question)

    def diff(
        self, start: Instants, end: Instants = (None, None), **question: Unpack[DiffQuestion]
    ) -> list[DiffRow]:
        """What changed in balances and compliance between two (as-of, known-at) pairs (tonnes).

        Each row with the events that count at one of them only, ``events`` at most: 20 unless
        told otherwise, or fewer (one at least) where more than a thousand rows changed.
        Compliance is left out when an ``account`` or ``unit`` is asked for. Raises ValueError
        for a text that is no time.
        """
        return self._books.diff(start, end, **question)

    def explain_event(self, position: int) -> Explanation | None:
        """Why an event stands in the log, by what rule, and what became of it.

        None where the log has no such position.
        """
        return self._books.explaining.event(position)

    def explain_balance(
        self, account: str, unit: str, **question: Unpack[ExplainBalanceQuestion]
    ) -> BalanceExplanation | None:
        """Why an account held what it held of a unit (tonnes), a page of movements at a time.

        The signed parts sum to what ``balances`` says at the same viewpoint. None for an
        account that was not known. Raises ValueError for a text that is no time, a limit below
        1, an ``after`` that is no position, or where several registries have the account and
        none is named.
        """
        return self._books.explaining.balance(account, unit, **question)

    def explain_compliance(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None:
        """Why an entity stands with a year as ``compliance`` says: every number to its facts.

        None where no registry knew the entity. Raises ValueError for a text that is no time.
        """
        return self._books.explaining.compliance(entity, year, **question)

    def explain_allocation(
        self, entity: str, year: int, **question: Unpack[Viewpoint]
    ) -> YearExplanation | None:
        """Why an entity was given what ``allocation`` says, to the facts it rests on.

        None when nothing is on record. Raises ValueError for a text that is no time.
        """
        return self._books.explaining.allocation(entity, year, **question)

    # -- trust ---------------------------------------------------------------------------

    def head(self, key: bytes | None = None) -> Head:
        """The present head: position, hash and Merkle root, to keep elsewhere.

        With the PEM text of a private ``key`` it is signed (Ed25519), with the store's id and
        the time of this ledger's clock. The head of a store that was restored, and a signed
        one, also says its epoch. Raises KeyRefused.
        """
        return self._told(present_head(self._store), key)

    def _told(self, head: Head, key: bytes | None) -> Head:
        """A head of this log with the store's epoch where it is to be said, signed with a key."""
        epoch = self.epoch
        if key is None:
            return head if epoch.is_first else head._replace(epoch=epoch)
        signed_at = iso(self._clock())
        return sign(head._replace(epoch=epoch), key, store_id=epoch.store_id, signed_at=signed_at)

    @property
    def epoch(self) -> Epoch:
        """What the store calls itself, and how often it was restored (plus 1)."""
        return Epochs.of(self._store.meta()).present

    def backup(self, file: str | os.PathLike[str], *, progress: Progress | None = None) -> Backup:
        """Copies the store into a new file while writers go on, and checks the copy.

        Its chain and its head; ``progress`` is told the position that was checked. The file
        answers questions and takes no writes: ``restore`` makes a store of it. Raises
        BackupRefused for a file that is there already and for a store on PostgreSQL, which
        has tools of its own.
        """
        return back_up(self._store, Path(file), self._clock, progress)

    def prove(self, position: int, head: Head | None = None) -> Proof:
        """Proves that one event is in the log, to somebody who may not see the rest.

        With a ``head`` that was kept earlier, also that the log only grew since. Reads some
        tens of rows, whatever the length of the log. Raises ProofRefused when there is no such
        event, or the head is of another history; StoreDamaged.
        """
        return Tree(self._store).prove(position, head)

    def extract(
        self, entity: str, *, registry: str | None = None, head: Head | None = None
    ) -> Extract:
        """One entity's facts, as ``events(entity=…)`` gives them, with a proof for each.

        Up to a ``head`` that was kept, or to the present one. Raises ProofRefused for an entity
        that the log does not know by then, and for a head of another history; StoreDamaged.
        """
        tree = Tree(self._store)
        known = tree.head if head is None else head
        rows = self.events(entity=entity, registry=registry, to_position=known.position)
        positions = [row["position"] for row in rows]
        if not positions:
            where = "" if registry is None else f" in registry {registry!r}"
            raise ProofRefused(
                f"the log up to position {known.position} has nothing of an entity "
                f"{entity!r}{where}"
            )
        return tree.extract(entity, registry, positions, known)

    def verify(
        self,
        *,
        head: Head | list[Head] | None = None,
        public_key: str | None = None,
        chain_only: bool = False,
        upcast: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Walks the log and everything derived from it; reports all that is wrong.

        ``head`` is one or several kept elsewhere; with a ``public_key`` (hex) they must be
        signed by it. ``upcast`` only reads every event in its present shape.
        """
        if upcast:
            return verify_upcasting(self._store, progress)
        heads = [] if head is None else [head] if isinstance(head, Head) else head
        return verify(
            self._store, heads=heads, public_key=public_key, chain_only=chain_only,
            progress=progress, projections=self._books.table_checks,
        )  # fmt: skip

    def replay(self, *, to: KnownAt = None, progress: Progress | None = None) -> Replay:
        """Makes the books again from the log alone, up to ``to``, and compares.

        ``to`` is a recorded time, or a position (an integer, or ``"@17"``); None is all of it.
        Postings, balances, holdings, supply and compliance are compared with what the tables
        say at that point; balances as of the time, or when that position was recorded. Raises
        ValueError for a text that is no time, StoreDamaged for a log that cannot be read.
        """
        return self._books.replay(to=to, progress=progress)

    def what_if(
        self,
        *,
        rulebook: str | Mapping[str, Any] | None = None,
        without: Collection[str] = (),
        with_: Iterable[Sendable | Addition] = (),
        registry: str | None = None,
        as_of: When = None,
        keep: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> WhatIf:
        """Decides the accepted commands again in a scratch store, and tells what would differ.

        ``rulebook`` (a bundled name, or an object that may say ``extends``) stands in the place
        of every rulebook that ``registry`` adopted; unless named, that is the registry of the
        rulebook's name, of the name it extends, or the only one. ``without`` are ids of commands
        to leave out (one of a batch: the whole batch), ``with_`` commands to send besides, at
        the end or after a position. Each is sent with the recorded time of the original. Both
        books are compared as of ``as_of``. ``keep`` is a new file that the scratch store stays
        in. Nothing is written to this ledger. Raises UnknownReference for an id that no
        accepted command has, UnknownRegistry, InvalidCommand for a rulebook or a command of a
        wrong shape, StoreError for a file that is there already.
        """
        return self._books.what_if(
            rulebook=rulebook, without=without, with_=with_, registry=registry, as_of=as_of,
            keep=keep, progress=progress,
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
