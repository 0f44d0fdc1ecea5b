"""The options that questions share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _Time(click.ParamType[str]):
    """An ISO 8601 time; ``position`` also lets @17 name the log up to position 17."""

    name = "time"

    def __init__(self, *, position: bool = False) -> None:
        self.position = position

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it was given: the ledger reads it, by the rule of each question."""
        from etsledger.domain.times import parse_instant

        text = str(value).strip()
        if self.position and text.startswith("@"):
            number = text[1:]
            if not (number.isascii() and number.isdigit() and len(number) < 19):
                self.fail(f"{text[:40]!r} is no position; @17 is the log up to it", param, ctx)
            return text
        try:
            parse_instant(text)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return text


TIME = _Time()

as_of_option = click.option(
    "--as-of", type=TIME, metavar="TIME",
    help="Facts effective by then; a bare date includes that day. Default: now.",
)  # fmt: skip
known_at_option = click.option(
    "--known-at", type=_Time(position=True), metavar="TIME|@POSITION",
    help="As the books knew it then; @17 is the log up to position 17. Default: now.",
)  # fmt: skip
registry_option = click.option("--registry", metavar="ID", help="Of one registry only.")
account_option = click.option("--account", metavar="ID", help="Of one account only.")
entity_option = click.option("--entity", metavar="ID", help="Of one entity's accounts only.")
unit_option = click.option("--unit", metavar="UNIT", help="Of one unit only, such as CEA:2023.")
from_log_option = click.option(
    "--from-log", is_flag=True, help="Answer by replaying the log, not from the projections."
)


def viewpoint_options(command: F) -> F:
    """--registry, --as-of and --known-at."""
    return registry_option(as_of_option(known_at_option(command)))
