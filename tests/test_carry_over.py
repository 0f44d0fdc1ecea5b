"""Carrying over (N-BANK-3 to N-BANK-6): window, batches, limits, holdings, conservation."""

import json
from typing import Any

import pytest
import rfc8785

from banking_books import BEFORE, NEW, OLD, TODAY, BankingBook
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """July 2026; ``plant`` holds 100, 200 and 300 t of 2021, 2022 and 2023."""
    clock.now = TODAY
    book = BankingBook(ledger)
    for unit, quantity in (("CEA:2021", 100), ("CEA:2022", 200), ("CEA:2023", 300)):
        book.give(quantity, unit, at=BEFORE)
    return book


def events(book: BankingBook) -> list[dict[str, Any]]:
    """What was carried over, as recorded."""
    return [event["data"] for event in book.ledger.events(types=["UnitsCarriedOver"])]


# --- what it does --------------------------------------------------------------------------------


@ON_SQLITE
def test_old_units_become_as_many_new_ones(book: BankingBook) -> None:
    book.carry(250, unit="CEA:2023", id="c")
    assert book.total() == {"CEA:2021": 100, "CEA:2022": 200, "CEA:2023": 50, NEW: 250}
    old, new = book.supply("CEA:2023"), book.supply(NEW)
    assert (old["converted_out"], old["converted_in"]) == (250, 0)
    assert (new["converted_in"], new["converted_out"], new["issued"]) == (250, 0, 0)
    assert new["holding"] == 250
    assert book.ledger.verify().ok


@ON_SQLITE
@pytest.mark.parametrize(
    ("quantity", "parts"),
    [
        (1, {"CEA:2021": 1}),
        (100, {"CEA:2021": 100}),
        (101, {"CEA:2021": 100, "CEA:2022": 1}),
        (300, {"CEA:2021": 100, "CEA:2022": 200}),
        (600, {"CEA:2021": 100, "CEA:2022": 200, "CEA:2023": 300}),
    ],
)
def test_the_oldest_vintage_goes_first(
    book: BankingBook, quantity: int, parts: dict[str, int]
) -> None:
    book.carry(quantity)
    (event,) = events(book)
    assert {part["unit"]: part["quantity"] for part in event["parts"]} == parts
    assert book.held(unit=NEW) == event["quantity"] == quantity


@ON_SQLITE
def test_what_is_reserved_is_passed_over(book: BankingBook) -> None:
    book.send("pledge", account="plant-1", unit="CEA:2021", quantity=60, pledgee="bank",
              at="2025-01-01")  # fmt: skip
    book.send("freeze", account="plant-1", unit="CEA:2022", at="2026-01-15")
    book.carry(140)
    (event,) = events(book)
    assert {part["unit"]: part["quantity"] for part in event["parts"]} == {
        "CEA:2021": 40, "CEA:2023": 100,
    }  # fmt: skip


@ON_SQLITE
def test_the_new_units_meet_2025_and_the_old_ones_do_not(book: BankingBook) -> None:
    """D48: not carried over is not usable for 2025."""
    book.carry(250)
    book.verified(600, 2025, at="2026-06-01")
    at = "2026-06-20"
    refusal = book.refused("VintageNotEligible", "surrender", entity="plant", year=2025,
                           unit="CEA:2023", quantity=1, at=at)  # fmt: skip
    assert refusal.numbers["unit"] == "CEA:2023"
    book.met(250, year=2025, unit=NEW, at=at)
    assert book.compliance(year=2025)["surrendered"] == 250


@ON_SQLITE
def test_what_is_stored_is_canonical(book: BankingBook) -> None:
    book.checked()
    book.checked("2024-01-01")  # no batch
    book.carry(250)
    for line in book.ledger.export():
        assert rfc8785.dumps(json.loads(line)) == line


@ON_SQLITE
def test_the_event_says_what_allowed_it(book: BankingBook) -> None:
    book.carry(10, id="first")
    book.carry(20, "2026-03-21", id="second")
    first, second = events(book)
    assert (first["carry_over"], first["carried"], second["carried"]) == ("first", 0, 10)
    assert (second["cap"], second["holding"], second["into"]) == (10_000, 600, NEW)
    assert "Z1" in second["source"]


# --- window and batches --------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("at", "batch"),
    [
        ("2025-12-31T23:59:59.999999", None),
        ("2026-01-01", "2026-03-27"),
        ("2026-03-20", "2026-03-27"),
        ("2026-03-20T23:59:59.999999", "2026-03-27"),
        ("2026-03-21", "2026-06-26"),
        ("2026-06-10", "2026-06-26"),
        ("2026-06-10T23:59:59.999999", "2026-06-26"),
        ("2026-06-11", None),
    ],
)
def test_applications_are_taken_from_january_to_10_june_in_two_batches(
    book: BankingBook, at: str, batch: str | None
) -> None:
    """D39."""
    if batch is None:
        refusal = book.not_carried("CarryOverClosed", at=at)
        assert refusal.numbers["apply_to"] == "2026-06-10"
        return
    book.carry(1, at)
    (event,) = events(book)
    assert event["batch"]["processed_by"] == batch


# --- who -----------------------------------------------------------------------------------------


@ON_SQLITE
def test_who_was_late_may_not_carry_over(book: BankingBook) -> None:
    """D39: 2024 was completed on 5 January 2026."""
    book.verified(10, 2024, at="2025-06-01")
    book.surrender(10, year=2024, unit="CEA:2023", at="2026-01-05", id="s")
    book.confirm("s", at="2026-01-06")
    refusal = book.not_carried("CarryOverNotEligible")
    assert "LATE_COMPLIANT" in refusal.numbers["reasons"][0]


@ON_SQLITE
def test_the_status_is_that_of_the_day_of_the_application(book: BankingBook) -> None:
    """2024 is restated upwards in March: from then on it is not met."""
    book.verified(10, 2024, at="2025-06-01")
    book.surrender(10, year=2024, unit="CEA:2023", at="2025-12-01", id="s")
    book.confirm("s", at="2025-12-02")
    book.verified(11, 2024, at="2026-03-01")
    book.carry(1, "2026-02-28")
    book.not_carried("CarryOverNotEligible", at="2026-03-01")


@ON_SQLITE
def test_nothing_is_carried_over_while_a_recall_is_open(book: BankingBook) -> None:
    book.fund("CEA:2024", 1_000, at="2024-01-01")
    book.verified(1_000, 2023, at="2024-06-01")
    book.pre_allocate(2024, at="2024-08-01")
    book.traded("plant-1", "other-1", 700, "CEA:2024", "2024-09-01")
    book.verified(0, 2023, at="2024-10-01")
    book.verified(0, 2024, at="2025-06-01")
    book.finalise(2024, entitlement=650, at="2025-07-01", id="final")
    refusal = book.not_carried("RecallOutstanding")
    assert (refusal.numbers["year"], refusal.numbers["recall_open"]) == (2024, 50)
    book.traded("other-1", "plant-1", 50, "CEA:2024", "2026-01-20")
    book.carry(1)


@ON_SQLITE
def test_a_frozen_account_may_after_unfreezing(book: BankingBook) -> None:
    book.send("freeze", account="plant-1", at="2025-06-01", id="f")
    book.not_carried("AccountFrozen")
    book.not_carried("AccountFrozen", unit="CEA:2023")
    book.send("unfreeze", freeze="f", at="2026-03-01")
    book.carry(600, "2026-03-01")


@ON_SQLITE
def test_an_entity_is_known_and_has_an_account(book: BankingBook) -> None:
    book.not_carried("UnknownEntity", entity="nobody")
    book.send("register_entity", entity="new", name="New", sector="power", at=BEFORE)
    book.not_carried("UnknownAccount", entity="new")


# --- what ----------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize("unit", [NEW, "CEA:2026"])
def test_a_new_vintage_cannot_be_carried_over(book: BankingBook, unit: str) -> None:
    refusal = book.not_carried("VintageNotEligible", unit=unit)
    assert refusal.numbers["eligible"] == list(OLD)


@ON_SQLITE
@pytest.mark.parametrize("unit", ["CQEA:2023", "CEA:2020", "*"])
def test_a_unit_of_another_market_is_unknown(book: BankingBook, unit: str) -> None:
    assert book.not_carried("UnitNotAllowed", unit=unit).numbers["unit"] == unit


# --- how much ------------------------------------------------------------------------------------


@ON_SQLITE
def test_the_cap_binds_for_all_applications_together(book: BankingBook) -> None:
    """D33: 310,000 of 500,000 t; 190,000 t stay what they are."""
    book.give(700_000 - 600, "CEA:2024", at=BEFORE)
    book.sold(300_000, "CEA:2024")
    book.bought(100_000, "CEA:2024", at="2025-03-01")
    book.carry(300_000)
    refusal = book.not_carried("BankingCapExceeded", 10_001)
    numbers = refusal.numbers
    assert (numbers["cap"], numbers["carried"], numbers["asked"]) == (310_000, 300_000, 10_001)
    assert numbers["holding"] == 500_000
    book.carry(10_000, "2026-06-10")
    assert book.not_carried("BankingCapExceeded").numbers["carried"] == 310_000
    total = book.total()
    assert total.pop(NEW) == 310_000
    assert sum(total.values()) == 190_000


@ON_SQLITE
@pytest.mark.parametrize("quantity", [600, 601])
def test_no_more_is_carried_than_was_held_at_the_snapshot(book: BankingBook, quantity: int) -> None:
    book.bought(500, at="2026-01-05")
    if quantity == 600:
        book.carry(600)
        assert book.not_carried("BankingCapExceeded").numbers["carried"] == 600
    else:
        numbers = book.not_carried("BankingCapExceeded", quantity).numbers
        assert (numbers["cap"], numbers["holding"], numbers["asked"]) == (10_000, 600, 601)


@ON_SQLITE
def test_an_application_takes_effect_later_and_counts_now(book: BankingBook) -> None:
    book.carry(400, "2026-06-01")
    assert book.not_carried("BankingCapExceeded", 201).numbers["carried"] == 400


@ON_SQLITE
def test_what_left_since_cannot_be_carried(book: BankingBook) -> None:
    book.send("cancel", account="plant-1", unit="CEA:2021", quantity=100, at="2026-01-10")
    numbers = book.not_carried("InsufficientUnits", 501).numbers
    assert (numbers["available"], numbers["asked"]) == (500, 501)
    numbers = book.not_carried("InsufficientUnits", 1, unit="CEA:2021").numbers
    assert (numbers["held"], numbers["available"], numbers["asked"]) == (0, 0, 1)
    book.carry(500)


@ON_SQLITE
def test_what_leaves_later_cannot_be_carried_before(book: BankingBook) -> None:
    book.send("cancel", account="plant-1", unit="CEA:2021", quantity=100, at="2026-04-01")
    book.not_carried("BackdatedOverdraft", 600)
    book.not_carried("BackdatedOverdraft", 1, unit="CEA:2021")
    book.carry(500)


@ON_SQLITE
def test_a_frozen_vintage_that_is_needed_is_named(book: BankingBook) -> None:
    book.send("freeze", account="plant-1", unit="CEA:2022", at="2026-01-15", id="f")
    assert book.not_carried("AccountFrozen", 401).numbers["freeze"] == "f"
    book.carry(400)


@ON_SQLITE
def test_a_carry_over_is_not_reversed(book: BankingBook) -> None:
    book.carry(10, id="c")
    book.refused("NotReversible", "reverse", reverses="c")


@ON_SQLITE
def test_no_account_can_take_the_name_of_an_outside_one(book: BankingBook) -> None:
    for name in ("converted-in", "converted-out"):
        book.refused("AccountExists", "open_account", account=name, kind="entity", entity="plant")


def test_the_same_on_both_databases(book: BankingBook) -> None:
    book.sold(100)
    book.carry(300)
    row = book.banking()
    assert (row["cap"], row["holding"], row["carried"], row["carryable"]) == (10_150, 500, 300, 200)
    assert book.supply("CEA:2021")["converted_out"] == 100
    assert book.supply(NEW)["converted_in"] == 300
