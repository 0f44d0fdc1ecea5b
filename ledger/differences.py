"""Where a derived table and the log differ, looked for once it is known that they do."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from etsledger.ledger.errors import LedgerError, StoreDamaged
from etsledger.ledger.postings import rows_of_logged
from etsledger.ledger.record import Logged, Row, read
from etsledger.ledger.store import Store
from etsledger.ledger.tables import commands, postings, postings_by_account

CommandRow = tuple[str, int, int]
"""(command or batch id, first position, last position)"""
Difference = tuple[int | None, str]
_CHUNK: Final = 5_000
_WINDOW: Final = 100_000


def misplaced_commands(store: Store, upto: int) -> Iterator[Difference]:
    """Ids of the log that the table lacks or puts elsewhere; ids that no event has."""
    rows = store.rows(0, upto)
    before: set[str] = set()
    while chunk := list(islice(rows, _CHUNK)):
        names = [_names(row) for row in chunk]
        known = store.find_commands(list({name for here in names for name in here}))
        for row, here in zip(chunk, names, strict=True):
            for name in here:
                first, last = known.get(name, (0, 0))
                if not first:
                    yield row.position, f"the command id {name!r} is not in the table"
                elif name not in before and first < row.position <= last and (
                    name in _names_at(store, first)
                ):  # fmt: skip
                    message = f"the command id {name!r} was used before, at position {first}"
                    yield row.position, message
                elif (name not in before and first != row.position) or last < row.position:
                    yield (
                        row.position,
                        (f"the table puts the command id {name!r} at {first} to {last}"),
                    )
            for name in before - here:
                found = known.get(name)
                if found is not None and found[1] >= row.position:
                    yield row.position, f"the table puts the end of {name!r} at {found[1]}"
            before = here
    yield from _ids_of_no_event(store, upto)


def _ids_of_no_event(store: Store, upto: int) -> Iterator[Difference]:
    columns = ", ".join(column.name for column in commands.columns)
    try:
        for chunk in store.scan(f"SELECT {columns} FROM {commands.name}"):
            whole = [row for row in chunk if isinstance(row[1], int) and row[1] <= upto]
            at = {row.position: _names(row) for row in store.rows_at([row[1] for row in whole])}
            for name, first, _ in whole:
                if name not in at.get(first, ()):
                    yield first, f"the command id {name!r} belongs to no event there"
    except StoreDamaged:
        return  # said already


def misplaced_index_rows(store: Store, upto: int) -> Iterator[Difference]:
    """Positions whose rows in the index by account are not those that the event makes."""
    columns = ", ".join(column.name for column in postings.columns)
    for start in range(0, upto, _WINDOW):
        end = min(start + _WINDOW, upto)
        condition = f"position > {start} AND position <= {end}"
        query = f"SELECT {columns} FROM {postings_by_account.name} WHERE {condition}"
        differ: Counter[tuple[Any, ...]] = Counter()
        try:
            differ.update(chain.from_iterable(store.scan(query)))
        except StoreDamaged:
            return  # said already
        for row in store.rows(start, end):
            logged = _logged(row)
            if logged is not None:
                differ.subtract(rows_of_logged(logged))
        for position in sorted({row[0] for row, count in differ.items() if count}):
            yield position, "the index by account has other rows than the event makes"


def _logged(row: Row) -> Logged | None:
    try:
        return read(row.type, row.state)
    except (LedgerError, TypeError, AttributeError, ValueError):
        return None


def _names_at(store: Store, position: int) -> set[str]:
    row = store.row(position)
    return set() if row is None else _names(row)


def _names(row: Row) -> set[str]:
    logged = _logged(row)
    if logged is None:
        return set()
    return {name for name in (logged.command.id, logged.record.batch) if name is not None}
