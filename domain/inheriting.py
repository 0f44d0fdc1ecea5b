"""What successors take over of an entity's compliance year, by share (rule X-9, adopted).

The year is summed up, the sums are shared out to whole tonnes (fines: to the fen), and each
part becomes a stated year: of a successor what it gains on top of its own, of the old entity
what it loses. So all of them together owe, were given and have met after the succession what
they did before it. What was met keeps the instant at which it counts: lateness follows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple, cast

import msgspec

from etsledger.domain.calculation import Adjustment, Calculation
from etsledger.domain.compliance import Standing
from etsledger.domain.deductions import Reason
from etsledger.domain.shares import Shares, apportion, apportion_each
from etsledger.domain.stated_years import (
    StatedAdvance,
    StatedDeduction,
    StatedFinal,
    StatedFine,
    StatedGreenPower,
    StatedLoan,
    StatedOffset,
    StatedSubmission,
    StatedYear,
)
from etsledger.domain.times import iso
from etsledger.domain.yearbook import ReportedUnit, YearBook

RULE: Final = "X-9"
_FEN: Final = Decimal("0.01")


class Item(NamedTuple):
    """One of several parts of a sum: what it is (``key``), and how many tonnes (or fen)."""

    key: tuple[Any, ...]
    tonnes: int


class Deducted(NamedTuple):
    """A deduction: decided, kept so far, and of that from the pre-allocation (tonnes)."""

    key: tuple[str, str]
    decided: int
    kept: int
    early: int


class Sums(NamedTuple):
    """An entity's year, or a successor's part of it (tonnes; fines in fen).

    None: nothing is on record. ``met`` by when it counts: surrenders, offsets and green power.
    """

    emissions: int | None
    obligation: int
    entitlement: int | None
    gas: int | None
    pre_allocated: int
    granted: int
    recalled: int
    recall_open: int
    deductions: tuple[Deducted, ...]
    met: tuple[Item, ...]
    loans: tuple[Item, ...]
    fines: tuple[Item, ...]


def sums_of(book: YearBook, stood: Standing) -> Sums:
    """The sums of a year; ``book`` as it is in effect, ``stood`` what it comes to."""
    approval = book.approval
    early = dict[str, int]()
    for advance in book.advances:
        for name, tonnes in advance.deducted:
            early[name] = early.get(name, 0) + tonnes
    return Sums(
        emissions=stood.verified_emissions,
        obligation=stood.obligation,
        entitlement=stood.entitlement,
        gas=None if approval is None else approval.gas_allocation,
        pre_allocated=stood.pre_allocated,
        granted=stood.allocated,
        recalled=stood.recalled,
        recall_open=stood.recall_open,
        deductions=tuple(
            Deducted(
                (one.command, one.reason),
                one.quantity,
                book.deducted(one.command),
                early.get(one.command, 0),
            )
            for one in book.decided_deductions
        ),
        met=_summed(_met(book)),
        loans=_summed(
            Item((one.command, one.lender_year, one.unit), one.quantity) for one in book.loans
        ),
        fines=_summed(Item((one.command,), int(one.amount / _FEN)) for one in book.fines),
    )


def _met(book: YearBook) -> list[Item]:
    """What met the obligation, the earliest first: kind, id, unit, when, whether by force."""
    confirmed = {one.surrender for one in book.closings if one.confirmed}
    found = [
        Item(("surrender", one.command, one.unit, one.met_at, one.forced), one.quantity)
        for one in book.submissions
        if one.command in confirmed
    ]
    found += [
        Item(("offset", one.lock, one.unit, one.met_at), one.quantity) for one in book.offsets
    ]
    found += [Item(("green", "", "", one.met_at), one.quantity) for one in book.green_power]
    return sorted(found, key=lambda item: cast(datetime, item.key[3]))


def _summed(items: Iterable[Item]) -> tuple[Item, ...]:
    """Several entries of one thing (an earlier succession changed it) as one."""
    sums: dict[tuple[Any, ...], int] = {}
    for key, tonnes in items:
        sums[key] = sums.get(key, 0) + tonnes
    return tuple(Item(key, tonnes) for key, tonnes in sums.items() if tonnes)


# -- sharing out -----------------------------------------------------------------------------------


def shared(total: Sums, shares: Shares) -> list[Sums]:
    """The parts of a year, one for each share, that add up to it.

    No part has met more than it owes unless the whole has; none was deducted more than it is
    given; what was handed out less what came back is its entitlement less its deductions.
    """
    count = range(len(shares))
    emissions = _parts(total.emissions, shares)
    owed = apportion(total.obligation, shares)
    entitlement = _parts(total.entitlement, shares)
    given = None if total.entitlement is None else [one or 0 for one in entitlement]
    gas = _parts(total.gas, shares, given)
    deductions = _deductions(total.deductions, shares, given)
    recalled, still_open = apportion(total.recalled, shares), apportion(total.recall_open, shares)
    kept = [sum(one.kept for one in deductions[i]) for i in count]
    due = [(0 if given is None else given[i] - kept[i]) for i in count]
    net = total.granted - total.recalled - total.recall_open
    rest = apportion(net - sum(due), shares)
    granted = [due[i] + rest[i] + recalled[i] + still_open[i] for i in count]
    early = apportion(total.pre_allocated, shares, granted)
    met = _met_parts(total, owed, shares)
    loans, fines = _items(total.loans, shares), _items(total.fines, shares)
    return [
        Sums(
            emissions[i], owed[i], entitlement[i], gas[i], early[i], granted[i], recalled[i],
            still_open[i], tuple(deductions[i]), met[i], loans[i], fines[i],
        )
        for i in count
    ]  # fmt: skip


def _parts(
    total: int | None, shares: Shares, most: Sequence[int] | None = None
) -> Sequence[int | None]:
    return [None for _ in shares] if total is None else apportion(total, shares, most)


def _items(items: Sequence[Item], shares: Shares) -> list[tuple[Item, ...]]:
    parts = [apportion(item.tonnes, shares) for item in items]
    return [
        tuple(Item(item.key, part[i]) for item, part in zip(items, parts, strict=True))
        for i in range(len(shares))
    ]


def _met_parts(total: Sums, owed: list[int], shares: Shares) -> list[tuple[Item, ...]]:
    tonnes = [item.tonnes for item in total.met]
    excess = sum(tonnes) - total.obligation
    more = apportion(max(0, excess), shares)
    most = [a + b for a, b in zip(owed, more, strict=True)]
    parts = apportion_each(tonnes, shares, most)
    return [
        tuple(Item(item.key, part[i]) for item, part in zip(total.met, parts, strict=True))
        for i in range(len(shares))
    ]


def _deductions(
    total: Sequence[Deducted], shares: Shares, given: Sequence[int] | None
) -> list[list[Deducted]]:
    kept = apportion_each([one.kept for one in total], shares, given)
    rest = apportion_each([one.decided - one.kept for one in total], shares)
    found: list[list[Deducted]] = [[] for _ in shares]
    for one, held, left in zip(total, kept, rest, strict=True):
        early = apportion(one.early, shares, held)
        for i, mine in enumerate(found):
            mine.append(Deducted(one.key, held[i] + left[i], held[i], early[i]))
    return found


def nothing_of(total: Sums) -> Sums:
    """The part of one who keeps nothing of a year."""
    return shared(total, (Fraction(1), Fraction(0)))[1]


def lost(total: Sums, part: Sums) -> Sums:
    """What the old entity has less of what is added up: its part less the whole."""

    def less(mine: Sequence[Item], whole: Sequence[Item]) -> tuple[Item, ...]:
        return tuple(Item(a.key, a.tonnes - b.tonnes) for a, b in zip(mine, whole, strict=True))

    return part._replace(
        pre_allocated=part.pre_allocated - total.pre_allocated,
        granted=part.granted - total.granted,
        recalled=part.recalled - total.recalled,
        recall_open=part.recall_open - total.recall_open,
        deductions=tuple(
            Deducted(a.key, a.decided - b.decided, a.kept - b.kept, a.early - b.early)
            for a, b in zip(part.deductions, total.deductions, strict=True)
        ),
        met=less(part.met, total.met),
        loans=less(part.loans, total.loans),
        fines=less(part.fines, total.fines),
    )


# -- as stated years -------------------------------------------------------------------------------


class Own(NamedTuple):
    """What a successor has on record of the year itself; of the old entity nothing counts."""

    emissions: int | None = None
    obligation: int = 0
    entitlement: int | None = None
    gas: int | None = None
    exempt: bool = False
    """It would owe nothing by itself: the year is before its first."""


def stated(
    part: Sums, own: Own, units: tuple[ReportedUnit, ...], source: str, subtotal: int
) -> StatedYear:
    """A part as a stated year: sums on top of what is on record, and reports anew.

    ``subtotal`` is the entitlement that stood before, ``source`` whose share this is.
    """
    emissions = _both(own.emissions, part.emissions)
    owed = own.obligation + part.obligation
    entitlement = None if part.entitlement is None else (own.entitlement or 0) + part.entitlement
    early = part.pre_allocated or any(one.early for one in part.deductions)
    final = None
    if entitlement is not None:
        change = Adjustment(amount=entitlement - subtotal, rule=RULE, source=source)
        final = StatedFinal(
            calculation=Calculation(
                adjustments=(change,),
                entitlement=entitlement,
                rule=RULE,
                source=source,
                subtotal=subtotal,
            )
        )
    computed = part.emissions is not None and owed == emissions and not own.exempt
    silent = part.emissions is None and not part.obligation
    return StatedYear(
        advance=StatedAdvance(rule=RULE, source=source) if early else None,
        allocated=part.granted,
        deductions=tuple(
            StatedDeduction(
                deducted=one.kept,
                deduction=one.key[0],
                in_advance=one.early,
                quantity=one.decided,
                reason=cast(Reason, one.key[1]),
            )
            for one in part.deductions
            if one.decided or one.kept or one.early
        ),
        entitlement=entitlement,
        final=final,
        fines=tuple(
            StatedFine(amount=one.tonnes * _FEN, fine=one.key[0])
            for one in part.fines
            if one.tonnes
        ),
        gas_allocation=_both(own.gas, part.gas) if entitlement is not None else None,
        green_power=tuple(
            StatedGreenPower(counted_at=iso(one.key[3]), quantity=one.tonnes)
            for one in _of_kind(part.met, "green")
        ),
        loans=tuple(
            StatedLoan(
                borrowing=one.key[0], lender_year=one.key[1], quantity=one.tonnes, unit=one.key[2]
            )
            for one in part.loans
            if one.tonnes
        ),
        obligation=None if computed or silent else owed,
        offsets=tuple(
            StatedOffset(
                counted_at=iso(one.key[3]), lock=one.key[1], quantity=one.tonnes, unit=one.key[2]
            )
            for one in _of_kind(part.met, "offset")
        ),
        pre_allocated=part.pre_allocated,
        recall_open=part.recall_open,
        recalled=part.recalled,
        submissions=tuple(
            StatedSubmission(
                forced=one.key[4],
                quantity=one.tonnes,
                submitted_at=iso(one.key[3]),
                surrender=one.key[1],
                unit=one.key[2],
            )
            for one in _of_kind(part.met, "surrender")
        ),
        units=units,
        verified_emissions=None if part.emissions is None else emissions,
    )


def _of_kind(met: Sequence[Item], kind: str) -> list[Item]:
    return [one for one in met if one.key[0] == kind and one.tonnes]


def _both(own: int | None, part: int | None) -> int | None:
    return None if own is None and part is None else (own or 0) + (part or 0)


def joined(
    old: str, theirs: tuple[ReportedUnit, ...], own: tuple[ReportedUnit, ...] | None
) -> tuple[ReportedUnit, ...]:
    """The units of two reports as one; those of the old entity by a name of their own.

    Without the units of either (``own`` None: it has no report) there is no such list.
    """
    if own is None:
        return theirs
    if not own or not theirs:
        return ()
    taken = {unit.name for unit in own}
    return (*own, *(_renamed(old, unit) if unit.name in taken else unit for unit in theirs))


def _renamed(old: str, unit: ReportedUnit) -> ReportedUnit:
    field = "unit_id" if unit.unit_id is not None else "line_id"
    return msgspec.structs.replace(unit, **{field: f"{old}/{unit.name}"})
