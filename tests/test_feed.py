"""The change feed: each event at least once, whatever dies; never a log other than the one read.

Consumers are processes of their own that write down what they dealt with, durably, and are
killed in the middle of it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from causes.copies import copy_of
from command_line import PROGRAM, books, lines, no_traceback, ok, process, run
from etsledger.ledger import Cursor, EventRow, Ledger, LedgerError
from etsledger.ledger.feed import Point
from helpers import ON_SQLITE, DayBook, SteppingClock, command, send_all, trial_registry

NewUrl = Callable[[], str]
SEED = 7_205


def issues(first: int, last: int) -> list[dict[str, Any]]:
    one = {"command": "issue", "registry": "trial", "unit": "CEA:2023", "to": "crrc-1"}
    return [{**one, "id": f"n{i}", "quantity": 1} for i in range(first, last + 1)]


@pytest.fixture
def url(store_url: str) -> str:
    """A store of 28 events, of which the last 20 are issues."""
    with Ledger.open(store_url, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, [*trial_registry(), *issues(9, 28)])
    return store_url


def positions(rows: Iterator[EventRow]) -> list[int]:
    return [row["position"] for row in rows]


# -- the iterator ----------------------------------------------------------------------------


def test_a_feed_gives_every_event_once_and_goes_on_where_it_was(url: str, tmp_path: Path) -> None:
    cursor = tmp_path / "feed.json"
    with Ledger.open(url) as ledger:
        assert positions(ledger.follow(cursor=cursor, wait=False)) == list(range(1, 29))
        assert positions(ledger.follow(cursor=cursor, wait=False)) == []
        send_all(ledger, issues(29, 31))
        assert positions(ledger.follow(cursor=cursor, wait=False)) == [29, 30, 31]
        assert positions(ledger.follow(after=29, wait=False)) == [30, 31]
        [row] = ledger.follow(after=30, wait=False)
        assert row == next(ledger.events(from_position=31))
    assert json.loads(cursor.read_text("utf-8")) == {"position": 31, "hash": row["hash"]}
    assert [one.name for one in tmp_path.iterdir() if "feed" in one.name] == ["feed.json"]


def test_an_event_counts_as_dealt_with_when_the_next_is_asked_for(url: str, tmp_path: Path) -> None:
    cursor = tmp_path / "feed.json"
    with Ledger.open(url) as ledger:
        feed = ledger.follow(cursor=cursor, wait=False)
        assert [next(feed)["position"] for _ in range(5)] == [1, 2, 3, 4, 5]
        feed.close()  # pyright: ignore[reportAttributeAccessIssue] - what leaving a loop does
        assert Cursor(cursor).read() == Point(4, next(ledger.events(from_position=4))["hash"])
        feed = ledger.follow(cursor=cursor, wait=False)
        with pytest.raises(ZeroDivisionError):
            assert [1 // (7 - row["position"]) for row in feed]
        del feed
        assert positions(ledger.follow(cursor=cursor, limit=1, wait=False)) == [7]
        assert positions(ledger.follow(cursor=cursor, limit=1, wait=False)) == [8]


def test_a_filter_moves_the_cursor_past_what_it_leaves_out(url: str, tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "feed.json")
    with Ledger.open(url) as ledger:
        opened = ledger.follow(cursor=cursor, types=("AccountOpened",), wait=False)
        assert positions(opened) == [4, 5, 6, 7, 8]
        found = cursor.read()
        assert found is not None
        assert found.position == 28
        send_all(ledger, issues(29, 29))
        assert positions(ledger.follow(cursor=cursor, entity="crrc", wait=False)) == [29]


def test_a_slow_consumer_repeats_a_second_of_its_work_at_most(url: str, tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "feed.json")
    with Ledger.open(url) as ledger:
        feed = ledger.follow(cursor=cursor, wait=False)
        assert [next(feed)["position"] for _ in range(5)] == [1, 2, 3, 4, 5]
        assert cursor.read() is None
        time.sleep(1.1)
        assert next(feed)["position"] == 6
        found = cursor.read()
        assert found is not None
        assert found.position == 5


@pytest.mark.parametrize(
    ("question", "given"),
    [
        ({"until": 3}, [1, 2, 3]), ({"until": 0}, []), ({"after": 26, "until": 40}, [27, 28]),
        ({"limit": 2}, [1, 2]), ({"limit": 0}, []), ({"after": 28}, []), ({"after": 99}, []),
        ({"after": 20, "until": 25, "limit": 9}, [21, 22, 23, 24, 25]),
        ({"entity": "baosteel"}, [3, 5]), ({"account": "desk-1", "registry": "trial"}, [6]),
        ({"entity": "crrc", "after": 20, "limit": 2}, [21, 22]),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_feed_is_narrowed_to(url: str, question: dict[str, Any], given: list[int]) -> None:
    with Ledger.open(url) as ledger:
        assert positions(ledger.follow(**question, wait=False)) == given


def test_a_feed_waits_for_what_comes(url: str) -> None:
    with Ledger.open(url) as ledger, Ledger.open(url, clock=SteppingClock()) as writer:
        later = threading.Timer(0.3, send_all, [writer, issues(29, 31)])
        later.start()
        assert positions(ledger.follow(after=27, until=31)) == [28, 29, 30, 31]
        later.join()


def test_a_feed_is_acknowledged_from_elsewhere(url: str, tmp_path: Path) -> None:
    cursor, dealt, asked = Cursor(tmp_path / "feed.json"), 0, list[float]()

    def pause(seconds: float) -> None:
        nonlocal dealt
        asked.append(seconds)
        dealt = 28  # the last answer comes when everything was given

    with Ledger.open(url) as ledger:
        feed = ledger.follow(cursor=cursor, acknowledged=lambda: dealt, pause=pause, wait=False)
        assert [next(feed)["position"] for _ in range(20)] == list(range(1, 21))
        dealt = 11
        assert next(feed)["position"] == 21
        feed.close()  # pyright: ignore[reportAttributeAccessIssue]
        found = cursor.read()
        assert found is not None
        assert found.position == 11
        again = ledger.follow(cursor=cursor, acknowledged=lambda: dealt, pause=pause, wait=False)
        assert positions(again) == list(range(12, 29))
        assert asked
        found = cursor.read()
        assert found is not None
        assert found.position == 28


# -- another log -----------------------------------------------------------------------------


def broken(ledger: Ledger, **question: Any) -> str:
    with pytest.raises(LedgerError) as caught:
        list(ledger.follow(**question, wait=False))
    assert caught.value.code == "FeedBroken"
    return caught.value.message


def test_a_log_that_was_restored_is_not_followed_on(url: str, tmp_path: Path) -> None:
    cursor = tmp_path / "feed.json"
    copy = copy_of(url)
    copy.fresh()
    with Ledger.open(copy.url, clock=SteppingClock()) as ledger:
        send_all(ledger, issues(29, 33))
        assert positions(ledger.follow(cursor=cursor, wait=False))[-1] == 33
    copy.fresh()
    with Ledger.open(copy.url, clock=SteppingClock()) as ledger:
        assert "ends at position 28" in broken(ledger, cursor=cursor)
        send_all(ledger, issues(101, 110))
        said = broken(ledger, cursor=cursor)
        assert "has come to position 33 with hash" in said
        assert "begin again with a new cursor" in said
        assert positions(ledger.follow(after=28, wait=False)) == list(range(29, 39))
    copy.close()


@ON_SQLITE
def test_a_log_that_is_exchanged_while_it_is_followed_is_noticed(url: str) -> None:
    copy = copy_of(url)
    copy.fresh()
    with Ledger.open(copy.url) as ledger:
        feed = ledger.follow(pause=lambda _: copy.drop_guards() or copy.execute(
            "DELETE FROM stored_events WHERE rowid > 20"
        ))  # fmt: skip
        assert [next(feed)["position"] for _ in range(28)][-1] == 28
        with pytest.raises(LedgerError, match="ends at position 20"):
            next(feed)
    copy.close()


@ON_SQLITE
@pytest.mark.parametrize("text", [b"", b"17", b"{}", b"\xff", b'{"position": -1, "hash": ""}'])
def test_a_file_that_is_no_cursor_is_said(url: str, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "feed.json").write_bytes(text)
    with Ledger.open(url) as ledger:
        assert "is no cursor of a feed" in broken(ledger, cursor=tmp_path / "feed.json")
    assert (tmp_path / "feed.json").read_bytes() == text


# -- consumers that die ----------------------------------------------------------------------

IN_PROCESS = """
import os, sys, time
from etsledger.ledger import Ledger
url, cursor, notes, end = sys.argv[1:]
out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
with Ledger.open(url) as ledger:
    for event in ledger.follow(cursor=cursor, until=int(end)):
        os.write(out, b"%d\\n" % event["position"])
        time.sleep(0.001)
"""
BY_PIPE = """
import json, os, subprocess, sys, time
url, cursor, notes, end = sys.argv[1:]
out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
feed = subprocess.Popen(
    [sys.executable, "-m", "etsledger.cli", "--store", url, "events", "--follow", "--cursor",
     cursor, "--acknowledged", "--to-position", end],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
for line in feed.stdout:
    position = json.loads(line)["position"]
    os.write(out, b"%d\\n" % position)
    time.sleep(0.001)
    feed.stdin.write(b"%d\\n" % position)
    feed.stdin.flush()
sys.exit(feed.wait())
"""


def noted(notes: Path) -> list[int]:
    return [int(line) for line in notes.read_text("utf-8").split()] if notes.exists() else []


@pytest.mark.parametrize("consumer", [IN_PROCESS, BY_PIPE], ids=["in process", "by a pipe"])
def test_a_consumer_that_is_killed_and_goes_on_misses_nothing(
    url: str, tmp_path: Path, consumer: str
) -> None:
    notes, cursor, choose = tmp_path / "notes", Cursor(tmp_path / "feed.json"), random.Random(SEED)
    end, lives, mid = 328, 0, 0
    sent = threading.Thread(target=_write_slowly, args=(url, end))
    sent.start()
    try:
        while not (done := noted(notes)) or done[-1] < end:
            lives += 1
            assert lives < 60, f"no end: {done[-1:]}"
            before, start = len(done), cursor.read()
            running = subprocess.Popen(
                [sys.executable, "-c", consumer, url, str(tmp_path / "feed.json"), str(notes),
                 str(end)], start_new_session=True,
            )  # fmt: skip
            _kill_in_the_middle(running, notes, before, choose)
            new = noted(notes)[before:]
            mid += 0 < len(new) < end
            # It goes on after the cursor, in order; what it repeats stands after the cursor too.
            first = (start.position if start else 0) + 1
            assert new == list(range(first, first + len(new)))
    finally:
        sent.join()
    assert set(noted(notes)) == set(range(1, end + 1)), "an event was missed"
    assert mid > 1, "no consumer died in the middle"


def _write_slowly(url: str, end: int) -> None:
    with Ledger.open(url, clock=SteppingClock()) as ledger:
        for first in range(29, end, 50):
            send_all(ledger, issues(first, min(first + 49, end)))
            time.sleep(0.05)


def _kill_in_the_middle(
    running: subprocess.Popen[bytes], notes: Path, before: int, choose: random.Random
) -> None:
    """Lets a consumer deal with some events, and kills it with all of its processes."""
    enough, until = before + choose.randint(70, 200), time.monotonic() + 30
    while running.poll() is None and len(noted(notes)) < enough and time.monotonic() < until:
        time.sleep(0.002)
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


# -- on the command line -----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def follow(store: Path, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    program = [*PROGRAM, "--store", str(store), "events", "--follow", *arguments]
    return subprocess.Popen[bytes](program, bufsize=0, **given)


def test_the_cursor_of_the_command_line_goes_on_where_it_was(store: Path, tmp_path: Path) -> None:
    cursor = str(tmp_path / "feed.json")
    feed = ["events", "--follow", "--cursor", cursor]

    def given(*options: str) -> list[int]:
        return [json.loads(line)["position"] for line in ok(store, *feed, *options).splitlines()]

    assert given("--limit", "5") == [1, 2, 3, 4, 5]
    assert given("--to-position", "13", "--from-position", "2") == [*range(6, 14)]
    assert given("--to-position", "13") == []
    (tmp_path / "feed.json").unlink()
    assert given("--to-position", "13", "--from-position", "12") == [12, 13]


def test_a_feed_into_a_file_is_whole_whenever_it_is_killed(store: Path, tmp_path: Path) -> None:
    cursor, out = Cursor(tmp_path / "feed.json"), tmp_path / "feed.jsonl"
    ok(store, "apply", "-", given=lines(issues(1_000, 1_250)))
    while (at := cursor.read()) is None or at.position < 264:
        with out.open("ab") as file, follow(
            store, "--cursor", str(tmp_path / "feed.json"), stdout=file
        ) as running:  # fmt: skip
            until = time.monotonic() + 20
            while cursor.read() == at and time.monotonic() < until:
                time.sleep(0.002)
            running.kill()
    given = [json.loads(line)["position"] for line in out.read_bytes().splitlines()]
    assert set(given) == set(range(1, 265))


def test_a_reader_that_goes_away_ends_the_feed_quietly_even_while_nothing_comes(
    store: Path, tmp_path: Path
) -> None:
    cursor = tmp_path / "feed.json"
    with follow(store, "--cursor", str(cursor)) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        for _ in range(13):
            running.stdout.readline()
        running.stdout.close()  # and no event comes that would be written
        said = running.stderr.read()
        assert running.wait(20) == 141
    assert said == b""


def test_a_reader_that_never_answers_moves_no_cursor(store: Path, tmp_path: Path) -> None:
    cursor = tmp_path / "feed.json"
    with follow(
        store, "--cursor", str(cursor), "--acknowledged", stdin=subprocess.PIPE
    ) as running:  # fmt: skip
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        for _ in range(13):
            running.stdout.readline()
        assert not cursor.exists()
        running.stdin.write(b"4\n7\n")
        until = time.monotonic() + 20
        while not cursor.exists() and time.monotonic() < until:
            time.sleep(0.01)
        found = Cursor(cursor).read()
        assert found is not None
        assert found.position in (4, 7)
        running.stdin.close()
        said = running.stderr.read()
        assert running.wait(20) == 141
    assert said == b""
    found = Cursor(cursor).read()
    assert found is not None
    assert found.position == 7


def test_an_answer_that_is_no_position_is_wrong_usage(store: Path, tmp_path: Path) -> None:
    done = process(
        store, "events", "--follow", "--cursor", str(tmp_path / "feed.json"), "--acknowledged",
        given=b"1\nyes\n",
    )  # fmt: skip
    no_traceback(done.stderr.decode())
    assert done.returncode == 2
    assert b"wants positions on standard input" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["events", "--cursor", "x"], "--follow"),
        (["events", "--follow", "--acknowledged"], "--cursor"),
    ],
)
def test_options_that_make_no_sense_alone(store: Path, arguments: list[str], said: str) -> None:
    done = run(store, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_broken_feed_is_exit_code_1(store: Path, tmp_path: Path) -> None:
    cursor = tmp_path / "feed.json"
    Cursor(cursor).save(Point(13, "0" * 64))
    done = run(store, "events", "--follow", "--cursor", str(cursor))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: FeedBroken: ")


def test_the_feed_is_that_of_the_book(store: Path) -> None:
    with Ledger.open(store, clock=SteppingClock()) as ledger:
        DayBook(ledger).issue(3, id="late")
        assert list(ledger.follow(wait=False)) == list(ledger.events())
        send_all(ledger, [command("cancel", "c", account="crrc-1", unit="CEA:2023", quantity=1)])
        assert positions(ledger.follow(after=14, wait=False)) == [15]
