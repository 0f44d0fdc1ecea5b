"""``allocation``: how an entity's allocation of a year came about."""

import click

from etsledger.cli.options import NAME, YEAR, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, nothing_on_record, pass_settings


@click.command()
@click.argument("entity", type=NAME)
@click.argument("year", type=YEAR)
@viewpoint_options
@output_option
@pass_settings
def allocation(
    settings: Settings,
    entity: str,
    year: int,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show the allocation of ENTITY for YEAR as a calculation, line by line.

    Each line names its rule and its source. While the allocation is not final it is the
    calculation that the facts on record would give. Exits 1 when nothing is on record.

    \b
    Example:
      etsledger allocation huaneng 2024
      etsledger allocation huaneng 2023 --known-at 2025-03-01
    """
    with settings.open() as ledger:
        row = ledger.allocation(entity, year, registry=registry, as_of=as_of, known_at=known_at)
        if row is None:
            nothing_on_record(
                ledger,
                f"nothing is on record of an allocation of {entity} for {year}",
                registry=registry,
                entity=entity,
            )

    def people() -> str:
        from etsledger.cli.calculation import in_words

        return in_words(row)

    output.one(row, people)
