"""``schema``: the JSON Schema of commands and events."""

import click
import msgspec

from etsledger.cli.streams import write


@click.command()
@click.argument("what", type=click.Choice(["commands", "events"]), required=False)
def schema(what: str | None) -> None:
    """Print the JSON Schema of every command or of every event.

    Without an argument it prints both, as {"commands": …, "events": …}.

    \b
    Example:
      etsledger schema commands > commands.schema.json
    """
    from etsledger.ledger.schema import command_schema, event_schema

    match what:
        case "commands":
            found = command_schema()
        case "events":
            found = event_schema()
        case _:
            found = {"commands": command_schema(), "events": event_schema()}
    write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
