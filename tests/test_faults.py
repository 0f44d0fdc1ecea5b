"""Faults, each caused and not simulated, in short; ``benchmarks/faults.py`` runs them long."""

from collections.abc import Callable
from pathlib import Path

from causes.clocks import misset_clock
from causes.forks import fork_and_write
from causes.full_disk import outgrow_a_limit
from causes.garbage import fuzz
from causes.kills import kill_during_apply
from causes.spoiled import spoil_stores
from causes.tampering import tamper
from helpers import ON_SQLITE

SEED = 20_241_231
NewUrl = Callable[[], str]
"""Each cause looks whether the ledger's promises hold, and raises ``Broken`` if not."""


@ON_SQLITE
def test_a_killed_apply_keeps_what_was_answered_and_nothing_half(new_store_url: NewUrl) -> None:
    assert kill_during_apply(new_store_url, seed=SEED, rounds=2, commands=1_500, piped=True)


@ON_SQLITE
def test_every_way_to_tamper_is_found_and_named(new_store_url: NewUrl, tmp_path: Path) -> None:
    assert "found by verify" in tamper(new_store_url(), tmp_path, seed=SEED, edits=1, twice=False)


def test_a_full_disk_leaves_a_whole_store(tmp_path: Path) -> None:
    assert "StoreWriteFailed" in outgrow_a_limit(tmp_path, seed=SEED, commands=12_000)


def test_garbage_is_answered_line_by_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'garbage.db'}"
    assert "refused" in fuzz(url, seed=SEED, lines=500, huge=False)


def test_spoiled_stores_are_told_apart(tmp_path: Path) -> None:
    assert spoil_stores(tmp_path, seed=SEED, cuts=1)


@ON_SQLITE
def test_a_fork_loses_no_write(new_store_url: NewUrl) -> None:
    assert fork_and_write(new_store_url, writes=10)


def test_a_misset_clock_spoils_nothing(new_store_url: NewUrl) -> None:
    assert misset_clock(new_store_url)
