"""Names of individuals: never in the log, beside it only until they are forgotten."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from etsledger.cli.main import cli
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.personal import hashed
from helpers import ON_SQLITE, command, trial_registry

NAME = "李娜 (Li Na)"
OPENING = command("open_account", "p1", account="li-1", kind="individual", holder=NAME)


@pytest.fixture
def named(ledger: Ledger) -> Ledger:
    """A registry with an account that an individual holds."""
    for one in trial_registry():
        ledger.execute(one)
    ledger.execute(OPENING)
    return ledger


def traces(ledger: Ledger) -> list[str]:
    """Files of a SQLite store in which the name can be read."""
    path = Path(ledger.store.url.removeprefix("sqlite:///"))
    files = [path, *path.parent.glob(path.name + "-*")]
    return [file.name for file in files if NAME.encode() in file.read_bytes()]


def test_the_log_has_a_salted_hash_and_the_name_stands_beside_it(named: Ledger) -> None:
    last = list(named.events())[-1]
    kept = last["data"]["holder"]
    assert kept.startswith("sha256:")
    assert NAME not in "".join(line.decode() for line in named.export())
    assert named.names() == [
        {
            "registry": "trial", "position": last["position"], "account": "li-1", "actor": None,
            "name": NAME, "hash": kept,
        }
    ]  # fmt: skip


def test_the_salt_keeps_two_namesakes_apart(named: Ledger) -> None:
    named.execute({**OPENING, "id": "p2", "account": "li-2"})
    first, second = named.names()
    assert first["name"] == second["name"]
    assert first["hash"] != second["hash"]


@pytest.mark.parametrize("together", [False, True])
def test_a_command_that_is_sent_again_is_the_same_one(named: Ledger, together: bool) -> None:
    again = {**OPENING, "id": "p3", "account": "li-3"}
    outcomes = list(named.apply([again, again])) if together else [
        named.execute(again), named.execute(again)
    ]  # fmt: skip
    assert [one.outcome for one in outcomes] == ["accepted", "duplicate"]
    assert len(named.names()) == 2


def test_another_name_under_the_same_id_is_another_command(named: Ledger) -> None:
    with pytest.raises(Refusal) as refused:
        named.execute({**OPENING, "holder": "Li Mo"})
    assert refused.value.code == "DuplicateCommand"


def test_a_batch_keeps_the_names_of_its_commands(named: Ledger) -> None:
    batch = {
        "command": "batch", "id": "b", "registry": "trial",
        "commands": [
            {"command": "open_account", "id": f"b{n}", "account": f"b{n}", "kind": "individual",
             "holder": NAME}
            for n in (1, 2)
        ],
    }  # fmt: skip
    assert named.execute(batch).outcome == "accepted"
    assert named.execute(batch).outcome == "duplicate"
    assert [row["account"] for row in named.names()] == ["li-1", "b1", "b2"]


def test_a_refused_command_leaves_no_name(named: Ledger) -> None:
    with pytest.raises(Refusal):
        named.execute({**OPENING, "id": "p9"})  # the account is there
    assert len(named.names()) == 1
    assert NAME not in json.dumps(named.refusals(), ensure_ascii=False)


def test_forgotten_names_are_gone_and_the_chain_still_verifies(named: Ledger) -> None:
    """The table is emptied; log, head and every answer stay."""
    head, events = named.head(), list(named.events())
    assert named.forget_names(everyone=True) == 1
    assert named.names() == []
    assert named.head() == head
    assert list(named.events()) == events
    report = named.verify(head=head)
    assert report.ok, report.findings
    assert named.replay().ok


@ON_SQLITE
def test_no_file_of_the_database_keeps_a_forgotten_name(named: Ledger) -> None:
    assert traces(named)
    named.forget_names(account="li-1")
    assert traces(named) == []


def test_one_name_is_forgotten_and_the_others_stay(named: Ledger) -> None:
    named.execute({**OPENING, "id": "p2", "account": "li-2"})
    assert named.forget_names(registry="trial", account="li-1") == 1
    assert [row["account"] for row in named.names()] == ["li-2"]
    assert named.forget_names(account="li-1") == 0
    with pytest.raises(ValueError, match="say whose name"):
        named.forget_names()


def test_after_a_name_is_forgotten_its_command_cannot_be_told_from_another(named: Ledger) -> None:
    named.forget_names(account="li-1")
    with pytest.raises(Refusal, match="was forgotten and cannot be compared") as refused:
        named.execute(OPENING)
    assert refused.value.code == "DuplicateCommand"


def _execute(ledger: Ledger, statement: str) -> None:
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("SET name = 'Li Mo'", "is not the one it stands for"),
        ("SET salt = 'none'", "is not the one it stands for"),
        ("SET position = 1", "which the event does not have"),
    ],
)
def test_verify_names_a_name_that_is_not_the_one_of_the_log(
    named: Ledger, change: str, said: str
) -> None:
    _execute(named, f"UPDATE ledger_personal_names {change}")
    found = [one for one in named.verify().findings if one.check == "name"]
    assert len(found) == 1
    assert said in found[0].message


def test_a_store_made_before_names_were_kept_gets_their_table(named: Ledger) -> None:
    _execute(named, "DROP TABLE ledger_personal_names")
    assert named.names() == []
    assert named.verify().ok
    named.execute({**OPENING, "id": "p2", "account": "li-2"})
    assert [row["account"] for row in named.names()] == ["li-2"]


def test_an_export_takes_no_name_along(named: Ledger, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "copy.db", create=True) as copy:
        copy.import_log(named.export())
        assert copy.head().hash == named.head().hash
        assert copy.names() == []


@ON_SQLITE
def test_the_hash_can_be_recomputed_by_whoever_has_the_salt(named: Ledger) -> None:
    path = named.store.url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        kept, salt, name = connection.execute(
            "SELECT hash, salt, name FROM ledger_personal_names"
        ).fetchone()
    connection.close()
    assert kept == hashed(name, salt)


def _run(store: str, *arguments: str, answer: str | None = None) -> Any:
    return CliRunner().invoke(cli, ["--store", store, *arguments], input=answer)


def test_an_actors_name_is_one_too(named: Ledger) -> None:
    registered = command("register_actor", "r1", subject="wang.fang", name="王芳")
    assert named.execute(registered).outcome == "accepted"
    assert named.execute(registered).outcome == "duplicate"
    assert [(row["actor"], row["name"]) for row in named.names()][1:] == [("wang.fang", "王芳")]
    assert named.forget_names(actor="wang.fang") == 1
    assert "王芳" not in "".join(line.decode() for line in named.export())


@ON_SQLITE
def test_names_at_the_command_line(named: Ledger) -> None:
    store = named.store.url
    shown = _run(store, "names", "--format", "json")
    assert json.loads(shown.stdout)[0]["name"] == NAME
    assert _run(store, "forget-names", "--yes").exit_code == 2
    declined = _run(store, "forget-names", "--everyone", answer="n\n")
    assert declined.exit_code == 1
    assert len(named.names()) == 1
    done = _run(store, "forget-names", "--everyone", "--yes")
    assert (done.exit_code, done.stdout) == (0, "1 name forgotten\n")
    assert json.loads(_run(store, "names", "--format", "json").stdout) == []
