"""``convert``: outside tables as command files."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from etsledger.cli.options import NAME
from etsledger.cli.streams import encode_line, write

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


@click.group()
def convert() -> None:
    """Turn outside tables into command files.

    \b
    Example:
      etsledger convert eutl transactions.csv | etsledger apply -
      etsledger convert table transfers.csv --command transfer | etsledger apply -
    """


@convert.command()
@click.argument("file", type=_FILE)
@click.option(
    "--registry", type=NAME, default="eu-ets", show_default=True, metavar="ID",
    help="The registry that the commands open, under the rulebook 'open'.",
)  # fmt: skip
def eutl(file: str, registry: str) -> None:
    """Turn an EUTL transaction table (CSV, - is standard input) into a command file.

    The commands open the registry and every account, state an opening balance wherever the
    table alone would take an account below zero, and then give one batch a transaction.
    Nothing is written before the whole table was read and found good.

    \b
    Example:
      etsledger convert eutl transactions.csv | etsledger apply -
    """
    from etsledger.ledger.eutl import commands

    with _opened(file) as table:
        for command in commands(table, registry=registry):
            write(encode_line(command))


@convert.command()
@click.argument("file", type=_FILE)
@click.option(
    "--command", required=True, type=NAME, metavar="NAME",
    help="The command that every row is, such as transfer.",
)  # fmt: skip
@click.option("--registry", type=NAME, metavar="ID", help="The registry of every command.")
@click.option(
    "--set", "constants", type=NAME, multiple=True, metavar="FIELD=VALUE",
    help="A field that every row has. May be repeated.",
)  # fmt: skip
@click.option(
    "--map", "names", type=NAME, multiple=True, metavar="COLUMN=FIELD",
    help="The field of a column that is called otherwise; COLUMN= leaves the column out. "
    "May be repeated.",
)  # fmt: skip
@click.option(
    "--id-prefix", type=NAME, metavar="TEXT",
    help="Ids are TEXT/LINE unless there is a column 'id'. Default: the name of the file.",
)  # fmt: skip
def table(
    file: str,
    command: str,
    registry: str | None,
    constants: Sequence[str],
    names: Sequence[str],
    id_prefix: str | None,
) -> None:
    """Turn a table (CSV in UTF-8, - is standard input) into a command file: a row a command.

    The first row names the columns, by the fields of the command. An empty cell leaves its
    field out. Nothing is written before the whole table was read and found good.

    \b
    Example:
      etsledger convert table hubei-2024.csv --command pre_allocate --set year=2024 \\
        | etsledger apply --keep-going --format jsonl -
    """
    from etsledger.ledger.csvtable import WrongColumns, commands

    fixed = named_pairs("--set", "FIELD=VALUE", [text.partition("=") for text in constants])
    if registry is not None and fixed.setdefault("registry", registry) is not registry:
        raise click.UsageError("--registry and --set registry=… are both given")
    # a column's name may hold an equals sign, a field's does not
    fields = named_pairs("--map", "COLUMN=FIELD", [text.rpartition("=") for text in names])
    if id_prefix is None and file != "-":
        id_prefix = NAME.convert(Path(file).name, None, None)
    try:
        with _opened(file) as lines:
            found = commands(lines, command, constants=fixed, names=fields, id_prefix=id_prefix)
    except WrongColumns as error:
        raise click.UsageError(str(error)) from None
    for one in found:
        write(encode_line(one))


def named_pairs(option: str, shape: str, given: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """What an option that is given again and again says. Raises UsageError."""
    found: dict[str, str] = {}
    for name, sign, value in given:
        if not (name and sign):
            raise click.UsageError(f"{option} {name or value}: expected {shape}")
        if name in found:
            raise click.UsageError(f"{option} {name}=… is given twice")
        found[name] = value
    return found


@contextmanager
def _opened(file: str) -> Generator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
    else:
        with Path(file).open("rb") as opened:
            yield opened
