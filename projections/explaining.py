"""Why: the chain of facts behind an event, a balance, an allocation or a status."""

from typing import Unpack

from etsledger.ledger.clock import Clock
from etsledger.ledger.explanations import BalanceExplanation, Explanation, YearExplanation
from etsledger.ledger.postings import indexed
from etsledger.ledger.questions import ExplainBalanceQuestion, KnownAt, When
from etsledger.ledger.questions import Viewpoint as ViewpointQuestion
from etsledger.ledger.store import Store
from etsledger.projections.explain_allocation import explained_allocation
from etsledger.projections.explain_balance import LIMIT, BalanceQuestion, explained_balance
from etsledger.projections.explain_compliance import explained_compliance
from etsledger.projections.explain_event import ExplainedEvent
from etsledger.projections.explain_facts import Facts
from etsledger.projections.explain_openings import Openings
from etsledger.projections.explain_prices import Prices
from etsledger.projections.instants import Viewpoint, viewpoint
from etsledger.projections.parties import Parties
from etsledger.projections.years import Years


class Explaining:
    """The explanations of one store; each method gives None for what the books do not know."""

    def __init__(self, store: Store, clock: Clock, parties: Parties, years: Years) -> None:
        self._store, self._clock = store, clock
        self._parties, self._years = parties, years
        self._openings = Openings(store)
        self._facts = Facts(store, parties, years.of_entity)
        self._prices = Prices(store, self._facts)

    def event(self, position: int) -> Explanation | None:
        """See ``Ledger.explain_event``."""
        head = self._store.head_position()
        self._parties.follow(head)
        fact = self._facts.at([position]).get(position)
        if fact is None:
            return None
        entity = getattr(fact.event, "entity", None) or ""
        return ExplainedEvent(
            self._store, self._facts, self._prices, self._parties,
            self._years.of_entity(entity, head), head, indexed(self._store, head),
        ).tree(fact)  # fmt: skip

    def balance(
        self, account: str, unit: str, **question: Unpack[ExplainBalanceQuestion]
    ) -> BalanceExplanation | None:
        """See ``Ledger.explain_balance``."""
        asked = BalanceQuestion(
            account, unit, question.get("registry"), question.get("limit", LIMIT),
            question.get("after"),
        )  # fmt: skip
        head, view = self._view(question.get("as_of"), question.get("known_at"))
        return explained_balance(
            self._store, self._openings, self._facts, self._prices, self._parties, asked, view,
            head=head, done=indexed(self._store, head),
        )  # fmt: skip

    def compliance(
        self, entity: str, year: int, **question: Unpack[ViewpointQuestion]
    ) -> YearExplanation | None:
        """See ``Ledger.explain_compliance``."""
        head, view = self._view(question.get("as_of"), question.get("known_at"))
        state, registry = self._years.of_entity(entity, head), question.get("registry")
        return explained_compliance(
            self._store, self._facts, self._prices, state, view, head, entity, year, registry
        )

    def allocation(
        self, entity: str, year: int, **question: Unpack[ViewpointQuestion]
    ) -> YearExplanation | None:
        """See ``Ledger.explain_allocation``."""
        head, view = self._view(question.get("as_of"), question.get("known_at"))
        state, registry = self._years.of_entity(entity, head), question.get("registry")
        return explained_allocation(self._store, self._facts, state, view, entity, year, registry)

    def _view(self, as_of: When, known_at: KnownAt) -> tuple[int, Viewpoint]:
        head = self._store.head_position()
        view = viewpoint(self._store, self._clock, as_of, known_at, head)
        self._parties.follow(head)
        return head, view
