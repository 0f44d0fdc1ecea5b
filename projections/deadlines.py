"""Every last day that follows from facts on record, at any (as-of, known-at)."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.banking import UnitsCarriedOver
from etsledger.domain.compliance import ComplianceAssessed, in_time
from etsledger.domain.deadlines import Deadline, Periods, state_of
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Entity, Leave, RegistryState, State
from etsledger.domain.times import business_date
from etsledger.domain.verification import EmissionsVerified
from etsledger.domain.yearbook import YearBook, seen
from etsledger.ledger.office_rows import DeadlineRow
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import Store
from etsledger.projections.compliance import compliance_row, entity_then, rulebook_then
from etsledger.projections.explain_rules import rule_of
from etsledger.projections.following import readable
from etsledger.projections.instants import Viewpoint
from etsledger.projections.leaving import leaving_rows
from etsledger.projections.parties import Parties

SURRENDER: Final = "surrender"
CANCELLING: Final = "cancel_free_units"
_DECIDED: Final = (EmissionsVerified.__name__, AllocationFinalised.__name__)
"""The events that periods are counted from; what is stated of the time before is none."""
_CARRIED: Final = UnitsCarriedOver.__name__
_MET: Final = {"COMPLIANT": "met", "LATE_COMPLIANT": "late"}
_AWAITED: Final = "what was submitted in time awaits confirmation"
_FETCH: Final = 1_000


class Narrowed(NamedTuple):
    """What a question leaves in."""

    registry: str | None = None
    entity: str | None = None
    year: int | None = None
    running: bool = False

    def takes(self, row: DeadlineRow) -> bool:
        """Whether a row is asked for."""
        if self.running and row["state"] not in ("running", "unknown"):
            return False
        return self.year is None or row["year"] == self.year


class _Place(NamedTuple):
    """One registry with the rulebook in force, seen from a viewpoint."""

    store: Store
    name: str
    registry: RegistryState
    rules: Rulebook
    periods: Periods
    view: Viewpoint

    def entities(self, wanted: str | None) -> Iterator[tuple[str, Entity]]:
        """Those that were known, with their statuses then."""
        for name in sorted(self.registry.entities) if wanted is None else [wanted]:
            one = self.registry.entities.get(name)
            if one is not None and one.position <= self.view.upto:
                yield name, entity_then(one, self.view)

    def row(self, entity: str, year: int | None, found: Deadline) -> DeadlineRow:
        """A deadline as it is answered."""
        return {
            "registry": self.name,
            "entity": entity,
            "year": year,
            "period": found.period,
            "last_day": _text(found.last_day),
            "state": found.state(business_date(self.view.as_of)),
            "counted_from": _text(found.counted_from),
            "days": found.days,
            "fact": found.fact,
            "met_on": _text(found.met_on),
            "met_by": found.met_by,
            "rule": found.rule,
            "source": found.source,
            "note": found.note,
        }


def deadline_rows(
    store: Store, state: State, parties: Parties, view: Viewpoint, asked: Narrowed
) -> list[DeadlineRow]:
    """By last day (those that are unknown at the end), then registry, entity and year."""
    rows: list[DeadlineRow] = []
    for name in sorted(state.registries):
        if asked.registry not in (None, name):
            continue
        registry = state.registries[name]
        found = rulebook_then(store, registry, view)
        if found is None:
            continue
        place = _Place(store, name, registry, found[1], Periods(found[1]), view)
        rows += _decided(store, filter(asked.takes, _of_years(place, asked.entity)))
        more = (
            *_surrenders(place, asked.entity),
            *_carried(place, parties, asked.entity),
            *_leaving(place, state, parties, asked.entity),
        )
        rows += filter(asked.takes, more)
    return sorted(rows, key=_order)


def _order(row: DeadlineRow) -> tuple[str, str, str, int, str, int]:
    return (
        row["last_day"] or "9999", row["registry"], row["entity"], row["year"] or 0,
        row["period"], row["fact"] or 0,
    )  # fmt: skip


def _of_years(place: _Place, wanted: str | None) -> Iterator[DeadlineRow]:
    if not place.rules.data.periods:
        return
    for entity, _ in place.entities(wanted):
        for year, book in _books(place, entity):
            for found in place.periods.of_year(year, book):
                yield place.row(entity, year, found)


def _books(place: _Place, entity: str) -> Iterator[tuple[int, YearBook]]:
    books = place.registry.years.get(entity, {})
    for year in sorted(books):
        yield year, seen(books[year], place.view.as_of, place.view.upto)


def _decided(store: Store, rows: Iterable[DeadlineRow]) -> list[DeadlineRow]:
    """Without what is counted from a year stated in sums: nobody was notified of that."""
    given = list(rows)
    positions = sorted({row["fact"] or 0 for row in given})
    types: dict[int, str] = {}
    for i in range(0, len(positions), _FETCH):
        for one in store.rows_at(positions[i : i + _FETCH]):
            types[one.position] = one.type
    return [row for row in given if types.get(row["fact"] or 0) in _DECIDED]


def _surrenders(place: _Place, wanted: str | None) -> Iterator[DeadlineRow]:
    """The deadline of each compliance year that an entity has a place in."""
    rules, view = place.rules, place.view
    for entity, one in place.entities(wanted):
        for year, book in _books(place, entity):
            table = rules.years.get(year)
            standing = compliance_row(rules, place.name, entity, one, year, book, view.as_of)
            if table is None or standing["deadline"] is None or standing["status"] == "EXEMPT":
                continue
            last = datetime.fromisoformat(standing["deadline"])
            state = "running" if in_time(view.as_of, last) else "passed"
            report = book.report
            yield {
                "registry": place.name,
                "entity": entity,
                "year": year,
                "period": SURRENDER,
                "last_day": business_date(last).isoformat(),
                "state": _MET.get(standing["status"], state),
                "counted_from": None,
                "days": None,
                "fact": None if report is None else report.position,
                "met_on": None,
                "met_by": None,
                "rule": rule_of(ComplianceAssessed, rules),
                "source": table.deadline_source,
                "note": _AWAITED if standing["status"] == "PENDING" else None,
            }


def _carried(place: _Place, parties: Parties, wanted: str | None) -> Iterator[DeadlineRow]:
    if not place.periods.of_carrying_over:
        return
    for logged in _carry_overs(place, parties, wanted):
        record, event = logged.record, logged.event
        fits = record.registry == place.name and record.effective_at <= place.view.as_of
        if isinstance(event, UnitsCarriedOver) and fits:
            found = place.periods.of_carry_over(event, record.effective_at, record.position)
            for one in found:
                yield place.row(event.entity, None, one)


def _carry_overs(place: _Place, parties: Parties, wanted: str | None) -> Iterator[Logged]:
    store, upto = place.store, place.view.upto
    if wanted is None:
        yield from readable(store, 0, upto, [_CARRIED])
        return
    positions = sorted({fact.position for fact in parties.facts(upto, entity=wanted)})
    for row in store.rows_at(positions):
        if row.type == _CARRIED:
            yield read(row.type, row.state)


def _leaving(
    place: _Place, state: State, parties: Parties, wanted: str | None
) -> Iterator[DeadlineRow]:
    """By when an entity that left is to cancel what it was given free."""
    table, view = place.rules.data.leaving, place.view
    for entity, one in place.entities(wanted):
        if table is None or not one.leaves:
            continue
        rows = list(
            leaving_rows(place.store, state, parties, view, registry=place.name, entity=entity)
        )
        leave = _first(one.leaves, view.as_of)
        by = rows[0]["cancel_by"] if rows else None
        if leave is None or by is None or all(row["unit"] is None for row in rows):
            continue
        open_still = any(row["left"] for row in rows)
        last = date.fromisoformat(by)
        yield {
            "registry": place.name,
            "entity": entity,
            "year": leave.first_year,
            "period": CANCELLING,
            "last_day": by,
            "state": state_of(last, None, business_date(view.as_of)) if open_still else "met",
            "counted_from": business_date(leave.at).isoformat(),
            "days": None,
            "fact": leave.position,
            "met_on": None,
            "met_by": None,
            "rule": table.rule,
            "source": table.source,
            "note": None,
        }


def _first(leaves: tuple[Leave, ...], as_of: datetime) -> Leave | None:
    return next((leave for leave in leaves if leave.at <= as_of), None)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
