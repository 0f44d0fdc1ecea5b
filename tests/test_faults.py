"""Faults, each caused and not simulated, in short; ``benchmarks/faults.py`` runs them long.

Each cause looks whether the ledger's promises hold, and raises ``Broken`` if not.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from causes.clocks import misset_clock
from causes.common import Way, etsledger, file_of
from causes.connections import lose_connections
from causes.forks import fork_and_write
from causes.full_disk import outgrow_a_limit
from causes.garbage import fuzz
from causes.hammer import hammer
from causes.kills import kill_during_apply, kill_during_import, story
from causes.spoiled import spoil_exports, spoil_stores
from causes.tampering import tamper
from helpers import ON_SQLITE

SEED = 20_241_231
NewUrl = Callable[[], str]


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only looked at, and not killed or starved, is asked in this process."""
    monkeypatch.setattr(Way, "in_process", True)


@pytest.fixture
def filled(tmp_path: Path) -> str:
    """A store of some hundred events."""
    url = f"sqlite:///{tmp_path / 'filled.db'}"
    assert etsledger(url, "apply", "-", given=file_of(story(200, SEED))).code == 0
    return url


def test_a_killed_apply_keeps_what_was_answered_and_nothing_half(new_store_url: NewUrl) -> None:
    said = kill_during_apply(new_store_url, seed=SEED, rounds=1, commands=600, piped=True)
    assert "1 of them in the middle" in said


@ON_SQLITE
def test_a_killed_import_leaves_nothing_or_all(new_store_url: NewUrl, filled: str) -> None:
    assert "1 kills" in kill_during_import(filled, new_store_url, seed=SEED, rounds=1)


def test_processes_on_the_same_accounts_lose_nothing(new_store_url: NewUrl) -> None:
    # The speed is a matter of benchmarks: no bar here.
    said = hammer(new_store_url, seed=SEED, processes=3, pairs=1, seconds=0.4, bar=None)
    assert "3 together" in said


def test_every_way_to_tamper_is_found_and_named(new_store_url: NewUrl, tmp_path: Path) -> None:
    assert "found by verify" in tamper(new_store_url(), tmp_path, seed=SEED, edits=1, twice=False)


def test_a_full_disk_leaves_a_whole_store(tmp_path: Path) -> None:
    said = outgrow_a_limit(tmp_path, seed=SEED, commands=5_000, size=4 << 20)
    assert "StoreWriteFailed" in said


def test_garbage_is_answered_line_by_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'garbage.db'}"
    assert "refused" in fuzz(url, seed=SEED, lines=500)


def test_spoiled_stores_are_told_apart(tmp_path: Path) -> None:
    assert "damaged stores" in spoil_stores(tmp_path, seed=SEED, cuts=2)


def test_spoiled_exports_are_refused(new_store_url: NewUrl, filled: str, tmp_path: Path) -> None:
    assert "refused whole" in spoil_exports(filled, new_store_url, tmp_path, seed=SEED)


def test_a_fork_loses_no_write(new_store_url: NewUrl) -> None:
    assert "3 processes x 10 writes" in fork_and_write(new_store_url, writes=10)


def test_a_misset_clock_spoils_nothing(new_store_url: NewUrl) -> None:
    assert "refused, and right again" in misset_clock(new_store_url)


@pytest.mark.postgres
def test_lost_connections_lose_no_write(new_postgres_url: NewUrl) -> None:
    assert "ended 2 times" in lose_connections(new_postgres_url, seed=SEED, rounds=2)
