"""What if: the accepted commands decided again, without some of them, with others besides."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

import every_event
from etsledger.ledger import Addition, Ledger
from etsledger.ledger.snapshots import state_bytes
from helpers import (
    ON_SQLITE,
    UNIT,
    DayBook,
    SteppingClock,
    command,
    records,
    replayed,
    trial_registry,
)
from random_books import Books
from rulebooks import open_rulebook
from what_if import asked, refused, same_in_everything

# -- nothing changed ---------------------------------------------------------------------------


def test_with_nothing_changed_the_log_is_the_same_to_its_last_hash(
    ledger: Ledger, clock: SteppingClock, tmp_path: Path
) -> None:
    every_event.run(ledger, clock)
    clock.advance(days=400)
    found = ledger.what_if(keep=tmp_path / "again.db")
    same_in_everything(found, ledger)
    with Ledger.open(tmp_path / "again.db", read_only=True, clock=clock) as again:
        assert records(again) == records(ledger)
        assert state_bytes(replayed(again)) == state_bytes(replayed(ledger))
        assert again.verify().ok


def test_the_rulebook_that_was_in_force_changes_nothing_but_its_own_command(
    book: DayBook,
) -> None:
    book.issue(1000)
    book.transfer(300, "crrc-1", "desk-1")
    found = asked(book, rulebook=open_rulebook())
    assert (found.same_log, found.differs) == (False, False)  # the command says it in full
    assert found.replaced == ["open"]
    assert found.rulebook is not None
    assert (found.rulebook["name"], found.registry) == ("open", "trial")
    same_in_everything(asked(book, rulebook="open"), book.ledger)


def test_an_empty_log_is_decided_again_to_nothing(ledger: Ledger) -> None:
    same_in_everything(ledger.what_if(), ledger)


def test_each_command_keeps_the_time_it_was_recorded_at(
    book: DayBook, clock: SteppingClock, tmp_path: Path
) -> None:
    book.issue(1000)
    clock.advance(days=30)
    book.transfer(300, "crrc-1", "desk-1", at="2024-06-02")
    clock.advance(days=30)
    asked(book, without="a4", keep=tmp_path / "other.db")
    with Ledger.open(tmp_path / "other.db", read_only=True, clock=clock) as other:
        told = [(one["recorded_at"], one["effective_at"]) for one in book.ledger.events()]
        assert [(o["recorded_at"], o["effective_at"]) for o in other.events()] == [
            one for at, one in enumerate(told) if at != 6
        ]
        for known_at in ("2024-06-10", "2024-07-10"):
            assert other.balances(known_at=known_at) == book.ledger.balances(known_at=known_at)


# -- without -------------------------------------------------------------------------------------


def test_a_transfer_left_out_never_moved_anything(book: DayBook) -> None:
    book.issue(1000)
    book.transfer(300, "crrc-1", "desk-1", id="moved")
    found = asked(book, without=["moved"])
    assert [(one.id, one.named, one.batch) for one in found.left_out] == [("moved", ("moved",), ())]
    assert not found.refused
    assert found.position == book.ledger.head().position - 1
    assert {one.key["account"]: (one.before, one.after) for one in found.balances} == {
        "crrc-1": (
            {"quantity": 700, "available": 700}, {"quantity": 1000, "available": 1000}
        ),
        "desk-1": (
            {"entity": None, "quantity": 300, "available": 300, "frozen": 0, "pledged": 0,
             "pending": 0, "restricted": 0}, None,
        ),
    }  # fmt: skip


def test_what_refers_to_a_command_that_is_left_out_is_refused_as_a_consequence(
    book: DayBook,
) -> None:
    book.issue(1000)
    book.freeze("crrc-1", 100, id="frozen")
    book.send("unfreeze", freeze="frozen", id="thawed")
    book.pledge(50, id="pledged")
    book.send("release_pledge", pledge="pledged", id="released")
    book.transfer(300, "crrc-1", "desk-1", id="moved")
    book.send("reverse", reverses="moved", id="back")
    book.transfer(7, "crrc-1", "desk-1", id="unconcerned")
    found = asked(book, without=["frozen", "pledged", "moved"])
    assert refused(found) == {
        "thawed": ("UnknownReference", ("frozen",)),
        "released": ("UnknownReference", ("pledged",)),
        "back": ("UnknownReference", ("moved",)),
    }
    assert found.summary()["consequences"] == 3
    assert found.balances == []  # each was undone in the books too


def test_consequences_of_consequences_name_the_command_they_refer_to(book: DayBook) -> None:
    book.send("open_account", account="late-1", kind="institution", id="opened")
    book.issue(500, to="late-1", id="issued")
    book.transfer(200, "late-1", "desk-1", id="moved")
    book.send("reverse", reverses="moved", id="back")
    book.transfer(100, "late-1", "crrc-1", id="once more")
    book.transfer(100, "crrc-1", "desk-1", id="far away")
    found = asked(book, without=["opened"])
    assert refused(found) == {
        "issued": ("UnknownAccount", ("opened",)),
        "moved": ("UnknownAccount", ("opened",)),
        "back": ("UnknownReference", ("moved",)),
        "once more": ("UnknownAccount", ("opened",)),
        "far away": ("InsufficientUnits", ()),
    }
    [last] = [one for one in found.refused if one.id == "far away"]
    assert (last.refusal["available"], last.refusal["asked"]) == (0, 100)
    assert (last.command, last.registry, last.position) == ("transfer", "trial", 14)
    assert found.summary()["consequences"] == 4


def test_without_a_registration_nothing_of_the_entity_remains(book: DayBook) -> None:
    book.issue(500, id="issued")
    found = asked(book, without=["e1"])
    assert refused(found) == {
        "a1": ("UnknownEntity", ("e1",)),
        "issued": ("UnknownAccount", ("a1",)),
    }


def test_without_the_opening_all_of_a_registry_is_refused(book: DayBook) -> None:
    found = asked(book, without=["open"])
    assert len(found.refused) == 7
    for code, because in refused(found).values():
        assert (code, because[0]) == ("UnknownRegistry", "open")
    assert found.position == 0


def test_one_of_a_batch_takes_the_whole_batch_with_it(book: DayBook) -> None:
    book.issue(1000)
    moves = [
        command("transfer", f"b{n}", unit=UNIT, quantity=n, from_="crrc-1", to="desk-1",
                kind="free")
        for n in (1, 2, 3)
    ]  # fmt: skip
    book.ledger.execute({"command": "batch", "id": "b", "commands": moves})
    for without in (["b2"], ["b"], ["b", "b3"]):
        found = asked(book, without=without)
        [one] = found.left_out
        assert (one.id, one.named, one.batch) == ("b", tuple(without), ("b1", "b2", "b3"))
        assert next(row.after for row in found.balances) == {"quantity": 1000, "available": 1000}
    assert found.commands == len(trial_registry()) + 1


def test_a_batch_is_refused_as_a_whole_with_the_command_that_decides(book: DayBook) -> None:
    book.issue(10, id="issued")
    moves = [
        command("transfer", "b1", unit=UNIT, quantity=4, from_="crrc-1", to="desk-1", kind="free"),
        command("transfer", "b2", unit=UNIT, quantity=4, from_="crrc-1", to="desk-1", kind="free"),
    ]
    book.ledger.execute({"command": "batch", "id": "b", "commands": moves})
    book.send("reverse", reverses="b1", id="back")
    found = asked(
        book,
        without=["issued"],
        with_=[Addition(command("issue", "less", unit=UNIT, quantity=5, to="crrc-1"), 9)],
    )
    assert refused(found) == {
        "b": ("InsufficientUnits", ()),
        "back": ("UnknownReference", ("b",)),
    }
    assert found.refused[0].refusal["command_id"] == "b2"
    assert found.refused[0].command == "batch"


# -- with ----------------------------------------------------------------------------------------


def test_commands_are_sent_besides_at_the_end_by_the_clock(
    book: DayBook, clock: SteppingClock, tmp_path: Path
) -> None:
    book.issue(1000)
    clock.advance(days=5)
    move = command("transfer", "new", unit=UNIT, quantity=4, from_="crrc-1", to="desk-1",
                   kind="free")  # fmt: skip
    too_much = {**move, "id": "too much", "quantity": 10_000}
    found = asked(book, with_=[move, too_much], keep=tmp_path / "more.db")
    assert [(one.id, one.outcome) for one in found.added] == [
        ("new", "accepted"), ("too much", "refused"),
    ]  # fmt: skip
    assert found.added[1].refusal is not None
    assert found.added[1].refusal["code"] == "InsufficientUnits"
    assert (found.refused, found.otherwise) == ([], [])
    with Ledger.open(tmp_path / "more.db", read_only=True, clock=clock) as other:
        *_, last = other.events()
        assert last["command_id"] == "new"
        assert last["recorded_at"] == last["effective_at"] == clock.now.isoformat()
        assert [one["command_id"] for one in other.refusals()] == ["too much"]


def test_a_command_after_a_position_has_the_recorded_time_of_its_place(
    book: DayBook, clock: SteppingClock, tmp_path: Path
) -> None:
    book.issue(1000)
    then = clock.now
    clock.advance(days=5)
    book.transfer(600, "crrc-1", "desk-1", id="later")
    early = command("transfer", "early", unit=UNIT, quantity=600, from_="crrc-1", to="wang-1",
                    kind="free")  # fmt: skip
    found = asked(book, with_=[Addition(early, 9)], keep=tmp_path / "early.db")
    assert [(one.id, one.after, one.outcome) for one in found.added] == [("early", 9, "accepted")]
    assert refused(found) == {"later": ("InsufficientUnits", ())}
    with Ledger.open(tmp_path / "early.db", read_only=True, clock=clock) as other:
        *_, last = other.events()
        assert (last["command_id"], last["recorded_at"]) == ("early", then.isoformat())


@pytest.mark.parametrize(("after", "comes"), [(0, 0), (9, 9), (10, 9), (11, 9), (12, 12), (13, 13)])
def test_a_position_inside_a_batch_is_after_the_batch(
    book: DayBook, tmp_path: Path, after: int, comes: int
) -> None:
    book.issue(1000)  # 9
    moves = [
        command("transfer", f"b{n}", unit=UNIT, quantity=n, from_="crrc-1", to="desk-1",
                kind="free")
        for n in (1, 2, 3)
    ]  # fmt: skip
    book.ledger.execute({"command": "batch", "id": "b", "commands": moves})  # 10 to 12
    book.issue(1)  # 13
    other = command("open_registry", "other", rulebook="open") | {"registry": "other"}
    found = asked(book, with_=[Addition(other, after)], keep=tmp_path / "other.db")
    assert found.refused == []
    with Ledger.open(tmp_path / "other.db", read_only=True) as ledger:
        [place] = [e["position"] for e in ledger.events(registry="other")]
    assert place == (13 if after in (10, 11) else comes + 1)


def test_a_command_can_be_replaced_by_another_of_its_id(book: DayBook) -> None:
    book.issue(1000)
    book.freeze("crrc-1", 100, id="frozen")
    book.send("unfreeze", freeze="frozen", id="thawed")
    other = command("freeze", "frozen", account="crrc-1", unit=UNIT, quantity=900)
    found = asked(book, without=["frozen"], with_=[Addition(other, 10)])
    assert refused(found) == {}
    kinds = ("AccountUnfrozen",)
    assert [(one.id, one.before, one.after) for one in found.otherwise] == [
        ("thawed", kinds, kinds)  # it frees 900 t, not 100
    ]
    assert found.balances == []


def test_an_added_command_of_an_id_that_is_there_is_a_duplicate_or_refused(
    book: DayBook,
) -> None:
    book.issue(1000, id="issued", at="2024-01-02")
    same = command("issue", "issued", unit=UNIT, quantity=1000, to="crrc-1", at="2024-01-02")
    found = asked(book, with_=[same, {**same, "quantity": 1}])
    assert [one.outcome for one in found.added] == ["duplicate", "refused"]
    assert found.added[1].refusal is not None
    assert found.added[1].refusal["code"] == "DuplicateCommand"
    assert not found.differs


def test_the_original_of_an_id_that_was_added_before_it_is_refused(book: DayBook) -> None:
    book.issue(1000, id="issued")
    other = command("issue", "issued", unit=UNIT, quantity=7, to="crrc-1")
    found = asked(book, with_=[Addition(other, 8)])
    assert refused(found) == {"issued": ("DuplicateCommand", ())}


# -- random books ----------------------------------------------------------------------------------


@ON_SQLITE
def test_random_books_decided_again_are_the_same_to_the_last_hash(
    new_store_url: Callable[[], str],
) -> None:
    class Again(Books):
        def new_url(self) -> str:
            return new_store_url()

        @rule()
        def decide_again(self) -> None:
            same_in_everything(self.ledger.what_if(), self.ledger)

    budget = settings(
        max_examples=10,
        stateful_step_count=30,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Again, settings=budget)
