"""The parts of a succession: who takes over, and what of each kind goes to whom (tonnes).

Fields stand in the alphabetical order of their JSON names: they are stored inside an event.
"""

from decimal import Decimal

import msgspec
from msgspec import field

from etsledger.domain.banking_cap import UnitTonnes
from etsledger.domain.stated_years import StatedYear


class Heir(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A successor, its share, and the account that its units went to (of one that carries on:
    none, they stay)."""

    account: str | None = None
    entity: str
    share: Decimal


class UnitsTaken(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Units that went to an account of ``entity``; with a ``year`` they were borrowed for its
    surrender, and are so still."""

    entity: str
    source: str = field(name="from")
    quantity: int
    target: str = field(name="to")
    unit: str
    year: int | None = None


class UnitsKept(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Units in custody that are kept for ``entity`` now, in the account that serves it."""

    entity: str
    source: str = field(name="from")
    quantity: int
    target: str = field(name="to")
    unit: str


class BankingTaken(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What counts for the carrying over of an entity beside its own (below zero: no more):
    what was carried over, net sales by unit, and, once holdings were counted, what was held."""

    carried: int = 0
    entity: str
    held: tuple[UnitTonnes, ...] = ()
    sold: tuple[UnitTonnes, ...] = ()


class YearTaken(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a succession changed of an entity's compliance year."""

    entity: str
    facts: StatedYear
    year: int
