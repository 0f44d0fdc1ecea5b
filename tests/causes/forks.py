"""A process that has a ledger open forks, and both go on; and one that is killed meanwhile."""

import os
import signal
from collections.abc import Callable
from typing import Any

from causes.common import UNIT, expect, opening, records, whole
from etsledger.ledger import Ledger
from helpers import command

ACCOUNTS = ["left", "right"]


def fork_and_write(new_url: Callable[[], str], *, writes: int) -> str:
    """Parent and children write by turns and at once; one closes first. Nothing is lost."""
    url = new_url()
    with Ledger.open(url, create=True, lock_timeout=60) as ledger:
        _all(ledger, opening(ACCOUNTS, 1_000_000))
        ledger.balances()
        children = [_child(lambda n=n: _write(ledger, f"child-{n}", writes)) for n in range(2)]
        _write(ledger, "parent", writes)
        for child in children:
            _ended(child)
        _write(ledger, "again", 5)
    expected = 5 + 3 * writes + 5
    expect(whole(url) == expected, f"{len(records(url))} events, {expected} expected")
    orphans = _outlive_the_parent(new_url(), writes)
    kept = _killed_while_writing(new_url())
    return f"3 processes x {writes} writes; {orphans} after the parent had closed; {kept}"


def _outlive_the_parent(url: str, writes: int) -> int:
    """The child goes on writing after its parent has closed the store and ended."""
    reading, writing = os.pipe()

    def parent() -> None:
        ledger = Ledger.open(url, create=True)
        _all(ledger, opening(ACCOUNTS, 1_000_000))
        ledger.balances()

        def child() -> None:
            _write(ledger, "before", writes)
            os.read(reading, 1)
            _write(ledger, "after", writes)

        orphan = _child(child)
        _write(ledger, "parent", writes)
        ledger.close()
        os.write(writing, b"x")
        _ended(orphan)

    _ended(_child(parent))
    os.close(reading)
    os.close(writing)
    events = whole(url)
    expect(events == 5 + 3 * writes, f"{events} events, {5 + 3 * writes} expected")
    return writes


def _killed_while_writing(url: str) -> str:
    """kill -9 of a process that holds the writer lock and has forked: the lock goes with it."""
    with Ledger.open(url, create=True) as ledger:
        _all(ledger, opening(ACCOUNTS, 1_000_000))
    reading, writing = os.pipe()

    def holder() -> None:
        ledger = Ledger.open(url)
        with ledger.store.writing():
            lingering = os.fork()
            if lingering == 0:
                os.close(writing)
                signal.pause()
            os.write(writing, str(lingering).encode())
            os.kill(os.getpid(), signal.SIGKILL)

    killed = _child(holder)
    os.waitpid(killed, 0)
    lingering = int(os.read(reading, 20))
    os.close(reading)
    os.close(writing)
    try:
        with Ledger.open(url, lock_timeout=5) as ledger:
            _write(ledger, "next", 1)
    finally:
        os.kill(lingering, signal.SIGKILL)
    whole(url)
    return "the lock of a killed parent is free"


def _child(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(120)  # a child that hangs is ended, and found
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - a forked child must not go on as the test
        os.write(2, f"child: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def _ended(pid: int) -> None:
    status = os.waitpid(pid, 0)[1]
    expect(status == 0, f"a child ended with {os.waitstatus_to_exitcode(status)}")


def _all(ledger: Ledger, commands: Any) -> None:
    refused = [one for one in ledger.apply(commands) if one.refusal is not None]
    expect(not refused, f"{refused[:1]}")


def _write(ledger: Ledger, name: str, count: int) -> None:
    """Half of them one by one, half as a file: the two ways to write."""
    fields = {"unit": UNIT, "quantity": 1, "from_": "left", "to": "right", "kind": "free"}
    found = [command("transfer", f"{name}/{number}", **fields) for number in range(count)]
    for one in found[: count // 2]:
        expect(ledger.execute(one).outcome == "accepted", f"{one['id']} was there already")
    _all(ledger, found[count // 2 :])
    ledger.balances()
