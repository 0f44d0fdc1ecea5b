"""Random years against a plain model (see ``random_years``), and the laws that need none."""

from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from etsledger.domain.compliance import standing
from etsledger.domain.rulebook import bundled
from etsledger.domain.state import Entity
from etsledger.domain.times import parse_instant
from etsledger.domain.yearbook import Closing, Report, Submission, YearBook
from helpers import ON_SQLITE
from random_years import Years

POSTGRES = pytest.mark.parametrize("new_store_url", ["postgres"], indirect=True)


def run(new_url: Callable[[], str], examples: int, steps: int) -> None:
    class Here(Years):
        def new_url(self) -> str:
            return new_url()

    budget = settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Here, settings=budget)


@ON_SQLITE
def test_random_years_on_sqlite(new_store_url: Callable[[], str]) -> None:
    run(new_store_url, examples=30, steps=50)


@POSTGRES
@pytest.mark.postgres
def test_random_years_on_postgres(new_store_url: Callable[[], str]) -> None:
    run(new_store_url, examples=3, steps=30)


# -- the status and the tonnes surrendered ---------------------------------------------------------

EARLY, DEADLINE, LATE = (
    parse_instant(text) for text in ("2025-11-01", "2025-12-31T23:59:59", "2026-02-01")
)
BEFORE = ["OPEN", "PARTIAL", "COMPLIANT"]
AFTER = ["NON_COMPLIANT", "PENDING", "LATE_COMPLIANT", "COMPLIANT"]
"""From bad to good, before the deadline and after it."""

some = st.lists(
    st.tuples(
        st.integers(1, 40), st.sampled_from([EARLY, LATE]), st.sampled_from([True, False, None])
    ),
    max_size=6,
)
"""Tonnes, when they were submitted, and whether that was confirmed (None: it waits)."""


def of(due: int, surrenders: list[tuple[int, datetime, bool | None]]) -> YearBook:
    submissions = tuple(
        Submission(at, n, f"s{n}", "CEA:2024", tonnes)
        for n, (tonnes, at, _) in enumerate(surrenders)
    )
    closings = tuple(
        Closing(at, n, f"s{n}", confirmed)
        for n, (_, at, confirmed) in enumerate(surrenders)
        if confirmed is not None
    )
    return YearBook(reports=(Report(EARLY, 1, due),), submissions=submissions, closings=closings)


@given(due=st.integers(0, 100), surrenders=some, more=st.integers(1, 100), late=st.booleans())
def test_a_tonne_more_never_makes_a_status_worse(
    due: int, surrenders: list[tuple[int, datetime, bool | None]], more: int, late: bool
) -> None:
    rules, plant = bundled("cn-national"), Entity(name="plant", sector="power")
    as_of = LATE if late else DEADLINE
    known = [one for one in surrenders if late or one[1] == EARLY]
    added = [*known, (more, LATE if late else EARLY, True)]
    less, later = (
        standing(rules, plant, 2024, of(due, some_of_them), as_of)
        for some_of_them in (known, added)
    )
    order = AFTER if late else BEFORE
    assert order.index(later.status) >= order.index(less.status)
    assert later.surrendered == less.surrendered + more
    assert later.outstanding == max(0, less.outstanding - more)
