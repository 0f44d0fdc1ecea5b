"""``etsledger leaving``: every format, empty answers, unknown names."""

import csv
import io
import json
from pathlib import Path

import pytest

from chongqing import REGISTRY, ChongqingBook, pilot, pilot_ledger
from command_line import ask, ok, run
from etsledger.ledger import LeavingRow

__all__ = ["pilot", "pilot_ledger"]  # fixtures

AFTER = ("--as-of", "2028-01-01")


@pytest.fixture
def store(pilot: ChongqingBook, tmp_path: Path) -> Path:
    """A mill that left with 70,000 t and cancelled 1 t, and a foundry that left with nothing."""
    pilot.minted(1_000_000, "CQEA:2023")
    for entity, sector in (("mill", "steel"), ("foundry", "other")):
        pilot.works(entity, sector)
    pilot.verified(100_000, 2022, "mill", at="2023-05-01")
    pilot.pre_allocate(2023, "mill", at="2023-06-01")
    for entity in ("mill", "foundry"):
        pilot.send("leave_registry", entity=entity, first_year_elsewhere=2024, at="2024-06-01")
    pilot.send("cancel", account="mill-1", unit="CQEA:2023", quantity=1, at="2025-01-01")
    (found,) = tmp_path.glob("*.db")
    return found


def test_programs_are_given_what_the_library_says(store: Path, pilot: ChongqingBook) -> None:
    found = ask(store, "leaving", *AFTER)
    assert found == [dict(row) for row in pilot.ledger.leaving(as_of="2028-01-01")]
    assert [tuple(row) for row in found] == [tuple(LeavingRow.__annotations__)] * 2
    assert [(row["entity"], row["left"], row["overdue"]) for row in found] == [
        ("foundry", 0, False), ("mill", 69_999, True)
    ]  # fmt: skip
    told = ok(store, "leaving", *AFTER, "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in told] == found
    (mill,) = ask(store, "leaving", *AFTER, "--entity", "mill", "--registry", REGISTRY)
    assert mill == found[1]


def test_a_file_for_spreadsheets(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ok(store, "leaving", *AFTER, "--format", "csv"))))
    assert list(rows[0]) == list(LeavingRow.__annotations__)
    assert [(row["unit"], row["given_free"], row["overdue"]) for row in rows] == [
        ("", "0", "false"), ("CQEA:2023", "70000", "true")
    ]  # fmt: skip


def test_people_are_told_what_is_overdue(store: Path) -> None:
    title, _, foundry, mill = ok(store, "leaving", *AFTER, "--format", "table").splitlines()
    columns = "registry  entity  first year elsewhere  cancel by  unit  given free"
    assert " ".join(title.split()).startswith(" ".join(columns.split()))
    assert title.split()[-4:] == ["cancelled", "surrendered", "left", "overdue"]
    assert foundry.split() == [REGISTRY, "foundry", "2024", "2027-12-31", "0", "0", "0", "0"]
    assert mill.split() == [
        REGISTRY, "mill", "2024", "2027-12-31", "CQEA:2023", "70,000", "1", "0", "69,999", "overdue"
    ]  # fmt: skip
    before = ok(store, "leaving", "--as-of", "2027-12-31", "--format", "table")
    assert before.splitlines()[-1].split()[-1] == "69,999"


def test_as_of_and_known_at(store: Path, pilot: ChongqingBook) -> None:
    (row,) = ask(store, "leaving", "--entity", "mill", "--as-of", "2024-12-31")
    assert row["cancelled"] == 0
    last = pilot.ledger.head().position
    (row,) = ask(store, "leaving", "--entity", "mill", "--known-at", f"@{last - 1}")
    assert row["cancelled"] == 0


def test_nobody_and_nothing_of_that_name(store: Path) -> None:
    done = run(store, "leaving", "--as-of", "2024-05-31", "--format", "table")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nobody left" in done.stderr
    done = run(store, "leaving", "--entity", "nobody")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    assert "nobody" in done.stderr
