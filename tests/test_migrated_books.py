"""Books that begin at a cut-over where another store's end: they answer as those do."""

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from etsledger.cli.demo_story import STORY
from etsledger.domain.times import iso, parse_instant
from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from migrated import opened, openings, same_answers
from random_years import Years

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from province import History  # pyright: ignore[reportMissingImports]

YEARS = (2022, 2023, 2024)


class Demo(NamedTuple):
    """The demo province in a store, and how far its log was on each evening."""

    ledger: Ledger
    evenings: dict[str, int]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    clock = SteppingClock()
    store = tmp_path_factory.mktemp("demo") / "source.db"
    with Ledger.open(store, create=True, clock=clock) as ledger:
        evenings: dict[str, int] = {}
        for day in STORY:
            clock.now = f"{day.date}T09:00:00"
            list(ledger.apply(day.commands, keep_going=True))
            evenings[day.date] = ledger.head().position
        yield Demo(ledger, evenings)


@ON_SQLITE
@pytest.mark.parametrize(
    "cut_over",
    [
        "2024-04-01",  # units are in custody, nothing is verified
        "2024-08-01",  # a recall is open
        "2024-12-15",  # surrenders await confirmation, one of them by force
        "2025-01-15",  # one is late
        "2025-02-28",  # a report is restated, its allocation not yet approved again
        "2025-04-01",  # a deduction waits for the next pre-allocation
        "2025-12-10",
        "2026-02-01",
    ],
)
def test_a_migrated_copy_of_the_demo_goes_on_exactly_as_the_original(
    demo: Demo, new_store_url: Callable[[], str], cut_over: str
) -> None:
    upto = max(p for date, p in demo.evenings.items() if date < cut_over)
    clock = SteppingClock(cut_over)
    with Ledger.open(new_store_url(), create=True, clock=clock) as copy:
        opened(copy, openings(demo.ledger, cut_over, upto))
        rest = [day for day in STORY if day.date >= cut_over]
        for day in rest:
            clock.now = f"{day.date}T09:00:00"
            refused = [one for one in copy.apply(day.commands, keep_going=True) if one.refusal]
            assert [one.id for one in refused] == (["refused"] if "refused" in str(day) else [])
        for date in (cut_over, *(day.date for day in rest), "2024-12-31", "2026-06-30"):
            if date >= cut_over:
                assert same_answers(demo.ledger, copy, date, YEARS) > 40
        assert copy.verify().ok


def test_a_migrated_copy_is_the_same_on_both_stores(
    demo: Demo, new_store_url: Callable[[], str]
) -> None:
    with Ledger.open(new_store_url(), create=True, clock=SteppingClock("2026-02-01")) as copy:
        opened(copy, openings(demo.ledger, "2025-02-28"))
        same_answers(demo.ledger, copy, "2025-02-28", YEARS)
        assert copy.verify().ok
        # A copy of the copy says the same again.
        again = openings(copy, "2025-03-02")
        with Ledger.open(new_store_url(), create=True, clock=SteppingClock("2026-02-01")) as third:
            opened(third, again)
            same_answers(copy, third, "2025-03-02", YEARS)


@ON_SQLITE
@pytest.mark.parametrize("cut_over", ["2021-06-01", "2022-12-15", "2023-12-15", "2024-10-01"])
def test_a_migrated_copy_of_a_generated_province_goes_on_exactly_as_the_original(
    new_store_url: Callable[[], str], cut_over: str
) -> None:
    clock = SteppingClock("2026-06-01")
    commands: list[dict[str, Any]] = [step.command for step in History([16], seed=7).steps()]
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        list(source.apply(commands, keep_going=True))
        opened(copy, openings(source, cut_over))
        begin = parse_instant(cut_over)
        rest = [one for one in commands if parse_instant(one["effective_at"]) >= begin]
        list(copy.apply(rest, keep_going=True))
        for date in (cut_over, "2022-12-31", "2023-12-31", "2024-12-31", "2025-12-31"):
            if date >= cut_over:
                assert same_answers(source, copy, date, range(2018, 2025)) > 40
        assert copy.verify().ok


# -- whatever happened before ----------------------------------------------------------------------


class Migrating(Years):
    """Random years; at the end a copy begins at a random cut-over."""

    def __init__(self) -> None:
        super().__init__()
        self.days = 0

    @rule(days=st.integers(-200, 200))
    def another_cut_over(self, days: int) -> None:
        self.days = days

    def teardown(self) -> None:
        try:
            for days in (0, self.days):
                self.copied(iso(self.clock.now + timedelta(days=days))[:10])
        finally:
            self.ledger.close()

    def copied(self, cut_over: str) -> None:
        with Ledger.open(self.new_url(), create=True, clock=self.clock) as copy:
            opened(copy, openings(self.ledger, cut_over))
            same_answers(self.ledger, copy, f"{cut_over}T00:00:00", YEARS)
            assert copy.verify().ok


@ON_SQLITE
def test_random_years_answer_the_same_from_a_cut_over_on(new_store_url: Callable[[], str]) -> None:
    class Here(Migrating):
        def new_url(self) -> str:
            return new_store_url()

    budget = settings(
        max_examples=20,
        stateful_step_count=40,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Here, settings=budget)
