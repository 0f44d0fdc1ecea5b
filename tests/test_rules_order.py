"""When several refusals are true, the first of the contract's order is given.

Each table starts with a command that is wrong in every way it can be. Row by row one fault
is put right, and the next refusal in the order appears: the shape, what it refers to, who
takes part, unit and route, dates, size and limits, holdings, back-dating.
"""

from typing import Any

import pytest

from etsledger.domain.commands import MAX_TONNES
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, UNIT, DayBook, command, send_all, trial_registry
from rulebooks import exchange_only_rulebook

pytestmark = ON_SQLITE

Steps = list[tuple[str, dict[str, Any]]]
"""The code that is due, and what is put right after it."""
BLOCKED, EMPTY, BUSY, CLOSED = "wang-1", "desk-1", "crrc-1", "closed-1"


@pytest.fixture
def book(ledger: Ledger) -> DayBook:
    """``wang-1`` is frozen in both directions, ``closed-1`` closed, ``desk-1`` empty.

    ``crrc-1`` has 100 t from 2021, 80 of which leave in 2023; the authority has 70 and sets
    40 aside. There is no free transfer, and there are no units but ``CEA:YEAR``.
    """
    rules = exchange_only_rulebook()
    send_all(ledger, trial_registry(rules))
    book = DayBook(ledger)
    book.send("open_account", account=CLOSED, kind="individual", at="2020-01-01")
    book.send("close_account", account=CLOSED, at="2020-01-02")
    book.freeze(BLOCKED, direction="both", at="2020-01-01", id="block")
    book.issue(100, to=BUSY, at="2021-01-01", id="issued")
    book.transfer(80, BUSY, "baosteel-1", at="2023-01-01", kind="correction", id="moved")
    book.send("issue", unit=UNIT, quantity=70, to="authority", at="2021-01-01")
    book.send("reserve", unit=UNIT, quantity=40, at="2023-01-01")
    book.send("issue", unit=UNIT, quantity=50, to=BLOCKED, at="2019-01-01", id="issued-blocked")
    return book


def peel(book: DayBook, name: str, given: dict[str, Any], steps: Steps) -> None:
    for code, right in steps:
        book.refused(code, name, id="peeled", **given)
        given = {**given, **right}
    assert book.send(name, id="peeled", **given).outcome == "accepted"


def test_order_for_transfer(book: DayBook) -> None:
    peel(
        book,
        "transfer",
        {"unit": "GOLD", "quantity": 0, "from_": "nobody", "to": "nobody", "kind": "free",
         "registry": "elsewhere", "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 101}),
            ("UnknownRegistry", {"registry": "trial"}),
            ("UnknownAccount", {"from_": CLOSED}),
            ("UnknownAccount", {"to": BLOCKED}),
            ("AccountClosed", {"from_": BUSY}),
            ("AccountFrozen", {"to": BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("RouteNotAllowed", {"kind": "correction"}),
            ("RouteNotAllowed", {"to": "hubei"}),  # it would go to itself
            ("InsufficientUnits", {"quantity": 21}),
            ("BackdatedOverdraft", {"quantity": 20}),
        ],
    )  # fmt: skip


def test_order_for_distribute(book: DayBook) -> None:
    peel(
        book,
        "distribute",
        {"unit": "GOLD", "quantity": 0, "from_": "nobody", "to": BLOCKED, "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 71}),
            ("UnknownAccount", {"from_": "authority"}),
            ("AccountFrozen", {"to": BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("RouteNotAllowed", {"to": "authority"}),
            ("RouteNotAllowed", {"to": "hubei"}),
            ("InsufficientUnits", {"quantity": 31}),
            ("BackdatedOverdraft", {"quantity": 30}),
        ],
    )


def test_order_for_reserve(book: DayBook) -> None:
    peel(
        book,
        "reserve",
        {"unit": "GOLD", "quantity": -1, "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 71}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("InsufficientUnits", {"quantity": 31}),
            ("BackdatedOverdraft", {"quantity": 30}),
        ],
    )


@pytest.mark.parametrize(("name", "account"), [("issue", "to"), ("opening_balance", "account")])
def test_order_for_issuance(book: DayBook, name: str, account: str) -> None:
    peel(
        book,
        name,
        {"unit": "GOLD", "quantity": MAX_TONNES + 1, account: ""},
        [
            ("InvalidCommand", {account: "nobody"}),
            ("InvalidCommand", {"quantity": MAX_TONNES}),
            ("UnknownAccount", {account: CLOSED}),
            ("AccountClosed", {account: BLOCKED}),
            ("AccountFrozen", {account: "retired" if name == "issue" else BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            *([("RouteNotAllowed", {account: BUSY})] if name == "issue" else []),
            ("IssuanceCapExceeded", {"quantity": 1}),
        ],
    )


def test_order_for_cancel(book: DayBook) -> None:
    peel(
        book,
        "cancel",
        {"unit": "GOLD", "quantity": 0, "account": "nobody", "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 101}),
            ("UnknownAccount", {"account": CLOSED}),
            ("AccountClosed", {"account": BLOCKED}),
            ("AccountFrozen", {"account": "retired"}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("RouteNotAllowed", {"account": BUSY}),
            ("InsufficientUnits", {"quantity": 21}),
            ("BackdatedOverdraft", {"quantity": 20}),
        ],
    )


def test_order_for_surrender(book: DayBook) -> None:
    book.send("register_entity", entity="new", name="New", sector="power")
    peel(
        book,
        "surrender",
        {"unit": "GOLD", "quantity": 0, "year": 2023, "entity": "nobody", "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 101}),
            ("UnknownEntity", {"entity": "new"}),
            ("UnknownAccount", {"from_": CLOSED}),  # the entity has none of its own
            ("AccountClosed", {"from_": BLOCKED}),
            ("AccountFrozen", {"from_": "retired"}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("RouteNotAllowed", {"from_": BUSY}),
            ("InsufficientUnits", {"quantity": 21}),
            ("BackdatedOverdraft", {"quantity": 20}),
        ],
    )


def test_order_for_pledge(book: DayBook) -> None:
    peel(
        book,
        "pledge",
        {"unit": "GOLD", "quantity": 0, "account": "nobody", "pledgee": "b", "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 101}),
            ("UnknownAccount", {"account": CLOSED}),
            ("AccountClosed", {"account": BLOCKED}),
            ("AccountFrozen", {"account": BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("InsufficientUnits", {"quantity": 21}),
            ("BackdatedOverdraft", {"quantity": 20}),
        ],
    )


def test_order_for_freeze(book: DayBook) -> None:
    peel(
        book,
        "freeze",
        {"unit": "GOLD", "quantity": 0, "account": "nobody", "at": "2022-01-01"},
        [
            ("InvalidCommand", {"quantity": 101}),
            ("UnknownAccount", {"account": CLOSED}),
            ("AccountClosed", {"account": BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            # A back-dated freeze is judged by what was held then, not by what came after.
            ("InsufficientUnits", {"quantity": 100}),
        ],
    )


def test_order_for_reverse(book: DayBook) -> None:
    book.send("unfreeze", freeze="block", at="2020-01-02")
    book.transfer(50, BLOCKED, EMPTY, at="2020-01-03", kind="correction", id="to-desk")
    book.transfer(10, EMPTY, BUSY, at="2020-03-01", kind="correction", id="on")
    book.freeze(EMPTY, unit=UNIT, at="2020-01-01", id="stop")
    book.send("unfreeze", freeze="stop", at="2020-02-01")
    peel(
        book,
        "reverse",
        {"reverses": "", "at": "2020-01-02"},
        [
            ("InvalidCommand", {"reverses": "nothing"}),
            ("UnknownReference", {"reverses": "stop"}),
            ("NotReversible", {"reverses": "to-desk"}),
            ("AccountFrozen", {"at": "2019-12-31"}),
            ("InvalidCommand", {"at": "2020-02-02"}),  # before the transfer took effect
            ("BackdatedOverdraft", {"at": "2020-04-01"}),
            ("NotReversible", {"reverses": "on"}),
        ],
    )


def test_order_for_closing(book: DayBook) -> None:
    peel(
        book,
        "close_account",
        {"account": "", "at": "2024-01-01"},
        [
            ("InvalidCommand", {"account": "nobody"}),
            ("UnknownAccount", {"account": CLOSED}),
            ("AccountClosed", {"account": "authority"}),
            ("ParticipantNotAllowed", {"account": BUSY}),
            ("AccountNotEmpty", {"account": EMPTY}),
        ],
    )


def test_order_for_opening_an_account(book: DayBook) -> None:
    rules = exchange_only_rulebook()
    rules["account_kinds"] = [
        {"kind": "entity", "group": "holding", "entity_required": True, "source": "ets"},
        {"kind": "province", "group": "government", "source": "ets"},
    ]
    book.send("adopt_rulebook", rulebook=rules, at="2024-01-01")
    peel(
        book,
        "open_account",
        {"account": "a b", "kind": "entity"},
        [
            ("InvalidCommand", {"account": BUSY}),
            ("InvalidCommand", {"entity": "nobody"}),  # the rulebook asks for the entity
            ("UnknownEntity", {"entity": "crrc"}),
            ("AccountExists", {"account": "new-1", "kind": "individual"}),
            ("ParticipantNotAllowed", {"kind": "entity"}),
        ],
    )


def test_order_for_ending_a_reservation(book: DayBook) -> None:
    book.send("open_account", account="c-1", kind="institution")
    book.pledge(5, at="2024-01-01", id="pledge")
    peel(
        book,
        "release_pledge",
        {"pledge": "", "registry": "elsewhere", "at": "2023-12-31"},
        [
            ("InvalidCommand", {"pledge": "nothing"}),
            ("UnknownRegistry", {"registry": "trial"}),
            ("UnknownReference", {"pledge": "moved"}),
            ("UnknownReference", {"pledge": "pledge"}),
            ("InvalidCommand", {"at": "2024-01-01"}),
        ],
    )


def test_order_for_assertion(book: DayBook) -> None:
    peel(
        book,
        "assert_balance",
        {"account": "nobody", "unit": "GOLD", "quantity": -1, "at": "2022-12-31"},
        [
            ("InvalidCommand", {"quantity": 20}),
            ("UnknownAccount", {"account": BUSY}),
            ("UnitNotAllowed", {"unit": UNIT}),
            ("InvalidCommand", {"quantity": 100}),
        ],
    )


def test_the_shape_of_a_batch_comes_before_what_its_commands_refer_to(book: DayBook) -> None:
    known = command("close_account", "b/1", account="nobody")
    bad = command("close_account", "b/2", account="")
    book.refused("InvalidCommand", "batch", commands=[known, bad])
    book.refused("UnknownAccount", "batch", commands=[known])
