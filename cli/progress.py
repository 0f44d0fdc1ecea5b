"""A progress bar on standard error, only where that is a terminal."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from etsledger.cli.failures import complain, one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """How far a command is; this one is silent, because nobody watches."""

    def reach(self, done: int) -> None:
        """Moves the bar."""

    def say(self, text: str) -> None:
        """One line on standard error, above the bar."""
        complain(text)


class _Shown(Bar):
    def __init__(self, display: "Progress", task: "TaskID") -> None:
        self._display = display
        self._task = task

    def reach(self, done: int) -> None:
        self._display.update(self._task, completed=done)

    def say(self, text: str) -> None:
        self._display.console.print(one_line(text), soft_wrap=True)


@contextmanager
def progress(what: str, total: int | None, unit: str = "events") -> Generator[Bar]:
    """A bar up to ``total`` (None: not known)."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich import progress as shown
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    amount = shown.DownloadColumn() if unit == "bytes" else shown.MofNCompleteColumn()
    columns = (shown.TextColumn(what), shown.BarColumn(), amount, shown.TimeElapsedColumn())
    with shown.Progress(*columns, console=console, transient=True) as display:
        yield _Shown(display, display.add_task(what, total=total))
