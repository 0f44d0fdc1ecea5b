"""The names of individuals on file: to read them, to doubt them, to forget them for ever."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypedDict

import msgspec
from sqlalchemy import delete, inspect, select

from etsledger.ledger.personal import PersonalName, hashed
from etsledger.ledger.record import split
from etsledger.ledger.store import Store
from etsledger.ledger.tables import personal_names

_on: Final = personal_names.c
_SEALED: Final = re.compile(rb"sha256:[0-9a-f]{64}")


class NameRow(TypedDict):
    """A name on file: of which account or actor, and what the log has for it."""

    registry: str
    position: int
    account: str | None
    actor: str | None
    name: str
    hash: str


class _Kept(msgspec.Struct):
    account: str | None = None
    subject: str | None = None


class _Of(msgspec.Struct):
    registry: str
    command: _Kept


_of: Final = msgspec.json.Decoder(_Of)


def names_in(store: Store, content: bytes) -> list[PersonalName]:
    """The names on file that a kept command stands for, in its order."""
    hashes = [found.decode() for found in _SEALED.findall(content)]
    if not hashes or not _there(store):
        return []
    query = select(_on.hash, _on.salt, _on.name).where(_on.hash.in_(hashes))
    with store.engine.connect() as connection:
        found = {row.hash: PersonalName(*row) for row in connection.execute(query)}
    return [found[one] for one in hashes if one in found]


def read_names(store: Store) -> list[NameRow]:
    """All names on file, in the order of the log."""
    if not _there(store):
        return []
    query = select(_on.position, _on.hash, _on.name).order_by(_on.position, _on.hash)
    with store.engine.connect() as connection:
        found = list(connection.execute(query))
    states = {row.position: row.state for row in store.rows_at([one for one, _, _ in found])}
    rows: list[NameRow] = []
    for position, what, name in found:
        told = _of.decode(split(states[position])[1])
        of = told.command
        rows.append(
            {
                "registry": told.registry,
                "position": position,
                "account": of.account,
                "actor": of.subject,
                "name": name,
                "hash": what,
            }
        )
    return rows


def forget_names(store: Store, hashes: Sequence[str] | None) -> int:
    """Takes names off file for ever (all of them for None); gives their number.

    Raises StoreReadOnly, StoreLocked.
    """
    if not _there(store):
        return 0
    statement = delete(personal_names)
    if hashes is not None:
        statement = statement.where(_on.hash.in_(hashes))
    return store.erase(statement)


def doubted_names(store: Store) -> Iterable[tuple[int, str]]:
    """Names on file that are not those of the log: position, and what is wrong."""
    if not _there(store):
        return
    query = select(personal_names).order_by(_on.position)
    with store.engine.connect() as connection:
        rows: Sequence[Any] = connection.execute(query).all()
    states = {row.position: row.state for row in store.rows_at([row.position for row in rows])}
    for row in rows:
        if row.hash != _hash_or_nothing(row.name, row.salt):
            yield row.position, f"the name on file for {row.hash} is not the one it stands for"
        elif row.hash.encode() not in states.get(row.position, b""):
            yield row.position, f"a name is on file for {row.hash}, which the event does not have"


def _hash_or_nothing(name: str, salt: str) -> str:
    try:
        return hashed(name, salt)
    except ValueError:
        return ""


def _there(store: Store) -> bool:
    """Stores that were made before names were kept get the table with the first name."""
    return inspect(store.engine).has_table(personal_names.name)
