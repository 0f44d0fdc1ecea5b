"""What is owed for a year, its caps in the first cycle, and the gap (rules N-SUR-1, N-ENT-1)."""

from fractions import Fraction

from etsledger.domain.benchmarks import gas_classes, rounded, steps, tonnes
from etsledger.domain.calculation import Calculation
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.yearbook import Report


def gas_allocation(rules: Rulebook, found: Calculation, report: Report | None) -> int | None:
    """What the gas units of an entity are given (tonnes); None when it has none, or when an
    approved figure cannot be told apart by units.

    An entity of gas units only has its whole entitlement. With units of both kinds it is the
    lines of the gas units with what made them whole.
    """
    if report is None or not any(unit.class_ == "gas" for unit in report.units):
        return None
    if all(unit.class_ == "gas" for unit in report.units):
        return found.entitlement
    if not found.lines:
        return None
    gas = gas_classes(rules)
    units = {line.unit_id for line in found.lines if line.class_ in gas}
    given = sum(line.amount for line in found.lines if line.unit_id in units)
    return given + sum(
        one.amount for one in found.adjustments if one.unit_id is not None and one.unit_id in units
    )


def obligation(
    rules: Rulebook,
    sector: str,
    year: int,
    report: Report,
    entitlement: int | None,
    gas_allocation: int | None = None,
) -> int:
    """What is owed for a year: its verified emissions (tonnes; rule N-SUR-1).

    The first cycle caps it, once allocation is final (N-ENT-1): gas units owe no more than
    they are given (``gas_allocation``; an entity of gas units only: its entitlement), and an
    entity no more than its ``entitlement`` and a share of its emissions. Without
    ``gas_allocation``, or with gas units whose emissions are not on record, an entity of
    both kinds has the second cap only.
    """
    due = report.emissions
    compliance = rules.year(sector, year)
    cap = compliance.obligation_cap if compliance is not None else None
    if cap is None or entitlement is None:
        return due
    most = entitlement + Fraction(cap.over_allocation) * report.emissions
    if cap.gas_up_to_allocation:
        due -= _gas_relief(report, entitlement, gas_allocation)
    return min(due, tonnes(most, steps(rules).obligation_cap))


def _gas_relief(report: Report, entitlement: int, gas_allocation: int | None) -> int:
    gas = [unit for unit in report.units if unit.class_ == "gas"]
    if gas and len(gas) == len(report.units):
        return max(0, report.emissions - entitlement)
    emitted = [unit.emissions for unit in gas if unit.emissions is not None]
    if gas_allocation is None or len(emitted) < len(gas):
        return 0
    return max(0, sum(emitted) - gas_allocation)


def gap_rate(rules: Rulebook, verified: int, approved: int) -> str:
    """(verified - approved) / verified in percent, such as ``20.00``; below zero: a surplus."""
    exact = Fraction(verified - approved, verified) if verified else Fraction(0)
    return f"{rounded(100 * exact, steps(rules).gap_rate):f}"
