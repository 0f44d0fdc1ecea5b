"""Who owed what for which year, and how it stood: the domain's function of year books."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from etsledger.domain.compliance import standing
from etsledger.domain.rulebook import Rulebook, RulebookRef, load
from etsledger.domain.state import Entity, RegistryState, State
from etsledger.domain.yearbook import EMPTY, YearBook, seen
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.record import read
from etsledger.ledger.store import Store
from etsledger.ledger.year_rows import ComplianceRow, ComplianceSummaryRow
from etsledger.projections.instants import Viewpoint

STATUSES = (
    "NOT_DUE", "OPEN", "PARTIAL", "COMPLIANT", "LATE_COMPLIANT", "PENDING", "NON_COMPLIANT",
    "EXEMPT",
)  # fmt: skip


def rulebook_then(
    store: Store, registry: RegistryState, view: Viewpoint
) -> tuple[RulebookRef, Rulebook] | None:
    """The rulebook in force as of a viewpoint; None before the registry was known.

    Raises StoreDamaged when the event that adopted it cannot be read.
    """
    known = [adoption for adoption in registry.adoptions if adoption.position <= view.upto]
    if not known:
        return None
    current = known[0]
    for adoption in known[1:]:
        if adoption.effective_at <= view.as_of:
            current = adoption
    row = store.row(current.position)
    text = getattr(read(row.type, row.state).event, "text", None) if row else None
    if not isinstance(text, str):
        raise StoreDamaged(f"no rulebook stands at position {current.position}; run verify")
    return current.rulebook, load(text)


def entity_then(entity: Entity, view: Viewpoint) -> Entity:
    """An entity with the particulars of a viewpoint, and what was known of it there."""
    known = entity.known_at(view.upto)
    return known.as_of(view.as_of) if known.amendments else known


class Standings:
    """Every (entity, year) that has a place in the answer, with the book seen from there."""

    def __init__(
        self, store: Store, state: State, view: Viewpoint, *, registry: str | None
    ) -> None:
        self._view = view
        self._registries: list[tuple[str, RegistryState, Rulebook]] = []
        for name in sorted(state.registries):
            if registry not in (None, name):
                continue
            found = rulebook_then(store, state.registries[name], view)
            if found is not None:
                self._registries.append((name, state.registries[name], found[1]))

    def rows(self, entity: str | None, year: int | None) -> Iterator[tuple[Entity, ComplianceRow]]:
        """By registry, entity and year; a year without a known fact only when asked for."""
        view = self._view
        for registry_id, registry, rules in self._registries:
            names = sorted(registry.entities) if entity is None else [entity]
            for name in names:
                one = registry.entities.get(name)
                if one is None or one.position > view.upto:
                    continue
                books = registry.years.get(name, {})
                asked = [year] if year is not None else sorted(books)
                one = entity_then(one, view)
                for of_year in asked:
                    if rules.years and of_year not in rules.years:
                        continue
                    book = seen(books.get(of_year, EMPTY), view.as_of, view.upto)
                    if book == EMPTY and (entity is None or year is None):
                        continue
                    yield (
                        one,
                        compliance_row(rules, registry_id, name, one, of_year, book, view.as_of),
                    )


def compliance_row(
    rules: Rulebook,
    registry: str,
    name: str,
    entity: Entity,
    year: int,
    book: YearBook,
    as_of: datetime,
) -> ComplianceRow:
    found = standing(rules, entity, year, book, as_of)
    return {
        "registry": registry,
        "entity": name,
        "year": year,
        "verified_emissions": found.verified_emissions,
        "entitlement": found.entitlement,
        "pre_allocated": found.pre_allocated,
        "allocated": found.allocated,
        "recalled": found.recalled,
        "recall_open": found.recall_open,
        "borrowed": found.borrowed,
        "obligation": found.obligation,
        "surrendered": found.surrendered,
        "pending": found.pending,
        "offsets": found.offsets,
        "green_power": found.green_power,
        "outstanding": found.outstanding,
        "deadline": found.deadline,
        "status": found.status,
        "fine": found.fine,
    }


def summary_rows(rows: Iterable[tuple[Entity, ComplianceRow]]) -> list[ComplianceSummaryRow]:
    """Counted by registry, year, sector and province, with a total a year."""
    groups: dict[tuple[str, int, bool, str, str], ComplianceSummaryRow] = {}
    for entity, row in rows:
        registry, year = row["registry"], row["year"]
        place = (entity.sector, entity.province or "")
        for total, (sector, province) in ((False, place), (True, ("", ""))):
            key = (registry, year, total, sector, province)
            group = groups.get(key)
            if group is None:
                group = groups[key] = _empty(
                    registry, year, None if total else sector, None if total else entity.province
                )
            group["entities"] += 1
            group["verified_emissions"] += row["verified_emissions"] or 0
            group["obligation"] += row["obligation"]
            group["surrendered"] += row["surrendered"]
            group["pending"] += row["pending"]
            group["outstanding"] += row["outstanding"]
            group[row["status"]] += 1
    return [groups[key] for key in sorted(groups)]


def _empty(
    registry: str, year: int, sector: str | None, province: str | None
) -> ComplianceSummaryRow:
    return {
        "registry": registry,
        "year": year,
        "sector": sector,
        "province": province,
        "entities": 0,
        "verified_emissions": 0,
        "obligation": 0,
        "surrendered": 0,
        "pending": 0,
        "outstanding": 0,
        "NOT_DUE": 0,
        "OPEN": 0,
        "PARTIAL": 0,
        "COMPLIANT": 0,
        "LATE_COMPLIANT": 0,
        "PENDING": 0,
        "NON_COMPLIANT": 0,
        "EXEMPT": 0,
    }
