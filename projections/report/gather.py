"""What the page is about, asked of the books once: plain rows, in no language yet."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from etsledger.domain.state import Entity, State
from etsledger.domain.times import iso, parse_instant, to_micros
from etsledger.ledger.heads import Head
from etsledger.ledger.office_rows import PeriodRow
from etsledger.ledger.postings import movements
from etsledger.ledger.record import Row, read_seal, split
from etsledger.ledger.rows import BalanceRow, EventRow, SupplyRow
from etsledger.ledger.store import Store
from etsledger.ledger.tree import Tree
from etsledger.ledger.year_rows import AllocationRow, ComplianceRow
from etsledger.projections.compliance import entity_then, rulebook_then
from etsledger.projections.events import event_row
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties
from etsledger.projections.report.flows import LISTED, Series, day_at, flows, series
from etsledger.projections.report.sums import Compliance, Holdings, compliance, holdings
from etsledger.projections.statement import statement_rows

_RESTATING: Final = ("EmissionsVerified", "AllocationFinalised", "MovementReversed")
_FETCH: Final = 200


class Asked(NamedTuple):
    """Whom the page asks."""

    store: Store
    parties: Parties
    state: State
    view: Viewpoint
    balances: Callable[..., list[BalanceRow]]
    supply: Callable[..., list[SupplyRow]]
    compliance: Callable[..., Iterator[ComplianceRow]]
    allocation: Callable[..., AllocationRow | None]
    events: Callable[..., Iterator[EventRow]]
    periods: Callable[..., list[PeriodRow]]


class Facts(NamedTuple):
    """Everything that stands on the page (tonnes); ``entity`` is None for a registry."""

    subject: str
    registry: str
    entity: Entity | None
    entity_status: str | None
    as_of: str
    position: int
    recorded_at: str
    rulebook: dict[str, str]
    sources: dict[str, str]
    title: str
    holdings: Holdings
    supply: list[SupplyRow]
    plot: Series
    compliance: Compliance
    allocations: list[AllocationRow]
    movements: list[dict[str, Any]]
    movement_count: int
    by_type: list[dict[str, Any]]
    late: list[EventRow]
    late_count: int
    restated: list[dict[str, Any]]
    periods: list[PeriodRow]
    head: Head


def gather(asked: Asked, subject: str, registry: str | None) -> Facts:
    """All that is known of an entity or a registry. Raises ValueError when it is neither."""
    where, entity = _found(asked, subject, registry)
    view = asked.view
    when: dict[str, Any] = {"registry": where, "as_of": view.as_of, "known_at": view.upto}
    rulebook = rulebook_then(asked.store, asked.state.registries[where], view)
    assert rulebook is not None, "a registry that is known has a rulebook"
    row = asked.store.row(view.upto)
    recorded = "" if row is None else iso(read_seal(split(row.state)[1]).recorded_at)
    about: dict[str, Any] = {} if entity is None else {"entity": subject}
    owed = compliance(asked.compliance(**about, **when))
    if entity is None:
        of = _of_registry(asked, where)
        supply, allocations = asked.supply(**when), list[AllocationRow]()
    else:
        of = _of_entity(asked, subject, where, when)
        found = [asked.allocation(subject, year, **when) for year in owed.years]
        supply, allocations = [], [one for one in found if one is not None]
    return Facts(
        subject=subject,
        registry=where,
        entity=entity,
        entity_status=entity.status_at(view.as_of) if entity else None,
        as_of=iso(view.as_of),
        position=view.upto,
        recorded_at=recorded,
        rulebook={"name": rulebook[0].name, "version": rulebook[0].version,
                  "hash": rulebook[0].hash},
        sources=dict(rulebook[1].data.sources),
        title=rulebook[1].data.title,
        holdings=holdings(asked.balances(**about, **when)),
        supply=supply,
        plot=of.plot,
        compliance=owed,
        allocations=allocations,
        movements=of.movements,
        movement_count=of.number,
        by_type=of.by_type,
        late=of.late,
        late_count=of.late_number,
        restated=of.restated,
        periods=_periods(asked, when, None if entity is None else subject),
        head=Tree(asked.store).at(view.upto),
    )  # fmt: skip


def _periods(asked: Asked, when: dict[str, Any], entity: str | None) -> list[PeriodRow]:
    """The closings of the registry, with the late facts of the entity, if the page is its own."""
    rows = asked.periods(**when)
    if entity is not None and any(row["late"] for row in rows):
        own = asked.events(entity=entity, back_dated=True, **when)
        positions = {event["position"] for event in own}
        for row in rows:
            row["late"] = [late for late in row["late"] if late["position"] in positions]
    return rows


class _Told(NamedTuple):
    """What happened, with how much of it there is beside what is listed."""

    movements: list[dict[str, Any]]
    number: int
    by_type: list[dict[str, Any]]
    plot: Series
    late: list[EventRow]
    late_number: int
    restated: list[dict[str, Any]]


def _found(asked: Asked, subject: str, registry: str | None) -> tuple[str, Entity | None]:
    """The registry, and the entity unless the registry itself is meant."""
    upto = asked.view.upto
    known = [
        name
        for name, found in sorted(asked.state.registries.items())
        if any(adoption.position <= upto for adoption in found.adoptions)
    ]
    if registry is not None and registry not in known:
        raise ValueError(f"these books know no registry {registry!r}")
    entities = {
        name: one
        for name in known
        if (one := asked.state.registries[name].entities.get(subject)) and one.position <= upto
    }
    if subject in known and registry in (None, subject) and subject not in entities:
        if registry is None and entities:
            raise ValueError(
                f"{subject!r} is a registry and an entity: with --registry {subject} it is the "
                f"registry, with --registry {next(iter(entities))} the entity"
            )
        return subject, None
    chosen = {name: one for name, one in entities.items() if registry in (None, name)}
    if len(chosen) > 1:
        raise ValueError(
            f"entity {subject!r} is in the registries {', '.join(chosen)}: --registry says which"
        )
    for name, one in chosen.items():
        return name, entity_then(one, asked.view)
    where = f" in registry {registry!r}" if registry else ""
    raise ValueError(f"these books know no entity or registry {subject!r}{where}")


# -- what happened -----------------------------------------------------------------------------


def _of_registry(asked: Asked, registry: str) -> _Told:
    """The log is read once; of what it names only what is listed is read again."""
    found = flows(asked.store, asked.view, registry)
    late = [_late(row) for row in asked.store.rows_at(found.late)]
    restated = _latest(_restated(asked, found.restating))
    return _Told(
        found.movements, found.number, found.by_type, found.circulation, late,
        found.late_number, restated,
    )  # fmt: skip


def _of_entity(asked: Asked, entity: str, registry: str, when: dict[str, Any]) -> _Told:
    """The movements of an entity's accounts by effective time, its holdings by day, and what of
    it was recorded late or in the place of something else."""
    rows: list[dict[str, Any]] = []
    moved: list[tuple[int, str, int]] = []
    limit = to_micros(asked.view.as_of)
    for own in asked.parties.of_entity(entity, asked.view.upto):
        if own.registry != registry:
            continue
        rows += (
            {**row, "account": own.account}
            for row in statement_rows(
                asked.store, own.account, asked.view.upto, registry=registry, start=None,
                end=asked.view.as_of, latest=LISTED,
            )
        )  # fmt: skip
        moved += (
            (day_at(one.effective_at), one.unit, one.quantity)
            for one in movements(asked.store, asked.view.upto, own.account)
            if one.bucket == "held" and one.registry == registry and one.effective_at <= limit
        )
    rows.sort(key=lambda row: (row["effective_at"], row["position"]))
    late, number, restating = deque[EventRow](maxlen=LISTED), 0, list[int]()
    for event in asked.events(entity=entity, **when):
        if parse_instant(event["effective_at"]) < parse_instant(event["recorded_at"]):
            number += 1
            late.append(event)
        if event["type"] in _RESTATING:
            restating.append(event["position"])
    found = asked.store.rows_at([one["position"] for one in late])
    return _Told(
        rows[-LISTED:], len(moved), [], series(moved), [_late(row) for row in found], number,
        _latest(_restated(asked, restating)),
    )  # fmt: skip


def _late(row: Row) -> EventRow:
    event, sealed = event_row(row)
    event["lag_seconds"] = int((sealed.recorded_at - sealed.effective_at).total_seconds())
    return event


def _latest(found: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(islice(found, LISTED))[::-1]


def _restated(asked: Asked, positions: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Facts in place of earlier ones, the latest first: reports, allocations, movements taken
    back."""
    for end in range(len(positions), 0, -_FETCH):
        rows = asked.store.rows_at(positions[max(0, end - _FETCH) : end])
        for row in reversed(rows):
            event, _ = event_row(row)
            before = _replaced(asked, event)
            if before is not None:
                yield _in_place(event, before)


def _replaced(asked: Asked, event: EventRow) -> EventRow | None:
    """What an event stands in the place of, where the page knows it."""
    data, earlier = event["data"], 0
    match event["type"]:
        case "EmissionsVerified":
            earlier = data.get("restates") or 0
        case "AllocationFinalised":
            earlier = _approval(asked, data.get("supersedes") or "")
        case _:
            return event
    row = asked.store.row(earlier) if 0 < earlier < event["position"] else None
    if row is None or (row.type, row.registry) != (event["type"], event["registry"]):
        return None
    found, sealed = event_row(row)
    return found if sealed.effective_at <= asked.view.as_of else None


def _approval(asked: Asked, command: str) -> int:
    """Where a command approved an allocation; 0 for none."""
    first, last = asked.store.find_commands([command]).get(command, (0, 0))
    rows = asked.store.rows_at(range(first, last + 1)) if first else []
    return next((row.position for row in rows if row.type == "AllocationFinalised"), 0)


def _in_place(event: EventRow, replaced: EventRow) -> dict[str, Any]:
    data = event["data"]
    told = {"event": event, "year": data.get("year")}
    if event is replaced:
        return {
            **told, "replaces": data["reversed_position"], "command": data["reverses"],
            "before": data["quantity"], "after": 0,
        }  # fmt: skip
    number = "emissions" if event["type"] == "EmissionsVerified" else "entitlement"
    return {
        **told, "replaces": replaced["position"], "command": replaced["command_id"],
        "before": replaced["data"][number], "after": data[number],
    }  # fmt: skip
