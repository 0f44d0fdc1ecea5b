"""A national day book with a loan in it, for what may become of borrowed units."""

from national import NationalBook

LENT = "CEA:2023"
DAY = "2023-09-01"
LATER = "2023-10-01"


def borrower(book: NationalBook) -> NationalBook:
    """``plant`` owes 1,000 t for 2022, was given 800, and borrowed 100 t of 2023."""
    book.plant("other")
    book.fund("CEA:2022", 10_000)
    book.fund(LENT, 10_000)
    book.verified(1_000, 2022, at="2023-06-01")
    book.finalise(2022, entitlement=800, at="2023-07-01")
    book.send("borrow", entity="plant", year=2022, quantity=100, at=DAY, id="loan")
    return book
