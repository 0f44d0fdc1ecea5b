"""Facts recorded after they took effect: listed with their lag and what they would refuse."""

from typing import Any

from helpers import UNIT, DayBook, SteppingClock


def back_dated(book: DayBook) -> list[tuple[int, int, list[int]]]:
    """(position, lag in seconds, what would have been refused) without the opening's facts."""
    listed: list[Any] = list(book.ledger.events(back_dated=True, from_position=9))
    return [(row["position"], row["lag_seconds"], row["would_have_refused"]) for row in listed]


def test_the_back_dated_list_tells_the_lag(book: DayBook, clock: SteppingClock) -> None:
    clock.now = "2024-06-10T00:00:10"
    book.issue(1)  # 9: as it happens
    book.issue(1, at="2024-06-11")  # 10: of the future
    book.issue(1, at="2024-06-10")  # 11: ten seconds late
    book.issue(1, at="2024-06-09T00:00:10")  # 12: a day late
    clock.advance(microseconds=1)
    book.issue(1, at="2024-06-10T00:00:10")  # 13: a microsecond late
    assert back_dated(book) == [(11, 10, []), (12, 86_400, []), (13, 0, [])]
    opening = list(book.ledger.events(back_dated=True, to_position=8))
    assert len(opening) == 8  # recorded in 2024, in force since 2020


def test_the_back_dated_list_tells_what_a_freeze_would_have_refused(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")  # 9
    book.transfer(1, "crrc-1", "desk-1", at="2024-01-31T23:59:59")  # 10: before it
    book.transfer(1, "crrc-1", "desk-1", at="2024-02-01")  # 11: out
    book.transfer(1, "desk-1", "crrc-1", at="2024-02-02")  # 12: in
    book.issue(1, unit="CEA:2024", at="2024-02-03")  # 13: in, another unit
    book.pledge(1, at="2024-02-04")  # 14: moves nothing
    book.transfer(1, "crrc-1", "desk-1", at="2024-02-05", unit="CEA:2024")  # 15: out
    out = book.freeze("crrc-1", at="2024-02-01").positions[0]
    both = book.freeze("crrc-1", at="2024-02-01", direction="both").positions[0]
    unit = book.freeze("crrc-1", at="2024-02-01", unit=UNIT).positions[0]
    found = {position: refused for position, _, refused in back_dated(book)}
    assert (found[out], found[both], found[unit]) == ([11, 15], [11, 12, 13, 15], [11])
    assert not any(found[position] for position in range(9, 16))


def test_the_back_dated_list_tells_what_a_frozen_quantity_would_have_refused(
    book: DayBook,
) -> None:
    book.issue(100, at="2024-01-01")  # 9
    book.transfer(30, "crrc-1", "desk-1", at="2024-02-10")  # 10: 70 left, 60 wanted
    book.transfer(20, "crrc-1", "desk-1", at="2024-02-20")  # 11: 50 left
    book.issue(100, at="2024-03-01")  # 12
    book.transfer(20, "crrc-1", "desk-1", at="2024-03-10")  # 13: 130 left
    frozen = book.freeze("crrc-1", 60, at="2024-02-01").positions[0]
    assert (frozen, [11]) in [(position, refused) for position, _, refused in back_dated(book)]


def test_back_dated_is_judged_by_the_recorded_time_and_known_then(
    book: DayBook, clock: SteppingClock
) -> None:
    first = book.issue(1, at="2024-01-01").positions[0]
    second = book.issue(1, at="2024-01-02").positions[0]
    assert [row[0] for row in back_dated(book)] == [first, second]
    known = book.ledger.events(back_dated=True, known_at=first, from_position=9)
    assert [event["position"] for event in known] == [first]
    limited = book.ledger.events(back_dated=True, from_position=9, limit=1)
    assert [event["position"] for event in limited] == [first]
