"""Green electricity meets a small part of a shortfall (Q-GREEN)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_books import CreditBook
from etsledger.domain.green_power import limit_of
from etsledger.ledger import Ledger
from helpers import SteppingClock, live_state, replayed
from national import PLANT, REGISTRY, SUMMER, YEAR

RULEBOOK: dict[str, Any] = {
    "extends": REGISTRY,
    "name": "with-green-power",
    "green_power": [
        {"rule": "Q-GREEN", "years": [2024], "share": "0.08", "limit": 2000, "source": "S0"},
    ],
}
SHARE = Decimal("0.08")


@pytest.fixture
def book(sqlite_url: str, clock: SteppingClock) -> Iterator[CreditBook]:
    """A plant with 100,000 t to give back, under a rulebook that knows green electricity."""
    clock.now = SUMMER
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        book = CreditBook(ledger)
        book.send("adopt_rulebook", rulebook=RULEBOOK, at="2020-01-01")
        book.fund("CEA:2024", 1_000_000)
        yield book


def short_of(book: CreditBook, shortfall: int, entitlement: int = 100_000) -> None:
    """The plant owes so much more than it is given."""
    book.verified(entitlement + shortfall)
    book.finalise(entitlement=entitlement)


def refused(book: CreditBook, code: str, tonnes: int, **fields: Any) -> dict[str, Any]:
    given_fields = {"entity": PLANT, "year": YEAR, "tonnes": tonnes, **fields}
    return book.refused(code, "record_green_power", **given_fields).numbers


@pytest.mark.parametrize(
    ("shortfall", "limit"),
    [
        (0, 0), (-5, 0), (12, 0), (13, 1), (10_000, 800), (24_999, 1_999), (25_000, 2_000),
        (25_001, 2_000), (10**9, 2_000),
    ],
)  # fmt: skip
def test_eight_per_cent_of_the_shortfall_and_two_thousand_tonnes_at_most(
    shortfall: int, limit: int
) -> None:
    assert limit_of(SHARE, 2_000, shortfall) == limit


@given(share=st.decimals(0, 1, places=4), most=st.integers(0, 10**6), short=st.integers(0, 10**9))
def test_the_limit_is_the_largest_within_both_bounds(share: Decimal, most: int, short: int) -> None:
    limit = limit_of(share, most, short)
    assert 0 <= limit <= most
    assert limit <= share * short
    assert limit == most or limit + 1 > share * short


@pytest.mark.parametrize(
    ("shortfall", "tonnes", "limit"),
    [
        (10_000, 799, None), (10_000, 800, None), (10_000, 801, 800),
        (25_100, 2_000, None), (25_100, 2_001, 2_000), (12, 1, 0), (0, 1, 0),
    ],
)  # fmt: skip
def test_more_than_the_limit_is_refused_and_not_cut(
    book: CreditBook, shortfall: int, tonnes: int, limit: int | None
) -> None:
    short_of(book, shortfall)
    if limit is None:
        book.green(tonnes)
        row = book.compliance()
        assert row["green_power"] == tonnes
        assert row["outstanding"] == row["obligation"] - tonnes
    else:
        numbers = refused(book, "GreenPowerLimitExceeded", tonnes)
        assert (numbers["limit"], numbers["asked"], numbers["used"]) == (limit, tonnes, 0)
        assert numbers["shortfall"] == shortfall


def test_a_surplus_leaves_no_shortfall(book: CreditBook) -> None:
    book.verified(90_000)
    book.finalise(entitlement=100_000)
    assert refused(book, "GreenPowerLimitExceeded", 1)["shortfall"] == 0


def test_all_of_a_years_claims_share_the_limit(book: CreditBook) -> None:
    short_of(book, 10_000)
    book.green(300)
    book.green(499)
    assert refused(book, "GreenPowerLimitExceeded", 2)["used"] == 799
    book.green(1)
    assert book.compliance()["green_power"] == 800
    assert live_state(book.ledger) == replayed(book.ledger)


def test_the_shortfall_is_taken_before_offsets_and_surrenders(book: CreditBook) -> None:
    short_of(book, 10_000)
    book.credits(10_000)
    book.use(book.lock(5_000))
    book.met(100_000)
    assert book.compliance()["outstanding"] == 5_000
    book.green(800)
    assert book.compliance()["outstanding"] == 4_200


def test_no_more_than_is_owed_is_met(book: CreditBook) -> None:
    short_of(book, 10_000)
    book.give(9_700)
    book.met(109_600)
    assert refused(book, "SurrenderExceedsObligation", 401)["outstanding"] == 400
    book.green(400)
    assert book.stands() == "COMPLIANT"


def test_a_shortfall_is_known_once_allocation_is_final(book: CreditBook) -> None:
    refused(book, "UnknownEntity", 1, entity="nobody")
    refused(book, "ObligationNotKnown", 1)
    book.verified(110_000, at="2025-03-01")
    refused(book, "AllocationNotReady", 1)
    book.finalise(entitlement=100_000, at="2025-05-01")
    refused(book, "AllocationNotReady", 1, at="2025-04-30")
    book.green(1, at="2025-05-01")


def test_a_new_approval_changes_the_limit_for_what_comes(book: CreditBook) -> None:
    book.verified(110_000)
    first = book.finalise(entitlement=100_000)
    book.green(800)
    book.finalise(entitlement=105_000, supersedes=first.id)
    assert book.compliance()["green_power"] == 800
    assert refused(book, "GreenPowerLimitExceeded", 1)["limit"] == 400


def test_a_back_dated_claim_must_fit_ever_after(book: CreditBook) -> None:
    book.verified(110_000, at="2025-03-01")
    book.finalise(entitlement=100_000, at="2025-03-02")
    book.green(500, at="2025-06-01")
    assert refused(book, "GreenPowerLimitExceeded", 301, at="2025-04-01")["used"] == 500
    book.green(300, at="2025-04-01")
    assert book.compliance(as_of="2025-04-01")["green_power"] == 300


@pytest.mark.parametrize("year", [2023, 2025])
def test_a_year_without_a_table_knows_no_green_electricity(book: CreditBook, year: int) -> None:
    book.verified(110_000, year)
    refused(book, "OffsetNotEligible", 1, year=year)


def test_the_national_rulebook_knows_none(book: CreditBook) -> None:
    book.send("adopt_rulebook", rulebook=REGISTRY, at="2025-06-30")
    short_of(book, 10_000)
    refused(book, "OffsetNotEligible", 1)


def test_the_claim_tells_what_decided(book: CreditBook) -> None:
    short_of(book, 10_000)
    before = book.known_at()
    book.green(500)
    book.green(100)
    *_, last = book.ledger.events(types=["GreenPowerRecorded"])
    assert last["data"] == {
        "entity": PLANT, "limit": 800, "rule": "Q-GREEN", "shortfall": 10_000, "tonnes": 100,
        "used": 500, "year": 2024,
    }  # fmt: skip
    assert book.compliance(known_at=before)["green_power"] == 0
    assert book.ledger.verify().ok
