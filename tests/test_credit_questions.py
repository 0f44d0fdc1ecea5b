"""What became of credits: ``Ledger.credits`` and ``etsledger credits``."""

import json
from pathlib import Path

import pytest

from command_line import ask, ok
from credit_books import ACCOUNT, CREDITS, NEW, OLD, CreditBook, book
from etsledger.ledger import CreditRow
from national import PLANT, REGISTRY, SUMMER

__all__ = ["book"]  # a fixture


def row(book: CreditBook, unit: str = NEW, **when: str) -> CreditRow:
    (found,) = book.ledger.credits(unit=unit, **when)
    assert found["issued"] == sum(found[k] for k in ("free", "locked", "used", "cancelled"))
    return found


@pytest.fixture
def used(book: CreditBook) -> CreditBook:
    """150 issued in two blocks; 30 used, 90 used, 5 given up, 10 kept."""
    book.verified(1_000_000, at="2025-03-01")
    book.credits(100, methodology="CCER-01-001-V01")
    book.credits(50, serial_start=501, at="2021-01-01")
    book.use(book.lock(30, id="lock 1"), id="use 1")
    book.use(book.lock(90, id="lock 2"), id="use 2")
    book.send("cancel", registry=CREDITS, account=ACCOUNT, unit=NEW, quantity=5)
    book.lock(10, id="lock 3")
    return book


def test_credits_are_followed_from_issuance_to_use(used: CreditBook) -> None:
    found = row(used)
    told = {k: found[k] for k in ("issued", "free", "locked", "used", "cancelled")}
    assert told == {"issued": 150, "free": 15, "locked": 10, "used": 120, "cancelled": 5}
    assert (found["programme"], found["registered_on"]) == ("ccer", "2025-03-06")
    assert (found["covered_by_ets"], found["methodology"]) == (False, "CCER-01-001-V01")
    assert found["serials"] == [(1, 100), (501, 550)]
    assert [(u["entity"], u["year"], u["quantity"], u["serials"]) for u in found["uses"]] == [
        (PLANT, 2024, 30, [(1, 30)]),
        (PLANT, 2024, 90, [(31, 100), (501, 520)]),
    ]
    assert found["cancelled_serials"] == [(521, 525)]
    assert found["locks"] == [{
        "lock": "lock 3", "account": ACCOUNT, "for_registry": REGISTRY, "entity": PLANT,
        "year": 2024, "quantity": 10,
    }]  # fmt: skip


def test_no_serial_number_is_told_twice(used: CreditBook) -> None:
    found = row(used)
    ranges = [r for use in found["uses"] for r in use["serials"]] + found["cancelled_serials"]
    numbers = [n for first, last in ranges for n in range(first, last + 1)]
    assert len(numbers) == len(set(numbers)) == found["used"] + found["cancelled"]
    assert all(any(a <= n <= b for a, b in found["serials"]) for n in numbers)


def test_credits_as_of_then_and_as_known_then(used: CreditBook) -> None:
    before = used.known_at()
    early = used.lock(10, at="2025-04-01")
    used.use(early, at="2025-04-02")
    assert row(used, as_of="2025-04-01")["locked"] == 10
    assert row(used, as_of="2025-04-02")["used"] == 10
    assert row(used, as_of="2025-04-02", known_at=before)["used"] == 0
    assert row(used)["uses"][0]["serials"] == [(1, 10)], "the first by effective time"
    assert row(used, known_at=before)["uses"][0]["serials"] == [(1, 30)]


def test_each_unit_has_its_row_and_other_units_none(used: CreditBook) -> None:
    used.credits(7, OLD)
    used.give(100)
    used.send("cancel", account="plant-1", unit="CEA:2024", quantity=1)
    assert [one["unit"] for one in used.ledger.credits()] == [NEW, OLD]
    assert used.ledger.credits(registry=REGISTRY) == []
    assert used.ledger.credits(as_of="2019-01-01") == []


def test_an_opening_balance_has_no_numbers(book: CreditBook) -> None:
    given = {"registry": CREDITS, "account": ACCOUNT, "unit": NEW, "at": "2019-06-01"}
    book.send("opening_balance", **given, quantity=20)
    wrong = book.send("opening_balance", **given, quantity=5)
    assert book.ledger.credits() == []
    book.credits(100)
    book.send("reverse", registry=CREDITS, reverses=wrong.id, at="2019-07-01")
    book.verified(1_000_000)
    book.use(book.lock(25))
    found = row(book)
    assert (found["issued"], found["serials"]) == (120, [(1, 100)])
    assert found["uses"][0]["serials"] == [(1, 5)]


def test_the_row_agrees_with_balances_and_supply(used: CreditBook) -> None:
    found, supply = row(used), used.credit_supply()
    assert supply["issued"] == found["issued"]
    assert supply["cancelled"] == found["used"] + found["cancelled"]
    assert used.credit_row()["pending"] == found["locked"]
    assert used.credit_row()["available"] == found["free"]


def test_the_command_tells_people_and_programs(used: CreditBook, tmp_path: Path) -> None:
    (store,) = tmp_path.glob("*.db")
    asked = ok(store, "credits", "--as-of", SUMMER[:10], "--format", "table")
    assert f"{PLANT} 2024 (1-30); {PLANT} 2024 (31-100, 501-520)" in asked
    (found,) = ask(store, "credits", "--unit", NEW)
    assert found == json.loads(json.dumps(row(used)))
