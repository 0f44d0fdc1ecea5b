"""Credits meet a part of an obligation: the handshake and what may be used (N-OFF-2 to
N-OFF-5, D28, D30)."""

from typing import Any

import pytest

from credit_books import ACCOUNT, CREDITS, NEW, OLD, CreditBook, book
from etsledger.domain.rulebook import bundled
from helpers import live_state, records, replayed
from national import PLANT, REGISTRY, SUMMER

__all__ = ["book"]  # a fixture
DUE = 1_000_000
IN_2023 = {"year": 2023, "at": "2024-03-01"}
"""A year whose deadline is 2024-12-31: the old programme can still meet it."""


def test_used_credits_count_here_and_are_cancelled_there_in_one_write(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(60_000)
    used = book.use(book.lock(50_000))
    first, second = used.positions
    here, there = list(book.ledger.events(from_position=first))
    assert (here["type"], here["registry"]) == ("OffsetsUsed", REGISTRY)
    assert (there["type"], there["registry"]) == ("CreditsCancelled", CREDITS)
    assert second == first + 1
    assert here["command_id"] == there["command_id"] == used.id
    assert here["recorded_at"] == there["recorded_at"]
    assert here["data"]["limit"] == 50_000
    assert here["rulebook"]["name"] == REGISTRY
    assert there["rulebook"]["name"] == CREDITS
    row = book.compliance()
    assert (row["offsets"], row["outstanding"], row["status"]) == (50_000, 950_000, "PARTIAL")
    assert book.credit_row() == {"quantity": 10_000, "available": 10_000, "pending": 0}
    assert book.credit_supply()["cancelled"] == 50_000
    assert live_state(book.ledger) == replayed(book.ledger)
    assert book.ledger.verify().ok


def test_the_two_halves_stand_in_the_chain_of_each_registry(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(10)
    book.use(book.lock(10))
    numbers: dict[str, list[int]] = {}
    for sealed in records(book.ledger):
        record = sealed["record"]
        numbers.setdefault(record["registry"], []).append(record["sequence"])
    for registry, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), registry


def test_a_lock_is_used_once(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100)
    lock = book.lock(60)
    used = book.use(lock)
    assert "used or unlocked" in book.unusable("UnknownReference", lock).message
    book.refused("UnknownReference", "unlock_credits", registry=CREDITS, lock=lock)
    again = {"command": "use_offsets", "id": used.id, "entity": PLANT, "year": 2024, "lock": lock}
    assert book.ledger.execute(again).outcome == "duplicate"
    assert book.compliance()["offsets"] == 60
    book.refused("NotReversible", "reverse", reverses=used.id)
    book.refused("NotReversible", "reverse", registry=CREDITS, reverses=used.id)


def test_an_unlocked_credit_is_not_used(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100)
    lock = book.lock(60)
    book.unlock(lock)
    book.unusable("UnknownReference", lock)


def test_a_lock_serves_only_what_it_was_made_for(book: CreditBook) -> None:
    book.plant("other")
    for entity, year in ((PLANT, 2024), (PLANT, 2023), ("other", 2024)):
        book.verified(DUE, year, entity)
    book.credits(100)
    lock = book.lock(60)
    for given in ({"year": 2023}, {"entity": "other"}):
        refusal = book.unusable("UnknownReference", lock, **given)
        assert (refusal.numbers["entity"], refusal.numbers["year"]) == (PLANT, 2024)
    book.send("open_registry", registry="trial", rulebook="open", at="2019-01-01")
    book.send("register_entity", registry="trial", entity=PLANT, name=PLANT, sector="power")
    refusal = book.unusable("UnknownReference", lock, registry="trial")
    assert refusal.numbers["for_registry"] == REGISTRY


def test_what_is_no_lock_is_not_used(book: CreditBook) -> None:
    book.verified(DUE)
    issued = book.credits(100)
    assert "CreditsIssued" in book.unusable("UnknownReference", issued.id).message
    assert "no accepted command" in book.unusable("UnknownReference", "nothing").message


def test_an_obligation_must_be_known(book: CreditBook) -> None:
    book.credits(100)
    book.unusable("ObligationNotKnown", book.lock(10))
    book.unusable("ObligationNotKnown", book.lock(10, year=2018), year=2018)
    book.verified(DUE, at="2025-04-01")
    book.unusable("ObligationNotKnown", book.lock(10, at="2025-01-01"), at="2025-03-31")
    book.unusable("UnknownEntity", book.lock(10), entity="nobody")


def test_a_credit_is_used_after_it_was_locked(book: CreditBook) -> None:
    book.verified(DUE, at="2025-04-01")
    book.credits(100)
    lock = book.lock(10, at="2025-06-01")
    refusal = book.unusable("InvalidCommand", lock, at="2025-05-31T23:59:59")
    assert refusal.numbers["field"] == "effective_at"
    book.use(lock, at="2025-06-01")


def test_a_frozen_credit_account_meets_nothing(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100)
    lock = book.lock(10)
    stop = book.send("freeze", registry=CREDITS, account=ACCOUNT)
    assert book.unusable("AccountFrozen", lock).numbers["freeze"] == stop.id
    book.send("unfreeze", registry=CREDITS, freeze=stop.id)
    book.use(lock)


def test_a_frozen_allowance_account_may_still_use_credits(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100)
    book.send("freeze", account="plant-1")
    book.use(book.lock(10))


# -- what may be used ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "accepted"),
    [
        ("2024-12-31T23:59:00+08:00", True),
        ("2024-12-31T23:59:59.999999+08:00", True),
        ("2025-01-01T00:00:00+08:00", False),
        ("2025-06-01", False),
    ],
)
def test_old_credits_are_used_until_the_end_of_2024(
    book: CreditBook, at: str, accepted: bool
) -> None:
    """D28: filed on 2016-05-01."""
    book.verified(DUE, **IN_2023)
    book.credits(100, OLD)
    lock = book.lock(10, OLD, **IN_2023)
    if accepted:
        book.use(lock, year=2023, at=at)
    else:
        refusal = book.unusable("OffsetExpired", lock, year=2023, at=at)
        assert refusal.numbers["used_before"] == "2025-01-01"


def test_old_credits_are_expired_also_for_a_year_that_never_admitted_them(
    book: CreditBook,
) -> None:
    book.verified(DUE, 2025)
    book.credits(100, OLD)
    book.unusable("OffsetExpired", book.lock(10, OLD, year=2025), year=2025)


@pytest.mark.parametrize(
    ("registered", "accepted"),
    [("2016-05-01", True), ("2017-03-13", True), ("2017-03-14", False), ("2017-03-15", False)],
)
def test_old_credits_were_filed_before_the_programme_was_closed(
    book: CreditBook, registered: str, accepted: bool
) -> None:
    book.verified(DUE, **IN_2023)
    book.credits(100, OLD, registered_on=registered)
    lock = book.lock(10, OLD, **IN_2023)
    if accepted:
        book.use(lock, **IN_2023)
    else:
        refusal = book.unusable("OffsetNotEligible", lock, **IN_2023)
        assert refusal.numbers["registered_on"] == registered


@pytest.mark.parametrize(
    ("year", "registered", "accepted"),
    [
        (2024, "2025-03-06", True),
        (2024, "2024-01-22", True),
        (2024, "2024-01-21", True),
        (2025, "2024-01-21", False),
        (2025, "2024-01-22", True),
        (2026, "2024-01-21", False),
        (2026, "2024-01-22", True),
    ],
)
def test_new_credits_are_registered_since_the_market_opened(
    book: CreditBook, year: int, registered: str, accepted: bool
) -> None:
    """D30: 2025 and 2026 by the draft."""
    book.verified(DUE, year)
    book.credits(100, registered_on=registered)
    lock = book.lock(10, year=year)
    if accepted:
        warnings = book.use(lock, year=year).warnings
        assert bool(warnings) == (year > 2024), "the figures of a draft are warned of"
    else:
        book.unusable("OffsetNotEligible", lock, year=year)


@pytest.mark.parametrize(("unit", "when"), [(NEW, {}), (OLD, IN_2023)])
def test_credits_of_covered_projects_meet_nothing(
    book: CreditBook, unit: str, when: dict[str, Any]
) -> None:
    """D30, N-OFF-2."""
    book.verified(DUE, **when)
    book.credits(100, unit, covered_by_ets=True)
    lock = book.lock(10, unit, **when)
    assert book.unusable("OffsetNotEligible", lock, **when).numbers["covered_by_ets"] is True


def test_chongqings_credits_meet_no_national_obligation(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100, "CQCER:forest:2022")
    refusal = book.unusable("OffsetNotEligible", book.lock(10, "CQCER:forest:2022"))
    assert refusal.numbers["programme"] == "cqcer"


def test_credits_that_were_never_issued_here_have_no_programme(book: CreditBook) -> None:
    book.verified(DUE)
    given = {"account": ACCOUNT, "unit": "CCER:from-before:2020", "quantity": 10}
    book.send("opening_balance", registry=CREDITS, **given)
    lock = book.lock(10, "CCER:from-before:2020")
    assert "issue_credits" in book.unusable("OffsetNotEligible", lock).message


def test_a_rulebook_without_a_table_for_the_year_admits_no_credits(book: CreditBook) -> None:
    book.send("adopt_rulebook", rulebook={
        "extends": REGISTRY, "name": "none-in-2024", "offsets": [
            {"rule": "own", "years": [2024], "share": "0.05", "programmes": [], "source": "ets"},
        ],
    })  # fmt: skip
    book.verified(DUE)
    book.credits(100)
    book.unusable("OffsetNotEligible", book.lock(10))
    book.send("open_registry", registry="trial", rulebook="open", at="2019-01-01")
    given = {"registry": "trial", "entity": PLANT}
    book.send("register_entity", **given, name=PLANT, sector="power")
    book.send("record_verified", **given, year=2024, emissions=DUE)
    book.unusable("OffsetNotEligible", book.lock(10, for_registry="trial"), registry="trial")


def test_dates_come_before_eligibility_and_eligibility_before_limits(book: CreditBook) -> None:
    book.verified(100, **IN_2023)
    book.credits(1_000, OLD, covered_by_ets=True)
    lock = book.lock(1_000, OLD, **IN_2023)
    book.unusable("OffsetExpired", lock, year=2023, at=SUMMER)
    book.unusable("OffsetNotEligible", lock, **IN_2023)


# -- questions -------------------------------------------------------------------------------


def test_offsets_in_time_make_compliant_and_late_ones_late(book: CreditBook) -> None:
    book.verified(1_000)
    book.give(1_000)
    book.met(950)
    book.credits(100)
    known = book.known_at()
    book.use(book.lock(50, at="2025-12-31"), at="2025-12-31T23:59:59")
    assert book.stands(as_of="2026-01-01") == "COMPLIANT"
    assert book.stands(as_of="2026-01-01", known_at=known) == "NON_COMPLIANT"


def test_offsets_after_the_deadline_are_late(book: CreditBook) -> None:
    book.verified(1_000)
    book.give(1_000)
    book.met(950)
    book.credits(100)
    book.use(book.lock(50), at="2026-01-01")
    assert book.stands(as_of="2025-12-31") == "PARTIAL"
    assert book.stands(as_of="2026-01-01") == "LATE_COMPLIANT"


def test_what_was_known_of_offsets_stays_what_it_was(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(100)
    lock = book.lock(60)
    before = book.known_at()
    book.use(lock)
    assert book.compliance(known_at=before)["offsets"] == 0
    assert book.compliance()["offsets"] == 60
    assert book.credit_row(known_at=before)["pending"] == 60
    book.ledger.rebuild()
    assert book.compliance()["offsets"] == 60
    assert book.ledger.verify().ok


def test_a_batch_with_a_use_is_all_or_nothing(book: CreditBook) -> None:
    book.verified(DUE)
    book.credits(60_000)
    locks = [book.lock(50_000), book.lock(1)]
    uses = [
        {"command": "use_offsets", "id": f"b/{i}", "entity": PLANT, "year": 2024, "lock": lock}
        for i, lock in enumerate(locks)
    ]
    book.refused("OffsetLimitExceeded", "batch", commands=uses)
    book.send("batch", commands=uses[1:])
    assert book.compliance()["offsets"] == 1


def test_the_bundled_share_is_five_per_cent_in_every_year() -> None:
    tables = bundled(REGISTRY).data.offsets
    shares = {year: str(table.share) for table in tables for year in table.years}
    assert shares == dict.fromkeys(range(2019, 2027), "0.05")
    assert [table.draft for table in tables] == [False, True]
