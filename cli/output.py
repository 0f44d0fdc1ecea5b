"""The one way that results leave: as a table for people, or JSON, JSONL, CSV for programs.

Programs get UTF-8 whatever the locale says; people get what their terminal can show.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
import msgspec

from etsledger.cli.streams import Row, echo, encode_line, write

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "jsonl", "csv")


def output_option(command: F) -> F:
    """``--format``; hands the command an ``Output`` as its argument ``output``."""
    return click.option(
        "--format", "output", type=click.Choice(FORMATS), callback=_choose, metavar="FORMAT",
        help="table, json (one array), jsonl (a line a row) or csv. Default: table at a "
        "terminal, json elsewhere.",
    )(command)  # fmt: skip


def _choose(_: click.Context, __: click.Parameter, given: str | None) -> "Output":
    return Output(given or ("table" if sys.stdout.isatty() else "json"), asked=given is not None)


class Output:
    """Writes the rows or the one object of an answer to standard output."""

    def __init__(self, form: str, *, asked: bool = True) -> None:
        self.form = form
        self.asked = asked
        """Whether the user named the format."""

    def rows(self, rows: Iterable[Row], columns: Iterable[str], *, nothing: str = "") -> int:
        """Writes rows with ``columns``; gives their number.

        ``nothing`` is what people are told when there are none.
        """
        names = list(columns)
        match self.form:
            case "table":
                from etsledger.cli.tables import print_rows

                return print_rows(rows, names, nothing)
            case "csv":
                return _write_csv(rows, names)
            case "jsonl":
                return _write_jsonl(rows)
            case _:
                return _write_array(rows)

    def one(self, row: Row, people: Callable[[], str]) -> None:
        """Writes one object; ``people`` gives the text for a terminal."""
        match self.form:
            case "table":
                echo(people())
            case "csv":
                _write_csv([row], list(row))
            case "jsonl":
                write(msgspec.json.encode(row) + b"\n")
            case _:
                write(msgspec.json.format(msgspec.json.encode(row), indent=2) + b"\n")


def _write_jsonl(rows: Iterable[Row]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        write(encode_line(row))
    return count


def _write_array(rows: Iterable[Row]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):
        write((b"[\n " if count == 1 else b",\n ") + msgspec.json.encode(row))
    write(b"\n]\n" if count else b"[]\n")
    return count


def _write_csv(rows: Iterable[Row], names: Sequence[str]) -> int:
    count, line = 0, io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(names)
    for count, row in enumerate(rows, 1):  # noqa: B007
        writer.writerow([_cell(row.get(name)) for name in names])
        if line.tell() > 1 << 16:
            write(line.getvalue().encode())
            line.seek(0)
            line.truncate()
    write(line.getvalue().encode())
    return count


def _cell(value: Any) -> Any:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return value
        case _:
            return msgspec.json.encode(value).decode()
