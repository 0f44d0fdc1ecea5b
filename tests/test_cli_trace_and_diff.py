"""``trace`` and ``diff`` as commands."""

from pathlib import Path
from typing import Any

import pytest

from command_line import ask, books, ok, run
from etsledger.ledger.changes import DiffRow
from etsledger.ledger.provenance import TraceRow


def numbers(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["account"], r["field"], r["from"], r["to"], r["change"]) for r in rows]


def test_trace_tells_ranges_with_their_way(tmp_path: Path) -> None:
    store = books(tmp_path)
    rows = ask(store, "trace", "CEA:2023")
    assert list(rows[0]) == list(TraceRow.__annotations__)
    assert [(r["first"], r["last"], r["account"]) for r in rows] == [
        (1, 300, "desk-1"),
        (301, 400, "retired"),
        (401, 1000, "crrc-1"),
    ]
    assert ask(store, "trace", "CEA:2023", "--limit", "1") == rows[:1]
    assert [r["first"] for r in ask(store, "trace", "CEA:2023", "299-301")] == [299, 301]
    assert ask(store, "trace", "CEA:2023", "17")[0]["quantity"] == 1
    assert ask(store, "trace", "--account", "desk-1", "--unit", "CEA:2023") == rows[:1]
    table = ok(store, "trace", "--account", "desk-1", "--format", "table")
    assert "issuance → crrc-1 (@9 2024-01-02) → desk-1 (@11 2024-03-01)" in table
    assert ok(store, "trace", "--account", "desk-1", "--format", "csv").startswith("registry,unit,")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--registry", "trial"],
        ["CEA:2023", "0-5"],
        ["CEA:2023", "5-4"],
        ["CEA:2023", "a-b"],
        ["CEA:2023", "--unit", "CEA:2024"],
    ],
)
def test_wrong_usage_of_trace_is_told(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path / "none.db", "trace", *arguments).exit_code == 2


def test_an_account_that_nobody_knows_is_named(tmp_path: Path) -> None:
    answer = run(books(tmp_path), "trace", "--account", "nobody")
    assert (answer.exit_code, answer.stdout) == (0, "[]\n")
    assert "nobody" in answer.stderr


def test_diff_tells_what_changed(tmp_path: Path) -> None:
    store = books(tmp_path)
    rows = ask(store, "diff", "--from", "2024-02-01", "--to", "2024-04-01,@11")
    assert list(rows[0]) == list(DiffRow.__annotations__)
    assert numbers(rows) == [
        ("crrc-1", "quantity", 1000, 700, -300),
        ("desk-1", "quantity", 0, 300, 300),
    ]
    assert ask(store, "diff", "--from", "2024-02-01", "--to", "2024-04-01,@10") == []
    known = ask(store, "diff", "--from", "2024-04-01,@10", "--to", "2024-04-01", "--events", "0")
    assert numbers(known) == numbers(rows)
    table = ok(store, "diff", "--from", ",@10", "--account", "desk-1", "--format", "table")
    assert "@11 UnitsTransferred +300 (became known)" in table
    capped = ok(store, "diff", "--from", ",@9", "--account", "crrc-1", "--events", "1",
                "--format", "table")  # fmt: skip
    assert "and 1 more" in capped


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from", "yesterday"],
        ["--from", "2024-01-01,never"],
        ["--from", "2024-01-01,@x"],
        ["--from", "2024-01-01", "--events", "-1"],
    ],
)
def test_wrong_usage_of_diff_is_told(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path / "none.db", "diff", *arguments).exit_code == 2


def test_no_difference_is_an_answer(tmp_path: Path) -> None:
    store = books(tmp_path)
    assert ask(store, "diff", "--from", "2024-07-01", "--to", "2024-07-02") == []
    said = run(store, "diff", "--from", "2024-07-01", "--to", "2024-07-02", "--format", "table")
    assert (said.exit_code, said.stderr) == (0, "no difference\n")
