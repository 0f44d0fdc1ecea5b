"""Facts of the log as nodes: read by position, told in words, with rule, source and rulebook."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from etsledger.domain.errors import Refusal
from etsledger.domain.events import BUILT_IN_ACCOUNTS, OUTSIDE_ACCOUNTS, Event
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.pre_allocation_amounts import base_year
from etsledger.domain.rulebook import Rulebook, load
from etsledger.domain.state import State
from etsledger.ledger.errors import LedgerError, StoreDamaged, UnknownEventType
from etsledger.ledger.explanations import Explanation
from etsledger.ledger.record import Row, read
from etsledger.ledger.rows import EventRow
from etsledger.ledger.store import Store
from etsledger.projections.events import event_row
from etsledger.projections.explain_arithmetic import arithmetic
from etsledger.projections.explain_nodes import TONNES, node, with_documents
from etsledger.projections.explain_rules import Basis, Office, basis_of
from etsledger.projections.explain_words import WORDS, Words
from etsledger.projections.parties import Parties

_NOT_KNOWN = Basis(None, None)


class Fact(NamedTuple):
    """An event of the log; ``event`` is None for a type that this version does not know."""

    row: EventRow
    event: Event | None
    batch: str | None = None
    """The batch, or the approval, that its command came in."""

    @property
    def position(self) -> int:
        """Where the log has it."""
        return self.row["position"]


class Facts:
    """Reads facts and tells them; keeps the rulebooks that decided them."""

    def __init__(
        self, store: Store, parties: Parties, state_of: Callable[[str, int], State]
    ) -> None:
        self._store = store
        self._parties = parties
        self._state_of = state_of
        self._rulebooks: dict[str, Rulebook] = {}
        self._sectors: dict[tuple[str, str], str] = {}

    def at(self, positions: Iterable[int]) -> dict[int, Fact]:
        """The facts at some positions; those that the log has not are left out."""
        wanted = sorted({position for position in positions if position > 0})
        return {row.position: _fact(row) for row in self._store.rows_at(wanted)} if wanted else {}

    def of_commands(self, ids: Sequence[str]) -> list[Fact]:
        """Everything that some commands wrote, in the order of the log."""
        spans = self._store.find_commands(list(dict.fromkeys(ids))) if ids else {}
        positions = [p for first, last in spans.values() for p in range(first, last + 1)]
        wanted = set(spans)
        return [f for f in self.at(positions).values() if f.row["command_id"] in wanted]

    def beginning_of(self, batch: str) -> list[Fact]:
        """The approval that a command came in; nothing for one that came in a batch."""
        first, _ = self._store.find_commands([batch]).get(batch, (0, 0))
        found = self.at((first, first + 1)).values()
        return [one for one in found if one.row["command_id"] == batch]

    def told(self, fact: Fact, key: str = "fact", *, sign: int | None = None) -> Explanation:
        """A fact with its own arithmetic below it."""
        row, event, _ = fact
        words = WORDS[type(event)](event) if event is not None else Words(row["type"])
        basis = self.basis(fact)
        told = node(
            key, words.what, words.value, words.unit, sign=sign,
            rule=basis.rule, source=basis.source,
            because=arithmetic(event) if event is not None else (),
        )  # fmt: skip
        told["event"], told["rulebook"] = row, row["rulebook"]
        return with_documents(told, self.titles(fact))

    def titles(self, fact: Fact) -> Mapping[str, str]:
        """The documents of the rulebook that decided a fact, by their keys."""
        rules = self._rules(fact.row)
        return {} if rules is None else rules.data.sources

    def part(self, fact: Fact, tonnes: int, key: str) -> Explanation:
        """A fact as a part of a holding: its own number stands below it if it is another."""
        told = self.told(fact, key)
        if any(below["sign"] is not None for below in told["because"]):
            number = node("fact", told["what"], told["value"], told["unit"],
                          because=told["because"])  # fmt: skip
            told["because"] = [number]
        told["value"], told["unit"] = abs(tonnes), TONNES
        told["sign"] = 1 if tonnes >= 0 else -1
        return told

    def basis(self, fact: Fact) -> Basis:
        """The rule id and the source of a fact."""
        row, event, _ = fact
        rules = self._rules(row) if event is not None else None
        if event is None or rules is None:
            return _NOT_KNOWN
        registry, position = row["registry"], row["position"]

        def kind_of(account: str) -> str | None:
            if account in BUILT_IN_ACCOUNTS or account in OUTSIDE_ACCOUNTS:
                return account
            known = self._parties.account(registry, account, position)
            return known.kind if known else None

        def sector_of(entity: str) -> str | None:
            return self._sector(registry, entity, position)

        return basis_of(event, Office(rules, kind_of, sector_of))

    def base_year(self, fact: Fact, event: AllowancesPreAllocated) -> int:
        """The year whose report a pre-allocation is a share of."""
        rules = self._rules(fact.row)
        known = self._state_of(event.entity, fact.position).registries.get(fact.row["registry"])
        entity = known.entities.get(event.entity) if known else None
        if rules is None or entity is None:
            return event.year - 1
        try:
            return base_year(rules, entity.sector, event.year, entity.allocation_method)
        except Refusal:
            return event.year - 1

    def _rules(self, row: EventRow) -> Rulebook | None:
        digest = row["rulebook"]["hash"]
        if digest not in self._rulebooks:
            state = self._state_of("", row["position"])
            known = state.registries.get(row["registry"])
            for adoption in known.adoptions if known else ():
                if adoption.rulebook.hash == digest:
                    stored = self._store.row(adoption.position)
                    text = getattr(read(stored.type, stored.state).event, "text", None) if (
                        stored
                    ) else None  # fmt: skip
                    if isinstance(text, str):
                        self._rulebooks[digest] = load(text)
                        break
        return self._rulebooks.get(digest)

    def _sector(self, registry: str, entity: str, upto: int) -> str | None:
        key = (registry, entity)
        if key not in self._sectors:
            known = self._state_of(entity, upto).registries.get(registry)
            found = known.entities.get(entity) if known else None
            if found is None:
                return None
            self._sectors[key] = found.sector
        return self._sectors[key]


def _fact(row: Row) -> Fact:
    event, batch = None, None
    try:
        logged = read(row.type, row.state)
        event, batch = logged.event, logged.record.batch
    except UnknownEventType:
        pass
    except (LedgerError, msgspec.MsgspecError) as error:
        raise StoreDamaged(
            f"the event at position {row.position} cannot be read ({error}); run verify"
        ) from error
    return Fact(event_row(row)[0], event, batch)
