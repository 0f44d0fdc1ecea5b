"""What a statement of holdings or of obligations opens in books that begin at a cut-over.

Nothing is guessed: a row that does not say enough is bad. Each opening is labelled for ever
with the file's name and SHA-256; its id is made of the file and the line, so that the same
file a second time changes nothing.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from etsledger.domain.times import iso
from etsledger.ledger.statements import Bad, Statement

Command = dict[str, Any]


class Opening(NamedTuple):
    """A command, the lines behind it, and how a row tells of it."""

    command: Command
    lines: list[int]
    subject: str
    of: str
    quantity: int | None


class Openings(NamedTuple):
    """All that a statement opens, its bad rows, and the rows that count for nothing."""

    found: list[Opening]
    bad: list[Bad]
    left_out: list[str]


class Source(NamedTuple):
    """Where the openings go, and what they are labelled with."""

    registry: str
    cut_over: datetime
    name: str
    digest: str
    actor: str | None = None

    def command(self, kind: str, place: str, **fields: Any) -> Command:
        """An opening of the file, its id made of the file and a place in it."""
        by = {} if self.actor is None else {"actor": self.actor}
        return {
            "command": kind,
            "id": f"migrate/{self.digest[:16]}/{place}",
            "registry": self.registry,
            "effective_at": iso(self.cut_over),
            "reference": f"{self.name} (SHA-256 {self.digest})",
            **by,
            **fields,
        }


def source_of(
    data: bytes, name: str, registry: str, cut_over: datetime, actor: str | None = None
) -> Source:
    """The label of a file."""
    return Source(registry, cut_over, name, hashlib.sha256(data).hexdigest(), actor)


# -- holdings --------------------------------------------------------------------------------------


def holdings(statement: Statement, source: Source) -> Openings:
    """One opening balance for each row that holds something."""
    found, bad, left_out = list[Opening](), list(statement.bad), list[str]()
    seen: dict[tuple[str, str], int] = {}
    for number, cells in statement.lines:
        place = (cells["account"], cells["unit"])
        other = seen.setdefault(place, number)
        if other != number:
            bad.append(Bad(number, "", f"{' '.join(place)} stands in line {other} already"))
            continue
        fault, facts = _purpose(cells)
        if fault:
            bad.append(Bad(number, "", fault))
        elif not cells["quantity"]:
            left_out.append(f"line {number}: {place[0]} holds no {place[1]}")
        else:
            given: Command = {name: cells[name] for name in ("account", "unit", "quantity")}
            if facts:
                given["facts"] = facts
            made = source.command("opening_balance", str(number), **given)
            found.append(Opening(made, [number], place[0], place[1], cells["quantity"]))
    return Openings(found, bad, left_out)


def _purpose(cells: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is wrong with the columns of a purpose, and the facts that they are."""
    if ("borrowed" in cells) != ("borrowed_for" in cells):
        return "borrowed and borrowed_for go together: the tonnes, and the year lent for", {}
    facts: dict[str, Any] = {}
    if cells.get("borrowed"):
        facts["borrowed"] = {str(cells["borrowed_for"]): cells["borrowed"]}
    if "kept_for" in cells:
        facts["custody"] = {cells["kept_for"]: cells["quantity"]}
    return "", facts


# -- obligations -----------------------------------------------------------------------------------

_SUMS: Final = (
    "verified_emissions", "obligation", "entitlement", "pre_allocated", "allocated", "recalled",
    "recall_open",
)  # fmt: skip


def obligations(statement: Statement, source: Source) -> Openings:
    """One opening for each entity and year; a further row of it adds what met it."""
    found: dict[tuple[str, int], tuple[Command, list[int]]] = {}
    bad = list(statement.bad)
    for line in statement.lines:
        key = (line.cells["entity"], line.cells["year"])
        facts, lines = found.setdefault(key, ({}, []))
        fault = _add_sums(facts, line.cells) or _add_parts(facts, line.cells)
        if fault:
            bad.append(Bad(line.number, "", fault))
        lines.append(line.number)
    opened: list[Opening] = []
    for (entity, year), (facts, lines) in found.items():
        _all_handed_out(facts)
        if not facts:
            bad.append(Bad(lines[0], "", f"nothing is stated of {entity} {year}"))
            continue
        made = source.command("opening_year", str(lines[0]), entity=entity, year=year, facts=facts)
        owed = facts.get("obligation", facts.get("verified_emissions"))
        opened.append(Opening(made, lines, entity, str(year), owed))
    return Openings(opened, bad, [])


def _add_sums(facts: Command, cells: Mapping[str, Any]) -> str:
    for name in _SUMS:
        if name in cells and facts.setdefault(name, cells[name]) != cells[name]:
            return f"{name} is {cells[name]} here and {facts[name]} in an earlier row of the year"
    return ""


def _add_parts(facts: Command, cells: Mapping[str, Any]) -> str:
    """What met the obligation, and what was fined; gives what is missing to say so."""
    at = cells.get("submitted_at")
    for name, unit, kind, when in (
        ("surrendered", "unit", "submissions", "submitted_at"),
        ("offsets", "offset_unit", "offsets", "counted_at"),
        ("green_power", None, "green_power", "counted_at"),
    ):
        if not cells.get(name):
            continue
        if at is None:
            return f"{name} needs submitted_at: when it was decides whether it was in time"
        part: Command = {"quantity": cells[name], when: at}
        if unit is not None:
            if unit not in cells:
                return f"{name} needs {unit}"
            part["unit"] = cells[unit]
        facts.setdefault(kind, []).append(part)
    if "fine" in cells:
        facts.setdefault("fines", []).append({"amount": cells["fine"]})
    return ""


def _all_handed_out(facts: Command) -> None:
    """Where the file does not say what was handed out in all, the entitlement says it:
    allocated - recalled - recall_open = entitlement."""
    if "allocated" in facts:
        return
    if "entitlement" in facts:
        back = facts.get("recalled", 0) + facts.get("recall_open", 0)
        facts["allocated"] = facts["entitlement"] + back
    elif "pre_allocated" in facts:
        facts["allocated"] = facts["pre_allocated"]
