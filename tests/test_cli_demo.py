"""``demo``: real output of a fresh ledger, the same wherever it runs."""

import re
from pathlib import Path

import pytest

from command_line import ask, ok, run
from etsledger.cli.demo_story import AS_OF, KNOWN, PLANT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETSLEDGER_STORE", raising=False)
    return tmp_path


def test_the_demo_leaves_nothing_behind(folder: Path) -> None:
    assert "nothing is wrong" in ok(None, "demo")
    assert list(folder.iterdir()) == []


def test_the_demo_asks_the_same_question_three_times_with_three_answers() -> None:
    shown = ok(None, "demo")
    answers = re.findall(rf"^demo +{PLANT} .*?([\d,]+) +[\d,]+$", shown, re.MULTILINE)
    assert len(answers) == len(set(answers)) == 3
    assert "refused: InsufficientUnits: " in shown


def test_what_the_demo_shows_is_what_the_commands_answer(folder: Path) -> None:
    shown = ok(None, "demo", "--keep")
    store = folder / "etsledger-demo.db"
    for known_at in KNOWN:
        query = ["balances", "--account", PLANT, "--as-of", AS_OF, "--known-at", known_at]
        assert f"$ etsledger {' '.join(query)}\n" in shown
        assert ok(store, *query, "--format", "table") in shown
    for query in (["supply"], ["verify"]):
        assert ok(store, *query, "--format", "table") in shown
    assert ask(store, "head")["hash"] in shown


def test_the_story_holds_a_late_entry_a_reversal_a_cancellation_and_an_assertion() -> None:
    ok(None, "demo", "--keep")
    rows = ask("etsledger-demo.db", "events")
    assert {
        "RegistryOpened", "AccountOpened", "UnitsIssued", "UnitsDistributed", "UnitsTransferred",
        "SurrenderConfirmed", "MovementReversed", "UnitsCancelled", "BalanceAsserted",
    } <= {row["type"] for row in rows}  # fmt: skip
    late = ask("etsledger-demo.db", "events", "--back-dated", "--from-position", "2")
    assert [row["command_id"] for row in late] == ["15", "16"]


def test_the_demo_overwrites_nothing(folder: Path) -> None:
    ok(None, "demo", "--keep")
    before = ask("etsledger-demo.db", "head")
    result = run(None, "demo", "--keep")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "already" in result.stderr
    assert ask("etsledger-demo.db", "head") == before


def test_the_demo_is_built_in_a_store_that_is_named(folder: Path) -> None:
    assert "etsledger --store here.db events" in ok("here.db", "demo")
    assert ask("here.db", "verify")["ok"] is True
    assert run("here.db", "demo").exit_code == 2
    (folder / "notes.db").write_text("not a ledger", encoding="utf-8")
    assert run("notes.db", "demo").exit_code == 3
