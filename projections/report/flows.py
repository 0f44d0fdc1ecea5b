"""What moved, as the page tells it: the movements themselves, sums by kind, holdings by day.

A registry's log is read once, and of it only sums are kept, the latest rows, and the positions
of what may be told further down the page.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import MsgspecError

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.corrections import MovementReversed
from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT, ISSUANCE, Event
from etsledger.domain.times import iso, parse_instant, to_micros
from etsledger.domain.verification import EmissionsVerified
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.record import Logged, Record, Seal, read, read_seal, split
from etsledger.ledger.store import Store
from etsledger.projections.instants import Viewpoint

LISTED: Final = 500
"""The most movements, and the most facts out of order, that the page lists."""
POINTS: Final = 400
"""The most days of a plot; a longer history is told at the end of so many equal spans."""
DAY: Final = 86_400_000_000
_EAST: Final = 8 * 3_600_000_000
"""Days begin at midnight in Shanghai."""
_GONE: Final = {"retired", "cancelled", CONVERTED_OUT}

Series = dict[str, list[tuple[int, int]]]
"""By unit: (days since 1970 in Shanghai, tonnes at the end of that day), from the first on."""


class Flows(NamedTuple):
    """The movements of a registry; ``late`` are the positions of its latest back-dated facts,
    ``restating`` of all that may stand in the place of an earlier one."""

    movements: list[dict[str, Any]]
    number: int
    by_type: list[dict[str, Any]]
    circulation: Series
    late: list[int]
    late_number: int
    restating: Sequence[int]


def day_of(time: str) -> int:
    """The day of an instant's text, as the series count them."""
    return day_at(to_micros(parse_instant(time)))


def day_at(micros: int) -> int:
    """The same of an instant as the index has it."""
    return (micros + _EAST) // DAY


def series(changes: Iterable[tuple[int, str, int]]) -> Series:
    """Running sums by unit from (day, unit, tonnes) in any order."""
    by_unit: dict[str, dict[int, int]] = {}
    for day, unit, tonnes in changes:
        days = by_unit.setdefault(unit, {})
        days[day] = days.get(day, 0) + tonnes
    found: Series = {}
    for unit, days in sorted(by_unit.items()):
        sum_, points = 0, list[tuple[int, int]]()
        for day in sorted(days):
            sum_ += days[day]
            points.append((day, sum_))
        found[unit] = thinned(points)
    return found


def thinned(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Points of which at most ``POINTS`` are kept, the last one of each span of days."""
    if len(points) <= POINTS:
        return list(points)
    first, width = points[0][0], (points[-1][0] - points[0][0]) // (POINTS - 1) + 1
    kept = {(day - first) // width: (day, tonnes) for day, tonnes in points}
    return [points[0], *list(kept.values())[1:]]


def flows(store: Store, view: Viewpoint, registry: str) -> Flows:
    """Every movement of a registry, read from the log once."""
    latest: deque[tuple[Logged, str, int, dict[str, int]]] = deque(maxlen=LISTED)
    count, kinds = 0, dict[tuple[str, str], list[int]]()
    circulation: dict[tuple[int, str], int] = {}
    late, late_count, restating = deque[int](maxlen=LISTED), 0, array("q")
    for position, seal, logged in _known(store, view, registry):
        if seal.effective_at < seal.recorded_at:
            late_count += 1
            late.append(position)
        if logged is None:
            continue
        record = logged.record
        if _restates(logged.event):
            restating.append(position)
        moved = _moved(logged)
        day = day_at(to_micros(record.effective_at))
        for unit, ends in moved.items():
            came = sum(tonnes for tonnes in ends.values() if tonnes > 0)
            if not came:
                continue
            count += 1
            kind = kinds.setdefault((type(logged.event).__name__, unit), [0, 0])
            kind[0] += 1
            kind[1] += came
            latest.append((logged, unit, came, ends))
            # Outside accounts hold minus what they gave: all that came out of them and is not gone.
            change = -sum(ends.get(name, 0) for name in (ISSUANCE, CONVERTED_IN, *_GONE))
            if change:
                circulation[day, unit] = circulation.get((day, unit), 0) + change
    rows = [_row(*one) for one in latest]
    return Flows(
        sorted(rows, key=lambda row: (row["effective_at"], row["position"])),
        count,
        [
            {"type": kind, "unit": unit, "count": many, "quantity": tonnes}
            for (kind, unit), (many, tonnes) in sorted(kinds.items())
        ],
        series((day, unit, change) for (day, unit), change in circulation.items()),
        list(late),
        late_count,
        restating,
    )


def _restates(event: Event) -> bool:
    match event:
        case EmissionsVerified():
            return event.restates is not None
        case AllocationFinalised():
            return event.supersedes is not None
        case _:
            return isinstance(event, MovementReversed)


def _known(
    store: Store, view: Viewpoint, registry: str
) -> Iterator[tuple[int, Record[Any] | Seal, Logged | None]]:
    """The events in effect; None for what an event of a type that is not known here says."""
    for position, home, _, topic, state in store.raw_rows(0, view.upto, once=True):
        if home != registry:
            continue
        logged: Logged | None = None
        try:
            logged = read(topic, state)
            seal: Record[Any] | Seal = logged.record
        except LedgerError:
            try:
                seal = read_seal(split(state)[1])
            except (LedgerError, MsgspecError):
                continue  # verify names it
        if seal.effective_at <= view.as_of:
            yield position, seal, logged


def _moved(logged: Logged) -> dict[str, dict[str, int]]:
    """By unit: what each account has more or less than before."""
    moved: dict[str, dict[str, int]] = {}
    for account, unit, bucket, tonnes in logged.event.postings():
        if bucket == "held":
            ends = moved.setdefault(unit, {})
            ends[account] = ends.get(account, 0) + tonnes
    return moved


def _row(logged: Logged, unit: str, came: int, ends: Mapping[str, int]) -> dict[str, Any]:
    record, command = logged.record, logged.command
    return {
        "position": record.position,
        "effective_at": iso(record.effective_at),
        "recorded_at": iso(record.recorded_at),
        "type": type(logged.event).__name__,
        "unit": unit,
        "quantity": came,
        "from": sorted(account for account, tonnes in ends.items() if tonnes < 0),
        "to": sorted(account for account, tonnes in ends.items() if tonnes > 0),
        "reference": command.reference,
        "command_id": command.id,
    }
