"""``migrate``: books that begin in the middle, out of statements or of another store."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from etsledger.cli.converting import named_pairs
from etsledger.cli.failures import REFUSED, complain
from etsledger.cli.options import NAME, TIME
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import echo, encode_line, write

if TYPE_CHECKING:
    from datetime import datetime

    from etsledger.ledger.migrating import Migrated
    from etsledger.ledger.statements import Kind

F = TypeVar("F", bound=Callable[..., Any])
_ROWS = ("lines", "command", "subject", "of", "quantity", "outcome", "code", "message")
_TOTALS = ("what", "of", "theirs", "ours", "difference")


@click.group()
def migrate() -> None:
    """Begin books in the middle: from statements of the time before, or from another store.

    A statement is looked at first: nothing is written without --write, and then all of it or
    nothing. Each opening is labelled with the file's name and SHA-256 for ever; the same file
    a second time changes nothing.

    \b
    Example:
      etsledger migrate holdings holdings.csv --registry cn-national --cut-over 2025-01-01
      etsledger migrate holdings holdings.csv --registry cn-national --cut-over 2025-01-01 --write
    """


def _statement(command: F) -> F:
    """The file and the options of every statement."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
        click.option("--registry", type=NAME, default="cn-national", show_default=True,
                     metavar="ID", help="The registry that the statement is of."),
        click.option("--cut-over", "cut_over", type=TIME, required=True, metavar="DATE",
                     help="When these books begin: the statement is of just before, and facts "
                     "from then on are recorded as themselves."),
        click.option("--map", "names", type=NAME, multiple=True, metavar="COLUMN=FIELD",
                     help="The field of a column that is called otherwise; COLUMN= leaves the "
                     "column out. May be repeated."),
        click.option("--set", "constants", type=NAME, multiple=True, metavar="FIELD=VALUE",
                     help="A field that every row has. May be repeated."),
        click.option("--actor", type=NAME, metavar="TEXT", help="Who has it recorded."),
        click.option("--write", "written", is_flag=True,
                     help="Record it; without this nothing is written."),
        output_option,
        pass_settings,
    )  # fmt: skip
    made: Any = command
    for option in reversed(options):
        made = option(made)
    return made


@migrate.command()
@_statement
def holdings(settings: Settings, output: Output, **given: Any) -> None:
    """State what accounts held: a row is account, unit and quantity (tonnes).

    Optional columns: borrowed and borrowed_for (tonnes of it that were lent, and for which
    year), kept_for (the entity that a government account keeps it for). The table is CSV in
    UTF-8; - is standard input.

    \b
    Example:
      etsledger migrate holdings holdings.csv --map Konto=account --cut-over 2025-01-01
    """
    _migrate("holdings", settings, output, **given)


@migrate.command()
@_statement
def obligations(settings: Settings, output: Output, **given: Any) -> None:
    """State how entities stand with their years: a row is entity, year and what is known.

    Columns in tonnes: verified_emissions, obligation (where the rules are not to compute it),
    entitlement, pre_allocated, allocated, recalled, recall_open, surrendered (with unit),
    offsets (with offset_unit), green_power; submitted_at says when the last three were handed
    in; fine is in CNY. A further row of a year adds another unit that was surrendered.

    \b
    Example:
      etsledger migrate obligations years.csv --set year=2023 --cut-over 2025-01-01
    """
    _migrate("obligations", settings, output, **given)


@migrate.command()
@_statement
def trades(settings: Settings, output: Output, **given: Any) -> None:
    """State what was sold and bought before: a row is trade, date, unit, quantity and the
    accounts seller and buyer.

    Trades in the window of the rulebook, of units that are carried over, count for the
    banking cap of the entities whose accounts they are of.

    \b
    Example:
      etsledger migrate trades trades-2024.csv --cut-over 2025-01-01 --write
    """
    _migrate("trades", settings, output, **given)


def _migrate(
    kind: "Kind",
    settings: Settings,
    output: Output,
    *,
    file: str,
    registry: str,
    cut_over: str,
    names: Sequence[str],
    constants: Sequence[str],
    actor: str | None,
    written: bool,
) -> None:
    from etsledger.ledger.csvtable import WrongColumns
    from etsledger.ledger.migrating import migrate as look_at
    from etsledger.ledger.migration import source_of

    fixed = named_pairs("--set", "FIELD=VALUE", [text.partition("=") for text in constants])
    fields = named_pairs("--map", "COLUMN=FIELD", [text.rpartition("=") for text in names])
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    name = "standard input" if file == "-" else NAME.convert(Path(file).name, None, None)
    source = source_of(data, name, registry, _instant(cut_over), actor)
    with settings.open(sending=True) as ledger:
        try:
            found = look_at(
                ledger, kind, data, source, names=fields, constants=fixed, write=written
            )
        except WrongColumns as error:
            raise click.UsageError(str(error)) from None
    _show(name, kind, found, output, asked=written)
    if not found.good:
        raise click.exceptions.Exit(REFUSED)


def _show(name: str, kind: str, found: "Migrated", output: Output, *, asked: bool) -> None:
    for bad in found.bad:
        complain(f"{name}: {bad}")
    if output.form == "table":
        output.rows(
            [{**row, "lines": _lines(row["lines"])} for row in found.rows], _ROWS,
            nothing="nothing to record",
        )  # fmt: skip
        if found.totals:
            echo("\nthe file against the books, in tonnes:")
            output.rows(found.totals, _TOTALS)
    else:
        output.one(
            {
                "rows": found.rows, "bad": [one._asdict() for one in found.bad],
                "left_out": found.left_out, "totals": found.totals, "breaks": found.breaks,
                "written": found.written,
            },
            lambda: "",
        )  # fmt: skip
    for row in found.rows:
        for warning in row["warnings"]:
            complain(f"{name}:{row['lines'][0]}: warning: {warning}")
    for one in found.left_out:
        complain(f"{name}: left out: {one}")
    for one in found.breaks:
        complain(f"{name}: {one}")
    complain(_summary(kind, found, asked=asked))


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:5]))
    return f"{shown}, … ({len(lines)})" if len(lines) > 5 else shown


def _summary(kind: str, found: "Migrated", *, asked: bool) -> str:
    new = sum(row["outcome"] in ("accepted", "would be recorded") for row in found.rows)
    known = sum(row["outcome"] == "duplicate" for row in found.rows)
    counted = (
        f"{_number(new, 'opening')} of {kind}, {known:,} known already, {len(found.refused):,} "
        f"refused, {_number(len(found.bad), 'bad row')}"
    )
    wrong = bool(found.bad or found.refused)
    if asked and wrong:
        return f"{counted}; nothing was written: all of it or nothing"
    done = "a dry run: nothing was written"
    if asked:
        done = "recorded in one write" if new else "nothing is new"
    if wrong:
        return f"{counted}; {done}"
    agreed = "file and books agree" if not found.breaks else (
        f"file and books differ in {_number(len(found.breaks), 'place')}"
    )  # fmt: skip
    return f"{counted}; {done}; {agreed}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@migrate.command(name="from")
@click.argument("store", type=NAME, metavar="STORE")
@click.option(
    "--cut-over", "cut_over", type=TIME, required=True, metavar="DATE",
    help="When the new books begin: what took effect before is stated as of then.",
)  # fmt: skip
@click.option("--registry", type=NAME, metavar="ID", help="Of one registry only.")
@click.option("--actor", type=NAME, metavar="TEXT", help="Who states it.")
def from_(store: str, cut_over: str, registry: str | None, actor: str | None) -> None:
    """Write the command file that opens new books where another store's end.

    Registrations, rulebooks, market days and balance values are told again; holdings, years
    and what carrying over needs are stated as of the cut-over. The other store is only read.

    \b
    Example:
      etsledger migrate from old.db --cut-over 2025-01-01 | etsledger --store new.db apply -
    """
    from etsledger.ledger import Ledger
    from etsledger.ledger.openings import Openings

    with Ledger.open(store, read_only=True) as ledger:
        head = ledger.head()
        found = Openings(ledger.store, head.position, _instant(cut_over), registry=registry)
        label = {"reference": f"{Path(store).name} @{head.position} {head.hash}"}
        if actor is not None:
            label["actor"] = actor
        for command in found.commands(**label):
            write(encode_line(command))
    for one in found.left_out:
        complain(f"left out: {one}")


def _instant(given: str) -> "datetime":
    from etsledger.domain.times import parse_instant

    return parse_instant(given)
