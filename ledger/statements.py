"""Statements of the time before the books: CSV tables of holdings, obligations and trades.

A table has a header row and is UTF-8 (a byte order mark is let be). A column is called as a
field, or is mapped to one; the other columns are let be, and so are empty rows. Every row
that cannot be read is told, not only the first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from etsledger.domain.commands import MAX_TONNES
from etsledger.domain.times import iso, parse_instant
from etsledger.ledger.csvtable import WrongColumns, listed, rows, shown, whole_number
from etsledger.ledger.eutl import ConversionRefused

Kind = Literal["holdings", "obligations", "trades"]
Read = Callable[[str], Any]


class Field(NamedTuple):
    """How a cell of a field is read, and whether every row has it."""

    read: Read
    needed: bool = False


class Line(NamedTuple):
    """A row of a statement: the line it begins on, and its cells by field."""

    number: int
    cells: dict[str, Any]


class Bad(NamedTuple):
    """A row that is no fact: where it stands and why; ``column`` is empty for the whole row."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = f", column {self.column}" if self.column else ""
        return f"line {self.line}{place}: {self.reason}"


class Statement(NamedTuple):
    """What a table says, row by row, and what of it cannot be read."""

    lines: list[Line]
    bad: list[Bad]


def text(cell: str) -> str:
    """A word of at least one letter, without control characters."""
    if not cell.isprintable() or len(cell) > 200:
        raise ValueError(f"{shown(cell)} is no word of at most 200 letters")
    return cell


def tonnes(cell: str) -> int:
    """Whole tonnes, zero or more; thousands may be set apart by commas."""
    number = whole_number(cell.replace(",", ""))
    if not 0 <= number <= MAX_TONNES:
        raise ValueError(f"{number} is not from 0 to {MAX_TONNES}")
    return number


def year(cell: str) -> int:
    """A compliance year."""
    number = whole_number(cell)
    if not 1990 <= number <= 2199:
        raise ValueError(f"{number} is no year from 1990 to 2199")
    return number


def instant(cell: str) -> str:
    """An instant; a bare date is its start in Asia/Shanghai."""
    return iso(parse_instant(cell))


def day(cell: str) -> str:
    """The date of an instant, or a bare one, in Asia/Shanghai."""
    return iso(parse_instant(cell))[:10]


def money(cell: str) -> str:
    """A decimal, as its text."""
    try:
        return f"{Decimal(cell):f}"
    except ArithmeticError:
        raise ValueError(f"{shown(cell)} is not a number such as 12.50") from None


FIELDS: Final[dict[Kind, dict[str, Field]]] = {
    "holdings": {
        "account": Field(text, needed=True),
        "unit": Field(text, needed=True),
        "quantity": Field(tonnes, needed=True),
        "borrowed": Field(tonnes),
        "borrowed_for": Field(year),
        "kept_for": Field(text),
    },
    "obligations": {
        "entity": Field(text, needed=True),
        "year": Field(year, needed=True),
        "verified_emissions": Field(tonnes),
        "obligation": Field(tonnes),
        "entitlement": Field(tonnes),
        "pre_allocated": Field(tonnes),
        "allocated": Field(tonnes),
        "recalled": Field(tonnes),
        "recall_open": Field(tonnes),
        "surrendered": Field(tonnes),
        "unit": Field(text),
        "offsets": Field(tonnes),
        "offset_unit": Field(text),
        "green_power": Field(tonnes),
        "submitted_at": Field(instant),
        "fine": Field(money),
    },
    "trades": {
        "trade": Field(text, needed=True),
        "date": Field(day, needed=True),
        "unit": Field(text, needed=True),
        "quantity": Field(tonnes, needed=True),
        "seller": Field(text),
        "buyer": Field(text),
    },
}
"""The fields of each kind of statement."""


def read(
    kind: Kind,
    table: Iterable[bytes],
    *,
    names: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
) -> Statement:
    """The rows of a statement (the lines of a table in UTF-8), in its order.

    ``names`` maps a column to its field, or to "" to leave it out; ``constants`` are fields
    that every row has. Raises WrongColumns, ConversionRefused for what is no table.
    """
    fields = FIELDS[kind]
    fixed = _fixed(fields, constants or {})
    lines = rows(table)
    first = next(lines, None)
    if first is None:
        raise ConversionRefused("the statement is empty: its first row names the columns")
    header = [name.strip() for name in first[1]]
    places = _places(fields, header, names or {}, fixed)
    found = Statement([], [])
    for number, cells in lines:
        if len(cells) != len(header):
            found.bad.append(
                Bad(number, "", f"{len(cells)} cells where the header has {len(header)} columns")
            )
            continue
        values, faults = _cells(fields, header, places, cells)
        if faults:
            found.bad.extend(Bad(number, column, reason) for column, reason in faults)
        else:
            found.lines.append(Line(number, {**fixed, **values}))
    if not found.lines and not found.bad:
        raise ConversionRefused("the statement holds no rows under its header")
    return found


def _fixed(fields: Mapping[str, Field], constants: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in constants.items():
        if name not in fields:
            raise WrongColumns(f"--set {name}: {shown(name)} is none of {listed(fields)}")
        try:
            found[name] = fields[name].read(given.strip())
        except ValueError as error:
            raise WrongColumns(f"--set {name}: {error}") from None
    return found


def _places(
    fields: Mapping[str, Field],
    header: Sequence[str],
    names: Mapping[str, str],
    fixed: Mapping[str, Any],
) -> dict[str, int]:
    """Where each field stands among the columns."""
    for name, field in names.items():
        if name not in header:
            raise WrongColumns(f"--map {name}: the statement has {listed(header)}, not that")
        if field and field not in fields:
            raise WrongColumns(f"--map {name}: {shown(field)} is none of {listed(fields)}")
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        field = names.get(name, name if name not in names.values() else "")
        if field not in fields:
            continue
        if field in places:
            raise WrongColumns(f"two columns, {header[places[field]]!r} and {name!r}, are "
                               f"{field!r}: --map {name}= leaves one out")  # fmt: skip
        if field in fixed:
            raise WrongColumns(f"{field!r} is a column of the statement and set as well")
        places[field] = place
    for name, field in fields.items():
        if field.needed and name not in places and name not in fixed:
            raise WrongColumns(
                f"no column of the statement ({listed(header)}) is {name!r}: --map COLUMN={name} "
                f"says where it stands, --set {name}=VALUE gives it to every row"
            )
    return places


def _cells(
    fields: Mapping[str, Field],
    header: Sequence[str],
    places: Mapping[str, int],
    cells: Sequence[str],
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    values: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    for name, place in places.items():
        given = cells[place].strip()
        if not given:
            if fields[name].needed:
                faults.append((header[place], f"the cell is empty, and {name!r} is needed"))
            continue
        try:
            values[name] = fields[name].read(given)
        except ValueError as error:
            faults.append((header[place], str(error)))
    return values, faults
