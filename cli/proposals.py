"""``proposals``: what waits for a second person, and what became of it."""

from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.options import viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import ProposalRow

_STATUSES = ("open", "approved", "executed", "rejected")
_COLUMNS = (
    "registry", "proposal", "command", "id", "proposer", "proposed_at", "reserved", "status", "by",
    "decided_at", "delay_until",
)  # fmt: skip
"""Those that no row has anything in are left out."""


@click.command()
@viewpoint_options
@click.option(
    "--status", type=click.Choice(_STATUSES), metavar="STATUS",
    help="Of one status only: open, approved (in its delay), executed or rejected.",
)  # fmt: skip
@output_option
@pass_settings
def proposals(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    status: str | None,
    output: Output,
) -> None:
    """Show what one actor asked for and another is to approve: who, when, and what is reserved.

    An approved proposal waits until the end of the last day of its delay; until it is executed
    it can be rejected.

    \b
    Example:
      etsledger proposals --status open
    """
    from etsledger.ledger import ProposalRow

    with settings.open() as ledger:
        rows = ledger.proposals(registry=registry, status=status, as_of=as_of, known_at=known_at)
        if output.form == "table":
            shown = [_told(row) for row in rows]
            names = dict.fromkeys(name for row in shown for name, value in row.items() if value)
            output.rows(shown, [name for name in _COLUMNS if name in names], nothing="no proposals")
        else:
            output.rows(rows, ProposalRow.__annotations__)
        if not rows:
            note_unknown(ledger, registry=registry)


def _told(row: "ProposalRow") -> dict[str, Any]:
    """A row for people: the last thing that happened to it, and by whom."""
    by, at = row["rejected_by"] or row["approver"], row["rejected_at"] or row["approved_at"]
    return {
        "registry": row["registry"],
        "proposal": row["proposal"],
        "command": row["kind"],
        "id": row["command_id"],
        "proposer": row["proposer"],
        "proposed_at": row["proposed_at"],
        "status": row["status"],
        "by": by,
        "decided_at": row["executed_at"] or at,
        "delay_until": row["delay_until"],
        "reserved": "; ".join(
            f"{one['quantity']:,} t {one['unit']} in {one['account']}" for one in row["reserved"]
        ),
    }
