"""Stores that are not there, not ledgers, newer, damaged, locked or read-only: exit code 3."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from command_line import ask, books, lines, ok, process, run
from etsledger.ledger import Ledger
from helpers import command

QUERIES = [
    ["balances"], ["balances", "--from-log"], ["statement", "crrc-1"], ["supply"], ["events"],
    ["refusals"], ["verify"], ["verify", "--chain"], ["head"], ["export"],
]  # fmt: skip
ONE = lines([command("issue", "x", unit="CEA:2023", quantity=1, at="2024-07-01")])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return books(tmp_path)


def fails(store: Path | str, code: str, *arguments: str, given: str = ONE) -> str:
    """Runs a command that must end with exit code 3 and one line of why."""
    result = run(store, *arguments, given=given)
    assert result.exit_code == 3, result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {code}: "), line
    return line


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_a_query_on_an_absent_store_is_exit_code_3_and_makes_none(
    tmp_path: Path, query: list[str]
) -> None:
    line = fails(tmp_path / "none.db", "StoreAbsent", *query)
    assert "etsledger apply" in line
    assert list(tmp_path.iterdir()) == []


def test_rebuild_needs_a_store(tmp_path: Path) -> None:
    fails(tmp_path / "none.db", "StoreAbsent", "rebuild")
    assert list(tmp_path.iterdir()) == []


def test_apply_needs_the_folder_of_the_store(tmp_path: Path) -> None:
    assert "does not exist" in fails(tmp_path / "no" / "x.db", "StoreAbsent", "apply", "-")


def test_an_empty_file_is_an_absent_store(tmp_path: Path) -> None:
    store = tmp_path / "empty.db"
    store.touch()
    fails(store, "StoreAbsent", "balances")


@pytest.mark.parametrize("arguments", [["balances"], ["apply", "-"], ["import", "-"]])
def test_a_directory_is_no_store(tmp_path: Path, arguments: list[str]) -> None:
    assert "directory" in fails(tmp_path, "StoreForeign", *arguments)


@pytest.mark.parametrize("arguments", [["balances"], ["apply", "-"], ["import", "-"]])
def test_a_foreign_file_is_left_as_it_is(tmp_path: Path, arguments: list[str]) -> None:
    text = tmp_path / "notes.db"
    text.write_text("these are my notes, not a ledger", encoding="utf-8")
    fails(text, "StoreForeign", *arguments)
    assert text.read_text(encoding="utf-8") == "these are my notes, not a ledger"

    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    before = other.read_bytes()
    assert "songs" in fails(other, "StoreForeign", *arguments)
    assert other.read_bytes() == before


@pytest.mark.parametrize("arguments", [["balances"], ["apply", "-"], ["verify"]])
def test_a_store_of_a_newer_version_is_not_touched(store: Path, arguments: list[str]) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE ledger_meta SET value = '99' WHERE key = 'format'")
    assert "99" in fails(store, "StoreTooNew", *arguments)


@pytest.mark.parametrize("url", ["mysql://localhost/ets", "sqlite://", "nonsense://x", "a://b://c"])
def test_a_url_of_no_store(url: str) -> None:
    fails(url, "StoreForeign", "balances")


def test_a_server_that_does_not_answer() -> None:
    line = fails("postgresql://nobody:secret@127.0.0.1:1/ets", "StoreError", "balances")
    assert "127.0.0.1" in line
    assert "secret" not in line


def test_a_read_only_store_answers_every_query_and_refuses_writes(store: Path) -> None:
    before = {" ".join(query): ok(store, *query) for query in QUERIES}
    store.chmod(0o444)
    assert {" ".join(query): ok(store, *query) for query in QUERIES} == before
    fails(store, "StoreReadOnly", "apply", "-")
    fails(store, "StoreReadOnly", "rebuild")
    log = store.with_suffix(".jsonl")
    log.write_text(before["export"], encoding="utf-8")
    fails(store, "StoreReadOnly", "import", str(log))
    assert {" ".join(query): ok(store, *query) for query in QUERIES} == before


def test_a_dry_run_needs_no_right_to_write(store: Path) -> None:
    store.chmod(0o444)
    said = ok(store, "apply", "--dry-run", "-", given=ONE)
    assert said.startswith("1 accepted (1 event)")


def test_a_database_damaged_in_the_middle_is_named_in_one_line(store: Path) -> None:
    many = [
        command("issue", f"n{i}", unit="CEA:2023", quantity=1, to="crrc-1", at="2024-07-01",
                reason="x" * 500)
        for i in range(400)
    ]  # fmt: skip
    ok(store, "apply", "-", given=lines(many))
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(store.read_bytes())
    page = 4096
    for start in range(8 * page, len(data) - page, 2 * page):
        data[start : start + page] = b"\xa5" * page
    store.write_bytes(data)
    failed = 0
    for query in QUERIES:
        result = run(store, *query)
        assert result.exit_code in {0, 1, 3}
        if result.exit_code == 3:
            failed += 1
            assert result.stderr.splitlines()[-1].startswith("error: Store")
    assert failed >= 5


def test_a_table_that_is_gone_is_exit_code_3(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DROP TABLE ledger_postings_by_account")
    result = run(store, "balances")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: Store")


@pytest.mark.slow
def test_who_waits_too_long_for_the_writers_lock_learns_who_holds_it(store: Path) -> None:
    with Ledger.open(store) as ledger, ledger.store.writing():
        asked = process(store, "balances", "--account", "crrc-1")
        assert (asked.returncode, asked.stderr) == (0, b"")
        refused = process(store, "apply", "-", given=ONE.encode())
    assert refused.returncode == 3
    assert refused.stderr.startswith(b"error: StoreLocked: ")
    assert str(os.getpid()).encode() in refused.stderr
    ok(store, "apply", "-", given=ONE)


def test_the_store_comes_from_the_environment_too(store: Path) -> None:
    done = process(None, "head", environment={"ETSLEDGER_STORE": str(store)})
    assert json.loads(done.stdout) == ask(store, "head")
    done = process(store, "head", environment={"ETSLEDGER_STORE": "/nonexistent/x.db"})
    assert json.loads(done.stdout) == ask(store, "head")


def test_the_default_store_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETSLEDGER_STORE", raising=False)
    opening = lines([command("open_registry", "1", rulebook="open")])
    ok(None, "apply", "-", given=opening)
    assert (tmp_path / "etsledger.db").is_file()
    assert ask("etsledger.db", "head")["position"] == 1
    assert json.loads(ok(None, "head"))["position"] == 1
