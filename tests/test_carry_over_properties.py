"""Carry-over against brute force and a plain model: the cap, and every tonne."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banking_books import APPLIED, BEFORE, NEW, OLD, SNAPSHOT, TODAY, BankingBook
from etsledger.domain.banking_cap import banking
from etsledger.domain.rulebook import bundled
from etsledger.domain.state import Entity
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock

Trades = list[tuple[str, int, bool]]


@given(
    trades=st.lists(
        st.tuples(st.sampled_from(OLD), st.integers(1, 10**9), st.booleans()), max_size=30
    ),
    held=st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    carried=st.integers(0, 10**9),
)
def test_the_cap_equals_brute_force(trades: Trades, held: list[int], carried: int) -> None:
    """By counting half tonnes: base + 1.5 x net sales, no float and no fraction."""
    sales: dict[str, int] = dict.fromkeys(OLD, 0)
    for unit, tonnes, is_sale in trades:
        sales[unit] += tonnes if is_sale else -tonnes
    found = banking(
        bundled("cn-national"),
        Entity("P", "power"),
        {},
        parse_instant(APPLIED),
        sales=sales,
        holdings=dict(zip(OLD, held, strict=True)),
        carried=carried,
    )
    assert found is not None
    net = sum(t if is_sale else -t for _, t, is_sale in trades)
    half_tonnes = 2 * 10_000 + 3 * max(0, net)
    assert found.cap == half_tonnes // 2
    assert found.net_sales_total == max(0, net)
    assert found.carryable == max(0, min(half_tonnes // 2, sum(held)) - carried)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("carry", "carry", "sell", "buy", "cancel", "freeze", "pledge")),
        st.integers(1, 400),
        st.sampled_from((None, *OLD)),
        st.sampled_from(("2025-11-01", SNAPSHOT, "2026-01-01", "2026-03-21", "2026-06-10",
                         "2026-06-11")),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=15)
@given(steps=STEPS)
def test_carry_over_never_creates_or_destroys_a_tonne(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str | None, str]]
) -> None:
    """A plain model: every accepted carry-over takes from old and gives as much to new, within
    cap, holding and window, whatever else happens in between and in whatever order of time."""
    store = tmp_path_factory.mktemp("carry") / "books.db"
    with Ledger.open(f"sqlite:///{store}", create=True, clock=SteppingClock(TODAY)) as ledger:
        book = BankingBook(ledger)
        issued = 0
        for unit in OLD:
            book.give(150, unit, at=BEFORE)
            issued += 10_000_000 + 150
        cancelled = carried = 0
        codes = set[str]()
        for kind, quantity, unit, at in steps:
            one = unit or "CEA:2023"
            given = {"account": "plant-1", "unit": one, "quantity": quantity, "at": at}
            try:
                if kind == "carry":
                    book.carry(quantity, at, **({"unit": unit} if unit else {}))
                    carried += quantity
                    assert "2026-01-01" <= at <= "2026-06-10"
                elif kind == "sell":
                    book.sold(quantity, one, at)
                elif kind == "buy":
                    book.bought(quantity, one, at)
                elif kind == "cancel":
                    book.send("cancel", **given)
                    cancelled += quantity
                elif kind == "freeze":
                    book.send("freeze", **given)
                else:
                    book.send("pledge", pledgee="bank", **given)
            except Refusal as refusal:
                codes.add(refusal.code)
        assert codes <= {
            "InsufficientUnits", "BackdatedOverdraft", "BankingCapExceeded", "CarryOverClosed",
            "SameDayResale",
        }  # fmt: skip
        for one in ledger.events(types=["UnitsCarriedOver"]):
            event = one["data"]
            assert event["carried"] + event["quantity"] <= min(event["cap"], event["holding"])
            assert event["quantity"] == sum(part["quantity"] for part in event["parts"])
        later = "2027-01-01"
        everywhere: dict[str, int] = {}
        for row in ledger.balances(registry="cn-national", as_of=later):
            everywhere[row["unit"]] = everywhere.get(row["unit"], 0) + row["quantity"]
        assert sum(everywhere.values()) == issued
        assert everywhere.get(NEW, 0) == carried
        assert sum(book.supply(unit, as_of=later)["cancelled"] for unit in OLD) == cancelled
        outside = [book.supply(unit, as_of=later)["converted_out"] for unit in OLD]
        assert sum(outside) == carried
        found = book.banking(as_of=later)
        assert found["carried"] == carried
        assert ledger.verify().ok
