"""CSV tables as commands: every row is one command, the columns are its fields.

A table has a header row and is UTF-8 (a byte order mark is let be). A column is called as a
field of the command, or is mapped to one; a cell becomes what the field's type says, and an
empty cell leaves the field out. Empty rows are let be. Every command is checked here as
``apply`` checks its shape, so that a bad table gives no command at all.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import inspect

from etsledger.domain.catalogue import MODELS
from etsledger.domain.errors import InvalidCommand
from etsledger.ledger.commandfile import prepare, read_json
from etsledger.ledger.eutl import ConversionRefused

_WHOLE: Final = re.compile(r"\s*-?[0-9]{1,18}\s*")
_DECIMAL: Final = re.compile(r"\s*-?[0-9]{1,18}(\.[0-9]{1,18})?\s*")

Read = Callable[[str], Any]
"""Gives the JSON value of a cell's text. Raises ValueError with the reason."""


class WrongColumns(ValueError):
    """Table, options and command do not go together; the message names what does not."""


class _Field(NamedTuple):
    read: Read
    required: bool


def commands(
    table: Iterable[bytes],
    command: str,
    *,
    constants: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
    id_prefix: str | None = None,
) -> list[dict[str, Any]]:
    """The commands of a table (its lines in UTF-8), in its order.

    ``command`` is their name; ``constants`` are fields that every row has, as text;
    ``names`` maps a column to its field, or to "" to leave it out. Without a column ``id``
    a row's id is ``id_prefix``, a slash and the number of the line it begins on.
    Raises WrongColumns, ConversionRefused.
    """
    return _Conversion(command, constants or {}, names or {}, id_prefix).run(rows(table))


class _Conversion:
    """One table on its way, all of it or nothing."""

    def __init__(
        self,
        command: str,
        constants: Mapping[str, str],
        names: Mapping[str, str],
        id_prefix: str | None,
    ) -> None:
        self._command = command
        self._fields = _fields(command)
        self._names = names
        self._prefix = id_prefix
        self._fixed: dict[str, Any] = {}
        for field, text in constants.items():
            if field == "id":
                raise WrongColumns("--set id: every command has an id of its own")
            if field not in self._fields:
                raise self._no_field(shown(field))
            try:
                self._fixed[field] = self._fields[field].read(text)
            except ValueError as error:
                raise WrongColumns(f"--set {field}: {error}") from None

    def run(self, rows: Iterator[tuple[int, list[str]]]) -> list[dict[str, Any]]:
        """The commands. Raises WrongColumns, ConversionRefused."""
        first = next(rows, None)
        if first is None:
            raise ConversionRefused("the table is empty: its first row names the columns")
        header = [name.strip() for name in first[1]]
        columns = self._columns(header)
        found: list[dict[str, Any]] = []
        seen: dict[str, int] = {}
        for line, cells in rows:
            if len(cells) != len(header):
                raise ConversionRefused(
                    f"line {line}: {len(cells)} cells where the header has {len(header)} columns"
                )
            made = self._row(line, cells, columns)
            other = seen.setdefault(made["id"], line)
            if other != line:
                raise bad_cell(line, "id", f"{shown(made['id'])} is the id of line {other} already")
            found.append(made)
        if not found:
            raise ConversionRefused("the table holds no rows under its header")
        return found

    # -- the header --------------------------------------------------------------------------

    def _columns(self, header: Sequence[str]) -> list[tuple[str, str | None]]:
        """(name, field) of every column; the field is None where a column is left out."""
        for name in self._names:
            if name not in header:
                raise WrongColumns(f"--map {name}: the table has {listed(header)}, not that")
        columns = [(name, self._names.get(name, name) or None) for name in header]
        taken: dict[str, str] = {}
        for name, field in columns:
            if field is None:
                continue
            if field not in self._fields:
                raise self._no_field(f"the column {shown(name)}" if field == name else shown(field))
            if field in taken:
                raise WrongColumns(f"two columns, {taken[field]!r} and {name!r}, are {field!r}")
            if field in self._fixed:
                raise WrongColumns(f"{field!r} is a column of the table and set as well")
            taken[field] = name
        if "id" not in taken and self._prefix is None:
            raise WrongColumns("the table has no column 'id': --id-prefix makes the ids")
        given = {*taken, *self._fixed, "id"}
        for field, (_, required) in self._fields.items():
            if required and field not in given:
                raise WrongColumns(
                    f"{self._command} needs {field!r}, which is no column of the table "
                    f"({listed(header)}): --set {field}=VALUE gives it to every row, "
                    f"--map COLUMN={field} says where it stands"
                )
        return columns

    def _no_field(self, what: str) -> WrongColumns:
        return WrongColumns(
            f"{what} is no field of {self._command}; its fields are {', '.join(self._fields)} "
            "(--map COLUMN=FIELD names the field of a column, --map COLUMN= leaves it out)"
        )

    # -- a row -------------------------------------------------------------------------------

    def _row(
        self, line: int, cells: Sequence[str], columns: Sequence[tuple[str, str | None]]
    ) -> dict[str, Any]:
        given: dict[str, Any] = dict(self._fixed)
        places: dict[str, str] = {}
        for number, ((name, field), text) in enumerate(zip(columns, cells, strict=True), 1):
            there = bool(text.strip())
            if not name and there:
                raise bad_cell(line, str(number), f"{shown(text)} stands under no name")
            if field is None:
                continue
            places[field] = name
            if there:
                try:
                    given[field] = self._fields[field].read(text)
                except ValueError as error:
                    raise bad_cell(line, name, str(error)) from None
            elif self._fields[field].required:
                raise bad_cell(line, name, f"the cell is empty, and {field!r} is needed")
        if "id" not in places:
            given["id"] = f"{self._prefix}/{line}"
        made = {name: given[name] for name in self._fields if name in given}
        found = {"command": self._command, **made}
        try:
            prepare(found)
        except InvalidCommand as error:
            raise self._misfit(line, places, error) from None
        return found

    def _misfit(
        self, line: int, places: Mapping[str, str], error: InvalidCommand
    ) -> ConversionRefused | WrongColumns:
        """What a command of a wrong shape says of the table or of an option."""
        field = str(error.numbers.get("field", "")).partition(".")[0]
        reason = error.message.removeprefix(f"{field}: ")
        if field in places:
            return bad_cell(line, places[field], reason)
        if field in self._fixed:
            return WrongColumns(f"--set {field}: {reason}")
        if field == "id":
            return WrongColumns(f"--id-prefix: {reason}")
        return ConversionRefused(f"line {line}: {error.message}")


# -- fields ----------------------------------------------------------------------------------


def _fields(command: str) -> dict[str, _Field]:
    """The fields of a command by name, in the order in which they are written."""
    model = MODELS.get(command)
    if model is None:
        raise WrongColumns(f"{shown(command)} is no command; there are {listed(sorted(MODELS))}")
    kind = inspect.type_info(model)
    assert isinstance(kind, inspect.StructType)
    return {field.encode_name: _Field(_reader(field.type), field.required) for field in kind.fields}


def _reader(kind: inspect.Type) -> Read:
    match kind:
        case inspect.Metadata():
            return _reader(kind.type)
        case inspect.UnionType():
            several = {_reader(one) for one in kind.types if not isinstance(one, inspect.NoneType)}
            if len(several) == 1:
                return several.pop()
            return _text_or_json if _text in several else _json
        case inspect.IntType():
            return whole_number
        case inspect.DecimalType():
            return _decimal
        case inspect.BoolType():
            return _truth
        case inspect.StrType() | inspect.LiteralType() | inspect.EnumType():
            return _text
        case _:
            return _json


def _text(text: str) -> str:
    return text


def whole_number(text: str) -> int:
    """The integer that a cell writes. Raises ValueError with the reason."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a whole number such as 1200")
    return int(text)


def _decimal(text: str) -> str:
    # A command file may give a decimal as its text, which says what was written.
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a number such as 12.5")
    return text.strip()


def _truth(text: str) -> bool:
    found = {"true": True, "false": False}.get(text.strip().lower())
    if found is None:
        raise ValueError(f"{shown(text)} is neither true nor false")
    return found


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except InvalidCommand as error:
        raise ValueError(error.message.replace("the line", "the cell", 1)) from None


def _text_or_json(text: str) -> Any:
    return _json(text) if text.lstrip().startswith(("{", "[")) else text


# -- reading ---------------------------------------------------------------------------------


def rows(table: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the number of the line it begins on.

    Raises ConversionRefused for what is no CSV in UTF-8.
    """
    reader = csv.reader(_decoded(table), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConversionRefused(f"line {line}: this is no CSV: {error}") from None


def _decoded(table: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(table, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ConversionRefused(
                f"line {number}: the line is not UTF-8 (byte {error.start}); save the table as "
                "'CSV UTF-8'"
            ) from None


def bad_cell(line: int, column: str, reason: str) -> ConversionRefused:
    """What is wrong with the cell of a line and a column."""
    return ConversionRefused(f"line {line}, column {column}: {reason}")


def shown(text: str) -> str:
    """Text of a table as a message quotes it."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def listed(names: Iterable[str]) -> str:
    """Names of columns as a message lists them."""
    return ", ".join(name for name in names if name)[:1_000]
