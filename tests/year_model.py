"""Two plants' years once more, as plain as can be: lists of facts, summed for each question.

Written from the contract. It knows the registry ``cn-national`` of ``random_years``: the
entities ``a`` and ``b`` with one account each, the province ``hubei``, the years 2022 to 2024.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

UNITS = {2023: "CEA:2023", 2024: "CEA:2024"}
NEXT_DAY = {
    2022: datetime.fromisoformat("2024-01-01T00:00:00+08:00"),
    2023: datetime.fromisoformat("2025-01-01T00:00:00+08:00"),
    2024: datetime.fromisoformat("2026-01-01T00:00:00+08:00"),
}
"""The first instant that is late."""
ARREARS = datetime.fromisoformat("2026-01-01T00:00:00+08:00")
ELIGIBLE = {2022: set[str](), 2023: {"CEA:2023"}, 2024: {"CEA:2023", "CEA:2024"}}


class Refused(Exception):
    """The code with which the ledger must refuse."""


class Fact(NamedTuple):
    """Something on record: of what kind, about which entity and year, when, and its numbers."""

    position: int
    at: datetime
    kind: str
    entity: str
    year: int
    data: dict[str, Any]


class Posting(NamedTuple):
    """Tonnes that came to (below zero: left) a bucket of a holding."""

    position: int
    at: datetime
    account: str
    unit: str
    bucket: str
    tonnes: int
    custody_of: str = ""


@dataclass
class Model:
    """The books after their opening, which took ``position`` events."""

    position: int
    facts: list[Fact] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)

    # -- what is on record ---------------------------------------------------------------------

    def of(
        self, kind: str, entity: str, year: int, at: datetime | None = None, known: int = 10**9
    ) -> list[Fact]:
        """The facts of a kind in the order of the log, in effect at ``at`` and known."""
        return [
            f
            for f in self.facts
            if (f.kind, f.entity, f.year) == (kind, entity, year)
            and f.position <= known
            and (at is None or f.at <= at)
        ]

    def amount(self, account: str, unit: str, bucket: str, at: datetime, known: int) -> int:
        """The tonnes in a bucket."""
        return sum(
            p.tonnes
            for p in self.postings
            if (p.account, p.unit, p.bucket) == (account, unit, bucket)
            and p.at <= at
            and p.position <= known
        )

    def balances(self, at: datetime, known: int) -> dict[tuple[str, str], dict[str, int]]:
        """The rows of ``balances``: by account and unit, those that are all zero left out."""
        rows: dict[tuple[str, str], dict[str, int]] = {}
        for key in {(p.account, p.unit) for p in self.postings}:
            buckets = ("held", "pledged", "pending", "restricted")
            row = {b: self.amount(*key, b, at, known) for b in buckets}
            if any(row.values()):
                rows[key] = row
        return rows

    def compliance(self, entity: str, year: int, at: datetime, known: int) -> dict[str, Any]:
        """The numbers of the row of ``compliance``."""
        reports = self.of("report", entity, year, at, known)
        grants = self.of("grant", entity, year, at, known)
        finals = [g for g in grants if g.data["entitlement"] is not None]
        first = [g for g in grants if g.data["entitlement"] is None]
        closings = self.of("closing", entity, year, at, known)
        closed = {c.data["surrender"]: c.data["confirmed"] for c in closings}
        submitted = self.of("surrender", entity, year, at, known)
        open_ = [s for s in submitted if closed.get(s.data["id"]) is not False]
        in_time = [s for s in open_ if s.at < NEXT_DAY[year]]
        met = [s for s in open_ if closed.get(s.data["id"])]
        due = reports[-1].data["emissions"] if reports else 0
        surrendered = tonnes(met)
        outstanding = max(0, due - surrendered)
        timely = [s for s in in_time if s in met]
        if not reports:
            status = "NOT_DUE"
        elif at < NEXT_DAY[year]:
            status = "PARTIAL" if surrendered and outstanding else "OPEN"
            status = status if outstanding else "COMPLIANT"
        elif not outstanding:
            status = "COMPLIANT" if tonnes(timely) >= due else "LATE_COMPLIANT"
        else:
            waiting = tonnes(in_time) - tonnes(timely)
            status = "PENDING" if waiting >= outstanding else "NON_COMPLIANT"
        collected = tonnes(self.of("collection", entity, year, at, known))
        recalled = sum(g.data["recalled"] for g in grants) + collected
        return {
            "verified_emissions": due if reports else None,
            "entitlement": finals[-1].data["entitlement"] if finals else None,
            "pre_allocated": sum(g.data["granted"] for g in first),
            "allocated": sum(g.data["granted"] for g in grants),
            "recalled": recalled,
            "recall_open": sum(g.data["opened"] for g in grants) - collected,
            "obligation": due,
            "surrendered": surrendered,
            "pending": tonnes(open_) - surrendered,
            "outstanding": outstanding,
            "status": status,
        }

    def kept_back(self, entity: str, year: int, at: datetime, known: int) -> int:
        """Tonnes of deductions that allocations took."""
        grants = self.of("grant", entity, year, at, known)
        return sum(sum(g.data["deducted"].values()) for g in grants)

    def custody(self, entity: str, unit: str, at: datetime) -> int:
        """What the province keeps for an entity from an instant on."""
        own = [p for p in self.postings if p.custody_of == entity and p.unit == unit]
        later = {at, *(p.at for p in own if p.at > at)}
        return max(0, min(sum(p.tonnes for p in own if p.at <= when) for when in later))

    def status(self, entity: str, at: datetime) -> str:
        """How an entity stands at an instant."""
        facts = [f for f in self.of("status", entity, 0) if f.at <= at]
        facts.sort(key=lambda f: (f.at, f.position))
        return str(facts[-1].data["status"]) if facts else "active"

    def free(self, account: str, unit: str, at: datetime) -> int:
        """What is held less what is reserved."""
        row = {b: self.amount(account, unit, b, at, 10**9) for b in
               ("held", "pledged", "pending", "restricted")}  # fmt: skip
        return row["held"] - row["pledged"] - row["pending"] - row["restricted"]

    def later(self, account: str, unit: str, at: datetime) -> Iterator[datetime]:
        """The instants after ``at`` at which a holding changes."""
        for p in self.postings:
            if (p.account, p.unit) == (account, unit) and p.at > at:
                yield p.at

    def takeable(self, account: str, unit: str, at: datetime) -> int:
        """What may leave at an instant without leaving anything later short."""
        instants = {at, *self.later(account, unit, at)}
        return max(0, min(self.free(account, unit, when) for when in instants))

    def take(self, account: str, unit: str, quantity: int, at: datetime) -> None:
        """Refuses what is not there, or not there for long enough."""
        if not quantity:
            return
        if self.free(account, unit, at) < quantity:
            raise Refused("InsufficientUnits")
        if self.takeable(account, unit, at) < quantity:
            raise Refused("BackdatedOverdraft")

    def no_recall_open(self, account: str, at: datetime) -> None:
        """Refuses what would leave while units are to come back."""
        for year in UNITS:
            if self.compliance(account[0], year, at, 10**9)["recall_open"] > 0:
                raise Refused("RecallOutstanding")


def tonnes(facts: list[Fact]) -> int:
    """The sum of what the facts are about."""
    return sum(f.data["tonnes"] for f in facts)
