"""An entity's year as explanations need it: the book then and now, and its facts by position."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from etsledger.domain.rulebook import Rulebook, RulebookRef
from etsledger.domain.state import Entity, RegistryState, State
from etsledger.domain.yearbook import EMPTY, YearBook, seen
from etsledger.ledger.explanations import Explanation
from etsledger.ledger.store import Store
from etsledger.projections.compliance import entity_then, rulebook_then
from etsledger.projections.explain_facts import Fact, Facts
from etsledger.projections.explain_nodes import TONNES, as_part, as_reason
from etsledger.projections.instants import Viewpoint


class Year(NamedTuple):
    """The year of an entity at a viewpoint; ``whole`` is all that is on record by now."""

    registry: str
    name: str
    year: int
    of_registry: RegistryState
    recorded: Entity
    entity: Entity
    book: YearBook
    whole: YearBook
    ref: RulebookRef
    rules: Rulebook


def year_of(
    store: Store, state: State, view: Viewpoint, entity: str, year: int, registry: str | None
) -> Year | None:
    """The year in the first registry that has a fact of it, else in the first that knows the
    entity; None where none does."""
    first: Year | None = None
    for name in sorted(state.registries):
        found = state.registries[name]
        recorded = found.entities.get(entity)
        if registry not in (None, name) or recorded is None or recorded.position > view.upto:
            continue
        rulebook = rulebook_then(store, found, view)
        if rulebook is None or (rulebook[1].years and year not in rulebook[1].years):
            continue
        whole = found.years.get(entity, {}).get(year, EMPTY)
        book = seen(whole, view.as_of, view.upto)
        then = entity_then(recorded, view)
        one = Year(name, entity, year, found, recorded, then, book, whole, *rulebook)
        if book != EMPTY:
            return one
        first = first or one
    return first


def positions(book: YearBook) -> Iterator[int]:
    """Where the log has each fact of a book."""
    kinds: tuple[tuple[object, ...], ...] = (
        book.reports, book.grants, book.deductions, book.collections, book.submissions,
        book.closings, book.offsets, book.green_power, book.loans, book.fines,
        book.obligations,
    )  # fmt: skip
    for entries in kinds:
        for entry in entries:
            yield entry.position  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]


def later_facts(
    facts: Facts, found: dict[int, Fact], year: Year, only: Iterable[int], view: Viewpoint
) -> list[Explanation]:
    """The facts of the year that the answer does not know, in the order of the log."""
    before = bool(year.book.reports)
    told: list[Explanation] = []
    for position in sorted(set(only)):
        fact = found.get(position)
        if fact is None:
            continue
        one = facts.told(fact, "later")
        if position > view.upto:
            one["key"] = "known_later"
            if fact.row["effective_at"] < fact.row["recorded_at"]:
                one["key"] = "back_dated"
            if fact.row["type"] == "EmissionsVerified" and before:
                one["key"] = "restatement"
        told.append(one)
    return told


def signed(told: Explanation, tonnes: int, because: Iterable[Explanation] = ()) -> Explanation:
    """A fact that counts in the number above, with its own number below it if it is another."""
    counted = as_part(told, 1 if tonnes >= 0 else -1)
    counted["because"] = [*told["because"], *because]
    if told["value"] != abs(tonnes) and told["value"] is not None:
        own = as_reason(told)
        own["key"], own["event"], own["rulebook"] = "fact", None, None
        counted["because"] = [own, *because]
    counted["value"], counted["unit"] = abs(tonnes), TONNES
    return counted
