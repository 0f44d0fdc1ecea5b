"""Random years of two plants: reports, allocations, recalls, custody, surrenders, out of order.

Every answer must be the model's, at any (as-of, known-at); and what no model is needed for:
units are conserved, nothing is negative at any time, the log replays to the live state.
"""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from etsledger.domain.times import iso
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.snapshots import state_bytes
from helpers import SteppingClock, command, live_state, replayed
from national import REGISTRY, SINCE, NationalBook
from year_clerk import ALL, Clerk
from year_model import UNITS, Posting

ENTITIES = ("a", "b")
ACCOUNTS = ("a-1", "b-1")
FUND = 3_000

entities = st.sampled_from(ENTITIES)
years = st.sampled_from([2023, 2024, 2024])
vintages = st.sampled_from(["CEA:2023", "CEA:2024", "CEA:2024"])
tonnes = st.one_of(st.integers(1, 60), st.integers(100, 700))
days = st.one_of(st.none(), st.none(), st.integers(-30, 30), st.integers(-400, 400))
"""From now to the effective time; none leaves it out."""
soon = st.one_of(st.none(), st.integers(0, 60), days)
picks = st.integers(0, 10**6)


class Years(RuleBasedStateMachine):
    """The ledger does, the model watches."""

    def new_url(self) -> str:
        """Where a new store is to be."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppingClock("2024-09-01T09:00:00+08:00")
        self.url = self.new_url()
        self.ledger = Ledger.open(self.url, create=True, clock=self.clock)
        book = NationalBook(self.ledger)
        for entity in ENTITIES:
            book.plant(entity)
        self.model = Clerk(position=self.ledger.head().position)
        for unit in UNITS.values():
            book.fund(unit, FUND)
            position, at = (
                self.ledger.head().position,
                datetime.fromisoformat(f"{SINCE}T00:00:00+08:00"),
            )
            for account, quantity in (("issuance", -FUND), ("hubei", FUND)):
                self.model.postings.append(Posting(position, at, account, unit, "held", quantity))
            self.model.position = position
        self.opening = self.model.position
        self.ids = 0
        self.accepted: dict[str, int] = {}
        for entity in ENTITIES:
            for year in (2022, 2023, 2024):
                self.send("record_verified", -250, entity=entity, year=year, emissions=500)

    def teardown(self) -> None:
        try:
            self.look(0, 0)
            self.look(-100, self.model.position // 2)
            self.known_at_a_position_is_a_store_of_the_first_events(self.opening + 12)
            self.replay_equals_live()
        finally:
            self.ledger.close()

    def send(self, name: str, offset: int | None, **fields: Any) -> None:
        """The ledger answers as the model does."""
        self.ids += 1
        at = self.clock.now if offset is None else self.clock.now + timedelta(days=offset)
        sent = command(
            name,
            f"c{self.ids}",
            registry=REGISTRY,
            at=None if offset is None else iso(at),
            **fields,
        )
        expected = self.model.answer(name, sent, at)
        try:
            found: tuple[str, Any] = "accepted", len(self.ledger.execute(sent).positions)
        except Refusal as refusal:
            found = "refused", refusal.code
            assert self.ledger.head().position == self.model.position
        assert found == expected, sent
        if found[0] == "accepted":
            self.accepted[name] = self.accepted.get(name, 0) + 1

    @rule(passed=st.integers(0, 120))
    def time_passes(self, passed: int) -> None:
        self.clock.advance(days=passed)

    @rule(at=days, entity=entities, year=st.sampled_from([2022, 2023, 2024]), emissions=tonnes)
    def verify(self, at: int | None, entity: str, year: int, emissions: int) -> None:
        self.send("record_verified", at, entity=entity, year=year, emissions=emissions)

    @rule(at=days, entity=entities, year=years, quantity=st.integers(1, 200))
    def deduct(self, at: int | None, entity: str, year: int, quantity: int) -> None:
        self.send(
            "record_deduction", at, entity=entity, year=year, quantity=quantity, reason="other"
        )

    @rule(at=days, entity=entities, status=st.sampled_from(["active", "at_risk"]))
    def set_status(self, at: int | None, entity: str, status: str) -> None:
        self.send("set_entity_status", at, entity=entity, status=status)

    @rule(at=days, entity=entities, year=years)
    def pre_allocate(self, at: int | None, entity: str, year: int) -> None:
        self.send("pre_allocate", at, entity=entity, year=year)

    @rule(at=soon, entity=entities, year=years, entitlement=st.integers(0, 700), pick=picks)
    def finalise(self, at: int | None, entity: str, year: int, entitlement: int, pick: int) -> None:
        finals = [
            grant.data["id"]
            for grant in self.model.of("grant", entity, year)
            if grant.data["entitlement"] is not None
        ]
        named = finals[-1] if finals and pick % 5 else None
        named = "c1" if pick % 11 == 0 else named
        self.send(
            "finalise_allocation", at, entity=entity, year=year, entitlement=entitlement,
            supersedes=named,
        )  # fmt: skip

    @rule(at=days, account=st.sampled_from(ACCOUNTS), unit=vintages, quantity=tonnes)
    def credit(self, at: int | None, account: str, unit: str, quantity: int) -> None:
        self.send("opening_balance", at, account=account, unit=unit, quantity=quantity)

    @rule(
        at=days, source=st.sampled_from([*ACCOUNTS, "hubei"]), to=st.sampled_from(ACCOUNTS),
        unit=vintages, quantity=tonnes,
    )  # fmt: skip
    def transfer(self, at: int | None, source: str, to: str, unit: str, quantity: int) -> None:
        kind = "release" if source == "hubei" else "succession"
        self.send("transfer", at, from_=source, to=to, unit=unit, quantity=quantity, kind=kind)

    @rule(account=st.sampled_from(ACCOUNTS), year=years, left=st.integers(0, 50))
    def sell_out_and_approve_less(self, account: str, year: int, left: int) -> None:
        """What makes a recall stay open."""
        unit, entity = UNITS[year], account[0]
        sold = self.model.takeable(account, unit, self.clock.now) - left
        if sold > 0:
            (to,) = set(ACCOUNTS) - {account}
            self.send(
                "transfer", None, from_=account, to=to, unit=unit, quantity=sold,
                kind="succession",
            )  # fmt: skip
        self.finalise(None, entity, year, left, 1)

    @rule(at=soon, entity=entities, year=years, more=st.integers(1, 300))
    def approve_more(self, at: int | None, entity: str, year: int, more: int) -> None:
        """What waives an open recall, and then grants."""
        finals = [g.data["entitlement"] for g in self.model.of("grant", entity, year)]
        if finals and finals[-1] is not None:
            self.finalise(at, entity, year, finals[-1] + more, 1)

    @rule(at=days, account=st.sampled_from(ACCOUNTS), unit=vintages, quantity=tonnes)
    def pledge(self, at: int | None, account: str, unit: str, quantity: int) -> None:
        self.send("pledge", at, account=account, unit=unit, quantity=quantity, pledgee="bank")

    @precondition(lambda self: self.accepted.get("pledge"))
    @rule(at=soon, pick=picks)
    def release_pledge(self, at: int | None, pick: int) -> None:
        names = [f.data["id"] for f in self.model.facts if f.kind == "pledge"]
        self.send("release_pledge", at, pledge=names[pick % len(names)])

    @rule(
        at=days, entity=entities, year=st.sampled_from([2022, *[2023, 2024] * 4]), unit=vintages,
        quantity=st.integers(1, 250), forced=st.sampled_from([False, False, True]),
    )  # fmt: skip
    def surrender(
        self, at: int | None, entity: str, year: int, unit: str, quantity: int, forced: bool
    ) -> None:
        self.send(
            "surrender", at, entity=entity, year=year, unit=unit, quantity=quantity,
            from_="hubei" if forced else None,
        )  # fmt: skip

    @rule(at=soon, entity=entities, year=years, less=st.integers(-1, 120), back=st.booleans())
    def surrender_what_is_there(
        self, at: int | None, entity: str, year: int, less: int, back: bool
    ) -> None:
        """As much as is there and owed (now and then a tonne more), by its own account or not."""
        when = self.clock.now + timedelta(days=at or 0)
        owed = self.model.compliance(entity, year, when, ALL)
        unit, forced = UNITS[year], self.model.status(entity, when) == "at_risk"
        there = self.model.takeable("hubei" if forced else f"{entity}-1", unit, when)
        if forced:
            there += self.model.custody(entity, unit, when)
        quantity = min(there, owed["outstanding"] - owed["pending"]) - less
        if quantity > 0:
            self.surrender(at, entity, year, unit, quantity, forced)
            if back and self.model.facts[-1].kind == "surrender":
                name = "reject_surrender" if less % 4 == 0 else "confirm_surrender"
                self.send(name, at, surrender=self.model.facts[-1].data["id"])

    @precondition(lambda self: self.accepted.get("surrender"))
    @rule(
        at=soon,
        pick=picks,
        name=st.sampled_from(["confirm_surrender", "confirm_surrender", "reject_surrender"]),
    )
    def close(self, at: int | None, pick: int, name: str) -> None:
        names = [f.data["id"] for f in self.model.facts if f.kind == "surrender"]
        self.send(name, at, surrender=names[pick % len(names)])

    # -- looking -------------------------------------------------------------------------------

    @rule(as_of=st.integers(-500, 500), known=picks)
    def look(self, as_of: int, known: int) -> None:
        """Books, log and model say the same of a sampled (as-of, known-at)."""
        position = self.model.position - known % (self.model.position + 1 - self.opening)
        at = self.clock.now + timedelta(days=as_of)
        when: dict[str, Any] = {"as_of": at, "known_at": f"@{position}"}
        rows = self.ledger.compliance(**when)
        assert self.ledger.compliance(**when, from_log=True) == rows
        for row in rows:
            known_now = self.model.compliance(row["entity"], row["year"], at, position)
            assert {key: row[key] for key in known_now} == known_now
            self.sums_of_the_year(row["entity"], row["year"], when)
        self.same_balances(at, position, when)

    def sums_of_the_year(self, entity: str, year: int, when: dict[str, Any]) -> None:
        (row,) = self.ledger.compliance(entity=entity, year=year, **when)
        found = self.ledger.allocation(entity, year, **when)
        if found is None or not found["final"]:
            return
        assert row["entitlement"] is not None
        assert found["entitlement"] == row["entitlement"]
        assert found["difference"] is not None
        entitlement = found["pre_allocated"] + found["difference"] + found["deductions"]
        assert entitlement == row["entitlement"]
        net = row["allocated"] - row["recalled"] - row["recall_open"]
        assert net == row["entitlement"] - found["deductions"]
        assert min(row["recalled"], row["recall_open"], row["allocated"]) >= 0
        kept = self.model.kept_back(entity, year, when["as_of"], int(when["known_at"][1:]))
        assert found["deductions"] == kept
        assert all(0 <= one["deducted"] <= one["quantity"] for one in found["deduction_lines"])

    def same_balances(self, at: datetime, position: int, when: dict[str, Any]) -> None:
        rows = self.ledger.balances(**when)
        assert self.ledger.balances(**when, from_log=True) == rows
        found = {
            (row["account"], row["unit"]): {
                "held": row["quantity"], "pledged": row["pledged"], "pending": row["pending"],
                "restricted": row["restricted"],
            }
            for row in rows
        }  # fmt: skip
        expected = self.model.balances(at, position)
        assert found == {key: row for key, row in expected.items() if key[0] != "issuance"}
        for row in rows:
            reserved = row["pledged"] + row["pending"] + row["restricted"]
            assert row["available"] == row["quantity"] - reserved >= 0
            assert min(row["pledged"], row["pending"], row["restricted"]) >= 0
        for supply in self.ledger.supply(**when):
            assert supply["balanced"]
            issued = -self.model.amount("issuance", supply["unit"], "held", at, position)
            assert supply["issued"] == issued

    def known_at_a_position_is_a_store_of_the_first_events(self, position: int) -> None:
        position = min(position, self.model.position)
        lines = list(self.ledger.export())[:position]
        with Ledger.open(self.new_url(), create=True, clock=self.clock) as other:
            other.import_log(lines)
            for offset in (0, -100, 200):
                at = self.clock.now + timedelta(days=offset)
                known_at = f"@{position}"
                rows = self.ledger.compliance(as_of=at, known_at=known_at)
                assert other.compliance(as_of=at) == rows
                for row in rows:
                    asked = (row["entity"], row["year"])
                    then = self.ledger.allocation(*asked, as_of=at, known_at=known_at)
                    assert other.allocation(*asked, as_of=at) == then
            assert state_bytes(replayed(other)) == state_bytes(replayed(self.ledger, position))

    def replay_equals_live(self) -> None:
        live = state_bytes(live_state(self.ledger))
        assert state_bytes(replayed(self.ledger)) == live
        report = self.ledger.verify()
        assert report.ok, report.findings
        # Nothing is below zero at any instant, as known now.
        for when in {posting.at for posting in self.model.postings}:
            for key, row in self.model.balances(when, ALL).items():
                if key[0] != "issuance":
                    assert min(row.values()) >= 0, (key, when, row)
