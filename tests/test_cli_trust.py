"""``verify``, ``head``, ``rebuild``, ``export`` and ``import`` on the command line."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from command_line import ask, books, lines, ok, process, run
from etsledger.ledger import Ledger
from helpers import command

MORE = lines([command("issue", "more", unit="CEA:2023", quantity=5, at="2024-07-01")])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def change(store: Path, statement: str) -> None:
    """What a thief with the file in his hands does: guards off, one statement, guards on."""
    with closing(sqlite3.connect(store)) as connection, connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            connection.execute(f'DROP TRIGGER "{name}"')
        assert connection.execute(statement).rowcount >= 1
        for _, sql in guards:
            connection.execute(sql)


def test_head_is_position_hash_and_root(store: Path) -> None:
    head = ask(store, "head")
    assert list(head) == ["position", "hash", "root"]
    assert head["position"] == 13
    assert head["hash"] == ask(store, "events", "--from-position", "13")[0]["hash"]
    text = ok(store, "head", "--format", "table")
    point = f"position 13\nhash     {head['hash']}\nroot     {head['root']}\n"
    with Ledger.open(store) as ledger:
        assert text == point + f"store    {ledger.epoch.store_id}\nepoch    1\n"


def test_verify_of_a_good_store_is_exit_code_0(store: Path) -> None:
    report = ask(store, "verify")
    assert report == {"ok": True, "events": 13, "head": ask(store, "head"), "findings": []}
    assert "13 events checked: nothing is wrong" in ok(store, "verify", "--format", "table")
    chain = ask(store, "verify", "--chain")
    assert (chain["ok"], chain["events"], chain["head"]["hash"]) == (
        True, 13, report["head"]["hash"],
    )  # fmt: skip


def test_verify_of_a_changed_log_is_exit_code_1_and_names_the_position(store: Path) -> None:
    change(store, "UPDATE stored_events SET state = replace(state, '1000', '9000') WHERE rowid = 9")
    for options in ([], ["--chain"]):
        result = run(store, "verify", *options)
        assert result.exit_code == 1
        assert {9} <= {finding["position"] for finding in json.loads(result.stdout)["findings"]}
        assert set(json.loads(result.stdout)["findings"][0]) == {"check", "position", "message"}
    table = run(store, "verify", "--format", "table")
    assert table.exit_code == 1
    assert "hash at position 9: " in table.stdout
    assert run(store, "verify", "--format", "csv").exit_code == 1


def test_only_a_kept_head_finds_a_missing_tail(store: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(ok(store, "head"), encoding="utf-8")
    assert ask(store, "verify", "--head", str(kept))["ok"] is True
    ok(store, "apply", "-", given=MORE)
    assert ask(store, "verify", "--head", str(kept))["ok"] is True

    change(store, "DELETE FROM stored_events WHERE rowid >= 13")
    looked = run(store, "verify", "--chain")
    assert json.loads(looked.stdout)["ok"] is True
    assert looked.stderr.startswith("warning: ")  # of the place: see test_restores.py
    for options in ([], ["--chain"]):
        result = run(store, "verify", *options, "--head", str(kept))
        assert result.exit_code == 1
        assert "head" in {f["check"] for f in json.loads(result.stdout)["findings"]}


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_head_is_read_in_any_format_it_is_printed_in(
    store: Path, tmp_path: Path, form: str
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(ok(store, "head", "--format", form), encoding="utf-8")
    assert ask(store, "verify", "--head", str(kept))["ok"] is True
    done = run(store, "verify", "--head", "-", given=kept.read_text(encoding="utf-8"))
    assert done.exit_code == 0


@pytest.mark.parametrize("text", [b"", b"nonsense", b"{}", b"\xff", b'{"position": "x"}', b"[]"])
def test_a_head_file_that_is_none_is_wrong_usage(store: Path, tmp_path: Path, text: bytes) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(text)
    for arguments in (["verify"], ["import", str(kept)]):
        result = run(store, *arguments, "--head", str(kept))
        assert result.exit_code == 2
        assert "the head file is not as" in result.stderr


def test_rebuild_makes_the_same_books_again(store: Path) -> None:
    before = ok(store, "balances"), ok(store, "head")
    change(store, "UPDATE ledger_postings SET quantity = quantity + 1 WHERE quantity = 300")
    assert run(store, "verify").exit_code == 1
    assert ask(store, "rebuild") == {"position": 13}
    assert ask(store, "verify")["ok"] is True
    assert (ok(store, "balances"), ok(store, "head")) == before
    table = ok(store, "rebuild", "--format", "table")
    assert table == "rebuilt from the log up to position 13\n"


def test_export_and_import_give_the_same_ledger(store: Path, tmp_path: Path) -> None:
    copy, log, kept = tmp_path / "copy.db", tmp_path / "log.jsonl", tmp_path / "kept.json"
    result = run(store, "export", str(log))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"13 events written to {log}\n"
    assert log.read_bytes() == process(store, "export").stdout
    kept.write_text(ok(store, "head"), encoding="utf-8")

    imported = ask(copy, "import", str(log), "--head", str(kept))
    assert imported == {"imported": 13, "position": 13}
    for query in (["head"], ["balances"], ["supply"], ["events"], ["verify"]):
        assert ok(copy, *query) == ok(store, *query)
    again = ok(copy, "import", "-", "--format", "table", given=log.read_bytes())
    assert again == "0 new events; the log ends at position 13\n"


def test_an_import_goes_on_where_the_log_ends(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    ok(copy, "import", "-", given=ok(store, "export"))
    ok(store, "apply", "-", given=MORE)
    assert json.loads(ok(copy, "import", "-", given=ok(store, "export"))) == {
        "imported": 1, "position": 14,
    }  # fmt: skip
    assert ask(copy, "head") == ask(store, "head")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: [*log[:-1], log[-1].replace(b"CEA", b"CEB")],
        lambda log: log[:5] + log[6:],
        lambda log: [*log[:5], log[6], log[5], *log[7:]],
        lambda log: [*log[:-1], log[-1][:40]],
        lambda log: [b"nonsense", *log],
        lambda log: [*log, log[-1]],
    ],
    ids=["changed", "missing", "swapped", "cut", "foreign", "doubled"],
)
def test_a_spoilt_log_is_refused_whole(
    store: Path, tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]]
) -> None:
    log = spoil(ok(store, "export").encode().splitlines())
    copy = tmp_path / "copy.db"
    result = run(copy, "import", "-", given=b"\n".join(log) + b"\n")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ImportRefused: line ")
    assert not copy.exists()


def test_an_import_that_misses_its_head_is_refused(store: Path, tmp_path: Path) -> None:
    log, kept, copy = tmp_path / "log.jsonl", tmp_path / "kept.json", tmp_path / "copy.db"
    kept.write_text(ok(store, "head"), encoding="utf-8")
    log.write_text("".join(ok(store, "export").splitlines(keepends=True)[:-1]), encoding="utf-8")
    result = run(copy, "import", str(log), "--head", str(kept))
    assert result.exit_code == 1
    assert "position 12" in result.stderr
    assert not copy.exists()


def test_file_and_head_cannot_both_be_standard_input(tmp_path: Path) -> None:
    result = run(tmp_path / "x.db", "import", "-", "--head", "-", given="{}")
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_its_file_only_when_it_is_complete(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "out" / "log.jsonl"
    log.parent.mkdir()
    log.write_text("the export of yesterday", encoding="utf-8")
    change(store, "UPDATE stored_events SET state = 'x' WHERE rowid = 5")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("ALTER TABLE stored_events RENAME TO gone")
    result = run(store, "export", str(log))
    assert result.exit_code == 3
    assert log.read_text(encoding="utf-8") == "the export of yesterday"
    assert [path.name for path in log.parent.iterdir()] == ["log.jsonl"]


def test_an_export_follows_a_link_and_keeps_a_device(store: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(real)
    assert run(store, "export", str(link)).exit_code == 0
    assert link.is_symlink()
    assert len(real.read_bytes().splitlines()) == 13
    assert run(store, "export", os.devnull).exit_code == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_an_export_never_replaces_the_store(store: Path) -> None:
    before = store.read_bytes()
    result = run(store, "export", str(store))
    assert result.exit_code == 2
    assert "is the store itself" in result.stderr
    assert store.read_bytes() == before


def test_an_export_into_a_folder_that_is_not_there(store: Path, tmp_path: Path) -> None:
    result = run(store, "export", str(tmp_path / "no" / "log.jsonl"))
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
