"""``entities``: who is registered, under which name, credit code and province."""

import click

from etsledger.cli.options import NAME, entity_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings


@click.command()
@viewpoint_options
@entity_option
@click.option("--province", type=NAME, metavar="NAME", help="Of one province only.")
@output_option
@pass_settings
def entities(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    entity: str | None,
    province: str | None,
    output: Output,
) -> None:
    """Show who is registered: name, credit code, sector, province and status as they were.

    Who took over from whom stands beside it, once a succession is in effect.

    \b
    Example:
      etsledger entities --province hubei --as-of 2024-12-31
    """
    from etsledger.ledger import EntityRow

    with settings.open() as ledger:
        rows = ledger.entities(
            registry=registry, entity=entity, province=province, as_of=as_of, known_at=known_at
        )
        output.rows(rows, EntityRow.__annotations__, nothing="no entity is registered")
        if not rows:
            note_unknown(ledger, registry=registry, entity=entity)
