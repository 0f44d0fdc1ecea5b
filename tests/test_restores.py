"""Restores: none goes on silently behind a newer copy, and a fork is named afterwards.

A store is copied at position 20 (the backup of an hour ago) and goes on to 24, where a head
is kept; the store of the tests on the mark is then exchanged behind the ledger's back.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from causes.common import path_of, remove
from causes.copies import copy_of
from command_line import ask, lines, ok, run
from etsledger.ledger import (
    Head,
    Ledger,
    LedgerError,
    Restored,
    new_key,
    read_head,
    read_heads,
    read_public_key,
    restore,
)
from etsledger.ledger.epochs import Epochs
from etsledger.ledger.heads import Epoch
from etsledger.ledger.marks import LENGTH, Mark
from helpers import DayBook, SteppingClock, command, send_all, trial_registry

HOUR_OLD, NOW = 20, 24


class Kept(NamedTuple):
    """A store of 24 events, its backup of 20, and heads kept at 20 and 24."""

    store: Path
    backup: Path
    old: Head
    new: Head


def write(store: Path | str, *ids: str) -> Head:
    """Goes on with the log by an issue of 1 t each; gives the head."""
    with Ledger.open(store, clock=SteppingClock()) as ledger:
        for one in ids:
            DayBook(ledger).issue(1, id=one)
        return ledger.head()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    store, backup = tmp_path / "books.db", tmp_path / "hourly.db"
    with Ledger.open(store, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
    old = write(store, *(f"i{number}" for number in range(9, HOUR_OLD + 1)))
    with Ledger.open(store) as ledger:
        ledger.backup(backup)
    new = write(store, *(f"i{number}" for number in range(HOUR_OLD + 1, NOW + 1)))
    assert (old.position, new.position) == (HOUR_OLD, NOW)
    return Kept(store, backup, old, new)


def put_aside(store: Path) -> Path:
    """Moves a store away, as an administrator does; the file of its lock stays."""
    aside = store.with_name(f"aside-{store.name}")
    Ledger.open(store).close()  # nothing is left in a write-ahead log
    shutil.move(store, aside)
    return aside


def put_back(store: Path, copy: Path) -> None:
    """Puts a copy in the place of a store behind the ledger's back."""
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(copy, store)


def refused(code: str, attempt: Callable[[], object]) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        attempt()
    assert caught.value.code == code, caught.value.message
    return caught.value


# -- the scene -------------------------------------------------------------------------------


def test_restore_write_and_bring_the_newer_copy_back_the_fork_is_named(kept: Kept) -> None:
    newer = put_aside(kept.store)
    done = restore(kept.backup, kept.store, heads=[kept.old, kept.new], accept_loss=True)
    assert (done.lost, done.head.position) == (NOW - HOUR_OLD, HOUR_OLD)
    after = write(kept.store, "restored 1", "restored 2", "restored 3")
    with Ledger.open(kept.store) as ledger:
        assert ledger.verify(head=[kept.old, after]).ok
        [finding] = ledger.verify(head=[kept.old, kept.new]).findings
        assert (finding.check, finding.position) == ("fork", NOW)
        assert "was restored to position 20 since and is in epoch 2" in finding.message

    put_back(kept.store, newer)
    for heads in ([after], [kept.old, after], [kept.old, kept.new, after]):
        with Ledger.open(kept.store, read_only=True) as ledger:
            [finding] = ledger.verify(head=heads).findings
        assert (finding.check, finding.position) == ("fork", after.position)
        assert "of epoch 2, which a restore began at position 20" in finding.message
        assert "this log is of epoch 1 and goes on to 24 by itself" in finding.message


def test_the_fork_is_named_on_the_command_line(kept: Kept, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    heads.write_text(ok(kept.store, "head", "--format", "jsonl"), "utf-8")
    newer = put_aside(kept.store)
    restoring = ["restore", str(kept.backup), "--to", str(kept.store), "--head", str(heads)]
    asked = run(None, *restoring)
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "4 events written after it would be lost" in asked.stderr
    assert "--accept-loss" in asked.stderr
    assert not kept.store.exists()
    said = json.loads(ok(None, *restoring, "--accept-loss"))
    assert (said["epoch"], said["epoch_from"], said["lost"]) == (2, HOUR_OLD, 4)
    more = lines([command("issue", "x", unit="CEA:2023", quantity=1, at="2024-07-01")])
    ok(kept.store, "apply", "-", given=more)
    with heads.open("a", encoding="utf-8") as file:
        file.write(ok(kept.store, "head", "--format", "jsonl"))
    put_back(kept.store, newer)
    found = run(kept.store, "verify", "--head", str(heads), "--format", "table")
    assert found.exit_code == 1
    assert "fork at position 21: " in found.stdout
    assert found.stderr.startswith("warning: ")


# -- what a restore asks ---------------------------------------------------------------------


def test_a_restore_of_all_that_was_written_loses_nothing(kept: Kept) -> None:
    with Ledger.open(kept.store) as ledger:
        backup = ledger.backup(kept.store.with_name("latest.db")).file
        before = list(ledger.export())
    put_aside(kept.store)
    done = restore(backup, kept.store, heads=[kept.old, kept.new])
    assert (done.lost, done.head.point) == (0, kept.new)
    with Ledger.open(kept.store) as ledger:
        assert list(ledger.export()) == before
        assert ledger.verify(head=[kept.old, kept.new]).ok
    assert write(kept.store, "goes on").position == NOW + 1


def test_a_restored_store_says_its_epoch_in_every_head(kept: Kept, tmp_path: Path) -> None:
    put_aside(kept.store)
    with Ledger.open(kept.backup) as ledger:
        store_id = ledger.epoch.store_id
    done = restore(kept.backup, kept.store, heads=None, accept_loss=True)
    assert done.head.epoch == Epoch(store_id, 2, HOUR_OLD)
    new_key(tmp_path / "key.pem")
    key, public = (tmp_path / name for name in ("key.pem", "key.pem.pub"))
    with Ledger.open(kept.store) as ledger:
        plain, signed = ledger.head(), ledger.head(key.read_bytes())
        assert plain == done.head
        assert signed._replace(signed=None) == plain
        assert read_head(json.dumps(signed.as_dict())) == signed
        assert ledger.verify(head=[plain, signed]).ok
        by = read_public_key(public.read_bytes())
        assert ledger.verify(head=signed, public_key=by).ok
        forged = read_head(json.dumps({**signed.as_dict(), "epoch": 3}))
        assert "signature" in {one.check for one in ledger.verify(head=forged).findings}
    table = ok(kept.store, "head", "--format", "table").splitlines()
    assert table[-1] == f"epoch    2 (restored at position {HOUR_OLD})"


def test_without_heads_it_must_be_said_that_there_are_none(kept: Kept) -> None:
    put_aside(kept.store)
    remove(kept.store)  # also the mark: another machine
    for options in ([], ["--head", "-", "--without-head"]):
        asked = run(None, "restore", str(kept.backup), "--to", str(kept.store), *options)
        assert asked.exit_code == 2
        assert "--without-head" in asked.stderr
        assert not kept.store.exists()
    done = ok(None, "restore", str(kept.backup), "--to", str(kept.store), "--without-head")
    assert json.loads(done)["position"] == HOUR_OLD


def test_the_place_of_the_file_remembers_what_was_written_there(kept: Kept) -> None:
    put_aside(kept.store)
    error = refused("BackupRefused", lambda: restore(kept.backup, kept.store, heads=[kept.old]))
    assert "4 events written after it would be lost" in error.message
    assert "was written up to position 24 here" in error.message
    done = restore(kept.backup, kept.store, heads=[kept.old], accept_loss=True)
    assert done.lost == NOW - HOUR_OLD


def test_a_store_that_is_there_is_never_written_over(kept: Kept) -> None:
    before = kept.store.read_bytes()
    for accept in (False, True):
        error = refused(
            "BackupRefused",
            lambda accept=accept: restore(
                kept.backup, kept.store, heads=[kept.new], accept_loss=accept
            ),
        )
        assert "is there already" in error.message
    assert kept.store.read_bytes() == before


def test_a_head_of_another_history_refuses_a_backup(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "again.db"
    other = kept.old._replace(hash="0" * 64)
    for heads in ([other], [kept.new, other]):
        error = refused(
            "BackupRefused",
            lambda heads=heads: restore(kept.backup, place, heads=heads, accept_loss=True),
        )
        assert "is not whole: head at position 20" in error.message
    assert not place.exists()
    assert restore(kept.backup, place, heads=[kept.old]).lost == 0


def test_heads_must_be_signed_when_a_public_key_is_given(kept: Kept, tmp_path: Path) -> None:
    new_key(tmp_path / "key.pem")
    public = read_public_key((tmp_path / "key.pem.pub").read_bytes())
    place = tmp_path / "again.db"
    error = refused(
        "BackupRefused", lambda: restore(kept.backup, place, heads=[kept.old], public_key=public)
    )
    assert "the head is not signed" in error.message
    with Ledger.open(kept.backup) as ledger:
        signed = ledger.head((tmp_path / "key.pem").read_bytes())
    changed = read_head(json.dumps({**signed.as_dict(), "position": 19}))
    error = refused("BackupRefused", lambda: restore(kept.backup, place, heads=[changed]))
    assert "the signature is not that of this head" in error.message
    assert restore(kept.backup, place, heads=[signed], public_key=public).head.position == HOUR_OLD


def test_a_damaged_backup_is_not_restored(kept: Kept, tmp_path: Path) -> None:
    damaged = copy_of(f"sqlite:///{kept.backup}")
    damaged.fresh()
    damaged.drop_guards()
    state = damaged.state(15).replace(b'"quantity":1', b'"quantity":2')
    damaged.execute("UPDATE stored_events SET state = ? WHERE :pos = ?", state, 15)
    damaged.make_guards()
    error = refused(
        "BackupRefused",
        lambda: restore(path_of(damaged.url), tmp_path / "again.db", heads=[kept.old]),
    )
    assert "hash at position 15" in error.message
    assert not (tmp_path / "again.db").exists()


def test_epochs_are_counted_from_the_heads_that_were_kept(kept: Kept) -> None:
    """Two restores of one backup are two histories: each has a number of its own."""
    first = put_aside(kept.store)
    restore(kept.backup, kept.store, heads=[kept.old], accept_loss=True)
    second_head = write(kept.store, "second life")
    kept.store.unlink()
    done = restore(kept.backup, kept.store, heads=[second_head], accept_loss=True)
    assert done.head.epoch is not None
    assert (done.head.epoch.epoch, done.lost) == (3, 1)
    third_head = write(kept.store, "third life", "and more")
    with Ledger.open(kept.store) as ledger:
        found = ledger.verify(head=[kept.old, kept.new, second_head, third_head]).findings
        assert [(one.check, one.position) for one in found] == [("fork", 21), ("fork", NOW)]
        backup = ledger.backup(kept.store.with_name("third.db")).file
    # Heads of lives that were given up do not bind any more; those of this one do.
    place = kept.store.with_name("elsewhere.db")
    done = restore(backup, place, heads=[kept.old, kept.new, second_head, third_head])
    assert done.head.epoch is not None
    assert (done.lost, done.head.epoch.epoch, done.head.epoch.epoch_from) == (0, 4, 22)
    put_back(kept.store, first)
    with Ledger.open(kept.store) as ledger:
        assert ledger.store.left_behind is not None
        assert "a backup was restored here since (epoch 3)" in ledger.store.left_behind


# -- a copy that was put in the place --------------------------------------------------------


def test_an_older_copy_in_the_place_answers_with_a_warning_and_takes_no_writes(
    kept: Kept, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.db"  # copied by hand: it does not say that it is a backup
    put_back(kept.store, kept.backup)
    restore(kept.backup, plain, heads=None)
    with Ledger.open(plain, read_only=True) as ledger:
        assert ledger.store.left_behind is None
    old_copy = tmp_path / "old.db"
    Ledger.open(kept.backup).close()
    shutil.copyfile(kept.backup, old_copy)
    copy = copy_of(f"sqlite:///{old_copy}")
    copy.fresh()
    copy.execute("DELETE FROM ledger_meta WHERE key = 'backup_at'")
    put_back(kept.store, path_of(copy.url))

    shown = run(kept.store, "balances")
    assert shown.exit_code == 0
    assert shown.stdout == ok(kept.backup, "balances")
    assert shown.stderr.startswith("warning: ")
    assert "ends at position 20, and was written up to position 24 here" in shown.stderr
    before = kept.store.read_bytes()
    more = lines([command("issue", "x", unit="CEA:2023", quantity=1, at="2024-07-01")])
    done = run(kept.store, "apply", "-", given=more)
    assert done.exit_code == 3
    assert "error: StoreBehind: " in done.stderr
    assert f"etsledger restore --to {kept.store}" in done.stderr
    assert kept.store.read_bytes() == before

    asked = run(None, "restore", "--to", str(kept.store), "--without-head")
    assert asked.exit_code == 1
    said = ok(None, "restore", "--to", str(kept.store), "--without-head", "--accept-loss")
    assert (json.loads(said)["epoch"], json.loads(said)["lost"]) == (2, 4)
    ok(kept.store, "apply", "-", given=more)
    assert ok(kept.store, "balances")


def test_a_backup_that_was_copied_to_the_place_is_noticed_anywhere(
    kept: Kept, tmp_path: Path
) -> None:
    """Also on another machine, where nothing remembers the store: the backup says it itself."""
    place = tmp_path / "other machine.db"
    shutil.copyfile(kept.backup, place)
    with Ledger.open(place) as ledger:
        error = refused("StoreBehind", lambda: DayBook(ledger).issue(1))
    assert "is a backup of " in error.message
    assert restore(None, place, heads=[kept.old]).lost == 0
    assert write(place, "goes on").position == HOUR_OLD + 1


def test_another_store_in_the_place_is_no_older_copy(kept: Kept) -> None:
    kept.store.unlink()
    with Ledger.open(kept.store, create=True, clock=SteppingClock()) as ledger:
        assert ledger.store.left_behind is None
        send_all(ledger, trial_registry())
    assert write(kept.store, "one").position == 9


def test_a_newer_copy_from_elsewhere_is_welcome(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "standby.db"
    shutil.copyfile(kept.store, place)
    assert write(place, "a").position == NOW + 1
    write(kept.store, "b", "c")
    put_back(place, kept.store)
    assert write(place, "d").position == NOW + 3


@pytest.mark.parametrize("spoil", ["gone", "empty", "cut", "changed", "nonsense"])
def test_a_mark_that_cannot_be_read_is_no_mark(kept: Kept, spoil: str) -> None:
    lock = kept.store.with_name(kept.store.name + ".lock")
    body = lock.read_bytes()
    match spoil:
        case "gone":
            lock.unlink()
        case "empty":
            lock.write_bytes(b"")
        case "cut":
            lock.write_bytes(body[:-1])
        case "changed":
            lock.write_bytes(body.replace(b" 24 ", b" 99 "))
        case _:
            lock.write_bytes(b"\xff" * 2000)
    assert write(kept.store, "goes on").position == NOW + 1
    put_back(kept.store, kept.backup)
    with Ledger.open(kept.store, read_only=True) as ledger:
        assert "was written up to position 25 here" in str(ledger.store.left_behind)


def test_a_mark_survives_its_own_line() -> None:
    for mark in (Mark("a" * 32, 1, 0), Mark("b" * 32, 12, 10**15)):
        line = mark.to_bytes()
        assert len(line) == LENGTH
        assert Mark.from_bytes(line) == mark
        for at in range(LENGTH):
            other = bytearray(line)
            other[at] ^= 1
            assert Mark.from_bytes(bytes(other)) != mark


# -- epochs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "epoch", "common"),
    [
        ((0,), 1, None), ((0,), 2, None), ((0, 20), 1, 20), ((0, 20), 2, None),
        ((0, 20, 30), 1, 20), ((0, 20, 30), 2, 30), ((0, 30, 20), 1, 20), ((0, 30, 20), 2, 20),
    ],
)  # fmt: skip
def test_what_two_epochs_have_in_common(
    starts: tuple[int, ...], epoch: int, common: int | None
) -> None:
    assert Epochs("s", starts).in_common_with(epoch) == common


def test_epochs_are_read_as_they_were_said_and_one_where_nothing_is() -> None:
    epochs = Epochs("s", (0, 20, 20, 31))
    assert Epochs.of({"store_id": "s", **epochs.as_meta()}) == epochs
    assert epochs.present == Epoch("s", 4, 31)
    assert Epochs("s", (0, 20)).after_restore(31, 4) == Epochs("s", (0, 20, 31, 31))
    for said in ({}, {"epochs": ""}, {"epochs": "x"}, {"epochs": "0 -1"}):
        assert Epochs.of({"store_id": "s", **said}).present == Epoch("s", 1, 0)


@pytest.mark.parametrize(
    ("kept", "end", "parted"),
    [
        # A log of epoch 2, restored at 20, that ends at 30.
        (Head(20, "", "", None, Epoch("s", 1, 0)), 30, False),
        (Head(21, "", "", None, Epoch("s", 1, 0)), 30, True),
        (Head(21, "", ""), 30, True),
        (Head(21, "", "", None, Epoch("other", 1, 0)), 30, False),
        (Head(31, "", "", None, Epoch("s", 2, 20)), 30, False),
        (Head(40, "", "", None, Epoch("s", 3, 29)), 30, True),
        (Head(40, "", "", None, Epoch("s", 3, 30)), 30, False),
    ],
)
def test_what_epochs_tell_of_a_head(kept: Head, end: int, parted: bool) -> None:
    assert (Epochs("s", (0, 20)).parted(kept, end) is not None) == parted


# -- files of heads --------------------------------------------------------------------------


def test_a_file_of_heads_holds_one_or_many_however_they_were_printed(kept: Kept) -> None:
    pretty, line = ok(kept.store, "head"), ok(kept.store, "head", "--format", "jsonl")
    for text in (pretty, line, pretty + line, line + pretty, f"\n{line}\n\n{line}\n"):
        heads = read_heads(text)
        assert heads == [kept.new] * len(heads)
        assert len(heads) == text.count("position")
    for text in ("", "[]", line + "x", line[:-5], "{}"):
        refused("ImportRefused", lambda text=text: read_heads(text))


@pytest.mark.parametrize(
    "change",
    [{"epoch": 2}, {"epoch_from": 3}, {"store_id": "s"}, {"epoch": 2, "epoch_from": 3},
     {"epoch": 0, "epoch_from": 0, "store_id": "s"}, {"epoch": 1, "epoch_from": -1,
                                                      "store_id": "s"}],
    ids=str,
)  # fmt: skip
def test_a_head_says_all_of_its_epoch_or_nothing(kept: Kept, change: dict[str, object]) -> None:
    refused("ImportRefused", lambda: read_head(json.dumps({**kept.new.as_dict(), **change})))


# -- PostgreSQL ------------------------------------------------------------------------------


@pytest.mark.postgres
def test_after_postgres_tools_a_restore_begins_the_epoch(postgres_url: str) -> None:
    with Ledger.open(postgres_url, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
    copy = copy_of(postgres_url)  # what pg_dump keeps
    ahead = write(postgres_url, "a", "b", "c")
    copy.fresh()  # what pg_restore puts back
    error = refused("BackupRefused", lambda: restore(None, postgres_url, heads=[ahead]))
    assert "3 events written after it would be lost" in error.message
    done: Restored = restore(None, postgres_url, heads=[ahead], accept_loss=True)
    assert done.head.epoch is not None
    assert (done.lost, done.head.epoch.epoch, done.head.epoch.epoch_from) == (3, 2, 8)
    now = write(postgres_url, "x")
    assert now.epoch == done.head.epoch
    with Ledger.open(postgres_url) as ledger:
        [finding] = ledger.verify(head=[ahead, now]).findings
        assert (finding.check, finding.position) == ("fork", ahead.position)
    said = ask(postgres_url, "head")
    assert (said["epoch"], said["epoch_from"]) == (2, 8)
    copy.close()
