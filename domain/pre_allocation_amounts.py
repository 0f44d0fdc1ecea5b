"""Amounts of pre-allocation: a ratio of an earlier year, unit by unit (rules section 5)."""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from etsledger.domain.benchmarks import (
    ONE,
    WIDE,
    benchmark,
    class_of,
    heat_benchmark,
    output,
    steps,
    times,
    tonnes,
    unit_emissions,
)
from etsledger.domain.errors import AllocationNotReady, PreAllocationNotAllowed
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.yearbook import Report, ReportedUnit

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import PreAllocationTable


class PreAllocatedLine(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True,
    forbid_unknown_fields=True,
):  # fmt: skip
    """What one unit gets in advance: ``amount`` (whole tonnes) of its ``base`` (tonnes,
    exact). ``withheld`` units get nothing; without ``unit_id`` it is the entity's line."""

    amount: int
    base: Decimal
    unit_id: str | None = None
    withheld: bool = False


class PreAllocated(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What an entity gets in advance (whole tonnes); with ``maximum`` it may get less."""

    amount: int
    draft: bool = False
    lines: tuple[PreAllocatedLine, ...] = ()
    maximum: bool = False
    rule: str
    source: str


def _table(rules: Rulebook, sector: str, year: int, method: str | None) -> "PreAllocationTable":
    table = rules.pre_allocation(sector, year, method)
    if table is None and rules.allocation(sector, year, method) is None:
        raise AllocationNotReady(
            f"rulebook {rules.data.name} has no table for sector {sector} and year {year}; a "
            "newer one may (adopt_rulebook)",
            sector=sector, year=year, rulebook=rules.data.name,
        )  # fmt: skip
    if table is None or table.ratio is None:
        source = f" ({table.source})" if table else ""
        raise PreAllocationNotAllowed(
            f"there is no pre-allocation for sector {sector} in {year}{source}; "
            "finalise_allocation hands out the whole entitlement",
            sector=sector, year=year,
        )  # fmt: skip
    return table


def base_year(rules: Rulebook, sector: str, year: int, method: str | None = None) -> int:
    """The year whose report a pre-allocation rests on.

    Raises AllocationNotReady for a year without tables, PreAllocationNotAllowed where there
    is no pre-allocation.
    """
    return _table(rules, sector, year, method).base_year or year - 1


def pre_allocation(
    rules: Rulebook, sector: str, year: int, base: Report | None, method: str | None = None
) -> PreAllocated:
    """What the rulebook gives (or at most gives) in advance for a year.

    ``base`` is the report of ``base_year``; ``method`` the entity's allocation method. Each
    unit's amount is rounded, then summed; where units carry no emissions of their own the
    entity's stand for all of them.

    Raises AllocationNotReady for a year without tables and for a base year without a report
    or without what the rule counts, PreAllocationNotAllowed where there is none to give.
    """
    table = _table(rules, sector, year, method)
    if base is None:
        before = table.base_year or year - 1
        raise AllocationNotReady(
            f"the pre-allocation for {year} rests on {before} ({table.source}), and {before} has "
            f"no verified emissions on record; record_verified for {before} comes first",
            year=year, base_year=before,
        )  # fmt: skip
    by_output = table.basis == "output"
    lines = _by_output(rules, table, sector, year, base) if by_output else _by_emissions(
        rules, table, base
    )  # fmt: skip
    return PreAllocated(
        amount=sum(line.amount for line in lines),
        draft=table.draft,
        lines=lines,
        maximum=table.maximum,
        rule=table.rule,
        source=table.source,
    )


def _line(
    rules: Rulebook, table: "PreAllocationTable", base: Decimal, unit: ReportedUnit | None
) -> PreAllocatedLine:
    withheld = unit is not None and unit.status in table.withheld_units
    ratio = Decimal(0) if withheld or table.ratio is None else table.ratio
    return PreAllocatedLine(
        amount=tonnes(times(ratio, base), steps(rules).pre_allocation),
        base=_shortest(base),
        unit_id=unit.name if unit is not None else None,
        withheld=withheld,
    )


def _shortest(value: Decimal) -> Decimal:
    """The same number without zeros at its end."""
    found = value.normalize(WIDE)
    return found.quantize(ONE, context=WIDE) if found == found.to_integral_value() else found


def _by_emissions(
    rules: Rulebook, table: "PreAllocationTable", base: Report
) -> tuple[PreAllocatedLine, ...]:
    withheld = [unit for unit in base.units if unit.status in table.withheld_units]
    shared = len(base.units) > 1 and any(
        unit.emissions is None for unit in base.units if unit not in withheld
    )
    why = f"the pre-allocation ({table.source})"
    if table.per == "unit" and base.units and not shared:
        return tuple(
            _line(rules, table, Decimal(unit_emissions(base, unit, why)), unit)
            for unit in base.units
        )
    left_out = [
        _line(rules, table, Decimal(unit_emissions(base, unit, why)), unit) for unit in withheld
    ]
    rest = base.emissions - sum(int(line.base) for line in left_out)
    return (_line(rules, table, Decimal(max(0, rest)), None), *left_out)


def _by_output(
    rules: Rulebook, table: "PreAllocationTable", sector: str, year: int, base: Report
) -> tuple[PreAllocatedLine, ...]:
    rates = rules.allocation(sector, year)
    if rates is None or not base.units:
        raise AllocationNotReady(
            f"the pre-allocation for {year} counts output at the benchmarks of {year} "
            f"({table.source}); "
            + ("there are none" if rates is None else "record_verified again with the units"),
            sector=sector, year=year,
        )  # fmt: skip
    lines: list[PreAllocatedLine] = []
    for unit in base.units:
        if unit.status in table.withheld_units:
            lines.append(_line(rules, table, Decimal(0), unit))
            continue
        name = class_of(rules, unit)
        tco2 = times(output(rates, unit), benchmark(rates, unit, name))
        per_gj = heat_benchmark(rates, unit, name)
        if per_gj is not None:
            tco2 = WIDE.add(tco2, times(unit.heat_gj or Decimal(0), per_gj))
        lines.append(_line(rules, table, tco2, unit))
    return tuple(lines)
