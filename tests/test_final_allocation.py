"""Final allocation: what a year comes to, what is still handed out, and who says so."""

import pytest

from helpers import ON_SQLITE
from national import NationalBook, cfb, coal, gas

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """The province has 100,000 t of 2024."""
    national.fund("CEA:2024", 100_000)
    return national


# -- the exemptions (N-GAS, N-FLOOR80) -------------------------------------------------------------


@pytest.mark.parametrize(
    ("emissions", "top_up"), [(328, 0), (329, 1), (330, 2)], ids=["below", "limit+1", "above"]
)
def test_n_gas_lifts_a_gas_unit_to_its_emissions(
    book: NationalBook, emissions: int, top_up: int
) -> None:
    """1,000 MWh x 0.3288 = 328.8, floored 328."""
    book.verified(emissions, units=[gas(mwh=1_000, emissions=emissions)])
    book.finalise()
    found = book.allocation()
    assert (found["subtotal"], found["entitlement"]) == (328, 328 + top_up)
    assert [one["rule"] for one in found["adjustments"]] == ["N-GAS"] * bool(top_up)


@pytest.mark.parametrize(
    ("verified", "entitlement"),
    [(999, 800), (1_000, 800), (1_001, 800), (1_002, 801), (1_010, 808)],
)
def test_n_floor80_is_80_percent_of_the_entity_floored(
    book: NationalBook, verified: int, entitlement: int
) -> None:
    """The formula gives 800 t; 80 % of 1,000 is exactly 800: no top-up; of 1,001 it is 800.8."""
    book.verified(verified, units=[coal(mwh="1011.4")])  # x 0.7910 = 800.02
    book.finalise()
    found = book.allocation()
    assert (found["subtotal"], found["entitlement"]) == (800, entitlement)


def test_coal_units_are_not_made_whole(book: NationalBook) -> None:
    book.verified(850, units=[coal(mwh="1011.4", emissions=850)])
    book.finalise()
    assert book.allocation()["entitlement"] == 800


def test_gas_is_made_whole_before_the_floor_over_all_units(book: NationalBook) -> None:
    """Gas 328 -> 400, coal 791: 1,191 of 1,600 t; the floor 1,280 adds 89."""
    units = [gas("g", mwh=1_000, emissions=400), coal("c", mwh=1_000, emissions=1_200)]
    book.verified(1_600, units=units)
    book.finalise()
    found = book.allocation()
    given = [(one["rule"], one.get("unit_id"), one["amount"]) for one in found["adjustments"]]
    assert given == [("N-GAS", "g", 72), ("N-FLOOR80", None, 89)]
    assert (found["subtotal"], found["entitlement"]) == (1_119, 1_280)


def test_the_floor_holds_for_2022_too(national: NationalBook) -> None:
    """D25: verified 1,000,000, the formula gives 700,000, approved 800,000."""
    national.fund("CEA:2022", 1_000_000)
    national.verified(1_000_000, 2022, units=[coal(supplied_mwh="856060")])
    national.finalise(2022)
    found = national.allocation(year=2022)
    assert (found["subtotal"], found["entitlement"], found["gap_rate"]) == (
        700_000, 800_000, "20.00",
    )  # fmt: skip


def test_units_that_are_not_allocated_are_lines_of_nothing_in_2024(book: NationalBook) -> None:
    """N-EXCL: shut, new and excluded units get nothing, not even as gas made whole."""
    units = [
        coal("run", mwh=1_000, emissions=791),
        coal("shut", mwh=1_000, emissions=1, status="shut"),
        gas("new", mwh=1_000, emissions=1, status="new"),
        cfb("odd", mwh=1_000, emissions=1, status="excluded"),
    ]
    book.verified(794, units=units)
    book.finalise()
    found = book.allocation()
    assert [(one["unit_id"], one["amount"]) for one in found["lines"]] == [
        ("run", 791), ("shut", 0), ("new", 0), ("odd", 0),
    ]  # fmt: skip
    assert found["entitlement"] == 791


def test_such_units_are_given_their_emissions_in_the_2025_draft(national: NationalBook) -> None:
    national.fund("CEA:2025", 10_000)
    units = [coal("run", mwh=1_000, emissions=790), coal("new", emissions=55, status="new")]
    national.verified(845, 2025, units=units)
    national.finalise(2025)
    found = national.allocation(year=2025)
    assert [one["amount"] for one in found["lines"]] == [790, 55]
    assert found["draft"]


@pytest.mark.parametrize(("mw", "name"), [("399.9", "II"), (400, "I"), ("400.1", "I")])
def test_the_class_turns_at_400_mw_whatever_its_name_says(
    book: NationalBook, mw: object, name: str
) -> None:
    book.verified(1_000, units=[coal(mwh=1_000, mw=mw)])
    book.finalise()
    assert [one["class"] for one in book.allocation()["lines"]] == [name]


@pytest.mark.parametrize(
    ("load", "factor"), [("0.6499", "1.045710"), ("0.65", "1"), ("0.6501", "1")]
)
def test_n_ff_1_is_not_continuous_at_65_percent(book: NationalBook, load: str, factor: str) -> None:
    book.verified(1_000, units=[coal(mwh=1_000, load_factor=load)])
    book.finalise()
    assert [str(one["factor"]) for one in book.allocation()["lines"]] == [factor]


@pytest.mark.parametrize(
    "one", [cfb(mwh=1_000, load_factor="0.1"), gas(mwh=1_000, load_factor="0.1", emissions=1)]
)
def test_classes_iii_and_iv_have_no_load_factor(book: NationalBook, one: dict[str, object]) -> None:
    book.verified(1, units=[one])
    book.finalise()
    assert [str(found["factor"]) for found in book.allocation()["lines"]] == ["1"]


# -- what is handed out (N-ADJ-1) --------------------------------------------------------------


@pytest.mark.parametrize(
    ("entitlement", "granted", "recalled"), [(699, 0, 1), (700, 0, 0), (701, 1, 0)]
)
def test_n_adj_1_more_is_issued_less_is_recalled(
    book: NationalBook, entitlement: int, granted: int, recalled: int
) -> None:
    book.verified(1_000, 2023)
    book.pre_allocate()
    book.finalise(entitlement=entitlement)
    row = book.compliance()
    assert (row["pre_allocated"], row["allocated"], row["recalled"]) == (
        700, 700 + granted, recalled,
    )  # fmt: skip
    assert book.allocation()["difference"] == entitlement - 700
    assert book.held() == entitlement


def test_a_year_without_pre_allocation_may_be_finalised(book: NationalBook) -> None:
    book.verified(1_000, units=[coal(mwh=1_000)])
    book.finalise()
    row = book.compliance()
    assert (row["pre_allocated"], row["allocated"], row["entitlement"]) == (0, 800, 800)


def test_it_never_mints(book: NationalBook) -> None:
    book.verified(200_000)
    refusal = book.refused(
        "InsufficientUnits", "finalise_allocation", entity="plant", year=2024, entitlement=100_001
    )
    assert (refusal.numbers["account"], refusal.numbers["available"]) == ("hubei", 100_000)
    book.finalise(entitlement=100_000)
    assert book.supply()["issued"] == 100_000


def test_an_approved_figure_stands_beside_the_computed_one_and_is_final(
    book: NationalBook,
) -> None:
    """No exemption comes on top: 80 % of 1,000 would be 800."""
    book.verified(1_000, units=[coal(mwh=100)])
    book.finalise(entitlement=123)
    found = book.allocation()
    assert (found["entitlement"], found["approved"]) == (123, 123)
    assert found["computed"] == 800
    assert [one["amount"] for one in found["lines"]] == [79]
    assert book.held() == 123


def test_an_approved_figure_needs_no_report_but_says_so(book: NationalBook) -> None:
    outcome = book.finalise(entitlement=50)
    assert "no verified emissions" in outcome.warnings[0]
    row = book.compliance()
    assert (row["entitlement"], row["status"], row["verified_emissions"]) == (50, "NOT_DUE", None)


def test_adjustments_of_the_authority_are_lines_of_their_own(book: NationalBook) -> None:
    book.verified(1_000, units=[coal(mwh=2_000)])  # 1,582 t
    given = [{"amount": 100, "rule": "Q-INC", "source": "letter 7"}, {"amount": -40}]
    book.finalise(adjustments=given)
    found = book.allocation()
    assert [(one["rule"], one["amount"]) for one in found["adjustments"]] == [
        ("Q-INC", 100), ("approved", -40),
    ]  # fmt: skip
    assert (found["subtotal"], found["entitlement"], book.held()) == (1_582, 1_642, 1_642)


@pytest.mark.parametrize(("amount", "code"), [(-801, "InvalidCommand"), (-800, "")])
def test_adjustments_make_no_entitlement_below_zero(
    book: NationalBook, amount: int, code: str
) -> None:
    book.verified(1_000, units=[coal(mwh=1_000)])
    given = {"entity": "plant", "year": 2024, "adjustments": [{"amount": amount}]}
    if code:
        book.refused(code, "finalise_allocation", **given)
    else:
        book.send("finalise_allocation", **given)
        assert book.compliance()["entitlement"] == 0


def test_the_report_in_effect_then_is_what_counts(book: NationalBook) -> None:
    book.verified(1_000, at="2025-07-10", units=[coal(mwh=1_000)])
    refusal = book.refused(
        "AllocationNotReady", "finalise_allocation", entity="plant", year=2024, at="2025-07-09"
    )
    assert refusal.numbers["entity"] == "plant"
    book.finalise(at="2025-07-10")
    assert book.compliance(as_of="2025-07-10")["entitlement"] == 800


# -- the first cycle's caps (W5) ------------------------------------------------------------------


@pytest.mark.parametrize(("entitlement", "due"), [(799, 999), (800, 1_000), (801, 1_000)])
def test_the_first_cycle_owes_no_more_than_its_allocation_and_a_fifth(
    national: NationalBook, entitlement: int, due: int
) -> None:
    national.fund("CEA:2019-2020", 5_000)
    national.verified(1_000, 2020, units=[coal(supplied_mwh=100)])
    assert national.compliance(year=2020)["obligation"] == 1_000  # until allocation is final
    national.finalise(2020, entitlement=entitlement)
    assert national.compliance(year=2020)["obligation"] == due


def test_the_first_cycle_asks_no_more_of_a_gas_plant_than_it_was_given(
    national: NationalBook,
) -> None:
    national.fund("CEA:2019-2020", 5_000)
    national.verified(1_000, 2019, units=[gas(supplied_mwh=1_000)])
    national.finalise(2019)
    row = national.compliance(year=2019)
    assert (row["entitlement"], row["obligation"]) == (392, 392)
