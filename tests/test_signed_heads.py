"""Signed heads: keys, signatures, and every way to tamper with a log found by one that was kept."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from causes.copies import Copy, copy_of
from command_line import ask, books, ok, run
from etsledger.ledger import Head, Ledger, LedgerError, new_key, read_head, read_public_key
from helpers import DayBook, SteppingClock, send_all, trial_registry

AT = 20
"""Where the log is tampered with; it ends at 40, where the head was kept."""


@pytest.fixture
def key(tmp_path: Path) -> bytes:
    """The text of a new private key."""
    new_key(tmp_path / "key.pem")
    return (tmp_path / "key.pem").read_bytes()


@pytest.fixture
def public(key: bytes, tmp_path: Path) -> str:
    """Its public key in hex."""
    return read_public_key((tmp_path / "key.pem.pub").read_bytes())


@pytest.fixture
def copy(new_store_url: Callable[[], str]) -> Iterator[Copy]:
    """A copy, without guards, of a store with 40 events."""
    url = new_store_url()
    with Ledger.open(url, create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        book.issue(1_000)
        for number in range(31):
            book.transfer(number + 1, "crrc-1", "desk-1")
        assert ledger.verify().events == 40
    copy = copy_of(url)
    copy.fresh()
    copy.drop_guards()
    yield copy
    copy.close()


@pytest.fixture
def kept(copy: Copy, key: bytes) -> Head:
    """The signed head of the 40 events, kept elsewhere."""
    return signed_head(copy, key)


def signed_head(copy: Copy, key: bytes) -> Head:
    with Ledger.open(copy.url) as ledger:
        return ledger.head(key)


def found(copy: Copy, heads: list[Head], public: str) -> set[tuple[str, int | None]]:
    """What verification finds with heads that were kept, the guards made again."""
    copy.make_guards()
    with Ledger.open(copy.url) as ledger:
        report = ledger.verify(head=heads, public_key=public)
    assert report.ok == (not report.findings)
    return {(finding.check, finding.position) for finding in report.findings}


def write(copy: Copy, *ids: str) -> None:
    """Goes on with the log: a transfer of 1 t for each id."""
    with Ledger.open(copy.url, clock=SteppingClock()) as ledger:
        for one in ids:
            DayBook(ledger).transfer(1, "crrc-1", "desk-1", id=one)


def reseal(copy: Copy, first: int, last: int) -> None:
    """Changes one quantity, and makes every hash after it again, and all tables."""
    prev = json.loads(copy.state(first - 1))["hash"]
    for position in range(first, last + 1):
        record = json.loads(copy.state(position))["record"]
        if position == first:
            record["data"]["quantity"] += 1
        body = rfc8785.dumps({**record, "prev": prev})
        prev = hashlib.sha256(body).hexdigest()
        state = b'{"hash":"%b","record":%b}' % (prev.encode(), body)
        copy.execute("UPDATE stored_events SET state = ? WHERE :pos = ?", state, position)
    with Ledger.open(copy.url) as ledger:
        ledger.rebuild()


# -- tampering ---------------------------------------------------------------------------------


def test_an_untouched_log_that_has_grown_since_is_whole(
    copy: Copy, kept: Head, public: str
) -> None:
    assert found(copy, [kept], public) == set()
    write(copy, "later")
    assert found(copy, [kept], public) == set()


def test_an_edited_event_is_found(copy: Copy, kept: Head, public: str) -> None:
    state = copy.state(AT).replace(b'"to":"desk-1"', b'"to":"wang-1"')
    copy.execute("UPDATE stored_events SET state = ? WHERE :pos = ?", state, AT)
    assert ("hash", AT) in found(copy, [kept], public)


def test_an_edit_with_every_later_hash_made_again_is_found_by_the_head_alone(
    copy: Copy, kept: Head, public: str
) -> None:
    reseal(copy, AT, 40)
    assert found(copy, [], public) == set()
    assert found(copy, [kept], public) == {("head", 40)}


def test_a_deleted_event_is_found(copy: Copy, kept: Head, public: str) -> None:
    copy.execute("DELETE FROM stored_events WHERE :pos = ?", AT)
    assert {("gap", AT + 1), ("chain", AT + 1)} <= found(copy, [kept], public)


def test_reordered_events_are_found(copy: Copy, kept: Head, public: str) -> None:
    for old, new in ((AT, -1), (AT + 5, AT), (-1, AT + 5)):
        copy.execute("UPDATE stored_events SET :pos = ? WHERE :pos = ?", new, old)
    assert {("columns", AT), ("chain", AT), ("order", AT)} <= found(copy, [kept], public)


def test_an_inserted_event_is_found(copy: Copy, kept: Head, public: str) -> None:
    copy.execute("UPDATE stored_events SET :pos = -(:pos + 1) WHERE :pos >= ?", AT)
    copy.execute("UPDATE stored_events SET :pos = -:pos WHERE :pos < 0")
    copy.execute(
        "INSERT INTO stored_events (:pos, originator_id, originator_version, topic, state) "
        f"SELECT {AT}, originator_id, 1000000, topic, state FROM stored_events WHERE :pos = ?",
        AT - 1,
    )
    seen = found(copy, [kept], public)
    assert {("columns", AT), ("chain", AT), ("head", 40)} <= seen


def test_a_truncated_log_is_found_by_the_head_alone(copy: Copy, kept: Head, public: str) -> None:
    copy.execute("DELETE FROM stored_events WHERE :pos > ?", AT)
    with Ledger.open(copy.url) as ledger:
        ledger.rebuild()
    assert found(copy, [], public) == set()
    assert found(copy, [kept], public) == {("head", 40)}


def test_two_histories_from_one_head_are_found_and_named(
    copy: Copy, kept: Head, public: str, key: bytes
) -> None:
    write(copy, "left 1", "left 2")
    left = signed_head(copy, key)
    copy.fresh()
    write(copy, "right 1", "right 2", "right 3")
    right = signed_head(copy, key)
    assert left.signed is not None
    assert right.signed is not None
    assert left.signed.store_id == right.signed.store_id
    assert found(copy, [kept, right], public) == set()
    with Ledger.open(copy.url) as ledger:
        report = ledger.verify(head=[kept, left, right], public_key=public)
        [finding] = report.findings
        assert (finding.check, finding.position) == ("fork", 42)
        assert "two histories continue the kept head at position 40" in finding.message
        assert left.hash in finding.message
        assert left.signed.store_id in finding.message
        # Without the head that both continue, it is a history that was written anew.
        assert [one.check for one in ledger.verify(head=left).findings] == ["head"]


def test_two_heads_of_one_position_that_differ_are_a_fork_whatever_the_log_says(
    copy: Copy, kept: Head, public: str, key: bytes
) -> None:
    write(copy, "left")
    left = signed_head(copy, key)
    copy.fresh()
    write(copy, "right")
    right = signed_head(copy, key)
    assert (left.position, right.position) == (41, 41)
    copy.fresh()
    assert found(copy, [left, right], public) == {("fork", 41), ("head", 41)}


# -- signatures --------------------------------------------------------------------------------


def test_a_stranger_checks_the_signature_with_a_canonicaliser_and_the_key_file(
    copy: Copy, kept: Head, public: str, tmp_path: Path
) -> None:
    printed = json.loads(json.dumps(kept.as_dict()))
    signature = bytes.fromhex(printed.pop("signature"))
    stranger = load_pem_public_key((tmp_path / "key.pem.pub").read_bytes())
    assert isinstance(stranger, Ed25519PublicKey)
    stranger.verify(signature, rfc8785.dumps(printed))
    with pytest.raises(InvalidSignature):
        stranger.verify(signature, rfc8785.dumps({**printed, "position": 41}))
    assert printed["public_key"] == public
    with Ledger.open(copy.url) as ledger:
        assert printed["store_id"] == ledger.store.meta()["store_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"position": 39}, {"hash": "0" * 64}, {"root": "0" * 64}, {"root": None},
        {"store_id": "another"}, {"signed_at": "2024-06-01T09:00:01+08:00"},
        {"signature": "0" * 128},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_changed_member_of_a_signed_head_is_found(
    copy: Copy, kept: Head, public: str, change: dict[str, object]
) -> None:
    other = read_head(json.dumps({**kept.as_dict(), **change}))
    seen = found(copy, [other], public)
    assert ("signature", other.position) in seen


def test_a_head_signed_by_another_key_or_by_none_is_refused(
    copy: Copy, kept: Head, public: str, tmp_path: Path
) -> None:
    new_key(tmp_path / "other.pem")
    other = signed_head(copy, (tmp_path / "other.pem").read_bytes())
    assert found(copy, [other], public) == {("signature", 40)}
    assert found(copy, [kept.point], public) == {("signature", 40)}
    with Ledger.open(copy.url) as ledger:
        for head in (kept, other, kept.point):  # without a key a head speaks for itself
            assert ledger.verify(head=head).ok


def test_a_head_names_its_key_or_nothing_of_a_signature(kept: Head) -> None:
    for name in ("public_key", "signature", "signed_at", "store_id"):
        given = {key: value for key, value in kept.as_dict().items() if key != name}
        with pytest.raises(LedgerError, match=name):
            read_head(json.dumps(given))
    with pytest.raises(LedgerError, match="not as `etsledger head` prints it"):
        read_head(json.dumps({**kept.as_dict(), "more": 1}))
    assert read_head(json.dumps(kept.as_dict())) == kept


# -- on the command line -----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """See ``command_line.books``: 13 events."""
    return books(tmp_path)


def test_a_key_is_made_for_its_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = json.loads(ok(None, "head", "--new-key", str(path)))
    assert made["public_key_file"] == f"{path}.pub"
    assert path.stat().st_mode & 0o777 == 0o600
    assert made["public_key"] == read_public_key((tmp_path / "key.pem.pub").read_bytes())
    before = path.read_bytes()
    for left in (path, tmp_path / "key.pem.pub"):
        again = run(None, "head", "--new-key", str(path))
        assert again.exit_code == 2
        assert again.stderr.startswith("error: KeyRefused: ")
        assert path.read_bytes() == before if path.exists() else True
        left.unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_signed_head_is_kept_and_verified(store: Path, tmp_path: Path) -> None:
    key, head = tmp_path / "key.pem", tmp_path / "head.json"
    ok(None, "head", "--new-key", str(key))
    head.write_text(ok(store, "head", "--sign", str(key)), "utf-8")
    plain = ask(store, "head")
    assert {name: json.loads(head.read_text("utf-8"))[name] for name in plain} == plain
    public = ("--public-key", f"{key}.pub")
    assert ask(store, "verify", "--head", str(head), *public)["ok"] is True
    assert ask(store, "verify", "--chain", "--head", str(head))["ok"] is True
    table = ok(store, "head", "--sign", str(key), "--format", "table")
    assert [line.split()[0] for line in table.splitlines()] == [
        "position", "hash", "root", "store", "epoch", "signed", "key",
    ]  # fmt: skip
    unsigned = tmp_path / "unsigned.json"
    unsigned.write_text(json.dumps(plain), "utf-8")
    refused = run(store, "verify", "--head", str(unsigned), *public)
    assert refused.exit_code == 1
    [finding] = json.loads(refused.stdout)["findings"]
    assert (finding["check"], finding["message"]) == (
        "signature", "the head is not signed, and a public key was given",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["head", "--sign", "text"], "no Ed25519 private key"),
        (["head", "--sign", "key.pem.pub"], "no Ed25519 private key"),
        (["head", "--sign", "key.pem", "--new-key", "other"], "one at a time"),
        (["verify", "--head", "head", "--public-key", "text"], "no Ed25519 public key"),
        (["verify", "--head", "head", "--public-key", "key.pem"], "this is a private key"),
        (["verify", "--public-key", "key.pem.pub"], "give --head, too"),
        (["verify", "--upcast", "--chain"], "give it alone"),
    ],
)
def test_a_file_that_is_no_key_is_wrong_usage(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    new_key(Path("key.pem"))
    Path("text").write_text("no key", "utf-8")
    Path("head").write_text(ok(store, "head"), "utf-8")
    result = run(store, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not Path("other").exists()
