"""``verify``, ``head`` and ``rebuild``: that the books are what was written into them."""

from typing import IO, TYPE_CHECKING

import click

from etsledger.cli.failures import REFUSED
from etsledger.cli.output import Output, output_option
from etsledger.cli.progress import progress
from etsledger.cli.stores import Settings, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import Head, Report


@click.command()
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE",
    help="Also compare with a head kept elsewhere, as 'etsledger head' printed it.",
)  # fmt: skip
@click.option("--chain", is_flag=True, help="Only the hash chain, the positions and the order.")
@output_option
@pass_settings
def verify(settings: Settings, kept: IO[bytes] | None, chain: bool, output: Output) -> None:
    """Check the log, and everything derived from it, against itself.

    Exits 1 when it finds anything. A log that was cut at its end looks whole: only --head,
    with a head that was kept elsewhere, finds that.

    \b
    Example:
      etsledger verify --head kept-elsewhere.json
    """
    head = read_kept_head(kept)
    with (
        settings.open() as ledger,
        progress("verifying", ledger.store.head_position()) as bar,
    ):
        report = ledger.verify(head=head, chain_only=chain, progress=bar.reach)
    output.one(report.as_dict(), lambda: report_in_words(report))
    if not report.ok:
        raise click.exceptions.Exit(REFUSED)


def read_kept_head(file: IO[bytes] | None) -> "Head | None":
    """The head in a file that --head names. Raises UsageError when it is none."""
    if file is None:
        return None
    from etsledger.ledger import LedgerError, read_head

    try:
        return read_head(file.read())
    except LedgerError as error:
        raise click.UsageError(error.message) from None


def report_in_words(report: "Report") -> str:
    """What verification found, for people."""
    lines = [
        f"{finding.check} at position {finding.position}: {finding.message}"
        if finding.position is not None
        else f"{finding.check}: {finding.message}"
        for finding in report.findings
    ]
    verdict = "nothing is wrong" if report.ok else f"{len(lines)} findings"
    return "\n".join([*lines, f"{report.events:,} events checked: {verdict}", _head(report.head)])


def _head(head: "Head") -> str:
    return (
        f"position {head.position}\nhash     {head.hash}\nroot     {head.root or '(not computed)'}"
    )


@click.command()
@output_option
@pass_settings
def head(settings: Settings, output: Output) -> None:
    """Print the present head: position, hash and Merkle root.

    Kept where nobody who can write the store can write, it proves later that nothing before
    it was changed or cut off.

    \b
    Example:
      etsledger head --format json > kept-elsewhere.json
    """
    with settings.open() as ledger:
        present = ledger.head()
    output.one(present.as_dict(), lambda: _head(present))


@click.command()
@output_option
@pass_settings
def rebuild(settings: Settings, output: Output) -> None:
    """Drop everything derived from the log and fill it again.

    \b
    Example:
      etsledger rebuild && etsledger verify
    """
    with (
        settings.open() as ledger,
        progress("rebuilding", ledger.store.head_position()) as bar,
    ):
        position = ledger.rebuild(bar.reach)
    output.one({"position": position}, lambda: f"rebuilt from the log up to position {position}")
