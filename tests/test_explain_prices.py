"""Explanations of what a market day's price decided, and what was said of that day since."""

import pytest
from sqlalchemy import text

from etsledger.ledger import Explanation, Ledger, Outcome
from etsledger.projections import market_days
from exchange import BEFORE, CLOSE, DAY, Exchange
from explained import Node, lawful, part, total, types
from helpers import SteppingClock
from national import REGISTRY, SUMMER, UNIT
from test_fines import AFTER, day, late


@pytest.fixture
def shop(ledger: Ledger, clock: SteppingClock) -> Exchange:
    """The exchange with one market day, on both databases."""
    clock.now = SUMMER
    made = Exchange(ledger)
    made.day(BEFORE, CLOSE, id="the day before")
    return made


def why(ledger: Ledger, position: int) -> Explanation:
    told = ledger.explain_event(position)
    assert told is not None
    lawful(told)
    return told


def news(told: Node) -> list[tuple[str, object]]:
    """What kind of news stands under since, and the closing price it tells."""
    return [(one["key"], one["value"]) for one in told["since"]]


def at(outcome: Outcome) -> int:
    return outcome.positions[0]


# -- trades --------------------------------------------------------------------------------------


def test_a_trade_rests_on_the_market_day_of_its_band(shop: Exchange) -> None:
    told = why(shop.ledger, at(shop.trade()))
    assert types(told, "because") == ["MarketDayRecorded"]
    assert part(told, "fact", command_id="the day before")["value"] == CLOSE
    assert (part(told, "reference")["value"], told["since"]) == (CLOSE, [])


def test_the_day_that_was_known_then_is_told_and_what_it_was_corrected_to_since(
    shop: Exchange,
) -> None:
    shop.day(BEFORE, "81.00")
    trade = at(shop.trade(price="89.10"))
    shop.day(BEFORE, "70.00")
    again = shop.day(BEFORE, "75.50", reason="a wrong digit")
    told = why(shop.ledger, trade)
    assert part(told, "fact", type="MarketDayRecorded")["value"] == "81.00"
    assert len(types(told, "because")) == 1
    assert news(told) == [("restatement", "70.00"), ("restatement", "75.50")]
    last = told["since"][-1]["event"]
    assert last
    assert (last["position"], last["reason"]) == (at(again), "a wrong digit")


@pytest.mark.parametrize(
    ("date", "unit", "told"),
    [
        ("2025-05-31", UNIT, False),  # before the reference: it was not asked
        (BEFORE, UNIT, True),
        ("2025-06-04", UNIT, True),  # between the reference and the trade
        ("2025-06-05", UNIT, False),  # the day of the trade itself
        ("2025-06-06", UNIT, False),
        (BEFORE, "CEA:2023", False),
    ],
)
def test_a_day_recorded_late_is_told_where_it_would_have_been_the_reference(
    shop: Exchange, date: str, unit: str, told: bool
) -> None:
    trade = at(shop.trade(at="2025-06-05T10:00:00"))
    assert why(shop.ledger, trade)["since"] == []
    shop.day(date, "79.00", unit)
    kind = "restatement" if date == BEFORE else "known_later"
    assert news(why(shop.ledger, trade)) == ([(kind, "79.00")] if told else [])


def test_in_a_balance_a_trade_says_so_too(shop: Exchange) -> None:
    shop.trade(500, id="sold")
    shop.day(BEFORE, "81.00")
    told = shop.ledger.explain_balance("buyer-1", UNIT, registry=REGISTRY)
    assert told is not None
    lawful(told)
    assert news(part(told, "movement", command_id="sold")) == [("restatement", "81.00")]
    assert total(told) == told["value"] == 500


def test_a_market_day_names_the_record_before_it_and_those_after(shop: Exchange) -> None:
    first = next(e["position"] for e in shop.ledger.events(types=["MarketDayRecorded"]))
    second, third = (at(shop.day(BEFORE, close)) for close in ("81.00", "82.00"))
    shop.day(DAY, "83.00")
    shop.day(BEFORE, "84.00", "CEA:2023")
    assert news(why(shop.ledger, first)) == [("restatement", "81.00"), ("restatement", "82.00")]
    assert why(shop.ledger, first)["because"] == []
    told = why(shop.ledger, third)
    assert (types(told, "because"), told["since"]) == (["MarketDayRecorded"], [])
    assert part(told, "fact")["event"] == why(shop.ledger, second)["event"]


# -- fines ---------------------------------------------------------------------------------------


def test_a_fine_rests_on_the_days_of_its_window_and_says_which_were_corrected(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = AFTER
    book = late(ledger)
    for on in ("2025-11-29", "2025-11-30", "2025-12-15", "2025-12-31"):
        day(book, on)
    day(book, "2025-12-15", "CEA:2023")
    fine = at(book.send("impose_fine", entity="plant", year=2024, multiple=5))
    told = why(ledger, fine)
    behind = [one["event"] for one in told["because"] if one["event"]]
    assert [(e["data"]["date"], e["data"]["unit"]) for e in behind
            if e["type"] == "MarketDayRecorded"] == [
        ("2025-11-30", "CEA:2024"), ("2025-12-15", "CEA:2024"), ("2025-12-15", "CEA:2023"),
    ]  # fmt: skip
    assert "EmissionsVerified" in types(told, "because")
    assert told["since"] == []
    day(book, "2025-11-29", close="70")
    day(book, "2025-12-31", close="71")
    day(book, "2025-12-15", close="72")
    day(book, "2025-12-16", close="73")
    expected = [("restatement", "72.00"), ("known_later", "73.00")]
    assert news(why(ledger, fine)) == expected
    year = ledger.explain_compliance("plant", 2024)
    assert year is not None
    lawful(year)
    assert news(part(year, "fact", type="FineImposed")) == expected


def test_a_fine_by_amount_rests_on_no_price(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = AFTER
    book = late(ledger)
    day(book, "2022-12-15")
    fine = at(book.send("impose_fine", entity="plant", year=2021, amount="20000"))
    day(book, "2022-12-15", close="70")
    told = why(ledger, fine)
    assert (types(told, "because"), told["since"]) == (["EmissionsVerified"], [])


# -- the table -----------------------------------------------------------------------------------


@pytest.fixture
def kept(shop: Exchange, monkeypatch: pytest.MonkeyPatch) -> tuple[Exchange, int]:
    """A trade whose day was corrected, with every record in the table."""
    monkeypatch.setattr(market_days, "LAG", 0)
    trade = at(shop.trade())
    shop.day(BEFORE, "81.00")
    shop.day(DAY, "82.00")
    why(shop.ledger, trade)
    with shop.ledger.store.engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM projection_market_days"))
        assert count.scalar() == 3
    return shop, trade


def test_from_the_table_the_answer_is_the_same(kept: tuple[Exchange, int]) -> None:
    shop, trade = kept
    with Ledger.open(shop.ledger.store.url, read_only=True) as other:
        assert why(other, trade) == why(shop.ledger, trade)
        assert news(why(other, trade)) == [("restatement", "81.00")]
        shop.day(BEFORE, "83.00")
        assert news(why(other, trade)) == [("restatement", "81.00"), ("restatement", "83.00")]


TAMPERED = {
    "a date": "UPDATE projection_market_days SET date = '2025-06-01' WHERE position = {last}",
    "a record that is gone": "DELETE FROM projection_market_days WHERE position < {last}",
    "a record that no event made": (
        "INSERT INTO projection_market_days VALUES (1, 'cn-national', 'CEA:2024', '2025-06-02')"
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_sees_a_table_that_says_otherwise(kept: tuple[Exchange, int], what: str) -> None:
    shop, trade = kept
    assert shop.ledger.verify().ok
    with shop.ledger.store.engine.begin() as connection:
        last = connection.execute(text("SELECT max(position) FROM projection_market_days"))
        connection.execute(text(TAMPERED[what].format(last=last.scalar())))
    findings = shop.ledger.verify().findings
    assert {finding.check for finding in findings} == {"projection"}
    assert "market day" in findings[0].message
    shop.ledger.rebuild()
    assert shop.ledger.verify().ok
    assert news(why(shop.ledger, trade)) == [("restatement", "81.00")]
