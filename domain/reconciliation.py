"""Reconciliations: that an outside statement was compared with the books, and the outcome."""

from typing import Annotated, ClassVar, Literal

import msgspec

from etsledger.domain.commands import Command, Instant, Meta, Text
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Event
from etsledger.domain.times import iso, parse_instant

MAX_BREAKS = 100
"""The most breaks that a record lists; the counts count them all."""
BREAKS = ("missing_here", "missing_there", "differing")

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Quantity = Annotated[int, Meta(ge=-(2**53 - 1), le=2**53 - 1)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Word = Annotated[str, Meta(min_length=1, max_length=200)]


class Break(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True,
            forbid_unknown_fields=True):  # fmt: skip
    """One break: tonnes there and here; the date of a movement."""

    account: Word
    date: Word | None = None
    kind: Literal["missing_here", "missing_there", "differing"]
    ours: Quantity | None = None
    reference: Text | None = None
    theirs: Quantity | None = None
    unit: Word


class RecordReconciliation(Command, frozen=True, kw_only=True, tag="record_reconciliation"):
    """Keeps the outcome of a comparison: of which file, as of when, and what did not agree.

    ``as_of`` and ``known_at`` (a position) are where the books were asked; ``breaks`` are
    the first of those counted.
    """

    example: ClassVar[str] = (
        '{"command": "record_reconciliation", "id": "22", "registry": "trial", "source": '
        '"bank-2024-12.csv", "sha256": '
        '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "kind": "holdings", '
        '"as_of": "2024-12-31T23:59:59+08:00", "known_at": 8, "matched": 3, "missing_here": 0, '
        '"missing_there": 0, "differing": 1, "breaks": [{"kind": "differing", "account": '
        '"crrc-1", "unit": "CEA:2023", "theirs": 100, "ours": 95}]}'
    )
    source: Text
    sha256: Sha256
    kind: Literal["holdings", "movements"]
    as_of: Instant
    known_at: Count
    matched: Count
    missing_here: Count
    missing_there: Count
    differing: Count
    breaks: Annotated[tuple[Break, ...], Meta(max_length=MAX_BREAKS)] = ()


class ReconciliationRecorded(Event, frozen=True, kw_only=True):
    """A statement was compared with the books as they were known at a position."""

    as_of: str
    breaks: tuple[Break, ...] = ()
    differing: int
    kind: str
    known_at: int
    matched: int
    missing_here: int
    missing_there: int
    sha256: str
    source: str


def decide(command: RecordReconciliation, desk: Desk) -> ReconciliationRecorded:
    """Raises InvalidCommand for a time that is none, a position that is not there yet, and
    breaks that are not those counted: all of them, or the first ``MAX_BREAKS``."""
    try:
        as_of = iso(parse_instant(command.as_of))
    except ValueError as error:
        raise InvalidCommand(f"as_of: {error}", field="as_of") from None
    if command.known_at > desk.state.position:
        raise InvalidCommand(
            f"known_at: the log ends at position {desk.state.position}, {command.known_at} given",
            field="known_at", position=desk.state.position, given=command.known_at,
        )  # fmt: skip
    counted = {kind: getattr(command, kind) for kind in BREAKS}
    listed = {kind: sum(one.kind == kind for one in command.breaks) for kind in BREAKS}
    expected = min(sum(counted.values()), MAX_BREAKS)
    if len(command.breaks) != expected or any(listed[kind] > counted[kind] for kind in BREAKS):
        raise InvalidCommand(
            f"breaks: {sum(counted.values())} are counted "
            f"({', '.join(f'{kind} {number}' for kind, number in counted.items())}), so "
            f"{expected} are to be listed; {len(command.breaks)} are",
            field="breaks", expected=expected, found=len(command.breaks),
        )  # fmt: skip
    return ReconciliationRecorded(
        as_of=as_of,
        breaks=command.breaks,
        differing=command.differing,
        kind=command.kind,
        known_at=command.known_at,
        matched=command.matched,
        missing_here=command.missing_here,
        missing_there=command.missing_there,
        sha256=command.sha256,
        source=command.source,
    )
