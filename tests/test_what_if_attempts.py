"""What if: commands that were refused, each decided again where it was sent."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from etsledger.domain.errors import Refusal
from etsledger.ledger import Addition, Ledger, WhatIf
from etsledger.ledger.comparisons import AcceptedNow
from helpers import UNIT, DayBook, SteppingClock, command, send_all, trial_registry
from rulebooks import confirming_rulebook, exchange_only_rulebook, open_rulebook
from what_if import asked, same_in_everything


@pytest.fixture
def strict(ledger: Ledger) -> DayBook:
    """A registry without free transfers."""
    send_all(ledger, trial_registry(exchange_only_rulebook()))
    return DayBook(ledger)


def accepted(found: WhatIf) -> dict[str, tuple[str, int, int | None]]:
    """By id: the code of the refusal, the position before, and where it was accepted later."""
    return {one.id: (one.refusal["code"], one.after, one.accepted_at) for one in found.accepted}


def move(id: str, quantity: int = 10, **fields: Any) -> dict[str, Any]:
    given = {"unit": UNIT, "from_": "crrc-1", "to": "desk-1", "kind": "free", **fields}
    return command("transfer", id, quantity=quantity, **given)


# -- what other rules would accept ---------------------------------------------------------------


def test_what_was_refused_and_other_rules_accept_is_told_with_its_refusal(
    strict: DayBook,
) -> None:
    strict.issue(1000)
    refusal = strict.refused("RouteNotAllowed", "transfer", **_fields(move("sold")))
    strict.issue(1)
    found = asked(strict, rulebook=open_rulebook())
    [one] = found.accepted
    assert one == AcceptedNow(
        "sold", "transfer", "trial", 9, refusal.as_dict(), ("UnitsTransferred",), None, True
    )
    assert found.differs
    summary = found.summary()
    assert (summary["attempts"], summary["accepted"], summary["commands"]) == (1, 1, 10)
    assert found.as_dict()["accepted"] == [one._asdict()]


def test_nothing_of_it_is_in_the_other_books(
    strict: DayBook, clock: SteppingClock, tmp_path: Path
) -> None:
    strict.issue(1000)
    for number in range(3):  # each of them would take all there is
        strict.refused("RouteNotAllowed", "transfer", **_fields(move(f"sold-{number}", 1000)))
    strict.surrender(1000, id="surrendered")
    kept = tmp_path / "other.db"
    found = asked(strict, rulebook=open_rulebook(), keep=kept)
    assert list(accepted(found)) == ["sold-0", "sold-1", "sold-2"]
    assert (found.refused, found.otherwise, found.balances) == ([], [], [])
    with Ledger.open(kept, read_only=True, clock=clock) as other:
        assert [one["type"] for one in other.events()] == [
            one["type"] for one in strict.ledger.events()
        ]
        assert other.refusals() == []
        assert other.verify().ok


def test_of_a_batch_the_events_of_all_its_commands_are_told(strict: DayBook) -> None:
    strict.issue(1000)
    batch = {"command": "batch", "id": "b", "commands": [move("b1"), move("b2")]}
    with pytest.raises(Refusal):
        strict.ledger.execute(batch)
    [one] = asked(strict, rulebook=open_rulebook()).accepted
    assert (one.id, one.command, one.after) == ("b", "batch", 9)
    assert one.events == ("UnitsTransferred", "UnitsTransferred")
    assert one.refusal["command_id"] == "b1"


def test_what_the_other_rules_refuse_too_is_counted_only(strict: DayBook) -> None:
    strict.issue(1000)
    strict.refused("RouteNotAllowed", "transfer", **_fields(move("too much", 2000)))
    found = asked(strict, rulebook=open_rulebook())
    assert (found.accepted, found.attempts, found.differs) == ([], 1, False)


def test_a_refused_rulebook_is_not_tried_where_another_stands_in_its_place(
    strict: DayBook,
) -> None:
    bad = {**confirming_rulebook(), "colour": "red"}
    for name, rulebook in (("open_registry", confirming_rulebook()), ("adopt_rulebook", bad)):
        with pytest.raises(Refusal):
            strict.send(name, rulebook=rulebook)
    kept = len(strict.ledger.refusals())
    assert kept > 0
    assert asked(strict, rulebook=open_rulebook()).attempts == 0
    assert asked(strict, without=["a5"]).attempts == kept


# -- where it was sent ---------------------------------------------------------------------------


def test_an_attempt_is_decided_where_it_was_refused_and_not_later(book: DayBook) -> None:
    book.refused("InsufficientUnits", "transfer", **_fields(move("early", 400)))
    book.issue(1000)
    book.transfer(700, "crrc-1", "desk-1")
    book.refused("InsufficientUnits", "transfer", **_fields(move("late", 400)))
    found = asked(book)
    assert (found.attempts, found.accepted) == (2, [])
    same_in_everything(found, book.ledger)
    issue = command("issue", "more", unit=UNIT, quantity=400, to="crrc-1")
    both = asked(book, with_=[Addition(issue, 8)])
    assert accepted(both) == {
        "early": ("InsufficientUnits", 8, None), "late": ("InsufficientUnits", 10, None),
    }  # fmt: skip
    assert list(accepted(asked(book, with_=[Addition(issue, 9)]))) == ["late"]
    assert accepted(asked(book, with_=[issue])) == {}  # at the end, after all of the journal


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_the_place_is_that_in_the_file_however_it_was_written(ledger: Ledger, chunk: int) -> None:
    send_all(ledger, trial_registry())
    file = [
        move("too early"),
        command("issue", "i1", unit=UNIT, quantity=10, to="crrc-1"),
        move("all of it"),
        move("nothing left"),
        command("issue", "i2", unit=UNIT, quantity=10, to="crrc-1"),
        move("too much", 11),
    ]
    outcomes = list(ledger.apply(file, keep_going=True, chunk=chunk))
    assert [one.outcome for one in outcomes] == [
        "refused", "accepted", "accepted", "refused", "accepted", "refused"
    ]  # fmt: skip
    assert [(one["command_id"], one["position"]) for one in ledger.refusals()] == [
        ("too early", 8), ("nothing left", 10), ("too much", 11),
    ]  # fmt: skip
    same_in_everything(ledger.what_if(), ledger)
    found = ledger.what_if(without=["all of it"])
    assert accepted(found) == {
        "nothing left": ("InsufficientUnits", 10, None),
        "too much": ("InsufficientUnits", 11, None),
    }


def test_the_place_of_what_was_taken_back_as_a_whole_is_before_all_of_it(book: DayBook) -> None:
    file = [command("issue", "i1", unit=UNIT, quantity=10, to="crrc-1"), move("too much", 11)]
    outcomes = list(book.ledger.apply(file, atomic=True))
    assert [one.outcome for one in outcomes] == ["refused"]
    [kept] = book.ledger.refusals()
    assert (kept["command_id"], kept["position"]) == ("too much", 8)
    issue = command("issue", "more", unit=UNIT, quantity=11, to="crrc-1")
    assert accepted(asked(book, with_=[Addition(issue, 8)])) == {
        "too much": ("InsufficientUnits", 8, None)
    }


def test_the_time_is_that_of_the_attempt_and_moves_no_other(
    book: DayBook, clock: SteppingClock
) -> None:
    book.issue(100)
    clock.advance(days=10)
    book.refused("InsufficientUnits", "transfer", **_fields(move("tried", 200)))
    then = clock.now
    clock.advance(days=-9)  # set back: what is recorded next is recorded before the attempt
    book.issue(100, id="after")
    clock.advance(days=99)
    same_in_everything(asked(book), book.ledger)
    early = command("issue", "more", unit=UNIT, quantity=100, to="crrc-1",
                    at=then.isoformat())  # fmt: skip
    # What has no effective time of its own takes effect when it was sent: not before it was.
    assert list(accepted(asked(book, with_=[Addition(early, 9)]))) == ["tried"]
    too_late = {**early, "effective_at": (then.replace(microsecond=1)).isoformat()}
    assert accepted(asked(book, with_=[Addition(too_late, 9)])) == {}


# -- ids -----------------------------------------------------------------------------------------


def test_an_id_that_was_refused_and_accepted_later_says_where(book: DayBook) -> None:
    book.refused("InsufficientUnits", "transfer", **_fields(move("sale", 400)))
    book.issue(1000)
    sale = book.transfer(400, "crrc-1", "desk-1", id="sale")
    assert sale.positions == (10,)
    same_in_everything(asked(book), book.ledger)
    issue = command("issue", "more", unit=UNIT, quantity=400, to="crrc-1")
    found = asked(book, with_=[Addition(issue, 8)])
    assert accepted(found) == {"sale": ("InsufficientUnits", 8, 10)}
    # It was sent once in the end: the books have it once, at its own place.
    assert {row.key["account"]: row.has("quantity") for row in found.balances} == {"crrc-1": True}
    assert (found.refused, found.otherwise) == ([], [])


def test_an_id_that_was_used_before_is_free_where_the_first_is_gone(book: DayBook) -> None:
    book.issue(1000)
    book.transfer(100, "crrc-1", "desk-1", id="one")
    book.refused("DuplicateCommand", "transfer", **_fields(move("one", 200)))
    same_in_everything(asked(book), book.ledger)
    assert accepted(asked(book, without=["one"])) == {"one": ("DuplicateCommand", 10, None)}


def test_an_attempt_of_an_id_that_is_sent_besides_is_not_accepted_again(strict: DayBook) -> None:
    strict.issue(1000)
    strict.refused("RouteNotAllowed", "transfer", **_fields(move("sold")))
    same = move("sold")
    other = move("sold", 11)
    for besides in (same, other):
        found = asked(strict, rulebook=open_rulebook(), with_=[Addition(besides, 9)])
        assert [one.outcome for one in found.added] == ["accepted"]
        assert found.accepted == []


# -- what an older version kept ------------------------------------------------------------------


@pytest.fixture
def older(ledger: Ledger, clock: SteppingClock) -> DayBook:
    """A store whose journal knows no positions, with one attempt between two writes."""
    send_all(ledger, trial_registry())
    with ledger.store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE ledger_refusals DROP COLUMN position"))
        connection.execute(
            text(
                "INSERT INTO ledger_refusals VALUES "
                "(:at, 'sale', 'InsufficientUnits', :command, :refusal)"
            ),
            {
                "at": clock.advance(days=1).isoformat(),
                "command": _canonical(move("sale", 400)),
                "refusal": b'{"code":"InsufficientUnits","message":"as it was said"}',
            },
        )
    clock.advance(days=1)
    return DayBook(ledger)


def test_an_attempt_without_a_position_is_placed_by_its_time(older: DayBook) -> None:
    issue = command("issue", "more", unit=UNIT, quantity=400, to="crrc-1")
    older.issue(1000)
    assert older.ledger.refusals()[0]["position"] is None
    found = asked(older)
    same_in_everything(found, older.ledger)
    assert found.attempts == 1
    [one] = asked(older, with_=[Addition(issue, 8)]).accepted
    assert (one.id, one.after, one.exact) == ("sale", 8, False)
    assert one.refusal["message"] == "as it was said"


def test_the_journal_of_an_older_version_is_gone_on_with(older: DayBook) -> None:
    older.refused("InsufficientUnits", "transfer", **_fields(move("next", 400)))
    older.issue(1000)
    assert [(one["command_id"], one["position"]) for one in older.ledger.refusals()] == [
        ("sale", None), ("next", 8),
    ]  # fmt: skip
    found = asked(older)
    same_in_everything(found, older.ledger)
    assert found.attempts == 2
    assert older.ledger.verify().ok


def test_one_that_only_its_place_lets_in_is_told_but_is_no_difference(
    ledger: Ledger, older: DayBook, clock: SteppingClock
) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(
            text("UPDATE ledger_refusals SET recorded_at = :at"),
            {"at": clock.advance(days=1).isoformat()},
        )
    clock.advance(days=-1)
    older.issue(1000)  # in the same write, for all that is known
    found = asked(older)
    assert accepted(found) == {"sale": ("InsufficientUnits", 9, None)}
    assert (found.accepted[0].exact, found.differs) == (False, False)


def _fields(sent: dict[str, Any]) -> dict[str, Any]:
    """A command object as ``DayBook`` takes it."""
    names = {"from": "from_", "effective_at": "at"}
    return {names.get(k, k): v for k, v in sent.items() if k not in ("command", "registry")}


def _canonical(sent: dict[str, Any]) -> bytes:
    from etsledger.ledger.commandfile import prepare

    return prepare(sent).content
