"""A draft: what one write has decided so far, and the way back.

Each command is decided against the present with the drafted events already applied. A
refused one leaves the draft as it was; a batch is taken back whole, and so is an approval
with the command that it brings about.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

import msgspec

from etsledger.domain.catalogue import apply, decide
from etsledger.domain.closing import PeriodClosed
from etsledger.domain.desk import Desk, registry_of
from etsledger.domain.errors import DuplicateCommand, Refusal
from etsledger.domain.events import Apart, Elsewhere, Event, Later
from etsledger.domain.proposals import Approve, Execute, Stage
from etsledger.domain.proposing import to_execute
from etsledger.domain.registries import OpenRegistry, decide_opening
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.state import Mark, Scribe
from etsledger.ledger.commandfile import Prepared, prepare
from etsledger.ledger.log import CommandRow, NameRow, PostingRow, Written
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.past import StoredPast
from etsledger.ledger.personal import PersonalName, with_salts_of
from etsledger.ledger.postings import rows_of
from etsledger.ledger.record import Entry, Record, seal

Known = dict[str, tuple[int, int]]
"""Ids that were accepted before this write, with their first and last positions."""
KeptContent = Callable[[str, int, int], bytes]
NamesIn = Callable[[bytes], Sequence[PersonalName]]
"""The names on file that a kept command stands for."""
_APPROVALS: Final = frozenset((Approve, Execute))
Sizes = tuple[Mark, int, int, int, int, int]


class Refused(NamedTuple):
    """A command that was refused after the event at ``position``, and why."""

    prepared: Prepared
    refusal: Refusal
    position: int
    recorded_at: datetime


class Draft:
    """The events of one write, sealed and applied but not saved.

    ``head`` is the hash of the last event before; ``now`` the recorded time of all of it;
    ``may_merge`` says that the writer lock is held.
    """

    def __init__(
        self,
        scribe: Scribe,
        past: StoredPast,
        head: str,
        now: datetime,
        kept_content: KeptContent,
        names_in: NamesIn,
        *,
        may_merge: bool,
    ) -> None:
        self.now = now
        self.head = head
        self.entries: list[Entry] = []
        self.commands: list[CommandRow] = []
        self.postings: list[PostingRow] = []
        self.names: list[NameRow] = []
        self.refused: list[Refused] = []
        self._scribe = scribe
        self._past = past
        self._known: Known = {}
        self._kept_content = kept_content
        self._names_in = names_in
        self._accepted: dict[str, tuple[Prepared, tuple[int, ...]]] = {}
        self._desk: Desk | None = None
        self._saved = (0, 0, 0, 0)
        self._warnings: list[str] = []
        """Of the command being decided, like ``_closings``."""
        self._closings: list[int] = []
        past.begin(scribe.state.position, self.entries, self.postings, may_merge=may_merge)

    def decide_all(
        self, commands: Sequence[Prepared], known: Known, *, atomic: bool, keep_going: bool
    ) -> list[Outcome]:
        """One outcome a command, up to the first refusal unless ``keep_going``.

        ``known`` are those of their ids that the log holds; ``atomic`` takes everything back
        at a refusal, which is then the last outcome.
        """
        self._known = known
        start = self._here() if atomic else None
        outcomes: list[Outcome] = []
        accepted = self._accepted
        for prepared in commands:
            command_id = prepared.command.id
            if self._warnings:
                self._warnings = []
            if self._closings:
                self._closings = []
            try:
                if command_id in accepted or command_id in known:
                    first = self._first_positions(prepared)
                    outcomes.append(Outcome(command_id, "duplicate", first))
                    continue
                if prepared.children:
                    positions = self._decide_batch(prepared)
                elif type(prepared.command) in _APPROVALS:
                    positions = self._decide_approval(prepared)
                else:
                    positions = self._decide_events(prepared, None)
                warnings = tuple(self._warnings)
                closings = tuple(self._closings)
                outcomes.append(
                    Outcome(command_id, "accepted", positions, None, None, warnings, closings)
                )
            except Refusal as refusal:
                outcomes.append(Outcome(command_id, "refused", (), refusal))
                if start is not None:
                    self._take_back(start)
                self.refused.append(Refused(prepared, refusal, self.position, self.now))
                if atomic or not keep_going:
                    break
        return outcomes

    def attempt(
        self, prepared: Prepared, known: Known, now: datetime
    ) -> tuple[Outcome, list[Entry]]:
        """What would become of a command here at a recorded time, with the events it would
        lead to; nothing of it stays, accepted or refused."""
        was_noting, before = self._scribe.journal is not None, self.now
        start, first = self._here(), len(self.entries)
        self.now = now
        [outcome] = self.decide_all([prepared], known, atomic=False, keep_going=True)
        if outcome.refusal is not None:
            self.refused.pop()
        made = self.entries[first:]
        self._take_back(start)
        if not was_noting:
            self._scribe.forget()
        self.now = before
        return outcome, made

    def _decide_batch(self, batch: Prepared) -> tuple[int, ...]:
        was_noting = self._scribe.journal is not None
        start, first = self._here(), self._scribe.state.position + 1
        for i, child in enumerate(batch.children):
            command_id = child.command.id
            try:
                if command_id in self._known or command_id in self._accepted:
                    raise DuplicateCommand(
                        f"the id {command_id!r} was accepted before, outside of this batch",
                        id=command_id,
                    )
                self._decide_events(child, batch.command.id)
            except Refusal as refusal:
                self._take_back(start)
                refusal.message = f"commands.{i} ({command_id!r}): {refusal.message}"
                refusal.numbers.setdefault("command_id", command_id)
                raise
        if not was_noting:
            self._scribe.forget()
        return self._accept(batch, first)

    def _decide_approval(self, prepared: Prepared) -> tuple[int, ...]:
        """With the proposed command in the same write, where nothing waits any more."""
        command = cast(Approve | Execute, prepared.command)
        was_noting = self._scribe.journal is not None
        start, first = self._here(), self._scribe.state.position + 1
        effective_at = prepared.effective_at or self.now
        desk = self._turned(command.registry, effective_at)
        decided = decide(command, desk)
        proposed = to_execute(decided, command, desk)
        batch = None if proposed is None else command.id
        self._append_all(decided, prepared, effective_at, batch, desk)
        if proposed is not None:
            try:
                sent = prepare(proposed)
                self._decide_events(
                    sent, batch, at=sent.effective_at or effective_at, stage="executed"
                )
            except Refusal as refusal:
                self._take_back(start)
                refusal.message = f"proposal {command.proposal!r} stays open: {refusal.message}"
                refusal.numbers.setdefault("command_id", proposed["id"])
                raise
        if not was_noting:
            self._scribe.forget()
        return self._accept(prepared, first)

    def _decide_events(
        self,
        prepared: Prepared,
        batch: str | None,
        *,
        at: datetime | None = None,
        stage: Stage = "sent",
    ) -> tuple[int, ...]:
        state = self._scribe.state
        command = prepared.command
        effective_at = at or prepared.effective_at or self.now
        first = state.position + 1
        if isinstance(command, OpenRegistry):
            opened = decide_opening(command, state)
            self._append(opened, prepared, effective_at, batch, opened.rulebook, 1)
            return self._accept(prepared, first)
        desk = self._turned(command.registry, effective_at)
        self._append_all(decide(command, desk, stage), prepared, effective_at, batch, desk)
        return self._accept(prepared, first)

    def _turned(self, registry_id: str, effective_at: datetime) -> Desk:
        """The desk of a registry, for the next decision."""
        desk = self._desk
        if desk is None or desk.registry_id != registry_id:
            state = self._scribe.state
            registry = registry_of(state, registry_id)
            desk = Desk(state, self._past, registry_id, registry, effective_at, self.now)
            self._desk = desk
        else:
            desk.turn_to(effective_at, self.now)
        return desk

    def _append_all(
        self,
        decided: Iterable[Event | Apart],
        prepared: Prepared,
        effective_at: datetime,
        batch: str | None,
        desk: Desk,
    ) -> None:
        for event in decided:
            if isinstance(event, Elsewhere):
                other = registry_of(self._scribe.state, event.registry)
                rulebook, sequence = other.rulebook_at(effective_at), other.version + 1
                self._append(
                    event.event, prepared, effective_at, batch, rulebook, sequence, event.registry
                )
                continue
            at = effective_at
            if isinstance(event, Later):
                event, at = event.event, event.effective_at  # noqa: PLW2901
            self._append(event, prepared, at, batch, desk.rulebook, desk.registry.version + 1)
        if desk.warnings:
            self._warnings.extend(desk.warnings)

    def _append(
        self,
        event: Event,
        prepared: Prepared,
        effective_at: datetime,
        batch: str | None,
        rulebook: RulebookRef,
        sequence: int,
        registry_id: str | None = None,
    ) -> None:
        position = self._scribe.state.position + 1
        if registry_id is None:
            registry_id = prepared.command.registry
        record = Record(
            batch=batch,
            command=msgspec.Raw(prepared.content),
            data=event,
            effective_at=effective_at,
            position=position,
            prev=self.head,
            recorded_at=self.now,
            registry=registry_id,
            rulebook=rulebook,
            sequence=sequence,
            type=type(event).__name__,
            v=event.VERSION,
        )
        entry = seal(record)
        legs = event.postings()
        apply(self._scribe, event, record, legs)
        self.head = entry.hash
        if type(event) is PeriodClosed:
            self._closings.append(position)
        self.entries.append(entry)
        self.postings.extend(rows_of(legs, position, registry_id, effective_at))

    def _accept(self, prepared: Prepared, first: int) -> tuple[int, ...]:
        """Notes a command id with the positions of its events, from ``first`` to the last."""
        last = self._scribe.state.position
        positions = (first,) if first == last else tuple(range(first, last + 1))
        command_id = prepared.command.id
        self.commands.append((command_id, first, last))
        if prepared.names and not prepared.children:  # a batch's were noted with its commands
            self.names.extend((n.hash, n.salt, n.name, first) for n in prepared.names)
        self._accepted[command_id] = (prepared, positions)
        return positions

    @property
    def position(self) -> int:
        """The position of the last drafted event."""
        return self._scribe.state.position

    def unsaved(self) -> Written:
        """What was drafted since the last call, to be saved now."""
        entries, commands, postings, names = self._saved
        self._saved = (
            len(self.entries), len(self.commands), len(self.postings), len(self.names),
        )  # fmt: skip
        return Written(
            self.entries[entries:], self.commands[commands:], self.postings[postings:],
            self.names[names:],
        )  # fmt: skip

    def settle(self, position: int) -> None:
        """The events up to ``position`` are in the database: the draft need not hold them."""
        first = self.entries[0].record.position if self.entries else position + 1
        done = position + 1 - first
        if done <= 0:
            return
        rows = bisect_right(self.postings, position, key=lambda row: row[0])
        ids = bisect_right(self.commands, position, key=lambda row: row[2])
        for command_id, _, _ in self.commands[:ids]:
            del self._accepted[command_id]
        entries, commands, postings, names = self._saved
        del self.entries[:done], self.postings[:rows], self.commands[:ids], self.names[:names]
        self._saved = (entries - done, commands - ids, postings - rows, 0)
        self._past.advance(position)

    # -- back ----------------------------------------------------------------------------

    def _here(self) -> Sizes:
        mark = self._scribe.mark()
        sizes = len(self.entries), len(self.commands), len(self.postings), len(self._accepted)
        return (mark, *sizes, len(self.names))

    def _take_back(self, start: Sizes) -> None:
        mark, entries, commands, postings, accepted, names = start
        self._scribe.undo(mark)
        self._desk = None  # its registry may be gone
        while len(self._accepted) > accepted:
            self._accepted.popitem()
        if entries < len(self.entries):
            self.head = self.entries[entries].record.prev
        del self.entries[entries:], self.commands[commands:], self.postings[postings:]
        del self.names[names:]
        self._past.taken_back()

    # -- again ---------------------------------------------------------------------------

    def _first_positions(self, prepared: Prepared) -> tuple[int, ...]:
        """The positions of the same command accepted before. Raises DuplicateCommand."""
        command_id = prepared.command.id
        if command_id in self._accepted:
            before, positions = self._accepted[command_id]
            content, names = before.content, before.names
        else:
            first, last = self._known[command_id]
            content = self._kept_content(command_id, first, last)
            names = self._names_in(content) if prepared.names else ()
            positions = tuple(range(first, last + 1))
        given = prepared.content
        if prepared.names:
            given = with_salts_of(given, prepared.names, names)
        if content != given:
            forgotten = len(prepared.names) > len(names)
            raise DuplicateCommand(
                f"the id {command_id!r} was accepted before at position {positions[0]} with "
                "other content; a new command needs an id of its own"
                + (" (a name in it was forgotten and cannot be compared)" if forgotten else ""),
                id=command_id, positions=list(positions),
            )  # fmt: skip
        return positions
