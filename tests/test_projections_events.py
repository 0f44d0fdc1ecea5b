"""The log as readers ask for it, by position, registry, type, account and entity."""

from typing import Any

import pytest

import a_year
from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.ledger import Ledger
from helpers import UNIT, DayBook


@pytest.fixture
def book(ledger: Ledger) -> DayBook:
    """The day book of ``a_year``."""
    return a_year.write(ledger)


def positions(ledger: Ledger, **question: Any) -> list[int]:
    return [event["position"] for event in ledger.events(**question)]


def test_the_log_is_listed_oldest_first_and_whole(book: DayBook) -> None:
    assert positions(book.ledger) == list(range(1, 23))


QUESTIONS: list[tuple[dict[str, Any], list[int]]] = [
    ({"from_position": 20}, [20, 21, 22]),
    ({"to_position": 3}, [1, 2, 3]),
    ({"from_position": 5, "to_position": 7}, [5, 6, 7]),
    ({"from_position": 7, "to_position": 5}, []),
    ({"from_position": 0, "to_position": 1}, [1]),
    ({"from_position": 23}, []),
    ({"limit": 2}, [1, 2]),
    ({"limit": 0}, []),
    ({"from_position": 4, "limit": 1}, [4]),
    ({"registry": "other"}, [20, 21, 22]),
    ({"types": ["UnitsIssued"]}, [9, 22]),
    ({"types": ["UnitsIssued", "UnitsReserved"]}, [9, 11, 22]),
    ({"types": ["UnitsIssued"], "registry": "trial"}, [9]),
    ({"types": ["UnitsIssued"], "limit": 1}, [9]),
    ({"types": ["NoSuchEvent"]}, []),
    ({"account": "desk-1"}, [6, 13, 17]),
    ({"account": "crrc-1"}, [4, 12, 13, 14, 15, 16, 18, 19, 21, 22]),
    ({"account": "crrc-1", "registry": "trial"}, [4, 12, 13, 14, 15, 16, 18, 19]),
    ({"account": "crrc-1", "types": ["UnitsTransferred"], "from_position": 13}, [13, 19]),
    ({"account": "crrc-1", "limit": 3}, [4, 12, 13]),
    ({"account": "hubei"}, [8, 10, 12]),
    ({"account": "reserve"}, [11]),
    ({"account": "cancelled"}, [17]),
    ({"account": "retired"}, [16]),
    ({"entity": "baosteel"}, [3, 5, 19]),
    ({"entity": "crrc"}, [2, 4, 12, 13, 14, 15, 16, 18, 19]),
    ({"entity": "crrc", "registry": "other"}, []),
    ({"entity": "crrc", "account": "desk-1"}, [13]),
    ({"known_at": "@2"}, [1, 2]),
    ({"as_of": "2020-12-31"}, list(range(1, 9))),
    ({"as_of": "2023-01-01", "types": ["UnitsIssued", "UnitsDistributed"]}, [9, 22]),
]


def test_events_can_be_asked_by_anything(book: DayBook) -> None:
    for question, expected in QUESTIONS:
        assert positions(book.ledger, **question) == expected, question


def test_an_event_is_shown_with_its_papers_and_its_hash(book: DayBook) -> None:
    book.issue(
        1, id="papers", at="2024-01-01", actor="mee", approved_by="boss", reference="doc",
        reason="why",
    )  # fmt: skip
    (shown,) = book.ledger.events(from_position=23)
    event: dict[str, Any] = {**shown}
    rulebook, digest = event.pop("rulebook"), event.pop("hash")
    assert rulebook.keys() == {"hash", "name", "version"}
    assert digest == book.ledger.head().hash
    assert event == {
        "position": 23, "registry": "trial", "type": "UnitsIssued",
        "effective_at": "2024-01-01T00:00:00+08:00", "recorded_at": "2024-06-01T09:00:00+08:00",
        "command_id": "papers", "actor": "mee", "approved_by": "boss", "reference": "doc",
        "reason": "why", "data": {"quantity": 1, "to": "crrc-1", "unit": UNIT},
    }  # fmt: skip
    assert event["type"] in EVENT_TYPES
