"""An outside statement against the books: every break is found as its kind, and kept if asked."""

import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import a_year
from command_line import run
from etsledger.ledger import Ledger, OutsideRow, ReconciliationRow
from etsledger.ledger.csvtable import WrongColumns
from etsledger.ledger.eutl import ConversionRefused
from etsledger.ledger.outside import Statement, read_statement
from helpers import BEGIN, REGISTRY, UNIT, DayBook, SteppingClock, send_all, trial_registry

END = "2024-01-01"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A year at the registry ``trial``, which no test here adds to."""
    path = tmp_path_factory.mktemp("year") / "books.db"
    ledger = Ledger.open(path, create=True, clock=SteppingClock(BEGIN))
    a_year.write(ledger)
    return ledger


def holdings(ledger: Ledger, **when: Any) -> list[OutsideRow]:
    """A statement of holdings just as we have them."""
    return [
        {"account": row["account"], "unit": row["unit"], "quantity": row["quantity"]}
        for row in ledger.balances(registry=REGISTRY, **when)
    ]


def movements(ledger: Ledger, *accounts: str) -> list[OutsideRow]:
    """A statement of movements just as we have them."""
    return [
        {"account": account, "unit": row["unit"], "quantity": row["quantity"],
         "date": row["effective_at"], "reference": row["reference"], "line": row["position"]}
        for account in accounts
        for row in ledger.statement(account, registry=REGISTRY)
    ]  # fmt: skip


def kinds(rows: list[ReconciliationRow]) -> dict[str, int]:
    return dict(Counter(row["kind"] for row in rows))


def the_break(rows: list[ReconciliationRow]) -> ReconciliationRow:
    (found,) = [row for row in rows if row["kind"] != "matched"]
    return found


# -- holdings ----------------------------------------------------------------------------------


def test_a_statement_of_our_own_holdings_matches_wholly(year: Ledger) -> None:
    said = holdings(year, as_of=END)
    found = year.reconcile(said, registry=REGISTRY, as_of=END, every_account=True)
    assert kinds(found) == {"matched": len(said)}
    assert all(row["difference"] == 0 and not row["near"] for row in found)


def test_a_holding_that_differs_comes_with_our_likeliest_movement_first(year: Ledger) -> None:
    said = holdings(year, as_of=END)
    (own,) = [row for row in said if (row["account"], row["unit"]) == ("crrc-1", UNIT)]
    own["quantity"] += 200  # as if the transfer of 200 t to desk-1 was not booked there
    found = the_break(year.reconcile(said, registry=REGISTRY, as_of=END))
    assert (found["kind"], found["theirs"], found["ours"]) == ("differing", 420, 220)
    assert (found["difference"], found["differs"]) == (200, ["quantity"])
    first = found["near"][0]
    assert (first["position"], first["type"], first["quantity"]) == (13, "UnitsTransferred", -200)
    assert first["effective_at"] == "2023-03-01T00:00:00+08:00"
    assert first["recorded_at"] == BEGIN


def test_a_holding_that_only_they_have_is_missing_here(year: Ledger) -> None:
    said = [*holdings(year, as_of=END), OutsideRow(account="wang-1", unit=UNIT, quantity=5)]
    found = the_break(year.reconcile(said, registry=REGISTRY, as_of=END))
    assert (found["kind"], found["theirs"], found["ours"]) == ("missing_here", 5, None)


def test_a_holding_that_only_we_have_is_missing_there(year: Ledger) -> None:
    said = [row for row in holdings(year, as_of=END) if row["account"] != "baosteel-1"]
    assert kinds(year.reconcile(said, registry=REGISTRY, as_of=END)) == {"matched": len(said)}
    coverage: list[dict[str, Any]] = [{"every_account": True}, {"accounts": ["baosteel-1"]}]
    for covers in coverage:
        found = the_break(year.reconcile(said, registry=REGISTRY, as_of=END, **covers))
        assert (found["kind"], found["account"], found["ours"], found["theirs"]) == (
            "missing_there", "baosteel-1", 50, None
        )  # fmt: skip


def test_lines_of_one_holding_are_added_up(year: Ledger) -> None:
    said = [
        OutsideRow(account="crrc-1", unit=UNIT, quantity=part, line=line)
        for line, part in ((2, 120), (3, 100))
    ]
    (found,) = year.reconcile(said, registry=REGISTRY, as_of=END)
    assert (found["kind"], found["theirs"], found["lines"]) == ("matched", 220, [2, 3])


def test_nothing_there_and_nothing_here_agree(year: Ledger) -> None:
    said = [OutsideRow(account="wang-1", unit=UNIT, quantity=0)]
    assert kinds(year.reconcile(said, registry=REGISTRY, as_of=END)) == {"matched": 1}


def test_a_statement_of_one_unit_does_not_miss_the_others(year: Ledger) -> None:
    said = [OutsideRow(account="crrc-1", unit=UNIT, quantity=520)]
    when: dict[str, Any] = {"registry": REGISTRY, "as_of": "2023-02-01"}
    assert kinds(year.reconcile(said, **when)) == {"differing": 1, "missing_there": 1}
    assert kinds(year.reconcile(said, unit=UNIT, **when)) == {"differing": 1}


def test_the_books_are_asked_at_both_clocks(year: Ledger) -> None:
    asked: list[dict[str, Any]] = [
        {"as_of": "2023-04-01"}, {"as_of": END, "known_at": 12}, {"as_of": "2022-12-31"},
    ]  # fmt: skip
    for when in asked:
        said = holdings(year, **when)
        found = year.reconcile(said, registry=REGISTRY, every_account=True, **when)
        assert kinds(found) == ({"matched": len(said)} if said else {})
    said = holdings(year, as_of=END, known_at=12)
    assert "differing" in kinds(year.reconcile(said, registry=REGISTRY, as_of=END))


# -- movements ---------------------------------------------------------------------------------


def test_a_statement_of_our_own_movements_matches_wholly(year: Ledger) -> None:
    said = movements(year, "crrc-1", "hubei", "authority")
    found = year.reconcile(said, registry=REGISTRY)
    assert kinds(found) == {"matched": len(said)}
    assert all(row["positions"] and row["lines"] == row["positions"] for row in found)


def test_a_movement_is_matched_within_so_many_days(year: Ledger) -> None:
    said = [OutsideRow(account="desk-1", unit=UNIT, quantity=200, date="2023-03-03")]
    for days, kind in ((1, "differing"), (2, "matched"), (3, "matched")):
        (found,) = year.reconcile(said, registry=REGISTRY, days=days)
        assert (found["kind"], found["positions"]) == (kind, [13])
        assert found["differs"] == (["date"] if kind == "differing" else [])


def test_two_equal_movements_need_two_lines(book: DayBook) -> None:
    book.issue(1000, to="crrc-1", at="2024-01-02")
    for _ in range(2):
        book.transfer(10, "crrc-1", "desk-1", at="2024-03-01")
    line = OutsideRow(account="desk-1", unit=UNIT, quantity=10, date="2024-03-01")
    assert kinds(book.ledger.reconcile([line])) == {"matched": 1, "missing_there": 1}
    assert kinds(book.ledger.reconcile([line] * 2)) == {"matched": 2}
    assert kinds(book.ledger.reconcile([line] * 3)) == {"matched": 2, "missing_here": 1}


def test_a_reference_decides_which_movement_a_line_is(book: DayBook) -> None:
    book.issue(1000, to="crrc-1", at="2024-01-02")
    for quantity, reference in ((10, "doc 1"), (20, "doc 2")):
        book.transfer(quantity, "crrc-1", "desk-1", at="2024-03-01", reference=reference)
    (first, second) = (move["position"] for move in book.ledger.statement("desk-1"))

    def said(quantity: int, reference: str, date: str = "2024-03-01") -> OutsideRow:
        return {"account": "desk-1", "unit": UNIT, "quantity": quantity, "date": date,
                "reference": reference}  # fmt: skip

    swapped = book.ledger.reconcile([said(10, "doc 2"), said(20, "doc 1")])
    assert {tuple(row["differs"]) for row in swapped} == {("quantity",)}
    assert {row["reference"]: row["positions"] for row in swapped} == {
        "doc 1": [first], "doc 2": [second],
    }  # fmt: skip
    found = book.ledger.reconcile([said(10, "doc 1"), said(20, "doc 3")])
    assert [(row["kind"], row["differs"]) for row in found] == [
        ("matched", []), ("differing", ["reference"]),
    ]  # fmt: skip
    late = book.ledger.reconcile([said(10, "doc 1", "2024-05-01")], start="2024-03-01")
    assert [(row["kind"], row["differs"]) for row in late] == [
        ("missing_there", []), ("differing", ["date"]),
    ]  # fmt: skip


def test_our_movements_are_missed_in_the_period_of_the_statement_only(year: Ledger) -> None:
    said = [row for row in movements(year, "crrc-1") if row["quantity"] > 0]
    ours = len(movements(year, "crrc-1"))
    inside = kinds(year.reconcile(said, registry=REGISTRY))
    whole = kinds(year.reconcile(said, registry=REGISTRY, start="2023-01-01", end="2023-12-31"))
    assert inside == {"matched": len(said)}  # they end on the day of the last receipt
    assert whole == {"matched": len(said), "missing_there": ours - len(said)}


def test_events_near_a_break_are_told(year: Ledger) -> None:
    said = [OutsideRow(account="desk-1", unit=UNIT, quantity=-7, date="2023-03-04")]
    found = year.reconcile(said, registry=REGISTRY)[0]
    assert found["kind"] == "missing_here"
    assert [event["position"] for event in found["near"]] == [13]


def test_an_empty_statement_of_movements_misses_all_of_ours(year: Ledger) -> None:
    found = year.reconcile([], kind="movements", registry=REGISTRY, accounts=["desk-1"])
    assert kinds(found) == {"missing_there": 2}


# -- what is no statement ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"unit": UNIT, "quantity": 1}, "'account' is missing"),
        ({"account": "a", "unit": UNIT, "quantity": "1"}, "integer"),
        ({"account": "a", "unit": UNIT, "quantity": True}, "integer"),
        ({"account": "", "unit": UNIT, "quantity": 1}, "'account' is to be text"),
        ({"account": "a", "unit": UNIT, "quantity": 1, "date": "soon"}, "ISO 8601"),
    ],
)
def test_a_row_that_is_none_is_named(year: Ledger, row: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"row 1 of the statement: .*{said}"):
        year.reconcile([row], registry=REGISTRY)


def test_the_registry_must_be_told_where_there_are_two(year: Ledger) -> None:
    with pytest.raises(ValueError, match="other, trial"):
        year.reconcile([])
    with pytest.raises(ValueError, match="no registry 'nowhere'"):
        year.reconcile([], registry="nowhere")


def test_dates_stand_in_all_rows_or_none(year: Ledger) -> None:
    row = OutsideRow(account="a", unit=UNIT, quantity=1)
    with pytest.raises(ValueError, match="1 of 2 rows"):
        year.reconcile([row, {**row, "date": "2024-01-01"}], registry=REGISTRY)


def test_holdings_have_no_period(year: Ledger) -> None:
    with pytest.raises(ValueError, match="as of an instant"):
        year.reconcile(holdings(year), registry=REGISTRY, start="2024-01-01")


# -- the file ----------------------------------------------------------------------------------


def read(text: str | bytes, **options: Any) -> Statement:
    data = text.encode() if isinstance(text, str) else text
    return read_statement(data.splitlines(keepends=True), **options)


def test_columns_are_mapped_and_others_let_be() -> None:
    table = '\ufeffKonto,Einheit,Menge,Notiz\ncrrc-1,CEA:2023,12,"a, b"\n\n'
    found = read(table, names={"Konto": "account", "Einheit": "unit", "Menge": "quantity"})
    assert found == ("holdings", [
        {"account": "crrc-1", "unit": UNIT, "quantity": 12, "line": 2},
    ])  # fmt: skip


def test_a_date_column_makes_it_movements() -> None:
    table = "effective_at,quantity,reference\n2024-03-01T23:30:00Z,-5,\n2024-03-01,5,doc 1\n"
    found = read(table, constants={"account": "a", "unit": UNIT})
    assert found.kind == "movements"
    assert [(row.get("date"), row.get("reference")) for row in found.rows] == [
        ("2024-03-02", None), ("2024-03-01", "doc 1"),
    ]  # fmt: skip


def test_a_mapped_column_goes_before_one_that_is_called_so() -> None:
    table = "account,unit,quantity,total\na,u,1,2\n"
    assert read(table, names={"total": "quantity"}).rows[0]["quantity"] == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "the statement is empty"),
        ("account,unit,quantity\na,u\n", "line 2: 2 cells where the header has 3 columns"),
        ("account,unit,quantity\na,u,1.5\n", "line 2, column quantity: '1.5' is not a whole"),
        ("account,unit,quantity\na,u,-1\n", "line 2, column quantity: -1 t"),
        ("account,unit,quantity\na,u,\n", "line 2, column quantity: the cell is empty"),
        ("account,unit,quantity\na,u,9999999999999999\n", "more than can be held"),
        ("account,unit,quantity,date\na,u,0,2024-01-01\n", "line 2, column quantity: a movement"),
        ("account,unit,quantity,date\na,u,1,01.02.2024\n", "line 2, column date: '01.02.2024'"),
        (b"account,unit,quantity\n\xff,u,1\n", "line 2: the line is not UTF-8"),
        ('account,unit,quantity\n"a,u,1\n', "line 2: this is no CSV"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(table: str | bytes, said: str) -> None:
    with pytest.raises(ConversionRefused) as caught:
        read(table)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("header", "names", "constants", "said"),
    [
        ("account,unit", {}, {}, "no column .* is 'quantity'"),
        ("unit,quantity", {}, {}, "--set account=VALUE"),
        ("a,unit,quantity", {"b": "account"}, {}, "--map b: the statement has a, unit"),
        ("a,unit,quantity", {"a": "konto"}, {}, "'konto' is none of"),
        ("a,b,unit,quantity", {"a": "account", "b": "account"}, {}, "two columns, 'a' and 'b'"),
        ("account,date,effective_at,unit,quantity", {}, {}, "two columns are 'date'"),
        ("account,unit,quantity", {}, {"unit": "u"}, "and set as well"),
        ("account,unit,quantity", {}, {"date": "2024-01-01"}, "only the account and the unit"),
    ],
)
def test_columns_that_do_not_go_together_are_named(
    header: str, names: dict[str, str], constants: dict[str, str], said: str
) -> None:
    with pytest.raises(WrongColumns, match=said):
        read(header + "\n", names=names, constants=constants)


# -- the command line --------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Ledger.open(tmp_path / "books.db", create=True, clock=SteppingClock(BEGIN)) as ledger:
        a_year.write(ledger)
    return tmp_path / "books.db"


CSV = "account,unit,quantity\ncrrc-1,CEA:2023,220\ndesk-1,CEA:2023,{}\n"
ASK = ("reconcile", "s.csv", "--registry", REGISTRY, "--as-of", END, "--format", "json")


def test_no_break_answers_0_and_a_break_answers_1(store: Path) -> None:
    Path("s.csv").write_text(CSV.format(180), "utf-8")
    done = run(store, *ASK)
    assert done.exit_code == 0
    assert [row["kind"] for row in json.loads(done.stdout)] == ["matched", "matched"]
    Path("s.csv").write_text(CSV.format(181), "utf-8")
    done = run(store, *ASK, "--breaks")
    assert done.exit_code == 1
    (row,) = json.loads(done.stdout)
    assert (row["kind"], row["difference"], row["lines"]) == ("differing", 1, [3])
    assert "2 lines of holdings: 1 matched, 0 missing here, 0 missing there, 1 differing" in (
        done.stderr
    )


def test_a_table_for_people_tells_the_events_near_a_break(store: Path) -> None:
    Path("s.csv").write_text(CSV.format(181), "utf-8")
    done = run(store, *ASK[:-1], "table")
    assert done.exit_code == 1
    assert "our events near the breaks" in done.stdout
    assert "UnitsCancelled" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--map", "nothing"], ["--map", "no=account"], ["--set", "x=1"], ["--days", "2"],
        ["--from", "2024-01-01"], ["--id", "x"], ["--registry", "nowhere"],
    ],
)  # fmt: skip
def test_wrong_usage_answers_2(store: Path, wrong: list[str]) -> None:
    Path("s.csv").write_text(CSV.format(180), "utf-8")
    done = run(store, *ASK, *wrong)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: usage: ")


def test_a_bad_file_answers_1_and_records_nothing(store: Path) -> None:
    Path("s.csv").write_bytes(b"account,unit,quantity\ncrrc-1,CEA:2023,\xff\n")
    done = run(store, *ASK, "--record")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "line 2" in done.stderr
    with Ledger.open(store) as ledger:
        assert ledger.head().position == 22


def test_the_outcome_is_recorded_and_moves_nothing(store: Path) -> None:
    data = CSV.format(181).encode()
    with Ledger.open(store) as ledger:
        before = ledger.balances(), ledger.supply()
    done = run(store, *ASK[:1], "-", *ASK[2:], "--record", "--actor", "auditor", given=data)
    assert done.exit_code == 1
    again = run(store, *ASK[:1], "-", *ASK[2:], "--record", given=data)
    assert "recorded at position 24" in again.stderr
    with Ledger.open(store) as ledger:
        first, second = ledger.events(types=["ReconciliationRecorded"])
        assert first["data"] == {
            "as_of": "2024-01-01T23:59:59.999999+08:00",
            "breaks": [{"account": "desk-1", "kind": "differing", "ours": 180, "theirs": 181,
                        "unit": UNIT}],
            "differing": 1, "kind": "holdings", "known_at": 22, "matched": 1, "missing_here": 0,
            "missing_there": 0, "sha256": hashlib.sha256(data).hexdigest(),
            "source": "standard input",
        }  # fmt: skip
        assert (first["actor"], second["actor"]) == ("auditor", None)
        assert second["data"]["known_at"] == 23
        assert (ledger.balances(), ledger.supply()) == before
        assert ledger.verify().ok


# -- the record --------------------------------------------------------------------------------


def outcome(**fields: Any) -> dict[str, Any]:
    given = {
        "source": "bank.csv", "sha256": "0" * 64, "kind": "holdings", "as_of": "2024-01-01",
        "known_at": 8, "matched": 1, "missing_here": 0, "missing_there": 0, "differing": 0,
    }  # fmt: skip
    return {**given, **fields}


BREAK = {"kind": "differing", "account": "a", "unit": "u", "theirs": 1, "ours": 2}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sha256": "0" * 63}, "sha256"),
        ({"as_of": "soon"}, "as_of"),
        ({"known_at": 9}, "known_at"),
        ({"differing": -1}, "differing"),
        ({"kind": "wishes"}, "kind"),
        ({"differing": 1}, "breaks"),
        ({"breaks": [BREAK]}, "breaks"),
        ({"differing": 1, "breaks": [BREAK] * 2}, "breaks"),
        ({"missing_here": 1, "breaks": [BREAK]}, "breaks"),
        ({"differing": 101, "breaks": [BREAK] * 99}, "breaks"),
        ({"differing": 101, "breaks": [BREAK] * 101}, "breaks"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    book: DayBook, fields: dict[str, Any], field: str
) -> None:
    refusal = book.refused("InvalidCommand", "record_reconciliation", **outcome(**fields))
    assert refusal.numbers["field"].startswith(field)


def test_a_record_lists_the_first_hundred_breaks_and_counts_them_all(book: DayBook) -> None:
    for count in (99, 100, 101):
        sent = outcome(differing=count, breaks=[BREAK] * min(count, 100))
        book.send("record_reconciliation", **sent)
        last = list(book.ledger.events(types=["ReconciliationRecorded"]))[-1]
        assert (last["data"]["differing"], len(last["data"]["breaks"])) == (count, min(count, 100))


def test_the_record_is_stored_in_canonical_bytes(book: DayBook) -> None:
    odd = {**BREAK, "account": '«"\\»', "reference": "文件 17", "date": "2024-01-01"}
    book.send("record_reconciliation", **outcome(source="账.csv", differing=1, breaks=[odd]))
    line = list(book.ledger.export())[-1]
    assert rfc8785.dumps(json.loads(line)) == line
    assert book.ledger.verify().ok


# -- properties --------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32), change=st.sampled_from(["none", "drop", "add", "quantity"]))
def test_each_seeded_change_of_holdings_is_found_as_its_kind(
    year: Ledger, seed: int, change: str
) -> None:
    chance = random.Random(seed)
    as_of = chance.choice(["2023-02-01", "2023-06-15", END])
    said = holdings(year, as_of=as_of)
    chance.shuffle(said)
    expected: dict[str, int] = {"matched": len(said)}
    touched: OutsideRow = said[-1]
    match change:
        case "drop":
            touched = said.pop()
            expected = {"matched": len(said), "missing_there": 1}
        case "add":
            touched = {"account": "wang-1", "unit": UNIT, "quantity": chance.randint(1, 99)}
            said.append(touched)
            expected["missing_here"] = 1
        case "quantity":
            touched["quantity"] += chance.choice([-1, 1]) * chance.randint(1, 10**6)
            touched["quantity"] = abs(touched["quantity"])  # a holding is not below zero
            ours = {(r["account"], r["unit"]): r["quantity"] for r in holdings(year, as_of=as_of)}
            if touched["quantity"] != ours[touched["account"], touched["unit"]]:
                expected = {"matched": len(said) - 1, "differing": 1}
        case _:
            pass
    accounts = [row["account"] for row in year.balances(registry=REGISTRY, as_of=as_of)]
    found = year.reconcile(said, registry=REGISTRY, as_of=as_of, accounts=accounts)
    assert kinds(found) == expected
    for row in found:
        if row["kind"] != "matched":
            assert (row["account"], row["unit"]) == (touched["account"], touched["unit"])


CHANGES = ["none", "drop", "add", "quantity", "date", "reference"]


@given(seed=st.integers(0, 2**32), change=st.sampled_from(CHANGES))
def test_each_seeded_change_of_movements_is_found_as_its_kind(
    many: Ledger, seed: int, change: str
) -> None:
    chance = random.Random(seed)
    accounts = chance.sample(MANY, chance.randint(1, len(MANY)))
    said = movements(many, *accounts)
    chance.shuffle(said)
    expected = {"matched": len(said)}
    touched = said[-1]
    days = chance.randint(0, 3)
    match change:
        case "drop":
            touched = said.pop()
            expected = {"matched": len(said), "missing_there": 1}
        case "add":
            touched = touched.copy()
            touched.update(quantity=10**9, reference=None, date="2022-01-01")
            said.append(touched)
            expected["missing_here"] = 1
        case "quantity":
            touched["quantity"] += chance.choice([-1, 1]) * 10**6
            expected = {"matched": len(said) - 1, "differing": 1}
        case "date":
            touched["date"] = "2025-06-01"
            expected = {"matched": len(said) - 1, "differing": 1}
        case "reference":
            touched["reference"] = "another"
            expected = {"matched": len(said) - 1, "differing": 1}
        case _:
            pass
    found = many.reconcile(
        said, registry=REGISTRY, accounts=accounts, days=days, start="2022-01-01", end="2025-12-31"
    )
    assert kinds(found) == expected
    for row in found:
        if row["kind"] == "differing":
            assert row["differs"] == [change]
            assert row["positions"] == [touched.get("line")]


MANY = ["crrc-1", "desk-1", "baosteel-1"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Forty transfers, many of them alike but for their document."""
    path = tmp_path_factory.mktemp("many") / "books.db"
    ledger = Ledger.open(path, create=True, clock=SteppingClock("2024-12-01"))
    send_all(ledger, trial_registry())
    book, chance = DayBook(ledger), random.Random(5)
    for account in MANY:
        book.issue(10_000, to=account, at="2023-01-01", reference=f"issue {account}")
    for number in range(40):
        source, target = chance.sample(MANY, 2)
        book.transfer(
            chance.randint(1, 4), source, target, at=f"2024-0{chance.randint(1, 9)}-01",
            reference=f"doc {number}",
        )  # fmt: skip
    return ledger
