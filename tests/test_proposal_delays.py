"""Delays: counted in Chinese working days, to be rejected in time, executed after them."""

from typing import Any

import pytest

from etsledger.domain.times import DAY, MICROSECOND, iso, parse_instant
from helpers import ON_SQLITE, UNIT, SteppingClock
from second_person import Pair

pytestmark = ON_SQLITE

CANCEL: dict[str, Any] = {"account": "crrc-1", "unit": UNIT, "quantity": 40}


@pytest.fixture
def pair(book: Any) -> Pair:
    """100 t in ``crrc-1``, and two persons."""
    book.issue(100, at="2024-01-02")
    return Pair(book.ledger)


def delayed(pair: Pair, days: int, clock: SteppingClock, now: str) -> str:
    """A proposal under a delay, made the day before ``now``."""
    clock.now = parse_instant(now) - DAY
    pair.staff({"commands": ["cancel"], "delay_working_days": days})
    proposal = pair.propose("cancel", **CANCEL)
    clock.now = now
    return proposal


# The spring festival of 2026: holidays from Sunday 15 to Monday 23 February; Saturday the 14th
# and Saturday the 28th are worked.
@pytest.mark.parametrize(
    ("approved", "days", "until"),
    [
        ("2026-02-12T10:00", 1, "2026-02-13"),
        ("2026-02-12T10:00", 2, "2026-02-14"),
        ("2026-02-12T10:00", 3, "2026-02-24"),
        ("2026-02-12T10:00", 6, "2026-02-27"),
        ("2026-02-12T10:00", 7, "2026-02-28"),
        ("2026-02-12T10:00", 8, "2026-03-02"),
        ("2026-02-13T23:59:59", 1, "2026-02-14"),
        ("2026-02-14T00:00", 1, "2026-02-24"),
        ("2026-02-14T23:59:59", 1, "2026-02-24"),
        ("2026-02-18T12:00", 1, "2026-02-24"),
        ("2026-02-23T00:00", 2, "2026-02-25"),
        ("2026-02-12T18:00:00+00:00", 1, "2026-02-14"),  # the 13th in Shanghai
        ("2026-02-13T15:59:59Z", 1, "2026-02-14"),
        ("2026-02-13T16:00:00Z", 1, "2026-02-24"),
    ],
)
def test_a_delay_over_the_spring_festival_ends_on_the_right_day(
    pair: Pair, clock: SteppingClock, approved: str, days: int, until: str
) -> None:
    proposal = delayed(pair, days, clock, approved)
    pair.approve(proposal)
    row = pair.row(proposal)
    assert (row["status"], row["approver"], row["delay_until"]) == ("approved", "wang", until)
    begin = parse_instant(until) + DAY
    clock.now = begin - MICROSECOND
    refusal = pair.refused("ApprovalRequired", "execute", proposal=proposal, actor="li")
    assert refusal.numbers == {"proposal": proposal, "delay_until": until, "earliest": iso(begin)}
    clock.now = begin
    pair.perform(proposal)
    assert pair.row(proposal)["executed_at"] == iso(begin)
    assert pair.held() == 60
    assert pair.ledger.verify().ok


@pytest.mark.parametrize("by", ["li", "wang"])
@pytest.mark.parametrize(
    "at", ["2026-02-12T10:00", "2026-02-13T23:59:59.999999", "2026-02-14T00:00", "2026-06-01"]
)
def test_until_it_is_executed_it_may_be_rejected(
    pair: Pair, clock: SteppingClock, at: str, by: str
) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    assert pair.available() == 60
    clock.now = at
    pair.reject(proposal, by)
    assert pair.available() == 100
    clock.now = "2026-07-01"
    pair.refused("UnknownReference", "execute", proposal=proposal, actor="li")


def test_what_was_executed_is_not_rejected(pair: Pair, clock: SteppingClock) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    clock.now = "2026-02-14T00:00"
    pair.perform(proposal)
    pair.refused("UnknownReference", "reject", proposal=proposal, actor="wang")


def test_what_is_approved_is_not_approved_again(pair: Pair, clock: SteppingClock) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    refusal = pair.refused("UnknownReference", "approve", proposal=proposal, actor="wang")
    assert refusal.numbers["approver"] == "wang"
    assert refusal.numbers["delay_until"] == "2026-02-13"


@pytest.mark.parametrize(
    ("dated", "counted_from"),
    [("2026-02-12T00:00", "2026-02-13"), ("2026-02-11T12:00", "2026-02-13"),
     ("2026-02-13T09:00", "2026-02-14")],
)  # fmt: skip
def test_a_date_of_ones_own_shortens_no_delay(
    pair: Pair, clock: SteppingClock, dated: str, counted_from: str
) -> None:
    """It counts from the later of the day that the approval is of and the day it is sent."""
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal, at=dated)
    assert pair.row(proposal, as_of="2026-03-01")["delay_until"] == counted_from
    later = iso(parse_instant(counted_from) + DAY)
    pair.refused("ApprovalRequired", "execute", proposal=proposal, actor="li", at=later)
    clock.now = later
    if dated < counted_from:
        pair.refused("ApprovalRequired", "execute", proposal=proposal, actor="li",
                     at=counted_from)  # fmt: skip
    pair.perform(proposal, at=later)


def test_an_execution_is_not_dated_before_the_approval(pair: Pair, clock: SteppingClock) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    clock.now = "2026-03-01"
    refusal = pair.refused(
        "InvalidCommand", "execute", proposal=proposal, actor="li", at="2026-02-12T09:59:59"
    )
    assert refusal.numbers["earliest"] == "2026-02-12T10:00:00+08:00"


def test_no_delay_runs_into_a_year_whose_working_days_nobody_knows(
    pair: Pair, clock: SteppingClock
) -> None:
    proposal = delayed(pair, 1, clock, "2033-02-12T10:00")
    refusal = pair.refused("InvalidCommand", "approve", proposal=proposal, actor="wang")
    assert refusal.numbers["year"] == 2033
    pair.reject(proposal)


def test_a_command_in_a_delay_keeps_its_units(pair: Pair, clock: SteppingClock) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    pair.refused("InsufficientUnits", "transfer", unit=UNIT, quantity=61, from_="crrc-1",
                 to="desk-1", kind="free", actor="li")  # fmt: skip


def test_who_asked_must_still_hold_his_role_at_the_end(pair: Pair, clock: SteppingClock) -> None:
    proposal = delayed(pair, 1, clock, "2026-02-12T10:00")
    pair.approve(proposal)
    clock.now = "2026-02-14"
    pair.send("revoke_role", subject="li", role="competent_authority", actor="wang")
    refusal = pair.refused("NotAuthorised", "execute", proposal=proposal, actor="wang")
    assert refusal.numbers["actor"] == "li"
    pair.reject(proposal)
