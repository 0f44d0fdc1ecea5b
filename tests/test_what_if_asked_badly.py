"""What if: what cannot be asked, and that nothing is changed or left behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import every_event
from etsledger.ledger import Addition, Ledger, Refusal, StoreError
from helpers import (
    ON_SQLITE,
    DayBook,
    SteppingClock,
    command,
)
from what_if import asked, refused, same_in_everything


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
