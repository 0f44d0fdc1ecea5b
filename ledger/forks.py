"""Forks: no database connection and no lock crosses one.

SQLite counts its file locks by process: a child that inherits a connection takes its
parent's lock for its own, and what it writes is lost when the parent closes. Two processes
on one PostgreSQL socket talk across each other. So just before a fork every open store ends
the write in progress and lets its connections go; both sides connect anew at their next use.
"""

import os
import threading
from typing import Final, Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What a store does around a fork."""

    def before_fork(self) -> None:
        """Waits for the write in progress and closes every connection that is not in use."""
        ...

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        ...

    def after_fork_in_child(self) -> None:
        """Forgets what belongs to the parent, without closing any connection of it."""
        ...


_stores: Final[WeakSet[Forkable]] = WeakSet()


def watch(store: Forkable) -> None:
    """Has a store let go at every fork, for as long as it lives."""
    _stores.add(store)


def unwatch(store: Forkable) -> None:
    """A store that is closed has nothing to let go."""
    _stores.discard(store)


def _before() -> None:
    for store in list(_stores):
        store.before_fork()


def _in_parent() -> None:
    for store in list(_stores):
        store.after_fork_in_parent()


def _in_child() -> None:
    for store in list(_stores):
        store.after_fork_in_child()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


class Turn:
    """Which thread of this process writes; a fork waits for it to finish."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    def take(self, timeout: float) -> bool:
        """Waits up to so many seconds (0: not at all); whether it is this thread's turn."""
        if not self._lock.acquire(timeout=timeout):
            return False
        self._owner = threading.get_ident()
        return True

    def give(self) -> None:
        """Ends the turn; nothing when a fork inside it has ended it already."""
        if self._owner == threading.get_ident():
            self._owner = 0
            self._lock.release()

    def pause(self, timeout: float) -> bool:
        """Keeps writers out, before a fork; False when one does not finish or is this thread."""
        return self._owner != threading.get_ident() and self._lock.acquire(timeout=timeout)

    def resume(self) -> None:
        """After a pause: writers go on."""
        self._lock.release()

    def forget(self) -> None:
        """In the child of a fork: nobody's turn."""
        self._lock = threading.Lock()
        self._owner = 0
