"""What is stored: canonical bytes, a chain a stranger can recompute, a root, old versions."""

import hashlib
import json
import random
from pathlib import Path

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

import every_event
from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.domain.rulebook import from_object
from etsledger.ledger import Head, ImportRefused, Ledger, Refusal, read_head
from etsledger.ledger.commandfile import prepare
from etsledger.ledger.merkle import Frontier
from etsledger.ledger.record import read
from helpers import UNIT, DayBook, SteppingClock, command, records
from rulebooks import open_rulebook

V1 = Path(__file__).parent / "data" / "v1_records.jsonl"


@pytest.fixture
def history(ledger: Ledger, clock: SteppingClock) -> Ledger:
    """Every event of the ledger has happened."""
    every_event.run(ledger, clock)
    return ledger


# -- canonical bytes ---------------------------------------------------------------------------


def test_every_event_happens_in_this_history(history: Ledger) -> None:
    happened = {record["record"]["type"] for record in records(history)}
    assert happened == set(EVENT_TYPES)
    assert history.verify().ok


def test_the_stored_bytes_of_every_event_are_canonical_json(history: Ledger) -> None:
    for line in history.export():
        assert rfc8785.dumps(json.loads(line)) == line


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
names = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\x00"),
    min_size=1, max_size=64,
)  # fmt: skip


@given(reason=texts, numbers=st.dictionaries(names, st.integers(-(2**53) + 1, 2**53 - 1)))
def test_any_command_is_kept_in_canonical_bytes(reason: str, numbers: dict[str, int]) -> None:
    facts = {"net_sales": numbers, "borrowed": 0}
    given = command("opening_balance", "1", account="a", unit="X", quantity=1, reason=reason,
                    facts=facts)  # fmt: skip
    for spelling in (given, json.dumps(given), json.dumps(given, ensure_ascii=False).encode()):
        content = prepare(spelling).content
        assert rfc8785.dumps(json.loads(content)) == content
        assert json.loads(content) == given


@given(sources=st.dictionaries(names, texts))
def test_any_rulebook_is_kept_in_canonical_text(sources: dict[str, str]) -> None:
    given = open_rulebook(sources=sources)
    assert from_object(given).text.encode() == rfc8785.dumps(given)


def test_a_stranger_recomputes_the_chain_with_hashlib_and_json_alone(history: Ledger) -> None:
    previous, sequences = "0" * 64, {}
    lines = list(history.export())
    for position, line in enumerate(lines, 1):
        sealed = json.loads(line)
        record = sealed["record"]
        body = json.dumps(
            record, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()
        assert hashlib.sha256(body).hexdigest() == sealed["hash"]
        assert (record["prev"], record["position"]) == (previous, position)
        sequences[record["registry"]] = sequences.get(record["registry"], 0) + 1
        assert record["sequence"] == sequences[record["registry"]]
        previous = sealed["hash"]
    head = history.head()
    assert (head.position, head.hash) == (len(lines), previous)


def test_the_record_carries_every_stored_column(history: Ledger) -> None:
    for row, line in zip(history.store.rows(), history.export(), strict=True):
        record = json.loads(line)["record"]
        columns = (row.position, row.registry, row.sequence, row.type)
        assert columns == tuple(record[k] for k in ("position", "registry", "sequence", "type"))
        assert bytes(row.state) == line
        assert {"command", "data", "effective_at", "recorded_at", "rulebook", "v"} <= set(record)


# -- the Merkle root and the head ----------------------------------------------------------------


def merkle_root(hashes: list[str]) -> str:
    """The root by an independent, well-kept library."""
    tree = InmemoryTree(algorithm="sha256")
    for digest in hashes:
        tree.append_entry(bytes.fromhex(digest))
    root: bytes = tree.get_root() if hasattr(tree, "get_root") else tree.get_state()
    return root.hex()


def some_hashes(count: int) -> list[str]:
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]


def frontier_of(hashes: list[str]) -> Frontier:
    frontier = Frontier()
    for digest in hashes:
        frontier.append(bytes.fromhex(digest))
    return frontier


@pytest.mark.parametrize("size", [*range(71), *random.Random(9162).sample(range(71, 3000), 6)])
def test_the_merkle_root_is_that_of_rfc_9162(size: int) -> None:
    hashes = some_hashes(size)
    frontier = frontier_of(hashes)
    assert frontier.root() == merkle_root(hashes)
    kept = Frontier.from_bytes(frontier.to_bytes())
    assert (kept.size, kept.root()) == (size, frontier.root())


@pytest.mark.parametrize("size", [0, 1, 36, 37, 63, 64])
def test_a_kept_frontier_grows_on(size: int) -> None:
    hashes = some_hashes(size + 10)
    frontier = Frontier.from_bytes(frontier_of(hashes[:size]).to_bytes())
    for digest in hashes[size:]:
        frontier.append(bytes.fromhex(digest))
    assert frontier.root() == merkle_root(hashes)


@pytest.mark.parametrize(
    "damage", [b"", b"\x00" * 8 + b"x" * 32, b"\x00" * 7 + b"\x03" + b"x" * 32]
)
def test_a_damaged_frontier_is_told(damage: bytes) -> None:
    if damage:
        with pytest.raises(ValueError, match="frontier"):
            Frontier.from_bytes(damage)
    else:
        assert Frontier.from_bytes(damage).size == 0


def test_the_head_is_the_root_over_all_event_hashes(
    book: DayBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etsledger.ledger.tree.LAG", 3)
    for _ in range(9):
        hashes = [record["hash"] for record in records(book.ledger)]
        expected = Head(len(hashes), hashes[-1], merkle_root(hashes))
        assert book.ledger.head() == expected
        assert book.ledger.verify(head=expected) == book.ledger.verify()
        book.issue(1)


def test_a_head_comes_back_from_what_it_is_printed_as(history: Ledger) -> None:
    head = history.head()
    printed = head.as_dict()
    for text in (
        json.dumps(printed),
        json.dumps(printed, indent=2) + "\n",
        json.dumps(printed).encode(),
    ):
        assert read_head(text) == head
        assert history.verify(head=read_head(text)).ok
    for bad in ("", "{}", "[]", '{"position": 1}', '"x"', '{"position": "x", "hash": "y"}'):
        with pytest.raises(ImportRefused):
            read_head(bad)


def test_the_head_of_an_empty_log(ledger: Ledger) -> None:
    assert ledger.head() == Head(0, "0" * 64, hashlib.sha256(b"").hexdigest())
    assert ledger.verify(head=ledger.head()).ok


def test_another_history_does_not_fit_a_kept_head(book: DayBook) -> None:
    book.issue(1)
    head = book.ledger.head()
    wrong_root = head._replace(root="0" * 64)
    wrong_hash = head._replace(hash="0" * 64)
    longer = head._replace(position=head.position + 1)
    for bad in (wrong_root, wrong_hash, longer):
        (finding,) = book.ledger.verify(head=bad).findings
        assert finding.check == "head"
    book.issue(1)
    assert book.ledger.verify(head=head).ok  # an older head still fits


# -- old versions ------------------------------------------------------------------------------

FIRST_HEAD = Head(
    position=31,
    hash="fc37349441f5801746bb6266e7a89bac9772cebe8d957b0860f1f24426807d6c",
    root="9bd1395e3752ba999b65ba772fba39847697145c0b10a35f92d33e4a38030662",
)
"""Where the file ended at first; a year of the national market was added to it."""
SECOND_HEAD = Head(
    position=66,
    hash="f2f532e141994eb60c5190eb0eb1542c23e554c2307721017087686482c477c9",
    root="c48df093a091c92ec59e15097a6fb2dbf69af579c4ceb188743afa76c9593ce4",
)
"""And then; a market, loans, carry-overs, credits, fines and leaving were added to it."""
V1_HEAD = Head(
    position=140,
    hash="176479c58f54ffaa3c2747384964a68a96f4782622030b7be0f1d78f2b3eb409",
    root="d6398da6d5ab80e7fdd339aefce909953a83685f6a0af48f25456a0a58c80036",
)


def stored_v1() -> list[bytes]:
    return V1.read_bytes().splitlines()


def test_every_stored_byte_of_version_1_still_reads_to_the_same_event() -> None:
    seen: set[str] = set()
    for line in stored_v1():
        record = json.loads(line)["record"]
        logged = read(record["type"], line)
        event_type = EVENT_TYPES[record["type"]]
        assert logged.event == msgspec.convert(record["data"], event_type)
        assert logged.hash == json.loads(line)["hash"]
        assert (record["v"], logged.command.id) == (1, record["command"]["id"])
        seen.add(record["type"])
    assert len(seen) == 58


def test_a_log_of_version_1_is_imported_whole(ledger: Ledger) -> None:
    lines = stored_v1()
    assert ledger.import_log(lines, head=V1_HEAD) == len(lines)
    assert ledger.head() == V1_HEAD
    assert list(ledger.export()) == lines
    assert ledger.verify(head=V1_HEAD).ok
    assert ledger.verify(head=FIRST_HEAD).ok
    assert ledger.verify(head=SECOND_HEAD).ok
    held = {
        (row["account"], row["unit"]): row["quantity"]
        for row in ledger.balances(as_of="2030-01-01")
    }
    assert held["retired", UNIT] == 80
    # The first time, in the same order: it is the history of today's program too.
    with pytest.raises(Refusal) as caught:
        ledger.execute({**next(every_event.commands()), "rulebook": "open"})
    assert caught.value.code == "DuplicateCommand"
    assert [ledger.execute(sent).outcome for sent in every_event.commands()] == ["duplicate"] * 134


def test_the_same_history_is_stored_as_the_same_bytes_today(history: Ledger) -> None:
    # Fails when a format changes: then raise the event's VERSION and add an upcaster.
    assert list(history.export()) == stored_v1()
