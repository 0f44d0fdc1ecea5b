"""No credit is used twice, also by processes that try at the same moment."""

from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context

from credit_books import CREDITS, CreditBook
from credit_workers import Told, use_or_free
from etsledger.ledger import Ledger
from helpers import SteppingClock
from national import PLANT, REGISTRY, SUMMER, YEAR

LOCKS = 12
TONNES = 5
PROCESSES = 2


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
        context.Process(target=use_or_free, args=(url, number, locks, barrier, queue), daemon=True)
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
