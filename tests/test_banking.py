"""The banking cap (N-BANK-1 to N-BANK-4): net sales, window, holding and eligibility."""

from typing import Any

import pytest

from banking_books import APPLIED, BEFORE, NEW, OLD, SNAPSHOT, TODAY, BankingBook
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock

pytestmark = ON_SQLITE


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """July 2026: ``plant`` has nothing yet."""
    clock.now = TODAY
    return BankingBook(ledger)


def numbers(found: dict[str, Any]) -> tuple[int, int, int, int]:
    """Net sales in all, cap, holding, carryable."""
    return (
        found["net_sales_total"], found["cap"], found["holding"], found["carryable"],
    )  # fmt: skip


# --- N-BANK-1: base and net sales ----------------------------------------------------------------


def test_without_trades_the_cap_is_the_base(book: BankingBook) -> None:
    book.give(50_000, "CEA:2022", at=BEFORE)
    assert numbers(book.checked()) == (0, 10_000, 50_000, 10_000)


def test_the_cap_is_the_base_and_one_and_a_half_net_sales(book: BankingBook) -> None:
    """D33: 300,000 t sold, 100,000 t bought, 500,000 t held."""
    book.give(700_000, "CEA:2023", at=BEFORE)
    book.sold(300_000)
    book.bought(100_000, at="2025-03-01")
    assert numbers(book.checked()) == (200_000, 310_000, 500_000, 310_000)


@pytest.mark.parametrize(("held", "carryable"), [(50_000, 10_000), (9_999, 9_999)])
def test_net_sales_below_zero_count_as_none(book: BankingBook, held: int, carryable: int) -> None:
    """D34: 100,000 t sold, 180,000 t bought."""
    book.give(100_000, "CEA:2023", at=BEFORE)
    book.sold(100_000)
    book.bought(180_000, at="2025-03-01")
    book.send("cancel", account="plant-1", unit="CEA:2023", quantity=180_000 - held,
              at="2025-06-01")  # fmt: skip
    assert numbers(book.checked()) == (0, 10_000, held, carryable)


def test_the_total_is_clamped_and_not_each_vintage(book: BankingBook) -> None:
    book.give(1_000, "CEA:2022", at=BEFORE)
    book.sold(1_000, "CEA:2022")
    book.bought(700, "CEA:2024")
    found = book.checked()
    assert found["net_sales_total"] == 300
    assert {one["unit"]: one["quantity"] for one in found["net_sales"]} == {
        "CEA:2019-2020": 0, "CEA:2021": 0, "CEA:2022": 1_000, "CEA:2023": 0, "CEA:2024": -700,
    }  # fmt: skip


@pytest.mark.parametrize(("sold", "cap"), [(1, 10_001), (2, 10_003), (3, 10_004)])
def test_the_cap_is_rounded_down(book: BankingBook, sold: int, cap: int) -> None:
    book.give(10, "CEA:2023", at=BEFORE)
    book.sold(sold)
    assert book.checked()["cap"] == cap


def test_a_new_vintage_is_none_of_the_old_ones(book: BankingBook) -> None:
    book.give(100, NEW, at="2025-06-01")
    book.sold(60, NEW, at="2025-07-01")
    assert numbers(book.checked()) == (0, 10_000, 0, 0)


def test_only_trade_is_a_sale(book: BankingBook) -> None:
    """D52: neither cancellation nor surrender nor succession."""
    book.give(1_000, "CEA:2023", at=BEFORE)
    book.send("cancel", account="plant-1", unit="CEA:2023", quantity=10, at="2024-05-01")
    book.verified(20, 2023, at="2024-06-01")
    book.met(20, unit="CEA:2023", year=2023, at="2024-07-01")
    book.send("transfer", unit="CEA:2023", quantity=30, from_="plant-1", to="other-1",
              kind="succession", at="2024-08-01")  # fmt: skip
    assert numbers(book.checked()) == (0, 10_000, 940, 940)


def test_all_accounts_of_an_entity_count(book: BankingBook) -> None:
    book.send("open_account", account="plant-2", kind="entity", entity="plant", at=BEFORE)
    book.give(900, "CEA:2021", "plant-2", at=BEFORE)
    book.traded("plant-2", "other-1", 400, "CEA:2021", "2024-05-01")
    assert numbers(book.checked()) == (400, 10_600, 500, 500)


# --- N-BANK-2: the window of the trades ----------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2023-12-31T23:59:59.999999", False), ("2024-01-01", True),
        ("2025-12-31T23:59:59.999999", True), ("2026-01-01", False),
    ],
)  # fmt: skip
def test_trades_of_2024_and_2025_count(book: BankingBook, at: str, counts: bool) -> None:
    book.give(100, "CEA:2019-2020", at=BEFORE)
    book.sold(100, "CEA:2019-2020", at=at)
    assert book.checked()["net_sales_total"] == (100 if counts else 0)


def test_the_check_is_as_of_its_own_time(book: BankingBook) -> None:
    """Of two sales of one day only the one that was made by then counts."""
    book.give(1_000, "CEA:2023", at=BEFORE)
    book.sold(100, at="2024-05-06T10:00:00")
    book.sold(10, at="2024-05-06T14:00:00")
    book.sold(1, at="2024-05-07T10:00:00")
    for at, net in (
        ("2024-05-06T09:59:59", 0), ("2024-05-06T10:00:00", 100), ("2024-05-06T13:59:59", 100),
        ("2024-05-06T14:00:00", 110), ("2024-05-07T09:00:00", 110), ("2024-05-08", 111),
    ):  # fmt: skip
        assert book.checked(at)["net_sales_total"] == net
        assert (
            book.banking(as_of=f"{at}T00:00:00" if "T" not in at else at)["net_sales_total"] == net
        )


# --- N-BANK-3: the holding at the snapshot -------------------------------------------------------


def test_what_is_submitted_or_cancelled_is_not_held_and_what_is_frozen_is(
    book: BankingBook,
) -> None:
    """D38: 100,000 t, 20,000 of them frozen; 15,000 submitted, 5,000 cancelled."""
    book.give(60_000, "CEA:2023", at=BEFORE)
    book.give(40_000, "CEA:2024", at="2024-06-01")
    book.send("freeze", account="plant-1", unit="CEA:2023", quantity=20_000, at="2025-01-01")
    book.verified(15_000, 2024, at="2025-06-30")
    book.surrender(15_000, at="2025-12-01", id="s")
    book.send("cancel", account="plant-1", unit="CEA:2024", quantity=5_000, at="2025-12-02")
    found = book.checked()
    assert found["holding"] == 80_000
    assert {one["unit"]: one["quantity"] for one in found["holdings"]} == {
        "CEA:2019-2020": 0, "CEA:2021": 0, "CEA:2022": 0, "CEA:2023": 60_000, "CEA:2024": 20_000,
    }  # fmt: skip
    book.confirm("s", at="2026-01-15")  # later: the snapshot stays what it was
    assert book.checked()["holding"] == 80_000


def test_an_account_frozen_as_a_whole_is_counted(book: BankingBook) -> None:
    book.give(500, "CEA:2023", at=BEFORE)
    book.send("freeze", account="plant-1", direction="both", at="2025-01-01")
    assert book.checked()["holding"] == 500


@pytest.mark.parametrize(
    ("at", "holding"),
    [(SNAPSHOT, 70), ("2025-12-31T23:59:59.000001+08:00", 100), ("2026-01-01", 100)],
)
def test_the_snapshot_is_of_the_last_minute_of_2025(
    book: BankingBook, at: str, holding: int
) -> None:
    book.give(100, "CEA:2024", at=BEFORE)
    book.send("cancel", account="plant-1", unit="CEA:2024", quantity=30, at=at)
    assert book.checked()["holding"] == holding


def test_before_the_snapshot_it_is_what_is_held_then(book: BankingBook) -> None:
    book.give(100, "CEA:2024", at="2024-03-01")
    book.give(7, "CEA:2024", at="2025-03-01")
    assert book.checked("2024-02-28")["holding"] == 0
    assert book.checked("2024-03-01")["holding"] == 100
    assert book.checked("2025-03-01")["holding"] == 107


# --- N-BANK-4: eligibility -----------------------------------------------------------------------


def late(book: BankingBook, at: str, year: int, *, confirmed: str | None = None) -> dict[str, Any]:
    """``plant`` owes 10 t for a year and submits them at an instant."""
    unit = f"CEA:{year}"
    book.give(100, unit, at=BEFORE)
    book.verified(10, year, at=f"{year + 1}-06-01")
    book.surrender(10, year=year, unit=unit, at=at, id="s")
    if confirmed is not None:
        book.confirm("s", at=confirmed)
    return book.checked("2026-02-01")


@pytest.mark.parametrize(
    ("year", "at", "eligible"),
    [
        (2023, "2024-12-31T23:59:59", True), (2023, "2025-01-01", False),
        (2024, "2025-12-31T23:59:59", True), (2024, "2026-01-01", False),
        (2024, "2026-01-05", False),
    ],
)  # fmt: skip
def test_who_was_late_for_2023_or_2024_may_not(
    book: BankingBook, year: int, at: str, eligible: bool
) -> None:
    """D39: a year that was completed on 5 January 2026 was completed late."""
    found = late(book, at, year, confirmed="2026-01-20")
    assert found["eligible"] is eligible
    why = f"{year} was not met by {year + 1}-12-31T23:59:59+08:00: LATE_COMPLIANT"
    assert found["reasons"] == ([] if eligible else [why])


def test_a_timely_surrender_that_awaits_confirmation_is_not_late(book: BankingBook) -> None:
    assert late(book, "2025-12-31", 2024)["eligible"] is True


def test_who_did_not_surrender_at_all_may_not(book: BankingBook) -> None:
    book.verified(10, 2023, at="2024-06-01")
    book.verified(10, 2024, at="2025-06-01")
    found = book.checked()
    assert found["eligible"] is False
    assert [reason[:4] for reason in found["reasons"]] == ["2023", "2024"]
    assert book.checked("2024-12-31")["eligible"] is True  # nothing was late by then


def test_who_owes_nothing_is_not_late(book: BankingBook) -> None:
    """[ADOPTED]: without an obligation there is nothing to be late for."""
    assert book.checked()["eligible"] is True
    book.plant("cement", "cement", first_year=2025)
    book.verified(10, 2024, "cement", at="2025-06-01")
    assert book.checked(entity="cement")["eligible"] is True


def test_other_years_do_not_matter(book: BankingBook) -> None:
    book.verified(10, 2022, at="2023-06-01")
    assert book.stands(year=2022) == "NON_COMPLIANT"
    assert book.checked()["eligible"] is True


# --- the record ----------------------------------------------------------------------------------


def test_the_check_records_every_input(book: BankingBook) -> None:
    found = book.checked()
    assert (found["base"], found["ratio"]) == (10_000, "1.5")
    assert (found["trades_from"], found["trades_to"]) == ("2024-01-01", "2025-12-31")
    assert (found["apply_from"], found["apply_to"]) == ("2026-01-01", "2026-06-10")
    assert (found["holding_at"], found["into"]) == (SNAPSHOT, NEW)
    assert [one["unit"] for one in found["holdings"]] == list(OLD)
    assert found["open"] is True
    assert found["batch"] == {"filed_by": "2026-03-20", "processed_by": "2026-03-27"}
    assert "Z1" in found["source"]


def test_the_check_moves_nothing(book: BankingBook) -> None:
    book.give(100, "CEA:2024", at=BEFORE)
    before = book.total()
    book.checked()
    assert book.total() == before


def test_the_check_knows_what_was_carried_by_then(book: BankingBook) -> None:
    book.give(100, "CEA:2024", at=BEFORE)
    book.carry(30, "2026-03-01")
    book.carry(20, "2026-04-01")
    for at, carried in (("2026-02-28", 0), ("2026-03-01", 30), ("2026-04-01", 50)):
        found = book.checked(at)
        assert (found["carried"], found["carryable"]) == (carried, 100 - carried)


def test_nothing_is_checked_of_an_unknown_entity(book: BankingBook) -> None:
    book.refused("UnknownEntity", "check_banking_cap", entity="nobody", at=APPLIED)


def test_a_rulebook_without_banking_has_no_cap(book: BankingBook) -> None:
    book.ledger.execute(
        {"command": "open_registry", "id": "o", "registry": "trial", "rulebook": "open"}
    )
    book.send("register_entity", registry="trial", entity="e", name="E", sector="power")
    book.send("open_account", registry="trial", account="e-1", kind="entity", entity="e")
    book.refused("CarryOverClosed", "check_banking_cap", registry="trial", entity="e")
    book.refused("CarryOverClosed", "carry_over", registry="trial", entity="e", quantity=1)
    assert book.ledger.banking("e") is None
