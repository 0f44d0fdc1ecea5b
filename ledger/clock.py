"""The one clock: when this ledger writes things down.

``recorded_at`` never decreases: a clock set back repeats the last recorded time. A clock
that leaps further ahead than ``LEAP_BOUND`` refuses to write, so that one host set to 2099
does not push the recorded time there for everybody.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from etsledger.domain.times import SHANGHAI, iso, normalise
from etsledger.ledger.errors import ClockLeap

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime."""

LEAP_BOUND: Final = timedelta(days=3660)


def system_clock() -> datetime:
    """The host's time at +08:00; follows freezegun (to the microsecond, unlike its time_ns)."""
    return normalise(datetime.now(SHANGHAI))


def recording_time(now: datetime, last: datetime | None) -> datetime:
    """The recorded time of a write. Raises ClockLeap."""
    if last is None:
        return now
    if now - last > LEAP_BOUND:
        raise ClockLeap(
            f"the clock says {iso(now)}, more than {LEAP_BOUND.days} days after the last recorded "
            f"time {iso(last)}; set the clock right, or pass a clock of your own"
        )
    return max(now, last)
