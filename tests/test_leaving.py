"""Leaving for the national market (Q-COV-2, N-COV-5): what is owed still, and what is cancelled."""

from typing import Any

import pytest

from chongqing import REGISTRY, TODAY, ChongqingBook, pilot, pilot_ledger
from etsledger.ledger import Ledger
from helpers import SteppingClock

__all__ = ["pilot", "pilot_ledger"]  # fixtures

MILL = "mill"
OLD = "CQEA:2023"
LEFT = "2024-06-01"
LATER = "2028-02-01T09:00:00+08:00"


@pytest.fixture
def book(pilot: ChongqingBook) -> ChongqingBook:
    """A steel mill that was given 70,000 t of 2023 in advance, and owes for 2022 and 2023."""
    pilot.works(MILL, "steel")
    pilot.minted(1_000_000, OLD)
    pilot.verified(100_000, 2022, MILL, at="2023-05-01")
    pilot.pre_allocate(2023, MILL, at="2023-06-01")
    pilot.verified(100_000, 2023, MILL, at="2024-05-01")
    return pilot


def leave(book: ChongqingBook, year: int = 2024, at: str = LEFT, **fields: Any) -> dict[str, Any]:
    """What the event says."""
    given = {"entity": MILL, "first_year_elsewhere": year, "at": at, **fields}
    outcome = book.send("leave_registry", **given)
    (event,) = book.ledger.events(from_position=outcome.positions[0], types=["EntityLeft"])
    return dict(event["data"])


def rows(book: ChongqingBook, **question: Any) -> list[dict[str, Any]]:
    found = book.ledger.leaving(**{"registry": REGISTRY, **question})
    return [dict(row) for row in found]


def row(book: ChongqingBook, **question: Any) -> dict[str, Any]:
    (only,) = rows(book, **question)
    return only


def bought(book: ChongqingBook, quantity: int, at: str) -> None:
    """From the glass works, by a court's order: a trade would need a market."""
    book.give(quantity, OLD, at="2020-01-01")
    book.send("transfer", kind="judicial", unit=OLD, quantity=quantity, from_="glass-1",
              to="mill-1", at=at)  # fmt: skip


# -- the command -----------------------------------------------------------------------------------


def test_d62_the_free_units_are_to_be_cancelled_within_three_years(book: ChongqingBook) -> None:
    assert leave(book) == {
        "cancel_by": "2027-12-31", "entity": MILL, "first_year_elsewhere": 2024,
        "rule": "Q-COV-2", "to_cancel": [{"tonnes": 70_000, "unit": OLD}],
    }  # fmt: skip


@pytest.mark.parametrize(("year", "by"), [(2020, "2023-12-31"), (2025, "2028-12-31")])
def test_the_three_years_begin_with_the_end_of_the_first_year(
    book: ChongqingBook, year: int, by: str
) -> None:
    assert leave(book, year)["cancel_by"] == by


@pytest.mark.parametrize(
    ("sold", "more", "to_cancel"),
    [(0, 5_000, 70_000), (30_000, 0, 40_000), (30_000, 5_000, 45_000), (70_000, 0, 0)],
)
def test_never_more_than_was_given_free_and_never_more_than_is_held(
    book: ChongqingBook, sold: int, more: int, to_cancel: int
) -> None:
    if sold:
        book.send("transfer", kind="judicial", unit=OLD, quantity=sold, from_="mill-1",
                  to="glass-1", at="2024-05-02")  # fmt: skip
    if more:
        bought(book, more, "2024-05-03")
    found = {one["unit"]: one["tonnes"] for one in leave(book).get("to_cancel", ())}
    assert found == ({OLD: to_cancel} if to_cancel else {})


def test_vintages_that_were_only_bought_are_its_own(book: ChongqingBook) -> None:
    book.give(9_000, "CQEA:2021", to="mill-1")
    assert [one["unit"] for one in leave(book)["to_cancel"]] == [OLD]


def test_what_was_recalled_is_not_to_be_cancelled(book: ChongqingBook) -> None:
    book.verified(60_000, 2023, MILL, at="2024-05-02")
    book.finalise(60_000, 2023, MILL, at="2024-05-20")
    assert book.compliance(MILL, 2023)["recalled"] == 10_000
    assert leave(book)["to_cancel"] == [{"tonnes": 60_000, "unit": OLD}]


def test_only_what_was_in_effect_counts(book: ChongqingBook) -> None:
    """The final allocation of September is on record, but not yet in effect in June."""
    book.finalise(95_000, 2023, MILL, at="2024-09-01")
    assert leave(book)["to_cancel"] == [{"tonnes": 70_000, "unit": OLD}]


def test_who_left_cannot_leave_again(book: ChongqingBook) -> None:
    leave(book)
    given = {"entity": MILL, "first_year_elsewhere": 2025}
    for at in ("2023-01-01", "2024-07-01"):
        numbers = book.refused("ParticipantNotAllowed", "leave_registry", at=at, **given).numbers
        assert numbers["first_year_elsewhere"] == 2024
    book.refused("UnknownEntity", "leave_registry", entity="nobody", first_year_elsewhere=2024)


def test_a_rulebook_without_the_rule_asks_for_no_cancellation(book: ChongqingBook) -> None:
    national = {"registry": "cn-national", "at": "2021-07-16"}
    book.send("open_registry", rulebook="cn-national", **national)
    book.send("register_entity", entity="plant", name="Plant", sector="power", **national)
    given = {"entity": "plant", "first_year_elsewhere": 2024, "registry": "cn-national"}
    book.send("leave_registry", **given)
    only = row(book, registry="cn-national")
    assert (only["cancel_by"], only["unit"], only["left"], only["overdue"]) == (
        None,
        None,
        0,
        False,
    )


# -- what it owes -----------------------------------------------------------------------------


def test_exempt_from_the_year_on_and_earlier_years_still_owed(book: ChongqingBook) -> None:
    """A foundry, whose years go on in Chongqing: what ends them is its leaving alone."""
    book.works("foundry", "other")
    for year in (2023, 2024, 2025):
        book.verified(50_000, year, "foundry", at=f"{year + 1}-05-01")
    leave(book, 2024, entity="foundry")
    found = {year: book.compliance("foundry", year) for year in (2023, 2024, 2025)}
    assert [one["status"] for one in found.values()] == ["NON_COMPLIANT", "EXEMPT", "EXEMPT"]
    assert [one["obligation"] for one in found.values()] == [50_000, 0, 0]


def test_earlier_years_are_met_and_later_ones_take_nothing(book: ChongqingBook) -> None:
    book.works("foundry", "other")
    for year in (2023, 2024):
        book.verified(50_000, year, "foundry", at=f"{year + 1}-05-01")
    book.give(100_000, OLD, to="foundry-1")
    leave(book, 2024, entity="foundry")
    given = {"entity": "foundry", "unit": OLD, "quantity": 1}
    book.refused("SurrenderExceedsObligation", "surrender", year=2024, **given)
    book.met(50_000, 2023, entity="foundry", unit=OLD, at="2024-12-01")
    assert book.stands("foundry", 2023) == "COMPLIANT"


def test_who_left_is_given_nothing_for_later_years(book: ChongqingBook) -> None:
    book.works("foundry", "other")
    book.minted(1_000_000)
    for year in (2023, 2024):
        book.verified(50_000, year, "foundry", at=f"{year + 1}-05-01")
    leave(book, 2024, entity="foundry")
    given = {"entity": "foundry", "year": 2024}
    numbers = book.refused("ParticipantNotAllowed", "pre_allocate", **given).numbers
    assert numbers["first_year_elsewhere"] == 2024
    book.refused("ParticipantNotAllowed", "finalise_allocation", entitlement=1, **given)
    book.finalise(49_000, 2023, "foundry", at="2024-09-01")
    assert book.held("foundry-1", OLD) == 49_000


def test_what_was_given_for_a_year_it_leaves_is_recalled_by_its_final_allocation(
    book: ChongqingBook,
) -> None:
    book.works("foundry", "other")
    book.minted(1_000_000)
    for year in (2023, 2024):
        book.verified(50_000, year, "foundry", at=f"{year + 1}-05-01")
    book.pre_allocate(2024, "foundry", at="2024-05-15")
    leave(book, 2024, entity="foundry")
    assert book.held("foundry-1") == 35_000
    book.finalise(0, 2024, "foundry")
    assert (book.held("foundry-1"), book.compliance("foundry")["recalled"]) == (0, 35_000)


def test_a_leave_told_later_changes_nothing_that_was_known(
    book: ChongqingBook, clock: SteppingClock
) -> None:
    book.works("foundry", "other")
    book.verified(50_000, 2024, "foundry", at="2025-05-01")
    before = book.known_at()
    clock.now = "2026-02-01T09:00:00+08:00"
    assert book.stands("foundry") == "NON_COMPLIANT"
    leave(book, 2024, at="2024-06-01", entity="foundry")
    assert book.stands("foundry") == "EXEMPT"
    assert book.stands("foundry", known_at=before) == "NON_COMPLIANT"
    assert book.stands("foundry", known_at="2025-12-31", as_of="2026-02-01") == "NON_COMPLIANT"
    assert book.stands("foundry", as_of="2025-06-01") == "EXEMPT"
    assert rows(book, entity="foundry", known_at=before) == []
    assert book.ledger.verify().ok


def test_an_entity_is_not_exempt_before_it_leaves(book: ChongqingBook) -> None:
    book.works("foundry", "other")
    book.verified(50_000, 2024, "foundry", at="2025-05-01")
    leave(book, 2024, at="2025-08-01", entity="foundry")
    assert book.stands("foundry", as_of="2025-07-31") == "OPEN"
    assert book.stands("foundry", as_of="2025-08-01") == "EXEMPT"


# -- the question ------------------------------------------------------------------------------


def cancel(book: ChongqingBook, quantity: int, at: str = "2025-01-10", **fields: Any) -> None:
    given = {"account": "mill-1", "unit": OLD, **fields}
    book.send("cancel", quantity=quantity, at=at, **given)


def numbers(book: ChongqingBook, **question: Any) -> tuple[int, ...]:
    """Given free, cancelled, surrendered, recalled, left."""
    found = row(book, **question)
    names = ("given_free", "cancelled", "surrendered", "recalled", "left")
    return tuple(found[name] for name in names)


def test_a_leaver_with_all_to_cancel(book: ChongqingBook) -> None:
    leave(book)
    assert row(book) == {
        "registry": REGISTRY, "entity": MILL, "first_year_elsewhere": 2024,
        "cancel_by": "2027-12-31", "unit": OLD, "given_free": 70_000, "cancelled": 0,
        "surrendered": 0, "recalled": 0, "left": 70_000, "overdue": False,
    }  # fmt: skip
    assert row(book, entity=MILL) == row(book) == row(book, registry=None)
    assert rows(book, entity="glass") == rows(book, registry="cn-national") == []


@pytest.mark.parametrize(
    ("as_of", "overdue"),
    [("2027-12-31T23:59:59", False), ("2027-12-31", False), ("2028-01-01T00:00:00", True)],
)
def test_overdue_after_the_last_day(
    book: ChongqingBook, clock: SteppingClock, as_of: str, overdue: bool
) -> None:
    leave(book)
    cancel(book, 69_999)
    assert row(book, as_of=as_of)["overdue"] is overdue
    clock.now = LATER
    cancel(book, 1, at=LATER)
    assert (row(book)["left"], row(book)["overdue"]) == (0, False)
    assert row(book, as_of="2028-01-31")["overdue"] is True


def test_cancellations_of_all_its_accounts_count(book: ChongqingBook) -> None:
    leave(book)
    book.send("open_account", account="mill-2", kind="entity", entity=MILL, at=LEFT)
    book.send("transfer", kind="succession", unit=OLD, quantity=10_000, from_="mill-1",
              to="mill-2", at="2024-07-01")  # fmt: skip
    cancel(book, 1_000)
    cancel(book, 4_000, account="mill-2")
    assert numbers(book) == (70_000, 5_000, 0, 0, 65_000)


def test_other_units_and_earlier_cancellations_do_not_count(book: ChongqingBook) -> None:
    book.give(500, "CQEA:2021", to="mill-1")
    cancel(book, 1_000, at="2024-05-31")
    leave(book)
    cancel(book, 500, unit="CQEA:2021")
    assert numbers(book) == (69_000, 0, 0, 0, 69_000)


def test_a_cancellation_told_later_counts_whenever_it_was(book: ChongqingBook) -> None:
    """The event at leaving could not know of it."""
    leave(book)
    cancel(book, 1_000, at="2024-05-31")
    assert numbers(book) == (70_000, 1_000, 0, 0, 69_000)


def test_surrenders_for_earlier_years_take_off(book: ChongqingBook) -> None:
    leave(book)
    sent = book.surrender(60_000, year=2023, entity=MILL, unit=OLD, at="2024-12-01")
    assert numbers(book) == (70_000, 0, 0, 0, 70_000)
    book.send("confirm_surrender", surrender=sent.id, at="2024-12-05")
    assert numbers(book) == (70_000, 0, 60_000, 0, 10_000)
    cancel(book, 10_000)
    assert numbers(book) == (70_000, 10_000, 60_000, 0, 0)


@pytest.mark.parametrize(
    ("bought_at", "at"),
    [("2024-05-05", "2024-05-10"), ("2024-05-05", "2024-12-01"), ("2024-11-01", "2024-12-01")],
)
def test_the_answer_does_not_hang_on_the_order_of_surrender_and_leaving(
    book: ChongqingBook, bought_at: str, at: str
) -> None:
    """70,000 t were given and 20,000 t bought; of 50,000 t surrendered 20,000 t are the bought."""
    if bought_at < LEFT:
        bought(book, 20_000, bought_at)
    if at < LEFT:
        book.met(50_000, 2023, entity=MILL, unit=OLD, at=at)
    leave(book)
    if bought_at > LEFT:
        bought(book, 20_000, bought_at)
    if at > LEFT:
        book.met(50_000, 2023, entity=MILL, unit=OLD, at=at)
    assert row(book)["left"] == 40_000


def test_what_is_handed_out_or_recalled_since_counts(book: ChongqingBook) -> None:
    leave(book)
    book.finalise(95_000, 2023, MILL, at="2024-09-01", id="final")
    assert numbers(book, as_of="2024-08-31") == (70_000, 0, 0, 0, 70_000)
    assert numbers(book) == (95_000, 0, 0, 0, 95_000)
    book.finalise(90_000, 2023, MILL, at="2024-10-01", supersedes="final")
    assert numbers(book) == (95_000, 0, 0, 5_000, 90_000)


def test_a_sale_takes_nothing_off(book: ChongqingBook) -> None:
    leave(book)
    book.send("transfer", kind="judicial", unit=OLD, quantity=70_000, from_="mill-1",
              to="glass-1", at="2024-07-01")  # fmt: skip
    assert numbers(book) == (70_000, 0, 0, 0, 70_000)


def test_a_leaver_with_nothing_to_cancel_is_told_without_a_unit(book: ChongqingBook) -> None:
    book.works("foundry", "other")
    leave(book, 2025, entity="foundry")
    only = row(book)
    assert (only["entity"], only["unit"], only["cancel_by"]) == ("foundry", None, "2028-12-31")
    assert (only["given_free"], only["left"], only["overdue"]) == (0, 0, False)


def test_as_of_and_known_at(book: ChongqingBook) -> None:
    before = book.known_at()
    leave(book)
    left = book.known_at()
    cancel(book, 7_000)
    assert rows(book, as_of="2024-05-31") == []
    assert rows(book, known_at=before) == []
    assert numbers(book, known_at=left) == (70_000, 0, 0, 0, 70_000)
    assert numbers(book, as_of="2025-01-09") == (70_000, 0, 0, 0, 70_000)
    assert numbers(book, as_of="2025-01-10") == (70_000, 7_000, 0, 0, 63_000)


def test_rows_are_by_entity_and_unit(book: ChongqingBook) -> None:
    book.works("alpha", "cement")
    book.minted(1_000_000, "CQEA:2022")
    for year in (2021, 2022):
        book.verified(10_000, year, "alpha", at=f"{year + 1}-05-01")
    book.pre_allocate(2022, "alpha", at="2022-06-01")
    book.pre_allocate(2023, "alpha", at="2023-06-01")
    leave(book)
    leave(book, entity="alpha")
    found = [(one["entity"], one["unit"], one["given_free"]) for one in rows(book)]
    assert found == [("alpha", "CQEA:2022", 7_000), ("alpha", OLD, 7_000), (MILL, OLD, 70_000)]


def test_a_rebuild_gives_the_same(book: ChongqingBook) -> None:
    leave(book)
    cancel(book, 7_000)
    told = rows(book)
    book.ledger.rebuild()
    assert rows(book) == told
    assert rows(book, entity=MILL) == told


def test_the_question_on_both_databases(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = TODAY
    book = ChongqingBook(ledger)
    book.works(MILL, "steel")
    book.minted(1_000_000, OLD)
    book.verified(100_000, 2022, MILL, at="2023-05-01")
    book.pre_allocate(2023, MILL, at="2023-06-01")
    leave(book)
    assert numbers(book) == (70_000, 0, 0, 0, 70_000)
    cancel(book, 7_000)
    assert numbers(book, entity=MILL) == (70_000, 7_000, 0, 0, 63_000)
