"""Actors and roles as facts: who is registered, what is granted, from when until when."""

from typing import Any

import pytest

from etsledger.domain.roles import FOR_SOME, ROLES
from helpers import ON_SQLITE, DayBook, live_state
from offices import Office

pytestmark = ON_SQLITE
DAY = "2024-03-01"


def held(book: DayBook, subject: str, at: str) -> set[tuple[str, str | None, str | None]]:
    from etsledger.domain.times import parse_instant

    actor = live_state(book.ledger).registries["trial"].actors[subject]
    return {(one.role, one.province, one.entity) for one in actor.held(parse_instant(at))}


@pytest.fixture
def li(book: DayBook) -> DayBook:
    """An actor of the entity ``crrc``."""
    book.send("register_actor", subject="li", entity="crrc", at="2024-01-01")
    return book


def test_an_actor_is_registered_once(li: DayBook) -> None:
    refusal = li.refused("AccountExists", "register_actor", subject="li")
    assert refusal.numbers["actor"] == "li"


def test_an_actor_works_for_an_entity_that_is_known(book: DayBook) -> None:
    book.refused("UnknownEntity", "register_actor", subject="li", entity="nobody")


@pytest.mark.parametrize("name", ["grant_role", "revoke_role"])
def test_a_role_is_granted_to_and_taken_from_who_is_registered(book: DayBook, name: str) -> None:
    refusal = book.refused("UnknownReference", name, subject="wu", role="auditor")
    assert refusal.numbers == {"reference_id": "wu", "expected": "actor"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "whose", [{}, {"province": "hubei"}, {"entity": "crrc"}, {"province": "a", "entity": "crrc"}],
    ids=["all", "province", "entity", "both"],
)  # fmt: skip
def test_a_role_is_for_a_province_or_an_entity_or_for_all(
    book: DayBook, role: str, whose: dict[str, str]
) -> None:
    book.send("register_actor", subject="li")
    good = {
        "province": [["province"]],
        "entity": [["entity"]],
        **{some: [[], ["province"], ["entity"]] for some in FOR_SOME},
    }
    given: dict[str, Any] = {"subject": "li", "role": role, **whose}
    if list(whose) in good.get(role, [[]]):
        book.send("grant_role", **given)
        expected = (role, whose.get("province"), whose.get("entity"))
        assert held(book, "li", "2030-01-01") == {expected}
    else:
        assert book.refused("InvalidCommand", "grant_role", **given).numbers["field"] in (
            "province", "entity",
        )  # fmt: skip


def test_the_role_of_an_entity_is_for_that_of_the_actor_unless_it_says_another(
    li: DayBook,
) -> None:
    li.send("grant_role", subject="li", role="entity", at=DAY)
    li.send("grant_role", subject="li", role="entity", entity="baosteel", at=DAY)
    assert held(li, "li", DAY) == {("entity", None, "crrc"), ("entity", None, "baosteel")}


def test_a_role_for_an_entity_is_for_one_that_is_known(li: DayBook) -> None:
    li.refused("UnknownEntity", "grant_role", subject="li", role="entity", entity="nobody")


@pytest.mark.parametrize(
    ("at", "there"),
    [("2024-02-29T23:59:59.999999", False), (DAY, True), ("2024-05-31T23:59:59.999999", True),
     ("2024-06-01", False), ("2030-01-01", False)],
)  # fmt: skip
def test_a_role_is_held_from_its_grant_until_its_end(li: DayBook, at: str, there: bool) -> None:
    li.send("grant_role", subject="li", role="auditor", at=DAY)
    li.send("revoke_role", subject="li", role="auditor", at="2024-06-01")
    assert held(li, "li", at) == ({("auditor", None, None)} if there else set())


def test_the_facts_of_a_role_may_come_in_any_order(li: DayBook) -> None:
    li.send("grant_role", subject="li", role="auditor", at="2024-05-01")
    li.send("grant_role", subject="li", role="auditor", at="2024-02-01")
    li.send("revoke_role", subject="li", role="auditor", at="2024-03-01")
    for at, there in [("2024-02-15", 1), ("2024-03-15", 0), ("2024-05-15", 1)]:
        assert len(held(li, "li", at)) == there


def test_a_revocation_without_a_place_ends_the_role_everywhere(li: DayBook) -> None:
    for entity in ("crrc", "baosteel"):
        li.send("grant_role", subject="li", role="entity", entity=entity, at=DAY)
    li.send("grant_role", subject="li", role="auditor", at=DAY)
    outcome = li.send("revoke_role", subject="li", role="entity", at="2024-04-01")
    (event,) = li.ledger.events(from_position=outcome.positions[0])
    assert event["data"]["held_for"] == [{"entity": "crrc"}, {"entity": "baosteel"}]
    assert held(li, "li", "2024-04-01") == {("auditor", None, None)}


def test_a_revocation_for_one_entity_leaves_the_others(li: DayBook) -> None:
    for entity in ("crrc", "baosteel"):
        li.send("grant_role", subject="li", role="entity", entity=entity, at=DAY)
    li.send("revoke_role", subject="li", role="entity", entity="crrc", at="2024-04-01")
    assert held(li, "li", "2024-04-01") == {("entity", None, "baosteel")}


@pytest.mark.parametrize("at", ["2024-02-29", "2024-06-01"])
def test_a_role_that_is_not_held_then_is_not_taken_back(li: DayBook, at: str) -> None:
    li.send("grant_role", subject="li", role="auditor", at=DAY)
    li.send("revoke_role", subject="li", role="auditor", at="2024-06-01")
    refusal = li.refused("UnknownReference", "revoke_role", subject="li", role="auditor", at=at)
    assert refusal.numbers["expected"] == "auditor"


# -- the last one who may grant roles --------------------------------------------------------------


@pytest.fixture
def office(ledger: Any) -> Office:
    """The national office with its staff."""
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.adopt()
    return office


def refusal_of(office: Office, **fields: Any) -> str:
    given = {"subject": "mee", "role": "competent_authority", "at": None, **fields}
    outcome = office.sent("mee", "revoke_role", **given)
    return getattr(outcome, "code", "accepted")


def test_the_last_one_who_may_grant_roles_keeps_the_role(office: Office) -> None:
    assert refusal_of(office) == "NotAuthorised"
    office.send("register_actor", subject="wu", actor="mee")
    office.send("grant_role", subject="wu", role="competent_authority", actor="mee")
    assert refusal_of(office) == "accepted"


def test_who_may_grant_roles_in_a_province_only_is_not_enough(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    office.send("grant_role", subject="wu", role="province", province="hubei", actor="mee")
    assert refusal_of(office) == "NotAuthorised"


def test_a_role_that_ends_later_or_is_yet_to_come_is_not_enough(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    given = {"subject": "wu", "role": "competent_authority", "actor": "mee"}
    office.send("grant_role", **given, at="2030-01-01")
    assert refusal_of(office) == "NotAuthorised"
    office.send("grant_role", **given, at="2024-01-01")
    assert refusal_of(office) == "accepted"


def test_a_back_dated_end_is_judged_by_who_may_grant_now(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    office.send(
        "grant_role", subject="wu", role="competent_authority", actor="mee", at="2024-05-01"
    )
    assert refusal_of(office, at="2023-06-01") == "accepted"


def test_an_end_in_the_future_needs_somebody_from_then_on(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    given = {"subject": "wu", "role": "competent_authority", "actor": "mee"}
    office.send("grant_role", **given, at="2024-05-01")
    office.send("revoke_role", **given, at="2024-12-01")
    assert refusal_of(office, at="2025-01-01") == "NotAuthorised"
    assert refusal_of(office, at="2024-11-01") == "NotAuthorised"
