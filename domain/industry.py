"""Steel, cement and aluminium: allocation by emission intensity against the sector's
balance value (rules N-IND-2025, N-IND-2026)."""

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from etsledger.domain.benchmarks import steps, tonnes, unit_emissions
from etsledger.domain.calculation import Line
from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.yearbook import Report, ReportedUnit

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import AllocationTable, Intensity

SHOWN_PLACES = 10
"""Places of a factor and an intensity as a line shows them; inside they are exact."""


def intensity_line(
    rules: Rulebook,
    table: "AllocationTable",
    report: Report,
    line: ReportedUnit,
    balance_value: Decimal | None,
) -> Line:
    """What a line is given: its emissions x (1 + α), in whole tonnes.

    ``balance_value`` and the intensity are tCO2e per tonne of product; the intensity is
    taken over ``intensity_emissions`` where the report gives them.

    Raises AllocationNotReady without a balance value, output or emissions.
    """
    limits = table.intensity
    if limits is None or not balance_value:
        years = ", ".join(map(str, table.years))
        raise AllocationNotReady(
            f"the balance value of the sector for {years} is not on record, which {table.rule} "
            "measures against; publish_balance_value comes first",
            missing="balance_value", rule=table.rule,
        )  # fmt: skip
    if not line.output_t:
        raise AllocationNotReady(
            f"line {line.name} has no output_t, which its intensity is taken over "
            f"({table.source}); record_verified again with it",
            unit_id=line.name, missing="output_t",
        )  # fmt: skip
    emissions = unit_emissions(report, line, f"rule {table.rule}")
    measured = emissions if line.intensity_emissions is None else line.intensity_emissions
    intensity = Fraction(measured) / Fraction(line.output_t)
    factor = 1 + alpha(limits, Fraction(balance_value), intensity)
    source = table.source
    return Line(
        amount=tonnes(emissions * factor, steps(rules).line),
        benchmark=balance_value,
        class_=line.product,
        emissions=emissions,
        factor=shown(factor),
        intensity=shown(intensity),
        output_t=line.output_t,
        rule=table.rule,
        source=f"{source}; DRAFT" if table.draft and "DRAFT" not in source else source,
        unit_id=line.name,
    )


def alpha(limits: "Intensity", balance_value: Fraction, intensity: Fraction) -> Fraction:
    """The share of its emissions that a line is given beside them; below zero: taken off.

    X = (balance value - intensity) / balance value; slope·X inside the limits, else the cap.
    """
    gain = (balance_value - intensity) / balance_value
    limit, cap = Fraction(limits.limit), Fraction(limits.cap)
    if -limit < gain < limit:
        return Fraction(limits.slope) * gain
    return cap if gain > 0 else -cap


def shown(value: Fraction) -> Decimal:
    """A fraction to ten places, half up, for people to read."""
    scaled = (abs(value) * 10**SHOWN_PLACES + Fraction(1, 2)).__floor__()
    return Decimal(f"{scaled if value >= 0 else -scaled}E-{SHOWN_PLACES}")
