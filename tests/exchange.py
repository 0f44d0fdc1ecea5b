"""A small exchange, so that a test reads like its trade sheet.

    exchange.day("2025-06-02", "80.00")
    exchange.trade(500, "88.00", at="2025-06-03T10:00")
    exchange.refuses("PriceOutsideBand", price="88.01", at="2025-06-03T10:00")

Registry, unit and clock are those of ``national``; ``seller`` and ``buyer`` are entities with
one account each, ``seller-1`` holding 1,000,000 t of ``CEA:2024`` since 2021.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from etsledger.ledger import Ledger, Outcome, Refusal
from helpers import SteppingClock
from national import REGISTRY, SUMMER, UNIT, NationalBook

BEFORE = "2025-06-02"
"""The market day that trades are measured by: it closed at 80.00."""
DAY = "2025-06-03"
CLOSE = "80.00"


class Exchange(NationalBook):
    """Sends what an exchange does, with trade numbers of its own unless given one."""

    def __init__(self, ledger: Ledger, rulebook: str | Mapping[str, Any] = REGISTRY) -> None:
        super().__init__(ledger, rulebook)
        self._trades = 0
        for entity in ("seller", "buyer"):
            self.plant(entity)
        self.give(1_000_000, to="seller-1", at="2021-01-01")

    def day(self, date: str, close: str, unit: str = UNIT, **fields: Any) -> Outcome:
        """What the exchange published of a day."""
        return self.send("record_market_day", date=date, unit=unit, close=close, **fields)

    def _trade(self, given: dict[str, Any]) -> dict[str, Any]:
        self._trades += 1
        usual = {
            "trade": f"T{self._trades}", "method": "listed", "unit": UNIT, "quantity": 100,
            "price": CLOSE, "seller": "seller-1", "buyer": "buyer-1", "at": f"{DAY}T10:00:00",
        }  # fmt: skip
        return {**usual, **given}

    def trade(self, quantity: int = 100, price: str = CLOSE, **fields: Any) -> Outcome:
        """A trade is settled; on ``DAY`` at ten from seller to buyer unless told otherwise."""
        given = {"quantity": quantity, "price": price, **fields}
        return self.send("settle_trade", **self._trade(given))

    def refuses(self, code: str, **fields: Any) -> Refusal:
        """A trade is refused and changes nothing."""
        return self.refused(code, "settle_trade", **self._trade(fields))


@pytest.fixture
def sqlite_ledger(sqlite_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """A new and empty ledger in the summer of 2025: rules ask nothing of the database."""
    clock.now = SUMMER
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        yield ledger


@pytest.fixture
def exchange(sqlite_ledger: Ledger) -> Exchange:
    """The exchange under ``cn-national``; one market day is on record."""
    made = Exchange(sqlite_ledger)
    made.day(BEFORE, CLOSE)
    return made
