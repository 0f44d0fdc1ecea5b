"""Reserve and auction: shares of what was issued (Q-RES), and who may be given what for what."""

from typing import Any

import pytest

from chongqing import UNIT, ChongqingBook, extended, pilot, pilot_ledger
from etsledger.ledger import Ledger

__all__ = ["pilot", "pilot_ledger"]  # fixtures

ISSUED = 1_000_000
PRICE = "35.86"


@pytest.fixture
def book(pilot: ChongqingBook) -> ChongqingBook:
    """A million tonnes of 2024 are with the authority."""
    pilot.minted(ISSUED)
    return pilot


def reserve(book: ChongqingBook, quantity: int, **fields: Any) -> str:
    return book.send("reserve", **{"unit": UNIT, "quantity": quantity, **fields}).id


def no_reserve(book: ChongqingBook, quantity: int, **fields: Any) -> dict[str, Any]:
    given = {"unit": UNIT, "quantity": quantity, **fields}
    return book.refused("IssuanceCapExceeded", "reserve", **given).numbers


def auction(book: ChongqingBook, quantity: int, **fields: Any) -> Any:
    return book.send("auction", **_auction(quantity, **fields))


def _auction(quantity: int = 1, **fields: Any) -> dict[str, Any]:
    usual = {"unit": UNIT, "quantity": quantity, "price": PRICE, "buyer": "glass-1"}
    return {**usual, **fields}


# -- the reserve -----------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [1, 49_999, 50_000])
def test_q_res_five_per_cent_may_be_set_aside(book: ChongqingBook, quantity: int) -> None:
    reserve(book, quantity)
    row = book.supply()
    assert (row["reserve"], row["authority"]) == (quantity, ISSUED - quantity)


def test_q_res_one_tonne_more_may_not(book: ChongqingBook) -> None:
    numbers = no_reserve(book, 50_001)
    assert (numbers["issued"], numbers["cap"], numbers["asked"]) == (ISSUED, 50_000, 50_001)


def test_q_res_the_share_is_rounded_down(book: ChongqingBook) -> None:
    book.minted(19)
    assert no_reserve(book, 50_001)["cap"] == 50_000
    book.minted(1)
    reserve(book, 50_001)


def test_q_res_the_share_is_of_each_vintage(book: ChongqingBook) -> None:
    book.minted(100, "CQEA:2025")
    reserve(book, 50_000)
    assert no_reserve(book, 6, unit="CQEA:2025")["cap"] == 5
    reserve(book, 5, unit="CQEA:2025")


def test_q_res_all_that_is_in_reserve_counts(book: ChongqingBook) -> None:
    reserve(book, 30_000)
    numbers = no_reserve(book, 20_001)
    assert (numbers["before"], numbers["cap"]) == (30_000, 50_000)
    reserve(book, 20_000)


def test_q_res_what_was_auctioned_counts_too(book: ChongqingBook) -> None:
    reserve(book, 50_000)
    auction(book, 20_000)
    assert no_reserve(book, 1)["before"] == 50_000


def test_q_res_what_goes_back_may_be_set_aside_again(book: ChongqingBook) -> None:
    mistaken = reserve(book, 50_000)
    book.send("distribute", unit=UNIT, quantity=10_000, from_="reserve", to="authority")
    reserve(book, 10_000)
    no_reserve(book, 1)
    book.send("distribute", unit=UNIT, quantity=10_000, from_="reserve", to="authority")
    book.refused("NotReversible", "reverse", reverses=mistaken)


def test_q_res_a_reversed_reserve_is_free_again(book: ChongqingBook) -> None:
    mistaken = reserve(book, 50_000)
    book.send("reverse", reverses=mistaken)
    assert book.supply()["reserve"] == 0
    reserve(book, 50_000)


def test_q_res_the_unused_reserve_is_cancelled(book: ChongqingBook) -> None:
    reserve(book, 50_000)
    book.send("cancel", account="reserve", unit=UNIT, quantity=50_000)
    row = book.supply()
    assert (row["reserve"], row["cancelled"]) == (0, 50_000)


def test_more_than_there_is_cannot_be_set_aside(book: ChongqingBook) -> None:
    book.verified(990_000)
    book.finalise(990_000)
    book.refused("InsufficientUnits", "reserve", unit=UNIT, quantity=10_001)
    reserve(book, 10_000)


def test_a_market_whose_rulebook_bounds_nothing_reserves_at_will(pilot_ledger: Ledger) -> None:
    own = {"rule": "own", "units": ["*"], "source": "a letter"}
    book = ChongqingBook(pilot_ledger, extended(reserve=[own]))
    book.minted(100)
    reserve(book, 100)
    auction(book, 100)


# -- auctions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["entity", "institution", "individual"])
def test_q_part_any_participant_may_be_the_winner(book: ChongqingBook, kind: str) -> None:
    buyer = "glass-1"
    if kind != "entity":
        buyer = "desk"
        book.send("open_account", account=buyer, kind=kind)
    reserve(book, 1_000)
    auction(book, 400, buyer=buyer)
    assert (book.held(buyer), book.held("reserve")) == (400, 600)
    (event,) = book.ledger.events(types=["UnitsAuctioned"])
    assert event["data"] == {
        "buyer": buyer, "price": "35.86", "quantity": 400, "unit": UNIT, "value": "14344.00"
    }  # fmt: skip


@pytest.mark.parametrize(("quantity", "valid"), [(999, True), (1_000, True), (1_001, False)])
def test_only_what_is_in_reserve_is_sold(book: ChongqingBook, quantity: int, valid: bool) -> None:
    reserve(book, 1_000)
    if valid:
        auction(book, quantity)
        assert book.held() == quantity
    else:
        numbers = book.refused("InsufficientUnits", "auction", **_auction(quantity)).numbers
        assert (numbers["account"], numbers["available"]) == ("reserve", 1_000)


@pytest.mark.parametrize("price", ["0", "-1", "35.861", "NaN", "Infinity", "1e20"])
def test_a_price_is_above_zero_in_whole_fen(book: ChongqingBook, price: str) -> None:
    reserve(book, 1_000)
    refusal = book.refused("InvalidCommand", "auction", **_auction(price=price))
    assert refusal.numbers["field"] == "price"


def test_a_value_that_no_reader_keeps_exactly_is_refused(book: ChongqingBook) -> None:
    reserve(book, 1_000)
    given = _auction(1_000, price="10000000000.01")
    assert book.refused("InvalidCommand", "auction", **given).numbers["field"] == "price"
    auction(book, 1_000, price="10000000000.00")
    (event,) = book.ledger.events(types=["UnitsAuctioned"])
    assert event["data"]["value"] == "10000000000000.00"


def test_who_cannot_be_given_units_wins_none(book: ChongqingBook) -> None:
    reserve(book, 1_000)
    book.refused("UnknownAccount", "auction", **_auction(buyer="nobody"))
    book.refused("RouteNotAllowed", "auction", **_auction(buyer="authority"))
    book.refused("UnitNotAllowed", "auction", **_auction(unit="CEA:2024"))
    book.send("freeze", account="glass-1", direction="both")
    book.refused("AccountFrozen", "auction", **_auction())
    book.send("open_account", account="gone", kind="institution")
    book.send("close_account", account="gone")
    book.refused("AccountClosed", "auction", **_auction(buyer="gone"))


def test_the_national_market_has_no_auction(book: ChongqingBook) -> None:
    """But the roadmap may: see ``test_roadmap_sketch.py``."""
    national = {"registry": "cn-national", "at": "2021-07-16"}
    book.send("open_registry", rulebook="cn-national", **national)
    plant = {"entity": "plant", "name": "Plant", "sector": "power"}
    book.send("register_entity", **plant, **national)
    book.send("open_account", account="plant-1", kind="entity", entity="plant", **national)
    given = _auction(unit="CEA:2024", buyer="plant-1", registry="cn-national")
    book.refused("RouteNotAllowed", "auction", **given)


def test_an_auction_is_final(book: ChongqingBook) -> None:
    reserve(book, 1_000)
    sold = auction(book, 400)
    book.refused("NotReversible", "reverse", reverses=sold.id)


def test_auctioned_units_meet_an_obligation(book: ChongqingBook) -> None:
    reserve(book, 1_000)
    auction(book, 400)
    book.verified(400)
    book.met(400)
    assert book.stands() == "COMPLIANT"


# -- an auction share ------------------------------------------------------------------------------


@pytest.fixture
def shared(pilot_ledger: Ledger) -> ChongqingBook:
    """A rulebook that lets a tenth be set aside and 4 % be auctioned, of 1,000,024 t."""
    own = {
        "rule": "own", "units": [UNIT], "reserve_share": "0.1", "auction_share": "0.04",
        "source": "a letter",
    }  # fmt: skip
    book = ChongqingBook(pilot_ledger, extended(reserve=[own]))
    book.minted(1_000_024)
    reserve(book, 100_000)
    return book


@pytest.mark.parametrize(("quantity", "valid"), [(39_999, True), (40_000, True), (40_001, False)])
def test_an_auction_share_bounds_what_is_sold(
    shared: ChongqingBook, quantity: int, valid: bool
) -> None:
    if valid:
        auction(shared, quantity)
        return
    numbers = shared.refused("IssuanceCapExceeded", "auction", **_auction(quantity)).numbers
    assert (numbers["cap"], numbers["before"], numbers["asked"]) == (40_000, 0, quantity)


def test_all_auctions_of_a_vintage_count(shared: ChongqingBook) -> None:
    auction(shared, 25_000)
    numbers = shared.refused("IssuanceCapExceeded", "auction", **_auction(15_001)).numbers
    assert (numbers["cap"], numbers["before"]) == (40_000, 25_000)
    auction(shared, 15_000)
    shared.refused("IssuanceCapExceeded", "auction", **_auction(1))
    shared.minted(1_000_024)
    auction(shared, 40_001)


def test_the_first_table_that_fits_a_unit_rules(shared: ChongqingBook) -> None:
    shared.minted(1_000, "CQEA:2025")
    assert no_reserve(shared, 51, unit="CQEA:2025")["cap"] == 50
    reserve(shared, 50, unit="CQEA:2025")
    auction(shared, 50, unit="CQEA:2025")
