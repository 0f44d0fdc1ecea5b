"""``etsledger proposals``: every format, statuses, empty answers, unknown names."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from command_line import ask, ok, run
from etsledger.ledger import Ledger, ProposalRow
from helpers import UNIT, SteppingClock, command, send_all, trial_registry
from second_person import Pair


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """p1 executed, p2 withdrawn, p3 open."""
    path = tmp_path / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        send_all(ledger, [command("issue", "i", unit=UNIT, quantity=2_000, to="crrc-1")])
        pair = Pair(ledger)
        cancel: dict[str, Any] = {"account": "crrc-1", "unit": UNIT, "quantity": 1_000}
        pair.approve(pair.propose("cancel", **cancel))
        pair.reject(pair.propose("cancel", **cancel | {"quantity": 5}), "li")
        pair.propose("transfer", unit=UNIT, quantity=7, from_="crrc-1", to="desk-1", kind="free")
    return path


def test_programs_are_given_what_the_library_says(store: Path) -> None:
    found = ask(store, "proposals")
    with Ledger.open(store) as ledger:
        assert found == [dict(row) for row in ledger.proposals()]
    assert [tuple(row) for row in found] == [tuple(ProposalRow.__annotations__)] * 3
    told = ok(store, "proposals", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in told] == found
    assert ask(store, "proposals", "--status", "rejected", "--registry", "trial") == found[1:2]
    assert ask(store, "proposals", "--as-of", "2024-05-31") == []
    assert ask(store, "proposals", "--known-at", f"@{found[0]['position']}") == [
        {**found[0], "status": "open", **dict.fromkeys(("approver", "approved_at", "executed_at"))}
    ]


def test_a_file_for_spreadsheets(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ok(store, "proposals", "--format", "csv"))))
    assert list(rows[0]) == list(ProposalRow.__annotations__)
    assert [row["status"] for row in rows] == ["executed", "rejected", "open"]


def test_people_are_told_who_decided_and_what_is_kept(store: Path) -> None:
    title, _, *rows = ok(store, "proposals", "--format", "table").splitlines()
    columns = "registry proposal command id proposer proposed at (+08:00) reserved status by"
    assert " ".join(title.split()) == f"{columns} decided at (+08:00)"
    assert [row.split()[1:3] for row in rows] == [
        ["p1", "cancel"], ["p2", "cancel"], ["p3", "transfer.free"],
    ]  # fmt: skip
    assert "1,000 t CEA:2023 in crrc-1" in rows[0]
    assert rows[0].split()[-4:-2] == ["executed", "wang"]
    assert rows[1].split()[-4:-2] == ["rejected", "li"]
    assert rows[2].rstrip().endswith("open")


def test_nothing_proposed_is_said_and_an_unknown_registry_named(store: Path) -> None:
    nothing = run(store, "proposals", "--status", "approved", "--format", "table")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "no proposals\n")
    unknown = run(store, "proposals", "--registry", "elsewhere")
    assert (unknown.exit_code, unknown.stdout) == (0, "[]\n")
    assert "know no registry 'elsewhere'" in unknown.stderr
    assert run(store, "proposals", "--status", "gone").exit_code == 2
