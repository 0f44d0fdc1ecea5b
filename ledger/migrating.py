"""Migrating: a statement is looked at, written whole or not at all, and compared with the
books.

A dry run writes nothing and tells what would be recorded, with the totals of the file against
those of the books. One bad row, or one refusal, keeps all of it out.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from etsledger.domain.opening_banking import OpeningBankingRecorded
from etsledger.domain.times import iso
from etsledger.ledger.migrated_trades import trades
from etsledger.ledger.migration import Opening, Openings, Source, holdings, obligations
from etsledger.ledger.outcomes import Outcome
from etsledger.ledger.present import Present
from etsledger.ledger.record import read as read_record
from etsledger.ledger.statements import Bad, Kind, read

if TYPE_CHECKING:
    from etsledger.ledger.application import Ledger


class MigratedRow(TypedDict):
    """An opening: the lines that it is made of, what it says, and what became of it.

    ``quantity`` are the tonnes of a holding, an obligation, or net sales; ``outcome`` is
    ``would be recorded`` in a dry run, else ``accepted``, ``duplicate`` or ``refused``.
    """

    lines: list[int]
    command: str
    id: str
    subject: str
    of: str
    quantity: int | None
    outcome: str
    code: str | None
    message: str | None
    warnings: list[str]


class TotalRow(TypedDict):
    """What the file comes to, and what the books say as of the cut-over (tonnes).

    In a dry run ``ours`` is with what would be recorded. ``of`` is a unit, or a year.
    """

    what: str
    of: str
    theirs: int
    ours: int
    difference: int


class Migrated(NamedTuple):
    """What became of a statement; ``written`` says whether the books have it now.

    ``bad`` are rows that are no facts, ``left_out`` says which rows count for nothing;
    ``breaks`` are places where file and books differ, in words.
    """

    rows: list[MigratedRow]
    bad: list[Bad]
    left_out: list[str]
    totals: list[TotalRow]
    breaks: list[str]
    written: bool

    @property
    def refused(self) -> list[MigratedRow]:
        """The openings that the books refuse."""
        return [row for row in self.rows if row["outcome"] == "refused"]

    @property
    def good(self) -> bool:
        """Whether every row went (or would go) in, and file and books agree."""
        return not (self.bad or self.refused or self.breaks)


def migrate(
    ledger: "Ledger",
    kind: Kind,
    data: bytes,
    source: Source,
    *,
    names: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    write: bool = False,
) -> Migrated:
    """Looks at a table of holdings, obligations or trades and, with ``write``, records it.

    ``names`` maps columns to fields, ``constants`` are fields of every row. What is written
    is one all-or-nothing write. Raises WrongColumns, ConversionRefused for what is no such
    statement, StoreError.
    """
    state = Present(ledger.store).load().state
    statement = read(kind, io.BytesIO(data), names=names, constants=constants)
    if kind == "trades":
        found = trades(statement, source, state.registries.get(source.registry), state)
    else:
        found = _MAKERS[kind](statement, source)
    commands = [one.command for one in found.found]
    outcomes = list(ledger.apply(commands, dry_run=True, keep_going=True))
    told = {outcome.id: outcome for outcome in outcomes}
    clean = not found.bad and all(outcome.refusal is None for outcome in outcomes)
    written = write and clean
    if written:
        told |= {outcome.id: outcome for outcome in ledger.apply(commands, atomic=True)}
    rows = [_row(one, told[one.command["id"]], written) for one in found.found]
    written = written and all(row["outcome"] != "refused" for row in rows)
    against = _AGAINST[kind](ledger, found, source, told, written)
    compared = list(against)
    return Migrated(
        rows, sorted(found.bad), found.left_out, _totals(compared),
        [one.text for one in compared if one.theirs != one.ours and not one.refused], written,
    )  # fmt: skip


_MAKERS: Final[dict[str, Callable[..., Openings]]] = {
    "holdings": holdings,
    "obligations": obligations,
}


def _row(one: Opening, outcome: Outcome, written: bool) -> MigratedRow:
    said = outcome.outcome
    if said == "accepted" and not written:
        said = "would be recorded"
    refusal = outcome.refusal
    return {
        "lines": one.lines,
        "command": one.command["command"],
        "id": one.command["id"],
        "subject": one.subject,
        "of": one.of,
        "quantity": one.quantity,
        "outcome": said,
        "code": None if refusal is None else refusal.code,
        "message": None if refusal is None else refusal.message,
        "warnings": list(outcome.warnings),
    }


# -- file and books --------------------------------------------------------------------------------


class _Compared(NamedTuple):
    """One number of the file against the same of the books (tonnes)."""

    what: str
    of: str
    subject: str
    theirs: int
    ours: int
    refused: bool = False

    @property
    def text(self) -> str:
        return (
            f"{self.subject} {self.of}: {self.what} is {self.theirs} t in the file and "
            f"{self.ours} t in the books, {self.theirs - self.ours:+d} t"
        )


Told = Mapping[str, Outcome]


def _totals(compared: Sequence[_Compared]) -> list[TotalRow]:
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for one in compared:
        theirs, ours = sums.get((one.what, one.of), (0, 0))
        sums[one.what, one.of] = (theirs + one.theirs, ours + one.ours)
    return [
        {"what": what, "of": of, "theirs": theirs, "ours": ours, "difference": theirs - ours}
        for (what, of), (theirs, ours) in sums.items()
    ]


def _would_be(one: Opening, told: Told, written: bool) -> bool:
    """Whether the books do not say it yet, but would."""
    return not written and told[one.command["id"]].outcome == "accepted"


def _refused(one: Opening, told: Told) -> bool:
    return told[one.command["id"]].refusal is not None


def _balances(
    ledger: "Ledger", found: Openings, source: Source, told: Told, written: bool
) -> Iterator[_Compared]:
    at = iso(source.cut_over)
    held = {
        (row["account"], row["unit"]): row["quantity"]
        for row in ledger.balances(registry=source.registry, as_of=at)
    }
    for one in found.found:
        theirs = one.quantity or 0
        ours = held.pop((one.subject, one.of), 0)
        ours += theirs if _would_be(one, told, written) else 0
        yield _Compared("quantity", one.of, one.subject, theirs, ours, _refused(one, told))
    # A statement of an account is one of all that it holds.
    named = {one.subject for one in found.found}
    for (account, unit), tonnes in held.items():
        if account in named:
            yield _Compared("quantity", unit, account, 0, tonnes)


_STATED: Final = (
    "verified_emissions", "obligation", "entitlement", "pre_allocated", "allocated", "recalled",
    "recall_open",
)  # fmt: skip
_PARTS: Final = (("surrendered", "submissions"), ("offsets",) * 2, ("green_power",) * 2)


def _years(
    ledger: "Ledger", found: Openings, source: Source, told: Told, written: bool
) -> Iterator[_Compared]:
    at = iso(source.cut_over)
    standing: dict[tuple[str, int], Any] = {
        (row["entity"], row["year"]): row
        for row in ledger.compliance(registry=source.registry, as_of=at)
    }
    for one in found.found:
        facts = one.command["facts"]
        theirs: dict[str, int] = {name: facts[name] for name in _STATED if name in facts}
        for name, kind in _PARTS:
            if kind in facts:
                theirs[name] = sum(part["quantity"] for part in facts[kind])
        row = standing.get((one.subject, int(one.of)), {})
        would_be = _would_be(one, told, written)
        for name, tonnes in theirs.items():
            ours = tonnes if would_be else row.get(name) or 0
            yield _Compared(name, one.of, one.subject, tonnes, ours, _refused(one, told))


def _net_sales(
    ledger: "Ledger", found: Openings, source: Source, told: Told, written: bool
) -> Iterator[_Compared]:
    for one in found.found:
        theirs: dict[str, int] = dict(one.command.get("net_sales", {}))
        for trade in one.command.get("trades", ()):
            sign = 1 if trade["side"] == "sold" else -1
            theirs[trade["unit"]] = theirs.get(trade["unit"], 0) + sign * trade["quantity"]
        outcome = told[one.command["id"]]
        ours = dict(theirs) if _would_be(one, told, written) else {}
        for row in ledger.store.rows_at(list(outcome.positions)) if not ours else ():
            event = read_record(row.type, row.state).event
            if isinstance(event, OpeningBankingRecorded):
                ours = {part.unit: part.quantity for part in event.sold}
        for unit, tonnes in sorted(theirs.items()):
            # Apart, since what one entity sold another bought: their sum would say nothing.
            what, sign = ("sold net", 1) if tonnes >= 0 else ("bought net", -1)
            yield _Compared(
                what, unit, one.subject, sign * tonnes, sign * ours.get(unit, 0),
                _refused(one, told),
            )  # fmt: skip


_AGAINST: Final = {"holdings": _balances, "obligations": _years, "trades": _net_sales}
