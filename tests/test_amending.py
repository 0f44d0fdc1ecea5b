"""Particulars of an entity that change: name, credit code, province, as of any instant."""

from typing import Any

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import PLANT, PROVINCE, REGISTRY, SUMMER, UNIT, NationalBook

BEFORE, CHANGE, AFTER = "2025-02-28T23:59:59", "2025-03-01", "2025-03-01T00:00:00"
OTHER = "sichuan"


@pytest.fixture
def book(ledger: Ledger, clock: SteppingClock) -> NationalBook:
    """``plant`` is served by hubei; sichuan has an account too."""
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant(name="Old Power", uscc="91420000A")
    book.send("open_account", account=OTHER, kind="province", province=OTHER, at="2019-01-01")
    return book


def row(ledger: Ledger, entity: str = PLANT, **when: Any) -> dict[str, Any]:
    (found,) = ledger.entities(registry=REGISTRY, entity=entity, **when)
    assert [dict(found)] == [
        dict(one) for one in ledger.entities(registry=REGISTRY, **when) if one["entity"] == entity
    ]
    return dict(found)


def test_an_entity_has_its_new_name_and_credit_code_from_the_effective_time_on(
    book: NationalBook,
) -> None:
    book.send("amend_entity", entity=PLANT, name="New Power", uscc="91420000B", at=CHANGE)
    before, after = row(book.ledger, as_of=BEFORE), row(book.ledger, as_of=AFTER)
    assert (before["name"], before["uscc"]) == ("Old Power", "91420000A")
    assert (after["name"], after["uscc"]) == ("New Power", "91420000B")
    assert before["province"] == after["province"] == PROVINCE
    assert book.ledger.verify().ok


def test_what_an_amendment_does_not_name_stays_as_it_was(book: NationalBook) -> None:
    book.send("amend_entity", entity=PLANT, name="New Power", at=CHANGE)
    book.send("amend_entity", entity=PLANT, province=OTHER, at="2025-04-01")
    now = row(book.ledger)
    assert (now["name"], now["uscc"], now["province"]) == ("New Power", "91420000A", OTHER)


def test_a_back_dated_amendment_is_known_from_then_on_and_not_before(
    book: NationalBook, clock: SteppingClock
) -> None:
    known = book.ledger.head().position
    book.send("amend_entity", entity=PLANT, name="New Power", at=CHANGE)
    later = book.ledger.head().position
    book.send("amend_entity", entity=PLANT, name="Middle Power", at="2025-01-01")
    assert row(book.ledger, known_at=f"@{known}")["name"] == "Old Power"
    assert row(book.ledger, known_at=f"@{later}", as_of=BEFORE)["name"] == "Old Power"
    assert row(book.ledger, as_of=BEFORE)["name"] == "Middle Power"
    assert row(book.ledger)["name"] == "New Power"
    # Of two for one instant the later recorded one rules.
    book.send("amend_entity", entity=PLANT, name="Last Power", at=CHANGE)
    assert row(book.ledger)["name"] == "Last Power"


@ON_SQLITE
def test_an_amendment_ahead_of_the_clock_counts_from_its_day_on(book: NationalBook) -> None:
    book.send("amend_entity", entity=PLANT, name="New Power", at="2026-01-01")
    assert row(book.ledger)["name"] == "Old Power"
    assert row(book.ledger, as_of="2026-01-01T00:00:00")["name"] == "New Power"


def test_another_province_serves_the_entity_from_then_on(book: NationalBook) -> None:
    book.fund(UNIT, 1_000)
    given = {"unit": UNIT, "quantity": 1_000, "at": "2025-01-02"}
    book.send("issue", **given)
    book.send("distribute", from_="authority", to=OTHER, **given)
    book.verified(1_000, at="2025-01-05")
    book.send("amend_entity", entity=PLANT, province=OTHER, at=CHANGE)
    book.finalise(entitlement=600, at="2025-04-01")
    (final,) = book.ledger.events(types=["AllocationFinalised"])
    assert final["data"]["from"] == OTHER
    book.met(100, at="2025-05-01")
    (confirmed,) = book.ledger.events(types=["SurrenderConfirmed"])
    assert confirmed["data"]["via"] == [OTHER, "authority"]
    book.send("finalise_allocation", id="again", entity=PLANT, year=2024, entitlement=650,
              supersedes=final["command_id"], at="2025-06-01")  # fmt: skip
    assert [one["province"] for one in book.ledger.entities(province=OTHER)] == [OTHER]
    assert book.ledger.entities(province=PROVINCE) == []
    assert len(book.ledger.entities(province=PROVINCE, as_of=BEFORE)) == 1


def test_the_summary_counts_an_entity_in_the_province_that_it_was_in(book: NationalBook) -> None:
    book.verified(1_000, at="2025-01-05")
    book.send("amend_entity", entity=PLANT, province=OTHER, at=CHANGE)
    for when, province in ((BEFORE, PROVINCE), (AFTER, OTHER)):
        rows = book.ledger.compliance_summary(registry=REGISTRY, as_of=when)
        assert [one["province"] for one in rows if one["province"]] == [province]


def test_what_the_old_province_kept_for_it_is_kept_by_the_new_one(book: NationalBook) -> None:
    book.fund(UNIT, 1_000)
    book.verified(1_000, at="2025-01-05")
    book.status("at_risk", at="2025-01-06")
    book.finalise(entitlement=600, at="2025-01-07")
    book.send("amend_entity", id="moved", entity=PLANT, province=OTHER, at=CHANGE)

    def kept(account: str, when: str) -> int:
        found = book.ledger.balances(registry=REGISTRY, account=account, unit=UNIT, as_of=when)
        return sum(one["restricted"] for one in found)

    assert (kept(PROVINCE, BEFORE), kept(OTHER, BEFORE)) == (600, 0)
    assert (kept(PROVINCE, AFTER), kept(OTHER, AFTER)) == (0, 600)
    book.surrender(200, from_=OTHER, id="forced", at="2025-04-01")
    book.confirm("forced", at="2025-04-02")
    book.refused("InsufficientUnits", "surrender", entity=PLANT, year=2024, unit=UNIT,
                 quantity=1, from_=OTHER, at="2025-02-01")  # fmt: skip
    # A recall finds the rest where it is now.
    (final,) = book.ledger.events(types=["AllocationFinalised"])
    book.finalise(entitlement=500, supersedes=final["command_id"], at="2025-05-01")
    assert kept(OTHER, "2025-05-01") == 300
    assert book.compliance()["recalled"] == 100
    assert book.ledger.verify().ok


def test_a_frozen_office_gives_its_custody_to_no_other(book: NationalBook) -> None:
    book.fund(UNIT, 1_000)
    book.verified(1_000)
    book.status("at_risk")
    book.finalise(entitlement=600)
    book.freeze(PROVINCE, registry=REGISTRY)
    head = book.ledger.head()
    book.refused("AccountFrozen", "amend_entity", entity=PLANT, province=OTHER)
    assert book.ledger.head() == head
    book.send("amend_entity", entity=PLANT, name="New Power")  # nothing of it moves


@ON_SQLITE
def test_an_amendment_is_of_a_known_entity_and_of_something(book: NationalBook) -> None:
    book.refused("UnknownEntity", "amend_entity", entity="nobody", name="New")
    refusal = book.refused("InvalidCommand", "amend_entity", entity=PLANT)
    assert "nothing to amend" in refusal.message
    outcome = book.send("amend_entity", entity=PLANT, province=PROVINCE)
    assert "already" in outcome.warnings[0]


@ON_SQLITE
def test_an_amendment_is_told_in_words_with_what_was_before(book: NationalBook) -> None:
    outcome = book.send("amend_entity", entity=PLANT, name="New Power", province=OTHER, at=CHANGE)
    told = book.ledger.explain_event(outcome.positions[0])
    assert told is not None
    assert told["what"] == (
        "plant has another name New Power (was Old Power), another province sichuan (was hubei)"
    )
    assert told["rule"] == "X-9"
    registered = next(iter(book.ledger.events(types=["EntityRegistered"])))
    told = book.ledger.explain_event(registered["position"])
    assert told is not None
    assert told["since"] is not None
    since = {one["event"]["position"] for one in told["since"] if one["event"] is not None}
    assert outcome.positions[0] in since


def test_the_tables_say_of_an_amended_entity_what_the_log_says(book: NationalBook) -> None:
    book.send("amend_entity", entity=PLANT, name="New Power", at=CHANGE)
    before = book.ledger.entities()
    book.ledger.rebuild()
    assert book.ledger.entities() == before
    assert book.ledger.replay().ok
