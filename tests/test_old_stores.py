"""A store of the first format: today's program opens it, checks it, answers it, goes on with it.

``tests/data/v1_store.sqlite`` was written by the code of the first format (125 events: a plant
and a desk of 2024, a batch, a freeze, a pledge, an asserted balance, a transfer of 15 March
that became known on 1 July). It is copied, never written. ``v1_records.jsonl`` beside it holds
stored bytes of every event of that version.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import ask, run
from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.ledger import Head, Ledger, check_proof, record
from etsledger.ledger.errors import UnknownEventType
from helpers import DayBook, SteppingClock, held_by_account
from test_upcasting import NAME, PledgedV2

STORED = Path(__file__).parent / "data" / "v1_store.sqlite"
HEAD = Head(
    125,
    "6c7b7aed19388fb56f7ffd4ca648ad94ce6be7b8d7bce3c04a9025333aaff90c",
    "cde66ec269d9d46e5b76d2a673ce4cf2400072c2b00e65075ff9b33788ed3750",
)
"""What the code that wrote it printed as its head."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(STORED, tmp_path / "old.db"))


@pytest.fixture
def old(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, clock=SteppingClock("2025-01-02T09:00:00+08:00")) as ledger:
        yield ledger


def test_it_is_whole_and_ends_at_the_head_that_was_printed_then(old: Ledger) -> None:
    assert old.head() == HEAD
    report = old.verify(head=HEAD)
    assert report.ok, report.findings
    assert report.events == 125
    assert old.verify(upcast=True).ok


def test_it_answers_at_two_instants_as_it_did_then(old: Ledger) -> None:
    spring = {("crrc-1", "CEA:2023"): 640, ("desk-1", "CEA:2023"): 360}
    before = {("crrc-1", "CEA:2023"): 700, ("desk-1", "CEA:2023"): 300}
    year = {
        ("crrc-1", "CEA:2023"): 540, ("desk-1", "CEA:2023"): 360, ("desk-1", "CEA:2024"): 6,
        ("retired", "CEA:2023"): 100,
    }  # fmt: skip
    for from_log in (False, True):
        assert held_by_account(old, as_of="2024-03-31", from_log=from_log) == spring
        assert held_by_account(
            old, as_of="2024-03-31", known_at="2024-06-02", from_log=from_log
        ) == before  # fmt: skip
        assert held_by_account(old, as_of="2024-12-31", from_log=from_log) == year
    book = DayBook(old)
    assert (book.available("crrc-1"), book.available("desk-1")) == (500, 310)


def test_it_takes_new_events_after_the_old_ones(old: Ledger, tmp_path: Path) -> None:
    before = list(old.export())
    book = DayBook(old)
    book.send("release_pledge", pledge="p1", id="released")
    book.transfer(100, "crrc-1", "desk-1", id="today")
    more = {"unit": "CEA:2023", "quantity": 441, "from_": "crrc-1", "to": "desk-1", "kind": "free"}
    assert book.refused("InsufficientUnits", "transfer", id="too much", **more)
    assert old.execute(json.loads(before[5])["record"]["command"]).outcome == "duplicate"
    assert list(old.export())[:125] == before
    assert book.available("crrc-1") == 440
    assert old.verify(head=HEAD).ok
    assert check_proof(old.prove(6, HEAD).to_bytes(), HEAD).ok
    with Ledger.open(tmp_path / "copy.db", create=True) as copy:
        copy.import_log(old.export(), head=old.head())
        assert copy.balances() == old.balances()


def test_it_is_rebuilt_from_its_log_alone(old: Ledger) -> None:
    before = old.balances(), old.statement("desk-1"), old.supply()
    old.rebuild()
    assert (old.balances(), old.statement("desk-1"), old.supply()) == before
    assert old.verify(head=HEAD).ok


def test_it_answers_where_nobody_may_write(path: Path) -> None:
    path.chmod(0o444)
    with Ledger.open(path, read_only=True) as ledger:
        assert ledger.head() == HEAD
        assert ledger.verify(head=HEAD).ok
        assert check_proof(ledger.prove(125).to_bytes(), HEAD).ok


# -- verify --upcast ---------------------------------------------------------------------------


def test_upcast_of_a_good_store_is_exit_code_0(path: Path) -> None:
    report = ask(path, "verify", "--upcast")
    assert (report["ok"], report["events"], report["findings"]) == (True, 125, [])
    assert report["head"]["hash"] == HEAD.hash


@pytest.fixture
def version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that knows a version 2 of ``UnitsPledged``, and no way to it."""
    monkeypatch.setitem(EVENT_TYPES, NAME, PledgedV2)


@pytest.mark.usefixtures("version_2")
def test_upcast_names_every_event_that_does_not_read(path: Path) -> None:
    result = run(path, "verify", "--upcast")
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    assert [(one["check"], one["position"]) for one in findings] == [("event", 8)]
    assert f"an event of type {NAME} cannot be read" in findings[0]["message"]


def test_an_unknown_type_is_named_and_stops_writes_and_not_reads(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not out of EVENT_TYPES: what is put back there stands at its end.
    monkeypatch.delitem(record._decoders, NAME)
    with Ledger.open(path) as ledger:
        [finding] = ledger.verify(upcast=True).findings
        assert (finding.check, finding.position) == ("event", 8)
        assert f"events of type '{NAME}'" in finding.message
        assert len(held_by_account(ledger, as_of="2024-12-31")) == 4
        with pytest.raises(UnknownEventType):
            DayBook(ledger).issue(1, id="new")
        assert ledger.head() == HEAD
