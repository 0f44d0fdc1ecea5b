"""Surrender: submitted, pending, confirmed or rejected; or final at once where the rules say so."""

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, UNIT, DayBook, holding, records, send_all, trial_registry
from rulebooks import confirming_rulebook

pytestmark = ON_SQLITE


@pytest.fixture
def confirming(ledger: Ledger) -> DayBook:
    """``crrc-1`` has 100 t, in a registry where a surrender waits for confirmation."""
    send_all(ledger, trial_registry(confirming_rulebook()))
    book = DayBook(ledger)
    book.issue(100, at="2024-01-01")
    return book


def row(book: DayBook, **when: str) -> tuple[int, int, int]:
    """(held, pending, available) of ``crrc-1``."""
    found = holding(book.ledger, "crrc-1", **when)
    return found["quantity"], found["pending"], found["available"]


def test_without_confirmation_a_surrender_is_final_when_submitted(book: DayBook) -> None:
    book.issue(100)
    outcome = book.surrender(30, id="s")
    assert len(outcome.positions) == 2
    types = [record["record"]["type"] for record in records(book.ledger)[-2:]]
    assert types == ["SurrenderSubmitted", "SurrenderConfirmed"]
    assert row(book) == (70, 0, 70)
    assert book.held("retired") == 30
    book.refused("UnknownReference", "confirm_surrender", surrender="s")
    book.refused("UnknownReference", "reject_surrender", surrender="s")


def test_a_submitted_surrender_freezes_its_units_until_it_is_confirmed(
    confirming: DayBook,
) -> None:
    book = confirming
    book.surrender(30, id="s", at="2024-03-01")
    assert row(book) == (100, 30, 70)
    assert book.held("retired") == 0
    refusal = book.refused(
        "InsufficientUnits", "transfer",
        unit=UNIT, quantity=71, from_="crrc-1", to="desk-1", kind="free",
    )  # fmt: skip
    assert (refusal.numbers["held"], refusal.numbers["available"]) == (100, 70)
    book.send("confirm_surrender", surrender="s", at="2024-04-01")
    assert row(book) == (70, 0, 70)
    assert book.held("retired") == 30
    # … and so it stays on the days between.
    days = ("2024-02-29", "2024-03-01", "2024-03-31", "2024-04-01")
    found = [row(book, as_of=day) for day in days]
    assert found == [(100, 0, 100), (100, 30, 70), (100, 30, 70), (70, 0, 70)]


def test_a_rejected_surrender_frees_its_units(confirming: DayBook) -> None:
    book = confirming
    book.surrender(30, id="s", at="2024-03-01")
    book.send("reject_surrender", surrender="s", at="2024-04-01")
    assert row(book) == (100, 0, 100)
    assert row(book, as_of="2024-03-15") == (100, 30, 70)
    assert book.held("retired") == 0


@pytest.mark.parametrize("first", ["confirm_surrender", "reject_surrender"])
@pytest.mark.parametrize("second", ["confirm_surrender", "reject_surrender"])
def test_a_surrender_is_confirmed_or_rejected_once(
    confirming: DayBook, first: str, second: str
) -> None:
    book = confirming
    book.surrender(30, id="s")
    book.send(first, surrender="s")
    refusal = book.refused("UnknownReference", second, surrender="s")
    assert refusal.numbers == {"reference_id": "s", "expected": "surrender"}


@pytest.mark.parametrize("name", ["confirm_surrender", "reject_surrender"])
@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2024-02-29T23:59:59.999999", "InvalidCommand"),
        ("2024-03-01T00:00:00", None),
        ("2024-03-01T00:00:00.000001", None),
    ],
)
def test_a_surrender_does_not_end_before_it_was_submitted(
    confirming: DayBook, name: str, at: str, code: str | None
) -> None:
    book = confirming
    book.surrender(30, id="s", at="2024-03-01")
    if code is None:
        book.send(name, surrender="s", at=at)
    else:
        refusal = book.refused(code, name, surrender="s", at=at)
        assert refusal.numbers["field"] == "effective_at"


def test_a_surrender_names_its_entity_year_and_account(confirming: DayBook) -> None:
    book = confirming
    book.surrender(30, id="s")
    book.send("confirm_surrender", surrender="s", id="c")
    submitted, confirmed = (record["record"]["data"] for record in records(book.ledger)[-2:])
    assert submitted == confirmed == {
        "account": "crrc-1", "entity": "crrc", "quantity": 30, "surrender": "s", "unit": UNIT,
        "year": 2023,
    }  # fmt: skip


def test_units_come_from_the_default_account_unless_another_is_named(book: DayBook) -> None:
    book.issue(100)
    book.issue(100, to="wang-1")  # a custody account: a forced surrender
    book.surrender(10)
    book.surrender(20, from_="wang-1")
    assert (book.held(), book.held("wang-1"), book.held("retired")) == (90, 80, 30)


def test_an_entity_without_an_account_surrenders_nothing(book: DayBook) -> None:
    book.send("register_entity", entity="new", name="New", sector="steel")
    refusal = book.refused(
        "UnknownAccount", "surrender", entity="new", unit=UNIT, quantity=1, year=2023
    )
    assert refusal.numbers == {"entity": "new"}
    assert "open_account" in refusal.message


def test_an_account_with_a_pending_surrender_is_not_closed(confirming: DayBook) -> None:
    confirming.surrender(100)
    confirming.refused("AccountNotEmpty", "close_account", account="crrc-1")


def test_two_surrenders_wait_side_by_side(confirming: DayBook) -> None:
    book = confirming
    book.surrender(30, id="a")
    book.surrender(70, id="b")
    book.refused("InsufficientUnits", "surrender", entity="crrc", unit=UNIT, quantity=1, year=2022)
    book.send("reject_surrender", surrender="a")
    book.send("confirm_surrender", surrender="b")
    assert row(book) == (30, 0, 30)
