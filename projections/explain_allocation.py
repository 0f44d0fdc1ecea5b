"""Why an entity was given what it was for a year: the calculation, and what it moved."""

from typing import Any

import msgspec

from etsledger.domain.calculation import Adjustment, Calculation, Line
from etsledger.domain.state import State
from etsledger.domain.times import iso
from etsledger.ledger.explanations import Explanation, YearExplanation
from etsledger.ledger.store import Store
from etsledger.ledger.year_rows import AllocationRow
from etsledger.projections.allocation import allocation_row
from etsledger.projections.explain_arithmetic import calculation_parts
from etsledger.projections.explain_facts import Facts
from etsledger.projections.explain_nodes import TONNES, as_reason, node, part, with_documents
from etsledger.projections.explain_year import later_facts, positions, signed, year_of
from etsledger.projections.instants import Viewpoint


def explained_allocation(
    store: Store,
    facts: Facts,
    state: State,
    view: Viewpoint,
    entity: str,
    year: int,
    registry: str | None,
) -> YearExplanation | None:
    """The entitlement of an entity's year, as decided or as it would be; None without a fact."""
    row = allocation_row(store, state, view, entity, year, registry)
    found = None if row is None else year_of(store, state, view, entity, year, row["registry"])
    if row is None or found is None:
        return None
    all_of_it = facts.at(positions(found.whole))
    book = found.book

    def told(position: int, key: str = "fact") -> Explanation:
        return facts.told(all_of_it[position], key)

    because = [told(book.report.position, "verified_emissions")] if book.report else []
    decided = told(row["position"], "entitlement") if row["position"] else None
    handed = _difference(row, [
        *(signed(told(one.position), -one.granted) for one in book.grants
          if one.entitlement is None),
    ])  # fmt: skip
    root = node(
        "entitlement", f"allocation of {entity} for {year}{'' if decided else ', not final'}",
        row["entitlement"], TONNES, rule=row["rule"], source=row["source"],
        because=[
            *(_calculated(row) if row["entitlement"] is not None else _why_not(row)),
            *(as_reason(one) for one in because),
            *handed,
            *(told(one.position, "deduction") for one in book.deductions),
            *(told(one.position, "collected") for one in book.collections),
        ],
        since=later_facts(
            facts, all_of_it, found, set(all_of_it) - set(positions(book)), view
        ),
    )  # fmt: skip
    if decided is not None:
        root["event"] = decided["event"]
        if row["restated_since"] and book.report is not None:
            root["since"].insert(0, told(book.report.position, "restatement"))
    root["rulebook"] = row["rulebook"]
    titles = facts.titles(all_of_it[row["position"]]) if row["position"] else None
    return {
        **with_documents(root, found.rules.data.sources if titles is None else titles),
        "registry": row["registry"],
        "entity": entity,
        "year": year,
        "as_of": iso(view.as_of),
        "known_at": view.upto,
    }


def _calculated(row: AllocationRow) -> list[Explanation]:
    found = Calculation(
        adjustments=_read(row["adjustments"], Adjustment),
        computed=row["computed"],
        draft=row["draft"],
        entitlement=row["entitlement"] or 0,
        lines=_read(row["lines"], Line),
        rule=row["rule"] or "",
        source=row["source"] or "",
        subtotal=row["subtotal"] or 0,
    )
    return calculation_parts(found, row["approved"])


def _read(rows: list[dict[str, Any]], kind: Any) -> tuple[Any, ...]:
    return tuple(msgspec.convert(row, kind) for row in rows)


def _why_not(row: AllocationRow) -> list[Explanation]:
    return [node("reason", "not computed", row["reason"] or "not known")]


def _difference(row: AllocationRow, advance: list[Explanation]) -> list[Explanation]:
    """What was left to hand out (below zero: to take back) after what came before."""
    if row["difference"] is None or row["entitlement"] is None:
        return []
    parts = [part("entitlement", "entitlement", row["entitlement"]), *advance]
    if row["deductions"]:
        parts.append(part("deductions", "deducted", -row["deductions"]))
    told = node("difference", "left to hand out (below zero: to take back)", row["difference"],
                TONNES, because=parts)  # fmt: skip
    kept = [
        node(key, key.replace("_", " "), row[key], TONNES)
        for key in ("recalled", "recall_open")
        if row[key]
    ]
    return [told, *kept]
