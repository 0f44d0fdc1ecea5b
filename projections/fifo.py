"""The convention by which tonnes of an account are told apart: first in, first out.

Units of a kind are alike, so which of its tonnes an account gave away is a convention and
not a fact. This file is the one of the house; ``tracing`` takes any other that can ``put``,
``take`` and say what is ``there``. Only what is held counts: a freeze, a pledge, a pending
surrender or a restriction moves nothing and does not change the order.
"""

from array import array
from collections.abc import Iterable
from typing import Protocol

Range = tuple[int, int]
"""Serial numbers, first and last, both included: one a tonne."""
_SPENT = 1_024
"""Numbers that have left an account before their room is given back."""


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


class _Queue:
    """The ranges in one account, first and last in turn, in a flat array."""

    __slots__ = ("ends", "head", "tonnes")

    def __init__(self) -> None:
        self.ends = array("q")
        self.head = 0
        """Where the ranges begin that are still there."""
        self.tonnes = 0


class FirstInFirstOut:
    """What came into an account first leaves it first.

    Ranges that come one after the other and have the next numbers are one range again.
    """

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}

    def put(self, account: str, first: int, last: int) -> None:
        """See ``Convention.put``."""
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = _Queue()
        queue.tonnes += last - first + 1
        ends = queue.ends
        if queue.head < len(ends) and ends[-1] + 1 == first:
            ends[-1] = last
        else:
            ends.append(first)
            ends.append(last)

    def take(self, account: str, quantity: int) -> list[Range]:
        """See ``Convention.take``."""
        queue = self._queues[account]
        queue.tonnes -= quantity
        ends, head = queue.ends, queue.head
        taken: list[Range] = []
        while quantity:
            first, last = ends[head], ends[head + 1]
            if last - first >= quantity:
                ends[head] = first + quantity
                taken.append((first, first + quantity - 1))
                break
            taken.append((first, last))
            quantity -= last - first + 1
            head += 2
        if head > _SPENT and 2 * head > len(ends):
            del ends[:head]
            head = 0
        queue.head = head
        return taken

    def holds(self, account: str) -> int:
        """See ``Convention.holds``."""
        queue = self._queues.get(account)
        return 0 if queue is None else queue.tonnes

    def there(self, account: str) -> list[Range]:
        """See ``Convention.there``."""
        queue = self._queues.get(account)
        if queue is None:
            return []
        numbers = queue.ends[queue.head :]
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def accounts(self) -> list[str]:
        """See ``Convention.accounts``."""
        return list(self._queues)
