"""The nodes of an explanation, made the same way everywhere."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from etsledger.ledger.explanations import Explanation

TONNES = "t"
MONEY = "CNY"
PRICE = "CNY/t"
_LATIN = re.compile("[A-Za-z0-9_]")


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
        "sources": None,
        "rulebook": None,
        "event": None,
        "because": list(because),
        "since": list(since),
    }


def documents(source: str, titles: Mapping[str, str]) -> dict[str, str]:
    """The documents that a source names by their keys, by their titles in the rulebook."""
    return {key: titles[key] for key in _any_of(tuple(titles)).findall(source)}


@lru_cache(maxsize=64)
def _any_of(keys: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the keys, where it is not a part of a longer Latin word or number."""
    longest_first = sorted(filter(None, keys), key=len, reverse=True)
    return re.compile("|".join(map(_alone, longest_first)) or "(?!)")


def _alone(key: str) -> str:
    before = r"(?<![A-Za-z0-9_])" if _LATIN.match(key[0]) else ""
    after = r"(?![A-Za-z0-9_])" if _LATIN.match(key[-1]) else ""
    return before + re.escape(key) + after


def with_documents(told: Explanation, titles: Mapping[str, str]) -> Explanation:
    """The same, in which every source also says what its documents are."""
    if told["source"] is not None and told["sources"] is None:
        told["sources"] = documents(told["source"], titles) or None
    for one in (*told["because"], *told["since"]):
        with_documents(one, titles)
    return told


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
