"""The golden cases of the rules, sections A to C, through commands and back out of the books.

The numbers are the texts'; where one rests on an adopted choice the case says so.
"""

from typing import Any, NamedTuple

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import Given, NationalBook, cfb, coal, gas, line

pytestmark = ON_SQLITE


class Case(NamedTuple):
    """A report and what it must give."""

    year: int
    verified: int
    units: list[Given]
    subtotal: int
    entitlement: int
    sector: str = "power"
    balance_value: str | None = None


D01 = coal(mwh=3_000_000, gj=1_200_000, load_factor="0.70")
D02 = coal(mwh=3_000_000, gj=1_200_000, load_factor="0.60")
D04 = cfb(mwh=800_000, gj=500_000, load_factor="0.55")
D07 = gas(mwh=1_000_000, gj=400_000, emissions=372_000)
D11 = coal(mwh="1137800.3")  # x 0.7910 = 900,000.04
D15 = gas(supplied_mwh=1_000_000, mwh=None, gj=400_000, heat_ratio="0.25", emissions=353_865)
D16 = coal(mwh=1_500_000, gj=None, load_factor="0.45")

CASES = {
    "D01-2024": Case(2024, 2_496_960, [D01], 2_496_960, 2_496_960),
    "D01-2023": Case(2023, 2_509_560, [D01], 2_509_560, 2_509_560),
    "D02-peak-factor-of-six-decimals": Case(2024, 2_600_000, [D02], 2_642_576, 2_642_576),
    "D04-no-factor-for-class-III": Case(2024, 700_000, [D04], 711_170, 711_170),
    "D07-gas-made-whole": Case(2024, 372_000, [D07], 350_120, 372_000),
    "D11-floor-with-a-fraction": Case(2024, 1_234_567, [D11], 900_000, 987_653),
    "D15-gas-with-heat-2022": Case(2022, 353_865, [D15], 353_865, 353_865),
    "D16-draft-2025": Case(2025, 1_400_000, [D16], 1_334_717, 1_334_717),
    "D17-cement-2024": Case(2024, 1_500_000, [], 1_500_000, 1_500_000, "cement"),
    "D18-at-the-balance-value": Case(
        2025, 850_000, [line(output_t=1_000_000, emissions=850_000)], 850_000, 850_000,
        "cement", "0.85",
    ),
    "D18-better": Case(
        2025, 800_000, [line(output_t=1_000_000, emissions=800_000)], 807_058, 807_058,
        "cement", "0.85",
    ),
    "D19-20-percent-better": Case(
        2025, 680_000, [line(output_t=1_000_000, emissions=680_000)], 700_400, 700_400,
        "steel", "0.85",
    ),
    "D19-20-percent-worse": Case(
        2025, 1_020_000, [line(output_t=1_000_000, emissions=1_020_000)], 989_400, 989_400,
        "aluminium", "0.85",
    ),
    "D19-beyond-20-percent": Case(
        2025, 600_000, [line(output_t=1_000_000, emissions=600_000)], 618_000, 618_000,
        "steel", "0.85",
    ),
    # Output so that the intensity is 0.8637 (exactly 1,234,567 / 0.8637 has no end).
    "D20": Case(
        2025, 1_234_567, [line(output_t="1429393.307861526", emissions=1_234_567)], 1_231_582,
        1_231_582, "cement", "0.8500",
    ),
}  # fmt: skip


def given_case(ledger: Ledger, clock: SteppingClock, case: Case) -> NationalBook:
    clock.now = "2026-07-01"
    book = NationalBook(ledger)
    book.plant(sector=case.sector)
    unit = {2022: "CEA:2022", 2023: "CEA:2023", 2024: "CEA:2024", 2025: "CEA:2025"}[case.year]
    book.fund(unit, 5_000_000)
    if case.balance_value is not None:
        book.send(
            "publish_balance_value", sector=case.sector, year=case.year, value=case.balance_value
        )
    units = [{k: v for k, v in one.items() if v is not None} for one in case.units]
    book.verified(case.verified, case.year, units=units)
    return book


@pytest.mark.parametrize("name", CASES)
def test_the_entitlement_is_that_of_the_text(
    ledger: Ledger, clock: SteppingClock, name: str
) -> None:
    case = CASES[name]
    book = given_case(ledger, clock, case)
    book.finalise(case.year)
    found = book.allocation(year=case.year)
    assert (found["subtotal"], found["entitlement"]) == (case.subtotal, case.entitlement)
    assert sum(one["amount"] for one in found["lines"]) == case.subtotal
    top_up = sum(one["amount"] for one in found["adjustments"])
    assert case.subtotal + top_up == case.entitlement
    row = book.compliance(year=case.year)
    assert (row["entitlement"], row["allocated"], row["obligation"]) == (
        case.entitlement, case.entitlement, case.verified,
    )  # fmt: skip
    assert book.held(unit=str(found["unit"])) == case.entitlement


def test_d01_each_part_of_the_line_is_shown(ledger: Ledger, clock: SteppingClock) -> None:
    book = given_case(ledger, clock, CASES["D01-2024"])
    book.finalise()
    (only,) = book.allocation()["lines"]
    assert (only["electricity"], only["heat"]) == (2_373_000, 123_960)
    assert (only["class"], str(only["benchmark"]), str(only["heat_benchmark"])) == (
        "I", "0.7910", "0.1033",
    )  # fmt: skip
    assert "Z1" in only["source"]


def test_d02_the_factor_is_rounded_before_it_multiplies(
    ledger: Ledger, clock: SteppingClock
) -> None:
    book = given_case(ledger, clock, CASES["D02-peak-factor-of-six-decimals"])
    book.finalise()
    (only,) = book.allocation()["lines"]
    assert (str(only["factor"]), only["electricity"]) == ("1.061364", 2_518_616)  # not 2,518,615
    assert "N-FF-1" in only["rule"]


def test_d07_the_top_up_names_its_rule(ledger: Ledger, clock: SteppingClock) -> None:
    book = given_case(ledger, clock, CASES["D07-gas-made-whole"])
    book.finalise()
    found = book.allocation()
    ((rule, amount),) = [(one["rule"], one["amount"]) for one in found["adjustments"]]
    assert (rule, amount, found["gap_rate"]) == ("N-GAS", 21_880, "0.00")
    (only,) = found["lines"]
    assert (only["electricity"], only["heat"]) == (328_800, 21_320)


def test_d11_the_gap_rate_is_shown_as_20_percent_and_nothing_is_refused(
    ledger: Ledger, clock: SteppingClock
) -> None:
    book = given_case(ledger, clock, CASES["D11-floor-with-a-fraction"])
    book.finalise()
    found = book.allocation()
    ((rule, amount),) = [(one["rule"], one["amount"]) for one in found["adjustments"]]
    assert (rule, amount, found["gap_rate"]) == ("N-FLOOR80", 87_653, "20.00")


P05 = {
    "0.45": "1.126059", "0.40": "1.160254", "0.30": "1.281146", "0.20": "1.608868",
    "0.10": "2.747225", "0.4999": "1.100321", "0.50": "1", "1": "1",
}  # fmt: skip


def test_p05_the_peak_factor_of_the_2025_draft(ledger: Ledger, clock: SteppingClock) -> None:
    units = [coal(f, mwh=1_000_000, load_factor=f) for f in P05]
    book = given_case(ledger, clock, Case(2025, 8_000_000, units, 0, 0))
    book.fund("CEA:2025", 10_000_000)
    book.finalise(2025)
    found = book.allocation(year=2025)
    assert {one["unit_id"]: str(one["factor"]) for one in found["lines"]} == P05
    assert found["draft"]
    assert all("DRAFT" in one["source"] for one in found["lines"])


def test_p13_150_mw_of_conventional_coal_is_class_ii(ledger: Ledger, clock: SteppingClock) -> None:
    unit = coal(mw=150, mwh=100_000)
    book = given_case(ledger, clock, Case(2024, 80_490, [unit], 80_490, 80_490))
    book.finalise()
    (only,) = book.allocation()["lines"]
    assert (only["class"], str(only["benchmark"]), only["amount"]) == ("II", "0.8049", 80_490)


def test_p01_a_pre_allocation_is_floored(ledger: Ledger, clock: SteppingClock) -> None:
    # No ratio of the rulebook makes 1789.70 of whole tonnes; a tenth of 17,897 does.
    table: dict[str, Any] = {
        "rule": "N-ADJ-1", "sectors": ["power"], "years": [2024], "ratio": "0.10", "source": "P01",
    }  # fmt: skip
    book = NationalBook(ledger, {"extends": "cn-national", "pre_allocation": [table]})
    book.plant()
    book.fund("CEA:2024", 2_000)
    book.verified(17_897, 2023)
    book.pre_allocate()
    assert book.compliance()["pre_allocated"] == 1_789
    assert book.held() == 1_789


@pytest.mark.parametrize(
    ("sector", "year", "verified", "given", "limit"),
    [
        pytest.param("power", 2025, 2_000_001, 1_000_000, 1_000_000, id="D16-draft-maximum"),
        pytest.param("cement", 2025, 1_500_001, 1_050_000, 1_050_000, id="D21-2025"),
        pytest.param("steel", 2026, 1_500_001, 750_000, 750_000, id="D21-2026-draft-maximum"),
    ],
)
def test_d16_d21_pre_allocation_up_to_the_tonne(
    ledger: Ledger,
    clock: SteppingClock,
    sector: str,
    year: int,
    verified: int,
    given: int,
    limit: int,
) -> None:
    clock.now = "2027-03-01"
    book = NationalBook(ledger)
    book.plant(sector=sector)
    book.fund(f"CEA:{year}", 2_000_000)
    book.verified(verified, year - 1)
    refusal = book.refused(
        "PreAllocationLimitExceeded", "pre_allocate", entity="plant", year=year,
        quantity=limit + 1,
    )  # fmt: skip
    assert refusal.numbers["limit"] == limit
    assert refusal.numbers["asked"] == limit + 1
    book.pre_allocate(year, quantity=limit)
    assert book.compliance(year=year)["pre_allocated"] == given


def test_d17_there_is_no_pre_allocation_in_the_first_year_of_cement(
    ledger: Ledger, clock: SteppingClock
) -> None:
    book = given_case(ledger, clock, CASES["D17-cement-2024"])
    book.verified(1_400_000, 2023)
    book.refused("PreAllocationNotAllowed", "pre_allocate", entity="plant", year=2024)
    book.finalise()
    row = book.compliance()
    assert (row["pre_allocated"], row["entitlement"], row["obligation"]) == (
        0, 1_500_000, 1_500_000,
    )  # fmt: skip
