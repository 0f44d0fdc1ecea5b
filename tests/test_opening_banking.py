"""Opening banking: sales, snapshot and carry-overs of the time before the books."""

from typing import Any

import pytest

from banking_books import APPLIED, NEW, OLD, TODAY, BankingBook
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, UNIT, DayBook, SteppingClock

pytestmark = ON_SQLITE
CUT_OVER = "2026-01-15"
"""After the snapshot, before the applications end."""


@pytest.fixture
def banking(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """The plant holds 30,000 t of 2023 since the books began, after the snapshot."""
    clock.now = TODAY
    book = BankingBook(ledger)
    book.give(30_000, "CEA:2023", at=CUT_OVER)
    return book


def stated(book: BankingBook, **fields: Any) -> Any:
    return book.send("opening_banking", **{"entity": "plant", "at": CUT_OVER, **fields})


def refused(book: BankingBook, code: str, **fields: Any) -> Any:
    return book.refused(code, "opening_banking", **{"entity": "plant", "at": CUT_OVER, **fields})


def trade(number: str = "T1", quantity: int = 1_000, **fields: Any) -> dict[str, Any]:
    return {"date": "2024-05-06", "trade": number, "unit": "CEA:2023", "quantity": quantity,
            "side": "sold", **fields}  # fmt: skip


def carried(name: str = "c1", **fields: Any) -> dict[str, Any]:
    return {"carry_over": name, "effective_at": "2026-01-05", "units": {"CEA:2022": 200},
            **fields}  # fmt: skip


def test_everything_of_before_counts_with_what_happens_here(banking: BankingBook) -> None:
    """Net sales 5,000 + (2,000 - 600) = 6,400; cap 10,000 + 1.5 x 6,400 = 19,600;
    holding 24,000; carried 200 + 50."""
    stated(
        banking, net_sales={"CEA:2022": 5_000},
        trades=[trade("T1", 2_000), trade("T2", 600, side="bought", date="2024-01-01")],
        holdings={"CEA:2023": 23_000, "CEA:2024": 1_000}, carry_overs=[carried()], carried=50,
    )  # fmt: skip
    row = banking.ledger.banking("plant", registry="cn-national", as_of=APPLIED)
    assert row is not None
    assert (row["net_sales_total"], row["cap"], row["holding"]) == (6_400, 19_600, 24_000)
    assert (row["carried"], row["carryable"]) == (250, 19_350)
    assert row["net_sales"] == dict.fromkeys(OLD, 0) | {"CEA:2022": 5_000, "CEA:2023": 1_400}
    assert [(one["trade"], one["sign"], one["quantity"]) for one in row["trades"]] == [
        ("T1", 1, 2_000), ("T2", -1, 600),
    ]  # fmt: skip
    (before,) = row["carry_overs"]
    assert (before["command_id"], before["quantity"]) == ("c1", 200)
    calculation = banking.checked()
    assert (calculation["cap"], calculation["carryable"]) == (19_600, 19_350)


@pytest.mark.parametrize(("quantity", "fits"), [(19_349, True), (19_350, True), (19_351, False)])
def test_a_carry_over_is_within_cap_and_holding_with_what_was_before(
    banking: BankingBook, quantity: int, fits: bool
) -> None:
    stated(banking, net_sales={"CEA:2022": 6_400}, holdings={"CEA:2023": 24_000},
           carry_overs=[carried(units={"CEA:2022": 250})])  # fmt: skip
    if fits:
        banking.carry(quantity, at=APPLIED)
        assert banking.total()[NEW] == quantity
        assert banking.ledger.verify().ok
    else:
        refusal = banking.not_carried("BankingCapExceeded", quantity)
        assert (refusal.numbers["carried"], refusal.numbers["cap"]) == (250, 19_600)


def test_as_of_before_the_opening_it_does_not_count(banking: BankingBook) -> None:
    stated(banking, net_sales={"CEA:2022": 5_000}, carry_overs=[carried()])
    row = banking.ledger.banking("plant", as_of="2026-01-14")
    assert row is not None
    assert (row["net_sales_total"], row["carried"], row["carry_overs"]) == (0, 0, [])
    before = banking.ledger.head().position - 1
    known = banking.ledger.banking("plant", as_of=APPLIED, known_at=f"@{before}")
    assert known is not None
    assert known["net_sales_total"] == 0


def test_trades_outside_the_window_count_for_nothing_and_are_warned_of(
    banking: BankingBook,
) -> None:
    """The window is from 2024-01-01 to 2025-12-31, both days included."""
    days = ("2023-12-31", "2024-01-01", "2025-12-31", "2026-01-01")
    outcome = stated(
        banking, trades=[trade(f"T{i}", 10, date=day) for i, day in enumerate(days)]
    )  # fmt: skip
    (warning,) = outcome.warnings
    assert warning.startswith("2 trades are not of 2024-01-01 to 2025-12-31")
    row = banking.ledger.banking("plant", as_of=APPLIED)
    assert row is not None
    assert [one["date"] for one in row["trades"]] == ["2024-01-01", "2025-12-31"]
    assert row["net_sales_total"] == 20


def test_a_trade_of_before_is_not_settled_again(banking: BankingBook) -> None:
    stated(banking, trades=[trade("trade-1")])
    banking.refused(
        "DuplicateCommand", "settle_trade", trade="trade-1", method="bidding", unit="CEA:2023",
        quantity=1, price="80", seller="plant-1", buyer="other-1", at="2026-02-01",
    )  # fmt: skip


def test_several_openings_of_an_entity_add_up(banking: BankingBook) -> None:
    stated(banking, net_sales={"CEA:2022": 5_000})
    stated(banking, net_sales={"CEA:2022": -1_000}, trades=[trade()])
    row = banking.ledger.banking("plant", as_of=APPLIED)
    assert row is not None
    assert row["net_sales_total"] == 5_000


@pytest.mark.parametrize(
    ("at", "fits"),
    [("2025-12-31T23:59:59", False), ("2026-01-01", True)],
)
def test_a_holding_at_the_snapshot_is_stated_only_after_it(
    banking: BankingBook, at: str, fits: bool
) -> None:
    if fits:
        stated(banking, holdings={"CEA:2023": 7}, at=at)
        row = banking.ledger.banking("plant", as_of=APPLIED)
        assert row is not None
        assert row["holding"] == 7
    else:
        refusal = refused(banking, "InvalidCommand", holdings={"CEA:2023": 7}, at=at)
        assert refusal.numbers["field"] == "holdings"


def test_what_no_rule_could_use_is_refused(banking: BankingBook) -> None:
    refused(banking, "UnknownEntity", entity="nobody", carried=1)
    assert refused(banking, "InvalidCommand").numbers["field"] == "net_sales"
    refused(banking, "VintageNotEligible", net_sales={NEW: 1})
    refused(banking, "VintageNotEligible", trades=[trade(unit=NEW)])
    for field, wrong in (
        ("trades.0.date", {"trades": [trade(date="2026-01-16")]}),
        ("trades.0.date", {"trades": [trade(date="2024-02-30")]}),
        ("trades.1.trade", {"trades": [trade(), trade()]}),
        ("carry_overs.0.effective_at", {"carry_overs": [carried(effective_at="2026-01-16")]}),
        ("carry_overs.0.effective_at", {"carry_overs": [carried(effective_at="soon")]}),
    ):
        assert refused(banking, "InvalidCommand", **wrong).numbers["field"] == field
    # An entity may have traded with itself by one number: both sides are its own.
    stated(banking, trades=[trade(), trade(side="bought")])


def test_a_rulebook_without_banking_needs_nothing_of_before(book: DayBook) -> None:
    refusal = book.refused("InvalidCommand", "opening_banking", entity="crrc", net_sales={UNIT: 1})
    assert "lets no units be carried over" in refusal.message
