"""``compliance``: who owes what for which year, and how it stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from etsledger.cli.options import NAME, STATUSES, YEAR, from_log_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import ComplianceSummaryRow


@click.command()
@viewpoint_options
@click.option("--entity", type=NAME, metavar="ID", help="Of one entity only.")
@click.option("--year", type=YEAR, metavar="YEAR", help="Of one compliance year only.")
@click.option(
    "--status", "statuses", type=click.Choice(STATUSES, case_sensitive=False), multiple=True,
    metavar="STATUS", help=f"Of these statuses only (may be repeated): {', '.join(STATUSES)}.",
)  # fmt: skip
@click.option(
    "--summary", is_flag=True,
    help="Count by year, sector and province, with a total a year.",
)  # fmt: skip
@from_log_option
@output_option
@pass_settings
def compliance(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    entity: str | None,
    year: int | None,
    statuses: Sequence[str],
    summary: bool,
    from_log: bool,
    output: Output,
) -> None:
    """Show obligations and status by entity and compliance year, in tonnes.

    outstanding is the obligation less what was surrendered and confirmed, offsets and green
    power. The status follows from the facts: nothing has to be recorded for a deadline to
    pass.

    \b
    Example:
      etsledger compliance --year 2024 --as-of 2026-01-01 --status NON_COMPLIANT
      etsledger compliance --summary --as-of 2025-12-31 --known-at 2026-03-01
    """
    if summary and statuses:
        raise click.UsageError("--summary counts every status: it takes no --status")
    from etsledger.ledger import ComplianceRow, ComplianceSummaryRow

    with settings.open() as ledger:
        if summary:
            counted = ledger.compliance_summary(
                registry=registry, entity=entity, year=year, as_of=as_of, known_at=known_at,
                from_log=from_log,
            )  # fmt: skip
            shown = counted if output.form != "table" else [_named(row) for row in counted]
            output.rows(shown, ComplianceSummaryRow.__annotations__, nothing="no compliance years")
            found = bool(counted)
        else:
            rows = ledger.compliance(
                registry=registry, entity=entity, year=year, as_of=as_of, known_at=known_at,
                from_log=from_log,
            )  # fmt: skip
            chosen = [row for row in rows if not statuses or row["status"] in statuses]
            output.rows(chosen, ComplianceRow.__annotations__, nothing="no compliance years")
            found = bool(rows)
        if not found:
            note_unknown(ledger, registry=registry, entity=entity)


def _named(row: "ComplianceSummaryRow") -> dict[str, object]:
    """A year's total has no sector; people are told what it is."""
    return {**row, "sector": row["sector"] or "total"}
