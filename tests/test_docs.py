"""The documents cannot rot: sessions are replayed, programs are run, names must exist.

With ``ETSLEDGER_UPDATE_DOCS`` in the environment the documents are rewritten with what their
sessions show now; then read the difference.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from etsledger.cli.main import COMMANDS, cli
from etsledger.domain.catalogue import MODELS
from etsledger.domain.errors import Refusal
from etsledger.ledger import LedgerError
from sessions import Session, normalised, replayed, session

__all__ = ["session"]  # a fixture

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
UPDATE = "ETSLEDGER_UPDATE_DOCS" in os.environ

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def read(document: Path) -> str:
    return document.read_text("utf-8")


def quoted(text: str) -> set[str]:
    """What stands between backticks, outside of code blocks."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```$", "", text)))


@every_document
def test_sessions_show_what_the_document_says(document: Path, session: Session) -> None:
    now = replayed(document, session)
    if UPDATE and normalised(now) != normalised(read(document)):
        document.write_text(now, "utf-8")
    assert normalised(now) == normalised(read(document)), (
        "read the difference; ETSLEDGER_UPDATE_DOCS=1 makes the document say what is shown now"
    )


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if not target.startswith("https://"):
            assert (document.parent / target).is_file(), target


@every_document
def test_files_that_are_named_are_there(document: Path) -> None:
    folders = "domain|ledger|projections|cli|tests|benchmarks|docs"
    for name in set(re.findall(rf"\b(?:{folders})/[\w/]+\.\w+", read(document))):
        assert (ROOT / name).is_file(), name


def test_the_readme_opens_with_one_sentence_and_a_question_about_the_past() -> None:
    title, sentence, *rest = [part for part in read(ROOT / "README.md").split("\n\n") if part]
    assert title == "# etsledger"
    assert re.fullmatch(r"[^.!?]+\.", sentence)
    before_any_heading = "\n\n".join(rest).split("\n## ")[0]
    assert "$ etsledger balances" in before_any_heading
    assert "--as-of" in before_any_heading
    assert "--known-at" in before_any_heading


# -- the page of the command line ------------------------------------------------------------

PAGE = DOCS / "command_line.md"
PATHS = [[name] for name in COMMANDS if name not in ("convert", "migrate")] + [
    ["convert", "eutl"],
    ["convert", "table"],
    ["migrate", "holdings"],
    ["migrate", "obligations"],
    ["migrate", "trades"],
    ["migrate", "from"],
    ["explain", "balance"],
    ["explain", "compliance"],
    ["explain", "allocation"],
]


def found(path: list[str]) -> click.Command:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        command = inner
    return command


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_a_command_has_a_section_with_an_example_and_its_options(path: list[str]) -> None:
    shared = read(PAGE).split("## Options that questions share")[1].split("\n## ")[0]
    sections = dict(part.split("\n", 1) for part in read(PAGE).split("\n### ")[1:])
    section = sections[" ".join(path)].split("\n## ")[0]
    assert re.search(rf"^\$ etsledger (--store \S+ )?{' '.join(path)}\b", section, re.MULTILINE)
    said = " ".join(quoted(section) | quoted(shared))
    for option in found(path).params:
        if isinstance(option, click.Option) and not option.hidden:
            longest = max(option.opts, key=len)
            assert re.search(rf"{longest}\b", said), f"{path}: {longest}"


def test_the_page_names_no_command_or_option_that_is_not_there() -> None:
    options = {
        opt for command in (cli, *map(found, PATHS)) for p in command.params for opt in p.opts
    }
    text = read(PAGE)
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= options | {"--help"}
    called = re.findall(r"^\$ (?:.*\| )?etsledger (?:--store \S+ )?([a-z-]+)", text, re.MULTILINE)
    assert set(called) == set(COMMANDS)


# -- names -------------------------------------------------------------------------------------


def subclasses(kind: type) -> set[type]:
    return {one for sub in kind.__subclasses__() for one in (sub, *subclasses(sub))}


def test_every_refusal_and_error_of_the_store_is_explained() -> None:
    text = quoted(read(DOCS / "library.md"))
    ours = {
        kind.__name__
        for kind in subclasses(Refusal) | subclasses(LedgerError)
        if kind.__module__ in ("etsledger.domain.errors", "etsledger.ledger.errors")
    }
    assert ours <= text, ours - text


def test_every_command_is_in_the_change_log_and_has_its_word() -> None:
    assert set(MODELS) <= quoted(read(ROOT / "CHANGELOG.md"))
    words = " ".join(quoted(read(DOCS / "glossary.md")))
    spoken_of = {"adopt_rulebook", "close_account", "assert_balance", "batch"}
    assert set(MODELS) - spoken_of <= set(re.findall(r"\w+", words))


def test_every_check_of_verify_is_explained() -> None:
    table = read(DOCS / "trust.md").split("## What `verify` checks")[1].split("\n## ")[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    source = "".join(read(path) for path in (ROOT / "ledger").glob("*.py"))
    reported = set(re.findall(r"\b_?(?:find|unreadable|append\()\(\s*\"(\w+)\",", source))
    assert reported == explained


# -- the checker that needs nothing of ours ----------------------------------------------------


def program(document: Path, name: str) -> str:
    """The code block that a document saves as ``name``."""
    block = re.search(rf"(?ms)`{name}`[^`]*```python\n(.*?)^```$", read(document))
    assert block, name
    return block[1]


@pytest.fixture
def export(session: Session) -> list[str]:
    """An export of the demo's ledger, in lines, with ``head.json`` and ``check.py`` beside it."""
    session.run("etsledger --store demo.db demo > story.txt")
    session.run("etsledger --store demo.db head --format json > head.json")
    session.run("etsledger --store demo.db export > ledger.jsonl")
    Path("check.py").write_text(program(DOCS / "trust.md", "check.py"), "utf-8")
    return read(Path("ledger.jsonl")).splitlines()


def checked(lines: list[str]) -> tuple[int, str]:
    Path("ledger.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    done = subprocess.run(
        [sys.executable, "-S", "check.py", "ledger.jsonl", "head.json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_checker_accepts_what_was_exported(export: list[str]) -> None:
    code, said = checked(export)
    assert (code, said.split()[0]) == (0, str(len(export)))


def test_the_checker_finds_what_was_done_to_an_export(export: list[str]) -> None:
    at = next(i for i, line in enumerate(export) if '"quantity"' in line)
    more = json.loads(export[at])
    more["record"]["data"]["quantity"] += 1
    changed = json.dumps(more)
    tampered = {
        "was changed": [*export[:at], changed, *export[at + 1 :]],
        "the chain is broken": export[:7] + export[8:],
        "not the head that was kept": export[:-1],
    }
    for said, lines in tampered.items():
        code, answer = checked(lines)
        assert code == 1
        assert said in answer
    assert checked([*export[:3], export[4], export[3], *export[5:]])[0] == 1
