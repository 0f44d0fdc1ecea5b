"""A year at the registry ``trial``, and a little of the registry ``other``: 22 events."""

from etsledger.ledger import Ledger
from helpers import UNIT, DayBook, send_all, trial_registry
from rulebooks import confirming_rulebook

NEW = "CEA:2024"


def write(ledger: Ledger) -> DayBook:
    """Writes the year into an empty ledger; the numbers beside are the positions."""
    send_all(ledger, trial_registry(confirming_rulebook()))
    book = DayBook(ledger)
    year = [
        ("issue", "2023-01-01", {"unit": UNIT, "quantity": 1000}),  # 9
        ("distribute", "2023-01-02", {"unit": UNIT, "quantity": 600, "from_": "authority",
                                      "to": "hubei"}),  # 10
        ("reserve", "2023-01-03", {"unit": UNIT, "quantity": 100}),  # 11
        ("transfer", "2023-02-01", {"unit": UNIT, "quantity": 500, "from_": "hubei",
                                    "to": "crrc-1", "kind": "release"}),  # 12
        ("transfer", "2023-03-01", {"unit": UNIT, "quantity": 200, "from_": "crrc-1",
                                    "to": "desk-1", "kind": "free"}),  # 13
        ("opening_balance", "2023-01-01", {"unit": NEW, "quantity": 50,
                                           "account": "crrc-1"}),  # 14, back-dated
        ("surrender", "2023-06-01", {"unit": UNIT, "quantity": 80, "entity": "crrc",
                                     "year": 2022, "id": "s"}),  # 15
        ("confirm_surrender", "2023-07-01", {"surrender": "s"}),  # 16
        ("cancel", "2023-08-01", {"unit": UNIT, "quantity": 20, "account": "desk-1"}),  # 17
        ("pledge", "2023-09-01", {"unit": UNIT, "quantity": 30, "account": "crrc-1",
                                  "pledgee": "bank"}),  # 18
        ("transfer", "2023-10-01", {"unit": NEW, "quantity": 50, "from_": "crrc-1",
                                    "to": "baosteel-1", "kind": "free"}),  # 19
    ]  # fmt: skip
    for name, at, fields in year:
        book.send(name, at=at, **fields)
    book.send("open_registry", registry="other", rulebook="open")  # 20
    book.send("open_account", registry="other", account="crrc-1", kind="institution")  # 21
    book.issue(7, registry="other", to="crrc-1", at="2023-01-01")  # 22
    assert ledger.head().position == 22
    return book
