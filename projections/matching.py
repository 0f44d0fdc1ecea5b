"""Lines of an outside statement against rows of ours: what agrees, what differs, what is near.

Holdings are compared by account and unit. Movements are paired one to one, by account,
unit, quantity and date, and by reference where the statement gives one (ours is the
command's reference or its id). What is left over is paired once more where all but one
thing agrees, and then differs in it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import takewhile
from typing import Any, Final, NamedTuple

from etsledger.domain.times import business_date, parse_instant
from etsledger.ledger.reconciliation import (
    MatchKind,
    NearEvent,
    ReconciliationRow,
    StatementKind,
)
from etsledger.ledger.rows import BalanceRow, StatementRow

NEAR_DAYS: Final = 10
"""How far, in days, events lie from a break that are near it."""
NEAR_EVENTS: Final = 5
"""The most events that are shown near a break."""

Key = tuple[str, str]
"""An account and a unit."""


class Theirs(NamedTuple):
    """A line of the statement."""

    account: str
    unit: str
    quantity: int
    date: date | None
    reference: str | None
    line: int | None


def outside_rows(given: Iterable[Mapping[str, Any]]) -> tuple[StatementKind, list[Theirs]]:
    """The lines of a statement, checked. Raises ValueError with what is wrong with one."""
    found: list[Theirs] = []
    for number, row in enumerate(given, 1):
        try:
            found.append(_theirs(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"row {number} of the statement: {_reason(error)}") from None
    dated = sum(row.date is not None for row in found)
    if dated not in (0, len(found)):
        raise ValueError(f"{dated} of {len(found)} rows of the statement have a date: all or none")
    return ("movements" if dated else "holdings"), found


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _theirs(row: Mapping[str, Any]) -> Theirs:
    when, reference = row.get("date"), row.get("reference")
    for name in ("account", "unit"):
        if not isinstance(row[name], str) or not row[name]:
            raise TypeError(f"{name!r} is to be text")
    if not isinstance(row["quantity"], int) or isinstance(row["quantity"], bool):
        raise TypeError("'quantity' is to be an integer")
    return Theirs(
        row["account"], row["unit"], row["quantity"],
        None if when is None else business_date(parse_instant(when)),
        reference or None, row.get("line"),
    )  # fmt: skip


# -- holdings ----------------------------------------------------------------------------------


def compare_holdings(
    theirs: Sequence[Theirs],
    ours: Iterable[BalanceRow],
    covered: Callable[[str, str], bool],
    movements: Callable[[str], Sequence[StatementRow]],
) -> Iterator[ReconciliationRow]:
    """By account and unit; several lines of one are added up.

    ``covered`` says whether the statement speaks of an account and unit; ``movements`` gives
    ours of an account.
    """
    said: dict[Key, list[Theirs]] = {}
    for row in theirs:
        said.setdefault((row.account, row.unit), []).append(row)
    held = {
        (row["account"], row["unit"]): row["quantity"]
        for row in ours
        if row["quantity"] and covered(row["account"], row["unit"])
    }
    for account, unit in sorted({*said, *held}):
        lines = said.get((account, unit), [])
        there = sum(line.quantity for line in lines) if lines else None
        here = held.get((account, unit))
        kind = _kind_of(there, here)
        difference = (there or 0) - (here or 0)
        near = [] if kind == "matched" else _near_holding(movements(account), unit, difference)
        yield {
            "kind": kind,
            "account": account,
            "unit": unit,
            "date": None,
            "reference": None,
            "theirs": there,
            "ours": here,
            "difference": difference,
            "differs": ["quantity"] if kind == "differing" else [],
            "lines": [line.line for line in lines if line.line is not None],
            "positions": [],
            "near": near,
        }


def _kind_of(there: int | None, here: int | None) -> MatchKind:
    if (there or 0) == (here or 0):
        return "matched"
    if here is None:
        return "missing_here"
    return "missing_there" if there is None else "differing"


def _near_holding(movements: Sequence[StatementRow], unit: str, difference: int) -> list[NearEvent]:
    """Movements of just the difference first, then the latest."""
    own = [row for row in movements if row["unit"] == unit]
    own.reverse()
    own.sort(key=lambda row: abs(row["quantity"]) != abs(difference))  # stable: latest first
    return [_event(row) for row in own[:NEAR_EVENTS]]


# -- movements ---------------------------------------------------------------------------------


class _Ours(NamedTuple):
    row: StatementRow
    date: date

    def is_called(self, reference: str | None) -> bool:
        return reference is not None and reference in (
            self.row["reference"], self.row["command_id"]
        )  # fmt: skip


def compare_movements(
    theirs: Sequence[Theirs],
    ours: Mapping[str, Sequence[StatementRow]],
    covered: Callable[[str, str], bool],
    period: tuple[date, date],
    days: int,
) -> Iterator[ReconciliationRow]:
    """Line by line; dates may lie ``days`` apart.

    ``ours`` are the movements by account, ``days`` or ``NEAR_DAYS`` before and after the
    period as well; only those in the period are missed there.
    """
    said: dict[Key, list[Theirs]] = {}
    for line in theirs:
        said.setdefault((line.account, line.unit), []).append(line)
    done: dict[Key, list[_Ours]] = {}
    for account, rows in ours.items():
        for row in rows:
            if covered(account, row["unit"]):
                at = business_date(parse_instant(row["effective_at"]))
                done.setdefault((account, row["unit"]), []).append(_Ours(row, at))
    found: list[tuple[tuple[Any, ...], ReconciliationRow]] = []
    for key in sorted({*said, *done}):
        own = sorted(done.get(key, []), key=lambda one: (one.date, one.row["position"]))
        pairs, here, there = _pair(said.get(key, []), own, days)
        for line, one in pairs:
            found.append(_line(key, line, one, own, days))
        found.extend(_line(key, line, None, own, days) for line in there)
        found.extend(
            _line(key, None, one, own, days) for one in here if period[0] <= one.date <= period[1]
        )
    found.sort(key=lambda pair: pair[0])
    yield from (row for _, row in found)


def _pair(
    theirs: Sequence[Theirs], ours: Sequence[_Ours], days: int
) -> tuple[list[tuple[Theirs, _Ours]], list[_Ours], list[Theirs]]:
    """Pairs, what of ours is left over, what of theirs."""
    here = _Unpaired(ours)

    def either_has_no_reference(line: Theirs, one: _Ours) -> bool:
        return line.reference is None or one.row["reference"] is None

    near = max(days, NEAR_DAYS)
    turns: tuple[Callable[[Theirs], Iterable[_Ours]], ...] = (
        lambda line: (one for one in here.called(line)
                      if one.row["quantity"] == line.quantity and _apart(line, one) <= days),
        lambda line: (one for one in here.of_quantity(line, days)
                      if either_has_no_reference(line, one)),
        # From here on they differ in something.
        here.called,
        lambda line: here.of_quantity(line, days),
        lambda line: () if line.reference else here.of_quantity(line, near),
        lambda line: () if line.reference else here.of_day(line, days),
    )  # fmt: skip
    pairs: list[tuple[Theirs, _Ours]] = []
    there = sorted(theirs, key=lambda line: (line.date or date.min, line.line or 0))
    for candidates in turns:
        left: list[Theirs] = []
        for line in there:
            choice = next(iter(candidates(line)), None)
            if choice is None:
                left.append(line)
            else:
                pairs.append((line, choice))
                here.take(choice)
        there = left
    return pairs, here.left(), there


def _apart(line: Theirs, one: _Ours) -> int:
    """Days between the dates of a line and a movement."""
    assert line.date is not None
    return abs((line.date - one.date).days)


class _Unpaired:
    """Movements that wait for their line, found by what a line says of them, nearest first."""

    def __init__(self, ours: Sequence[_Ours]) -> None:
        self._ours = ours
        self._taken: set[int] = set()
        self._by_name: dict[str, list[_Ours]] = {}
        self._by_day: dict[date, list[_Ours]] = {}
        self._by_quantity: dict[tuple[date, int], list[_Ours]] = {}
        for one in ours:
            for name in {one.row["reference"], one.row["command_id"]} - {None}:
                self._by_name.setdefault(str(name), []).append(one)
            self._by_day.setdefault(one.date, []).append(one)
            self._by_quantity.setdefault((one.date, one.row["quantity"]), []).append(one)

    def take(self, one: _Ours) -> None:
        self._taken.add(id(one))

    def left(self) -> list[_Ours]:
        return self._free(self._ours)

    def _free(self, some: Iterable[_Ours]) -> list[_Ours]:
        return [one for one in some if id(one) not in self._taken]

    def called(self, line: Theirs) -> list[_Ours]:
        """Those that bear the line's reference."""
        if line.reference is None:
            return []
        found = self._free(self._by_name.get(line.reference, ()))
        return sorted(found, key=lambda one: (_off(line, one), _apart(line, one)))

    def of_quantity(self, line: Theirs, days: int) -> Iterator[_Ours]:
        """Those of just the line's quantity, at most ``days`` away."""
        for day in _around(line, days):
            yield from self._free(self._by_quantity.get((day, line.quantity), ()))

    def of_day(self, line: Theirs, days: int) -> Iterator[_Ours]:
        """Those at most ``days`` away."""
        for day in _around(line, days):
            found = self._free(self._by_day.get(day, ()))
            yield from sorted(found, key=lambda one: _off(line, one))


def _off(line: Theirs, one: _Ours) -> int:
    return abs(line.quantity - one.row["quantity"])


def _around(line: Theirs, days: int) -> Iterator[date]:
    assert line.date is not None
    yield line.date
    for distance in range(1, days + 1):
        yield line.date - timedelta(days=distance)
        yield line.date + timedelta(days=distance)


def _line(
    key: Key, theirs: Theirs | None, ours: _Ours | None, own: Sequence[_Ours], days: int
) -> tuple[tuple[Any, ...], ReconciliationRow]:
    differs = _differs(theirs, ours, days) if theirs and ours else []
    there = theirs.quantity if theirs else None
    here = ours.row["quantity"] if ours else None
    kind: MatchKind = (
        "missing_there" if theirs is None
        else "missing_here" if ours is None
        else "differing" if differs
        else "matched"
    )  # fmt: skip
    at = theirs.date if theirs else ours.date if ours else None
    assert at is not None
    reference = theirs.reference if theirs else ours.row["reference"] if ours else None
    quantity = there if there is not None else here or 0
    row: ReconciliationRow = {
        "kind": kind,
        "account": key[0],
        "unit": key[1],
        "date": at.isoformat(),
        "reference": reference,
        "theirs": there,
        "ours": here,
        "difference": (there or 0) - (here or 0),
        "differs": differs,
        "lines": [] if theirs is None or theirs.line is None else [theirs.line],
        "positions": [ours.row["position"]] if ours else [],
        "near": [] if kind == "matched" else _near_movement(own, at, quantity, days),
    }
    position = ours.row["position"] if ours else 0
    return (key[0], at, key[1], position, row["lines"]), row


def _differs(theirs: Theirs, ours: _Ours, days: int) -> list[str]:
    assert theirs.date is not None
    found: list[str] = []
    if theirs.quantity != ours.row["quantity"]:
        found.append("quantity")
    if abs(theirs.date - ours.date) > timedelta(days=days):
        found.append("date")
    if theirs.reference and ours.row["reference"] and not ours.is_called(theirs.reference):
        found.append("reference")
    return found


def _near_movement(own: Sequence[_Ours], at: date, quantity: int, days: int) -> list[NearEvent]:
    """Movements of just the quantity first, then those nearest in time."""
    near = timedelta(days=max(days, NEAR_DAYS))
    first = bisect_left(own, at - near, key=lambda one: one.date)
    found = list(takewhile(lambda one: one.date <= at + near, own[first:]))
    found.sort(key=lambda one: (abs(one.row["quantity"]) != abs(quantity), abs(one.date - at)))
    return [_event(one.row) for one in found[:NEAR_EVENTS]]


def _event(row: StatementRow) -> NearEvent:
    return {
        "position": row["position"],
        "type": row["type"],
        "effective_at": row["effective_at"],
        "recorded_at": row["recorded_at"],
        "quantity": row["quantity"],
        "reference": row["reference"],
        "command_id": row["command_id"],
    }
