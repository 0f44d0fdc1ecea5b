"""Credits come to be: programme, registration and serial numbers (N-OFF-3, N-OFF-4, N-PART-2)."""

import json
from typing import Any

import pytest

from credit_books import ACCOUNT, CREDITS, LOCAL, NEW, OLD, CreditBook, book
from etsledger.domain.credits import joined
from etsledger.domain.rulebook import bundled
from etsledger.domain.state import Credit
from helpers import live_state, replayed
from national import SUMMER

__all__ = ["book"]  # a fixture
MOST = 2**53 - 1


def on_record(book: CreditBook, unit: str = NEW) -> Credit:
    return replayed(book.ledger).registries[CREDITS].credits[unit]


def test_credits_are_issued_into_a_holding_account_and_conserved(book: CreditBook) -> None:
    book.credits(60_000)
    assert book.credit_row() == {"quantity": 60_000, "available": 60_000, "pending": 0}
    assert (book.credit_supply()["issued"], book.credit_supply()["holding"]) == (60_000, 60_000)
    assert on_record(book) == Credit("ccer", "2025-03-06", False, None, ((1, 60_000),))
    assert live_state(book.ledger) == replayed(book.ledger)


@pytest.mark.parametrize("kind", ["entity", "institution", "individual"])
def test_anybody_may_hold_credits(book: CreditBook, kind: str) -> None:
    book.holder("new-1", kind)
    book.credits(5, to="new-1")
    assert book.credit_row("new-1")["available"] == 5


def test_credits_are_not_issued_to_a_government(book: CreditBook) -> None:
    book.refused("RouteNotAllowed", "issue_credits", **book.issuing(5, to="authority"))


@pytest.mark.parametrize(
    ("unit", "programme", "fits"),
    [
        (NEW, "ccer", True),
        (NEW, "ccer-old", True),
        (NEW, "cqcer", False),
        (LOCAL, "cqcer", True),
        (LOCAL, "ccer", False),
        (LOCAL, "ccer-old", False),
    ],
)
def test_a_unit_is_of_its_programme(
    book: CreditBook, unit: str, programme: str, fits: bool
) -> None:
    given = book.issuing(5, unit, programme=programme)
    if fits:
        book.send("issue_credits", **given)
    else:
        refusal = book.refused("InvalidCommand", "issue_credits", **given)
        assert refusal.numbers["field"] == "programme"


@pytest.mark.parametrize("unit", ["CEA:2024", "CCER:2024", "CCER:a b:2024", "CCER:x:24", "VCU:x:1"])
def test_other_units_are_no_credits(book: CreditBook, unit: str) -> None:
    given = {"programme": "ccer", "registered_on": "2024-02-01"}
    book.refused("UnitNotAllowed", "issue_credits", **book.issuing(5, unit, **given))


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("programme", "ccer-old"),
        ("registered_on", "2025-03-07"),
        ("covered_by_ets", True),
        ("methodology", "CCER-01-002-V01"),
    ],
)
def test_every_issuance_of_a_unit_says_the_same_of_it(
    book: CreditBook, field: str, other: Any
) -> None:
    book.credits(10, methodology="CCER-01-001-V01")
    again = {"methodology": "CCER-01-001-V01", field: other}
    refusal = book.refused("InvalidCommand", "issue_credits", **book.issuing(10, **again))
    assert refusal.numbers["field"] == field
    assert refusal.numbers["found"] == other


def test_a_methodology_may_be_left_unsaid_and_told_later(book: CreditBook) -> None:
    book.credits(10)
    book.credits(10, methodology="CCER-01-001-V01")
    book.credits(10)
    assert on_record(book).methodology == "CCER-01-001-V01"


@pytest.mark.parametrize("day", ["2025-02-30", "2025-13-01", "1850-01-01"])
def test_a_day_that_is_none_is_refused(book: CreditBook, day: str) -> None:
    given = book.issuing(5, registered_on=day)
    assert book.refused("InvalidCommand", "issue_credits", **given).numbers["field"] == (
        "registered_on"
    )


@pytest.mark.parametrize("day", ["2025-03-06T10:00", "06.03.2025", "", 20250306])
def test_a_day_has_one_form(book: CreditBook, day: Any) -> None:
    given = book.issuing(5, registered_on=day)
    assert book.refused("InvalidCommand", "issue_credits", **given).numbers["field"] == (
        "registered_on"
    )


def test_credits_issued_before_they_were_registered_are_warned_of(book: CreditBook) -> None:
    assert book.credits(5, at="2025-03-06").warnings == ()
    (warning,) = book.credits(5, at="2025-03-05T23:59:59").warnings
    assert "2025-03-06" in warning


# -- serial numbers ------------------------------------------------------------------------


def started(book: CreditBook) -> list[int]:
    events = book.ledger.events(types=["CreditsIssued"])
    return [event["data"]["serial_start"] for event in events]


def test_serial_numbers_go_on_after_the_last_by_unit(book: CreditBook) -> None:
    book.credits(100)
    book.credits(50)
    book.credits(7, OLD)
    book.credits(10, serial_start=1_000)
    book.credits(1)
    assert started(book) == [1, 101, 1, 1_000, 1_010]
    assert on_record(book).serials == ((1, 150), (1_000, 1_010))


@pytest.mark.parametrize(
    ("start", "quantity", "taken"),
    [
        (1, 99, None),
        (1, 100, (100, 109)),
        (99, 1, None),
        (100, 1, (100, 109)),
        (109, 1, (100, 109)),
        (110, 1, None),
        (110, 90, None),
        (110, 91, (200, 209)),
        (50, 500, (100, 109)),
        (105, 100, (100, 109)),
        (210, 1, None),
    ],
)
def test_a_serial_number_is_given_out_once(
    book: CreditBook, start: int, quantity: int, taken: tuple[int, int] | None
) -> None:
    book.credits(10, serial_start=100)
    book.credits(10, serial_start=200)
    given = book.issuing(quantity, serial_start=start)
    if taken is None:
        book.send("issue_credits", **given)
        assert sum(last - first + 1 for first, last in on_record(book).serials) == quantity + 20
        return
    refusal = book.refused("InvalidCommand", "issue_credits", **given)
    assert (refusal.numbers["taken_from"], refusal.numbers["taken_to"]) == taken
    assert (refusal.numbers["field"], refusal.numbers["free_from"]) == ("serial_start", 210)


@pytest.mark.parametrize(("start", "quantity", "fits"), [
    (MOST, 1, True), (MOST, 2, False), (1, MOST, True), (2, MOST, False),
])  # fmt: skip
def test_serial_numbers_stay_exact(book: CreditBook, start: int, quantity: int, fits: bool) -> None:
    given = book.issuing(quantity, serial_start=start)
    if fits:
        book.send("issue_credits", **given)
        assert on_record(book).serials == ((start, start + quantity - 1),)
    else:
        book.refused("IssuanceCapExceeded", "issue_credits", **given)


def test_the_last_number_leaves_none_for_the_next(book: CreditBook) -> None:
    book.credits(1, serial_start=MOST)
    book.refused("IssuanceCapExceeded", "issue_credits", **book.issuing(1))
    book.credits(1, serial_start=7)


def test_ranges_of_numbers_are_kept_short() -> None:
    assert joined((), 1, 5) == ((1, 5),)
    assert joined(((1, 5),), 6, 9) == ((1, 9),)
    assert joined(((1, 5), (10, 12)), 6, 9) == ((1, 12),)
    assert joined(((1, 5), (10, 12)), 7, 8) == ((1, 5), (7, 8), (10, 12))


# -- what else moves credits ---------------------------------------------------------------


def test_all_trade_in_credits_goes_through_the_exchange(book: CreditBook) -> None:
    book.credits(10)
    moved = {"registry": CREDITS, "unit": NEW, "quantity": 4, "from_": ACCOUNT, "to": "wang-1"}
    book.refused("RouteNotAllowed", "transfer", **moved, kind="free")
    for kind in ("succession", "judicial", "correction"):
        book.send("transfer", **{**moved, "quantity": 1}, kind=kind)
    assert book.credit_row("wang-1")["quantity"] == 3
    lock = book.lock(5)
    sold = {"registry": CREDITS, "trade": "x1", "method": "listed", "unit": NEW, "price": "88.00"}
    sold |= {"seller": ACCOUNT, "buyer": "wang-1"}
    book.refused("InsufficientUnits", "settle_trade", **sold, quantity=3)
    book.unlock(lock)
    book.send("settle_trade", **sold, quantity=3)
    assert book.credit_row("wang-1")["quantity"] == 6
    (market,) = bundled(CREDITS).data.market
    assert (market.bands, market.below, market.at_least) == ({}, {}, {})
    assert market.participants == ("entity", "institution", "individual")


def test_a_cancelled_credit_never_comes_back(book: CreditBook) -> None:
    book.credits(10)
    book.send("cancel", registry=CREDITS, account=ACCOUNT, unit=NEW, quantity=4)
    back = {"registry": CREDITS, "unit": NEW, "quantity": 1, "from_": "cancelled", "to": ACCOUNT}
    book.refused("RouteNotAllowed", "transfer", **back, kind="correction")
    assert book.credit_supply()["cancelled"] == 4


def test_credits_are_not_surrendered(book: CreditBook) -> None:
    book.send("register_entity", registry=CREDITS, entity="plant", name="Plant", sector="power")
    book.send(
        "open_account", registry=CREDITS, account="plant-c", kind="entity", entity="plant"
    )  # fmt: skip
    book.credits(10, to="plant-c", at=SUMMER)
    given = {"entity": "plant", "year": 2024, "unit": NEW, "quantity": 1}
    book.refused("RouteNotAllowed", "surrender", registry=CREDITS, **given)


@pytest.mark.parametrize("unit", ["CQEA:2024", NEW, LOCAL])
def test_no_unit_of_another_registry_meets_a_national_obligation(
    book: CreditBook, unit: str
) -> None:
    """D64: registries are not linked; a credit is used by way of a lock only."""
    book.verified(1_000)
    book.refused("UnitNotAllowed", "surrender", entity="plant", year=2024, unit=unit, quantity=1)


def test_an_issuance_is_not_taken_back(book: CreditBook) -> None:
    issued = book.credits(10)
    book.refused("NotReversible", "reverse", registry=CREDITS, reverses=issued.id)


def test_every_table_of_the_registry_has_its_source() -> None:
    raw = json.loads(bundled(CREDITS).text)
    sources = [
        table["source"]
        for value in raw.values() if isinstance(value, list) for table in value
    ]  # fmt: skip
    words = {word.strip("(;,):") for text in sources for word in text.split()}
    assert len(sources) > 12
    assert {key for key in raw["sources"] if key in words} | {"W9", "W10"} == set(raw["sources"])
