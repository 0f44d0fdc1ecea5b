"""Export and import: the whole log as JSON lines, from one database into another.

Forged lines, sealed by someone who knows how, are in ``test_forged_logs``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import a_year
from etsledger.ledger import ImportRefused, Ledger
from helpers import (
    DayBook,
    SteppingClock,
    command,
    duplicate_of,
    held_by_account,
    send_all,
    standing,
    told,
    trial_registry,
)

NewUrl = Callable[[], str]


@pytest.fixture
def source(sqlite_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """A year of two registries on SQLite, with a batch at the end."""
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        book = a_year.write(ledger)
        children = [
            command("issue", f"b/{i}", unit="CEA:2025", quantity=i + 1, at="2024-02-01")
            for i in range(3)
        ]
        book.send("batch", id="b", commands=children)
        yield ledger


@pytest.fixture
def target(store_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """An empty store, on both databases."""
    with Ledger.open(store_url, create=True, clock=clock) as ledger:
        yield ledger


def same(one: Ledger, other: Ledger) -> None:
    assert other.head() == one.head()
    assert list(other.export()) == list(one.export())
    questions: list[dict[str, Any]] = [
        {}, {"as_of": "2023-06-15"}, {"known_at": "@15"}, {"from_log": True},
    ]  # fmt: skip
    for question in questions:
        assert other.balances(**question) == one.balances(**question), question
        assert other.supply(**question) == one.supply(**question), question
    assert other.statement("crrc-1") == one.statement("crrc-1")
    assert list(other.events()) == list(one.events())
    assert other.verify(head=one.head()).ok


def refuses(target: Ledger, lines: list[bytes], **options: Any) -> str:
    """The message of an import that is refused and leaves nothing."""
    before = standing(target)
    with pytest.raises(ImportRefused) as caught:
        target.import_log(lines, **options)
    assert standing(target) == before
    assert target.verify().ok
    return caught.value.message


# -- there and back ----------------------------------------------------------------------------


def test_a_log_gives_the_same_ledger_in_any_database(source: Ledger, target: Ledger) -> None:
    assert target.import_log(source.export()) == 25
    same(source, target)


def test_a_log_goes_through_another_database_unchanged(
    source: Ledger, target: Ledger, new_store_url: NewUrl
) -> None:
    target.import_log(source.export())
    with Ledger.open(new_store_url(), create=True) as back:
        assert back.import_log(target.export()) == 25
        same(source, back)


def test_an_imported_ledger_goes_on_as_the_first_would(source: Ledger, target: Ledger) -> None:
    target.import_log(source.export())
    for ledger in (source, target):
        book = DayBook(ledger)
        first = book.issue(5, id="new", at="2024-05-01")
        assert told(first) == ("new", "accepted", (26,))
        again = ledger.execute(command("issue", "new", unit="CEA:2023", quantity=5, to="crrc-1",
                                       at="2024-05-01"))  # fmt: skip
        assert told(again) == duplicate_of(first)
        # Ids of the file are known, of single commands, of a batch and inside one.
        book.refused("DuplicateCommand", "issue", id="s", unit="CEA:2023", quantity=1)
        book.refused("DuplicateCommand", "issue", id="b", unit="CEA:2023", quantity=1)
        book.refused("DuplicateCommand", "issue", id="b/1", unit="CEA:2023", quantity=1)
    same(source, target)


def test_an_empty_log_is_a_log(target: Ledger, new_store_url: NewUrl) -> None:
    assert target.import_log([]) == 0
    with Ledger.open(new_store_url(), create=True) as other:
        assert list(other.export()) == []
        assert other.head() == target.head()
        assert target.import_log(other.export()) == 0


def test_line_ends_and_blank_lines_make_no_difference(source: Ledger, target: Ledger) -> None:
    lines = [line + b"\r\n" for line in source.export()]
    assert target.import_log([b"\n", *lines, b"  \n"]) == 25
    same(source, target)


# -- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [1, 9, 22, 25])
def test_an_import_goes_on_where_the_log_ends(
    source: Ledger, target: Ledger, known: int
) -> None:  # fmt: skip
    lines = list(source.export())
    assert target.import_log(lines[:known]) == known
    before = held_by_account(target)
    assert target.import_log(lines) == 25 - known
    assert target.import_log(lines) == 0
    same(source, target)
    assert held_by_account(target, known_at=f"@{known}") == before


def test_another_history_is_refused(source: Ledger, target: Ledger, clock: SteppingClock) -> None:
    clock.advance()
    send_all(target, trial_registry())
    assert "another history from position 1" in refuses(target, list(source.export()))


def test_a_history_that_parts_later_is_refused(source: Ledger, target: Ledger) -> None:
    lines = list(source.export())
    target.import_log(lines[:22])
    DayBook(target).issue(1, id="own")
    assert "another history from position 23" in refuses(target, lines)


def test_a_file_that_ends_before_the_store_is_refused(source: Ledger, target: Ledger) -> None:
    lines = list(source.export())
    target.import_log(lines)
    assert "already goes on to 25" in refuses(target, lines[:20])


def test_a_file_cut_inside_a_batch_is_whole_by_itself_and_cannot_go_on(
    source: Ledger, target: Ledger
) -> None:
    lines = list(source.export())
    assert target.import_log(lines[:24]) == 24
    assert target.verify().ok
    assert "inside the batch 'b'" in refuses(target, lines)


# -- with a kept head --------------------------------------------------------------------------


def test_an_import_up_to_its_head(source: Ledger, target: Ledger) -> None:
    assert target.import_log(source.export(), head=source.head()) == 25
    same(source, target)


@pytest.mark.parametrize("part", ["position", "hash", "root", "a missing end"])
def test_an_import_that_misses_its_head_is_refused(
    source: Ledger, target: Ledger, part: str
) -> None:
    lines, head = list(source.export()), source.head()
    match part:
        case "position":
            head = head._replace(position=24)
        case "hash":
            head = head._replace(hash="f" * 64)
        case "root":
            head = head._replace(root="f" * 64)
        case _:
            lines = lines[:22]
    assert "the kept head" in refuses(target, lines, head=head)


def test_a_head_without_a_root_is_enough(source: Ledger, target: Ledger) -> None:
    assert target.import_log(source.export(), head=source.head()._replace(root=None)) == 25


# -- spoilt on the way -------------------------------------------------------------------------


def test_an_edited_byte_anywhere_in_a_line_is_refused(source: Ledger, target: Ledger) -> None:
    lines = list(source.export())
    for offset in range(0, len(lines[12]), 37):
        edited = bytearray(lines[12])
        edited[offset] ^= 1
        message = refuses(target, [*lines[:12], bytes(edited), *lines[13:]])
        assert message.startswith("line 13"), (offset, message)


def test_an_import_reads_its_lines_once_and_keeps_nothing_of_a_failing_reader(
    source: Ledger, target: Ledger
) -> None:
    def lines() -> Iterator[bytes]:
        yield from list(source.export())[:20]
        raise OSError("the pipe broke")

    before = standing(target)
    with pytest.raises(OSError, match="the pipe broke"):
        target.import_log(lines())
    assert standing(target) == before
    assert target.import_log(source.export()) == 25
    same(source, target)
