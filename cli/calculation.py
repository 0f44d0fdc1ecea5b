"""An allocation as a calculation that people read from the top: lines, sum, what it moved."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from etsledger.cli.failures import one_line
from etsledger.cli.tables import as_text

if TYPE_CHECKING:
    from etsledger.ledger import AllocationRow

_GENERATING = (
    ("unit_id", "unit"), ("class", "class"), ("emissions", "emissions"),
    ("electricity_mwh", "MWh"), ("benchmark", "benchmark"), ("factor", "factor"),
    ("electricity", "electricity"), ("heat_gj", "GJ"), ("heat_benchmark", "benchmark"),
    ("heat", "heat"), ("amount", "amount"), ("rule", "rule"), ("source", "source"),
)  # fmt: skip
"""The columns of generating units: what is multiplied stands before what it gives."""
_INDUSTRIAL = (
    ("unit_id", "line"), ("class", "product"), ("output_t", "output (t)"),
    ("emissions", "emissions"), ("intensity", "intensity"), ("benchmark", "balance value"),
    ("factor", "factor"), ("amount", "amount"), ("rule", "rule"), ("source", "source"),
)  # fmt: skip
_MARKS = {
    "DRAFT": "a text for comment; the final text may differ",
    "[ADOPTED]": "this ledger's own choice where the texts are silent or contradict each other",
    "[unsourced]": "remembered by practitioners; no text at hand",
}
"""What marks in a source mean."""
_WORDS = {"unit_id", "class", "rule", "source"}
_ALWAYS = {"amount", "rule", "source"}


class Notes:
    """Sources, numbered in the order in which they are cited."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def cite(self, source: object) -> str:
        if not source:
            return ""
        return f"[{self._numbers.setdefault(str(source), len(self._numbers) + 1)}]"

    def cite_rest(self, source: object) -> str:
        """Cites a source that says something which those before it did not."""
        known = {part for text in self._numbers for part in text.split("; ")}
        return "" if set(str(source).split("; ")) <= known else self.cite(source)

    def lines(self) -> list[str]:
        cited = [f"[{number}] {one_line(text)}" for text, number in self._numbers.items()]
        marks = (mark for mark in _MARKS if any(mark in text for text in self._numbers))
        return [*cited, *(f"{mark}: {_MARKS[mark]}" for mark in marks)]


Step = tuple[str, int | None, str]
"""A line of the sum: what it is, tonnes, a remark."""


def in_words(row: "AllocationRow") -> str:
    """The calculation for people."""
    notes = Notes()
    parts = ["\n".join(_head(row))]
    if row["lines"]:
        parts.append(as_text(_lines(row["lines"], notes)))
    parts.append(_sum(list(_steps(row, notes))))
    parts.append("\n".join([*notes.lines(), _rulebook(row)]))
    return "\n\n".join(parts)


def _head(row: "AllocationRow") -> Iterator[str]:
    unit = f", {row['unit']}" if row["unit"] else ""
    yield f"Allocation of {row['entity']} for {row['year']} ({row['registry']}{unit})"
    if row["final"]:
        replaced = f", in place of command {row['supersedes']}" if row["supersedes"] else ""
        yield f"final: by command {row['command_id']} at position {row['position']}{replaced}"
    elif row["entitlement"] is None:
        yield "not final, and not to be computed yet"
    else:
        yield "not final: what is on record would give this"
    if row["restated_since"]:
        yield "the report was restated since: finalise_allocation with supersedes approves it again"
    advance = row["pre_allocation"] or {}
    if row["draft"] or advance.get("draft"):
        what = "these figures rest" if row["draft"] else "the pre-allocation rests"
        yield f"DRAFT: {what} on a text for comment"


def _lines(lines: list[dict[str, Any]], notes: Notes) -> Table:
    generating = any(line.get("electricity") is not None for line in lines)
    columns = _GENERATING if generating else _INDUSTRIAL
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown = [
        (name, title)
        for name, title in columns
        if name in _ALWAYS or any(line.get(name) is not None for line in lines)
    ]
    for name, title in shown:
        table.add_column(title, justify="left" if name in _WORDS else "right", no_wrap=True)
    for line in lines:
        cells = {**line, "source": notes.cite(line.get("source"))}
        table.add_row(*(Text(_cell(name, cells)) for name, _ in shown))
    return table


def _cell(name: str, line: dict[str, Any]) -> str:
    value = line.get(name)
    if value is None:
        return ""
    if name == "factor" and line.get("factors"):
        parts = ", ".join(f"{part} {number}" for part, number in line["factors"].items())
        return one_line(f"{value} ({parts})")
    if name in {"electricity_mwh", "heat_gj", "output_t"}:
        return _decimal(str(value))
    return f"{value:,}" if isinstance(value, int) else one_line(str(value))


def _decimal(text: str) -> str:
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole.isdigit() else one_line(text)


def _steps(row: "AllocationRow", notes: Notes) -> Iterator[Step]:
    yield from _to_entitlement(row, notes)
    yield from _to_difference(row, notes)


def _to_entitlement(row: "AllocationRow", notes: Notes) -> Iterator[Step]:
    computed = row["computed"]
    if row["lines"]:
        yield "subtotal", row["subtotal"], ""
    if row["approved"] is not None:
        if computed is not None:
            yield "what the rulebook computes", computed, "with its exemptions"
        else:
            yield "what the rulebook computes", None, "nothing: a table or a fact is missing"
        yield "the authority's figure", row["approved"], notes.cite(row["source"])
    for one in row["adjustments"]:
        unit = f", unit {one['unit_id']}" if one.get("unit_id") else ""
        yield f"{_sign(one['amount'])} {one['rule']}{unit}", abs(one["amount"]), notes.cite(
            one.get("source")
        )  # fmt: skip
    if row["entitlement"] is None:
        yield "entitlement", None, row["reason"] or "not known"
        return
    verified, gap = row["verified_emissions"], row["gap_rate"]
    remark = f"of {verified:,} t verified: a gap of {gap} % " if verified and gap else ""
    yield "= entitlement", row["entitlement"], remark + notes.cite_rest(row["source"])


def _to_difference(row: "AllocationRow", notes: Notes) -> Iterator[Step]:
    if row["pre_allocation"] is None:
        yield "- pre-allocated", row["pre_allocated"], ""
    else:
        yield from _in_advance(row["pre_allocation"], notes)
    if row["deduction_lines"] or row["deductions"]:
        yield "- deducted", row["deductions"], ""
    for one in row["deduction_lines"]:
        remains = f"{one['deducted']:,} of {one['quantity']:,} taken, {one['remaining']:,} remain"
        yield f"    {one['deduction']} ({one['reason']})", None, remains
    difference = row["difference"]
    if difference is not None:
        yield "= difference", difference, _moved(row, difference)


def _in_advance(advance: dict[str, Any], notes: Notes) -> Iterator[Step]:
    custody = ", in custody" if advance["in_custody"] else ""
    said = [
        f"{advance['rule']} {notes.cite(advance['source'])}",
        f"command {advance['command_id']}{custody}",
    ]
    if advance["quantity"] + advance["deducted"] != advance["computed"]:
        said.append(f"the rule gives {advance['computed']:,}")
    if advance["deducted"]:
        said.append(f"{advance['deducted']:,} deducted from it")
    yield "- pre-allocated", advance["quantity"], ", ".join(said)
    for line in advance["lines"]:
        what = f"unit {line['unit_id']}" if line.get("unit_id") else "the entity"
        withheld = ": withheld" if line.get("withheld") else ""
        base = _decimal(str(line["base"]))
        yield f"    {what}", None, f"{line['amount']:,} of a base of {base}{withheld}"


def _moved(row: "AllocationRow", difference: int) -> str:
    if not row["final"]:
        if not difference:
            return "nothing is to move"
        return "to be handed out" if difference > 0 else "to be recalled"
    back = row["recalled"] or row["recall_open"]
    said = [f"{row['recalled']:,} recalled, {row['recall_open']:,} still open"] if back else []
    if difference > 0 and not back:
        kept = f", into custody in {row['custodian']}" if row["custodian"] else ""
        said = [f"handed out{kept}"]
    return "; ".join(said) or "nothing moved"


def _sign(tonnes: int) -> str:
    return "+" if tonnes >= 0 else "-"


def _sum(steps: list[Step]) -> str:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for justify in ("left", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for what, tonnes, remark in steps:
        shown = "" if tonnes is None else f"{tonnes:,} t"
        table.add_row(Text(one_line(what)), Text(shown), Text(one_line(remark)))
    return as_text(table)


def _rulebook(row: "AllocationRow") -> str:
    book = row["rulebook"]
    return f"rulebook {book['name']} {book['version']}, hash {book['hash']}"
