"""Proposals: what one asks for and another approves, and what may become of it."""

from typing import Any

import pytest

from etsledger.domain.proposals import NEVER_PROPOSED
from etsledger.ledger import Refusal
from etsledger.ledger.commandfile import prepare
from helpers import (
    UNIT,
    SteppingClock,
    again,
    command,
    duplicate_of,
    holding,
)
from second_person import Pair

CANCEL: dict[str, Any] = {"account": "crrc-1", "unit": UNIT, "quantity": 40}


@pytest.fixture
def pair(book: Any) -> Pair:
    """100 t in ``crrc-1``, and two persons."""
    pair = Pair(book.ledger)
    book.issue(100, at="2024-01-02")
    return pair


# -- proposed, approved, executed ----------------------------------------------------------------


def test_what_is_approved_by_another_is_executed_in_the_same_write(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    assert pair.held() == 100
    done = pair.approve(proposal)
    kinds = [event["type"] for event in pair.ledger.events(from_position=done.positions[0])]
    assert kinds == ["ProposalApproved", "ProposalExecuted", "UnitsCancelled"]
    assert holding(pair.ledger, "crrc-1") | {"quantity": 60} == {
        "quantity": 60, "available": 60, "frozen": 0, "pledged": 0, "pending": 0, "restricted": 0,
    }  # fmt: skip
    assert holding(pair.ledger, "cancelled")["quantity"] == 40
    *_, event = pair.ledger.events()
    assert (event["command_id"], event["actor"], event["approved_by"]) == ("p1/1", "li", "wang")
    assert pair.ledger.verify().ok


def test_what_is_proposed_is_reserved_and_what_is_rejected_is_free_again(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    assert holding(pair.ledger, "crrc-1")["pending"] == 40
    assert pair.available() == 60
    pair.reject(proposal)
    assert holding(pair.ledger, "crrc-1")["pending"] == 0
    assert pair.available() == 100


@pytest.mark.parametrize("by", ["li", "wang", "somebody"])
def test_without_authority_anybody_may_reject_and_the_proposer_withdraw(
    pair: Pair, by: str
) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    pair.reject(proposal, by)
    *_, event = pair.ledger.events()
    assert event["data"].get("withdrawn", False) == (by == "li")
    assert event["data"]["rejected_by"] == by


def test_nobody_approves_what_he_proposed(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    refusal = pair.refused("ApprovalRequired", "approve", proposal=proposal, actor="li")
    assert refusal.numbers["actor"] == "li"


@pytest.mark.parametrize("name", ["approve", "reject", "execute"])
def test_a_second_person_is_named(pair: Pair, name: str) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    assert pair.refused("InvalidCommand", name, proposal=proposal).numbers["field"] == "actor"


def test_a_first_person_is_named(pair: Pair) -> None:
    assert pair.refused_proposal("InvalidCommand", "cancel", by=None, **CANCEL).numbers == {
        "field": "actor"
    }


@pytest.mark.parametrize("end", ["approve", "reject"])
@pytest.mark.parametrize("name", ["approve", "reject", "execute"])
def test_a_proposal_that_has_ended_is_no_proposal(pair: Pair, end: str, name: str) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    pair.send(end, proposal=proposal, actor="wang")
    for actor in ("li", "wu"):
        refusal = pair.refused("UnknownReference", name, proposal=proposal, actor=actor)
        assert refusal.numbers == {"reference_id": proposal, "expected": "proposal"}
        assert "executed or rejected since" in refusal.message


@pytest.mark.parametrize("name", ["approve", "reject", "execute"])
@pytest.mark.parametrize(
    ("given", "found"), [("nothing", "no accepted command"), ("a1", "recorded AccountOpened")]
)
def test_only_a_proposal_can_be_decided_on(pair: Pair, name: str, given: str, found: str) -> None:
    refusal = pair.refused("UnknownReference", name, proposal=given, actor="wang")
    assert found in refusal.message


def test_a_proposal_is_not_executed_before_it_is_approved(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    refusal = pair.refused("ApprovalRequired", "execute", proposal=proposal, actor="wang")
    assert refusal.numbers == {"proposal": proposal, "proposer": "li"}


@pytest.mark.parametrize(
    ("code", "name", "fields"),
    [
        ("InsufficientUnits", "cancel", {**CANCEL, "quantity": 101}),
        ("UnknownAccount", "cancel", {**CANCEL, "account": "nobody"}),
        ("UnknownReference", "reverse", {"reverses": "nothing"}),
        ("InvalidCommand", "cancel", {**CANCEL, "quantity": 0}),
        ("AccountExists", "open_account", {"account": "crrc-1", "kind": "institution"}),
        ("BackdatedOverdraft", "cancel", {**CANCEL, "quantity": 80, "at": "2024-01-03"}),
    ],
)
def test_a_proposal_is_refused_as_the_command_would_be(
    pair: Pair, code: str, name: str, fields: dict[str, Any]
) -> None:
    pair.transfer(30, "crrc-1", "desk-1", at="2024-01-04")
    sent = pair.refused(code, name, **fields)
    proposed = pair.refused_proposal(code, name, **fields)
    if code != "InvalidCommand":
        assert proposed.numbers == sent.numbers


@pytest.mark.parametrize("name", ["approve", "execute"])
def test_a_refusal_at_the_end_leaves_the_proposal_open(pair: Pair, name: str) -> None:
    pair.staff({"commands": ["cancel"], "delay_working_days": 1 if name == "execute" else 0})
    proposal = pair.propose("cancel", **CANCEL)
    if name == "execute":
        pair.approve(proposal)
        clock(pair).advance(days=4)
    pair.send("freeze", id="f", account="crrc-1", actor="li")
    refusal = pair.refused("AccountFrozen", name, proposal=proposal, actor="wang")
    assert "stays open" in refusal.message
    assert (refusal.numbers["freeze"], refusal.numbers["command_id"]) == ("f", "p1/1")
    pair.send("unfreeze", freeze="f", actor="li")
    pair.send(name, proposal=proposal, actor="wang")
    assert pair.held() == 60


def clock(pair: Pair) -> SteppingClock:
    found = pair.ledger.clock
    assert isinstance(found, SteppingClock)
    return found


def test_a_proposal_is_decided_by_the_facts_of_its_execution(pair: Pair) -> None:
    """Opened in the meantime by somebody else: the account of the proposal is there already."""
    proposal = pair.propose("open_account", account="new", kind="institution")
    pair.send("open_account", account="new", kind="individual")
    pair.refused("AccountExists", "approve", proposal=proposal, actor="wang")
    pair.reject(proposal)


# -- ids and contents ----------------------------------------------------------------------------


def test_the_proposed_command_takes_over_what_it_does_not_say(pair: Pair) -> None:
    given: dict[str, Any] = pair.proposal("cancel", **CANCEL)
    given |= {"reference": "doc 7", "reason": "a mistake"}
    given["proposes"]["reason"] = "a better one"
    pair.ledger.execute(given)
    (row,) = pair.ledger.proposals()
    assert row["proposed"] == {
        "command": "cancel", "id": "p1/1", "registry": "trial", "actor": "li",
        "reference": "doc 7", "reason": "a better one", **CANCEL,
    }  # fmt: skip
    assert (row["reference"], row["reason"]) == ("doc 7", "a mistake")


def test_what_is_sent_again_is_done_once(pair: Pair) -> None:
    given = pair.proposal("cancel", **CANCEL)
    first = pair.ledger.execute(given)
    other_order = dict(reversed(list(given.items()))) | {
        "proposes": dict(reversed(list(given["proposes"].items()))) | {"registry": "trial"}
    }
    for same in (given, other_order):
        repeated = again(pair, same)
        assert (repeated.id, repeated.outcome, repeated.positions) == duplicate_of(first)
    approval = command("approve", "ok", proposal="p1", actor="wang")
    done = pair.ledger.execute(approval)
    assert len(done.positions) == 3
    for same, once in ((given, first), (approval, done)):
        repeated = again(pair, same)
        assert (repeated.id, repeated.outcome, repeated.positions) == duplicate_of(once)
    executed = command("cancel", "p1/1", actor="li", approved_by="wang", **CANCEL)
    assert again(pair, executed).positions == done.positions[2:]


@pytest.mark.parametrize("change", [{"quantity": 41}, {"id": "other"}, {"reason": "why"}])
def test_a_proposal_of_another_command_under_the_same_id_is_refused(
    pair: Pair, change: dict[str, Any]
) -> None:
    given = pair.proposal("cancel", **CANCEL)
    pair.ledger.execute(given)
    other = {**given, "proposes": {**given["proposes"], **change}}
    with pytest.raises(Refusal) as caught:
        pair.ledger.execute(other)
    assert caught.value.code == "DuplicateCommand"


def test_the_id_of_the_proposed_command_is_used_once(pair: Pair) -> None:
    pair.send("cancel", id="c", **CANCEL)
    refusal = pair.refused_proposal("DuplicateCommand", "cancel", **CANCEL, id="c")
    assert refusal.numbers == {"id": "c"}
    pair.propose("cancel", **CANCEL, id="d")
    refusal = pair.refused_proposal(
        "DuplicateCommand", "cancel", **CANCEL | {"quantity": 1}, id="d"
    )
    assert refusal.numbers == {"id": "d", "proposal": "p2"}


def test_a_proposal_whose_id_was_used_since_can_only_be_rejected(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    pair.send("cancel", id="p1/1", **CANCEL | {"quantity": 1})
    refusal = pair.refused("DuplicateCommand", "approve", proposal=proposal, actor="wang")
    assert refusal.numbers == {"id": "p1/1", "proposal": proposal}
    pair.reject(proposal)
    assert pair.available() == 99


def test_an_approval_has_another_id_than_what_it_brings_about(pair: Pair) -> None:
    proposal = pair.propose("cancel", **CANCEL)
    pair.refused("DuplicateCommand", "approve", id="p1/1", proposal=proposal, actor="wang")


@pytest.mark.parametrize("name", NEVER_PROPOSED)
def test_some_commands_are_never_proposed(name: str) -> None:
    given = {"command": "propose", "id": "p", "actor": "li", "proposes": {"command": name}}
    with pytest.raises(Refusal) as caught:
        prepare(given)
    assert caught.value.numbers["field"] == "proposes.command"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("registry", "elsewhere"), ("actor", "wu"), ("approved_by", "wang"), ("id", "p"),
        ("quantity", 0), ("colour", "green"), ("account", "a\x00"), ("effective_at", "soon"),
    ],
)  # fmt: skip
def test_the_shape_of_the_proposed_command_is_checked(field: str, value: Any) -> None:
    proposed = {"command": "cancel", "id": "c", **CANCEL, field: value}
    with pytest.raises(Refusal) as caught:
        prepare(command("propose", "p", actor="li", proposes=proposed))
    assert (caught.value.code, caught.value.numbers["field"]) == (
        "InvalidCommand", f"proposes.{field}",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["approve", "execute"])
def test_an_approval_stands_in_no_batch(name: str) -> None:
    child = {"command": name, "id": "b/1", "proposal": "p1", "actor": "wang"}
    with pytest.raises(Refusal) as caught:
        prepare(command("batch", "b", commands=[child]))
    assert caught.value.numbers["field"] == "commands.0"


def test_a_batch_may_propose_and_reject(pair: Pair) -> None:
    proposals = [pair.proposal("cancel", **{**CANCEL, "quantity": n}) for n in (10, 20, 30)]
    rejection = command("reject", "r", proposal="p2", actor="li")
    pair.send("batch", commands=[*proposals, rejection])
    assert pair.available() == 60
    assert [row["status"] for row in pair.ledger.proposals()] == ["open", "rejected", "open"]
    assert len(pair.approve("p1").positions) == 3
    assert pair.held() == 90
    assert pair.ledger.verify().ok


def test_an_executed_command_is_reversed_by_its_own_id(pair: Pair) -> None:
    proposal = pair.propose(
        "transfer", unit=UNIT, quantity=40, from_="crrc-1", to="desk-1", kind="free"
    )
    done = pair.approve(proposal)
    refusal = pair.refused("NotReversible", "reverse", reverses=done.id)
    assert "is not one movement" in refusal.message
    pair.send("reverse", reverses="p1/1")
    assert pair.held() == 100


def test_the_name_of_an_individual_is_no_part_of_a_proposal(pair: Pair) -> None:
    proposal = pair.propose("open_account", account="a", kind="individual", holder="王小明")
    pair.approve(proposal)
    log = b"".join(pair.ledger.export()).decode()
    assert "王小明" not in log
    # In the command and the event of the proposal, and in those of the account.
    assert log.count("sha256:") == 4
    assert [row["name"] for row in pair.ledger.names()] == ["王小明"]


# -- closed periods ------------------------------------------------------------------------------


def test_who_approves_is_the_authority_that_a_closed_period_asks_for(pair: Pair) -> None:
    """Proposed without one; approved by somebody it is let in, and listed as late."""
    clock(pair).now = "2024-07-01"
    proposal = pair.propose("cancel", when="2024-05-20", at="2024-05-10", **CANCEL)
    pair.send("close_period", until="2024-05-31")
    pair.refused("PeriodClosed", "cancel", at="2024-05-10", **CANCEL)
    late = pair.propose("cancel", at="2024-05-10", **CANCEL | {"quantity": 1})
    for one in (proposal, late):
        pair.approve(one)
    assert pair.held(as_of="2024-05-10") == 59
    open_now = pair.ledger.periods()[-1]
    assert [(one["type"], one["effective_at"][:10]) for one in open_now["late"]] == [
        ("ProposalExecuted", "2024-05-20"), ("UnitsCancelled", "2024-05-10"),
        ("UnitsCancelled", "2024-05-10"),
    ]  # fmt: skip


def test_a_proposal_itself_is_not_dated_into_a_closed_period(pair: Pair) -> None:
    clock(pair).now = "2024-07-01"
    pair.send("close_period", until="2024-05-31")
    given = pair.proposal("cancel", when="2024-05-20", **CANCEL)
    (outcome,) = pair.ledger.apply([given])
    assert outcome.refusal is not None
    assert outcome.refusal.code == "PeriodClosed"
