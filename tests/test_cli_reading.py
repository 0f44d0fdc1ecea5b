"""``etsledger actors`` and ``--as``: every format, who is asked for, what is refused."""

import csv
import io
import json
from pathlib import Path

import pytest

from command_line import ask, ok, process, run
from etsledger.ledger import ActorRow, Ledger
from helpers import SteppingClock
from offices import STAFF, UNIT, Office

NOW = "2025-07-01T09:00:00+08:00"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The national office with its staff, units everywhere, and an actor without a role."""
    path = tmp_path / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(NOW)) as ledger:
        office = Office(ledger)
        office.provinces()
        office.entities()
        office.fund()
        office.adopt()
        office.send("register_actor", subject="wu", actor="mee", entity="mill", kind="system")
        office.send("revoke_role", subject="shanghai", role="exchange", actor="mee", at=NOW)
    return path


def test_programs_are_given_what_the_library_says(store: Path) -> None:
    found = ask(store, "actors", "--as-of", "2025-06-30")
    with Ledger.open(store) as ledger:
        assert found == [dict(row) for row in ledger.actors(as_of="2025-06-30")]
    assert [tuple(row) for row in found] == [tuple(ActorRow.__annotations__)] * 8
    assert [row["actor"] for row in found] == sorted([*STAFF, "wu"])
    lines = ok(store, "actors", "--as-of", "2025-06-30", "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == found
    rows = list(csv.DictReader(io.StringIO(ok(store, "actors", "--format", "csv"))))
    assert [row["actor"] for row in rows] == sorted([*STAFF, "wu"])


def test_people_are_told_who_holds_what_since_when_from_whom(store: Path) -> None:
    lines = ok(store, "actors", "--actor", "li", "--format", "table").splitlines()
    assert lines[0].split("  ")[0] == "registry"
    assert "granted at (+08:00)" in lines[0]
    assert lines[2].split() == [
        "cn-national", "li", "person", "entity", "plant", "2023-01-01", "00:00", "mee",
        lines[2].split()[-1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["--role", "auditor"], ["court"]),
        (["--entity", "plant"], ["li"]),
        (["--entity", "mill"], ["wu"]),
        (["--actor", "sgs", "--role", "verifier"], ["sgs"]),
        (["--role", "exchange"], []),
        (["--role", "exchange", "--as-of", "2025-06-30"], ["shanghai"]),
        (["--known-at", "@21"], ["hubei.eeb", "mee"]),
        (["--registry", "elsewhere"], []),
    ],
)
def test_a_question_is_narrowed(store: Path, asked: list[str], expected: list[str]) -> None:
    found = json.loads(run(store, "actors", *asked, "--format", "json").stdout)
    assert [row["actor"] for row in found] == expected


def test_an_empty_answer_says_so(store: Path) -> None:
    result = run(store, "actors", "--entity", "nobody", "--format", "table")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no actor is registered" in result.stderr
    assert "know no entity 'nobody'" in result.stderr
    wrong = run(store, "actors", "--role", "king")
    assert (wrong.exit_code, wrong.stdout) == (2, "")


def accounts(text: str) -> set[str]:
    return {row["account"] for row in json.loads(text)}


def test_as_somebody_a_question_is_answered_within_reach(store: Path) -> None:
    assert accounts(ok(store, "--as", "li", "balances")) == {"plant-1"}
    assert accounts(ok(store, "--as", "hubei.eeb", "balances")) == {"hubei", "plant-1", "other-1"}
    assert ok(store, "--as", "court", "balances") == ok(store, "balances")


@pytest.mark.parametrize(
    "asked",
    [["balances", "--account", "mill-1"], ["statement", "mill-1"], ["allocation", "mill", "2024"],
     ["supply"], ["export"], ["verify"], ["refusals"], ["events", "--entity", "mill"],
     ["explain", "balance", "mill-1", UNIT], ["rebuild"], ["trace", "--unit", UNIT]],
    ids=" ".join,
)  # fmt: skip
def test_as_somebody_a_question_beyond_is_refused_with_exit_code_1(
    store: Path, asked: list[str]
) -> None:
    result = run(store, "--as", "li", *asked)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: NotAuthorised: ")
    assert len(result.stderr.splitlines()) == 1


def test_the_actor_may_stand_in_the_environment(store: Path) -> None:
    environment = {"ETSLEDGER_ACTOR": "li"}
    done = process(store, "balances", environment=environment)
    assert accounts(done.stdout.decode()) == {"plant-1"}
    done = process(store, "--as", "court", "supply", environment=environment)
    assert done.returncode == 0


def test_commands_name_their_actors_themselves(store: Path) -> None:
    """Whoever asks by --as: what is sent is judged by what stands in it, and nobody else's."""
    given = {"command": "freeze", "id": "f", "account": "mill-1"}
    result = run(store, "--as", "mee", "apply", "-", given=json.dumps(given))
    assert result.exit_code == 1
    assert "NotAuthorised: freeze names no actor" in result.stderr
    given["actor"] = "mee"
    assert (
        run(store, "--as", "li", "apply", "--dry-run", "-", given=json.dumps(given)).exit_code == 0
    )
    assert run(store, "--as", "li", "apply", "-", given=json.dumps(given)).exit_code == 0
