"""The closings of registries, what each covers, its head, and what was recorded late since."""

from collections.abc import Iterator
from datetime import date, datetime

from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.domain.closing import CHANGES_NOTHING, PeriodClosed
from etsledger.domain.state import State
from etsledger.domain.times import DAY
from etsledger.ledger.office_rows import LateRow, PeriodRow
from etsledger.ledger.record import Row, read_seal, split
from etsledger.ledger.rows import EventRow
from etsledger.ledger.store import Store
from etsledger.ledger.tree import Tree
from etsledger.projections.events import event_row
from etsledger.projections.instants import Viewpoint

_FREE = frozenset(kind.__name__ for kind in CHANGES_NOTHING)


def period_rows(
    store: Store, state: State, view: Viewpoint, registry: str | None
) -> list[PeriodRow]:
    """By registry, in the order of the log; a registry that was never closed has no row."""
    tree: Tree | None = None
    found: list[PeriodRow] = []
    for name in sorted(state.registries):
        if registry not in (None, name):
            continue
        known = {p: end for p, end in state.registries[name].closings.items() if p <= view.upto}
        if known:
            tree = tree or Tree(store)
            found += _of_registry(store, tree, name, known, view)
    return found


def late_since(store: Store, registry: str, closings: dict[int, datetime], upto: int) -> list[int]:
    """Positions up to ``upto`` of what took effect in a closed period, recorded since the last
    closing of ``closings`` (positions, with how far the past was closed from there on)."""
    closed = [row.position for row in store.rows_at(sorted(closings)) if _closes(row)]
    if not closed:
        return []
    last = max(closed)
    end, found = closings[last], list[int]()
    for row in store.rows(last, upto):
        if row.registry != registry or row.type in _FREE:
            continue
        if read_seal(split(row.state)[1]).effective_at <= end:
            found.append(row.position)
        end = closings.get(row.position, end)
    return found


def _closes(row: Row) -> bool:
    return EVENT_TYPES.get(row.type) is PeriodClosed


def _of_registry(
    store: Store, tree: Tree, registry: str, known: dict[int, datetime], view: Viewpoint
) -> Iterator[PeriodRow]:
    rows: list[PeriodRow] = []
    for row in store.rows_at(sorted(known)):
        event, sealed = event_row(row)
        if sealed.effective_at > view.as_of:
            continue
        head = tree.at(row.position)
        data = event["data"]
        rows.append({
            "registry": registry,
            "what": "closed" if _closes(row) else "reopened",
            "since": data.get("since"),
            "until": data["until"],
            "position": row.position,
            "effective_at": event["effective_at"],
            "recorded_at": event["recorded_at"],
            "command_id": event["command_id"],
            "actor": event["actor"],
            "approved_by": event["approved_by"],
            "reference": event["reference"],
            "reason": event["reason"],
            "reopened_by": None,
            "hash": head.hash,
            "root": head.root,
            "late": _told(store, data.get("late", [])),
        })  # fmt: skip
    for i, row in enumerate(rows):
        later = (one for one in rows[i + 1 :] if one["what"] == "reopened")
        opened = (one["position"] for one in later if (one["until"] or "") < (row["until"] or ""))
        row["reopened_by"] = next(opened, None) if row["what"] == "closed" else None
    yield from rows
    if rows:
        shown = {row["position"] or 0: known[row["position"] or 0] for row in rows}
        yield _open(store, registry, shown, view, rows[-1]["until"] or "")


def _open(
    store: Store, registry: str, closings: dict[int, datetime], view: Viewpoint, until: str
) -> PeriodRow:
    """The time since the last closing, which the next one will report."""
    late = late_since(store, registry, closings, view.upto)
    return {
        "registry": registry,
        "what": "open",
        "since": (date.fromisoformat(until) + DAY).isoformat(),
        "until": None,
        "position": None,
        "effective_at": None,
        "recorded_at": None,
        "command_id": None,
        "actor": None,
        "approved_by": None,
        "reference": None,
        "reason": None,
        "reopened_by": None,
        "hash": None,
        "root": None,
        "late": _told(store, late),
    }


def _told(store: Store, positions: list[int]) -> list[LateRow]:
    return [_late(event_row(row)[0]) for row in store.rows_at(positions)]


def _late(event: EventRow) -> LateRow:
    return {
        "position": event["position"],
        "type": event["type"],
        "effective_at": event["effective_at"],
        "recorded_at": event["recorded_at"],
        "command_id": event["command_id"],
        "actor": event["actor"],
        "approved_by": event["approved_by"],
        "reference": event["reference"],
        "reason": event["reason"],
    }
