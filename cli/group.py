"""Commands that never show a traceback, and a click group that imports its own on demand."""

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from etsledger.cli.failures import report

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 + SIGINT, as of any program that it ends."""
NOBODY_READS = 141
"""The exit code when standard output was closed: 128 + SIGPIPE, as of ``cat``."""


class StandaloneCommand(click.Command):
    """A command that ends with the exit codes of the contract, also as a program of its own."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Runs the command line and exits with the code of the contract."""

        def run() -> object:
            return click.Command.main(
                self, args, prog_name, complete_var, standalone_mode=False, **extra
            )

        sys.exit(_exit_code_of(run))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what click would answer in its own way is answered in ours."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_stdout()
            raise click.exceptions.Exit(NOBODY_READS) from None
        except (KeyboardInterrupt, EOFError):
            raise click.exceptions.Exit(INTERRUPTED) from None
        except OSError as error:
            # click turns these into the exit code 1, which means a refusal here
            raise click.exceptions.Exit(report(error)) from None
        return result


class LazyGroup(StandaloneCommand, click.Group):
    """A group whose commands are named by ``module:attribute``."""

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the module of one command."""
        place = self._commands_at.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)


def _exit_code_of(run: Callable[[], object]) -> int:
    try:
        result = run()
        sys.stdout.flush()  # --help and --version print before any command runs
    except BrokenPipeError:
        _forget_stdout()
        return NOBODY_READS
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit as error:  # click's shell completion
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:  # noqa: BLE001 - nothing may end in a traceback
        return report(error)
    return result if isinstance(result, int) else 0


def _forget_stdout() -> None:
    """Lets the interpreter end without one more word about the closed pipe."""
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the path may be "nul"
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in {errno.EBADF, errno.EINVAL, None}:
            raise
