"""What if: the accepted commands decided again under other rules, without some, with others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

import every_event
from etsledger.ledger import Addition, Ledger, Refusal, StoreError, WhatIf
from etsledger.ledger.snapshots import state_bytes
from helpers import (
    ON_SQLITE,
    UNIT,
    DayBook,
    SteppingClock,
    command,
    records,
    replayed,
    standing,
    trial_registry,
)
from national import NationalBook, coal
from random_books import Books
from rulebooks import confirming_rulebook, exchange_only_rulebook, open_rulebook


def refused(found: WhatIf) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By id: the code, and because of which commands."""
    return {one.id: (one.refusal["code"], one.because_of) for one in found.refused}


def asked(book: DayBook, **given: Any) -> WhatIf:
    """The answer to a what-if, with proof that the ledger is as it was."""
    before = standing(book.ledger), book.ledger.refusals()
    found = book.ledger.what_if(**given)
    assert (standing(book.ledger), book.ledger.refusals()) == before
    return found


def same_in_everything(found: WhatIf, ledger: Ledger) -> None:
    assert found.same_log
    assert not found.differs
    head = ledger.head()
    assert (found.position, found.hash) == (head.position, head.hash)
    assert (found.refused, found.otherwise, found.compliance, found.balances) == ([], [], [], [])


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


# -- under other rules -----------------------------------------------------------------------------


def test_a_rulebook_that_refuses_what_was_accepted(book: DayBook) -> None:
    book.issue(1000, id="cea")
    book.issue(10, unit="CCER:9:2022", id="ccer")
    book.transfer(300, "crrc-1", "desk-1", id="free")
    book.send("reverse", reverses="free", id="back")
    found = asked(book, rulebook=exchange_only_rulebook())
    assert refused(found) == {
        "ccer": ("UnitNotAllowed", ()),
        "free": ("RouteNotAllowed", ()),
        "back": ("UnknownReference", ("free",)),
    }
    route = found.refused[1].refusal
    assert (route["movement"], route["from_kind"]) == ("transfer.free", "entity")
    assert found.rulebook is not None
    assert found.rulebook["name"] == "exchange-only"


def test_a_surrender_that_waits_for_confirmation_is_decided_otherwise(book: DayBook) -> None:
    book.issue(1000)
    book.surrender(400, id="surrendered")
    found = asked(book, rulebook=confirming_rulebook())
    [one] = found.otherwise
    assert one.id == "surrendered"
    assert one.before != one.after == ("SurrenderSubmitted",)
    assert {row.key["account"] for row in found.balances} == {"crrc-1", "retired"}


def test_every_adoption_of_the_registry_is_replaced(book: DayBook, clock: SteppingClock) -> None:
    book.issue(1000)
    book.send("adopt_rulebook", rulebook=exchange_only_rulebook(), id="strict")
    inner = [
        command("adopt_rulebook", "milder", rulebook=confirming_rulebook()),
        command("issue", "i2", unit=UNIT, quantity=5, to="crrc-1"),
    ]
    book.ledger.execute({"command": "batch", "id": "both", "commands": inner})
    book.ledger.execute(
        {"command": "batch", "id": "one", "commands": [{**inner[0], "id": "again"}]}
    )
    book.surrender(100, id="waits")
    book.ledger.execute(command("open_registry", "o2", rulebook="open") | {"registry": "two"})
    found = asked(book, rulebook="open", registry="trial")
    assert found.replaced == ["open", "strict", "milder", "again"]
    assert found.refused == []
    assert [one.id for one in found.otherwise] == ["waits"]
    # three adoptions fewer; and the surrender is confirmed at once
    assert found.position == book.ledger.head().position - 3 + 1
    # left out by hand, an adoption is left out, and the batch that it is of
    found = asked(book, without=["milder", "again"])
    assert [one.id for one in found.left_out] == ["both", "one"]
    assert refused(found) == {}


def test_the_registry_is_that_of_the_rulebooks_name_or_the_one_named(book: DayBook) -> None:
    for name in ("open", "other"):
        book.ledger.execute(
            command("open_registry", f"o-{name}", rulebook="open") | {"registry": name}
        )
    assert asked(book, rulebook="open").registry == "open"
    assert asked(book, rulebook={"extends": "open", "version": "x"}).registry == "open"
    named = {"extends": "open", "name": "other", "version": "x"}
    assert asked(book, rulebook=named).registry == "other"
    assert asked(book, rulebook={**named, "name": "else"}).registry == "open"
    assert asked(book, rulebook="open", registry="trial").registry == "trial"
    assert asked(book, rulebook="open", registry="trial").replaced == ["open"]
    with pytest.raises(Refusal, match=r"no registry 'nowhere'.*trial, open, other") as caught:
        asked(book, rulebook="open", registry="nowhere")
    assert caught.value.code == "UnknownRegistry"
    with pytest.raises(Refusal, match="which registry is to be under 'ccer'") as caught:
        asked(book, rulebook="ccer")
    assert caught.value.code == "InvalidCommand"


def test_entitlements_and_statuses_under_other_benchmarks(
    national: NationalBook, clock: SteppingClock
) -> None:
    national.fund("CEA:2024", 5_000_000)
    national.verified(2_700_000, units=[coal(mwh=3_000_000, gj=1_200_000)])
    national.finalise()
    kinder = {
        "extends": "cn-national",
        "version": "kinder",
        "allocation": [{
            "rule": "N-ENT-1", "sectors": ["power"], "years": [2024], "method": "benchmark",
            "electricity": {"I": "0.9000", "II": "0.9", "III": "0.9", "IV": "0.9"},
            "heat": {"I": "0.1", "II": "0.1", "III": "0.1", "IV": "0.1"},
            "basis": "electricity_mwh", "source": "what if",
        }],
    }  # fmt: skip
    found = asked(national, rulebook=kinder, as_of="2026-01-01")
    [one] = found.entitlements
    assert one.key == {"registry": "cn-national", "entity": "plant", "year": 2024}
    assert one.before is not None
    assert one.after is not None
    assert (one.before["entitlement"], one.after["entitlement"]) == (2_496_960, 2_820_000)
    assert found.summary()["entitlement_tonnes"] == 2_820_000 - 2_496_960
    assert found.statuses == []
    assert found.as_of == "2026-01-01T23:59:59.999999+08:00"


# -- what cannot be asked --------------------------------------------------------------------------


def test_an_id_that_no_command_has_is_said(book: DayBook) -> None:
    with pytest.raises(Refusal, match="no command 'nobody' is in the log") as caught:
        asked(book, without=["e1", "nobody"])
    assert caught.value.code == "UnknownReference"


@pytest.mark.parametrize(
    ("rulebook", "message"),
    [
        ("nothing", "no bundled rulebook 'nothing'"),
        ({}, "name"),
        ({"extends": "nothing"}, "no bundled rulebook 'nothing'"),
        ({"extends": "open", "routes": 7}, "routes"),
        ({"extends": "open", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_rulebook_is_refused_with_its_bad_key(
    book: DayBook, rulebook: Any, message: str
) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        asked(book, rulebook=rulebook)
    assert caught.value.code == "InvalidCommand"


def test_a_command_of_a_wrong_shape_is_refused_with_its_place(book: DayBook) -> None:
    for bad in ("no json", '{"command": "fly", "id": "x"}', {"command": "issue", "id": "x"}):
        with pytest.raises(Refusal, match=r"^more\.jsonl:3: ") as caught:
            asked(book, with_=[Addition(bad, None, "more.jsonl:3")])
        assert caught.value.code == "InvalidCommand"


@pytest.mark.parametrize("after", [-1, 9])
def test_a_place_that_the_log_has_not_is_refused(book: DayBook, after: int) -> None:
    more = command("open_registry", "x", rulebook="open")
    with pytest.raises(Refusal, match=f"after position {after}; the log ends at 8"):
        asked(book, with_=[Addition(more, after)])


def test_a_time_that_is_none_is_said(book: DayBook) -> None:
    with pytest.raises(ValueError, match="yesterday"):
        asked(book, as_of="yesterday")


def test_what_is_kept_goes_into_a_new_file(book: DayBook, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    found = asked(book, keep=kept)
    assert found.kept == str(kept)
    before = kept.read_bytes()
    with pytest.raises(StoreError, match="exists already"):
        asked(book, keep=kept)
    assert kept.read_bytes() == before


def test_nothing_is_kept_of_a_what_if_that_fails(
    book: DayBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(reached: int) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "kept"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        asked(book, keep=folder / "kept.db", progress=fails)
    assert list(folder.iterdir()) == []
    same_in_everything(asked(book), book.ledger)


@ON_SQLITE
def test_a_read_only_store_can_be_asked_and_not_a_byte_changes(
    new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    url = new_store_url()
    path = Path(url.removeprefix("sqlite:///"))
    with Ledger.open(url, create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
    path.chmod(0o444)
    before = path.read_bytes()
    with Ledger.open(url, clock=clock) as ledger:
        assert ledger.store.read_only
        same_in_everything(ledger.what_if(), ledger)
        first = next(ledger.events())["command_id"]
        assert ledger.what_if(without=[first]).differs
    assert path.read_bytes() == before


def test_many_commands_are_decided_in_parts(book: DayBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etsledger.ledger.replaying._CHUNK", 3)
    book.issue(1000, at="2024-01-02")
    book.freeze("crrc-1", 100, id="frozen")
    book.transfer(50, "crrc-1", "desk-1", at="2024-05-01", id="before")
    book.send("unfreeze", freeze="frozen", id="thawed")
    book.send("reverse", reverses="before", id="back")
    reached: list[int] = []
    same_in_everything(asked(book, progress=reached.append), book.ledger)
    assert reached == [3, 6, 9, 12, 13]
    assert refused(asked(book, without=["frozen"])) == {"thawed": ("UnknownReference", ("frozen",))}


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
