"""``replay``: the books made again from the log, or decided again in another way."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.failures import REFUSED
from etsledger.cli.options import NAME, TIME, TIME_OR_POSITION
from etsledger.cli.output import Output, output_option
from etsledger.cli.progress import progress
from etsledger.cli.rulebook_files import read_rulebook
from etsledger.cli.stores import Settings, pass_settings

if TYPE_CHECKING:
    from etsledger.ledger import Addition, Ledger, WhatIf

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--to", type=TIME_OR_POSITION, metavar="TIME|POSITION",
    help="Make the books again as they were known then. Default: now.",
)  # fmt: skip
@click.option(
    "--rulebook", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="What if this rulebook (TOML or JSON) had been in force from the first day?",
)  # fmt: skip
@click.option(
    "--registry", type=NAME, metavar="ID",
    help="The registry that --rulebook is for. Default: that of its name, or the only one.",
)  # fmt: skip
@click.option(
    "--without", type=NAME, multiple=True, metavar="ID",
    help="What if this command had not been sent? (may be repeated)",
)  # fmt: skip
@click.option(
    "--with", "with_", multiple=True, metavar="FILE[@POSITION]",
    help="What if the commands of this file had been sent too: at the end, or after POSITION?",
)  # fmt: skip
@click.option("--as-of", type=TIME, metavar="TIME", help="What if: compare the books of then.")
@click.option(
    "--keep", type=_FILE, metavar="FILE", help="What if: keep the other books in this new file."
)
@output_option
@pass_settings
def replay(
    settings: Settings,
    to: str | None,
    rulebook: Path | None,
    registry: str | None,
    without: Sequence[str],
    with_: Sequence[str],
    as_of: str | None,
    keep: Path | None,
    output: Output,
) -> None:
    """Make the books again from the log alone, and compare; or ask what if.

    Alone, or with --to: compares with what the tables say at that point; exits 1 when
    something differs. With --rulebook, --without or --with: decides every accepted command
    again, with its own recorded time, in scratch books of its own, and shows what would
    differ. Nothing is written to the ledger.

    \b
    Example:
      etsledger replay --to 2024-12-31
      etsledger replay --rulebook stricter.toml --as-of 2025-01-01
      etsledger replay --without transfer-17 --with instead.jsonl@2041
    """
    if not (rulebook or without or with_ or keep):
        if registry or as_of:
            raise click.UsageError("--registry and --as-of go with --rulebook, --without or --with")
        _compare(settings, to, output)
        return
    if to is not None:
        raise click.UsageError("--to makes the books again as they were: it asks no what if")
    if registry is not None and rulebook is None:
        raise click.UsageError("--registry says what --rulebook is for")
    given = None if rulebook is None else read_rulebook(rulebook)
    additions = [one for name in with_ for one in _additions(name)]
    if keep is not None and keep.exists():
        raise click.BadParameter(f"{keep} exists already; name a new file", param_hint="'--keep'")
    with settings.open() as ledger:
        found = _what_if(ledger, given, registry, without, additions, as_of, keep)
    if output.form == "table":
        from etsledger.cli.what_if import show

        show(found)
    else:
        output.one(found.as_dict(), str)


def _compare(settings: Settings, to: str | None, output: Output) -> None:
    with (
        settings.open() as ledger,
        progress("replaying", ledger.store.head_position()) as bar,
    ):
        found = ledger.replay(to=to, progress=bar.reach)
    if output.form == "table":
        from etsledger.cli.what_if import show_replay

        show_replay(found)
    else:
        output.one(found.as_dict(), str)
    if not found.ok:
        raise click.exceptions.Exit(REFUSED)


def _what_if(
    ledger: "Ledger",
    rulebook: dict[str, Any] | None,
    registry: str | None,
    without: Sequence[str],
    additions: Sequence["Addition"],
    as_of: str | None,
    keep: Path | None,
) -> "WhatIf":
    from etsledger.ledger import Refusal

    with progress("deciding again", ledger.store.head_position()) as bar:
        try:
            return ledger.what_if(
                rulebook=rulebook, registry=registry, without=without, with_=additions,
                as_of=as_of, keep=keep, progress=bar.reach,
            )  # fmt: skip
        except Refusal as refusal:  # of what was asked: commands of the log raise none
            raise click.UsageError(refusal.message) from None


def _additions(name: str) -> Iterator["Addition"]:
    """The commands of ``FILE`` or ``FILE@POSITION``, each with its line."""
    from etsledger.ledger import Addition

    path, after = Path(name), None
    file, _, number = name.rpartition("@")
    if file and number.isascii() and number.isdigit() and not path.exists():
        path, after = Path(file), int(number)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="'--with'") from None
    for line, one in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if one and not one.isspace():
            yield Addition(one, after, f"{path}:{line}")
