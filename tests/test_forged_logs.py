"""Logs by someone who knows how a record is sealed: refused by import, found by verification."""

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import rfc8785

import a_year
from etsledger.ledger import ImportRefused, Ledger, StoreError
from etsledger.ledger.log import Written
from etsledger.ledger.record import Entry
from helpers import ON_SQLITE, SteppingClock, command, records, standing

Log = list[dict[str, Any]]


@pytest.fixture
def log(sqlite_url: str, clock: SteppingClock) -> Log:
    """The records of a year of two registries (22 events) and of a batch of three."""
    with Ledger.open(sqlite_url, create=True, clock=clock) as ledger:
        children = [
            command("issue", f"b/{i}", unit="CEA:2025", quantity=i + 1, at="2024-02-01")
            for i in range(3)
        ]
        a_year.write(ledger).send("batch", id="b", commands=children)
        return [line["record"] for line in records(ledger)]


def sealed(log: Log) -> list[bytes]:
    """The records chained and sealed."""
    previous, lines = "0" * 64, list[bytes]()
    for record in log:
        body = rfc8785.dumps({**record, "prev": previous})
        previous = hashlib.sha256(body).hexdigest()
        lines.append(b'{"hash":"%b","record":%b}' % (previous.encode(), body))
    return lines


def refused(ledger: Ledger, lines: list[bytes]) -> tuple[int, str]:
    """Line and message of an import that is refused and leaves nothing."""
    before = standing(ledger)
    with pytest.raises(ImportRefused) as caught:
        ledger.import_log(lines)
    assert standing(ledger) == before
    assert ledger.verify().ok
    found = re.match(r"line (\d+)\b", caught.value.message)
    assert found, caught.value.message
    return int(found[1]), caught.value.message


def plant(ledger: Ledger, log: Log, lines: list[bytes]) -> None:
    """What the owner of a database can do: the lines in the rows of ``log``, past every check."""
    entries: list[Entry] = []
    for position, (record, state) in enumerate(zip(log, lines, strict=True), 1):
        place: Any = SimpleNamespace(position=position)
        columns = record["registry"], record["sequence"], record["type"]
        entries.append(Entry(*columns, state, place, ""))
    with ledger.store.writing():
        ledger.store.log.record_write(Written(entries, [], []))


def test_what_was_sealed_again_without_a_change_is_the_same(ledger: Ledger, log: Log) -> None:
    assert ledger.import_log(sealed(log)) == 25
    assert ledger.verify().ok
    assert [line["record"] for line in records(ledger)] == log


def test_what_was_planted_without_a_change_is_the_same(ledger: Ledger, log: Log) -> None:
    plant(ledger, log, sealed(log))
    ledger.rebuild()
    assert ledger.verify().ok
    assert [line["record"] for line in records(ledger)] == log


# -- laws of the books -------------------------------------------------------------------------

Forgery = tuple[Callable[[Log], object], str]
FORGERIES: dict[str, Forgery] = {
    "a recorded time that decreases": (
        lambda log: log[10].update(recorded_at="2001-01-01T00:00:00+08:00"), "recorded_at"),
    "more than there is": (lambda log: log[12]["data"].update(quantity=501), "left with -1 t"),
    "a rulebook that nobody adopted": (
        lambda log: log[9]["rulebook"].update(hash="0" * 64), "never adopted"),
    "a rulebook with another text": (
        lambda log: log[0]["data"].update(text=log[0]["data"]["text"] + " "), "hashes to"),
    "an event of no known type": (lambda log: log[9].update(type="Nonsense"), "Nonsense"),
    "a later schema version": (lambda log: log[9].update(v=9), "schema version 9"),
    "a schema version that never was": (lambda log: log[9].update(v=0), "cannot be read"),
    "a command without an id": (lambda log: log[9].update(command={}), "field `id`"),
    "no command": (lambda log: log[9].update(command=None), "got `null`"),
    "a time of effect without an offset": (
        lambda log: log[9].update(effective_at="2024-01-01T00:00:00"), "timezone"),
    "a recorded time without an offset": (
        lambda log: log[9].update(recorded_at="2024-06-01T09:00:00"), "timezone"),
    "no quantity": (lambda log: log[9]["data"].pop("quantity"), "field `quantity`"),
    "a quantity that is text": (lambda log: log[9]["data"].update(quantity="600"), "got `str`"),
    "another registry's event": (lambda log: log[9].update(registry="other"), "other"),
    "a position of its own": (lambda log: log[9].update(position=99), "position 99"),
    "a sequence of its own": (lambda log: log[9].update(sequence=99), "event 99"),
    "a record that is no object": (lambda log: log.__setitem__(9, {}), "field `effective_at`"),
}  # fmt: skip
DERIVED = {"postings", "commands", "index"}


@ON_SQLITE
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_log_is_refused_and_found_at_its_line(
    ledger: Ledger, log: Log, forgery: str
) -> None:
    change, expected = FORGERIES[forgery]
    forged: Log = json.loads(json.dumps(log))
    change(forged)
    lines = sealed(forged)
    line, message = refused(ledger, lines)
    assert expected in message
    plant(ledger, log, lines)
    with suppress(StoreError):  # what cannot be read makes no tables
        ledger.rebuild()
    found = {finding.check for finding in ledger.verify().findings if finding.position == line}
    assert found - DERIVED, found


@ON_SQLITE
@pytest.mark.parametrize("part", ["record", "data"])
def test_a_member_of_its_own_is_refused(ledger: Ledger, log: Log, part: str) -> None:
    (log[9] if part == "record" else log[9]["data"]).update(extra=1)
    line, message = refused(ledger, sealed(log))
    assert (line, "canonical" in message) == (10, True)


# -- ids ---------------------------------------------------------------------------------------

REUSED: dict[str, tuple[Callable[[Log], object], int, str]] = {
    "in another registry": (
        lambda log: log[20].update(command=log[8]["command"]),
        21, "'t1' was used before, at position 9"),
    "later in one registry": (
        lambda log: log[12]["command"].update(id="t1"), 13, "'t1' was used before, at position 9"),
    "by the next event": (
        lambda log: log[9]["command"].update(id="t1"), 10, "'t1' was used before, at position 9"),
    "by the next event of a batch": (
        lambda log: log[23]["command"].update(id="b/0"),
        24, "'b/0' was used before, at position 23"),
    "by the next event at another time": (
        lambda log: log[24].update(
            command=log[23]["command"], recorded_at="2024-06-02T09:00:00+08:00"),
        25, "was used before, at position 24"),
    "by the next event outside of the batch": (
        lambda log: (log[24].pop("batch"), log[24].update(command=log[23]["command"])),
        25, "'b/1' was used before, at position 24"),
    "by a command after the batch": (
        lambda log: (log[24].pop("batch"), log[24]["command"].update(id="b")),
        25, "'b' was used before, at position 24"),
    "by a batch after the command": (
        lambda log: log[9].update(batch="t1"), 10, "'t1' was used before, at position 9"),
    "by another batch right after": (
        lambda log: log[24].update(recorded_at="2024-06-02T09:00:00+08:00"),
        25, "'b' was used before, at position 24"),
    "by a command and the batch around it": (
        lambda log: log[22]["command"].update(id="b"), 23, "have one id, 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("reuse", REUSED)
def test_an_id_used_twice_is_refused_and_found_at_its_line(
    ledger: Ledger, log: Log, reuse: str
) -> None:
    change, line, expected = REUSED[reuse]
    forged: Log = json.loads(json.dumps(log))
    change(forged)
    lines = sealed(forged)
    at, message = refused(ledger, lines)
    assert (at, expected in message) == (line, True), message
    plant(ledger, log, lines)
    ledger.rebuild()
    found = [one.message for one in ledger.verify().findings if one.position == line]
    assert any(expected in one for one in found), found
