"""Long answers as the page needs them: counted and summed row by row, the first or worst kept."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from etsledger.ledger.rows import BalanceRow
from etsledger.ledger.year_rows import ComplianceRow
from etsledger.projections.report.charts import MET
from etsledger.projections.report.messages import STATUSES

ROWS: Final = 500
"""The most rows of compliance or holdings that the page of a registry lists."""
_WORST: Final = (
    "NON_COMPLIANT", "PENDING", "PARTIAL", "OPEN", "LATE_COMPLIANT", "COMPLIANT", "NOT_DUE",
    "EXEMPT",
)  # fmt: skip
_COLUMNS: Final = ("quantity", "available", "frozen", "pledged", "pending", "restricted")


class Owed(NamedTuple):
    """What a year comes to: tonnes owed and outstanding, and the status of its first row."""

    year: int
    obligation: int
    outstanding: int
    status: str


class Compliance(NamedTuple):
    """Rows of compliance: all of them, or the worst ``ROWS``; and what all of them come to.

    ``met`` says by year which tonnes met what was owed, ``latest`` is the last year in which
    anything was owed, ``by_status`` counts the rows of each year.
    """

    rows: list[ComplianceRow]
    number: int
    entities: int
    years: list[int]
    by_status: list[dict[str, Any]]
    met: dict[int, dict[str, int]]
    latest: Owed | None


def compliance(rows: Iterable[ComplianceRow]) -> Compliance:
    """Sums up rows that come by entity."""
    first: list[ComplianceRow] = []
    worst: dict[str, list[ComplianceRow]] = {status: [] for status in _WORST}
    counts: dict[int, dict[str, Any]] = {}
    met: dict[int, dict[str, int]] = {}
    owed: dict[int, Owed] = {}
    count = entities = 0
    entity: str | None = None
    for row in rows:
        count += 1
        entities += row["entity"] != entity
        entity, status, year = row["entity"], row["status"], row["year"]
        if count <= ROWS:
            first.append(row)
        if len(worst[status]) < ROWS:
            worst[status].append(row)
        counts.setdefault(year, {"year": year, **dict.fromkeys(STATUSES, 0)})[status] += 1
        if row["obligation"]:
            _add_met(met.setdefault(year, dict.fromkeys(MET, 0)), row)
            before = owed.get(year, Owed(year, 0, 0, status))
            owed[year] = before._replace(
                obligation=before.obligation + row["obligation"],
                outstanding=before.outstanding + row["outstanding"],
            )
    if count > ROWS:
        first = [row for status in _WORST for row in worst[status]][:ROWS]
    return Compliance(
        first, count, entities, sorted(counts), [counts[year] for year in sorted(counts)], met,
        owed[max(owed)] if owed else None,
    )  # fmt: skip


def _add_met(sums: dict[str, int], row: ComplianceRow) -> None:
    pending = min(row["pending"], row["outstanding"])
    for part, tonnes in (
        ("surrendered", row["surrendered"]), ("offsets", row["offsets"]),
        ("green_power", row["green_power"]), ("pending", pending),
        ("open", row["outstanding"] - pending),
    ):  # fmt: skip
        sums[part] += tonnes


class Holdings(NamedTuple):
    """Balance rows, the first ``ROWS``; ``units`` are the sums of all by unit, ``sums`` of all."""

    rows: list[BalanceRow]
    number: int
    units: list[dict[str, Any]]
    sums: dict[str, int]


def holdings(rows: Iterable[BalanceRow]) -> Holdings:
    """Sums up balance rows."""
    first: list[BalanceRow] = []
    units: dict[str, dict[str, Any]] = {}
    sums: dict[str, int] = dict.fromkeys(_COLUMNS, 0)
    count = 0
    for row in rows:
        count += 1
        if count <= ROWS:
            first.append(row)
        of_unit = units.setdefault(row["unit"], {"unit": row["unit"], "rows": 0})
        of_unit["rows"] += 1
        for name in _COLUMNS:
            of_unit[name] = of_unit.get(name, 0) + row[name]
            sums[name] += row[name]
    return Holdings(first, count, [units[unit] for unit in sorted(units)], sums)
