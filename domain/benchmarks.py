"""Benchmarks of generating units: their class, the factors on their electricity, and the
rounding of every step (rules section 3, N-FF-1, N-RND-1).

All arithmetic is exact: decimals multiplied without rounding, fractions where something is
divided, and decimals of forty digits where a power or an exponential has no exact value.
"""

import math
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, Inexact, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.yearbook import Report, ReportedUnit

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import (
        AllocationTable,
        Correction,
        Piece,
        Rounding,
        RoundingSteps,
    )

ONE: Final = Decimal(1)
_DIGITS: Final = 40
# So wide that no product of a report and a rulebook is rounded; were one, it would raise.
_EXACT: Final = Context(prec=1_200, traps=[Inexact])
WIDE: Final = Context(prec=1_200)
_MODES: Final = {"floor": ROUND_FLOOR, "half_up": ROUND_HALF_UP}
_STEPS: Final = [Decimal(1).scaleb(-places) for places in range(13)]


def times(*values: Decimal) -> Decimal:
    """The exact product; ten times faster than of fractions."""
    product = ONE
    for value in values:
        product = _EXACT.multiply(product, value)
    return product


def rounded(value: Fraction | Decimal, rounding: "Rounding") -> Decimal:
    """A number rounded as the rulebook says; half up is away from zero."""
    if isinstance(value, Decimal):
        return value.quantize(_STEPS[rounding.places], _MODES[rounding.mode], WIDE)
    scaled = value * 10**rounding.places
    if rounding.mode == "floor":
        whole = scaled.__floor__()
    else:
        whole = (abs(scaled) + Fraction(1, 2)).__floor__()
        whole = whole if scaled >= 0 else -whole
    return Decimal(f"{whole}E-{rounding.places}")


def tonnes(value: Fraction | Decimal, rounding: "Rounding") -> int:
    """Whole tonnes: rounded as the rulebook says, and never more than that."""
    return math.floor(rounded(value, rounding))


def steps(rules: Rulebook) -> "RoundingSteps":
    """How the rulebook rounds each step. Raises AllocationNotReady where it says nothing."""
    found = rules.data.rounding
    if found is None:
        raise AllocationNotReady(
            f"rulebook {rules.data.name} does not say how steps are rounded; it needs a [rounding]",
            rulebook=rules.data.name,
        )
    return found


def gas_classes(rules: Rulebook) -> frozenset[str]:
    """The benchmark classes of gas units."""
    return frozenset(row.name for row in rules.data.classes if row.of == "gas")


def class_of(rules: Rulebook, unit: ReportedUnit) -> str:
    """The benchmark class of a unit, by its kind and its rated power in MW.

    Raises AllocationNotReady for a unit without a kind, or without the power that tells.
    """
    for row in rules.data.classes:
        if row.of != unit.class_:
            continue
        if row.at_least_mw is None:
            return row.name
        if unit.rated_mw is None:
            raise AllocationNotReady(
                f"unit {unit.name} ({unit.class_}) has no rated_mw, which tells its class "
                f"({row.source}); record_verified again with it",
                unit_id=unit.name, missing="rated_mw",
            )  # fmt: skip
        if unit.rated_mw >= row.at_least_mw:
            return row.name
    raise AllocationNotReady(
        f"unit {unit.name} has no class that rulebook {rules.data.name} knows "
        f"(found {unit.class_}); record_verified again with it",
        unit_id=unit.name, missing="class",
    )  # fmt: skip


def unit_emissions(report: Report, unit: ReportedUnit, why: str) -> int:
    """A unit's verified emissions (tonnes); a single unit without any has the entity's.

    Raises AllocationNotReady when several units share the entity's.
    """
    if unit.emissions is not None:
        return unit.emissions
    if len(report.units) == 1:
        return report.emissions
    raise AllocationNotReady(
        f"unit {unit.name} has no emissions of its own, which {why} rests on; record_verified "
        "again with them",
        unit_id=unit.name, missing="emissions",
    )  # fmt: skip


def output(table: "AllocationTable", unit: ReportedUnit) -> Decimal:
    """The electricity in MWh that a table counts: generated or supplied.

    Raises AllocationNotReady when the report does not give it.
    """
    found = unit.supplied_mwh if table.basis == "supplied_mwh" else unit.electricity_mwh
    if found is None:
        raise AllocationNotReady(
            f"unit {unit.name} has no {table.basis}, which the benchmarks count "
            f"({table.source}); record_verified again with it",
            unit_id=unit.name, missing=table.basis,
        )  # fmt: skip
    return found


def benchmark(table: "AllocationTable", unit: ReportedUnit, name: str) -> Decimal:
    """tCO2 per MWh for a class. Raises AllocationNotReady when the table has none."""
    found = table.electricity.get(name)
    if found is None:
        raise AllocationNotReady(
            f"the table for {', '.join(map(str, table.years))} has no benchmark of class {name}, "
            f"that of unit {unit.name}",
            unit_id=unit.name, **{"class": name},
        )  # fmt: skip
    return found


def heat_benchmark(table: "AllocationTable", unit: ReportedUnit, name: str) -> Decimal | None:
    """tCO2 per GJ for a class; None when the unit supplied no heat.

    Raises AllocationNotReady when it did and the table has no benchmark for it.
    """
    found = table.heat.get(name)
    if found is None and unit.heat_gj:
        raise AllocationNotReady(
            f"the table for {', '.join(map(str, table.years))} has no heat benchmark of class "
            f"{name}, that of unit {unit.name}",
            unit_id=unit.name, **{"class": name},
        )  # fmt: skip
    return found if unit.heat_gj else None


def corrections(
    rules: Rulebook, table: "AllocationTable", unit: ReportedUnit, name: str
) -> list[tuple["Correction", Decimal]]:
    """The factors on the electricity of a unit of a class; 1 changes nothing.

    The load factor's is rounded (Ff of rule N-RND-1); the others are exact.
    """
    rounding = steps(rules).factor
    found: list[tuple[Correction, Decimal]] = []
    for key in table.corrections:
        correction = rules.corrections[key]
        if name in correction.classes:
            value = _factor(correction, unit)
            if correction.by == "load_factor":
                value = rounded(value, rounding)
            found.append((correction, ONE if value == 1 else value))
    return found


def _factor(correction: "Correction", unit: ReportedUnit) -> Decimal:
    if correction.by == "load_factor":
        load = ONE if unit.load_factor is None else unit.load_factor
        piece = next((piece for piece in correction.pieces if load < piece.below), None)
        return ONE if piece is None else _piece(piece, load)
    if correction.by == "cooling":
        return correction.cooling.get(unit.cooling or "", ONE)
    return _EXACT.subtract(ONE, times(correction.slope, unit.heat_ratio or Decimal(0)))


@lru_cache(maxsize=64)
def _logarithm(base: Decimal) -> Decimal:
    """Kept: with it a power takes a third of the time."""
    with localcontext(prec=_DIGITS):
        return base.ln()


def _piece(piece: "Piece", load: Decimal) -> Decimal:
    """The value of a piece for a load factor, a fraction; see ``rulebook_years.Piece``."""
    with localcontext(prec=_DIGITS):
        percent = 100 * load
        if piece.form == "power":
            exponent = piece.constant - piece.slope * load
            if exponent == exponent.to_integral_value():
                return piece.base**exponent  # exact, so that a half is rounded as one
            return (exponent * _logarithm(piece.base)).exp()
        if piece.form == "linear":
            return piece.constant + piece.slope * (piece.knee - percent)
        fallen = (weight * (1 - (-percent / scale).exp()) for weight, scale in piece.terms)
        return piece.constant - sum(fallen, Decimal(0))
