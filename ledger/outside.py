"""Reading a registry's or a bank's statement: CSV, its columns mapped to fields.

A table has a header row and is UTF-8 (a byte order mark is let be). A column is called as a
field, or is mapped to one; the other columns are let be, and so are empty rows. With a date
it lists movements, without one holdings.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from etsledger.domain.commands import MAX_TONNES
from etsledger.domain.times import business_date, parse_instant
from etsledger.ledger.csvtable import WrongColumns, bad_cell, listed, rows, shown, whole_number
from etsledger.ledger.eutl import ConversionRefused
from etsledger.ledger.reconciliation import OutsideRow, StatementKind

_NEEDED: Final = ("account", "unit", "quantity")
_ALIASES: Final = {"effective_at": "date"}
FIELDS: Final = (*_NEEDED, "date", "effective_at", "reference")


class Statement(NamedTuple):
    """What somebody else says of our accounts."""

    kind: StatementKind
    rows: list[OutsideRow]


def read_statement(
    table: Iterable[bytes],
    *,
    names: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
) -> Statement:
    """The lines of a statement (a table in UTF-8), in its order.

    ``names`` maps a column to its field, or to "" to leave it out; ``constants`` are
    ``account`` or ``unit`` where every line has the same. Raises WrongColumns,
    ConversionRefused.
    """
    fixed = dict(constants or {})
    for field in fixed:
        if field not in ("account", "unit"):
            raise WrongColumns(f"--set {field}: only the account and the unit can be set")
    lines = rows(table)
    first = next(lines, None)
    if first is None:
        raise ConversionRefused("the statement is empty: its first row names the columns")
    header = [name.strip() for name in first[1]]
    places = _places(header, names or {}, fixed)
    found: list[OutsideRow] = []
    for line, cells in lines:
        if len(cells) != len(header):
            raise ConversionRefused(
                f"line {line}: {len(cells)} cells where the header has {len(header)} columns"
            )
        found.append(_row(line, cells, header, places, fixed))
    return Statement("movements" if "date" in places else "holdings", found)


def _places(
    header: Sequence[str], names: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, int]:
    """Where each field stands among the columns."""
    for name, field in names.items():
        if name not in header:
            raise WrongColumns(f"--map {name}: the statement has {listed(header)}, not that")
        if field and field not in FIELDS:
            raise WrongColumns(f"--map {name}: {shown(field)} is none of {listed(FIELDS)}")
    places: dict[str, int] = {}
    # What --map says goes before what a column happens to be called.
    for mapped in (True, False):
        for place, name in enumerate(header):
            field = names.get(name) if mapped else name
            if (name in names) is not mapped or not field or field not in FIELDS:
                continue
            field = _ALIASES.get(field, field)
            if field in places and mapped:
                raise WrongColumns(f"two columns, {header[places[field]]!r} and {name!r}, are "
                                   f"{field!r}")  # fmt: skip
            if field in places and header[places[field]] not in names:
                raise WrongColumns(f"two columns are {field!r}: --map {name}= leaves one out")
            if field in fixed:
                raise WrongColumns(f"{field!r} is a column of the statement and set as well")
            places.setdefault(field, place)
    for field in _NEEDED:
        if field not in places and field not in fixed:
            setting = "" if field == "quantity" else f", --set {field}=VALUE gives it to every line"
            raise WrongColumns(
                f"no column of the statement ({listed(header)}) is {field!r}: "
                f"--map COLUMN={field} says where it stands{setting}"
            )
    return places


def _row(
    line: int,
    cells: Sequence[str],
    header: Sequence[str],
    places: Mapping[str, int],
    fixed: Mapping[str, str],
) -> OutsideRow:
    def cell(field: str) -> str:
        if field in fixed:
            return fixed[field]
        text = cells[places[field]].strip()
        if not text and field != "reference":
            raise bad_cell(line, header[places[field]], f"the cell is empty: {field!r} is needed")
        return text

    def bad(field: str, reason: str) -> ConversionRefused:
        return bad_cell(line, header[places[field]], reason)

    try:
        quantity = whole_number(cell("quantity"))
    except ValueError as error:
        raise bad("quantity", str(error)) from None
    if abs(quantity) > MAX_TONNES:
        raise bad("quantity", f"{quantity} t are more than can be held ({MAX_TONNES})")
    row: OutsideRow = {
        "account": cell("account"),
        "unit": cell("unit"),
        "quantity": quantity,
        "line": line,
    }
    if "date" in places:
        if not quantity:
            raise bad("quantity", "a movement of 0 t moves nothing")
        try:
            row["date"] = business_date(parse_instant(cell("date"))).isoformat()
        except ValueError as error:
            raise bad("date", str(error)) from None
    elif quantity < 0:
        raise bad("quantity", f"{quantity} t: an account holds 0 or more")
    if "reference" in places:
        row["reference"] = cell("reference") or None
    return row
