"""EUTL tables become commands: the edges, on tables small enough to read."""

import json
from typing import Any

import pytest

from command_line import ask, lines, ok, process, run
from etsledger.ledger import LedgerError
from etsledger.ledger.eutl import COLUMNS, MEANINGS, ConversionRefused, commands

HEADER = ",".join(COLUMNS)


def table(*rows: str) -> bytes:
    """A table of rows ``id transaction date main-supp from to unit project amount``."""
    written = [HEADER]
    for row in rows:
        number, transaction, date, code, source, target, unit, project, amount = row.split()
        main, supplementary = code.split("-")
        fields = [number, transaction, date.replace("_", " "), main, supplementary, source, target,
                  unit, project.strip("-"), amount]  # fmt: skip
        written.append(",".join(fields))
    return ("\n".join(written) + "\n").encode()


def convert(data: bytes, **options: str) -> list[dict[str, Any]]:
    return list(commands(data.splitlines(keepends=True), **options))


def of_kind(found: list[dict[str, Any]], command: str) -> list[dict[str, Any]]:
    return [one for one in found if one["command"] == command]


def openings(data: bytes) -> dict[tuple[str, str], int]:
    found = of_kind(convert(data), "opening_balance")
    return {(one["account"], one["unit"]): one["quantity"] for one in found}


def movements(data: bytes) -> list[dict[str, Any]]:
    return [child for batch in of_kind(convert(data), "batch") for child in batch["commands"]]


ONE = "241 AT1020 2006-01-20_07:01:15.731 10-0 308.0 399.0 EUA2005 - 3180"


def test_a_table_becomes_a_registry_its_accounts_their_openings_and_a_batch() -> None:
    first = {"registry": "eu-ets", "effective_at": "2006-01-20T07:01:15.731000Z"}
    opened, one, other, opening, batch = convert(table(ONE))
    assert opened == {
        "command": "open_registry", "id": "registry/eu-ets", **first, "rulebook": "open",
    }  # fmt: skip
    assert one == {
        "command": "open_account", "id": "account/308", **first, "account": "308",
        "kind": "institution",
    }  # fmt: skip
    assert other["account"] == "399"
    assert {k: v for k, v in opening.items() if k != "reason"} == {
        "command": "opening_balance", "id": "opening/308/EUA:2005", **first, "account": "308",
        "unit": "EUA:2005", "quantity": 3180,
    }  # fmt: skip
    assert opening["reason"].startswith("opening balance: ")
    assert batch == {
        "command": "batch", "id": "AT1020", **first, "reference": "EUTL transaction AT1020",
        "commands": [
            {
                "command": "transfer", "id": "AT1020/241", "unit": "EUA:2005", "quantity": 3180,
                "from": "308", "to": "399", "kind": "free", "reason": "EUTL 10-0 internal transfer",
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("10-52", {"command": "issue", "to": "7"}),
        ("10-53", {"command": "transfer", "from": "5", "to": "7", "kind": "free"}),
        ("10-55", {"command": "transfer", "from": "5", "to": "7", "kind": "free"}),
        ("10-0", {"command": "transfer", "from": "5", "to": "7", "kind": "free"}),
        ("10-2", {"command": "transfer", "from": "5", "to": "retired", "kind": "free"}),
        ("4-3", {"command": "transfer", "from": "5", "to": "retired", "kind": "free"}),
        ("5-1", {"command": "transfer", "from": "5", "to": "retired", "kind": "free"}),
        ("10-1", {"command": "cancel", "account": "5"}),
        ("10-41", {"command": "cancel", "account": "5"}),
    ],
)
def test_both_type_codes_say_what_a_row_means(code: str, expected: dict[str, str]) -> None:
    (found,) = movements(table(f"1 T1 2008-01-01 {code} 5.0 7.0 EUA2005 - 9"))
    labels = {k: found.pop(k) for k in ("reason", "reference") if k in found}
    assert found == {"id": "T1/1", "unit": "EUA:2005", "quantity": 9, **expected}
    assert labels["reason"].startswith(f"EUTL {code} ")
    kept = expected.get("to") == "7"
    assert labels.get("reference") == (None if kept else "EUTL acquiring account 7")


def test_every_known_pair_is_tested_above() -> None:
    assert len(MEANINGS) == 9


@pytest.mark.parametrize("code", ["10-3", "5-2", "1-10", "4-1", "10-", "-", "10-052", "1-1"])
def test_an_unknown_pair_is_refused(code: str) -> None:
    with pytest.raises(ConversionRefused, match=r"^line 3, column transactionTypeMain_id, ") as bad:
        convert(table(ONE, f"1 T1 2008-01-01 {code} 5.0 7.0 EUA2005 - 9"))
    assert repr(code) in bad.value.message


@pytest.mark.parametrize(
    ("unit", "project", "expected"),
    [
        ("EUA2005", "-", "EUA:2005"),
        ("EUA_2008", "-", "EUA:2008"),
        ("EUA2008", "-", "EUA:2008"),
        ("CER", "550.0", "CER:550"),
        ("CER", "550", "CER:550"),
        ("CER", "-", "CER"),
        ("ERU", "12.0", "ERU:12"),
        ("AAU", "-", "AAU"),
    ],
)
def test_units_are_spelled_our_way(unit: str, project: str, expected: str) -> None:
    (found,) = movements(table(f"1 T1 2008-01-01 5-1 5.0 7.0 {unit} {project} 9"))
    assert found["unit"] == expected


def test_an_opening_balance_is_exactly_the_deepest_point_row_by_row() -> None:
    data = table(
        "1 T1 2008-01-01 10-0 5 7 EUA2005 - 30",  # 5 at -30
        "2 T2 2008-01-02 10-0 7 5 EUA2005 - 20",  # 5 at -10, 7 at +10
        "3 T3 2008-01-03 10-0 5 7 EUA2005 - 25",  # 5 at -35, 7 at +35
        "4 T4 2008-01-04 10-2 7 9 EUA2005 - 36",  # 7 at -1; 9 is credited nothing
        "5 T5 2008-01-05 10-52 7 7 EUA2005 - 50",
        "6 T6 2008-01-06 10-1 9 5 EUA2005 - 4",  # 9 at -4; 5 is credited nothing
    )
    assert openings(data) == {("5", "EUA:2005"): 35, ("7", "EUA:2005"): 1, ("9", "EUA:2005"): 4}


def test_an_account_that_never_goes_below_zero_has_no_opening_balance() -> None:
    data = table(
        "1 T1 2008-01-01 10-52 5 5 EUA_2008 - 30",
        "2 T2 2008-01-02 10-53 5 7 EUA_2008 - 30",
        "3 T3 2008-01-03 10-2 7 5 EUA_2008 - 30",
    )
    assert openings(data) == {}


def test_credits_are_kept_apart_by_project() -> None:
    data = table(
        "1 T1 2008-01-01 5-1 5 7 CER 1.0 30",
        "2 T1 2008-01-01 5-1 5 7 CER 2.0 40",
        "3 T1 2008-01-01 5-1 5 7 ERU 1.0 50",
    )
    assert openings(data) == {("5", "CER:1"): 30, ("5", "CER:2"): 40, ("5", "ERU:1"): 50}


def test_rows_are_read_by_date_then_transaction_then_id() -> None:
    data = table(
        "10 B 2008-01-02 10-0 5 7 EUA2005 - 1",
        "9 B 2008-01-02 10-0 5 7 EUA2005 - 2",
        "8 A 2008-01-02 10-0 5 7 EUA2005 - 3",
        "99 Z 2008-01-01_23:59:59.999 10-0 7 5 EUA2005 - 6",
    )
    assert [one["id"] for one in movements(data)] == ["Z/99", "A/8", "B/9", "B/10"]
    assert openings(data) == {("7", "EUA:2005"): 6}


def test_rows_that_are_equal_but_for_their_id_are_several_facts() -> None:
    row = "T1 2008-01-01 10-0 5 7 EUA2005 - 10"
    data = table(f"1 {row}", f"2 {row}", f"3 {row}")
    assert [one["quantity"] for one in movements(data)] == [10, 10, 10]
    assert openings(data) == {("5", "EUA:2005"): 30}


def test_times_are_utc() -> None:
    def at(date: str) -> str:
        (batch,) = of_kind(convert(table(f"1 T {date} 10-0 5 7 EUA2005 - 1")), "batch")
        return batch["effective_at"]

    assert at("2008-01-01_00:00:00.5") == "2008-01-01T00:00:00.500000Z"
    assert at("2008-01-01T10:00:00+02:00") == "2008-01-01T08:00:00Z"
    assert at("2008-01-01") == "2008-01-01T00:00:00Z"


def test_the_registry_can_be_named() -> None:
    found = convert(table(ONE), registry="eu-2")
    assert {one["registry"] for one in found} == {"eu-2"}
    assert found[0]["id"] == "registry/eu-2"


GOOD = "241,AT1020,2006-01-20 07:01:15.731,10,0,308.0,399.0,EUA2005,,3180"


def spoilt(column: str, text: str) -> bytes:
    """A table of a good row and one in which a field is exchanged."""
    fields = dict(zip(COLUMNS, GOOD.split(","), strict=True)) | {"id": "242", column: text}
    return f"{HEADER}\n{GOOD}\n{','.join(fields[name] for name in COLUMNS)}\n".encode()


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("amount", "3.5"), ("amount", "10.0"), ("amount", ""), ("amount", "-5"), ("amount", "0"),
        ("amount", "1e3"), ("amount", "many"), ("amount", "９"), ("amount", "9" * 400),
        ("amount", "1" * 5000), ("id", "1" * 5000), ("unitType_id", "EUA２００８"),
        ("date", "yesterday"), ("date", ""), ("date", "2006-13-01"), ("date", "0001-01-01"),
        ("id", ""), ("id", "x"), ("id", "241"), ("id", "-1"),
        ("transactionID", ""), ("transactionID", "A B"), ("transactionID", "x" * 65),
        ("transferringAccount_id", ""), ("transferringAccount_id", "308.5"),
        ("acquiringAccount_id", "nan"), ("acquiringAccount_id", "308"),
        ("unitType_id", "GOLD"), ("unitType_id", ""), ("unitType_id", "EUA"),
        ("project_id", "550.0"),
        ("date", "2006-01-21"),
    ],
)  # fmt: skip
def test_a_bad_field_names_its_line_its_column_and_the_reason(column: str, text: str) -> None:
    with pytest.raises(ConversionRefused) as bad:
        convert(spoilt(column, text))
    assert bad.value.message.startswith(f"line 3, column {column}: ")
    assert len(bad.value.message) > len(f"line 3, column {column}: ") + 10
    assert bad.value.exit_code == 1
    assert isinstance(bad.value, LedgerError)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(ConversionRefused, match=f"^line 1, column {column}: the column is missing"):
        convert(table(ONE).replace(column.encode(), b"something_else", 1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no transactions"),
        (HEADER.encode() + b"\n", "holds no transactions"),
        (f"{HEADER}\n{GOOD},more\n".encode(), "line 2: 11 fields where the header has 10"),
        (f"{HEADER}\n{GOOD}\n241,AT1020\n".encode(), "line 3: 2 fields where the header has 10"),
        (f"{HEADER},amount\n{GOOD},1\n".encode(), "line 1, column amount: the column stands twice"),
        (f"{HEADER}\n{GOOD}\n\xff".encode("latin-1"), "line 3: the line is not UTF-8"),
        (f'{HEADER}\n"{GOOD}\n'.encode(), "line 2: this is no CSV"),
        (f"{HEADER}\n{GOOD}{'9' * 200_000}\n".encode(), "line 2: this is no CSV"),
        (b"\x00\x01\x02\n", "line 1"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_is_no_table_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ConversionRefused) as bad:
        convert(data)
    assert said in bad.value.message


def test_a_byte_order_mark_windows_lines_blank_lines_and_other_columns_do_no_harm() -> None:
    data = table(ONE).decode().replace("\n", ",x\r\n").replace("amount,x", "amount,note")
    assert convert(b"\xef\xbb\xbf" + data.encode() + b"\r\n\r\n") == convert(table(ONE))


def test_nothing_is_written_before_the_whole_table_is_good(tmp_path: Any) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(spoilt("amount", "3.5"))
    result = run(None, "convert", "eutl", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ConversionRefused: line 3, column amount: '3.5' ")


def test_the_command_line_converts_a_file_or_standard_input_into_commands(tmp_path: Any) -> None:
    file, store = tmp_path / "table.csv", tmp_path / "eu.db"
    file.write_bytes(table(ONE))
    made = ok(None, "convert", "eutl", str(file))
    assert made == lines_of(convert(table(ONE)))
    assert ok(None, "convert", "eutl", "-", given=table(ONE)) == made
    named = ok(None, "convert", "eutl", "--registry", "eu-2", str(file))
    assert {json.loads(line)["registry"] for line in named.splitlines()} == {"eu-2"}

    piped = process(store, "apply", "-", given=made.encode())
    assert (piped.returncode, piped.stderr) == (0, b"")
    held = {row["account"]: row["quantity"] for row in ask(store, "balances")}
    assert held == {"399": 3180}


def lines_of(found: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in found)


def test_a_transaction_is_all_or_nothing(tmp_path: Any) -> None:
    store = tmp_path / "eu.db"
    data = table("1 T1 2008-01-01 10-0 5 7 EUA2005 - 10", "2 T1 2008-01-01 10-0 5 7 EUA2005 - 20")
    without_openings = [one for one in convert(data) if one["command"] != "opening_balance"]
    half = {**convert(data)[3], "quantity": 10}
    assert half["command"] == "opening_balance"
    sent = [*without_openings[:-1], half, without_openings[-1]]
    result = run(store, "apply", "-", given=lines(sent))
    assert result.exit_code == 1
    assert "InsufficientUnits: commands.1 ('T1/2')" in result.stderr
    assert {row["account"]: row["quantity"] for row in ask(store, "balances")} == {"5": 10}
