"""Reversing: once, and only while the units are still where they went. Asserting: for ever."""

from typing import Any

import pytest

from helpers import ON_SQLITE, UNIT, DayBook, command, held_by_account, records
from rulebooks import open_rulebook


def test_a_reversal_is_a_new_linked_fact_and_takes_the_units_back(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    moved = book.transfer(60, "crrc-1", "desk-1", at="2024-02-01", id="moved")
    book.send("reverse", reverses="moved", at="2024-03-01", id="back")
    last = records(book.ledger)[-1]["record"]
    assert last["type"] == "MovementReversed"
    assert last["data"] == {
        "from": "desk-1", "quantity": 60, "reversed_position": moved.positions[0],
        "reversal": "back", "reverses": "moved", "to": "crrc-1", "unit": UNIT,
    }  # fmt: skip
    assert [book.held(as_of=day) for day in ("2024-01-31", "2024-02-29", "2024-03-01")] == [
        100, 40, 100,
    ]  # fmt: skip


def test_a_fact_is_reversed_once_only(book: DayBook) -> None:
    book.issue(100)
    book.issue(100, to="desk-1")
    book.transfer(60, "crrc-1", "desk-1", id="moved")
    book.send("reverse", reverses="moved", id="back")
    refusal = book.refused("AlreadyReversed", "reverse", reverses="moved")
    assert refusal.numbers == {"reverses": "moved", "reversed_by": "back"}


@pytest.mark.parametrize(("gone", "code"), [(39, None), (40, None), (41, "NotReversible")])
def test_a_fact_is_reversed_only_while_the_units_are_still_there(
    book: DayBook, gone: int, code: str | None
) -> None:
    book.issue(100, at="2024-01-01")
    book.issue(40, to="desk-1", at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", id="moved", at="2024-02-01")
    book.transfer(gone, "desk-1", "wang-1", at="2024-03-01")
    if code is None:
        book.send("reverse", reverses="moved")
        assert book.held() == 100
        return
    refusal = book.refused(code, "reverse", reverses="moved")
    assert refusal.numbers == {
        "reverses": "moved", "account": "desk-1", "unit": UNIT, "held": 59, "available": 59,
        "asked": 60,
    }  # fmt: skip


def test_units_that_are_reserved_are_not_taken_back(book: DayBook) -> None:
    book.issue(100)
    book.transfer(60, "crrc-1", "desk-1", id="moved")
    book.freeze("desk-1", 1)
    assert book.refused("NotReversible", "reverse", reverses="moved").numbers["available"] == 59


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2024-01-31T23:59:59.999999", "InvalidCommand"),
        ("2024-02-01T00:00:00", None),
        ("2024-03-01T00:00:00", "BackdatedOverdraft"),
        ("2024-04-01T00:00:00", "NotReversible"),
    ],
)
def test_a_reversal_takes_effect_after_its_fact_and_before_the_units_leave(
    book: DayBook, at: str, code: str | None
) -> None:
    book.issue(100, at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", id="moved", at="2024-02-01")
    fields: dict[str, Any] = {"reverses": "moved", "at": at}
    if code is None:
        assert book.send("reverse", **fields).outcome == "accepted"
        return
    book.transfer(10, "desk-1", "wang-1", at="2024-04-01")
    book.refused(code, "reverse", **fields)


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("issue", {"to": "crrc-1"}),
        ("opening_balance", {"account": "crrc-1"}),
        ("distribute", {"from_": "authority", "to": "hubei"}),
        ("reserve", {}),
        ("transfer", {"from_": "authority", "to": "crrc-1", "kind": "release"}),
        ("transfer", {"from_": "desk-1", "to": "retired", "kind": "free"}),
        ("transfer", {"from_": "desk-1", "to": "crrc-1", "kind": "succession"}),
        ("transfer", {"from_": "desk-1", "to": "hubei", "kind": "judicial"}),
        ("transfer", {"from_": "desk-1", "to": "cancelled", "kind": "correction"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("kind", ""),
)
def test_every_reversible_movement_goes_back_to_where_it_came_from(
    book: DayBook, name: str, fields: dict[str, Any]
) -> None:
    book.send("issue", unit=UNIT, quantity=100)
    book.issue(100, to="desk-1")
    before = held_by_account(book.ledger), book.ledger.supply()
    book.send(name, unit=UNIT, quantity=7, id="moved", **fields)
    assert held_by_account(book.ledger) != before[0]
    book.send("reverse", reverses="moved")
    assert (held_by_account(book.ledger), book.ledger.supply()) == before


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cancel", {"account": "crrc-1", "unit": UNIT, "quantity": 1}),
        ("surrender", {"entity": "crrc", "year": 2023, "unit": UNIT, "quantity": 1}),
        ("freeze", {"account": "crrc-1"}),
        ("pledge", {"account": "crrc-1", "unit": UNIT, "quantity": 1, "pledgee": "bank"}),
        ("open_account", {"account": "new", "kind": "institution"}),
        ("assert_balance", {"account": "crrc-1", "unit": UNIT, "quantity": 100}),
        ("adopt_rulebook", {"rulebook": "open"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_movement_of_that_kind_is_not_reversible(
    book: DayBook, name: str, fields: dict[str, Any]
) -> None:
    book.issue(100)
    book.send(name, id="done", **fields)
    refusal = book.refused("NotReversible", "reverse", reverses="done")
    assert refusal.numbers == {"reverses": "done"}


def test_a_reversal_is_not_reversed(book: DayBook) -> None:
    book.issue(100)
    book.transfer(60, "crrc-1", "desk-1", id="moved")
    book.send("reverse", reverses="moved", id="back")
    book.refused("NotReversible", "reverse", reverses="back")


@ON_SQLITE
def test_the_rulebook_says_what_may_be_reversed(book: DayBook) -> None:
    routes = [{**route, "reversible": False} for route in open_rulebook()["routes"]]
    book.issue(100, at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", id="moved", at="2024-02-01")
    final = open_rulebook(name="final", routes=routes)
    book.send("adopt_rulebook", rulebook=final, at="2024-03-01")
    refusal = book.refused("NotReversible", "reverse", reverses="moved", at="2024-03-01")
    assert refusal.numbers == {"reverses": "moved", "movement": "transfer.free"}
    book.send("reverse", reverses="moved", at="2024-02-29")  # the old rules were in force then


def test_nothing_unknown_is_reversed(book: DayBook) -> None:
    refusal = book.refused("UnknownReference", "reverse", reverses="nothing")
    assert refusal.numbers == {"reference_id": "nothing"}


def test_the_command_of_a_batch_is_reversed_and_never_the_batch(book: DayBook) -> None:
    book.issue(100)
    book.issue(100, to="desk-1")
    moved = {"unit": UNIT, "quantity": 60, "from": "crrc-1", "to": "desk-1", "kind": "free"}
    book.send("batch", id="b", commands=[{"command": "transfer", "id": "b/1", **moved}])
    book.refused("NotReversible", "reverse", reverses="b")
    book.send("reverse", reverses="b/1")
    book.refused("NotReversible", "reverse", reverses="b")
    book.refused("AlreadyReversed", "reverse", reverses="b/1")
    assert book.held() == 100


@pytest.mark.parametrize("chunk", [1, 100])
def test_reversing_answers_alike_within_one_commit_and_across_commits(
    book: DayBook, chunk: int
) -> None:
    book.issue(100)
    book.issue(100, to="desk-1")
    moved = {"unit": UNIT, "quantity": 60, "from": "crrc-1", "to": "desk-1", "kind": "free"}
    sent = [
        command("transfer", "m", **moved),
        command("reverse", "r1", reverses="m"),
        command("reverse", "r2", reverses="m"),
        command("batch", "b", commands=[{"command": "transfer", "id": "b/1", **moved}]),
        command("reverse", "r3", reverses="b"),
        command("reverse", "r4", reverses="b/1"),
        command("reverse", "r5", reverses="b/1"),
    ]
    outcomes = book.ledger.apply(sent, keep_going=True, chunk=chunk)
    codes = [outcome.refusal.code if outcome.refusal else None for outcome in outcomes]
    assert codes == [None, None, "AlreadyReversed", None, "NotReversible", None, "AlreadyReversed"]


# -- assertions --------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("at", "held"),
    [("2023-12-31", 0), ("2024-01-01", 100), ("2024-02-01", 40), (None, 40), ("2025-01-01", 90)],
)
def test_a_balance_is_asserted_as_of_an_instant(book: DayBook, at: str | None, held: int) -> None:
    book.issue(100, at="2024-01-01")
    book.transfer(60, "crrc-1", "desk-1", at="2024-02-01")
    book.issue(50, at="2024-12-01")
    fields = {"account": "crrc-1", "unit": UNIT, "at": at}
    for wrong in {held - 1, held + 1} - {-1}:
        refusal = book.refused("InvalidCommand", "assert_balance", quantity=wrong, **fields)
        assert refusal.numbers == {
            "field": "quantity", "account": "crrc-1", "unit": UNIT, "asserted": wrong,
            "held": held, "difference": wrong - held,
        }  # fmt: skip
        assert f"{wrong - held:+d} t" in refusal.message
    book.send("assert_balance", quantity=held, **fields)
    assert book.ledger.verify().ok


def test_a_later_difference_is_a_finding_of_kind_restated(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    fields = {"account": "crrc-1", "unit": UNIT, "at": "2024-03-01"}
    sworn = book.send("assert_balance", quantity=100, **fields)
    book.transfer(60, "crrc-1", "desk-1", at="2024-03-02")  # after it: no matter
    assert book.ledger.verify().ok
    late = book.transfer(5, "crrc-1", "desk-1", at="2024-02-01")
    report = book.ledger.verify()
    (finding,) = report.findings
    assert (report.ok, finding.check, finding.position) == (False, "restated", sworn.positions[0])
    assert "100 t" in finding.message
    assert "95" in finding.message
    assert f"positions {late.positions[0]}" in finding.message
    # A new assertion of what is known now stands beside the old one.
    book.send("assert_balance", quantity=95, **fields)
    assert [finding.check for finding in book.ledger.verify().findings] == ["restated"]
    # The old balance is still what was known then.
    assert book.held(as_of="2024-03-01", known_at=sworn.positions[0]) == 100


def test_an_assertion_that_comes_true_again_is_no_finding(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    book.send("assert_balance", account="crrc-1", unit=UNIT, quantity=100, at="2024-03-01")
    book.transfer(5, "crrc-1", "desk-1", at="2024-02-01", id="mistake")
    assert not book.ledger.verify().ok
    book.send("reverse", reverses="mistake", at="2024-02-01")
    assert book.ledger.verify().ok


@ON_SQLITE
def test_an_opening_balance_with_facts_for_later_rules_is_not_reversed(book: DayBook) -> None:
    given = {"account": "crrc-1", "unit": UNIT, "quantity": 10}
    book.send("opening_balance", id="plain", **given)
    book.send("opening_balance", id="facts", facts={"net_sales": {UNIT: 5}}, **given)
    refusal = book.refused("NotReversible", "reverse", reverses="facts")
    assert refusal.numbers["facts"] == ["net_sales"]
    book.send("reverse", reverses="plain")
