"""``apply``: command files in, outcomes out; what is refused leaves nothing behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import ask, books, lines, no_traceback, ok, run
from helpers import command, trial_registry

ISSUE = command("issue", "1", unit="CEA:2023", quantity=10, to="crrc-1", at="2024-01-02")
TOO_MUCH = command(
    "transfer", "2", unit="CEA:2023", quantity=11, from_="crrc-1", to="desk-1", kind="free",
    at="2024-02-01",
)  # fmt: skip
LATER = command("issue", "3", unit="CEA:2023", quantity=5, to="crrc-1", at="2024-03-01")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the registry ``trial`` and nothing in its accounts (8 events)."""
    ok(tmp_path / "books.db", "apply", "-", given=lines(trial_registry()))
    return tmp_path / "books.db"


def held(store: Path) -> dict[str, int]:
    return {row["account"]: row["quantity"] for row in ask(store, "balances")}


def position(store: Path) -> int:
    return ask(store, "head")["position"]


def outcomes(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_apply_creates_the_store_and_sums_up(tmp_path: Path) -> None:
    store = tmp_path / "new.db"
    said = ok(store, "apply", "-", given=lines([*trial_registry(), ISSUE]))
    assert said == "9 accepted (9 events), 0 duplicates, 0 refused\n"
    assert held(store) == {"crrc-1": 10}


def test_a_file_run_again_changes_nothing(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text(lines([ISSUE, LATER]), encoding="utf-8")
    ok(store, "apply", str(file))
    head = ask(store, "head")
    assert ok(store, "apply", str(file)).startswith("0 accepted (0 events), 2 duplicates")
    assert ask(store, "head") == head


def test_apply_stops_at_the_first_refusal_and_keeps_what_was_before(store: Path) -> None:
    result = run(store, "apply", "-", given=lines([ISSUE, TOO_MUCH, LATER]))
    assert result.exit_code == 1
    assert result.stdout == (
        "1 accepted (1 event), 0 duplicates, 1 refused; "
        "stopped at the refusal (--keep-going goes on)\n"
    )
    assert result.stderr.startswith("standard input:2: InsufficientUnits: account crrc-1 has 10 t")
    assert held(store) == {"crrc-1": 10}


def test_keep_going_goes_on_past_refusals(store: Path) -> None:
    result = run(store, "apply", "--keep-going", "-", given=lines([ISSUE, TOO_MUCH, LATER]))
    assert result.exit_code == 1
    assert result.stdout == "2 accepted (2 events), 0 duplicates, 1 refused\n"
    assert held(store) == {"crrc-1": 15}


def test_atomic_is_all_or_nothing_over_all_files(store: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(lines([ISSUE]), encoding="utf-8")
    second.write_text("\n" + lines([LATER, {**TOO_MUCH, "quantity": 16}]), encoding="utf-8")
    result = run(store, "apply", "--atomic", str(first), str(second))
    assert result.exit_code == 1
    assert result.stdout.endswith("1 refused; all or nothing: nothing was written\n")
    assert f"{second}:3: InsufficientUnits: " in result.stderr
    assert held(store) == {}

    second.write_text(lines([LATER, {**TOO_MUCH, "quantity": 10}]), encoding="utf-8")
    ok(store, "apply", "--atomic", str(first), str(second))
    assert held(store) == {"crrc-1": 5, "desk-1": 10}
    recorded = {row["recorded_at"] for row in ask(store, "events", "--from-position", "9")}
    assert len(recorded) == 1


def test_dry_run_tells_the_truth_and_writes_nothing(store: Path) -> None:
    given = lines([ISSUE, TOO_MUCH, LATER])
    head = ask(store, "head")
    dry = run(store, "apply", "--dry-run", "--keep-going", "--format", "jsonl", "-", given=given)
    assert ask(store, "head") == head
    assert ask(store, "refusals") == []
    real = run(store, "apply", "--keep-going", "--format", "jsonl", "-", given=given)
    assert outcomes(dry) == outcomes(real)
    assert dry.exit_code == real.exit_code == 1
    assert dry.stderr == real.stderr


def test_dry_run_on_an_absent_store_makes_none(tmp_path: Path) -> None:
    said = ok(tmp_path / "new.db", "apply", "--dry-run", "-", given=lines(trial_registry()))
    assert said.endswith("8 accepted (8 events), 0 duplicates, 0 refused; "
                         "a dry run: nothing was written\n")  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_outcomes_have_the_shape_of_the_contract(store: Path) -> None:
    given = lines([ISSUE, ISSUE, TOO_MUCH])
    result = run(store, "apply", "--format", "jsonl", "-", given=given)
    accepted, duplicate, refused = outcomes(result)
    assert accepted == {"id": "1", "line": 1, "outcome": "accepted", "positions": [9]}
    assert duplicate == {"id": "1", "line": 2, "outcome": "duplicate", "positions": [9]}
    assert (refused["id"], refused["line"], refused["outcome"], refused["positions"]) == (
        "2", 3, "refused", [],
    )  # fmt: skip
    refusal = refused["refusal"]
    assert refusal["code"] == "InsufficientUnits"
    assert (refusal["held"], refusal["available"], refusal["asked"]) == (10, 10, 11)
    assert f"standard input:3: InsufficientUnits: {refusal['message']}\n" == result.stderr


def test_a_batch_is_one_outcome_over_its_positions(store: Path) -> None:
    batch = {
        "command": "batch",
        "id": "b",
        "commands": [{**ISSUE, "id": "b/1"}, {**TOO_MUCH, "id": "b/2", "quantity": 4}],
    }
    (outcome,) = outcomes(run(store, "apply", "--format", "jsonl", "-", given=lines([batch])))
    assert outcome["positions"] == [9, 10]
    bad = {**batch, "id": "c", "commands": [{**ISSUE, "id": "c/1"}, {**TOO_MUCH, "id": "c/2",
                                                                     "quantity": 999}]}  # fmt: skip
    result = run(store, "apply", "-", given=lines([bad]))
    assert "standard input:1: InsufficientUnits: commands.1 ('c/2'): " in result.stderr
    assert position(store) == 10


GARBAGE: list[tuple[bytes, str, str]] = [
    (b"garbage", "", "not JSON"),
    (b"{", "", "not JSON"),
    (b'"a text"', "", "JSON object"),
    (b"[]", "", "JSON object"),
    (b"null", "", "JSON object"),
    (b"17", "", "JSON object"),
    (b"\xff\xfe{", "", "not UTF-8"),
    (b'{"command": "issue", "id": "x", "unit": NaN, "quantity": 1}', "", "NaN"),
    (b"[" * 100_000, "", ""),
    (b"9" * 10_000, "", ""),
    (b"{}", "command", "missing"),
    (b'{"id": "x"}', "command", "missing"),
    (b'{"command": 7, "id": "x"}', "command", ""),
    (b'{"command": "eat", "id": "x"}', "command", "eat"),
    (b'{"command": "issue", "unit": "CEA:2023", "quantity": 1}', "id", ""),
    (b'{"command": "issue", "id": "", "unit": "CEA:2023", "quantity": 1}', "id", ""),
    (b'{"command": "issue", "id": 5, "unit": "CEA:2023", "quantity": 1}', "id", ""),
    (b'{"command": "issue", "id": "x", "id": "y", "unit": "U", "quantity": 1}', "id", "twice"),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023"}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": 0}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": -1}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": 1.5}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": 1.0}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": "1"}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "CEA:2023", "quantity": true}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1e400}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 9007199254740992}', "quantity", ""),
    (b'{"command": "issue", "id": "x", "unit": ["U"], "quantity": 1}', "unit", ""),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1, "too": 2}', "too", ""),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1, "effective_at": "soon"}',
     "effective_at", "soon"),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1, "effective_at": 1.7e9}',
     "effective_at", ""),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1, "effective_at": "2023-02-29"}',
     "effective_at", "2023-02-29"),
    (b'{"command": "issue", "id": "x", "unit": "U", "quantity": 1, "\\ud800": 1}', "", ""),
    (b'{"command": "batch", "id": "x", "commands": [{"command": "reserve", "\\ud800": 1}]}',
     "commands.0", ""),
    (b'{"command": "batch", "id": "x", "commands": []}', "commands", ""),
    (b'{"command": "batch", "id": "x", "commands": [5]}', "commands.0", ""),
    (b'{"command": "batch", "id": "x", "commands": [{"command": "close_account", "id": "y"}]}',
     "commands.0.account", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "field", "reason"), GARBAGE, ids=[repr(g[0][:70]) for g in GARBAGE]
)
def test_garbage_names_line_field_and_reason_and_nothing_of_it_is_kept(
    store: Path, line: bytes, field: str, reason: str
) -> None:
    head = ask(store, "head")
    given = b"\n" + line + b"\n" + lines([{**ISSUE, "id": "good"}]).encode()
    result = run(store, "apply", "--keep-going", "--format", "jsonl", "-", given=given)
    bad, good = outcomes(result)
    assert result.exit_code == 1
    assert (bad["line"], bad["outcome"], bad["positions"]) == (2, "refused", [])
    assert bad["refusal"]["code"] == "InvalidCommand"
    assert bad["refusal"]["field"] == field
    assert reason in bad["refusal"]["message"]
    assert field.rpartition(".")[2] in bad["refusal"]["message"]
    assert result.stderr.startswith("standard input:2: InvalidCommand: ")
    assert len(result.stderr.splitlines()) == 1
    assert (good["line"], good["outcome"], good["positions"]) == (3, "accepted", [9])
    assert position(store) == head["position"] + 1
    assert ask(store, "refusals") == []


REFUSALS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (command("issue", "x", registry="mars", unit="U", quantity=1), "UnknownRegistry", {}),
    (command("surrender", "x", entity="nobody", year=2023, unit="CEA:2023", quantity=1),
     "UnknownEntity", {"entity": "nobody"}),
    (command("issue", "x", unit="CEA:2023", quantity=1, to="nowhere"),
     "UnknownAccount", {"account": "nowhere"}),
    (command("reverse", "x", reverses="never"), "UnknownReference", {"reference_id": "never"}),
    (command("open_account", "x", account="crrc-1", kind="entity", entity="crrc"),
     "AccountExists", {"account": "crrc-1"}),
    (command("close_account", "x", account="desk-1"), "AccountNotEmpty", {"held": 300}),
    (command("issue", "x", unit="no such unit", quantity=1), "UnitNotAllowed", {}),
    (command("transfer", "x", unit="CEA:2023", quantity=1, from_="crrc-1", to="cancelled",
             kind="free"), "RouteNotAllowed", {}),
    (command("issue", "x", unit="CEA:2023", quantity=9007199254740991), "IssuanceCapExceeded",
     {"issued": 1000}),
    (command("cancel", "x", account="crrc-1", unit="CEA:2023", quantity=601),
     "InsufficientUnits", {"held": 600, "available": 600, "asked": 601}),
    (command("cancel", "x", account="crrc-1", unit="CEA:2023", quantity=601, at="2024-04-01"),
     "BackdatedOverdraft", {"held": 700, "lowest": 600, "asked": 601}),
    (command("issue", "i1", unit="CEA:2023", quantity=1), "DuplicateCommand", {"id": "i1"}),
    (command("reverse", "x", reverses="s1"), "NotReversible", {"reverses": "s1"}),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "code", "numbers"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_a_refusal_carries_its_code_and_the_numbers_that_decided(
    tmp_path: Path, sent: dict[str, Any], code: str, numbers: dict[str, Any]
) -> None:
    store = books(tmp_path)
    head, before = ask(store, "head"), ask(store, "balances")
    result = run(store, "apply", "--format", "jsonl", "-", given=lines([sent]))
    (outcome,) = outcomes(result)
    assert result.exit_code == 1
    assert outcome["refusal"]["code"] == code
    assert numbers.items() <= outcome["refusal"].items()
    assert result.stderr == f"standard input:1: {code}: {outcome['refusal']['message']}\n"
    assert (ask(store, "head"), ask(store, "balances")) == (head, before)
    (kept,) = ask(store, "refusals", "--code", code)
    assert kept["command_id"] == sent["id"]
    assert kept["refusal"] == outcome["refusal"]


def test_blank_lines_and_a_byte_order_mark_are_passed_over(store: Path) -> None:
    text = b"\xef\xbb\xbf" + lines([ISSUE]).encode() + b"\r\n   \n\t\r\n"
    text += lines([LATER]).strip().encode() + b"\r\n\n"
    result = run(store, "apply", "--format", "jsonl", "-", given=text)
    assert [one["line"] for one in outcomes(result)] == [1, 5]


def test_a_last_line_needs_no_line_end(store: Path) -> None:
    ok(store, "apply", "-", given=lines([ISSUE, LATER]).rstrip("\n"))
    assert held(store) == {"crrc-1": 15}


def test_lines_are_counted_in_each_file(store: Path, tmp_path: Path) -> None:
    first, empty, last = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    first.write_text(lines([ISSUE]) + "\n\n", encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    last.write_text("\nnonsense\n" + lines([LATER]), encoding="utf-8")
    result = run(store, "apply", "--keep-going", "--format", "jsonl",
                 *map(str, (first, empty, last)))  # fmt: skip
    assert [(one["line"], one["outcome"]) for one in outcomes(result)] == [
        (1, "accepted"), (2, "refused"), (3, "accepted"),
    ]  # fmt: skip
    assert result.stderr.startswith(f"{last}:2: InvalidCommand: ")


def test_standard_input_may_stand_among_files(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(lines([ISSUE]), encoding="utf-8")
    ok(store, "apply", str(file), "-", given=lines([LATER]))
    assert held(store) == {"crrc-1": 15}


def test_an_empty_file_is_no_fault(store: Path) -> None:
    assert ok(store, "apply", "-", given="").startswith("0 accepted")


@pytest.mark.parametrize("form", ["json", "csv"])
def test_outcomes_in_the_other_formats(store: Path, form: str) -> None:
    result = run(store, "apply", "--format", form, "-", given=lines([ISSUE, TOO_MUCH]))
    assert result.exit_code == 1
    if form == "json":
        assert [one["outcome"] for one in json.loads(result.stdout)] == ["accepted", "refused"]
    else:
        head, first, _ = result.stdout.splitlines()
        assert head == "id,line,outcome,positions,refusal"
        assert first == "1,1,accepted,[9],"


def test_a_refusal_stays_one_line_on_standard_error(store: Path) -> None:
    nasty = command("issue", "x", unit="CEA:2023", quantity=1, to="a\x1b[2J\nerror: fake")
    result = run(store, "apply", "-", given=lines([nasty]))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "\x1b" not in result.stderr


def test_the_journal_is_asked_by_registry_and_code(store: Path) -> None:
    ok(store, "apply", "-", given=lines([ISSUE]))
    other = command("issue", "9", registry="mars", unit="U", quantity=1)
    result = run(store, "apply", "--keep-going", "-", given=lines([TOO_MUCH, other]))
    no_traceback(result.stderr)
    everything = ask(store, "refusals")
    assert [row["code"] for row in everything] == ["InsufficientUnits", "UnknownRegistry"]
    assert ask(store, "refusals", "--registry", "mars") == everything[1:]
    assert ask(store, "refusals", "--code", "InsufficientUnits") == everything[:1]
    assert everything[0]["command"] == TOO_MUCH | {"effective_at": "2024-02-01T00:00:00+08:00"}
    table = ok(store, "refusals", "--format", "table")
    assert "InsufficientUnits" in table
