"""No resale on the day of purchase (N-TRD-6), in whatever order trades are written down."""

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etsledger.domain.times import SHANGHAI
from etsledger.ledger import Ledger, Refusal
from exchange import DAY, Exchange, exchange, sqlite_ledger
from helpers import SteppingClock
from national import SUMMER, UNIT

__all__ = ["exchange", "sqlite_ledger"]  # fixtures

BACK = {"seller": "buyer-1", "buyer": "seller-1"}
NEXT = "2025-06-04"


def test_d43_what_was_bought_today_is_sold_tomorrow(exchange: Exchange) -> None:
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    for at in (f"{DAY}T10:00:00", f"{DAY}T23:59:59.999999", f"{DAY}T15:59:59Z"):
        refusal = exchange.refuses("SameDayResale", at=at, **BACK)
        assert refusal.numbers == {
            "account": "buyer-1", "unit": UNIT, "date": DAY, "bought": 1_000, "sold": 0,
            "available": 0, "asked": 100,
        }  # fmt: skip
    exchange.trade(1_000, at=NEXT, **BACK)


@pytest.mark.parametrize(("quantity", "accepted"), [(49, True), (50, True), (51, False)])
def test_what_was_there_before_is_sold_on_the_day_of_a_purchase(
    exchange: Exchange, quantity: int, accepted: bool
) -> None:
    exchange.give(50, to="buyer-1", at="2021-01-01")
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    if accepted:
        exchange.trade(quantity, at=f"{DAY}T11:00:00", **BACK)
    else:
        refusal = exchange.refuses("SameDayResale", quantity=quantity, at=f"{DAY}T11:00:00", **BACK)
        assert (refusal.numbers["available"], refusal.numbers["asked"]) == (50, quantity)


def test_the_sales_of_the_day_count_together(exchange: Exchange) -> None:
    exchange.give(50, to="buyer-1", at="2021-01-01")
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    exchange.trade(30, at=f"{DAY}T11:00:00", **BACK)
    refusal = exchange.refuses("SameDayResale", quantity=21, at=f"{DAY}T12:00:00", **BACK)
    assert (refusal.numbers["available"], refusal.numbers["sold"]) == (20, 30)
    exchange.trade(20, at=f"{DAY}T12:00:00", **BACK)


def test_a_sale_before_the_purchase_takes_nothing_of_it(exchange: Exchange) -> None:
    exchange.give(50, to="buyer-1", at="2021-01-01")
    exchange.trade(50, at=f"{DAY}T09:30:00", **BACK)
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    exchange.refuses("SameDayResale", quantity=1, at=f"{DAY}T11:00:00", **BACK)


def test_a_purchase_of_another_vintage_or_account_is_none(exchange: Exchange) -> None:
    exchange.give(50, "CEA:2023", to="buyer-1", at="2021-01-01")
    exchange.day("2025-06-02", "80.00", unit="CEA:2023")
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    exchange.trade(50, unit="CEA:2023", at=f"{DAY}T11:00:00", **BACK)
    exchange.trade(1_000, at=f"{DAY}T11:00:00")  # the seller bought another vintage only


def test_what_is_bought_may_be_surrendered_on_the_day(exchange: Exchange) -> None:
    exchange.verified(80, 2024, "buyer", at="2025-05-01")
    exchange.trade(100, at=f"{DAY}T10:00:00")
    exchange.met(80, entity="buyer", at=f"{DAY}T11:00:00")
    assert exchange.available("buyer-1") == 20


def test_units_given_on_the_day_are_no_purchase(exchange: Exchange) -> None:
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    exchange.give(60, to="buyer-1", at=f"{DAY}T11:00:00")
    exchange.refuses("SameDayResale", quantity=60, at=f"{DAY}T10:30:00", **BACK)
    exchange.refuses("SameDayResale", quantity=61, at=f"{DAY}T11:00:00", **BACK)
    exchange.trade(60, at=f"{DAY}T11:00:00", **BACK)


def test_a_rulebook_may_allow_it(sqlite_ledger: Ledger) -> None:
    market = {
        "rule": "own", "units": ["allowance"], "participants": ["entity"], "methods": ["listed"],
        "reference": "close", "same_day_resale": True, "source": "ets",
    }  # fmt: skip
    rules = {"extends": "cn-national", "name": "resale", "version": "1", "market": [market]}
    book = Exchange(sqlite_ledger, rules)
    book.trade(1_000, at=f"{DAY}T10:00:00")
    book.trade(1_000, at=f"{DAY}T11:00:00", **BACK)


# -- back-dated ---------------------------------------------------------------------------------


def test_back_dated_a_sale_is_judged_by_its_own_day(exchange: Exchange) -> None:
    exchange.trade(1_000, at=f"{DAY}T10:00:00")
    exchange.trade(500, at=f"{NEXT}T10:00:00", **BACK)
    exchange.refuses("SameDayResale", quantity=1, at=f"{DAY}T11:00:00", **BACK)
    exchange.trade(500, at=f"{NEXT}T09:00:00", **BACK)


@pytest.mark.parametrize(("quantity", "accepted"), [(40, True), (41, False)])
def test_back_dated_a_sale_leaves_the_later_sales_of_the_day_what_they_need(
    exchange: Exchange, quantity: int, accepted: bool
) -> None:
    """Of 100 t, 60 t are sold at eleven, after 500 t were bought: 40 t can go before."""
    exchange.give(100, to="buyer-1", at="2021-01-01")
    exchange.trade(500, at=f"{DAY}T10:00:00")
    exchange.trade(60, at=f"{DAY}T11:00:00", **BACK)
    if accepted:
        exchange.trade(quantity, at=f"{DAY}T09:00:00", **BACK)
    else:
        exchange.refuses("SameDayResale", quantity=quantity, at=f"{DAY}T09:00:00", **BACK)


@pytest.mark.parametrize(("quantity", "accepted"), [(40, True), (41, False)])
def test_back_dated_a_sale_leaves_the_sales_of_later_days_what_they_need(
    exchange: Exchange, quantity: int, accepted: bool
) -> None:
    exchange.give(100, to="buyer-1", at="2021-01-01")
    exchange.trade(500, at=f"{NEXT}T10:00:00")
    exchange.trade(60, at=f"{NEXT}T11:00:00", **BACK)
    if accepted:
        exchange.trade(quantity, at=f"{DAY}T09:00:00", **BACK)
        return
    refusal = exchange.refuses(
        "BackdatedOverdraft", quantity=quantity, at=f"{DAY}T09:00:00", **BACK
    )
    assert (refusal.numbers["date"], refusal.numbers["lowest"]) == (NEXT, 40)


def test_back_dated_a_sale_before_the_purchases_of_its_day_is_free_of_them(
    exchange: Exchange,
) -> None:
    exchange.give(100, to="buyer-1", at="2021-01-01")
    exchange.trade(500, at=f"{DAY}T10:00:00")
    exchange.trade(100, at=f"{DAY}T09:00:00", **BACK)
    exchange.refuses("SameDayResale", quantity=1, at=f"{DAY}T11:00:00", **BACK)


# -- any sequence ---------------------------------------------------------------------------------

ACCOUNTS = ("seller-1", "buyer-1", "third-1")
OPENING = 10
START = datetime(2025, 6, 3, tzinfo=SHANGHAI)

Step = tuple[int, int, int, int]
steps = st.tuples(
    st.sampled_from(range(3)),  # seller
    st.sampled_from((1, 2)),  # how many further is the buyer
    st.integers(1, 14),  # tonnes
    st.integers(0, 3 * 8 - 1),  # of three days, in steps of three hours
)


@settings(max_examples=60)
@given(st.lists(steps, min_size=4, max_size=30))
@example([(0, 1, 10, 0), (1, 1, 10, 1)])
@example([(0, 1, 5, 9), (1, 2, 10, 10), (1, 1, 5, 2)])  # the last one back-dated
def test_no_sequence_resells_on_the_day(sequence: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'books.db'}"
        with Ledger.open(url, create=True, clock=SteppingClock(SUMMER)) as ledger:
            book = Exchange(ledger)
            book.plant("third")
            for account in ("buyer-1", "third-1"):
                book.give(OPENING, to=account, at="2021-01-01")
            book.send("transfer", unit=UNIT, quantity=1_000_000 - OPENING, from_="seller-1",
                      to="hubei", kind="correction", at="2021-01-01")  # fmt: skip
            book.day("2025-06-02", "80.00")
            accepted: list[Step] = []
            for step in sequence:
                if (code := settled(book, step)) is None:
                    accepted.append(step)
                    assert fair(accepted)
                else:
                    assert not fair([*accepted, step]), (code, accepted, step)


def settled(book: Exchange, step: Step) -> str | None:
    """None when the trade is settled, else why it is refused."""
    seller, further, tonnes, slot = step
    sides = {"seller": ACCOUNTS[seller], "buyer": ACCOUNTS[(seller + further) % 3]}
    try:
        book.trade(tonnes, at=(START + timedelta(hours=3 * slot)).isoformat(), **sides)
    except Refusal as refusal:
        return refusal.code
    return None


def fair(trades: list[Step]) -> bool:
    """A plain model: no account ever below zero, and on each day no account has sold, at any
    sale, more than it had when the day began."""
    days: dict[int, list[Step]] = defaultdict(list)
    for trade in trades:
        days[trade[3] // 8].append(trade)
    held = [OPENING] * 3
    for day in sorted(days):
        began, sold = list(held), [0, 0, 0]
        for seller, further, tonnes, _ in days[day]:
            sold[seller] += tonnes
            held[seller] -= tonnes
            held[(seller + further) % 3] += tonnes
        if any(sold[i] > began[i] for i in range(3)):
            return False
    return True
