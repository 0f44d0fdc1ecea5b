"""The id of a command: sent again, the same is no new fact and another is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from etsledger.ledger import Ledger, Refusal
from helpers import (
    ON_SQLITE,
    UNIT,
    DayBook,
    SteppingClock,
    again,
    command,
    duplicate_of,
    send_all,
    standing,
    told,
    trial_registry,
)

TRANSFER = command(
    "transfer", "moved", unit=UNIT, quantity=10, from_="crrc-1", to="desk-1", kind="free",
    at="2024-03-01",
)  # fmt: skip


@pytest.fixture
def book(book: DayBook) -> DayBook:
    """``crrc-1`` has 15 t: enough for the transfer once."""
    book.issue(15, at="2024-01-01")
    return book


def test_the_same_command_again_is_answered_with_the_first_positions(book: DayBook) -> None:
    first = book.ledger.execute(TRANSFER)
    assert first.outcome == "accepted"
    book.transfer(5, "crrc-1", "desk-1")  # nothing is left for a second one
    assert told(again(book, TRANSFER)) == duplicate_of(first)


@ON_SQLITE
@pytest.mark.parametrize(
    "spelling",
    [
        {**TRANSFER, "effective_at": "2024-03-01T00:00:00+08:00"},
        {**TRANSFER, "effective_at": "2024-02-29T16:00:00Z"},
        {**TRANSFER, "effective_at": "2024-03-01 00:00"},
        {**TRANSFER, "actor": None, "reason": None},
        dict(reversed(TRANSFER.items())),
        json.dumps(TRANSFER, indent=3),
        json.dumps(TRANSFER).replace("moved", "\\u006doved").encode(),
    ],
    ids=["offset", "utc", "minutes", "nulls", "order", "spaces", "escapes"],
)
def test_the_same_content_in_another_spelling_is_the_same_command(
    book: DayBook, spelling: Any
) -> None:
    first = book.ledger.execute(TRANSFER)
    assert told(again(book, spelling)) == duplicate_of(first)


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 11},
        {"to": "wang-1"},
        {"unit": "CEA:2024"},
        {"effective_at": "2024-03-01T00:00:00.000001"},
        {"effective_at": None},
        {"reference": "doc 17"},
        {"actor": "crrc"},
        {"approved_by": "wang"},
        {"reason": "…"},
        {"registry": "cn-national"},
        {"kind": "correction"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_id_with_other_content_is_refused(book: DayBook, change: dict[str, Any]) -> None:
    first = book.ledger.execute(TRANSFER)
    changed = {key: value for key, value in {**TRANSFER, **change}.items() if value is not None}
    before = standing(book.ledger)
    with pytest.raises(Refusal) as caught:
        book.ledger.execute(changed)
    assert caught.value.code == "DuplicateCommand"
    assert caught.value.numbers == {"id": "moved", "positions": list(first.positions)}
    assert standing(book.ledger) == before


def test_an_id_is_used_once_in_the_whole_store(book: DayBook) -> None:
    book.send("open_registry", registry="other", rulebook="open", id="other")
    book.refused("DuplicateCommand", "issue", registry="other", unit=UNIT, quantity=1, id="t1")


def test_a_refused_id_may_be_tried_again(book: DayBook) -> None:
    book.refused("InsufficientUnits", "transfer", id="moved", unit=UNIT, quantity=16,
                 from_="crrc-1", to="desk-1", kind="free")  # fmt: skip
    assert book.ledger.execute(TRANSFER).outcome == "accepted"


def test_a_command_of_two_events_is_answered_with_both_positions(book: DayBook) -> None:
    sent = command("surrender", "s", entity="crrc", year=2023, unit=UNIT, quantity=5)
    first = book.ledger.execute(sent)
    assert len(first.positions) == 2
    assert told(again(book, sent)) == duplicate_of(first)


@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_a_duplicate_within_one_file_is_told_like_any_other(book: DayBook, chunk: int) -> None:
    other = {**TRANSFER, "quantity": 1}
    outcomes = list(
        book.ledger.apply([TRANSFER, TRANSFER, other, TRANSFER], keep_going=True, chunk=chunk)
    )
    answers = [outcome.outcome for outcome in outcomes]
    assert answers == ["accepted", "duplicate", "refused", "duplicate"]
    assert outcomes[0].positions == outcomes[1].positions == outcomes[3].positions
    assert outcomes[2].refusal is not None
    assert outcomes[2].refusal.code == "DuplicateCommand"
    assert book.held("desk-1") == 10


def test_a_duplicate_is_known_after_the_ledger_was_closed_and_by_another_process(
    new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    url = new_store_url()
    with Ledger.open(url, create=True, clock=clock) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        book.issue(15, at="2024-01-01")
        first = ledger.execute(TRANSFER)
    with Ledger.open(url, clock=clock) as ledger:
        assert told(ledger.execute(TRANSFER)) == duplicate_of(first)
    program = (
        "import json, sys\n"
        "from etsledger.ledger import Ledger\n"
        "with Ledger.open(sys.argv[1]) as ledger:\n"
        "    for outcome in ledger.apply(sys.stdin, keep_going=True):\n"
        "        print(json.dumps(outcome.as_dict()))\n"
    )
    other = {**TRANSFER, "quantity": 1}
    new = command("issue", "from-elsewhere", unit=UNIT, quantity=1)
    lines = "\n".join(json.dumps(sent) for sent in (TRANSFER, other, new))
    done = subprocess.run(
        [sys.executable, "-c", program, url],
        input=lines, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["outcome"] for answer in answers] == ["duplicate", "refused", "accepted"]
    assert answers[0]["positions"] == list(first.positions)
    assert answers[1]["refusal"]["code"] == "DuplicateCommand"
    with Ledger.open(url) as ledger:
        assert ledger.execute(new).outcome == "duplicate"


def test_two_open_ledgers_see_each_others_ids(
    new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    url = new_store_url()
    with (
        Ledger.open(url, create=True, clock=clock) as one,
        Ledger.open(url, clock=clock) as two,
    ):
        send_all(one, trial_registry())
        DayBook(two).issue(15, at="2024-01-01")
        first = one.execute(TRANSFER)
        assert told(two.execute(TRANSFER)) == duplicate_of(first)
        with pytest.raises(Refusal) as caught:
            two.execute({**TRANSFER, "quantity": 1})
        assert caught.value.code == "DuplicateCommand"
