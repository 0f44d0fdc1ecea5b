"""What if the benchmarks of 2024 had applied to 2023: one command, on a generated province.

The differences are those of ``benchmarks/generated/entitlements.py``, which shares nothing
with the package.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from command_line import ask, ok
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger
from helpers import standing

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

# pyright looks for modules of the tests in their folder only.
from generated import entitlements  # pyright: ignore[reportMissingImports]
from province import History  # pyright: ignore[reportMissingImports]

RULEBOOK = Path(entitlements.__file__).with_name("benchmarks_2024_in_2023.toml")


class Province(NamedTuple):
    """A province of forty plants with every kind of trouble, in a store."""

    store: Path
    history: Any


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    history = History([40], seed=7, mistakes=True)
    now = parse_instant("2021-01-01")

    def follow() -> Iterator[dict[str, Any]]:
        nonlocal now
        for step in history.steps():
            now = max(now, parse_instant(step.command["effective_at"]))
            yield step.command

    def clock() -> datetime:
        return now

    store = tmp_path_factory.mktemp("province") / "books.db"
    with Ledger.open(store, create=True, clock=clock) as ledger:
        assert sum(1 for _ in ledger.apply(follow(), keep_going=True, chunk=100)) > 1500
    return Province(store, history)


def approved(history: Any) -> dict[str, int]:
    """Each plant's entitlement of 2023 by the units its last approval was given for."""
    facts = {plant.name: history.books.year(plant.name, 2023) for plant in history.plants}
    return {
        name: entitlements.entitlement(2023, one.approvals[-1][1]).total
        for name, one in facts.items()
        if one.approvals
    }


def test_the_differences_of_entitlements_are_those_of_an_independent_recomputation(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = approved(province.history)
    monkeypatch.setitem(entitlements.BENCHMARKS, 2023, entitlements.BENCHMARKS[2024])
    after = approved(province.history)
    expected = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert len(expected) > 30
    assert len(expected) < len(before)  # some are made whole in both

    with Ledger.open(province.store, read_only=True) as ledger:
        stood = standing(ledger)
        answer = ask(province.store, "replay", "--rulebook", str(RULEBOOK), "--format", "json")
        assert standing(ledger) == stood
    found = {
        one["entity"]: (one["before"]["entitlement"], one["after"]["entitlement"])
        for one in answer["compliance"]
        if "entitlement" in one["before"]
    }
    assert found == expected
    years = {one["year"] for one in answer["compliance"] if "entitlement" in one["before"]}
    assert years == {2023}
    assert answer["summary"]["entitlements"] == len(expected)
    assert answer["summary"]["entitlement_tonnes"] == sum(b - a for a, b in expected.values())


def test_a_plant_that_is_short_by_then_is_refused_and_fails(province: Province) -> None:
    answer = ask(province.store, "replay", "--rulebook", str(RULEBOOK), "--as-of", "2025-01-01")
    refused = {one["id"]: one for one in answer["refused"]}
    short = [one for one in refused.values() if one["refusal"]["code"] == "InsufficientUnits"]
    assert short
    for one in short:
        assert one["refusal"]["asked"] > one["refusal"]["available"]
    consequences = [one for one in refused.values() if one["because_of"]]
    assert {one["refusal"]["code"] for one in consequences} == {"UnknownReference"}
    assert {id_ for one in consequences for id_ in one["because_of"]} <= refused.keys()
    rows = {(one["entity"], one["year"]): one for one in answer["compliance"]}
    for one in short:
        kind, year, plant, _ = one["id"].split("/")
        assert kind == "surrender"
        if year == "2023":  # that of 2024 is later than these books are compared
            row = rows[plant, 2023]
            assert row["after"]["surrendered"] < row["before"]["surrendered"]
    failed = [one for one in rows.values() if one["after"].get("status") == "NON_COMPLIANT"]
    assert failed
    assert {one["before"]["status"] for one in failed} <= {"COMPLIANT", "PARTIAL", "PENDING"}


def test_with_nothing_changed_nothing_differs(province: Province) -> None:
    table = ok(province.store, "replay", "--keep", str(province.store.with_name("again.db")),
               "--format", "table")  # fmt: skip
    assert "the log would be the same, to its last hash" in table
    again = province.store.with_name("again.db")
    assert ask(again, "head") == ask(province.store, "head")
    assert ask(again, "replay")["ok"] is True
