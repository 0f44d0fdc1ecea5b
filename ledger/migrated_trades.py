"""What a statement of trades opens: the net sales of the time before that carrying over counts.

Only trades in the window of the rulebook count, of units that are carried over, by accounts of
entities. They are stated one by one, as long as an entity has not too many.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from etsledger.domain.rulebook import load
from etsledger.domain.state import RegistryState, State
from etsledger.domain.times import iso
from etsledger.domain.trading import date_text
from etsledger.ledger.migration import Command, Opening, Openings, Source
from etsledger.ledger.statements import Bad, Line, Statement

MOST: Final = 10_000
"""Trades of an entity that are stated one by one; of more, their sums by unit."""


class _Window(NamedTuple):
    units: tuple[str, ...]
    first: str
    last: str


def trades(
    statement: Statement, source: Source, registry: RegistryState | None, state: State
) -> Openings:
    """One opening for each entity that sold or bought in the window of the rulebook."""
    bad = list(statement.bad)
    by_entity: dict[str, list[tuple[int, Command]]] = {}
    outside = others = 0
    window = _window(registry, state, source.cut_over)
    seen: dict[str, int] = {}
    for line in statement.lines:
        fault = _trade_fault(line, registry, source, seen)
        if fault:
            bad.append(Bad(line.number, "", fault))
            continue
        cells = line.cells
        if window is not None and not (
            cells["unit"] in window.units and window.first <= cells["date"] <= window.last
        ):
            outside += 1
            continue
        sides = list(_sides(line, registry))
        others += not sides
        for entity, trade in sides:
            by_entity.setdefault(entity, []).append((line.number, trade))
    left_out: list[str] = []
    if outside:
        left_out.append(f"{_trades(outside)} outside of what the rulebook counts")
    if others:
        left_out.append(f"{_trades(others)} of no entity")
    return Openings(
        [_sold(entity, sides, source) for entity, sides in sorted(by_entity.items())],
        bad, left_out,
    )  # fmt: skip


def _trades(count: int) -> str:
    return f"{count} trade{'' if count == 1 else 's'}"


def _window(registry: RegistryState | None, state: State, at: datetime) -> _Window | None:
    """The trades that the rulebook in force counts; None where it lets nothing be carried."""
    if registry is None:
        return None
    table = load(state.rulebooks[registry.rulebook_at(at).hash]).data.banking
    if table is None:
        return None
    return _Window(table.units, date_text(table.trades_from), date_text(table.trades_to))


def _trade_fault(
    line: Line, registry: RegistryState | None, source: Source, seen: dict[str, int]
) -> str:
    cells = line.cells
    other = seen.setdefault(cells["trade"], line.number)
    if other != line.number:
        return f"trade {cells['trade']!r} stands in line {other} already"
    if "seller" not in cells and "buyer" not in cells:
        return "neither a seller nor a buyer"
    if not cells["quantity"]:
        return "a trade of 0 t is none"
    if cells["date"] >= iso(source.cut_over)[:10]:
        return f"{cells['date']} is not before the cut-over: settle_trade settles it"
    known = registry.accounts if registry is not None else {}
    for side in ("seller", "buyer"):
        if side in cells and cells[side] not in known:
            return f"{side} {cells[side]!r} is no account of these books"
    return ""


def _sides(line: Line, registry: RegistryState | None) -> Iterator[tuple[str, Command]]:
    cells = line.cells
    for side, word in (("seller", "sold"), ("buyer", "bought")):
        account = registry.accounts.get(cells.get(side, "")) if registry is not None else None
        if account is not None and account.entity is not None:
            kept = {name: cells[name] for name in ("date", "quantity", "trade", "unit")}
            yield account.entity, {**kept, "side": word}


def _sold(entity: str, sides: Sequence[tuple[int, Command]], source: Source) -> Opening:
    net: dict[str, int] = {}
    for _, one in sides:
        sign = 1 if one["side"] == "sold" else -1
        net[one["unit"]] = net.get(one["unit"], 0) + sign * one["quantity"]
    stated: Command = {"trades": [one for _, one in sides]}
    if len(sides) > MOST:
        stated = {"net_sales": dict(sorted(net.items()))}
    made = source.command("opening_banking", entity, entity=entity, **stated)
    lines = [number for number, _ in sides]
    return Opening(made, lines, entity, ", ".join(sorted(net)), sum(net.values()))
