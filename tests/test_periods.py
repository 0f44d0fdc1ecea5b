"""``periods``: the closings of a registry, their heads, and the late facts of each."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.ledger import Ledger, publish_heads, read_heads
from etsledger.ledger.postings import LAG
from helpers import ON_SQLITE, UNIT, DayBook, SteppingClock, command, send_all, trial_registry

Row = dict[str, Any]


def rows(book: DayBook, **question: Any) -> list[Row]:
    return [dict(row) for row in book.ledger.periods(**question)]


def told(found: list[Row]) -> list[tuple[str, str | None, str | None, list[int]]]:
    return [
        (row["what"], row["since"], row["until"], [late["position"] for late in row["late"]])
        for row in found
    ]


@pytest.fixture
def spring(book: DayBook, clock: SteppingClock) -> DayBook:
    """May is closed on 2 June, and June on 3 July; three facts come late."""
    clock.now = "2024-06-02T09:00:00+08:00"
    book.issue(1_000, at="2024-01-02")  # 9
    book.send("close_period", until="2024-05-31", actor="clerk", reference="protocol 5")
    book.issue(1, at="2024-05-31", approved_by="mee", reason="found in a drawer")  # 11
    book.issue(2, at="2024-06-01")  # 12
    book.transfer(3, "crrc-1", "desk-1", at="2024-01-03", approved_by="mee")  # 13
    clock.now = "2024-07-03T09:00:00+08:00"
    book.send("close_period", until="2024-06-30")  # 14
    book.issue(4, at="2024-06-30", approved_by="mee")  # 15
    book.send("assert_balance", account="desk-1", unit=UNIT, quantity=3, at="2024-06-30")
    return book


def test_each_late_fact_stands_in_the_period_in_which_it_was_recorded(spring: DayBook) -> None:
    assert told(rows(spring)) == [
        ("closed", None, "2024-05-31", []),
        ("closed", "2024-06-01", "2024-06-30", [11, 13]),
        ("open", "2024-07-01", None, [15]),
    ]
    first, second, last = rows(spring)
    assert (first["position"], first["actor"], first["reference"]) == (10, "clerk", "protocol 5")
    assert first["recorded_at"] == first["effective_at"] == "2024-06-02T09:00:00+08:00"
    assert second["late"][0] == {
        "position": 11, "type": "UnitsIssued", "effective_at": "2024-05-31T00:00:00+08:00",
        "recorded_at": "2024-06-02T09:00:00+08:00", "command_id": "t3", "actor": None,
        "approved_by": "mee", "reference": None, "reason": "found in a drawer",
    }  # fmt: skip
    assert (last["position"], last["hash"], last["root"]) == (None, None, None)


def test_the_head_of_a_closing_is_the_one_that_was_published(
    new_store_url: Callable[[], str], clock: SteppingClock, tmp_path: Any
) -> None:
    publish = publish_heads(file=tmp_path / "heads")
    with Ledger.open(new_store_url(), create=True, clock=clock, publish=publish) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        for month in range(1, 6):
            book.issue(month)
            book.send("close_period", until=f"2024-0{month}-15")
        kept = read_heads((tmp_path / "heads").read_text())
        shown = [(row["position"], row["hash"], row["root"]) for row in rows(book)]
        assert shown == [*((h.position, h.hash, h.root) for h in kept), (None, None, None)]
        assert ledger.verify(head=kept).ok


def test_as_of_and_known_at(spring: DayBook) -> None:
    assert rows(spring, as_of="2024-06-01") == []
    assert rows(spring, known_at=9) == []
    assert told(rows(spring, as_of="2024-06-30")) == [
        ("closed", None, "2024-05-31", []), ("open", "2024-06-01", None, [11, 13])
    ]  # fmt: skip
    assert told(rows(spring, known_at=12)) == [
        ("closed", None, "2024-05-31", []), ("open", "2024-06-01", None, [11])
    ]  # fmt: skip
    assert told(rows(spring, known_at="2024-06-30")) == told(rows(spring, known_at=13))


def test_what_was_opened_again_says_so(spring: DayBook) -> None:
    spring.send("reopen_period", until="2024-05-31", reason="the report of June")  # 17
    spring.issue(5, at="2024-06-30")  # 18, in time again
    spring.issue(6, at="2024-05-31", approved_by="mee")  # 19
    found = rows(spring)
    assert told(found) == [
        ("closed", None, "2024-05-31", []),
        ("closed", "2024-06-01", "2024-06-30", [11, 13]),
        ("reopened", None, "2024-05-31", []),
        ("open", "2024-06-01", None, [15, 19]),
    ]
    assert [row["reopened_by"] for row in found] == [None, 17, None, None]
    spring.send("close_period", until="2024-06-30")
    assert told(rows(spring))[3:] == [
        ("closed", "2024-06-01", "2024-06-30", [15, 19]), ("open", "2024-07-01", None, [])
    ]  # fmt: skip


def test_by_registry_and_nothing_where_nothing_was_closed(spring: DayBook) -> None:
    spring.send("open_registry", registry="other", rulebook="open", at="2020-01-01")
    assert rows(spring, registry="other") == rows(spring, registry="nowhere") == []
    assert rows(spring, registry="trial") == rows(spring)
    spring.send("close_period", registry="other", until="2024-01-31")
    assert [row["registry"] for row in rows(spring)] == ["other"] * 2 + ["trial"] * 3
    assert told(rows(spring, registry="other")) == [
        ("closed", None, "2024-01-31", []), ("open", "2024-02-01", None, [])
    ]  # fmt: skip


def test_the_tables_tell_what_the_log_tells(spring: DayBook, clock: SteppingClock) -> None:
    before = rows(spring)
    for _ in range(LAG + 1):
        spring.issue(1)
    assert rows(spring) == before
    spring.ledger.rebuild()
    assert spring.ledger.verify().ok
    with Ledger.open(spring.ledger.store.url, clock=clock) as again:
        assert rows(DayBook(again)) == before
        DayBook(again).send("reopen_period", id="again", until="2024-01-31")
        assert [row["what"] for row in rows(DayBook(again))] == [
            "closed", "closed", "reopened", "open"
        ]  # fmt: skip


# -- on the page for a regulator -----------------------------------------------------------------


def section(book: DayBook, subject: str, **question: Any) -> str:
    """What a reader of the report sees of its closed periods."""
    page = book.ledger.report(subject, registry="trial", **question)
    if '<section id="periods">' not in page:
        return ""
    part = page.split('<section id="periods">')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", part)))


@ON_SQLITE
def test_the_report_lists_the_late_facts_of_each_period(spring: DayBook) -> None:
    said = section(spring, "trial")
    assert "up to 2024-05-31 closed 2024-06-02 09:00 0 protocol 5 t2" in said
    assert "2024-06-01 to 2024-06-30 closed 2024-07-03 09:00 2 t6" in said
    assert "from 2024-07-01 on open 1" in said
    listed = said.split("Late facts: 2024-06-01 to 2024-06-30")[1]
    assert "11 issued 2024-05-31 00:00 2024-06-02 09:00 mee found in a drawer t3" in listed
    assert "13 transferred" in listed.split("Late facts: from 2024-07-01 on")[0]
    spring.send("reopen_period", until="2024-05-31")
    assert "closed; opened again at position 17" in section(spring, "trial")


@ON_SQLITE
def test_the_report_of_an_entity_lists_its_own_late_facts(spring: DayBook) -> None:
    assert "2024-06-01 to 2024-06-30 closed 2024-07-03 09:00 2 " in section(spring, "crrc")
    said = section(spring, "baosteel")
    assert "2024-06-01 to 2024-06-30 closed 2024-07-03 09:00 0 " in said
    assert "Late facts:" not in said


@ON_SQLITE
def test_the_report_in_chinese_and_of_a_registry_that_was_never_closed(
    spring: DayBook,
) -> None:
    said = section(spring, "trial", lang="zh")
    assert "2024-06-01 至 2024-06-30 已结账" in said
    assert "逾期补录" in said
    assert section(spring, "trial", as_of="2024-05-01") == ""


DAYS = st.integers(0, 20)
ACTS = st.tuples(st.sampled_from(["close", "reopen", "late"]), DAYS)


@given(acts=st.lists(ACTS, max_size=25))
def test_every_late_fact_stands_in_exactly_one_period(
    acts: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock, start = SteppingClock("2024-01-15T09:00:00"), date(2024, 1, 1)
    with Ledger.open(
        tmp_path_factory.mktemp("periods") / "books.db", create=True, clock=clock
    ) as ledger:
        send_all(ledger, trial_registry())
        closed, late, closings = -1, dict[int, int](), 0
        for number, (act, offset) in enumerate(acts):
            day = (start + timedelta(days=offset)).isoformat()
            name = {"close": "close_period", "reopen": "reopen_period"}.get(act)
            sent = command("issue", f"{number}", unit=UNIT, quantity=1, at=day, approved_by="mee")
            (outcome,) = ledger.apply(
                [sent if name is None else command(name, f"{number}", until=day)]
            )
            if outcome.refusal is not None:
                continue
            if name is None and offset <= closed:
                late[outcome.positions[0]] = closings
            elif name is not None:
                closed, closings = offset, closings + (act == "close")
        found = rows(DayBook(ledger))
        kept = [row for row in found if row["what"] != "reopened"]
        for index, row in enumerate(kept):
            expected = [position for position, period in late.items() if period == index]
            assert [one["position"] for one in row["late"]] == expected
        assert len(kept) == (closings + 1 if closings else 0)


@ON_SQLITE
def test_asking_a_store_that_takes_no_writes(spring: DayBook, clock: SteppingClock) -> None:
    with Ledger.open(spring.ledger.store.url, read_only=True, clock=clock) as ledger:
        assert [dict(row) for row in ledger.periods()] == rows(spring)
