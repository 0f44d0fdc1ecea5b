"""``actors``: who holds which role."""

import click

from etsledger.cli.options import NAME, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

ROLES = (
    "competent_authority", "province", "entity", "exchange", "credit_registry", "verifier",
    "auditor",
)  # fmt: skip


@click.command()
@viewpoint_options
@click.option("--actor", type=NAME, metavar="ID", help="Of one actor only.")
@click.option("--role", type=click.Choice(ROLES), metavar="ROLE", help="Of one role only.")
@click.option("--entity", type=NAME, metavar="ID", help="Roles held for one entity only.")
@output_option
@pass_settings
def actors(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    actor: str | None,
    role: str | None,
    entity: str | None,
    output: Output,
) -> None:
    """Show who may ask for something: which roles each actor holds, since when, from whom.

    An actor without a role is shown too. A person's name, as far as it is on file, is shown by
    'names'.

    \b
    Example:
      etsledger actors --role entity --as-of 2024-12-31
    """
    from etsledger.ledger import ActorRow

    with settings.open() as ledger:
        rows = ledger.actors(
            registry=registry, actor=actor, role=role, entity=entity, as_of=as_of,
            known_at=known_at,
        )  # fmt: skip
        output.rows(rows, ActorRow.__annotations__, nothing="no actor is registered")
        if not rows:
            note_unknown(ledger, registry=registry, entity=entity)
