"""Export and import: the whole log as JSON lines, one sealed record a line, as stored.

An import checks everything on the way in (seals, chain, order, that each event fits those
before it) and writes all of it in one transaction, or nothing. Into a store that is not
empty it goes on where that log ends, if the file begins with the same history.
"""

from collections.abc import Callable, Iterable, Iterator

from eventsourcing.persistence import PersistenceError

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.ledger.errors import ImportRefused, LedgerError
from etsledger.ledger.heads import Head
from etsledger.ledger.log import CommandRow, PostingRow, Written
from etsledger.ledger.merkle import Frontier
from etsledger.ledger.postings import rows_of_logged
from etsledger.ledger.record import GENESIS, Entry, Logged, hash_of, read, read_seal, seal, split
from etsledger.ledger.store import Store, write_failed

_CHUNK = 5_000
Progress = Callable[[int], None]


def export_lines(store: Store, upto: int | None = None) -> Iterator[bytes]:
    """The log as it is stored, a line an event, without the line ends."""
    for row in store.rows(0, upto):
        yield row.state


def import_lines(
    store: Store,
    lines: Iterable[bytes],
    *,
    head: Head | None = None,
    progress: Progress | None = None,
) -> int:
    """Writes an exported log into the store; gives the number of events that were new.

    ``head`` is the one expected at the end. Raises ImportRefused, StoreError.
    """
    try:
        with store.writing():
            return _Import(store, head, progress).run(lines)
    except PersistenceError as error:
        raise write_failed(error) from error


class _Import:
    def __init__(self, store: Store, head: Head | None, progress: Progress | None) -> None:
        self._store = store
        self._expected = head
        self._progress = progress
        self._scribe = Scribe(State())
        self._hash = GENESIS
        self._frontier = Frontier()

    def run(self, lines: Iterable[bytes]) -> int:
        there = self._store.head_position()
        own = (hash_of(row.state) for row in self._store.rows(0, there))
        entries: list[Entry] = []
        postings: list[PostingRow] = []
        batch_rows: dict[str, CommandRow] = {}
        number = 0
        for number, line in enumerate((x for x in lines if x.strip()), 1):
            logged, state = self._check(number, line.rstrip(b"\r\n"))
            if number <= there:
                if next(own) != logged.hash:
                    raise ImportRefused(
                        f"line {number}: the store holds another history from position {number} "
                        "on; import into an empty store"
                    )
                continue
            record = logged.record
            entries.append(
                Entry(record.registry, record.sequence, record.type, state, record, logged.hash)
            )
            postings.extend(rows_of_logged(logged))
            for name in {logged.command.id, record.batch} - {None}:
                assert name is not None
                first = batch_rows.get(name, (name, record.position, 0))[1]
                batch_rows[name] = (name, first, record.position)
            if self._progress and number % _CHUNK == 0:
                self._progress(number)
        if number < there:
            raise ImportRefused(
                f"the file ends at position {number}, the store already goes on to {there}"
            )
        self._compare(number)
        if entries:
            self._store.log.record_write(Written(entries, list(batch_rows.values()), postings))
        return len(entries)

    def _check(self, number: int, line: bytes) -> tuple[Logged, bytes]:
        try:
            digest, body = split(line)
            columns = read_seal(body)
            logged = read(columns.type, line)
            resealed = seal(logged.record) if logged.record.v == logged.event.VERSION else None
        except (LedgerError, ValueError, TypeError, AttributeError) as error:
            raise ImportRefused(
                f"line {number} is no record of a log, or is cut short: {error}"
            ) from None
        if resealed is not None and (resealed.hash != digest or resealed.state != line):
            raise ImportRefused(
                f"line {number}: the record hashes to {resealed.hash}, the line says {digest}; "
                "it was changed"
            )
        record = logged.record
        if columns.position != number or columns.prev != self._hash:
            raise ImportRefused(
                f"line {number}: position {columns.position} with prev {columns.prev} does not "
                f"follow {self._hash}; a line is missing, doubled or out of order"
            )
        registry = self._scribe.state.registries.get(record.registry)
        if record.sequence != (registry.version if registry else 0) + 1:
            raise ImportRefused(f"line {number}: event {record.sequence} of {record.registry} "
                                "is not the next one")  # fmt: skip
        try:
            apply(self._scribe, logged.event, logged.fact)
        except (KeyError, AttributeError, TypeError, IndexError) as error:
            raise ImportRefused(
                f"line {number}: the event does not fit the ones before it ({error!r})"
            ) from None
        self._hash = digest
        if self._expected is not None:
            self._frontier.append(bytes.fromhex(digest))
        return logged, line

    def _compare(self, position: int) -> None:
        expected = self._expected
        if expected is None:
            return
        found = Head(position, self._hash, self._frontier.root())
        if found != expected and (expected.root is not None or found[:2] != expected[:2]):
            raise ImportRefused(
                f"the file ends at position {found.position} with hash {found.hash}, the kept "
                f"head is at {expected.position} with {expected.hash}"
            )
