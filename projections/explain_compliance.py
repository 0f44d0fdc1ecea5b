"""Why an entity stands with a year as it does: every number of the row, down to its facts."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from etsledger.domain.compliance import in_time, last_second
from etsledger.domain.opening_year import OpeningYearRecorded
from etsledger.domain.state import State
from etsledger.domain.times import iso
from etsledger.domain.yearbook import Submission, seen
from etsledger.ledger.explanations import Explanation, YearExplanation
from etsledger.ledger.store import Store
from etsledger.ledger.year_rows import ComplianceRow
from etsledger.projections.compliance import compliance_row, entity_then
from etsledger.projections.explain_facts import Fact, Facts
from etsledger.projections.explain_nodes import (
    MONEY,
    TONNES,
    as_part,
    as_reason,
    node,
    part,
    with_documents,
)
from etsledger.projections.explain_prices import Prices
from etsledger.projections.explain_year import Year, later_facts, positions, signed, year_of
from etsledger.projections.instants import Viewpoint

_SAYS: Final = {
    "NOT_DUE": "no verified emissions are on record",
    "OPEN": "nothing is met, and the deadline has not passed",
    "PARTIAL": "a part is met, and the deadline has not passed",
    "COMPLIANT": "all that is owed was met in time",
    "LATE_COMPLIANT": "all that is owed is met, some of it after the deadline",
    "PENDING": "a surrender submitted in time would cover the rest, and awaits confirmation",
    "NON_COMPLIANT": "the deadline passed, and not all that is owed is met",
    "EXEMPT": "no obligation by rule",
}
_STATUS_RULE: Final = {"N": "N-SUR-2, N-SUR-4", "Q": "Q-SUR"}


def explained_compliance(
    store: Store,
    facts: Facts,
    prices: Prices,
    state: State,
    view: Viewpoint,
    head: int,
    entity: str,
    year: int,
    registry: str | None,
) -> YearExplanation | None:
    """The status of an entity's year; None where no registry has it."""
    found = year_of(store, state, view, entity, year, registry)
    if found is None:
        return None
    return _Explained(facts, prices, found, view, head).root()


class _Explained:
    def __init__(
        self, facts: Facts, prices: Prices, year: Year, view: Viewpoint, head: int
    ) -> None:
        self.facts, self.prices, self.year, self.view, self.head = facts, prices, year, view, head
        self.row = self._row_at(view)
        self.found: dict[int, Fact] = facts.at(
            [
                *positions(year.whole),
                *(status.position for status in year.recorded.statuses),
                *(leave.position for leave in year.recorded.leaves),
                *(one.position for one in year.recorded.succeeded),
            ]
        )
        self.table = year.rules.year(year.entity.sector, year.year)
        self.market = (year.rules.data.coverage or year.rules.data.allocation or (None,))[0]

    def _row_at(self, view: Viewpoint) -> ComplianceRow:
        year = self.year
        return compliance_row(
            year.rules, year.registry, year.name, entity_then(year.recorded, view), year.year,
            seen(year.whole, view.as_of, view.upto), view.as_of,
        )  # fmt: skip

    def root(self) -> YearExplanation:
        year, row = self.year, self.row
        told = node(
            "status", f"{year.name} {year.year}: {_SAYS[row['status']]}", row["status"],
            rule=self._rule(), source=self.table.deadline_source if self.table else None,
            because=[one for one in self._numbers() if one["value"] or one["key"] in _ALWAYS],
            since=self._since(),
        )  # fmt: skip
        told["rulebook"] = self._rulebook()
        return {
            **with_documents(told, year.rules.data.sources),
            "registry": year.registry,
            "entity": year.name,
            "year": year.year,
            "as_of": iso(self.view.as_of),
            "known_at": self.view.upto,
        }

    def _rulebook(self) -> dict[str, str]:
        ref = self.year.ref
        return {"name": ref.name, "version": ref.version, "hash": ref.hash}

    def _rule(self) -> str:
        letter = self.market.rule[:1] if self.market is not None else "N"
        return _STATUS_RULE.get(letter, "N-SUR-2, N-SUR-4")

    def _told(self, position: int, key: str = "fact") -> Explanation:
        fact = self.found[position]
        told = self.facts.told(fact, key)
        if isinstance(fact.event, OpeningYearRecorded):
            told["because"] = []  # all that it states: here one number of it is told
        return told

    # -- the numbers --------------------------------------------------------------------------

    def _numbers(self) -> Iterator[Explanation]:
        row, book = self.row, self.year.book
        yield self._outstanding()
        if row["deadline"] is not None and self.table is not None:
            yield node("deadline", "last second to surrender", row["deadline"],
                       rule=self._rule(), source=self.table.deadline_source)  # fmt: skip
        yield node("pending", "submitted, not yet confirmed", row["pending"], TONNES,
                   because=self._submitted(None))  # fmt: skip
        if book.approval is not None:
            approval = self._told(book.approval.position, "entitlement")
            approval["value"], approval["unit"] = book.approval.entitlement, TONNES
            yield approval
        if book.pre_allocation is not None:
            yield node("pre_allocated", "handed out in advance", row["pre_allocated"], TONNES,
                       because=[signed(self._told(one.position), one.granted)
                                for one in book.advances])  # fmt: skip
        granted = [
            signed(self._told(one.position), one.granted) for one in book.grants if one.granted
        ]
        yield node("allocated", "handed out for the year in all", row["allocated"], TONNES,
                   because=granted)  # fmt: skip
        recalled = [
            signed(self._told(one.position), one.recalled) for one in book.grants if one.recalled
        ]
        collected = [(self._told(one.position), one.quantity) for one in book.collections]
        yield node("recalled", "taken back", row["recalled"], TONNES,
                   because=[*recalled, *(signed(t, q) for t, q in collected)])  # fmt: skip
        yield node("recall_open", "still to be given back", row["recall_open"], TONNES, because=[
            *(signed(self._told(one.position), one.opened) for one in book.grants if one.opened),
            *(signed(told, -quantity) for told, quantity in collected),
        ])  # fmt: skip
        yield node("deductions", "decided to be deducted",
                   sum(one.quantity for one in book.deductions), TONNES, because=[
            signed(self._told(one.position), one.quantity) for one in book.deductions
        ])  # fmt: skip
        yield node("borrowed", "borrowed from a later year", row["borrowed"], TONNES, because=[
            signed(self._told(one.position), one.quantity) for one in book.loans
        ])  # fmt: skip
        yield node("fine", "fined", row["fine"], MONEY, because=self._fines())

    def _fines(self) -> list[Explanation]:
        """Each fine, and which market days of its average price were recorded again."""
        fines = [one.position for one in self.year.book.fines]
        news = self.prices.since([self.found[position] for position in fines], self.head)
        return [
            {**_worth(self._told(one.position), one.amount), "since": news.get(one.position, [])}
            for one in self.year.book.fines
        ]

    def _outstanding(self) -> Explanation:
        row, book = self.row, self.year.book
        parts = [
            self._obligation(),
            node("surrendered", "surrendered and confirmed", row["surrendered"], TONNES, sign=-1,
                 because=self._submitted(True)),
            node("offsets", "met by credits", row["offsets"], TONNES, sign=-1, because=[
                signed(self._told(one.position), one.quantity) for one in book.offsets]),
            node("green_power", "met by green electricity", row["green_power"], TONNES, sign=-1,
                 because=[signed(self._told(one.position), one.quantity)
                          for one in book.green_power]),
        ]  # fmt: skip
        shown = [one for one in parts if one["value"] or one["key"] in _ALWAYS]
        shown += self._submitted(False)
        return node("outstanding", "outstanding (at least zero)", row["outstanding"], TONNES,
                    because=shown)  # fmt: skip

    def _obligation(self) -> Explanation:
        """Verified emissions, less what a cap takes off; nothing where the year is exempt."""
        row, book, table = self.row, self.year.book, self.table
        stated = book.stated_obligation
        because: list[Explanation] = []
        if book.report is not None:
            report = self._told(book.report.position, "verified_emissions")
            if report["value"] != book.report.emissions:  # told with other years, or other things
                report["value"], report["unit"] = book.report.emissions, TONNES
            because.append(report if row["status"] == "EXEMPT" else as_part(report))
        if row["status"] == "EXEMPT":
            because += self._exempt()
        elif stated is not None:
            because = [as_reason(one) for one in because]
            because.append(signed(self._told(stated.position), stated.quantity))
        elif book.report is not None and row["obligation"] != book.report.emissions:
            cap = table.obligation_cap if table is not None else None
            taken = row["obligation"] - book.report.emissions
            share = f"{cap.over_allocation:f} of emissions" if cap is not None else "its share"
            what = f"over the cap: the entitlement of {row['entitlement']:,} t and {share}"
            because.append(
                part("obligation_cap", what, taken, rule=cap.rule if cap else None,
                     source=cap.source if cap else None)
            )  # fmt: skip
        owed = node("obligation", "owed", row["obligation"], TONNES, sign=1, because=because,
                    rule="Q-SUR" if self._rule() == "Q-SUR" else "N-SUR-1",
                    source=table.source if table is not None else None)  # fmt: skip
        owed["rulebook"] = self._rulebook()
        return owed

    def _exempt(self) -> Iterator[Explanation]:
        entity = self.year.entity
        if self.table is None and self.year.rules.years:
            yield node("exempt", f"{self.year.year} is no compliance year of {entity.sector}")
        if entity.first_year is not None and self.year.year < entity.first_year:
            yield node("exempt", f"its first year is {entity.first_year}")
        for fact in (*entity.leaves, *entity.statuses, *entity.succeeded):
            if fact.at <= self.view.as_of:
                yield self._told(fact.position, "exempt")

    def _submitted(self, confirmed: bool | None) -> list[Explanation]:
        """The surrenders that were confirmed (True), sent back (False) or wait (None)."""
        book = self.year.book
        told: list[Explanation] = []
        for one in book.submissions:
            # A succession adds to a surrender, or takes of it, with a closing of its own.
            closings = (c for c in book.closings if c.surrender == one.command)
            closing = next((c for c in closings if c.position >= one.position), None)
            if (None if closing is None else closing.confirmed) is not confirmed:
                continue
            first = self._told(one.position, "submitted")
            first["what"] += self._timely(one)
            if closing is not None and isinstance(
                self.found[one.position].event, OpeningYearRecorded
            ):
                first["key"] = "confirmed"
                told.append(signed(first, one.quantity))
            elif closing is None:
                told.append(signed(first, one.quantity))
            elif confirmed:
                last = self._told(closing.position, "confirmed")
                last["because"] = []
                told.append(signed(last, one.quantity, [first]))
            else:
                last = self._told(closing.position, "rejected")
                told.append({**last, "because": [first]})
        return told

    def _timely(self, one: Submission) -> str:
        if self.table is None:
            return ""
        deadline = last_second(self.table.deadline)
        when = "" if one.counted_at is None else f", submitted {iso(one.met_at)}"
        return f"{when}, {'in time' if in_time(one.met_at, deadline) else 'after the deadline'}"

    # -- since --------------------------------------------------------------------------------

    def _since(self) -> list[Explanation]:
        """What the same question is answered now, and the facts that make the difference."""
        year, view = self.year, self.view
        of_entity = (
            *year.recorded.statuses, *year.recorded.leaves, *year.recorded.succeeded
        )  # fmt: skip
        known = {f.position for f in of_entity if f.position <= view.upto and f.at <= view.as_of}
        then = known | set(positions(year.book))
        later = later_facts(self.facts, self.found, year, set(self.found) - then, view)
        now = self._row_at(view._replace(upto=self.head))
        changed = [
            node(key, f"{key.replace('_', ' ')} as known now (then: {_shown(self.row[key])})",
                 now[key], _unit(key, now[key]))
            for key in _CHANGING
            if now[key] != self.row[key]
        ]  # fmt: skip
        return [*changed, *later]


def _worth(told: Explanation, amount: Decimal) -> Explanation:
    """A fine with its own sum, where the fact states more than that."""
    told["value"], told["unit"] = str(amount), MONEY
    return told


def _unit(key: str, value: object) -> str | None:
    return MONEY if key == "fine" else TONNES if isinstance(value, int) else None


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "nothing" if value is None else str(value)


_ALWAYS: Final = {"outstanding", "obligation", "surrendered"}
_CHANGING: Final = (
    "status", "verified_emissions", "obligation", "surrendered", "pending", "offsets",
    "green_power", "outstanding", "entitlement", "allocated", "recalled", "recall_open",
    "borrowed", "fine",
)  # fmt: skip
