"""The roadmap by data alone: an absolute declining cap, an auction share, a reserve, a new year.

The rulebook ``cn_national_2030_sketch.toml`` beside this file is invented; it extends
``cn-national`` and no line of code knows of it.
"""

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from etsledger.domain.rulebook import from_object
from etsledger.ledger import Ledger
from helpers import SteppingClock
from national import PLANT, PROVINCE, NationalBook, coal

FILE = Path(__file__).parent / "cn_national_2030_sketch.toml"
SKETCH: dict[str, Any] = tomllib.loads(FILE.read_text("utf-8"), parse_float=Decimal)
UNIT = "CEA:2030"
CAP = 7_000_000


@pytest.fixture
def book(sqlite_url: str, clock: SteppingClock) -> Iterator[NationalBook]:
    """The national market in 2031 under the sketch, which a command brings along."""
    clock.now = "2031-07-01T09:00:00+08:00"
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        book = NationalBook(ledger, _as_json(SKETCH))
        book.plant()
        yield book


def _as_json(of: Any) -> Any:
    """Decimals as their text, as a command file has them."""
    if isinstance(of, dict):
        return {key: _as_json(value) for key, value in of.items()}
    if isinstance(of, list):
        return [_as_json(value) for value in of]
    return str(of) if isinstance(of, Decimal) else of


def test_the_sketch_is_read_like_any_rulebook() -> None:
    rules = from_object(SKETCH)
    assert (rules.ref.name, rules.ref.version) == ("cn-national-2030-sketch", "sketch-1")
    assert from_object(_as_json(SKETCH)).ref == rules.ref
    assert rules.years[2030].unit == UNIT
    assert rules.years[2024].unit == "CEA:2024"  # the rest is the national market's


@pytest.mark.parametrize(
    ("unit", "cap"), [(UNIT, CAP), ("CEA:2031", 6_790_000), ("CEA:2034", 6_197_049)]
)
def test_the_cap_declines_and_bounds_issuance(book: NationalBook, unit: str, cap: int) -> None:
    """7,000,000 x 0.97^4 = 6,197,049.67."""
    given = {"unit": unit, "at": "2030-01-01"}
    numbers = book.refused("IssuanceCapExceeded", "issue", quantity=cap + 1, **given).numbers
    assert (numbers["cap"], numbers["issued"]) == (cap, 0)
    book.send("issue", quantity=cap, **given)
    book.refused("IssuanceCapExceeded", "issue", quantity=1, **given)


def test_years_before_the_cap_are_as_they_were(book: NationalBook) -> None:
    book.send("issue", unit="CEA:2024", quantity=5_200_000_000)
    book.send("reserve", unit="CEA:2024", quantity=5_200_000_000)
    book.refused(
        "RouteNotAllowed", "auction", unit="CEA:2024", quantity=1, price="70", buyer=PROVINCE
    )


def test_reserve_and_auction_are_shares_of_what_was_issued(book: NationalBook) -> None:
    book.send("issue", unit=UNIT, quantity=1_000_000)
    given = {"unit": UNIT, "price": "120.50", "buyer": "plant-1"}
    numbers = book.refused("IssuanceCapExceeded", "reserve", unit=UNIT, quantity=150_001).numbers
    assert numbers["cap"] == 150_000
    book.send("reserve", unit=UNIT, quantity=150_000)
    numbers = book.refused("IssuanceCapExceeded", "auction", quantity=100_001, **given).numbers
    assert numbers["cap"] == 100_000
    book.send("auction", quantity=100_000, **given)
    assert book.held(unit=UNIT) == 100_000
    assert book.supply(UNIT)["reserve"] == 50_000
    book.refused("IssuanceCapExceeded", "auction", quantity=1, **given)


def test_a_new_year_with_its_vintage_and_tables(book: NationalBook, clock: SteppingClock) -> None:
    book.fund(UNIT, 2_000_000, at="2030-01-01")
    book.verified(1_000_000, 2029)
    book.pre_allocate(2030)
    assert book.compliance(year=2030)["pre_allocated"] == 400_000
    book.verified(1_500_000, 2030, units=[coal(mwh=2_000_000, gj=100_000)])
    book.finalise(2030)
    row = book.allocation(year=2030)
    assert (row["entitlement"], row["draft"], row["unit"]) == (1_409_000, True, UNIT)
    assert row["rulebook"]["name"] == "cn-national-2030-sketch"
    book.met(1_409_000, year=2030, unit=UNIT)
    row_2030 = book.compliance(year=2030)
    assert (row_2030["deadline"], row_2030["status"]) == ("2031-12-31T23:59:59+08:00", "PARTIAL")
    book.send("record_market_day", date="2031-11-28", unit=UNIT, close="120", volume=10,
              value="1200")  # fmt: skip
    clock.now = "2032-01-05T09:00:00+08:00"
    book.send("impose_fine", entity=PLANT, year=2030, multiple=5)
    assert book.compliance(year=2030)["fine"] == "54600000.00"  # 91,000 t x 120 x 5
    assert book.ledger.verify().ok


def test_an_entity_of_industry_is_given_what_it_emitted(book: NationalBook) -> None:
    book.plant("glass", "industry")
    book.fund(UNIT, 100_000, at="2030-01-01")
    book.verified(60_000, 2030, "glass")
    book.refused("PreAllocationNotAllowed", "pre_allocate", entity="glass", year=2030)
    book.finalise(2030, "glass")
    assert book.held("glass-1", UNIT) == 60_000
