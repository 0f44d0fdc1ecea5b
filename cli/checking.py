"""``check-proof``, also as a program of its own that loads no store: ``etsledger-check-proof``."""

from typing import IO, TYPE_CHECKING

import click

from etsledger.cli.failures import REFUSED
from etsledger.cli.group import StandaloneCommand
from etsledger.cli.output import Output, output_option
from etsledger.cli.trust import public_key_option, read_kept_head, read_key_file

if TYPE_CHECKING:
    from etsledger.ledger.extracts import ExtractVerdict
    from etsledger.ledger.proofs import Verdict


@click.command("check-proof", cls=StandaloneCommand)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE", required=True,
    help="The head that was kept elsewhere, as 'etsledger head' printed it.",
)  # fmt: skip
@public_key_option
@output_option
def check_proof(
    file: IO[bytes], kept: IO[bytes], key_file: IO[bytes] | None, output: Output
) -> None:
    """Check what 'etsledger prove' or 'extract' wrote to FILE, without any store.

    Exits 1, and says what is wrong, unless each event in clear is that of its record, the
    record is in the log of the kept head, and the log only grew between the two heads of a
    proof. 'etsledger-check-proof' is the same as a program of its own.

    \b
    Example:
      etsledger check-proof proof.json --head kept-elsewhere.json --public-key key.pem.pub
    """
    from etsledger.ledger.extracts import check_extract, is_extract
    from etsledger.ledger.proofs import check_proof as check

    head = read_kept_head(kept)
    assert head is not None
    text, public_key = file.read(), read_key_file(key_file)
    verdict = (check_extract if is_extract(text) else check)(text, head, public_key=public_key)
    output.one(verdict.as_dict(), lambda: verdict_in_words(verdict))
    if not verdict.ok:
        raise click.exceptions.Exit(REFUSED)


def verdict_in_words(verdict: "Verdict | ExtractVerdict") -> str:
    """What checking a proof or an extract found, for people."""
    if verdict.ok:
        head, signed = verdict.head, verdict.head.signed
        by = f", signed by {signed.public_key} at {signed.signed_at}" if signed else ""
        return (
            f"proven: {_what(verdict)} of the log whose head at position {head.position} was "
            f"kept{by}"
        )
    lines = [f"{one.check}: {one.message}" for one in verdict.wrong]
    return "\n".join([*lines, f"not proven: {len(lines)} findings"])


def _what(verdict: "Verdict | ExtractVerdict") -> str:
    """What was proven, once nothing is wrong."""
    from etsledger.ledger.proofs import Verdict

    if isinstance(verdict, Verdict):
        event = verdict.event or {}
        return (
            f"{event['type']} of command {event['command_id']!r} is the event at position "
            f"{event['position']}"
        )
    given = verdict.extract
    assert given is not None
    number = len(given.facts)
    return f"{number:,} facts of entity {given.entity!r} are events"


def main() -> None:
    """The console script ``etsledger-check-proof``."""
    check_proof.main(prog_name="etsledger-check-proof")
