"""A national day book of 2026, for carrying old vintages over: two plants that trade."""

from typing import Any

from etsledger.ledger import BankingRow, Outcome, Refusal
from national import PLANT, REGISTRY, NationalBook

OLD = ("CEA:2019-2020", "CEA:2021", "CEA:2022", "CEA:2023", "CEA:2024")
NEW = "CEA:2025"
BEFORE = "2023-01-01"
IN_WINDOW = "2024-05-01T10:00:00+08:00"
SNAPSHOT = "2025-12-31T23:59:59+08:00"
APPLIED = "2026-02-01T10:00:00+08:00"
TODAY = "2026-07-01T09:00:00+08:00"
"""Where the clock of these tests stands: everything is written down afterwards."""


class BankingBook(NationalBook):
    """``plant`` trades with ``other``, which has ten million tonnes of every old vintage."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.plant()
        self.plant("other")
        for unit in OLD:
            self.give(10_000_000, unit, "other-1", at=BEFORE)
        self._trades = 0

    def traded(self, seller: str, buyer: str, quantity: int, unit: str, at: str) -> Outcome:
        """By bidding, which has no band."""
        self._trades += 1
        return self.send(
            "settle_trade", trade=f"trade-{self._trades}", method="bidding", unit=unit,
            quantity=quantity, price="80.00", seller=seller, buyer=buyer, at=at,
        )  # fmt: skip

    def sold(self, quantity: int, unit: str = "CEA:2023", at: str = IN_WINDOW) -> Outcome:
        """``plant`` sells."""
        return self.traded("plant-1", "other-1", quantity, unit, at)

    def bought(self, quantity: int, unit: str = "CEA:2023", at: str = IN_WINDOW) -> Outcome:
        """``plant`` buys."""
        return self.traded("other-1", "plant-1", quantity, unit, at)

    def carry(self, quantity: int, at: str = APPLIED, **fields: Any) -> Outcome:
        """``plant`` carries over."""
        return self.send(
            "carry_over", **{"entity": PLANT, "quantity": quantity, "at": at, **fields}
        )

    def not_carried(
        self, code: str, quantity: int = 1, at: str = APPLIED, **fields: Any
    ) -> Refusal:
        """The refusal of a carry-over."""
        given = {"entity": PLANT, "quantity": quantity, "at": at, **fields}
        return self.refused(code, "carry_over", **given)

    def checked(self, at: str = APPLIED, entity: str = PLANT) -> dict[str, Any]:
        """The calculation that ``check_banking_cap`` records."""
        outcome = self.send("check_banking_cap", entity=entity, at=at)
        (event,) = self.ledger.events(
            from_position=outcome.positions[0], types=["BankingCapChecked"]
        )
        assert event["data"]["entity"] == entity
        return dict(event["data"]["calculation"])

    def banking(self, entity: str = PLANT, **when: Any) -> BankingRow:
        """The calculation of an entity; what it consists of adds up."""
        row = self.ledger.banking(entity, registry=REGISTRY, **when)
        assert row is not None
        listed = dict.fromkeys(row["net_sales"], 0)
        for trade in row["trades"]:
            listed[trade["unit"]] += trade["sign"] * trade["quantity"]
        assert listed == row["net_sales"]
        assert row["carried"] == sum(one["quantity"] for one in row["carry_overs"])
        assert row["holding"] == sum(row["holdings"].values())
        return row

    def total(self, account: str = "plant-1", **when: Any) -> dict[str, int]:
        """Tonnes by unit in an account."""
        rows = self.ledger.balances(registry=REGISTRY, account=account, **when)
        return {row["unit"]: row["quantity"] for row in rows}
