"""Verification: re-walks everything and reports all that is wrong, as values.

The chain: every row's bytes against its hash, every hash against the next row, the columns
against the record, positions without gaps, recorded times that never decrease. The whole:
also every event decoded and applied again (conservation, rulebooks, asserted balances), the
postings and command ids against the log, the index by account, the snapshots, and heads
kept elsewhere. What it cannot see without such a head is a log cut at its end.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from etsledger.domain.assertions import BalanceAsserted
from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.domain.times import to_micros
from etsledger.ledger.collector import collector_paused
from etsledger.ledger.derived import Decoded, DerivedTables
from etsledger.ledger.epochs import Epochs
from etsledger.ledger.errors import LedgerError
from etsledger.ledger.fitting import Neighbours, unfit
from etsledger.ledger.heads import Head, forked
from etsledger.ledger.holdings import END, Holding
from etsledger.ledger.merkle import Frontier, Node
from etsledger.ledger.postings import indexed
from etsledger.ledger.record import GENESIS, Logged, Record, Seal, hash_of, read, read_seal, split
from etsledger.ledger.signatures import doubt
from etsledger.ledger.store import FETCH, Store
from etsledger.ledger.tree import ABOVE

MOST: Final = 1_000
"""Findings after which a check that repeats itself is cut short (the count goes on)."""
_ZERO: Final = "0" * 64
_NAMED: Final = 5
"""Positions that are named where more would say the same."""
Progress = Callable[[int], None]


class TableChecks(Protocol):
    """Readers' tables, shown the events of some types as they pass by, and the state at the end."""

    types: frozenset[str]

    def follow(self, logged: Logged) -> None: ...

    def differences(self, state: State) -> Iterable[str]: ...


TablesUpTo = Callable[[int], TableChecks]
"""The checks of the tables of a log up to a position."""


class Finding(NamedTuple):
    """One thing that is wrong: which check, where, and what was expected and found."""

    check: str
    position: int | None
    message: str


class Report(NamedTuple):
    """What verification found; ``ok`` when nothing."""

    ok: bool
    events: int
    head: Head
    findings: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """``{"ok", "events", "head", "findings"}``"""
        return {
            "ok": self.ok,
            "events": self.events,
            "head": self.head.as_dict(),
            "findings": [finding._asdict() for finding in self.findings],
        }


RawRow = tuple[Any, ...]
"""(position, registry, sequence, type, state), whatever the database gives."""


class _Walk:
    """One pass over the log with everything that is checked on the way."""

    def __init__(self, store: Store, kept: Sequence[Head], *, whole: bool) -> None:
        self.store = store
        self.kept = sorted(kept, key=lambda head: head.position)
        self.whole = whole
        self.findings: list[Finding] = []
        self.events = 0
        self.position = 0
        self.hash = GENESIS
        self.recorded: datetime | None = None
        self.sequences: dict[str, int] = {}
        self.frontier = Frontier()
        self.grown: list[Node] | None = [] if whole else None
        """The Merkle nodes that the last rows completed."""
        self.need_root = whole or any(head.root is not None for head in kept)
        self.wanted = {head.position for head in kept}
        self.seen = {0: Head(0, GENESIS, Frontier().root())}
        """What the log has at the positions of the kept heads."""
        self.scribe: Scribe | None = Scribe(State())
        self.unread: Exception | None = None
        self.neighbours = Neighbours()

    def find(self, check: str, position: int | None, message: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(check, position, message))

    def chain(self, row: RawRow, sealed: Record[Any] | Seal | None) -> None:
        """Checks one row's seal and place; ``sealed`` is its record if it was read already."""
        position, registry, sequence, topic, state = row
        self.events += 1
        if position != self.position + 1:
            self.find(
                "gap", position,
                f"position {position} follows {self.position}: "
                f"{position - self.position - 1} missing",
            )  # fmt: skip
        self.position = position
        try:
            digest, body = split(state)
            if sealed is None:
                sealed = read_seal(body)
            recorded = sealed.recorded_at
            if recorded.tzinfo is None:
                raise ValueError("a time without an offset")
        except (LedgerError, msgspec.MsgspecError, TypeError, AttributeError, ValueError):
            self.find("hash", position, "the record cannot be read: its bytes were changed")
            self.hash = _ZERO
            return
        found = hashlib.sha256(body)
        actual = found.hexdigest()
        if actual != digest:
            self.find("hash", position, f"the record hashes to {actual}, the row says {digest}")
        if sealed.prev != self.hash:
            self.find("chain", position, f"prev is {sealed.prev}, the row before has {self.hash}")
        self.hash = digest
        if self.need_root:
            self.frontier.append(found.digest(), self.grown, ABOVE)
        home = sealed.registry
        stands = sealed.sequence
        if sealed.position != position or home != registry or stands != sequence or (
            sealed.type != topic
        ):  # fmt: skip
            self.find(
                "columns", position,
                f"the columns say {row[:4]}, the record says "
                f"{(sealed.position, home, stands, sealed.type)}",
            )  # fmt: skip
        expected = self.sequences.get(home, 0) + 1
        if stands != expected:
            self.find("order", position, f"{home} event {stands} where {expected} is due")
        self.sequences[home] = stands
        if self.recorded is not None and recorded < self.recorded:
            self.find(
                "order", position,
                f"recorded_at {recorded} is before the row before ({self.recorded})",
            )  # fmt: skip
        self.recorded = recorded
        if position in self.wanted:
            root = self.frontier.root() if self.need_root else None
            self.seen[position] = Head(position, digest, root)

    def decode(self, row: RawRow) -> Decoded | None:
        """The event of a row; None when it cannot be read."""
        try:
            logged = read(row[3], row[4])
            return Decoded(logged, logged.command.id, logged.event.postings())
        except (LedgerError, TypeError, AttributeError, ValueError) as error:
            self.unread = error
            return None

    def replay(self, position: int, decoded: Decoded | None) -> None:
        """Applies an event to the rebuilt state and asks whether it belongs there."""
        if decoded is None:
            message = f"{self.unread}; the state is not checked from here on"
            self.find("event", position, message)
            self.scribe = None
            self.neighbours = Neighbours()
            return
        logged = decoded.logged
        again = self.neighbours.used_before(decoded.command_id, logged.record)
        if again is not None:
            self.find("event", position, again)
        if self.scribe is not None:
            try:
                apply(self.scribe, logged.event, logged.record, decoded.legs)
                for check, message in unfit(self.scribe.state, logged, decoded.legs):
                    self.find(check, position, message)
            except (KeyError, AttributeError, TypeError, IndexError) as error:
                self.find(
                    "event", position,
                    f"the event does not fit the events before it ({error!r}); "
                    "the state is not checked from here on",
                )  # fmt: skip
                self.scribe = None
        if isinstance(logged.event, BalanceAsserted):
            self.assertion(logged.event, logged.record)

    def assertion(self, event: BalanceAsserted, record: Record[Any]) -> None:
        """Asks the postings again for what was asserted: as known then, and now."""
        at = to_micros(record.effective_at)
        upto = at, END[1]
        try:
            head = self.store.head_position()
            held = Holding(
                record.registry, event.account, event.unit, indexed(self.store, head), head
            )
            now = held.tally(self.store, "held", upto=upto).quantity
            known = held._replace(upto=record.position)
            then = known.tally(self.store, "held", upto=upto).quantity
            later = held.known_later(self.store, "held", record.position, upto, _NAMED)
        except SQLAlchemyError:
            return  # the postings cannot be read, which is found elsewhere
        if then != event.quantity:
            self.find(
                "assertion", record.position,
                f"{event.account} held {then} t of {event.unit} as known then, "
                f"{event.quantity} asserted",
            )  # fmt: skip
        elif now != event.quantity:
            self.find(
                "restated", record.position,
                f"{event.account} was asserted to hold {event.quantity} t of {event.unit}; later "
                f"facts make it {now} (positions {', '.join(str(one.position) for one in later)})",
            )  # fmt: skip

    def signatures(self, public_key: str | None) -> None:
        """Asks every kept head whether it is signed as it should be."""
        for kept in self.kept:
            said = doubt(kept, public_key)
            if said is not None:
                self.find("signature", kept.position, said)

    def heads(self) -> None:
        """The log at the kept heads: it must only have grown since."""
        agreed, epochs = 0, Epochs.of(self.store.meta())
        for number, kept in enumerate(self.kept):
            for other in self.kept[:number]:
                if forked(kept, other):
                    self.find(
                        "fork", kept.position,
                        f"two kept heads of position {kept.position} are of different histories: "
                        f"{_named(other)} and {_named(kept)}",
                    )  # fmt: skip
            seen = self.seen.get(kept.position)
            parted = epochs.parted(kept, self.position)
            if parted is not None and (seen is None or forked(seen, kept)):
                self.find(
                    "fork", kept.position,
                    f"{_named(kept)} is of another history than this log: {parted}",
                )  # fmt: skip
            elif seen is None:
                self.find(
                    "head", kept.position,
                    f"the kept head is at position {kept.position}, the log ends at "
                    f"{self.position}: its tail is missing",
                )  # fmt: skip
            elif not forked(seen, kept):
                agreed = kept.position
            elif agreed:
                self.find(
                    "fork", kept.position,
                    f"two histories continue the kept head at position {agreed}: this log has "
                    f"{seen.hash} at position {kept.position}, the other is that of "
                    f"{_named(kept)}",
                )  # fmt: skip
            else:
                self.find(
                    "head", kept.position,
                    f"the log has {seen.hash} at position {kept.position}, the kept head has "
                    f"{kept.hash}: the history before it was rewritten",
                )  # fmt: skip

    def finish(self) -> Report:
        self.heads()
        root = self.frontier.root() if self.need_root else None
        return Report(not self.findings, self.events, Head(self.position, self.hash, root),
                      self.findings)  # fmt: skip


def _named(head: Head) -> str:
    signed = head.signed
    if signed is None:
        return f"the head {head.hash}"
    return (
        f"the head {head.hash} of store {signed.store_id}, signed by {signed.public_key} at "
        f"{signed.signed_at}"
    )


def verify(
    store: Store,
    *,
    heads: Sequence[Head] = (),
    public_key: str | None = None,
    chain_only: bool = False,
    progress: Progress | None = None,
    projections: TablesUpTo | None = None,
) -> Report:
    """Walks the log and reports all that is wrong.

    ``heads`` were kept elsewhere, and must be signed by ``public_key`` (hex) if it is given;
    ``chain_only`` leaves out everything but the chain; ``progress`` is called with the
    position reached; ``projections`` tells what readers' tables say otherwise than the log.
    """
    walk = _Walk(store, heads, whole=not chain_only)
    walk.signatures(public_key)
    for name in store.missing_guards():
        walk.find("guard", None, f"the database's guard {name} is missing: rows can be changed")
    with collector_paused():
        if chain_only:
            return _verify_chain(store, walk, progress)
        return _verify_all(store, walk, progress, projections)


def verify_upcasting(store: Store, progress: Progress | None = None) -> Report:
    """Reads every event in its present shape and reports those that cannot be read."""
    walk = _Walk(store, (), whole=False)
    with collector_paused():
        for row in store.raw_rows(once=True):
            walk.events, walk.position = walk.events + 1, row[0]
            if walk.decode(row) is None:
                walk.find("event", row[0], str(walk.unread))
            if progress and walk.events % FETCH == 0:
                progress(walk.events)
    last = store.row(walk.position)
    head = Head(walk.position, hash_of(last.state) if last else GENESIS, None)
    return Report(not walk.findings, walk.events, head, walk.findings)


def _verify_chain(store: Store, walk: _Walk, progress: Progress | None) -> Report:
    for row in store.raw_rows(once=True):
        walk.chain(row, None)
        if progress and walk.events % FETCH == 0:
            progress(walk.events)
    return walk.finish()


def _verify_all(
    store: Store, walk: _Walk, progress: Progress | None, projections: TablesUpTo | None
) -> Report:
    upto = store.head_position()
    derived = DerivedTables(store, upto, walk.find)
    tables = None if projections is None else projections(upto)
    told = frozenset[str]() if tables is None else tables.types
    for row in store.raw_rows(0, upto, once=True):
        decoded = walk.decode(row)
        walk.chain(row, decoded and decoded.logged.record)
        walk.replay(row[0], decoded)
        derived.follow(row[0], decoded)
        if tables is not None and decoded is not None and row[3] in told:
            tables.follow(decoded.logged)
        if row[0] in derived.snapshots:
            derived.check_snapshot(row[0], walk.hash, walk.scribe)
        if walk.grown:
            derived.check_nodes(walk.grown)
            walk.grown.clear()
        if row[0] == derived.frontier_at:
            derived.check_frontier(walk.frontier)
        if progress and walk.events % FETCH == 0:
            progress(walk.events)
    derived.finish()
    if tables is not None and walk.scribe is not None:
        for message in tables.differences(walk.scribe.state):
            walk.find("projection", None, message)
    return walk.finish()
