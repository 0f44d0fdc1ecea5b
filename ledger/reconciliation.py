"""The shapes of a reconciliation: rows of an outside statement, and what became of each."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from etsledger.domain.reconciliation import BREAKS, MAX_BREAKS

StatementKind = Literal["holdings", "movements"]
"""What a statement lists: what is there, or what came and went."""
MatchKind = Literal["matched", "missing_here", "missing_there", "differing"]
"""How a line of ours and one of theirs go together."""


class OutsideRow(TypedDict):
    """One line of somebody else's statement (tonnes).

    ``quantity`` is the holding, or with a ``date`` what moved: into the account above zero,
    out of it below. ``line`` is where it stands in their file.
    """

    account: str
    unit: str
    quantity: int
    date: NotRequired[str | None]
    reference: NotRequired[str | None]
    line: NotRequired[int | None]


class NearEvent(TypedDict):
    """One of our movements that may explain a break (tonnes into the account)."""

    position: int
    type: str
    effective_at: str
    recorded_at: str
    quantity: int
    reference: str | None
    command_id: str


class ReconciliationRow(TypedDict):
    """A line of theirs, of ours, or both (tonnes); ``difference`` is theirs less ours.

    ``differs`` names the fields that do not agree; ``lines`` are those of their file,
    ``positions`` ours; ``near`` are our events around a break, the likeliest first.
    """

    kind: MatchKind
    account: str
    unit: str
    date: str | None
    reference: str | None
    theirs: int | None
    ours: int | None
    difference: int
    differs: list[str]
    lines: list[int]
    positions: list[int]
    near: list[NearEvent]


def outcome(rows: Sequence[ReconciliationRow]) -> dict[str, Any]:
    """The counts by kind, and the first breaks, as ``record_reconciliation`` takes them."""
    counts = Counter(row["kind"] for row in rows)
    kept = ("kind", "account", "unit", "date", "reference", "theirs", "ours")
    breaks = [
        {name: row[name] for name in kept if row[name] is not None}
        for row in rows
        if row["kind"] != "matched"
    ]
    counted = {kind: counts[kind] for kind in ("matched", *BREAKS)}
    return {**counted, "breaks": breaks[:MAX_BREAKS]} if breaks else dict(counted)
