"""The Chongqing pilot, so that a test reads like its year.

    book.verified(520_000)
    book.finalise(400_000)
    assert book.compliance()["entitlement"] == 440_000

The registry is ``cn-chongqing`` under its own rulebook. What no test is about has a default:
entity ``glass`` (benchmark) with the account ``glass-1``, year 2024, unit ``CQEA:2024``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from etsledger.domain.rulebook import bundled
from etsledger.ledger import AllocationRow, ComplianceRow, Ledger, Outcome
from helpers import DayBook, SteppingClock

REGISTRY = "cn-chongqing"
PILOT = bundled(REGISTRY)
SINCE = "2013-06-18"
ENTITY = "glass"
ACCOUNT = "glass-1"
YEAR = 2024
UNIT = "CQEA:2024"
TODAY = "2025-11-03T18:00:00+08:00"
"""Where the clock of these tests stands at first: 2024 is approved, and due in December."""


class ChongqingBook(DayBook):
    """Sends commands to ``cn-chongqing``, which it opens with one glass works."""

    def __init__(self, ledger: Ledger, rulebook: str | Mapping[str, Any] = REGISTRY) -> None:
        super().__init__(ledger)
        self.send("open_registry", rulebook=rulebook, at=SINCE)
        self.works()

    def send(self, name: str, /, *, id: str | None = None, **fields: Any) -> Outcome:
        """Executes one command of ``cn-chongqing``. Raises its Refusal."""
        return super().send(name, id=id, **{"registry": REGISTRY, **fields})

    def works(self, entity: str = ENTITY, sector: str = "industry", **fields: Any) -> str:
        """An entity with one account, whose name it gives: ``ENTITY-1``."""
        given = {"name": entity, "allocation_method": "benchmark", "at": SINCE, **fields}
        self.send("register_entity", entity=entity, sector=sector, **given)
        account = f"{entity}-1"
        self.send("open_account", account=account, kind="entity", entity=entity, at=SINCE)
        return account

    def minted(self, quantity: int, unit: str = UNIT, at: str = SINCE) -> None:
        """Units come to be with the authority."""
        self.send("issue", unit=unit, quantity=quantity, at=at)

    def give(self, quantity: int, unit: str = UNIT, to: str = ACCOUNT, **fields: Any) -> None:
        """Units come into an account without any allocation: as an opening balance."""
        given = {"at": SINCE, **fields}
        self.send("opening_balance", account=to, unit=unit, quantity=quantity, **given)

    # -- the year ----------------------------------------------------------------------------

    def verified(
        self, emissions: int, year: int = YEAR, entity: str = ENTITY, **fields: Any
    ) -> Outcome:
        """The verified report of a year."""
        return self.send("record_verified", entity=entity, year=year, emissions=emissions, **fields)

    def pre_allocate(self, year: int = YEAR, entity: str = ENTITY, **fields: Any) -> Outcome:
        """What is handed out in advance."""
        return self.send("pre_allocate", entity=entity, year=year, **fields)

    def finalise(
        self, entitlement: int | None = None, year: int = YEAR, entity: str = ENTITY, **fields: Any
    ) -> Outcome:
        """The final allocation, by a figure of the authority or by the rule."""
        given = {"entity": entity, "year": year, "entitlement": entitlement, **fields}
        return self.send("finalise_allocation", **given)

    def surrender(self, quantity: int, entity: str = ENTITY, **fields: Any) -> Outcome:
        """Submits units of ``CQEA:2024`` for 2024."""
        given = {"unit": UNIT, "year": YEAR, **fields}
        return self.send("surrender", entity=entity, quantity=quantity, **given)

    def met(self, quantity: int, year: int = YEAR, **fields: Any) -> None:
        """A surrender that is confirmed at once."""
        outcome = self.surrender(quantity, year=year, **fields)
        when = {"at": fields["at"]} if "at" in fields else {}
        self.send("confirm_surrender", surrender=outcome.id, **when)

    # -- questions ---------------------------------------------------------------------------

    def compliance(self, entity: str = ENTITY, year: int = YEAR, **when: Any) -> ComplianceRow:
        """The one row of an entity's year; the log says the same."""
        question = {"registry": REGISTRY, "entity": entity, "year": year, **when}
        rows = self.ledger.compliance(**question)
        assert self.ledger.compliance(**question, from_log=True) == rows
        (row,) = rows
        return row

    def stands(self, entity: str = ENTITY, year: int = YEAR, **when: Any) -> str:
        """The status of an entity's year."""
        return self.compliance(entity, year, **when)["status"]

    def allocation(self, entity: str = ENTITY, year: int = YEAR, **when: Any) -> AllocationRow:
        """The calculation of an entity's year."""
        row = self.ledger.allocation(entity, year, registry=REGISTRY, **when)
        assert row is not None
        return row

    def held(self, account: str = ACCOUNT, unit: str = UNIT, **when: Any) -> int:
        """Tonnes in an account, reserved ones included."""
        rows = self.ledger.balances(registry=REGISTRY, account=account, unit=unit, **when)
        return rows[0]["quantity"] if rows else 0

    def supply(self, unit: str = UNIT, **when: Any) -> dict[str, Any]:
        """Where all units of a vintage are; conservation holds."""
        (row,) = self.ledger.supply(registry=REGISTRY, unit=unit, **when)
        assert row["balanced"]
        return dict(row)

    def known_at(self) -> str:
        """The present position, to ask again from there."""
        return f"@{self.ledger.head().position}"


def extended(**own: Any) -> dict[str, Any]:
    """The pilot's rulebook with something of one's own."""
    return {"extends": REGISTRY, "name": "mine", "version": "1", **own}


@pytest.fixture
def pilot_ledger(sqlite_url: str, clock: SteppingClock) -> Iterator[Ledger]:
    """A new and empty ledger in November 2025: these rules ask nothing of the store."""
    clock.now = TODAY
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        yield ledger


@pytest.fixture
def pilot(pilot_ledger: Ledger) -> ChongqingBook:
    """The day book of ``cn-chongqing``, with one entity, ``glass``."""
    return ChongqingBook(pilot_ledger)
