"""The national market with the credit registry beside it, so that a test reads like a
handshake.

    book = CreditBook(ledger)
    book.verified(1_000_000)
    book.credits(60_000)
    book.use(book.lock(50_000))
    assert book.compliance()["offsets"] == 50_000

``ccer`` has the institution ``wind-1``, the entity-less account that everything is issued to,
and the individual ``wang-1``; a lock is for ``plant`` 2024 unless a test says otherwise.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from etsledger.ledger import Ledger, Outcome, Refusal
from helpers import SteppingClock
from national import PLANT, REGISTRY, SINCE, SUMMER, YEAR, NationalBook

CREDITS = "ccer"
ACCOUNT = "wind-1"
NEW = "CCER:haian-wind:2024"
"""Of the new programme, registered on 2025-03-06."""
OLD = "CCER:old-dam:2015"
"""Of the old programme, registered on 2016-05-01."""
LOCAL = "CQCER:forest:2022"
ATTRIBUTES: dict[str, dict[str, Any]] = {
    NEW: {"programme": "ccer", "registered_on": "2025-03-06"},
    OLD: {"programme": "ccer-old", "registered_on": "2016-05-01"},
    LOCAL: {"programme": "cqcer", "registered_on": "2022-06-01"},
}
BEGIN = "2020-01-01"


class CreditBook(NationalBook):
    """Sends commands to ``cn-national`` and ``ccer``; both are open, with one plant."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.plant()
        self.send("open_registry", registry=CREDITS, rulebook=CREDITS, at=SINCE)
        self.holder(ACCOUNT)
        self.holder("wang-1", "individual")

    def holder(self, account: str, kind: str = "institution") -> None:
        """One more account for credits."""
        self.send("open_account", registry=CREDITS, account=account, kind=kind, at=SINCE)

    # -- the handshake -------------------------------------------------------------------

    def issuing(self, quantity: int, unit: str = NEW, **fields: Any) -> dict[str, Any]:
        """The fields of an issuance."""
        given = {"covered_by_ets": False, "to": ACCOUNT, "at": BEGIN, **ATTRIBUTES.get(unit, {})}
        return {"registry": CREDITS, "unit": unit, "quantity": quantity, **given, **fields}

    def credits(self, quantity: int, unit: str = NEW, **fields: Any) -> Outcome:
        """Credits come to be, long before anything else happens."""
        return self.send("issue_credits", **self.issuing(quantity, unit, **fields))

    def locking(self, quantity: int, unit: str = NEW, **fields: Any) -> dict[str, Any]:
        """The fields of a lock."""
        given = {"account": ACCOUNT, "for_registry": REGISTRY, "entity": PLANT, "year": YEAR}
        return {"registry": CREDITS, "unit": unit, "quantity": quantity, **given, **fields}

    def lock(self, quantity: int, unit: str = NEW, **fields: Any) -> str:
        """Keeps credits for the plant's year; gives the id of the lock."""
        return self.send("lock_credits", **self.locking(quantity, unit, **fields)).id

    def unlock(self, lock: str, **fields: Any) -> Outcome:
        """Frees the credits of a lock."""
        return self.send("unlock_credits", registry=CREDITS, lock=lock, **fields)

    def use(self, lock: str, **fields: Any) -> Outcome:
        """Meets a part of the plant's obligation with the credits of a lock."""
        return self.send("use_offsets", lock=lock, **{"entity": PLANT, "year": YEAR, **fields})

    def unusable(self, code: str, lock: str, **fields: Any) -> Refusal:
        """The refusal of a use; nothing changed."""
        return self.refused(code, "use_offsets", lock=lock, **{
            "entity": PLANT, "year": YEAR, **fields
        })  # fmt: skip

    def green(self, tonnes: int, **fields: Any) -> Outcome:
        """Green electricity meets a part of the plant's obligation."""
        return self.send(
            "record_green_power", tonnes=tonnes, **{"entity": PLANT, "year": YEAR, **fields}
        )

    # -- questions -----------------------------------------------------------------------

    def credit_row(self, account: str = ACCOUNT, unit: str = NEW, **when: Any) -> dict[str, int]:
        """The numbers of one balance row in ``ccer``."""
        rows = self.ledger.balances(registry=CREDITS, account=account, unit=unit, **when)
        row = rows[0] if rows else {}
        return {key: int(row.get(key, 0)) for key in ("quantity", "available", "pending")}

    def credit_supply(self, unit: str = NEW, **when: Any) -> dict[str, Any]:
        """Where all credits of a unit are; conservation holds."""
        (row,) = self.ledger.supply(registry=CREDITS, unit=unit, **when)
        assert row["balanced"]
        return dict(row)

    def known_at(self) -> str:
        """The present position, to ask again from there."""
        return f"@{self.ledger.head().position}"


@pytest.fixture
def book(sqlite_url: str, clock: SteppingClock) -> Iterator[CreditBook]:
    """Both registries on SQLite, in the summer of 2025: these rules ask nothing of the store."""
    clock.now = SUMMER
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        yield CreditBook(ledger)
