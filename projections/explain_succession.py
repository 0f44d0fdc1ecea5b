"""A succession part by part: who took over which share, and what went to whom."""

from collections.abc import Iterator
from typing import Final

from etsledger.domain.stated_years import StatedYear
from etsledger.domain.succession import EntitySucceeded
from etsledger.ledger.explanations import Explanation
from etsledger.projections.explain_nodes import TONNES, node

_ANEW: Final = (
    ("verified_emissions", "verified emissions from now on"),
    ("obligation", "owed from now on"),
    ("entitlement", "entitlement from now on"),
)
_BESIDE: Final = (
    ("allocated", "handed out, beside its own"),
    ("recalled", "taken back, beside its own"),
    ("recall_open", "still to be given back, beside its own"),
)


def parts_of(event: EntitySucceeded) -> Iterator[Explanation]:
    """Shares, units, custody, years and what counts for carrying over, in this order."""
    for one in event.successors:
        where = f", in {one.account}" if one.account else ", which carries on"
        yield node("share", f"share of {one.entity}{where}", one.share)
    for part in event.units:
        borrowed = f", borrowed for {part.year}" if part.year is not None else ""
        what = f"{part.unit} from {part.source} to {part.target}{borrowed}"
        yield node("units", what, part.quantity, TONNES)
    for kept in event.custody:
        what = f"{kept.unit} kept for {kept.entity} in {kept.target}"
        yield node("custody", what, kept.quantity, TONNES)
    for taken in event.years:
        yield node("year", f"{taken.entity} {taken.year}", because=_year(taken.facts))
    for banked in event.banking:
        name = banked.entity
        for sold in banked.sold:
            yield node("net_sales", f"net sales of {sold.unit} that count for {name}",
                       sold.quantity, TONNES)  # fmt: skip
        for held in banked.held:
            yield node("held", f"{held.unit} counted as held by {name}", held.quantity, TONNES)
        if banked.carried:
            yield node("carried", f"carried over, as it counts for {name}", banked.carried, TONNES)


def _year(facts: StatedYear) -> Iterator[Explanation]:
    for name, what in (*_ANEW, *_BESIDE):
        tonnes: int | None = getattr(facts, name)
        if tonnes or ((name, what) in _ANEW and tonnes is not None):
            yield node(name, what, tonnes, TONNES)
    met = sum(one.quantity for one in (*facts.submissions, *facts.offsets, *facts.green_power))
    if met:
        yield node("met", "met, beside its own", met, TONNES)
