"""A clock that is set back, and one that leaps."""

from collections.abc import Callable
from datetime import timedelta

from causes.common import UNIT, expect, opening, records, whole
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, StoreError
from etsledger.ledger.clock import LEAP_BOUND
from helpers import SteppingClock, command

NOON = "2024-06-01T12:00:00+08:00"


def misset_clock(new_url: Callable[[], str]) -> str:
    """Recorded times never decrease; a leap into the far future writes nothing."""
    url, clock = new_url(), SteppingClock(NOON)
    with Ledger.open(url, create=True, clock=clock) as ledger:
        for one in ledger.apply(opening(["a"], 1)):
            expect(one.outcome == "accepted", str(one))
        sent = 0

        def issue() -> str:
            nonlocal sent
            sent += 1
            one = command("issue", f"i{sent}", unit=UNIT, quantity=1, to="a")
            ledger.execute(one)
            return records(url)[-1]["recorded_at"]

        expect(issue() == NOON, "the clock stands at noon")
        clock.now = "2024-05-01T00:00:00+08:00"
        expect(issue() == NOON, "set back by a month, the last recorded time is repeated")
        clock.now = "1999-01-01T00:00:00+08:00"
        with Ledger.open(url, clock=clock) as other:
            other.execute(command("issue", "x", unit=UNIT, quantity=1, to="a"))
        expect(records(url)[-1]["recorded_at"] == NOON, "set back in another process")
        before = len(records(url))
        clock.now = parse_instant(NOON) + LEAP_BOUND + timedelta(seconds=1)
        try:
            issue()
        except StoreError as error:
            expect(error.code == "ClockLeap", error.message)
        else:
            expect(False, "a leap beyond the bound was recorded")
        expect(len(records(url)) == before, "a leap left an event")
        expect(len(ledger.balances()) == 1, "a leap stopped a question")
        clock.now = "2024-06-01T12:00:01+08:00"
        expect(issue() == "2024-06-01T12:00:01+08:00", "the clock set right again")
    times = [parse_instant(record["recorded_at"]) for record in records(url)]
    expect(times == sorted(times), "a recorded time decreases")
    whole(url)
    return f"set back twice, leapt {LEAP_BOUND.days} days: refused, and right again"
