"""Provenance by tonne: from any tonne back to its issuance, and on to where it is now.

Serial numbers are derived, not recorded: every tonne that comes to be in a registry gets the
next number of its unit, in the order of the log, whether issued, opened with or converted
from an older vintage. So a number means the same tonne at every viewpoint. Which numbers
an account gives away is a convention (``fifo``) over the facts effective by as-of and known
at known-at, in effective order: a back-dated fact that becomes known threads anew what came
after it. Tonnes that left for another vintage go on as those that came for them in the same
event, in the same order, so a way leads across vintages.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from sqlalchemy import select

from etsledger.domain.events import CONVERTED_IN, CONVERTED_OUT
from etsledger.ledger.postings import Sum
from etsledger.ledger.provenance import TraceRow, TraceStep
from etsledger.ledger.store import Store
from etsledger.ledger.tables import postings
from etsledger.projections.fifo import Convention, FirstInFirstOut, Range
from etsledger.projections.instants import Viewpoint
from etsledger.projections.moves import Atom, within
from etsledger.projections.papers import Papers, papers_of
from etsledger.projections.threads import Threads

_PAGE = 200
_p = postings.c


class _Stretch(NamedTuple):
    """A part of a way, as tonnes of one unit: their first number, and the moves they made."""

    threads: Threads
    first: int
    moves: tuple[int, ...]


class _Block(NamedTuple):
    """So many tonnes with the same way, from their issuance through every vintage."""

    size: int
    way: tuple[_Stretch, ...]

    def part(self, start: int, size: int, *, before: Iterable[_Stretch] = (),
             after: Iterable[_Stretch] = ()) -> "_Block":  # fmt: skip
        """Some of the tonnes, with what came before or after their way."""
        own = tuple(stretch._replace(first=stretch.first + start) for stretch in self.way)
        return _Block(size, (*before, *own, *after))


class Tracing:
    """The ways of one store's tonnes at one viewpoint; another convention is another tracing."""

    def __init__(
        self,
        store: Store,
        view: Viewpoint,
        convention: Callable[[], Convention] = FirstInFirstOut,
    ) -> None:
        self._store = store
        self._view = view
        self._convention = convention
        self._threads: dict[tuple[str, str], Threads] = {}
        self._part: Threads | None = None
        """The unit of the question, with the ways of the numbers asked for only."""
        self._conversions: dict[int, list[tuple[str, str, int]]] = {}

    def of_unit(
        self, registry: str, unit: str, serials: Range | None, account: str | None
    ) -> Iterator[TraceRow]:
        """The tonnes of a unit (of some numbers, or now in one account), by serial number."""
        keep = serials if account is None else None
        threads = self._of(registry, unit, keep)
        self._part = threads
        ranges = [serials or (1, 2**62)]
        if account is not None:
            low, high = ranges[0]
            there = threads.holdings.there(account)
            ranges = [
                (max(first, low), min(last, high))
                for first, last in there
                if first <= high and last >= low
            ]
        blocks = (
            whole
            for atom in threads.atoms(ranges)
            for earlier in self._back(_block(threads, atom))
            for whole in self._on(earlier)
        )
        return self._rows(registry, unit, blocks)

    def _of(self, registry: str, unit: str, keep: Range | None = None) -> Threads:
        found = self._threads.get((registry, unit))
        if found is None:
            store, view = self._store, self._view
            found = Threads(store, registry, unit, view, self._convention, keep)
            if keep is None:
                self._threads[registry, unit] = found
        return found

    # -- from vintage to vintage ---------------------------------------------------------------

    def _back(self, block: _Block) -> Iterator[_Block]:
        """The block in parts that came from the same tonnes of older vintages."""
        stretch = block.way[0]
        moves, born = stretch.threads.moves, stretch.moves[0]
        if moves.source(born) != CONVERTED_IN:
            yield block
            return
        position = moves.position(born)
        start = stretch.first - stretch.threads.given[position][0]
        done = 0
        for unit, piece, offset in self._carried(stretch.threads.registry, position):
            low, high = max(offset, start), min(offset + _size(piece), start + block.size)
            if low >= high:
                continue
            first = piece[0] + low - offset
            older = self._of(stretch.threads.registry, unit)
            for atom in within(self._linked(older), first, first + high - low - 1):
                before = _Stretch(older, atom.first, atom.moves)
                size = atom.last - atom.first + 1
                yield from self._back(block.part(done, size, before=(before,)))
                done += size

    def _on(self, block: _Block) -> Iterator[_Block]:
        """The block in parts that became the same tonnes of newer vintages."""
        stretch = block.way[-1]
        moves, went = stretch.threads.moves, stretch.moves[-1]
        if moves.target(went) != CONVERTED_OUT:
            yield block
            return
        position = moves.position(went)
        registry, old = stretch.threads.registry, stretch.threads.unit
        into = self._into(position)
        newer = self._of(registry, into)
        for unit, piece, offset in self._carried(registry, position):
            first = max(stretch.first, piece[0])
            last = min(stretch.first + block.size - 1, piece[1])
            if unit != old or first > last:
                continue
            came = newer.given[position][0] + offset - piece[0]
            for atom in within(self._linked(newer), first + came, last + came):
                after = _Stretch(newer, atom.first, atom.moves)
                start = atom.first - came - stretch.first
                yield from self._on(block.part(start, _size(atom), after=(after,)))

    def _linked(self, threads: Threads) -> list[Atom]:
        """The tonnes of a unit that came from another vintage or left for one."""
        if threads.linked is None:
            left = [piece for pieces in threads.left.values() for piece in pieces]
            threads.linked = list(threads.atoms(_disjoint([*left, *threads.converted_in()])))
        return threads.linked

    def _carried(self, registry: str, position: int) -> Iterator[tuple[str, Range, int]]:
        """What a conversion took, piece by piece: unit, numbers, and how many before it."""
        offset = 0
        for account, unit, _ in self._legs(position):
            if account == CONVERTED_OUT:
                part = self._part
                same = part is not None and (part.registry, part.unit) == (registry, unit)
                threads = part if part is not None and same else self._of(registry, unit)
                for piece in threads.left.get(position, ()):
                    yield unit, piece, offset
                    offset += _size(piece)

    def _into(self, position: int) -> str:
        """The unit that a conversion made."""
        return next(unit for account, unit, _ in self._legs(position) if account == CONVERTED_IN)

    def _legs(self, position: int) -> list[tuple[str, str, int]]:
        found = self._conversions.get(position)
        if found is None:
            query = (
                select(_p.account, _p.unit, _p.quantity)
                .where(_p.position == position, _p.bucket == "held")
                .order_by(_p.leg)
            )
            with self._store.engine.connect() as connection:
                found = [(a, u, int(q)) for a, u, q in connection.execute(query)]
            self._conversions[position] = found
        return found

    # -- rows ----------------------------------------------------------------------------------

    def _rows(self, registry: str, unit: str, blocks: Iterator[_Block]) -> Iterator[TraceRow]:
        while page := list(islice(blocks, _PAGE)):
            positions = (
                stretch.threads.moves.position(move)
                for block in page
                for stretch in block.way
                for move in stretch.moves
            )
            papers = papers_of(self._store, positions)
            for block in page:
                yield _row(registry, unit, block, papers)


def trace_rows(
    store: Store,
    view: Viewpoint,
    sums: Iterable[Sum],
    unit: str | None,
    serials: Range | None,
    account: str | None,
) -> Iterator[TraceRow]:
    """The rows of a question whose postings sum up to ``sums``. Raises ValueError, StoreDamaged."""
    if unit is None and account is None:
        raise ValueError("a trace is of a unit or of an account")
    if serials is not None and unit is None:
        raise ValueError("serial numbers are those of a unit: name it, too")
    if serials is not None and not 1 <= serials[0] <= serials[1]:
        raise ValueError(f"{serials[0]}-{serials[1]} is no range of serial numbers; 1-100 is one")
    units = {
        (one.registry, one.unit)
        for one in sums
        if one.bucket == "held" and (account is None or one.quantity)
    }
    tracing = Tracing(store, view)
    return chain.from_iterable(
        tracing.of_unit(registry, name, serials, account) for registry, name in sorted(units)
    )


def _size(piece: Range | Atom) -> int:
    return piece[1] - piece[0] + 1


def _block(threads: Threads, atom: Atom) -> _Block:
    return _Block(_size(atom), (_Stretch(threads, atom.first, atom.moves),))


def _disjoint(ranges: list[Range]) -> list[Range]:
    """The same numbers, each once."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _row(registry: str, unit: str, block: _Block, papers: dict[int, Papers]) -> TraceRow:
    way: list[TraceStep] = []
    own = block.way[0]
    for stretch in block.way:
        own = stretch if stretch.threads.unit == unit else own
        last, moves = stretch.first + block.size - 1, stretch.threads.moves
        for index in stretch.moves:
            position = moves.position(index)
            name, effective_at, recorded_at = papers[position]
            way.append(
                {
                    "position": position,
                    "type": name,
                    "effective_at": effective_at,
                    "recorded_at": recorded_at,
                    "unit": stretch.threads.unit,
                    "first": stretch.first,
                    "last": last,
                    "from": moves.source(index),
                    "via": list(moves.via(index)),
                    "to": moves.target(index),
                }
            )
    return {
        "registry": registry,
        "unit": unit,
        "first": own.first,
        "last": own.first + block.size - 1,
        "quantity": block.size,
        "account": way[-1]["to"],
        "issued_as": block.way[0].threads.unit,
        "held_as": block.way[-1].threads.unit,
        "way": way,
    }
