"""What two persons approve at the same moment, in two processes, is executed once only."""

from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context

from approval_workers import Told, decide_on
from etsledger.ledger import Ledger
from helpers import UNIT, SteppingClock, command, holding, trial_registry
from second_person import Pair

PROPOSALS = 12
TONNES = 5
PROCESSES = 2


def test_what_two_approve_at_once_is_executed_once(new_store_url: Callable[[], str]) -> None:
    url = new_store_url()
    whole = PROPOSALS * TONNES
    with Ledger.open(url, create=True, clock=SteppingClock()) as ledger:
        for one in trial_registry():
            ledger.execute(one)
        ledger.execute(command("issue", "i", unit=UNIT, quantity=whole, to="crrc-1"))
        pair = Pair(ledger)
        cancel = {"account": "crrc-1", "unit": UNIT, "quantity": TONNES}
        proposals = [pair.propose("cancel", **cancel) for _ in range(PROPOSALS)]
        assert holding(ledger, "crrc-1")["available"] == 0
    context = get_context("spawn")
    barrier, queue = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=decide_on, args=(url, n, proposals, barrier, queue), daemon=True)
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    told: dict[int, Told] = dict(queue.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join(30)
    for proposal in proposals:
        answers = sorted(code for each in told.values() for name, code in each if name == proposal)
        assert answers == ["UnknownReference", "accepted"], (proposal, told)
    with Ledger.open(url, read_only=True, clock=SteppingClock()) as ledger:
        kinds = Counter(event["type"] for event in ledger.events())
        done = kinds["ProposalExecuted"]
        assert done == kinds["ProposalApproved"] == kinds["UnitsCancelled"]
        assert done + kinds["ProposalRejected"] == PROPOSALS
        assert {row["status"] for row in ledger.proposals()} <= {"executed", "rejected"}
        assert holding(ledger, "cancelled")["quantity"] == done * TONNES
        left = holding(ledger, "crrc-1")
        assert (left["quantity"], left["pending"]) == (whole - done * TONNES, 0)
        assert ledger.verify().ok
