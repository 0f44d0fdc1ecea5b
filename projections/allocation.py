"""An entity's allocation of a year, line by line: as decided, or as it would be."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.calculation import Calculation
from etsledger.domain.deductions import settle
from etsledger.domain.entitlement import calculate
from etsledger.domain.errors import AllocationNotReady
from etsledger.domain.obligations import gap_rate
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.rulebook import Rulebook, RulebookRef
from etsledger.domain.state import Entity, RegistryState, State
from etsledger.domain.stated_years import StatedAdvance, StatedFinal, StatesYears
from etsledger.domain.yearbook import EMPTY, Grant, YearBook, seen
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import Store
from etsledger.ledger.year_rows import AllocationRow
from etsledger.projections.compliance import rulebook_then
from etsledger.projections.instants import Viewpoint

STATED: Final = "X-3"
"""The rule of what is stated of the time before these books, where it names none itself."""


def allocation_row(
    store: Store, state: State, view: Viewpoint, entity: str, year: int, registry: str | None
) -> AllocationRow | None:
    """The allocation of an entity and year at a viewpoint; None when nothing is on record."""
    for name in sorted(state.registries):
        found = state.registries[name]
        known = found.entities.get(entity)
        if registry not in (None, name) or known is None or known.position > view.upto:
            continue
        book = seen(found.years.get(entity, {}).get(year, EMPTY), view.as_of, view.upto)
        rulebook = rulebook_then(store, found, view)
        if book == EMPTY or rulebook is None:
            continue
        return _row(store, found, view, name, entity, known, year, book, rulebook)
    return None


def _row(
    store: Store,
    registry: RegistryState,
    view: Viewpoint,
    registry_id: str,
    entity: str,
    known: Entity,
    year: int,
    book: YearBook,
    rulebook: tuple[RulebookRef, Rulebook],
) -> AllocationRow:
    ref, rules = rulebook
    sector, method = known.sector, known.allocation_method
    table = rules.year(sector, year)
    unit = table.unit if table is not None else None
    final, report = book.approval, book.report
    calculation: Calculation | None = None
    decided: _Decided | None = None
    reason = None
    if final is not None:
        decided = _decided(store, final, entity, year)
        ref, unit = decided.rulebook, decided.unit or unit
        calculation = decided.calculation
    elif report is None:
        reason = f"no verified emissions for {year} are on record: record_verified comes first"
    else:
        values = registry.balance_values.get(sector, {}).get(year, ())
        seen_values = [v.value for v in values if v.at <= view.as_of and v.position <= view.upto]
        try:
            last = seen_values[-1] if seen_values else None
            calculation = calculate(rules, sector, year, report, last, method)
        except AllocationNotReady as refusal:
            reason = refusal.message
    entitlement = calculation.entitlement if calculation is not None else None
    first, pre_allocated = book.pre_allocation, book.pre_allocated
    kept = sum(tonnes for grant in book.grants for _, tonnes in grant.deducted)
    if decided is None and entitlement is not None:
        kept, _ = settle(book, entitlement)  # as it would be
    verified = report.emissions if report is not None else None
    gap = None
    if verified is not None and entitlement is not None and rules.data.rounding is not None:
        gap = gap_rate(rules, verified, entitlement)
    return {
        "registry": registry_id,
        "entity": entity,
        "year": year,
        "unit": unit,
        "final": decided is not None,
        "draft": calculation is not None and calculation.draft,
        "lines": _plain(calculation.lines if calculation is not None else ()),
        "subtotal": calculation.subtotal if calculation is not None else None,
        "adjustments": _plain(calculation.adjustments if calculation is not None else ()),
        "entitlement": entitlement,
        "approved": decided.approved if decided is not None else None,
        "computed": calculation.computed if calculation is not None else None,
        "pre_allocated": pre_allocated,
        "pre_allocation": _pre_allocation(store, first, entity, year),
        "deductions": kept,
        "deduction_lines": [
            {
                "deduction": one.command,
                "reason": one.reason,
                "quantity": one.quantity,
                "deducted": book.deducted(one.command),
                "remaining": one.quantity - book.deducted(one.command),
            }
            for one in book.decided_deductions
        ],
        "difference": None if entitlement is None else entitlement - pre_allocated - kept,
        "recalled": book.recalled,
        "recall_open": book.recall_open,
        "gap_rate": gap,
        "verified_emissions": verified,
        "custodian": decided.custodian if decided is not None else None,
        "restated_since": final is not None
        and report is not None
        and (
            report.position > final.position
            or (report.position == final.position and decided is not None and decided.restated)
        ),
        "position": final.position if final is not None else None,
        "command_id": final.command if final is not None else None,
        "supersedes": decided.supersedes if decided is not None else None,
        "rule": calculation.rule if calculation is not None else None,
        "source": calculation.source if calculation is not None else None,
        "reason": reason,
        "rulebook": {"name": ref.name, "version": ref.version, "hash": ref.hash},
    }


def _event(store: Store, grant: Grant) -> Logged:
    row = store.row(grant.position)
    if row is None:
        raise StoreDamaged(f"the log has no position {grant.position}; run verify")
    return read(row.type, row.state)


class _Decided(NamedTuple):
    """A final allocation as an event of these books recorded it, or as it was stated."""

    calculation: Calculation
    approved: int | None
    custodian: str | None
    supersedes: str | None
    rulebook: RulebookRef
    unit: str | None
    restated: bool = False


def _decided(store: Store, grant: Grant, entity: str, year: int) -> _Decided:
    logged = _event(store, grant)
    event, ref = logged.event, logged.record.rulebook
    if isinstance(event, AllocationFinalised):
        return _Decided(
            event.calculation, event.approved, event.custodian, event.supersedes, ref, event.unit
        )
    said = event.stated(entity, year) if isinstance(event, StatesYears) else None
    found = (said.final if said is not None else None) or StatedFinal()
    tonnes = grant.entitlement or 0
    calculation = found.calculation or Calculation(
        entitlement=tonnes, rule=STATED, source=_source(logged), subtotal=tonnes
    )
    return _Decided(
        calculation, found.approved, found.custodian, found.supersedes, found.rulebook or ref,
        None, found.restated,
    )  # fmt: skip


def _source(logged: Logged) -> str:
    """The document of a statement."""
    return logged.command.reference or f"command {logged.command.id!r}"


def _pre_allocation(
    store: Store, grant: Grant | None, entity: str, year: int
) -> dict[str, Any] | None:
    """What was handed out in advance, with the rule and what it was computed from."""
    if grant is None:
        return None
    logged = _event(store, grant)
    event = logged.event
    if isinstance(event, StatesYears):
        said = event.stated(entity, year)
        found = (said.advance if said is not None else None) or StatedAdvance()
        kept = sum(tonnes for _, tonnes in grant.deducted)
        return {
            "quantity": grant.granted,
            "computed": grant.granted + kept if found.computed is None else found.computed,
            "deducted": kept,
            "in_custody": found.in_custody,
            "draft": found.draft,
            "lines": _plain(found.lines),
            "rule": found.rule or STATED,
            "source": found.source or _source(logged),
            "position": grant.position,
            "command_id": grant.command,
        }
    assert isinstance(event, AllowancesPreAllocated)
    return {
        "quantity": event.quantity,
        "computed": event.computed,
        "deducted": sum(part.tonnes for part in event.deducted),
        "in_custody": event.in_custody,
        "draft": event.draft,
        "lines": _plain(event.lines),
        "rule": event.rule,
        "source": event.source,
        "position": grant.position,
        "command_id": grant.command,
    }


def _plain(values: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    """Rows with every field of their kind, decimals as text."""
    rows: list[dict[str, Any]] = []
    for value in values:
        row = {
            field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)
        }
        rows.append(msgspec.to_builtins(row))
    return rows
