"""``report``: one page to hand to a regulator."""

import sys
from pathlib import Path

import click

from etsledger.cli.options import NAME, viewpoint_options
from etsledger.cli.stores import Settings, pass_settings


@click.command()
@click.argument("subject", type=NAME, metavar="ENTITY|REGISTRY")
@viewpoint_options
@click.option("--html", "target", type=click.Path(dir_okay=False, allow_dash=True),
              required=True, metavar="FILE",
              help="Where the page goes; - is standard output.")  # fmt: skip
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True,
              help="The language of the page.")  # fmt: skip
@pass_settings
def report(
    settings: Settings,
    subject: str,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    target: str,
    lang: str,
) -> None:
    """Write one self-contained HTML page on an entity or a registry, to hand to a regulator.

    Holdings, movements, obligation against surrender, the allocation line by line, facts
    recorded late or restated, and the head with how to check it. It asks nothing of the
    network, and reads well on paper. The same question gives the same page, byte for byte.

    \b
    Example:
      etsledger report crrc --as-of 2024-12-31 --html crrc-2024.html --lang zh
    """
    with settings.open() as ledger:
        try:
            page = ledger.report(
                subject, registry=registry, as_of=as_of, known_at=known_at, lang=lang
            ).encode()
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if target == "-":
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
        return
    Path(target).write_bytes(page)
    click.echo(f"written to {target}", err=True)
