"""``banking``: what an entity may carry over into a new vintage, and why."""

from typing import TYPE_CHECKING

import click

from etsledger.cli.options import NAME, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, nothing_on_record, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import BankingRow


@click.command()
@click.argument("entity", type=NAME)
@viewpoint_options
@output_option
@pass_settings
def banking(
    settings: Settings,
    entity: str,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    output: Output,
) -> None:
    """Show how many old units ENTITY may carry over, in tonnes, as a calculation.

    The cap is a base and a multiple of what it sold net in the window; no more than it held at
    the snapshot; less what it carried over. Programs are given every trade that counts. Exits 1
    where nothing can be carried over.

    \b
    Example:
      etsledger banking huaneng
      etsledger banking huaneng --as-of 2026-03-20 --format json
    """
    with settings.open() as ledger:
        row = ledger.banking(entity, registry=registry, as_of=as_of, known_at=known_at)
        if row is None:
            nothing_on_record(
                ledger,
                f"no rulebook lets units of {entity} be carried over",
                registry=registry,
                entity=entity,
            )

    def people() -> str:
        return _in_words(row)

    output.one(row, people)


def _in_words(row: "BankingRow") -> str:
    """The calculation for people."""
    from rich.table import Table
    from rich.text import Text

    from etsledger.cli.failures import one_line
    from etsledger.cli.tables import as_text

    window = row["window"]
    sold: dict[str, int] = dict.fromkeys(row["net_sales"], 0)
    bought = dict(sold)
    for trade in row["trades"]:
        side = sold if trade["sign"] > 0 else bought
        side[trade["unit"]] += trade["quantity"]
    now = {one["unit"]: one for one in row["left"]}
    titles = ["unit", "sold", "bought", "net sales", "holding then", "held now"]
    if any(one["flag"] for one in row["left"]):
        titles.append("")
    by_unit = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        justify = "left" if title in ("unit", "") else "right"
        by_unit.add_column(title, justify=justify, no_wrap=True)
    for unit, net in row["net_sales"].items():
        left = now.get(unit, {"quantity": 0, "flag": None})
        tonnes = (sold[unit], bought[unit], net, row["holdings"][unit], left["quantity"])
        cells = (unit, *(f"{number:,}" for number in tonnes), str(left["flag"] or ""))
        by_unit.add_row(*(Text(one_line(cell)) for cell in cells[: len(titles)]))
    steps = [
        ("net sales, at least 0", row["net_sales_total"],
         f"trades from {window['trades_from']} to {window['trades_to']}"),
        ("cap", row["cap"], f"{row['base']:,} + net sales x {row['ratio']}"),
        ("holding", row["holding"], f"at {window['holding_at']}"),
        ("- carried over", row["carried"], _batches(row)),
        ("= can be carried over" if row["window"]["open"] else "= left of it",
         row["carryable"], _when(row)),
    ]  # fmt: skip
    total = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for justify in ("left", "right", "left"):
        total.add_column(justify=justify, no_wrap=True)
    for what, number, remark in steps:
        total.add_row(what, f"{number:,} t", Text(one_line(remark)))
    head = f"Carry-over of {row['entity']} into {row['into']} ({row['registry']})"
    may = "eligible" if row["eligible"] else "not eligible: " + "; ".join(row["reasons"])
    book = row["rulebook"]
    foot = (
        f"{row['rule']}: {row['source']}\n"
        f"rulebook {book['name']} {book['version']}, hash {book['hash']}"
    )
    parts = [one_line(head) + "\n" + one_line(may), as_text(by_unit), as_text(total), foot]
    return "\n\n".join(parts)


def _batches(row: "BankingRow") -> str:
    """What was carried over in which batch."""
    tonnes: dict[str, int] = {}
    for one in row["carry_overs"]:
        batch = f"in the batch processed by {one['processed_by']}"
        if one["processed_by"] is None:
            batch = "in no batch"
        tonnes[batch] = tonnes.get(batch, 0) + one["quantity"]
    return ", ".join(f"{number:,} {batch}" for batch, number in tonnes.items())


def _when(row: "BankingRow") -> str:
    window = row["window"]
    if not window["open"]:
        return f"applications are taken from {window['apply_from']} to {window['apply_to']}"
    if window["batch"] is None:
        return "now"
    return f"now, to be processed by {window['batch']['processed_by']}"
