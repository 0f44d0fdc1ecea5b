"""Closing: later facts that take effect in a closed period need a named authority."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_books import NEW, CreditBook
from credit_books import book as credit_book
from etsledger.ledger import Ledger
from helpers import (
    ON_SQLITE,
    UNIT,
    DayBook,
    SteppingClock,
    command,
    live_state,
    replayed,
    send_all,
    standing,
    trial_registry,
)
from rulebooks import open_rulebook

__all__ = ["credit_book"]  # a fixture

MAY = "2024-05-31"
LAST = "2024-05-31T23:59:59.999999"
NEXT = "2024-06-01T00:00:00"


@pytest.fixture
def closed(book: DayBook) -> DayBook:
    """1,000 t since January; on 1 June at nine everything up to the end of May is closed."""
    book.issue(1_000, at="2024-01-02")
    book.send("close_period", id="may", until=MAY)
    return book


def events(ledger: Ledger, *types: str) -> list[dict[str, Any]]:
    return [dict(row) for row in ledger.events(types=types)]


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["2024-01-02", "2024-05-31", LAST])
def test_a_fact_that_takes_effect_in_a_closed_period_is_refused(closed: DayBook, at: str) -> None:
    refusal = closed.refused(
        "PeriodClosed", "transfer", unit=UNIT, quantity=1, from_="crrc-1", to="desk-1",
        kind="free", at=at,
    )  # fmt: skip
    assert refusal.numbers["closed_until"] == MAY
    assert refusal.numbers["closing"] == 10
    assert "approved_by" in refusal.message


def test_the_first_instant_after_it_is_open(closed: DayBook) -> None:
    closed.transfer(1, "crrc-1", "desk-1", at=NEXT)
    closed.transfer(1, "crrc-1", "desk-1")
    assert closed.held("desk-1") == 2


def test_a_named_authority_lets_it_in(closed: DayBook) -> None:
    closed.transfer(1, "crrc-1", "desk-1", at=LAST, approved_by="mee")
    assert closed.held("desk-1", as_of=MAY) == 1


LATE = {"at": LAST}
FACTS: list[tuple[str, dict[str, Any]]] = [
    ("adopt_rulebook", {"rulebook": "open"}),
    ("register_entity", {"entity": "new", "name": "New", "sector": "power"}),
    ("set_entity_status", {"entity": "crrc", "status": "at_risk"}),
    ("open_account", {"account": "new", "kind": "institution"}),
    ("close_account", {"account": "wang-1"}),
    ("freeze", {"account": "crrc-1"}),
    ("pledge", {"account": "crrc-1", "unit": UNIT, "quantity": 1, "pledgee": "bank"}),
    ("issue", {"unit": UNIT, "quantity": 1, "to": "crrc-1"}),
    ("opening_balance", {"unit": UNIT, "quantity": 1, "account": "crrc-1"}),
    ("cancel", {"unit": UNIT, "quantity": 1, "account": "crrc-1"}),
    ("reverse", {"reverses": "t1"}),
    ("record_verified", {"entity": "crrc", "year": 2023, "emissions": 5}),
    ("surrender", {"entity": "crrc", "year": 2023, "unit": UNIT, "quantity": 1}),
    ("publish_balance_value", {"sector": "steel", "year": 2024, "value": "1.5"}),
    ("record_market_day", {"date": "2024-05-30", "unit": UNIT, "close": "80"}),
]  # fmt: skip


@ON_SQLITE
@pytest.mark.parametrize(("name", "fields"), FACTS, ids=[name for name, _ in FACTS])
def test_every_kind_of_fact_is_judged(closed: DayBook, name: str, fields: dict[str, Any]) -> None:
    closed.refused("PeriodClosed", name, **fields, **LATE)
    closed.send(name, **fields, **LATE, approved_by="mee")


@ON_SQLITE
def test_what_only_says_what_the_books_say_is_free(closed: DayBook) -> None:
    closed.send("record_verified", entity="crrc", year=2023, emissions=5, at=NEXT)
    closed.send("assert_balance", account="crrc-1", unit=UNIT, quantity=1_000, at=LAST)
    closed.send(
        "record_reconciliation", source="s", sha256="0" * 64, kind="holdings", as_of=MAY,
        known_at=3, matched=1, missing_here=0, missing_there=0, differing=0, at=LAST,
    )  # fmt: skip
    assert not live_state(closed.ledger).registries["trial"].late


def test_an_assessment_and_a_calculation_are_free(credit_book: CreditBook) -> None:
    credit_book.verified(1_000_000, at="2025-06-01")
    credit_book.send("close_period", until="2025-06-29")
    credit_book.send("assess_compliance", entity="plant", year=2024, at="2025-06-29")
    credit_book.send("check_banking_cap", entity="plant", at="2025-06-29")


@ON_SQLITE
def test_back_dating_is_told_before_a_closed_period(book: DayBook) -> None:
    book.issue(100, at="2024-01-02")
    book.transfer(80, "crrc-1", "desk-1", at="2024-04-01")
    book.send("close_period", until=MAY)
    fields = {"unit": UNIT, "from_": "crrc-1", "to": "desk-1", "kind": "free", "at": "2024-03-01"}
    book.refused("InsufficientUnits", "transfer", quantity=101, **fields)
    book.refused("BackdatedOverdraft", "transfer", quantity=21, **fields)
    book.refused("PeriodClosed", "transfer", quantity=20, **fields)
    book.refused("BackdatedOverdraft", "transfer", quantity=21, approved_by="mee", **fields)


def test_one_late_command_takes_its_batch_back(closed: DayBook) -> None:
    parts = [
        command("issue", "b/1", unit=UNIT, quantity=1, to="crrc-1", at=NEXT),
        command("issue", "b/2", unit=UNIT, quantity=1, to="crrc-1", at=LAST),
    ]
    closed.refused("PeriodClosed", "batch", commands=parts)
    closed.send("batch", commands=parts, approved_by="mee")


def test_the_event_of_another_registry_is_judged_by_the_closing_there(
    credit_book: CreditBook,
) -> None:
    credit_book.verified(1_000_000, at="2025-06-01")
    credit_book.credits(100)
    lock = credit_book.lock(50, at="2025-06-10")
    credit_book.send("close_period", registry="ccer", until="2025-06-20")
    refusal = credit_book.unusable("PeriodClosed", lock, at="2025-06-20")
    assert refusal.numbers["registry"] == "ccer"
    credit_book.use(lock, at="2025-06-20", approved_by="mee")
    late = live_state(credit_book.ledger).registries["ccer"].late
    (cancelled,) = events(credit_book.ledger, "CreditsCancelled")
    assert list(late) == [cancelled["position"]]
    assert credit_book.credit_row(unit=NEW)["quantity"] == 50


@ON_SQLITE
def test_registries_are_closed_one_by_one(closed: DayBook) -> None:
    closed.send("open_registry", registry="other", rulebook="open", at="2020-01-01")
    closed.send("issue", registry="other", unit=UNIT, quantity=1, at="2024-01-02")
    closed.refused("PeriodClosed", "issue", unit=UNIT, quantity=1, at="2024-01-02")


# -- closing and opening -------------------------------------------------------------------------

EDGES = """
2024-05-31 | 2024-06-01T09:00:00 | closed
2024-06-01 | 2024-06-01T09:00:00 | InvalidCommand
2024-05-31 | 2024-06-01T00:00:00 | closed
2024-05-31 | 2024-05-31T23:59:59 | InvalidCommand
2024-05-30 | 2024-05-31T23:59:59 | closed
2024-05-31 | 2024-06-01T09:00:01 | InvalidCommand
2024-02-30 | 2024-06-01T09:00:00 | InvalidCommand
1899-12-31 | 2024-06-01T09:00:00 | InvalidCommand
1900-01-01 | 2024-06-01T09:00:00 | closed
""".strip().splitlines()


@ON_SQLITE
@pytest.mark.parametrize("row", EDGES)
def test_a_day_is_closed_once_it_is_over_and_not_ahead_of_the_clock(
    book: DayBook, row: str
) -> None:
    until, at, outcome = (cell.strip() for cell in row.split("|"))
    if outcome == "closed":
        book.send("close_period", until=until, at=at)
    else:
        refusal = book.refused(outcome, "close_period", until=until, at=at)
        assert refusal.numbers["field"] in ("until", "effective_at")


@ON_SQLITE
@pytest.mark.parametrize(
    ("until", "moves"), [("2024-05-30", False), ("2024-05-31", False), ("2024-06-01", True)]
)
def test_a_closing_moves_forward(
    closed: DayBook, clock: SteppingClock, until: str, moves: bool
) -> None:
    clock.advance(days=1)
    if moves:
        closed.send("close_period", until=until)
        (_, second) = events(closed.ledger, "PeriodClosed")
        assert second["data"] == {"since": "2024-06-01", "until": "2024-06-01"}
    else:
        refusal = closed.refused("InvalidCommand", "close_period", until=until)
        assert refusal.numbers["closed_until"] == MAY


@ON_SQLITE
@pytest.mark.parametrize(
    ("until", "opens"), [("2024-06-01", False), ("2024-05-31", False), ("2024-05-30", True)]
)
def test_opening_again_moves_back(closed: DayBook, until: str, opens: bool) -> None:
    if not opens:
        closed.refused("InvalidCommand", "reopen_period", until=until)
        return
    closed.send("reopen_period", until=until)
    (opened,) = events(closed.ledger, "PeriodReopened")
    assert opened["data"] == {"closed_until": MAY, "until": until}
    closed.issue(1, at="2024-05-31")
    closed.refused("PeriodClosed", "issue", unit=UNIT, quantity=1, at="2024-05-30T23:59:59")
    closed.send("close_period", until=MAY)
    closed.refused("PeriodClosed", "issue", unit=UNIT, quantity=1, at="2024-05-31")


@ON_SQLITE
def test_nothing_is_opened_where_nothing_is_closed(book: DayBook) -> None:
    refusal = book.refused("InvalidCommand", "reopen_period", until="2024-01-01")
    assert refusal.numbers["closed_until"] is None


@ON_SQLITE
def test_closing_and_opening_are_facts_of_the_present(closed: DayBook) -> None:
    for name, until in (("close_period", "2024-06-01"), ("reopen_period", "2024-01-01")):
        closed.refused("InvalidCommand", name, until=until, at="2024-06-02T09:00:00")
    closed.refused("PeriodClosed", "reopen_period", until="2024-01-01", at="2024-05-31")
    closed.send("reopen_period", until="2024-01-01", at="2024-05-31", approved_by="mee")


@ON_SQLITE
def test_the_next_closing_lists_what_came_late(closed: DayBook, clock: SteppingClock) -> None:
    first = closed.issue(1, at="2024-05-01", approved_by="mee").positions[0]
    closed.issue(2, at=NEXT)
    second = closed.issue(3, at="2024-01-03", approved_by="mee").positions[0]
    clock.advance(days=40)
    closed.send("close_period", until="2024-06-30")
    third = closed.issue(4, at="2024-06-15", approved_by="mee").positions[0]
    clock.advance(days=31)
    closed.send("close_period", until="2024-07-31")
    assert [row["data"].get("late", []) for row in events(closed.ledger, "PeriodClosed")] == [
        [], [first, second], [third]
    ]  # fmt: skip


@ON_SQLITE
def test_what_came_late_in_a_period_that_is_opened_again_is_still_listed(closed: DayBook) -> None:
    late = closed.issue(1, at="2024-05-01", approved_by="mee").positions[0]
    closed.send("reopen_period", until="2024-04-30")
    closed.issue(1, at="2024-05-02")
    closed.send("close_period", until=MAY)
    last = events(closed.ledger, "PeriodClosed")[-1]
    assert last["data"] == {"late": [late], "since": "2024-05-01", "until": MAY}


def test_a_closing_survives_the_process(closed: DayBook, clock: SteppingClock) -> None:
    closed.issue(1, at="2024-05-01", approved_by="mee")
    with Ledger.open(closed.ledger.store.url, clock=clock) as again:
        book = DayBook(again)
        book.refused("PeriodClosed", "issue", id="late", unit=UNIT, quantity=1, at="2024-05-01")
        assert live_state(again) == replayed(again)
        assert again.verify().ok


@ON_SQLITE
def test_a_refused_write_takes_a_closing_back(closed: DayBook, clock: SteppingClock) -> None:
    clock.advance(days=1)
    parts = [
        command("close_period", "b/1", until="2024-06-01"),
        command("issue", "b/2", unit=UNIT, quantity=1, to="nobody"),
    ]
    closed.refused("UnknownAccount", "batch", commands=parts)
    closed.issue(1, at="2024-06-01T12:00:00")


# -- who may let it in ---------------------------------------------------------------------------

OFFICE = {
    "authority": {
        "required": True,
        "source": "ets",
        "powers": [
            {"role": role, "commands": ["*"], "source": "ets"}
            for role in ("competent_authority", "province")
        ],
    },
    "closing": {"authority": ["competent_authority"], "source": "ets"},
}


@pytest.fixture
def office(ledger: Ledger) -> DayBook:
    """``mee`` is the competent authority from 2024 on, ``hubei`` a province; May is closed."""
    send_all(ledger, trial_registry(open_rulebook(**{**OFFICE, "authority": {
        **OFFICE["authority"], "required": False,
    }})))  # fmt: skip
    book = DayBook(ledger)
    for subject, role, at in (
        ("mee", "competent_authority", "2024-01-01"), ("hubei", "province", "2020-01-01"),
        ("late", "competent_authority", "2024-06-01T10:00:00"),
    ):  # fmt: skip
        book.send("register_actor", subject=subject, kind="office", at="2020-01-01")
        book.send("grant_role", subject=subject, role=role, at=at,
                  province="hubei" if role == "province" else None)  # fmt: skip
    book.send("close_period", until=MAY)
    book.send("adopt_rulebook", rulebook=open_rulebook(**OFFICE))
    return book


@ON_SQLITE
@pytest.mark.parametrize(
    ("approved_by", "let_in"),
    [(None, False), ("hubei", False), ("nobody", False), ("late", False), ("mee", True)],
)
def test_where_authority_is_asked_for_the_rulebook_names_the_roles(
    office: DayBook, approved_by: str | None, let_in: bool
) -> None:
    fields = {"unit": UNIT, "quantity": 1, "at": LAST, "actor": "hubei"}
    if let_in:
        office.send("issue", approved_by=approved_by, **fields)
        return
    refusal = office.refused("PeriodClosed", "issue", approved_by=approved_by, **fields)
    assert "competent_authority" in refusal.message


@ON_SQLITE
def test_a_role_counts_when_it_is_held_at_the_recorded_time(
    office: DayBook, clock: SteppingClock
) -> None:
    fields = {"unit": UNIT, "quantity": 1, "at": LAST, "actor": "hubei", "approved_by": "late"}
    clock.now = "2024-06-01T09:59:59"
    office.refused("PeriodClosed", "issue", **fields)
    clock.now = "2024-06-01T10:00:00"
    office.send("issue", **fields)


# -- against a plain model -----------------------------------------------------------------------

START = date(2024, 1, 1)
ACTS = st.tuples(
    st.sampled_from(["close", "reopen", "fact", "approved", "free"]), st.integers(0, 40)
)


@given(acts=st.lists(ACTS, min_size=1, max_size=40))
def test_closings_by_a_plain_model(
    acts: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A number of days is closed; a fact is let in on a later day, or with an authority."""
    clock = SteppingClock("2024-01-20T09:00:00")
    folder = tmp_path_factory.mktemp("closing")
    with Ledger.open(folder / "books.db", create=True, clock=clock) as ledger:
        send_all(ledger, trial_registry())
        closed: int | None = None
        late, listed = list[int](), list[list[int]]()
        for number, (act, offset) in enumerate(acts):
            day = START + timedelta(days=offset)
            text = day.isoformat()
            today = (clock.now.date() - START).days
            given: dict[str, Any] = command("issue", f"{number}", unit=UNIT, quantity=1, at=text)
            accepted = closed is None or offset > closed
            match act:
                case "close":
                    given = command("close_period", f"{number}", until=text)
                    accepted = accepted and offset < today
                case "reopen":
                    given = command("reopen_period", f"{number}", until=text)
                    accepted = closed is not None and offset < closed
                case "approved":
                    given["approved_by"] = "mee"
                    accepted = True
                case "free":
                    given = command("assert_balance", f"{number}", account="desk-1", unit=UNIT,
                                    quantity=0, at=text)  # fmt: skip
                    accepted = True
            before = standing(ledger)
            outcome = next(ledger.apply([given]))
            assert (outcome.refusal is None) is accepted, outcome
            if outcome.refusal is not None:
                code = "PeriodClosed" if act == "fact" else "InvalidCommand"
                assert outcome.refusal.code == code, outcome.refusal.message
                assert standing(ledger) == before
                continue
            position = outcome.positions[0]
            if act == "approved" and closed is not None and offset <= closed:
                late.append(position)
            if act in ("close", "reopen"):
                closed = offset
            if act == "close":
                listed.append(late)
                late = []
            clock.advance(hours=9)
        told = [row["data"].get("late", []) for row in events(ledger, "PeriodClosed")]
        assert told == listed
        assert list(live_state(ledger).registries["trial"].late) == late
        assert live_state(ledger) == replayed(ledger)
