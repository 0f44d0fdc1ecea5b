"""The books made again from the log alone, in memory, beside the tables that answer questions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Holding, Scribe, State
from etsledger.domain.times import LATEST, iso, to_micros
from etsledger.ledger.books import Books
from etsledger.ledger.clock import Clock
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.comparisons import Difference, Replay
from etsledger.ledger.errors import LedgerError, StoreDamaged
from etsledger.ledger.postings import Sum, rows_of, sums
from etsledger.ledger.questions import KnownAt
from etsledger.ledger.record import GENESIS, Row, read
from etsledger.ledger.store import FETCH, Store
from etsledger.ledger.tables import postings
from etsledger.projections.balances import balance_rows
from etsledger.projections.changes import changes
from etsledger.projections.compliance import Standings
from etsledger.projections.instants import Viewpoint, instant, position_known
from etsledger.projections.parties import Account, Parties
from etsledger.projections.supply import supply_rows

MOST: Final = 1_000
"""Differing positions of the postings that are named; the rest would say the same."""
_POSTINGS: Final = ", ".join(column.name for column in postings.columns)
_HOLDING: Final = ("registry", "account", "unit")
Progress = Callable[[int], None]
Table = Sequence[Mapping[str, Any]]


class _MadeParties(Parties):
    """Who is who by a state made from the log."""

    def __init__(self, store: Store, state: State) -> None:
        super().__init__(store)
        self._state = state

    def account(self, registry: str, account: str, upto: int) -> Account | None:
        found = self._state.registries[registry].accounts.get(account)
        return found and Account(registry, account, found.kind, found.entity, 0)


class _Rebuilt:
    """What one pass over the log makes: the state, sums as of an instant, and its postings."""

    def __init__(self, store: Store, upto: int, as_of: datetime) -> None:
        self.scribe = Scribe(State())
        self.hash = GENESIS
        self.recorded_at: datetime | None = None
        self.totals: dict[tuple[str, str, str, str], int] = {}
        self.postings = 0
        self.differences: list[Difference] = []
        self._store = store
        self._upto = upto
        self._limit = to_micros(as_of)

    def walk(self, progress: Progress | None) -> None:
        """Raises StoreDamaged for a log that cannot be replayed."""
        query = f"SELECT {_POSTINGS} FROM {postings.name} WHERE position <= {self._upto}"
        query += " ORDER BY position, leg"
        stored = _by_position(chain.from_iterable(self._store.scan(query)))
        none: tuple[int, list[Any]] = (0, [])
        position, there = next(stored, none)
        for row in self._store.rows(0, self._upto):
            made = self._apply(row)
            while there and position < row.position:  # of a position that the log has not
                self._postings(position, [], there)
                position, there = next(stored, none)
            found: list[Any] = []
            if there and position == row.position:
                found = there
                position, there = next(stored, none)
            self.postings += len(made)
            if made != found:
                self._postings(row.position, made, found)
            if progress and row.position % FETCH == 0:
                progress(row.position)

    def _apply(self, row: Row) -> list[Any]:
        try:
            logged = read(row.type, row.state)
            record, legs = logged.record, logged.event.postings()
        except (AttributeError, TypeError, ValueError) as error:
            raise StoreDamaged(f"event {row.position} cannot be read ({error})") from error
        if row.position != self.scribe.state.position + 1 or record.prev != self.hash:
            raise StoreDamaged(
                f"the log does not continue at position {row.position}; run 'etsledger verify'"
            )
        try:
            apply(self.scribe, logged.event, record, legs)
        except (KeyError, AttributeError, TypeError, IndexError) as error:
            raise StoreDamaged(
                f"event {record.position} does not fit the events before it ({error!r}); "
                "run 'etsledger verify'"
            ) from error
        self.hash, self.recorded_at = logged.hash, record.recorded_at
        rows = rows_of(legs, record.position, record.registry, record.effective_at)
        for _, _, registry, account, unit, bucket, at, quantity in rows:
            if at <= self._limit:
                key = (account, registry, unit, bucket)
                self.totals[key] = self.totals.get(key, 0) + quantity
        return rows

    def _postings(self, position: int, made: list[Any], found: list[Any]) -> None:
        if len(self.differences) < MOST:
            self.differences.append(
                Difference("postings", {"position": position}, _legs(made), _legs(found))
            )

    def sums(self) -> list[Sum]:
        """As the index would give them."""
        return [Sum(*key, quantity) for key, quantity in sorted(self.totals.items())]


def _by_position(rows: Iterator[Any]) -> Iterator[tuple[int, list[Any]]]:
    here: list[Any] = []
    for row in rows:
        if here and row[0] != here[0][0]:
            yield here[0][0], here
            here = []
        here.append(tuple(row))
    if here:
        yield here[0][0], here


def _legs(rows: list[Any]) -> dict[str, Any] | None:
    """Postings as a person reads them: account, unit, bucket and tonnes."""
    return {"legs": [[row[3], row[4], row[5], row[7]] for row in rows]} if rows else None


def replay(
    store: Store, clock: Clock, books: Books, to: KnownAt, progress: Progress | None
) -> Replay:
    """See ``Ledger.replay``; ``books`` answer from the tables."""
    upto = position_known(store, to, store.head_position())
    row = store.row(upto) if upto else None
    recorded = read(row.type, row.state).record.recorded_at if row else None
    now = max(clock(), recorded) if recorded else clock()
    if to is None:
        as_of = now
    elif isinstance(to, int) or (isinstance(to, str) and to.startswith("@")):
        as_of = recorded or now
    else:
        as_of = instant(to) or now
    with collector_paused():
        made = _Rebuilt(store, upto, as_of)
        made.walk(progress)
        return _compared(store, books, made, Viewpoint(as_of, upto))


def _compared(store: Store, books: Books, made: _Rebuilt, view: Viewpoint) -> Replay:
    as_of, upto = view
    state = made.scribe.state
    parties, found = _MadeParties(store, state), made.sums()
    balances = balance_rows(found, parties, upto, zero=True, unit=None)
    supply = supply_rows(found, parties, upto)
    standings = Standings(store, state, view, registry=None)
    compliance = [one for _, one in standings.rows(None, None)]
    tables: list[tuple[str, Sequence[str], Table, Callable[[], Table]]] = [
        ("balances", _HOLDING, balances,
         lambda: books.balances(as_of=as_of, known_at=upto, zero=True)),
        ("holdings", _HOLDING, _holdings(state), lambda: _stored_holdings(store, upto)),
        ("supply", ("registry", "unit"), supply,
         lambda: books.supply(as_of=as_of, known_at=upto)),
        ("compliance", ("registry", "entity", "year"), compliance,
         lambda: books.compliance(as_of=as_of, known_at=upto)),
    ]  # fmt: skip
    differences, compared = made.differences, {"postings": made.postings}
    for name, key, log, ask in tables:
        compared[name] = len(log)
        try:
            told = ask()
        except (LedgerError, SQLAlchemyError) as error:
            differences.append(Difference(name, {}, None, None, f"cannot be read: {error}"))
            continue
        for one in changes(log, told, key):
            differences.append(Difference(name, one.key, one.before, one.after))
    return Replay(
        not differences, upto, iso(as_of), iso(made.recorded_at) if made.recorded_at else None,
        made.hash, compared, differences, [row for row in balances if _is_held(row)], [*supply],
        [*compliance],
    )  # fmt: skip


def _is_held(row: Mapping[str, Any]) -> bool:
    return any(row[name] for name in ("quantity", "frozen", "pledged", "pending", "restricted"))


_BUCKETS: Final = ("held", "frozen", "pledged", "pending", "restricted")


def _holdings(state: State) -> Table:
    """All postings, whenever they take effect, as decisions see them."""
    return [
        {"registry": registry, "account": account, "unit": unit, **_buckets(holding)}
        for registry, one in state.registries.items()
        for account, units in one.holdings.items()
        for unit, holding in units.items()
    ]


def _buckets(holding: Holding) -> dict[str, int]:
    return {name: getattr(holding, name) for name in _BUCKETS}


def _stored_holdings(store: Store, upto: int) -> Table:
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for account, registry, unit, bucket, quantity in sums(store, upto, LATEST):
        if bucket == "stopped":
            continue
        key = (registry, account, unit)
        empty = {**dict(zip(_HOLDING, key, strict=True)), **dict.fromkeys(_BUCKETS, 0)}
        rows.setdefault(key, empty)[bucket] = quantity
    return list(rows.values())
