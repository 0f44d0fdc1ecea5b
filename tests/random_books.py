"""A registry where anything may happen: random commands, out of order in time.

Every answer must be the model's, and at any (as-of, known-at): units are conserved, nothing
is negative, the log replays to the live state, ``--from-log`` says what the index says, and
known-at a position is a store built from the commands up to it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
)
from sqlalchemy import delete

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.domain.times import iso
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.postings import INDEX
from etsledger.ledger.record import read
from etsledger.ledger.snapshots import state_bytes
from etsledger.ledger.tables import snapshots as snapshot_table
from helpers import (
    UNIT,
    SteppingClock,
    command,
    live_state,
    replayed,
    send_all,
    trial_registry,
)
from plain_model import ACCOUNTS, Model
from rulebooks import confirming_rulebook

UNITS = (UNIT, "CEA:2024")

BUSY = ("crrc-1", "baosteel-1", "desk-1")
"""Few accounts with many facts each: out of order in time they get in each other's way."""

tonnes = st.one_of(st.integers(1, 60), st.integers(100, 300))
some_units = st.sampled_from([UNIT, *UNITS])
senders = st.sampled_from([*BUSY, *BUSY, "authority"])
receivers = st.sampled_from([*BUSY, *BUSY, *sorted(ACCOUNTS), "nobody"])
entities = st.sampled_from(["crrc", "crrc", "baosteel", "nobody"])
transfers = st.lists(st.tuples(st.integers(1, 40), senders, senders), min_size=1, max_size=4)
picks = st.integers(0, 10**6)
"""A choice among what is there when the rule runs."""
offsets = st.one_of(st.none(), st.integers(-40, 4), st.integers(-400, 60))
"""Minutes from now to the effective time; none leaves it out."""
soon = st.one_of(st.none(), st.integers(0, 30), offsets)


class Books(RuleBasedStateMachine):
    """A day at the registry: the ledger does, the model watches."""

    short_strides: ClassVar[bool] = False
    """Whether snapshots and index merges happen every few events, and must have happened."""

    def new_url(self) -> str:
        """Where a new store is to be."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppingClock()
        self.ledger_url = self.new_url()
        self.ledger = Ledger.open(self.ledger_url, create=True, clock=self.clock)
        self.opening = trial_registry(confirming_rulebook())
        send_all(self.ledger, self.opening)
        self.model = Model(position=len(self.opening))
        self.sent: list[tuple[datetime, dict[str, Any]]] = []
        """What was accepted, with the time on the clock."""
        self.recorded = dict.fromkeys(range(1, self.model.position + 1), self.clock.now)
        self.ids = 0
        for n, account in enumerate(BUSY):
            for unit in UNITS:
                self.send("issue", -200 + 50 * n, unit=unit, quantity=200, to=account)
        assert len(self.sent) == len(BUSY) * len(UNITS)

    def teardown(self) -> None:
        try:
            self.look_back(0, 1, -30)
            self.known_at_a_position_is_a_store_of_the_commands_up_to_it(len(self.sent) // 2)
            self.replay_equals_live()
        finally:
            self.ledger.close()

    # -- sending -------------------------------------------------------------------------------

    def fields(self, name: str, minutes: int | None, **fields: Any) -> dict[str, Any]:
        self.ids += 1
        at = None if minutes is None else iso(self.clock.now + timedelta(minutes=minutes))
        return command(name, f"c{self.ids}", at=at, **fields)

    def send(self, name: str, minutes: int | None, **fields: Any) -> None:
        self.check(self.fields(name, minutes, **fields))

    def check(self, sent: dict[str, Any]) -> None:
        """The ledger answers as the model does."""
        expected = self.model.answer(sent, self.clock.now)
        found, positions = self.answered(sent)
        assert (found, positions) == expected, sent
        if found == "accepted":
            self.sent.append((self.clock.now, sent))
            self.recorded.update(dict.fromkeys(positions, self.clock.now))

    def answered(self, sent: dict[str, Any]) -> tuple[str, Any]:
        """The outcome with its positions, or ``refused`` with the code."""
        try:
            outcome = self.ledger.execute(sent)
        except Refusal as refusal:
            return "refused", refusal.code
        return outcome.outcome, outcome.positions

    @rule(minutes=st.integers(0, 90))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @rule(at=offsets, unit=some_units, quantity=tonnes, to=receivers)
    def issue(self, at: int | None, unit: str, quantity: int, to: str) -> None:
        self.send("issue", at, unit=unit, quantity=quantity, to=to)

    @rule(at=offsets, unit=some_units, quantity=tonnes, source=senders, to=receivers)
    def transfer(self, at: int | None, unit: str, quantity: int, source: str, to: str) -> None:
        self.send("transfer", at, unit=unit, quantity=quantity, from_=source, to=to, kind="free")

    @rule(at=st.integers(-400, -1), unit=some_units, quantity=tonnes, source=senders, to=senders)
    def transfer_back_dated(self, at: int, unit: str, quantity: int, source: str, to: str) -> None:
        self.send("transfer", at, unit=unit, quantity=quantity, from_=source, to=to, kind="free")

    @rule(at=offsets, unit=some_units, quantity=tonnes, account=senders)
    def cancel(self, at: int | None, unit: str, quantity: int, account: str) -> None:
        self.send("cancel", at, unit=unit, quantity=quantity, account=account)

    @rule(at=offsets, unit=some_units, quantity=tonnes, account=senders)
    def freeze_a_quantity(self, at: int | None, unit: str, quantity: int, account: str) -> None:
        self.send("freeze", at, unit=unit, quantity=quantity, account=account)

    @precondition(lambda self: len(self.model.stops) <= len(self.sent) // 12)
    @rule(
        at=offsets,
        unit=st.sampled_from([None, *UNITS]),
        account=senders,
        direction=st.sampled_from(["out", "both"]),
    )
    def freeze_all(self, at: int | None, unit: str | None, account: str, direction: str) -> None:
        self.send("freeze", at, unit=unit, account=account, direction=direction)

    @rule(at=offsets, unit=some_units, quantity=tonnes, account=senders)
    def pledge(self, at: int | None, unit: str, quantity: int, account: str) -> None:
        self.send("pledge", at, unit=unit, quantity=quantity, account=account, pledgee="bank")

    @rule(at=offsets, unit=some_units, quantity=tonnes, entity=entities)
    def surrender(self, at: int | None, unit: str, quantity: int, entity: str) -> None:
        self.send("surrender", at, unit=unit, quantity=quantity, entity=entity, year=2023)

    def open_one(self, claims: dict[str, Any], pick: int) -> str:
        """The id of an open claim; now and then one that is not."""
        names = [*claims, *([self.sent[-1][1]["id"]] if self.sent and pick % 7 == 0 else [])]
        return names[pick % len(names)] if names else "no-such-command"

    @precondition(lambda self: self.model.freezes)
    @rule(at=soon, pick=picks)
    def unfreeze(self, at: int | None, pick: int) -> None:
        self.send("unfreeze", at, freeze=self.open_one(self.model.freezes, pick))

    @precondition(lambda self: self.model.pledges)
    @rule(at=soon, pick=picks)
    def release(self, at: int | None, pick: int) -> None:
        self.send("release_pledge", at, pledge=self.open_one(self.model.pledges, pick))

    @precondition(lambda self: self.model.surrenders)
    @rule(at=soon, pick=picks, name=st.sampled_from(["confirm_surrender", "reject_surrender"]))
    def close_surrender(self, at: int | None, pick: int, name: str) -> None:
        self.send(name, at, surrender=self.open_one(self.model.surrenders, pick))

    @rule(at=soon, pick=picks)
    def reverse(self, at: int | None, pick: int) -> None:
        reversible = {**self.model.movements, **dict.fromkeys(self.model.reversed)}
        self.send("reverse", at, reverses=self.open_one(reversible, pick))

    @rule(at=offsets, unit=some_units, account=senders, error=st.sampled_from([0, 0, 1]))
    def assert_balance(self, at: int | None, unit: str, account: str, error: int) -> None:
        when = self.clock.now + timedelta(minutes=at or 0)
        held = self.model.amount(account, unit, "held", when, self.model.position)
        self.send("assert_balance", at, account=account, unit=unit, quantity=held + error)

    @rule(
        at=offsets,
        unit=some_units,
        steps=transfers,
    )
    def batch(self, at: int | None, unit: str, steps: list[tuple[int, str, str]]) -> None:
        children = [
            self.fields("transfer", None, unit=unit, quantity=q, from_=a, to=b, kind="free")
            for q, a, b in steps
        ]
        children += [self.fields("reverse", None, reverses=children[0]["id"])] * (len(steps) == 3)
        self.send("batch", at, commands=children)

    @precondition(lambda self: self.sent)
    @rule(pick=picks, changed=st.booleans())
    def send_again(self, pick: int, changed: bool) -> None:
        again = self.sent[pick % len(self.sent)][1]
        if "commands" in again and pick % 2:
            again = {"effective_at": again.get("effective_at"), **again["commands"][0]}
            again = {key: value for key, value in again.items() if value is not None}
        self.check({**again, "quantity": 7} if changed and "quantity" in again else again)

    # -- looking -------------------------------------------------------------------------------

    @rule(as_of=st.integers(-500, 100), known=picks, minutes=st.integers(-500, 0))
    def look_back(self, as_of: int, known: int, minutes: int) -> None:
        """Index, log and model say the same of a sampled (as-of, known-at)."""
        position = known % (self.model.position + 1)
        at = self.clock.now + timedelta(minutes=as_of)
        self.same_balances(at, position, f"@{position}")
        when = self.clock.now + timedelta(minutes=minutes)
        for instant in (when, self.recorded[max(position, 1)]):
            by_then = sum(recorded <= instant for recorded in self.recorded.values())
            self.same_balances(at, by_then, iso(instant))

    def same_balances(self, at: datetime, position: int, known_at: str) -> None:
        rows = self.ledger.balances(as_of=at, known_at=known_at)
        found = {
            (row["account"], row["unit"]): {
                "held": row["quantity"],
                "frozen": row["frozen"],
                "pledged": row["pledged"],
                "pending": row["pending"],
                "available": row["available"],
            }
            for row in rows
        }
        assert found == self.model.balances(at, position)
        assert min((n for row in found.values() for n in row.values()), default=0) >= 0
        assert self.ledger.balances(as_of=at, known_at=known_at, from_log=True) == rows
        for account in BUSY:
            own = [row for row in rows if (row["account"], row["unit"]) == (account, UNIT)]
            question = {"account": account, "unit": UNIT, "as_of": at, "known_at": known_at}
            assert self.ledger.balances(**question) == own
        supply = self.ledger.supply(as_of=at, known_at=known_at)
        assert self.ledger.supply(as_of=at, known_at=known_at, from_log=True) == supply
        for row in supply:
            issued = -self.model.amount("issuance", row["unit"], "held", at, position)
            assert (row["issued"], row["balanced"]) == (issued, True)
        # As-of is a replay of the facts that are effective by then, in order.
        scribe = self.replay_until(at, position)
        holdings = scribe.state.registries["trial"].holdings if position else {}
        assert {
            (account, unit): held.held
            for account, units in holdings.items()
            for unit, held in units.items()
            if held.held and account != "issuance"
        } == {key: row["held"] for key, row in found.items() if row["held"]}

    def replay_until(self, at: datetime, position: int) -> Scribe:
        """Replays a prefix of the log, holdings only of facts effective by ``at``."""
        scribe = Scribe(State())
        for row in self.ledger.store.rows(0, position):
            logged = read(row.type, row.state)
            if logged.record.effective_at <= at:
                apply(scribe, logged.event, logged.fact)
        return scribe

    def conserved_at_every_position(self) -> Iterator[int]:
        scribe = Scribe(State())
        for row in self.ledger.store.rows():
            logged = read(row.type, row.state)
            apply(scribe, logged.event, logged.fact)
            for unit in UNITS:
                registry = scribe.state.registries["trial"]
                held = {a: registry.holding(a, unit).held for a in ("issuance", *ACCOUNTS)}
                assert sum(held.values()) == 0, row.position
                issued = -held.pop("issuance")
                assert min(issued, *held.values()) >= 0, row.position
            yield row.position

    def known_at_a_position_is_a_store_of_the_commands_up_to_it(self, count: int) -> None:
        clock = SteppingClock()
        with Ledger.open(self.new_url(), create=True, clock=clock) as other:
            send_all(other, self.opening)
            for now, sent in self.sent[:count]:
                clock.now = now
                other.execute(sent)
            head = other.head()
            known_at = f"@{head.position}"
            clock.now = self.clock.now
            for at in (self.clock.now, self.clock.now - timedelta(minutes=60)):
                then = other.balances(as_of=at)
                assert then == self.ledger.balances(as_of=at, known_at=known_at)
            rows = list(self.ledger.store.rows(head.position - 1, head.position))
            assert read(rows[0].type, rows[0].state).hash == head.hash
            assert state_bytes(replayed(other)) == state_bytes(replayed(self.ledger, head.position))

    def replay_equals_live(self) -> None:
        positions = list(self.conserved_at_every_position())
        assert positions == list(range(1, self.model.position + 1))
        live = state_bytes(live_state(self.ledger))
        assert state_bytes(replayed(self.ledger)) == live
        with Ledger.open(self.ledger_url, clock=self.clock) as again:
            assert state_bytes(live_state(again)) == live
            if self.short_strides:
                assert again.store.count(snapshot_table) > 0
                assert again.store.cursor(INDEX)[0] > 0
            with again.store.engine.begin() as connection:
                connection.execute(delete(snapshot_table))
        with Ledger.open(self.ledger_url, clock=self.clock) as again:
            assert state_bytes(live_state(again)) == live
        report = self.ledger.verify()
        wrong = [finding for finding in report.findings if finding.check != "restated"]
        assert not wrong
