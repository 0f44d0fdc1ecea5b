"""``refusals``: the journal of commands that were not accepted."""

import click

from etsledger.cli.options import NAME, registry_option
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, pass_settings

_COLUMNS = ("recorded_at", "position", "command_id", "code", "command", "refusal")


@click.command()
@registry_option
@click.option(
    "--code", type=NAME, metavar="CODE", help="Of one kind only, such as InsufficientUnits."
)
@output_option
@pass_settings
def refusals(settings: Settings, registry: str | None, code: str | None, output: Output) -> None:
    """Show the refused commands, oldest first, with the numbers that decided.

    Attempts are evidence: they are kept beside the log, outside its hash chain. Lines that
    were no commands at all are not kept.

    \b
    Example:
      etsledger refusals --code InsufficientUnits
    """
    with settings.open() as ledger:
        rows = [
            row
            for row in ledger.refusals(code)
            if registry is None or row["command"].get("registry") == registry
        ]
    output.rows(rows, _COLUMNS, nothing="no refusals")
