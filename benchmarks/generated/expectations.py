"""What a generated history expects of the ledger: plain books kept beside the commands.

Nothing of the package is imported. Each fact of an entity's year is noted with the time it
takes effect, so that ``expected`` can be asked as of any time, with all facts known.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from generated.entitlements import UnitYear, obligation
from generated.entitlements import entitlement as computed

SECOND: Final = timedelta(seconds=1)


@dataclass
class YearFacts:
    """One entity's compliance year, each fact with its effective time (tonnes)."""

    reports: list[tuple[datetime, tuple[UnitYear, ...]]] = field(default_factory=list)
    approvals: list[tuple[datetime, tuple[UnitYear, ...]]] = field(default_factory=list)
    pre_allocated: list[tuple[datetime, int]] = field(default_factory=list)
    granted: list[tuple[datetime, int]] = field(default_factory=list)
    recalled: list[tuple[datetime, int]] = field(default_factory=list)
    opened: list[tuple[datetime, int]] = field(default_factory=list)
    deductions: int = 0
    submitted: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    closed: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    @property
    def units(self) -> tuple[UnitYear, ...]:
        """The units of the report that rules."""
        return self.reports[-1][1]

    def open_recall(self) -> int:
        """What is still to come back."""
        return sum(quantity for _, quantity in self.opened)

    def with_entity(self) -> int:
        """What was handed out and neither recalled nor to be recalled."""
        back = sum(quantity for _, quantity in self.recalled)
        return sum(quantity for _, quantity in self.granted) - back - self.open_recall()


class Books:
    """Holdings and compliance years, kept by simple sums."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], int] = {}
        self.pending: dict[tuple[str, str], int] = {}
        self.years: dict[tuple[str, int], YearFacts] = {}
        self.dissolved: dict[str, datetime] = {}

    def year(self, entity: str, year: int) -> YearFacts:
        """The facts of an entity's year."""
        return self.years.setdefault((entity, year), YearFacts())

    def move(self, unit: str, quantity: int, source: str, target: str) -> None:
        """Tonnes from one account to another."""
        for account, change in ((source, -quantity), (target, quantity)):
            key = (account, unit)
            self.held[key] = self.held.get(key, 0) + change

    def free(self, account: str, unit: str) -> int:
        """Tonnes that can leave an account."""
        return self.held.get((account, unit), 0) - self.pending.get((account, unit), 0)

    def reserve(self, account: str, unit: str, quantity: int) -> None:
        """Tonnes submitted (below zero: no longer)."""
        self.pending[account, unit] = self.pending.get((account, unit), 0) + quantity

    def due(self, entity: str, year: int) -> int:
        """What the entity owes for a year by all that is noted."""
        facts = self.year(entity, year)
        given = computed(year, facts.approvals[-1][1]) if facts.approvals else None
        return obligation(year, facts.units, given)

    def expected(
        self, entity: str, year: int, as_of: datetime, deadline: datetime
    ) -> dict[str, Any]:
        """The fields of a ``compliance`` row that the history knows; a deadline's own second
        is in time."""
        facts = self.year(entity, year)

        def total(entries: list[tuple[datetime, int]]) -> int:
            return sum(quantity for at, quantity in entries if at <= as_of)

        reports = [units for at, units in facts.reports if at <= as_of]
        approvals = [units for at, units in facts.approvals if at <= as_of]
        given = computed(year, approvals[-1]) if approvals else None
        by = min(as_of, deadline)
        exempt = entity in self.dissolved and self.dissolved[entity] <= by
        due = obligation(year, reports[-1], given) if reports and not exempt else 0
        met = timely = waiting = timely_waiting = 0
        for name, (at, quantity) in facts.submitted.items():
            closed = facts.closed.get(name)
            if at > as_of:
                continue
            early = at < deadline + SECOND
            if closed is None or closed[0] > as_of:
                waiting += quantity
                timely_waiting += quantity * early
            elif closed[1]:
                met += quantity
                timely += quantity * early
        rest = max(0, due - met)
        if exempt:
            status = "EXEMPT"
        elif not reports:
            status = "NOT_DUE"
        elif as_of < deadline + SECOND:
            status = "COMPLIANT" if not rest else "PARTIAL" if met else "OPEN"
        elif rest:
            status = "PENDING" if timely_waiting >= rest else "NON_COMPLIANT"
        else:
            status = "COMPLIANT" if timely >= due else "LATE_COMPLIANT"
        return {
            "verified_emissions": sum(u.emissions for u in reports[-1]) if reports else None,
            "entitlement": given.total if given else None,
            "pre_allocated": total(facts.pre_allocated),
            "allocated": total(facts.granted),
            "recalled": total(facts.recalled),
            "recall_open": total(facts.opened),
            "obligation": due,
            "surrendered": met,
            "pending": waiting,
            "outstanding": rest,
            "deadline": deadline.isoformat(),
            "status": status,
        }
