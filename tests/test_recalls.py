"""Open recalls (N-ADJ-2): what can be taken is, the rest stays open and comes first."""

from typing import Any

import pytest

from helpers import ON_SQLITE
from national import NationalBook

pytestmark = ON_SQLITE


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """700 t in advance, 600 of them gone to ``buyer``, then 450 approved: 250 are to come back.

    100 are taken at once, 150 stay open.
    """
    national.plant("buyer")
    national.fund("CEA:2024", 10_000)
    national.verified(1_000, 2023)
    national.verified(450)
    national.pre_allocate(id="pre")
    pay(national, 600, "plant-1", "buyer-1")
    national.finalise(entitlement=450, id="final")
    assert recall(national) == (100, 150)
    assert national.held() == 0
    return national


def pay(book: NationalBook, quantity: int, source: str, to: str, **fields: Any) -> Any:
    """Units change hands (until trade settles, as a succession)."""
    given = {"unit": "CEA:2024", "kind": "succession", **fields}
    return book.send("transfer", quantity=quantity, from_=source, to=to, **given)


def recall(book: NationalBook, **when: Any) -> tuple[int, int]:
    """Recalled, and still to be recalled."""
    row = book.compliance(**when)
    if row["entitlement"] is not None:
        net = row["allocated"] - row["recalled"] - row["recall_open"]
        assert net == row["entitlement"] - book.allocation(**when)["deductions"]
    return row["recalled"], row["recall_open"]


@pytest.mark.parametrize(
    ("arriving", "taken", "free"), [(149, 149, 0), (150, 150, 0), (151, 150, 1)]
)
def test_a_later_credit_meets_it_first(
    book: NationalBook, arriving: int, taken: int, free: int
) -> None:
    province = book.held("hubei")
    outcome = pay(book, arriving, "buyer-1", "plant-1")
    assert len(outcome.positions) == 2  # in the same write
    assert recall(book) == (100 + taken, 150 - taken)
    assert (book.available(), book.held("hubei")) == (free, province + taken)


def test_the_collection_is_a_fact_of_its_own_under_the_same_command(book: NationalBook) -> None:
    outcome = pay(book, 40, "buyer-1", "plant-1", id="credit")
    events = list(book.ledger.events(from_position=outcome.positions[0]))
    assert [(e["type"], e["command_id"]) for e in events] == [
        ("UnitsTransferred", "credit"), ("RecallCollected", "credit"),
    ]  # fmt: skip
    data = events[1]["data"]
    assert (data["quantity"], data["account"], data["target"]) == (40, "plant-1", "hubei")


OUTGOING: dict[str, tuple[str, dict[str, Any]]] = {
    "succession": (
        "transfer", {"from_": "plant-1", "to": "buyer-1", "kind": "succession", "quantity": 1},
    ),
    "judicial": (
        "transfer", {"from_": "plant-1", "to": "buyer-1", "kind": "judicial", "quantity": 1},
    ),
    "correction": (
        "transfer", {"from_": "plant-1", "to": "buyer-1", "kind": "correction", "quantity": 1},
    ),
    "cancel": ("cancel", {"account": "plant-1", "quantity": 1}),
    "pledge": ("pledge", {"account": "plant-1", "pledgee": "bank", "quantity": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTGOING)
@pytest.mark.parametrize("unit", ["CEA:2024", "CEA:2023"])
def test_while_it_is_open_nothing_leaves(book: NationalBook, name: str, unit: str) -> None:
    book.give(10, "CEA:2023")
    sent, fields = OUTGOING[name]
    refusal = book.refused("RecallOutstanding", sent, unit=unit, **fields)
    numbers = refusal.numbers
    assert (numbers["entity"], numbers["year"], numbers["recall_open"]) == ("plant", 2024, 150)


def test_an_incoming_movement_is_not_reversed_either(book: NationalBook) -> None:
    book.give(10, "CEA:2023", id="gift")
    refusal = book.refused("RecallOutstanding", "reverse", reverses="gift")
    assert refusal.numbers["recall_open"] == 150


def test_another_account_of_the_entity_is_stopped_too_and_pays_too(book: NationalBook) -> None:
    book.send("open_account", account="plant-2", kind="entity", entity="plant", at="2024-01-01")
    book.give(10, "CEA:2023", to="plant-2")
    book.refused("RecallOutstanding", "cancel", account="plant-2", unit="CEA:2023", quantity=1)
    pay(book, 60, "buyer-1", "plant-2")
    assert recall(book) == (160, 90)
    assert book.held("plant-2") == 0


def test_surrender_is_allowed(book: NationalBook) -> None:
    book.give(10, "CEA:2023")
    book.met(10, unit="CEA:2023")
    assert book.compliance()["surrendered"] == 10


@pytest.mark.parametrize("name", ["cancel", "pledge"])
def test_once_it_is_met_units_leave_again(book: NationalBook, name: str) -> None:
    pay(book, 151, "buyer-1", "plant-1")
    sent, fields = OUTGOING[name]
    book.send(sent, unit="CEA:2024", **fields)
    assert book.available() == 0


def test_units_of_another_vintage_do_not_meet_it(book: NationalBook) -> None:
    book.give(1_000, "CEA:2023")
    assert recall(book) == (100, 150)
    assert book.available(unit="CEA:2023") == 1_000


def test_a_credit_to_somebody_else_does_not_meet_it(book: NationalBook) -> None:
    book.give(1_000, to="buyer-1")
    assert recall(book) == (100, 150)


# -- what was reserved when it was opened ------------------------------------------------------


@pytest.fixture
def whole(national: NationalBook) -> NationalBook:
    """700 t in advance, all still there."""
    national.plant("buyer")
    national.fund("CEA:2024", 10_000)
    national.verified(1_000, 2023)
    national.verified(450)
    national.pre_allocate()
    return national


def test_pledged_units_are_not_taken_until_they_are_released(whole: NationalBook) -> None:
    whole.send("pledge", id="p", account="plant-1", unit="CEA:2024", quantity=600, pledgee="bank")
    whole.finalise(entitlement=450)
    assert recall(whole) == (100, 150)
    whole.send("release_pledge", pledge="p")
    assert recall(whole) == (250, 0)
    assert whole.row()["available"] == 450


def test_frozen_tonnes_are_not_taken_until_they_are_unfrozen(whole: NationalBook) -> None:
    whole.send("freeze", id="f", account="plant-1", unit="CEA:2024", quantity=650)
    whole.finalise(entitlement=450)
    assert recall(whole) == (50, 200)
    whole.send("unfreeze", freeze="f")
    assert recall(whole) == (250, 0)
    assert whole.row()["available"] == 450


@pytest.mark.parametrize("unit", [None, "CEA:2024"])
def test_a_stopped_account_gives_nothing_until_the_stop_is_lifted(
    whole: NationalBook, unit: str | None
) -> None:
    whole.send("freeze", id="f", account="plant-1", unit=unit)
    whole.finalise(entitlement=450)
    assert recall(whole) == (0, 250)
    whole.send("unfreeze", freeze="f")
    assert recall(whole) == (250, 0)
    assert whole.row()["available"] == 450


def test_of_two_stops_the_last_one_lifted_lets_it_go(whole: NationalBook) -> None:
    whole.send("freeze", id="f", account="plant-1")
    whole.send("freeze", id="g", account="plant-1", unit="CEA:2024")
    whole.finalise(entitlement=450)
    whole.send("unfreeze", freeze="f")
    assert recall(whole) == (0, 250)
    whole.send("unfreeze", freeze="g")
    assert recall(whole) == (250, 0)


def test_a_rejected_surrender_frees_units_for_it(whole: NationalBook) -> None:
    whole.surrender(450, id="s")
    whole.finalise(entitlement=300)
    assert recall(whole) == (250, 150)
    whole.reject("s")
    assert recall(whole) == (400, 0)
    assert whole.held() == 300


def test_a_credit_into_a_stopped_account_waits(book: NationalBook) -> None:
    book.send("freeze", id="f", account="plant-1")
    pay(book, 100, "buyer-1", "plant-1")
    assert recall(book) == (100, 150)
    assert book.held() == 100
    book.send("unfreeze", freeze="f")
    assert recall(book) == (200, 50)


# -- approved again --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entitlement", "open_after", "granted"),
    [
        (449, 151, 0),
        (450, 150, 0),
        (451, 149, 0),
        (599, 1, 0),
        (600, 0, 0),
        (601, 0, 1),
        (650, 0, 50),
    ],
)
def test_a_higher_approval_waives_what_is_open_before_it_grants(
    book: NationalBook, entitlement: int, open_after: int, granted: int
) -> None:
    before = book.compliance()["allocated"]
    book.finalise(entitlement=entitlement, supersedes="final")
    assert recall(book) == (100, open_after)
    assert book.compliance()["allocated"] == before + granted
    assert book.held() == granted


def test_a_lower_approval_opens_more(book: NationalBook) -> None:
    book.finalise(entitlement=0, supersedes="final")
    assert recall(book) == (100, 600)


def test_two_years_are_met_in_the_order_they_were_opened(national: NationalBook) -> None:
    book = national
    book.plant("buyer")
    book.fund("CEA:2019-2020", 10_000)
    for year in (2020, 2019):
        book.verified(1_000, year)
        book.finalise(year, entitlement=1_000, id=f"final/{year}")
    given = {"from_": "plant-1", "to": "buyer-1", "unit": "CEA:2019-2020", "kind": "succession"}
    book.send("transfer", quantity=2_000, **given)
    for year in (2020, 2019):
        book.finalise(year, entitlement=900, supersedes=f"final/{year}")
    back = {**given, "from_": "buyer-1", "to": "plant-1"}
    book.send("transfer", quantity=130, **back)
    assert [book.compliance(year=year)["recall_open"] for year in (2020, 2019)] == [0, 70]
    book.send("transfer", quantity=71, **back)
    assert [book.compliance(year=year)["recall_open"] for year in (2020, 2019)] == [0, 0]
    assert book.available(unit="CEA:2019-2020") == 1


# -- time ------------------------------------------------------------------------------------


def test_a_back_dated_credit_meets_it_when_it_opened(book: NationalBook) -> None:
    opened = next(
        e["effective_at"] for e in book.ledger.events() if e["type"] == "AllocationFinalised"
    )
    book.give(60, at="2025-03-01")
    assert recall(book) == (160, 90)
    collected = list(book.ledger.events(types=["RecallCollected"]))
    assert [e["effective_at"] for e in collected] == [opened]
    assert book.held(as_of="2025-03-01") == 60


def test_what_left_before_it_was_opened_may_still_be_told(whole: NationalBook) -> None:
    """A movement of 1 June is recorded after the recall of 1 August: judged by its own day."""
    whole.give(50, "CEA:2023", at="2025-01-01")
    pay(whole, 600, "plant-1", "buyer-1")
    whole.finalise(entitlement=450, at="2025-08-01")
    whole.send("cancel", account="plant-1", unit="CEA:2023", quantity=1, at="2025-07-31")
    whole.refused(
        "RecallOutstanding", "cancel", account="plant-1", unit="CEA:2023", quantity=1,
        at="2025-08-01",
    )  # fmt: skip
