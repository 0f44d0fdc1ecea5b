"""Years that are restated: the old numbers stay visible at the old known-at (N-ADJ-4)."""

from collections.abc import Callable
from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import NationalBook, coal

Numbers = tuple[str, int, int]


@pytest.fixture
def book(national: NationalBook, clock: SteppingClock) -> NationalBook:
    """100 t verified in July and met in November; it is March of the next year."""
    national.give(1_000, at="2025-01-01")
    national.verified(100)
    clock.now = "2025-11-01"
    national.met(100)
    clock.now = "2026-03-01"
    return national


def found(book: NationalBook, **when: Any) -> Numbers:
    row = book.compliance(**when)
    return row["status"], row["obligation"], row["outstanding"]


def test_an_obligation_restated_upwards_after_the_deadline_is_not_met(
    book: NationalBook, clock: SteppingClock
) -> None:
    """On both databases: as known from then on, and not before."""
    assert found(book) == ("COMPLIANT", 100, 0)
    before = book.ledger.head().position
    clock.advance(hours=1)
    book.verified(130)
    assert found(book) == ("NON_COMPLIANT", 130, 30)
    for known_at in (f"@{before}", "2026-03-01T00:00:00"):
        assert found(book, known_at=known_at) == ("COMPLIANT", 100, 0)
    # In the world it holds from March on, whatever is known.
    assert found(book, as_of="2026-02-28") == ("COMPLIANT", 100, 0)


@ON_SQLITE
def test_a_back_dated_report_rewrites_the_past_as_known_now_only(book: NationalBook) -> None:
    before = book.ledger.head().position
    book.verified(130, at="2025-08-01")
    assert found(book, as_of="2025-12-31") == ("PARTIAL", 130, 30)
    assert found(book, as_of="2025-12-31", known_at=f"@{before}") == ("COMPLIANT", 100, 0)
    assert found(book, as_of="2025-07-31") == ("OPEN", 100, 100)


@ON_SQLITE
def test_of_two_reports_the_one_recorded_last_rules(book: NationalBook) -> None:
    book.verified(120, at="2025-09-01")
    book.verified(110, at="2025-08-01")
    assert found(book, as_of="2025-08-15")[1] == 110
    assert found(book)[1] == 110
    *_, last = book.ledger.events(types=["EmissionsVerified"])
    assert last["data"]["restates"] == last["position"] - 1


@ON_SQLITE
@pytest.mark.parametrize(
    ("restated", "status", "outstanding"),
    [(99, "COMPLIANT", 0), (100, "COMPLIANT", 0), (101, "NON_COMPLIANT", 1)],
)
def test_restated_by_a_tonne(
    book: NationalBook, restated: int, status: str, outstanding: int
) -> None:
    book.verified(restated)
    assert found(book) == (status, restated, outstanding)


@ON_SQLITE
def test_the_rest_surrendered_after_a_restatement_is_late(book: NationalBook) -> None:
    book.verified(130)
    book.met(30)
    assert found(book) == ("LATE_COMPLIANT", 130, 0)


@ON_SQLITE
def test_a_report_restated_downwards_leaves_nothing_to_surrender(book: NationalBook) -> None:
    book.verified(90)
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=1,
    )  # fmt: skip
    assert (refusal.numbers["surrendered"], refusal.numbers["outstanding"]) == (100, 0)


# -- allocation approved again -----------------------------------------------------------------


@pytest.fixture
def allocated(national: NationalBook, clock: SteppingClock) -> NationalBook:
    """800 t by the floor, as 1,000 t were verified; recorded in July."""
    national.fund("CEA:2024", 10_000)
    national.verified(1_000, units=[coal(mwh=100)])
    national.finalise(id="first")
    clock.now = "2025-08-01"
    return national


def test_a_corrected_report_and_its_re_approval(
    allocated: NationalBook, clock: SteppingClock
) -> None:
    """On both databases."""
    book, before = allocated, allocated.ledger.head().position
    book.verified(1_200, units=[coal(mwh=100)])
    assert book.allocation()["restated_since"]
    assert book.allocation()["entitlement"] == 800  # as decided, until it is approved again
    clock.advance(days=1)
    book.finalise(supersedes="first", id="second")
    now = book.allocation()
    assert (now["entitlement"], now["supersedes"], now["command_id"]) == (960, "first", "second")
    assert not now["restated_since"]
    assert (book.compliance()["allocated"], book.held()) == (960, 960)
    then = book.allocation(known_at=f"@{before}")
    assert (then["entitlement"], then["supersedes"], then["command_id"]) == (800, None, "first")
    old = book.compliance(known_at=f"@{before}")
    assert (old["entitlement"], old["verified_emissions"]) == (800, 1_000)


@ON_SQLITE
@pytest.mark.parametrize(("approved", "held"), [(700, 700), (800, 800), (900, 900)])
def test_a_re_approval_hands_out_or_recalls_the_difference(
    allocated: NationalBook, approved: int, held: int
) -> None:
    allocated.finalise(entitlement=approved, supersedes="first")
    assert allocated.held() == held
    row = allocated.compliance()
    assert row["allocated"] - row["recalled"] == approved


@ON_SQLITE
def test_a_re_approval_names_the_one_in_force(allocated: NationalBook) -> None:
    given = {"entity": "plant", "year": 2024, "entitlement": 900}
    refusal = allocated.refused("AlreadyAllocated", "finalise_allocation", **given)
    assert (refusal.numbers["earlier"], refusal.numbers["entitlement"]) == ("first", 800)
    refusal = allocated.refused(
        "UnknownReference", "finalise_allocation", supersedes="other", **given
    )
    assert refusal.numbers["expected"] == "first"
    allocated.send("finalise_allocation", id="second", supersedes="first", **given)
    allocated.refused("UnknownReference", "finalise_allocation", supersedes="first", **given)


@ON_SQLITE
def test_there_is_nothing_to_supersede_at_first(national: NationalBook) -> None:
    national.verified(10)
    refusal = national.refused(
        "UnknownReference", "finalise_allocation", entity="plant", year=2024, entitlement=1,
        supersedes="none",
    )  # fmt: skip
    assert refusal.numbers["reference_id"] == "none"


@ON_SQLITE
def test_a_re_approval_is_not_dated_before_what_it_replaces(allocated: NationalBook) -> None:
    refusal = allocated.refused(
        "InvalidCommand", "finalise_allocation", entity="plant", year=2024, supersedes="first",
        at="2025-06-30",
    )  # fmt: skip
    assert refusal.numbers["field"] == "effective_at"


# -- known-at ------------------------------------------------------------------------------------


def test_known_at_a_position_is_a_store_of_the_events_up_to_it(
    allocated: NationalBook, new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    """On both databases, for every position of a small year."""
    book = allocated
    book.verified(1_200, units=[coal(mwh=100)])
    book.finalise(supersedes="first", entitlement=500)
    book.surrender(300, id="s")
    book.confirm("s", at="2026-02-01")
    lines = list(book.ledger.export())
    with Ledger.open(new_store_url(), create=True, clock=clock) as other:
        for position in range(1, len(lines) + 1):
            other.import_log(lines[:position])
            for as_of in ("2025-08-02", "2026-06-01"):
                asked: dict[str, Any] = {"as_of": as_of, "known_at": f"@{position}"}
                assert other.compliance(as_of=as_of) == book.ledger.compliance(**asked)
                assert other.allocation("plant", 2024, as_of=as_of) == book.ledger.allocation(
                    "plant", 2024, **asked
                )
