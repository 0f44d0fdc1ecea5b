"""Extracts: one entity's facts, all of them and no others, each proven without any store."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import every_event
from command_line import ask, books, ok, run
from etsledger.ledger import (
    Extract,
    ExtractVerdict,
    Head,
    Ledger,
    LedgerError,
    check_extract,
    new_key,
    read_head,
    read_public_key,
)
from etsledger.ledger.extracts import read_extract
from etsledger.ledger.tree import LAG
from helpers import DayBook, SteppingClock, command, send_all, trial_registry


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger with every event there is, in several registries."""
    clock = SteppingClock()
    path = tmp_path_factory.mktemp("every") / "books.db"
    with Ledger.open(path, create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
        yield ledger


def entities(ledger: Ledger) -> list[str]:
    named = {event["data"].get("entity") for event in ledger.events()}
    return sorted(name for name in named if name)


def checked(extract: Extract, head: Head) -> ExtractVerdict:
    return check_extract(extract.to_bytes(), head.point)


# -- whose facts -----------------------------------------------------------------------------


def test_every_entity_is_given_its_events_and_each_is_proven(every: Ledger) -> None:
    head = every.head()
    assert len(entities(every)) > 5
    for entity in entities(every):
        extract = every.extract(entity)
        assert [fact.event for fact in extract.facts] == list(every.events(entity=entity))
        verdict = checked(extract, head)
        assert verdict.ok, (entity, verdict.wrong)
        assert read_extract(extract.to_bytes()) == extract


def test_a_fact_of_another_entity_is_not_in_it(every: Ledger) -> None:
    """By a reading of the log of its own: what names the entity or one of its accounts."""
    log = list(every.events())
    for entity in entities(every):
        accounts = {
            (event["registry"], event["data"]["account"])
            for event in log
            if event["type"] == "AccountOpened" and event["data"].get("entity") == entity
        }
        named = {
            event["position"]
            for event in log
            if entity in texts(event["data"])
            or any(
                home == event["registry"] and account in texts(event["data"])
                for home, account in accounts
            )
        }
        given = {fact.event["position"] for fact in every.extract(entity).facts}
        assert given <= named, entity
        others = {event["position"] for event in log} - named
        assert others
        assert given.isdisjoint(others)


def texts(value: Any) -> set[str]:
    """What a JSON value says, however deep."""
    if isinstance(value, dict):
        return {text for name, one in value.items() for text in (name, *texts(one))}
    if isinstance(value, list):
        return {text for one in value for text in texts(one)}
    return {value} if isinstance(value, str) else set()


def test_of_one_registry_only(every: Ledger) -> None:
    head = every.head()
    homes = {event["registry"] for event in every.events(entity="crrc")}
    for registry in homes:
        extract = every.extract("crrc", registry=registry)
        assert {fact.event["registry"] for fact in extract.facts} == {registry}
        verdict = checked(extract, head)
        assert verdict.ok, verdict.wrong
        assert verdict.as_dict()["registry"] == registry
    other = every.extract("crrc")._replace(registry="trial")
    assert checked(other, head).ok == (homes == {"trial"})


@pytest.mark.parametrize(
    ("entity", "registry"), [("nobody", None), ("crrc", "nowhere"), ("", None)]
)
def test_an_entity_that_the_books_do_not_know_has_no_extract(
    every: Ledger, entity: str, registry: str | None
) -> None:
    with pytest.raises(LedgerError) as caught:
        every.extract(entity, registry=registry)
    assert caught.value.code == "ProofRefused"
    assert "has nothing of an entity" in caught.value.message


# -- heads -----------------------------------------------------------------------------------


@pytest.fixture
def grown(open_ledger: Ledger) -> tuple[Ledger, list[Head]]:
    """A ledger with heads kept on the way, over the size at which the tree is kept."""
    issue = {"command": "issue", "registry": "trial", "unit": "CEA:2023", "quantity": 1}
    heads = list[Head]()
    for part in range(5):
        send_all(open_ledger, (
            {**issue, "id": f"i{part}/{i}", "to": ("crrc-1", "desk-1", "baosteel-1")[i % 3]}
            for i in range(LAG // 3)
        ))  # fmt: skip
        heads.append(open_ledger.head())
    return open_ledger, heads


def test_an_extract_is_made_for_any_head_that_was_kept(grown: tuple[Ledger, list[Head]]) -> None:
    ledger, heads = grown
    for number, head in enumerate(heads):
        extract = ledger.extract("crrc", head=head)
        assert extract.facts[-1].event["position"] > head.position - 3
        assert checked(extract, head).ok
        others = heads[:number] + heads[number + 1 :]
        assert not any(checked(extract, other).ok for other in others)
    assert ledger.extract("crrc") == ledger.extract("crrc", head=heads[-1])


def test_a_head_of_another_history_is_refused(grown: tuple[Ledger, list[Head]]) -> None:
    ledger, heads = grown
    for head in (
        heads[1]._replace(hash="0" * 64), heads[1]._replace(root="0" * 64),
        heads[1]._replace(root=None), heads[-1]._replace(position=10_000),
    ):  # fmt: skip
        with pytest.raises(LedgerError) as caught:
            ledger.extract("crrc", head=head)
        assert caught.value.code == "ProofRefused"


def test_a_signed_head_must_be_signed_by_the_key(
    grown: tuple[Ledger, list[Head]], tmp_path: Path
) -> None:
    ledger, _ = grown
    for name in ("key.pem", "other.pem"):
        new_key(tmp_path / name)
    head = ledger.head((tmp_path / "key.pem").read_bytes())
    text = ledger.extract("crrc", head=head).to_bytes()
    key, other = (
        read_public_key((tmp_path / name).read_bytes()) for name in ("key.pem.pub", "other.pem.pub")
    )
    assert check_extract(text, head, public_key=key).ok
    assert [one.check for one in check_extract(text, head, public_key=other).wrong] == ["signature"]
    assert not check_extract(text, head.point, public_key=key).ok


# -- what is changed -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Head]:
    """An extract of a small ledger, and the head that was kept."""
    path = tmp_path_factory.mktemp("told") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        book.issue(1_000, reason='年度 "quoted" \\ 1')
        book.transfer(300, "crrc-1", "desk-1")
        book.issue(5, "baosteel-1")
        return ledger.extract("crrc").to_bytes(), ledger.head()


def test_any_changed_byte_fails(told: tuple[bytes, Head]) -> None:
    text, head = told
    assert check_extract(text, head).ok
    for at in range(len(text)):
        more = {text[at] ^ 0x20, 0x20, 0x0A} if at % 9 == 0 else set[int]()
        for other in {text[at] ^ 1, *more} - {text[at]}:
            changed = b"%b%c%b" % (text[:at], other, text[at + 1 :])
            assert not check_extract(changed, head).ok, (at, changed[max(at - 40, 0) : at + 40])


def test_any_byte_more_or_less_fails(told: tuple[bytes, Head]) -> None:
    text, head = told
    for at in range(0, len(text), 7):
        assert not check_extract(text[:at] + text[at + 1 :], head).ok, at
        assert not check_extract(text[:at] + b" " + text[at:], head).ok, at
    assert not check_extract(text + b"\n", head).ok


def test_any_changed_byte_of_the_head_fails(told: tuple[bytes, Head]) -> None:
    text, head = told
    said = json.dumps(head.as_dict())
    for at in range(len(said)):
        changed = said[:at] + chr(ord(said[at]) ^ 1) + said[at + 1 :]
        try:
            other = read_head(changed)
        except LedgerError:
            continue
        assert other == head or not check_extract(text, other).ok, changed


FORGED: dict[str, tuple[Callable[[Extract, Extract], Extract], str]] = {
    "a fact of another entity": (
        lambda own, other: own._replace(facts=[*own.facts, other.facts[-1]]),
        "names neither 'crrc' nor an account that was opened for it",
    ),
    "another entity's name": (lambda own, _: own._replace(entity="baosteel"), "names neither"),
    "another registry": (lambda own, _: own._replace(registry="x"), "is of registry 'trial'"),
    "a fact twice": (
        lambda own, _: own._replace(facts=[*own.facts, own.facts[-1]]), "stands after",
    ),
    "another order": (lambda own, _: own._replace(facts=own.facts[::-1]), "stands after"),
    "no facts": (lambda own, _: own._replace(facts=[]), "there is no fact in it"),
    "paths exchanged": (
        lambda own, _: own._replace(
            facts=[own.facts[0]._replace(path=own.facts[1].path), *own.facts[1:]]
        ),
        "the inclusion path does not hold",
    ),
    "another head": (
        lambda own, _: own._replace(head=own.head._replace(root="0" * 64)), "another history",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_was_forged_is_said_in_plain_words(name: str, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "books.db", create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        book.issue(1_000)
        book.issue(5, "baosteel-1")
        own, other, head = ledger.extract("crrc"), ledger.extract("baosteel"), ledger.head()
    change, said = FORGED[name]
    verdict = check_extract(change(own, other).to_bytes(), head)
    assert not verdict.ok
    assert said in " ".join(one.message for one in verdict.wrong)


def test_a_fact_that_was_left_out_is_not_seen(told: tuple[bytes, Head]) -> None:
    """The limit of an extract, as docs/trust.md says: it proves what is in it."""
    text, head = told
    whole = read_extract(text)
    assert check_extract(whole._replace(facts=whole.facts[:-1]).to_bytes(), head).ok


# -- on the command line ---------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """See ``command_line.books``: 13 events; the head is kept, and then there is one more."""
    monkeypatch.chdir(tmp_path)
    made = books(tmp_path)
    Path("head.json").write_text(ok(made, "head"), "utf-8")
    with Ledger.open(made, clock=SteppingClock("2024-07-01")) as ledger:
        send_all(ledger, [command("issue", "more", unit="CEA:2023", quantity=5, to="crrc-1")])
    return made


def test_extract_writes_a_file_that_check_proof_accepts(store: Path) -> None:
    text = ok(store, "extract", "crrc", "--head", "head.json")
    Path("crrc.json").write_text(text, "utf-8")
    shown = ask(store, "events", "--entity", "crrc", "--known-at", "@13")
    assert [one["event"] for one in json.loads(text)["facts"]] == shown
    verdict = json.loads(ok(None, "check-proof", "crrc.json", "--head", "head.json"))
    assert verdict["positions"] == [event["position"] for event in shown]
    assert (verdict["ok"], verdict["entity"]) == (True, "crrc")
    table = ok(None, "check-proof", "crrc.json", "--head", "head.json", "--format", "table")
    assert table.startswith(f"proven: {len(shown)} facts of entity 'crrc' are events of the log")
    later = json.loads(ok(store, "extract", "crrc", "--registry", "trial"))
    assert later["facts"][-1]["event"]["command_id"] == "more"


def test_check_proof_answers_1_for_a_changed_extract(store: Path) -> None:
    text = ok(store, "extract", "crrc", "--head", "head.json")
    Path("crrc.json").write_text(text.replace('"quantity":300', '"quantity":3', 1), "utf-8")
    done = run(None, "check-proof", "crrc.json", "--head", "head.json", "--format", "table")
    assert done.exit_code == 1
    assert "event: data.quantity: the event in clear says 3, its record 300" in done.stdout
    unknown = run(store, "extract", "nobody")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("error: ProofRefused: ")


PROGRAM = """
import sys
from etsledger.cli.checking import main
try:
    main()
except SystemExit as end:
    loaded = {name.partition(".")[0] for name in sys.modules}
    stores = loaded & {"sqlalchemy", "eventsourcing", "sqlite3", "psycopg", "pydantic"}
    ours = {name for name in sys.modules if name.startswith("etsledger.ledger.")}
    sys.exit(f"loaded {stores} {ours}" if stores or "etsledger.ledger.store" in ours else end.code)
"""


def test_the_checking_program_loads_no_store(store: Path) -> None:
    Path("crrc.json").write_text(ok(store, "extract", "crrc", "--head", "head.json"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "crrc.json", "--head", "head.json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
