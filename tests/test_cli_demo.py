"""``demo``: a province through two compliance years, the same wherever it runs.

What is shown is held against the ledger's own answers, and those against figures worked out
here by hand.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len

from command_line import ask, ok, process, run
from etsledger.cli.demo_plants import PLANTS
from etsledger.cli.demo_story import STORY

LATE_2023 = {"heishui", "shiqiao"}
KNOWN = ("2024-11-30", "2024-12-31", "2025-02-28")


class Told(NamedTuple):
    """A run of the demo: what it showed, and the ledger that it left."""

    shown: str
    store: Path

    def compliance(self, *question: str) -> list[dict[str, Any]]:
        return ask(self.store, "compliance", *question)

    def entity(self, entity: str, year: int, *question: str) -> dict[str, Any]:
        (row,) = self.compliance("--entity", entity, "--year", str(year), *question)
        return row

    def answer(self, question: str) -> str:
        """What is shown under a question."""
        return self.shown.split(f"\n$ etsledger {question}\n")[1].split("\n\n$ ")[0]

    def table(self, question: str) -> list[dict[str, str]]:
        """The rows shown under a question, by column."""
        head, rule, *rows = self.answer(question).split("\n\n")[0].splitlines()
        assert set(rule) == {"─"}
        columns = [title.replace(" ", "_") for title in re.split(r"\s{2,}", head.strip())]
        cells = [re.split(r"\s{2,}", row.strip()) for row in rows]
        return [dict(zip(columns, row, strict=True)) for row in cells]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return ask(self.store, "events", "--type", kind)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    store = tmp_path_factory.mktemp("demo") / "told.db"
    done = process(store, "demo", environment={"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr) == (0, b"")
    return Told(done.stdout.decode(), store)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ETSLEDGER_STORE", raising=False)
    return tmp_path


def same(shown: list[dict[str, str]], rows: list[dict[str, Any]]) -> None:
    """Every cell that is shown is what the ledger answers."""
    assert len(shown) == len(rows)
    for cells, row in zip(shown, rows, strict=True):
        for name, text in cells.items():
            value = row[name]
            number = isinstance(value, int) and name != "year"
            assert text == (f"{value:,}" if number else str(value)), name


# -- what is shown is what the ledger answers --------------------------------------------------


def test_it_fits_a_window_and_a_screen_tells_the_story(told: Told) -> None:
    assert max(map(cell_len, told.shown.splitlines())) <= 100
    story = told.shown.split("\nWhat the ledger answers")[0].splitlines()
    assert len(story) <= 50
    days = re.findall(r"^  (\d{4}-\d\d-\d\d)  \S", told.shown, re.MULTILINE)
    assert days == sorted(set(days))
    assert (days[0], days[-1]) == ("2024-03-04", "2026-01-05")


def test_every_table_is_what_the_commands_answer(told: Told) -> None:
    same(told.table("compliance --year 2023"), told.compliance("--year", "2023"))
    summary = told.compliance("--summary")
    same(
        told.table("compliance --summary"),
        [{**row, "province": row["province"] or "total"} for row in summary],
    )
    same(
        told.table("supply"),
        [{**row, "balanced": "yes"} for row in ask(told.store, "supply") if row["balanced"]],
    )


def test_the_calculation_and_the_verification_are_what_the_commands_print(told: Told) -> None:
    for question in ("allocation lanwan 2023", "verify"):
        printed = ok(told.store, *question.split(), "--format", "table")
        # Notes are folded to the window; the words are the same.
        assert told.answer(question).split()[: len(printed.split())] == printed.split()
    assert "nothing is wrong" in told.answer("verify")
    assert ask(told.store, "head")["hash"] in told.shown


def test_the_same_question_at_three_instants_has_three_answers(told: Told) -> None:
    as_known = told.table("compliance --entity heishui --year 2023 --as-of 2024-12-31 --known-at …")
    assert [row.pop("known_at") for row in as_known] == list(KNOWN)
    at_deadline = ("--as-of", "2024-12-31", "--known-at")
    same(as_known, [told.entity("heishui", 2023, *at_deadline, known) for known in KNOWN])
    assert [row["status"] for row in as_known] == ["OPEN", "COMPLIANT", "PARTIAL"]

    as_of = told.table("compliance --entity shiqiao --year 2023 --as-of …")
    assert [row.pop("as_of") for row in as_of] == ["2024-12-30", "2025-01-01", "now"]
    days: list[list[str]] = [["--as-of", "2024-12-30"], ["--as-of", "2025-01-01"], []]
    same(as_of, [told.entity("shiqiao", 2023, *day) for day in days])
    assert [row["status"] for row in as_of] == ["OPEN", "NON_COMPLIANT", "LATE_COMPLIANT"]


def test_what_is_shown_of_a_day_is_what_was_known_that_evening(told: Told) -> None:
    shown = " ".join(told.shown.split())
    for day in STORY:
        assert f" {day.date} {day.title} " in shown
        for entity, year, fields in day.watch:
            row = told.entity(entity, year, "--as-of", day.date, "--known-at", day.date)
            facts = [
                f"{name.replace('_', ' ')} "
                + (f"{row[name]:,} t" if isinstance(row[name], int) else row[name])
                for name in fields
            ]
            assert f" {entity} {year}: {', '.join(facts)} " in shown


# -- what happened -----------------------------------------------------------------------------


def test_every_plant_has_the_status_that_the_story_says(told: Told) -> None:
    status = {row["entity"]: row["status"] for row in told.compliance("--year", "2023")}
    assert status == {
        plant: "LATE_COMPLIANT" if plant in LATE_2023 else "COMPLIANT" for plant in PLANTS
    }
    status = {row["entity"]: row["status"] for row in told.compliance("--year", "2024")}
    assert status == {
        plant: "NON_COMPLIANT" if plant == "yunxi" else "COMPLIANT" for plant in PLANTS
    }
    assert len(PLANTS) == 12
    (assessed,) = told.events("ComplianceAssessed")
    assert (assessed["data"]["entity"], assessed["data"]["status"]) == ("yunxi", "NON_COMPLIANT")


def test_the_plants_are_of_all_four_classes(told: Told) -> None:
    lines = [
        line
        for plant in PLANTS
        for line in ask(told.store, "allocation", plant, "2023")["lines"]
        if line["amount"]
    ]
    assert {line["class"] for line in lines} == {"I", "II", "III", "IV"}


def test_a_gas_plant_is_made_whole(told: Told) -> None:
    """1,281,930 MWh x 0.3305 = 423,677.8 and 1,216,900 MWh x 0.3305 = 402,185.4, floored; the
    units emitted 476,053 t and 455,105 t; 70 % of 472,777 t and of 448,343 t in advance."""
    row = ask(told.store, "allocation", "lanwan", "2023")
    assert [line["amount"] for line in row["lines"]] == [423_677, 402_185]
    assert [(one["rule"], one["amount"]) for one in row["adjustments"]] == [
        ("N-GAS", 476_053 - 423_677), ("N-GAS", 455_105 - 402_185),
    ]  # fmt: skip
    assert row["entitlement"] == row["verified_emissions"] == 931_158
    assert row["pre_allocated"] == 330_943 + 313_840
    assert row["difference"] == 931_158 - 644_783


def test_a_coal_plant_stands_at_the_floor_of_80_percent(told: Told) -> None:
    """539,210 MWh x 0.8090 x 1.015^(16 - 20 x 0.57) = 436,220.89 x 1.070887 = 467,143.2;
    80 % of 603,350 t = 482,680 t."""
    row = ask(told.store, "allocation", "yunxi", "2023")
    assert [(line["factor"], line["amount"]) for line in row["lines"]] == [("1.070887", 467_143)]
    assert [(one["rule"], one["amount"]) for one in row["adjustments"]] == [("N-FLOOR80", 15_537)]
    assert (row["entitlement"], row["gap_rate"]) == (482_680, "20.00")
    owed = told.entity("yunxi", 2024)
    # 0.8 x 589,027 = 471,221.6 in units of 2024, and what was left of 160,000 - 120,670.
    assert owed["surrendered"] == 471_221 + 39_330
    assert owed["outstanding"] == 589_027 - 510_551


def test_a_recall_that_cannot_be_met_at_once_stays_open_until_a_credit_meets_it(told: Told) -> None:
    """0.7 x (615,000 + 615,000) = 861,000 t in advance, 430,500 t of them handed on; then
    338,400 MWh x 0.8090 x 1.015^5.6 + 313,060 GJ x 0.1038 = 297,569 + 32,495 = 330,064 t."""
    before = told.entity("zhuyuan", 2023, "--as-of", "2024-10-13", "--known-at", "2024-10-13")
    assert before["pre_allocated"] == 861_000
    assert before["entitlement"] == 330_064
    assert before["recalled"] == 861_000 - 430_500
    assert before["recall_open"] == 861_000 - 330_064 - 430_500 == 100_436
    (collected,) = told.events("RecallCollected")
    assert collected["command_id"] == "annulled"
    assert collected["data"]["quantity"] == 100_436
    after = told.entity("zhuyuan", 2023)
    assert (after["recalled"], after["recall_open"]) == (861_000 - 330_064, 0)


def test_nothing_may_leave_while_a_recall_is_open(told: Told) -> None:
    (refused,) = ask(told.store, "refusals")
    assert refused["code"] == "RecallOutstanding"
    assert refused["refusal"]["recall_open"] == 100_436
    shown = " ".join(told.shown.split())
    assert f"refused: RecallOutstanding: {refused['refusal']['message']}" in shown


def test_a_plant_at_risk_has_its_units_kept_surrendered_and_the_rest_released(told: Told) -> None:
    """1,440,670 MWh x 0.8285 = 1,193,595 t; 1,178,832 t verified."""
    (kept,) = ask(told.store, "balances", "--account", "jiangbei", "--unit", "CEA:2023",
                  "--as-of", "2024-12-09")  # fmt: skip
    assert kept["restricted"] == 1_193_595
    forced = [row["data"] for row in told.events("SurrenderSubmitted") if row["data"].get("forced")]
    assert [(one["entity"], one["account"], one["quantity"]) for one in forced] == [
        ("hongyan", "jiangbei", 1_178_832)
    ]
    (now,) = ask(told.store, "balances", "--account", "hongyan-1", "--unit", "CEA:2023")
    assert now["quantity"] == 1_193_595 - 1_178_832
    (left,) = ask(told.store, "balances", "--account", "jiangbei", "--unit", "CEA:2023")
    assert left["restricted"] == 0


def test_a_restated_report_is_approved_again_and_the_old_one_stays_known(told: Told) -> None:
    (again,) = [row for row in told.events("AllocationFinalised") if row["data"].get("supersedes")]
    assert again["data"]["supersedes"] == "final-2023/heishui"
    # Unit 2 generated 3,194,080 and not 3,176,770 MWh: 17,310 MWh x 0.7950 = 13,761 t more.
    assert again["data"]["granted"] == again["data"]["entitlement"] - 5_128_039 == 13_761
    before, after = (
        told.entity("heishui", 2023, "--known-at", known) for known in ("2025-02-23", "2025-02-24")
    )
    assert (before["status"], before["verified_emissions"]) == ("COMPLIANT", 5_031_663)
    assert (after["status"], after["outstanding"]) == ("NON_COMPLIANT", 2_596_340 - 2_542_978)
    back_dated = ask(told.store, "events", "--back-dated")
    assert [row["command_id"] for row in back_dated] == ["restated-2023/heishui"]


def test_a_deduction_comes_off_the_next_pre_allocation(told: Told) -> None:
    """0.7 x 2,488,685 = 1,742,079.5 and 0.7 x 2,596,340 = 1,817,438 t, less 12,000 t."""
    row = ask(told.store, "allocation", "heishui", "2024")
    assert row["pre_allocated"] == 1_742_079 + 1_817_438 - 12_000
    assert row["deductions"] == 12_000
    assert [one["remaining"] for one in row["deduction_lines"]] == [0]


# -- where it leaves its ledger ----------------------------------------------------------------


def test_the_demo_leaves_nothing_behind(folder: Path) -> None:
    done = process(None, "demo")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"nothing is wrong" in done.stdout
    assert list(folder.iterdir()) == []


def test_what_is_kept_verifies_and_is_the_same_ledger(told: Told, folder: Path) -> None:
    shown = ok(None, "demo", "--keep")
    store = folder / "etsledger-demo.db"
    assert shown.endswith("\nThe ledger is kept: etsledger --store etsledger-demo.db events\n")
    assert shown.splitlines()[:-1] == told.shown.splitlines()[:-1]
    assert ask(store, "verify")["ok"] is True
    assert ask(store, "head") == ask(told.store, "head")
    assert ask(store, "compliance") == told.compliance()
    assert ask(store, "compliance", "--from-log") == told.compliance()


@pytest.mark.postgres
def test_it_is_the_same_ledger_on_postgres(told: Told, postgres_url: str) -> None:
    done = process(postgres_url, "demo", environment={"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[:-1] == told.shown.splitlines()[:-1]


def test_the_demo_overwrites_nothing(folder: Path) -> None:
    ok(None, "demo", "--keep")
    before = ask("etsledger-demo.db", "head")
    result = run(None, "demo", "--keep")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "already" in result.stderr
    assert ask("etsledger-demo.db", "head") == before


def test_the_demo_is_built_in_a_store_that_is_named(folder: Path) -> None:
    assert "etsledger --store here.db events" in ok("here.db", "demo")
    assert ask("here.db", "verify")["ok"] is True
    assert run("here.db", "demo").exit_code == 2
    (folder / "notes.db").write_text("not a ledger", encoding="utf-8")
    assert run("notes.db", "demo").exit_code == 3
