"""Compliance and allocation on the command line: every format, empty answers, warnings."""

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from command_line import ask, lines, ok, run
from etsledger.cli.options import STATUSES
from etsledger.domain.catalogue import MODELS
from etsledger.domain.rulebook import bundled
from etsledger.ledger import AllocationRow, ComplianceRow, ComplianceSummaryRow, Ledger
from etsledger.projections import compliance as projected
from helpers import SteppingClock, command
from national import NationalBook, cfb, coal, gas, line
from rulebooks import open_rulebook

COMPLIANCE = (
    "registry", "entity", "year", "verified_emissions", "entitlement", "pre_allocated",
    "allocated", "recalled", "recall_open", "borrowed", "obligation", "surrendered", "pending",
    "offsets", "green_power", "outstanding", "deadline", "status", "fine",
)  # fmt: skip
ALLOCATION = (
    "entity", "year", "lines", "subtotal", "adjustments", "entitlement", "pre_allocated",
    "deductions", "difference", "rulebook",
)  # fmt: skip
LINE = ("unit_id", "class", "electricity", "heat", "factor", "amount", "rule", "source")
AFTER = ("--year", "2024", "--as-of", "2026-01-15")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One province through 2024.

    ``full`` met all in time, ``short`` a part of it, ``over`` owes an open recall and met
    nothing, ``cement`` has no province; ``next`` is pre-allocated for 2025 under draft figures.
    """
    store = tmp_path_factory.mktemp("national") / "books.db"
    with Ledger.open(store, create=True, clock=SteppingClock("2026-09-01")) as ledger:
        book = NationalBook(ledger)
        book.fund("CEA:2024", 3_000_000, at="2025-01-02")
        book.fund("CEA:2025", 1_000_000, at="2026-01-05")
        for entity in ("full", "short", "over", "next"):
            book.plant(entity)
        book.plant("works", "cement", province=None)
        book.verified(680_000, 2023, "full", [cfb("1", mwh=600_000, emissions=600_000),
                                              gas("2", mwh=200_000, emissions=80_000)],
                      at="2024-06-20")  # fmt: skip
        book.deduct(10_000, entity="full", id="cut", at="2025-04-05")
        book.pre_allocate(entity="full", at="2025-04-15")
        book.verified(638_000, 2024, "full", [cfb("1", mwh=500_000, emissions=560_000),
                                              gas("2", mwh=200_000, gj=10_000, emissions=78_000)],
                      at="2025-06-25")  # fmt: skip
        book.finalise(entity="full", id="final", at="2025-08-20")
        book.give(200_000, to="full-1", at="2025-08-20")
        book.met(638_000, entity="full", at="2025-12-31T23:59:59+08:00")
        book.verified(100_000, 2024, "short", [coal(mw=300, mwh=100_000, load_factor=0.6)],
                      at="2025-06-25")  # fmt: skip
        book.finalise(entity="short", at="2025-08-20", entitlement=90_000)
        book.met(85_419, entity="short", at="2025-12-01")
        book.verified(300_000, 2023, "over", [coal(mw=300, mwh=300_000)], at="2024-06-20")
        book.pre_allocate(entity="over", at="2025-04-15")
        book.send("transfer", unit="CEA:2024", quantity=180_000, from_="over-1", to="short-1",
                  kind="judicial", at="2025-07-01")  # fmt: skip
        book.verified(150_000, 2024, "over", [coal(mw=300, mwh=150_000)], at="2025-07-10")
        book.finalise(entity="over", at="2025-08-20")
        book.verified(50_000, 2024, "works", [line("kiln", output_t=60_000, emissions=50_000)],
                      at="2025-07-10")  # fmt: skip
        book.verified(90_000, 2024, "next", [coal(mwh=100_000)], at="2025-07-10")
        book.pre_allocate(2025, "next", at="2026-06-25")
    return store


def from_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# -- compliance ------------------------------------------------------------------------------


def test_rows_have_the_fields_of_the_contract(books: Path) -> None:
    rows = ask(books, "compliance", *AFTER)
    assert [(row["entity"], row["status"]) for row in rows] == [
        ("full", "COMPLIANT"), ("next", "NON_COMPLIANT"), ("over", "NON_COMPLIANT"),
        ("short", "NON_COMPLIANT"), ("works", "NON_COMPLIANT"),
    ]  # fmt: skip
    assert all(tuple(row) == COMPLIANCE for row in rows)
    assert tuple(ComplianceRow.__annotations__) == COMPLIANCE
    assert rows[0] == {
        "registry": "cn-national", "entity": "full", "year": 2024,
        "verified_emissions": 638_000, "entitlement": 510_400, "pre_allocated": 466_000,
        "allocated": 500_400, "recalled": 0, "recall_open": 0, "borrowed": 0,
        "obligation": 638_000, "surrendered": 638_000, "pending": 0, "offsets": 0,
        "green_power": 0, "outstanding": 0, "deadline": "2025-12-31T23:59:59+08:00",
        "status": "COMPLIANT", "fine": None,
    }  # fmt: skip


@pytest.mark.parametrize("query", [["compliance", *AFTER], ["compliance", "--summary", *AFTER]],
                         ids=["rows", "summary"])  # fmt: skip
def test_every_format_says_the_same(books: Path, query: list[str]) -> None:
    rows = ask(books, *query, "--format", "json")
    assert len(rows) > 2
    text = ok(books, *query, "--format", "jsonl")
    assert [json.loads(line) for line in text.splitlines()] == rows
    told = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert from_csv(ok(books, *query, "--format", "csv")) == told
    assert ask(books, *query, "--from-log") == rows


def test_the_library_and_the_command_line_say_the_same(books: Path) -> None:
    with Ledger.open(books) as ledger:
        question: dict[str, Any] = {"year": 2024, "as_of": "2026-01-15"}
        assert ask(books, "compliance", *AFTER) == ledger.compliance(**question)
        summary = ledger.compliance_summary(**question)
        assert ask(books, "compliance", "--summary", *AFTER) == summary
        assert ask(books, "allocation", "full", "2024") == ledger.allocation("full", 2024)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--year", "2024", "--as-of", "2025-12-31"],
         {"full": "COMPLIANT", "short": "PARTIAL", "over": "OPEN", "works": "OPEN",
          "next": "OPEN"}),
        (["--entity", "over", "--year", "2024", "--as-of", "2025-07-09"], {"over": "NOT_DUE"}),
        (["--entity", "over", "--year", "2024", "--as-of", "2025-07-10"], {"over": "OPEN"}),
        (["--entity", "over", "--year", "2024", "--known-at", "@16"], {"over": "NOT_DUE"}),
        (["--entity", "next", "--year", "2025"], {"next": "NOT_DUE"}),
        (["--entity", "next", "--year", "2026"], {"next": "NOT_DUE"}),
        ([*AFTER, "--status", "COMPLIANT"], {"full": "COMPLIANT"}),
        ([*AFTER, "--status", "compliant", "--status", "EXEMPT"], {"full": "COMPLIANT"}),
        ([*AFTER, "--status", "PENDING"], {}),
        ([*AFTER, "--registry", "cn-national", "--entity", "short"], {"short": "NON_COMPLIANT"}),
    ],
)  # fmt: skip
def test_what_is_asked_is_heard(books: Path, options: list[str], found: dict[str, str]) -> None:
    rows = ask(books, "compliance", *options)
    assert {row["entity"]: row["status"] for row in rows} == found


def test_the_last_second_of_the_deadline_is_in_time(books: Path) -> None:
    def status(as_of: str) -> str:
        (row,) = ask(books, "compliance", "--entity", "full", "--year", "2024", "--as-of", as_of)
        return row["status"]

    assert status("2025-12-31T23:59:58") == "OPEN"
    assert status("2025-12-31T23:59:59") == "COMPLIANT"
    assert status("2026-01-01T00:00:00") == "COMPLIANT"


def test_the_table_is_compact(books: Path) -> None:
    head, _, *rows = ok(books, "compliance", *AFTER, "--format", "table").splitlines()
    assert head.split("   ")[0] == "registry"
    for never in ("borrowed", "offsets", "green power", "fine", "pending"):
        assert never not in head
    for always in ("verified emissions", "obligation", "outstanding", "deadline (+08:00)"):
        assert always in head
    full = next(row for row in rows if " full " in row)
    assert "638,000" in full
    assert "2025-12-31 23:59:59" in full
    assert full.endswith("COMPLIANT")
    before = ok(books, "compliance", "--entity", "works", "--year", "2024", "--format", "table")
    assert "entitlement" not in before


def test_the_summary_counts_by_sector_province_and_status(books: Path) -> None:
    rows = ask(books, "compliance", "--summary", *AFTER)
    assert all(set(row) == set(ComplianceSummaryRow.__annotations__) for row in rows)
    places = [(row["sector"], row["province"], row["entities"]) for row in rows]
    assert places == [("cement", None, 1), ("power", "hubei", 4), (None, None, 5)]
    *parts, total = rows
    for column in ("entities", "verified_emissions", "obligation", "surrendered", "outstanding",
                   *STATUSES):  # fmt: skip
        assert total[column] == sum(row[column] for row in parts), column
    assert (total["COMPLIANT"], total["NON_COMPLIANT"], total["OPEN"]) == (1, 4, 0)
    every = ask(books, "compliance", "--summary", "--as-of", "2026-07-01")
    assert [row["year"] for row in every if row["sector"] is None] == [2023, 2024, 2025]


def test_the_summary_table_names_the_total_and_the_statuses_that_occur(books: Path) -> None:
    table = ok(books, "compliance", "--summary", *AFTER, "--format", "table")
    head, _, *rows = table.splitlines()
    assert head.split()[-2:] == ["COMPLIANT", "NON_COMPLIANT"]
    assert "PENDING" not in head
    assert rows[-1].split()[:4] == ["cn-national", "2024", "total", "5"]
    assert len({len(row) for row in rows}) == 1


def test_the_statuses_of_the_option_are_those_of_the_answer() -> None:
    assert STATUSES == projected.STATUSES
    assert set(STATUSES) <= set(ComplianceSummaryRow.__annotations__)


@pytest.mark.parametrize("summary", [[], ["--summary"]])
@pytest.mark.parametrize(
    ("query", "note"),
    [
        (["--entity", "nobody"], "no entity 'nobody'"),
        (["--registry", "mars"], "no registry 'mars'"),
        (["--entity", "nobody", "--registry", "cn-national"],
         "no entity 'nobody' in registry 'cn-national'"),
    ],
)  # fmt: skip
def test_a_name_that_the_books_never_heard_of_is_said(
    books: Path, query: list[str], note: str, summary: list[str]
) -> None:
    result = run(books, "compliance", *query, *summary)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert result.stderr == f"note: these books know {note}\n"


def test_an_empty_answer_says_so_to_people_only(books: Path) -> None:
    assert ask(books, "compliance", "--entity", "full", "--year", "2030") == []
    assert ask(books, "compliance", "--as-of", "2019-06-01") == []
    for what in ([], ["--summary"]):
        result = run(books, "compliance", *what, "--as-of", "2019-06-01", "--format", "table")
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "no compliance years\n"
    header = ok(books, "compliance", "--as-of", "2019-06-01", "--format", "csv")
    assert header == ",".join(COMPLIANCE) + "\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compliance", "--year", "next"], "'next'"),
        (["compliance", "--year", "1989"], "1989"),
        (["compliance", "--status", "LATE"], "'LATE'"),
        (["compliance", "--summary", "--status", "OPEN"], "--summary"),
        (["compliance", "--as-of", "@17"], "is not an ISO 8601 time"),
        (["allocation", "full"], "YEAR"),
        (["allocation"], "ENTITY"),
        (["allocation", "full", "2200"], "2200"),
        (["allocation", "full", "twenty"], "'twenty'"),
        (["rulebook", "eu-ets"], "there are ccer, ccer-office, cn-chongqing"),
        (["rulebook", "open", "--format", "csv"], "no table"),
    ],
)
def test_wrong_usage_is_exit_code_2(books: Path, arguments: list[str], said: str) -> None:
    result = run(books, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    first = result.stderr.splitlines()[0]
    assert first.startswith("error: usage: ")
    assert said in first


def test_an_absent_store_is_exit_code_3(tmp_path: Path) -> None:
    for query in (["compliance"], ["compliance", "--summary"], ["allocation", "full", "2024"]):
        result = run(tmp_path / "none.db", *query)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith("error: StoreAbsent: ")


# -- allocation --------------------------------------------------------------------------------


def test_an_allocation_is_one_object_with_the_fields_of_the_contract(books: Path) -> None:
    row = ask(books, "allocation", "full", "2024")
    assert set(ALLOCATION) <= set(row) == set(AllocationRow.__annotations__)
    assert all(set(LINE) <= set(line) for line in row["lines"])
    assert [(line["unit_id"], line["class"], line["amount"]) for line in row["lines"]] == [
        ("1", "III", 412_200), ("2", "IV", 66_293),
    ]  # fmt: skip
    assert [(one["rule"], one["amount"]) for one in row["adjustments"]] == [
        ("N-GAS", 11_707), ("N-FLOOR80", 20_200),
    ]  # fmt: skip
    assert row["subtotal"] + 11_707 + 20_200 == row["entitlement"] == 510_400
    assert row["difference"] == 510_400 - 466_000 - 10_000
    assert set(row["rulebook"]) == {"name", "version", "hash"}
    (same,) = [json.loads(ok(books, "allocation", "full", "2024", "--format", "jsonl"))]
    assert same == row
    (told,) = from_csv(ok(books, "allocation", "full", "2024", "--format", "csv"))
    assert list(told) == list(row)
    assert json.loads(told["lines"]) == row["lines"]


def test_people_read_the_calculation_from_the_top(books: Path) -> None:
    text = ok(books, "allocation", "full", "2024", "--format", "table")
    parts = [
        "Allocation of full for 2024 (cn-national, CEA:2024)", "final: by command final ",
        "412,200", "66,293", "subtotal", "478,493 t", "+ N-GAS, unit 2", "11,707 t",
        "+ N-FLOOR80", "20,200 t", "= entitlement", "510,400 t", "gap of 20.00 %",
        "- pre-allocated", "466,000 t", "unit 1", "420,000 of a base of 600,000",
        "- deducted", "10,000 t", "cut (enforcement)", "10,000 of 10,000 taken, 0 remain",
        "= difference", "34,400 t", "handed out", "[1] Z1 附2-附4", "[ADOPTED]",
        "rulebook cn-national 2026.1",
    ]  # fmt: skip
    at = 0
    for part in parts:
        at = text.find(part, at)
        assert at >= 0, (part, text)
    assert "DRAFT" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def steps(books: Path, *arguments: str) -> dict[str, str]:
    """The lines of the sum: what each is, and the rest of it."""
    text = ok(books, "allocation", *arguments, "--format", "table")
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {what.strip(): " ".join(rest.split()) for what, rest in pairs}


def test_an_open_recall_is_said(books: Path) -> None:
    found = steps(books, "over", "2024")
    assert found["= difference"] == "-89,265 t 30,000 recalled, 59,265 still open"


def test_an_approved_figure_stands_beside_the_computed_one(books: Path) -> None:
    found = steps(books, "short", "2024")
    assert found["what the rulebook computes"].startswith("85,429 t")
    assert found["the authority's figure"].startswith("90,000 t")
    assert found["= entitlement"].startswith("90,000 t")


def test_custody_is_said(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "books.db", create=True) as ledger:
        book = NationalBook(ledger)
        book.plant()
        book.fund("CEA:2024", 1_000)
        book.verified(1_000, units=[coal(mwh=1_000)])
        book.status("at_risk")
        book.finalise()
    found = steps(tmp_path / "books.db", "plant", "2024")
    assert found["= difference"] == "800 t handed out, into custody in hubei"
    assert ask(tmp_path / "books.db", "allocation", "plant", "2024")["custodian"] == "hubei"


def test_what_is_not_final_says_so(books: Path) -> None:
    text = ok(books, "allocation", "works", "2024", "--format", "table")
    assert "not final: what is on record would give this" in text
    assert "final: by command" not in text
    found = steps(books, "works", "2024")
    assert found["= difference"] == "50,000 t to be handed out"
    before = ok(books, "allocation", "full", "2024", "--as-of", "2025-07-01", "--format", "table")
    assert "not final: what is on record would give this" in before
    assert ask(books, "allocation", "full", "2024", "--as-of", "2025-07-01")["final"] is False


def test_a_draft_says_so(books: Path) -> None:
    text = ok(books, "allocation", "next", "2025", "--format", "table")
    assert "not final, and not to be computed yet" in text
    assert "DRAFT: the pre-allocation rests on a text for comment" in text
    found = steps(books, "next", "2025")
    assert "no verified emissions for 2025" in found["entitlement"]
    assert found["- pre-allocated"].startswith("45,000 t N-ADJ-1")


@pytest.mark.parametrize(
    ("query", "note"),
    [
        (["full", "2022"], ""),
        (["full", "2024", "--as-of", "2024-01-01"], ""),
        (["full", "2024", "--known-at", "@3"], ""),
        (["nobody", "2024"], "note: these books know no entity 'nobody'\n"),
        (["full", "2024", "--registry", "mars"], "note: these books know no registry 'mars'\n"),
    ],
)
def test_an_allocation_that_is_not_on_record_is_exit_code_1(
    books: Path, query: list[str], note: str
) -> None:
    for form in ("json", "table"):
        result = run(books, "allocation", *query, "--format", form)
        assert (result.exit_code, result.stdout) == (1, "")
        said = f"nothing is on record of an allocation of {query[0]} for {query[1]}\n"
        assert result.stderr == said + note


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    store = tmp_path / "books.db"
    with Ledger.open(store, create=True) as ledger:
        book = NationalBook(ledger)
        book.plant()
        book.verified(100, units=[coal("\x1b[2J", mwh=100)])
    assert "\x1b" not in ok(store, "allocation", "plant", "2024", "--format", "table")


# -- warnings ----------------------------------------------------------------------------------


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A store with one plant and nothing on record of it."""
    with Ledger.open(tmp_path / "books.db", create=True) as ledger:
        NationalBook(ledger).plant()
    return tmp_path / "books.db"


def report(**fields: Any) -> str:
    return lines([command("record_verified", "r", registry="cn-national", entity="plant",
                          year=2024, emissions=100, **fields)])  # fmt: skip


DIFFERS = report(units=[coal(mwh=100, emissions=90)])


def test_what_is_implausible_is_accepted_with_a_warning(plant: Path) -> None:
    result = run(plant, "apply", "-", given=DIFFERS)
    assert result.exit_code == 0
    assert result.stdout.startswith("1 accepted (1 event)")
    (said,) = result.stderr.splitlines()
    assert said.startswith("standard input:1: warning: the units emitted 90 t together, 100 t")
    (row,) = ask(plant, "compliance", "--entity", "plant", "--year", "2024")
    assert row["verified_emissions"] == 100


def test_a_warning_stands_in_the_outcome_too(plant: Path) -> None:
    result = run(plant, "apply", "--format", "jsonl", "-", given=DIFFERS + DIFFERS)
    first, again = (json.loads(one) for one in result.stdout.splitlines())
    assert first["outcome"] == "accepted"
    (warning,) = first["warnings"]
    assert result.stderr == f"standard input:1: warning: {warning}\n"
    assert again["outcome"] == "duplicate"
    assert "warnings" not in again


def test_a_dry_run_warns_as_well(plant: Path) -> None:
    result = run(plant, "apply", "--dry-run", "-", given=DIFFERS)
    assert ": warning: the units emitted 90 t" in result.stderr
    assert ask(plant, "compliance", "--entity", "plant") == []


def test_a_load_factor_in_percent_is_refused_and_one_above_1_warned_of(plant: Path) -> None:
    percent = run(plant, "apply", "-", given=report(units=[coal(mwh=100, load_factor=60)]))
    assert percent.exit_code == 1
    assert "60 % is written 0.60" in percent.stderr
    above = run(plant, "apply", "-", given=report(units=[coal(mwh=100, load_factor="1.01")]))
    assert above.exit_code == 0
    assert "warning: unit 1: a load factor of 1.01 is above 1" in above.stderr


def test_what_is_plausible_is_no_remark(plant: Path) -> None:
    ok(plant, "apply", "-", given=report(units=[coal(mwh=100, emissions=100, load_factor=1)]))


# -- rulebook ------------------------------------------------------------------------------------


def test_rulebooks_are_listed_with_title_and_version() -> None:
    rows = json.loads(ok(None, "rulebook"))
    assert [row["name"] for row in rows] == [
        "ccer", "ccer-office", "cn-chongqing", "cn-chongqing-office", "cn-national",
        "cn-national-office", "open",
    ]  # fmt: skip
    for row in rows:
        found = bundled(row["name"])
        assert row["version"] == found.data.version
        assert row["title"] == found.data.title
        assert row["hash"] == found.ref.hash
    table = ok(None, "rulebook", "--format", "table")
    assert "cn-national" in table
    assert rows[0]["title"] in table


def test_a_rulebook_is_printed_as_it_stands() -> None:
    text = ok(None, "rulebook", "cn-national")
    assert text.startswith("# The national emissions trading system of China")
    assert tomllib.loads(text)["name"] == "cn-national"


def test_a_rulebook_as_an_object_can_be_sent_back(tmp_path: Path) -> None:
    book = json.loads(ok(None, "rulebook", "open", "--format", "json"))
    assert book == open_rulebook()
    opened = command("open_registry", "1", registry="own", rulebook={**book, "version": "own"})
    ok(tmp_path / "books.db", "apply", "-", given=lines([opened]))
    (event,) = ask(tmp_path / "books.db", "events")
    assert event["rulebook"]["version"] == "own"


def test_every_command_of_the_year_is_there() -> None:
    schema = json.loads(ok(None, "schema", "commands"))["$defs"]
    year = {"record_verified", "publish_balance_value", "pre_allocate", "finalise_allocation",
            "record_deduction", "set_entity_status", "assess_compliance"}  # fmt: skip
    assert year <= set(schema)
    assert set(schema) == set(MODELS)
