"""``credits``: what became of certified emission reductions."""

from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import unit_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import CreditRow


@click.command(name="credits")
@viewpoint_options
@unit_option
@output_option
@pass_settings
def credits_(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    unit: str | None,
    output: Output,
) -> None:
    """Show credits by project and year, from issuance to use, in tonnes.

    issued = free + locked + used + cancelled. Serial numbers are told first in, first out.

    \b
    Example:
      etsledger credits --unit CCER:haian-wind:2024 --as-of 2025-12-31
    """
    from etsledger.ledger import CreditRow

    with settings.open() as ledger:
        rows = ledger.credits(registry=registry, unit=unit, as_of=as_of, known_at=known_at)
        if output.form == "table":
            shown = [_told(row) for row in rows]
            names = dict.fromkeys(name for row in shown for name in row if _any_of(shown, name))
            output.rows(shown, names, nothing="no credits")
        else:
            output.rows(rows, CreditRow.__annotations__)
        if not rows:
            note_unknown(ledger, registry=registry)


def _any_of(rows: list[dict[str, Any]], name: str) -> bool:
    """Whether a column that may be left out has something in a row."""
    return name not in ("methodology", "locked_for", "used_for") or any(r[name] for r in rows)


def _told(row: "CreditRow") -> dict[str, Any]:
    """A row for people: whom credits are kept for, and who used which numbers."""
    hidden = ("serials", "locks", "uses", "cancelled_serials")
    shown = {name: value for name, value in row.items() if name not in hidden}
    shown["locked_for"] = "; ".join(f"{lock['entity']} {lock['year']}" for lock in row["locks"])
    shown["used_for"] = "; ".join(
        f"{use['entity']} {use['year']} ({_ranges(use['serials'])})" for use in row["uses"]
    )
    if row["covered_by_ets"] is not None:
        shown["covered_by_ets"] = "yes" if row["covered_by_ets"] else "no"
    return shown


def _ranges(serials: list[tuple[int, int]]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in serials) or "no numbers"
