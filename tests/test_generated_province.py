"""A generated province of 40 plants, 2019 to 2024, against the generator's own expectation.

``benchmarks/province.py`` works out entitlements, obligations and statuses by formulas of its
own, which share nothing with the package.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from etsledger.domain.state import State
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, Outcome
from etsledger.ledger.snapshots import state_bytes
from helpers import live_state, replayed

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

# pyright looks for modules of the tests in their folder only.
from generated.chronicle import DEADLINES, SHANGHAI, Step  # pyright: ignore[reportMissingImports]
from generated.plants import ROLES  # pyright: ignore[reportMissingImports]
from province import History  # pyright: ignore[reportMissingImports]

DATES = (
    "2021-03-31", "2021-12-15", "2021-12-31", "2022-01-02", "2023-12-15", "2023-12-31",
    "2024-01-02", "2024-06-30", "2024-12-15", "2025-02-28", "2025-12-15", "2026-01-01",
    "2026-06-30",
)  # fmt: skip
"""As of these, among them days around each deadline, when some have met a part, some wait for
confirmation, and some are late."""


class Province(NamedTuple):
    """A province that was written into a store."""

    ledger: Ledger
    history: History
    steps: list[Step]
    outcomes: list[Outcome]


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """Forty plants with at least one in every role; some commands are mistakes."""
    history = History([40], seed=7, mistakes=True)
    steps = list(history.steps())
    now = parse_instant("2021-01-01")

    def follow() -> Iterator[dict[str, Any]]:
        nonlocal now
        for step in steps:
            now = max(now, parse_instant(step.command["effective_at"]))
            yield step.command

    folder = tmp_path_factory.mktemp("province")
    with Ledger.open(folder / "books.db", create=True, clock=lambda: now) as ledger:
        outcomes = list(ledger.apply(follow(), keep_going=True, chunk=100))
        yield Province(ledger, history, steps, outcomes)


def test_every_command_has_the_outcome_that_the_history_expects(province: Province) -> None:
    assert len(province.outcomes) == len(province.steps) > 1500
    for step, outcome in zip(province.steps, province.outcomes, strict=True):
        found = None if outcome.refusal is None else outcome.refusal.code
        assert found == step.refusal, (step.command, outcome.refusal)


def test_every_role_and_mistake_is_there(province: Province) -> None:
    roles = {plant.role for plant in province.history.plants}
    assert roles >= set(ROLES)
    kinds = {unit.kind for plant in province.history.plants for unit in plant.units}
    assert kinds == {"conventional_coal", "unconventional_coal", "gas"}
    refusals = Counter(step.refusal for step in province.steps if step.refusal)
    assert set(refusals) == {
        "AllocationNotReady", "AlreadyAllocated", "ObligationNotKnown", "RecallOutstanding",
        "RouteNotAllowed", "SurrenderExceedsObligation", "UnknownEntity", "VintageNotEligible",
    }  # fmt: skip


@pytest.mark.parametrize("date", DATES)
def test_compliance_is_what_the_history_expects(province: Province, date: str) -> None:
    as_of = datetime.fromisoformat(f"{date}T23:59:59.999999").replace(tzinfo=SHANGHAI)
    rows = {
        (row["entity"], row["year"]): row
        for row in province.ledger.compliance(registry="cn-national", as_of=date)
    }
    for plant in province.history.plants:
        for year, deadline in DEADLINES.items():
            expected = province.history.books.expected(plant.name, year, as_of, deadline)
            if expected["verified_emissions"] is None and not expected["allocated"]:
                continue  # nothing has happened yet
            row = rows[plant.name, year]
            assert {name: row[name] for name in expected} == expected, (plant, year)


def test_every_status_occurs(province: Province) -> None:
    found = {
        row["status"]
        for date in DATES
        for row in province.ledger.compliance(registry="cn-national", as_of=date)
        if row["year"] in DEADLINES
    }
    assert found == {
        "NOT_DUE", "OPEN", "COMPLIANT", "LATE_COMPLIANT", "NON_COMPLIANT", "PENDING", "EXEMPT",
        "PARTIAL",
    }  # fmt: skip


def test_holdings_are_what_the_history_expects(province: Province) -> None:
    held = {
        (row["account"], row["unit"]): row["quantity"]
        for row in province.ledger.balances(registry="cn-national")
    }
    expected = {
        key: quantity
        for key, quantity in province.history.books.held.items()
        if quantity and key[0] != "issuance"
    }
    assert held == expected


def test_lines_and_adjustments_make_the_entitlement(province: Province) -> None:
    for plant in province.history.plants:
        for year in DEADLINES:
            found = province.ledger.allocation(plant.name, year)
            assert found is not None
            lines = sum(line["amount"] for line in found["lines"])
            adjusted = sum(one["amount"] for one in found["adjustments"])
            assert found["subtotal"] == lines, (plant.name, year)
            assert found["entitlement"] == lines + adjusted, (plant.name, year)


def test_verify_is_clean_and_supply_balances(province: Province) -> None:
    report = province.ledger.verify()
    assert report.ok, report.findings
    rows = province.ledger.supply(registry="cn-national")
    assert [row["unit"] for row in rows] == [
        "CEA:2019-2020", "CEA:2021", "CEA:2022", "CEA:2023", "CEA:2024",
    ]  # fmt: skip
    assert all(row["balanced"] for row in rows)


@pytest.mark.parametrize("part", [0.2, 0.45, 0.7, 0.9])
def test_compliance_known_at_a_position_is_that_of_the_log_up_to_it(
    province: Province, tmp_path: Path, part: float
) -> None:
    lines = list(province.ledger.export())
    upto = int(len(lines) * part)
    with Ledger.open(tmp_path / "part.db", create=True) as short:
        short.import_log(lines[:upto])
        for date in DATES:
            known = province.ledger.compliance(as_of=date, known_at=f"@{upto}")
            assert known == short.compliance(as_of=date)
        assert short.compliance(), "the part is too short to say anything"


def test_a_snapshot_of_the_state_is_read_back_as_the_state(province: Province) -> None:
    state = live_state(province.ledger)
    body = state_bytes(state)
    assert msgspec.json.decode(body, type=State) == state
    assert state_bytes(replayed(province.ledger)) == body
