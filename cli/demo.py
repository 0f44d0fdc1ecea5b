"""``demo``: a small worked ledger, built and asked before your eyes."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from etsledger.cli.demo_story import AS_OF, KNOWN, PLANT, STORY
from etsledger.cli.output import Output
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import echo
from etsledger.cli.trust import report_in_words

if TYPE_CHECKING:
    from etsledger.ledger import Ledger

KEPT = "etsledger-demo.db"


class _ToldClock:
    """A clock that stands where the story is; the ledger records at its time."""

    def __init__(self) -> None:
        self.time = _morning(STORY[0].date)

    def __call__(self) -> datetime:
        return self.time


def _morning(date: str) -> datetime:
    from etsledger.domain.times import parse_instant

    return parse_instant(f"{date}T09:00:00+08:00")


@click.command()
@click.option("--keep", is_flag=True, help=f"Keep the ledger in ./{KEPT}.")
@pass_settings
def demo(settings: Settings, keep: bool) -> None:
    """Build a small worked ledger in a fresh store and show it.

    A registry, a province and two plants; issue, distribution, allocation, sales, a refused
    sale, surrender, a fact that was entered late, a reversal, a cancellation. Then the same
    question is asked three times, with what was known on three days. The store is a
    temporary one, unless --keep or --store says where to leave it.

    \b
    Example:
      etsledger demo
      etsledger demo --keep && etsledger --store etsledger-demo.db events
    """
    clock = _ToldClock()
    with ExitStack() as stack:
        ledger = stack.enter_context(_fresh(settings, keep, clock, stack))
        _build(ledger, clock)
        _show(ledger)
        if keep or settings.named:
            where = settings.store if settings.named else KEPT
            echo(f"\nThe ledger is kept: etsledger --store {where} events")


def _fresh(settings: Settings, keep: bool, clock: _ToldClock, stack: ExitStack) -> "Ledger":
    from etsledger.ledger import Ledger
    from etsledger.ledger.errors import StoreAbsent

    if not (keep or settings.named):
        folder = stack.enter_context(TemporaryDirectory(prefix="etsledger-demo-"))
        return Ledger.open(Path(folder) / "demo.db", create=True, clock=clock)
    where = settings.store if settings.named else KEPT
    try:
        with Ledger.open(where) as there:
            empty = there.store.head_position() == 0
    except StoreAbsent:
        empty = True
    if not empty:
        raise click.UsageError(
            f"there is a ledger at {where} already; the demo builds a fresh one: name another "
            "place with --store"
        )
    return Ledger.open(where, create=True, clock=clock)


def _build(ledger: "Ledger", clock: _ToldClock) -> None:
    echo("What is told to the ledger, and on which day:\n")
    for day in STORY:
        clock.time = _morning(day.date)
        echo(f"  {day.date}  {day.title}")
        for outcome in ledger.apply(day.commands, keep_going=True):
            if outcome.refusal is not None:
                echo(f"              refused: {outcome.refusal.code}: {outcome.refusal.message}")


def _show(ledger: "Ledger") -> None:
    from etsledger.ledger import BalanceRow, SupplyRow

    table = Output("table")
    echo(f"\nWhat did {PLANT} hold at the end of {AS_OF[:4]}? It depends on what was known when:")
    for known_at in KNOWN:
        _prompt(f"balances --account {PLANT} --as-of {AS_OF} --known-at {known_at}")
        rows = ledger.balances(account=PLANT, as_of=AS_OF, known_at=known_at)
        table.rows(rows, BalanceRow.__annotations__)
    _prompt("supply")
    table.rows(ledger.supply(), SupplyRow.__annotations__)
    _prompt("verify")
    echo(report_in_words(ledger.verify()))


def _prompt(command: str) -> None:
    echo(f"\n$ etsledger {command}")
