"""What was traded: the table of trades, at any (as-of, known-at), against plain sums."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from command_line import ask, ok, run
from etsledger.domain.times import SHANGHAI
from etsledger.domain.trading import net_sales
from etsledger.ledger import Ledger, MarketRow
from etsledger.ledger.questions import Period
from etsledger.projections import trades as projected
from etsledger.projections.instants import viewpoint
from etsledger.projections.market import net_sales_as_of
from exchange import Exchange
from helpers import SteppingClock, live_state
from national import REGISTRY, SUMMER, UNIT, NationalBook

OLD = "CEA:2023"
BACK = {"seller": "buyer-1", "buyer": "seller-1"}


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> Exchange:
    """Two vintages through two years; the last trade is back-dated to the first month.

    It is written down on 1 July, the others were on 30 June.
    """
    clock.now = "2025-06-30T09:00:00"
    made = Exchange(ledger)
    made.give(1_000_000, OLD, to="seller-1", at="2021-01-01")
    for unit in (UNIT, OLD):
        made.day("2024-01-31", "80.00", unit=unit)
    made.trade(100, "81.00", at="2024-11-29T10:00:00")
    made.trade(201, "82.33", at="2024-11-29T23:30:00")
    made.trade(50, "79.00", at="2024-12-02T10:00:00")
    made.trade(100_000, "70.00", method="block", at="2024-12-31T23:59:59")
    made.trade(30, "80.00", unit=OLD, at="2025-01-01T00:00:00")
    made.trade(20, "80.50", at="2025-01-02T10:00:00", **BACK)
    clock.now = SUMMER
    made.trade(7, "88.00", at="2024-11-30T10:00:00")
    return made


def rows(book: Exchange, **question: Any) -> list[tuple[Any, ...]]:
    """The answer without the registry; the log says the same."""
    found = book.ledger.market(**question)
    assert book.ledger.market(**question, from_log=True) == found
    assert all(row["registry"] == REGISTRY for row in found)
    return [tuple(row.values())[1:] for row in found]


NOVEMBER = (UNIT, "listed", "2024-11", 308, "25264.33", "82.03", 3)
DECEMBER = (UNIT, "listed", "2024-12", 50, "3950.00", "79.00", 1)
BLOCKS = (UNIT, "block", "2024-12", 100_000, "7000000.00", "70.00", 1)
JANUARY = (UNIT, "listed", "2025-01", 20, "1610.00", "80.50", 1)
OLD_ONE = (OLD, "listed", "2025-01", 30, "2400.00", "80.00", 1)


@pytest.mark.usefixtures("book")
class TestQuestions:
    def test_by_month_unless_told_otherwise(self, book: Exchange) -> None:
        assert rows(book) == [OLD_ONE, BLOCKS, NOVEMBER, DECEMBER, JANUARY]

    def test_by_day_in_shanghai(self, book: Exchange) -> None:
        assert rows(book, by="day", unit=UNIT, end="2024-11-30") == [
            (UNIT, "listed", "2024-11-29", 301, "24648.33", "81.89", 2),
            (UNIT, "listed", "2024-11-30", 7, "616.00", "88.00", 1),
        ]

    def test_by_year(self, book: Exchange) -> None:
        assert rows(book, by="year", method="listed", unit=UNIT) == [
            (UNIT, "listed", "2024", 358, "29214.33", "81.60", 4),
            (UNIT, "listed", "2025", 20, "1610.00", "80.50", 1),
        ]

    def test_all_together(self, book: Exchange) -> None:
        assert rows(book, by="all", start="2024-12-31") == [
            (OLD, "listed", None, 30, "2400.00", "80.00", 1),
            (UNIT, "block", None, 100_000, "7000000.00", "70.00", 1),
            (UNIT, "listed", None, 20, "1610.00", "80.50", 1),
        ]

    @pytest.mark.parametrize(
        ("start", "end", "found"),
        [
            ("2024-12-02", "2024-12-02", [DECEMBER]),
            ("2024-12-03", "2024-12-30", []),
            ("2024-12-31", "2024-12-31", [BLOCKS]),
            ("2025-01-01", None, [OLD_ONE, JANUARY]),
            (None, "2024-12-02", [NOVEMBER, DECEMBER]),
        ],
    )
    def test_days_are_both_included(
        self, book: Exchange, start: str | None, end: str | None, found: list[Any]
    ) -> None:
        assert rows(book, start=start, end=end) == found

    def test_as_of_a_trade_that_has_not_taken_effect_is_none(self, book: Exchange) -> None:
        assert rows(book, as_of="2024-12-31T23:59:58", method="block") == []
        assert rows(book, as_of="2024-12-31", method="block") == [BLOCKS]
        assert rows(book, as_of="2024-11-29T12:00:00") == [
            (UNIT, "listed", "2024-11", 100, "8100.00", "81.00", 1)
        ]

    def test_known_at_a_trade_that_was_not_written_down_is_none(self, book: Exchange) -> None:
        known = {"known_at": "2025-06-30", "start": "2024-11-01", "end": "2024-11-30"}
        assert rows(book, **known) == [(UNIT, "listed", "2024-11", 301, "24648.33", "81.89", 2)]
        head = book.ledger.head().position
        assert rows(book, known_at=head, end="2024-11-30") == [NOVEMBER]
        assert rows(book, known_at=head - 1, unit=UNIT, by="day", end="2024-11-30") == [
            (UNIT, "listed", "2024-11-29", 301, "24648.33", "81.89", 2)
        ]

    def test_of_another_registry_there_is_nothing(self, book: Exchange) -> None:
        assert rows(book, registry="trial") == []
        assert rows(book, registry=REGISTRY, unit=OLD) == [OLD_ONE]

    def test_a_period_that_is_none(self, book: Exchange) -> None:
        with pytest.raises(ValueError, match="'week' is no period"):
            book.ledger.market(by="week")  # pyright: ignore[reportArgumentType]


@pytest.fixture
def kept(book: Exchange, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """The same with every trade in the table."""
    monkeypatch.setattr(projected, "LAG", 0)
    assert rows(book) == [OLD_ONE, BLOCKS, NOVEMBER, DECEMBER, JANUARY]
    with book.ledger.store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM projection_trades")).scalar() == 7
    return book


def test_from_the_table_the_answers_are_the_same(kept: Exchange) -> None:
    questions = [
        question for question in vars(TestQuestions).values()
        if callable(question) and not hasattr(question, "pytestmark")
    ]  # fmt: skip
    assert len(questions) == 8
    for question in questions:
        question(TestQuestions(), kept)


def test_the_table_is_made_again_from_the_log(kept: Exchange) -> None:
    with kept.ledger.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM projection_trades"))
    assert kept.ledger.market() == []
    kept.ledger.rebuild()
    assert rows(kept) == [OLD_ONE, BLOCKS, NOVEMBER, DECEMBER, JANUARY]
    assert kept.ledger.verify().ok


TAMPERED = {
    "a price": "UPDATE projection_trades SET fen = fen + 1 WHERE trade = 'T3'",
    "a side": "UPDATE projection_trades SET seller_entity = 'buyer' WHERE trade = 'T3'",
    "a trade that is gone": "DELETE FROM projection_trades WHERE trade = 'T3'",
    "the last trade that is gone": "DELETE FROM projection_trades WHERE trade = 'T7'",
    "a trade that no event settled": (
        "INSERT INTO projection_trades SELECT 1, registry, 'X', unit, method, date, effective_at,"
        " quantity, fen, seller, buyer, seller_entity, buyer_entity FROM projection_trades"
        " WHERE trade = 'T3'"
    ),
    "net sales before the books": (
        "INSERT INTO projection_stated_net_sales VALUES (1, 'cn-national', 'seller', 'x', 0, 5)"
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_sees_a_table_that_says_otherwise_than_the_log(kept: Exchange, what: str) -> None:
    assert kept.ledger.verify().ok
    with kept.ledger.store.engine.begin() as connection:
        connection.execute(text(TAMPERED[what]))
    findings = kept.ledger.verify().findings
    assert [finding.check for finding in findings] == ["projection"], findings
    assert "rebuild" in findings[0].message
    kept.ledger.rebuild()
    assert kept.ledger.verify().ok


def test_what_the_table_has_not_followed_is_read_from_the_log(kept: Exchange) -> None:
    kept.trade(3, "80.00", at="2025-06-30T10:00:00")
    with Ledger.open(kept.ledger.store.url, clock=SteppingClock(SUMMER)) as other:
        found = other.market(start="2025-06-01")
        assert found == kept.ledger.market(start="2025-06-01")
        assert len(found) == 1


# -- net sales ------------------------------------------------------------------------------------


def test_n_bank_1_net_sales_are_sold_less_bought_by_vintage(book: Exchange) -> None:
    registry = live_state(book.ledger).registries[REGISTRY]
    window = (date(2024, 11, 30), date(2025, 1, 2))
    sold = {UNIT: 7 + 50 + 100_000 - 20, OLD: 30, "CEA:2022": 0}
    units = list(sold)
    assert net_sales(registry, "seller", units, *window) == sold
    assert net_sales(registry, "buyer", units, *window) == {u: -t for u, t in sold.items()}
    assert net_sales(registry, "nobody", [UNIT], *window) == {UNIT: 0}
    assert net_sales(registry, "seller", [UNIT], "2024-12-02", "2024-12-02T23:59:00") == {UNIT: 50}


def test_n_bank_1_all_accounts_of_an_entity_count(book: Exchange) -> None:
    book.send("open_account", account="seller-2", kind="entity", entity="seller", at="2021-01-01")
    book.give(40, to="seller-2", at="2021-01-01")
    book.trade(40, seller="seller-2", at="2025-02-03T10:00:00")
    registry = live_state(book.ledger).registries[REGISTRY]
    window = ("2025-02-01", "2025-02-28")
    assert net_sales(registry, "seller", [UNIT], *window) == {UNIT: 40}
    assert asked(book, "seller", [UNIT], *window) == {UNIT: 40}


def test_what_opening_balances_state_of_the_time_before_counts(book: Exchange) -> None:
    known = book.ledger.head().position
    for number, net in enumerate((300, -50), 1):
        facts = {"net_sales": {UNIT: net, "CEA:2021": number}}
        book.give(1, to="seller-1", facts=facts, at=f"2025-06-{number:02}")
    window = ("2024-12-02", "2024-12-02")
    units = [UNIT, "CEA:2021"]
    registry = live_state(book.ledger).registries[REGISTRY]
    assert net_sales(registry, "seller", units, *window) == {UNIT: 300, "CEA:2021": 3}
    assert asked(book, "seller", units, *window) == {UNIT: 300, "CEA:2021": 3}
    assert asked(book, "buyer", units, *window) == {UNIT: -50, "CEA:2021": 0}
    before = {"as_of": "2025-06-01T12:00:00"}
    assert asked(book, "seller", units, *window, **before) == {UNIT: 350, "CEA:2021": 1}
    assert asked(book, "seller", [UNIT], *window, known_at=known) == {UNIT: 50}


def asked(
    book: NationalBook, entity: str, units: list[str], first: Any, last: Any, **when: Any
) -> dict[str, int]:
    """``net_sales_as_of`` from wherever the table stands; the registry makes no difference."""
    store = book.ledger.store
    view = viewpoint(
        store, book.ledger._clock, when.get("as_of"), when.get("known_at"), store.head_position()
    )
    found = net_sales_as_of(store, entity, units, first, last, view)
    assert net_sales_as_of(store, entity, units, first, last, view, REGISTRY) == found
    return found


class Known(NamedTuple):
    """One trade as a plain model keeps it."""

    position: int
    at: datetime
    unit: str
    seller: int
    buyer: int
    quantity: int
    price: Decimal


DAYS = 20
START = datetime(2025, 5, 1, tzinfo=SHANGHAI)
NAMES = ("seller", "buyer", "third")
drawn = st.tuples(
    st.integers(0, DAYS * 24 - 1),  # hours after the start
    st.sampled_from((UNIT, OLD)),
    st.integers(0, 2),
    st.sampled_from((1, 2)),
    st.integers(1, 1_000),
    st.integers(7_200, 8_800),  # fen
)
spans = st.tuples(st.integers(-1, DAYS), st.integers(0, DAYS)).map(sorted)


@settings(max_examples=25)
@given(
    sequence=st.lists(drawn, min_size=1, max_size=25),
    questions=st.lists(
        st.tuples(spans, st.integers(0, DAYS * 24), st.integers(0, 100), st.integers(0, 2)),
        min_size=3, max_size=8,
    ),
    lag=st.sampled_from((0, 3, 1_000)),
)  # fmt: skip
def test_net_sales_and_sums_are_those_of_plain_addition(
    sequence: list[Any], questions: list[Any], lag: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(projected, "LAG", lag)
        url = f"sqlite:///{Path(folder) / 'books.db'}"
        with Ledger.open(url, create=True, clock=SteppingClock(SUMMER)) as ledger:
            book, known = settled(ledger, sequence)
            head = ledger.head().position
            for (first, last), hour, share, who in questions:
                window = tuple((START + timedelta(days=d)).date() for d in (first, last))
                as_of, upto = START + timedelta(hours=hour), head * share // 100
                when: dict[str, Any] = {"as_of": as_of.isoformat(), "known_at": upto}
                seen = [k for k in known if k.position <= upto and k.at <= as_of]
                within = [k for k in seen if window[0] <= k.at.date() <= window[1]]
                expected: dict[str, int] = {UNIT: 0, OLD: 0}
                for trade in within:
                    expected[trade.unit] += (trade.seller == who) * trade.quantity
                    expected[trade.unit] -= (trade.buyer == who) * trade.quantity
                assert asked(book, NAMES[who], [UNIT, OLD], *window, **when) == expected
                when |= {"start": window[0].isoformat(), "end": window[1].isoformat()}
                periods: tuple[Period, Period] = ("day", "all")
                for by in periods:
                    found = ledger.market(by=by, **when)
                    assert found == list(summed(within, by))
                    assert found == ledger.market(by=by, **when, from_log=True)
            registry = live_state(ledger).registries[REGISTRY]
            for who, name in enumerate(NAMES):
                everything = net_sales(registry, name, [UNIT, OLD], "2025-01-01", "2025-12-31")
                assert sum(everything.values()) == sum(
                    ((k.seller == who) - (k.buyer == who)) * k.quantity for k in known
                )


def settled(ledger: Ledger, sequence: list[Any]) -> tuple[Exchange, list[Known]]:
    """All trades of a sequence by bidding, and what a plain model knows of them.

    Every account holds enough for all of them, so that none is a resale.
    """
    book = Exchange(ledger)
    book.plant("third")
    for name in NAMES:
        for unit in (UNIT, OLD):
            book.give(1_000_000, unit, to=f"{name}-1", at="2021-01-01")
    known: list[Known] = []
    for hour, unit, seller, further, quantity, fen in sequence:
        at, buyer = START + timedelta(hours=hour), (seller + further) % 3
        price = Decimal(fen) / 100
        (position,) = book.trade(
            quantity, str(price), method="bidding", unit=unit, at=at.isoformat(),
            seller=f"{NAMES[seller]}-1", buyer=f"{NAMES[buyer]}-1",
        ).positions  # fmt: skip
        known.append(Known(position, at, unit, seller, buyer, quantity, price))
    return book, known


def summed(known: list[Known], by: str) -> Iterator[MarketRow]:
    """The rows of an answer by plain addition."""
    groups: dict[tuple[str, str], list[Known]] = defaultdict(list)
    for trade in known:
        groups[trade.unit, trade.at.date().isoformat() if by == "day" else ""].append(trade)
    for (unit, period), group in sorted(groups.items()):
        volume = sum(trade.quantity for trade in group)
        value = sum((trade.quantity * trade.price for trade in group), Decimal(0))
        average = (value / volume).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        yield {
            "registry": REGISTRY, "unit": unit, "method": "bidding", "period": period or None,
            "volume": volume, "value": f"{value:.2f}", "average_price": str(average),
            "trades": len(group),
        }  # fmt: skip


# -- on the command line ---------------------------------------------------------------------------


@pytest.fixture
def store(sqlite_url: str, new_store_url: Callable[[], str], book: Exchange) -> str:
    """The URL of the ledger of ``book``."""
    return book.ledger.store.url


def test_the_command_answers_in_every_format(store: str, book: Exchange) -> None:
    asked_for = ("market", "--unit", OLD)
    row = dict(book.ledger.market(unit=OLD)[0])
    assert ask(store, *asked_for) == [row]
    assert json.loads(ok(store, *asked_for, "--format", "jsonl")) == row
    (cells,) = csv.DictReader(io.StringIO(ok(store, *asked_for, "--format", "csv")))
    assert cells == {name: str(value) for name, value in row.items()}
    table = ok(store, "market", "--by", "year", "--format", "table").splitlines()
    assert [" ".join(line.split()) for line in table] == [
        "registry unit method period volume value average price trades",
        table[1],
        "cn-national CEA:2023 listed 2025 30 2,400.00 80.00 1",
        "cn-national CEA:2024 block 2024 100,000 7,000,000.00 70.00 1",
        "cn-national CEA:2024 listed 2024 358 29,214.33 81.60 4",
        "cn-national CEA:2024 listed 2025 20 1,610.00 80.50 1",
    ]


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (("--by", "day", "--from", "2024-12-02", "--to", "2024-12-31"),
         {"by": "day", "start": "2024-12-02", "end": "2024-12-31"}),
        (("--method", "block"), {"method": "block"}),
        (("--as-of", "2024-11-30", "--known-at", "2025-06-30"),
         {"as_of": "2024-11-30", "known_at": "2025-06-30"}),
        (("--registry", REGISTRY, "--from-log"), {"registry": REGISTRY}),
    ],
)  # fmt: skip
def test_the_command_asks_what_the_library_is_asked(
    store: str, book: Exchange, arguments: tuple[str, ...], question: dict[str, Any]
) -> None:
    answer = ask(store, "market", *arguments)
    assert answer == [dict(row) for row in book.ledger.market(**question)]
    assert answer


def test_an_empty_answer_is_said_to_people(store: str) -> None:
    result = run(store, "market", "--unit", "CEA:2021", "--format", "table")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no trades\n")
    result = run(store, "market", "--registry", "nowhere", "--format", "json")
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert "no registry 'nowhere'" in result.stderr


def test_wrong_usage(store: str) -> None:
    for arguments in (("--by", "week"), ("--method", "otc"), ("--from", "monday")):
        assert run(store, "market", *arguments).exit_code == 2
