"""Fines for what was not surrendered (rules section 12): amounts, multiples, average prices."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.domain.fines import window, window_price
from etsledger.domain.state import MarketDay
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import REGISTRY, NationalBook

AFTER = "2026-01-15T09:00:00+08:00"
"""Two weeks after the deadline of 2024."""
OWED = 1_000


@pytest.fixture
def book(sqlite_url: str, clock: SteppingClock) -> Any:
    """``plant`` owes 1,000 t for 2021 and for 2024, and both deadlines have passed."""
    clock.now = AFTER
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        yield late(ledger)


def late(ledger: Ledger, rulebook: Any = REGISTRY) -> NationalBook:
    book = NationalBook(ledger, rulebook)
    book.plant()
    for year in (2021, 2024):
        book.verified(OWED, year, at=f"{year + 1}-06-01")
    return book


def day(book: NationalBook, on: str = "2025-12-15", unit: str = "CEA:2024", **fields: Any) -> None:
    """A market day; 1,000 t at 80.00 unless told otherwise."""
    given = {"close": "80.00", "volume": 1_000, "value": "80000.00", **fields}
    book.send("record_market_day", date=on, unit=unit, **given)


def asked(year: int = 2024, **fields: Any) -> dict[str, Any]:
    return {"entity": "plant", "year": year, **fields}


def fine(book: NationalBook, **fields: Any) -> dict[str, Any]:
    """What the event says of it."""
    outcome = book.send("impose_fine", **asked(**fields))
    (event,) = book.ledger.events(from_position=outcome.positions[0], types=["FineImposed"])
    return dict(event["data"])


def refused(book: NationalBook, code: str = "FineOutOfBounds", **fields: Any) -> Refusal:
    return book.refused(code, "impose_fine", **asked(**fields))


# -- by amount: 2019 to 2022 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "valid"),
    [
        ("19999.99", False), ("20000", True), ("20000.00", True), ("20000.01", True),
        ("25000.50", True), ("29999.99", True), ("30000.00", True), ("30000.01", False),
    ],
)  # fmt: skip
def test_until_2022_twenty_to_thirty_thousand_cny_bounds_included(
    book: NationalBook, amount: str, valid: bool
) -> None:
    if valid:
        data = fine(book, year=2021, amount=amount)
        assert Decimal(data["amount"]) == Decimal(amount)
        assert (data["low"], data["high"]) == ("20000.00", "30000.00")
        assert book.compliance(year=2021)["fine"] == f"{Decimal(amount):.2f}"
        return
    numbers = refused(book, year=2021, amount=amount).numbers
    assert (Decimal(numbers["low"]), Decimal(numbers["high"])) == (20_000, 30_000)
    assert (numbers["asked"], numbers["unsurrendered"]) == (amount, OWED)


def test_until_2022_it_needs_no_market_and_takes_no_multiple(book: NationalBook) -> None:
    assert "no multiple" in refused(book, year=2021, multiple=5).message
    data = fine(book, year=2021, amount="20000")
    assert data.get("average_price") is data.get("window_from") is data.get("multiple") is None
    assert (data["unsurrendered"], "Z4 art.40" in data["source"]) == (OWED, True)


# -- by a multiple: from 2023 on -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("multiple", "amount"),
    [
        ("4.99", None), ("5", "400000.00"), (5, "400000.00"), ("5.01", "400800.00"),
        ("7.5", "600000.00"), ("9.99", "799200.00"), (10, "800000.00"), ("10.01", None),
    ],
)  # fmt: skip
def test_from_2023_five_to_ten_times_bounds_included(
    book: NationalBook, multiple: Any, amount: str | None
) -> None:
    """1,000 t x 80.00 CNY."""
    day(book)
    if amount is None:
        numbers = refused(book, multiple=multiple).numbers
        assert (numbers["low"], numbers["high"]) == ("400000.00", "800000.00")
        assert (numbers["average_price"], numbers["unsurrendered"]) == ("80.00", OWED)
        return
    data = fine(book, multiple=multiple)
    assert (data["amount"], data["average_price"]) == (amount, "80.00")
    assert Decimal(data["multiple"]) == Decimal(str(multiple))
    assert "Z3 art.24" in data["source"]
    assert book.compliance()["fine"] == amount


@pytest.mark.parametrize(
    ("amount", "valid"),
    [("399999.99", False), ("400000.00", True), ("800000.00", True), ("800000.01", False)],
)
def test_from_2023_an_amount_is_held_against_the_same_bounds(
    book: NationalBook, amount: str, valid: bool
) -> None:
    day(book)
    if valid:
        data = fine(book, amount=amount)
        assert (data["amount"], data.get("multiple")) == (amount, None)
    else:
        assert refused(book, amount=amount).numbers["asked"] == amount


def test_only_what_is_outstanding_is_fined(book: NationalBook) -> None:
    day(book)
    book.give(999, at="2025-01-01")
    book.met(999, at="2025-12-01")
    data = fine(book, multiple=5)
    assert (data["unsurrendered"], data["amount"]) == (1, "400.00")


# -- the average price -----------------------------------------------------------------------------


def test_the_window_is_the_month_up_to_the_day_before_the_deadline(book: NationalBook) -> None:
    for on, price in [
        ("2025-11-29", "10"), ("2025-11-30", "80"), ("2025-12-30", "90"), ("2025-12-31", "10"),
    ]:  # fmt: skip
        day(book, on, close=price, value=f"{price}000")
    data = fine(book, multiple=5)
    assert (data["window_from"], data["window_to"]) == ("2025-11-30", "2025-12-30")
    assert data["average_price"] == "85.00"


@pytest.mark.parametrize(
    ("deadline", "first", "last"),
    [
        ("2024-12-31", "2024-11-30", "2024-12-30"), ("2024-12-15", "2024-11-15", "2024-12-14"),
        ("2024-03-31", "2024-02-29", "2024-03-30"), ("2025-03-31", "2025-02-28", "2025-03-30"),
        ("2025-01-31", "2024-12-31", "2025-01-30"), ("2025-01-01", "2024-12-01", "2024-12-31"),
        ("2025-03-01", "2025-02-01", "2025-02-28"),
    ],
)  # fmt: skip
def test_windows_of_a_month_before(deadline: str, first: str, last: str) -> None:
    """Where the month before is shorter it begins on its last day [ADOPTED]."""
    found = window(date.fromisoformat(deadline), "month_before")
    assert found == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("deadline", "first", "last"),
    [
        ("2024-12-31", "2024-11-01", "2024-11-30"), ("2024-12-01", "2024-11-01", "2024-11-30"),
        ("2025-01-15", "2024-12-01", "2024-12-31"), ("2024-03-31", "2024-02-01", "2024-02-29"),
    ],
)  # fmt: skip
def test_windows_of_a_calendar_month(deadline: str, first: str, last: str) -> None:
    found = window(date.fromisoformat(deadline), "calendar_month")
    assert found == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_rulebook_that_extends_may_take_the_calendar_month(
    sqlite_url: str, clock: SteppingClock
) -> None:
    own = {
        "case": "unsurrendered", "years": [2024], "kind": "multiple", "minimum": 5, "maximum": 10,
        "price_window": "calendar_month", "source": "a letter",
    }  # fmt: skip
    rulebook = {"extends": REGISTRY, "name": "mine", "version": "1", "penalties": [own]}
    clock.now = AFTER
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        book = late(ledger, rulebook)
        for on, price in [
            ("2025-10-31", "10"), ("2025-11-01", "60"), ("2025-11-30", "70"), ("2025-12-01", "10"),
        ]:  # fmt: skip
            day(book, on, close=price, value=f"{price}000")
        data = fine(book, multiple=5)
        assert (data["window_from"], data["window_to"]) == ("2025-11-01", "2025-11-30")
        assert (data["average_price"], data["source"]) == ("65.00", "a letter")


def test_the_average_is_all_value_over_all_volume_of_every_vintage(book: NationalBook) -> None:
    """(1,000 x 80.00 + 333 x 95.26 + 20 x 61.00) / 1,353 = 83.4743…, half-up 83.47."""
    day(book)
    day(book, "2025-12-16", "CEA:2023", close="96.00", volume=333, value="31721.58")
    day(book, "2025-12-16", "CEA:2019-2020", close="61.00", volume=20, value=None, vwap="61.00")
    day(book, "2025-12-17", close="200.00", volume=0, value="0")
    data = fine(book, multiple=5)
    assert data["average_price"] == "83.47"
    assert data["amount"] == "417350.00"


def test_p10_a_years_average_is_value_over_volume() -> None:
    days = (MarketDay("2025-12-31", 1, Decimal("74.63"), None, 234_597_856,
                      Decimal("14629891128.06")),)  # fmt: skip
    assert window_price(days) == (Decimal("62.36"), None)


def test_a_corrected_market_day_counts_once(book: NationalBook) -> None:
    day(book)
    day(book, volume=500, value="30000.00")
    assert fine(book, multiple=5)["average_price"] == "60.00"


@pytest.mark.parametrize("on", [None, "2025-11-29", "2025-12-31"])
def test_without_a_market_day_in_the_window_there_is_no_price(
    book: NationalBook, on: str | None
) -> None:
    if on:
        day(book, on)
    numbers = refused(book, "NoReferencePrice", multiple=5).numbers
    assert (numbers["window_from"], numbers["window_to"]) == ("2025-11-30", "2025-12-30")


def test_closes_alone_give_their_plain_mean_with_a_warning(book: NationalBook) -> None:
    """(80.00 + 80.01 + 81.00) / 3 = 80.3366…"""
    for on, close in [("2025-12-01", "80"), ("2025-12-02", "80.01"), ("2025-12-03", "81")]:
        book.send("record_market_day", date=on, unit="CEA:2024", close=close)
    outcome = book.send("impose_fine", **asked(multiple=5))
    assert "plain mean of the closes" in outcome.warnings[0]
    (event,) = book.ledger.events(types=["FineImposed"])
    assert event["data"]["average_price"] == "80.34"


@given(
    days=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(1, 10**6)), min_size=1, max_size=25
    )
)  # fmt: skip
def test_the_average_lies_within_half_a_fen_of_value_over_volume(
    days: list[tuple[int, int]],
) -> None:
    """``days`` are tonnes and fen a tonne."""
    made = tuple(
        MarketDay(f"2025-12-{i + 1:02}", i, Decimal(1), None, tonnes,
                  Decimal(tonnes * fen).scaleb(-2))
        for i, (tonnes, fen) in enumerate(days)
    )  # fmt: skip
    price, doubt = window_price(made)
    assert price is not None
    volume, value = sum(t for t, _ in days), sum(t * fen for t, fen in days)
    if volume:
        assert doubt is None
        assert abs(int(price * 100) * volume * 2 - value * 2) <= volume
    else:
        assert (price, doubt is None) == (Decimal(1), False)


# -- when there is nothing to fine -----------------------------------------------------------------


def test_nothing_is_fined_before_or_at_the_deadline(book: NationalBook) -> None:
    day(book)
    for at in ("2025-12-01", "2025-12-31T23:59:59", "2025-12-31T23:59:59.999999"):
        numbers = refused(book, multiple=5, at=at).numbers
        assert (numbers["status"], numbers["outstanding"]) == ("OPEN", OWED)
    fine(book, multiple=5, at="2026-01-01T00:00:00")


def test_nothing_is_fined_where_nothing_is_outstanding(book: NationalBook) -> None:
    day(book)
    book.give(2 * OWED, at="2025-01-01")
    book.met(OWED, at="2026-01-05")
    assert refused(book, multiple=5).numbers["status"] == "LATE_COMPLIANT"
    assert refused(book, multiple=5).numbers["outstanding"] == 0
    fine(book, multiple=5, at="2026-01-04")  # it was, on that day


def test_nothing_is_fined_while_a_timely_surrender_awaits_confirmation(book: NationalBook) -> None:
    day(book)
    book.give(OWED, at="2025-01-01")
    sent = book.surrender(OWED, at="2025-12-31")
    assert refused(book, multiple=5).numbers["status"] == "PENDING"
    book.reject(sent.id, at="2026-01-10")
    assert fine(book, multiple=5)["unsurrendered"] == OWED


def test_what_is_pending_beside_an_open_rest_is_said(book: NationalBook) -> None:
    day(book)
    book.give(600, at="2025-01-01")
    book.surrender(600, at="2025-12-31")
    outcome = book.send("impose_fine", **asked(multiple=5))
    assert "600 t" in outcome.warnings[0]


def test_what_is_no_obligation_is_not_fined(book: NationalBook) -> None:
    day(book)
    refused(book, "ObligationNotKnown", year=2023, multiple=5)
    refused(book, "ObligationNotKnown", year=2018, multiple=5)
    refused(book, "ObligationNotKnown", multiple=5, at="2025-05-31")  # before the report
    book.refused("UnknownEntity", "impose_fine", entity="nobody", year=2024, multiple=5)
    book.status("dissolved", at="2025-12-01")
    assert refused(book, multiple=5).numbers["status"] == "EXEMPT"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "multiple"), ({"multiple": 5, "amount": "1"}, "multiple"),
        ({"amount": "-1"}, "amount"), ({"amount": "20000.001"}, "amount"),
        ({"amount": "NaN"}, "amount"), ({"multiple": "Infinity"}, "multiple"),
        ({"multiple": "-5"}, "multiple"), ({"multiple": "five"}, "multiple"),
    ],
)  # fmt: skip
def test_a_multiple_or_an_amount(book: NationalBook, fields: dict[str, Any], field: str) -> None:
    day(book)
    assert refused(book, "InvalidCommand", **fields).numbers["field"] == field


# -- what stays ------------------------------------------------------------------------------------


def test_a_fine_stands_from_its_day_on_and_as_known_then(
    book: NationalBook, clock: SteppingClock
) -> None:
    day(book)
    before = f"@{book.ledger.head().position}"
    fine(book, multiple=5, at="2026-01-10")
    assert book.compliance(as_of="2026-01-09")["fine"] is None
    assert book.compliance(as_of="2026-01-10")["fine"] == "400000.00"
    assert book.compliance(as_of="2026-01-10", known_at=before)["fine"] is None
    assert book.compliance(year=2021)["fine"] is None


def test_later_facts_do_not_change_a_fine(book: NationalBook) -> None:
    day(book)
    fine(book, multiple=5)
    day(book, volume=1, value="1000.00")
    book.verified(10, at="2026-01-15")
    row = book.compliance()
    assert (row["fine"], row["outstanding"]) == ("400000.00", 10)
    assert book.ledger.verify().ok


def test_a_second_fine_is_added_with_a_warning(book: NationalBook) -> None:
    fine(book, year=2021, amount="20000")
    outcome = book.send("impose_fine", **asked(2021, amount="20000.50"))
    assert "fined for 2021 before: 20000.00 CNY" in outcome.warnings[0]
    assert book.compliance(year=2021)["fine"] == "40000.50"


def test_a_fine_changes_no_tonne(book: NationalBook) -> None:
    book.give(OWED, at="2025-01-01")
    fine(book, year=2021, amount="20000")
    assert (book.held(), book.available()) == (OWED, OWED)
    assert book.stands(year=2021) == "NON_COMPLIANT"


def test_a_fine_is_not_taken_back(book: NationalBook) -> None:
    outcome = book.send("impose_fine", **asked(2021, amount="20000"))
    book.refused("NotReversible", "reverse", reverses=outcome.id)
