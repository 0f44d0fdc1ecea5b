"""``events``: the log, and a feed of what is added to it."""

from pathlib import Path
from typing import TypedDict

import click

from etsledger.cli.options import NAME, account_option, entity_option, viewpoint_options
from etsledger.cli.output import Output, output_option
from etsledger.cli.stores import Settings, note_unknown, pass_settings
from etsledger.cli.streams import encode_line, write

_BACK_DATED = ("lag_seconds", "would_have_refused")


class _Filters(TypedDict):
    registry: str | None
    account: str | None
    entity: str | None
    types: tuple[str, ...]
    as_of: str | None
    back_dated: bool


@click.command()
@viewpoint_options
@account_option
@entity_option
@click.option(
    "--type", "types", type=NAME, multiple=True, metavar="TYPE",
    help="Events of this type only, such as UnitsTransferred; may be repeated.",
)  # fmt: skip
@click.option(
    "--from-position", type=click.IntRange(min=1), default=1, metavar="N", help="From there on."
)
@click.option(
    "--to-position", type=click.IntRange(min=0), metavar="N", help="Up to there, inclusive."
)
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many events.")
@click.option("--back-dated", is_flag=True, help="Only facts recorded after they took effect.")
@click.option(
    "--follow", is_flag=True, help="Wait for more, as JSON lines, until Ctrl-C or --limit."
)
@click.option(
    "--cursor", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With --follow: go on where FILE says, and keep there how far the lines were written.",
)  # fmt: skip
@click.option(
    "--acknowledged", is_flag=True,
    help="With --cursor: keep only what the reader has written back to standard input, the "
    "position of each event it has dealt with, a line each.",
)  # fmt: skip
@output_option
@pass_settings
def events(
    settings: Settings,
    registry: str | None,
    as_of: str | None,
    known_at: str | None,
    account: str | None,
    entity: str | None,
    types: tuple[str, ...],
    from_position: int,
    to_position: int | None,
    limit: int | None,
    back_dated: bool,
    follow: bool,
    cursor: Path | None,
    acknowledged: bool,
    output: Output,
) -> None:
    """Show the log, oldest first: all of it unless limited.

    A program that follows the log remembers the last position it has dealt with, and asks
    for --from-position one more when it starts again; or it has --cursor remember it: then
    each event is given at least once, whatever dies. --back-dated adds the lag in seconds
    and, for a freeze, the positions of what it would have refused had it been known.

    \b
    Example:
      etsledger events --account crrc-1 --type UnitsTransferred
      etsledger events --follow --from-position 1201
      etsledger events --follow --cursor feed.json >> feed.jsonl
    """
    _check_types(types)
    if cursor is not None and not follow:
        raise click.UsageError("--cursor is of --follow: give both")
    if acknowledged and cursor is None:
        raise click.UsageError("--acknowledged says what --cursor keeps: give both")
    filters: _Filters = {
        "registry": registry, "account": account, "entity": entity, "types": types,
        "as_of": as_of, "back_dated": back_dated,
    }  # fmt: skip
    if follow:
        if known_at is not None:
            raise click.UsageError("--follow shows what becomes known: it takes no --known-at")
        if output.asked and output.form != "jsonl":
            raise click.UsageError("--follow writes JSON lines: --format jsonl")
        _follow(settings, filters, from_position, to_position, limit, cursor, acknowledged)
        return

    from etsledger.ledger import EventRow

    columns = [
        name for name in EventRow.__annotations__ if back_dated or name not in _BACK_DATED
    ]  # fmt: skip
    with settings.open() as ledger:
        rows = ledger.events(
            **filters, known_at=known_at, from_position=from_position,
            to_position=to_position, limit=limit,
        )  # fmt: skip
        if not output.rows(rows, columns, nothing="no events"):
            note_unknown(ledger, registry=registry, account=account, entity=entity)


def _check_types(types: tuple[str, ...]) -> None:
    if not types:
        return
    from etsledger.domain.catalogue import EVENT_TYPES

    for name in types:
        if name not in EVENT_TYPES:
            raise click.BadParameter(
                f"there is no event type {name!r}; there are {', '.join(sorted(EVENT_TYPES))}",
                param_hint="'--type'",
            )


def _follow(
    settings: Settings,
    filters: _Filters,
    start: int,
    until: int | None,
    limit: int | None,
    cursor: Path | None,
    acknowledged: bool,
) -> None:
    """Writes the events from a position on as they come."""
    from etsledger.cli.feeding import FlushedCursor, Reader

    reader = Reader(answers=acknowledged)
    with settings.open() as ledger:
        for row in ledger.follow(
            **filters, after=start - 1, until=until, limit=limit, pause=reader.pause,
            cursor=None if cursor is None else FlushedCursor(cursor, reader),
            acknowledged=reader.acknowledged if acknowledged else None,
        ):  # fmt: skip
            write(encode_line(row), flush=True)
