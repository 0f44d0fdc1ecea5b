"""The second person that a rulebook asks for: for which commands, and who may be it."""

from typing import Any

import pytest

from etsledger.ledger import Ledger, Refusal
from helpers import ON_SQLITE, UNIT, SteppingClock, command, standing
from national import UNIT as ALLOWANCE
from offices import Office
from second_person import SOURCE, Pair, office

pytestmark = ON_SQLITE

CANCEL: dict[str, Any] = {"account": "crrc-1", "unit": UNIT, "quantity": 40}
FREE: dict[str, Any] = {
    "unit": UNIT, "quantity": 5, "from_": "crrc-1", "to": "desk-1", "kind": "free",
}  # fmt: skip


@pytest.fixture
def pair(book: Any) -> Pair:
    """100 t in ``crrc-1``, and two persons."""
    book.issue(100, at="2024-01-02")
    return Pair(book.ledger)


# -- which commands ------------------------------------------------------------------------------


def test_a_listed_command_is_not_sent_by_one_alone(pair: Pair) -> None:
    pair.staff({"commands": ["cancel"]})
    refusal = pair.refused("ApprovalRequired", "cancel", actor="li", **CANCEL)
    assert refusal.numbers == {
        "command": "cancel", "form": "proposal", "by": ["competent_authority"], "source": SOURCE,
    }  # fmt: skip
    assert "propose it" in refusal.message
    pair.refused("ApprovalRequired", "cancel", actor="li", approved_by="wang", **CANCEL)
    pair.approve(pair.propose("cancel", **CANCEL))


def test_other_commands_are_sent_as_ever(pair: Pair) -> None:
    pair.staff({"commands": ["cancel", "transfer.correction", "set_entity_status.at_risk"]})
    pair.send("transfer", actor="li", **FREE)
    pair.send("set_entity_status", entity="crrc", status="shut", actor="li")
    pair.refused("ApprovalRequired", "transfer", actor="li", **{**FREE, "kind": "correction"})
    pair.refused("ApprovalRequired", "set_entity_status", entity="crrc", status="at_risk",
                 actor="li")  # fmt: skip
    batch = [command("cancel", "b/1", actor="li", **CANCEL)]
    refusal = pair.refused("ApprovalRequired", "batch", commands=batch)
    assert refusal.numbers["command_id"] == "b/1"


def test_a_rulebook_that_asks_for_no_authority_asks_for_no_second_person(pair: Pair) -> None:
    rulebook = office({"commands": ["cancel"]}, required=False)
    pair.send("adopt_rulebook", rulebook=rulebook, at="2020-01-01")
    pair.send("cancel", **CANCEL)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("UnknownAccount", {"account": "nobody"}),
        ("ApprovalRequired", {"quantity": 101}),
        ("NotAuthorised", {"actor": "nobody"}),
        ("UnknownAccount", {"account": "nobody", "actor": "nobody"}),
    ],
)
def test_what_is_not_known_and_who_may_not_send_it_come_first(
    pair: Pair, code: str, fields: dict[str, Any]
) -> None:
    pair.staff({"commands": ["cancel"]})
    pair.refused(code, "cancel", **{"actor": "li", **CANCEL, **fields})


def test_the_rulebook_of_the_day_it_is_sent_asks(pair: Pair, clock: SteppingClock) -> None:
    """Not that of the day it is to take effect."""
    pair.staff({"commands": ["cancel"]})
    pair.refused("ApprovalRequired", "cancel", actor="li", **CANCEL, at="2024-02-01")
    clock.advance(days=1)
    pair.send("adopt_rulebook", rulebook="open", actor="li", at="2024-06-02T00:00")
    pair.send("cancel", **CANCEL, at="2024-02-01")


# -- named ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approved_by", "code"),
    [
        (None, "ApprovalRequired"), ("li", "ApprovalRequired"), ("wang", None),
        ("auditor", "NotAuthorised"), ("nobody", "NotAuthorised"),
    ],
)  # fmt: skip
def test_the_second_person_of_a_named_approval_is_another_who_holds_the_role(
    pair: Pair, approved_by: str | None, code: str | None
) -> None:
    pair.staff({"commands": ["cancel"], "form": "named"}, auditor={"role": "auditor"})
    sent = {"actor": "li", "approved_by": approved_by, **CANCEL}
    if code is None:
        pair.send("cancel", **sent)
    else:
        refusal = pair.refused(code, "cancel", **sent)
        assert ("approved_by" in refusal.message) == (approved_by is None)


def test_what_may_be_named_may_be_proposed_too(pair: Pair) -> None:
    pair.staff({"commands": ["cancel"], "form": "named"})
    pair.approve(pair.propose("cancel", **CANCEL))
    assert pair.held() == 60


# -- who -----------------------------------------------------------------------------------------


def test_who_may_not_send_a_command_may_not_propose_it(pair: Pair) -> None:
    pair.staff({"commands": ["issue"]}, chen={"role": "entity", "entity": "crrc"})
    given = {"unit": UNIT, "quantity": 1}
    for actor in ("chen", "nobody", None):
        refusal = pair.refused_proposal("NotAuthorised", "issue", by=actor, **given)
        assert refusal.numbers["command"] in ("issue", "propose")


@pytest.mark.parametrize("name", ["approve", "reject", "execute"])
@pytest.mark.parametrize("actor", ["chen", "nobody", None])
def test_a_stranger_decides_nothing(pair: Pair, name: str, actor: str | None) -> None:
    pair.staff({"commands": ["cancel"]}, chen={"role": "entity", "entity": "crrc"})
    proposal = pair.propose("cancel", **CANCEL)
    pair.refused("NotAuthorised", name, proposal=proposal, actor=actor)


ROWS = {"commands": ["cancel"], "by": ["entity", "competent_authority"]}


@pytest.mark.parametrize(
    ("approver", "allowed"),
    [("chen", False), ("zhao", True), ("bao", False), ("wang", True), ("court", False)],
)
def test_a_role_that_is_held_for_somebody_approves_for_that_one(
    pair: Pair, approver: str, allowed: bool
) -> None:
    """chen asks; zhao is of the same entity, bao of another, court only reads."""
    pair.staff(
        ROWS, chen={"role": "entity", "entity": "crrc"}, zhao={"role": "entity", "entity": "crrc"},
        bao={"role": "entity", "entity": "baosteel"}, court={"role": "auditor"},
    )  # fmt: skip
    proposal = pair.propose("cancel", by="chen", **CANCEL)
    code = "ApprovalRequired" if approver == "chen" else "NotAuthorised"
    if allowed:
        pair.approve(proposal, approver)
    else:
        pair.refused(code, "approve", proposal=proposal, actor=approver)


def test_a_proposal_that_nobody_asked_for_is_approved_by_who_could_have_sent_it(
    pair: Pair,
) -> None:
    pair.staff(
        chen={"role": "entity", "entity": "crrc"}, zhao={"role": "entity", "entity": "crrc"},
        bao={"role": "entity", "entity": "baosteel"},
    )  # fmt: skip
    proposal = pair.propose("cancel", by="chen", **CANCEL)
    pair.refused("NotAuthorised", "approve", proposal=proposal, actor="bao")
    pair.approve(proposal, "zhao")


@pytest.mark.parametrize("name", ["reject", "execute"])
def test_a_power_for_it_lets_a_job_end_what_it_could_not_approve(pair: Pair, name: str) -> None:
    rulebook = office({"commands": ["cancel"], "delay_working_days": 1})
    rulebook["authority"]["powers"].append(
        {"role": "exchange", "commands": [name], "source": SOURCE}
    )
    pair.staff(job={"role": "exchange"})
    pair.send("adopt_rulebook", rulebook=rulebook, actor="li", at="2020-01-02")
    proposal = pair.propose("cancel", **CANCEL)
    pair.refused("NotAuthorised", "approve", proposal=proposal, actor="job")
    pair.approve(proposal)
    clock = pair.ledger.clock
    assert isinstance(clock, SteppingClock)
    clock.advance(days=5)
    other = "reject" if name == "execute" else "execute"
    pair.refused("NotAuthorised", other, proposal=proposal, actor="job")
    pair.send(name, proposal=proposal, actor="job")


# -- the office of the national market -----------------------------------------------------------


@pytest.fixture
def national(ledger: Ledger, clock: SteppingClock) -> Office:
    """Two provinces, four entities, a member of staff for each role; 2025-07-01."""
    clock.now = "2025-07-01T09:00:00"
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    office.adopt()
    office.send("register_actor", subject="mee2", actor="mee")
    office.send("grant_role", subject="mee2", role="competent_authority", actor="mee")
    return office


LISTED: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("mee", "issue", {"unit": ALLOWANCE, "quantity": 1}, {"mee2"}),
    ("mee", "cancel", {"unit": ALLOWANCE, "quantity": 1, "account": "authority"}, {"mee2"}),
    ("li", "cancel", {"unit": ALLOWANCE, "quantity": 1, "account": "plant-1"}, {"mee", "mee2"}),
    ("mee", "transfer", {"unit": ALLOWANCE, "quantity": 1, "from_": "plant-1", "to": "other-1",
     "kind": "correction"}, {"mee2"}),
    ("mee", "reverse", {"reverses": "minted"}, {"mee2"}),
    ("hubei.eeb", "set_entity_status", {"entity": "plant", "status": "at_risk"}, {"mee", "mee2"}),
    ("mee", "set_entity_status", {"entity": "plant", "status": "at_risk"}, {"mee2", "hubei.eeb"}),
    ("mee", "set_entity_status", {"entity": "mill", "status": "at_risk"}, {"mee2"}),
]  # fmt: skip


@pytest.mark.parametrize(("actor", "name", "fields", "approvers"), LISTED)
def test_what_an_office_asks_a_second_person_for(
    national: Office, actor: str, name: str, fields: dict[str, Any], approvers: set[str]
) -> None:
    if name == "reverse":
        national.ledger.execute(national.command(
            "opening_balance", id="minted", unit=ALLOWANCE, quantity=1, account="plant-1",
            actor="mee",
        ))  # fmt: skip
    given = {**fields, "at": None}
    refused = national.sent(actor, name, **given)
    assert isinstance(refused, Refusal)
    assert refused.code == "ApprovalRequired", refused.message
    for n, approver in enumerate(("mee", "mee2", "hubei.eeb", "li", "shanghai", "sgs", "court")):
        id = f"p{n}"
        proposed = {**national.command(name, id=f"{id}/1", **given)}
        assert not isinstance(
            national.sent(actor, "propose", id=id, proposes=proposed, at=None), Refusal
        )
        before = standing(national.ledger)
        answer = national.sent(approver, "approve", proposal=id, at=None)
        if approver in approvers:
            assert not isinstance(answer, Refusal), answer
            if name in ("reverse", "set_entity_status"):
                return  # once done it cannot be done again
        else:
            assert isinstance(answer, Refusal), f"{approver} approved {name} of {actor}"
            assert answer.code == ("ApprovalRequired" if approver == actor else "NotAuthorised")
            assert standing(national.ledger) == before
            national.sent(actor, "reject", proposal=id, at=None)
