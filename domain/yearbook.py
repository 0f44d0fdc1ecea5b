"""A year book: all that is on record of one entity's compliance year.

Reports, allocation, recalls, deductions and surrenders stand in it as small immutable
facts, each with its two clocks: ``at`` is when it took effect, ``position`` where the log
wrote it down. Decisions read the book in the state, questions read the same book at any
(as-of, known-at): ``seen`` leaves only what was in effect and known then.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import field

UnitStatus = Literal["running", "shut", "new", "excluded"]


class ReportedUnit(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A generating unit (``unit_id``) or an industrial line (``line_id``) of a report.

    Electricity in MWh, heat in GJ, output in tonnes of product, power in MW, emissions in
    whole tonnes of CO2e; ``load_factor`` and ``heat_ratio`` are fractions.
    """

    class_: Literal["conventional_coal", "unconventional_coal", "gas"] | None = field(
        default=None, name="class"
    )
    cooling: Literal["water", "air"] | None = None
    electricity_mwh: Decimal | None = None
    emissions: int | None = None
    heat_gj: Decimal | None = None
    heat_ratio: Decimal | None = None
    intensity_emissions: int | None = None
    line_id: str | None = None
    load_factor: Decimal | None = None
    output_t: Decimal | None = None
    product: str | None = None
    rated_mw: Decimal | None = None
    special: bool = False
    status: UnitStatus = "running"
    supplied_mwh: Decimal | None = None
    unit_id: str | None = None

    @property
    def name(self) -> str:
        """The id of the unit or line."""
        return self.unit_id or self.line_id or ""


class _Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    at: datetime
    position: int


class Report(_Entry, frozen=True):
    """Verified emissions (tonnes), with the units or lines behind them."""

    emissions: int
    units: tuple[ReportedUnit, ...] = ()


class Grant(_Entry, frozen=True):
    """What one decision handed out or took back for the year (tonnes).

    A pre-allocation has no ``entitlement``. ``granted`` went to the account (or custody),
    ``recalled`` came back at once, ``opened`` was added to the open recall (below zero: was
    waived), ``deducted`` by deduction id was kept (below zero: was given back).
    """

    command: str
    granted: int
    entitlement: int | None = None
    recalled: int = 0
    opened: int = 0
    deducted: tuple[tuple[str, int], ...] = ()
    gas_allocation: int | None = None
    """What the gas units of it were given, for caps on what they owe."""


class Deduction(_Entry, frozen=True):
    """What the authority decided to deduct from the year's allocation (tonnes)."""

    command: str
    reason: str
    quantity: int


class Collection(_Entry, frozen=True):
    """A part of the open recall that a later credit met (tonnes)."""

    quantity: int


class Submission(_Entry, frozen=True):
    """Units submitted for the year's obligation (tonnes); ``command`` names the surrender."""

    command: str
    unit: str
    quantity: int
    forced: bool = False
    counted_at: datetime | None = None
    """Of one stated of the time before: when it was submitted."""

    @property
    def met_at(self) -> datetime:
        """When it counts as submitted: what decides whether it was in time."""
        return self.counted_at or self.at


class Closing(_Entry, frozen=True):
    """A surrender was confirmed, or rejected."""

    surrender: str
    confirmed: bool


class Offset(_Entry, frozen=True):
    """Credits used for the year's obligation (tonnes); ``lock`` names the lock of them."""

    lock: str
    unit: str
    quantity: int
    counted_at: datetime | None = None
    """Of one stated of the time before: when it was used."""

    @property
    def met_at(self) -> datetime:
        """When it counts as used: what decides whether it was in time."""
        return self.counted_at or self.at


class GreenPowerClaim(_Entry, frozen=True):
    """Green electricity claimed for the year (tonnes)."""

    quantity: int
    counted_at: datetime | None = None
    """Of one stated of the time before: when it was recorded."""

    @property
    def met_at(self) -> datetime:
        """When it counts as recorded: what decides whether it was in time."""
        return self.counted_at or self.at


class Loan(_Entry, frozen=True):
    """Units borrowed for the year from a later one (tonnes)."""

    command: str
    lender_year: int
    unit: str
    quantity: int


class FineEntry(_Entry, frozen=True):
    """A fine for the year (CNY)."""

    command: str
    amount: Decimal


class StatedObligation(_Entry, frozen=True):
    """What is owed for the year as stated of the time before, or by a succession (tonnes)."""

    quantity: int


class YearBook(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The facts of one entity's compliance year, each kind in the order of the log."""

    reports: tuple[Report, ...] = ()
    grants: tuple[Grant, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    collections: tuple[Collection, ...] = ()
    submissions: tuple[Submission, ...] = ()
    closings: tuple[Closing, ...] = ()
    offsets: tuple[Offset, ...] = ()
    green_power: tuple[GreenPowerClaim, ...] = ()
    loans: tuple[Loan, ...] = ()
    fines: tuple[FineEntry, ...] = ()
    obligations: tuple[StatedObligation, ...] = ()

    @property
    def report(self) -> Report | None:
        """The report that rules: the one recorded last."""
        return self.reports[-1] if self.reports else None

    @property
    def stated_obligation(self) -> StatedObligation | None:
        """The obligation as stated, where no report was recorded since: it then rules."""
        if not self.obligations:
            return None
        last, report = self.obligations[-1], self.report
        return None if report is not None and report.position > last.position else last

    @property
    def owed(self) -> bool:
        """Whether what is owed for the year is on record: by a report, or as stated."""
        return bool(self.reports or self.obligations)

    @property
    def approval(self) -> Grant | None:
        """The final allocation that rules: the one recorded last."""
        finals = [grant for grant in self.grants if grant.entitlement is not None]
        return finals[-1] if finals else None

    @property
    def advances(self) -> tuple[Grant, ...]:
        """The pre-allocation, and what a succession changed of it."""
        return tuple(
            grant for grant in self.grants if grant.entitlement is None and not grant.opened
        )

    @property
    def pre_allocation(self) -> Grant | None:
        """The pre-allocation, if there was one."""
        return next(iter(self.advances), None)

    @property
    def pre_allocated(self) -> int:
        """Tonnes handed out in advance."""
        return sum(grant.granted for grant in self.advances)

    @property
    def decided_deductions(self) -> tuple[Deduction, ...]:
        """The deductions by id, in the order they were recorded; of several entries of one
        (a succession took a part of it elsewhere) their sum."""
        found: dict[str, Deduction] = {}
        for one in self.deductions:
            before = found.get(one.command)
            found[one.command] = one if before is None else msgspec.structs.replace(
                before, quantity=before.quantity + one.quantity
            )  # fmt: skip
        return tuple(found.values())

    @property
    def granted(self) -> int:
        """Tonnes handed out for the year in all."""
        return sum(grant.granted for grant in self.grants)

    @property
    def recalled(self) -> int:
        """Tonnes taken back, at once and from later credits."""
        at_once = sum(grant.recalled for grant in self.grants)
        return at_once + sum(part.quantity for part in self.collections)

    @property
    def recall_open(self) -> int:
        """Tonnes that are still to come back."""
        opened = sum(grant.opened for grant in self.grants)
        return opened - sum(part.quantity for part in self.collections)

    def deducted(self, deduction: str) -> int:
        """Tonnes of one deduction that were kept so far."""
        return sum(t for grant in self.grants for name, t in grant.deducted if name == deduction)


EMPTY = YearBook()
_E = TypeVar("_E", bound=_Entry)


def _seen(entries: tuple[_E, ...], as_of: datetime, upto: int) -> tuple[_E, ...]:
    for entry in entries:
        if entry.at > as_of or entry.position > upto:
            return tuple(e for e in entries if e.at <= as_of and e.position <= upto)
    return entries


def seen(book: YearBook, as_of: datetime, upto: int) -> YearBook:
    """The book as it stood: facts effective by ``as_of``, known at position ``upto``.

    The very book when all of it was: whoever asks twice can tell.
    """
    before = msgspec.structs.astuple(book)
    after = tuple([_seen(entries, as_of, upto) if entries else entries for entries in before])
    # Tuples of the very same entries compare by identity, entry by entry.
    return book if after == before else YearBook(*after)


def noted(book: YearBook, kind: str, entry: Any) -> YearBook:
    """The book with one more entry of a kind (the name of its field)."""
    entries: Iterable[Any] = getattr(book, kind)
    return msgspec.structs.replace(book, **{kind: (*entries, entry)})
