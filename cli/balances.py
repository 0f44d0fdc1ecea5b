"""``balances``: what accounts hold."""

import click

from etsledger.cli.options import (
    account_option,
    entity_option,
    from_log_option,
    unit_option,
    viewpoint_options,
)
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings


@click.command()
@viewpoint_options
@account_option
@entity_option
@unit_option
@click.option("--zero", is_flag=True, help="Also show holdings of zero.")
@from_log_option
@output_option
@pass_settings
def balances(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    account: str | None,
    entity: str | None,
    unit: str | None,
    zero: bool,
    from_log: bool,
    output: Output,
) -> None:
    """Show what accounts hold, in tonnes, at any instant as known at any other.

    quantity is all that is held; available is what can leave: the rest is frozen, pledged,
    pending surrender or restricted.

    \b
    Example:
      etsledger balances --entity crrc
      etsledger balances --account crrc-1 --as-of 2024-12-31 --known-at 2025-03-01
    """
    from etsledger.ledger import BalanceRow

    with settings.open() as ledger:
        rows = ledger.balances(
            registry=registry, account=account, entity=entity, unit=unit, as_of=as_of,
            known_at=known_at, zero=zero, from_log=from_log,
        )  # fmt: skip
        output.rows(rows, BalanceRow.__annotations__, nothing="no holdings")
        if not rows:
            note_unknown(ledger, registry=registry, account=account, entity=entity)
