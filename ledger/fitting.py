"""What must hold of every event in a log, once it is applied: the laws of the books.

Verification reports what does not; an import refuses it.
"""

import hashlib

from etsledger.domain.events import ISSUANCE, Posting
from etsledger.domain.registries import RegistryOpened, RulebookAdopted
from etsledger.domain.state import State
from etsledger.ledger.record import Logged


def unfit(state: State, logged: Logged, legs: tuple[Posting, ...]) -> list[tuple[str, str]]:
    """What is wrong with an event that was just applied: ``(check, message)`` each.

    ``legs`` are its postings. Tonnes that appear or vanish, an account left with less than
    nothing, a rulebook that is not what its hash says or was never adopted.
    """
    record = logged.record
    registry = state.registries[record.registry]
    found: list[tuple[str, str]] = []
    sums: dict[str, int] = {}
    for account, unit, bucket, quantity in legs:
        if bucket == "held":
            sums[unit] = sums.get(unit, 0) + quantity
            if quantity < 0 and account != ISSUANCE:
                held = registry.holdings[account][unit].held
                if held < 0:
                    found.append(("conservation", f"{account} is left with {held} t of {unit}"))
    for unit, total in sums.items():
        if total:
            message = f"the postings of {unit} sum to {total}, not to zero"
            found.append(("conservation", message))
    adoptions = registry.adoptions
    if not adoptions or (
        adoptions[-1].rulebook != record.rulebook
        and all(adoption.rulebook != record.rulebook for adoption in adoptions)
    ):
        message = f"{record.registry} never adopted the rulebook {record.rulebook.hash}"
        found.append(("rulebook", message))
    if isinstance(logged.event, RegistryOpened | RulebookAdopted):
        stated = logged.event.rulebook.hash
        actual = hashlib.sha256(logged.event.text.encode()).hexdigest()
        if actual != stated:
            message = f"the text of the rulebook hashes to {actual}, not to {stated}"
            found.append(("rulebook", message))
    return found
