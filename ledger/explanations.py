"""The shape of an explanation: a number, what makes it up, and what changed it since.

The same tree for people and programs; ``etsledger.projections.explain_*`` fill it.
"""

from collections.abc import Mapping
from typing import Any, TypedDict


class Explanation(TypedDict):
    """A number or a fact, and why it is so.

    ``because`` are its parts and reasons. A part has a ``sign``: 1 adds its ``value``, -1
    takes it off, so that the value above is the sum of sign x value over its parts (at least
    zero where the name says so); a reason has none. ``unit`` is what the value is counted in
    (``t``, ``CNY``, ``CNY/t``); None for a text. ``since`` is what was recorded or takes
    effect after the point of view. ``rule`` is an id of the rules of this project, ``source``
    the document behind it by the keys of the ``rulebook``, and ``sources`` the documents of those
    keys by their titles there; ``event`` is the fact as ``events`` shows it.
    """

    key: str
    what: str
    value: int | str | None
    unit: str | None
    sign: int | None
    rule: str | None
    source: str | None
    sources: dict[str, str] | None
    rulebook: dict[str, str] | None
    event: Mapping[str, Any] | None
    because: list["Explanation"]
    since: list["Explanation"]


class Page(TypedDict):
    """Which movements of a holding are told: ``before`` and ``after`` them there are more.

    ``next`` and ``previous`` are positions to ask after for the page that follows and the one
    that comes before; None where there is none.
    """

    limit: int
    after: int | None
    shown: int
    before: int
    later: int
    next: int | None
    previous: int | None


class BalanceExplanation(Explanation):
    """A holding: ``value`` is all that is held, and ``of_which`` what of it is free or not."""

    registry: str
    account: str
    asset: str
    as_of: str
    known_at: int
    of_which: list[Explanation]
    page: Page


class YearExplanation(Explanation):
    """An entity's year: ``because`` holds a node for every number of the answer, by ``key``."""

    registry: str
    entity: str
    year: int
    as_of: str
    known_at: int
