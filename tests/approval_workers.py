"""What a process does that approves or rejects proposals beside another one.

In a module of its own: a process that is spawned finds it by this name.
"""

from typing import Any

from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock, command

Told = list[tuple[str, str]]


def decide_on(url: str, number: int, proposals: list[str], barrier: Any, queue: Any) -> None:
    """Approves (the second process now and then rejects) each, at the same moment as the other."""
    told: Told = []
    with Ledger.open(url, lock_timeout=60, clock=SteppingClock()) as ledger:
        ledger.balances()
        for i, proposal in enumerate(proposals):
            name = "reject" if number and i % 3 == 2 else "approve"
            sent = command(name, f"{number}/{i}", actor=f"approver-{number}", proposal=proposal)
            barrier.wait(60)
            try:
                told.append((proposal, ledger.execute(sent).outcome))
            except Refusal as refusal:
                told.append((proposal, refusal.code))
    queue.put((number, told))
