"""Export and import: the whole log as JSON lines, one sealed record a line, as stored.

An import checks everything on the way in (seals, chain, order, that each event fits those
before it) and writes all of it in one transaction, or nothing. Into a store that is not
empty it goes on where that log ends, if the file begins with the same history.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from eventsourcing.persistence import PersistenceError

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.ledger.errors import ImportRefused, LedgerError
from etsledger.ledger.fitting import Neighbours, unfit
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
        self._recorded: datetime | None = None
        self._spans: dict[str, CommandRow] = {}
        self._neighbours = Neighbours()
        self._frontier = Frontier()

    def run(self, lines: Iterable[bytes]) -> int:
        there = self._store.head_position()
        own = (hash_of(row.state) for row in self._store.rows(0, there))
        entries: list[Entry] = []
        postings: list[PostingRow] = []
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
            if self._progress and number % _CHUNK == 0:
                self._progress(number)
        if number < there:
            raise ImportRefused(
                f"the file ends at position {number}, the store already goes on to {there}"
            )
        self._compare(number)
        if entries:
            commands = self._new_commands(there)
            self._store.log.record_write(Written(entries, commands, postings))
        return len(entries)

    def _new_commands(self, there: int) -> list[CommandRow]:
        for name, first, last in self._spans.values():
            if first <= there < last:
                raise ImportRefused(
                    f"the store ends inside the batch {name!r} (positions {first} to {last}): it "
                    "came from a file that was cut; import into an empty store"
                )
        return [span for span in self._spans.values() if span[1] > there]

    def _check(self, number: int, line: bytes) -> tuple[Logged, bytes]:
        try:
            digest, body = split(line)
            columns = read_seal(body)
            logged = read(columns.type, line)
            command_id = logged.command.id
            resealed = seal(logged.record) if logged.record.v == logged.event.VERSION else None
        except (LedgerError, ValueError, TypeError, AttributeError) as error:
            raise ImportRefused(
                f"line {number} is no record of a log, or is cut short: {error}"
            ) from None
        actual = hashlib.sha256(body).hexdigest()
        if actual != digest:
            raise ImportRefused(
                f"line {number}: the record hashes to {actual}, the line says {digest}; "
                "it was changed"
            )
        if resealed is not None and resealed.state != line:
            raise ImportRefused(f"line {number}: the record is not in its canonical form")
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
        self._fit(number, logged)
        again = self._neighbours.used_before(command_id, record)
        if again is not None:
            raise ImportRefused(f"line {number}: {again}")
        for name in {command_id, record.batch} - {None}:
            self._follow(number, str(name))
        self._hash = digest
        if self._expected is not None:
            self._frontier.append(bytes.fromhex(digest))
        return logged, line

    def _fit(self, number: int, logged: Logged) -> None:
        """Raises ImportRefused when an event breaks a law of the books."""
        recorded = logged.record.recorded_at
        legs = logged.event.postings()
        try:
            if self._recorded is not None and recorded < self._recorded:
                raise ImportRefused(
                    f"line {number}: recorded_at {recorded} is before that of the line before "
                    f"({self._recorded})"
                )
            apply(self._scribe, logged.event, logged.fact, legs)
            wrong = unfit(self._scribe.state, logged, legs)
        except (KeyError, AttributeError, TypeError, IndexError) as error:
            raise ImportRefused(
                f"line {number}: the event does not fit the ones before it ({error!r})"
            ) from None
        if wrong:
            raise ImportRefused(f"line {number}: {wrong[0][1]}")
        self._recorded = recorded

    def _follow(self, number: int, name: str) -> None:
        """Notes where a command or batch stands. Raises ImportRefused where it went on before."""
        first, last = self._spans.get(name, (name, number, number - 1))[1:]
        if last != number - 1:
            raise ImportRefused(
                f"line {number}: the command id {name!r} was used before, at position {last}"
            )
        self._spans[name] = (name, first, number)

    def _compare(self, position: int) -> None:
        expected = self._expected
        if expected is None:
            return
        found = Head(position, self._hash, self._frontier.root())
        if found != expected.point and (expected.root is not None or found[:2] != expected[:2]):
            raise ImportRefused(
                f"the file ends at position {found.position} with hash {found.hash}, the kept "
                f"head is at {expected.position} with {expected.hash}"
            )
