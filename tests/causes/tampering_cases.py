"""The ways to tamper with a store, and what verification must say of each."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import rfc8785

from causes.copies import Copy, SqliteCopy
from etsledger.ledger import Ledger

GENESIS = "0" * 64


class Case(NamedTuple):
    """One way to tamper, and the finding that must come of it."""

    name: str
    act: Callable[[Copy], object]
    check: str
    position: int | None = None
    """Where; None when the check names another place or none."""
    with_head: bool = False
    """Whether only a head kept elsewhere can tell."""


def cases(copy: Copy, events: int, snapshot: int, choose: random.Random, edits: int) -> list[Case]:
    """All of them, at places that ``choose`` chooses among the transfers before the snapshot."""
    place = choose.randrange(50, snapshot - 50)
    found = [*_columns(copy, place), *_rows(place, events), *_resealed(place, events)]
    found += [*_derived(place, snapshot), *_states(copy, choose, place, edits)]
    return found


def _run(sql: str, *values: Any) -> Callable[[Copy], object]:
    return lambda copy: copy.execute(sql, *values)


# -- an edited byte in each column ---------------------------------------------------------


def _columns(copy: Copy, at: int) -> Iterator[Case]:
    one = f"WHERE :pos = {at}"
    far = at + 1_000_000
    yield Case("the position of a row", _run(f"UPDATE stored_events SET :pos = {far} {one}"),
               "gap", at + 1)  # fmt: skip
    yield Case("a byte of originator_id",
               _run(f"UPDATE stored_events SET originator_id = 'trjal' {one}"),
               "columns", at)  # fmt: skip
    yield Case("originator_version",
               _run(f"UPDATE stored_events SET originator_version = {far} {one}"),
               "columns", at)  # fmt: skip
    for topic in ("UnitsTransfesred", "UnitsIssued"):
        yield Case(f"topic edited to {topic}",
                   _run(f"UPDATE stored_events SET topic = '{topic}' {one}"),
                   "columns", at)  # fmt: skip
    if isinstance(copy, SqliteCopy):
        for column in ("originator_id", "topic"):
            yield Case(f"a byte that is no UTF-8 in {column}",
                       _run(f"UPDATE stored_events SET {column} = CAST(x'74ff' AS TEXT) {one}"),
                       "columns", at)  # fmt: skip
        yield Case("the state as text instead of bytes",
                   _run(f"UPDATE stored_events SET state = CAST(state AS TEXT) {one}"),
                   "hash", at)  # fmt: skip


def _states(copy: Copy, choose: random.Random, at: int, edits: int) -> Iterator[Case]:
    state = copy.state(at)
    places = {
        "before the stored hash": 2,
        "in the stored hash": 9 + choose.randrange(64),
        "between hash and record": 78,
        "in the quantity": state.index(b'"quantity":') + len(b'"quantity":'),
        "in the kept command": state.index(b'"command":"') + 12,
        "in effective_at": state.index(b'"effective_at":"') + 19,
        "in recorded_at": state.index(b'"recorded_at":"') + 18,
        "in prev": state.index(b'"prev":"') + 8 + choose.randrange(64),
        "in the rulebook's hash": state.rindex(b'"hash":"') + 9,
        "the last byte": len(state) - 1,
    }
    for name, offset in places.items():
        yield Case(f"a byte of state {name}", _flip(at, offset), "hash", at)
    yield Case("bytes added to state", _set(at, state + b" "), "hash", at)
    yield Case("an empty state", _set(at, b""), "hash", at)
    for number in range(edits):
        position = choose.randrange(1, at)
        offset = choose.randrange(len(copy.state(position)))
        yield Case(f"byte {offset} of event {position} ({number})", _flip(position, offset),
                   "hash", position)  # fmt: skip


def _flip(position: int, offset: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        state = bytearray(copy.state(position))
        state[offset] ^= 1
        _set(position, bytes(state))(copy)

    return act


def _set(position: int, state: bytes) -> Callable[[Copy], object]:
    return _run("UPDATE stored_events SET state = ? WHERE :pos = ?", state, position)


# -- rows ----------------------------------------------------------------------------------


def _rows(at: int, events: int) -> Iterator[Case]:
    yield Case("a deleted middle row", _run("DELETE FROM stored_events WHERE :pos = ?", at),
               "gap", at + 1)  # fmt: skip
    yield Case("the first row deleted", _run("DELETE FROM stored_events WHERE :pos = 1"), "gap", 2)
    yield Case("a deleted tail", _run("DELETE FROM stored_events WHERE :pos > ?", events - 10),
               "postings")  # fmt: skip
    yield Case("a deleted tail with all that was made from it", _cut(events - 10), "head",
               events, with_head=True)  # fmt: skip
    yield Case("two swapped rows", _swap(at, at + 7), "columns", at)
    yield Case("two swapped states", _swap_states(at, at + 7), "columns", at)
    yield Case("a row inserted at the end", _insert(events + 1, at), "columns", events + 1)
    yield Case("a row inserted in the middle", _insert_between(at), "columns", at)
    yield Case("a row replaced", _replace(at), "columns", at)


def _cut(last: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        copy.execute("DELETE FROM stored_events WHERE :pos > ?", last)
        copy.execute("DELETE FROM ledger_commands WHERE last_position > ?", last)
        for name in ("postings", "postings_by_account", "snapshots", "merkle_nodes"):
            copy.execute(f"DELETE FROM ledger_{name} WHERE position > ?", last)
        copy.execute("UPDATE ledger_cursors SET position = ? WHERE position > ?", last, last)

    return act


def _swap(one: int, other: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        for old, new in ((one, -1), (other, one), (-1, other)):
            copy.execute("UPDATE stored_events SET :pos = ? WHERE :pos = ?", new, old)

    return act


def _swap_states(one: int, other: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        states = copy.state(one), copy.state(other)
        _set(one, states[1])(copy)
        _set(other, states[0])(copy)

    return act


_COPY_ROW = (
    "INSERT INTO stored_events (:pos, originator_id, originator_version, topic, state) "
    "SELECT {to}, originator_id, {version}, topic, state FROM stored_events WHERE :pos = {of}"
)


def _insert(to: int, of: int) -> Callable[[Copy], object]:
    return _run(_COPY_ROW.format(to=to, version=1_000_000, of=of))


def _insert_between(at: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        copy.execute("UPDATE stored_events SET :pos = -(:pos + 1) WHERE :pos >= ?", at)
        copy.execute("UPDATE stored_events SET :pos = -:pos WHERE :pos < 0")
        copy.execute(_COPY_ROW.format(to=at, version=1_000_000, of=at - 1))

    return act


def _replace(at: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        if isinstance(copy, SqliteCopy):
            text = _COPY_ROW.format(to=at, version=1_000_000, of=at + 1)
            copy.execute(text.replace("INSERT INTO", "INSERT OR REPLACE INTO"))
        else:
            text = _COPY_ROW.format(to=at, version=1_000_000, of=at + 1)
            copy.execute(f"{text} ON CONFLICT (:pos) DO UPDATE SET state = excluded.state")

    return act


# -- by someone who knows how a record is sealed --------------------------------------------


def _resealed(at: int, events: int) -> Iterator[Case]:
    yield Case("a quantity edited and its record sealed again", _reseal(at, at), "chain", at + 1)
    yield Case("the same with every record after it, and the tables made again",
               _reseal(at, events), "head", events, with_head=True)  # fmt: skip


def _reseal(first: int, last: int) -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        prev = json.loads(copy.state(first - 1))["hash"]
        for position in range(first, last + 1):
            record = json.loads(copy.state(position))["record"]
            if position == first:
                record["data"]["quantity"] += 1
            record["prev"] = prev
            body = rfc8785.dumps(record)
            prev = hashlib.sha256(body).hexdigest()
            _set(position, b'{"hash":"%b","record":%b}' % (prev.encode(), body))(copy)
        if last > first:
            with Ledger.open(copy.url) as ledger:
                ledger.rebuild()

    return act


# -- what is made from the log ---------------------------------------------------------------


def _derived(at: int, snapshot: int) -> Iterator[Case]:
    one = f"WHERE position = {at}"
    of = f"WHERE first_position = {at}"
    far = 1_000_000
    plain = {
        ("an edited posting", "postings", at): f"UPDATE ledger_postings SET quantity = 7 {one}",
        ("a deleted posting", "postings", at): f"DELETE FROM ledger_postings {one}",
        ("a posting of another account", "postings", at):
            f"UPDATE ledger_postings SET account = 'account-9' {one} AND leg = 0",
        ("a posting of no event", "postings", far):
            f"INSERT INTO ledger_postings SELECT {far}, leg, registry, account, unit, bucket, "
            f"effective_at, quantity FROM ledger_postings {one}",
        ("an edited command id", "commands", at): f"UPDATE ledger_commands SET id = 'x' {of}",
        ("a deleted command id", "commands", at): f"DELETE FROM ledger_commands {of}",
        ("a command id put elsewhere", "commands", at):
            f"UPDATE ledger_commands SET first_position = {at + 1}, last_position = {at + 1} {of}",
        ("a command id of no event", "commands", at):
            f"INSERT INTO ledger_commands VALUES ('x', {at}, {at})",
        ("a command id beyond the log", "commands", far):
            f"INSERT INTO ledger_commands VALUES ('x', {far}, {far})",
        ("an edited index row", "index", at):
            f"UPDATE ledger_postings_by_account SET quantity = 7 {one}",
        ("a deleted index row", "index", at): f"DELETE FROM ledger_postings_by_account {one}",
        ("an index row beyond the index", "index", far):
            "INSERT INTO ledger_postings_by_account SELECT account, registry, unit, bucket, "
            f"effective_at, {far}, leg, quantity FROM ledger_postings_by_account {one}",
        ("the index's cursor put back", "index", None):
            "UPDATE ledger_cursors SET position = 40 WHERE name = 'postings_by_account'",
        ("the index's cursor put on", "index", None):
            f"UPDATE ledger_cursors SET position = {far} WHERE name = 'postings_by_account'",
        ("a snapshot's head", "snapshot", snapshot):
            f"UPDATE ledger_snapshots SET head = '{GENESIS}'",
        ("a snapshot's own hash", "snapshot", snapshot):
            f"UPDATE ledger_snapshots SET state_hash = '{GENESIS}'",
        ("a snapshot of a later position", "snapshot", snapshot + 1):
            f"UPDATE ledger_snapshots SET position = {snapshot + 1}",
        ("a snapshot beyond the log", "snapshot", far):
            f"UPDATE ledger_snapshots SET position = {far}",
        ("a Merkle node of another level", "tree", 32):
            "UPDATE ledger_merkle_nodes SET level = 6 WHERE position = 32 AND level = 5",
        ("a Merkle node that is gone", "tree", 48):
            "DELETE FROM ledger_merkle_nodes WHERE position = 48",
        ("a Merkle node beyond the tree", "tree", far):
            f"INSERT INTO ledger_merkle_nodes SELECT {far}, level, hash FROM ledger_merkle_nodes "
            "WHERE position = 16",
        ("a table that is gone", "postings", None): "ALTER TABLE ledger_postings RENAME TO gone",
    }  # fmt: skip
    for (name, check, position), sql in plain.items():
        yield Case(name, _run(sql), check, position)
    yield Case("a byte of a snapshot", _edit_body("ledger_snapshots", "position > 0"), "snapshot",
               snapshot)  # fmt: skip
    yield Case("a snapshot that says other things, hashed again", _other_snapshot, "snapshot",
               snapshot)  # fmt: skip
    yield Case("a byte of the kept frontier",
               _edit_body("ledger_cursors", "name = 'merkle_tree'"), "frontier",
               snapshot)  # fmt: skip
    yield Case("a byte of a Merkle node",
               _edit_body("ledger_merkle_nodes", "position = 64 AND level = 5", "hash"), "tree",
               64)  # fmt: skip


def _edit_body(table: str, where: str, column: str = "body") -> Callable[[Copy], object]:
    def act(copy: Copy) -> None:
        body = bytearray(copy.execute(f"SELECT {column} FROM {table} WHERE {where}")[0][0])
        body[len(body) // 2] ^= 1
        copy.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", bytes(body))

    return act


def _other_snapshot(copy: Copy) -> None:
    body = bytes(copy.execute("SELECT body FROM ledger_snapshots")[0][0])
    other = body.replace(b'"held":9', b'"held":8', 1)
    assert other != body
    digest = hashlib.sha256(other).hexdigest()
    copy.execute("UPDATE ledger_snapshots SET body = ?, state_hash = ?", other, digest)


def statements(copy: Copy, events: int) -> list[str]:
    """What the database itself must refuse while its guards are in place."""
    replaced = _COPY_ROW.format(to=5, version=5, of=6)
    taken = _COPY_ROW.format(to=5, version=1_000_000, of=6)
    common = [
        "UPDATE stored_events SET topic = 'x' WHERE :pos = 5",
        "UPDATE stored_events SET state = state WHERE :pos = 5",
        "UPDATE stored_events SET :pos = 100000 WHERE :pos = 5",
        "DELETE FROM stored_events WHERE :pos = 5",
        f"DELETE FROM stored_events WHERE :pos = {events}",
        "DELETE FROM stored_events",
        taken,
    ]
    if isinstance(copy, SqliteCopy):
        again = _COPY_ROW.format(to=events + 1, version=5, of=5)
        return [
            *common,
            "UPDATE OR REPLACE stored_events SET :pos = 4 WHERE :pos = 5",
            *(text.replace("INSERT", "INSERT OR REPLACE") for text in (replaced, taken, again)),
            taken.replace("SELECT 5", f"SELECT {events + 2}"),
        ]
    conflict = "ON CONFLICT (:pos) DO UPDATE SET state = excluded.state"
    return [*common, "TRUNCATE stored_events", f"{taken} {conflict}"]
