"""Credits from issuance to use: who keeps or has used how many of which project, and which
serial numbers those are.

Serial numbers are given out by issuance; no account keeps its own. Those of credits that
are gone are told first in, first out: of all of a unit, in the order of effective times.
What came as an opening balance has no numbers.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from etsledger.domain.cancellation import UnitsCancelled
from etsledger.domain.corrections import MovementReversed
from etsledger.domain.credits import CreditsIssued, StatedCredit
from etsledger.domain.events import ISSUANCE
from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.locks import CreditsCancelled, CreditsLocked, CreditsUnlocked
from etsledger.ledger.record import Logged
from etsledger.ledger.rows import CreditLockRow, CreditRow, CreditUseRow
from etsledger.ledger.store import Store
from etsledger.projections.following import readable
from etsledger.projections.instants import Viewpoint

_Lock = CreditsLocked | CreditsUnlocked | CreditsCancelled
TYPES: Final = tuple(
    kind.__name__
    for kind in (
        CreditsIssued, CreditsLocked, CreditsUnlocked, CreditsCancelled, UnitsCancelled,
        OpeningBalanceRecorded, MovementReversed,
    )
)  # fmt: skip
Serials = list[tuple[int, int]]


class _Unit:
    """One unit of credits in one registry, followed event by event."""

    def __init__(self) -> None:
        self.issuance: CreditsIssued | StatedCredit | None = None
        self.methodology: str | None = None
        self.issued = self.used = self.cancelled = 0
        self.blocks: list[tuple[int, int, int | None]] = []
        """What came, in order: position, tonnes, first number (None: it has none)."""
        self.gone: list[tuple[int, Serials]] = []
        """What left, in order: tonnes, and the list for its numbers."""
        self.locks: dict[str, CreditLockRow] = {}
        self.uses: list[CreditUseRow] = []
        self.cancelled_serials: Serials = []

    def follow(self, logged: Logged) -> None:
        """The next event by effective time."""
        event, position = logged.event, logged.record.position
        match event:
            case CreditsIssued():
                self.issuance = event
                self.methodology = self.methodology or event.methodology
                self._came(position, event.quantity, event.serial_start)
            case OpeningBalanceRecorded():
                if event.credit is not None:
                    self.issuance = self.issuance or event.credit
                    self.methodology = self.methodology or event.credit.methodology
                self._came(position, event.quantity, None)
            case MovementReversed():
                self.issued -= event.quantity
                self.blocks = [b for b in self.blocks if b[0] != event.reversed_position]
            case UnitsCancelled():
                self.cancelled += event.quantity
                self.gone.append((event.quantity, self.cancelled_serials))
            case CreditsLocked():
                self.locks[event.lock] = _purpose(event)
            case CreditsUnlocked():
                self.locks.pop(event.lock, None)
            case CreditsCancelled():
                self._was_used(event, position)
            case _:
                pass

    def _came(self, position: int, quantity: int, first: int | None) -> None:
        self.issued += quantity
        self.blocks.append((position, quantity, first))

    def _was_used(self, event: CreditsCancelled, position: int) -> None:
        serials: Serials = []
        self.locks.pop(event.lock, None)
        self.used += event.quantity
        self.gone.append((event.quantity, serials))
        self.uses.append({**_purpose(event), "position": position, "serials": serials})

    def number(self) -> None:
        """Tells the numbers of what is gone: first in, first out."""
        blocks = [(first, quantity) for _, quantity, first in self.blocks]
        at = taken = 0
        for quantity, serials in self.gone:
            left = quantity
            while left and at < len(blocks):
                first, size = blocks[at]
                part = min(left, size - taken)
                if part and first is not None:
                    _add(serials, first + taken, first + taken + part - 1)
                left, taken = left - part, taken + part
                if taken == size:
                    at, taken = at + 1, 0

    def row(self, registry: str, unit: str) -> CreditRow:
        """The row of the unit."""
        self.number()
        issuance = self.issuance
        serials: Serials = []
        for _, quantity, first in self.blocks:
            if first is not None:
                _add(serials, first, first + quantity - 1)
        locked = sum(lock["quantity"] for lock in self.locks.values())
        return {
            "registry": registry,
            "unit": unit,
            "programme": None if issuance is None else issuance.programme,
            "registered_on": None if issuance is None else issuance.registered_on,
            "covered_by_ets": None if issuance is None else issuance.covered_by_ets,
            "methodology": self.methodology,
            "issued": self.issued,
            "free": self.issued - locked - self.used - self.cancelled,
            "locked": locked,
            "used": self.used,
            "cancelled": self.cancelled,
            "serials": serials,
            "locks": list(self.locks.values()),
            "uses": self.uses,
            "cancelled_serials": self.cancelled_serials,
        }


def _purpose(event: _Lock) -> CreditLockRow:
    return {
        "lock": event.lock,
        "account": event.account,
        "for_registry": event.for_registry,
        "entity": event.entity,
        "year": event.year,
        "quantity": event.quantity,
    }


def _add(serials: Serials, first: int, last: int) -> None:
    if serials and serials[-1][1] + 1 == first:
        first = serials.pop()[0]
    serials.append((first, last))


def credit_rows(
    store: Store, view: Viewpoint, *, registry: str | None, unit: str | None
) -> list[CreditRow]:
    """By registry and unit, as of a viewpoint; of units that were issued or locked as credits."""
    units: dict[tuple[str, str], _Unit] = {}
    known: set[tuple[str, str]] = set()
    for logged, of_unit in _in_order(store, view, registry, unit):
        key = logged.record.registry, of_unit
        units.setdefault(key, _Unit()).follow(logged)
        if isinstance(logged.event, CreditsIssued | CreditsLocked):
            known.add(key)
    return [units[key].row(*key) for key in sorted(known)]


def _in_order(
    store: Store, view: Viewpoint, registry: str | None, unit: str | None
) -> Iterable[tuple[Logged, str]]:
    found: list[tuple[datetime, int, Logged, str]] = []
    for logged in readable(store, 0, view.upto, TYPES):
        record, event = logged.record, logged.event
        of_unit: str = getattr(event, "unit", "")
        wanted = registry in (None, record.registry) and unit in (None, of_unit)
        # Of reversals only those of opening balances: issuances are not reversible.
        if isinstance(event, MovementReversed) and event.target != ISSUANCE:
            continue
        if wanted and record.effective_at <= view.as_of:
            found.append((record.effective_at, record.position, logged, of_unit))
    found.sort(key=lambda one: one[:2])
    return ((logged, of_unit) for _, _, logged, of_unit in found)
