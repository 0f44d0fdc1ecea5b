"""``names`` and ``forget-names``: names of individuals, which are not in the log."""

import click

from etsledger.cli.failures import REFUSED, complain
from etsledger.cli.options import NAME, registry_option
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, pass_settings


@click.command()
@registry_option
@output_option
@pass_settings
def names(settings: Settings, registry: str | None, output: Output) -> None:
    """Show the names of individuals on file, and the hash that the log has for each.

    \b
    Example:
      etsledger names --registry cn-chongqing
    """
    from etsledger.ledger.names import NameRow

    with settings.open() as ledger:
        rows = [dict(row) for row in ledger.names() if registry in (None, row["registry"])]
    output.rows(rows, NameRow.__annotations__, nothing="no name is on file")


@click.command()
@registry_option
@click.option("--account", type=NAME, metavar="ACCOUNT", help="Of the holder of an account.")
@click.option("--actor", type=NAME, metavar="ACTOR", help="Of an actor.")
@click.option("--everyone", is_flag=True, help="All names.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@pass_settings
def forget_names(
    settings: Settings,
    registry: str | None,
    account: str | None,
    actor: str | None,
    everyone: bool,
    yes: bool,
) -> None:
    """Take names of individuals off file for ever.

    The log has only salted hashes of them and does not change: it verifies as before. Backups
    that were made before still have the names.

    \b
    Example:
      etsledger forget-names --account wang-1 --yes
    """
    if not (account or actor or everyone):
        raise click.UsageError("say whose name: --account, --actor or --everyone")
    if not yes and not click.confirm("Names that are forgotten cannot be had back. Go on?"):
        complain("nothing was forgotten")
        raise click.exceptions.Exit(REFUSED)
    with settings.open() as ledger:
        gone = ledger.forget_names(
            registry=registry, account=account, actor=actor, everyone=everyone
        )
    click.echo(f"{gone} name{'' if gone == 1 else 's'} forgotten")
