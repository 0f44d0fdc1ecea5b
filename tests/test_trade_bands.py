"""Price bands (N-TRD-3, Q-TRD): around the right reference, rounded inward to the fen."""

from decimal import Decimal
from typing import Any

import pytest

from etsledger.domain.market import band
from etsledger.ledger import Ledger
from exchange import BEFORE, DAY, Exchange, exchange, sqlite_ledger
from national import UNIT

__all__ = ["exchange", "sqlite_ledger"]  # fixtures

LISTED, BLOCK = "0.10", "0.30"
BANDS = [
    ("97.49", LISTED, "87.75", "107.23"),
    ("97.49", BLOCK, "68.25", "126.73"),
    ("62.36", LISTED, "56.13", "68.59"),
    ("55.55", LISTED, "50.00", "61.10"),
    ("80.00", LISTED, "72.00", "88.00"),  # nothing to round
    ("35.86", LISTED, "32.28", "39.44"),
    ("35.86", BLOCK, "25.11", "46.61"),
    ("0.01", LISTED, "0.01", "0.01"),
    ("0.05", LISTED, "0.05", "0.05"),
]


@pytest.mark.parametrize(("reference", "share", "low", "high"), BANDS)
def test_d42_d60_bands_are_rounded_inward(reference: str, share: str, low: str, high: str) -> None:
    found = band(Decimal(reference), Decimal(share))
    assert found == (Decimal(low), Decimal(high))


def around(low: str, high: str) -> list[tuple[Decimal, bool]]:
    fen = Decimal("0.01")
    bottom, top = Decimal(low), Decimal(high)
    return [(bottom - fen, False), (bottom, True), (top, True), (top + fen, False)]


SIZES = {"listed": 100, "block": 100_000}


@pytest.mark.parametrize(
    ("reference", "method", "low", "high"),
    [
        ("97.49", "listed", "87.75", "107.23"),
        ("97.49", "block", "68.25", "126.73"),
        ("80.00", "listed", "72.00", "88.00"),
    ],
)
def test_d42_a_price_on_the_limit_is_valid(
    exchange: Exchange, reference: str, method: str, low: str, high: str
) -> None:
    exchange.day(BEFORE, reference)
    for price, valid in around(low, high):
        given: dict[str, Any] = {"method": method, "quantity": SIZES[method], "price": str(price)}
        if valid:
            exchange.trade(**given)
            continue
        assert exchange.refuses("PriceOutsideBand", **given).numbers == {
            "reference": reference, "low": low, "high": high, "price": str(price),
            "reference_date": BEFORE,
        }  # fmt: skip


def test_the_event_says_what_the_price_was_measured_by(exchange: Exchange) -> None:
    (position,) = exchange.trade(price="88.00").positions
    data = next(exchange.ledger.events(from_position=position))["data"]
    assert (data["reference"], data["reference_date"]) == ("80.00", BEFORE)


def test_n_trd_3_each_vintage_has_a_reference_of_its_own(exchange: Exchange) -> None:
    exchange.give(100, "CEA:2023", to="seller-1", at="2021-01-01")
    exchange.refuses("NoReferencePrice", unit="CEA:2023")
    exchange.day(BEFORE, "50.00", unit="CEA:2023")
    exchange.refuses("PriceOutsideBand", unit="CEA:2023", price="80.00")
    exchange.trade(price="55.00", unit="CEA:2023")


def test_the_day_of_the_trade_is_no_reference_of_it(exchange: Exchange) -> None:
    exchange.day(DAY, "100.00")
    exchange.trade(price="88.00")
    exchange.refuses("PriceOutsideBand", price="100.00")
    exchange.trade(price="100.00", at="2025-06-04T00:00:00")


def test_the_reference_may_be_years_old(exchange: Exchange) -> None:
    exchange.trade(price="88.00", at="2027-01-04T10:00:00")
    exchange.refuses("PriceOutsideBand", price="88.01", at="2027-01-04T10:00:00")


def test_a_back_dated_trade_is_measured_by_the_day_before_its_own(exchange: Exchange) -> None:
    exchange.day("2024-11-04", "50.00")
    exchange.trade(price="55.00", at="2024-11-05T10:00:00")
    exchange.refuses("PriceOutsideBand", price="80.00", at="2024-11-05T10:00:00")


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2025-06-02T23:59:59+08:00", "NoReferencePrice"),
        ("2025-06-02T15:59:59Z", "NoReferencePrice"),  # a second before midnight in Shanghai
        ("2025-06-02T16:00:00Z", None),
        ("2025-06-03", None),
    ],
)
def test_the_date_of_a_trade_is_that_in_shanghai(
    exchange: Exchange, at: str, code: str | None
) -> None:
    if code:
        assert exchange.refuses(code, at=at).numbers == {"unit": UNIT, "date": "2025-06-02"}
    else:
        exchange.trade(at=at)


def test_a_market_day_counts_by_its_date_whenever_it_was_written_down(exchange: Exchange) -> None:
    exchange.day("2025-05-01", "40.00", at="2025-06-30")
    exchange.trade(price="44.00", at="2025-05-02T10:00:00")


@pytest.mark.parametrize("price", ["0.01", "5000.00"])
def test_n_trd_3_bidding_has_no_band_and_needs_no_reference(exchange: Exchange, price: str) -> None:
    (position,) = exchange.trade(
        150_000, price, method="bidding", at="2021-07-16T10:00:00"
    ).positions
    data = next(exchange.ledger.events(from_position=position))["data"]
    assert "reference" not in data


# -- the average of all trades (Q-TRD) ----------------------------------------------------------


@pytest.fixture
def pilot(sqlite_ledger: Ledger) -> Exchange:
    """A market measured by averages, with blocks from 10,000 t on and no listed maximum."""
    rules = {
        "extends": "cn-national", "name": "averages", "version": "1",
        "market": [{
            "rule": "Q-TRD", "units": ["allowance"], "participants": ["entity"],
            "methods": ["listed", "block"], "reference": "average",
            "bands": {"listed": "0.10", "block": "0.30"}, "at_least": {"block": 10_000},
            "source": "ets",
        }],
    }  # fmt: skip
    return Exchange(sqlite_ledger, rules)


def test_d60_bands_around_the_average_of_all_trades(pilot: Exchange) -> None:
    # 35.86 on average, blocks included; the close is of no account.
    pilot.day(BEFORE, "99.00", volume=100, value="3586.00")
    for method, low, high in (("listed", "32.28", "39.44"), ("block", "25.11", "46.61")):
        for price, valid in around(low, high):
            given: dict[str, Any] = {"method": method, "quantity": 10_000, "price": str(price)}
            if valid:
                pilot.trade(**given)
            else:
                assert pilot.refuses("PriceOutsideBand", **given).numbers["low"] == low


@pytest.mark.parametrize(
    ("quantity", "code"), [(9_999, "BlockTradeTooSmall"), (10_000, None), (10_001, None)]
)
def test_d60_a_block_is_of_at_least_10_000_t(
    pilot: Exchange, quantity: int, code: str | None
) -> None:
    pilot.day(BEFORE, "35.86", vwap="35.86")
    given: dict[str, Any] = {"method": "block", "price": "35.86", "quantity": quantity}
    if code:
        assert pilot.refuses(code, **given).numbers["limit"] == 10_000
    else:
        pilot.trade(**given)


def test_d60_no_listed_maximum_is_stated(pilot: Exchange) -> None:
    pilot.day(BEFORE, "35.86", vwap="35.86")
    pilot.trade(500_000, "35.86")


REFERENCES: list[tuple[list[dict[str, Any]], str, str, int]] = [
    # what is on record of days before, the reference, its day, warnings
    ([{"date": "2025-05-30", "vwap": "40.00", "volume": 1, "value": "41.00"}],
     "40.00", "2025-05-30", 0),
    ([{"date": "2025-05-30", "volume": 3, "value": "100.00"}], "33.33", "2025-05-30", 0),
    ([{"date": "2025-05-30"}], "36.00", "2025-05-30", 1),
    ([{"date": "2025-05-30", "vwap": "40.00"}, {"date": "2025-06-02", "volume": 0}],
     "40.00", "2025-05-30", 0),
    ([{"date": "2025-05-29", "vwap": "40.00"}, {"date": "2025-05-30", "volume": 0, "value": 0},
      {"date": "2025-06-02", "volume": 0}], "40.00", "2025-05-29", 0),
    ([{"date": "2025-05-30", "vwap": "40.00"}, {"date": "2025-06-02"}], "36.00", "2025-06-02", 1),
    ([{"date": "2025-05-30", "volume": 0}], "36.00", "2025-05-30", 1),
]  # fmt: skip


@pytest.mark.parametrize(("known", "reference", "date", "warned"), REFERENCES)
def test_d60_a_day_without_a_trade_keeps_the_last_reference(
    pilot: Exchange, known: list[dict[str, Any]], reference: str, date: str, warned: int
) -> None:
    for one in known:
        pilot.day(**{"close": "36.00", **one})
    outcome = pilot.trade(price=reference)
    data = next(pilot.ledger.events(from_position=outcome.positions[0]))["data"]
    assert (data["reference"], data["reference_date"]) == (reference, date)
    assert len(outcome.warnings) == warned
