"""``explain`` on the command line: a tree for people, the same tree as JSON for programs."""

import json
from pathlib import Path

import pytest

from command_line import ask, books, ok, run
from explained import lawful, nodes
from helpers import command


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``; positions 9 to 13 are its movements."""
    return books(tmp_path)


def test_a_position_is_explained_as_a_tree_read_from_the_top(store: Path) -> None:
    told = ok(store, "explain", "11", "--format", "table").splitlines()
    assert told[0] == "300 t  CEA:2023 transferred from crrc-1 to desk-1 (free)"
    assert told[1].startswith("UnitsTransferred at position 11, effective 2024-03-01 00:00, recor")
    assert "command m1, by crrc, reference 合同 7" in told[1]
    assert told[2].startswith("rule X-3 [1], rulebook open 2026.1")
    assert told[-3:-1] == [
        "[1] ets",
        "ets: This project: the loosest book in which holdings still cannot go below zero",
    ]
    assert told[-1].startswith("rulebook open 2026.1, hash ")
    assert ok(store, "explain", "@11", "--format", "table").splitlines() == told


def test_a_balance_is_explained_with_its_pages(store: Path) -> None:
    told = ok(
        store, "explain", "balance", "crrc-1", "CEA:2023", "--limit", "1", "--format", "table"
    )
    assert "600 t  crrc-1 of crrc holds CEA:2023" in told
    assert "├── + 700 t  before these, 2 movements" in told
    assert "├── - 100 t  CEA:2023 of crrc-1 surrendered and retired for crrc 2023" in told
    assert "└── of which" in told
    assert "previous page: --after 9 --limit 1" in told
    told = ok(store, "explain", "balance", "crrc-1", "CEA:2023", "--after", "0", "--limit", "1",
              "--format", "table")  # fmt: skip
    assert "next page: --after 9 --limit 1" in told
    assert "- 400 t  after these, 2 movements" in told


def test_json_has_the_same_tree(store: Path) -> None:
    told = ask(store, "explain", "balance", "crrc-1", "CEA:2023")
    lawful(told)
    shown = ok(store, "explain", "balance", "crrc-1", "CEA:2023", "--format", "table")
    for one in nodes(told):
        assert one["what"] in shown
    assert (told["value"], told["account"], told["asset"]) == (600, "crrc-1", "CEA:2023")
    lawful(ask(store, "explain", "12"))
    line = ok(store, "explain", "balance", "crrc-1", "CEA:2023", "--format", "jsonl")
    as_of = {"as_of": json.loads(line)["as_of"]}
    assert {**json.loads(line), **as_of} == {**told, **as_of}


def test_compliance_is_explained(store: Path) -> None:
    told = ask(store, "explain", "compliance", "crrc", "2023")
    lawful(told)
    assert told["value"] == "NOT_DUE"
    shown = ok(store, "explain", "compliance", "crrc", "2023", "--format", "table")
    assert "NOT_DUE  crrc 2023: no verified emissions are on record" in shown


def test_what_is_told_twice_is_drawn_once(store: Path, tmp_path: Path) -> None:
    year = tmp_path / "year.db"
    story = [
        command("open_registry", "1", registry="cn-national", rulebook="cn-national",
                at="2024-01-01"),
        command("register_entity", "2", registry="cn-national", entity="p", name="P",
                sector="power", at="2024-01-01"),
        command("open_account", "3", registry="cn-national", account="p-1", kind="entity",
                entity="p", at="2024-01-01"),
        command("issue", "4", registry="cn-national", unit="CEA:2024", quantity=900,
                at="2024-01-01"),
        command("record_verified", "5", registry="cn-national", entity="p", year=2024,
                emissions=900, at="2025-04-01"),
        command("finalise_allocation", "6", registry="cn-national", entity="p", year=2024,
                entitlement=800, at="2025-05-01"),
    ]  # fmt: skip
    ok(year, "apply", "-", given="".join(json.dumps(one) + "\n" for one in story))
    told = ok(year, "explain", "compliance", "p", "2024", "--format", "table")
    assert told.count("the figure that stands, approved by the authority") == 1
    assert "as told above" in told
    told = ok(year, "explain", "allocation", "p", "2024", "--format", "table")
    assert "800 t  allocation of p for 2024" in told
    assert "+ 800 t  the figure that stands, approved by the authority" in told


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["99"], 1, "the log has no position 99; it ends at 13"),
        (["0"], 2, "0 is not in the range"),
        (["balance", "nobody", "CEA:2023"], 1, "nothing is on record of account nobody"),
        (["compliance", "nobody", "2023"], 1, "nothing is on record of nobody for 2023"),
        (["allocation", "crrc", "2022"], 1, "nothing is on record of an allocation of crrc"),
        (["balance", "crrc-1", "CEA:2023", "--after", "99"], 2, "the log has no position 99"),
        (["balance", "crrc-1", "CEA:2023", "--limit", "0"], 2, "--limit"),
        (["nonsense"], 2, "No such command 'nonsense'"),
    ],
)
def test_what_cannot_be_explained_is_said(
    store: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run(store, "explain", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""
