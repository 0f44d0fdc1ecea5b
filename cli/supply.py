"""``supply``: where the units are."""

import click

from etsledger.cli.options import from_log_option, unit_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings


@click.command()
@viewpoint_options
@unit_option
@from_log_option
@output_option
@pass_settings
def supply(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    unit: str | None,
    from_log: bool,
    output: Output,
) -> None:
    """Show per unit how much was issued and where it is now: it always balances.

    issued + converted in = authority + province + holding + reserve + retired + cancelled +
    converted out, in tonnes.

    \b
    Example:
      etsledger supply --unit CEA:2023 --as-of 2024-12-31
    """
    from etsledger.ledger import SupplyRow

    with settings.open() as ledger:
        rows = ledger.supply(
            registry=registry, unit=unit, as_of=as_of, known_at=known_at, from_log=from_log
        )
        output.rows(rows, SupplyRow.__annotations__, nothing="no units")
        if not rows:
            note_unknown(ledger, registry=registry)
