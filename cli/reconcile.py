"""``reconcile``: an outside statement against the books."""

import hashlib
import io
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.converting import named_pairs
from etsledger.cli.failures import REFUSED, complain
from etsledger.cli.options import NAME, TIME, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import Ledger, ReconciliationRow
    from etsledger.ledger.outside import Statement

_COLUMNS = (
    "kind", "account", "unit", "date", "reference", "theirs", "ours", "difference", "differs",
    "lines", "positions", "near",
)  # fmt: skip
_NEAR = ("account", "unit", "position", "type", "effective_at", "recorded_at", "quantity",
         "reference", "command_id")  # fmt: skip


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--map", "names", type=NAME, multiple=True, metavar="COLUMN=FIELD",
    help="The field (account, unit, quantity, date, reference) of a column that is called "
    "otherwise; COLUMN= leaves the column out. May be repeated.",
)  # fmt: skip
@click.option(
    "--set", "constants", type=NAME, multiple=True, metavar="FIELD=VALUE",
    help="The account or the unit of every line. May be repeated.",
)  # fmt: skip
@viewpoint_options
@click.option("--days", type=click.IntRange(0, 366), default=0, show_default=True, metavar="N",
              help="How far apart the dates of one movement may lie.")  # fmt: skip
@click.option("--from", "start", type=TIME, metavar="TIME",
              help="Where the period of movements begins. Default: the first date.")  # fmt: skip
@click.option("--to", "end", type=TIME, metavar="TIME",
              help="Where it ends. Default: the last date.")  # fmt: skip
@click.option("--account", "accounts", type=NAME, multiple=True, metavar="ID",
              help="An account that the statement speaks of, whether or not it names it. May be "
              "repeated.")  # fmt: skip
@click.option("--every-account", is_flag=True,
              help="The statement speaks of every account of the registry.")  # fmt: skip
@click.option("--breaks", "only_breaks", is_flag=True, help="Leave out what is matched.")
@click.option("--record", is_flag=True, help="Write the outcome into the log as well.")
@click.option("--id", "command_id", type=NAME, metavar="ID",
              help="The id of that command. Default: of the file and the position.")  # fmt: skip
@click.option("--actor", type=NAME, metavar="TEXT", help="Who had it recorded.")
@output_option
@pass_settings
def reconcile(
    settings: Settings,
    file: str,
    names: Sequence[str],
    constants: Sequence[str],
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    days: int,
    start: str | None,
    end: str | None,
    accounts: Sequence[str],
    every_account: bool,
    only_breaks: bool,
    record: bool,
    command_id: str | None,
    actor: str | None,
    output: Output,
) -> None:
    """Compare a registry's or a bank's statement (CSV in UTF-8, - is standard input) with ours.

    With a date column it lists movements: tonnes into the account are above zero. Without
    one it lists holdings, compared as of --as-of. A line is matched, missing here, missing
    there or differing; exit code 1 when any is not matched.

    \b
    Example:
      etsledger reconcile holdings.csv --map Konto=account --as-of 2024-12-31
      etsledger reconcile moves.csv --set account=crrc-1 --days 2 --record
    """
    from etsledger.ledger.csvtable import WrongColumns
    from etsledger.ledger.outside import read_statement

    if (command_id or actor) and not record:
        raise click.UsageError("--id and --actor belong to --record")
    fixed = named_pairs("--set", "FIELD=VALUE", [text.partition("=") for text in constants])
    fields = named_pairs("--map", "COLUMN=FIELD", [text.rpartition("=") for text in names])
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        statement = read_statement(io.BytesIO(data), names=fields, constants=fixed)
    except WrongColumns as error:
        raise click.UsageError(str(error)) from None
    if statement.kind == "holdings" and (start or end or days):
        raise click.UsageError(
            "--from, --to and --days are for movements, and no column is the date of one "
            "(--map COLUMN=date)"
        )
    with settings.open() as ledger:
        view = _pinned(ledger, as_of, known_at)
        registry = registry or _only_registry(ledger)
        try:
            rows = ledger.reconcile(
                statement.rows, kind=statement.kind, registry=registry, unit=fixed.get("unit"),
                accounts=[*accounts, *({fixed["account"]} if "account" in fixed else ())],
                every_account=every_account, start=start, end=end, days=days, **view,
            )  # fmt: skip
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        breaks = [row for row in rows if row["kind"] != "matched"]
        _show(output, breaks if only_breaks else rows)
        complain(_counts(statement, rows))
        if record:
            given = {"id": command_id, "actor": actor, "registry": registry}
            _record(ledger, "standard input" if file == "-" else Path(file).name, data,
                    statement, rows, view, given)  # fmt: skip
    if breaks:
        raise click.exceptions.Exit(REFUSED)


def _pinned(ledger: "Ledger", as_of: str | None, known_at: str | None) -> dict[str, Any]:
    """The two clocks of the question as an instant and a position."""
    from etsledger.domain.times import iso
    from etsledger.projections.instants import viewpoint

    head = ledger.store.head_position()
    view = viewpoint(ledger.store, ledger.clock, as_of, known_at, head)
    return {"as_of": iso(view.as_of), "known_at": view.upto}


def _show(output: Output, rows: "Sequence[ReconciliationRow]") -> None:
    if output.form != "table":
        output.rows(rows, _COLUMNS)
        return
    output.rows(rows, _COLUMNS[:-1])
    near = [
        {"account": row["account"], "unit": row["unit"], **event}
        for row in rows
        for event in row["near"]
    ]
    once = {(one["account"], one["unit"], one["position"], one["quantity"]): one for one in near}
    if once:
        click.echo("\nour events near the breaks:")
        output.rows(list(once.values()), _NEAR)


def _counts(statement: "Statement", rows: "Sequence[ReconciliationRow]") -> str:
    counts = Counter(row["kind"] for row in rows)
    kinds = ("matched", "missing_here", "missing_there", "differing")
    said = ", ".join(f"{counts[kind]:,} {kind.replace('_', ' ')}" for kind in kinds)
    return f"{len(statement.rows):,} lines of {statement.kind}: {said}"


def _record(
    ledger: "Ledger",
    source: str,
    data: bytes,
    statement: "Statement",
    rows: "Sequence[ReconciliationRow]",
    view: dict[str, Any],
    given: dict[str, str | None],
) -> None:
    from etsledger.ledger.reconciliation import outcome

    digest = hashlib.sha256(data).hexdigest()
    command = {
        "command": "record_reconciliation",
        "id": f"reconcile/{digest[:16]}/@{ledger.store.head_position()}",
        "source": NAME.convert(source, None, None),
        "sha256": digest,
        "kind": statement.kind,
        **view,
        **outcome(rows),
        **{name: value for name, value in given.items() if value is not None},
    }
    done = ledger.execute(command)
    complain(f"recorded at position {done.positions[0]} by command {done.id}")


def _only_registry(ledger: "Ledger") -> str | None:
    opened = [event["registry"] for event in ledger.events(types=["RegistryOpened"])]
    return opened[0] if len(opened) == 1 else None
