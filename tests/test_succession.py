"""Successions (X-9): who may take over, what goes to whom, and that nothing is lost."""

from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import REGISTRY, SUMMER, UNIT, NationalBook, coal
from successions import succeed, units_together, years_together

OLD = "CEA:2023"
BEFORE, DAY = "2025-03-31T23:59:59", "2025-04-01"
ALL = ["plant", "left", "right"]
ACCOUNTS = ["plant-1", "left-1", "right-1", "hubei", "retired", "authority"]
HALVES = (("left", "0.5"), ("right", "0.5"))
SIXTY_FORTY = (("left", "0.6"), ("right", "0.4"))


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """``plant`` with nothing yet, and two that may succeed it."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    for entity in ALL:
        book.plant(entity)
    for unit in (OLD, UNIT):
        book.fund(unit, 100_000)
    return book


def a_year(book: NationalBook, emissions: int = 1_003, given: int = 901) -> None:
    """2023: pre-allocated, deducted from, final; met in time but for 100 t, which were late."""
    book.verified(700, year=2022, at="2023-06-01")
    book.pre_allocate(year=2023, at="2023-07-01")
    book.verified(emissions, year=2023, at="2024-05-01")
    book.deduct(7, year=2023, id="cut", at="2024-05-02")
    book.finalise(year=2023, entitlement=given, id="final", at="2024-06-01")
    book.give(500, OLD, at="2024-06-02")
    in_time = emissions - 100
    book.met(in_time, year=2023, unit=OLD, at="2024-12-30")
    book.met(100, year=2023, unit=OLD, at="2025-01-15")
    book.verified(901, year=2024, at="2025-03-01")


# -- units -----------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("quantity", "left", "right"),
    [(1, 1, 0), (2, 1, 1), (3, 2, 1), (4, 2, 2), (5, 3, 2), (99, 59, 40), (100, 60, 40),
     (101, 61, 40)],
)  # fmt: skip
def test_units_go_over_by_share_to_whole_tonnes(
    book: NationalBook, quantity: int, left: int, right: int
) -> None:
    book.give(quantity)
    succeed(book, "split", *SIXTY_FORTY)
    assert (book.held("left-1"), book.held("right-1"), book.held()) == (left, right, 0)
    assert book.supply()["balanced"]


@ON_SQLITE
def test_every_unit_of_every_account_goes_over_and_those_of_others_do_not(
    book: NationalBook,
) -> None:
    book.send("open_account", account="plant-2", kind="entity", entity="plant", at="2019-01-01")
    book.give(30)
    book.give(11, to="plant-2")
    book.give(7, OLD, to="plant-2")
    book.give(5, to="left-1")
    succeed(book, "split", *SIXTY_FORTY)
    assert (book.held(), book.held("plant-2"), book.held("plant-2", OLD)) == (0, 0, 0)
    assert (book.held("left-1"), book.held("right-1")) == (5 + 25, 16)
    assert (book.held("left-1", OLD), book.held("right-1", OLD)) == (4, 3)


@ON_SQLITE
def test_in_a_division_what_the_entity_keeps_stays_where_it_is(book: NationalBook) -> None:
    book.send("open_account", account="plant-2", kind="entity", entity="plant", at="2019-01-01")
    book.give(10)
    book.give(10, to="plant-2")
    succeed(book, "division", ("plant", "0.25"), ("right", "0.75"))
    assert (book.held(), book.held("plant-2"), book.held("right-1")) == (0, 5, 15)
    book.transfer(5, "plant-2", "plant-1", kind="succession", registry=REGISTRY, unit=UNIT)


@ON_SQLITE
def test_a_successor_may_name_one_of_its_accounts(book: NationalBook) -> None:
    book.send("open_account", account="left-2", kind="entity", entity="left", at="2019-01-01")
    book.give(10)
    heir = {"entity": "left", "share": "1", "account": "left-2"}
    book.send("succeed_entity", entity="plant", kind="merger", successors=[heir])
    assert (book.held("left-1"), book.held("left-2")) == (0, 10)


@ON_SQLITE
def test_a_merger_brings_two_into_one(book: NationalBook) -> None:
    book.give(10)
    book.give(5, to="right-1")
    book.verified(100)
    book.verified(50, entity="right")
    succeed(book, "merger", ("left", "1"))
    succeed(book, "merger", ("left", "1"), entity="right")
    assert book.held("left-1") == 15
    assert book.compliance("left")["obligation"] == 150
    (row,) = book.ledger.entities(entity="left")
    assert row["succeeds"] == ["plant", "right"]


# -- years -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shares", [HALVES, SIXTY_FORTY, (("left", "0.001"), ("right", "0.999"))], ids=str
)
def test_both_halves_have_together_what_the_entity_had(
    book: NationalBook, shares: tuple[tuple[str, str], ...]
) -> None:
    a_year(book)
    succeed(book, "split", *shares, at=DAY)
    ledger = book.ledger
    whole = years_together(ledger, ALL, as_of=BEFORE)
    assert whole[2023, "allocated"] == 901 - 7
    assert whole[2023, "surrendered"] == 1_003
    for when in (DAY, SUMMER, "2025-12-31", "2026-01-01", "2027-01-01"):
        assert years_together(ledger, ALL, as_of=when) == whole
        assert years_together(ledger, ["left", "right"], as_of=when) == whole
    units = units_together(ledger, ACCOUNTS, as_of=BEFORE)
    assert units_together(ledger, ACCOUNTS, as_of=DAY) == units
    assert ledger.verify().ok
    assert ledger.replay().ok


def test_before_it_takes_effect_or_is_known_every_answer_is_as_it_was(book: NationalBook) -> None:
    a_year(book)
    ledger = book.ledger

    def answers(**when: Any) -> list[Any]:
        return [
            [ledger.compliance(entity=one, **when) for one in ALL],
            [ledger.allocation(one, 2023, **when) for one in ALL],
            [ledger.banking(one, **when) for one in ALL],
            ledger.balances(**when),
            ledger.entities(**when),
        ]

    known = f"@{ledger.head().position}"
    before, now = answers(as_of=BEFORE), answers()
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    assert answers(as_of=BEFORE) == before
    assert answers(known_at=known) == now
    assert answers(as_of=DAY) != before


@ON_SQLITE
def test_of_a_compliant_entity_both_halves_are_compliant(book: NationalBook) -> None:
    """99 t in time and 1 t late: the tonne that was late makes late whom it goes to."""
    for emissions, late, statuses in (
        (101, 0, ("COMPLIANT", "COMPLIANT")),
        (100, 1, ("COMPLIANT", "LATE_COMPLIANT")),
        (100, 2, ("LATE_COMPLIANT", "LATE_COMPLIANT")),
    ):
        entity = f"works-{emissions}-{late}"
        heirs = tuple((f"{entity}-{i}", "0.5") for i in (1, 2))
        for name in (entity, *(name for name, _ in heirs)):
            book.plant(name)
        book.verified(emissions, 2023, entity, at="2024-05-01")
        book.give(emissions, OLD, f"{entity}-1", at="2024-06-01")
        given = {"entity": entity, "year": 2023, "unit": OLD}
        book.met(emissions - late, at="2024-12-01", **given)
        if late:
            book.met(late, at="2025-01-02", **given)
        succeed(book, "split", *heirs, entity=entity, at=DAY)
        for (heir, _), status in zip(heirs, statuses, strict=True):
            row = book.compliance(heir, 2023)
            assert (row["status"], row["outstanding"]) == (status, 0)


@ON_SQLITE
def test_no_half_owes_because_the_tonnes_are_odd(book: NationalBook) -> None:
    """What met an obligation is shared out as it is, however many surrenders it was."""
    heirs = ("left", "right", "third")
    book.plant("third")
    book.verified(100, 2023, at="2024-05-01")
    book.give(100, OLD, at="2024-06-01")
    for i, quantity in enumerate((1, 1, 2, 5, 13, 29, 49)):
        book.met(quantity, year=2023, unit=OLD, at=f"2024-10-{i + 10}")
    succeed(book, "split", *zip(heirs, ("0.335", "0.335", "0.33"), strict=True), at=DAY)
    assert [book.stands(heir, 2023) for heir in heirs] == ["COMPLIANT"] * 3
    assert [book.compliance(heir, 2023)["surrendered"] for heir in heirs] == [34, 33, 33]


def test_an_entity_that_carries_on_keeps_its_share_of_the_year(book: NationalBook) -> None:
    a_year(book)
    succeed(book, "division", ("plant", "0.75"), ("right", "0.25"), at=DAY)
    mine, theirs = book.compliance("plant", 2023), book.compliance("right", 2023)
    assert (mine["obligation"], theirs["obligation"]) == (752, 251)
    assert (mine["surrendered"], theirs["surrendered"]) == (752, 251)
    assert mine["status"] == theirs["status"] == "LATE_COMPLIANT"
    assert (mine["entitlement"], theirs["entitlement"]) == (676, 225)
    for row in (mine, theirs):
        given = row["allocated"] - row["recalled"] - row["recall_open"]
        assert (row["entitlement"] or 0) == given + (2 if row is theirs else 5)
    # And goes on: both surrender for 2024 what they owe for it.
    for entity, owed in (("plant", 676), ("right", 225)):
        book.give(owed, to=f"{entity}-1", at="2025-04-02")
        book.refused("SurrenderExceedsObligation", "surrender", entity=entity, year=2024,
                     unit=UNIT, quantity=owed + 1)  # fmt: skip
        book.met(owed, entity=entity, at="2025-05-01")
        assert book.stands(entity) == "COMPLIANT"


@ON_SQLITE
def test_the_old_entity_is_exempt_with_nothing_left(book: NationalBook) -> None:
    a_year(book)
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    for year in (2022, 2023, 2024):
        row = book.compliance("plant", year)
        assert row["status"] == "EXEMPT"
        assert not any(value for value in row.values() if isinstance(value, int) and value != year)
    assert book.stands("plant", 2023, as_of=BEFORE) == "LATE_COMPLIANT"
    (row,) = book.ledger.entities(entity="plant")
    assert (row["status"], row["succeeded_by"]) == ("succeeded", ["left", "right"])
    (row,) = book.ledger.entities(entity="plant", as_of=BEFORE)
    assert (row["status"], row["succeeded_by"]) == ("active", [])


@ON_SQLITE
def test_an_obligation_follows_to_one_whose_first_year_is_later(book: NationalBook) -> None:
    book.plant("young", first_year=2025)
    book.verified(1_001, 2023, at="2024-05-01")
    succeed(book, "merger", ("young", "1"), at=DAY)
    row = book.compliance("young", 2023)
    assert (row["obligation"], row["status"]) == (1_001, "NON_COMPLIANT")


@ON_SQLITE
@pytest.mark.parametrize("emissions", [1_000, 1_001, 1_003])
def test_what_a_cap_of_the_first_cycle_made_of_an_obligation_is_shared_out(
    book: NationalBook, emissions: int
) -> None:
    """2019: at most the entitlement and a fifth of the emissions is owed."""
    book.fund("CEA:2019-2020", 10_000)
    book.verified(emissions, 2019, at="2021-05-01")
    book.finalise(2019, entitlement=501, at="2021-06-01")
    owed = book.compliance("plant", 2019, as_of=BEFORE)["obligation"]
    assert owed == 501 + emissions // 5
    book.verified(300, 2019, "left", at="2021-05-01")
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    rows = [book.compliance(heir, 2019) for heir in ("left", "right")]
    assert sum(row["obligation"] for row in rows) == owed + 300
    assert sum(row["verified_emissions"] or 0 for row in rows) == emissions + 300


# -- and then --------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_successor_goes_on_with_the_allocation_of_both(book: NationalBook) -> None:
    """Pre-allocated before, final after: the units of both reports, and what both were given."""
    book.verified(1_000, 2023, at="2024-05-01")
    book.verified(500, 2023, "left", at="2024-05-01")
    for entity, given in (("plant", 700), ("left", 350)):
        book.pre_allocate(2024, entity, quantity=given, at="2024-06-01")
    book.verified(900, units=[coal(mwh=1_000)], at="2025-03-01")
    book.verified(400, entity="left", units=[coal(mwh=400)], at="2025-03-01")
    succeed(book, "merger", ("left", "1"), at=DAY)
    assert book.compliance("left")["pre_allocated"] == 1_050
    book.finalise(entity="left", at="2025-07-01")
    row = book.allocation("left")
    assert [line["unit_id"] for line in row["lines"]] == ["1", "plant/1"]
    assert row["entitlement"] is not None
    assert (
        book.compliance("left")["allocated"] - book.compliance("left")["recalled"]
        == (row["entitlement"])
    )


@ON_SQLITE
def test_the_allocation_of_a_successor_tells_whose_share_it_is(book: NationalBook) -> None:
    a_year(book)
    book.verified(100, 2023, "left", at="2024-05-01")
    book.finalise(2023, "left", entitlement=80, at="2024-06-01")
    book.send("succeed_entity", id="split", entity="plant", kind="split", at=DAY, successors=[
        {"entity": name, "share": share} for name, share in SIXTY_FORTY
    ])  # fmt: skip
    row = book.allocation("left", 2023)
    assert (row["entitlement"], row["subtotal"], row["command_id"]) == (80 + 541, 80, "split")
    assert [(one["amount"], one["source"]) for one in row["adjustments"]] == [
        (541, "0.6 of plant (split)")
    ]
    (cut,) = row["deduction_lines"]
    assert (cut["deduction"], cut["quantity"], cut["deducted"]) == ("cut", 4, 4)
    # Approved again, for both: by the id of the succession, and what is given is the difference.
    refusal = book.refused("AlreadyAllocated", "finalise_allocation", entity="left", year=2023)
    assert refusal.numbers["earlier"] == "split"
    book.finalise(2023, "left", entitlement=630, supersedes="split")
    assert book.compliance("left", 2023)["allocated"] == 80 + 541 - 4 + 9


@ON_SQLITE
def test_what_is_said_anew_of_a_shared_year_is_said_of_a_later_time(book: NationalBook) -> None:
    a_year(book)
    book.verified(500, 2023, "left", at="2024-05-01")
    succeed(book, "division", ("plant", "0.5"), ("left", "0.5"), at=DAY, id="cut in two")
    for entity in ("plant", "left"):
        for name, fields in (
            ("record_verified", {"emissions": 1}),
            ("finalise_allocation", {"entitlement": 1}),
        ):
            refusal = book.refused(
                "InvalidCommand", name, entity=entity, year=2024, at=BEFORE, **fields
            )
            assert "cut in two" in refusal.message
            assert refusal.numbers["earliest"] == f"{DAY}T00:00:00+08:00"
    book.verified(1_100, 2023, "left", at=DAY)
    assert book.compliance("left", 2023)["obligation"] == 1_100
    book.verified(400, 2023, "right", at="2024-05-01")  # which has no part in it


@ON_SQLITE
def test_the_successor_is_fined_for_what_the_old_entity_left_open(book: NationalBook) -> None:
    book.verified(1_000, 2021, at="2022-06-01")
    book.send("impose_fine", entity="plant", year=2021, amount="20000.01", at="2025-01-01")
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    assert [book.compliance(one, 2021)["fine"] for one in ALL] == [None, "12000.01", "8000.00"]
    book.send("impose_fine", entity="left", year=2021, amount="30000.00")
    assert book.compliance("left", 2021)["fine"] == "42000.01"


@ON_SQLITE
def test_a_successor_may_be_succeeded_in_turn(book: NationalBook) -> None:
    a_year(book)
    book.plant("last")
    whole = years_together(book.ledger, ALL, as_of=BEFORE)
    succeed(book, "split", *SIXTY_FORTY, at=DAY)
    succeed(book, "division", ("left", "0.3"), ("last", "0.7"), entity="left", at="2025-05-01")
    succeed(book, "merger", ("last", "1"), entity="right", at="2025-06-01")
    for when in (DAY, "2025-05-01", "2025-06-01"):
        assert years_together(book.ledger, [*ALL, "last"], as_of=when) == whole
    assert book.stands("last", 2023) == "LATE_COMPLIANT"
    assert book.ledger.verify().ok


# -- the end of the entity -------------------------------------------------------------------------


AFTERWARDS: list[tuple[str, dict[str, Any]]] = [
    ("record_verified", {"entity": "plant", "year": 2023, "emissions": 5}),
    ("pre_allocate", {"entity": "plant", "year": 2024}),
    ("finalise_allocation", {"entity": "plant", "year": 2024, "entitlement": 5}),
    ("record_deduction", {"entity": "plant", "year": 2024, "quantity": 5, "reason": "other"}),
    ("borrow", {"entity": "plant", "year": 2022, "quantity": 1}),
    ("surrender", {"entity": "plant", "year": 2023, "unit": OLD, "quantity": 1}),
    ("impose_fine", {"entity": "plant", "year": 2023, "amount": "20000"}),
    ("set_entity_status", {"entity": "plant", "status": "dissolved"}),
    ("leave_registry", {"entity": "plant", "first_year_elsewhere": 2026}),
    ("amend_entity", {"entity": "plant", "name": "New"}),
    ("succeed_entity", {
        "entity": "plant", "kind": "merger", "successors": [{"entity": "left", "share": "1"}],
    }),
    ("succeed_entity", {
        "entity": "left", "kind": "merger", "successors": [{"entity": "plant", "share": "1"}],
    }),
    ("open_account", {"account": "plant-9", "kind": "entity", "entity": "plant"}),
    ("carry_over", {"entity": "plant", "quantity": 1}),
    ("opening_balance", {"account": "plant-1", "unit": OLD, "quantity": 1}),
    ("transfer", {
        "unit": OLD, "quantity": 1, "from_": "left-1", "to": "plant-1", "kind": "succession",
    }),
    ("settle_trade", {
        "trade": "T1", "method": "bidding", "unit": OLD, "quantity": 1, "price": "80",
        "seller": "left-1", "buyer": "plant-1",
    }),
    ("freeze", {"account": "plant-1"}),
    ("reverse", {"reverses": "moved"}),
]  # fmt: skip


@ON_SQLITE
def test_a_succeeded_entity_takes_no_further_facts_and_the_refusal_names_its_successors(
    book: NationalBook,
) -> None:
    book.give(20, OLD, at="2024-01-01")
    book.transfer(5, "plant-1", "left-1", unit=OLD, kind="succession", registry=REGISTRY,
                  id="moved", at="2024-02-01")  # fmt: skip
    succeed(book, "split", *SIXTY_FORTY, id="parted")
    for name, fields in AFTERWARDS:
        for at in (None, "2024-06-01"):
            refusal = book.refused("ParticipantNotAllowed", name, at=at, **fields)
            assert refusal.numbers["successors"] == ["left", "right"], name
            assert refusal.numbers["succession"] == "parted"
    # What changes nothing may still be said; and what it refers to comes first.
    book.send("assert_balance", account="plant-1", unit=OLD, quantity=0)
    book.refused("UnknownAccount", "transfer", unit=OLD, quantity=1, from_="plant-1", to="nobody",
                 kind="succession")  # fmt: skip
    book.send("close_account", account="plant-1")
    assert book.ledger.verify().ok


@ON_SQLITE
def test_no_credits_are_locked_for_an_entity_that_is_gone(book: NationalBook) -> None:
    book.send("open_registry", registry="ccer", rulebook="ccer", at="2019-01-01")
    credit = {"registry": "ccer", "unit": "CCER:wind:2024"}
    book.send("open_account", registry="ccer", account="wind", kind="institution")
    book.send("issue_credits", **credit, quantity=10, to="wind", programme="ccer",
              registered_on="2025-03-06", covered_by_ets=False)  # fmt: skip
    lock = {**credit, "account": "wind", "quantity": 5, "for_registry": REGISTRY, "year": 2024}
    book.send("lock_credits", id="lock", entity="plant", **lock)
    refusal = book.refused("RestrictedUnits", "succeed_entity", entity="plant", kind="merger",
                           successors=[{"entity": "left", "share": "1"}])  # fmt: skip
    assert refusal.numbers["reference_id"] == "lock"
    book.send("unlock_credits", registry="ccer", lock="lock")
    succeed(book, "merger", ("left", "1"))
    refusal = book.refused("ParticipantNotAllowed", "lock_credits", entity="plant", **lock)
    assert refusal.numbers["successors"] == ["left"]
    book.send("lock_credits", entity="left", **lock)


# -- what is refused -------------------------------------------------------------------------------


def refused(book: NationalBook, code: str, *shares: tuple[str, str], **fields: Any) -> Any:
    given = {"entity": "plant", "kind": "split", "successors": [
        {"entity": name, "share": share} for name, share in shares or SIXTY_FORTY
    ]}  # fmt: skip
    return book.refused(code, "succeed_entity", **{**given, **fields})


@ON_SQLITE
@pytest.mark.parametrize(
    ("kind", "shares", "why"),
    [
        ("split", (("left", "0.6"), ("right", "0.39")), "add up to 0.99"),
        ("split", (("left", "0.6"), ("right", "0.400000000001")), "add up to 1.000000000001"),
        ("split", (("left", "0.5"), ("left", "0.5")), "twice"),
        ("split", (("left", "1.5"), ("right", "-0.5")), "a share is above 0"),
        ("split", (("left", "1"), ("right", "0")), "a share is above 0"),
        ("split", (("left", "0.5"), ("right", "0.5000000000000")), "12 decimal places"),
        ("split", (("left", "NaN"), ("right", "0.5")), "a share is above 0"),
        ("split", (("left", "1"),), "several other entities"),
        ("split", (("left", "0.5"), ("plant", "0.5")), "it is a division"),
        ("merger", (("left", "0.5"), ("right", "0.5")), "one other entity"),
        ("merger", (("plant", "1"),), "one other entity"),
        ("division", (("left", "0.5"), ("right", "0.5")), "one of the successors"),
        ("division", (("plant", "1"),), "one of the successors"),
    ],
)
def test_the_shares_add_up_and_fit_the_kind(
    book: NationalBook, kind: str, shares: tuple[tuple[str, str], ...], why: str
) -> None:
    refusal = refused(book, "InvalidCommand", *shares, kind=kind)
    assert why in refusal.message


@ON_SQLITE
def test_shares_may_be_given_as_numbers(book: NationalBook) -> None:
    successors = [{"entity": "left", "share": 0.6}, {"entity": "right", "share": 0.4}]
    book.send("succeed_entity", entity="plant", kind="split", successors=successors)


@ON_SQLITE
def test_a_successor_is_known_present_and_of_the_sector(book: NationalBook) -> None:
    refused(book, "UnknownEntity", ("left", "0.5"), ("nobody", "0.5"))
    refused(book, "UnknownEntity", entity="nobody")
    book.send("register_entity", entity="bare", name="Bare", sector="power")
    refused(book, "UnknownAccount", ("bare", "1"), kind="merger")
    refused(book, "UnknownAccount", kind="merger",
            successors=[{"entity": "left", "share": "1", "account": "nowhere"}])  # fmt: skip
    other = [{"entity": "left", "share": "1", "account": "right-1"}]
    refusal = refused(book, "ParticipantNotAllowed", kind="merger", successors=other)
    assert refusal.numbers["account"] == "right-1"
    book.plant("mill", "steel")
    book.verified(5, at="2025-02-01")
    refused(book, "ParticipantNotAllowed", ("mill", "1"), kind="merger")
    book.plant("closed")
    book.status("dissolved", "closed")
    refused(book, "ParticipantNotAllowed", ("closed", "1"), kind="merger")
    book.plant("mover")
    book.send("leave_registry", entity="mover", first_year_elsewhere=2025)
    refused(book, "ParticipantNotAllowed", ("mover", "1"), kind="merger")
    refused(book, "ParticipantNotAllowed", ("left", "1"), kind="merger", entity="mover")


@ON_SQLITE
def test_an_entity_of_another_sector_takes_units_over_where_there_are_no_years(
    book: NationalBook,
) -> None:
    book.plant("mill", "steel")
    book.give(5)
    succeed(book, "merger", ("mill", "1"))
    assert book.held("mill-1") == 5


@ON_SQLITE
@pytest.mark.parametrize(
    "freeze", [{}, {"unit": UNIT}, {"unit": UNIT, "quantity": 1}, {"direction": "both"}], ids=str
)
def test_nothing_of_the_entity_may_be_frozen(book: NationalBook, freeze: dict[str, Any]) -> None:
    book.give(5)
    book.send("freeze", id="court", account="plant-1", **freeze)
    refusal = refused(book, "AccountFrozen")
    assert refusal.numbers["freeze"] == "court"
    book.send("unfreeze", freeze="court")
    succeed(book, "split", *SIXTY_FORTY)


@ON_SQLITE
def test_nothing_of_the_entity_may_be_pledged_pending_or_proposed(book: NationalBook) -> None:
    book.give(100, at="2025-02-01")
    book.verified(50, at="2025-02-01")
    book.send("pledge", id="loan", account="plant-1", unit=UNIT, quantity=5, pledgee="bank")
    assert refused(book, "RestrictedUnits").numbers["reference_id"] == "loan"
    book.send("release_pledge", pledge="loan")
    book.surrender(5, id="sent")
    assert refused(book, "RestrictedUnits").numbers["reference_id"] == "sent"
    book.reject("sent")
    inner = {"command": "cancel", "id": "inner", "registry": REGISTRY, "account": "plant-1",
             "unit": UNIT, "quantity": 5}  # fmt: skip
    book.send("propose", id="idea", proposes=inner, actor="li")
    refused(book, "RestrictedUnits")
    book.send("reject", proposal="idea", actor="li")
    fine = {"command": "set_entity_status", "id": "risk", "registry": REGISTRY,
            "entity": "plant", "status": "at_risk"}  # fmt: skip
    book.send("propose", id="other", proposes=fine, actor="li")
    assert refused(book, "RestrictedUnits").numbers["reference_id"] == "other"
    book.send("reject", proposal="other", actor="li")
    succeed(book, "split", *SIXTY_FORTY)


@ON_SQLITE
def test_a_frozen_or_closed_successor_account_takes_nothing_over(book: NationalBook) -> None:
    book.give(5)
    book.send("freeze", id="court", account="right-1", direction="both")
    refused(book, "AccountFrozen")
    book.send("unfreeze", freeze="court")
    book.send("close_account", account="right-1")
    refused(book, "AccountClosed")


@ON_SQLITE
def test_a_succession_is_recorded_when_it_has_taken_effect(
    book: NationalBook, clock: SteppingClock
) -> None:
    refusal = refused(book, "InvalidCommand", at="2025-07-01T09:00:01+08:00")
    assert refusal.numbers["latest"] == SUMMER
    succeed(book, "split", *SIXTY_FORTY, at=SUMMER)


@ON_SQLITE
def test_a_succession_comes_after_all_that_is_shared_out(book: NationalBook) -> None:
    book.give(5, at="2025-05-01")
    assert "movement" in refused(book, "InvalidCommand", at=DAY).message
    book.verified(5, 2023, "left", at="2025-06-15")  # no year that goes over
    book.verified(5, at="2025-06-01")
    refusal = refused(book, "InvalidCommand", at="2025-05-31")
    assert refusal.numbers["entity"] == "plant"
    assert refusal.numbers["earliest"] == "2025-06-01T00:00:00+08:00"
    succeed(book, "split", *SIXTY_FORTY, at="2025-06-01")


@ON_SQLITE
def test_a_later_report_of_a_successor_would_be_lost_and_is_refused(book: NationalBook) -> None:
    book.verified(5, at="2025-03-01")
    book.verified(7, entity="left", at="2025-05-01")
    refusal = refused(book, "InvalidCommand", at=DAY)
    assert (refusal.numbers["entity"], refusal.numbers["earliest"]) == (
        "left", "2025-05-01T00:00:00+08:00",
    )  # fmt: skip
    succeed(book, "split", *SIXTY_FORTY, at="2025-05-01")
    assert book.compliance("left")["obligation"] == 7 + 3


@ON_SQLITE
def test_a_succession_is_no_movement_to_be_taken_back(book: NationalBook) -> None:
    book.give(5)
    succeed(book, "split", *SIXTY_FORTY, id="parted")
    book.refused("NotReversible", "reverse", reverses="parted")


@ON_SQLITE
def test_the_status_does_not_follow_and_that_is_said(book: NationalBook) -> None:
    book.status("at_risk", at="2025-01-01")
    outcome = succeed(book, "merger", ("left", "1"))
    assert "at_risk" in outcome.warnings[0]
    (row,) = book.ledger.entities(entity="left")
    assert row["status"] == "active"


@ON_SQLITE
def test_one_sided_reports_and_allocations_are_warned_of(book: NationalBook) -> None:
    book.verified(100, 2023, at="2024-05-01")
    book.finalise(2023, entitlement=90, at="2024-06-01")
    book.verified(50, 2023, "left", at="2024-05-01")
    book.verified(60, 2022, "left", at="2023-05-01")
    book.deduct(5, year=2022)
    warned = succeed(book, "merger", ("left", "1")).warnings
    assert any("only one has a final allocation for 2023" in one for one in warned)
    assert any("only one has verified emissions for 2022" in one for one in warned)
