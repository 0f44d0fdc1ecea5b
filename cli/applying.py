"""``apply``: runs command files."""

import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

import click

from etsledger.cli.failures import REFUSED
from etsledger.cli.lines import lines_of
from etsledger.cli.output import FORMATS, Output
from etsledger.cli.progress import Bar, progress
from etsledger.cli.publishing import Publishing, publishing_options, read_publishing
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import echo, encode_line, write

if TYPE_CHECKING:
    from etsledger.ledger import Ledger, Line, Outcome

_BOM = b"\xef\xbb\xbf"
_SHOW_EVERY = 1 << 18


class _Files:
    """The lines of command files, and where each of them stands."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._starts: list[int] = []
        self.bar: Bar | None = None

    @property
    def size(self) -> int | None:
        """Bytes in all, or None when one is a pipe."""
        paths = [Path(name) for name in self._names]
        if any(name == "-" or not path.is_file() for name, path in zip(self._names, paths)):  # noqa: B905
            return None
        return sum(path.stat().st_size for path in paths)

    def lines(self) -> Iterator["Line | None"]:
        """Every line that is not blank, numbered on from file to file.

        A None stands where a pipe is idle: what came before it can be written meanwhile.
        """
        from etsledger.ledger import Line

        count = read = shown = 0
        for name in self._names:
            self._starts.append(count)
            with ExitStack() as stack:
                file: IO[bytes] = (
                    sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))
                )
                number = 0
                for text in lines_of(file):
                    if text is None:
                        sys.stdout.flush()  # the answers to what was written at the last one
                        yield None
                        continue
                    number += 1
                    count += 1
                    read += len(text)
                    if self.bar and read - shown >= _SHOW_EVERY:
                        self.bar.reach(read)
                        shown = read
                    if number == 1:
                        text = text.removeprefix(_BOM)  # noqa: PLW2901
                    if not text.isspace() and text:
                        yield Line(count, text)

    def place(self, line: int | None) -> tuple[str, int]:
        """The file and the line in it of a running number."""
        running = line or 1
        index = max(bisect_right(self._starts, running - 1) - 1, 0)
        # an empty file starts where the next one does
        name = self._names[index]
        return ("standard input" if name == "-" else name), running - self._starts[index]


class _Tally:
    """What became of the commands so far."""

    def __init__(self) -> None:
        self.accepted = self.duplicate = self.refused = 0
        self.events = 0

    def add(self, outcome: "Outcome") -> None:
        setattr(self, outcome.outcome, getattr(self, outcome.outcome) + 1)
        if outcome.outcome == "accepted":
            self.events += len(outcome.positions)

    def text(self, *, dry_run: bool, atomic: bool, keep_going: bool) -> str:
        """The summary for people."""
        events, duplicates = _number(self.events, "event"), _number(self.duplicate, "duplicate")
        counted = f"{self.accepted:,} accepted ({events}), {duplicates}, {self.refused:,} refused"
        remarks: list[str] = []
        if dry_run:
            remarks.append("a dry run: nothing was written")
        elif atomic and self.refused:
            remarks.append("all or nothing: nothing was written")
        if self.refused and not (keep_going or atomic):
            remarks.append("stopped at the refusal (--keep-going goes on)")
        return "; ".join([counted, *remarks])


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE…",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)  # fmt: skip
@click.option("--keep-going", is_flag=True, help="Go on past a refused command.")
@click.option("--atomic", is_flag=True, help="All files together are one all-or-nothing write.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would happen.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", metavar="FORMAT",
    help="jsonl, json or csv: the outcome of every command. Default: a summary.",
)  # fmt: skip
@publishing_options
@pass_settings
def apply(
    settings: Settings,
    files: Sequence[str],
    keep_going: bool,
    atomic: bool,
    dry_run: bool,
    form: str,
    publish_head: Path | None,
    publish_with: str | None,
    publish_key: Path | None,
) -> None:
    """Run command files, in order (- is standard input).

    A command file is JSON Lines: one command a line. It is run up to the first command that
    is refused; what was accepted before stays. Running a file again is safe: a command that
    was accepted before is a duplicate and changes nothing. Makes the store if it is absent.
    Exits 1 when a command was refused. With --publish-head or --publish-with the head is
    published after each close_period; where that fails the closing stands, and it exits 1.

    \b
    Example:
      etsledger apply commands.jsonl
      etsledger convert eutl transactions.csv | etsledger apply -
      etsledger apply --dry-run --keep-going --format jsonl commands.jsonl
    """
    if atomic and keep_going:
        raise click.UsageError("--atomic is all or nothing: it cannot --keep-going")
    source, tally = _Files(files), _Tally()
    publishing = read_publishing(publish_head, publish_with, publish_key)
    try:
        with ExitStack() as stack:
            ledger = stack.enter_context(_open(settings, stack, publishing, dry_run=dry_run))
            # No bar where the outcomes go to the very window that it would be drawn in.
            drawn = form == "table" or not sys.stdout.isatty()
            bar = (
                stack.enter_context(progress("applying", source.size, "bytes")) if drawn else Bar()
            )
            source.bar = bar
            outcomes = _told(
                ledger.apply(source.lines(), keep_going=keep_going, atomic=atomic, dry_run=dry_run),
                source, tally, bar,
            )  # fmt: skip
            _write(form, outcomes)
    finally:  # after the bar is gone
        if form == "table" and (tally.accepted or tally.duplicate or sys.exc_info()[0] is None):
            echo(tally.text(dry_run=dry_run, atomic=atomic, keep_going=keep_going))
    if tally.refused or ledger.unpublished:
        raise click.exceptions.Exit(REFUSED)


def _open(
    settings: Settings, stack: ExitStack, publishing: Publishing, *, dry_run: bool
) -> "Ledger":
    if not dry_run:
        return settings.open(create=True, publishing=publishing)
    from etsledger.ledger import Ledger
    from etsledger.ledger.errors import StoreAbsent

    try:
        return settings.open(sending=True)
    except StoreAbsent:
        scratch = stack.enter_context(TemporaryDirectory(prefix="etsledger-"))
        return Ledger.open(Path(scratch) / "dry-run.db", create=True)


def _told(
    outcomes: Iterator["Outcome"], source: _Files, tally: _Tally, bar: Bar
) -> Iterator[dict[str, Any]]:
    """The outcomes as they are printed; each refusal is also said on standard error."""
    for outcome in outcomes:
        tally.add(outcome)
        name, line = source.place(outcome.line)
        if outcome.refusal is not None:
            bar.say(f"{name}:{line}: {outcome.refusal.code}: {outcome.refusal.message}")
        for warning in outcome.warnings:
            bar.say(f"{name}:{line}: warning: {warning}")
        yield {**outcome.as_dict(), "line": line}


def _write(form: str, outcomes: Iterator[dict[str, Any]]) -> None:
    match form:
        case "table":
            for _ in outcomes:
                pass
        case "jsonl":
            for outcome in outcomes:
                write(encode_line(outcome), flush=True)
        case _:
            columns = ("id", "line", "outcome", "positions", "refusal")
            Output(form).rows(outcomes, columns)
