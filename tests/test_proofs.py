"""Proofs: what each is made of, that any changed byte fails, and that no store is needed."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree

import every_event
from command_line import ask, books, lines, ok, process, run
from etsledger.ledger import (
    Head,
    Ledger,
    LedgerError,
    Proof,
    StoreError,
    check_proof,
    new_key,
    read_head,
)
from etsledger.ledger.merkle import (
    Frontier,
    Span,
    consistency_spans,
    inclusion_spans,
    root_by_inclusion,
    roots_by_consistency,
)
from etsledger.ledger.tables import merkle_nodes
from etsledger.ledger.tree import LAG
from helpers import DayBook, SteppingClock, command, send_all, trial_registry

# -- the tree of RFC 9162 ----------------------------------------------------------------------

VECTORS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
           "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
"""The leaves that the Certificate Transparency projects test their trees with."""
SIZES = 34


def root_of(leaves: list[bytes], span: Span) -> bytes:
    frontier = Frontier()
    for leaf in leaves[span.start : span.end]:
        frontier.append(leaf)
    return bytes.fromhex(frontier.root())


def test_the_tree_is_that_of_certificate_transparency() -> None:
    leaves = [bytes.fromhex(one) for one in VECTORS]
    assert root_of(leaves, Span(0, 8)).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )
    assert [root_of(leaves, span).hex() for span in consistency_spans(6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [root_of(leaves, span).hex() for span in inclusion_spans(5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_roots_and_inclusion_paths_are_those_of_pymerkle() -> None:
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(SIZES)]
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(leaves)
    for size in range(1, SIZES + 1):
        root = root_of(leaves, Span(0, size))
        assert root == tree.get_root(size)
        for index in range(size):
            path = [root_of(leaves, span) for span in inclusion_spans(index, size)]
            theirs = tree.prove_inclusion(index + 1, size)
            assert path == theirs.path[1:]
            ours = InclusionProof(
                "sha256", True, size, index + 1, theirs.rule, [tree.get_leaf(index + 1), *path]
            )
            ours.verify(tree.get_leaf(index + 1), root, index=index + 1, size=size)
            assert root_by_inclusion(leaves[index], index, size, path) == root


def test_consistency_paths_lead_to_the_roots_of_pymerkle() -> None:
    # Its own paths are of another form than the RFC's; the roots are the same.
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(SIZES)]
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries(leaves)
    for size in range(1, SIZES + 1):
        for old in range(1, size + 1):
            path = [root_of(leaves, span) for span in consistency_spans(old, size)]
            roots = tree.get_root(old), tree.get_root(size)
            assert roots_by_consistency(old, size, roots[0], path) == roots
            for number in range(len(path)):
                other = [*path[:number], hashlib.sha256(path[number]).digest(), *path[number + 1 :]]
                assert roots_by_consistency(old, size, roots[0], other) != roots


@pytest.mark.parametrize(("index", "size", "steps"), [(0, 1, 1), (3, 8, 2), (3, 8, 4), (6, 7, 1)])
def test_a_path_of_another_length_is_none(index: int, size: int, steps: int) -> None:
    with pytest.raises(ValueError, match=r"too (long|short)"):
        root_by_inclusion(b"", index, size, [bytes(32)] * steps)


@pytest.mark.parametrize(("old", "size", "steps"), [(1, 1, 1), (4, 8, 0), (4, 8, 2), (3, 7, 2)])
def test_a_consistency_path_of_another_length_is_none(old: int, size: int, steps: int) -> None:
    with pytest.raises(ValueError, match=r"too (long|short)"):
        roots_by_consistency(old, size, bytes(32), [bytes(32)] * steps)


@pytest.mark.parametrize("numbers", [(0, 0), (5, 5), (-1, 5)])
def test_a_leaf_that_the_tree_has_not_is_not_proven(numbers: tuple[int, int]) -> None:
    for attempt in (inclusion_spans, lambda i, n: root_by_inclusion(b"", i, n, [])):
        with pytest.raises(ValueError, match="has no leaf"):
            attempt(*numbers)


# -- proofs of a ledger ------------------------------------------------------------------------


class Library(NamedTuple):
    """A ledger of 120 events whose signed head was kept at every tenth, and its public key."""

    ledger: Ledger
    heads: dict[int, Head]
    public: str


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("proofs")
    public = new_key(folder / "key.pem")
    key = (folder / "key.pem").read_bytes()
    with Ledger.open(folder / "books.db", create=True, clock=SteppingClock()) as ledger:
        send_all(ledger, trial_registry())
        book, heads = DayBook(ledger), dict[int, Head]()
        book.issue(10_000)
        while (position := ledger.store.head_position()) < 120:
            if position % 10 == 0:
                heads[position] = ledger.head(key)
            book.transfer(position, "crrc-1", "desk-1", reason="“合同”\n\x1f")
        heads[120] = ledger.head(key)
        yield Library(ledger, heads, public)


positions, tens = st.integers(1, 120), st.integers(1, 12).map(lambda ten: ten * 10)


@given(position=positions, ten=tens)
def test_a_proof_of_any_position_verifies_against_any_head_that_has_it(
    library: Library, position: int, ten: int
) -> None:
    older = library.heads[ten]
    proof = library.ledger.prove(position, older)
    [event] = library.ledger.events(from_position=position, to_position=position)
    assert proof.event == event
    assert hashlib.sha256(proof.record.encode()).hexdigest() == event["hash"]
    assert rfc8785.dumps(json.loads(proof.record)) == proof.record.encode()
    for head in (library.heads[120], older):
        verdict = check_proof(proof.to_bytes(), head, public_key=library.public)
        assert verdict.ok == (position <= head.position), verdict.wrong
        if not verdict.ok:
            assert [one.check for one in verdict.wrong] == ["head"]
            assert "cannot vouch for it" in verdict.wrong[0].message


@settings(max_examples=400)
@given(position=positions, ten=tens, data=st.data())
def test_any_changed_byte_of_a_proof_or_a_head_fails(
    library: Library, position: int, ten: int, data: st.DataObject
) -> None:
    older = library.heads[ten]
    proof = library.ledger.prove(position, older).to_bytes()
    head = json.dumps(older.as_dict()).encode()
    victim = data.draw(st.sampled_from([proof, head]))
    at = data.draw(st.integers(0, len(victim.rstrip()) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != victim[at]))
    other = victim[:at] + bytes([byte]) + victim[at + 1 :]
    try:
        if json.loads(other) == json.loads(victim):
            return  # a blank for a blank, an f for an F in an escape: it says the same
    except ValueError:
        pass
    try:
        kept = older if victim is proof else read_head(other)
    except LedgerError:
        return
    verdict = check_proof(other if victim is proof else proof, kept, public_key=library.public)
    assert not verdict.ok
    assert all(one.message for one in verdict.wrong)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "the clear event": (
        lambda proof: proof["event"]["data"].update(quantity=999_999), "event",
        "data.quantity: the event in clear says 999999, its record 57",
    ),
    "the clear actor": (
        lambda proof: proof["event"].update(actor="somebody"), "event", 'actor: the event in clear',
    ),
    "a member more": (
        lambda proof: proof["event"].update(paid=True), "event", "paid: the event in clear says",
    ),
    "the record": (
        lambda proof: proof.update(record=proof["record"].replace("desk-1", "wang-1")), "inclusion",
        "the inclusion path does not hold",
    ),
    "a blank in the record": (
        lambda proof: proof.update(record=proof["record"].replace(":", ": ", 1)), "record",
        "no canonical JSON",
    ),
    "the order in the record": (
        lambda proof: proof.update(
            record=json.dumps(dict(reversed(json.loads(proof["record"]).items())))
        ), "record", "out of order",
    ),
    "the clear hash": (
        lambda proof: proof["event"].update(hash="0" * 64), "record", "the record hashes to",
    ),
    "a step": (
        lambda proof: proof["path"].reverse(), "inclusion", "the inclusion path does not hold",
    ),
    "a step less": (lambda proof: proof["path"].pop(), "inclusion", "too short"),
    "a step more": (lambda proof: proof["path"].append("0" * 64), "inclusion", "too long"),
    "a step that is none": (lambda proof: proof["path"].append("0"), "file", "no hash"),
    "the root": (
        lambda proof: proof["head"].update(root="0" * 64), "head", "another history",
    ),
    "the hash of its head": (
        lambda proof: proof["head"].update(hash="0" * 64), "head", "not that of the last event",
    ),
    "the hash of its earlier head": (
        lambda proof: proof["since"]["head"].update(hash="0" * 64), "head",
        "the proof's head at position 70 is none",
    ),
    "the path of its head": (
        lambda proof: proof["last"].pop(), "head", "the proof's head at position 120 is none",
    ),
    "the consistency path": (
        lambda proof: proof["since"]["path"].reverse(), "consistency",
        "the consistency path does not hold",
    ),
    "another format": (lambda proof: proof.update(format="x"), "file", "its format is 'x'"),
    "no record": (lambda proof: proof.pop("record"), "file", "other members"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_said_in_plain_words(library: Library, name: str) -> None:
    change, check, said = CHANGES[name]
    proof = library.ledger.prove(58, library.heads[70]).as_dict()
    change(proof)
    wrong = check_proof(json.dumps(proof), library.heads[120]).wrong
    assert check in {one.check for one in wrong}
    assert any(one.check == check and said in one.message for one in wrong), wrong


def test_a_proof_says_nothing_to_another_head(library: Library) -> None:
    proof = library.ledger.prove(58, library.heads[70]).to_bytes()
    for head, said in (
        (library.heads[80], "it was made for another head"),
        (library.heads[120]._replace(hash="0" * 64), "another history"),
        (library.heads[120].point._replace(root=None), "no Merkle root"),
    ):
        wrong = check_proof(proof, head).wrong
        assert said in wrong[-1].message
    unsigned = check_proof(proof, library.heads[70].point, public_key=library.public)
    assert [one.check for one in unsigned.wrong] == ["signature"]
    assert check_proof(proof, library.heads[70].point).ok


def test_what_cannot_be_proven_is_refused(library: Library) -> None:
    ledger, head = library.ledger, library.heads[70]
    for position, since, said in (
        (121, None, "there is no event at position 121; the log ends at 120"),
        (0, None, "there is no event at position 0"),
        (5, head._replace(root="0" * 64), "of another history"),
        (5, head._replace(hash="0" * 64), "of another history"),
        (5, head._replace(position=500), "the log ends at 120"),
        (5, head._replace(root=None), "no Merkle root"),
    ):
        with pytest.raises(LedgerError, match=said) as caught:
            ledger.prove(position, since)
        assert caught.value.code == "ProofRefused"


def test_every_event_type_is_proven(ledger: Ledger, clock: SteppingClock) -> None:
    every_event.run(ledger, clock)
    head, seen = ledger.head(), set[str]()
    for event in ledger.events():
        if event["type"] not in seen:
            seen.add(event["type"])
            verdict = check_proof(ledger.prove(event["position"]).to_bytes(), head)
            assert verdict.ok, verdict.wrong
            assert verdict.event == event
    assert len(seen) > 25


# -- the kept tree -----------------------------------------------------------------------------


def grown(book: DayBook, events: int) -> None:
    send_all(book.ledger, (
        command("issue", f"g{number}", unit="CEA:2023", quantity=1, to="desk-1")
        for number in range(events)
    ))  # fmt: skip


def test_the_tree_is_kept_in_bulk_when_somebody_asks(book: DayBook) -> None:
    ledger = book.ledger
    grown(book, LAG)
    assert ledger.store.count(merkle_nodes) == 0  # not in the path of writes
    before = ledger.head()
    kept = ledger.store.count(merkle_nodes)
    assert kept == sum(before.position >> level for level in range(4, 12))
    book.issue(1)
    assert check_proof(ledger.prove(3, before).to_bytes(), before).ok
    assert ledger.store.count(merkle_nodes) == kept  # one event is read from the log
    assert ledger.verify().ok
    ledger.rebuild()
    assert ledger.store.count(merkle_nodes) == kept
    assert ledger.verify().ok
    assert check_proof(ledger.prove(3, before).to_bytes(), before).ok


def test_a_store_that_takes_no_writes_proves_as_well(book: DayBook, store_url: str) -> None:
    grown(book, LAG)
    head = book.ledger.head()
    with book.ledger.store.engine.begin() as connection:
        merkle_nodes.drop(connection)  # as in a store that was made before there was one
        connection.exec_driver_sql("DELETE FROM ledger_cursors WHERE name = 'merkle_tree'")
    with Ledger.open(store_url, read_only=True) as ledger:
        assert ledger.head() == head
        assert check_proof(ledger.prove(100).to_bytes(), head).ok
        assert ledger.verify().ok
    assert book.ledger.head() == head
    assert book.ledger.store.count(merkle_nodes) > 0
    assert book.ledger.verify().ok


@pytest.mark.parametrize("damage", ["UPDATE ledger_merkle_nodes SET hash = ?", "DELETE"])
def test_a_damaged_tree_proves_nothing_and_is_made_again(
    tmp_path: Path, damage: str, clock: SteppingClock
) -> None:
    with Ledger.open(tmp_path / "books.db", create=True, clock=clock) as ledger:
        send_all(ledger, trial_registry())
        grown(DayBook(ledger), LAG)
        head = ledger.head()
        with ledger.store.engine.begin() as connection:
            if damage == "DELETE":
                connection.exec_driver_sql("DELETE FROM ledger_merkle_nodes")
            else:
                connection.exec_driver_sql(damage, (bytes(32),))
        with pytest.raises(StoreError, match="the kept Merkle tree is not what the log makes it"):
            ledger.prove(3)
        assert {one.check for one in ledger.verify().findings} == {"tree"}
        ledger.rebuild()
        assert check_proof(ledger.prove(3).to_bytes(), head).ok


# -- on the command line -----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """See ``command_line.books``: 13 events; the head is kept, and then there is one more."""
    monkeypatch.chdir(tmp_path)
    made = books(tmp_path)
    ok(None, "head", "--new-key", "key.pem")
    Path("head.json").write_text(ok(made, "head", "--sign", "key.pem"), "utf-8")
    more = command("issue", "more", unit="CEA:2023", quantity=5, at="2024-07-01")
    ok(made, "apply", "-", given=lines([more]))
    return made


def test_prove_writes_a_file_that_check_proof_accepts(store: Path) -> None:
    text = ok(store, "prove", "11", "--head", "head.json")
    assert json.loads(text)["event"] == ask(store, "events", "--from-position", "11")[0]
    Path("proof.json").write_text(text, "utf-8")
    arguments = ("check-proof", "proof.json", "--head", "head.json")
    verdict = json.loads(ok(None, *arguments, "--public-key", "key.pem.pub"))
    assert (verdict["ok"], verdict["position"], verdict["findings"]) == (True, 11, [])
    table = ok(None, *arguments, "--format", "table")
    assert table.startswith("proven: UnitsTransferred of command 'm1' is the event at position 11")
    given = run(None, "check-proof", "-", "--head", "head.json", given=text)
    assert given.exit_code == 0


def test_check_proof_answers_1_and_says_what_is_wrong(store: Path) -> None:
    text = ok(store, "prove", "11", "--head", "head.json").replace('"quantity":300', '"quantity":3')
    Path("proof.json").write_text(text, "utf-8")
    done = run(None, "check-proof", "proof.json", "--head", "head.json", "--format", "table")
    assert done.exit_code == 1
    assert "event: data.quantity: the event in clear says 3, its record 300" in done.stdout
    assert done.stdout.endswith("not proven: 1 findings\n")
    for text in ("", "nonsense", "[]", "\ud800"):
        Path("proof.json").write_text(text, "utf-8", errors="surrogatepass")
        assert run(None, "check-proof", "proof.json", "--head", "head.json").exit_code == 1
    assert run(store, "prove", "99").exit_code == 1
    assert run(store, "prove", "0").exit_code == 2


PROGRAM = """
import sys
from etsledger.cli.checking import main
try:
    main()
except SystemExit as end:
    loaded = {name.partition(".")[0] for name in sys.modules}
    stores = loaded & {"sqlalchemy", "eventsourcing", "sqlite3", "psycopg", "pydantic"}
    ours = {name for name in sys.modules if name.startswith("etsledger.ledger.")}
    sys.exit(f"loaded {stores} {ours}" if stores or "etsledger.ledger.store" in ours else end.code)
"""


def test_the_checking_program_loads_no_store(store: Path) -> None:
    text = ok(store, "prove", "11", "--head", "head.json")
    for content, code in ((text, 0), (text.replace("desk-1", "wang-1"), 1)):
        Path("proof.json").write_text(content, "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "proof.json", "--head", "head.json",
             "--public-key", "key.pem.pub"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert json.loads(done.stdout)["ok"] == (code == 0)
        assert done.stderr == ""


def test_the_checking_program_is_named_by_its_usage(store: Path) -> None:
    program = "import sys; from etsledger.cli.checking import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "proof.json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "try 'etsledger-check-proof --help'" in done.stderr


def test_a_proof_is_bytes_of_utf_8_whatever_the_locale(store: Path) -> None:
    done = process(store, "prove", "11", environment={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert "合同 7".encode() in done.stdout
    assert isinstance(Proof(**{"since": None, **_members(json.loads(done.stdout))}), Proof)


def _members(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: raw[name] for name in ("event", "record", "head", "last", "path")}
