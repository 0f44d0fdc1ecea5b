"""``convert``: outside tables as command files."""

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from etsledger.cli.options import NAME
from etsledger.cli.streams import encode_line, write


@click.group()
def convert() -> None:
    """Turn outside tables into command files.

    \b
    Example:
      etsledger convert eutl transactions.csv | etsledger apply -
    """


@convert.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
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

    with ExitStack() as stack:
        table = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        for command in commands(table, registry=registry):
            write(encode_line(command))
