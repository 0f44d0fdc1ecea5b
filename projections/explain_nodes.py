"""The nodes of an explanation, made the same way everywhere."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from etsledger.ledger.explanations import Explanation

TONNES = "t"
MONEY = "CNY"
PRICE = "CNY/t"


def node(
    key: str,
    what: str,
    value: int | str | Decimal | None = None,
    unit: str | None = None,
    *,
    sign: int | None = None,
    rule: str | None = None,
    source: str | None = None,
    because: Iterable[Explanation] = (),
    since: Iterable[Explanation] = (),
) -> Explanation:
    """A number with its parts; a decimal becomes its text."""
    return {
        "key": key,
        "what": what,
        "value": f"{value:f}" if isinstance(value, Decimal) else value,
        "unit": unit if value is not None else None,
        "sign": sign,
        "rule": rule or None,
        "source": source or None,
        "rulebook": None,
        "event": None,
        "because": list(because),
        "since": list(since),
    }


def part(key: str, what: str, tonnes: int, **more: str | None) -> Explanation:
    """Tonnes that count in the number above: added, or taken off when below zero."""
    return node(
        key, what, abs(tonnes), TONNES, sign=1 if tonnes >= 0 else -1,
        rule=more.get("rule"), source=more.get("source"),
    )  # fmt: skip


def total(parts: Sequence[Explanation]) -> int:
    """What the parts with a sign come to."""
    return sum(
        one["sign"] * one["value"]
        for one in parts
        if one["sign"] is not None and isinstance(one["value"], int)
    )


def as_reason(one: Explanation) -> Explanation:
    """The same, as a reason for the number above and not a part of it."""
    copied = one.copy()
    copied["sign"] = None
    return copied


def as_part(one: Explanation, sign: int = 1) -> Explanation:
    """The same, as a part of the number above."""
    copied = one.copy()
    copied["sign"] = sign
    return copied
