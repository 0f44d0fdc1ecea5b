"""``statement``: the movements of an account."""

import click

from etsledger.cli.options import NAME, TIME, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings


@click.command()
@click.argument("account", type=NAME)
@click.option("--from", "start", type=TIME, metavar="TIME", help="Movements effective from then.")
@click.option(
    "--to", "end", type=TIME, metavar="TIME",
    help="Movements effective by then; a bare date includes that day. Default: --as-of.",
)  # fmt: skip
@viewpoint_options
@output_option
@pass_settings
def statement(
    settings: Settings,
    account: str,
    start: str | None,
    end: str | None,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show every movement of ACCOUNT with its running balance, by effective time.

    The balance runs from the account's first movement, wherever the list begins.

    \b
    Example:
      etsledger statement crrc-1 --from 2024-01-01 --to 2024-12-31
    """
    from etsledger.ledger import StatementRow

    with settings.open() as ledger:
        rows = ledger.statement(
            account, registry=registry, start=start, end=end, as_of=as_of, known_at=known_at
        )
        output.rows(rows, StatementRow.__annotations__, nothing="no movements")
        if not rows:
            note_unknown(ledger, registry=registry, account=account)
