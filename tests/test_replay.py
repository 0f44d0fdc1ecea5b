"""``replay``: the books made again from the log alone say what the tables say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from sqlalchemy import text

import every_event
from command_line import ask, books, lines, ok, run
from etsledger.ledger import Ledger
from etsledger.ledger.errors import StoreDamaged
from helpers import ON_SQLITE, DayBook, SteppingClock, command, standing
from random_books import Books, picks
from test_cli_trust import change


def found(ledger: Ledger, **asked: Any) -> set[str]:
    """The tables in which something differs."""
    answer = ledger.replay(**asked)
    assert answer.ok == (not answer.differences)
    return {one.table for one in answer.differences}


def test_replay_of_every_event_differs_in_nothing(ledger: Ledger, clock: SteppingClock) -> None:
    every_event.run(ledger, clock)
    last = ledger.head().position
    for to in (None, last, last // 2, 1, 0):
        answer = ledger.replay(to=to)
        assert answer.ok, answer.differences
        assert answer.position == (last if to is None else to)
    answer = ledger.replay()
    assert answer.hash == ledger.head().hash
    assert answer.balances == ledger.balances()
    assert answer.supply == ledger.supply()
    assert answer.compliance == ledger.compliance()
    assert answer.compared["compliance"] > 0
    assert answer.compared["postings"] > 20


def test_replay_to_a_time_is_what_was_known_and_effective_then(
    book: DayBook, clock: SteppingClock
) -> None:
    book.issue(1000, at="2024-01-02")
    kept = clock.now
    clock.advance(days=10)
    book.transfer(300, "crrc-1", "desk-1", at="2024-03-01")
    early, late = book.ledger.replay(to=kept), book.ledger.replay()
    assert [row["quantity"] for row in early.balances] == [1000]
    assert [row["quantity"] for row in late.balances] == [700, 300]
    assert (early.position, early.as_of) == (9, kept.isoformat())
    # known by the second time, effective after the date that is asked
    dated = book.ledger.replay(to="2024-06-30")
    assert (dated.position, dated.as_of) == (10, "2024-06-30T23:59:59.999999+08:00")
    assert dated.balances == late.balances
    assert book.ledger.replay(to="@9").balances == early.balances
    assert book.ledger.replay(to="2024-01-01").position == 0


def test_a_fact_of_the_future_is_among_the_holdings_and_not_yet_in_the_balances(
    book: DayBook,
) -> None:
    book.issue(1000, at="2030-01-01")
    answer = book.ledger.replay()
    assert answer.ok
    assert answer.balances == []
    assert answer.compared["holdings"] == 2  # issuance and the account


_REST = "leg, registry, account, unit, bucket, effective_at, quantity"
CHANGED = [
    ("UPDATE ledger_postings SET quantity = quantity + 1 WHERE position = 9", {"postings"}),
    ("DELETE FROM ledger_postings WHERE position = 9", {"postings"}),
    (f"INSERT INTO ledger_postings SELECT 8, {_REST} FROM ledger_postings WHERE position = 9",
     {"postings"}),
    (
        "UPDATE ledger_postings_by_account SET quantity = quantity + 1 WHERE account = 'crrc-1'",
        {"balances", "holdings", "supply"},
    ),
    ("DELETE FROM projection_accounts WHERE account = 'hubei'", {"supply"}),
    ("UPDATE projection_accounts SET kind = 'province' WHERE account = 'crrc-1'", {"supply"}),
    ("UPDATE projection_accounts SET entity = NULL WHERE account = 'crrc-1'", {"balances"}),
    ("UPDATE projection_years SET body = 'x'", {"compliance"}),
    ("DELETE FROM projection_years WHERE year = 2023", {"compliance"}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "tables"), CHANGED)
def test_a_changed_table_is_found_by_its_name(
    book: DayBook, monkeypatch: pytest.MonkeyPatch, statement: str, tables: set[str]
) -> None:
    book.issue(1000)
    book.issue(70, to="hubei")
    book.send("record_verified", entity="crrc", year=2023, emissions=100)
    book.surrender(100)
    ledger = book.ledger
    for module in ("years", "parties"):  # as in a long log, where the tables are kept
        monkeypatch.setattr(f"etsledger.projections.{module}.LAG", 1)
    ledger.rebuild()
    assert found(ledger) == set()
    with ledger.store.engine.begin() as connection:
        if ledger.store.engine.dialect.name == "postgresql":
            statement = statement.replace("'x'", "'\\x78'::bytea")
        assert connection.execute(text(statement)).rowcount >= 1
    assert found(ledger) == tables


def test_a_log_that_does_not_replay_is_said_to_be_damaged(tmp_path: Path) -> None:
    store = books(tmp_path)
    change(store, "UPDATE stored_events SET topic = 'Gone' WHERE rowid = 9")
    result = run(store, "replay")
    assert result.exit_code == 3
    assert "UnknownEventType" in result.stderr
    with Ledger.open(store, read_only=True) as ledger, pytest.raises(Exception, match="Gone"):
        ledger.replay()


def test_an_event_that_does_not_fit_is_said_to_be_damage(tmp_path: Path) -> None:
    store = books(tmp_path)
    freeze = lines([command("freeze", "f1", account="crrc-1", at="2024-07-01")])
    ok(store, "apply", "-", given=freeze)
    with Ledger.open(store, read_only=True) as ledger:
        change(
            store,
            "UPDATE stored_events SET state = "
            """CAST(replace(state, '"crrc-1"', '"nobody"') AS BLOB) WHERE rowid = 14""",
        )
        with pytest.raises(StoreDamaged, match="event 14 does not fit"):
            ledger.replay()
        assert ledger.replay(to=13).ok
        change(store, "UPDATE stored_events SET state = replace(state, '00', '00') WHERE rowid = 3")
        with pytest.raises(StoreDamaged, match="event 3 cannot be read"):
            ledger.replay()
        change(store, "DELETE FROM stored_events WHERE rowid = 3")
        with pytest.raises(StoreDamaged, match="does not continue at position 4"):
            ledger.replay()


def test_replay_writes_nothing_and_needs_no_write(tmp_path: Path) -> None:
    store = books(tmp_path)
    ask(store, "balances")
    before = store.read_bytes()
    with Ledger.open(store, read_only=True) as ledger:
        stood = standing(ledger)
        assert ledger.replay().ok
        assert ledger.replay(to=5).ok
        assert standing(ledger) == stood
    assert store.read_bytes() == before


def test_an_empty_log_is_replayed_to_nothing(ledger: Ledger) -> None:
    answer = ledger.replay()
    assert (answer.ok, answer.position, answer.recorded_at) == (True, 0, None)
    assert answer.hash == "0" * 64


def test_progress_is_told(book: DayBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etsledger.projections.replay.FETCH", 3)
    reached: list[int] = []
    book.ledger.replay(progress=reached.append)
    assert reached == [3, 6]


# -- on the command line ----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def test_the_command_says_what_was_compared(store: Path) -> None:
    head = ask(store, "head")
    answer = ask(store, "replay")
    assert (answer["ok"], answer["position"], answer["hash"]) == (True, 13, head["hash"])
    assert set(answer["compared"]) == {"postings", "balances", "holdings", "supply", "compliance"}
    table = ok(store, "replay", "--format", "table")
    assert "made again from the log up to position 13" in table
    assert table.endswith("nothing differs\n")


@pytest.mark.parametrize(
    ("to", "position"), [("9", 9), ("@9", 9), ("99", 13), ("2099-01-01", 13), ("2020-01-01", 0)]
)
def test_to_is_a_position_or_a_time(store: Path, to: str, position: int) -> None:
    assert ask(store, "replay", "--to", to)["position"] == position


@pytest.mark.parametrize("to", ["yesterday", "@x", "-1"])
def test_to_of_another_kind_is_wrong_usage(store: Path, to: str) -> None:
    result = run(store, "replay", f"--to={to}")
    assert result.exit_code == 2


def test_differences_are_exit_code_1_and_listed(store: Path) -> None:
    change(store, "UPDATE ledger_postings SET quantity = 7 WHERE position = 9 AND quantity > 0")
    result = run(store, "replay", "--format", "table")
    assert result.exit_code == 1
    assert "postings   9" in result.stdout
    assert "crrc-1" in result.stdout
    assert "etsledger rebuild" in result.stdout
    assert run(store, "replay", "--format", "json").exit_code == 1
    ok(store, "rebuild")
    assert ask(store, "replay")["ok"] is True


# -- random books -----------------------------------------------------------------------------


@ON_SQLITE
def test_replay_equals_live_at_random_positions(new_store_url: Callable[[], str]) -> None:
    class Replayed(Books):
        """After each write the live answers are kept; replayed later they are the same."""

        def new_url(self) -> str:
            self.seen: dict[int, tuple[Any, Any]] = {}
            return new_store_url()

        def check(self, sent: dict[str, Any]) -> None:
            super().check(sent)
            position = self.ledger.head().position
            self.seen.setdefault(position, (self.ledger.balances(), self.ledger.supply()))

        @rule(pick=picks)
        def replay_to_a_position(self, pick: int) -> None:
            position = pick % (self.ledger.head().position + 1)
            answer = self.ledger.replay(to=position)
            assert answer.ok, answer.differences
            position = sorted(self.seen)[pick % len(self.seen)]
            answer = self.ledger.replay(to=position)
            assert answer.ok, answer.differences
            assert (answer.balances, answer.supply) == self.seen[position]

    budget = settings(
        max_examples=15,
        stateful_step_count=30,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Replayed, settings=budget)
