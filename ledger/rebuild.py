"""Filling every table that the log can make again: postings, command ids, index, tree."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from sqlalchemy import delete, insert

from etsledger.ledger.merkle import Frontier, Node
from etsledger.ledger.postings import INDEX, merge_index, rows_of_logged
from etsledger.ledger.record import Logged, read
from etsledger.ledger.store import Store
from etsledger.ledger.tables import (
    commands,
    cursors,
    merkle_nodes,
    postings,
    postings_by_account,
    snapshots,
)
from etsledger.ledger.tree import ABOVE, keep_nodes

_CHUNK: Final = 5_000
Progress = Callable[[int], None]


def rebuild_from_log(
    store: Store, also: Callable[[Any], None], progress: Progress | None = None
) -> int:
    """Empties and fills the derived tables in one transaction; gives the position reached.

    ``also`` empties what others derive, on the same connection.
    """
    with store.writing():
        upto = store.head_position()
        with store.engine.begin() as connection:
            derived = (postings, postings_by_account, commands, snapshots, cursors, merkle_nodes)
            for table in derived:
                table.create(connection, checkfirst=True)
                connection.execute(delete(table))
            also(connection)
            spans: dict[str, list[Any]] = {}
            frontier = Frontier()
            logged = (read(row.type, row.state) for row in store.rows(0, upto))
            for chunk in _chunks(logged):
                rows = [row for one in chunk for row in rows_of_logged(one)]
                grown: list[Node] = []
                for one in chunk:
                    frontier.append(bytes.fromhex(one.hash), grown, ABOVE)
                    for name in {one.command.id, one.record.batch} - {None}:
                        span = spans.setdefault(str(name), [name, one.record.position, 0])
                        span[2] = one.record.position
                if rows:
                    names = [column.name for column in postings.columns]
                    connection.execute(
                        insert(postings), [dict(zip(names, row, strict=True)) for row in rows]
                    )
                keep_nodes(connection, store, frontier, grown)
                if progress:
                    progress(chunk[-1].record.position)
            names = [column.name for column in commands.columns]
            values = iter(spans.values())
            while part := list(islice(values, _CHUNK)):
                connection.execute(
                    insert(commands), [dict(zip(names, span, strict=True)) for span in part]
                )
            store.set_cursor(connection, INDEX, 0)
    merge_index(store, upto)
    return upto


def _chunks(logged: Iterator[Logged]) -> Iterator[list[Logged]]:
    while chunk := list(islice(logged, _CHUNK)):
        yield chunk
