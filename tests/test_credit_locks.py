"""Locks: credits kept for an obligation in another registry (N-OFF-5, Q-OFF)."""

import pytest

from credit_books import ACCOUNT, CREDITS, NEW, OLD, CreditBook, book
from helpers import live_state, replayed
from national import SUMMER

__all__ = ["book"]  # a fixture


def locks(book: CreditBook) -> set[str]:
    state = replayed(book.ledger)
    assert live_state(book.ledger) == state
    return set(state.registries[CREDITS].locks)


def test_locked_credits_stay_and_cannot_leave(book: CreditBook) -> None:
    book.credits(100)
    lock = book.lock(60)
    assert book.credit_row() == {"quantity": 100, "available": 40, "pending": 60}
    assert locks(book) == {lock}
    gone = {"registry": CREDITS, "account": ACCOUNT, "unit": NEW}
    assert book.refused("InsufficientUnits", "cancel", **gone, quantity=41).numbers[
        "available"
    ] == 40  # fmt: skip
    book.refused("AccountNotEmpty", "close_account", registry=CREDITS, account=ACCOUNT)
    book.send("cancel", **gone, quantity=40)
    assert book.credit_row() == {"quantity": 60, "available": 0, "pending": 60}


@pytest.mark.parametrize(("quantity", "short"), [(99, False), (100, False), (101, True)])
def test_no_more_than_is_free_can_be_locked(book: CreditBook, quantity: int, short: bool) -> None:
    book.credits(150)
    book.lock(50)
    if short:
        refusal = book.refused("InsufficientUnits", "lock_credits", **book.locking(quantity))
        assert (refusal.numbers["available"], refusal.numbers["asked"]) == (100, quantity)
    else:
        book.lock(quantity)
        assert book.credit_row()["pending"] == 50 + quantity


def test_an_unlocked_credit_is_free_again_and_the_lock_is_gone(book: CreditBook) -> None:
    book.credits(100)
    lock = book.lock(60)
    book.unlock(lock)
    assert book.credit_row() == {"quantity": 100, "available": 100, "pending": 0}
    assert locks(book) == set()
    refusal = book.refused("UnknownReference", "unlock_credits", registry=CREDITS, lock=lock)
    assert refusal.numbers["expected"] == "lock"
    book.lock(100)


def test_a_lock_ends_after_it_began(book: CreditBook) -> None:
    book.credits(10)
    lock = book.lock(10, at="2025-06-01")
    early = {"registry": CREDITS, "lock": lock, "at": "2025-05-31"}
    assert book.refused("InvalidCommand", "unlock_credits", **early).numbers["field"] == (
        "effective_at"
    )
    book.unlock(lock, at="2025-06-01")


def test_a_lock_is_for_an_entity_of_an_open_registry(book: CreditBook) -> None:
    book.credits(10)
    for code, given in (
        ("UnknownAccount", {"account": "nobody"}),
        ("UnknownRegistry", {"for_registry": "cn-chongqing"}),
        ("UnknownEntity", {"entity": "nobody"}),
        ("InvalidCommand", {"for_registry": CREDITS}),
    ):
        book.refused(code, "lock_credits", **book.locking(10, **given))


def test_the_account_of_a_lock_need_not_be_the_entitys(book: CreditBook) -> None:
    book.credits(10, to="wang-1")
    book.lock(10, account="wang-1")
    assert book.credit_row("wang-1")["pending"] == 10


def test_limits_are_not_checked_at_the_lock(book: CreditBook) -> None:
    """No emissions on record, an expired programme, a year far away: all judged at the use."""
    book.credits(1_000_000, OLD)
    book.lock(1_000_000, OLD, year=2050)


def test_a_frozen_account_locks_nothing(book: CreditBook) -> None:
    book.credits(10)
    stop = book.send("freeze", registry=CREDITS, account=ACCOUNT)
    refusal = book.refused("AccountFrozen", "lock_credits", **book.locking(10))
    assert refusal.numbers["freeze"] == stop.id


def test_only_credits_are_locked(book: CreditBook) -> None:
    book.refused("UnitNotAllowed", "lock_credits", **book.locking(1, "CEA:2024"))


def test_a_back_dated_lock_leaves_no_later_fact_short(book: CreditBook) -> None:
    book.credits(100)
    book.send("cancel", registry=CREDITS, account=ACCOUNT, unit=NEW, quantity=70)
    back = book.locking(31, at="2024-01-01")
    assert book.refused("BackdatedOverdraft", "lock_credits", **back).numbers["lowest"] == 30
    book.lock(30, at="2024-01-01")
    assert book.credit_row(as_of="2024-01-01")["available"] == 70


def test_a_lock_shows_at_its_own_time_and_once_it_is_known(book: CreditBook) -> None:
    book.credits(100)
    before = book.known_at()
    lock = book.lock(60, at="2025-02-01")
    known = book.known_at()
    book.unlock(lock, at=SUMMER)
    assert book.credit_row(as_of="2025-01-31")["pending"] == 0
    assert book.credit_row(as_of="2025-02-01")["pending"] == 60
    assert book.credit_row(as_of="2025-02-01", known_at=before)["pending"] == 0
    assert book.credit_row(known_at=known)["pending"] == 60
    assert book.credit_row()["pending"] == 0
    positions = [event["type"] for event in book.ledger.events(entity="plant", registry=CREDITS)]
    assert positions == ["CreditsLocked", "CreditsUnlocked"]
