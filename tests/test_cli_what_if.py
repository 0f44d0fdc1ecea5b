"""``replay --rulebook``, ``--without``, ``--with``, ``--keep`` on the command line."""

import json
from pathlib import Path

import pytest

from command_line import ask, books, lines, ok, run
from helpers import UNIT, command
from rulebooks import exchange_only_rulebook

MOVE = command("transfer", "new", unit=UNIT, quantity=4, from_="crrc-1", to="wang-1", kind="free",
               at="2024-03-05")  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A rulebook without free transfers, as JSON."""
    file = tmp_path / "strict.json"
    file.write_text(json.dumps(exchange_only_rulebook()), "utf-8")
    return file


def test_a_rulebook_in_a_file_shows_a_summary_and_what_is_refused(
    store: Path, strict: Path
) -> None:
    head = ask(store, "head")
    table = ok(store, "replay", "--rulebook", str(strict), "--format", "table")
    assert "12 commands decided again under exchange-only 1 in trial\n" in table
    assert "refused that were accepted" in table
    assert "RouteNotAllowed: no row of rulebook exchange-only lets transfer.free" in table
    assert "crrc-1      CEA:2023         600     900         +300\n" in table
    assert "desk-1      CEA:2023         300       0         -300\n" in table
    answer = ask(store, "replay", "--rulebook", str(strict))
    assert next(iter(answer)) == "summary"
    assert {one["refusal"]["code"] for one in answer["refused"]} == {
        "RouteNotAllowed", "UnitNotAllowed",
    }  # fmt: skip
    assert answer["summary"]["refused"] == len(answer["refused"])
    assert ask(store, "head") == head


def test_what_was_refused_and_would_be_accepted_is_a_table_of_its_own(
    store: Path, tmp_path: Path
) -> None:
    run(store, "apply", "-", given=lines([{**MOVE, "quantity": 601}]))
    more = tmp_path / "more.jsonl"
    issue = command("issue", "i9", unit=UNIT, quantity=1, to="crrc-1", at="2024-03-04")
    more.write_text(lines([issue]), "utf-8")
    given = ["replay", "--with", f"{more}@13"]
    table = ok(store, *given, "--format", "table")
    assert "\n1 of 1 refused attempt would be accepted\n" in table
    assert "\naccepted that were refused, for the reason given then" in table
    assert "BackdatedOverdraft:" in table
    answer = ask(store, *given)
    [one] = answer["accepted"]
    assert (one["id"], one["after"], one["accepted_at"], one["exact"]) == ("new", 13, None, True)
    assert (one["refusal"]["code"], one["events"]) == ("BackdatedOverdraft", ["UnitsTransferred"])
    assert ask(store, "replay", "--without", "i2")["summary"]["attempts"] == 1


def test_a_toml_file_that_extends_a_bundled_rulebook(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'extends = "open"\nname = "mine"\nversion = "7"\n'
        '[surrender]\nconfirmation = true\nsource = "own"\n',
        "utf-8",
    )
    answer = ask(store, "replay", "--rulebook", str(file), "--registry", "trial")
    assert answer["rulebook"]["name"] == "mine"
    assert answer["summary"]["otherwise"] == 1
    assert answer["summary"]["refused"] == 0


def test_without_says_what_went_with_it(store: Path) -> None:
    moves = [{**MOVE, "id": name, "quantity": 1} for name in ("b1", "b2")]
    ok(store, "apply", "-", given=lines([{"command": "batch", "id": "b", "commands": moves}]))
    table = ok(store, "replay", "--without", "b2", "--without", "i1", "--format", "table")
    assert "2 left out\n  b2 is of the batch 'b', which is left out as a whole\n" in table
    answer = ask(store, "replay", "--without", "b2")
    assert answer["left_out"] == [
        {"id": "b", "named": ["b2"], "position": 15, "batch": ["b1", "b2"]}
    ]


def test_with_takes_files_and_positions(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "more@home.jsonl"
    file.write_text("\ufeff" + lines([MOVE]) + "\n" + lines([{**MOVE, "id": "two"}]), "utf-8")
    answer = ask(store, "replay", "--with", str(file))
    assert [(one["place"], one["outcome"]) for one in answer["added"]] == [
        (f"{file}:1", "accepted"), (f"{file}:3", "accepted"),
    ]  # fmt: skip
    answer = ask(store, "replay", "--with", f"{file}@9")
    assert [one["after"] for one in answer["added"]] == [9, 9]
    answer = ask(store, "replay", "--with", f"{file}@8")
    assert [one["refusal"]["code"] for one in answer["added"]] == ["InsufficientUnits"] * 2
    table = ok(store, "replay", "--with", f"{file}@8", "--format", "table")
    assert "2 sent besides, 2 of them refused" in table
    assert "sent besides\n" in table


def test_what_is_kept_can_be_asked_like_any_store(store: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    table = ok(store, "replay", "--without", "i1", "--keep", str(kept), "--format", "table")
    assert f"these books are kept in {kept}" in table
    assert ask(kept, "verify")["ok"] is True
    refused = [one["command_id"] for one in ask(kept, "refusals")]
    answer = ask(store, "replay", "--without", "i1")
    assert refused == [one["id"] for one in answer["refused"]] != []
    again = run(store, "replay", "--without", "i1", "--keep", str(kept))
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_long_tables_are_cut_for_people_only(store: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(lines([{**MOVE, "id": f"m{n}", "quantity": 1} for n in range(25)]), "utf-8")
    table = ok(store, "replay", "--with", str(more), "--format", "table")
    assert "… and 5 more (--format json has them all)" in table
    assert len(ask(store, "replay", "--with", str(more))["added"]) == 25


BAD = [
    ("TOML", "rules.toml", "version = ", "rules.toml: not TOML: "),
    ("JSON", "rules.json", '{"version": ', "rules.json: the line is not JSON: "),
    ("key", "rules.toml", 'extends = "open"\ncolour = "red"\n', "colour"),
    ("base", "rules.toml", 'extends = "closed"\n', "no bundled rulebook 'closed'"),
    ("nothing", "rules.toml", "", "rules.toml: "),
    ("bytes", "rules.toml", "extends = '\udcff'", "not UTF-8 (byte 11)"),
]


@pytest.mark.parametrize(("name", "content", "said"), [one[1:] for one in BAD],
                         ids=[one[0] for one in BAD])  # fmt: skip
def test_a_bad_rulebook_file_is_one_plain_line(
    store: Path, tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    result = run(store, "replay", "--rulebook", str(file))
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[0]
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--without", "nobody"], "no command 'nobody' is in the log"),
        (["--with", "absent.jsonl"], "absent.jsonl: No such file"),
        (["--with", "bad.jsonl"], "bad.jsonl:2: "),
        (["--with", "good.jsonl@99"], "good.jsonl:1 is to come after position 99; the log ends"),
        (["--rulebook", "absent.toml"], "absent.toml"),
        (["--rulebook", "good.toml", "--registry", "nowhere"], "no registry 'nowhere'"),
        (["--registry", "trial"], "go with"),
        (["--registry", "trial", "--without", "i1"], "--registry says what --rulebook is for"),
        (["--as-of", "2024-01-01"], "go with"),
        (["--to", "9", "--without", "i1"], "--to"),
        (["--without", "i1", "--as-of", "soon"], "soon"),
        (["--keep", "there.db"], "exists already"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.jsonl").write_text(lines([MOVE]), "utf-8")
    Path("bad.jsonl").write_text(lines([MOVE]) + "fly\n", "utf-8")
    Path("good.toml").write_text('extends = "open"\nversion = "2"\n', "utf-8")
    Path("there.db").write_bytes(b"")
    result = run(store, "replay", *arguments)
    assert result.exit_code == 2, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
