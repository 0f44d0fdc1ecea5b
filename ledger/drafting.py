"""A draft: what one write has decided so far, and the way back.

Each command is decided against the present with the drafted events already applied. A
refused one leaves the draft as it was; a batch is taken back whole.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from etsledger.domain.catalogue import apply, decide
from etsledger.domain.desk import Desk, registry_of
from etsledger.domain.errors import DuplicateCommand, Refusal
from etsledger.domain.events import Elsewhere, Event, Later
from etsledger.domain.registries import OpenRegistry, decide_opening
from etsledger.domain.rulebook import RulebookRef
from etsledger.domain.state import Mark, Scribe
from etsledger.ledger.commandfile import Prepared
from etsledger.ledger.log import CommandRow, PostingRow, Written
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.past import StoredPast
from etsledger.ledger.postings import rows_of
from etsledger.ledger.record import Entry, Record, seal

Known = dict[str, tuple[int, int]]
"""Ids that were accepted before this write, with their first and last positions."""
KeptContent = Callable[[str, int, int], bytes]
Sizes = tuple[Mark, int, int, int, int]


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
        *,
        may_merge: bool,
    ) -> None:
        self.now = now
        self.head = head
        self.entries: list[Entry] = []
        self.commands: list[CommandRow] = []
        self.postings: list[PostingRow] = []
        self.refused: list[Refused] = []
        self._scribe = scribe
        self._past = past
        self._known: Known = {}
        self._kept_content = kept_content
        self._accepted: dict[str, tuple[Prepared, tuple[int, ...]]] = {}
        self._desk: Desk | None = None
        self._saved = (0, 0, 0)
        self._warnings: list[str] = []
        """Of the command being decided."""
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
            try:
                if command_id in accepted or command_id in known:
                    first = self._first_positions(prepared)
                    outcomes.append(Outcome(command_id, "duplicate", first))
                    continue
                if prepared.children:
                    positions = self._decide_batch(prepared)
                else:
                    positions = self._decide_events(prepared, None)
                warnings = tuple(self._warnings)
                outcomes.append(Outcome(command_id, "accepted", positions, warnings=warnings))
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

    def _decide_events(self, prepared: Prepared, batch: str | None) -> tuple[int, ...]:
        state = self._scribe.state
        command = prepared.command
        effective_at = prepared.effective_at or self.now
        first = state.position + 1
        if isinstance(command, OpenRegistry):
            opened = decide_opening(command, state)
            self._append(opened, prepared, effective_at, batch, opened.rulebook, 1)
            return self._accept(prepared, first)
        desk = self._desk
        if desk is None or desk.registry_id != command.registry:
            registry = registry_of(state, command.registry)
            desk = Desk(state, self._past, command.registry, registry, effective_at)
            self._desk = desk
        else:
            desk.turn_to(effective_at)
        for event in decide(command, desk):
            if isinstance(event, Elsewhere):
                other = registry_of(state, event.registry)
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
        return self._accept(prepared, first)

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
        self.entries.append(entry)
        self.postings.extend(rows_of(legs, position, registry_id, effective_at))

    def _accept(self, prepared: Prepared, first: int) -> tuple[int, ...]:
        """Notes a command id with the positions of its events, from ``first`` to the last."""
        last = self._scribe.state.position
        positions = (first,) if first == last else tuple(range(first, last + 1))
        command_id = prepared.command.id
        self.commands.append((command_id, first, last))
        self._accepted[command_id] = (prepared, positions)
        return positions

    @property
    def position(self) -> int:
        """The position of the last drafted event."""
        return self._scribe.state.position

    def unsaved(self) -> Written:
        """What was drafted since the last call, to be saved now."""
        entries, commands, postings = self._saved
        self._saved = (len(self.entries), len(self.commands), len(self.postings))
        return Written(self.entries[entries:], self.commands[commands:], self.postings[postings:])

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
        del self.entries[:done], self.postings[:rows], self.commands[:ids]
        entries, commands, postings = self._saved
        self._saved = (entries - done, commands - ids, postings - rows)
        self._past.advance(position)

    # -- back ----------------------------------------------------------------------------

    def _here(self) -> Sizes:
        mark = self._scribe.mark()
        sizes = len(self.entries), len(self.commands), len(self.postings), len(self._accepted)
        return (mark, *sizes)

    def _take_back(self, start: Sizes) -> None:
        mark, entries, commands, postings, accepted = start
        self._scribe.undo(mark)
        self._desk = None  # its registry may be gone
        while len(self._accepted) > accepted:
            self._accepted.popitem()
        if entries < len(self.entries):
            self.head = self.entries[entries].record.prev
        del self.entries[entries:], self.commands[commands:], self.postings[postings:]
        self._past.taken_back()

    # -- again ---------------------------------------------------------------------------

    def _first_positions(self, prepared: Prepared) -> tuple[int, ...]:
        """The positions of the same command accepted before. Raises DuplicateCommand."""
        command_id = prepared.command.id
        if command_id in self._accepted:
            before, positions = self._accepted[command_id]
            content = before.content
        else:
            first, last = self._known[command_id]
            content = self._kept_content(command_id, first, last)
            positions = tuple(range(first, last + 1))
        if content != prepared.content:
            raise DuplicateCommand(
                f"the id {command_id!r} was accepted before at position {positions[0]} with "
                "other content; a new command needs an id of its own",
                id=command_id, positions=list(positions),
            )  # fmt: skip
        return positions
