"""What authority is judged by: who asks, the role of the moment, the rulebook of the moment."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook import bundled, from_object
from etsledger.ledger import Ledger, Outcome, Refusal
from helpers import SteppingClock, send_all, standing, trial_registry
from offices import SINCE, UNIT, Office

NOW = "2025-07-01T09:00:00+08:00"
CANCEL = {"account": "plant-1", "unit": UNIT, "quantity": 1}
PLEDGE = {**CANCEL, "pledgee": "bank"}


@pytest.fixture
def ledger(sqlite_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """A new and empty ledger: authority asks nothing of the database."""
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        yield ledger


@pytest.fixture
def office(ledger: Ledger, clock: SteppingClock) -> Office:
    """The national office with its staff, and units everywhere."""
    clock.now = NOW
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    office.adopt()
    return office


def refused(office: Office, actor: str | None, name: str, /, **fields: Any) -> Refusal:
    """The refusal, with proof that it changed nothing."""
    before = standing(office.ledger)
    found = office.sent(actor, name, **fields)
    assert isinstance(found, Refusal), found
    assert standing(office.ledger) == before
    return found


def accepted(office: Office, actor: str | None, name: str, /, **fields: Any) -> bool:
    found = office.sent(actor, name, **fields)
    assert isinstance(found, Outcome) or found.code == "NotAuthorised", found
    return isinstance(found, Outcome)


# -- who asks --------------------------------------------------------------------------------------


def test_a_command_without_an_actor_is_refused_and_told_who_may_send_it(office: Office) -> None:
    refusal = refused(office, None, "pledge", **PLEDGE)
    assert refusal.code == "NotAuthorised"
    assert refusal.numbers == {
        "actor": None, "command": "pledge", "roles": [], "could": ["entity"],
    }  # fmt: skip
    assert "names no actor" in refusal.message
    assert "it may be sent by entity" in refusal.message


def test_an_actor_that_is_not_registered_is_refused(office: Office) -> None:
    refusal = refused(office, "wu", "pledge", **PLEDGE)
    assert refusal.numbers["actor"] == "wu"
    assert "knows no actor 'wu'" in refusal.message


def test_an_actor_without_a_role_is_refused(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    refusal = refused(office, "wu", "pledge", **PLEDGE)
    assert "holds no role" in refusal.message


def test_an_actor_of_another_registry_is_nobody_here(office: Office) -> None:
    there = {"registry": "trial"}
    office.send("open_registry", **there, rulebook="open")
    office.send("register_actor", **there, subject="wu")
    office.send("grant_role", **there, subject="wu", role="competent_authority")
    refused(office, "wu", "freeze", account="plant-1")


def test_a_refusal_names_the_roles_held_and_what_they_do_not_reach(office: Office) -> None:
    refusal = refused(office, "li", "pledge", **{**PLEDGE, "account": "mill-1"})
    assert refusal.numbers == {
        "actor": "li", "command": "pledge", "roles": ["entity"], "could": ["entity"],
    }  # fmt: skip
    assert "entity of plant" in refusal.message
    assert "not account mill-1" in refusal.message
    refusal = refused(office, "li", "cancel", **{**CANCEL, "account": "authority"})
    assert "takes from accounts of holding only, not authority" in refusal.message
    refusal = refused(office, "li", "freeze", account="plant-1")
    assert refusal.numbers["could"] == ["competent_authority"]
    assert "grant_role grants a role" in refusal.message


def test_what_no_role_may_send_is_said_so(office: Office) -> None:
    given = {"unit": UNIT, "quantity": 1, "from_": "plant-1", "to": "mill-1", "kind": "free"}
    assert "no role of this rulebook" in refused(office, "mee", "transfer", **given).message


def test_of_several_roles_one_is_enough(office: Office) -> None:
    given = {**PLEDGE, "account": "mill-1"}
    office.send("register_actor", subject="wu", actor="mee")
    for held in ({"role": "auditor"}, {"role": "entity", "entity": "plant"}):
        office.send("grant_role", subject="wu", actor="mee", **held)
    assert not accepted(office, "wu", "pledge", **given)
    office.send("grant_role", subject="wu", role="entity", entity="mill", actor="mee")
    assert accepted(office, "wu", "pledge", **given)


# -- when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "may"),
    [("2025-07-31T23:59:59", False), ("2025-08-01", True), ("2025-08-31T23:59:59", True),
     ("2025-09-01", False)],
)  # fmt: skip
@pytest.mark.parametrize("at", ["2024-01-01", "2025-08-15", "2026-01-01"])
def test_a_role_counts_when_the_command_is_recorded_whenever_it_takes_effect(
    office: Office, clock: SteppingClock, now: str, at: str, may: bool
) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    given = {"subject": "wu", "role": "entity", "actor": "mee"}
    office.send("grant_role", **given, entity="plant", at="2025-08-01")
    office.send("revoke_role", **given, at="2025-09-01")
    clock.now = f"{now}+08:00" if "T" in now else f"{now}T00:00:00+08:00"
    assert accepted(office, "wu", "pledge", **{**PLEDGE, "at": at}) is may


def test_a_back_dated_grant_counts_from_when_it_is_recorded(office: Office) -> None:
    given = {**PLEDGE, "at": "2024-06-01"}
    office.send("register_actor", subject="wu", actor="mee")
    assert not accepted(office, "wu", "pledge", **given)
    office.send("grant_role", subject="wu", role="entity", entity="plant", actor="mee", at=SINCE)
    assert accepted(office, "wu", "pledge", **given)


def test_the_rulebook_of_the_moment_asks_for_authority_also_of_back_dated_facts(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = NOW
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    office.send("adopt_rulebook", rulebook="cn-national-office", at="2025-08-01")
    assert accepted(office, None, "pledge", **PLEDGE)
    clock.now = "2025-08-01T00:00:00+08:00"
    assert not accepted(office, None, "pledge", **{**PLEDGE, "at": "2024-01-01"})


def test_an_entity_that_moved_is_in_reach_of_its_new_province(
    office: Office, clock: SteppingClock
) -> None:
    office.send("amend_entity", actor="mee", entity="plant", province="sichuan", at="2025-08-01")
    status = {"entity": "plant", "status": "active", "at": "2025-01-01"}
    assert accepted(office, "hubei.eeb", "set_entity_status", **status)
    clock.now = "2025-08-01T00:00:00+08:00"
    assert not accepted(office, "hubei.eeb", "set_entity_status", **status)


# -- the beginning ---------------------------------------------------------------------------------


def test_while_nobody_may_grant_roles_anybody_may_grant_the_first_ones(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = NOW
    office = Office(ledger)
    office.send("adopt_rulebook", rulebook="cn-national-office")
    assert not accepted(office, None, "register_entity", entity="e", name="E", sector="power")
    assert accepted(office, None, "register_actor", subject="court")
    assert accepted(office, None, "grant_role", subject="court", role="auditor")
    assert accepted(office, None, "register_actor", subject="mee")
    future = {"subject": "mee", "role": "competent_authority", "at": "2030-01-01"}
    assert accepted(office, None, "grant_role", **future)
    assert accepted(office, "mee", "grant_role", subject="mee", role="competent_authority")
    assert not accepted(office, None, "register_actor", subject="wu")
    assert not accepted(office, None, "grant_role", subject="court", role="competent_authority")
    assert accepted(office, "mee", "register_actor", subject="wu")


def test_a_registry_may_begin_as_an_office(ledger: Ledger) -> None:
    office = Office(ledger, "ccer-office")
    office.send("register_actor", subject="ncsc")
    office.send("grant_role", subject="ncsc", role="competent_authority")
    fields = {"account": "fund-1", "kind": "institution"}
    assert not accepted(office, None, "open_account", **fields)
    assert accepted(office, "ncsc", "open_account", **fields)


def test_a_province_grants_no_role_beyond_itself(office: Office) -> None:
    """However the actor's own entity is: a role for all is in reach of no province."""
    office.send("register_actor", subject="wu", entity="plant", actor="hubei.eeb")
    for role in ("competent_authority", "exchange", "credit_registry", "auditor", "verifier"):
        assert not accepted(office, "hubei.eeb", "grant_role", subject="wu", role=role)
    given = {"subject": "wu", "role": "verifier"}
    assert not accepted(office, "hubei.eeb", "grant_role", **given, province="sichuan")
    assert not accepted(office, "hubei.eeb", "grant_role", **given, entity="mill")
    assert accepted(office, "hubei.eeb", "grant_role", **given, entity="plant")
    assert accepted(office, "hubei.eeb", "grant_role", subject="wu", role="entity")


def test_a_verifier_for_one_entity_reaches_no_other(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    office.send("grant_role", subject="wu", role="verifier", entity="plant", actor="mee")
    report = {"year": 2024, "emissions": 5}
    assert accepted(office, "wu", "record_verified", entity="plant", **report)
    assert not accepted(office, "wu", "record_verified", entity="other", **report)


# -- before and after other refusals ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("cancel", {**CANCEL, "account": "nobody"}, "UnknownAccount"),
        ("transfer", {"from_": "mill-1", "to": "nobody", "unit": UNIT, "quantity": 1,
                      "kind": "judicial"}, "UnknownAccount"),
        ("set_entity_status", {"entity": "nobody", "status": "active"}, "UnknownEntity"),
        ("unfreeze", {"freeze": "nothing"}, "UnknownReference"),
        ("reverse", {"reverses": "nothing"}, "UnknownReference"),
        ("confirm_surrender", {"surrender": "nothing"}, "UnknownReference"),
        ("issue", {"unit": UNIT, "quantity": 1, "registry": "elsewhere"}, "UnknownRegistry"),
        ("cancel", {**CANCEL, "account": "mill-1", "quantity": 0}, "InvalidCommand"),
        ("cancel", {**CANCEL, "account": "mill-1", "unit": "GOLD"}, "NotAuthorised"),
        ("cancel", {**CANCEL, "account": "mill-1", "quantity": 10**9}, "NotAuthorised"),
        ("assert_balance", {"account": "mill-1", "unit": UNIT, "quantity": 1}, "NotAuthorised"),
        ("open_account", {"account": "mill-1", "kind": "entity", "entity": "mill"},
         "NotAuthorised"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("actor", ["li", "court", "wu", None])
def test_what_is_not_known_comes_before_who_takes_part_and_all_else_after(
    office: Office, actor: str | None, name: str, fields: dict[str, Any], code: str
) -> None:
    assert refused(office, actor, name, **fields).code == code


def test_nobody_learns_a_balance_by_asking_for_what_he_may_not(office: Office) -> None:
    refusal = refused(office, "li", "cancel", **{**CANCEL, "account": "mill-1", "quantity": 9**9})
    assert "1000" not in json.dumps(refusal.as_dict())


def test_each_command_of_a_batch_is_judged(office: Office) -> None:
    mine = office.command("pledge", id="b/1", **PLEDGE)
    other = office.command("pledge", id="b/2", **{**PLEDGE, "account": "mill-1"})
    refusal = refused(office, "li", "batch", id="b", commands=[mine, other])
    assert (refusal.code, refusal.numbers["command_id"]) == ("NotAuthorised", "b/2")
    assert accepted(office, "li", "batch", id="b", commands=[mine])


def test_a_what_if_judges_every_command_at_its_own_time(
    office: Office, clock: SteppingClock
) -> None:
    office.send("pledge", id="mine", actor="li", **PLEDGE)
    clock.advance(days=1)
    office.send("revoke_role", subject="li", role="entity", actor="mee", at=None)
    found = office.ledger.what_if()
    assert (found.refused, found.same_log) == ([], True)
    late = office.command("pledge", id="late", actor="li", **PLEDGE)
    (added,) = office.ledger.what_if(with_=[late]).added
    assert added.refusal is not None
    assert added.refusal["code"] == "NotAuthorised"


# -- rulebooks -------------------------------------------------------------------------------------


def test_without_a_rulebook_that_asks_everything_is_as_before(ledger: Ledger) -> None:
    send_all(ledger, trial_registry())
    assert {name: bundled(name).authority for name in ("open", "cn-national", "ccer")} == {
        "open": None, "cn-national": None, "ccer": None,
    }  # fmt: skip


def test_a_table_that_does_not_require_authority_asks_nobody() -> None:
    office = bundled("cn-national-office")
    text = {**json.loads(office.text), "name": "off"}
    text["authority"] = {**text["authority"], "required": False}
    assert from_object(text).authority is None


def own(**authority: Any) -> dict[str, Any]:
    """A rulebook of a user's own on top of the national office."""
    return {"extends": "cn-national-office", "name": "mine", "version": "1", "authority": authority}


def test_the_first_row_of_a_role_that_names_a_command_rules(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = NOW
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    rows = [
        {"role": "entity", "commands": ["pledge"], "scope": "none", "source": "ets"},
        {"role": "auditor", "commands": ["*"], "scope": "all", "source": "ets"},
    ]
    office.adopt(own(powers=rows))
    assert not accepted(office, "li", "pledge", **PLEDGE)
    assert accepted(office, "court", "pledge", **PLEDGE)


def test_an_object_may_switch_the_office_on(ledger: Ledger) -> None:
    office = Office(ledger)
    power = {"role": "auditor", "commands": ["*"], "source": "ets"}
    required = {"required": True, "source": "ets", "powers": [power]}
    office.send("adopt_rulebook", rulebook={
        "extends": "cn-national", "name": "mine", "version": "1", "authority": required,
    })  # fmt: skip
    office.send("register_actor", subject="wu")
    office.send("grant_role", subject="wu", role="auditor")
    entity = {"entity": "e", "name": "E", "sector": "power"}
    assert not accepted(office, None, "register_entity", **entity)
    assert accepted(office, "wu", "register_entity", **entity)


@pytest.mark.parametrize(
    ("authority", "path"),
    [
        ({"powers": [{"role": "king", "commands": ["*"], "source": "ets"}]},
         "rulebook.authority.powers.0.role"),
        ({"powers": [{"role": "entity", "commands": ["steal"], "source": "ets"}]},
         "rulebook.authority.powers.0"),
        ({"powers": [{"role": "entity", "commands": ["issue.now"], "source": "ets"}]},
         "rulebook.authority.powers.0"),
        ({"powers": [{"role": "entity", "commands": [], "source": "ets"}]},
         "rulebook.authority.powers.0.commands"),
        ({"powers": [{"role": "entity", "commands": ["*"], "accounts": ["purse"],
                      "source": "ets"}]}, "rulebook.authority.powers.0.accounts"),
        ({"powers": [{"role": "entity", "commands": ["*"], "scope": "mine", "source": "ets"}]},
         "rulebook.authority.powers.0.scope"),
        ({"powers": [{"role": "entity", "commands": ["*"]}]},
         "rulebook.authority.powers.0.source"),
        ({"reads": [{"role": "entity", "source": "ets"}]}, "rulebook.authority.reads.0.scope"),
        ({"required": "perhaps"}, "rulebook.authority.required"),
        ({"kings": []}, "rulebook.authority.kings"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_the_path_of_the_bad_key(
    authority: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidCommand) as caught:
        from_object(own(**authority))
    assert caught.value.numbers["field"] == path


def test_an_office_in_which_nobody_may_grant_roles_is_refused() -> None:
    power = {"role": "entity", "commands": ["*"], "scope": "own", "source": "ets"}
    authority = {"required": True, "source": "ets", "powers": [power]}
    given = {"extends": "cn-national", "name": "mine", "version": "1", "authority": authority}
    with pytest.raises(InvalidCommand) as caught:
        from_object(given)
    assert caught.value.numbers["field"] == "rulebook.authority.powers"
    assert "grant_role" in caught.value.message
