"""Entities and accounts: who is there, what belongs to whom, and how an account ends."""

import pytest

from helpers import ON_SQLITE, UNIT, DayBook, records
from rulebooks import open_rulebook

pytestmark = ON_SQLITE


def test_an_entity_is_registered_once(book: DayBook) -> None:
    refusal = book.refused(
        "AccountExists", "register_entity", entity="crrc", name="Again", sector="power"
    )
    assert refusal.numbers == {"entity": "crrc"}


def test_an_entity_and_an_account_may_share_an_id(book: DayBook) -> None:
    book.send("open_account", account="crrc", kind="institution")
    assert book.held("crrc") == 0


def test_an_account_is_opened_once_and_its_id_never_used_again(book: DayBook) -> None:
    book.refused("AccountExists", "open_account", account="desk-1", kind="institution")
    book.send("close_account", account="desk-1")
    refusal = book.refused("AccountExists", "open_account", account="desk-1", kind="institution")
    assert refusal.numbers == {"account": "desk-1"}


def test_an_account_belongs_to_a_registered_entity(book: DayBook) -> None:
    refusal = book.refused(
        "UnknownEntity", "open_account", account="new", kind="entity", entity="nobody"
    )
    assert refusal.numbers == {"entity": "nobody"}


@pytest.mark.parametrize("kind", ["province", "entity", "institution", "individual"])
def test_the_rulebook_says_which_kinds_of_account_may_be_opened(book: DayBook, kind: str) -> None:
    book.send("open_account", account="a", kind=kind)
    kinds = [k for k in open_rulebook()["account_kinds"] if k["kind"] != kind]
    routes = [{**r, "from": ["*"], "to": ["*"]} for r in open_rulebook()["routes"]]
    narrow = open_rulebook(name="narrow", account_kinds=kinds, routes=routes)
    book.send("adopt_rulebook", rulebook=narrow)
    refusal = book.refused("ParticipantNotAllowed", "open_account", account="b", kind=kind)
    assert refusal.numbers == {"kind": kind}


def test_a_rulebook_may_ask_for_the_entity_of_an_account(book: DayBook) -> None:
    kinds = [{**k, "entity_required": True} for k in open_rulebook()["account_kinds"]]
    book.send("adopt_rulebook", rulebook=open_rulebook(name="strict", account_kinds=kinds))
    refusal = book.refused("InvalidCommand", "open_account", account="new", kind="entity")
    assert refusal.numbers == {"field": "entity"}
    book.send("open_account", account="new", kind="entity", entity="crrc")


def test_the_first_account_of_kind_entity_is_the_default(book: DayBook) -> None:
    book.send("register_entity", entity="new", name="New", sector="cement")
    book.send("open_account", account="new-trade", kind="institution", entity="new")
    for account in ("new-1", "new-2"):
        book.send("open_account", account=account, kind="entity", entity="new")
        book.issue(100, to=account)
    book.surrender(10, "new")
    assert (book.held("new-1"), book.held("new-2")) == (90, 100)


# -- closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "code"), [(0, None), (1, "AccountNotEmpty")])
def test_an_account_is_closed_only_when_it_holds_nothing(
    book: DayBook, left: int, code: str | None
) -> None:
    book.issue(10, to="desk-1", at="2021-01-01")
    book.transfer(10 - left, "desk-1", "crrc-1", at="2022-01-01")
    if code is None:
        assert book.send("close_account", account="desk-1").outcome == "accepted"
        return
    refusal = book.refused(code, "close_account", account="desk-1")
    assert refusal.numbers == {"account": "desk-1", "unit": UNIT, "held": left, "available": left}


def test_an_account_is_closed_only_after_everything_that_is_still_to_take_effect(
    book: DayBook,
) -> None:
    book.issue(10, to="desk-1", at="2021-01-01")
    book.transfer(10, "desk-1", "crrc-1", at="2024-09-01")
    book.refused("AccountNotEmpty", "close_account", account="desk-1")
    book.refused("AccountNotEmpty", "close_account", account="desk-1", at="2024-08-31T23:59:59")
    book.send("close_account", account="desk-1", at="2024-09-01")


def test_an_account_is_not_closed_while_units_of_it_are_reserved(book: DayBook) -> None:
    # A back-dated freeze may reserve more than is there now.
    book.issue(10, to="desk-1", at="2021-01-01")
    book.transfer(10, "desk-1", "crrc-1", at="2022-01-01")
    book.freeze("desk-1", 10, at="2021-06-01", id="f")
    book.refused("AccountNotEmpty", "close_account", account="desk-1")
    book.send("unfreeze", freeze="f")
    book.send("close_account", account="desk-1")


def test_a_closed_account_takes_part_in_nothing_from_then_on(book: DayBook) -> None:
    book.issue(10, to="crrc-1", at="2021-01-01")
    closed = "2024-03-01T00:00:00"
    book.send("close_account", account="desk-1", at=closed)
    transfer = {"unit": UNIT, "quantity": 1, "kind": "free"}
    for at in (closed, "2024-03-02", None):
        for name, fields in [
            ("transfer", {**transfer, "from_": "desk-1", "to": "crrc-1"}),
            ("transfer", {**transfer, "from_": "crrc-1", "to": "desk-1"}),
            ("issue", {"unit": UNIT, "quantity": 1, "to": "desk-1"}),
            ("opening_balance", {"unit": UNIT, "quantity": 1, "account": "desk-1"}),
            ("cancel", {"unit": UNIT, "quantity": 1, "account": "desk-1"}),
            ("pledge", {"unit": UNIT, "quantity": 1, "account": "desk-1", "pledgee": "bank"}),
            ("freeze", {"account": "desk-1"}),
            ("close_account", {"account": "desk-1"}),
            ("surrender", {"entity": "crrc", "from_": "desk-1", "unit": UNIT, "quantity": 1,
                           "year": 2023}),
        ]:  # fmt: skip
            refusal = book.refused("AccountClosed", name, at=at, **fields)
            assert refusal.numbers["account"] == "desk-1"
            assert refusal.numbers["closed_at"] == "2024-03-01T00:00:00+08:00"


def test_an_account_that_is_to_close_closes_once_and_empty(book: DayBook) -> None:
    book.issue(10, to="crrc-1", at="2021-01-01")
    book.send("close_account", account="desk-1", at="2024-03-01")
    just_before = "2024-02-29T23:59:59.999999"
    book.refused("AccountNotEmpty", "close_account", account="desk-1", at=just_before)
    refusal = book.refused(
        "AccountClosed", "transfer", unit=UNIT, quantity=1, from_="crrc-1", to="desk-1",
        kind="free", at=just_before,
    )  # fmt: skip
    assert refusal.numbers["account"] == "desk-1"
    assert book.held("desk-1") == 0


def test_entities_keep_what_was_registered_of_them(book: DayBook) -> None:
    given = {
        "entity": "new", "name": "新电厂", "sector": "power", "province": "hubei",
        "uscc": "91110000100000000X", "first_year": 2019, "allocation_method": "benchmark",
    }  # fmt: skip
    book.send("register_entity", **given)
    assert records(book.ledger)[-1]["record"]["data"] == given


def test_a_closed_account_takes_no_late_credit(book: DayBook) -> None:
    book.send("open_account", account="brief", kind="institution")
    book.send("close_account", account="brief", effective_at="2024-03-01")
    refusal = book.refused(
        "AccountClosed", "issue", unit=UNIT, quantity=1, to="brief", effective_at="2024-02-01"
    )
    assert refusal.numbers["account"] == "brief"
    assert book.held("brief") == 0
