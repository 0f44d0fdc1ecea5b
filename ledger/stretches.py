"""A command file in stretches: what is read, written and answered together."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from etsledger.domain.commands import Command
from etsledger.domain.errors import InvalidCommand
from etsledger.ledger.commandfile import Prepared, prepare
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.writer import Job

CHUNK: Final = 1_000
"""Commands of a file that share one commit; each is still accepted or refused by itself."""
TURN: Final = 20
"""Stretches of ``CHUNK`` commands that one turn writes before others may."""

Sendable = Command | Mapping[str, Any] | str | bytes
"""A command object, its JSON object, or its JSON text."""


class Line(NamedTuple):
    """A command with the line of the file it came from."""

    number: int
    command: Sendable


Commands = Iterable[Sendable | Line | None]
"""Commands to run; a None has what came before it written now."""


class Stretch(Job):
    """A stretch of a command file; its lines are read when its turn comes."""

    def __init__(
        self, given: list[tuple[int, Sendable]], *, keep_going: bool, atomic: bool = False
    ) -> None:
        super().__init__((), atomic=atomic, keep_going=keep_going)
        self._given = given
        self._bad: list[tuple[int, Outcome]] = []

    def make_ready(self) -> None:
        """Reads and checks the lines; the first bad one is the last unless going on."""
        ready: list[Prepared] = []
        for place, (number, given) in enumerate(self._given):
            try:
                ready.append(prepare(given))
            except InvalidCommand as refusal:
                outcome = Outcome(id_of(given), "refused", (), refusal, number)
                self._bad.append((place, outcome))
                if not self.keep_going:
                    break
        self.commands = ready

    @property
    def stopped(self) -> bool:
        """Whether nothing after this stretch is to be done."""
        return super().stopped or (bool(self._bad) and not self.keep_going)

    def answers(self) -> list[Outcome]:
        """The outcomes with their lines, in the order of the file.

        Of an all-or-nothing stretch that is refused, the refusal alone.
        """
        bad = {place for place, _ in self._bad}
        places = [place for place in range(len(self._given)) if place not in bad]
        for place, outcome in zip(places, self.outcomes, strict=False):
            outcome.line = self._given[place][0]
        if self.atomic and (self._bad or any_refused(self.outcomes)):
            return [self._bad[0][1]] if self._bad else self.outcomes[-1:]
        if not self._bad or super().stopped:
            return self.outcomes
        answers = [*zip(places, self.outcomes, strict=False), *self._bad]
        return [outcome for _, outcome in sorted(answers, key=lambda one: one[0])]


def turns(commands: Commands, chunk: int, keep_going: bool) -> Iterator[list[Stretch]]:
    """The stretches that one turn writes, before others may; a None ends a turn early."""
    turn: list[Stretch] = []
    stretch: list[tuple[int, Sendable]] = []
    for number, given in numbered(commands):
        if given is not None:
            stretch.append((number, given))
        if stretch and (given is None or len(stretch) >= chunk):
            turn.append(Stretch(stretch, keep_going=keep_going))
            stretch = []
        if turn and (given is None or len(turn) >= TURN):
            yield turn
            turn = []
    if stretch:
        turn.append(Stretch(stretch, keep_going=keep_going))
    if turn:
        yield turn


def numbered(commands: Commands) -> Iterator[tuple[int, Sendable | None]]:
    """The commands with their lines, counted from 1 where they have none."""
    number = 0
    for given in commands:
        if isinstance(given, Line):
            number = given.number
            yield number, given.command
        else:
            number += given is not None
            yield number, given


def any_refused(outcomes: Iterable[Outcome]) -> bool:
    """Whether one of the outcomes is a refusal."""
    return any(outcome.refusal is not None for outcome in outcomes)


def id_of(given: Any) -> str:
    """The id of a command that could not be read, as far as it can be told."""
    if isinstance(given, str | bytes):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return ""
    found: Any = given.get("id") if isinstance(given, Mapping) else getattr(given, "id", "")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return found if isinstance(found, str) and len(found) <= 200 and found.isprintable() else ""
