"""``deadlines``: the last day for what follows from facts on record."""

from typing import Any

import click

from etsledger.cli.options import YEAR, entity_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

_SHOWN = (
    "last_day", "state", "registry", "entity", "year", "period", "counted_from", "days", "fact",
    "rule", "note",
)  # fmt: skip
"""A table has no room for the text of the source; programs get it."""


@click.command()
@viewpoint_options
@entity_option
@click.option("--year", type=YEAR, metavar="YEAR", help="Of one compliance year only.")
@click.option("--running", is_flag=True, help="Only what can still be met.")
@output_option
@pass_settings
def deadlines(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    entity: str | None,
    year: int | None,
    running: bool,
    output: Output,
) -> None:
    """Show by when things are due, each with the fact that its days are counted from.

    Periods that rules count in working days, surrender for each compliance year, and what is to
    be cancelled after leaving. A period of 7 days is over with the 7th working day after the day
    of the fact. As of a day, each is running, passed, met, or met late.

    \b
    Example:
      etsledger deadlines --entity huaneng --running
      etsledger deadlines --as-of 2026-02-24 --format csv
    """
    from etsledger.ledger import DeadlineRow

    with settings.open() as ledger:
        rows = ledger.deadlines(
            registry=registry, entity=entity, year=year, running=running,
            as_of=as_of, known_at=known_at,
        )  # fmt: skip
        shown: list[dict[str, Any]] = [dict(row) for row in rows]
        people = output.form == "table"
        columns = _SHOWN if people else tuple(DeadlineRow.__annotations__)
        output.rows(shown, columns, nothing="nothing is due")
        if not rows:
            note_unknown(ledger, registry=registry, entity=entity)
