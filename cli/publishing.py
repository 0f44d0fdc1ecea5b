"""The options by which a closing's head is published."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from etsledger.ledger import Publish

F = TypeVar("F", bound=Callable[..., Any])


class Publishing(NamedTuple):
    """What ``Ledger.open`` is told of it."""

    publish: "Publish | None" = None
    key: bytes | None = None


UNPUBLISHED = Publishing()


def publishing_options(command: F) -> F:
    """--publish-head, --publish-with and --publish-key, each also from the environment."""
    for option in reversed((
        click.option(
            "--publish-head", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
            envvar="ETSLEDGER_PUBLISH_HEAD", show_envvar=True,
            help="After each close_period add the head to this file, a line a head.",
        ),
        click.option(
            "--publish-with", metavar="COMMAND",
            envvar="ETSLEDGER_PUBLISH_WITH", show_envvar=True,
            help="… hand it to this command's standard input.",
        ),
        click.option(
            "--publish-key", metavar="KEYFILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="ETSLEDGER_PUBLISH_KEY", show_envvar=True,
            help="Sign what is published with this private key (Ed25519, PEM).",
        ),
    )):  # fmt: skip
        command = option(command)
    return command


def read_publishing(file: Path | None, command: str | None, key: Path | None) -> Publishing:
    """What the options ask for. Raises UsageError, OSError for a key that cannot be read."""
    if file is None and not command:
        return UNPUBLISHED
    from etsledger.ledger import publish_heads

    try:
        publish = publish_heads(file=file, command=command)
    except ValueError as error:  # a quotation mark without its other one
        raise click.UsageError(f"--publish-with: {error}") from None
    return Publishing(publish, None if key is None else key.read_bytes())
