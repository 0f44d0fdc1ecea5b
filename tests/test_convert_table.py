"""Tables become command files: a row a command, its columns the fields of the command."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import books, lines, ok, process, run
from etsledger.domain.catalogue import MODELS
from etsledger.ledger import LedgerError
from etsledger.ledger.commandfile import prepare
from etsledger.ledger.csvtable import WrongColumns, commands
from etsledger.ledger.eutl import ConversionRefused

HEADER = "unit,quantity,from,to,kind\n"
ROW = "CEA:2023,100,crrc-1,desk-1,free\n"
TRANSFER = {"unit": "CEA:2023", "quantity": 100, "from": "crrc-1", "to": "desk-1", "kind": "free"}


def convert(text: str | bytes, name: str = "transfer", **options: Any) -> list[dict[str, Any]]:
    data = text.encode() if isinstance(text, str) else text
    return commands(data.splitlines(keepends=True), name, **{"id_prefix": "t", **options})


def table(folder: Path, text: str | bytes, name: str = "table.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


# -- rows and fields ---------------------------------------------------------------------------


def test_a_row_becomes_a_command_with_an_id_of_its_line() -> None:
    assert convert(HEADER + ROW + ROW.replace("100", "7")) == [
        {"command": "transfer", "id": "t/2", **TRANSFER},
        {"command": "transfer", "id": "t/3", **TRANSFER, "quantity": 7},
    ]


def test_columns_may_stand_in_any_order_and_the_common_fields_among_them() -> None:
    text = "to,reason,kind,quantity,registry,from,unit,effective_at\n"
    (found,) = convert(text + 'desk-1,"a, ""b""",free,100,trial,crrc-1,CEA:2023,2024-03-01\n')
    common = {"registry": "trial", "effective_at": "2024-03-01", "reason": 'a, "b"'}
    assert found == {"command": "transfer", "id": "t/2", **common, **TRANSFER}
    assert list(found)[:4] == ["command", "id", "registry", "effective_at"]


@pytest.mark.parametrize("name", MODELS)
def test_every_command_of_the_catalogue_can_be_a_table(name: str) -> None:
    example = json.loads(MODELS[name].example)
    cells = {
        field: value if isinstance(value, str) else json.dumps(value)
        for field, value in example.items()
        if field != "command"
    }
    quoted = ['"' + text.replace('"', '""') + '"' for text in cells.values()]
    (found,) = convert(f"{','.join(cells)}\n{','.join(quoted)}\n", name, id_prefix=None)
    assert prepare(found).content == prepare(example).content


def test_an_empty_cell_leaves_its_field_out() -> None:
    text = "entity,name,sector,province,first_year\n"
    one, other = convert(text + "a,A,power,hubei,2019\nb,B,steel, ,\n", "register_entity")
    assert (one["province"], one["first_year"]) == ("hubei", 2019)
    assert list(other) == ["command", "id", "entity", "name", "sector"]


def test_whole_numbers_may_have_spaces_around_and_texts_keep_theirs() -> None:
    (found,) = convert("unit,quantity,from,to,kind,reason\nX, 100 ,a,b,free, so \n")
    assert (found["quantity"], found["reason"]) == (100, " so ")


def test_a_decimal_is_kept_as_it_is_written() -> None:
    (found,) = convert("sector,year,value\ncement,2025,0.8500\n", "publish_balance_value")
    assert (found["year"], found["value"]) == (2025, "0.8500")


def test_a_list_or_an_object_is_a_cell_of_json() -> None:
    cell = '"{""net_sales"": {""CEA:2021"": 5}, ""borrowed"": 0}"'
    (found,) = convert(f"account,unit,quantity,facts\na,X,1,{cell}\n", "opening_balance")
    assert found["facts"] == {"net_sales": {"CEA:2021": 5}, "borrowed": 0}
    with pytest.raises(ConversionRefused, match="column facts: the cell is not JSON") as bad:
        convert("account,unit,quantity,facts\na,X,1,none\n", "opening_balance")
    assert bad.value.message.startswith("line 2, ")
    assert convert("rulebook\nopen\n", "adopt_rulebook")[0]["rulebook"] == "open"
    assert convert('rulebook\n"{""a"":1}"\n', "adopt_rulebook")[0]["rulebook"] == {"a": 1}


# -- what the file is like -----------------------------------------------------------------------


def test_marks_line_ends_and_empty_rows_make_no_difference_but_to_the_line_numbers() -> None:
    windows = (HEADER + "\n" + ROW + ",,,,\n" + ROW).replace("\n", "\r\n")
    found = convert(b"\xef\xbb\xbf" + windows.encode())
    assert [one.pop("id") for one in found] == ["t/3", "t/5"]
    assert found == [{"command": "transfer", **TRANSFER}] * 2


def test_a_row_of_several_lines_has_the_number_of_its_first() -> None:
    text = "reason,unit,quantity,from,to,kind\n"
    found = convert(text + f'"one\ntwo\nthree",{ROW}four,{ROW}')
    assert [(one["id"], one["reason"]) for one in found] == [
        ("t/2", "one\ntwo\nthree"), ("t/5", "four"),
    ]  # fmt: skip


def test_a_column_without_a_name_may_be_there_while_it_is_empty() -> None:
    with_empty = (HEADER + ROW).replace("\n", ",\n")
    assert convert(with_empty) == convert(HEADER + ROW)
    with pytest.raises(ConversionRefused, match=r"^line 2, column 6: 'x' stands under no name"):
        convert(with_empty.replace("free,", "free,x"))


# -- options -------------------------------------------------------------------------------------


def test_constants_hold_for_every_row_and_are_read_by_their_type() -> None:
    found = convert("entity\na\nb\n", "pre_allocate", constants={"year": "2024", "actor": "mee"})
    assert [(one["entity"], one["year"], one["actor"]) for one in found] == [
        ("a", 2024, "mee"), ("b", 2024, "mee"),
    ]  # fmt: skip


def test_a_column_is_mapped_to_its_field_or_left_out() -> None:
    text = "单位,数量,转出,转入,kind,a=b\nCEA:2023,100,crrc-1,desk-1,free,whatever\n"
    names = {"单位": "unit", "数量": "quantity", "转出": "from", "转入": "to", "a=b": ""}
    assert convert(text, names=names) == convert(HEADER + ROW)
    with pytest.raises(ConversionRefused, match=r"^line 2, column 数量: 'x' is not a whole"):
        convert(text.replace("100", "x"), names=names)


def test_ids_come_from_their_column_and_are_there_once() -> None:
    text = "id,entity,year\nA 1,a,2024\nA 2,b,2024\n"
    assert [one["id"] for one in convert(text, "pre_allocate")] == ["A 1", "A 2"]
    with pytest.raises(ConversionRefused, match=r"^line 3, column id: 'A 1' is the id of line 2 a"):
        convert(text.replace("A 2", "A 1"), "pre_allocate")


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        (["--command", "eat"], HEADER, "'eat' is no command; there are adopt_rulebook, "),
        (["--command", "transfer"], "unit,menge\n", "the column 'menge' is no field of transfer"),
        (["--command", "transfer"], "command,id\n", "the column 'command' is no field of"),
        (["--command", "transfer"], "unit,unit\n", "two columns, 'unit' and 'unit', are 'unit'"),
        (["--command", "transfer"], "unit,quantity,from,to\n", "transfer needs 'kind', which"),
        (["--command", "transfer", "--set", "year=2024"], HEADER, "'year' is no field of transfer"),
        (["--command", "transfer", "--set", "kind=free"], HEADER, "'kind' is a column of the ta"),
        (["--command", "transfer", "--set", "id=1"], HEADER, "--set id: every command has an id"),
        (["--command", "transfer", "--set", "kind"], HEADER, "--set kind: expected FIELD=VALUE"),
        (["--command", "transfer", "--set", "=x"], HEADER, "--set x: expected FIELD=VALUE"),
        (["--command", "issue", "--set", "quantity=1,5"], "unit\nX\n", "--set quantity: '1,5' is"),
        (["--command", "issue", "--set", "quantity=0"], "unit\nX\n", "--set quantity: Expected"),
        (["--command", "issue", "--set", "to="], "unit,quantity\nX,1\n", "--set to: Expected"),
        (["--command", "issue", "--set", "to=a", "--set", "to=b"], "unit\n", "--set to=… is given"),
        (["--command", "transfer", "--map", "to"], HEADER, "--map to: expected COLUMN=FIELD"),
        (["--command", "transfer", "--map", "a=to"], HEADER, "--map a: the table has unit, quan"),
        (["--command", "transfer", "--map", "to=x"], HEADER, "'x' is no field of transfer"),
        (["--command", "transfer", "--map", "to=from"], HEADER, "two columns, 'from' and 'to', ar"),
        (["--command", "transfer", "--map", "to="], HEADER, "transfer needs 'to'"),
        (["--command", "transfer", "--registry", "a", "--set", "registry=b"], HEADER, "--registry"),
        (["--command", "transfer", "--registry", "a" * 65], HEADER + ROW, "--set registry: Expec"),
        (["--command", "transfer", "--id-prefix", "a" * 200], HEADER + ROW, "--id-prefix: Expect"),
        (["--command", "transfer", "--id-prefix", "a\nb"], HEADER + ROW, "--id-prefix: control"),
        ([], HEADER, "--command"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage_and_named(
    tmp_path: Path, options: list[str], text: str, said: str
) -> None:
    result = run(None, "convert", "table", table(tmp_path, text), *options)
    assert (result.exit_code, result.stdout) == (2, "")
    first = result.stderr.splitlines()[0]
    assert first.startswith("error: usage: ")
    assert said in first


# -- bad tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("quantity", "many"), ("quantity", "1.5"), ("quantity", "100.0"), ("quantity", '"1,000"'),
        ("quantity", "1e3"), ("quantity", "0"), ("quantity", "-5"), ("quantity", "９"),
        ("quantity", "9" * 18), ("quantity", "9" * 5000), ("quantity", ""), ("quantity", "+"),
        ("kind", "barter"), ("kind", ""), ("unit", "x" * 65), ("from", ""),
        ("effective_at", "yesterday"), ("effective_at", "2024-02-30"), ("reason", "x" * 4001),
        ("reason", "a\x00b"),
    ],
)  # fmt: skip
def test_a_bad_cell_names_its_line_its_column_and_the_reason(column: str, cell: str) -> None:
    cells = {**dict(zip(HEADER.strip().split(","), ROW.strip().split(","), strict=True)),
             "effective_at": "", "reason": "", column: cell}  # fmt: skip
    text = f"{','.join(cells)}\n{ROW.strip()},,\n{','.join(cells.values())}\n"
    with pytest.raises(ConversionRefused) as bad:
        convert(text)
    assert bad.value.message.startswith(f"line 3, column {column}: ")
    assert len(bad.value.message) > len(f"line 3, column {column}: ") + 10
    assert isinstance(bad.value, LedgerError)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the table is empty"),
        (b"\n,,\n\r\n", "the table is empty"),
        (HEADER.encode(), "the table holds no rows"),
        ((HEADER + ROW + "CEA:2023,1\n").encode(), "line 3: 2 cells where the header has 5"),
        ((HEADER + ROW.strip() + ",more\n").encode(), "line 2: 6 cells where the header has 5"),
        ((HEADER + ROW).encode("utf-16"), "line 1: the line is not UTF-8"),
        ((HEADER + ROW + "电").encode("gb18030"), "line 3: the line is not UTF-8"),
        ((HEADER + ROW + '"CEA,1,2').encode(), "line 3: this is no CSV"),
        ((HEADER + ROW + '"a"b,1,2').encode(), "line 3: this is no CSV"),
        ((HEADER + "x" * 200_000 + ROW).encode(), "line 2: this is no CSV"),
        ((HEADER + ROW).replace("\n", "\r").encode(), "this is no CSV"),
    ],
    ids=range(11),
)
def test_what_is_no_table_is_refused_and_nothing_is_written(
    tmp_path: Path, data: bytes, said: str
) -> None:
    result = run(None, "convert", "table", table(tmp_path, data), "--command", "transfer")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ConversionRefused: ")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text('uniqaty,"\n\r\x00 1=é', max_size=60).map(lambda text: (HEADER + text).encode()),
    ),
    st.sampled_from(["transfer", "issue", "batch", "open_registry", "opening_balance"]),
)
def test_garbage_gives_commands_or_a_reason_and_never_a_traceback(data: bytes, name: str) -> None:
    with suppress(ConversionRefused, WrongColumns):
        for one in convert(data, name):
            assert prepare(one).command.id == one["id"]


# -- on the command line -------------------------------------------------------------------------


def test_a_table_goes_through_apply_with_one_outcome_a_line(tmp_path: Path) -> None:
    store = books(tmp_path)  # crrc-1 has 600 t
    text = HEADER + ROW + ROW.replace("100", "9000") + ROW.replace("desk", "wang")
    options = ["--command", "transfer", "--registry", "trial", "--set", "effective_at=2024-07-01"]
    name = table(tmp_path, text, "july.csv")
    made = ok(None, "convert", "table", name, *options)
    assert [json.loads(line)["id"] for line in made.splitlines()] == [
        "july.csv/2", "july.csv/3", "july.csv/4",
    ]  # fmt: skip
    done = process(
        store, "apply", "--keep-going", "--format", "jsonl", "-", given=made.encode()
    )  # fmt: skip
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["line"], one["outcome"]) for one in outcomes] == [
        (1, "accepted"), (2, "refused"), (3, "accepted"),
    ]  # fmt: skip
    assert outcomes[1]["refusal"]["code"] == "InsufficientUnits"
    again = run(store, "apply", "--keep-going", "--format", "jsonl", "-", given=made)
    assert [json.loads(line)["outcome"] for line in again.stdout.splitlines()] == [
        "duplicate", "refused", "duplicate",
    ]  # fmt: skip


def test_standard_input_has_no_name_for_ids() -> None:
    without = run(None, "convert", "table", "-", "--command", "transfer", given=HEADER + ROW)
    assert (without.exit_code, without.stdout) == (2, "")
    assert "--id-prefix" in without.stderr
    options = ["--command", "transfer", "--id-prefix", "july"]
    made = ok(None, "convert", "table", "-", *options, given=HEADER + ROW)
    assert made == lines([{"command": "transfer", "id": "july/2", **TRANSFER}]).replace(" ", "")


def test_column_names_on_the_command_line_may_hold_an_equals_sign(tmp_path: Path) -> None:
    name = table(tmp_path, "unit,a=b\nX,5\n")
    made = ok(None, "convert", "table", name, "--command", "issue", "--map", "a=b=quantity")
    assert json.loads(made)["quantity"] == 5
