"""Market days (N-TRD-4) and the prices that follow from them: close, average, corrections."""

from decimal import Decimal
from typing import Any

import pytest

from etsledger.domain.market import average_price, close_of, days_of, half_up, reference_before
from etsledger.domain.state import MarketDay
from exchange import DAY, Exchange, exchange, sqlite_ledger
from helpers import live_state, replayed
from national import REGISTRY, UNIT

__all__ = ["exchange", "sqlite_ledger"]  # fixtures


def days(book: Exchange, unit: str = UNIT) -> list[tuple[str, str]]:
    found = live_state(book.ledger).registries[REGISTRY].market_days[unit]
    return [(day.date, str(day.close)) for day in found]


# -- pure functions ----------------------------------------------------------------------------

D44 = [(10_000, Decimal("95.00")), (5_000, Decimal("96.10")), (3_333, Decimal("94.77"))]


def test_d44_the_close_is_the_average_of_listed_trades_by_volume() -> None:
    assert close_of(D44, Decimal("94.00")) == Decimal("95.26")


def test_d44_without_a_listed_trade_the_previous_close_stands() -> None:
    assert close_of([], Decimal("95.26")) == Decimal("95.26")
    assert close_of([], None) is None


@pytest.mark.parametrize(
    ("fen", "quantity", "price"),
    [
        (1, 2, "0.01"),  # half a fen goes up
        (1, 3, "0.00"),
        (2, 3, "0.01"),
        (9_525, 1, "95.25"),
        (19_051, 2, "95.26"),  # 95.255
        (190_509, 20, "95.25"),  # 95.2545
        (10**15, 1, "10000000000000.00"),
    ],
)
def test_n_trd_4_prices_round_half_up(fen: int, quantity: int, price: str) -> None:
    assert half_up(fen, quantity) == Decimal(price)


def day(date: str = "2025-01-02", **numbers: Any) -> MarketDay:
    given: dict[str, Any] = {"close": "74.63", **numbers}
    prices: dict[str, Any] = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in given.items()
    }
    return MarketDay(date, 1, **prices)


def test_p10_the_mean_price_of_2025() -> None:
    year = [day(volume=234_597_856, value="14629891128.06")]
    assert average_price(year) == Decimal("62.36")


def test_an_average_weighs_days_by_volume_and_not_days_alike() -> None:
    few, many = day(volume=1, value="100.00"), day("2025-01-03", volume=3, value="150.00")
    assert average_price([few, many]) == Decimal("62.50")


@pytest.mark.parametrize(
    ("known", "average"),
    [
        ([{"volume": 10, "vwap": "70.00"}], "70.00"),  # no value: volume x vwap
        ([{"volume": 10, "value": "600.00", "vwap": "70.00"}], "60.00"),  # the value is exact
        ([{"volume": 0, "value": "0.00"}], None),
        ([{}], None),
        ([{"value": "600.00"}], None),
        ([{"volume": 10}], None),
        ([{"volume": 10}, {"volume": 10, "value": "600.00"}], "60.00"),
        ([], None),
    ],
)
def test_days_without_volume_or_value_do_not_count(known: list[Any], average: str | None) -> None:
    found = average_price(day(**numbers) for numbers in known)
    assert found == (None if average is None else Decimal(average))


# -- through commands --------------------------------------------------------------------------


def test_a_market_day_is_a_fact_with_two_places(exchange: Exchange) -> None:
    exchange.day("2025-06-04", "81.5", vwap=81, volume=10, value="810", reference="bulletin 7")
    event = list(exchange.ledger.events(types=["MarketDayRecorded"]))[-1]
    assert event["data"] == {
        "close": "81.50", "date": "2025-06-04", "unit": UNIT, "value": "810.00", "volume": 10,
        "vwap": "81.00",
    }  # fmt: skip
    assert event["reference"] == "bulletin 7"
    assert exchange.ledger.verify().ok


def test_days_stand_in_the_order_of_their_dates(exchange: Exchange) -> None:
    exchange.day("2025-05-30", "79.00")
    exchange.day("2025-06-04", "82.00")
    exchange.day("2025-06-03", "81.00")
    exchange.day("2025-06-03", "60.00", unit="CEA:2023")
    assert days(exchange) == [
        ("2025-05-30", "79.00"), ("2025-06-02", "80.00"), ("2025-06-03", "81.00"),
        ("2025-06-04", "82.00"),
    ]  # fmt: skip
    assert days(exchange, "CEA:2023") == [("2025-06-03", "60.00")]
    registry = live_state(exchange.ledger).registries[REGISTRY]
    between = days_of(registry, UNIT, "2025-06-02", "2025-06-03")
    assert [one.date for one in between] == ["2025-06-02", "2025-06-03"]


def test_of_two_records_of_one_day_the_later_recorded_rules(exchange: Exchange) -> None:
    exchange.refuses("PriceOutsideBand", price="90.00")
    # Back-dated further than the first record: the order of recording decides.
    exchange.day("2025-06-02", "82.00", at="2025-06-01")
    exchange.trade(price="90.00")
    assert days(exchange) == [("2025-06-02", "82.00")]
    assert replayed(exchange.ledger).registries == live_state(exchange.ledger).registries


def test_a_correction_judges_nothing_again(exchange: Exchange) -> None:
    exchange.trade(price="88.00")
    exchange.day("2025-06-02", "70.00")
    assert exchange.held("buyer-1") == 100
    exchange.refuses("PriceOutsideBand", price="88.00")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no price": ({"close": 0}, "close"),
    "below zero": ({"close": "-1"}, "close"),
    "parts of a fen": ({"close": "80.001"}, "close"),
    "not a number": ({"close": "NaN"}, "close"),
    "endless": ({"close": "Infinity"}, "close"),
    "too large": ({"close": "10000000000000.01"}, "close"),
    "no average": ({"vwap": "0.00"}, "vwap"),
    "parts of a fen on average": ({"vwap": "80.015"}, "vwap"),
    "a value below zero": ({"value": "-0.01"}, "value"),
    "parts of a fen in all": ({"value": "0.005"}, "value"),
    "a volume below zero": ({"volume": -1}, "volume"),
    "no such day": ({"date": "2025-02-30"}, "date"),
    "another notation": ({"date": "2025-6-3"}, "date"),
    "an instant": ({"date": "2025-06-03T10:00:00"}, "date"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_shape_of_a_market_day(exchange: Exchange, fault: str) -> None:
    changed, field = FAULTS[fault]
    given = {"date": DAY, "unit": UNIT, "close": "80.00", **changed}
    assert exchange.refused("InvalidCommand", "record_market_day", **given).numbers == {
        "field": field
    }


@pytest.mark.parametrize("close", ["0.01", "80", "80.0", "80.000", "10000000000000"])
def test_prices_that_are_good(exchange: Exchange, close: str) -> None:
    assert exchange.day(DAY, close).outcome == "accepted"


def test_a_unit_of_another_registry_has_no_market_day_here(exchange: Exchange) -> None:
    exchange.refused(
        "UnitNotAllowed", "record_market_day", date=DAY, unit="CQEA:2024", close="35.86"
    )


# -- what is implausible is said, not refused --------------------------------------------------


@pytest.mark.parametrize(("close", "warned"), [("95.25", 1), ("95.26", 0), ("95.27", 1)])
def test_d44_a_close_that_is_not_that_of_the_listed_trades(
    exchange: Exchange, close: str, warned: int
) -> None:
    exchange.day("2025-06-02", "95.00")
    for quantity, price in D44:
        exchange.trade(quantity, str(price))
    exchange.trade(200_000, "80.00", method="block")  # moves no close
    warnings = exchange.day(DAY, close).warnings
    assert len(warnings) == warned
    assert all("95.26" in warning and "18333 t" in warning for warning in warnings)


def test_d44_a_day_without_a_listed_trade_here_says_nothing_of_the_close(
    exchange: Exchange,
) -> None:
    exchange.trade(200_000, "70.00", method="block")
    assert exchange.day(DAY, "80.00").warnings == ()


@pytest.mark.parametrize(
    ("numbers", "warned"),
    [
        ({"volume": 10, "value": "800.00", "vwap": "80.00"}, 0),
        ({"volume": 10, "value": "800.00", "vwap": "80.01"}, 1),
        ({"volume": 0, "value": "0.00"}, 0),
        ({"volume": 0, "value": "1.00"}, 1),
        ({"volume": 1, "value": 0}, 1),
        ({"volume": 1}, 0),
        ({"date": "2025-06-30"}, 0),
        ({"date": "2025-07-01"}, 0),
        ({"date": "2025-07-02"}, 1),  # tomorrow
    ],
)
def test_numbers_that_do_not_fit_are_warned_of(
    exchange: Exchange, numbers: dict[str, Any], warned: int
) -> None:
    given = {"date": "2025-06-30", "close": "80.00", **numbers}
    assert len(exchange.day(**given).warnings) == warned


def test_reference_before_the_first_day_is_none(exchange: Exchange) -> None:
    registry = live_state(exchange.ledger).registries[REGISTRY]
    assert reference_before(registry, UNIT, "2025-06-02", "close") is None
    found = reference_before(registry, UNIT, "2025-06-03", "close")
    assert found is not None
    assert (found.price, found.date) == (Decimal("80.00"), "2025-06-02")
