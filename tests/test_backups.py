"""Backups: of one moment while writers go on, checked, never over a file, and known for what
they are."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from causes.copies import SqliteCopy
from command_line import ask, books, lines, ok, run
from etsledger.ledger import Backup, Ledger, LedgerError, StoreError, restore
from helpers import DayBook, SteppingClock, command, send_all, trial_registry

MORE = lines([command("issue", "more", unit="CEA:2023", quantity=5, at="2024-07-01")])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def backed_up(store: Path, file: Path) -> Backup:
    with Ledger.open(store) as ledger:
        return ledger.backup(file)


def refused(code: str, attempt: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        attempt()
    assert caught.value.code == code, caught.value.message
    return caught.value


def test_a_backup_answers_every_question_as_the_store_does(store: Path, tmp_path: Path) -> None:
    made = backed_up(store, tmp_path / "kept.db")
    with Ledger.open(store) as one, Ledger.open(made.file) as other:
        assert list(other.export()) == list(one.export())
        assert other.head() == one.head() == made.head.point
        assert other.verify(head=made.head).ok
        at = {"as_of": "2024-12-31"}
        assert other.balances(**at) == one.balances(**at)  # pyright: ignore[reportArgumentType]
        assert other.compliance(**at) == one.compliance(**at)  # pyright: ignore[reportArgumentType]
        assert other.refusals() == one.refusals()
        assert other.epoch == one.epoch


def test_it_is_one_file_and_nothing_is_left_beside_it(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    backed_up(store, folder / "kept.db")
    assert [one.name for one in folder.iterdir()] == ["kept.db"]
    assert (folder / "kept.db").read_bytes()[18:20] == b"\x01\x01"  # no write-ahead log needed


def test_it_answers_from_a_medium_that_nobody_can_write(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "medium"
    folder.mkdir()
    backed_up(store, folder / "kept.db")
    (folder / "kept.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        assert ask(folder / "kept.db", "balances") == ask(store, "balances")
        assert ask(folder / "kept.db", "verify")["ok"] is True
        assert [one.name for one in folder.iterdir()] == ["kept.db"]
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("what", ["file", "folder", "dangling link", "write-ahead log"])
def test_a_backup_is_never_written_over_anything(store: Path, tmp_path: Path, what: str) -> None:
    target = tmp_path / "kept.db"
    match what:
        case "file":
            target.write_text("mine", "utf-8")
        case "folder":
            target.mkdir()
        case "dangling link":
            target.symlink_to(tmp_path / "nowhere")
        case _:
            (tmp_path / "kept.db-wal").write_text("mine", "utf-8")
    before = sorted(tmp_path.iterdir())
    error = refused("BackupRefused", lambda: backed_up(store, target))
    assert "is there already" in error.message
    assert {*before} >= {one for one in tmp_path.iterdir() if "-shm" not in one.name}
    if what == "file":
        assert target.read_text("utf-8") == "mine"


def test_a_folder_that_is_not_there_is_said(store: Path, tmp_path: Path) -> None:
    error = refused("BackupRefused", lambda: backed_up(store, tmp_path / "no" / "kept.db"))
    assert "does not exist" in error.message


def test_a_backup_takes_no_writes_and_says_what_makes_a_store_of_it(
    store: Path, tmp_path: Path
) -> None:
    made = backed_up(store, tmp_path / "kept.db")
    before = made.file.read_bytes()
    done = run(made.file, "apply", "-", given=MORE)
    assert done.exit_code == 3
    assert done.stderr.startswith("error: StoreBehind: ")
    assert f"etsledger restore {made.file} --to URL" in done.stderr
    with Ledger.open(made.file) as ledger:
        for attempt in (lambda: DayBook(ledger).issue(1), ledger.rebuild):
            refused("StoreBehind", attempt)
    assert ok(made.file, "balances")  # read without a word of warning
    assert made.file.read_bytes() == before


def test_a_store_whose_chain_does_not_hold_is_not_backed_up(store: Path, tmp_path: Path) -> None:
    copy = SqliteCopy(store)
    copy.fresh()
    copy.drop_guards()
    state = copy.state(9).replace(b"1000", b"9000")
    copy.execute("UPDATE stored_events SET state = ? WHERE rowid = 9", state)
    copy.make_guards()
    path = store.with_name(f"copy-of-{store.name}")
    error = refused("BackupRefused", lambda: backed_up(path, tmp_path / "kept.db"))
    assert "hash at position 9" in error.message
    assert "etsledger verify" in error.message
    assert not list(tmp_path.glob("*kept.db*"))


def test_an_empty_store_can_be_backed_up_and_restored(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "books.db", create=True) as ledger:
        made = ledger.backup(tmp_path / "kept.db")
    assert made.head.position == 0
    done = restore(made.file, tmp_path / "again.db", heads=[made.head])
    assert (done.head.position, done.lost) == (0, 0)


def test_a_backup_says_what_it_is_of(store: Path, tmp_path: Path) -> None:
    said = ask(store, "backup", str(tmp_path / "kept.db"))
    head = ask(store, "head")
    assert {name: said[name] for name in head} == head
    with Ledger.open(store) as ledger:
        assert (said["store_id"], said["epoch"], said["epoch_from"]) == ledger.epoch
    again = run(store, "backup", str(tmp_path / "kept.db"))
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith("error: BackupRefused: ")


WRITER = """
import itertools, sys
from etsledger.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    for number in itertools.count():
        for one in ledger.apply({"command": "issue", "registry": "trial", "unit": "CEA:2023",
                                 "id": f"w{number}/{i}", "quantity": 1, "to": "crrc-1"}
                                for i in range(20)):
            assert one.outcome == "accepted"
        print(number, flush=True)
"""


def test_backups_while_a_writer_writes_are_each_of_one_moment(tmp_path: Path) -> None:
    store = tmp_path / "books.db"
    with Ledger.open(store, create=True) as ledger:
        send_all(ledger, trial_registry())
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        made = [backed_up(store, tmp_path / f"kept-{number}.db") for number in range(4)]
        assert writer.poll() is None, "the writer was stopped by a backup"
    finally:
        writer.kill()
        writer.communicate()
    ends = [one.head.position for one in made]
    assert ends == sorted(ends)
    assert ends[0] < ends[-1], "nothing was written meanwhile"
    with Ledger.open(store) as ledger:
        assert ledger.verify(head=[one.head for one in made]).ok
        for one in made:
            with Ledger.open(one.file) as copy:
                report = copy.verify(head=one.head)
                assert (report.ok, report.events) == (True, one.head.position), report.findings
                held = copy.balances(as_of="2199-01-01")
                assert held == ledger.balances(as_of="2199-01-01", known_at=one.head.position)


COPIER = """
import sys
from etsledger.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    print("open", flush=True)
    ledger.backup(sys.argv[2])
"""


def test_a_backup_that_is_killed_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    store, target = tmp_path / "books.db", tmp_path / "kept.db"
    with Ledger.open(store, create=True) as ledger:
        send_all(ledger, trial_registry())
        issue = {"command": "issue", "registry": "trial", "unit": "CEA:2023", "to": "crrc-1"}
        send_all(ledger, [{**issue, "id": f"i{i}", "quantity": 1} for i in range(2_000)])
    killed = 0
    for wait in (0.0, 0.01, 0.03, 0.06):
        running = subprocess.Popen(
            [sys.executable, "-c", COPIER, str(store), str(target)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == "open\n"
        time.sleep(wait)
        running.kill()
        running.communicate()
        if target.exists():  # it was there before the kill: then it is whole
            assert ask(target, "verify")["ok"] is True
            target.unlink()
        else:
            killed += 1
    assert killed
    assert backed_up(store, target).head.position == 2_008


@pytest.mark.postgres
def test_a_store_on_postgres_has_tools_of_its_own(postgres_url: str, tmp_path: Path) -> None:
    with Ledger.open(postgres_url, create=True, clock=SteppingClock()) as ledger:
        error = refused("BackupRefused", lambda: ledger.backup(tmp_path / "kept.db"))
        assert "pg_dump" in error.message
    error = refused(
        "BackupRefused", lambda: restore(tmp_path / "kept.db", postgres_url, heads=None)
    )
    assert "without a file" in error.message
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_not_made_of_what_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all", "utf-8")
    with pytest.raises(StoreError):
        backed_up(tmp_path / "text.db", tmp_path / "kept.db")
    assert [one.name for one in tmp_path.iterdir()] == ["text.db"]


def test_a_full_disk_leaves_no_half_backup(store: Path, tmp_path: Path) -> None:
    program = """
import resource, signal, sys
from etsledger.ledger import Ledger, LedgerError
with Ledger.open(sys.argv[1]) as ledger:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    try:
        ledger.backup(sys.argv[2])
    except LedgerError as error:
        print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(store), str(tmp_path / "kept.db")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("BackupRefused\n", 0), done.stderr
    assert not list(tmp_path.glob("*kept.db*"))
