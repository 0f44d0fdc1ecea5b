"""``prove`` and ``extract``: one event, or one entity's, for who may not see the rest."""

from typing import IO

import click

from etsledger.cli.options import NAME, registry_option
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import write
from etsledger.cli.trust import read_kept_head


@click.command()
@click.argument("position", type=click.IntRange(min=1))
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE",
    help="Also prove that the log only grew since this head, as 'etsledger head' printed it.",
)  # fmt: skip
@pass_settings
def prove(settings: Settings, position: int, kept: IO[bytes] | None) -> None:
    """Write a proof that the event at POSITION is in the log, as one line of JSON.

    It holds the event in clear, its sealed record, and the Merkle path to the present head:
    enough to check it with that head, or with the one that --head names, and without the
    ledger.

    \b
    Example:
      etsledger prove 17 --head kept-elsewhere.json > proof.json
      etsledger check-proof proof.json --head kept-elsewhere.json
    """
    head = read_kept_head(kept)
    with settings.open() as ledger:
        proof = ledger.prove(position, head)
    write(proof.to_bytes(), flush=True)


@click.command()
@click.argument("entity", type=NAME)
@registry_option
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE",
    help="Up to this head that was kept, as 'etsledger head' printed it. Default: the present.",
)  # fmt: skip
@pass_settings
def extract(settings: Settings, entity: str, registry: str | None, kept: IO[bytes] | None) -> None:
    """Write the facts of one ENTITY, each with a proof that it is in the log.

    They are the events that 'etsledger events --entity' shows: those that name the entity or
    one of its accounts, and no others. Whoever has the head checks them without the ledger.

    \b
    Example:
      etsledger extract crrc --head kept-elsewhere.json > crrc.json
      etsledger check-proof crrc.json --head kept-elsewhere.json
    """
    head = read_kept_head(kept)
    with settings.open() as ledger:
        found = ledger.extract(entity, registry=registry, head=head)
    write(found.to_bytes(), flush=True)
