"""No credit is used twice, also by processes that try at the same moment."""

from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from credit_books import CREDITS, CreditBook
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import PLANT, REGISTRY, SUMMER, YEAR

LOCKS = 12
TONNES = 5
PROCESSES = 2
Told = list[tuple[str, str]]


def _work(url: str, number: int, locks: list[str], barrier: Any, queue: Any) -> None:
    told: Told = []
    with Ledger.open(url, lock_timeout=60, clock=SteppingClock(SUMMER)) as ledger:
        ledger.balances()
        for i, lock in enumerate(locks):
            barrier.wait(60)
            # One uses it while the other uses or frees it: only one of them may.
            name = "unlock_credits" if number and i % 3 == 2 else "use_offsets"
            one: dict[str, Any] = {"command": name, "id": f"{number}/{i}", "lock": lock}
            if name == "use_offsets":
                one |= {"registry": REGISTRY, "entity": PLANT, "year": YEAR}
            else:
                one |= {"registry": CREDITS}
            try:
                told.append((lock, ledger.execute({**one, "effective_at": SUMMER}).outcome))
            except Refusal as refusal:
                told.append((lock, refusal.code))
    queue.put((number, told))


def test_no_credit_is_used_twice_by_two_processes(new_store_url: Callable[[], str]) -> None:
    url = new_store_url()
    with Ledger.open(url, create=True, clock=SteppingClock(SUMMER)) as ledger:
        book = CreditBook(ledger)
        book.verified(1_000_000)
        book.credits(LOCKS * TONNES)
        locks = [book.lock(TONNES) for _ in range(LOCKS)]
    context = get_context("spawn")
    barrier, queue = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=_work, args=(url, number, locks, barrier, queue), daemon=True)
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    told: dict[int, Told] = dict(queue.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join(30)
    for lock in locks:
        answers = sorted(answer for each in told.values() for name, answer in each if name == lock)
        assert answers == ["UnknownReference", "accepted"], (lock, told)
    with Ledger.open(url, read_only=True, clock=SteppingClock(SUMMER)) as ledger:
        events = list(ledger.events())
        kinds = Counter(event["type"] for event in events)
        ends = Counter(
            event["data"]["lock"]
            for event in events if event["type"] in ("CreditsCancelled", "CreditsUnlocked")
        )  # fmt: skip
        assert ends == dict.fromkeys(locks, 1)
        assert kinds["OffsetsUsed"] == kinds["CreditsCancelled"] > 0
        used = TONNES * kinds["OffsetsUsed"]
        (row,) = ledger.compliance(registry=REGISTRY, entity=PLANT, year=YEAR)
        (supply,) = ledger.supply(registry=CREDITS)
        assert row["offsets"] == supply["cancelled"] == used
        assert supply["holding"] == LOCKS * TONNES - used
        assert ledger.verify().ok
