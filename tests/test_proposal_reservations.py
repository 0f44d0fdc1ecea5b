"""What a proposal reserves, from when until when, and that nothing of it is spent twice."""

from typing import Any

import pytest

from etsledger.domain.times import iso, parse_instant
from etsledger.ledger import Ledger
from exchange import Exchange
from helpers import ON_SQLITE, UNIT, SteppingClock, command, holding
from national import UNIT as ALLOWANCE
from national import NationalBook
from second_person import Pair

pytestmark = ON_SQLITE


@pytest.fixture
def pair(book: Any) -> Pair:
    """100 t in ``crrc-1`` and in ``authority``, and two persons."""
    pair = Pair(book.ledger)
    book.issue(100, id="minted", at="2024-01-02")
    book.issue(100, to="authority", at="2024-01-02")
    return pair


@pytest.mark.parametrize(
    ("name", "fields", "kept"),
    [
        ("cancel", {"account": "crrc-1", "quantity": 40}, {"crrc-1": 40}),
        ("transfer", {"from_": "crrc-1", "to": "desk-1", "kind": "free", "quantity": 40},
         {"crrc-1": 40}),
        ("transfer", {"from_": "authority", "to": "crrc-1", "kind": "release", "quantity": 7},
         {"authority": 7}),
        ("distribute", {"from_": "authority", "to": "hubei", "quantity": 1}, {"authority": 1}),
        ("freeze", {"account": "crrc-1", "quantity": 100}, {"crrc-1": 100}),
        ("pledge", {"account": "crrc-1", "quantity": 3, "pledgee": "bank"}, {"crrc-1": 3}),
        ("surrender", {"entity": "crrc", "year": 2023, "quantity": 9}, {"crrc-1": 9}),
        ("issue", {"to": "crrc-1", "quantity": 1_000}, {}),
        ("freeze", {"account": "crrc-1"}, {}),
    ],
)  # fmt: skip
def test_what_a_command_would_take_is_reserved(
    pair: Pair, name: str, fields: dict[str, Any], kept: dict[str, int]
) -> None:
    unit = {} if fields == {"account": "crrc-1"} else {"unit": UNIT}
    before = {one: holding(pair.ledger, one) for one in ("crrc-1", "authority")}
    proposal = pair.propose(name, **unit, **fields)
    for account, stood in before.items():
        tonnes = kept.get(account, 0)
        assert holding(pair.ledger, account) == {
            **stood, "pending": tonnes, "available": stood["available"] - tonnes,
        }  # fmt: skip
    told = [{"account": a, "unit": UNIT, "quantity": tonnes} for a, tonnes in kept.items()]
    assert pair.row(proposal)["reserved"] == told
    pair.approve(proposal)
    for account in before:
        assert holding(pair.ledger, account)["pending"] == 0
    assert pair.ledger.verify().ok


def test_a_reversal_reserves_what_it_takes_back(pair: Pair) -> None:
    proposal = pair.propose("reverse", reverses="minted")
    assert pair.available() == 0
    pair.refused("NotReversible", "reverse", reverses="minted")
    pair.approve(proposal)
    assert (pair.held(), holding(pair.ledger, "crrc-1")["pending"]) == (0, 0)


@pytest.mark.parametrize(("asked", "accepted"), [(59, True), (60, True), (61, False)])
@pytest.mark.parametrize("name", ["transfer", "cancel", "pledge", "freeze", "surrender", "propose"])
def test_what_is_reserved_is_not_spent_again(
    pair: Pair, name: str, asked: int, accepted: bool
) -> None:
    pair.propose("cancel", account="crrc-1", unit=UNIT, quantity=40)
    fields: dict[str, dict[str, Any]] = {
        "transfer": {"from_": "crrc-1", "to": "desk-1", "kind": "free"},
        "cancel": {"account": "crrc-1"},
        "pledge": {"account": "crrc-1", "pledgee": "bank"},
        "freeze": {"account": "crrc-1"},
        "surrender": {"entity": "crrc", "year": 2023},
    }
    if name == "propose":
        sent = pair.proposal("cancel", account="crrc-1", unit=UNIT, quantity=asked)
    else:
        sent = command(name, "spent", unit=UNIT, quantity=asked, **fields[name])
    (outcome,) = pair.ledger.apply([sent])
    code = None if outcome.refusal is None else outcome.refusal.code
    assert code == (None if accepted else "InsufficientUnits")


def test_what_is_reserved_is_not_sold(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = "2025-07-01T09:00:00"
    exchange = Exchange(ledger)
    exchange.day("2025-06-30", "80.00")
    sold = {"at": "2025-07-01T10:00"}
    clock.now = "2025-07-01T12:00:00"
    proposed = {"command": "cancel", "id": "c", "account": "seller-1", "unit": ALLOWANCE,
                "quantity": 999_900}  # fmt: skip
    exchange.send("propose", id="p", actor="li", proposes=proposed, at="2025-07-01T09:30")
    exchange.refuses("InsufficientUnits", quantity=101, **sold)
    exchange.trade(100, **sold)
    exchange.refuses("InsufficientUnits", quantity=1, **sold)
    exchange.send("approve", proposal="p", actor="wang")
    assert ledger.balances(account="seller-1") == []


def test_what_is_reserved_is_not_surrendered(ledger: Ledger, clock: SteppingClock) -> None:
    clock.now = "2025-07-01T09:00:00"
    book = NationalBook(ledger)
    book.plant()
    book.give(1_000)
    book.verified(1_000)
    proposed = {"command": "cancel", "id": "c", "account": "plant-1", "unit": ALLOWANCE,
                "quantity": 400}  # fmt: skip
    book.send("propose", id="p", actor="li", proposes=proposed)
    book.refused("InsufficientUnits", "surrender", entity="plant", year=2024, unit=ALLOWANCE,
                 quantity=601)  # fmt: skip
    book.surrender(600)
    book.send("approve", proposal="p", actor="wang")


def test_an_account_with_something_proposed_is_not_closed(pair: Pair) -> None:
    pair.propose("cancel", account="crrc-1", unit=UNIT, quantity=100)
    pair.refused("AccountNotEmpty", "close_account", account="crrc-1")


@pytest.fixture
def owing(national: NationalBook) -> NationalBook:
    """700 t in advance, 450 of them in a proposed surrender, 100 sold: 100 of a recall are open."""
    national.plant("buyer")
    national.fund(ALLOWANCE, 10_000)
    national.verified(1_000, 2023)
    national.verified(450)
    national.pre_allocate()
    surrender = {"command": "surrender", "id": "s", "entity": "plant", "year": 2024,
                 "unit": ALLOWANCE, "quantity": 450}  # fmt: skip
    national.send("propose", id="p", actor="li", proposes=surrender)
    national.send("transfer", unit=ALLOWANCE, kind="succession", quantity=100, from_="plant-1",
                  to="buyer-1")  # fmt: skip
    national.finalise(entitlement=450)
    assert (national.compliance()["recalled"], national.compliance()["recall_open"]) == (150, 100)
    return national


def test_what_is_released_for_the_command_is_not_taken_for_a_recall(owing: NationalBook) -> None:
    owing.send("approve", proposal="p", actor="wang")
    assert (owing.compliance()["pending"], owing.compliance()["recall_open"]) == (450, 100)


def test_what_a_rejection_frees_meets_a_recall_first(owing: NationalBook) -> None:
    owing.send("reject", proposal="p", actor="wang")
    assert (owing.compliance()["recalled"], owing.compliance()["recall_open"]) == (250, 0)
    assert owing.available() == 350


# -- from when until when ------------------------------------------------------------------------

MADE, APPROVED = "2024-03-01T00:00:00+08:00", "2024-05-01T00:00:00+08:00"


@pytest.mark.parametrize(
    ("takes_effect", "released", "moved"),
    [
        (None, APPROVED, APPROVED),
        ("2024-02-01", MADE, "2024-02-01T00:00:00+08:00"),
        (MADE, MADE, MADE),
        ("2024-04-01", "2024-04-01T00:00:00+08:00", "2024-04-01T00:00:00+08:00"),
        (APPROVED, APPROVED, APPROVED),
        ("2024-07-01", APPROVED, "2024-07-01T00:00:00+08:00"),
    ],
    ids=["none", "before", "same", "between", "approval", "future"],
)
def test_the_reservation_ends_where_the_command_takes_effect(
    pair: Pair, takes_effect: str | None, released: str, moved: str
) -> None:
    """All of the 100 t, so that nothing else could cover the command: never reserved twice."""
    proposal = pair.propose(
        "cancel", account="crrc-1", unit=UNIT, quantity=100, at=takes_effect, when=MADE
    )
    pair.approve(proposal, at=APPROVED)
    *_, execution, cancelled = pair.ledger.events()
    assert (execution["effective_at"], cancelled["effective_at"]) == (released, moved)
    assert execution["data"]["executed_at"] == APPROVED
    for instant in sorted({MADE, released, moved, APPROVED}):
        found = holding(pair.ledger, "crrc-1", as_of=instant)
        assert found["quantity"] == (0 if instant >= moved else 100)
        assert found["pending"] == (100 if MADE <= instant < released else 0)
    assert pair.ledger.verify().ok


def test_a_rejection_frees_from_its_own_time_on(pair: Pair) -> None:
    proposal = pair.propose("cancel", account="crrc-1", unit=UNIT, quantity=100, when=MADE)
    pair.reject(proposal, at=APPROVED)
    assert pair.available(as_of="2024-02-29") == 100
    assert pair.available(as_of="2024-04-30") == 0
    assert pair.available(as_of="2024-05-01") == 100


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_nothing_is_decided_on_a_proposal_before_it_was_made(pair: Pair, name: str) -> None:
    proposal = pair.propose("cancel", account="crrc-1", unit=UNIT, quantity=1, when=MADE)
    earlier = iso(parse_instant(MADE) - (parse_instant("2024-01-02") - parse_instant("2024-01-01")))
    refusal = pair.refused("InvalidCommand", name, proposal=proposal, actor="wang", at=earlier)
    assert refusal.numbers == {"field": "effective_at", "earliest": MADE}
    pair.send(name, proposal=proposal, actor="wang", at=MADE)


def test_what_is_there_only_later_cannot_be_reserved_now(pair: Pair) -> None:
    """A proposal reserves from the present on, whatever it proposes for the future."""
    pair.send("issue", unit=UNIT, quantity=50, to="crrc-1", at="2024-09-01")
    sent = {"account": "crrc-1", "unit": UNIT, "quantity": 150, "at": "2024-10-01"}
    assert pair.refused_proposal("InsufficientUnits", "cancel", **sent).numbers["available"] == 100
    pair.send("cancel", **sent)
