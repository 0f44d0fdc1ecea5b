"""``etsledger periods`` and ``etsledger deadlines``: every format, empty answers, unknown names."""

import csv
import io
import json
from pathlib import Path

import pytest

from command_line import ask, lines, ok, run
from etsledger.ledger import DeadlineRow, Ledger, PeriodRow
from helpers import UNIT, SteppingClock, command, send_all, trial_registry
from national import NationalBook


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """2023 is closed and a fact of it came late, then part of it was opened again."""
    path, clock = tmp_path / "books.db", SteppingClock("2024-01-05T09:00:00+08:00")
    with Ledger.open(path, create=True, clock=clock) as ledger:
        send_all(ledger, [
            *trial_registry(),
            command("issue", "i1", unit=UNIT, quantity=100, at="2023-02-01"),
            command("close_period", "c1", until="2023-12-31", actor="clerk"),
            command("issue", "i2", unit=UNIT, quantity=1, at="2023-12-30", approved_by="mee",
                    reference="doc 7"),
            command("reopen_period", "c2", until="2023-11-30"),
        ])  # fmt: skip
    return path


def test_programs_are_given_the_closings_the_library_tells(store: Path) -> None:
    with Ledger.open(store) as ledger:
        expected = json.loads(json.dumps(ledger.periods()))
    found = ask(store, "periods")
    assert found == expected
    assert [tuple(row) for row in found] == [tuple(PeriodRow.__annotations__)] * 3
    told = ok(store, "periods", "--format", "jsonl", "--registry", "trial").splitlines()
    assert [json.loads(line) for line in told] == found
    rows = list(csv.DictReader(io.StringIO(ok(store, "periods", "--format", "csv"))))
    assert [row["until"] for row in rows] == ["2023-12-31", "2023-11-30", ""]
    assert json.loads(rows[-1]["late"])[0]["command_id"] == "i2"


def test_people_are_told_the_closings_and_what_came_late(store: Path) -> None:
    told = ok(store, "periods", "--format", "table")
    closings, late = told.split("\nlate:\n")
    title, _, closed, reopened, last = closings.rstrip().splitlines()
    columns = "registry what since until position effective at (+08:00) actor late"
    assert title.split() == columns.split()
    assert closed.split()[:6] == ["trial", "closed,", "opened", "again", "at", "12"]
    assert closed.split()[6:] == ["2023-12-31", "10", "2024-01-05", "09:00", "clerk", "0"]
    assert reopened.split() == ["trial", "reopened", "2023-11-30", "12", "2024-01-05", "09:00", "0"]
    assert last.split() == ["trial", "open", "2023-12-01", "1"]
    row = late.splitlines()[2].split()
    assert row == [
        "11", "UnitsIssued", "2023-12-30", "00:00", "2024-01-05", "09:00", "mee", "doc", "7"
    ]  # fmt: skip
    before = ok(store, "periods", "--format", "table", "--known-at", "@10")
    assert "late:" not in before


def test_nothing_closed_and_nobody_of_that_name(store: Path) -> None:
    done = run(store, "periods", "--as-of", "2023-12-31", "--format", "table")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing was ever closed" in done.stderr
    done = run(store, "periods", "--registry", "nowhere")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert "nowhere" in done.stderr


def test_a_refused_late_fact_names_the_closing_and_the_remedy(store: Path) -> None:
    late = command("issue", "i3", unit=UNIT, quantity=1, at="2023-11-30")
    done = run(store, "apply", "-", "--format", "jsonl", given=lines([late]))
    assert done.exit_code == 1
    refusal = json.loads(done.stdout)["refusal"]
    assert (refusal["code"], refusal["closed_until"]) == ("PeriodClosed", "2023-11-30")
    assert (refusal["closing"], refusal["registry"]) == (12, "trial")
    assert "approved_by" in done.stderr
    assert "reopen_period" in done.stderr


# -- deadlines -----------------------------------------------------------------------------------


@pytest.fixture
def national_store(tmp_path: Path) -> Path:
    """A plant's 2024, verified on 10 February 2026."""
    path, clock = tmp_path / "national.db", SteppingClock("2026-02-10T09:00:00+08:00")
    with Ledger.open(path, create=True, clock=clock) as ledger:
        book = NationalBook(ledger)
        book.plant()
        book.plant("other")
        book.verified(1_000, at="2026-02-10")
    return path


WHEN = ("--as-of", "2026-02-26")


def test_programs_are_given_the_deadlines_the_library_tells(national_store: Path) -> None:
    with Ledger.open(national_store) as ledger:
        expected = [dict(row) for row in ledger.deadlines(as_of="2026-02-26")]
    found = ask(national_store, "deadlines", *WHEN)
    assert found == expected
    assert [tuple(row) for row in found] == [tuple(DeadlineRow.__annotations__)] * 4
    assert [(row["period"], row["state"]) for row in found] == [
        ("surrender", "passed"), ("objection_to_verification", "running"),
        ("verification_feedback", "running"), ("decision_on_objection_to_verification", "running"),
    ]  # fmt: skip
    told = ok(national_store, "deadlines", *WHEN, "--format", "jsonl", "--running").splitlines()
    assert [json.loads(line) for line in told] == found[1:]
    answer = ok(national_store, "deadlines", *WHEN, "--format", "csv", "--year", "2024")
    rows = list(csv.DictReader(io.StringIO(answer)))
    assert list(rows[0]) == list(DeadlineRow.__annotations__)
    assert rows[0]["source"] == found[0]["source"]
    assert ask(national_store, "deadlines", *WHEN, "--entity", "plant") == found


def test_people_are_told_what_is_due(national_store: Path) -> None:
    title, _, first, second, *_ = ok(
        national_store, "deadlines", *WHEN, "--format", "table"
    ).splitlines()
    columns = "last day state registry entity year period counted from days fact rule"
    assert title.split() == columns.split()
    assert first.split()[:6] == [
        "2025-12-31", "passed", "cn-national", "plant", "2024", "surrender"
    ]  # fmt: skip
    assert second.split() == [
        "2026-02-26", "running", "cn-national", "plant", "2024", "objection_to_verification",
        "2026-02-10", "7", "7", "N-OBJ",
    ]  # fmt: skip


def test_nothing_due_and_nobody_of_that_name(national_store: Path) -> None:
    done = run(national_store, "deadlines", "--entity", "other", "--format", "table")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing is due" in done.stderr
    done = run(national_store, "deadlines", "--entity", "nobody")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert "nobody" in done.stderr
