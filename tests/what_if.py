"""Asking a what-if in tests, with proof that the ledger is as it was."""

from typing import Any

from etsledger.ledger import Ledger, WhatIf
from helpers import (
    DayBook,
    standing,
)


def refused(found: WhatIf) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By id: the code, and because of which commands."""
    return {one.id: (one.refusal["code"], one.because_of) for one in found.refused}


def asked(book: DayBook, **given: Any) -> WhatIf:
    """The answer to a what-if, with proof that the ledger is as it was."""
    before = standing(book.ledger), book.ledger.refusals()
    found = book.ledger.what_if(**given)
    assert (standing(book.ledger), book.ledger.refusals()) == before
    return found


def same_in_everything(found: WhatIf, ledger: Ledger) -> None:
    assert found.same_log
    assert not found.differs
    head = ledger.head()
    assert (found.position, found.hash) == (head.position, head.hash)
    assert (found.refused, found.otherwise, found.compliance, found.balances) == ([], [], [], [])
    assert not any(one.exact for one in found.accepted)
