"""Allocation in Chongqing: Q-ALLOC, Q-PRE, Q-CAPGAP and Q-INC, with their worked examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chongqing import PILOT, ChongqingBook, pilot, pilot_ledger
from etsledger.domain.allocation import incentive
from etsledger.domain.entitlement import capped_gap

__all__ = ["pilot", "pilot_ledger"]  # fixtures

CAP_GAP = PILOT.exemptions["cap-gap"]
FIRST, SECOND = PILOT.data.incentives


@pytest.fixture
def book(pilot: ChongqingBook) -> ChongqingBook:
    """The authority has enough of 2024, and 2023 is verified."""
    pilot.minted(10_000_000)
    pilot.verified(123_457, 2023, at="2024-05-01")
    return pilot


# -- Q-PRE -----------------------------------------------------------------------------------------


def test_d55_seventy_per_cent_of_the_year_before_rounded_down(book: ChongqingBook) -> None:
    book.pre_allocate()
    row = book.compliance()
    assert (row["pre_allocated"], row["allocated"], row["entitlement"]) == (86_419, 86_419, None)
    assert book.held() == 86_419
    (event,) = book.ledger.events(types=["AllowancesPreAllocated"])
    assert (event["data"]["rule"], event["data"]["computed"]) == ("Q-PRE", 86_419)


@pytest.mark.parametrize(("emissions", "given"), [(0, 0), (1, 0), (10, 7), (11, 7), (99, 69)])
def test_q_pre_rounds_the_entity_down(book: ChongqingBook, emissions: int, given: int) -> None:
    book.verified(emissions, 2023, at="2024-05-02")
    book.pre_allocate()
    assert book.compliance()["pre_allocated"] == given


@pytest.mark.parametrize("method", ["historical_intensity", "historical_emissions", None])
def test_q_pre_holds_for_every_method_but_verified(book: ChongqingBook, method: str | None) -> None:
    book.works("other", allocation_method=method)
    book.verified(123_457, 2023, "other", at="2024-05-01")
    book.pre_allocate(entity="other")
    assert book.compliance("other")["pre_allocated"] == 86_419


def test_q_pre_gives_none_where_allocation_is_what_was_emitted(book: ChongqingBook) -> None:
    book.works("gas-field", allocation_method="verified")
    book.verified(123_457, 2023, "gas-field", at="2024-05-01")
    book.refused("PreAllocationNotAllowed", "pre_allocate", entity="gas-field", year=2024)


def test_q_pre_needs_the_year_before_and_begins_in_2022(book: ChongqingBook) -> None:
    numbers = book.refused("AllocationNotReady", "pre_allocate", entity="glass", year=2023).numbers
    assert numbers["base_year"] == 2022
    book.verified(1_000, 2020, at="2021-05-01")
    book.refused("PreAllocationNotAllowed", "pre_allocate", entity="glass", year=2021)


@pytest.mark.parametrize("status", ["shut", "dissolved"])
def test_q_pre_gives_none_to_those_that_closed(book: ChongqingBook, status: str) -> None:
    book.send("set_entity_status", entity="glass", status=status, at="2024-01-01")
    book.refused("PreAllocationNotAllowed", "pre_allocate", entity="glass", year=2024)


# -- Q-ALLOC ---------------------------------------------------------------------------------------


def test_q_alloc_the_authoritys_figure_stands_and_the_rest_is_handed_out(
    book: ChongqingBook,
) -> None:
    book.pre_allocate()
    book.verified(150_000)
    book.finalise(140_000)
    row = book.allocation()
    assert (row["final"], row["subtotal"], row["entitlement"]) == (True, 140_000, 140_000)
    assert (row["pre_allocated"], row["difference"]) == (86_419, 53_581)
    assert (row["approved"], row["rule"]) == (140_000, "Q-ALLOC")
    assert book.held() == 140_000
    (line,) = row["lines"]
    assert (line["amount"], line["rule"]) == (140_000, "Q-ALLOC")
    assert "S0" in line["source"]


def test_q_alloc_adjusted_downward_is_recalled(book: ChongqingBook) -> None:
    book.pre_allocate()
    book.verified(60_000)
    book.finalise(60_000)
    assert (book.held(), book.compliance()["recalled"]) == (60_000, 26_419)


def test_q_alloc_without_a_figure_there_is_no_formula(book: ChongqingBook) -> None:
    book.verified(150_000)
    refusal = book.refused("AllocationNotReady", "finalise_allocation", entity="glass", year=2024)
    assert "entitlement" in refusal.message


@pytest.mark.parametrize("emissions", [1, 150_001, 3_000_000])
def test_q_alloc_verified_gives_what_was_emitted_and_knows_no_gap(
    book: ChongqingBook, emissions: int
) -> None:
    book.works("gas-field", allocation_method="verified")
    book.verified(emissions, entity="gas-field")
    book.finalise(entity="gas-field")
    row = book.allocation("gas-field")
    assert (row["entitlement"], row["adjustments"]) == (emissions, [])
    assert book.held("gas-field-1") == emissions


def test_a_figure_before_the_report_is_taken_as_it_is_with_a_warning(book: ChongqingBook) -> None:
    """There is no gap to bound yet."""
    outcome = book.finalise(400_000)
    assert "no verified emissions" in outcome.warnings[0]
    assert book.allocation()["adjustments"] == []
    book.verified(520_000)
    book.finalise(400_000, supersedes=outcome.id)
    assert book.compliance()["entitlement"] == 440_000


# -- Q-CAPGAP --------------------------------------------------------------------------------------

# A | E | A'
D56 = """
  400,000 |   520,000 |   440,000
  400,000 |   480,000 |   400,000
  400,000 |   480,001 |   400,001
  400,000 |   320,000 |   400,000
  400,000 |   319,999 |   399,999
  400,000 |   300,000 |   380,000
1,000,000 | 1,150,000 | 1,050,000
1,000,000 | 1,100,000 | 1,000,000
1,000,000 | 1,100,001 | 1,000,001
1,000,000 |   900,000 | 1,000,000
1,000,000 |   899,999 |   999,999
  500,000 |   600,000 |   500,000
  500,000 |   600,001 |   500,001
  500,004 |   600,004 |   500,004
  500,004 |   600,005 |   500,005
       12 |        15 |        13
        4 |         9 |         9
        0 |         7 |         7
        0 |         0 |         0
""".strip().splitlines()


@pytest.mark.parametrize("row", D56, ids=lambda row: row.replace(" ", ""))
def test_d56_surplus_and_deficit_are_bounded(book: ChongqingBook, row: str) -> None:
    given, emitted, capped = (int(cell.replace(",", "")) for cell in row.split("|"))
    assert capped_gap(CAP_GAP, given, emitted) == capped
    book.verified(emitted)
    book.finalise(given)
    found = book.allocation()
    assert (found["entitlement"], found["subtotal"], found["approved"]) == (capped, given, given)
    assert book.held() == book.compliance()["entitlement"] == capped
    told = [(one["rule"], one["amount"]) for one in found["adjustments"]]
    assert told == ([("Q-CAPGAP", capped - given)] if capped != given else [])
    for one in found["adjustments"]:
        assert "[ADOPTED]" in one["source"]


def test_before_2021_no_gap_is_bounded(book: ChongqingBook) -> None:
    book.minted(1_000_000, "CQEA:2019")
    book.verified(520_000, 2019, at="2020-05-01")
    book.finalise(400_000, 2019, at="2020-09-01")
    assert book.compliance(year=2019)["entitlement"] == 400_000


@given(allocation=st.integers(0, 10**8), emissions=st.integers(0, 10**8))
def test_a_bounded_gap_is_never_above_the_limit_and_keeps_its_side(
    allocation: int, emissions: int
) -> None:
    found = capped_gap(CAP_GAP, allocation, emissions)
    limit = min(allocation // 5, 100_000)
    gap, before = emissions - found, emissions - allocation
    assert abs(gap) == min(abs(before), limit)
    assert gap * before >= 0
    assert found >= 0


# -- Q-INC -----------------------------------------------------------------------------------------


def test_d58_half_to_one_per_cent_and_five_thousand_tonnes_at_most() -> None:
    assert incentive(FIRST, 600_000, FIRST.minimum_share) == 3_000
    assert incentive(FIRST, 600_000, FIRST.maximum_share) == 5_000
    assert incentive(FIRST, 499_999, FIRST.maximum_share) == 4_999
    assert incentive(SECOND, 600_000, SECOND.maximum_share) == 6_000


# Asked by rule | given | does a warning say so
INCENTIVES = """
Q-INC 3000                | 3000  |
Q-INC 2999                | 2999  | 3000 t or more
Q-INC 4999                | 4999  |
Q-INC 5000                | 5000  |
Q-INC 5001                | 5000  | at most 5000
Q-INC 6000                | 5000  | at most 5000
Q-INC-2 6000              | 6000  |
Q-INC-2 6001              | 6000  | at most 6000
Q-INC-2 1                 | 1     |
Q-INC 5000, Q-INC-2 6000  | 11000 |
Q-INC 0                   | 0     |
""".strip().splitlines()


@pytest.mark.parametrize("row", INCENTIVES, ids=lambda row: row.split("|")[0].strip())
def test_d58_incentives_come_on_top_and_are_cut(book: ChongqingBook, row: str) -> None:
    asked, given_tonnes, warning = (cell.strip() for cell in row.split("|"))
    adjustments = [
        {"rule": rule, "amount": int(tonnes)}
        for rule, tonnes in (one.split() for one in asked.split(", "))
    ]
    book.verified(600_000)
    outcome = book.finalise(600_000, adjustments=adjustments)
    assert book.compliance()["entitlement"] == 600_000 + int(given_tonnes)
    assert book.held() == 600_000 + int(given_tonnes)
    if warning:
        (said,) = outcome.warnings
        assert warning in said
    else:
        assert outcome.warnings == ()


def test_the_share_is_of_the_allocation_after_its_gap_was_bounded(book: ChongqingBook) -> None:
    book.verified(520_000)
    book.finalise(400_000, adjustments=[{"rule": "Q-INC", "amount": 6_000}])
    row = book.allocation()
    told = [(one["rule"], one["amount"]) for one in row["adjustments"]]
    assert told == [("Q-CAPGAP", 40_000), ("Q-INC", 4_400)]
    assert row["entitlement"] == 444_400


def test_d58_who_was_penalised_is_given_none_by_the_authority(book: ChongqingBook) -> None:
    """Penalties are not in these books: the authority names no adjustment."""
    book.verified(600_000)
    book.finalise(600_000)
    assert book.compliance()["entitlement"] == 600_000


def test_there_are_no_incentives_in_other_years(book: ChongqingBook) -> None:
    """An adjustment that the rulebook does not bound is the authority's own."""
    book.minted(1_000_000, "CQEA:2023")
    book.verified(600_000, 2023, at="2024-05-02")
    adjustments = [{"rule": "Q-INC", "amount": 6_000}]
    outcome = book.finalise(600_000, 2023, adjustments=adjustments)
    assert outcome.warnings == ()
    assert book.compliance(year=2023)["entitlement"] == 606_000


def test_an_adjustment_may_take_but_not_more_than_there_is(book: ChongqingBook) -> None:
    book.verified(1_000)
    given = {"entity": "glass", "year": 2024, "entitlement": 1_000}
    less = [{"rule": "approved", "amount": -1_001, "source": "letter 3"}]
    numbers = book.refused(
        "InvalidCommand", "finalise_allocation", adjustments=less, **given
    ).numbers
    assert numbers["field"] == "adjustments"
    book.finalise(1_000, adjustments=[{"rule": "approved", "amount": -1_000}])
    assert (book.compliance()["entitlement"], book.held()) == (0, 0)
