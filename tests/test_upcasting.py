"""Old schema versions: a temporary version 2 of one event proves the whole way of it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import rfc8785

from etsledger.domain import pledging
from etsledger.domain.catalogue import EVENT_TYPES, EVENTS
from etsledger.domain.events import Event, Posting
from etsledger.ledger import ImportRefused, Ledger, StoreError, record
from etsledger.ledger.record import Record
from etsledger.ledger.upcasting import UPCASTERS
from helpers import DayBook, SteppingClock, records, send_all, trial_registry

NAME = "UnitsPledged"


class PledgedV2(Event, frozen=True, kw_only=True):
    """Version 2 says of what kind the creditor is, and calls the creditor so."""

    VERSION = 2
    account: str
    creditor: str
    creditor_kind: str
    pledge: str
    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        return ((self.account, self.unit, "pledged", self.quantity),)


PledgedV2.__name__ = NAME


def to_v2(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "creditor": data["pledgee"],
        "creditor_kind": "unknown",
        **{name: value for name, value in data.items() if name != "pledgee"},
    }


@pytest.fixture
def old_store(new_store_url: Callable[[], str], clock: SteppingClock) -> str:
    """A store with a pledge of version 1: 100 t held, 40 t pledged."""
    url = new_store_url()
    with Ledger.open(url, create=True, clock=clock) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        book.issue(100)
        book.pledge(40, id="old")
    return url


@pytest.fixture
def version_2(monkeypatch: pytest.MonkeyPatch, old_store: str) -> None:
    """A program that knows version 2, without an upcaster yet."""
    monkeypatch.setitem(EVENTS, PledgedV2, EVENTS[pledging.UnitsPledged])
    monkeypatch.setitem(EVENT_TYPES, NAME, PledgedV2)
    monkeypatch.setitem(record._decoders, NAME, msgspec.json.Decoder(Record[PledgedV2]))
    monkeypatch.setattr(
        pledging,
        "UnitsPledged",
        lambda *, pledgee, **fields: PledgedV2(creditor=pledgee, creditor_kind="bank", **fields),
    )


@pytest.fixture
def upcaster(version_2: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UPCASTERS, (NAME, 1), to_v2)


@pytest.fixture
def ledger(old_store: str, clock: SteppingClock) -> Iterator[Ledger]:
    """The old store, opened by whatever program the other fixtures made."""
    with Ledger.open(old_store, clock=clock) as ledger:
        yield ledger


@pytest.mark.usefixtures("upcaster")
def test_an_old_event_is_read_in_its_present_shape(ledger: Ledger) -> None:
    (row,) = ledger.store.rows(types=[NAME])
    logged = record.read(row.type, row.state)
    assert logged.event == PledgedV2(
        account="crrc-1", creditor="bank", creditor_kind="unknown", pledge="old", quantity=40,
        unit="CEA:2023",
    )  # fmt: skip
    assert logged.record.v == 1
    book = DayBook(ledger)
    assert book.available() == book.available(from_log=True) == 60


@pytest.mark.usefixtures("upcaster")
def test_the_stored_bytes_stay_and_new_ones_are_written_beside_them(
    ledger: Ledger, new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    before = list(ledger.export())
    book = DayBook(ledger)
    book.pledge(10, id="new")
    book.send("release_pledge", pledge="old", id="released")
    assert list(ledger.export())[: len(before)] == before
    versions = {r["record"]["command"]["id"]: r["record"]["v"] for r in records(ledger)}
    assert (versions["old"], versions["new"]) == (1, 2)
    assert records(ledger)[-2]["record"]["data"]["creditor_kind"] == "bank"
    assert book.available() == 90
    assert ledger.verify().ok
    with Ledger.open(new_store_url(), create=True, clock=clock) as other:
        other.import_log(ledger.export(), head=ledger.head())
        assert other.head() == ledger.head()
        assert other.balances() == ledger.balances()
        assert other.verify().ok


@pytest.mark.usefixtures("upcaster")
def test_an_edited_old_line_is_refused_on_import(
    ledger: Ledger, new_store_url: Callable[[], str]
) -> None:
    lines = [line.replace(b'"quantity":40', b'"quantity":41') for line in ledger.export()]
    with Ledger.open(new_store_url(), create=True) as other:
        with pytest.raises(ImportRefused):
            other.import_log(lines)
        assert other.head().position == 0


def refuses_to_write(ledger: Ledger, code: str) -> None:
    """Writes stop and reads go on; verify names the event."""
    before = list(ledger.export())
    with pytest.raises(StoreError) as caught:
        DayBook(ledger).issue(1, id="another")
    assert caught.value.code == code
    assert list(ledger.export()) == before
    assert ledger.balances()[0]["available"] == 60
    assert ledger.statement("crrc-1")[0]["quantity"] == 100
    assert [event["type"] for event in ledger.events()][-1] == NAME
    report = ledger.verify()
    assert not report.ok
    assert ("event", 10) in {(finding.check, finding.position) for finding in report.findings}
    assert ledger.verify(chain_only=True).ok


@pytest.mark.usefixtures("version_2")
def test_a_missing_upcaster_stops_writes_and_not_reads(ledger: Ledger) -> None:
    refuses_to_write(ledger, "StoreDamaged")


@pytest.mark.usefixtures("version_2")
def test_a_failing_upcaster_stops_writes_and_not_reads(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(UPCASTERS, (NAME, 1), lambda data: {"creditor": data["creditor"]})
    refuses_to_write(ledger, "StoreDamaged")


def test_an_unknown_event_type_stops_writes_and_not_reads(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not out of EVENT_TYPES: what is put back there stands at its end.
    monkeypatch.delitem(record._decoders, NAME)
    refuses_to_write(ledger, "UnknownEventType")


def test_a_later_schema_version_stops_writes_and_not_reads(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EVENT_TYPES[NAME], "VERSION", 0)
    refuses_to_write(ledger, "StoreTooNew")


def test_the_hash_of_a_new_version_is_the_hash_of_its_own_bytes(
    upcaster: None, ledger: Ledger
) -> None:
    DayBook(ledger).pledge(10, id="new")
    sealed = records(ledger)[-1]
    assert sealed["record"]["v"] == 2
    assert hashlib.sha256(rfc8785.dumps(sealed["record"])).hexdigest() == sealed["hash"]
    assert json.dumps(sealed["record"], sort_keys=True) == json.dumps(sealed["record"])
