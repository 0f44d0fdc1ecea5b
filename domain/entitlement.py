"""Entitlements: what an entity is given for a year (rules sections 3, 4 and 6).

Pure functions of the rulebook and a report. Steps stand in the order of the rules: each
unit's electricity and heat, each rounded; gas units made whole (N-GAS); the floor of the
entity (N-FLOOR80).
"""

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from etsledger.domain.benchmarks import (
    benchmark,
    class_of,
    corrections,
    heat_benchmark,
    output,
    steps,
    times,
    tonnes,
    unit_emissions,
)
from etsledger.domain.calculation import Adjustment, Calculation, Line
from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.industry import intensity_line
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.yearbook import Report, ReportedUnit

if TYPE_CHECKING:
    from etsledger.domain.rulebook_years import AllocationTable, Exemption


def calculate(
    rules: Rulebook,
    sector: str,
    year: int,
    report: Report,
    balance_value: Decimal | None,
    method: str | None = None,
) -> Calculation:
    """What the rulebook gives for a report, line by line (tonnes).

    ``balance_value`` is the sector's published one (tCO2e per tonne of product), where the
    method needs it; ``method`` the entity's own allocation method (pilots).
    Rules N-ENT-1, N-FF-1, N-GAS, N-FLOOR80, N-EXCL, N-IND-*, N-RND-1.

    Raises AllocationNotReady when there is no table for the year, or the report or the
    balance value lacks what the method counts; the message says what comes first.
    """
    table = rules.allocation(sector, year, method)
    if table is None:
        raise AllocationNotReady(
            f"rulebook {rules.data.name} has no allocation table for sector {sector} and year "
            f"{year}; a newer one may (adopt_rulebook), or the authority's figure is given "
            "(entitlement)",
            sector=sector, year=year, rulebook=rules.data.name,
        )  # fmt: skip
    if table.method == "approved":
        raise AllocationNotReady(
            f"allocation for sector {sector} and year {year} rests on the authority's figure "
            f"({table.source}); give it as entitlement",
            sector=sector, year=year,
        )  # fmt: skip
    small = table.verified_below is not None and report.emissions < table.verified_below
    if table.method == "verified" or small:
        lines = _verified_lines(table, report)
    elif not report.units:
        raise AllocationNotReady(
            f"the report for {year} has no units or lines, which allocation for sector {sector} "
            f"counts ({table.source}); record_verified again with them",
            sector=sector, year=year, missing="units",
        )  # fmt: skip
    elif table.method == "intensity":
        lines = tuple(
            _by_status(rules, table, report, unit)
            or intensity_line(rules, table, report, unit, balance_value)
            for unit in report.units
        )
    else:
        lines = tuple(
            _by_status(rules, table, report, unit) or _unit_line(rules, table, unit)
            for unit in report.units
        )
    subtotal = sum(line.amount for line in lines)
    adjustments = _exemptions(rules, table, report, lines)
    return Calculation(
        adjustments=adjustments,
        draft=table.draft,
        entitlement=subtotal + sum(one.amount for one in adjustments),
        lines=lines,
        rule=table.rule,
        source=_source(table, _rounding_source(rules)),
        subtotal=subtotal,
    )


def _rounding_source(rules: Rulebook) -> str:
    """Where the rounding of the lines comes from: for some years it is an adopted choice."""
    return f"rounding: {rules.data.rounding.line.source}" if rules.data.rounding else ""


def approved_figure(
    rules: Rulebook,
    sector: str,
    year: int,
    report: Report | None,
    balance_value: Decimal | None,
    entitlement: int,
    method: str | None = None,
) -> Calculation:
    """The authority's figure (tonnes), which is final, beside what the rulebook computes.

    Lines, ``subtotal`` and ``computed`` are there when they can be computed; no exemption
    comes on top of the figure. Where the rulebook rests on such figures, its cap on surplus
    and deficit adjusts them (rule Q-CAPGAP).
    """
    table = rules.allocation(sector, year, method)
    if table is not None and table.method == "approved" and report is not None:
        return _from_figure(rules, table, report, entitlement)
    found = None
    if report is not None:
        try:
            found = calculate(rules, sector, year, report, balance_value, method)
        except AllocationNotReady:
            found = None
    return Calculation(
        computed=None if found is None else found.entitlement,
        entitlement=entitlement,
        lines=() if found is None else found.lines,
        rule="approved",
        source="the approved figure of the competent authority",
        subtotal=entitlement if found is None else found.subtotal,
    )


def _from_figure(
    rules: Rulebook, table: "AllocationTable", report: Report, figure: int
) -> Calculation:
    """An approved figure with what the rulebook's own exemptions add to it or take."""
    line = Line(amount=figure, rule=table.rule, source=_source(table))
    adjustments = _exemptions(rules, table, report, (line,))
    return Calculation(
        adjustments=adjustments,
        draft=table.draft,
        entitlement=figure + sum(one.amount for one in adjustments),
        lines=(line,),
        rule=table.rule,
        source=_source(table),
        subtotal=figure,
    )


def _source(table: "AllocationTable", *more: str) -> str:
    """The sources of a figure; of a draft they say so."""
    text = "; ".join(dict.fromkeys((table.source, *more)))
    return f"{text}; DRAFT" if table.draft and "DRAFT" not in text else text


def _by_status(
    rules: Rulebook, table: "AllocationTable", report: Report, unit: ReportedUnit
) -> Line | None:
    """The line of a unit that no formula counts (rule N-EXCL, special lines), if it is one."""
    rule = table.status_rule or table.rule
    kind = unit.product or _class_or_none(rules, unit)
    if unit.status in table.nothing_for:
        return Line(
            amount=0, class_=kind, rule=rule, source=_source(table), unit_id=unit.name
        )  # fmt: skip
    special = table.method == "intensity" and unit.special
    if special or unit.status in table.verified_for:
        emissions = unit_emissions(report, unit, "its allocation")
        return Line(
            amount=emissions, class_=kind, emissions=emissions, rule=rule,
            source=_source(table), unit_id=unit.name,
        )  # fmt: skip
    return None


def _class_or_none(rules: Rulebook, unit: ReportedUnit) -> str | None:
    try:
        return class_of(rules, unit)
    except AllocationNotReady:
        return None


def _verified_lines(table: "AllocationTable", report: Report) -> tuple[Line, ...]:
    """What was emitted: line by line where the lines make up the entity's, else in one."""
    source = _source(table)
    given = [unit.emissions for unit in report.units if unit.emissions is not None]
    if not given or len(given) < len(report.units) or sum(given) != report.emissions:
        whole = report.emissions
        return (Line(amount=whole, emissions=whole, rule=table.rule, source=source),)
    return tuple(
        Line(
            amount=emissions, class_=unit.product, emissions=emissions, rule=table.rule,
            source=source, unit_id=unit.name,
        )
        for unit, emissions in zip(report.units, given, strict=True)
    )  # fmt: skip


def _unit_line(rules: Rulebook, table: "AllocationTable", unit: ReportedUnit) -> Line:
    """Electricity x benchmark x factors + heat x benchmark, each rounded (N-RND-1)."""
    rounding = steps(rules)
    name = class_of(rules, unit)
    mwh, per_mwh = output(table, unit), benchmark(table, unit, name)
    per_gj = heat_benchmark(table, unit, name)
    applied = [(one, value) for one, value in corrections(rules, table, unit, name) if value != 1]
    factor = times(*(value for _, value in applied))
    electricity = tonnes(times(mwh, per_mwh, factor), rounding.electricity)
    heat = 0
    if per_gj is not None:
        heat = tonnes(times(unit.heat_gj or Decimal(0), per_gj), rounding.heat)
    several = sorted((one.name, value) for one, value in applied) if len(applied) > 1 else ()
    return Line(
        amount=tonnes(Decimal(electricity + heat), rounding.line),
        benchmark=per_mwh,
        class_=name,
        electricity=electricity,
        electricity_mwh=mwh,
        factor=factor,
        factors=dict(several),
        heat=heat,
        heat_benchmark=per_gj,
        heat_gj=unit.heat_gj,
        rule=", ".join(dict.fromkeys((table.rule, *(one.rule for one, _ in applied)))),
        source=_source(table, *(one.source for one, _ in applied)),
        unit_id=unit.name,
    )


def _exemptions(
    rules: Rulebook, table: "AllocationTable", report: Report, lines: tuple[Line, ...]
) -> tuple[Adjustment, ...]:
    """N-GAS per unit, N-FLOOR80 for the entity, in the table's order."""
    found: list[Adjustment] = []
    for name in table.exemptions:
        exemption = rules.exemptions[name]
        if exemption.kind == "make_whole":
            pairs = zip(report.units, lines, strict=False)  # one line may stand for all units
            given = (_made_whole(rules, table, report, exemption, *pair) for pair in pairs)
            found.extend(one for one in given if one is not None)
            continue
        initial = sum(line.amount for line in lines) + sum(one.amount for one in found)
        if exemption.kind == "cap_gap":
            top_up = capped_gap(exemption, initial, report.emissions) - initial
        else:
            top_up = _top_up(rules, exemption, report.emissions, initial)
        if top_up:
            source = _source(table, exemption.source)
            found.append(Adjustment(amount=top_up, rule=exemption.rule, source=source))
    return tuple(found)


def _made_whole(
    rules: Rulebook,
    table: "AllocationTable",
    report: Report,
    exemption: "Exemption",
    unit: ReportedUnit,
    line: Line,
) -> Adjustment | None:
    if line.class_ not in exemption.classes or unit.status in table.nothing_for:
        return None
    emissions = unit_emissions(report, unit, f"rule {exemption.rule}")
    top_up = _top_up(rules, exemption, emissions, line.amount)
    if not top_up:
        return None
    source = _source(table, exemption.source)
    return Adjustment(amount=top_up, rule=exemption.rule, source=source, unit_id=unit.name)


def capped_gap(exemption: "Exemption", allocation: int, emissions: int) -> int:
    """An allocation whose surplus or deficit is bounded (tonnes; rule Q-CAPGAP, adopted).

    L = min(floor(share·A), limit); beyond it A' = E - L (deficit) or E + L (surplus).
    """
    most = (Fraction(exemption.share) * allocation).__floor__()
    most = most if exemption.limit is None else min(most, exemption.limit)
    if abs(emissions - allocation) <= most:
        return allocation
    return emissions - most if emissions > allocation else emissions + most


def _top_up(rules: Rulebook, exemption: "Exemption", emissions: int, initial: int) -> int:
    """What lifts ``initial`` to the exemption's share of the emissions; at it, nothing."""
    missing = Fraction(exemption.share) * emissions - initial
    return tonnes(missing, steps(rules).top_up) if missing > 0 else 0
