"""Proving: one event out of 10,000, 100,000 and 1,000,000, from the kept Merkle tree.

A proof is made at random positions, with the path from the head of half the log, and checked.
Beside seconds stand the steps that the database takes for it (instructions of SQLite's virtual
machine, the same on every machine) and the bytes of the proof. All of them may grow as the
logarithm of the log does: from 10,000 to 1,000,000 events by a half.
"""

import math
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from common import Line, alternate, at_most, duration, options, report, single, span, timed
from history import History, copy, remove, store
from sqlalchemy import event

from etsledger.ledger import Head, Ledger, check_proof
from etsledger.ledger.merkle import Frontier
from etsledger.ledger.record import hash_of

SIZES = (10_000, 100_000, 1_000_000)
PROOFS = 200


class Subject(NamedTuple):
    """A ledger of one size, with a head that was kept at half of it."""

    events: int
    path: Path
    ledger: Ledger
    half: Head
    filled: float
    """Seconds of the first head, which fills the kept tree from nothing."""


def subject(path: Path, events: int) -> Subject:
    """Opens a copy of a store whose tree nobody has asked for yet."""
    ledger = Ledger.open(copy(path, f"proving-{events}.db"))
    frontier, last = Frontier(), ""
    for row in ledger.store.rows(0, events // 2):
        last = hash_of(row.state)
        frontier.append(bytes.fromhex(last))
    half = Head(events // 2, last, frontier.root())
    filled = timed(ledger.head)
    return Subject(events, path.with_name(f"proving-{events}.db"), ledger, half, filled)


def proving(one: Subject, choose: random.Random) -> Callable[[], None]:
    """Proofs at random positions, with the path from the head of half the log."""

    def prove() -> None:
        for _ in range(PROOFS):
            one.ledger.prove(choose.randint(1, one.events), one.half)

    return prove


def checking(one: Subject, choose: random.Random) -> Callable[[], None]:
    """Checks of such proofs against the head of half the log."""
    proofs = [
        one.ledger.prove(choose.randint(1, one.events // 2), one.half).to_bytes()
        for _ in range(PROOFS)
    ]

    def check() -> None:
        for proof in proofs:
            if not (found := check_proof(proof, one.half)).ok:
                raise RuntimeError(found.wrong)

    return check


def steps(one: Subject, choose: random.Random) -> float:
    """SQLite's instructions for one proof, on average."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    def listen(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_progress_handler(tick, 1)

    engine = one.ledger.store.engine
    engine.dispose()
    event.listen(engine, "connect", listen)
    for _ in range(50):
        one.ledger.prove(choose.randint(1, one.events), one.half)
    event.remove(engine, "connect", listen)
    engine.dispose()
    return count / 50


def size_of(one: Subject, choose: random.Random) -> tuple[float, float]:
    """Bytes of a proof and the hashes of both its paths, on average."""
    proofs = [one.ledger.prove(choose.randint(1, one.events), one.half) for _ in range(50)]
    paths = [len(proof.path) + len(proof.since.path if proof.since else []) for proof in proofs]
    return mean(len(proof.to_bytes()) for proof in proofs), mean(paths)


def main() -> None:
    """Proves on every size and reports the largest beside the smallest."""
    given = options(__doc__, rounds=7)
    choose = random.Random(given.seed)
    sizes = [size for size in SIZES if size <= given.events]
    subjects = [subject(store(given.data, History(n, given.seed)), n) for n in sizes]
    proved = alternate(given.rounds, *(proving(one, choose) for one in subjects))
    checked = alternate(given.rounds, *(checking(one, choose) for one in subjects))
    first, lines = subjects[0], list[Line]()
    base_steps = steps(first, choose)
    base_bytes, base_hashes = size_of(first, choose)
    small = f"{first.events:,} events"
    for number, one in enumerate(subjects[1:], 1):
        name, bar = f"{one.events:,} events", at_most(2)
        taken = steps(one, choose)
        size, hashes = size_of(one, choose)
        lines += [
            duration(f"{PROOFS} proofs, {name}", proved[number], small, proved[0], bar=bar),
            single(f"steps of the database for a proof, {name}", f"{taken:,.0f}",
                   f"{small}: {base_steps:,.0f}", taken / base_steps, bar),
            single(f"hashes in the paths, {name}", f"{hashes:.1f}",
                   f"{small}: {base_hashes:.1f}", hashes / base_hashes, bar),
            single(f"bytes of a proof, {name}", f"{size:,.0f}",
                   f"{small}: {base_bytes:,.0f}", size / base_bytes, bar),
            duration(f"{PROOFS} checks, {name}", checked[number], small, checked[0], bar=bar),
        ]  # fmt: skip
    facts = {
        f"a proof of {one.events:,}": f"{span(median(times) / PROOFS)}; the tree was filled in "
        f"{span(one.filled)}; log2 {math.log2(one.events):.1f}"
        for one, times in zip(subjects, proved, strict=True)
    }
    for one in subjects:
        one.ledger.close()
        remove(one.path)
    report(__file__, given, lines, **facts)


if __name__ == "__main__":
    main()
