"""How events hang together: what an event names as its cause, and what ends or changes it."""

from collections.abc import Iterator
from typing import Any, Final

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.borrowing import UnitsBorrowed
from etsledger.domain.compliance import ComplianceAssessed
from etsledger.domain.corrections import MovementReversed
from etsledger.domain.deductions import DeductionRecorded
from etsledger.domain.events import Event
from etsledger.domain.fines import FineImposed
from etsledger.domain.green_power import GreenPowerRecorded
from etsledger.domain.offsets import OffsetsUsed
from etsledger.domain.opening_year import OpeningYearRecorded
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.recalls import RecallCollected
from etsledger.domain.surrender import SurrenderConfirmed, SurrenderRejected, SurrenderSubmitted
from etsledger.domain.verification import EmissionsVerified
from etsledger.domain.yearbook import YearBook

_NAMING: Final = ("freeze", "pledge", "surrender", "lock", "proposal", "reverses", "supersedes")
"""Fields that name a command; of the first five also the command that made the claim."""

_RESTS_ON: Final[dict[type[Event], tuple[str, ...]]] = {
    AllocationFinalised: ("report", "grants", "deductions"),
    AllowancesPreAllocated: ("deductions",),
    RecallCollected: ("grants",),
    UnitsBorrowed: ("report", "grants"),
    OffsetsUsed: ("report", "offsets"),
    GreenPowerRecorded: ("report", "grants", "green_power"),
    SurrenderSubmitted: ("report",),
    FineImposed: ("report", "closings", "offsets", "green_power"),
    ComplianceAssessed: ("report", "closings", "offsets", "green_power"),
}
"""What of the entity's year a decision rested on."""
_CHANGED_BY: Final[dict[type[Event], tuple[str, ...]]] = {
    EmissionsVerified: ("reports",),
    AllocationFinalised: ("reports", "finals", "deductions", "collections"),
    AllowancesPreAllocated: ("finals",),
    DeductionRecorded: ("takings",),
    UnitsBorrowed: ("reports", "finals"),
    OffsetsUsed: ("reports",),
    GreenPowerRecorded: ("reports", "finals"),
    SurrenderSubmitted: ("closing",),
    SurrenderConfirmed: ("reports",),
    SurrenderRejected: (),
    FineImposed: ("reports", "closings", "offsets"),
    ComplianceAssessed: ("reports", "closings", "offsets", "green_power"),
    OpeningYearRecorded: ("reports", "finals", "closings", "collections"),
}
"""What of the entity's year, recorded later, changes what a decision said."""


def named_commands(event: Event) -> list[str]:
    """The ids of the earlier commands that an event refers to."""
    ids = [getattr(event, name, None) for name in _NAMING]
    ids += [one.deduction for one in getattr(event, "deducted", ())]
    return [id_ for id_ in ids if isinstance(id_, str)]


def named_positions(event: Event) -> list[int]:
    """The positions that an event refers to."""
    ends = (getattr(event, "restates", None), getattr(event, "reversed_position", None))
    late: tuple[int, ...] = getattr(event, "late", ())
    return [*(position for position in ends if isinstance(position, int)), *late]


def rests_on(event: Event, book: YearBook) -> list[int]:
    """Positions of the facts of a year book, as seen then, that a decision rested on."""
    return list(_places(_RESTS_ON.get(type(event), ()), event, book))


def changed_by(event: Event, book: YearBook, position: int) -> list[int]:
    """Positions after an event's of what changes it: restated, superseded, confirmed, met."""
    wanted = _CHANGED_BY.get(type(event), ())
    return [place for place in _places(wanted, event, book) if place > position]


def repaid(lender: YearBook, loan: str) -> list[int]:
    """Where the allocation of the lender year took back what a command had lent."""
    return [one.position for one in lender.grants if any(name == loan for name, _ in one.deducted)]


def _places(kinds: tuple[str, ...], event: Event, book: YearBook) -> Iterator[int]:
    for kind in kinds:
        entries: tuple[Any, ...]
        match kind:
            case "report":
                entries = () if book.report is None else (book.report,)
            case "finals":
                entries = tuple(one for one in book.grants if one.entitlement is not None)
            case "takings":
                name = getattr(event, "deduction", "")
                entries = tuple(
                    one for one in book.grants if any(id_ == name for id_, _ in one.deducted)
                )
            case "closing":
                name = getattr(event, "surrender", "")
                entries = tuple(one for one in book.closings if one.surrender == name)
            case _:
                entries = getattr(book, kind)
        for one in entries:
            yield one.position


def undoes(later: Event, position: int, earlier: Event) -> bool:
    """Whether an event ends, or takes back, an earlier one at a position."""
    if isinstance(later, MovementReversed):
        return later.reversed_position == position
    for name in ("freeze", "pledge", "surrender", "lock", "proposal"):
        claim = getattr(earlier, name, None)
        if claim is not None and getattr(later, name, None) == claim:
            return True
    return False
