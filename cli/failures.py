"""What went wrong, in one line on standard error, and the exit code it has."""

import os
import sys
import traceback

import click

REFUSED = 1
"""A command was refused, or a check found something."""
USAGE = 2
"""Wrong usage."""
STORE = 3
"""The store cannot be opened or is damaged, or the program failed."""

_DATABASE = {"sqlalchemy", "sqlite3", "psycopg", "psycopg_pool", "eventsourcing"}


def one_line(text: str) -> str:
    """Text from outside, fit for a terminal: no line ends, no control characters."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def complain(text: str) -> None:
    """One line on standard error."""
    click.echo(one_line(text), err=True)


def report(error: BaseException) -> int:
    """Says what an exception means and gives its exit code."""
    if isinstance(error, click.ClickException):
        return _usage(error)
    if os.environ.get("ETSLEDGER_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    code = _own(error)
    if code is not None:
        return code
    match error:
        case OSError():
            complain(f"error: {type(error).__name__}: {error}")
            return STORE
        case MemoryError():
            complain("error: internal: out of memory")
            return STORE
        case _ if _of_the_database(error):
            complain(f"error: StoreError: the database failed: {_cause(error)}")
            return STORE
        case _:
            complain(
                f"error: internal: {type(error).__name__}: {error} "
                "(ETSLEDGER_DEBUG=1 shows the traceback)"
            )
            return STORE


def _usage(error: click.ClickException) -> int:
    if "\n" in error.format_message():  # no command at all: click's message is the help text
        click.echo(error.format_message(), err=True)
        return error.exit_code
    complain(f"error: usage: {error.format_message()}")
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        complain(f"try '{context.command_path} --help'")
    return error.exit_code


def _own(error: BaseException) -> int | None:
    """Says a refusal or an error of the ledger; None for any other exception."""
    if "etsledger.ledger.errors" not in sys.modules:
        return None  # nothing of the ledger was loaded: it raised nothing
    from etsledger.domain.errors import Refusal
    from etsledger.ledger.errors import LedgerError

    if not isinstance(error, Refusal | LedgerError):
        return None
    complain(f"error: {error.code}: {error.message}")
    return REFUSED if isinstance(error, Refusal) else error.exit_code


def _of_the_database(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _DATABASE for kind in type(error).__mro__)


def _cause(error: BaseException) -> str:
    """The database's own words, without the statement that SQLAlchemy adds to them."""
    original: object = getattr(error, "orig", None) or error.__cause__ or error
    lines = str(original).strip().splitlines()
    return f"{lines[0] if lines else type(original).__name__}; run 'etsledger verify'"
