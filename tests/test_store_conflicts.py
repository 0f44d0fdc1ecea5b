"""The safety net under the writer lock: what happens when somebody writes past it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from etsledger.ledger import Ledger, Outcome, Refusal, StoreError
from etsledger.ledger.tables import commands, postings
from helpers import (
    UNIT,
    DayBook,
    SteppingClock,
    held_by_account,
    records,
    send_all,
    told,
    trial_registry,
)

ISSUE = {"command": "issue", "registry": "trial", "unit": UNIT, "to": "crrc-1"}


class Intruder:
    """Writes another ledger's next event into the database, without asking for the lock.

    It is a clock: a ledger asks it in the middle of every write, after it has caught up.
    """

    def __init__(self, clock: SteppingClock, times: int) -> None:
        self._clock = clock
        self._left = times
        self.source: Ledger | None = None
        self.target: Ledger | None = None

    def __call__(self) -> Any:
        if self._left and self.source is not None and self.target is not None:
            self._left -= 1
            intrude(self.source, self.target, self.target.store.head_position() + 1)
        return self._clock()


def intrude(source: Ledger, target: Ledger, position: int) -> None:
    """Copies an event with all that belongs to it from one store into another."""
    row = source.store.row(position)
    assert row is not None
    column = "rowid" if target.store.url.startswith("sqlite") else "notification_id"
    into = f"INSERT INTO stored_events ({column}, originator_id, originator_version, topic, state)"
    statement = text(f"{into} VALUES (:position, :registry, :sequence, :type, :state)")
    with source.store.engine.connect() as there, target.store.engine.begin() as here:
        here.execute(statement, row._asdict())
        for table, place in (
            (commands, commands.c.first_position),
            (postings, postings.c.position),
        ):
            found = there.execute(select(table).where(place == position)).mappings().all()
            here.execute(insert(table), [dict(one) for one in found])


@pytest.fixture
def intruded(
    request: pytest.FixtureRequest, new_store_url: Callable[[], str], clock: SteppingClock
) -> Iterator[Ledger]:
    """A ledger in which desk-1 has 10 t: nine events.

    At each of the next tries to write, as many as the parameter says, an intruder moves 1 t
    of them to crrc-1.
    """
    intruder = Intruder(clock, request.param)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=intruder) as target,
    ):
        send_all(source, trial_registry())
        book = DayBook(source)
        book.issue(10, to="desk-1", id="before")
        target.import_log(source.export())
        for number in range(10):
            book.transfer(1, "desk-1", "crrc-1", id=f"intruder-{number}")
        intruder.source, intruder.target = source, target
        yield target


@pytest.mark.parametrize("intruded", [1, 2, 4], indirect=True, ids="{} intrusions".format)
def test_a_write_that_lost_a_race_is_decided_again(
    intruded: Ledger, request: pytest.FixtureRequest
) -> None:
    times = request.node.callspec.params["intruded"]
    outcome = DayBook(intruded).issue(100, id="mine")
    assert (outcome.outcome, list(outcome.positions)) == ("accepted", [10 + times])
    ids = [record["record"]["command"]["id"] for record in records(intruded)][9:]
    assert ids == [*(f"intruder-{i}" for i in range(times)), "mine"]
    assert DayBook(intruded).held() == 100 + times
    assert intruded.verify().ok


@pytest.mark.parametrize("intruded", [1], indirect=True)
def test_the_decision_after_a_lost_race_sees_what_won_it(intruded: Ledger) -> None:
    with pytest.raises(Refusal) as caught:  # at the first try there were 10 t
        DayBook(intruded).transfer(10, "desk-1", "wang-1", id="mine")
    assert (caught.value.code, caught.value.numbers["available"]) == ("InsufficientUnits", 9)
    assert DayBook(intruded).transfer(9, "desk-1", "wang-1", id="mine").outcome == "accepted"
    assert held_by_account(intruded) == {("crrc-1", UNIT): 1, ("wang-1", UNIT): 9}
    assert intruded.verify().ok


@pytest.mark.parametrize("intruded", [9], indirect=True)
def test_a_write_that_loses_every_race_is_a_conflict_and_leaves_nothing(intruded: Ledger) -> None:
    with pytest.raises(Refusal) as caught:
        DayBook(intruded).issue(100, id="mine")
    assert caught.value.code == "Conflict"
    assert "mine" not in [row["command_id"] for row in intruded.events()]
    again = DayBook(intruded).issue(100, id="mine")  # the intruder ends
    assert again.outcome == "accepted"
    assert DayBook(intruded).held() == 100 + 9
    assert intruded.verify().ok


@pytest.mark.parametrize("intruded", [1], indirect=True)
def test_a_file_that_loses_a_race_is_told_and_goes_on_when_sent_again(intruded: Ledger) -> None:
    sent = [{**ISSUE, "id": f"i{number}", "quantity": 1} for number in range(50)]
    with pytest.raises(StoreError) as caught:
        list(intruded.apply(sent, chunk=10))
    assert caught.value.code == "StoreWriteFailed"
    assert [record["record"]["command"]["id"] for record in records(intruded)][9:] == ["intruder-0"]
    again = list(intruded.apply(sent, chunk=10))
    assert [told(outcome) for outcome in again] == [
        (f"i{number}", "accepted", (11 + number,)) for number in range(50)
    ]
    assert DayBook(intruded).held() == 50 + 1
    assert intruded.verify().ok


# -- the same id from two sides ----------------------------------------------------------------


def raced(url: str, one: dict[str, Any], other: dict[str, Any]) -> list[Outcome | str]:
    """Sends two commands at the same moment, from two ledgers of one store."""
    start, found = threading.Barrier(2), list[Outcome | str]()

    def send(given: dict[str, Any]) -> None:
        with Ledger.open(url, lock_timeout=20) as ledger:
            ledger.balances()
            start.wait(20)
            try:
                found.append(ledger.execute(given))
            except Refusal as refusal:
                found.append(refusal.code)

    threads = [threading.Thread(target=send, args=(given,)) for given in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2
    return found


@pytest.fixture
def url(store_url: str) -> str:
    with Ledger.open(store_url, create=True) as ledger:
        send_all(ledger, trial_registry())
    return store_url


def test_an_id_raced_by_two_is_accepted_once_and_both_learn_where(url: str) -> None:
    for number in range(8):
        one = {**ISSUE, "id": f"r{number}", "quantity": 7, "effective_at": "2024-01-01"}
        outcomes = raced(url, one, one)
        assert all(isinstance(outcome, Outcome) for outcome in outcomes)
        answers = [(o.outcome, list(o.positions)) for o in outcomes if isinstance(o, Outcome)]
        assert sorted(answers) == [("accepted", [9 + number]), ("duplicate", [9 + number])]
    with Ledger.open(url) as ledger:
        assert DayBook(ledger).held() == 8 * 7
        assert ledger.verify().ok


def test_an_id_raced_with_other_content_is_refused_to_the_loser(url: str) -> None:
    for number in range(8):
        one = {**ISSUE, "id": f"r{number}", "effective_at": "2024-01-01"}
        outcomes = raced(url, {**one, "quantity": 1}, {**one, "quantity": 2})
        assert sorted(o if isinstance(o, str) else o.outcome for o in outcomes) == [
            "DuplicateCommand", "accepted",
        ]  # fmt: skip
    with Ledger.open(url) as ledger:
        assert ledger.head().position == 8 + 8
        assert ledger.verify().ok


def test_an_id_raced_by_a_batch_and_a_single_command_is_there_once(url: str) -> None:
    for number in range(4):
        one = {**ISSUE, "id": f"r{number}", "quantity": 1, "effective_at": "2024-01-01"}
        batch = {"command": "batch", "id": f"b{number}", "commands": [one]}
        outcomes = raced(url, one, batch)
        # After the batch the single command is a repetition; the batch repeats nothing.
        assert sorted(o if isinstance(o, str) else o.outcome for o in outcomes) in (
            ["accepted", "duplicate"], ["DuplicateCommand", "accepted"],
        )  # fmt: skip
    with Ledger.open(url) as ledger:
        assert ledger.head().position == 8 + 4
        assert ledger.verify().ok
