"""Caps on issuance: of one vintage (Q-CAP), and on a path that declines (roadmap)."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chongqing import PILOT, ChongqingBook, extended, pilot, pilot_ledger
from etsledger.domain.issuance import cap_of
from etsledger.domain.rulebook import Rulebook, bundled, from_object
from etsledger.ledger import Ledger, Refusal

__all__ = ["pilot", "pilot_ledger"]  # fixtures

PUBLISHED = [
    ("CQEA:2013", 125_000_000), ("CQEA:2018", 97_000_000), ("CQEA:2019", 92_000_000),
    ("CQEA:2020", 78_400_000),
]  # fmt: skip


def issue(book: ChongqingBook, unit: str, quantity: int, **fields: Any) -> str:
    return book.send("issue", unit=unit, quantity=quantity, at="2021-01-01", **fields).id


def refused(book: ChongqingBook, unit: str, quantity: int) -> dict[str, Any]:
    return book.refused(
        "IssuanceCapExceeded", "issue", unit=unit, quantity=quantity, at="2021-01-01"
    ).numbers


@pytest.mark.parametrize(("unit", "cap"), PUBLISHED)
def test_q_cap_a_published_cap_holds(pilot: ChongqingBook, unit: str, cap: int) -> None:
    numbers = refused(pilot, unit, cap + 1)
    assert (numbers["cap"], numbers["issued"], numbers["asked"]) == (cap, 0, cap + 1)
    issue(pilot, unit, cap - 1)
    assert refused(pilot, unit, 2)["issued"] == cap - 1
    issue(pilot, unit, 1)
    assert refused(pilot, unit, 1)["issued"] == cap
    assert pilot.supply(unit)["issued"] == cap


@pytest.mark.parametrize("unit", ["CQEA:2014", "CQEA:2021", "CQEA:2024"])
def test_q_cap_what_was_not_published_is_not_computed(pilot: ChongqingBook, unit: str) -> None:
    assert cap_of(PILOT, unit) is None
    issue(pilot, unit, 157_000_001)
    assert pilot.supply(unit)["issued"] == 157_000_001


def test_opening_balances_count_and_are_not_refused(pilot: ChongqingBook) -> None:
    """Books that begin in the middle state what was, whatever the cap said."""
    pilot.give(78_400_000, "CQEA:2020")
    assert refused(pilot, "CQEA:2020", 1)["issued"] == 78_400_000
    pilot.give(1, "CQEA:2020")


def test_what_was_reversed_may_be_issued_again(pilot: ChongqingBook) -> None:
    mistaken = issue(pilot, "CQEA:2020", 78_400_000)
    pilot.send("reverse", reverses=mistaken)
    issue(pilot, "CQEA:2020", 78_400_000)
    refused(pilot, "CQEA:2020", 1)


def test_units_that_were_cancelled_are_never_issued_again(pilot: ChongqingBook) -> None:
    issue(pilot, "CQEA:2020", 78_400_000)
    pilot.send("cancel", account="authority", unit="CQEA:2020", quantity=1_000)
    refused(pilot, "CQEA:2020", 1)


# -- a path --------------------------------------------------------------------------------------


def path(**changed: Any) -> Rulebook:
    """A cap of 1,000,000 t in 2030 that falls by 4.13 % a year."""
    one = {
        "rule": "own", "path": "CQEA:{year}", "first_year": 2030, "tonnes": 1_000_000,
        "decline": "0.0413", "source": "a letter",
    }  # fmt: skip
    return from_object(extended(caps=[{**one, **changed}]))


@pytest.mark.parametrize(
    ("unit", "cap"),
    [
        ("CQEA:2029", None), ("CQEA:2030", 1_000_000), ("CQEA:2031", 958_700),
        ("CQEA:2032", 919_105), ("CQEA:2033", 881_146), ("CQEA:2020", 78_400_000),
    ],
)  # fmt: skip
def test_a_path_falls_each_year_and_is_rounded_down_once(unit: str, cap: int | None) -> None:
    """958,700 x 0.9587 = 919,105.69; the third year is of that, not of 919,105."""
    found = cap_of(path(), unit)
    assert (found[0] if found else None) == cap


@pytest.mark.parametrize("unit", ["CQEA:2031", "CQEA:2033"])
def test_a_path_bounds_issuance(pilot_ledger: Ledger, unit: str) -> None:
    rules = path()
    book = ChongqingBook(pilot_ledger, json.loads(rules.text))
    found = cap_of(rules, unit)
    assert found is not None
    numbers = refused(book, unit, found[0] + 1)
    assert (numbers["cap"], numbers["unit"]) == (found[0], unit)
    issue(book, unit, found[0] - 1)
    issue(book, unit, 1)
    refused(book, unit, 1)


def test_a_cap_of_one_vintage_stands_before_the_path() -> None:
    rules = from_object(
        extended(
            caps=[
                {"rule": "own", "unit": "CQEA:2031", "tonnes": 7, "source": "a letter"},
                {"rule": "own", "path": "CQEA:{year}", "first_year": 2030, "tonnes": 100,
                 "decline": "0.5", "source": "a letter"},
            ]
        )
    )  # fmt: skip
    found = {year: cap_of(rules, f"CQEA:{year}") for year in (2030, 2031, 2032)}
    assert {year: one and one[0] for year, one in found.items()} == {2030: 100, 2031: 7, 2032: 25}


def test_units_that_are_no_year_are_not_on_the_path() -> None:
    for unit in ("CQEA:", "CQEA:20x0", "CEA:2031", "CQEA:2031:1", "CQEA:²031"):
        assert cap_of(path(), unit) is None


@pytest.mark.parametrize(
    "cap",
    [
        {"unit": "CQEA:2030", "path": "CQEA:{year}"},
        {},
        {"path": "CQEA:{year}"},
        {"path": "CQEA:{year}", "first_year": 2030},
        {"path": "CQEA:2030", "first_year": 2030, "decline": "0.1"},
        {"path": "CQEA:{year}", "first_year": 2030, "decline": "1.1"},
    ],
)
def test_a_cap_names_a_unit_or_a_whole_path(cap: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"caps\.0"):
        from_object(extended(caps=[{"rule": "own", "tonnes": 1, "source": "a letter", **cap}]))


@given(
    tonnes=st.integers(0, 10**10), decline=st.decimals(0, 1, places=4), years=st.integers(0, 60)
)  # fmt: skip
def test_a_path_is_the_product_of_its_steps(tonnes: int, decline: Any, years: int) -> None:
    exact = Fraction(tonnes)
    for _ in range(years):
        exact -= exact * Fraction(decline)
    found = cap_of(path(tonnes=tonnes, decline=str(decline)), f"CQEA:{2030 + years}")
    assert found is not None
    assert found[0] == exact.numerator // exact.denominator


def test_the_national_market_has_no_cap() -> None:
    assert bundled("cn-national").data.caps == ()
