"""Freezes and pledges: what can leave an account, and as of when."""

from typing import Any

import pytest

from helpers import ON_SQLITE, UNIT, DayBook, command, holding

BEFORE, SINCE, DURING = "2024-02-29T23:59:59.999999", "2024-03-01T00:00:00", "2024-04-01"
LAST, UNTIL, AFTER = "2024-04-30T23:59:59.999999", "2024-05-01T00:00:00", "2024-05-02"


@pytest.fixture
def book(book: DayBook) -> DayBook:
    """``crrc-1`` has 100 t of CEA:2023 and of CEA:2024, ``desk-1`` 100 t of CEA:2023."""
    book.issue(100, at="2021-01-01")
    book.issue(100, unit="CEA:2024", at="2021-01-01")
    book.issue(100, to="desk-1", at="2021-01-01")
    return book


def transfer(source: str, to: str, quantity: int = 1, unit: str = UNIT) -> dict[str, Any]:
    return {"unit": unit, "quantity": quantity, "from_": source, "to": to, "kind": "free"}


def may_send(book: DayBook, account: str, at: str, unit: str = UNIT) -> bool:
    """Whether one tonne could leave: asked with a dry run."""
    asked = command("transfer", "dry", at=at, **transfer(account, "wang-1", unit=unit))
    (outcome,) = book.ledger.apply([asked], dry_run=True)
    assert outcome.refusal is None or outcome.refusal.code == "AccountFrozen"
    return outcome.outcome == "accepted"


# -- a quantity --------------------------------------------------------------------------------


def test_reserved_units_stay_but_cannot_leave(book: DayBook) -> None:
    book.freeze("crrc-1", 30, at="2024-01-01", id="f")
    book.pledge(20, at="2024-01-02", id="p")
    assert holding(book.ledger, "crrc-1") == {
        "quantity": 100, "available": 50, "frozen": 30, "pledged": 20, "pending": 0,
        "restricted": 0,
    }  # fmt: skip
    refusal = book.refused("InsufficientUnits", "transfer", **transfer("crrc-1", "desk-1", 51))
    assert refusal.numbers == {
        "account": "crrc-1", "unit": UNIT, "held": 100, "available": 50, "asked": 51,
    }  # fmt: skip
    book.transfer(50, "crrc-1", "desk-1")
    assert book.available() == 0
    book.refused("InsufficientUnits", "transfer", **transfer("crrc-1", "desk-1"))
    book.send("unfreeze", freeze="f")
    assert book.available() == 30
    book.send("release_pledge", pledge="p")
    assert book.available() == book.held() == 50


@ON_SQLITE
@pytest.mark.parametrize(("asked", "code"), [(59, None), (60, None), (61, "InsufficientUnits")])
@pytest.mark.parametrize("name", ["freeze", "pledge", "cancel", "transfer", "surrender"])
def test_reservations_leave_the_rest_to_every_command(
    book: DayBook, name: str, asked: int, code: str | None
) -> None:
    book.freeze("crrc-1", 15)
    book.pledge(25)
    fields = {
        "freeze": {"account": "crrc-1", "unit": UNIT, "quantity": asked},
        "pledge": {"account": "crrc-1", "unit": UNIT, "quantity": asked, "pledgee": "bank"},
        "cancel": {"account": "crrc-1", "unit": UNIT, "quantity": asked},
        "transfer": transfer("crrc-1", "desk-1", asked),
        "surrender": {"entity": "crrc", "unit": UNIT, "quantity": asked, "year": 2023},
    }[name]
    if code is None:
        book.send(name, **fields)
        assert book.available() == 60 - asked
    else:
        refusal = book.refused(code, name, **fields)
        numbers = (refusal.numbers["held"], refusal.numbers["available"], refusal.numbers["asked"])
        assert numbers == (100, 60, asked)


def test_a_reservation_of_one_unit_leaves_the_others(book: DayBook) -> None:
    book.freeze("crrc-1", 100)
    assert book.available(unit="CEA:2024") == 100
    book.transfer(100, "crrc-1", "desk-1", unit="CEA:2024")


def test_a_quantity_is_frozen_as_of_before_during_and_after(book: DayBook) -> None:
    book.freeze("crrc-1", 40, at=SINCE, id="f")
    book.send("unfreeze", freeze="f", at=UNTIL)
    found = [book.available(as_of=at) for at in (BEFORE, SINCE, DURING, LAST, UNTIL, AFTER)]
    assert found == [100, 60, 60, 60, 100, 100]
    assert [book.held(as_of=at) for at in (BEFORE, DURING, AFTER)] == [100, 100, 100]


def test_a_pledge_holds_as_of_before_during_and_after(book: DayBook) -> None:
    book.pledge(40, at=SINCE, id="p")
    book.send("release_pledge", pledge="p", at=UNTIL)
    found = [book.available(as_of=at) for at in (BEFORE, SINCE, LAST, UNTIL)]
    assert found == [100, 60, 60, 100]


def test_a_back_dated_freeze_is_judged_by_what_was_held_then(book: DayBook) -> None:
    book.transfer(90, "crrc-1", "desk-1", at="2024-03-01")
    refusal = book.refused(
        "InsufficientUnits", "freeze", account="crrc-1", unit=UNIT, quantity=101, at="2024-02-01"
    )
    assert (refusal.numbers["held"], refusal.numbers["available"]) == (100, 100)
    book.freeze("crrc-1", 100, at="2024-02-01")
    # It takes nothing back: the books say so, and nothing more can leave.
    assert (book.held(), book.available()) == (10, 0)
    refusal = book.refused("InsufficientUnits", "transfer", **transfer("crrc-1", "desk-1"))
    assert (refusal.numbers["held"], refusal.numbers["available"]) == (10, 0)
    assert book.ledger.verify().ok


@pytest.mark.parametrize(("name", "ends"), [("freeze", "unfreeze"), ("pledge", "release_pledge")])
def test_a_reservation_ends_once_and_not_before_it_began(
    book: DayBook, name: str, ends: str
) -> None:
    fields = {"account": "crrc-1", "unit": UNIT, "quantity": 5}
    extra = {"pledgee": "bank"} if name == "pledge" else {}
    book.send(name, id="r", at=SINCE, **fields, **extra)
    named = {"freeze" if name == "freeze" else "pledge": "r"}
    refusal = book.refused("InvalidCommand", ends, at=BEFORE, **named)
    assert refusal.numbers == {
        "field": "effective_at", "earliest": "2024-03-01T00:00:00+08:00",
    }  # fmt: skip
    book.send(ends, at=SINCE, **named)
    refusal = book.refused("UnknownReference", ends, **named)
    assert refusal.numbers == {"reference_id": "r", "expected": name}


def test_a_reservation_is_ended_by_its_own_kind(book: DayBook) -> None:
    book.pledge(5, id="p")
    book.freeze("crrc-1", 5, id="f")
    book.refused("UnknownReference", "unfreeze", freeze="p")
    book.refused("UnknownReference", "release_pledge", pledge="f")
    book.refused("UnknownReference", "reject_surrender", surrender="f")


# -- a whole account, a whole unit ---------------------------------------------------------------


def test_a_whole_account_is_frozen_as_of_before_during_and_after(book: DayBook) -> None:
    book.freeze("crrc-1", at=SINCE, id="f")
    book.send("unfreeze", freeze="f", at=UNTIL)
    times = (BEFORE, SINCE, DURING, LAST, UNTIL, AFTER)
    assert [book.available(as_of=at) for at in times] == [100, 0, 0, 0, 100, 100]
    assert [may_send(book, "crrc-1", at) for at in times] == [True, False, False, False, True, True]
    assert [book.held(as_of=at) for at in times] == [100] * 6


def test_a_whole_unit_is_frozen_and_the_others_are_free(book: DayBook) -> None:
    book.freeze("crrc-1", unit="CEA:2024", at=SINCE, id="f")
    book.send("unfreeze", freeze="f", at=UNTIL)
    times = (BEFORE, SINCE, LAST, UNTIL)
    free = {unit: [book.available(unit=unit, as_of=at) for at in times]
            for unit in (UNIT, "CEA:2024")}  # fmt: skip
    assert free == {UNIT: [100] * 4, "CEA:2024": [100, 0, 0, 100]}
    assert [may_send(book, "crrc-1", at, "CEA:2024") for at in times] == [True, False, False, True]
    assert may_send(book, "crrc-1", DURING, UNIT)


def test_a_freeze_out_lets_units_in(book: DayBook) -> None:
    book.freeze("crrc-1", id="f")
    refusal = book.refused("AccountFrozen", "transfer", **transfer("crrc-1", "desk-1"))
    assert refusal.numbers == {"account": "crrc-1", "freeze": "f"}
    book.transfer(1, "desk-1", "crrc-1")
    book.issue(1)
    assert (book.held(), book.available()) == (102, 0)


def test_a_freeze_in_both_directions_lets_nothing_in_or_out(book: DayBook) -> None:
    book.freeze("crrc-1", direction="both", id="f")
    give = {"unit": UNIT, "quantity": 1}
    for name, fields in [
        ("transfer", transfer("crrc-1", "desk-1")),
        ("transfer", transfer("desk-1", "crrc-1")),
        ("issue", {**give, "to": "crrc-1"}),
        ("opening_balance", {**give, "account": "crrc-1"}),
        ("cancel", {**give, "account": "crrc-1"}),
        ("pledge", {**give, "account": "crrc-1", "pledgee": "bank"}),
        ("surrender", {**give, "entity": "crrc", "year": 2023}),
    ]:
        refusal = book.refused("AccountFrozen", name, **fields)
        assert refusal.numbers == {"account": "crrc-1", "freeze": "f"}


def test_a_unit_frozen_in_both_directions_is_stopped_alone(book: DayBook) -> None:
    book.freeze("crrc-1", unit=UNIT, direction="both", id="f")
    book.refused("AccountFrozen", "transfer", **transfer("desk-1", "crrc-1"))
    book.issue(1, unit="CEA:2024")
    book.transfer(1, "crrc-1", "desk-1", unit="CEA:2024")


def test_overlapping_freezes_are_lifted_one_by_one(book: DayBook) -> None:
    book.freeze("crrc-1", id="court-a", at=SINCE)
    book.freeze("crrc-1", id="court-b", at=SINCE)
    book.send("unfreeze", freeze="court-a", at=DURING)
    assert book.available() == 0
    refusal = book.refused("AccountFrozen", "transfer", **transfer("crrc-1", "desk-1"))
    assert refusal.numbers["freeze"] == "court-b"
    book.send("unfreeze", freeze="court-b", at=UNTIL)
    times = (BEFORE, SINCE, DURING, LAST, UNTIL)
    assert [book.available(as_of=at) for at in times] == [100, 0, 0, 0, 100]
    book.transfer(1, "crrc-1", "desk-1")


def test_a_freeze_lifted_at_the_instant_it_began_was_never_in_force(book: DayBook) -> None:
    book.freeze("crrc-1", id="f", at=SINCE)
    book.send("unfreeze", freeze="f", at=SINCE)
    assert [book.available(as_of=at) for at in (BEFORE, SINCE, DURING)] == [100, 100, 100]
    assert may_send(book, "crrc-1", SINCE)


def test_a_freeze_of_the_future_stops_nothing_yet(book: DayBook) -> None:
    book.freeze("crrc-1", at="2024-12-01")
    assert book.available() == 100
    assert book.available(as_of="2024-12-01") == 0
    assert book.available(as_of="2024-11-30") == 100
    book.transfer(1, "crrc-1", "desk-1")
    book.refused("AccountFrozen", "transfer", at="2024-12-01", **transfer("crrc-1", "desk-1"))


def test_a_freeze_is_known_only_from_when_it_was_recorded(book: DayBook) -> None:
    position = book.ledger.head().position
    book.freeze("crrc-1", at=SINCE)
    assert book.available(as_of=DURING, known_at=f"@{position}") == 100
    assert book.available(as_of=DURING, known_at=position + 1) == 0


def test_a_frozen_account_may_still_be_frozen_and_asserted(book: DayBook) -> None:
    book.freeze("crrc-1", direction="both")
    book.freeze("crrc-1", 5)
    book.send("assert_balance", account="crrc-1", unit=UNIT, quantity=100)
