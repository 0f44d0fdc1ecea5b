"""Why a year stands as it does: every number of the row, to its facts, at any two clocks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import every_event
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, YearExplanation
from explained import lawful, nodes, part, total, types
from helpers import SteppingClock
from national import REGISTRY, YEAR, NationalBook, coal, gas

NUMBERS = (
    "verified_emissions", "entitlement", "pre_allocated", "allocated", "recalled", "recall_open",
    "borrowed", "obligation", "surrendered", "pending", "offsets", "green_power", "outstanding",
    "deadline", "fine",
)  # fmt: skip


def why(
    ledger: Ledger, entity: str = "plant", year: int = YEAR, **question: Any
) -> YearExplanation:
    told = ledger.explain_compliance(entity, year, **{"registry": REGISTRY, **question})
    assert told is not None
    lawful(told)
    return told


def number(told: YearExplanation, key: str) -> Any:
    """What the tree says of a column of the row; None where it does not speak of it."""
    found: dict[str, Any] = {}
    branches = [told]
    while branches:
        for one in branches.pop()["because"]:
            found.setdefault(one["key"], one["value"])
            if one["key"] in ("outstanding", "obligation"):
                branches.append(one)  # type: ignore[arg-type]
    return found.get(key)


def agrees(told: YearExplanation, row: Any) -> None:
    assert told["value"] == row["status"]
    for key in NUMBERS:
        assert (number(told, key) or None) == (row[key] or None), key


@pytest.fixture
def year(national: NationalBook) -> NationalBook:
    """900 t emitted and 800 given, 500 of it surrendered in time and 200 submitted."""
    national.fund("CEA:2024", 10_000)
    national.verified(500, year=2023)
    national.pre_allocate()
    national.verified(900, id="v", reference="report 7")
    national.finalise(entitlement=800, reason="approved")
    national.give(500)
    national.met(500, at="2025-11-01", id="s")
    national.surrender(200, at="2025-12-01", id="waits")
    return national


def test_what_is_outstanding_is_owed_less_what_met_it(year: NationalBook) -> None:
    told = why(year.ledger, as_of="2025-12-15")
    assert told["value"] == "PARTIAL"
    agrees(told, year.compliance(as_of="2025-12-15"))
    outstanding = part(told, "outstanding")
    assert (outstanding["value"], total(outstanding)) == (400, 400)
    assert [(one["key"], one["sign"], one["value"]) for one in outstanding["because"]] == [
        ("obligation", 1, 900), ("surrendered", -1, 500),
    ]  # fmt: skip
    report = part(told, "verified_emissions")["event"]
    assert report is not None
    assert (report["command_id"], report["reference"]) == ("v", "report 7")
    assert part(told, "pending")["value"] == 200
    assert part(told, "deadline")["value"] == "2025-12-31T23:59:59+08:00"
    assert told["rulebook"] is not None
    assert told["rulebook"]["name"] == REGISTRY


def test_a_surrender_says_whether_it_was_in_time(year: NationalBook) -> None:
    year.confirm("waits", at="2025-12-05")
    year.met(200, at="2026-01-10", id="late")
    told = why(year.ledger, as_of="2026-02-01")
    assert told["value"] == "LATE_COMPLIANT"
    said = [one["what"] for one in nodes(told) if one["key"] == "submitted"]
    assert [what.rpartition(", ")[2] for what in said] == [
        "in time", "in time", "after the deadline",
    ]  # fmt: skip


def test_a_surrender_that_was_sent_back_counts_for_nothing(year: NationalBook) -> None:
    year.reject("waits", at="2025-12-10")
    told = why(year.ledger, as_of="2025-12-15")
    assert part(told, "rejected")["sign"] is None
    assert number(told, "pending") is None
    assert part(told, "outstanding")["value"] == 400


def test_a_restatement_changes_a_closed_year_from_then_on(
    year: NationalBook, clock: SteppingClock
) -> None:
    year.confirm("waits", at="2025-12-05")
    year.met(200, at="2025-12-06")
    known = year.ledger.head().position
    clock.now = "2026-02-24T09:00:00+08:00"
    year.verified(950, at="2025-07-02", reason="a slow meter")
    then = why(year.ledger, as_of="2026-01-05", known_at=known)
    assert then["value"] == "COMPLIANT"
    news = {one["key"]: one["value"] for one in then["since"]}
    assert news == {
        "status": "NON_COMPLIANT", "verified_emissions": 950, "obligation": 950,
        "outstanding": 50, "restatement": 950,
    }  # fmt: skip
    restated = part(then, "restatement")["event"]
    assert restated is not None
    assert restated["recorded_at"] == "2026-02-24T09:00:00+08:00"
    assert restated["reason"] == "a slow meter"
    now = why(year.ledger, as_of="2026-01-05")
    assert (now["value"], now["since"]) == ("NON_COMPLIANT", [])


def test_what_takes_effect_later_stands_under_since(year: NationalBook) -> None:
    told = why(year.ledger, as_of="2025-11-15")
    assert [(one["key"], one["value"]) for one in told["since"]] == [("later", 200)]
    assert types(told, "since") == ["SurrenderSubmitted"]


def test_a_cap_of_the_first_cycle_is_a_part_of_what_is_owed(national: NationalBook) -> None:
    national.fund("CEA:2019-2020", 5_000_000)
    units = [gas(mwh=1_000_000, supplied_mwh=1_000_000, emissions=500_000)]
    national.verified(500_000, year=2019, units=units)
    national.finalise(2019, entitlement=400_000)
    told = why(national.ledger, year=2019)
    owed = part(told, "obligation")
    assert (owed["value"], total(owed)) == (400_000, 400_000)
    cap = part(owed, "obligation_cap")
    assert (cap["sign"], cap["value"], cap["rule"]) == (-1, 100_000, "N-ENT-1")


def test_an_entity_that_was_dissolved_owes_nothing_and_says_why(year: NationalBook) -> None:
    year.status("dissolved", at="2025-12-20")
    told = why(year.ledger, as_of="2026-01-05")
    assert told["value"] == "EXEMPT"
    assert part(told, "obligation")["value"] == 0
    assert part(told, "exempt")["value"] == "dissolved"


def test_a_year_without_facts_is_not_due(national: NationalBook) -> None:
    told = why(national.ledger)
    assert (told["value"], told["what"]) == (
        "NOT_DUE", "plant 2024: no verified emissions are on record",
    )  # fmt: skip
    assert part(told, "outstanding")["value"] == 0


def test_what_no_registry_knows_has_no_explanation(national: NationalBook) -> None:
    ledger = national.ledger
    assert ledger.explain_compliance("nobody", YEAR) is None
    assert ledger.explain_compliance("plant", 2018) is None
    assert ledger.explain_compliance("plant", YEAR, known_at=1) is None
    assert ledger.explain_allocation("plant", YEAR) is None


def test_an_allocation_is_its_calculation_and_what_it_left_to_move(
    national: NationalBook,
) -> None:
    national.fund("CEA:2024", 3_000_000)
    national.verified(1_000_000, year=2023, units=[coal(mwh=1_000_000)])
    national.pre_allocate()
    national.verified(2_700_000, units=[coal(mwh=3_000_000, gj=1_200_000)])
    for final in (False, True):
        if final:
            national.finalise(id="f")
        told = national.ledger.explain_allocation("plant", YEAR)
        assert told is not None
        lawful(told)
        row = national.allocation()
        assert told["value"] == row["entitlement"] == 2_496_960 == total(told)
        assert (told["event"] is not None) == final
        left = part(told, "difference")
        assert left["value"] == row["difference"] == total(left)
    national.verified(2_710_000, id="again")
    told = national.ledger.explain_allocation("plant", YEAR)
    assert told is not None
    assert part(told, "restatement")["value"] == 2_710_000


# -- at any two clocks -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Three entities' years, in custody, recalled, superseded, surrendered and sent back."""
    clock = SteppingClock()
    with Ledger.open(tmp_path_factory.mktemp("y") / "b.db", create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
        yield ledger


def test_the_tree_says_what_the_row_says_at_any_two_clocks(every: Ledger) -> None:
    head = every.head().position

    @given(
        entity=st.sampled_from(["plant", "risky", "works"]),
        year=st.sampled_from([2023, 2024]),
        day=st.integers(-30, 900),
        known=st.integers(head - 60, head),
    )
    def holds(entity: str, year: int, day: int, known: int) -> None:
        view = {
            "as_of": parse_instant("2024-01-01T12:00") + timedelta(days=day),
            "known_at": known,
            "registry": "years",
        }
        rows = every.compliance(entity=entity, year=year, **view)  # type: ignore[arg-type]
        told = every.explain_compliance(entity, year, **view)  # type: ignore[arg-type]
        if not rows:
            assert told is None
            return
        assert told is not None
        lawful(told)
        agrees(told, rows[0])
        row = every.allocation(entity, year, **view)  # type: ignore[arg-type]
        given_ = every.explain_allocation(entity, year, **view)  # type: ignore[arg-type]
        assert (row is None) == (given_ is None)
        if row is not None and given_ is not None:
            lawful(given_)
            assert given_["value"] == row["entitlement"]

    holds()
