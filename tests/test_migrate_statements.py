"""migrate: statements of the time before, looked at first, written whole, to the tonne."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banking_books import OLD, TODAY, BankingBook
from command_line import run
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, migrated_trades
from etsledger.ledger.csvtable import WrongColumns
from etsledger.ledger.eutl import ConversionRefused
from etsledger.ledger.migrating import Migrated, migrate
from etsledger.ledger.migration import source_of
from etsledger.ledger.statements import Kind
from helpers import ON_SQLITE, SteppingClock, standing
from national import REGISTRY, NationalBook

CUT_OVER = "2025-01-10"
NOTHING = "nothing was written: all of it or nothing"


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """Two plants, of which nothing is known yet."""
    clock.now = TODAY
    book = NationalBook(ledger)
    book.plant()
    book.plant("other")
    return book


def told(book: NationalBook, kind: Kind, table: str, **given: Any) -> Migrated:
    """What ``migrate`` says of a table."""
    data = table.encode()
    source = source_of(data, "statement.csv", REGISTRY, parse_instant(CUT_OVER))
    return migrate(book.ledger, kind, data, source, **given)


HOLDINGS = """account,unit,quantity
plant-1,CEA:2023,"1,200"
plant-1,CEA:2024,30
other-1,CEA:2023,500
hubei,CEA:2024,70000
other-1,CEA:2022,0
"""

# -- holdings --------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_dry_run_is_the_default_and_writes_nothing(book: NationalBook) -> None:
    before = standing(book.ledger)
    found = told(book, "holdings", HOLDINGS)
    assert standing(book.ledger) == before
    assert (found.written, found.good, found.bad) == (False, True, [])
    assert [row["outcome"] for row in found.rows] == ["would be recorded"] * 4
    assert [(row["of"], row["theirs"], row["ours"], row["difference"]) for row in found.totals] == [
        ("CEA:2023", 1_700, 1_700, 0), ("CEA:2024", 70_030, 70_030, 0),
    ]  # fmt: skip
    assert found.left_out == ["line 6: other-1 holds no CEA:2022"]


def test_what_is_written_is_one_write_labelled_and_reconciled(book: NationalBook) -> None:
    before = book.ledger.head().position
    found = told(book, "holdings", HOLDINGS, write=True)
    assert (found.written, found.good) == (True, True)
    assert Counter(row["outcome"] for row in found.rows) == {"accepted": 4}
    assert book.held(unit="CEA:2023") == 1_200
    assert book.held("hubei", "CEA:2024") == 70_000
    events = list(book.ledger.events(from_position=before + 1))
    digest = hashlib.sha256(HOLDINGS.encode()).hexdigest()
    assert {event["reference"] for event in events} == {f"statement.csv (SHA-256 {digest})"}
    assert {event["effective_at"] for event in events} == {f"{CUT_OVER}T00:00:00+08:00"}
    assert len({event["recorded_at"] for event in events}) == 1
    assert [event["command_id"] for event in events] == [
        f"migrate/{digest[:16]}/{line}" for line in (2, 3, 4, 5)
    ]
    assert book.ledger.verify().ok


def test_the_same_file_a_second_time_changes_nothing(book: NationalBook) -> None:
    told(book, "holdings", HOLDINGS, write=True)
    before = standing(book.ledger)
    for write in (False, True):
        found = told(book, "holdings", HOLDINGS, write=write)
        assert [row["outcome"] for row in found.rows] == ["duplicate"] * 4
        assert found.good
        assert standing(book.ledger) == before


@ON_SQLITE
def test_every_bad_row_is_listed_with_its_line_and_nothing_is_written(book: NationalBook) -> None:
    table = """account,unit,quantity,borrowed,borrowed_for
plant-1,CEA:2023,-5,,
plant-1,CEA:2024,10,,
,CEA:2023,x,,
plant-1,CEA:2024,11,,
plant-1,CEA:2022
other-1,CEA:2023,7,3,
"""
    before = standing(book.ledger)
    found = told(book, "holdings", table, write=True)
    assert standing(book.ledger) == before
    assert not found.written
    assert [(bad.line, bad.column) for bad in found.bad] == [
        (2, "quantity"), (4, "account"), (4, "quantity"), (5, ""), (6, ""), (7, ""),
    ]  # fmt: skip
    assert "stands in line 3 already" in str(found.bad[3])


@ON_SQLITE
def test_one_refused_row_keeps_everything_out(book: NationalBook) -> None:
    table = "account,unit,quantity\nplant-1,CEA:2023,5\nnobody,CEA:2023,6\nplant-1,X,7\n"
    before = standing(book.ledger)
    found = told(book, "holdings", table, write=True)
    assert standing(book.ledger) == before
    assert not found.written
    assert not found.good
    assert [(row["lines"], row["code"]) for row in found.refused] == [
        ([3], "UnknownAccount"), ([4], "UnitNotAllowed"),
    ]  # fmt: skip


@ON_SQLITE
def test_what_the_books_hold_besides_is_a_break_to_the_tonne(book: NationalBook) -> None:
    book.give(1, "CEA:2023", at="2025-01-01")
    book.give(9, "CEA:2022", to="other-1", at="2025-01-01")
    found = told(book, "holdings", HOLDINGS, write=True)
    assert found.written
    assert not found.good
    assert [text.split(",")[-1] for text in found.breaks] == [" -1 t", " -9 t"]
    assert [row["difference"] for row in found.totals] == [-1, 0, -9]


@ON_SQLITE
def test_columns_of_other_names_are_mapped_and_what_all_rows_share_is_set(
    book: NationalBook,
) -> None:
    table = "Konto;x\n".replace(";", ",") + "plant-1,77\n"
    found = told(book, "holdings", table, names={"Konto": "account", "x": "quantity"},
                 constants={"unit": "CEA:2023"}, write=True)  # fmt: skip
    assert found.good
    assert book.held(unit="CEA:2023") == 77
    for wrong in (
        {"names": {"Konto": "account"}},
        {"names": {"nothing": "account"}},
        {"names": {"Konto": "colour"}},
        {"constants": {"colour": "red"}},
        {"constants": {"unit": "CEA:2023", "quantity": "x"}},
        {"names": {"Konto": "account", "x": "account"}},
    ):
        with pytest.raises(WrongColumns):
            told(book, "holdings", table, **wrong)
    for nothing in ("", "account,unit,quantity\n", "a,\x00"):
        with pytest.raises((ConversionRefused, WrongColumns)):
            told(book, "holdings", nothing)


@ON_SQLITE
def test_purposes_of_a_holding_go_with_it(book: NationalBook) -> None:
    table = """account,unit,quantity,borrowed,borrowed_for,kept_for
plant-1,CEA:2023,100,40,2022,
hubei,CEA:2024,50,,,other
"""
    assert told(book, "holdings", table, write=True).good
    assert book.row(unit="CEA:2023")["restricted"] == 40
    assert book.row("hubei", "CEA:2024")["restricted"] == 50


# -- obligations -----------------------------------------------------------------------------------

YEARS = """entity,year,verified_emissions,entitlement,pre_allocated,recall_open,surrendered,unit,\
submitted_at,fine
plant,2023,2000,1900,1500,100,900,CEA:2023,2024-12-20,
plant,2023,,,,,1100,CEA:2022,2025-01-02,20000
other,2023,300,310,200,,,,,
other,2022,,,,,,,,
"""


@ON_SQLITE
def test_years_are_stated_with_all_that_met_them(book: NationalBook) -> None:
    table = YEARS.replace("other,2022,,,,,,,,\n", "")
    found = told(book, "obligations", table, write=True)
    assert found.good
    assert [row["lines"] for row in found.rows] == [[2, 3], [4]]
    row = book.compliance(year=2023)
    assert (row["status"], row["surrendered"], row["fine"]) == ("LATE_COMPLIANT", 2_000, "20000.00")
    # Nothing is said of what was handed out in all: it follows from the entitlement.
    assert (row["allocated"], row["recall_open"], row["pre_allocated"]) == (2_000, 100, 1_500)
    assert book.compliance("other", 2023)["allocated"] == 310
    assert {one["what"]: (one["theirs"], one["difference"]) for one in found.totals} == {
        "verified_emissions": (2_300, 0), "entitlement": (2_210, 0), "pre_allocated": (1_700, 0),
        "allocated": (2_310, 0), "recall_open": (100, 0), "surrendered": (2_000, 0),
    }  # fmt: skip


@ON_SQLITE
def test_a_year_that_does_not_say_enough_is_bad(book: NationalBook) -> None:
    header = (
        "entity,year,obligation,surrendered,unit,submitted_at,offsets,offset_unit,green_power\n"
    )
    rows = [
        ("plant,2023,5,3,,2024-12-01,,,", "surrendered needs unit"),
        ("plant,2022,5,3,CEA:2022,,,,", "surrendered needs submitted_at"),
        ("plant,2021,5,,,2023-12-01,3,,", "offsets needs offset_unit"),
        ("other,2023,5,,,,,,3", "green_power needs submitted_at"),
        ("other,2022,,,,,,,", "nothing is stated of other 2022"),
        ("other,2021,5,,,,,,\nother,2021,6,,,,,,", "obligation is 6 here and 5 in an earlier row"),
    ]
    for row, reason in rows:
        found = told(book, "obligations", f"{header}{row}\n", write=True)
        assert reason in str(found.bad[0])
        assert not found.written


@ON_SQLITE
def test_a_year_that_stands_otherwise_in_the_books_is_refused(book: NationalBook) -> None:
    book.verified(5, 2023, at="2024-06-01")
    found = told(book, "obligations", YEARS, write=True)
    assert [row["code"] for row in found.refused] == ["InvalidCommand"]
    assert len(found.bad) == 1
    assert book.compliance(year=2023)["verified_emissions"] == 5


# -- trades ----------------------------------------------------------------------------------------

TRADES = """trade,date,unit,quantity,seller,buyer
T1,2024-02-01,CEA:2022,300,plant-1,other-1
T2,2024-03-01T10:00:00,CEA:2023,100,hubei,plant-1
T3,2023-12-31,CEA:2022,100,other-1,plant-1
T4,2024-05-01,CEA:2022,50,hubei,authority
T5,2025-01-09,CEA:2024,7,plant-1,
"""


@ON_SQLITE
def test_trades_of_the_window_count_for_the_entities_whose_accounts_they_are_of(
    book: NationalBook,
) -> None:
    found = told(book, "trades", TRADES, write=True)
    assert found.good
    assert found.left_out == [
        "1 trade outside of what the rulebook counts", "1 trade of no entity",
    ]  # fmt: skip
    sales = {
        entity: book.ledger.banking(entity, as_of="2025-06-01") for entity in ("plant", "other")
    }
    net = {e: {u: t for u, t in row["net_sales"].items() if t} for e, row in sales.items() if row}
    assert net == {
        "plant": {"CEA:2022": 300, "CEA:2023": -100, "CEA:2024": 7}, "other": {"CEA:2022": -300},
    }  # fmt: skip
    assert [(row["what"], row["theirs"], row["ours"]) for row in found.totals] == [
        ("bought net", 300, 300), ("sold net", 300, 300), ("bought net", 100, 100),
        ("sold net", 7, 7),
    ]  # fmt: skip
    assert [row["outcome"] for row in told(book, "trades", TRADES).rows] == ["duplicate"] * 2


@ON_SQLITE
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("T1,2024-02-01,CEA:2022,300,nobody,", "seller 'nobody' is no account of these books"),
        ("T1,2024-02-01,CEA:2022,300,,", "neither a seller nor a buyer"),
        ("T1,2024-02-01,CEA:2022,0,plant-1,", "a trade of 0 t is none"),
        ("T1,2025-01-10,CEA:2022,1,plant-1,", "settle_trade settles it"),
        ("T1,2024-02-01,CEA:2022,1,plant-1,\nT1,2024-02-01,CEA:2022,1,plant-1,", "line 2 already"),
        ("T1,gestern,CEA:2022,1,plant-1,", "column date"),
    ],
)
def test_a_trade_that_is_none_of_before_is_bad(book: NationalBook, row: str, reason: str) -> None:
    found = told(book, "trades", f"trade,date,unit,quantity,seller,buyer\n{row}\n", write=True)
    assert reason in str(found.bad[0])
    assert not found.written


@ON_SQLITE
def test_of_very_many_trades_the_sums_are_stated(
    book: NationalBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrated_trades, "MOST", 2)
    assert told(book, "trades", TRADES, write=True).good
    row = book.ledger.banking("plant", as_of="2025-06-01")
    assert row is not None
    assert (row["trades"], row["net_sales"]["CEA:2022"], row["net_sales_total"]) == ([], 300, 207)


# -- against a plain sum ---------------------------------------------------------------------------


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(("plant-1", "other-1", "hubei", "authority")), st.sampled_from(OLD),
            st.integers(0, 10**9),
        ),
        max_size=12, unique_by=lambda row: row[:2], min_size=1,
    )
)  # fmt: skip
def test_any_statement_of_holdings_is_in_the_books_to_the_tonne(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    store = tmp_path_factory.mktemp("migrated") / "books.db"
    table = io.StringIO()
    csv.writer(table).writerows([("account", "unit", "quantity"), *rows])
    with Ledger.open(store, create=True, clock=SteppingClock(TODAY)) as ledger:
        book = NationalBook(ledger)
        book.plant()
        book.plant("other")
        found = told(book, "holdings", table.getvalue(), write=True)
        assert found.good
        held = {(row["account"], row["unit"], row["quantity"]) for row in ledger.balances()}
        assert held == {row for row in rows if row[2]}


@given(table=st.binary(max_size=200))
def test_no_bytes_make_it_fail_or_write(
    tmp_path_factory: pytest.TempPathFactory, table: bytes
) -> None:
    store = tmp_path_factory.mktemp("migrated") / "books.db"
    with Ledger.open(store, create=True, clock=SteppingClock(TODAY)) as ledger:
        source = source_of(table, "x", REGISTRY, parse_instant(CUT_OVER))
        for kind in ("holdings", "obligations", "trades"):
            for given_table in (table, b"account,unit,quantity\n" + table):
                try:
                    found = migrate(ledger, kind, given_table, source, write=True)
                except (ConversionRefused, WrongColumns):
                    continue
                assert not found.written
        assert ledger.head().position == 0


# -- the command line ------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "books.db"
    with Ledger.open(path, create=True) as ledger:
        book = NationalBook(ledger)
        book.plant()
    return path


def test_the_command_line_looks_first_and_writes_when_told(store: Path, tmp_path: Path) -> None:
    table = tmp_path / "holdings.csv"
    table.write_text("Konto,unit,quantity\nplant-1,CEA:2023,500\n")
    given = ("migrate", "holdings", str(table), "--cut-over", CUT_OVER, "--map", "Konto=account")
    looked = run(store, *given)
    assert looked.exit_code == 0
    assert looked.stderr == (
        "1 opening of holdings, 0 known already, 0 refused, 0 bad rows; a dry run: nothing was "
        "written; file and books agree\n"
    )
    assert json.loads(run(store, "balances").stdout) == []
    written = run(store, *given, "--write", "--actor", "li.na")
    assert written.exit_code == 0
    answer = json.loads(written.stdout)
    assert (answer["written"], answer["totals"][0]["ours"]) == (True, 500)
    (row,) = json.loads(run(store, "balances").stdout)
    assert (row["account"], row["quantity"]) == ("plant-1", 500)
    people = run(store, *given, "--format", "table")
    assert "the file against the books" in people.stdout


def test_the_command_line_tells_every_bad_row_and_exits_1(store: Path) -> None:
    table = "account,unit,quantity\nplant-1,CEA:2023,x\nplant-1,CEA:2024,y\n"
    result = run(store, "migrate", "holdings", "-", "--cut-over", CUT_OVER, "--write", given=table)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "standard input: line 2, column quantity: 'x' is not a whole number such as 1200",
        "standard input: line 3, column quantity: 'y' is not a whole number such as 1200",
        f"0 openings of holdings, 0 known already, 0 refused, 2 bad rows; {NOTHING}",
    ]
    assert json.loads(result.stdout)["bad"][0]["line"] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("holdings", "-"), 2),
        (("holdings", "-", "--cut-over", "soon"), 2),
        (("holdings", "-", "--cut-over", CUT_OVER, "--map", "x"), 2),
        (("holdings", "-", "--cut-over", CUT_OVER, "--map", "x=y"), 2),
        (("from", "nowhere.db", "--cut-over", CUT_OVER), 3),
    ],
)
def test_wrong_usage_is_told(store: Path, arguments: tuple[str, ...], code: int) -> None:
    result = run(store, "migrate", *arguments, given="account,unit,quantity\n")
    assert result.exit_code == code, result.stderr


def test_another_store_opens_new_books_by_way_of_a_command_file(
    store: Path, tmp_path: Path
) -> None:
    with Ledger.open(store) as ledger:
        book = NationalBook.__new__(NationalBook)
        book.ledger, book._sent = ledger, 1_000
        book.give(1_000, "CEA:2023", at="2024-02-01")
        book.verified(900, 2023, at="2024-06-01")
        book.met(400, year=2023, unit="CEA:2023", at="2024-12-01")
    written = run(None, "migrate", "from", str(store), "--cut-over", CUT_OVER, "--actor", "li.na")
    assert written.exit_code == 0, written.stderr
    commands = [json.loads(line) for line in written.stdout.splitlines()]
    assert {one["actor"] for one in commands if one["id"].startswith("opening/")} == {"li.na"}
    new = tmp_path / "new.db"
    assert run(new, "apply", "--atomic", "-", given=written.stdout).exit_code == 0
    for question in ("compliance", "balances"):
        answers = [json.loads(run(where, question).stdout) for where in (store, new)]
        assert answers[0] == answers[1] != []
    # What was written reconciles with what was there.
    table = run(store, "balances", "--format", "csv").stdout
    checked = run(new, "reconcile", "-", "--as-of", CUT_OVER, "--every-account", given=table)
    assert checked.exit_code == 0, checked.stderr


def test_trades_of_a_store_are_the_net_sales_of_another(
    new_store_url: Callable[[], str],
) -> None:
    """Traded there, listed as a table, migrated here: the same net sales by unit."""
    clock = SteppingClock(TODAY)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        there = BankingBook(source)
        there.give(5_000, "CEA:2023", at="2024-01-01")
        there.sold(700)
        there.bought(150, "CEA:2022")
        here = NationalBook(copy)
        here.plant()
        here.plant("other")
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(("trade", "date", "unit", "quantity", "seller", "buyer"))
        for event in source.events(types=["TradeSettled"]):
            data = event["data"]
            names = ("unit", "quantity", "seller", "buyer")
            row = [data["trade"], event["effective_at"], *(data[name] for name in names)]
            writer.writerow(row)
        assert told(here, "trades", table.getvalue(), write=True).good
        for entity in ("plant", "other"):
            rows = [one.banking(entity, as_of="2026-02-01") for one in (source, copy)]
            assert rows[0] is not None
            assert rows[1] is not None
            assert rows[0]["net_sales"] == rows[1]["net_sales"]
            assert rows[0]["cap"] == rows[1]["cap"]
