"""Snapshots make a cold start fast; one that does not match log and code is ignored."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select, text, update

from etsledger.ledger import Ledger, snapshots
from etsledger.ledger.tables import snapshots as table
from helpers import ON_SQLITE, DayBook, live_state, replayed, send_all, trial_registry

FIRST, SECOND = 13, 17


@pytest.fixture
def url(new_store_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of 18 events with snapshots at 13 and 17; the next is far away."""
    url = new_store_url()
    with Ledger.open(url, create=True) as ledger:
        send_all(ledger, trial_registry())
        monkeypatch.setattr(snapshots, "EVERY", 4)
        for number in range(9, 19):
            DayBook(ledger).issue(number, id=f"i{number}")
    monkeypatch.undo()
    return url


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open(url) as ledger:
        yield ledger


def kept(ledger: Ledger) -> list[int]:
    with ledger.store.engine.connect() as connection:
        return list(connection.execute(select(table.c.position).order_by("position")).scalars())


def loaded(ledger: Ledger) -> int | None:
    snapshot = snapshots.load(ledger.store)
    return None if snapshot is None else snapshot.state.position


def edit(ledger: Ledger, at: int, /, **columns: object) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(update(table).where(table.c.position == at).values(**columns))


def still_right(ledger: Ledger) -> None:
    """A cold start decides on what the log says, whatever the snapshots say."""
    assert snapshots.state_bytes(live_state(ledger)) == snapshots.state_bytes(replayed(ledger))
    book = DayBook(ledger)
    book.refused("InsufficientUnits", "transfer", unit="CEA:2023", quantity=10**6, kind="free",
                 from_="crrc-1", to="desk-1", id="too much")  # fmt: skip
    held = sum(range(9, 19))
    assert book.transfer(held, "crrc-1", "desk-1", id="all").outcome == "accepted"
    assert book.held("desk-1") == held


def test_the_writer_keeps_the_latest_two(ledger: Ledger) -> None:
    assert kept(ledger) == [FIRST, SECOND]
    assert loaded(ledger) == SECOND
    assert ledger.verify().ok
    still_right(ledger)


def test_a_snapshot_is_where_a_cold_start_begins(ledger: Ledger) -> None:
    # One that tells other holdings under a good hash is believed, which shows that it is used …
    snapshot = snapshots.load(ledger.store)
    assert snapshot is not None
    body = snapshots.state_bytes(snapshot.state).replace(b'"held":117', b'"held":900')
    assert body != snapshots.state_bytes(snapshot.state)
    edit(ledger, SECOND, body=body, state_hash=snapshots.state_hash(body))
    assert snapshots.state_bytes(live_state(ledger)) != snapshots.state_bytes(replayed(ledger))
    # … and found, which is why verification replays the whole log.
    found = [(one.check, one.position) for one in ledger.verify().findings]
    assert found == [("snapshot", SECOND)]


@pytest.mark.parametrize(
    "column", ["body", "state_hash", "head", "code_schema", "position", "another position"]
)
def test_a_snapshot_that_does_not_match_is_ignored(ledger: Ledger, column: str) -> None:
    match column:
        case "body":
            edit(ledger, SECOND, body=b"{}")
        case "position":
            edit(ledger, SECOND, position=99)
        case "another position":
            edit(ledger, SECOND, position=SECOND - 1)
        case _:
            edit(ledger, SECOND, **{column: "0" * 64})
    assert loaded(ledger) == FIRST
    still_right(ledger)
    report = ledger.verify()
    # That of another version of the code is no fault; anything else is one, and named.
    assert report.ok == (column == "code_schema")
    assert {one.check for one in report.findings} <= {"snapshot"}


@ON_SQLITE
def test_a_snapshot_that_is_no_bytes_is_ignored_and_named(ledger: Ledger) -> None:
    with ledger.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table.name} SET body = 7 WHERE position = {SECOND}"))
        connection.execute(text(f"UPDATE {table.name} SET body = 'x' WHERE position = {FIRST}"))
    assert loaded(ledger) is None
    still_right(ledger)
    assert {one.check for one in ledger.verify().findings} == {"snapshot"}


def test_a_snapshot_is_read_piece_by_piece(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etsledger.ledger.sqlite_store.PIECE", 100)
    monkeypatch.setattr("etsledger.ledger.postgres_store._PART", 100)
    pieces = list(ledger.store.snapshot_body(SECOND))
    assert {len(piece) for piece in pieces[:-1]} == {100}
    assert b"".join(pieces) == snapshots.state_bytes(replayed(ledger, SECOND))
    assert loaded(ledger) == SECOND
    assert ledger.verify().ok
    assert list(ledger.store.snapshot_body(SECOND + 1)) == []


def test_without_any_good_snapshot_the_log_is_read_from_the_start(ledger: Ledger) -> None:
    for position in (FIRST, SECOND):
        edit(ledger, position, body=b"no JSON", state_hash=snapshots.state_hash(b"no JSON"))
    assert loaded(ledger) is None
    still_right(ledger)


def test_snapshots_are_not_exported_and_rebuild_drops_them(
    ledger: Ledger, new_store_url: Callable[[], str]
) -> None:
    with Ledger.open(new_store_url(), create=True) as other:
        other.import_log(ledger.export())
        assert kept(other) == []
        still_right(other)
    ledger.rebuild()
    assert kept(ledger) == []
    assert ledger.verify().ok
    still_right(ledger)


def test_a_snapshot_past_a_position_is_not_used_for_it(ledger: Ledger) -> None:
    found = [snapshots.load(ledger.store, upto) for upto in (SECOND, SECOND - 1, FIRST - 1)]
    assert [one and one.state.position for one in found] == [SECOND, FIRST, None]
