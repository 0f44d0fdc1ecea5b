"""Tables for people: aligned tonnes with thousands separators, times one can read."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etsledger.cli.failures import one_line
from etsledger.cli.options import STATUSES
from etsledger.cli.streams import Row, echo

TONNES = {
    "quantity", "available", "frozen", "pledged", "pending", "restricted", "balance", "issued",
    "authority", "province", "holding", "reserve", "retired", "cancelled", "converted_in",
    "converted_out", "verified_emissions", "entitlement", "pre_allocated", "allocated",
    "recalled", "recall_open", "borrowed", "obligation", "surrendered", "offsets", "free",
    "locked", "used", "green_power", "outstanding", "entities", "theirs", "ours", "difference",
    "before", "after", "given_free", "left", *STATUSES,
}  # fmt: skip
"""Columns of tonnes, or of other counts that grow large."""
NUMBERS = TONNES | {"position", "lag_seconds", "fine", "days", "fact", "late"}
TIMES = {
    "effective_at", "recorded_at", "deadline", "proposed_at", "decided_at", "granted_at",
}  # fmt: skip
ONLY_IF_USED = {
    "entity", "frozen", "pledged", "pending", "restricted", "counterparty", "actor",
    "approved_by", "reference", "reason", "converted_in", "converted_out", "would_have_refused",
    "note", "entitlement", "pre_allocated", "allocated", "recalled", "recall_open", "borrowed",
    "offsets", "green_power", "fine", "uscc", "first_year", "allocation_method",
    "first_year_elsewhere", "succeeded_by", "succeeds", *STATUSES,
}  # fmt: skip
"""Columns that are left out of a table in which every row has nothing there."""
UNSEEN = {"hash", "rulebook"}
"""Columns that programs get and a table has no room for."""
FOLDED = {"data", "command", "refusal", "reason"}
"""Columns that may be folded to fit a window: prose and lists of fields, not ids or numbers."""
_LEAST = 24
"""A folded column narrower than this cannot be read."""
_PAGE = 1_000


def print_rows(rows: Iterable[Row], names: Sequence[str], nothing: str) -> int:
    """Prints rows as tables of up to a thousand; gives their number."""
    stream, count = iter(rows), 0
    while page := list(islice(stream, _PAGE)):
        count += len(page)
        _print(_table(page, names))
    if not count and nothing:
        click.echo(nothing, err=True)
    return count


def _table(rows: Sequence[Row], names: Sequence[str]) -> Table:
    shown = [
        name
        for name in names
        if name not in UNSEEN
        and not (name in ONLY_IF_USED and not any(row.get(name) for row in rows))
    ]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in shown:
        table.add_column(
            _title(name),
            justify="right" if name in NUMBERS and not _is_text(name, rows) else "left",
            no_wrap=name not in FOLDED,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(cell(name, row.get(name))) for name in shown))
    return table


def _title(name: str) -> str:
    if name.isupper():
        return name  # a status, as it stands in every row
    return name.replace("_", " ") + (" (+08:00)" if name in TIMES else "")


def _is_text(name: str, rows: Sequence[Row]) -> bool:
    """A province is tonnes in one table and a name in another; a fine has a decimal point."""
    return name == "province" and any(isinstance(row.get(name), str) for row in rows)


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def as_text(table: Table) -> str:
    """A table as wide as its rows are, without blanks at their ends."""
    console = _console()
    console.width = 100_000
    console.width = console.measure(table).maximum
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _print(table: Table) -> None:
    console = _console()
    window = console.width if console.is_terminal else 0
    console.width = 100_000
    natural = console.measure(table).maximum
    folded = [
        max(map(len, map(str, column.cells))) for column in table.columns if not column.no_wrap
    ]
    least = natural - sum(folded) + len(folded) * _LEAST
    if min(natural, least) <= window:
        console.width = window
        console.print(table)
        return
    echo(as_text(table))  # nobody's window, or one too narrow


def cell(name: str, value: Any) -> str:
    """What a table shows of a value."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "NO"
        case int() if name in TONNES:
            return f"{value:,}"
        case str() if name in TIMES:
            return readable(value)
        case dict():
            return one_line(", ".join(_pairs(value)))  # pyright: ignore[reportUnknownArgumentType]
        case list():
            return one_line(", ".join(str(item) for item in value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return one_line(str(value))


def readable(time: str) -> str:
    """An ISO time without what says nothing: the offset of its column, zeros at the end."""
    text = time.removesuffix("+08:00").replace("T", " ")
    whole, point, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point}{fraction}" if fraction else whole.removesuffix(":00")


def _pairs(data: dict[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        match value:
            case int() if name in TONNES:
                yield f"{name} {value:,}"
            case str() if len(value) > 80:
                yield f"{name} …"
            case dict() | list():
                yield f"{name} …"
            case _:
                yield f"{name} {value}"
