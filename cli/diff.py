"""``diff``: what changed between two instants, and by which events."""

from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import (
    KNOWN,
    TIME,
    account_option,
    entity_option,
    registry_option,
    unit_option,
)
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger.changes import DiffRow

Instants = tuple[str | None, str | None]


def _instants(context: click.Context, parameter: click.Parameter, given: str | None) -> Instants:
    if given is None:
        return None, None
    as_of, _, known_at = given.partition(",")
    return (
        TIME.convert(as_of, parameter, context) if as_of.strip() else None,
        KNOWN.convert(known_at, parameter, context) if known_at.strip() else None,
    )


@click.command()
@click.option(
    "--from", "start", metavar="AS-OF[,KNOWN-AT]", required=True, callback=_instants,
    help="The first instant: as of when, and as known when (a time, or @POSITION).",
)  # fmt: skip
@click.option(
    "--to", "end", metavar="AS-OF[,KNOWN-AT]", callback=_instants,
    help="The second one. What is left out is now.",
)  # fmt: skip
@registry_option
@account_option
@entity_option
@unit_option
@click.option(
    "--events", type=click.IntRange(min=0), metavar="N",
    help="Name at most so many events of each change. Default: 20, or fewer where more than a "
    "thousand numbers changed.",
)  # fmt: skip
@output_option
@pass_settings
def diff(
    settings: Settings,
    start: Instants,
    end: Instants,
    registry: str | None,
    account: str | None,
    entity: str | None,
    unit: str | None,
    events: int | None,
    output: Output,
) -> None:
    """Show what changed in balances and compliance between two instants, and by which events.

    A fact counts at an instant when it is effective by AS-OF and recorded by KNOWN-AT; the
    events of a change count at one of the two only, each with the reason. Compliance is left
    out when an --account or a --unit is asked for. A difference is an answer: exit code 0.

    \b
    Example:
      etsledger diff --from 2024-12-31 --to 2025-12-31 --entity crrc
      etsledger diff --from 2024-12-31,2025-01-15 --to 2024-12-31
    """
    from etsledger.ledger.changes import DiffRow

    with settings.open() as ledger:
        rows = ledger.diff(
            start, end, registry=registry, account=account, entity=entity, unit=unit,
            events=events,
        )  # fmt: skip
        if output.form == "table":
            output.rows(_aligned(list(map(_told, rows))), _COLUMNS, nothing="no difference")
        else:
            output.rows(rows, DiffRow.__annotations__)
        if not rows:
            note_unknown(ledger, registry=registry, account=account, entity=entity)


_COLUMNS = ("registry", "of", "what", "from", "to", "change", "by")


def _told(row: "DiffRow") -> dict[str, Any]:
    """A row for people: whose number it is, and the events in short."""
    told: list[str] = []
    for event in row["events"]:
        change = "" if event["change"] is None else f" {event['change']:+,}"
        told.append(f"@{event['position']} {event['type']}{change} ({event['why']})")
    if row["event_count"] > len(told):
        told.append(f"and {row['event_count'] - len(told):,} more")
    if row["deadline"] is not None and row["field"] == "status":
        told.append(f"the deadline {row['deadline'][:10]} passed")
    balance = row["what"] == "balance"
    return {
        "registry": row["registry"],
        "of": row["account"] if balance else row["entity"],
        "what": f"{row['unit'] if balance else row['year']} {row['field']}",
        "from": _shown(row["from"]),
        "to": _shown(row["to"]),
        "change": "" if row["change"] is None else f"{row['change']:+,}",
        "by": "; ".join(told),
    }


def _aligned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers and statuses, with their ends below each other."""
    for name in ("from", "to", "change"):
        width = max((len(row[name]) for row in rows), default=0)
        for row in rows:
            row[name] = row[name].rjust(width)
    return rows


def _shown(value: int | str | None) -> str:
    return f"{value:,}" if isinstance(value, int) else value or ""
