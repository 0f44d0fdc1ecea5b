"""Issuing, distributing, setting aside, transferring, cancelling: what may move where."""

from itertools import product
from typing import Any

import pytest

from etsledger.domain.commands import MAX_TONNES
from helpers import ON_SQLITE, UNIT, DayBook, held_by_account

pytestmark = ON_SQLITE

KINDS = {
    "issuance": "issuance", "authority": "authority", "reserve": "reserve", "province": "hubei",
    "entity": "crrc-1", "institution": "desk-1", "individual": "wang-1", "retired": "retired",
    "cancelled": "cancelled",
}  # fmt: skip
GOVERNMENT = {"authority", "reserve", "province"}
HOLDING = {"entity", "institution", "individual"}
FINAL = {"retired", "cancelled"}

ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "distribute": (GOVERNMENT, GOVERNMENT),
    "release": (GOVERNMENT, HOLDING),
    "free": (GOVERNMENT | HOLDING, GOVERNMENT | HOLDING | {"retired"}),
    "succession": (HOLDING, HOLDING),
    "judicial": (HOLDING, HOLDING | GOVERNMENT),
    "correction": (GOVERNMENT | HOLDING | FINAL, GOVERNMENT | HOLDING | FINAL),
}
"""The matrix of ``open``: from which kinds of account to which."""


@pytest.fixture
def full(book: DayBook) -> DayBook:
    """Every account has 100 t."""
    for account in (*KINDS.values(),):
        if account != "issuance":
            book.send("opening_balance", account=account, unit=UNIT, quantity=100)
    return book


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_may_move_where(full: DayBook, kind: str) -> None:
    sources, targets = ALLOWED[kind]
    for (source, from_), (target, to) in product(KINDS.items(), repeat=2):
        fields: dict[str, Any] = {"from_": from_, "to": to}
        name = "distribute" if kind == "distribute" else "transfer"
        if name == "transfer":
            fields["kind"] = kind
        fields.update(unit=UNIT, quantity=1)
        if "issuance" in (source, target):
            full.refused("UnknownAccount", name, **fields)
        elif source in sources and target in targets and source != target:
            assert full.send(name, **fields).outcome == "accepted", (source, target)
        else:
            full.refused("RouteNotAllowed", name, **fields)


def test_where_units_may_come_to_be_and_end(full: DayBook) -> None:
    given = {"unit": UNIT, "quantity": 1}
    for kind, account in KINDS.items():
        if kind == "issuance":
            continue
        if kind in FINAL:
            full.refused("RouteNotAllowed", "issue", to=account, **given)
            full.refused("RouteNotAllowed", "cancel", account=account, **given)
            full.refused("RouteNotAllowed", "surrender", entity="crrc", year=2023, from_=account,
                         **given)  # fmt: skip
        else:
            full.send("issue", to=account, **given)
            full.send("cancel", account=account, **given)
            full.send("surrender", entity="crrc", year=2023, from_=account, **given)
    found = held_by_account(full.ledger)
    assert found["cancelled", UNIT] == found["retired", UNIT] == 106


def test_units_are_issued_to_the_authority_unless_told_otherwise(book: DayBook) -> None:
    book.send("issue", unit=UNIT, quantity=5)
    book.send("issue", unit=UNIT, quantity=7, to="hubei")
    assert held_by_account(book.ledger) == {("authority", UNIT): 5, ("hubei", UNIT): 7}


def test_a_unit_goes_where_it_is_sent(book: DayBook) -> None:
    book.send("issue", unit=UNIT, quantity=100)
    book.send("distribute", unit=UNIT, quantity=60, from_="authority", to="hubei")
    book.send("reserve", unit=UNIT, quantity=10)
    book.transfer(40, "hubei", "crrc-1", kind="release")
    book.transfer(15, "crrc-1", "desk-1")
    book.send("cancel", account="desk-1", unit=UNIT, quantity=5)
    assert held_by_account(book.ledger) == {
        ("authority", UNIT): 30,
        ("cancelled", UNIT): 5,
        ("crrc-1", UNIT): 25,
        ("desk-1", UNIT): 10,
        ("hubei", UNIT): 20,
        ("reserve", UNIT): 10,
    }
    (supply,) = book.ledger.supply()
    assert supply == {
        "registry": "trial", "unit": UNIT, "issued": 100, "authority": 30, "province": 20,
        "holding": 35, "reserve": 10, "retired": 0, "cancelled": 5, "converted_in": 0,
        "converted_out": 0, "balanced": True,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["transfer", "distribute"])
def test_units_are_not_sent_to_where_they_are(full: DayBook, name: str) -> None:
    kind = {"kind": "free"} if name == "transfer" else {}
    refusal = full.refused(
        "RouteNotAllowed", name, unit=UNIT, quantity=1, from_="authority", to="authority", **kind
    )
    assert refusal.numbers == {"account": "authority"}


def test_an_opening_balance_is_a_labelled_fact_and_counts_as_issued(book: DayBook) -> None:
    facts = {"net_sales": {UNIT: -5}, "borrowed": 3, "recall_open": 0, "arrears": {"2022": 7}}
    book.send(
        "opening_balance", account="crrc-1", unit=UNIT, quantity=70, facts=facts, at="2019-01-01"
    )
    (event,) = book.ledger.events(types=["OpeningBalanceRecorded"])
    assert event["data"] == {"account": "crrc-1", "facts": facts, "quantity": 70, "unit": UNIT}
    assert book.ledger.supply()[0]["issued"] == 70
    book.refused(
        "InvalidCommand", "opening_balance",
        account="crrc-1", unit=UNIT, quantity=1, facts={"profit": 1},
    )  # fmt: skip


# -- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "code"),
    [(MAX_TONNES - 11, None), (MAX_TONNES - 10, None), (MAX_TONNES - 9, "IssuanceCapExceeded")],
)
@pytest.mark.parametrize("name", ["issue", "opening_balance"])
def test_no_unit_is_issued_beyond_what_can_be_kept_exactly(
    book: DayBook, name: str, more: int, code: str | None
) -> None:
    book.issue(10)
    to = {"account" if name == "opening_balance" else "to": "desk-1"}
    if code is None:
        book.send(name, unit=UNIT, quantity=more, **to)
        assert book.held("desk-1") == more
        assert book.ledger.supply()[0]["issued"] == more + 10
        return
    refusal = book.refused(code, name, unit=UNIT, quantity=more, **to)
    assert refusal.numbers == {"unit": UNIT, "issued": 10, "asked": more, "cap": MAX_TONNES}


def test_what_was_reversed_may_be_issued_again(book: DayBook) -> None:
    book.issue(MAX_TONNES, id="too-much")
    book.refused("IssuanceCapExceeded", "issue", unit=UNIT, quantity=1)
    book.send("reverse", reverses="too-much")
    book.issue(MAX_TONNES)
    assert book.ledger.verify().ok
