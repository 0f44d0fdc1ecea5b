"""Tracing conserves: random commands, out of order in time, tonne by tonne.

The plain model keeps every single tonne in a list of its account. Ranges never overlap, sum
to the holdings at any (as-of, known-at), and are where the model has them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from banking_books import BEFORE, NEW, OLD, TODAY, BankingBook
from etsledger.domain.times import iso
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.provenance import TraceStep
from etsledger.projections import fifo, moves
from helpers import SteppingClock
from plain_model import Fact
from random_books import BUSY, UNITS, Books, picks

Legs = list[tuple[str, int]]


There = dict[str, list[int]]
"""The tonnes of each account, in the order in which they would leave."""


def tonne_by_tonne(facts: list[Fact], unit: str, at: datetime, known: int) -> There:
    """Where every single tonne of a unit is."""
    numbers = numbered(facts, unit)
    there: There = {}
    counted = sorted(
        (f for f in facts if f.at <= at and f.position <= known), key=lambda f: (f.at, f.position)
    )
    for _, of_instant in groupby(counted, key=lambda fact: fact.at):
        waiting = [
            (
                numbers.get(f.position, []),
                [(a, q) for a, u, b, q in f.changes if (u, b) == (unit, "held")],
            )
            for f in of_instant
        ]
        while waiting:
            left = [one for one in waiting if not moved(there, *one)]
            if len(left) == len(waiting):  # they wait for each other
                assert moved(there, [], [leg for _, legs in left for leg in legs])
                break
            waiting = left
    return there


def numbered(facts: list[Fact], unit: str) -> dict[int, list[int]]:
    """The tonnes that came to be at each position, by number."""
    numbers: dict[int, list[int]] = {}
    last = 0
    for fact in facts:
        for account, of_unit, bucket, quantity in fact.changes:
            if (account, of_unit, bucket) == ("issuance", unit, "held") and quantity < 0:
                numbers[fact.position] = list(range(last + 1, last - quantity + 1))
                last -= quantity
    return numbers


def moved(there: There, born: list[int], legs: Legs) -> bool:
    """Moves the tonnes of one fact, if they are there."""
    net: dict[str, int] = {}
    for account, quantity in legs:
        net[account] = net.get(account, 0) + quantity
    pools = {**there, "issuance": born}
    if any(q < 0 and len(pools.get(account, [])) < -q for account, q in net.items()):
        return False
    hand: list[int] = []
    for account, quantity in net.items():
        if quantity < 0:
            hand += pools[account][:-quantity]
            del pools[account][:-quantity]
    for account, quantity in net.items():
        if quantity > 0:
            there.setdefault(account, []).extend(hand[:quantity])
            del hand[:quantity]
    return True


class Traced(Books):
    """A day at the registry, traced now and then."""

    def look_back(self, as_of: int, known: int, minutes: int) -> None:
        """Not here: other tests look at the balances."""

    def teardown(self) -> None:
        try:
            self.trace(0, self.model.position)
            self.trace(-200, self.model.position)
        finally:
            self.ledger.close()

    @rule(as_of=st.integers(-500, 100), known=picks)
    def trace(self, as_of: int, known: int) -> None:
        known %= self.model.position + 1
        at = self.clock.now + timedelta(minutes=as_of)
        when = {"as_of": iso(at), "known_at": known}
        for unit in UNITS:
            there = tonne_by_tonne(self.model.facts, unit, at, known)
            found: dict[str, list[int]] = {}
            end = 0
            for row in self.ledger.trace(unit=unit, **when):
                assert row["first"] > end, "ranges overlap"
                end = row["last"]
                assert row["quantity"] == end - row["first"] + 1
                found.setdefault(row["account"], []).extend(range(row["first"], end + 1))
                self.is_a_way(row["way"])
            assert found == {account: sorted(tonnes) for account, tonnes in there.items() if tonnes}
            held = {r["account"]: r["quantity"] for r in self.ledger.balances(unit=unit, **when)}
            held = {account: tonnes for account, tonnes in held.items() if tonnes}
            assert {a: len(tonnes) for a, tonnes in found.items() if a != "issuance"} == held
            for account in BUSY:
                own = self.ledger.trace(account=account, unit=unit, **when)
                tonnes = [n for row in own for n in range(row["first"], row["last"] + 1)]
                assert tonnes == found.get(account, [])
            some = self.ledger.trace(unit=unit, serials=(150, 420), **when)
            tonnes = [n for row in some for n in range(row["first"], row["last"] + 1)]
            assert tonnes == sorted(n for own in found.values() for n in own if 150 <= n <= 420)

    def is_a_way(self, way: list[TraceStep]) -> None:
        """Each step begins where the one before ended, and time goes on."""
        assert way[0]["from"] == "issuance"
        for one, other in pairwise(way):
            assert one["to"] == other["from"]
            assert one["effective_at"] <= other["effective_at"]


@pytest.mark.parametrize(
    ("new_store_url", "examples"),
    [("sqlite", 20), pytest.param("postgres", 4, marks=pytest.mark.postgres)],
    indirect=["new_store_url"],
)
@pytest.mark.parametrize("room", [1_024, 2])
def test_random_commands_are_traced_tonne_by_tonne(
    new_store_url: Callable[[], str], examples: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where ranges are sorted two at a time and what has left gives its room back at once."""
    monkeypatch.setattr(fifo, "_SPENT", room)
    monkeypatch.setattr(moves, "_PILE", room)

    class Here(Traced):
        def new_url(self) -> str:
            return new_store_url()

    budget = settings(
        max_examples=examples,
        stateful_step_count=40,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Here, settings=budget)


# -- across vintages -------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(("carry", "carry", "sell", "buy")),
        st.integers(1, 400),
        st.sampled_from((None, *OLD)),
        st.sampled_from(("2026-01-05", "2026-02-01", "2026-03-01")),
    ),
    max_size=10,
)


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps)
def test_carried_over_tonnes_go_on_and_none_is_lost(
    new_store_url: Callable[[], str], steps: list[tuple[str, int, str | None, str]]
) -> None:
    with Ledger.open(new_store_url(), create=True, clock=SteppingClock(TODAY)) as ledger:
        book = BankingBook(ledger)
        for n, unit in enumerate(OLD, 1):
            book.give(100 * n, unit, at=BEFORE)
        for what, quantity, unit, day in steps:
            try:
                if what == "carry":
                    book.carry(quantity, at=day, unit=unit)
                elif what == "sell":
                    book.sold(quantity, unit or "CEA:2024", at=day)
                else:
                    book.bought(quantity, unit or "CEA:2024", at=day)
            except Refusal:
                continue
        carried_in, carried_out = set[tuple[str, int]](), set[tuple[str, int]]()
        for unit in (*OLD, NEW):
            end, held = 0, dict[str, int]()
            for row in ledger.trace(unit=unit):
                assert row["first"] > end
                end = row["last"]
                numbers = range(row["way"][0]["first"], row["way"][0]["last"] + 1)
                assert row["way"][0]["from"] == "issuance"
                for one, other in pairwise(row["way"]):
                    assert (one["to"], other["from"]) in (
                        (one["to"], one["to"]),
                        ("converted-out", "converted-in"),
                    )
                if unit == NEW:
                    assert row["held_as"] == NEW
                    held[row["account"]] = held.get(row["account"], 0) + row["quantity"]
                    carried_in |= {(row["issued_as"], n) for n in numbers}
                elif row["held_as"] == NEW:
                    carried_out |= {(unit, n) for n in numbers}
                else:
                    held[row["account"]] = held.get(row["account"], 0) + row["quantity"]
            rows = ledger.balances(unit=unit)
            assert held == {r["account"]: r["quantity"] for r in rows if r["quantity"]}
        assert carried_in == carried_out
