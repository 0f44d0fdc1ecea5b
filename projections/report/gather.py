"""What the page is about, asked of the books once: plain rows, in no language yet."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from etsledger.domain.state import Entity, State
from etsledger.domain.times import iso
from etsledger.ledger.books import (
    AllocationRow,
    BalanceRow,
    ComplianceRow,
    EventRow,
    PeriodRow,
    StatementRow,
    SupplyRow,
)
from etsledger.ledger.heads import Head
from etsledger.ledger.record import read_seal, split
from etsledger.ledger.store import Store
from etsledger.ledger.tree import Tree
from etsledger.projections.compliance import entity_then, rulebook_then
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties
from etsledger.projections.report.flows import LISTED, Series, day_of, flows, series

_RESTATING = ("EmissionsVerified", "AllocationFinalised", "MovementReversed")


class Asked(NamedTuple):
    """Whom the page asks."""

    store: Store
    parties: Parties
    state: State
    view: Viewpoint
    balances: Callable[..., list[BalanceRow]]
    statement: Callable[..., list[StatementRow]]
    supply: Callable[..., list[SupplyRow]]
    compliance: Callable[..., list[ComplianceRow]]
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
    holdings: list[BalanceRow]
    supply: list[SupplyRow]
    plot: Series
    compliance: list[ComplianceRow]
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
    whose = {} if entity is None else {"entity": subject}
    compliance = asked.compliance(**whose, **when)
    late = list(asked.events(**whose, **when, back_dated=True))
    if entity is None:
        moved = flows(asked.store, view, where)
        movements, count, by_type, plot = moved
        supply = asked.supply(**when)
        allocations: list[AllocationRow] = []
    else:
        movements, plot = _of_accounts(asked, subject, where, when)
        count, by_type, supply = len(movements), [], []
        years = sorted({one["year"] for one in compliance})
        found = [asked.allocation(subject, year, **when) for year in years]
        allocations = [one for one in found if one is not None]
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
        holdings=asked.balances(**whose, **when),
        supply=supply,
        plot=plot,
        compliance=compliance,
        allocations=allocations,
        movements=movements[-LISTED:],
        movement_count=count,
        by_type=by_type,
        late=late[-LISTED:],
        late_count=len(late),
        restated=list(_restated(asked, whose, when))[-LISTED:],
        periods=_periods(asked, when, None if entity is None else late),
        head=Tree(asked.store).at(view.upto),
    )  # fmt: skip


def _periods(asked: Asked, when: dict[str, Any], own: list[EventRow] | None) -> list[PeriodRow]:
    """The closings of the registry, with the late facts of the entity, if the page is its own."""
    rows = asked.periods(**when)
    if own is not None:
        positions = {event["position"] for event in own}
        for row in rows:
            row["late"] = [late for late in row["late"] if late["position"] in positions]
    return rows


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


def _of_accounts(
    asked: Asked, entity: str, registry: str, when: dict[str, Any]
) -> tuple[list[dict[str, Any]], Series]:
    """The movements of an entity's accounts by effective time, and its holdings by day."""
    rows: list[dict[str, Any]] = [
        {**row, "account": own.account}
        for own in asked.parties.of_entity(entity, asked.view.upto)
        if own.registry == registry
        for row in asked.statement(own.account, **when)
    ]
    rows.sort(key=lambda row: (row["effective_at"], row["position"]))
    held = series((day_of(row["effective_at"]), row["unit"], row["quantity"]) for row in rows)
    return rows, held


def _restated(
    asked: Asked, whose: dict[str, str], when: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Facts in place of earlier ones: reports, allocations, movements taken back."""
    finals: dict[str, EventRow] = {}
    reports: dict[int, EventRow] = {}
    for event in asked.events(**whose, **when, types=_RESTATING):
        data, replaced = event["data"], None
        match event["type"]:
            case "EmissionsVerified":
                reports[event["position"]] = event
                replaced = reports.get(data.get("restates", 0))
                before = replaced and replaced["data"]["emissions"]
                after = data["emissions"]
            case "AllocationFinalised":
                finals[event["command_id"]] = event
                replaced = finals.get(data.get("supersedes", ""))
                before = replaced and replaced["data"]["entitlement"]
                after = data["entitlement"]
            case _:
                before, after = data["quantity"], 0
                replaced = {"position": data["reversed_position"], "command_id": data["reverses"]}
        if replaced is not None:
            yield {
                "event": event,
                "year": data.get("year"),
                "replaces": replaced["position"],
                "command": replaced["command_id"],
                "before": before,
                "after": after,
            }
