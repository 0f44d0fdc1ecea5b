"""``export`` and ``import``: the whole log as JSON lines."""

import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

import click

from etsledger.cli.failures import complain
from etsledger.cli.output import Output, output_option
from etsledger.cli.progress import progress
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import write
from etsledger.cli.trust import read_kept_head
from etsledger.ledger.durable import replaced


@click.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@pass_settings
def export(settings: Settings, file: str) -> None:
    """Write the whole log to FILE (default: standard output), one sealed record a line.

    FILE appears when it is complete; a file of that name is replaced then.

    \b
    Example:
      etsledger export ledger.jsonl
      etsledger export | gzip > ledger.jsonl.gz
    """
    with settings.open() as ledger:
        if file == "-":
            for line in ledger.export():
                write(line + b"\n")
            return
        target = Path(file).resolve()
        if not target.parent.is_dir():
            raise click.UsageError(f"the folder {target.parent} does not exist")
        _not_the_store(ledger.store.url, target)
        with (
            progress("exporting", ledger.store.head_position()) as bar,
            _complete_or_not_at_all(target) as out,
        ):
            count = _write(_counted(ledger.export(), bar.reach), out)
    complain(f"{count:,} events written to {file}")


def _write(lines: Iterable[bytes], out: IO[bytes]) -> int:
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007
        out.write(line + b"\n")
    return count


def _counted(lines: Iterable[bytes], reach: Callable[[int], None]) -> Iterator[bytes]:
    for count, line in enumerate(lines, 1):
        if count % 5_000 == 0:
            reach(count)
        yield line


def _not_the_store(url: str, target: Path) -> None:
    store = Path(url.removeprefix("sqlite:///"))
    if target.exists() and store.exists() and target.samefile(store):
        raise click.UsageError(f"{target} is the store itself; export to another file")


@contextmanager
def _complete_or_not_at_all(target: Path) -> Generator[IO[bytes]]:
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with target.open("wb") as out:  # a device or a pipe: not to be replaced by a file
            yield out
        return
    with replaced(target) as out:
        yield out


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE",
    help="The head that the file is to end at, as 'etsledger head' printed it.",
)  # fmt: skip
@output_option
@pass_settings
def import_(settings: Settings, file: str, kept: IO[bytes] | None, output: Output) -> None:
    """Take in an exported log (- is standard input), all of it or nothing.

    Every record is checked again. Into a store that is not empty the file must begin with
    the same history; only what is new is written. Makes the store if it is absent.

    \b
    Example:
      etsledger --store sqlite:///copy.db import ledger.jsonl --head kept-elsewhere.json
      etsledger export | etsledger --store postgresql://localhost/ets import -
    """
    if kept is not None and file == "-" and kept is sys.stdin.buffer:
        raise click.UsageError("FILE and --head cannot both be standard input")
    head = read_kept_head(kept)
    with settings.open(create=True) as ledger, progress("importing", None) as bar:
        try:
            with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as lines:
                count = ledger.import_log(lines, head=head, progress=bar.reach)
        except BaseException:
            ledger.store.discard()
            raise
        position = ledger.store.head_position()
    output.one(
        {"imported": count, "position": position},
        lambda: f"{count:,} new events; the log ends at position {position}",
    )
