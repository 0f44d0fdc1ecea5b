"""Questions on the command line: every format says the same, and what is asked is heard."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from command_line import ask, books, lines, ok, run
from etsledger.ledger import BalanceRow, EventRow, Ledger, StatementRow, SupplyRow
from helpers import command

BALANCES = (
    "registry", "account", "entity", "unit", "quantity", "available", "frozen", "pledged",
    "pending", "restricted",
)  # fmt: skip
SUPPLY = (
    "registry", "unit", "issued", "authority", "province", "holding", "reserve", "retired",
    "cancelled", "converted_in", "converted_out", "balanced",
)  # fmt: skip
EVENTS = (
    "position", "registry", "type", "effective_at", "recorded_at", "command_id", "actor",
    "reference", "reason", "rulebook", "data", "hash",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


QUERIES = [
    ["balances"], ["balances", "--zero", "--from-log"], ["statement", "crrc-1"], ["supply"],
    ["events"], ["events", "--back-dated"], ["refusals"], ["head"], ["verify"],
]  # fmt: skip


def from_csv(text: str) -> list[dict[str, Any]]:
    """The rows of a CSV, with the values that are JSON read back."""

    def value(cell: str) -> Any:
        try:
            return json.loads(cell) if cell else None
        except json.JSONDecodeError:
            return cell

    return [{k: value(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
def test_json_jsonl_and_csv_parse_back_to_the_same_answer(store: Path, query: list[str]) -> None:
    run(store, "apply", "-", given=lines([command("cancel", "no", account="crrc-1", unit="CEA:2023",
                                                  quantity=10_000)]))  # fmt: skip
    answer = ask(store, *query, "--format", "json")
    rows = answer if isinstance(answer, list) else [answer]
    assert rows, "a query without rows proves nothing"
    text = ok(store, *query, "--format", "jsonl")
    assert [json.loads(line) for line in text.splitlines()] == rows
    assert from_csv(ok(store, *query, "--format", "csv")) == rows


@pytest.mark.parametrize("query", [q for q in QUERIES if q != ["refusals"]], ids=" ".join)
def test_a_table_is_for_people(store: Path, query: list[str]) -> None:
    table = ok(store, *query, "--format", "table")
    assert not table.startswith(("[", "{"))
    assert all(line == line.rstrip() for line in table.splitlines())


def test_json_is_the_default_where_no_terminal_is(store: Path) -> None:
    assert ok(store, "balances") == ok(store, "balances", "--format", "json")


def test_the_library_and_the_command_line_say_the_same(store: Path) -> None:
    with Ledger.open(store) as ledger:
        assert ask(store, "balances") == ledger.balances()
        assert ask(store, "statement", "crrc-1") == ledger.statement("crrc-1")
        assert ask(store, "supply") == ledger.supply()
        assert ask(store, "events") == list(ledger.events())
        assert ask(store, "head") == ledger.head().as_dict()
        assert ask(store, "verify") == ledger.verify().as_dict()


def test_rows_have_the_fields_of_the_contract(store: Path) -> None:
    assert all(tuple(row) == BALANCES for row in ask(store, "balances"))
    assert all(tuple(row) == SUPPLY for row in ask(store, "supply"))
    assert all(set(EVENTS) <= set(row) for row in ask(store, "events"))
    assert all(
        set(row) == set(StatementRow.__annotations__) for row in ask(store, "statement", "crrc-1")
    )
    assert tuple(BalanceRow.__annotations__) == BALANCES
    assert tuple(SupplyRow.__annotations__) == SUPPLY
    assert set(EVENTS) <= set(EventRow.__annotations__)


@pytest.mark.parametrize(
    ("options", "quantities"),
    [
        ([], {"crrc-1": 600, "desk-1": 300, "retired": 100}),
        (["--as-of", "2024-01-01"], {}),
        (["--as-of", "2024-01-02"], {"crrc-1": 1000}),
        (["--as-of", "2024-01-01T23:59:59.999999"], {}),
        (["--as-of", "2024-01-02T00:00:00"], {"crrc-1": 1000}),
        (["--as-of", "2024-01-01T16:00:00Z"], {"crrc-1": 1000}),
        (["--as-of", "2024-02-29T23:59:59.999999"], {"crrc-1": 1000}),
        (["--as-of", "2024-03-01"], {"crrc-1": 700, "desk-1": 300}),
        (["--known-at", "@9"], {"crrc-1": 1000}),
        (["--known-at", "@11"], {"crrc-1": 700, "desk-1": 300}),
        (["--known-at", "@0"], {}),
        (["--known-at", "2000-01-01"], {}),
        (["--account", "desk-1"], {"desk-1": 300}),
        (["--entity", "crrc"], {"crrc-1": 600}),
        (["--entity", "crrc", "--account", "desk-1"], {}),
        (["--registry", "trial", "--account", "retired"], {"retired": 100}),
    ],
)
def test_balances_of_one_unit(store: Path, options: list[str], quantities: dict[str, int]) -> None:
    for source in ([], ["--from-log"]):
        result = run(store, "balances", "--unit", "CEA:2023", *options, *source)
        assert result.exit_code == 0
        assert {r["account"]: r["quantity"] for r in json.loads(result.stdout)} == quantities


def test_zero_holdings_are_shown_when_asked_for(store: Path) -> None:
    assert ask(store, "balances", "--account", "issuance") == []
    units = {row["unit"] for row in ask(store, "balances", "--account", "crrc-1")}
    assert units == {"CEA:2023"}
    move = command("transfer", "all", unit="CEA:2023", quantity=300, from_="desk-1", to="wang-1",
                   kind="free", at="2024-07-01")  # fmt: skip
    ok(store, "apply", "-", given=lines([move]))
    assert ask(store, "balances", "--account", "desk-1") == []
    (row,) = ask(store, "balances", "--account", "desk-1", "--zero")
    assert (row["unit"], row["quantity"], row["available"]) == ("CEA:2023", 0, 0)


def test_a_statement_has_bounds_that_include_their_days(store: Path) -> None:
    def moved(*options: str) -> list[tuple[int, int]]:
        rows = ask(store, "statement", "crrc-1", *options)
        return [(row["quantity"], row["balance"]) for row in rows]

    assert moved() == [(1000, 1000), (-300, 700), (-100, 600)]
    assert moved("--from", "2024-03-01") == [(-300, 700), (-100, 600)]
    assert moved("--to", "2024-03-01") == [(1000, 1000), (-300, 700)]
    assert moved("--from", "2024-03-01", "--to", "2024-05-31") == [(-300, 700)]
    assert moved("--as-of", "2024-05-31") == [(1000, 1000), (-300, 700)]
    assert moved("--known-at", "@9") == [(1000, 1000)]
    assert moved("--registry", "trial") == moved()


def test_supply_balances_and_takes_a_unit(store: Path) -> None:
    (row,) = ask(store, "supply", "--unit", "CEA:2023")
    assert (row["issued"], row["holding"], row["retired"], row["balanced"]) == (
        1000,
        900,
        100,
        True,
    )
    assert ask(store, "supply") == ask(store, "supply", "--from-log")
    assert ask(store, "supply", "--as-of", "2023-12-31") == []


def test_events_are_filtered_and_limited(store: Path) -> None:
    def positions(*options: str) -> list[int]:
        return [row["position"] for row in ask(store, "events", *options)]

    assert positions() == list(range(1, 14))
    assert positions("--from-position", "12") == [12, 13]
    assert positions("--to-position", "2") == [1, 2]
    assert positions("--limit", "3") == [1, 2, 3]
    assert positions("--from-position", "4", "--to-position", "9", "--limit", "2") == [4, 5]
    assert positions("--type", "UnitsIssued") == [9, 10]
    assert positions("--type", "UnitsIssued", "--type", "UnitsTransferred") == [9, 10, 11]
    assert positions("--account", "desk-1") == [6, 11]
    assert positions("--entity", "crrc", "--type", "SurrenderConfirmed") == [13]
    assert positions("--known-at", "@3") == [1, 2, 3]
    assert positions("--as-of", "2020-01-01") == list(range(1, 9))
    assert positions("--registry", "trial", "--limit", "1") == [1]


def test_back_dated_events_carry_their_lag(store: Path) -> None:
    rows = ask(store, "events", "--back-dated")
    assert [row["position"] for row in rows] == list(range(1, 14))
    assert all(row["lag_seconds"] > 0 for row in rows)
    soon = command("issue", "soon", unit="CEA:2023", quantity=1, at="2199-01-01")
    ok(store, "apply", "-", given=lines([soon]))
    assert len(ask(store, "events", "--back-dated")) == 13
    assert "lag_seconds" not in ask(store, "events", "--limit", "1")[0]
    assert "lag_seconds" not in ok(store, "events", "--limit", "1", "--format", "csv")


@pytest.mark.parametrize(
    ("query", "note"),
    [
        (["balances", "--account", "nobody"], "no account 'nobody'"),
        (["balances", "--entity", "nobody"], "no entity 'nobody'"),
        (["balances", "--registry", "mars"], "no registry 'mars'"),
        (["statement", "nobody"], "no account 'nobody'"),
        (["statement", "nobody", "--registry", "trial"], "no account 'nobody' in registry 'trial'"),
        (["supply", "--registry", "mars"], "no registry 'mars'"),
        (["events", "--account", "nobody"], "no account 'nobody'"),
        (["events", "--entity", "nobody"], "no entity 'nobody'"),
    ],
)
def test_a_name_that_the_books_never_heard_of_is_said(
    store: Path, query: list[str], note: str
) -> None:
    result = run(store, *query)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert result.stderr == f"note: these books know {note}\n"


@pytest.mark.parametrize(
    "query",
    [
        ["balances", "--account", "wang-1"],
        ["balances", "--account", "reserve"],
        ["balances", "--entity", "baosteel"],
        ["balances", "--account", "crrc-1", "--as-of", "2000-01-01"],
        ["statement", "reserve"],
        ["supply", "--unit", "CEA:1999"],
        ["events", "--account", "wang-1", "--type", "UnitsIssued"],
    ],
)
def test_an_empty_answer_about_known_names_is_no_remark(store: Path, query: list[str]) -> None:
    assert ask(store, *query) == []


def test_tables_have_thousands_separators_and_readable_times(store: Path) -> None:
    table = ok(store, "balances", "--format", "table")
    authority = next(line for line in table.splitlines() if "authority" in line)
    assert authority.split() == ["trial", "authority", "CCER:9:2022", "5,000", "5,000"]
    statement = ok(store, "statement", "crrc-1", "--format", "table")
    head, _, first, *_ = statement.splitlines()
    assert "effective at (+08:00)" in head
    assert "2024-01-02 00:00 " in first
    assert "合同 7" in statement


def test_an_empty_table_says_so_to_people_only(store: Path) -> None:
    result = run(store, "balances", "--as-of", "2000-01-01", "--format", "table")
    assert (result.stdout, result.stderr) == ("", "no holdings\n")
    assert ok(store, "balances", "--as-of", "2000-01-01", "--format", "jsonl") == ""
    header = ok(store, "balances", "--as-of", "2000-01-01", "--format", "csv")
    assert header == ",".join(BALANCES) + "\n"


def test_control_characters_do_not_reach_the_terminal(store: Path) -> None:
    ring = command("issue", "ring", unit="CEA:2023", quantity=1, at="2024-01-05",
                   reference="\x1b[2J\nline two")  # fmt: skip
    ok(store, "apply", "-", given=lines([ring]))
    table = ok(store, "events", "--from-position", "14", "--format", "table")
    assert "\x1b" not in table
    assert r"\x1b[2J\nline two" in table
    (row,) = ask(store, "events", "--from-position", "14")
    assert row["reference"] == "\x1b[2J\nline two"
