"""What holds for every explanation, and finding one's way in it."""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
KEYS = {
    "key", "what", "value", "unit", "sign", "rule", "source", "sources", "rulebook", "event",
    "because", "since",
}  # fmt: skip


def nodes(told: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield told
    for one in (*told["because"], *told["since"], *told.get("of_which", [])):
        yield from nodes(one)


def total(told: Node) -> int:
    """What the signed parts come to."""
    return sum(one["sign"] * one["value"] for one in told["because"] if one["sign"] is not None)


def lawful(told: Node) -> None:
    """Every node has its keys, a value is the sum of its parts, a fact says where it stands."""
    for one in nodes(told):
        assert set(one) >= KEYS, one["key"]
        assert one["sign"] in (1, -1, None)
        if any(below["sign"] is not None for below in one["because"]):
            least = 0 if one["key"] in {"outstanding", "net_sales_total"} else total(one)
            assert one["value"] == max(total(one), least), (one["key"], one["what"])
        assert one["sources"] is None or (one["source"] and all(one["sources"].values()))
        if one["event"] is not None:
            assert one["rule"], one["event"]["type"]
            assert one["rulebook"] == one["event"]["rulebook"]


def part(told: Node, key: str, **of_event: object) -> Node:
    """The first node of a key below, of an event with these columns."""
    for one in nodes(told):
        row = one["event"] or {}
        if one is not told and one["key"] == key and of_event.items() <= row.items():
            return one
    raise AssertionError(f"no {key} {of_event} in {[(n['key'], n['what']) for n in nodes(told)]}")


def types(told: Node, branch: str) -> list[str]:
    """The types of the events directly below, in ``because`` or ``since``."""
    return [one["event"]["type"] for one in told[branch] if one["event"] is not None]
