"""``periods``: what is closed, the head of each closing, and what was recorded late since."""

from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings
from etsledger.cli.streams import echo

if TYPE_CHECKING:
    from etsledger.ledger import PeriodRow

_PERIOD = ("registry", "what", "since", "until", "position", "effective_at", "actor", "late")
_LATE = ("position", "type", "effective_at", "recorded_at", "actor", "approved_by", "reference")


@click.command()
@viewpoint_options
@output_option
@pass_settings
def periods(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show the closings of a registry, and in each the facts that came late.

    A fact is late when it takes effect in a period that was closed when it was recorded; it
    stands in the period in which it was recorded. The last row is the time since the last
    closing. Programs are given the head of each closing as well.

    \b
    Example:
      etsledger periods --registry cn-national
      etsledger periods --format jsonl
    """
    from etsledger.ledger import PeriodRow

    with settings.open() as ledger:
        rows = ledger.periods(registry=registry, as_of=as_of, known_at=known_at)
        if output.form == "table" and rows:
            _print(output, rows)
        else:
            output.rows(
                map(dict, rows), PeriodRow.__annotations__, nothing="nothing was ever closed"
            )
        if not rows:
            note_unknown(ledger, registry=registry)


def _print(output: Output, rows: "list[PeriodRow]") -> None:
    """A table of the closings, and of the late facts where there are some."""
    shown: list[dict[str, Any]] = [{**row, "late": len(row["late"])} for row in rows]
    for one, row in zip(shown, rows, strict=True):
        if row["reopened_by"] is not None:
            one["what"] = f"closed, opened again at {row['reopened_by']}"
    output.rows(shown, _PERIOD)
    late: list[dict[str, Any]] = [dict(fact) for row in rows for fact in row["late"]]
    if late:
        echo("\nlate:")
        output.rows(late, _LATE)
