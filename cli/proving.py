"""``prove``: that one event is in the log, for somebody who may not see the rest."""

from typing import IO

import click

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
