"""No account gives what it has not: at the effective time itself, and at any later one."""

from typing import Any

import pytest

from helpers import ON_SQLITE, UNIT, DayBook


@ON_SQLITE
@pytest.mark.parametrize(("asked", "code"), [(99, None), (100, None), (101, "InsufficientUnits")])
@pytest.mark.parametrize("name", ["transfer", "cancel", "surrender", "pledge", "freeze"])
def test_no_account_gives_more_than_it_has(
    book: DayBook, name: str, asked: int, code: str | None
) -> None:
    book.issue(100)
    book.issue(1000, to="desk-1")  # another's
    book.issue(1000, unit="CEA:2024")  # another unit
    fields: dict[str, Any] = {
        "transfer": {"from_": "crrc-1", "to": "desk-1", "kind": "free"},
        "cancel": {"account": "crrc-1"},
        "surrender": {"entity": "crrc", "year": 2023},
        "pledge": {"account": "crrc-1", "pledgee": "bank"},
        "freeze": {"account": "crrc-1"},
    }[name]
    if code is None:
        book.send(name, unit=UNIT, quantity=asked, **fields)
        assert book.available() == 100 - asked
        return
    refusal = book.refused(code, name, unit=UNIT, quantity=asked, **fields)
    assert refusal.numbers == {
        "account": "crrc-1", "unit": UNIT, "held": 100, "available": 100, "asked": 101,
    }  # fmt: skip
    assert "1 short" in refusal.message or "101 to be frozen" in refusal.message


def test_units_can_be_spent_from_the_instant_they_arrive(book: DayBook) -> None:
    book.issue(10, at="2024-03-01T12:00:00")
    refusal = book.refused(
        "InsufficientUnits", "transfer", at="2024-03-01T11:59:59.999999",
        unit=UNIT, quantity=1, from_="crrc-1", to="desk-1", kind="free",
    )  # fmt: skip
    assert refusal.numbers["held"] == 0
    book.transfer(10, "crrc-1", "desk-1", at="2024-03-01T12:00:00")


@pytest.mark.parametrize(("asked", "code"), [(39, None), (40, None), (41, "BackdatedOverdraft")])
def test_a_back_dated_fact_must_leave_enough_for_every_later_one(
    book: DayBook, asked: int, code: str | None
) -> None:
    book.issue(100, at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", at="2024-03-01")  # the lowest: 40 left
    book.issue(500, at="2024-04-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "at": "2024-02-01"}
    if code is None:
        book.send("transfer", quantity=asked, **fields)
        assert book.held(as_of="2024-03-15") == 40 - asked
        return
    refusal = book.refused(code, "transfer", quantity=asked, **fields)
    assert refusal.numbers == {
        "account": "crrc-1", "unit": UNIT, "held": 100, "available": 100, "lowest": 40,
        "asked": 41,
    }  # fmt: skip


def test_short_at_the_time_itself_comes_before_short_only_later(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", at="2024-03-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "at": "2024-02-01"}
    book.refused("InsufficientUnits", "transfer", quantity=101, **fields)
    book.refused("BackdatedOverdraft", "transfer", quantity=100, **fields)


def test_later_reservations_count_as_later_facts(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    book.pledge(60, at="2024-03-01", id="p")
    book.send("release_pledge", pledge="p", at="2024-04-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "at": "2024-02-01"}
    refusal = book.refused("BackdatedOverdraft", "transfer", quantity=41, **fields)
    assert refusal.numbers["lowest"] == 40
    book.send("transfer", quantity=40, **fields)


def test_what_arrives_and_leaves_at_one_instant_covers_itself(book: DayBook) -> None:
    book.issue(10, at="2024-02-01")
    book.transfer(10, "crrc-1", "desk-1", at="2024-02-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "quantity": 1}
    book.refused("InsufficientUnits", "transfer", at="2024-02-01", **fields)
    assert book.held(as_of="2024-02-01") == 0


def test_the_future_covers_nothing_today(book: DayBook) -> None:
    book.issue(10, at="2024-12-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "quantity": 1}
    book.refused("InsufficientUnits", "transfer", **fields)
    book.send("transfer", at="2024-12-01", **fields)


def test_a_fact_of_today_must_leave_enough_for_a_promised_one(book: DayBook) -> None:
    book.issue(10, at="2024-01-01")
    book.transfer(10, "crrc-1", "desk-1", at="2024-12-01")
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "wang-1", "kind": "free", "quantity": 1}
    book.refused("BackdatedOverdraft", "transfer", **fields)
