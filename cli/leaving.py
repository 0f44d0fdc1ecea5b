"""``leaving``: who left for another market, and what is still to be cancelled."""

from typing import Any

import click

from etsledger.cli.options import entity_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings


@click.command()
@viewpoint_options
@entity_option
@output_option
@pass_settings
def leaving(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    entity: str | None,
    output: Output,
) -> None:
    """Show who left for another market, and which units it was given free it is to cancel.

    left = given free - cancelled, less what it had to surrender for earlier years or gave back
    since, in tonnes; it is overdue once the day to cancel by has passed.

    \b
    Example:
      etsledger leaving --entity steelworks --as-of 2028-01-01
    """
    from etsledger.ledger import LeavingRow

    with settings.open() as ledger:
        rows = ledger.leaving(registry=registry, entity=entity, as_of=as_of, known_at=known_at)
        shown: list[dict[str, Any]] = [dict(row) for row in rows]
        if output.form == "table":
            for row in shown:
                row["overdue"] = "overdue" if row["overdue"] else ""
        output.rows(shown, LeavingRow.__annotations__, nothing="nobody left")
        if not rows:
            note_unknown(ledger, registry=registry, entity=entity)
