"""The options that questions share."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # generic in the newest click only

F = TypeVar("F", bound=Callable[..., Any])


class _Time(_TextType):
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


class _Name(_TextType):
    """An id or a unit: text in UTF-8, whatever the locale made of its bytes."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text. Fails for bytes that are none."""
        try:
            return os.fsencode(str(value)).decode() if _undecoded(str(value)) else str(value)
        except UnicodeError:
            self.fail(f"{ascii(value)[:80]} is no text in UTF-8", param, ctx)


def _undecoded(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


class _TimeOrPosition(_Time):
    """The same, where a bare number is a position too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A position as ``@17``, a time as it was given."""
        text = str(value).strip()
        bare = text.isascii() and text.isdigit()
        return super().convert(f"@{text}" if bare else text, param, ctx)


TIME = _Time()
TIME_OR_POSITION = _TimeOrPosition(position=True)
KNOWN = _Time(position=True)
NAME = _Name()
YEAR = click.IntRange(1990, 2199)
"""A compliance year, as commands take it."""
STATUSES = (
    "NOT_DUE", "OPEN", "PARTIAL", "COMPLIANT", "LATE_COMPLIANT", "PENDING", "NON_COMPLIANT",
    "EXEMPT",
)  # fmt: skip
"""How an entity may stand with a compliance year."""

as_of_option = click.option(
    "--as-of", type=TIME, metavar="TIME",
    help="Facts effective by then; a bare date includes that day. Default: now.",
)  # fmt: skip
known_at_option = click.option(
    "--known-at", type=_Time(position=True), metavar="TIME|@POSITION",
    help="As the books knew it then; @17 is the log up to position 17. Default: now.",
)  # fmt: skip


def _name_option(option: str, what: str, example: str) -> Callable[[F], F]:
    return click.option(option, type=NAME, metavar=example, help=what)


registry_option = _name_option("--registry", "Of one registry only.", "ID")
account_option = _name_option("--account", "Of one account only.", "ID")
entity_option = _name_option("--entity", "Of one entity's accounts only.", "ID")
unit_option = _name_option("--unit", "Of one unit only, such as CEA:2023.", "UNIT")
from_log_option = click.option(
    "--from-log", is_flag=True, help="Answer by replaying the log, not from the projections."
)


def viewpoint_options(command: F) -> F:
    """--registry, --as-of and --known-at."""
    return registry_option(as_of_option(known_at_option(command)))
