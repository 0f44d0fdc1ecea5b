"""The shape of an explanation: a number, what makes it up, and what changed it since.

The same tree for people and programs; ``etsledger.projections.explain_*`` fill it.
"""

from typing import TYPE_CHECKING, Protocol, TypedDict, Unpack

if TYPE_CHECKING:
    from etsledger.ledger.books import EventRow, KnownAt, Viewpoint, When


class Explanation(TypedDict):
    """A number or a fact, and why it is so.

    ``because`` are its parts and reasons. A part has a ``sign``: 1 adds its ``value``, -1
    takes it off, so that the value above is the sum of sign x value over its parts (at least
    zero where the name says so); a reason has none. ``unit`` is what the value is counted in
    (``t``, ``CNY``, ``CNY/t``); None for a text. ``since`` is what was recorded or takes
    effect after the point of view. ``rule`` is an id of the rules of this project, ``source``
    the document behind it by the keys of the ``rulebook``.
    """

    key: str
    what: str
    value: int | str | None
    unit: str | None
    sign: int | None
    rule: str | None
    source: str | None
    rulebook: dict[str, str] | None
    event: "EventRow | None"
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


class ExplainBalanceQuestion(TypedDict, total=False):
    """What narrows the explanation of a balance.

    ``limit`` movements (50) are told: those that follow the movement at position ``after``
    in the order of the statement (0: the first ones), or without it the latest.
    """

    registry: str | None
    as_of: "When"
    known_at: "KnownAt"
    limit: int
    after: int | None


class Explains(Protocol):
    """What can be explained; None for what the books do not know."""

    def event(self, position: int) -> Explanation | None: ...

    def balance(
        self, account: str, unit: str, **question: Unpack[ExplainBalanceQuestion]
    ) -> BalanceExplanation | None: ...

    def compliance(
        self, entity: str, year: int, **question: "Unpack[Viewpoint]"
    ) -> YearExplanation | None: ...

    def allocation(
        self, entity: str, year: int, **question: "Unpack[Viewpoint]"
    ) -> YearExplanation | None: ...
