"""What several entities have together, asked of a ledger: for successions, which change no sum."""

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from etsledger.ledger import Ledger
from national import REGISTRY, NationalBook

COLUMNS = (
    "verified_emissions", "entitlement", "pre_allocated", "allocated", "recalled", "recall_open",
    "borrowed", "obligation", "surrendered", "pending", "offsets", "green_power", "outstanding",
)  # fmt: skip


def succeed(book: NationalBook, kind: str, *shares: tuple[str, str], **fields: Any) -> Any:
    """``plant`` is succeeded, unless another ``entity`` is named."""
    successors = [{"entity": name, "share": share} for name, share in shares]
    given = {"entity": "plant", "kind": kind, "successors": successors, **fields}
    return book.send("succeed_entity", **given)


def by_largest_remainder(total: int, shares: list[Fraction]) -> list[int]:
    """The rule in its own words, for the tests: written apart from the ledger."""
    parts = [int(total * share) for share in shares]
    remainders = [(total * share - parts[i], -i) for i, share in enumerate(shares)]
    for _, i in sorted(remainders, reverse=True)[: total - sum(parts)]:
        parts[-i] += 1
    return parts


def years_together(ledger: Ledger, entities: list[str], **when: Any) -> dict[Any, Any]:
    """By year and column: the sum over some entities (tonnes; the fines in CNY)."""
    found = defaultdict[Any, Any](int)
    for row in ledger.compliance(registry=REGISTRY, **when):
        if row["entity"] in entities:
            for column in COLUMNS:
                found[row["year"], column] += row[column] or 0
            found[row["year"], "fine"] += Decimal(row["fine"] or 0)
    return {key: value for key, value in found.items() if value}


def units_together(ledger: Ledger, accounts: list[str], **when: Any) -> dict[Any, int]:
    """By unit and bucket: the sum over some accounts."""
    found: dict[Any, int] = Counter()
    for row in ledger.balances(registry=REGISTRY, **when):
        if row["account"] in accounts:
            for bucket in ("quantity", "available", "restricted"):
                found[row["unit"], bucket] += row[bucket]
    return {key: value for key, value in found.items() if value}


def sold_together(ledger: Ledger, entities: list[str], **when: Any) -> dict[str, int]:
    """Net sales by unit, what was carried over, and what was held when it was counted."""
    found: dict[str, int] = Counter()
    for entity in entities:
        row = ledger.banking(entity, registry=REGISTRY, **when)
        if row is None:
            continue
        found["carried"] += row["carried"]
        for unit, tonnes in row["net_sales"].items():
            found[unit] += tonnes
        for unit, tonnes in row["holdings"].items():
            found[f"held {unit}"] += tonnes
        assert row["carried"] == sum(one["quantity"] for one in row["carry_overs"])
    return {key: value for key, value in found.items() if value}
