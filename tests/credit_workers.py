"""What a process does that uses or frees locked credits beside another one.

In a module of its own: a process that is spawned finds it by this name.
"""

from typing import Any

from credit_books import CREDITS
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import PLANT, REGISTRY, SUMMER, YEAR

Told = list[tuple[str, str]]


def use_or_free(url: str, number: int, locks: list[str], barrier: Any, queue: Any) -> None:
    """Uses (the second process now and then frees) each lock, at the same moment as the other."""
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
