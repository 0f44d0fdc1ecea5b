"""A rulebook of a user's own that extends ``cn-national``: overridden, and checked by path."""

from typing import Any

import pytest

from etsledger.ledger import Ledger, Refusal
from helpers import ON_SQLITE, SteppingClock, command
from national import REGISTRY, SUMMER, NationalBook, coal

pytestmark = ON_SQLITE

HIGHER: dict[str, Any] = {
    "rule": "N-ENT-1", "sectors": ["power"], "years": [2024], "method": "benchmark",
    "electricity": {"I": "0.9000"}, "heat": {"I": "0.2000"}, "source": "a letter of my own",
}  # fmt: skip
LATER: dict[str, Any] = {
    "year": 2024, "sectors": ["power"], "unit": "CEA:2024", "deadline": "2026-01-31T12:00:00",
    "deadline_source": "a letter", "units": ["CEA:2024"], "units_source": "a letter",
    "source": "a letter",
}  # fmt: skip


def extended(**own: Any) -> dict[str, Any]:
    return {"extends": REGISTRY, "name": "mine", "version": "7", **own}


@pytest.fixture
def mine(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """A higher benchmark and a later deadline for 2024; the rest as in ``cn-national``."""
    clock.now = SUMMER
    book = NationalBook(ledger, extended(allocation=[HIGHER], years=[LATER]))
    book.plant()
    book.fund("CEA:2024", 10_000)
    return book


def test_a_benchmark_is_overridden_and_the_line_says_whence(mine: NationalBook) -> None:
    mine.verified(1_000, units=[coal(mwh=1_000, gj=100)])
    mine.finalise()
    found = mine.allocation()
    (only,) = found["lines"]
    assert (str(only["benchmark"]), only["amount"]) == ("0.9000", 920)
    assert "a letter of my own" in only["source"]
    assert (found["rulebook"]["name"], found["rulebook"]["version"]) == ("mine", "7")


def test_the_rest_stays_as_it_was(mine: NationalBook) -> None:
    mine.fund("CEA:2023", 10_000)
    mine.verified(1_000, 2023, units=[coal(mwh=1_000)])
    mine.finalise(2023)
    (only,) = mine.allocation(year=2023)["lines"]
    assert (str(only["benchmark"]), only["amount"]) == ("0.7950", 795)
    assert mine.compliance(year=2023)["deadline"] == "2024-12-31T23:59:59+08:00"


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-01-31T11:59:59", "COMPLIANT"), ("2026-01-31T12:00:00", "COMPLIANT"),
        ("2026-01-31T12:00:01", "LATE_COMPLIANT"),
    ],
)  # fmt: skip
def test_a_deadline_is_overridden(mine: NationalBook, at: str, status: str) -> None:
    mine.give(10)
    mine.verified(10)
    mine.met(10, at=at)
    row = mine.compliance(as_of="2026-03-01")
    assert (row["deadline"], row["status"]) == ("2026-01-31T12:00:00+08:00", status)


def test_a_table_is_laid_over_key_by_key(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = SUMMER
    own = extended(surrender={"confirmation": False})
    book = NationalBook(ledger, own)
    book.plant()
    book.give(10)
    book.verified(10)
    outcome = book.surrender(10)  # final at once, still by way of the chain
    assert len(outcome.positions) == 2
    assert book.compliance()["surrendered"] == 10
    (event,) = book.ledger.events(types=["SurrenderConfirmed"])
    assert event["data"]["via"] == ["hubei", "authority"]


def test_a_rulebook_adopted_later_rules_from_its_day_on(national: NationalBook) -> None:
    book = national
    book.fund("CEA:2024", 10_000)
    book.verified(1_000, units=[coal(mwh=1_000)])
    book.send("adopt_rulebook", rulebook=extended(allocation=[HIGHER]), at="2025-08-01")
    book.finalise(at="2025-07-31", id="before")
    assert book.allocation(as_of="2025-07-31")["entitlement"] == 800
    book.finalise(at="2025-08-01", supersedes="before")
    assert book.allocation(as_of="2025-08-01")["entitlement"] == 900


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a negative benchmark": (
        {"allocation": [{**HIGHER, "electricity": {"I": "-0.9"}}]},
        "rulebook.allocation.0.electricity.I",
    ),
    "a benchmark that is no number": (
        {"allocation": [{**HIGHER, "electricity": {"I": "NaN"}}]},
        "rulebook.allocation.0.electricity.I",
    ),
    "an unknown key": (
        {"allocation": [{**HIGHER, "benchmark": 1}]}, "rulebook.allocation.0.benchmark",
    ),
    "an unknown key in a table": ({"surrender": {"quick": True}}, "rulebook.surrender.quick"),
    "an unknown table": ({"alocation": []}, "rulebook.alocation"),
    "a deadline that is no time": (
        {"years": [{**LATER, "deadline": "31.12.2025"}]}, "rulebook.years.0.deadline",
    ),
    "a year without its source": (
        {"years": [{k: v for k, v in LATER.items() if k != "source"}]}, "rulebook.years.0.source",
    ),
    "a sector that is none": (
        {"years": [{**LATER, "sectors": ["coal"]}]}, "rulebook.years.0.sectors.0",
    ),
    "an exemption that is not there": (
        {"allocation": [{**HIGHER, "exemptions": ["N-GIFT"]}]},
        "rulebook.allocation.0.exemptions",
    ),
    "a method without its benchmarks": (
        {"allocation": [{**HIGHER, "electricity": {}}]}, "rulebook.allocation.0.electricity",
    ),
    "a ratio that is no number": (
        {"pre_allocation": [{"rule": "x", "sectors": ["power"], "years": [2024],
                             "ratio": "much", "source": "x"}]},
        "rulebook.pre_allocation.0.ratio",
    ),
    "a rulebook that is not bundled": ({"extends": "cn-nationale"}, "rulebook"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_key_is_refused_with_its_path(ledger: Ledger, name: str) -> None:
    own, path = BAD[name]
    before = ledger.head()
    with pytest.raises(Refusal) as caught:
        ledger.execute(
            command("open_registry", "1", registry=REGISTRY, rulebook={**extended(), **own})
        )
    assert (caught.value.code, caught.value.numbers["field"]) == ("InvalidCommand", path)
    assert ledger.head() == before
