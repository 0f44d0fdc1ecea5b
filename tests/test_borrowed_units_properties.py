"""Borrowed units, whatever is tried: they leave by one door only."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from borrowing_books import DAY, LATER, LENT, borrower
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import SUMMER, NationalBook

KINDS = (
    "settle_trade", "cancel", "pledge", "succession", "correction", "carry_over", "surrender",
    "surrender", "reject", "confirm", "borrow", "freeze", "give",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(1, 120),
        st.sampled_from((2021, 2022, 2023)),
        st.sampled_from(("2023-08-31", DAY, LATER, "2023-12-31", "2026-02-01")),
    ),
    max_size=14,
)


def attempt(book: NationalBook, kind: str, quantity: int, year: int, at: str) -> None:
    """One try at getting tonnes of the lent vintage out of ``plant-1``, or into it."""
    given: dict[str, Any] = {"unit": LENT, "quantity": quantity, "at": at}
    match kind:
        case "settle_trade":
            book.send(kind, trade=f"{book.ledger.head().position}", method="bidding", price="80",
                      seller="plant-1", buyer="other-1", **given)  # fmt: skip
        case "cancel" | "freeze":
            book.send(kind, account="plant-1", **given)
        case "pledge":
            book.send(kind, account="plant-1", pledgee="bank", **given)
        case "succession":
            book.send("transfer", from_="plant-1", to="other-1", kind=kind, **given)
        case "correction":
            book.send("transfer", from_="plant-1", to="hubei", kind=kind, **given)
        case "carry_over":
            book.send(kind, entity="plant", **given)
        case "surrender":
            book.send(kind, entity="plant", year=year, **given)
        case "reject" | "confirm":
            waiting = [
                event["data"]["surrender"]
                for event in book.ledger.events(types=["SurrenderSubmitted"])
            ]
            if waiting:
                book.send(f"{kind}_surrender", surrender=waiting[quantity % len(waiting)], at=at)
        case "borrow":
            book.send(kind, entity="plant", year=year, quantity=quantity, at=at)
        case _:
            book.give(quantity, LENT, at=at)


@settings(max_examples=20)
@given(steps=STEPS)
def test_a_restricted_tonne_never_leaves_by_another_door(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, str]]
) -> None:
    """At every instant what is restricted is what was borrowed less what was submitted of it,
    and is there."""
    store = tmp_path_factory.mktemp("borrowed") / "books.db"
    with Ledger.open(f"sqlite:///{store}", create=True, clock=SteppingClock(SUMMER)) as ledger:
        book = NationalBook(ledger)
        book.plant()
        borrower(book)
        book.verified(100, 2021, at="2023-06-01")
        book.fund("CEA:2021", 1_000)
        book.finalise(2021, entitlement=0, at="2023-07-01")
        book.verified(200, 2023, at="2023-08-01")
        for step in steps:
            try:
                attempt(book, *step)
            except Refusal:
                continue
        instants = sorted({step[3] for step in steps} | {DAY, "2026-03-01"})
        for at in instants:
            restricted = 0
            for event in ledger.events(as_of=at):
                data = event["data"]
                match event["type"]:
                    case "UnitsBorrowed":
                        restricted += data["quantity"]
                    case "SurrenderSubmitted":
                        restricted -= data.get("borrowed", 0)
                        if data["year"] != 2023 and at < "2026":
                            assert data["borrowed"] == data["quantity"]
                    case "SurrenderRejected":
                        restricted += data.get("borrowed", 0)
                    case _:
                        pass
            found = book.row(unit=LENT, as_of=at)
            assert found["restricted"] == restricted >= 0
            reserved = sum(found[name] for name in ("restricted", "pending", "frozen", "pledged"))
            assert found["quantity"] >= reserved
        for year in (2021, 2022):
            lent = sum(
                event["data"]["quantity"]
                for event in ledger.events(types=["UnitsBorrowed"])
                if event["data"]["year"] == year
            )
            used = {
                event["data"]["surrender"]: event["data"].get("borrowed", 0)
                for event in ledger.events(types=["SurrenderSubmitted"])
                if event["data"]["year"] == year
            }
            for event in ledger.events(types=["SurrenderRejected"]):
                used.pop(event["data"]["surrender"], None)
            assert sum(used.values()) <= lent
        assert ledger.verify().ok
