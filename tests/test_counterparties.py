"""Trusted counterparties: facts with a date, and what they spare."""

from typing import Any

import pytest

from helpers import ON_SQLITE, UNIT, SteppingClock
from second_person import Pair

pytestmark = ON_SQLITE

TRUST = {"account": "crrc-1", "counterparty": "desk-1"}
ROW = {"commands": ["transfer.free"], "trusted": True, "delay_working_days": 2}


@pytest.fixture
def pair(book: Any) -> Pair:
    """100 t in ``crrc-1``, in an office where a free transfer needs a second person."""
    book.issue(100, at="2024-01-02")
    pair = Pair(book.ledger)
    pair.staff(ROW)
    return pair


def free(source: str = "crrc-1", to: str = "desk-1", **fields: Any) -> dict[str, Any]:
    return {
        "unit": UNIT, "quantity": 5, "from_": source, "to": to, "kind": "free", "actor": "li",
        **fields,
    }  # fmt: skip


def test_a_transfer_to_a_trusted_account_needs_no_second_person(pair: Pair) -> None:
    pair.refused("ApprovalRequired", "transfer", **free())
    pair.send("trust", actor="li", **TRUST)
    pair.send("transfer", **free())
    pair.refused("ApprovalRequired", "transfer", **free(to="baosteel-1"))
    pair.refused("ApprovalRequired", "transfer", **free("desk-1", "crrc-1"))
    pair.send("distrust", actor="li", **TRUST)
    pair.refused("ApprovalRequired", "transfer", **free())


def test_a_proposal_between_trusted_accounts_waits_for_no_delay(pair: Pair) -> None:
    proposed = {key: value for key, value in free().items() if key != "actor"}
    waiting = pair.propose("transfer", **proposed)
    pair.approve(waiting)
    assert pair.row(waiting)["status"] == "approved"
    pair.send("trust", actor="li", **TRUST)
    spared = pair.propose("transfer", **proposed)
    pair.approve(spared)
    assert pair.row(spared)["status"] == "executed"


def test_without_trusted_in_its_row_trust_spares_nothing(book: Any) -> None:
    book.issue(100, at="2024-01-02")
    pair = Pair(book.ledger)
    pair.staff({**ROW, "trusted": False})
    pair.send("trust", actor="li", **TRUST)
    pair.refused("ApprovalRequired", "transfer", **free())


@pytest.mark.parametrize(
    ("trusted_from", "sent_for", "spared"),
    [
        (None, None, True),
        (None, "2024-02-01", True),  # judged by the day it is sent, not the day it is for
        ("2024-02-01", "2024-01-15", True),
        ("2024-06-02", None, False),  # trusted from tomorrow on
        ("2024-06-02", "2024-07-01", False),
    ],
)
def test_trust_is_that_of_the_day_the_command_is_sent(
    pair: Pair, trusted_from: str | None, sent_for: str | None, spared: bool
) -> None:
    pair.send("trust", actor="li", at=trusted_from, **TRUST)
    if spared:
        pair.send("transfer", **free(at=sent_for))
    else:
        pair.refused("ApprovalRequired", "transfer", **free(at=sent_for))


def test_trust_ends_and_begins_again(pair: Pair, clock: SteppingClock) -> None:
    pair.send("trust", actor="li", at="2024-01-01", **TRUST)
    pair.send("distrust", actor="li", at="2024-03-01", **TRUST)
    pair.refused("UnknownReference", "distrust", actor="li", at="2024-03-02", **TRUST)
    pair.refused("ApprovalRequired", "transfer", **free())
    pair.send("trust", actor="li", at="2024-06-02", **TRUST)
    clock.now = "2024-06-02"
    pair.send("transfer", **free())


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("UnknownAccount", {"account": "nobody"}),
        ("UnknownAccount", {"counterparty": "nobody"}),
        ("InvalidCommand", {"counterparty": "crrc-1"}),
        ("InvalidCommand", {"counterparty": "baosteel-1"}),
    ],
)
def test_trust_is_between_two_known_accounts_and_stated_once(
    pair: Pair, code: str, fields: dict[str, str]
) -> None:
    pair.send("trust", actor="li", account="crrc-1", counterparty="baosteel-1")
    pair.refused(code, "trust", actor="li", **{**TRUST, **fields})


def test_a_closed_account_trusts_nobody(pair: Pair) -> None:
    pair.send("close_account", account="desk-1", actor="li")
    pair.refused("AccountClosed", "trust", actor="li", **TRUST)


def test_an_entity_trusts_for_its_own_account(book: Any) -> None:
    pair = Pair(book.ledger)
    pair.staff(chen={"role": "entity", "entity": "crrc"})
    pair.send("trust", actor="chen", **TRUST)
    pair.refused("NotAuthorised", "trust", actor="chen", account="baosteel-1",
                 counterparty="crrc-1")  # fmt: skip
