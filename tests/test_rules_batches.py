"""Batches: several commands in one write, all or nothing."""

from typing import Any

import pytest

from etsledger.ledger import Refusal
from helpers import UNIT, DayBook, again, command, duplicate_of, records, standing, told


@pytest.fixture
def book(book: DayBook) -> DayBook:
    """``crrc-1`` has 15 t."""
    book.issue(15, at="2024-01-01")
    return book


STEP = {"command": "transfer", "unit": UNIT, "quantity": 5, "from": "crrc-1", "to": "desk-1",
        "kind": "free"}  # fmt: skip


def steps(*quantities: int) -> list[dict[str, Any]]:
    return [{**STEP, "id": f"b/{n}", "quantity": q} for n, q in enumerate(quantities, 1)]


def test_a_batch_is_one_write_with_the_positions_of_all_its_commands(book: DayBook) -> None:
    outcome = book.send("batch", id="b", commands=steps(5, 5, 5))
    assert (outcome.id, len(outcome.positions)) == ("b", 3)
    assert book.held("desk-1") == 15
    last = [record["record"] for record in records(book.ledger)[-3:]]
    assert {record["batch"] for record in last} == {"b"}
    assert [record["command"]["id"] for record in last] == ["b/1", "b/2", "b/3"]
    assert len({record["recorded_at"] for record in last}) == 1


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_batch_is_all_or_nothing(book: DayBook, bad: int) -> None:
    quantities = [5, 5, 5]
    quantities[bad] = 16
    refusal = book.refused("InsufficientUnits", "batch", id="b", commands=steps(*quantities))
    assert refusal.numbers["command_id"] == f"b/{bad + 1}"
    assert refusal.numbers["asked"] == 16
    assert f"commands.{bad}" in refusal.message
    # Neither its id nor those of its commands are used up.
    assert book.send("batch", id="b", commands=steps(5, 5, 5)).outcome == "accepted"


def test_a_later_command_of_a_batch_sees_the_earlier_ones(book: DayBook) -> None:
    back = {**STEP, "id": "b/back", "from": "desk-1", "to": "crrc-1", "quantity": 15}
    book.send("batch", id="b", commands=[*steps(15), back])
    assert (book.held(), book.held("desk-1")) == (15, 0)


def test_a_batch_hands_down_what_its_commands_do_not_state(book: DayBook) -> None:
    own = {"effective_at": "2024-04-01", "actor": "wang", "registry": "trial"}
    first, second = steps(5, 5)
    book.send(
        "batch", id="b", at="2024-03-01", actor="crrc", approved_by="boss", reference="doc 1",
        reason="settled", commands=[first, {**second, **own}],
    )  # fmt: skip
    one, two = list(book.ledger.events(types=["UnitsTransferred"]))
    papers = ("actor", "approved_by", "reference", "reason", "registry", "effective_at")
    assert [one[key] for key in papers] == [
        "crrc", "boss", "doc 1", "settled", "trial", "2024-03-01T00:00:00+08:00",
    ]  # fmt: skip
    assert [two[key] for key in papers] == [
        "wang", "boss", "doc 1", "settled", "trial", "2024-04-01T00:00:00+08:00",
    ]  # fmt: skip


def test_a_batch_again_is_a_duplicate_and_so_is_a_command_of_it(book: DayBook) -> None:
    sent = command("batch", "b", commands=steps(5, 10), at="2024-03-01", actor="crrc")
    first = book.ledger.execute(sent)
    assert told(again(book, sent)) == duplicate_of(first)
    alone = {**steps(5, 10)[1], "registry": "trial", "effective_at": "2024-03-01", "actor": "crrc"}
    answer = again(book, alone)
    assert (answer.outcome, answer.positions) == ("duplicate", first.positions[1:])
    for changed in (
        {**sent, "commands": steps(5, 9)},
        {**sent, "commands": steps(5)},
        {**sent, "commands": steps(5, 10)[::-1]},
        {**sent, "actor": "wang"},
        {**alone, "actor": "wang"},
    ):
        with pytest.raises(Refusal) as caught:
            book.ledger.execute(changed)
        assert caught.value.code == "DuplicateCommand"


def test_a_batch_takes_no_command_that_was_accepted_before(book: DayBook) -> None:
    book.ledger.execute({**steps(5)[0], "registry": "trial"})
    refusal = book.refused("DuplicateCommand", "batch", id="b", commands=steps(5, 5))
    assert refusal.numbers["command_id"] == "b/1"


def test_a_batch_of_commands_with_two_events_each_is_told_again(book: DayBook) -> None:
    surrender = {"command": "surrender", "entity": "crrc", "year": 2023, "unit": UNIT}
    sent = command(
        "batch", "b",
        commands=[{**surrender, "id": "b/1", "quantity": 5}, {**surrender, "id": "b/2",
                                                              "quantity": 6}],
    )  # fmt: skip
    first = book.ledger.execute(sent)
    assert len(first.positions) == 4
    assert told(again(book, sent)) == duplicate_of(first)


def test_a_batch_writes_over_two_registries_at_once(book: DayBook) -> None:
    book.send("open_registry", registry="other", rulebook="open")
    issue = {"command": "issue", "unit": UNIT, "quantity": 5, "registry": "other"}
    ledger = book.ledger
    outcome = book.send("batch", id="b", commands=[*steps(5), {**issue, "id": "b/other"}])
    assert [event["registry"] for event in ledger.events(from_position=outcome.positions[0])] == [
        "trial", "other",
    ]  # fmt: skip
    bad = {**issue, "id": "c/other", "to": "nobody"}
    first = {**steps(5)[0], "id": "c/1"}
    book.refused("UnknownAccount", "batch", id="c", commands=[first, bad])


@pytest.mark.parametrize("chunk", [1, 1000])
def test_a_refused_batch_in_a_file_leaves_its_neighbours(book: DayBook, chunk: int) -> None:
    sent = [
        command("transfer", "before", **{**STEP, "command": None, "quantity": 1}),
        command("batch", "b", commands=steps(5, 16)),
        command("batch", "b", commands=steps(5, 5)),
        command("transfer", "after", **{**STEP, "command": None, "quantity": 4}),
        command("transfer", "too-much", **{**STEP, "command": None, "quantity": 1}),
    ]
    outcomes = list(book.ledger.apply(sent, keep_going=True, chunk=chunk))
    answers = [outcome.outcome for outcome in outcomes]
    assert answers == ["accepted", "refused", "accepted", "accepted", "refused"]
    assert (book.held(), book.held("desk-1")) == (0, 15)
    assert book.ledger.verify().ok


def test_an_atomic_file_is_one_write(book: DayBook) -> None:
    good = [{**step, "registry": "trial"} for step in steps(5, 5)]
    before = standing(book.ledger)
    bad = {**good[0], "id": "bad", "quantity": 16}
    (outcome,) = book.ledger.apply([*good, bad], atomic=True)
    assert (outcome.id, outcome.outcome, outcome.line) == ("bad", "refused", 3)
    assert standing(book.ledger) == before
    outcomes = list(book.ledger.apply(good, atomic=True))
    assert [outcome.outcome for outcome in outcomes] == ["accepted", "accepted"]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(book: DayBook) -> None:
    sent = [{**step, "registry": "trial"} for step in steps(5, 5, 16, 5)]
    before = standing(book.ledger)
    foreseen = list(book.ledger.apply(sent, dry_run=True, keep_going=True))
    assert [outcome.outcome for outcome in foreseen] == [
        "accepted",
        "accepted",
        "refused",
        "accepted",
    ]
    assert standing(book.ledger) == before
    assert book.ledger.refusals() == []
    done = list(book.ledger.apply(sent, keep_going=True))
    assert list(map(told, done)) == list(map(told, foreseen))
