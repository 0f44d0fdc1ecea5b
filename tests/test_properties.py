"""Random commands against a plain model, on both databases (see ``random_books``)."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from etsledger.ledger import snapshots
from helpers import ON_SQLITE
from random_books import Books


def run(new_url: Callable[[], str], examples: int, steps: int) -> None:
    class Here(Books):
        short_strides = snapshots.EVERY < 50

        def new_url(self) -> str:
            return new_url()

    budget = settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Here, settings=budget)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Index merges, snapshots and kept Merkle frontiers every few events, as in a long log."""
    modules = ("ledger.postings", "ledger.tree", "projections.books", "projections.parties")
    for module in modules:
        monkeypatch.setattr(f"etsledger.{module}.LAG", 5)
    monkeypatch.setattr(snapshots, "EVERY", 7)


POSTGRES = pytest.mark.parametrize("new_store_url", ["postgres"], indirect=True)


@ON_SQLITE
def test_random_commands_on_sqlite(new_store_url: Callable[[], str]) -> None:
    run(new_store_url, examples=30, steps=50)


@ON_SQLITE
@pytest.mark.usefixtures("small_steps")
def test_random_commands_with_merges_and_snapshots(new_store_url: Callable[[], str]) -> None:
    run(new_store_url, examples=30, steps=50)


@POSTGRES
@pytest.mark.postgres
@pytest.mark.usefixtures("small_steps")
def test_random_commands_on_postgres(new_store_url: Callable[[], str]) -> None:
    run(new_store_url, examples=4, steps=30)
