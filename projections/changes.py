"""Two lists of rows side by side: where they differ, and in which fields."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from etsledger.ledger.comparisons import Change


def changes(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], key: Sequence[str]
) -> Iterator[Change]:
    """The rows that differ, by key; of rows on both sides only the fields that do."""
    old = {tuple(row[name] for name in key): row for row in before}
    new = {tuple(row[name] for name in key): row for row in after}
    for found in sorted(old.keys() | new.keys()):
        was, would_be = old.get(found), new.get(found)
        if was == would_be:
            continue
        names = [
            name
            for name in (was or would_be or {})
            if name not in key and (was is None or would_be is None or was[name] != would_be[name])
        ]
        yield Change(
            dict(zip(key, found, strict=True)),
            None if was is None else {name: was[name] for name in names},
            None if would_be is None else {name: would_be[name] for name in names},
        )
