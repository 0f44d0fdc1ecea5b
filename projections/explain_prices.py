"""On which market days a price rested that decided something, and what was said of them since."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from etsledger.domain.fines import FineImposed
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.times import business_date, parse_instant
from etsledger.domain.trading import TradeSettled
from etsledger.ledger.explanations import Explanation
from etsledger.ledger.store import Store
from etsledger.projections.explain_facts import Fact, Facts
from etsledger.projections.explain_nodes import node
from etsledger.projections.market_days import DayRecord, MarketDays

MOST: Final = 50
"""Market days that are told below one fact."""


class _Basis(NamedTuple):
    """The days that count: of a unit (None: of all), from one date to another, both included."""

    registry: str
    unit: str | None
    first: str
    last: str

    def has(self, one: DayRecord) -> bool:
        """Whether a record is of one of them."""
        return self.unit in (None, one.unit) and self.first <= one.date <= self.last


def _basis(fact: Fact) -> _Basis | None:
    event, registry = fact.event, fact.row["registry"]
    match event:
        case MarketDayRecorded():
            return _Basis(registry, event.unit, event.date, event.date)
        case TradeSettled(reference_date=str(reference)):
            # A day between the reference and the trade, recorded late, would be the reference.
            traded = business_date(parse_instant(fact.row["effective_at"]))
            before = (traded - timedelta(days=1)).isoformat()
            return _Basis(registry, event.unit, reference, max(reference, before))
        case FineImposed(window_from=str(first), window_to=str(last)) if event.average_price:
            return _Basis(registry, None, first, last)
        case _:
            return None


class Prices:
    """The market days behind facts, as the log has them up to a position."""

    def __init__(self, store: Store, facts: Facts) -> None:
        self._facts = facts
        self._days = MarketDays(store)

    def behind(self, fact: Fact) -> list[int]:
        """Where the log has the days that a fact rested on, as they were known then."""
        basis = _basis(fact)
        if basis is None:
            return []
        if isinstance(fact.event, TradeSettled):
            basis = basis._replace(last=basis.first)
        then = self._days.records(basis.registry, basis.first, basis.last, fact.position - 1)
        # In the order of the log: of two records of a day the later one stands.
        return sorted(
            {(one.unit, one.date): one.position for one in then if basis.has(one)}.values()
        )

    def since(self, found: Iterable[Fact], upto: int) -> dict[int, list[Explanation]]:
        """By position of a fact: the days it rested on that were recorded again since, and
        those recorded late that it would have rested on. Read in one go for a registry."""
        by_registry: dict[str, list[tuple[Fact, _Basis]]] = {}
        for fact in found:
            basis = _basis(fact)
            if basis is not None:
                by_registry.setdefault(basis.registry, []).append((fact, basis))
        told: dict[int, list[Explanation]] = {}
        for registry, some in by_registry.items():
            first, last = min(b.first for _, b in some), max(b.last for _, b in some)
            records = self._days.records(registry, first, last, upto)
            for fact, basis in some:
                news = self._told(fact, [one for one in records if basis.has(one)])
                if news:
                    told[fact.position] = news
        return told

    def _told(self, fact: Fact, records: list[DayRecord]) -> list[Explanation]:
        known = {(one.unit, one.date) for one in records if one.position <= fact.position}
        later = [one for one in records if one.position > fact.position]
        events = self._facts.at(one.position for one in later[:MOST])
        told = [
            self._facts.told(
                events[one.position],
                "restatement" if (one.unit, one.date) in known else "known_later",
            )
            for one in later[:MOST]
        ]
        if len(later) > MOST:
            told.append(node("more_since", "more market days recorded since", len(later) - MOST))
        return told
