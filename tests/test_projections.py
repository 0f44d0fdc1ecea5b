"""What readers ask: balances, statements, supply and events, from the tables and from the log."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

import a_year
from a_year import NEW
from etsledger.ledger import Ledger
from helpers import (
    ON_SQLITE,
    REGISTRY,
    UNIT,
    DayBook,
    SteppingClock,
    command,
    held_by_account,
)


@pytest.fixture
def book(ledger: Ledger) -> DayBook:
    """The day book of ``a_year``."""
    return a_year.write(ledger)


# -- balances ----------------------------------------------------------------------------------


def test_balances_are_rows_by_registry_account_and_unit(book: DayBook) -> None:
    rows = book.ledger.balances()
    keys = [(row["registry"], row["account"], row["unit"]) for row in rows]
    assert keys == sorted(keys)
    assert rows[0] == {
        "registry": "other", "account": "crrc-1", "entity": None, "unit": UNIT, "quantity": 7,
        "available": 7, "frozen": 0, "pledged": 0, "pending": 0, "restricted": 0,
    }  # fmt: skip
    assert held_by_account(book.ledger, registry="trial") == {
        ("authority", UNIT): 300, ("baosteel-1", NEW): 50, ("cancelled", UNIT): 20,
        ("crrc-1", UNIT): 220, ("desk-1", UNIT): 180, ("hubei", UNIT): 100,
        ("reserve", UNIT): 100, ("retired", UNIT): 80,
    }  # fmt: skip
    (crrc,) = book.ledger.balances(registry="trial", account="crrc-1")
    assert (crrc["entity"], crrc["available"], crrc["pledged"]) == ("crrc", 190, 30)


def test_balances_can_be_asked_by_anything(book: DayBook) -> None:
    everything = book.ledger.balances()
    filters: list[dict[str, Any]] = [
        {"registry": "trial"}, {"registry": "other"}, {"account": "crrc-1"}, {"unit": UNIT},
        {"unit": NEW}, {"entity": "crrc"}, {"entity": "baosteel"},
        {"account": "crrc-1", "unit": UNIT}, {"registry": "trial", "account": "crrc-1"},
        {"entity": "crrc", "unit": NEW}, {"entity": "crrc", "account": "crrc-1"},
        {"entity": "crrc", "account": "desk-1"}, {"registry": "other", "entity": "crrc"},
        {"registry": "other", "account": "crrc-1", "unit": UNIT},
    ]  # fmt: skip
    for question in filters:
        expected = [
            row for row in everything if all(row[key] == given for key, given in question.items())
        ]
        assert book.ledger.balances(**question) == expected, question
        assert book.ledger.balances(**question, from_log=True) == expected, question


@ON_SQLITE
@pytest.mark.parametrize("key", ["registry", "account", "entity", "unit"])
def test_an_unknown_id_has_no_balances(book: DayBook, key: str) -> None:
    unknown: dict[str, Any] = {key: "nobody"}
    for from_log in (False, True):
        assert book.ledger.balances(**unknown, from_log=from_log) == []
    if key in ("registry", "unit"):
        assert book.ledger.supply(**unknown) == []
    if key != "unit":
        assert list(book.ledger.events(**unknown)) == []
    assert book.ledger.statement("nobody") == []


def test_rows_of_nothing_are_left_out_unless_asked_for(book: DayBook) -> None:
    assert ("crrc-1", NEW) not in held_by_account(book.ledger, registry="trial")
    rows = book.ledger.balances(registry="trial", zero=True)
    zero = [row for row in rows if row["quantity"] == 0]
    assert [(row["account"], row["unit"], row["entity"]) for row in zero] == [
        ("crrc-1", NEW, "crrc")
    ]
    assert book.ledger.balances(registry="trial", zero=True, from_log=True) == rows


def test_the_outside_is_no_row(book: DayBook) -> None:
    accounts = {row["account"] for row in book.ledger.balances(zero=True)}
    assert "issuance" not in accounts


def test_a_pending_surrender_is_held_and_not_available(book: DayBook) -> None:
    (row,) = book.ledger.balances(registry="trial", account="crrc-1", unit=UNIT, as_of="2023-06-15")
    assert (row["quantity"], row["pending"], row["available"]) == (300, 80, 220)


# -- statements --------------------------------------------------------------------------------


def brief(rows: list[Any]) -> list[tuple[int, str, int, int, str | None]]:
    return [
        (row["position"], row["unit"], row["quantity"], row["balance"], row["counterparty"])
        for row in rows
    ]


def test_a_statement_runs_by_effective_time_with_a_balance_by_unit(book: DayBook) -> None:
    rows = book.ledger.statement("crrc-1", registry="trial")
    assert brief(rows) == [
        (14, NEW, 50, 50, "issuance"),
        (12, UNIT, 500, 500, "hubei"),
        (13, UNIT, -200, 300, "desk-1"),
        (16, UNIT, -80, 220, "retired"),
        (19, NEW, -50, 0, "baosteel-1"),
    ]
    assert rows[0] == {
        "position": 14, "registry": "trial", "effective_at": "2023-01-01T00:00:00+08:00",
        "recorded_at": "2024-06-01T09:00:00+08:00", "type": "OpeningBalanceRecorded",
        "unit": NEW, "quantity": 50, "balance": 50, "counterparty": "issuance", "command_id": "t6",
        "actor": None, "reference": None,
    }  # fmt: skip


def test_a_statement_between_two_days_keeps_the_balances_that_ran_before(book: DayBook) -> None:
    for start, end, positions in [
        ("2023-03-01", "2023-07-01", [13, 16]),
        ("2023-03-01T00:00:00.000001", "2023-06-30T23:59:59", []),
        (None, "2023-02-01", [14, 12]),
        ("2023-08-01", None, [19]),
    ]:
        rows = book.ledger.statement("crrc-1", registry="trial", start=start, end=end)
        assert [row["position"] for row in rows] == positions
    (last,) = book.ledger.statement("crrc-1", registry="trial", start="2023-07-01",
                                    end="2023-07-01")  # fmt: skip
    assert (last["quantity"], last["balance"]) == (-80, 220)


def test_a_statement_as_known_then(book: DayBook) -> None:
    rows = book.ledger.statement("crrc-1", registry="trial", known_at="@13")
    assert [row["position"] for row in rows] == [12, 13]
    rows = book.ledger.statement("crrc-1", registry="trial", as_of="2023-02-28")
    assert [row["position"] for row in rows] == [14, 12]


def test_a_statement_covers_the_account_in_every_registry_unless_one_is_named(
    book: DayBook,
) -> None:
    rows = book.ledger.statement("crrc-1")
    assert {row["registry"] for row in rows} == {"trial", "other"}
    (other,) = book.ledger.statement("crrc-1", registry="other")
    assert (other["position"], other["quantity"], other["balance"]) == (22, 7, 7)


def test_every_movement_names_the_other_side(book: DayBook) -> None:
    expected = {
        "authority": ["issuance", "hubei", "reserve"],
        "reserve": ["authority"],
        "retired": ["crrc-1"],
        "cancelled": ["desk-1"],
        "desk-1": ["crrc-1", "cancelled"],
    }
    for account, counterparties in expected.items():
        rows = book.ledger.statement(account, registry="trial")
        assert [row["counterparty"] for row in rows] == counterparties


def test_a_statement_carries_the_papers_of_each_movement(book: DayBook) -> None:
    book.transfer(1, "crrc-1", "desk-1", id="with-papers", actor="crrc", reference="doc 17")
    row = book.ledger.statement("desk-1", registry="trial")[-1]
    assert (row["command_id"], row["actor"], row["reference"], row["type"]) == (
        "with-papers", "crrc", "doc 17", "UnitsTransferred",
    )  # fmt: skip


def test_the_last_line_of_a_statement_is_the_balance(book: DayBook) -> None:
    for as_of in ("2023-01-15", "2023-03-15", "2023-07-15", None):
        for row in book.ledger.balances(as_of=as_of, zero=True):
            lines = book.ledger.statement(row["account"], registry=row["registry"], as_of=as_of)
            own = [line for line in lines if line["unit"] == row["unit"]]
            assert own[-1]["balance"] == row["quantity"] == sum(x["quantity"] for x in own)


# -- supply ------------------------------------------------------------------------------------


def test_all_units_are_somewhere(book: DayBook) -> None:
    assert book.ledger.supply(registry="trial") == [
        {"registry": "trial", "unit": UNIT, "issued": 1000, "authority": 300, "province": 100,
         "holding": 400, "reserve": 100, "retired": 80, "cancelled": 20, "converted_in": 0,
         "converted_out": 0, "balanced": True},
        {"registry": "trial", "unit": NEW, "issued": 50, "authority": 0, "province": 0,
         "holding": 50, "reserve": 0, "retired": 0, "cancelled": 0, "converted_in": 0,
         "converted_out": 0, "balanced": True},
    ]  # fmt: skip


def test_the_law_of_conservation_holds_at_every_position_and_instant(book: DayBook) -> None:
    days = ("2022-12-31", "2023-01-01", "2023-03-01", "2023-07-01", "2024-06-01")
    for known_at in range(23):
        for as_of in days:
            rows = book.ledger.supply(as_of=as_of, known_at=known_at)
            assert book.ledger.supply(as_of=as_of, known_at=known_at, from_log=True) == rows
            places = ("authority", "province", "holding", "reserve", "retired", "cancelled")
            for row in rows:
                held = sum(
                    balance["quantity"]
                    for balance in book.ledger.balances(
                        registry=row["registry"], unit=row["unit"], as_of=as_of,
                        known_at=known_at,
                    )
                )  # fmt: skip
                assert row["issued"] == held == sum(row[place] for place in places)
                assert row["balanced"]


def test_what_is_taken_back_was_not_issued(book: DayBook) -> None:
    book.issue(5, unit="CEA:2025", id="wrong")
    book.send("reverse", reverses="wrong")
    (row,) = book.ledger.supply(unit="CEA:2025")
    assert (row["issued"], row["holding"], row["balanced"]) == (0, 0, True)


# -- the tables can be made again ----------------------------------------------------------------


def answers(ledger: Ledger) -> list[Any]:
    return [
        ledger.balances(zero=True), ledger.balances(entity="crrc"), ledger.supply(),
        ledger.statement("crrc-1"), list(ledger.events(entity="crrc")),
        ledger.balances(as_of="2023-02-15", known_at="@13"),
    ]  # fmt: skip


@pytest.mark.parametrize("lag", [0, 5, 1000])
def test_the_answers_are_the_same_however_far_the_tables_have_followed(
    book: DayBook, new_store_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    expected = answers(book.ledger)
    for module in ("ledger.postings", "projections.books", "projections.parties"):
        monkeypatch.setattr(f"etsledger.{module}.LAG", lag)
    with Ledger.open(new_store_url(), create=True, clock=SteppingClock()) as other:
        for line in range(23):
            other.import_log(list(book.ledger.export())[:line])
            other.balances()
        assert answers(other) == expected
        assert other.verify().ok
        assert other.rebuild() == 22
        assert answers(other) == expected
        assert other.verify().ok


def test_a_rebuilt_ledger_goes_on(book: DayBook) -> None:
    ledger = book.ledger
    expected = answers(ledger)
    assert ledger.rebuild() == 22
    assert answers(ledger) == expected
    again = command("distribute", "t2", unit=UNIT, quantity=600, from_="authority", to="hubei",
                    at="2023-01-02")  # fmt: skip
    assert ledger.execute(again).outcome == "duplicate"
    book.issue(1)
    assert ledger.verify().ok
    assert ledger.balances() == ledger.balances(from_log=True)


@ON_SQLITE
@pytest.mark.parametrize(
    "question", [{}, {"registry": REGISTRY}, {"account": "crrc-1", "registry": REGISTRY}]
)
def test_sums_are_read_in_the_order_of_the_index_and_nothing_is_sorted(
    book: DayBook, question: Any
) -> None:
    """Otherwise a question about a registry holds all its postings in memory."""
    seen: list[str] = []
    engine = book.ledger.store.engine

    @event.listens_for(engine, "before_cursor_execute")
    def explain(*given: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        statement, parameters = given[2], given[3]
        if "GROUP BY" in statement:
            cursor = given[0].connection.driver_connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.extend(row[3] for row in cursor.fetchall())

    assert book.ledger.balances(**question)
    assert seen
    assert not [plan for plan in seen if "TEMP B-TREE" in plan]
