"""``backup`` and ``restore``: keeping the books against the loss of a disk."""

from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from etsledger.cli.output import Output, output_option
from etsledger.cli.progress import progress
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.trust import public_key_option, read_kept_heads, read_key_file

if TYPE_CHECKING:
    from etsledger.ledger.backups import Restored
    from etsledger.ledger.heads import Head

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@output_option
@pass_settings
def backup(settings: Settings, file: Path, output: Output) -> None:
    """Copy the store into a new FILE, while writers go on, and check the copy.

    The copy is of one moment. FILE appears when its chain and its head are checked; a file of
    that name is never written over. It answers questions and takes no writes: 'restore' makes
    a store of it. A store on PostgreSQL is backed up by pg_dump (docs/operations.md).

    \b
    Example:
      etsledger backup /backup/books-2024-12-31.db
    """
    with (
        settings.open() as ledger,
        progress("checking the copy", ledger.store.head_position()) as bar,
    ):
        made = ledger.backup(file, progress=bar.reach)
    events = f"{made.head.position:,} events"
    output.one(made.as_dict(), lambda: f"{file}: {events}, checked\n{_point(made.head)}")


@click.command()
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--to", required=True, metavar="URL",
    help="Where the store is to be; no file may be there. Without FILE: the store that other "
    "tools have put there.",
)  # fmt: skip
@click.option(
    "--head", "kept", type=click.File("rb"), metavar="FILE", multiple=True,
    help="Heads that were kept since the backup, as 'etsledger head' printed them; may be "
    "repeated.",
)  # fmt: skip
@public_key_option
@click.option("--without-head", is_flag=True, help="No head was kept: nothing tells what is lost.")
@click.option("--accept-loss", is_flag=True, help="Go on although events are known to be lost.")
@output_option
def restore(
    file: Path | None,
    to: str,
    kept: tuple[IO[bytes], ...],
    key_file: IO[bytes] | None,
    without_head: bool,
    accept_loss: bool,
    output: Output,
) -> None:
    """Put a backup in the place of a store, and begin the store's next epoch.

    The heads that were kept since the backup was made tell whether it is all that was written:
    where it is not, the restore is refused and says how many events would be lost. Its heads
    name the epoch from then on, so that a copy that comes back later is known for what it is.

    \b
    Example:
      etsledger restore /backup/books-2024-12-31.db --to books.db --head heads.jsonl
    """
    if bool(kept) == without_head:
        raise click.UsageError(
            "give --head FILE with the heads that were kept since the backup was made, or "
            "--without-head if there are none"
        )
    if key_file and not kept:
        raise click.UsageError("--public-key is the key of signed heads: give --head, too")
    public_key = read_key_file(key_file)
    heads = read_kept_heads(kept)
    from etsledger.ledger.backups import restore as put_back

    with progress("checking", None) as bar:
        done = put_back(
            file, to, heads=heads if kept else None, public_key=public_key,
            accept_loss=accept_loss, progress=bar.reach,
        )  # fmt: skip
    output.one(done.as_dict(), lambda: _in_words(done))


def _in_words(done: "Restored") -> str:
    lost = f"; events written after it and lost: {done.lost:,}" if done.lost else ""
    epoch = done.head.epoch
    number = "" if epoch is None else f", epoch {epoch.epoch}"
    return f"{done.store}: {done.head.position:,} events{number}{lost}\n{_point(done.head)}"


def _point(head: "Head") -> str:
    return f"hash {head.hash}\nroot {head.root}"
