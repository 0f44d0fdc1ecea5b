"""``banking`` as a question: every input, at any (as-of, known-at), and what is left over."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banking_books import APPLIED, BEFORE, NEW, OLD, TODAY, BankingBook
from command_line import ask, ok, run
from etsledger.ledger import BankingRow, Ledger, Refusal
from helpers import ON_SQLITE, SteppingClock


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """July 2026: ``plant`` sold 300 t of 2023, bought 100 of 2024 and carried 200 t over."""
    clock.now = TODAY
    book = BankingBook(ledger)
    book.give(600, "CEA:2023", at=BEFORE)
    book.sold(300, at="2024-05-06T10:00:00")
    book.bought(100, "CEA:2024", at="2025-03-03T10:00:00")
    book.carry(150, "2026-02-01", id="first")
    book.carry(50, "2026-04-01", unit="CEA:2024", id="second")
    return book


@ON_SQLITE
def test_it_says_what_the_contract_names(book: BankingBook) -> None:
    row = book.banking()
    assert row["entity"] == "plant"
    assert row["net_sales"] == {
        "CEA:2019-2020": 0, "CEA:2021": 0, "CEA:2022": 0, "CEA:2023": 300, "CEA:2024": -100,
    }  # fmt: skip
    assert (row["net_sales_total"], row["cap"], row["holding"]) == (200, 10_300, 400)
    assert (row["carried"], row["carryable"]) == (200, 200)
    assert (row["holdings"]["CEA:2023"], row["holdings"]["CEA:2024"]) == (300, 100)
    assert (row["eligible"], row["reasons"]) == (True, [])
    assert row["rulebook"]["name"] == "cn-national"
    assert (row["base"], row["ratio"], row["into"]) == (10_000, "1.5", NEW)


@ON_SQLITE
def test_it_names_the_trades_that_count(book: BankingBook) -> None:
    book.sold(5, at="2026-01-02")  # after the window
    book.give(9, NEW, at="2025-06-01")
    book.sold(9, NEW, at="2025-06-02")  # no old unit
    found = book.banking()["trades"]
    assert [(t["date"], t["unit"], t["quantity"], t["sign"]) for t in found] == [
        ("2024-05-06", "CEA:2023", 300, 1), ("2025-03-03", "CEA:2024", 100, -1),
    ]  # fmt: skip
    for trade in found:
        (event,) = book.ledger.events(
            from_position=trade["position"], to_position=trade["position"]
        )
        assert (event["type"], event["data"]["trade"]) == ("TradeSettled", trade["trade"])


@ON_SQLITE
def test_it_names_the_batches_that_were_used(book: BankingBook) -> None:
    found = book.banking()["carry_overs"]
    assert [
        (one["command_id"], one["quantity"], one["units"], one["filed_by"], one["processed_by"])
        for one in found
    ] == [
        ("first", 150, {"CEA:2023": 150}, "2026-03-20", "2026-03-27"),
        ("second", 50, {"CEA:2024": 50}, "2026-06-10", "2026-06-26"),
    ]


@ON_SQLITE
@pytest.mark.parametrize(
    ("as_of", "flag"),
    [("2026-06-10", None), ("2026-06-11", "EXPIRED_FOR_COMPLIANCE"),
     ("2027-01-01", "EXPIRED_FOR_COMPLIANCE")],
)  # fmt: skip
def test_what_was_not_carried_is_flagged_when_the_window_is_over(
    book: BankingBook, as_of: str, flag: str | None
) -> None:
    """N-BANK-6: it stays, and meets arrears only."""
    assert book.banking(as_of=as_of)["left"] == [
        {"unit": "CEA:2023", "quantity": 150, "flag": flag},
        {"unit": "CEA:2024", "quantity": 50, "flag": flag},
    ]
    book.verified(10, 2022, at="2023-06-01")
    book.met(10, year=2022, unit="CEA:2024", at="2026-06-20")
    assert book.compliance(year=2022)["surrendered"] == 10


@ON_SQLITE
@pytest.mark.parametrize(
    ("as_of", "opened", "batch"),
    [
        ("2025-12-31", False, None), ("2026-01-01", True, "2026-03-27"),
        ("2026-03-21", True, "2026-06-26"), ("2026-06-11", False, None),
    ],
)  # fmt: skip
def test_it_says_whether_the_window_is_open(
    book: BankingBook, as_of: str, opened: bool, batch: str | None
) -> None:
    window = book.banking(as_of=as_of)["window"]
    assert (window["apply_from"], window["apply_to"]) == ("2026-01-01", "2026-06-10")
    assert window["open"] is opened
    assert (window["batch"] or {}).get("processed_by") == batch


@ON_SQLITE
def test_it_answers_as_of_any_day(book: BankingBook) -> None:
    seen = [
        (row["net_sales_total"], row["holding"], row["carried"])
        for row in (
            book.banking(as_of=day)
            for day in ("2022-12-31", "2024-05-05", "2024-05-06", "2025-12-31", "2026-02-01",
                        "2026-04-01")
        )
    ]  # fmt: skip
    assert seen == [
        (0, 0, 0), (0, 600, 0), (300, 300, 0), (200, 400, 0), (200, 400, 150), (200, 400, 200),
    ]  # fmt: skip


def test_it_answers_as_known_at_any_position(book: BankingBook) -> None:
    """A sale of 2024 that is written down in 2026 counts from when it was known."""
    before = book.ledger.head().position
    book.sold(10, at="2024-06-03")
    assert book.banking(known_at=before)["cap"] == 10_300
    assert book.banking()["cap"] == 10_315
    late = book.ledger.head().position
    book.verified(10, 2024, at="2025-06-01")
    assert book.banking(known_at=late)["eligible"] is True
    assert book.banking()["eligible"] is False
    book.ledger.rebuild()
    assert book.banking(known_at=before)["cap"] == 10_300
    assert book.banking(known_at=before)["carried"] == 200
    assert book.ledger.verify().ok


@ON_SQLITE
def test_tables_and_the_tail_of_the_log_give_the_same(book: BankingBook) -> None:
    told = book.banking()
    book.ledger.rebuild()
    assert book.banking() == told
    for number in range(120):  # more than the tables may lag behind
        book.send("register_entity", entity=f"e{number}", name="E", sector="power", at=BEFORE)
    assert book.banking() == told
    book.ledger.compliance()
    assert book.banking() == told


@ON_SQLITE
def test_net_sales_from_before_the_books_count(book: BankingBook) -> None:
    book.send("opening_balance", account="plant-1", unit="CEA:2023", quantity=1, at="2024-12-31",
              facts={"net_sales": {"CEA:2023": 1_000}})  # fmt: skip
    row = book.ledger.banking("plant")
    assert row is not None
    assert (row["net_sales"]["CEA:2023"], row["net_sales_total"]) == (1_300, 1_200)
    assert book.checked(TODAY)["net_sales_total"] == 1_200


@ON_SQLITE
def test_of_an_unknown_entity_there_is_nothing(book: BankingBook) -> None:
    assert book.ledger.banking("nobody") is None
    assert book.ledger.banking("plant", registry="nowhere") is None
    assert book.ledger.banking("plant", known_at=1) is None


@ON_SQLITE
def test_supply_shows_what_was_converted(book: BankingBook) -> None:
    assert book.supply("CEA:2023")["converted_out"] == 150
    assert book.supply("CEA:2024")["converted_out"] == 50
    new = book.supply(NEW)
    assert (new["converted_in"], new["holding"], new["issued"]) == (200, 200, 0)
    assert book.supply(NEW, as_of="2026-03-31")["converted_in"] == 150
    rows = book.ledger.supply(from_log=True)
    assert rows == book.ledger.supply()
    assert all(row["balanced"] for row in rows)


# --- the same as the decision --------------------------------------------------------------------

NUMBERS = ("base", "cap", "carried", "carryable", "eligible", "holding", "net_sales_total", "open")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("sell", "buy", "carry", "submit", "cancel", "freeze", "verify")),
        st.integers(1, 300),
        st.sampled_from(OLD),
        st.sampled_from((
            "2023-12-31T23:00:00", "2024-01-01T00:00:00", "2024-07-01T10:00:00",
            "2024-07-01T11:00:00", "2025-12-31T12:00:00", "2025-12-31T23:59:59.5",
            "2026-01-15T00:00:00", "2026-03-21T00:00:00",
        )),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=15)
@given(steps=STEPS, asked=st.sampled_from((
    "2024-07-01T10:30:00", "2025-12-31T18:00:00", APPLIED, "2026-06-10T12:00:00", "2026-07-01",
)))  # fmt: skip
def test_the_question_and_the_check_agree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str, str]], asked: str
) -> None:
    """The tables' answer as of an instant is what a check at that instant records."""
    store = tmp_path_factory.mktemp("banking") / "books.db"
    with Ledger.open(f"sqlite:///{store}", create=True, clock=SteppingClock(TODAY)) as ledger:
        book = BankingBook(ledger)
        for unit in OLD:
            book.give(500, unit, at=BEFORE)
        for kind, quantity, unit, at in steps:
            given = {"account": "plant-1", "unit": unit, "quantity": quantity, "at": at}
            try:
                if kind == "sell":
                    book.sold(quantity, unit, at)
                elif kind == "buy":
                    book.bought(quantity, unit, at)
                elif kind == "carry":
                    book.carry(quantity, at)
                elif kind == "verify":
                    book.verified(quantity, 2024, at=at)
                elif kind == "submit":
                    book.surrender(quantity, year=2024, unit=unit, at=at)
                else:
                    book.send(kind, **given)
            except Refusal:
                continue
        at = f"{asked}T00:00:00" if "T" not in asked else asked
        found, row = book.checked(at), dict[str, Any](book.banking(as_of=at))
        told = {**row, "open": row["window"]["open"]}
        assert {name: found[name] for name in NUMBERS} == {name: told[name] for name in NUMBERS}
        for name in ("net_sales", "holdings"):
            assert {one["unit"]: one["quantity"] for one in found[name]} == row[name]
        assert found["reasons"] == row["reasons"]


# --- on the command line -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books of the fixture above, and an entity that was late."""
    path = tmp_path_factory.mktemp("cli") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(TODAY)) as ledger:
        book = BankingBook(ledger)
        book.give(6_000, "CEA:2023", at=BEFORE)
        book.sold(3_000, at="2024-05-06T10:00:00")
        book.bought(1_000, "CEA:2024", at="2025-03-03T10:00:00")
        book.carry(1_500, "2026-02-01", id="first")
        book.plant("late")
        book.verified(10, 2024, "late", at="2025-06-01")
    return path


def test_people_read_the_calculation(store: Path) -> None:
    text = ok(store, "banking", "plant", "--as-of", "2026-07-01", "--format", "table")
    for words in (
        "Carry-over of plant into CEA:2025 (cn-national)", "eligible",
        "10,000 + net sales x 1.5", "13,000 t", "1,500 in the batch processed by 2026-03-27",
        "EXPIRED_FOR_COMPLIANCE", "applications are taken from 2026-01-01 to 2026-06-10",
        "Z1 七, 附5",
    ):  # fmt: skip
        assert words in text, words
    assert [line.split() for line in text.splitlines() if line.startswith("CEA:2023")] == [
        ["CEA:2023", "3,000", "0", "3,000", "3,000", "1,500", "EXPIRED_FOR_COMPLIANCE"]
    ]


def test_people_are_told_why_an_entity_may_not(store: Path) -> None:
    text = ok(store, "banking", "late", "--as-of", "2026-03-01", "--format", "table")
    assert "not eligible: 2024 was not met by 2025-12-31T23:59:59+08:00: NON_COMPLIANT" in text
    assert "now, to be processed by 2026-03-27" in text


def test_programs_get_every_input(store: Path) -> None:
    row = ask(store, "banking", "plant", "--as-of", "2026-07-01", "--registry", "cn-national")
    assert list(row) == list(BankingRow.__annotations__)
    with Ledger.open(store, read_only=True) as ledger:
        assert row == ledger.banking("plant", as_of="2026-07-01")
    assert (row["cap"], row["holding"], row["carried"], row["carryable"]) == (
        13_000, 4_000, 1_500, 2_500,
    )  # fmt: skip
    lines = ok(store, "banking", "plant", "--format", "jsonl").splitlines()
    assert len(lines) == 1
    (cells,) = csv.DictReader(io.StringIO(ok(store, "banking", "plant", "--format", "csv")))
    assert (cells["cap"], cells["eligible"]) == ("13000", "true")


def test_it_answers_as_of_and_known_at(store: Path) -> None:
    row = ask(store, "banking", "plant", "--as-of", "2024-05-05")
    assert (row["cap"], row["holding"]) == (10_000, 6_000)
    row = ask(store, "banking", "plant", "--as-of", "2026-07-01", "--known-at", "@14")
    assert row["carried"] == 0


def test_where_nothing_can_be_carried_over_it_says_so(store: Path) -> None:
    result = run(store, "banking", "nobody")
    assert result.exit_code == 1
    assert "no rulebook lets units of nobody be carried over" in result.stderr
    assert result.stdout == ""
