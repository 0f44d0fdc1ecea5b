"""Trading in Chongqing (Q-TRD, D60): bands on the average of all trades, blocks from 10,000 t."""

from typing import Any

import pytest

from chongqing import UNIT, ChongqingBook, pilot, pilot_ledger

__all__ = ["pilot", "pilot_ledger"]  # fixtures

AT = "2025-11-03T10:00:00"
BEFORE = "2025-10-31"


class Sheet(ChongqingBook):
    """What an exchange sends: trades of ``glass-1`` with ``desk``."""

    traded = 0

    def day(self, date: str = BEFORE, close: str = "36.50", **fields: Any) -> Any:
        """A market day; its close is not what trades are measured by."""
        return self.send("record_market_day", date=date, unit=UNIT, close=close, **fields)

    def given(self, **fields: Any) -> dict[str, Any]:
        """The fields of a listed trade."""
        self.traded += 1
        usual = {
            "trade": f"T{self.traded}", "method": "listed", "unit": UNIT, "quantity": 100,
            "price": "35.86", "seller": "glass-1", "buyer": "desk", "at": AT,
        }  # fmt: skip
        return {**usual, **fields}

    def trade(self, **fields: Any) -> Any:
        """It is settled."""
        return self.send("settle_trade", **self.given(**fields))

    def refuses(self, code: str, **fields: Any) -> dict[str, Any]:
        """It is refused and changes nothing."""
        return self.refused(code, "settle_trade", **self.given(**fields)).numbers


@pytest.fixture
def sheet(pilot_ledger: Any) -> Sheet:
    """A seller with units and a buyer; nothing is known of the market yet."""
    sheet = Sheet(pilot_ledger)
    sheet.give(1_000_000)
    sheet.send("open_account", account="desk", kind="institution", at="2021-01-01")
    return sheet


@pytest.mark.parametrize(
    ("method", "price", "valid"),
    [
        ("listed", "32.27", False), ("listed", "32.28", True),
        ("listed", "39.44", True), ("listed", "39.45", False),
        ("block", "25.10", False), ("block", "25.11", True),
        ("block", "46.61", True), ("block", "46.62", False),
    ],
)  # fmt: skip
def test_d60_bands_around_the_average_of_all_trades(
    sheet: Sheet, method: str, price: str, valid: bool
) -> None:
    sheet.day(vwap="35.86")
    given = {"method": method, "price": price, "quantity": 10_000}
    if valid:
        sheet.trade(**given)
        assert sheet.held("desk") == 10_000
        return
    numbers = sheet.refuses("PriceOutsideBand", **given)
    low, high = ("32.28", "39.44") if method == "listed" else ("25.11", "46.61")
    assert (numbers["reference"], numbers["low"], numbers["high"]) == ("35.86", low, high)


@pytest.mark.parametrize(("quantity", "valid"), [(9_999, False), (10_000, True), (10_001, True)])
def test_d60_a_block_is_of_ten_thousand_tonnes(sheet: Sheet, quantity: int, valid: bool) -> None:
    sheet.day(vwap="35.86")
    if valid:
        sheet.trade(method="block", quantity=quantity)
    else:
        numbers = sheet.refuses("BlockTradeTooSmall", method="block", quantity=quantity)
        assert (numbers["limit"], numbers["asked"]) == (10_000, 9_999)


@pytest.mark.parametrize("quantity", [1, 9_999, 10_000, 100_000, 1_000_000])
def test_listed_trades_have_no_largest_size(sheet: Sheet, quantity: int) -> None:
    sheet.day(vwap="35.86")
    sheet.trade(quantity=quantity)
    assert sheet.held("desk") == quantity


def test_there_is_no_bidding(sheet: Sheet) -> None:
    sheet.day(vwap="35.86")
    sheet.refuses("RouteNotAllowed", method="bidding")


def test_d60_the_average_is_value_over_volume_where_it_is_not_stated(sheet: Sheet) -> None:
    """Blocks are in it: 1,000 t at 40.00 and 20,000 t at 30.00 give 30.476…"""
    sheet.day(close="40.00", volume=21_000, value="640000.00")
    numbers = sheet.refuses("PriceOutsideBand", price="33.53")
    assert (numbers["reference"], numbers["high"]) == ("30.48", "33.52")
    sheet.trade(price="33.52")


def test_d60_a_day_without_trades_keeps_the_reference(sheet: Sheet) -> None:
    sheet.day("2025-10-30", vwap="35.86", volume=100)
    sheet.day(BEFORE, close="50.00", volume=0, value="0")
    numbers = sheet.refuses("PriceOutsideBand", price="39.45")
    assert (numbers["reference"], numbers["reference_date"]) == ("35.86", "2025-10-30")


def test_d60_days_without_any_record_keep_the_reference(sheet: Sheet) -> None:
    sheet.day("2025-07-01", vwap="35.86")
    assert sheet.refuses("PriceOutsideBand", price="39.45")["reference_date"] == "2025-07-01"


def test_a_day_that_states_only_its_close_gives_it_with_a_warning(sheet: Sheet) -> None:
    sheet.day(close="36.50")
    assert sheet.refuses("PriceOutsideBand", price="40.16")["reference"] == "36.50"
    assert "no average price" in sheet.trade(price="40.15").warnings[0]


def test_the_day_itself_is_no_reference(sheet: Sheet) -> None:
    sheet.day(AT[:10], vwap="35.86")
    sheet.refuses("NoReferencePrice")


def test_what_was_bought_is_not_sold_on_the_day(sheet: Sheet) -> None:
    sheet.day(vwap="35.86")
    sheet.trade()
    back = {"seller": "desk", "buyer": "glass-1"}
    sheet.refuses("SameDayResale", **back)
    sheet.day("2025-11-03", vwap="35.86")
    sheet.trade(**back, at="2025-11-04T10:00:00")
    assert (sheet.held("desk"), sheet.held("desk", as_of="2025-11-04")) == (100, 0)
