"""The Merkle tree of a store: kept nodes, and the rows after them; heads and proofs from it.

``ledger_merkle_nodes`` holds the roots of complete subtrees of 16 leaves and more, filled in
bulk after commits, when somebody asks for a head or a proof and the writer lock is free.
Smaller subtrees are made of the sixteen rows beneath, which is cheaper than keeping two rows
an event. So a proof reads some tens of rows, whatever the length of the log; what it lacks
is read from the end of the log.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from etsledger.ledger.errors import ProofRefused, StoreDamaged
from etsledger.ledger.extracts import Extract, ProvenFact
from etsledger.ledger.heads import Head
from etsledger.ledger.merkle import (
    Frontier,
    Node,
    Span,
    complete_parts,
    consistency_spans,
    fold,
    inclusion_spans,
    root_by_inclusion,
    roots_by_consistency,
)
from etsledger.ledger.proofs import Proof, Since, clear_event
from etsledger.ledger.record import GENESIS, hash_of, split
from etsledger.ledger.store import Store
from etsledger.ledger.tables import merkle_nodes

TREE: Final = "merkle_tree"
"""The cursor of the kept nodes; its body is the frontier there, from which the tree goes on."""
ABOVE: Final = 4
"""The lowest level that is kept: subtrees of 16 leaves."""
LAG: Final = 200
"""Positions the kept nodes may lag before a reader asks for the lock to keep more."""
_FILL: Final = 50_000
_TOGETHER: Final = 50
"""Events of an extract whose paths are read in one statement."""


def kept_frontier(store: Store) -> Frontier:
    """Where the kept nodes end; an empty one when nothing usable is kept."""
    position, body = store.cursor(TREE)
    try:
        frontier = Frontier.from_bytes(body) if body is not None else Frontier()
    except ValueError:
        return Frontier()
    return frontier if frontier.size == position else Frontier()


def keep_nodes(connection: Any, store: Store, frontier: Frontier, grown: Sequence[Node]) -> None:
    """Writes the nodes grown since the last time, inside the caller's transaction."""
    merkle_nodes.create(connection, checkfirst=True)
    if grown:
        connection.execute(insert(merkle_nodes), [node._asdict() for node in grown])
    store.set_cursor(connection, TREE, frontier.size, frontier.to_bytes())


def present_head(store: Store) -> Head:
    """The head of the log, from the kept nodes and the rows after them."""
    return Tree(store).head


class Tree:
    """The Merkle tree of a log as it stands now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._grown: dict[tuple[int, int], bytes] = {}
        """Nodes that are not kept yet, by position and level."""
        upto = store.head_position()
        frontier = kept_frontier(store)
        if frontier.size > upto:
            frontier = Frontier()
        while upto - frontier.size > LAG:
            before = frontier.size
            frontier = self._keep(frontier, min(upto, before + _FILL))
            if frontier.size == before:
                break
        self._kept = frontier.size
        last = self._follow(frontier, upto)
        self.head = Head(upto, last, frontier.root())

    def _keep(self, frontier: Frontier, upto: int) -> Frontier:
        """The frontier after as much was kept; the same one if the store takes no writes now."""
        start = frontier.size
        with self._store.try_writing() as free, suppress(SQLAlchemyError):
            if free and kept_frontier(self._store).size == start:
                further = Frontier(start, frontier.peaks)
                grown: list[Node] = []
                for row in self._store.rows(start, upto):
                    further.append(bytes.fromhex(hash_of(row.state)), grown, ABOVE)
                with self._store.engine.begin() as connection:
                    keep_nodes(connection, self._store, further, grown)
                return further
        return frontier

    def _follow(self, frontier: Frontier, upto: int) -> str:
        """Appends the rows after the kept nodes, in memory; gives the last hash."""
        start, last, grown = frontier.size, GENESIS, list[Node]()
        for row in self._store.rows(max(start - 1, 0), upto):
            last = hash_of(row.state)
            if row.position > start:
                frontier.append(bytes.fromhex(last), grown, ABOVE)
        self._grown = {(node.position, node.level): node.hash for node in grown}
        return last

    def at(self, position: int) -> Head:
        """The head as it was when the log ended at ``position``, from 1 to its present end."""
        if position == self.head.position:
            return self.head
        row = self._store.row(position)
        [root] = self._roots([Span(0, position)])
        return Head(position, hash_of(row.state) if row else GENESIS, root.hex())

    def prove(self, position: int, since: Head | None = None) -> Proof:
        """Proves that an event is in the log, and that the log only grew since a head.

        Raises ProofRefused, StoreDamaged.
        """
        head = self.head
        if not 0 < position <= head.position:
            raise ProofRefused(
                f"there is no event at position {position}; the log ends at {head.position}"
            )
        row = self._store.row(position)
        if row is None:
            raise StoreDamaged(f"there is no row at position {position}; run 'etsledger verify'")
        path = self._roots(inclusion_spans(position - 1, head.position))
        leaf = bytes.fromhex(hash_of(row.state))
        if root_by_inclusion(leaf, position - 1, head.position, path).hex() != head.root:
            raise _not_ours()
        digest, body = split(row.state)
        record = body.decode()
        return Proof(
            clear_event(_loads(record), digest), record, head, self._last(head.position),
            [step.hex() for step in path], None if since is None else self._since(since),
        )  # fmt: skip

    def _last(self, size: int) -> list[str]:
        """The path of the last leaf of the tree of a size."""
        return [step.hex() for step in self._roots(inclusion_spans(size - 1, size))]

    def extract(
        self, entity: str, registry: str | None, positions: Sequence[int], head: Head
    ) -> Extract:
        """Events of an entity, each with its path to a head of this log.

        Raises ProofRefused, StoreDamaged.
        """
        size, facts = self._ours(head).position, list[ProvenFact]()
        for start in range(0, len(positions), _TOGETHER):
            some = positions[start : start + _TOGETHER]
            spans = [inclusion_spans(position - 1, size) for position in some]
            roots = iter(self._roots([span for path in spans for span in path]))
            for row, path in zip(self._store.rows_at(some), spans, strict=True):
                digest, body = split(row.state)
                steps = [next(roots).hex() for _ in path]
                record = body.decode()
                facts.append(ProvenFact(clear_event(_loads(record), digest), steps, record))
        return Extract(entity, registry, head.point, self._last(size), facts)

    def _since(self, older: Head) -> Since:
        """The path from an earlier head. Raises ProofRefused when it is none of this log."""
        head, ours = self.head, self._ours(older)
        path = self._roots(consistency_spans(older.position, head.position))
        root = bytes.fromhex(ours.root or "")
        roots = roots_by_consistency(older.position, head.position, root, path)
        if roots[1].hex() != head.root:
            raise _not_ours()
        return Since(older.point, self._last(older.position), [step.hex() for step in path])

    def _ours(self, older: Head) -> Head:
        """The head of this log at the position of a kept one, which it must equal."""
        head = self.head
        if older.root is None:
            raise ProofRefused("the head given has no Merkle root, so no path leads from it")
        if not 0 < older.position <= head.position:
            raise ProofRefused(
                f"the head given is at position {older.position}, the log ends at "
                f"{head.position}: no path leads from one to the other"
            )
        ours = self.at(older.position)
        if ours != older.point:
            raise ProofRefused(
                f"at position {older.position} this log has hash {ours.hash} and root "
                f"{ours.root}, the head given has {older.hash} and {older.root}: it is of "
                "another history"
            )
        return ours

    # -- nodes ---------------------------------------------------------------------------

    def _roots(self, spans: Sequence[Span]) -> list[bytes]:
        """The roots of spans, read together: kept nodes, grown ones, and those beneath."""
        parts = [complete_parts(span) for span in spans]
        wanted = {part for some in parts for part in some}
        found = {part: node for part, node in self._grown.items() if part in wanted}
        found |= self._beneath({part for part in wanted if part[1] < ABOVE})
        found |= self._read(wanted - found.keys())
        return [fold([found[part] for part in some]) for some in parts]

    def _read(self, parts: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        if not parts:
            return {}
        # CROSS JOIN: SQLite keeps its order, so each part is one look-up; a row value with IN
        # reads the whole table.
        query = (
            f"WITH wanted (position, level) AS (VALUES {', '.join(map(str, sorted(parts)))}) "
            f"SELECT n.position, n.level, n.hash FROM wanted CROSS JOIN {merkle_nodes.name} n "
            "WHERE n.position = wanted.position AND n.level = wanted.level"
        )
        try:
            rows = [row for chunk in self._store.scan(query) for row in chunk]
        except StoreDamaged as error:
            raise _not_ours() from error
        found = {(position, level): bytes(node) for position, level, node in rows}
        if found.keys() != parts:
            raise _not_ours()
        return found

    def _beneath(self, parts: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """The small subtrees, each group of sixteen leaves read once."""
        found: dict[tuple[int, int], bytes] = {}
        for group in {(position - 1) >> ABOVE for position, _ in parts}:
            start, grown = group << ABOVE, list[Node]()
            below = Frontier()
            for row in self._store.rows(start, min(start + (1 << ABOVE), self.head.position)):
                below.append(bytes.fromhex(hash_of(row.state)), grown)
            found |= {(start + node.position, node.level): node.hash for node in grown}
        if not parts <= found.keys():
            raise _not_ours()
        return {part: found[part] for part in parts}


def _not_ours() -> StoreDamaged:
    return StoreDamaged(
        "the kept Merkle tree is not what the log makes it; 'etsledger rebuild' makes it again, "
        "'etsledger verify' says whether the log is whole"
    )


def _loads(record: str) -> dict[str, Any]:
    import json

    return json.loads(record)
