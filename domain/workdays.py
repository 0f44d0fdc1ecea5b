"""Chinese working days: what delays and the periods that rules count in working days run on.

The State Council announces each year which days off are moved, late in the year before. A
kept package (chinesecalendar) carries the announcements; a rulebook may add to them, or
speak of a year before the package does, in its table ``working_days``. A year that neither
knows is refused, never guessed. Nothing here asks what day it is.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Final, cast

from etsledger.domain.errors import InvalidCommand

if TYPE_CHECKING:
    from etsledger.domain.rulebook import Rulebook

PACKAGE: Final = "chinesecalendar"
SATURDAY: Final = 5
_ONE_DAY: Final = timedelta(days=1)


def is_working_day(day: date, rules: "Rulebook") -> bool:
    """Whether a date is a working day. Raises InvalidCommand for a year that nobody knows."""
    own = rules.data.working_days
    if own is not None:
        if day in own.holidays:
            return False
        if day in own.workdays:
            return True
        if day.year in own.years:
            return day.weekday() < SATURDAY
    try:
        return _announced()(day)
    except NotImplementedError as unknown:
        raise InvalidCommand(
            f"no working days are on record for {day.year}: {PACKAGE} "
            f"{metadata.version(PACKAGE)} has {unknown}. Install a later one, or name the year "
            f"and its days in the table working_days of rulebook {rules.data.name}",
            year=day.year, package=PACKAGE,
        ) from None  # fmt: skip


def nth_working_day(after: date, n: int, rules: "Rulebook") -> date:
    """The last day of a period of ``n`` working days that begins the day after ``after``.

    The day that the period is counted from is no part of it; ``n`` = 0 is that day itself.
    Raises InvalidCommand for a year that nobody knows.
    """
    day = after
    while n > 0:
        day += _ONE_DAY
        n -= is_working_day(day, rules)
    return day


@cache
def _announced() -> Callable[[date], bool]:
    # Read when first asked: no command that counts no days pays for it. It brings no types.
    return cast(Callable[[date], bool], import_module("chinese_calendar").is_workday)
