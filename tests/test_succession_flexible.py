"""Successions and the flexible half: recalls, loans, custody, banking, credits, explanations."""

from typing import Any

import pytest

from banking_books import APPLIED, BEFORE, NEW, TODAY, BankingBook
from borrowing_books import LENT, borrower
from chongqing import UNIT as PILOT_UNIT
from chongqing import ChongqingBook, pilot, pilot_ledger
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import REGISTRY, SUMMER, UNIT, NationalBook
from successions import sold_together, succeed, units_together, years_together

__all__ = ["pilot", "pilot_ledger"]  # fixtures

SIXTY_FORTY = (("left", "0.6"), ("right", "0.4"))
DAY = "2025-04-01"


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """``plant`` with nothing yet, and two that may succeed it."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    for entity in ("plant", "left", "right"):
        book.plant(entity)
    book.fund(UNIT, 100_000)
    return book


# -- recalls ---------------------------------------------------------------------------------------


def recalled(book: NationalBook, spent: int = 700) -> None:
    """``plant`` was given 700 t in advance and is to give back 100 of them, which are gone."""
    book.verified(1_000, 2023, at="2024-01-05")
    book.pre_allocate(at="2024-02-01")
    book.transfer(spent, "plant-1", "left-1", kind="succession", registry=REGISTRY, unit=UNIT,
                  at="2024-03-01")  # fmt: skip
    book.verified(800, at="2025-01-05")
    book.finalise(entitlement=600, at="2025-02-01")


@ON_SQLITE
def test_an_open_recall_follows_and_takes_what_a_successor_has_free(book: NationalBook) -> None:
    recalled(book)
    assert book.compliance()["recall_open"] == 100
    outcome = succeed(book, "split", *SIXTY_FORTY, at=DAY)
    # left holds 700 t of the vintage: its 60 t are taken at once; right has none.
    assert book.types()[-2:] == ["EntitySucceeded", "RecallCollected"]
    assert len(outcome.positions) == 2
    left, right = book.compliance("left"), book.compliance("right")
    assert (left["recalled"], left["recall_open"]) == (60, 0)
    assert (right["recalled"], right["recall_open"]) == (0, 40)
    assert book.held("left-1") == 640
    # Until the rest is met nothing but surrenders leaves an account of right.
    book.give(30, to="right-1", at="2025-04-02")
    assert book.compliance("right")["recall_open"] == 10
    book.give(5, "CEA:2023", to="right-1", at="2025-04-02")
    book.refused("RecallOutstanding", "transfer", unit="CEA:2023", quantity=1, from_="right-1",
                 to="left-1", kind="succession")  # fmt: skip
    book.give(10, to="right-1", at="2025-04-03")
    assert book.compliance("right")["recall_open"] == 0
    assert book.ledger.verify().ok


@ON_SQLITE
def test_units_that_come_with_a_succession_meet_an_open_recall_of_the_successor(
    book: NationalBook,
) -> None:
    recalled(book)
    book.give(150, to="right-1", at="2025-03-01")
    succeed(book, "merger", ("plant", "1"), entity="right", at=DAY)
    assert (book.compliance()["recall_open"], book.held()) == (0, 50)


# -- loans -----------------------------------------------------------------------------------------


@ON_SQLITE
def test_borrowed_units_follow_restricted_and_are_repaid_by_the_successors(
    book: NationalBook, clock: SteppingClock
) -> None:
    book = borrower(book)
    book.give(50, LENT, at="2023-09-02")
    succeed(book, "split", *SIXTY_FORTY, at="2023-10-01")
    rows = [book.row(f"{heir}-1", LENT) for heir in ("left", "right")]
    assert [(row["quantity"], row["restricted"]) for row in rows] == [(90, 60), (60, 40)]
    assert book.row("plant-1", LENT)["quantity"] == 0
    assert [book.compliance(one, 2022)["borrowed"] for one in ("plant", "left", "right")] == [
        0, 60, 40,
    ]  # fmt: skip
    # For the year they were lent for, and nothing else.
    given = {"unit": LENT, "quantity": 60, "entity": "left", "at": "2023-11-01"}
    book.refused("RestrictedUnits", "transfer", unit=LENT, quantity=31, from_="left-1",
                 to="right-1", kind="succession", at="2023-11-01")  # fmt: skip
    book.send("surrender", year=2022, id="lent", **given)
    book.confirm("lent", at="2023-11-02")
    # The lender year repays what each took over of the loan.
    book.verified(500, 2023, "left", at="2024-05-01")
    book.finalise(2023, "left", entitlement=400, at="2024-06-01")
    row = book.compliance("left", 2023)
    assert (row["entitlement"], row["allocated"]) == (400, 340)
    assert book.ledger.verify().ok


@ON_SQLITE
def test_what_was_borrowed_counts_for_the_limits_of_who_took_it_over(book: NationalBook) -> None:
    book = borrower(book)  # 100 t of the 100 t that may be borrowed for a gap of 200 t
    succeed(book, "split", ("left", "0.5"), ("right", "0.5"), at="2023-10-01")
    refusal = book.refused(
        "BorrowingLimitExceeded", "borrow", entity="left", year=2022, quantity=1, at="2023-11-01"
    )
    assert (refusal.numbers["limit"], refusal.numbers["borrowed"]) == (50, 50)


@ON_SQLITE
def test_no_loan_is_made_of_the_time_before_a_division_afterwards(book: NationalBook) -> None:
    """Else what went over with the old loans would make room for new ones."""
    book = borrower(book)
    succeed(book, "division", ("plant", "0.5"), ("right", "0.5"), at="2023-10-01")
    asked = {"entity": "plant", "year": 2022, "quantity": 1}
    book.refused("InvalidCommand", "borrow", at="2023-09-30", **asked)
    book.refused("BorrowingLimitExceeded", "borrow", at="2023-10-01", **asked)


# -- custody ---------------------------------------------------------------------------------------


@ON_SQLITE
def test_custody_follows_to_the_province_that_serves_the_successor(book: NationalBook) -> None:
    book.send("open_account", account="sichuan", kind="province", province="sichuan",
              at="2019-01-01")  # fmt: skip
    book.send("amend_entity", entity="right", province="sichuan", at="2020-01-01")
    book.status("at_risk", at="2025-01-01")
    book.verified(500, at="2025-01-02")
    book.finalise(entitlement=401, at="2025-01-03")
    before = units_together(book.ledger, ["hubei", "sichuan"])
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    assert units_together(book.ledger, ["hubei", "sichuan"]) == before
    assert (book.row("hubei")["restricted"], book.row("sichuan")["restricted"]) == (241, 160)
    # What is kept for each is surrendered for it, or released to it, and not for the other.
    book.surrender(160, "right", from_="sichuan", id="forced")
    book.confirm("forced")
    refusal = book.refused("ParticipantNotAllowed", "surrender", entity="right", year=2024,
                           unit=UNIT, quantity=1, from_="hubei")  # fmt: skip
    assert refusal.numbers["account"] == "hubei"
    book.send("transfer", unit=UNIT, quantity=241, from_="hubei", to="left-1", kind="release")
    assert (book.row("hubei")["restricted"], book.held("left-1")) == (0, 241)
    assert book.ledger.verify().ok


# -- banking ---------------------------------------------------------------------------------------


@pytest.fixture
def banked(ledger: Ledger, clock: SteppingClock) -> BankingBook:
    """``plant`` sold 1,001 t of 2023 and bought 300 t of 2022 net in the window; it held 30,005
    t when holdings were counted."""
    clock.now = TODAY
    book = BankingBook(ledger)
    for entity in ("left", "right"):
        book.plant(entity)
    book.give(31_000, "CEA:2023", at=BEFORE)
    book.sold(1_001)
    book.bought(300, "CEA:2022", at="2024-06-01T10:00")
    book.give(6, "CEA:2024", "left-1", at=BEFORE)
    return book


ENTITIES = ["plant", "left", "right"]


@pytest.mark.parametrize("day", ["2024-07-01", "2025-12-31", "2026-01-05"])
def test_net_sales_and_holdings_follow_whenever_they_are_counted(
    banked: BankingBook, day: str
) -> None:
    before = sold_together(banked.ledger, ENTITIES, as_of=APPLIED)
    units = units_together(banked.ledger, ["plant-1", "left-1", "right-1"], as_of=APPLIED)
    succeed(banked, "split", *SIXTY_FORTY, at=day)
    assert sold_together(banked.ledger, ENTITIES, as_of=APPLIED) == before
    assert before["CEA:2023"], before["CEA:2022"] == (1_001, -300)
    assert units_together(banked.ledger, ["plant-1", "left-1", "right-1"], as_of=APPLIED) == units
    left = banked.ledger.banking("left", as_of=APPLIED)
    assert left is not None
    assert left["net_sales"]["CEA:2023"] == 601
    assert left["net_sales"]["CEA:2022"] == -180
    assert (left["net_sales_total"], left["cap"]) == (421, 10_000 + 631)
    # 60 % of 29,999 t of 2023 and of 300 t of 2022, and its own 6 t.
    assert left["holding"] == 17_999 + 180 + 6
    assert banked.checked(entity="left")["carryable"] == left["carryable"] == 10_631
    banked.carry(10_631, entity="left")
    banked.not_carried("BankingCapExceeded", entity="left")
    plant = banked.ledger.banking("plant", as_of=APPLIED)
    assert plant is not None
    assert (plant["holding"], plant["net_sales_total"], plant["eligible"]) == (0, 0, False)
    assert plant["reasons"] == ["left, right took over from it"]
    assert banked.ledger.verify().ok


def test_what_was_carried_over_counts_for_who_took_over(banked: BankingBook) -> None:
    banked.carry(5_001)
    succeed(banked, "division", ("plant", "0.6"), ("right", "0.4"), at="2026-03-01")
    for entity, carried in (("plant", 3_001), ("right", 2_000)):
        row = banked.ledger.banking(entity, as_of="2026-04-01")
        assert row is not None
        assert row["carried"] == carried
        assert row["carryable"] == min(row["cap"], row["holding"]) - carried
        assert banked.total(f"{entity}-1", as_of="2026-04-01")[NEW] == carried
    before = banked.ledger.banking("plant", as_of="2026-02-28")
    assert before is not None
    assert before["carried"] == 5_001
    # Of the time before, when all of it was one, nothing is carried over any more.
    banked.not_carried("InvalidCommand", at="2026-02-15")


@ON_SQLITE
def test_the_successor_of_a_late_entity_may_not_carry_over(banked: BankingBook) -> None:
    banked.verified(100, 2023, at="2024-05-01")
    banked.met(100, year=2023, unit="CEA:2023", at="2025-01-02")
    succeed(banked, "merger", ("left", "1"), at="2025-06-01")
    row = banked.ledger.banking("left", as_of=APPLIED)
    assert row is not None
    assert not row["eligible"]
    banked.not_carried("CarryOverNotEligible", entity="left")


# -- credits and green electricity -----------------------------------------------------------------


@ON_SQLITE
def test_credits_that_met_an_obligation_follow_and_count_for_the_limit(
    book: NationalBook,
) -> None:
    book.send("open_registry", registry="ccer", rulebook="ccer", at="2019-01-01")
    credit = {"registry": "ccer", "unit": "CCER:wind:2024"}
    book.send("open_account", registry="ccer", account="wind", kind="institution")
    book.send("issue_credits", **credit, quantity=100, to="wind", programme="ccer",
              registered_on="2025-03-06", covered_by_ets=False, at="2025-01-01")  # fmt: skip
    book.verified(1_000, at="2025-01-05")
    for lock, quantity, entity, at in (
        ("one", 41, "plant", "2025-03-10"), ("two", 6, "left", "2025-06-01"),
        ("three", 5, "left", "2025-06-01"),
    ):  # fmt: skip
        book.send("lock_credits", id=lock, **credit, account="wind", quantity=quantity,
                  for_registry=REGISTRY, entity=entity, year=2024, at=at)  # fmt: skip
        if lock == "one":
            book.send("use_offsets", entity="plant", year=2024, lock="one", at="2025-03-11")
            succeed(book, "split", *SIXTY_FORTY, at=DAY)
    assert [book.compliance(one)["offsets"] for one in ("left", "right")] == [25, 16]
    refusal = book.refused(
        "OffsetLimitExceeded", "use_offsets", entity="left", year=2024, lock="two", at="2025-06-02"
    )
    assert (refusal.numbers["limit"], refusal.numbers["used"]) == (30, 25)
    book.send("use_offsets", entity="left", year=2024, lock="three", at="2025-06-02")
    assert book.ledger.verify().ok


def test_green_electricity_and_net_sales_of_the_pilot_follow(pilot: ChongqingBook) -> None:
    """Its rulebook counts no net sales; one that it adopts later may."""
    for entity in ("left", "right"):
        pilot.works(entity)
    pilot.send("open_account", account="desk", kind="institution")
    pilot.give(1_000)
    pilot.minted(10_000)
    pilot.verified(1_001, at="2025-03-01")
    pilot.finalise(800, at="2025-04-01")
    pilot.send("record_green_power", entity="glass", year=2024, tonnes=12, at="2025-05-01")
    pilot.send("record_market_day", date="2025-05-30", unit=PILOT_UNIT, close="40.00")
    pilot.send("settle_trade", trade="T1", method="listed", unit=PILOT_UNIT, quantity=101,
               price="40.00", seller="glass-1", buyer="desk", at="2025-06-02T10:00")  # fmt: skip
    successors = [{"entity": name, "share": share} for name, share in SIXTY_FORTY]
    pilot.send("succeed_entity", entity="glass", kind="split", successors=successors,
               at="2025-06-03")  # fmt: skip
    assert [pilot.compliance(one)["green_power"] for one in ("left", "right")] == [7, 5]
    (event,) = pilot.ledger.events(types=["EntitySucceeded"])
    assert [(one["entity"], one["sold"]) for one in event["data"]["banking"]] == [
        ("left", [{"quantity": 61, "unit": PILOT_UNIT}]),
        ("right", [{"quantity": 40, "unit": PILOT_UNIT}]),
        ("glass", [{"quantity": -101, "unit": PILOT_UNIT}]),
    ]
    assert pilot.ledger.verify().ok


# -- questions -------------------------------------------------------------------------------------


def story(book: NationalBook) -> None:
    """A year met in time but for a part, and units left."""
    book.verified(1_000, 2023, at="2024-05-01")
    book.fund("CEA:2023", 10_000, at="2024-01-01")
    book.finalise(2023, entitlement=900, at="2024-06-01")
    book.met(800, year=2023, unit="CEA:2023", at="2024-12-01")
    book.met(50, year=2023, unit="CEA:2023", at="2025-01-02")
    succeed(book, "split", *SIXTY_FORTY, id="parted", at=DAY)


def parts_add_up(node: dict[str, Any]) -> None:
    parts = [one for one in node["because"] if one["sign"] is not None]
    if parts and isinstance(node["value"], int):
        assert sum(one["sign"] * one["value"] for one in parts) == node["value"], node["what"]
    for one in node["because"]:
        parts_add_up(one)


@ON_SQLITE
def test_a_year_taken_over_is_explained_down_to_the_succession(book: NationalBook) -> None:
    story(book)
    (event,) = book.ledger.events(types=["EntitySucceeded"])
    for entity in ("plant", "left", "right"):
        told: Any = book.ledger.explain_compliance(entity, 2023)
        parts_add_up(told)
        assert told["value"] == ("EXEMPT" if entity == "plant" else "NON_COMPLIANT")
    told = book.ledger.explain_compliance("left", 2023)
    outstanding = next(one for one in told["because"] if one["key"] == "outstanding")
    surrendered = next(one for one in outstanding["because"] if one["key"] == "surrendered")
    assert [one["value"] for one in surrendered["because"]] == [480, 30]
    positions = {one["event"]["position"] for one in surrendered["because"]}
    assert positions == {event["position"]}
    given: Any = book.ledger.explain_allocation("left", 2023)
    parts_add_up(given)


@ON_SQLITE
def test_the_succession_itself_is_told_part_by_part(book: NationalBook) -> None:
    story(book)
    (event,) = book.ledger.events(types=["EntitySucceeded"])
    told: Any = book.ledger.explain_event(event["position"])
    assert told["what"] == "left (0.6), right (0.4) took over from plant (split)"
    assert (told["rule"], told["source"]) == ("X-9", "Z4 art.18")
    moved = [(one["what"], one["value"]) for one in told["because"] if one["key"] == "units"]
    assert moved == [
        ("CEA:2023 from plant-1 to left-1", 30), ("CEA:2023 from plant-1 to right-1", 20),
    ]  # fmt: skip


@ON_SQLITE
def test_a_tonne_is_traced_through_the_succession(book: NationalBook) -> None:
    story(book)
    ways = {
        row["account"]: [step["type"] for step in row["way"]]
        for row in book.ledger.trace(unit="CEA:2023", registry=REGISTRY)
    }
    for account in ("left-1", "right-1"):
        assert ways[account][-2:] == ["AllocationFinalised", "EntitySucceeded"]
    rows = book.ledger.statement("left-1", registry=REGISTRY)
    assert [(row["quantity"], row["counterparty"]) for row in rows] == [(30, "plant-1")]
    balance: Any = book.ledger.explain_balance("right-1", "CEA:2023", registry=REGISTRY)
    assert balance["value"] == 20


@ON_SQLITE
def test_a_succession_is_among_the_events_of_everyone_it_concerns(book: NationalBook) -> None:
    story(book)
    for entity in ("plant", "left", "right"):
        found = list(book.ledger.events(entity=entity, types=["EntitySucceeded"]))
        assert len(found) == 1
        assert "parted" in book.ledger.report(entity, registry=REGISTRY)


@ON_SQLITE
def test_what_a_succession_changed_is_told_by_diff(book: NationalBook) -> None:
    story(book)
    (event,) = book.ledger.events(types=["EntitySucceeded"])
    rows = book.ledger.diff(("2025-03-31", None), (DAY, None))
    changed = [row for row in rows if row["field"] == "surrendered"]
    assert [(row["entity"], row["change"]) for row in changed] == [
        ("left", 510), ("plant", -850), ("right", 340),
    ]  # fmt: skip
    for row in rows:
        if row["field"] != "deadline":
            assert {one["position"] for one in row["events"]} == {event["position"]}


def test_the_tables_and_the_log_agree_after_a_succession(book: NationalBook) -> None:
    story(book)
    ledger = book.ledger
    whole = years_together(ledger, ["plant", "left", "right"])
    question: dict[str, Any] = {"registry": REGISTRY, "as_of": "2026-01-01"}
    rows = ledger.compliance(**question)
    assert ledger.compliance(from_log=True, **question) == rows
    for row in rows:
        one = {"entity": row["entity"], "year": row["year"], **question}
        assert ledger.compliance(**one) == [row]
    ledger.rebuild()
    assert ledger.compliance(**question) == rows
    assert years_together(ledger, ["plant", "left", "right"]) == whole
    assert ledger.verify().ok
    assert ledger.replay().ok


@ON_SQLITE
def test_what_if_there_had_been_no_succession(book: NationalBook) -> None:
    story(book)
    found = book.ledger.what_if(without=["parted"])
    assert [one.id for one in found.left_out] == ["parted"]
    changed = {
        change.key["entity"]: change.after for change in found.compliance
        if change.key["year"] == 2023
    }  # fmt: skip
    assert changed["plant"] is not None
    assert changed["plant"]["surrendered"] == 850
    # And without a successor there is none: the succession is refused because of that.
    registered = next(iter(book.ledger.events(types=["EntityRegistered"], entity="right")))
    found = book.ledger.what_if(without=[registered["command_id"]])
    refused = next(one for one in found.refused if one.id == "parted")
    assert refused.because_of == (registered["command_id"],)
