"""``verify``, ``head`` and ``rebuild``: that the books are what was written into them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from etsledger.cli.failures import REFUSED
from etsledger.cli.output import Output, output_option
from etsledger.cli.progress import progress
from etsledger.cli.stores import Settings, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger.heads import Head
    from etsledger.ledger.verify import Report

F = TypeVar("F", bound=Callable[..., Any])


def public_key_option(command: F) -> F:
    """``--public-key``; hands the command the file as its argument ``key_file``."""
    return click.option(
        "--public-key", "key_file", type=click.File("rb"), metavar="FILE",
        help="The public key (PEM) that the head must be signed by.",
    )(command)  # fmt: skip


def read_key_file(file: IO[bytes] | None) -> str | None:
    """The key in a file that --public-key names, in hex. Raises KeyRefused."""
    if file is None:
        return None
    from etsledger.ledger.signatures import read_public_key

    return read_public_key(file.read())


@click.command()
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE", multiple=True,
    help="Also compare with a head kept elsewhere, as 'etsledger head' printed it, or with all "
    "of a file; may be repeated.",
)  # fmt: skip
@public_key_option
@click.option("--chain", is_flag=True, help="Only the hash chain, the positions and the order.")
@click.option(
    "--upcast", is_flag=True,
    help="Only read every event in the shape that this version gives it.",
)  # fmt: skip
@output_option
@pass_settings
def verify(
    settings: Settings,
    kept: tuple[IO[bytes], ...],
    key_file: IO[bytes] | None,
    chain: bool,
    upcast: bool,
    output: Output,
) -> None:
    """Check the log, and everything derived from it, against itself.

    Exits 1 when it finds anything. A log that was cut at its end looks whole: only --head,
    with a head that was kept elsewhere, finds that. The signature of a signed head is
    checked; with --public-key every head must be signed by that key.

    \b
    Example:
      etsledger verify --head kept-elsewhere.json --public-key key.pem.pub
    """
    if upcast and (kept or chain or key_file):
        raise click.UsageError("--upcast reads events and nothing else: give it alone")
    if key_file and not kept:
        raise click.UsageError("--public-key is the key of a signed head: give --head, too")
    public_key = read_key_file(key_file)
    heads = read_kept_heads(kept)
    with (
        settings.open() as ledger,
        progress("verifying", ledger.store.head_position()) as bar,
    ):
        report = ledger.verify(
            head=heads, public_key=public_key, chain_only=chain, upcast=upcast,
            progress=bar.reach,
        )  # fmt: skip
    output.one(report.as_dict(), lambda: report_in_words(report))
    if not report.ok:
        raise click.exceptions.Exit(REFUSED)


def read_kept_head(file: IO[bytes] | None) -> "Head | None":
    """The head in a file that --head names. Raises UsageError when it is none."""
    if file is None:
        return None
    from etsledger.ledger.errors import LedgerError
    from etsledger.ledger.heads import read_head

    try:
        return read_head(file.read())
    except LedgerError as error:
        raise click.UsageError(error.message) from None


def read_kept_heads(files: Iterable[IO[bytes]]) -> "list[Head]":
    """All heads in the files that --head names. Raises UsageError for a file without one."""
    from etsledger.ledger.errors import LedgerError
    from etsledger.ledger.heads import read_heads

    try:
        return [head for file in files for head in read_heads(file.read())]
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
    lines = [
        f"position {head.position}",
        f"hash     {head.hash}",
        f"root     {head.root or '(not computed)'}",
    ]
    if head.epoch is not None:
        since = "" if head.epoch.is_first else f" (restored at position {head.epoch.epoch_from})"
        lines += [f"store    {head.epoch.store_id}", f"epoch    {head.epoch.epoch}{since}"]
    if head.signed is not None:
        lines += [
            f"signed   {head.signed.signed_at}",
            f"key      {head.signed.public_key}",
        ]
    return "\n".join(lines)


@click.command()
@click.option(
    "--sign", "key", type=click.File("rb"), metavar="KEYFILE",
    help="Sign it with this private key (Ed25519, PEM).",
)  # fmt: skip
@click.option(
    "--new-key", type=click.Path(dir_okay=False, path_type=Path), metavar="KEYFILE",
    help="Make a private key instead, and beside it KEYFILE.pub, the public key.",
)  # fmt: skip
@output_option
@pass_settings
def head(settings: Settings, key: IO[bytes] | None, new_key: Path | None, output: Output) -> None:
    """Print the present head: position, hash and Merkle root.

    Kept where nobody who can write the store can write, it proves later that nothing before
    it was changed or cut off. Signed, it may pass through any hands.

    \b
    Example:
      etsledger head --format json > kept-elsewhere.json
      etsledger head --new-key key.pem
      etsledger head --sign key.pem --format json > kept-elsewhere.json
    """
    if new_key is not None:
        if key is not None:
            raise click.UsageError("--new-key makes a key and --sign uses one: one at a time")
        _new_key(new_key, output)
        return
    with settings.open() as ledger:
        present, epoch = ledger.head(key.read() if key is not None else None), ledger.epoch
    output.one(present.as_dict(), lambda: _head(present._replace(epoch=epoch)))


def _new_key(path: Path, output: Output) -> None:
    from etsledger.ledger.signatures import new_key, public_file

    public = new_key(path)
    beside = public_file(path)
    output.one(
        {"private_key": str(path), "public_key_file": str(beside), "public_key": public},
        lambda: (
            f"private key  {path} (keep it to yourself)\n"
            f"public key   {beside}\nin heads     {public}"
        ),
    )


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
