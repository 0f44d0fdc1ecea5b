"""``rulebook``: the rulebooks that come with the program, to read and to build upon."""

import click
import msgspec

from etsledger.cli.options import NAME
from etsledger.cli.output import Output, output_option
from etsledger.cli.streams import write

_COLUMNS = ("name", "version", "title", "hash")


@click.command()
@click.argument("name", type=NAME, required=False)
@output_option
def rulebook(name: str | None, output: Output) -> None:
    """Print the bundled rulebook NAME as TOML; without a name, list them.

    A rulebook of your own may say "extends" with one of these names: its tables are laid
    over that one's, and its lists stand before that one's, where the first that fits rules.
    With --format json it is printed as the object that such a command takes.

    \b
    Example:
      etsledger rulebook
      etsledger rulebook cn-national > cn-national.toml
    """
    from etsledger.domain.rulebook import bundled, bundled_names

    if name is None:
        rows: list[dict[str, object]] = []
        for one in bundled_names():
            found = bundled(one)
            rows.append({**msgspec.structs.asdict(found.ref), "title": found.data.title})
        output.rows([{column: row[column] for column in _COLUMNS} for row in rows], _COLUMNS)
        return
    if name not in bundled_names():
        raise click.BadParameter(
            f"no bundled rulebook {name!r}; there are {', '.join(bundled_names())}",
            param_hint="'[NAME]'",
        )
    if output.asked and output.form in {"json", "jsonl"}:
        output.one(msgspec.json.decode(bundled(name).text), str)
    elif output.asked and output.form == "csv":
        raise click.UsageError("a rulebook is no table: leave --format out, or ask for json")
    else:
        write(_toml(name), flush=True)


def _toml(name: str) -> bytes:
    from importlib import resources

    folder = resources.files("etsledger.domain") / "rulebooks"
    return (folder / f"{name}.toml").read_bytes()
