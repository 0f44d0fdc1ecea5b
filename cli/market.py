"""``market``: what was traded, at what prices."""

from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import TIME, from_log_option, unit_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import MarketRow
    from etsledger.ledger.questions import Period

PERIODS = ("day", "month", "year", "all")
_METHODS = ("listed", "block", "bidding")


@click.command()
@viewpoint_options
@unit_option
@click.option(
    "--method", type=click.Choice(_METHODS), metavar="METHOD",
    help=f"Of one method only: {', '.join(_METHODS)}.",
)  # fmt: skip
@click.option("--from", "start", type=TIME, metavar="DATE", help="Trades of this day or later.")
@click.option("--to", "end", type=TIME, metavar="DATE", help="Trades of this day or earlier.")
@click.option(
    "--by", type=click.Choice(PERIODS), default="month", show_default=True, metavar="PERIOD",
    help=f"Put trades together by {', '.join(PERIODS[:-1])}, or all of them.",
)  # fmt: skip
@from_log_option
@output_option
@pass_settings
def market(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    unit: str | None,
    method: str | None,
    start: str | None,
    end: str | None,
    by: "Period",
    from_log: bool,
    output: Output,
) -> None:
    """Show traded volume (tonnes), value and average price (CNY) by unit, method and period.

    The average price is value over volume, rounded half-up to 0.01. A trade belongs to the
    day of its effective time in Asia/Shanghai.

    \b
    Example:
      etsledger market --unit CEA:2023 --from 2024-11-01 --to 2024-11-30 --by day
      etsledger market --by year --known-at 2025-01-31
    """
    from etsledger.ledger import MarketRow

    with settings.open() as ledger:
        rows = ledger.market(
            registry=registry, unit=unit, method=method, start=start, end=end, by=by,
            as_of=as_of, known_at=known_at, from_log=from_log,
        )  # fmt: skip
        shown = _aligned(rows) if output.form == "table" else rows
        columns = list(MarketRow.__annotations__)
        if by == "all" and output.form == "table":
            columns.remove("period")
        output.rows(shown, columns, nothing="no trades")
        if not rows:
            note_unknown(ledger, registry=registry)


def _aligned(rows: "list[MarketRow]") -> list[dict[str, Any]]:
    """Numbers for people: with thousands separators, and their points below each other."""
    shown: list[dict[str, Any]] = [dict(row) for row in rows]
    for name in ("volume", "value", "average_price", "trades"):
        texts = [_grouped(str(row[name])) for row in shown]
        width = max(map(len, texts), default=0)
        for row, text in zip(shown, texts, strict=True):
            row[name] = text.rjust(width)
    return shown


def _grouped(number: str) -> str:
    whole, point, places = number.partition(".")
    return f"{int(whole):,}{point}{places}"
