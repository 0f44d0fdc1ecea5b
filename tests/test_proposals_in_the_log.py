"""Proposals in the log: kept, carried over, checked, decided again, explained."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete

from etsledger.domain.state import State
from etsledger.ledger import Ledger
from etsledger.ledger.snapshots import state_bytes
from etsledger.ledger.tables import commands
from helpers import (
    ON_SQLITE,
    UNIT,
    SteppingClock,
    command,
    live_state,
    replayed,
    send_all,
    trial_registry,
)
from second_person import Pair, office

CANCEL: dict[str, Any] = {"account": "crrc-1", "unit": UNIT, "quantity": 10}


@pytest.fixture
def pair(book: Any) -> Pair:
    """Five proposals: p1 executed, p2 rejected, p3 open, p4 in its delay, p5 executed after it."""
    book.issue(100, id="minted", at="2024-01-02")
    pair = Pair(book.ledger)
    clock = book.ledger.clock
    pair.approve(pair.propose("cancel", **CANCEL), id="ok")
    pair.reject(pair.propose("cancel", **CANCEL), "li")
    pair.propose("cancel", **CANCEL)
    pair.staff({"commands": ["cancel"], "delay_working_days": 1})
    for days in (0, 3):
        clock.advance(days=days)
        pair.approve(pair.propose("cancel", **CANCEL), id=f"ok{days}")
    clock.advance(days=1)
    pair.perform("p4", id="done")
    return pair


def test_a_log_with_proposals_replays_to_the_live_state(pair: Pair) -> None:
    state = live_state(pair.ledger)
    assert state == replayed(pair.ledger)
    assert list(state.registries["trial"].proposals) == ["p3", "p5"]
    assert pair.ledger.verify().ok


@ON_SQLITE
def test_a_snapshot_keeps_what_waits(pair: Pair) -> None:
    pair.ledger.execute(pair.proposal("record_market_day", date="2024-06-03", unit=UNIT,
                                      close=80.5, by="wang"))  # fmt: skip
    state = replayed(pair.ledger)
    kept = msgspec.json.decode(state_bytes(state), type=State)
    assert kept == state
    assert kept.registries["trial"].proposals["p6"].command["close"] == "80.5"


def test_the_question_tells_what_became_of_each(pair: Pair, clock: SteppingClock) -> None:
    found = {row["proposal"]: row["status"] for row in pair.ledger.proposals()}
    assert found == {
        "p1": "executed", "p2": "rejected", "p3": "open", "p4": "executed", "p5": "approved",
    }  # fmt: skip
    for status in ("open", "approved", "executed", "rejected"):
        rows = pair.ledger.proposals(status=status)
        assert {row["proposal"] for row in rows} == {p for p, s in found.items() if s == status}
    assert pair.row("p2")["rejected_by"] == "li"
    assert pair.ledger.proposals(registry="elsewhere") == []
    made = pair.row("p1")["position"]
    assert [row["status"] for row in pair.ledger.proposals(known_at=made)] == ["open"]
    assert pair.row("p1", known_at=made + 1)["status"] == "approved"
    assert pair.row("p1", known_at=made + 2)["status"] == "executed"
    assert pair.ledger.proposals(as_of="2024-05-31") == []
    assert pair.row("p4", as_of="2024-06-01")["status"] == "approved"
    assert pair.row("p4")["executed_at"] == "2024-06-05T09:00:00+08:00"


def test_an_export_with_proposals_is_imported_and_rebuilt(
    pair: Pair, new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    with Ledger.open(new_store_url(), create=True, clock=clock) as copy:
        copy.import_log(pair.ledger.export())
        assert copy.verify().ok
        copy.rebuild()
        assert copy.verify().ok
        assert copy.proposals() == pair.ledger.proposals()
        Pair(copy).approve("p3", id="later")  # it goes on where the original stood


@pytest.mark.parametrize("command_id", ["p4", "done", "p4/1"])
def test_a_command_id_that_is_missing_is_found(pair: Pair, command_id: str) -> None:
    with pair.ledger.store.engine.begin() as connection:
        gone = connection.execute(delete(commands).where(commands.c.id == command_id))
        assert gone.rowcount == 1
    assert {one.check for one in pair.ledger.verify().findings} == {"commands"}
    pair.ledger.rebuild()
    assert pair.ledger.verify().ok


# -- decided again -------------------------------------------------------------------------------


@ON_SQLITE
def test_with_nothing_altered_the_approvals_are_decided_as_they_were(pair: Pair) -> None:
    found = pair.ledger.what_if()
    assert (found.same_log, found.refused, found.otherwise) == (True, [], [])


@ON_SQLITE
def test_without_a_proposed_command_its_proposal_never_was(pair: Pair) -> None:
    found = pair.ledger.what_if(without=["p1/1"])
    assert [one.id for one in found.left_out] == ["p1", "ok"]
    assert found.refused == []
    (change,) = (one for one in found.balances if one.key["account"] == "crrc-1")
    assert (change.of(change.before, "quantity"), change.of(change.after, "quantity")) == (80, 90)


@ON_SQLITE
def test_without_a_proposal_its_approval_is_refused_because_of_it(pair: Pair) -> None:
    found = pair.ledger.what_if(without=["p4"])
    assert [(one.id, one.because_of) for one in found.refused] == [
        ("ok0", ("p4",)), ("done", ("p4",)),
    ]  # fmt: skip


@ON_SQLITE
def test_what_a_proposal_needs_is_told_as_the_reason_that_it_is_refused(pair: Pair) -> None:
    pair.send("issue", id="more", unit=UNIT, quantity=5, to="desk-1", actor="li")
    proposal = pair.propose("reverse", reverses="more")
    found = pair.ledger.what_if(without=["more"])
    assert [(one.id, one.refusal["code"], one.because_of) for one in found.refused] == [
        (proposal, "UnknownReference", ("more",)),
    ]


@ON_SQLITE
def test_under_a_rulebook_that_asks_for_a_second_person_lone_commands_are_refused(
    ledger: Ledger,
) -> None:
    send_all(ledger, trial_registry())
    send_all(ledger, [command("issue", "i", unit=UNIT, quantity=1, actor="li")])
    found = ledger.what_if(rulebook=office({"commands": ["issue"]}))
    assert found.refused[-1].refusal["code"] == "NotAuthorised"


@ON_SQLITE
def test_what_was_adopted_by_proposal_gives_way_to_another_rulebook(ledger: Ledger) -> None:
    send_all(ledger, trial_registry())
    pair = Pair(ledger)
    pair.approve(pair.propose("adopt_rulebook", rulebook="open"), id="ok")
    found = ledger.what_if(rulebook="open")
    assert found.replaced == ["open", "p1", "ok"]
    assert found.refused == []


# -- explained -----------------------------------------------------------------------------------


def told(ledger: Ledger, position: int) -> tuple[set[int], set[int]]:
    found = ledger.explain_event(position)
    assert found is not None

    def positions(nodes: Any) -> set[int]:
        return {one["event"]["position"] for one in nodes if one["event"]}

    return positions(found["because"]), positions(found["since"])


@ON_SQLITE
def test_an_executed_command_is_explained_by_its_approval(pair: Pair) -> None:
    made = pair.row("p1")["position"]
    approved, executed, cancelled = made + 1, made + 2, made + 3
    assert told(pair.ledger, made) == (set(), {approved, executed})
    assert told(pair.ledger, approved) == ({made}, {executed})
    assert told(pair.ledger, executed)[0] == {made, approved}
    assert told(pair.ledger, cancelled)[0] == {approved, executed}


@ON_SQLITE
def test_a_balance_tells_which_proposals_keep_units(pair: Pair) -> None:
    found = pair.ledger.explain_balance("crrc-1", UNIT)
    assert found is not None
    (pending,) = (one for one in found["of_which"] if one["key"] == "pending")
    claims = [one["event"]["data"]["proposal"] for one in pending["because"] if one["event"]]
    assert (pending["value"], claims) == (20, ["p3", "p5"])


@ON_SQLITE
def test_what_is_proposed_for_an_account_or_an_entity_is_among_its_facts(pair: Pair) -> None:
    pair.propose("set_entity_status", entity="baosteel", status="at_risk")
    pair.propose("freeze", account="desk-1")
    for entity, account in (("baosteel", None), (None, "desk-1")):
        *_, last = pair.ledger.events(entity=entity, account=account)
        assert last["type"] == "ProposalMade"
