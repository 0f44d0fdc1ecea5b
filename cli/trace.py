"""``trace``: where tonnes came from, and where they are."""

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import NAME, account_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger.provenance import TraceRow, TraceStep


def _serials(
    _: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[int, int] | None:
    if given is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", given)
    if found is None or not 1 <= int(found[1]) <= int(found[2] or found[1]):
        raise click.BadParameter(
            f"{given[:40]!r} is no range of serial numbers; 1-100 or 17 is one", param=parameter
        )
    return int(found[1]), int(found[2] or found[1])


@click.command()
@click.argument("unit", type=NAME, required=False)
@click.argument("serials", metavar="[FROM-TO]", callback=_serials, required=False)
@viewpoint_options
@account_option
@click.option("--unit", "of_unit", type=NAME, metavar="UNIT", help="The same as UNIT.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many ranges.")
@output_option
@pass_settings
def trace(
    settings: Settings,
    unit: str | None,
    serials: tuple[int, int] | None,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    account: str | None,
    of_unit: str | None,
    limit: int | None,
    output: Output,
) -> None:
    """Show the way of the tonnes of UNIT, or of what an --account holds, from their issuance.

    Every tonne has the next serial number of its unit, in the order of the log; FROM-TO are
    some of them. Which tonnes an account gave away is told first in, first out, by effective
    time. Tonnes that were carried over go on under the numbers of the new vintage.

    \b
    Example:
      etsledger trace CEA:2023 1-1000
      etsledger trace --account crrc-1 --as-of 2024-12-31
    """
    if unit is not None and of_unit not in (None, unit):
        raise click.UsageError(f"UNIT {unit} is not --unit {of_unit}: name one")
    unit = unit or of_unit
    if unit is None and account is None:
        raise click.UsageError("say whose tonnes: a UNIT, or an --account")
    from etsledger.ledger.provenance import TraceRow

    with settings.open() as ledger:
        found = ledger.trace(
            unit=unit, serials=serials, account=account, registry=registry, as_of=as_of,
            known_at=known_at,
        )  # fmt: skip
        rows = islice(found, limit)
        if output.form == "table":
            count = output.rows(map(_told, rows), _COLUMNS, nothing="no tonnes")
        else:
            count = output.rows(rows, TraceRow.__annotations__)
        if not count:
            note_unknown(ledger, registry=registry, account=account)


_COLUMNS = ("registry", "unit", "serials", "quantity", "account", "way")


def _told(row: "TraceRow") -> dict[str, Any]:
    """A row for people: each step by its day, its event and where it led."""
    first, *later = row["way"]
    told = [f"{first['from']} → {_step(first)}"]
    unit = first["unit"]
    for step in later:
        if step["unit"] != unit:
            unit = step["unit"]
            told.append(f"as {unit} {step['first']}-{step['last']}: {_step(step)}")
        else:
            told.append(_step(step))
    return {
        "registry": row["registry"],
        "unit": row["unit"],
        "serials": f"{row['first']}-{row['last']}",
        "quantity": row["quantity"],
        "account": row["account"],
        "way": " → ".join(told),
    }


def _step(step: "TraceStep") -> str:
    by = f" by {', '.join(step['via'])}" if step["via"] else ""
    return f"{step['to']}{by} (@{step['position']} {step['effective_at'][:10]})"
