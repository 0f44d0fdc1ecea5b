"""What became of a command."""

from typing import Any, Literal

import msgspec

from etsledger.domain.errors import Refusal


class Outcome(msgspec.Struct, gc=False):
    """The answer to one command: accepted, a duplicate of an accepted one, or refused.

    ``positions`` are those of the events it wrote (of the first time, for a duplicate);
    ``line`` is the line of the command file, from 1, where there is one; ``warnings`` say what
    is implausible in an accepted command.
    """

    id: str
    outcome: Literal["accepted", "duplicate", "refused"]
    positions: tuple[int, ...] = ()
    refusal: Refusal | None = None
    line: int | None = None
    warnings: tuple[str, ...] = ()
    closings: tuple[int, ...] = ()
    """The positions at which it closed a period."""

    def as_dict(self) -> dict[str, Any]:
        """``{"id", "line", "outcome", "positions", "refusal"?}`` as ``apply`` prints it."""
        answer: dict[str, Any] = {
            "id": self.id,
            "line": self.line,
            "outcome": self.outcome,
            "positions": list(self.positions),
        }
        if self.refusal is not None:
            answer["refusal"] = self.refusal.as_dict()
        if self.warnings:
            answer["warnings"] = list(self.warnings)
        return answer
