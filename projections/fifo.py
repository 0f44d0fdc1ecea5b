"""The convention by which tonnes of an account are told apart: first in, first out.

Units of a kind are alike, so which of its tonnes an account gave away is a convention and
not a fact. This file is the one of the house; ``tracing`` takes any other that can ``put``,
``take`` and say what is ``there``. Only what is held counts: a freeze, a pledge, a pending
surrender or a restriction moves nothing and does not change the order.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

Range = tuple[int, int]
"""Serial numbers, first and last, both included: one a tonne."""


class Convention(Protocol):
    """Which tonnes leave an account."""

    def put(self, account: str, first: int, last: int) -> None:
        """A range comes into an account."""
        ...

    def take(self, account: str, quantity: int) -> list[Range]:
        """The ranges that leave, in their order; the account holds at least ``quantity``."""
        ...

    def holds(self, account: str) -> int:
        """Tonnes in an account."""
        ...

    def there(self, account: str) -> Iterable[Range]:
        """The ranges in an account, in the order in which they would leave."""
        ...

    def accounts(self) -> Iterable[str]:
        """Every account that something came into."""
        ...


class FirstInFirstOut:
    """What came into an account first leaves it first.

    Ranges that come one after the other and have the next numbers are one range again.
    """

    def __init__(self) -> None:
        self._ranges: dict[str, deque[Range]] = {}
        self._sums: dict[str, int] = {}

    def put(self, account: str, first: int, last: int) -> None:
        """See ``Convention.put``."""
        ranges = self._ranges.get(account)
        if ranges is None:
            self._ranges[account] = deque(((first, last),))
            self._sums[account] = last - first + 1
            return
        self._sums[account] += last - first + 1
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))

    def take(self, account: str, quantity: int) -> list[Range]:
        """See ``Convention.take``."""
        ranges = self._ranges[account]
        self._sums[account] -= quantity
        first, last = ranges[0]
        if last - first >= quantity:
            ranges[0] = (first + quantity, last)
            return [(first, first + quantity - 1)]
        taken: list[Range] = []
        while quantity:
            first, last = ranges[0]
            size = last - first + 1
            if size > quantity:
                ranges[0] = (first + quantity, last)
                taken.append((first, first + quantity - 1))
                break
            taken.append(ranges.popleft())
            quantity -= size
        return taken

    def holds(self, account: str) -> int:
        """See ``Convention.holds``."""
        return self._sums.get(account, 0)

    def there(self, account: str) -> list[Range]:
        """See ``Convention.there``."""
        return list(self._ranges.get(account, ()))

    def accounts(self) -> list[str]:
        """See ``Convention.accounts``."""
        return list(self._ranges)
