"""``demo``: a small worked province, built and asked before your eyes."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from etsledger.cli.demo_story import (
    AS_OF,
    AS_OF_THREE,
    GAS,
    KNOWN,
    LATE,
    RESTATED,
    STORY,
    YEAR,
    Day,
)
from etsledger.cli.output import Output
from etsledger.cli.stores import Settings, pass_settings
from etsledger.cli.streams import Row, echo
from etsledger.cli.trust import report_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from etsledger.ledger import Ledger

KEPT = "etsledger-demo.db"
_WIDE = 98
"""Columns that the demo's prose is folded to; its tables take no more than two over."""
_SUMMARY = (
    "year", "province", "obligation", "outstanding", "COMPLIANT", "LATE_COMPLIANT",
    "NON_COMPLIANT", "EXEMPT",
)  # fmt: skip
_PLANTS = (
    "entity", "verified_emissions", "pre_allocated", "entitlement", "recalled", "surrendered",
    "status",
)  # fmt: skip
_STANDING = ("verified_emissions", "entitlement", "surrendered", "outstanding", "status")


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

    A province of twelve power plants through the compliance years 2023 and 2024, under the
    rulebook cn-national: allocation, a recall that cannot be met at once, surrender in time,
    late and by force, a report that is restated after the deadline. Then the same question
    is asked at three instants. The store is a temporary one, unless --keep or --store says
    where to leave it.

    \b
    Example:
      etsledger demo
      etsledger demo --keep && etsledger --store etsledger-demo.db compliance --year 2024
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
    echo("What is told to the ledger, and on which day (tonnes as the ledger then has them):\n")
    for day in STORY:
        clock.time = _morning(day.date)
        echo(f"  {day.date}  {day.title}")
        for outcome in ledger.apply(day.commands, keep_going=True):
            if outcome.refusal is not None:
                _aside(f"refused: {outcome.refusal.code}: {outcome.refusal.message}")
        for line in _watched(ledger, day):
            _aside(line)


def _aside(text: str) -> None:
    echo(fill(text, _WIDE, initial_indent=" " * 14, subsequent_indent=" " * 16))


def _watched(ledger: "Ledger", day: Day) -> "Iterable[str]":
    """What the ledger says that evening of whom the day was about."""
    for entity, year, fields in day.watch:
        for row in ledger.compliance(entity=entity, year=year):
            yield f"{entity} {year}: {_facts(row, fields)}"


def _facts(row: Row, fields: "Iterable[str]") -> str:
    known = ((name.replace("_", " "), row[name]) for name in fields)
    return ", ".join(
        f"{name} {value:,} t" if isinstance(value, int) else f"{name} {value}"
        for name, value in known
    )


def _show(ledger: "Ledger") -> None:
    from etsledger.cli.calculation import in_words

    echo("\nWhat the ledger answers (columns that say something here; --format csv has all):")
    _prompt(f"allocation {GAS} {YEAR}")
    found = ledger.allocation(GAS, YEAR)
    if found is not None:
        echo(_folded(in_words(found)))
    _prompt("compliance --summary")
    _table(ledger.compliance_summary(), _SUMMARY)
    _prompt(f"compliance --year {YEAR}")
    _table(ledger.compliance(year=YEAR), _PLANTS)
    _three_instants(ledger)
    _prompt("supply")
    supply = ledger.supply()
    _table(supply, [name for name in supply[0] if name != "registry"])
    _prompt("verify")
    echo(report_in_words(ledger.verify()))


def _three_instants(ledger: "Ledger") -> None:
    echo(f"\nHow did {RESTATED} stand at the deadline? It depends on what was known when:")
    _prompt(f"compliance --entity {RESTATED} --year {YEAR} --as-of {AS_OF} --known-at …")
    _table(
        [
            {"known_at": known_at, **row}
            for known_at in KNOWN
            for row in ledger.compliance(
                entity=RESTATED, year=YEAR, as_of=AS_OF, known_at=known_at
            )
        ],
        ("known_at", *_STANDING),
    )  # fmt: skip
    echo(f"\nAnd {LATE}, the day before the deadline, the day after it, and now?")
    _prompt(f"compliance --entity {LATE} --year {YEAR} --as-of …")
    _table(
        [
            {"as_of": as_of or "now", **row}
            for as_of in AS_OF_THREE
            for row in ledger.compliance(entity=LATE, year=YEAR, as_of=as_of)
        ],
        ("as_of", *_STANDING),
    )


def _table(rows: "Sequence[Row]", columns: "Iterable[str]") -> None:
    """The rows with the columns in which any of them has something."""
    used = [name for name in columns if any(row.get(name) for row in rows)]
    Output("table").rows([_named(row) for row in rows], used)


def _named(row: Row) -> dict[str, Any]:
    """A year's total has no province; people are told what it is."""
    total = "province" in row and row["province"] is None
    return {**row, "province": "total"} if total else dict(row)


def _folded(text: str) -> str:
    """The text with its notes folded; a Chinese character is two columns wide."""
    from rich.cells import cell_len

    def fold(line: str) -> str:
        if not line.startswith("["):
            return line
        return fill(line, _WIDE - cell_len(line) + len(line), subsequent_indent="    ")

    return "\n".join(map(fold, text.splitlines()))


def _prompt(command: str) -> None:
    echo(f"\n$ etsledger {command}")
