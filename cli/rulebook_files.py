"""Reading a rulebook that a user brings as a file, in TOML or JSON."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import click


def read_rulebook(path: Path) -> dict[str, Any]:
    """The rulebook in a file, checked whole. Raises UsageError with the file and the place."""
    from etsledger.domain.errors import InvalidCommand
    from etsledger.domain.rulebook import from_object
    from etsledger.ledger.commandfile import read_json

    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if content.lstrip().startswith(b"{"):
            found = read_json(content)
        else:
            found = tomllib.loads(content.decode("utf-8"), parse_float=Decimal)
        from_object(found)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path}: not UTF-8 (byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise click.UsageError(f"{path}: not TOML: {error}") from None
    except InvalidCommand as refusal:
        raise click.UsageError(f"{path}: {refusal.message}") from None
    return found
