"""The golden cases that are a course of events: recall, custody, deadlines, vintages, chain."""

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import REGISTRY, NationalBook

pytestmark = ON_SQLITE


def test_p04_differentiated_and_short(national: NationalBook) -> None:
    book = national
    book.fund("CEA:2024", 800_000)
    book.verified(1_000_000)
    book.status("at_risk")
    book.finalise(entitlement=800_000)
    book.met(800_000, from_="hubei")
    row = book.compliance(as_of="2026-01-01")
    assert (row["allocated"], row["obligation"], row["surrendered"]) == (
        800_000, 1_000_000, 800_000,
    )  # fmt: skip
    assert (row["outstanding"], row["status"]) == (200_000, "NON_COMPLIANT")
    assert book.held("hubei") == 0


@pytest.mark.parametrize(
    ("emissions", "surplus", "short"), [(90_000, 10_000, 0), (110_000, 0, 10_000)]
)
def test_p12_surplus_or_short(
    national: NationalBook, emissions: int, surplus: int, short: int
) -> None:
    book = national
    book.fund("CEA:2024", 100_000)
    book.verified(emissions)
    book.finalise(entitlement=100_000)
    book.met(min(100_000, emissions))
    assert book.held() == surplus
    assert book.compliance()["outstanding"] == short


def pre_allocated(book: NationalBook) -> None:
    """1,400,000 t in advance, as 2023 had 2,000,000 t."""
    book.fund("CEA:2024", 3_000_000)
    book.verified(2_000_000, 2023)
    book.pre_allocate()
    assert book.held() == 1_400_000


def test_d13_top_up(national: NationalBook) -> None:
    pre_allocated(national)
    national.finalise(entitlement=2_000_000)
    assert national.allocation()["difference"] == 600_000
    assert national.held() == 2_000_000


def test_d13_recall(national: NationalBook) -> None:
    pre_allocated(national)
    national.finalise(entitlement=1_150_000)
    row = national.compliance()
    assert (row["recalled"], row["recall_open"]) == (250_000, 0)
    assert national.allocation()["difference"] == -250_000
    assert national.held() == 1_150_000


def test_d14_a_recall_larger_than_the_holding(national: NationalBook) -> None:
    book = national
    buyer = book.plant("buyer")
    pre_allocated(book)
    sale = {"from_": "plant-1", "to": buyer, "unit": "CEA:2024", "kind": "succession"}
    book.send("transfer", quantity=1_300_000, **sale)
    book.finalise(entitlement=1_150_000)
    row = book.compliance()
    assert (row["recalled"], row["recall_open"], book.held()) == (100_000, 150_000, 0)
    book.give(5, "CEA:2023")
    refusal = book.refused(
        "RecallOutstanding", "transfer", quantity=1, **{**sale, "unit": "CEA:2023"}
    )
    assert refusal.numbers["recall_open"] == 150_000
    back = {"from_": buyer, "to": "plant-1", "unit": "CEA:2024", "kind": "succession"}
    book.send("transfer", quantity=160_000, **back)
    row = book.compliance()
    assert (row["recalled"], row["recall_open"]) == (250_000, 0)
    assert book.available() == 10_000


@pytest.mark.parametrize(
    ("year", "unit", "at", "status"),
    [
        (2020, "CEA:2019-2020", "2021-12-31T16:59:59", "COMPLIANT"),
        (2020, "CEA:2019-2020", "2021-12-31T17:00:00", "COMPLIANT"),
        (2020, "CEA:2019-2020", "2021-12-31T17:00:01", "LATE_COMPLIANT"),
        (2024, "CEA:2024", "2025-12-31T23:59:59", "COMPLIANT"),
        (2024, "CEA:2024", "2026-01-01T00:00:00", "LATE_COMPLIANT"),
    ],
)
def test_d47_deadlines(national: NationalBook, year: int, unit: str, at: str, status: str) -> None:
    book = national
    book.give(1_000, unit, at="2021-01-01")
    book.verified(1_000, year, at="2021-06-01")
    book.met(1_000, year=year, unit=unit, at=at)
    assert book.stands(year=year, as_of="2026-02-01") == status


def surrendered(book: NationalBook, year: int, unit: str, at: str) -> None:
    book.give(10, unit, at="2020-01-01")
    book.surrender(10, year=year, unit=unit, at=at)


@pytest.mark.parametrize(
    ("year", "unit", "at"),
    [
        (2023, "CEA:2019-2020", "2024-12-01"),
        (2025, "CEA:2025", "2026-12-01"),
        (2025, "CEA:2026", "2026-12-01"),
        (2024, "CEA:2026", "2026-12-01"),  # arrears
    ],
)
def test_d48_vintages_that_may(national: NationalBook, year: int, unit: str, at: str) -> None:
    national.verified(10, year, at="2021-01-01")
    surrendered(national, year, unit, at)
    assert national.compliance(year=year, as_of=at)["pending"] == 10


@pytest.mark.parametrize(
    ("year", "unit", "at"),
    [(2023, "CEA:2024", "2024-12-01"), (2025, "CEA:2024", "2026-12-01")],
)
def test_d48_vintages_that_may_not(national: NationalBook, year: int, unit: str, at: str) -> None:
    book = national
    book.verified(10, year, at="2021-01-01")
    book.give(10, unit, at="2020-01-01")
    refusal = book.refused(
        "VintageNotEligible", "surrender", entity="plant", year=year, unit=unit, quantity=10, at=at
    )
    assert refusal.numbers["unit"] == unit
    assert unit not in refusal.numbers["eligible"]


def test_d50_a_cut_for_fraud_takes_half_to_all(national: NationalBook) -> None:
    book = national
    book.fund("CEA:2024", 1_000_000)
    book.verified(1_000_000)
    book.finalise(entitlement=1_000_000)
    for asked in (499_999, 1_000_001):
        refusal = book.refused(
            "FineOutOfBounds", "record_deduction", entity="plant", year=2024, quantity=asked,
            reason="fraud",
        )  # fmt: skip
        assert (refusal.numbers["low"], refusal.numbers["high"]) == (500_000, 1_000_000)
    for accepted in (500_000, 1_000_000):
        book.deduct(accepted, "fraud")


def test_d51_the_chain(national: NationalBook) -> None:
    book = national
    book.send("issue", unit="CEA:2024", quantity=1_000)
    book.send("distribute", unit="CEA:2024", quantity=1_000, from_="authority", to="hubei")
    book.verified(1_000)
    book.finalise(entitlement=1_000)
    assert book.held() == 1_000
    book.met(800)
    supply = book.supply()
    assert (supply["issued"], supply["holding"], supply["retired"]) == (1_000, 200, 800)
    assert (supply["authority"], supply["province"]) == (0, 0)
    legs = [(m["quantity"], m["balance"]) for m in book.ledger.statement("hubei")]
    assert legs[-2:] == [(800, 800), (-800, 0)]
    legs = [(m["quantity"], m["balance"]) for m in book.ledger.statement("authority")]
    assert legs[-2:] == [(800, 800), (-800, 0)]
    refusal = book.refused(
        "RouteNotAllowed", "distribute", unit="CEA:2024", quantity=1, from_="plant-1",
        to="authority",
    )  # fmt: skip
    assert (refusal.numbers["from_kind"], refusal.numbers["to_kind"]) == ("entity", "authority")


def test_d52_voluntary_cancellation(national: NationalBook) -> None:
    book = national
    book.fund("CEA:2024", 700)
    book.verified(700)
    book.finalise(entitlement=700)
    book.send("cancel", account="plant-1", unit="CEA:2024", quantity=500)
    assert book.held() == 200
    supply = book.supply()
    assert (supply["cancelled"], supply["holding"], supply["retired"]) == (500, 200, 0)
    row = book.compliance()
    assert (row["surrendered"], row["outstanding"]) == (0, 700)


def test_d64_a_pilot_unit_meets_no_national_obligation(
    ledger: Ledger, clock: SteppingClock, national: NationalBook
) -> None:
    book = national
    book.verified(10)
    refusal = book.refused(
        "UnitNotAllowed", "surrender", entity="plant", year=2024, unit="CQEA:2024", quantity=10
    )
    assert refusal.numbers["unit"] == "CQEA:2024"
    assert book.ledger.balances(registry=REGISTRY, unit="CQEA:2024") == []
