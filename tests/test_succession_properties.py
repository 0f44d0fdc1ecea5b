"""Whatever happened before, a succession changes no sum at any as-of; nothing is below zero."""

import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import REGISTRY, NationalBook
from successions import (
    COLUMNS,
    by_largest_remainder,
    sold_together,
    units_together,
    years_together,
)

NOW = "2026-04-15T09:00:00+08:00"
UNITS = {2022: "CEA:2022", 2023: "CEA:2023", 2024: "CEA:2024"}
WHO = ("plant", "a", "b", "c")
ACCOUNTS = ("plant-1", "plant-2", "a-1", "b-1", "c-1", "other-1", "hubei", "authority", "retired",
            "cancelled")  # fmt: skip
LATER = ("2026-04-15", "2026-12-31", "2030-01-01")

small, large = st.integers(0, 9), st.integers(0, 700)
tonnes = st.one_of(small, large)
day = st.integers(0, 27)
shares = st.lists(st.integers(1, 999), min_size=1, max_size=3).map(
    lambda weights: [*weights[:-1], 1_000 * len(weights) - sum(weights[:-1])]
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Commands about ``plant`` and its successors before anything goes over, some of which the
    ledger refuses."""
    found: list[tuple[str, dict[str, Any]]] = []

    def add(name: str, at: str, **fields: Any) -> None:
        found.append((name, {"at": at, **fields}))

    for entity in WHO if draw(st.booleans()) else WHO[:1]:
        for year in (2022, 2023, 2024):
            if not draw(st.sampled_from([True, True, False])):
                continue
            of = {"entity": entity, "year": year}
            emissions = draw(tonnes)
            add("record_verified", f"{year + 1}-03-01", emissions=emissions, **of)
            if draw(st.booleans()):
                add("pre_allocate", f"{year + 1}-03-02", **of)
            if draw(st.booleans()):
                add("record_deduction", f"{year + 1}-03-03", quantity=draw(tonnes) + 1,
                    reason="other", **of)  # fmt: skip
            if draw(st.booleans()):
                add("finalise_allocation", f"{year + 1}-04-01", entitlement=draw(tonnes), **of)
            if year == 2022 and draw(st.booleans()):
                add("borrow", "2023-05-01", quantity=draw(tonnes) + 1, **of)
            for month in draw(st.lists(st.sampled_from([6, 11, 13, 14]), max_size=3)):
                when = f"{year + 1 + month // 13}-{(month - 1) % 12 + 1:02}-{draw(day) + 1:02}"
                unit = UNITS[draw(st.sampled_from([2023, 2023, 2024, year]))]
                add("surrender", when, unit=unit, quantity=draw(tonnes) + 1, **of)
    for side in draw(st.lists(st.booleans(), max_size=3)):
        add("settle_trade", f"2025-0{draw(st.integers(1, 9))}-{draw(day) + 1:02}T10:00",
            method="bidding", unit=UNITS[2023], quantity=draw(tonnes) + 1, price="80",
            seller="plant-1" if side else "other-1",
            buyer="other-1" if side else "plant-1")  # fmt: skip
    if draw(st.booleans()):
        add("carry_over", "2026-02-01", entity="plant", quantity=draw(tonnes) + 1)
    return found


class Books:
    """A national book that takes what is accepted, each surrender confirmed at once."""

    def __init__(self, folder: str, given: list[Any], at_risk: bool) -> None:
        self.ledger = Ledger.open(f"sqlite:///{folder}/b.db", create=True, clock=SteppingClock(NOW))
        self.book = book = NationalBook(self.ledger)
        for entity in (*WHO, "other"):
            book.plant(entity)
        book.send("open_account", account="plant-2", kind="entity", entity="plant",
                  at="2019-01-01")  # fmt: skip
        for unit in UNITS.values():
            book.fund(unit, 20_000)
            for account in ("plant-1", "a-1", "other-1"):
                book.give(400, unit, account, at="2022-01-01")
        book.give(33, UNITS[2023], "plant-2", at="2022-01-01")
        if at_risk:
            book.status("at_risk", at="2023-03-01")
        for i, (name, asked) in enumerate(given):
            fields = {**asked, "trade": f"T{i}"} if name == "settle_trade" else asked
            try:
                outcome = book.send(name, id=f"h{i}", **fields)
            except Refusal:
                continue
            if name == "surrender":
                book.confirm(outcome.id, at=fields["at"])


def together(ledger: Ledger, **when: Any) -> list[Any]:
    """All that the entities have: by year, in their accounts, for carrying over."""
    years = years_together(ledger, list(WHO), **when)
    for year in UNITS:  # what was collected with the succession was to be given back
        back = [years.pop((year, name), 0) for name in ("recalled", "recall_open")]
        years[year, "to give back in all"] = sum(back)
    units = units_together(ledger, list(ACCOUNTS), **when)
    return [years, units, sold_together(ledger, list(WHO), **when)]


@settings(max_examples=25)
@given(
    given=histories(), weights=shares, carries_on=st.booleans(), at_risk=st.booleans(),
    day=st.sampled_from(["2026-03-10", "2026-04-01"]),
)  # fmt: skip
def test_a_succession_changes_no_sum(
    given: list[Any], weights: list[int], carries_on: bool, at_risk: bool, day: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = Books(folder, given, at_risk)
        ledger = books.ledger
        before_day = f"{day[:-2]}{int(day[-2:]) - 1:02}" if day[-2:] != "01" else "2026-03-31"
        names = ["a", "b", "c"][: len(weights)]
        if carries_on and len(names) > 1:
            names[0] = "plant"
        kind = "division" if "plant" in names else "merger" if len(names) == 1 else "split"
        whole = 1_000 * len(weights)
        exact = [Fraction(weight, whole) for weight in weights]
        texts = [_decimal(share) for share in exact]
        exact = [Fraction(text) for text in texts]
        if sum(exact) != 1:
            texts[-1] = str(1 - sum(Decimal(text) for text in texts[:-1]))
            exact[-1] = Fraction(texts[-1])
        known = f"@{ledger.head().position}"
        was = {when: together(ledger, as_of=when) for when in (before_day, day, *LATER)}
        answers = ledger.compliance(registry=REGISTRY, as_of=before_day)
        books.book.send("succeed_entity", entity="plant", kind=kind, at=day, successors=[
            {"entity": name, "share": text} for name, text in zip(names, texts, strict=True)
        ])  # fmt: skip
        for when in (before_day, day, *LATER):
            assert together(ledger, as_of=when) == was[when]
            assert together(ledger, as_of=when, known_at=known) == was[when]
        assert ledger.compliance(registry=REGISTRY, as_of=before_day) == answers
        _nothing_below_zero(ledger)
        _parts_are_those_of_the_rule(ledger, answers, names, exact, day)
        assert ledger.verify().ok
        ledger.close()
        assert Path(folder, "b.db").exists()


def _decimal(share: Fraction) -> str:
    return f"{Decimal(share.numerator) / Decimal(share.denominator):.9f}"


def _nothing_below_zero(ledger: Ledger) -> None:
    for row in ledger.compliance(registry=REGISTRY):
        for column in COLUMNS:
            assert (row[column] or 0) >= 0, row
        given = row["allocated"] - row["recalled"] - row["recall_open"]
        if row["entitlement"] is not None:
            allocation = ledger.allocation(row["entity"], row["year"], registry=REGISTRY)
            assert allocation is not None
            if allocation["final"] and row["entity"] == "plant":
                assert given == row["entitlement"] - allocation["deductions"], row
    for row in ledger.balances(registry=REGISTRY):
        assert min(row["quantity"], row["available"], row["restricted"]) >= 0, row


def _parts_are_those_of_the_rule(
    ledger: Ledger, answers: list[Any], names: list[str], exact: list[Fraction], day: str
) -> None:
    """Emissions and obligations by largest remainder, on top of what each had itself."""
    had = {(row["entity"], row["year"]): row for row in answers}
    for (entity, year), old in had.items():
        if entity != "plant":
            continue
        for column in ("verified_emissions", "entitlement", "obligation", "recall_open"):
            parts = by_largest_remainder(old[column] or 0, exact)
            for name, part in zip(names, parts, strict=True):
                (now,) = ledger.compliance(registry=REGISTRY, entity=name, year=year, as_of=day)
                own = 0 if name == "plant" else (had.get((name, year), {}).get(column) or 0)
                if column == "recall_open":  # met at once by what the successor has free
                    assert (now[column] or 0) <= own + part
                else:
                    assert (now[column] or 0) == own + part, (name, year, column)
