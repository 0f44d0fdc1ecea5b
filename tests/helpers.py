"""Small builders, so that a test reads like a registry's day book.

    book = DayBook(ledger)
    book.issue(1000, to="crrc-1", at="2024-01-02")
    book.transfer(300, "crrc-1", "desk-1", at="2024-03-01")
    refusal = book.refused("InsufficientUnits", "transfer", quantity=701, ...)

Every name that no test is about has a default: registry ``trial``, unit ``CEA:2023``.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from etsledger.domain.state import Scribe, State
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, Outcome, Refusal
from etsledger.ledger.record import read
from etsledger.ledger.snapshots import state_bytes

REGISTRY = "trial"
UNIT = "CEA:2023"
BEGIN = "2024-06-01T09:00:00+08:00"
"""Where the clock of a test stands at first."""


ON_SQLITE = pytest.mark.parametrize("new_store_url", ["sqlite"], indirect=True)
"""For tests of rules that ask nothing of the database: the same on both, and faster."""


class SteppingClock:
    """A clock that stands still until it is told to move.

    ``now`` may be set to an instant or its text, also backwards; ``advance`` takes the
    arguments of ``timedelta``.
    """

    def __init__(self, start: datetime | str = BEGIN) -> None:
        self._now = _instant(start)

    def __call__(self) -> datetime:
        return self._now

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self._now

    @now.setter
    def now(self, instant: datetime | str) -> None:
        self._now = _instant(instant)

    def advance(self, **amount: float) -> datetime:
        """Moves the clock, by a second unless told otherwise, and gives the new time."""
        self._now += timedelta(**amount) if amount else timedelta(seconds=1)
        return self._now


def _instant(instant: datetime | str) -> datetime:
    return parse_instant(instant) if isinstance(instant, str) else instant


def command(name: str, id: str, /, **fields: Any) -> dict[str, Any]:
    """The JSON object of a command; ``at`` is ``effective_at``, ``from_`` is ``from``.

    A field that is None is left out; the registry is ``trial`` unless given.
    """
    names = {"at": "effective_at", "from_": "from"}
    given = {names.get(key, key): value for key, value in fields.items() if value is not None}
    return {"command": name, "id": id, "registry": REGISTRY, **given}


def trial_registry(rulebook: str | Mapping[str, Any] = "open") -> list[dict[str, Any]]:
    """The commands that open the registry of most tests, in force since 2020.

    Entities ``crrc`` (account ``crrc-1``) and ``baosteel`` (``baosteel-1``), an institution
    ``desk-1``, an individual ``wang-1`` and the province ``hubei``.
    """
    since = "2020-01-01"
    return [
        command("open_registry", "open", rulebook=rulebook, at=since),
        command("register_entity", "e1", entity="crrc", name="CRRC", sector="power", at=since),
        command("register_entity", "e2", entity="baosteel", name="Bao", sector="steel", at=since),
        command("open_account", "a1", account="crrc-1", kind="entity", entity="crrc", at=since),
        command(
            "open_account", "a2", account="baosteel-1", kind="entity", entity="baosteel", at=since
        ),
        command("open_account", "a3", account="desk-1", kind="institution", at=since),
        command("open_account", "a4", account="wang-1", kind="individual", at=since),
        command("open_account", "a5", account="hubei", kind="province", at=since),
    ]


class DayBook:
    """Sends commands to a ledger, with ids of its own (``t1``, ``t2``, …) unless given one."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._sent = 0

    def _next_id(self) -> str:
        self._sent += 1
        return f"t{self._sent}"

    def send(self, name: str, /, *, id: str | None = None, **fields: Any) -> Outcome:
        """Executes one command. Raises its Refusal."""
        return self.ledger.execute(command(name, id or self._next_id(), **fields))

    def issue(self, quantity: int, to: str = "crrc-1", **fields: Any) -> Outcome:
        """Units come to be."""
        return self.send("issue", quantity=quantity, to=to, **{"unit": UNIT, **fields})

    def transfer(self, quantity: int, source: str, to: str, **fields: Any) -> Outcome:
        """A free transfer, unless ``kind`` says otherwise."""
        given = {"unit": UNIT, "kind": "free", **fields}
        return self.send("transfer", quantity=quantity, from_=source, to=to, **given)

    def freeze(self, account: str, quantity: int | None = None, **fields: Any) -> Outcome:
        """A quantity of ``CEA:2023``, or the whole account (all of a unit with ``unit``)."""
        unit = {} if quantity is None else {"unit": UNIT}
        return self.send("freeze", account=account, quantity=quantity, **{**unit, **fields})

    def pledge(self, quantity: int, account: str = "crrc-1", **fields: Any) -> Outcome:
        """A pledge in favour of a bank."""
        given = {"unit": UNIT, "pledgee": "bank", **fields}
        return self.send("pledge", account=account, quantity=quantity, **given)

    def surrender(self, quantity: int, entity: str = "crrc", **fields: Any) -> Outcome:
        """For the year 2023."""
        given = {"unit": UNIT, "year": 2023, **fields}
        return self.send("surrender", entity=entity, quantity=quantity, **given)

    def refused(self, code: str, name: str, /, **fields: Any) -> Refusal:
        """The refusal of a command, with proof that it left no event and changed nothing."""
        before = standing(self.ledger)
        with pytest.raises(Refusal) as caught:
            self.send(name, **fields)
        refusal = caught.value
        assert refusal.code == code, f"{refusal.code}: {refusal.message}"
        assert standing(self.ledger) == before, "a refused command changed something"
        return refusal

    def available(self, account: str = "crrc-1", unit: str = UNIT, **when: Any) -> int:
        """Tonnes that could leave an account."""
        return holding(self.ledger, account, unit, **when)["available"]

    def held(self, account: str = "crrc-1", unit: str = UNIT, **when: Any) -> int:
        """Tonnes in an account, reserved ones included."""
        return holding(self.ledger, account, unit, **when)["quantity"]


NOTHING = {"quantity": 0, "available": 0, "frozen": 0, "pledged": 0, "pending": 0, "restricted": 0}


def holding(ledger: Ledger, account: str, unit: str = UNIT, **when: Any) -> dict[str, int]:
    """The numbers of one balance row; zeros when there is none."""
    rows = ledger.balances(registry=REGISTRY, account=account, unit=unit, **when)
    assert len(rows) <= 1, rows
    return {key: rows[0][key] for key in NOTHING} if rows else dict(NOTHING)


def held_by_account(ledger: Ledger, **question: Any) -> dict[tuple[str, str], int]:
    """Quantities by (account, unit), as ``balances`` tells them."""
    return {(row["account"], row["unit"]): row["quantity"] for row in ledger.balances(**question)}


def replayed(ledger: Ledger, upto: int | None = None) -> State:
    """The state that the stored log replays to, by the domain's own ``apply`` alone."""
    from etsledger.domain.catalogue import apply

    scribe = Scribe(State())
    for row in ledger.store.rows(0, upto):
        logged = read(row.type, row.state)
        apply(scribe, logged.event, logged.fact)
    return scribe.state


def standing(ledger: Ledger) -> tuple[int, str, bytes, int]:
    """Position, head hash, state and number of command ids: all that a write changes."""
    from etsledger.ledger.tables import commands

    head = ledger.head()
    return head.position, head.hash, state_bytes(replayed(ledger)), ledger.store.count(commands)


def send_all(ledger: Ledger, commands: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """Applies commands that must all be accepted."""
    outcomes = list(ledger.apply(commands))
    refused = [outcome for outcome in outcomes if outcome.outcome != "accepted"]
    assert not refused, refused
    return outcomes


def records(ledger: Ledger) -> list[dict[str, Any]]:
    """The whole log as a stranger reads it from the export: plain JSON objects."""
    return [json.loads(line) for line in ledger.export()]


def live_state(ledger: Ledger) -> State:
    """The state that the ledger's writer decides on, caught up with the log."""
    with ledger.store.writing():
        return ledger._writer._present.catch_up().state


def told(outcome: Outcome) -> tuple[str, str, tuple[int, ...]]:
    """The id, the outcome and the positions."""
    return outcome.id, outcome.outcome, tuple(outcome.positions)


def duplicate_of(first: Outcome) -> tuple[str, str, tuple[int, ...]]:
    """What is answered to the same command again."""
    assert first.outcome == "accepted"
    return first.id, "duplicate", tuple(first.positions)


def again(book: DayBook, given: Any) -> Outcome:
    """Sends a command that changes nothing, and proves it."""
    before = standing(book.ledger)
    outcome = book.ledger.execute(given)
    assert standing(book.ledger) == before
    return outcome
