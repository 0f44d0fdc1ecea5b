"""Whatever happens to proposals, in whatever order: no tonne is spent twice."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from etsledger.domain.times import iso, parse_instant
from etsledger.ledger import Ledger
from helpers import UNIT, SteppingClock, command, holding, trial_registry

ACCOUNTS = ("crrc-1", "baosteel-1", "desk-1")
MINUTE = parse_instant("2024-01-01T00:01:00") - parse_instant("2024-01-01T00:00:00")


class Step(NamedTuple):
    """What is tried: a movement of ``tonnes``, or (by ``pick``) an end of a proposal."""

    name: str
    source: str
    target: str
    tonnes: int
    pick: int
    offset: int | None
    """Minutes from now to the effective time of a movement; None leaves it out."""


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(["transfer", "propose", "propose", "pledge", "approve", "reject"]),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.integers(1, 70),
        st.integers(0, 9),
        st.one_of(st.none(), st.integers(-120, 15)),
    ),
    min_size=5,
    max_size=30,
)


def sent(step: Step, n: int, proposals: list[str], at: str | None = None) -> dict[str, Any]:
    """The command of a step."""
    unit = {"unit": UNIT, "quantity": step.tonnes}
    move = {**unit, "from": step.source, "to": step.target, "kind": "free"}
    match step.name:
        case "transfer":
            return command("transfer", f"s{n}", at=at, **move)
        case "propose":
            proposed = command("transfer", f"s{n}/1", at=at, **move)
            return command("propose", f"s{n}", actor="li", proposes=proposed)
        case "pledge":
            return command("pledge", f"s{n}", account=step.source, pledgee="bank", at=at, **unit)
        case _:
            proposal = proposals[step.pick % len(proposals)] if proposals else "none"
            return command(step.name, f"s{n}", actor="wang", proposal=proposal)


def code_of(ledger: Ledger, given: dict[str, Any]) -> str:
    (outcome,) = ledger.apply([given])
    return "" if outcome.refusal is None else outcome.refusal.code


class Model:
    """What each account holds and has pledged, and the transfers that wait."""

    def __init__(self) -> None:
        self.held: dict[str, int] = dict.fromkeys(ACCOUNTS, 100)
        self.pledged: dict[str, int] = dict.fromkeys(ACCOUNTS, 0)
        self.waiting: dict[str, Step] = {}

    def pending(self, account: str) -> int:
        """Tonnes of an account that wait in proposals."""
        return sum(one.tonnes for one in self.waiting.values() if one.source == account)

    def does(self, given: dict[str, Any], step: Step) -> str:
        """The code of the refusal, or nothing; then it is done."""
        if step.name in ("approve", "reject"):
            done = self.waiting.pop(given["proposal"], None)
            if done is None:
                return "UnknownReference"
            if step.name == "approve":
                self._move(done)
            return ""
        if step.name != "pledge" and step.source == step.target:
            return "RouteNotAllowed"
        free = self.held[step.source] - self.pledged[step.source] - self.pending(step.source)
        if step.tonnes > free:
            return "InsufficientUnits"
        if step.name == "transfer":
            self._move(step)
        elif step.name == "pledge":
            self.pledged[step.source] += step.tonnes
        else:
            self.waiting[given["id"]] = step
        return ""

    def _move(self, step: Step) -> None:
        self.held[step.source] -= step.tonnes
        self.held[step.target] += step.tonnes


def opened(folder: str, clock: SteppingClock) -> Ledger:
    """100 t in each of three accounts."""
    ledger = Ledger.open(f"sqlite:///{Path(folder) / 'books.db'}", create=True, clock=clock)
    issued = [
        command("issue", f"i{n}", unit=UNIT, quantity=100, to=account, at="2024-01-01")
        for n, account in enumerate(ACCOUNTS)
    ]
    assert {one.outcome for one in ledger.apply([*trial_registry(), *issued])} == {"accepted"}
    return ledger


@settings(max_examples=40)
@given(steps)
def test_no_tonne_is_spent_twice(given: list[Step]) -> None:
    clock = SteppingClock()
    with TemporaryDirectory() as folder, opened(folder, clock) as ledger:
        model = Model()
        for n, step in enumerate(given):
            clock.advance(seconds=1)
            command_ = sent(step, n, list(model.waiting))
            assert code_of(ledger, command_) == model.does(command_, step)
        for one in ACCOUNTS:
            found = holding(ledger, one)
            assert (found["quantity"], found["pledged"], found["pending"]) == (
                model.held[one], model.pledged[one], model.pending(one),
            )  # fmt: skip
        waiting = [row["proposal"] for row in ledger.proposals(status="open")]
        assert waiting == list(model.waiting)
        assert ledger.verify().ok
        assert ledger.what_if().same_log


@settings(max_examples=40)
@given(steps)
def test_at_no_instant_is_more_reserved_than_is_held(given: list[Step]) -> None:
    """Out of order in time, and all of it known in the end."""
    clock = SteppingClock()
    with TemporaryDirectory() as folder, opened(folder, clock) as ledger:
        made: list[str] = []
        for n, step in enumerate(given):
            clock.advance(minutes=7)
            at = None if step.offset is None else iso(clock.now + step.offset * MINUTE)
            code = code_of(ledger, sent(step, n, made, at))
            if step.name == "propose" and not code:
                made.append(f"s{n}")
        for instant in sorted({event["effective_at"] for event in ledger.events()}):
            for one in ACCOUNTS:
                found = holding(ledger, one, as_of=instant)
                assert 0 <= found["pledged"] + found["pending"] <= found["quantity"], (instant, one)
                assert min(found.values()) >= 0
        kept = [part for row in ledger.proposals(status="open") for part in row["reserved"]]
        for one in ACCOUNTS:
            pending = sum(part["quantity"] for part in kept if part["account"] == one)
            assert holding(ledger, one, as_of="2025-01-01")["pending"] == pending
        assert ledger.verify().ok
