"""Settling trades (N-TRD-1, N-TRD-2, N-TRD-7, N-PART-1): who, what, how much, once."""

from typing import Any

import pytest

from etsledger.ledger import Ledger, Refusal
from exchange import BEFORE, DAY, Exchange, exchange, sqlite_ledger
from helpers import DayBook, send_all, standing, trial_registry
from national import UNIT, NationalBook

__all__ = ["exchange", "sqlite_ledger"]  # fixtures

SETTLED = {
    "buyer": "buyer-1", "buyer_entity": "buyer", "method": "listed", "price": "81.30",
    "quantity": 700, "reference": "80.00", "reference_date": BEFORE, "seller": "seller-1",
    "seller_entity": "seller", "trade": "20250603-17", "unit": UNIT, "value": "56910.00",
}  # fmt: skip


# -- delivery against payment, once ---------------------------------------------------------------


def test_n_trd_7_delivery_and_payment_are_one_fact(exchange: Exchange) -> None:
    outcome = exchange.trade(700, "81.3", trade="20250603-17", reference="sheet 17")
    (position,) = outcome.positions
    event = next(exchange.ledger.events(from_position=position))
    assert (event["type"], event["data"]) == ("TradeSettled", SETTLED)
    assert (exchange.held("seller-1"), exchange.held("buyer-1")) == (999_300, 700)
    assert exchange.supply()["issued"] == 1_000_000
    assert exchange.ledger.verify().ok


def test_the_event_is_found_from_both_sides(exchange: Exchange) -> None:
    (position,) = exchange.trade().positions
    for side in ("seller", "buyer"):
        for found in (
            exchange.ledger.events(types=["TradeSettled"], account=f"{side}-1"),
            exchange.ledger.events(types=["TradeSettled"], entity=side),
        ):
            assert [event["position"] for event in found] == [position]
    (row,) = exchange.ledger.statement("buyer-1")
    assert (row["quantity"], row["balance"], row["counterparty"]) == (100, 100, "seller-1")


def test_a_value_that_is_large_is_exact(exchange: Exchange) -> None:
    outcome = exchange.trade(999_999, "12345.67", method="bidding")
    data = next(exchange.ledger.events(from_position=outcome.positions[0]))["data"]
    assert data["value"] == "12345657654.33"


def test_a_trade_settles_once(exchange: Exchange) -> None:
    (first,) = exchange.trade(trade="17").positions
    again = exchange.refuses("DuplicateCommand", trade="17")
    assert again.numbers == {"trade": "17", "position": first, "positions": [first]}
    # Whatever else is wrong with it now.
    exchange.refuses("DuplicateCommand", trade="17", seller="nobody", price="1000.00")


def test_the_same_command_again_is_answered_with_the_first_result(exchange: Exchange) -> None:
    first = exchange.trade(trade="17", id="sheet/17")
    before = standing(exchange.ledger)
    again = exchange.trade(trade="17", id="sheet/17")
    assert (again.outcome, again.positions) == ("duplicate", first.positions)
    assert standing(exchange.ledger) == before


def test_a_refused_trade_may_be_settled_later(exchange: Exchange) -> None:
    exchange.refuses("PriceOutsideBand", trade="17", price="88.01")
    exchange.trade(trade="17", price="88.00")


def test_a_batch_of_trades_is_all_or_nothing(exchange: Exchange) -> None:
    def child(number: int, **changed: Any) -> dict[str, Any]:
        return {
            "command": "settle_trade", "id": f"b/{number}", "trade": f"B{number}",
            "method": "listed", "unit": UNIT, "quantity": 10, "price": "80.00",
            "seller": "seller-1", "buyer": "buyer-1", **changed,
        }  # fmt: skip

    given = {"at": f"{DAY}T11:00:00"}
    refusal = exchange.refused(
        "DuplicateCommand", "batch", commands=[child(1), child(2, trade="B1")], **given
    )
    assert refusal.numbers["command_id"] == "b/2"
    exchange.send("batch", commands=[child(1), child(2)], **given)
    assert exchange.held("buyer-1") == 20


def test_a_trade_is_not_reversed(exchange: Exchange) -> None:
    exchange.trade(id="sheet/1")
    exchange.refused("NotReversible", "reverse", reverses="sheet/1")


# -- who takes part -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seller", "buyer"),
    [("hubei", "buyer-1"), ("seller-1", "hubei"), ("authority", "buyer-1"),
     ("seller-1", "reserve"), ("seller-1", "retired"), ("seller-1", "seller-1")],
)  # fmt: skip
def test_n_part_1_only_key_emitting_entities_trade(
    exchange: Exchange, seller: str, buyer: str
) -> None:
    exchange.refuses("ParticipantNotAllowed", seller=seller, buyer=buyer)


@pytest.mark.parametrize("kind", ["individual", "institution"])
def test_d46_n_part_1_nobody_else_gets_an_account_to_trade_with(
    exchange: Exchange, kind: str
) -> None:
    exchange.refused("ParticipantNotAllowed", "open_account", account="wang-1", kind=kind)


def test_n_part_1_a_kind_that_the_market_admits_trades(
    sqlite_ledger: Ledger,
) -> None:
    """Z3 art. 7 foresees others: it is a list in the rulebook."""
    market = {
        "rule": "N-PART-2", "units": ["*"], "participants": ["entity", "individual"],
        "methods": ["listed"], "reference": "close", "source": "ets",
    }  # fmt: skip
    kind = {"kind": "individual", "group": "holding", "source": "ets"}
    rules = {
        "extends": "cn-national", "name": "individuals", "version": "1", "market": [market],
        "account_kinds": [kind],
    }  # fmt: skip
    book = Exchange(sqlite_ledger, rules)
    book.send("open_account", account="wang-1", kind="individual", at="2021-01-01")
    book.trade(buyer="wang-1")
    event = next(book.ledger.events(types=["TradeSettled"]))["data"]
    assert "buyer_entity" not in event
    assert book.held("wang-1") == 100


def test_an_entity_does_not_trade_with_itself(exchange: Exchange) -> None:
    exchange.send(
        "open_account", account="seller-2", kind="entity", entity="seller", at="2021-01-01"
    )
    refusal = exchange.refuses("ParticipantNotAllowed", buyer="seller-2")
    assert refusal.numbers == {"account": "seller-2", "entity": "seller"}


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_both_accounts_are_to_be_there(exchange: Exchange, side: str) -> None:
    refusal = exchange.refuses("UnknownAccount", **{side: "nobody-1"})
    assert refusal.numbers == {"account": "nobody-1"}


def test_a_frozen_seller_sells_nothing_and_a_frozen_buyer_still_buys(exchange: Exchange) -> None:
    for account in ("seller-1", "buyer-1"):
        exchange.freeze(account, at="2025-01-01", id=f"freeze/{account}")
    exchange.refuses("AccountFrozen")
    exchange.send("unfreeze", freeze="freeze/seller-1", at="2025-02-01")
    exchange.trade()
    exchange.freeze("buyer-1", direction="both", at="2025-01-01")
    exchange.refuses("AccountFrozen")


def test_a_closed_account_trades_no_more(exchange: Exchange) -> None:
    exchange.send("close_account", account="buyer-1", at="2025-06-03T09:00:00")
    exchange.refuses("AccountClosed")


# -- unit and route -------------------------------------------------------------------------------


def test_n_trd_1_units_of_another_registry_are_not_traded(exchange: Exchange) -> None:
    exchange.refuses("UnitNotAllowed", unit="CQEA:2024")


def test_n_trd_1_there_is_no_free_transfer_beside_the_exchange(exchange: Exchange) -> None:
    exchange.refused(
        "RouteNotAllowed", "transfer", unit=UNIT, quantity=1, from_="seller-1", to="buyer-1",
        kind="free",
    )  # fmt: skip


def test_the_open_rulebook_has_no_market(sqlite_ledger: Ledger) -> None:
    send_all(sqlite_ledger, trial_registry())
    book = DayBook(sqlite_ledger)
    book.issue(100)
    book.refused(
        "RouteNotAllowed", "settle_trade", trade="1", method="listed", unit="CEA:2023",
        quantity=1, price="80.00", seller="crrc-1", buyer="desk-1",
    )  # fmt: skip


def test_a_method_that_the_market_has_not(sqlite_ledger: Ledger) -> None:
    market = {
        "rule": "N-TRD-1", "units": ["allowance"], "participants": ["entity"],
        "methods": ["listed"], "reference": "close", "source": "ets",
    }  # fmt: skip
    rules = {"extends": "cn-national", "name": "listed-only", "version": "1", "market": [market]}
    book = Exchange(sqlite_ledger, rules)
    book.trade()
    refusal = book.refuses("RouteNotAllowed", method="block", quantity=100_000)
    assert refusal.numbers == {"movement": "trade", "unit": UNIT, "method": "block"}


# -- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "quantity", "code"),
    [
        ("listed", 1, None),
        ("listed", 99_999, None),
        ("listed", 100_000, "ListedTradeTooLarge"),
        ("listed", 100_001, "ListedTradeTooLarge"),
        ("block", 1, "BlockTradeTooSmall"),
        ("block", 99_999, "BlockTradeTooSmall"),
        ("block", 100_000, None),
        ("block", 100_001, None),
        ("bidding", 1, None),
        ("bidding", 100_000, None),
    ],
)
def test_n_trd_2_listed_below_and_block_from_100_000_t(
    exchange: Exchange, method: str, quantity: int, code: str | None
) -> None:
    if code is None:
        exchange.trade(quantity, method=method)
        assert exchange.held("buyer-1") == quantity
        return
    refusal = exchange.refuses(code, method=method, quantity=quantity)
    assert refusal.numbers == {"limit": 100_000, "asked": quantity, "method": method}


# -- holdings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "accepted"), [(99, True), (100, True), (101, False)])
def test_d46_n_trd_6_sell_no_more_than_can_be_traded(
    exchange: Exchange, quantity: int, accepted: bool
) -> None:
    """500 t in one account of the seller, 100 t in the one it trades from."""
    exchange.send("register_entity", entity="plant", name="Plant", sector="power", at="2021-01-01")
    for account, holding in (("registry", 500), ("trading", 100)):
        exchange.send(
            "open_account", account=account, kind="entity", entity="plant", at="2021-01-01"
        )
        exchange.give(holding, to=account, at="2021-01-01")
    if accepted:
        exchange.trade(quantity, seller="trading")
        return
    refusal = exchange.refuses("InsufficientUnits", seller="trading", quantity=quantity)
    assert (refusal.numbers["available"], refusal.numbers["asked"]) == (100, quantity)
    exchange.send(
        "transfer", unit=UNIT, quantity=1, from_="registry", to="trading", kind="correction",
        at="2025-06-02",
    )  # fmt: skip
    exchange.trade(quantity, seller="trading")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("freeze", {"account": "seller-1", "unit": UNIT, "quantity": 999_901}),
        ("pledge", {"account": "seller-1", "unit": UNIT, "quantity": 999_901, "pledgee": "bank"}),
    ],
)
def test_reserved_units_are_not_sold(exchange: Exchange, name: str, fields: dict[str, Any]) -> None:
    exchange.send(name, at="2025-01-01", **fields)
    assert exchange.refuses("InsufficientUnits").numbers["available"] == 99
    exchange.trade(99)


def test_a_back_dated_sale_leaves_later_facts_covered(exchange: Exchange) -> None:
    exchange.give(150, to="buyer-1", at="2021-01-01")
    exchange.trade(100, seller="buyer-1", buyer="seller-1", at="2025-06-05T10:00")
    earlier = {"seller": "buyer-1", "buyer": "seller-1", "at": f"{DAY}T10:00"}
    refusal = exchange.refuses("BackdatedOverdraft", quantity=51, **earlier)
    assert (refusal.numbers["available"], refusal.numbers["lowest"]) == (150, 50)
    assert exchange.refuses("InsufficientUnits", quantity=151, **earlier)
    exchange.trade(50, **earlier)


@pytest.fixture
def owing(exchange: Exchange) -> Exchange:
    """``plant`` has 400 t, sold all of its allocation of 2024, and is to give 150 t of it back."""
    exchange.plant("plant")
    exchange.fund(UNIT, 10_000)
    exchange.verified(1_000, 2023, "plant", at="2024-05-01")
    exchange.verified(450, 2024, "plant", at="2025-04-01")
    exchange.pre_allocate(entity="plant", at="2025-05-01")
    exchange.trade(600, seller="plant-1", at=f"{DAY}T10:00")
    exchange.finalise(entity="plant", entitlement=450, at="2025-06-10")
    exchange.give(400, "CEA:2023", to="plant-1", at="2021-01-01")
    exchange.day(BEFORE, "80.00", unit="CEA:2023")
    assert exchange.compliance("plant")["recall_open"] == 150
    return exchange


def test_d14_nothing_is_sold_while_a_recall_is_open(owing: Exchange) -> None:
    sale: dict[str, Any] = {"seller": "plant-1", "unit": "CEA:2023"}
    refusal = owing.refuses("RecallOutstanding", at="2025-06-11T10:00", **sale)
    assert refusal.numbers["recall_open"] == 150
    owing.trade(at="2025-06-09T10:00", **sale)  # not one yet


def test_d14_what_is_bought_later_meets_the_recall_first(owing: Exchange) -> None:
    outcome = owing.trade(160, buyer="plant-1", at="2025-06-11T10:00")
    assert len(outcome.positions) == 2
    assert owing.available("plant-1") == 10
    owing.trade(10, seller="plant-1", at="2025-06-12T10:00")


# -- shape, and the order of refusals -------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"price": "0"}, "price"),
        ({"price": "-80.00"}, "price"),
        ({"price": "80.001"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "-Infinity"}, "price"),
        ({"price": "1E+20"}, "price"),
        ({"price": "10000000.01", "quantity": 1_000_000}, "price"),  # more than 10^13 CNY
        ({"price": "eighty"}, "price"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"method": "otc"}, "method"),
        ({"trade": ""}, "trade"),
        ({"at": "2025-02-30"}, "effective_at"),
    ],
)
def test_the_shape_of_a_trade(exchange: Exchange, changed: dict[str, Any], field: str) -> None:
    assert exchange.refuses("InvalidCommand", **changed).numbers["field"] == field


@pytest.mark.parametrize("price", [80, 80.5, "80.50", "80.500", "0.8E+2"])
def test_prices_that_are_good(exchange: Exchange, price: Any) -> None:
    exchange.trade(price=price)


WRONG: list[tuple[str, dict[str, Any]]] = [
    # each with what is put right before the next refusal shows
    ("InvalidCommand", {"price": "80.00"}),
    ("DuplicateCommand", {"trade": "new"}),
    ("UnknownAccount", {"buyer": "hubei"}),
    ("ParticipantNotAllowed", {"buyer": "frozen-1"}),
    ("AccountFrozen", {"buyer": "buyer-1"}),
    ("UnitNotAllowed", {"unit": "CEA:2022"}),
    ("SameDayResale", {"at": "2025-06-04T10:00:00"}),
    ("ListedTradeTooLarge", {"quantity": 99_999}),
    ("NoReferencePrice", {"unit": UNIT}),
    ("PriceOutsideBand", {"price": "72.00"}),
    ("InsufficientUnits", {"quantity": 400}),
    ("BackdatedOverdraft", {"quantity": 200}),
]


def test_of_several_refusals_the_first_of_the_contracts_order_is_given(
    exchange: Exchange,
) -> None:
    exchange.trade(trade="old")
    exchange.plant("frozen")
    exchange.freeze("frozen-1", direction="both", at="2025-01-01")
    exchange.plant("poor")
    exchange.give(200_000, "CEA:2022", to="seller-1", at="2021-01-01")
    exchange.day("2025-06-02", "80.00", unit="CEA:2022")
    exchange.trade(
        90_000, unit="CEA:2022", buyer="poor-1", at=f"{DAY}T09:00:00", method="listed"
    )  # bought on the day
    exchange.give(400, to="poor-1", at="2021-01-01")
    exchange.trade(200, seller="poor-1", buyer="seller-1", at="2025-06-20T10:00:00")
    exchange.day("2025-06-02", "80.00")
    given: dict[str, Any] = {
        "trade": "old", "price": "0", "seller": "poor-1", "buyer": "nobody-1", "unit": "XX",
        "quantity": 100_000, "at": f"{DAY}T10:00:00",
    }  # fmt: skip
    met: list[str] = []
    for _, put_right in WRONG:
        if "NoReferencePrice" in met and "PriceOutsideBand" not in met:
            given = {**given, "price": "71.99"}
        refusal = _refusal(exchange, given)
        met.append(refusal.code)
        if refusal.code == "ListedTradeTooLarge":
            given = {**given, "unit": "CEA:2021"}  # of which no market day is on record
        given = {**given, **put_right}
    assert met == [code for code, _ in WRONG]
    exchange.trade(**given)


def _refusal(exchange: Exchange, given: dict[str, Any]) -> Refusal:
    before = standing(exchange.ledger)
    with pytest.raises(Refusal) as caught:
        exchange.trade(**given)
    assert standing(exchange.ledger) == before
    return caught.value


def test_rules_of_another_day_decide_by_the_rulebook_of_that_day(national: NationalBook) -> None:
    """Back-dated before an adoption, a trade is judged by the rulebook in force then."""
    looser = {
        "rule": "N-TRD-3", "units": ["allowance"], "participants": ["entity"],
        "methods": ["listed"], "reference": "close", "bands": {"listed": "0.20"},
        "source": "ets",
    }  # fmt: skip
    national.plant("datang")
    national.give(100, at="2021-01-01")
    national.send("record_market_day", date=BEFORE, unit=UNIT, close="80.00")
    national.send(
        "adopt_rulebook", at="2025-06-10",
        rulebook={"extends": "cn-national", "name": "loose", "version": "2", "market": [looser]},
    )  # fmt: skip
    given: dict[str, Any] = {
        "trade": "1", "method": "listed", "unit": UNIT, "quantity": 1, "price": "96.00",
        "seller": "plant-1", "buyer": "datang-1",
    }  # fmt: skip
    national.refused("PriceOutsideBand", "settle_trade", at="2025-06-09T23:59:59", **given)
    national.send("settle_trade", at="2025-06-10", **given)
