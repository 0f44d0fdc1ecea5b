"""Heads are published after each closing: to a file, to a command, signed if a key is given."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import lines, ok, process, run
from etsledger.ledger import (
    Head,
    Ledger,
    LedgerError,
    Publish,
    new_key,
    publish_heads,
    read_heads,
    read_public_key,
)
from etsledger.ledger.publishing import append_line
from helpers import BEGIN, ON_SQLITE, DayBook, SteppingClock, command, send_all, trial_registry

Opened = Callable[..., Ledger]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where heads are published; not there yet."""
    return tmp_path / "kept" / "heads.jsonl"


@pytest.fixture
def book(store_url: str, clock: SteppingClock, kept: Path) -> Any:
    """The trial registry in a ledger that publishes to ``kept``."""
    kept.parent.mkdir()
    publish = publish_heads(file=kept)
    with Ledger.open(store_url, create=True, clock=clock, publish=publish) as ledger:
        send_all(ledger, trial_registry())
        yield DayBook(ledger)


def published(kept: Path) -> list[Head]:
    text = kept.read_text()
    assert text.endswith("\n")
    return [head for line in text.splitlines() for head in read_heads(line)]


def test_each_closing_adds_the_head_that_it_made(
    book: DayBook, clock: SteppingClock, kept: Path
) -> None:
    assert not kept.exists()
    book.send("close_period", until="2024-04-30")
    first = book.ledger.head()
    assert published(kept) == [first]
    book.issue(1)
    assert published(kept) == [first]
    clock.advance(days=1)
    book.send("close_period", until="2024-05-31")
    assert published(kept) == [first, book.ledger.head()]
    assert book.ledger.unpublished == []
    assert book.ledger.verify(head=published(kept)).ok


def test_every_closing_of_a_file_has_the_head_of_its_own_position(
    book: DayBook, kept: Path
) -> None:
    days = ("2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30")
    batch = [command("close_period", f"b/{day}", until=day) for day in days[2:]]
    outcomes = list(
        book.ledger.apply([
            command("close_period", "c1", until=days[0]),
            command("issue", "i1", unit="CEA:2024", quantity=1),
            command("close_period", "c2", until=days[1]),
            command("batch", "b", commands=batch),
            command("issue", "i2", unit="CEA:2024", quantity=1),
        ])
    )  # fmt: skip
    assert [outcome.closings for outcome in outcomes] == [(9,), (), (11,), (12, 13), ()]
    assert [head.position for head in published(kept)] == [9, 11, 12, 13]
    assert book.ledger.head().position == 14
    assert book.ledger.verify(head=published(kept)).ok


def test_all_or_nothing_writes_publish_once_they_are_durable(book: DayBook, kept: Path) -> None:
    closing = command("close_period", "c1", until="2024-01-31")
    bad = command("issue", "i1", unit="CEA:2024", quantity=1, to="nobody")
    list(book.ledger.apply([closing, bad], atomic=True))
    list(book.ledger.apply([closing], dry_run=True))
    assert not kept.exists()
    list(book.ledger.apply([closing], atomic=True))
    assert [head.position for head in published(kept)] == [9]
    list(book.ledger.apply([closing]))  # a duplicate
    assert [head.position for head in published(kept)] == [9]


@ON_SQLITE
def test_a_refused_closing_publishes_nothing(book: DayBook, kept: Path) -> None:
    book.refused("InvalidCommand", "close_period", until="2024-06-01")
    assert not kept.exists()


@ON_SQLITE
def test_what_is_published_is_signed_with_the_key(store_url: str, kept: Path) -> None:
    kept.parent.mkdir()
    new_key(kept.parent / "key.pem")
    key = (kept.parent / "key.pem").read_bytes()
    public = read_public_key((kept.parent / "key.pem.pub").read_bytes())
    publish = publish_heads(file=kept)
    with Ledger.open(
        store_url, create=True, clock=SteppingClock(), publish=publish, publish_key=key
    ) as ledger:
        send_all(ledger, trial_registry())
        DayBook(ledger).send("close_period", until="2024-05-31")
        DayBook(ledger).issue(1, id="after")
        (head,) = published(kept)
        assert head.signed is not None
        assert head.signed.signed_at == BEGIN
        assert ledger.verify(head=head, public_key=public).ok


@ON_SQLITE
def test_a_bad_key_is_refused_before_anything_is_written(store_url: str) -> None:
    with pytest.raises(LedgerError) as caught:
        Ledger.open(store_url, create=True, publish=print, publish_key=b"none")
    assert caught.value.code == "KeyRefused"


# -- failures ------------------------------------------------------------------------------------


def failing(reason: str) -> Publish:
    def publish(head: Head) -> None:
        raise RuntimeError(reason)

    return publish


def test_a_failure_is_a_warning_and_never_an_undo(store_url: str, clock: SteppingClock) -> None:
    publish = failing("the wire is cut")
    with Ledger.open(store_url, create=True, clock=clock, publish=publish) as ledger:
        send_all(ledger, trial_registry())
        outcome = DayBook(ledger).send("close_period", until="2024-05-31")
        assert outcome.outcome == "accepted"
        assert "the wire is cut" in outcome.warnings[0]
        assert ledger.unpublished == [9]
        DayBook(ledger).refused(
            "PeriodClosed", "issue", id="late", unit="CEA:2023", quantity=1, at="2024-05-31"
        )


PYTHON = sys.executable
AWAY = [PYTHON, "-c", "import sys; sys.stderr.write('one\\nno room'); sys.exit(3)"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"file": "/dev/full"}, "No space left"),
        ({"file": "/nowhere/heads.jsonl"}, "No such file"),
        ({"file": "/"}, "Is a directory"),
        ({"command": AWAY}, "ended with 3 (no room)"),
        ({"command": "/nowhere/publish"}, "No such file"),
        ({"file": "/dev/full", "command": AWAY}, "no room"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_every_way_to_fail_is_told(
    store_url: str, clock: SteppingClock, where: dict[str, Any], says: str
) -> None:
    publish = publish_heads(**where)
    with Ledger.open(store_url, create=True, clock=clock, publish=publish) as ledger:
        send_all(ledger, trial_registry())
        (outcome,) = ledger.apply([command("close_period", "c", until="2024-05-31")])
        assert says in outcome.warnings[0]
        assert ledger.unpublished == [9]
        assert ledger.verify().ok


def test_a_command_is_tried_where_the_file_failed(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    code = f"import sys; open({str(copy)!r}, 'w').write(sys.stdin.read())"
    publish = publish_heads(file="/dev/full", command=[PYTHON, "-c", code])
    head = Head(1, "0" * 64, "1" * 64)
    with pytest.raises(Exception, match="No space left") as caught:
        publish(head)
    assert "python" not in str(caught.value)
    assert read_heads(copy.read_text()) == [head]


def test_there_is_something_to_publish_to() -> None:
    with pytest.raises(ValueError, match="say where"):
        publish_heads()
    with pytest.raises(ValueError, match="quotation"):
        publish_heads(command="'")


# -- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"{}\n"),
        (b'{"a":1}\n', b'{"a":1}\n{}\n'),
        (b'{"a":1}', b'{"a":1}\n{}\n'),
        (b'{"a":1}\n{"b":', b'{"a":1}\n{}\n'),
        (b'{"b":', b"{}\n"),
        (b"\n", b"\n{}\n"),
    ],
)
def test_a_line_stands_whole_whatever_a_crash_left(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    file = tmp_path / "heads"
    file.write_bytes(before)
    append_line(file, b"{}\n")
    assert file.read_bytes() == after


def test_a_file_that_is_no_list_of_heads_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_bytes(b"x" * 10_000)
    with pytest.raises(OSError, match="no head"):
        append_line(file, b"{}\n")
    assert file.read_bytes() == b"x" * 10_000


def test_two_processes_add_whole_lines(tmp_path: Path) -> None:
    import subprocess

    file = tmp_path / "heads"
    code = (
        "import sys; from pathlib import Path\n"
        "from etsledger.ledger.publishing import append_line\n"
        "for n in range(50): append_line(Path(sys.argv[1]), b'{\"n\":%d}\\n' % n)"
    )
    both = [subprocess.Popen([PYTHON, "-c", code, str(file)]) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert sorted(json.loads(line)["n"] for line in file.read_text().splitlines()) == sorted(
        [*range(50), *range(50)]
    )


# -- the command line ----------------------------------------------------------------------------


@pytest.fixture
def story() -> str:
    """A command file with a closing in it."""
    return lines([*trial_registry(), command("close_period", "c", until="2024-05-31")])


def test_apply_publishes_where_the_options_say(tmp_path: Path, story: str) -> None:
    store, heads, copy = tmp_path / "books.db", tmp_path / "heads.jsonl", tmp_path / "copy"
    ok(store, "apply", "-", "--publish-head", str(heads), "--publish-with", f"tee {copy}",
       given=story)  # fmt: skip
    assert heads.read_bytes() == copy.read_bytes()
    assert json.loads(heads.read_text()) == json.loads(ok(store, "head"))
    ok(store, "verify", "--head", str(heads))


def test_apply_publishes_where_the_environment_says(tmp_path: Path, story: str) -> None:
    store, heads, copy = tmp_path / "books.db", tmp_path / "heads.jsonl", tmp_path / "copy"
    ok(store, "head", "--new-key", str(tmp_path / "key.pem"))
    environment = {
        "ETSLEDGER_PUBLISH_HEAD": str(heads), "ETSLEDGER_PUBLISH_WITH": f"tee '{copy}'",
        "ETSLEDGER_PUBLISH_KEY": str(tmp_path / "key.pem"),
    }  # fmt: skip
    done = process(store, "apply", "-", given=story.encode(), environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert heads.read_bytes() == copy.read_bytes()
    ok(store, "verify", "--head", str(heads), "--public-key", str(tmp_path / "key.pem.pub"))


def test_apply_tells_what_was_not_published_and_exits_1(tmp_path: Path, story: str) -> None:
    store = tmp_path / "books.db"
    done = run(store, "apply", "-", "--publish-head", "/dev/full", given=story)
    assert done.exit_code == 1
    assert "warning: the period is closed (position 9)" in done.stderr
    assert "No space left" in done.stderr
    assert "9 accepted" in done.stdout
    assert len(ok(store, "events", "--type", "PeriodClosed", "--format", "jsonl").splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--publish-with", "'"], 2, "--publish-with"),
        (["--publish-head", "/"], 2, "directory"),
        (["--publish-head", "heads", "--publish-key", "/nowhere"], 2, "/nowhere"),
        (["--publish-head", "heads", "--publish-key", "/dev/null"], 2, "KeyRefused"),
    ],
)
def test_wrong_options_are_told_before_anything_is_written(
    tmp_path: Path, story: str, options: list[str], code: int, says: str
) -> None:
    done = run(tmp_path / "books.db", "apply", "-", *options, given=story)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr
    assert not (tmp_path / "books.db").exists()
