"""A copy of a ledger that begins at a cut-over, and the same questions asked of both."""

import json
from collections.abc import Iterable, Mapping
from copy import copy as copied
from typing import Any, TypeVar

from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger
from etsledger.ledger.openings import Openings
from helpers import DayBook

Book = TypeVar("Book", bound=DayBook)


def openings(source: Ledger, cut_over: str, upto: int | None = None) -> list[dict[str, Any]]:
    """The command file that opens the copy, as it is when it was written and read."""
    position = source.head().position if upto is None else upto
    found = Openings(source.store, position, parse_instant(cut_over))
    lines = [json.dumps(one) for one in found.commands(reference="the books before")]
    assert not found.left_out
    return [json.loads(line) for line in lines]


def told_to(book: Book, copy: Ledger) -> Book:
    """The same day book, whose commands go to the copy; its ids go on where the book's do."""
    other = copied(book)
    other.ledger = copy
    return other


def opened(copy: Ledger, commands: Iterable[Mapping[str, Any]]) -> None:
    """Applies openings that must all be accepted, without a doubt about any."""
    for outcome in copy.apply(commands):
        assert outcome.outcome == "accepted", (outcome.id, outcome.refusal)


def bare(answer: Any) -> Any:
    """An answer without positions, which are each log's own."""
    if isinstance(answer, dict):
        return {key: bare(value) for key, value in answer.items() if key != "position"}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(answer, list):
        return [bare(one) for one in answer]  # pyright: ignore[reportUnknownVariableType]
    return answer


def same_answers(source: Ledger, copy: Ledger, as_of: str, years: Iterable[int]) -> int:
    """Both say the same at an instant; gives how many answers were compared."""
    asked: list[tuple[str, tuple[Any, ...]]] = [("compliance", ()), ("balances", ())]
    names = {(row["registry"], row["entity"]) for row in source.entities(as_of=as_of)}
    for registry, entity in sorted(names):
        asked.append(("banking", (registry, entity)))
        asked += [("allocation", (registry, entity, year)) for year in years]
    for question, (registry, *about) in ((q, about or (None,)) for q, about in asked):
        here, there = (
            bare(getattr(ledger, question)(*about, registry=registry, as_of=as_of))
            for ledger in (source, copy)
        )
        assert here == there, (question, about, as_of)
    return len(asked)
