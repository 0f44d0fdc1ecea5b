"""Instants and business dates: how the ledger reads, compares and writes time.

Every instant is an aware ``datetime`` at +08:00 (Asia/Shanghai). A text without an
offset is Shanghai time. A bare date is the start of its day for a fact, and its last
instant for a question ("as of 31 December" includes that day).
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, cast

import msgspec

# The very object that decoded times carry: comparing such times skips their offsets.
SHANGHAI: Final = cast(timezone, msgspec.convert("1970-01-01T08:00:00+08:00", datetime).tzinfo)
MICROSECOND: Final = timedelta(microseconds=1)
DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_SHANGHAI: Final = _EPOCH.astimezone(SHANGHAI)
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=SHANGHAI)
LATEST: Final = datetime(2200, 1, 1, tzinfo=SHANGHAI)

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?"
)
# In a tuple, where freezegun does not find and replace it: instants are real datetimes.
_REAL: Final = (datetime,)


def normalise(instant: datetime) -> datetime:
    """The same instant as a plain ``datetime`` at +08:00; naive means Shanghai time.

    Raises ValueError outside 1900 to 2199.
    """
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=SHANGHAI)
    if instant.tzinfo == SHANGHAI and type(instant) is _REAL[0]:
        real = instant
    else:
        # Adding to a real datetime also turns a subclass (freezegun's) into the real class.
        real = _EPOCH_SHANGHAI + (instant - _EPOCH)
    if not EARLIEST <= real < LATEST:
        raise ValueError(f"{instant.isoformat()} lies outside the years 1900 to 2199")
    return real


def parse_instant(text: str, *, end_of_day: bool = False) -> datetime:
    """The instant a text names; ``end_of_day`` reads a bare date as its last microsecond.

    Raises ValueError for anything but ISO 8601 ``YYYY-MM-DD[THH:MM[:SS[.ffffff]][offset]]``.
    """
    if len(text) == 25 and text[-6:] == "+08:00" and "1900" <= text[:4] < "2200":
        try:
            return msgspec.convert(text, _REAL[0])
        except msgspec.ValidationError:
            pass
    text = text.strip()
    try:
        if _DATE.fullmatch(text):
            start = normalise(_REAL[0].fromisoformat(text))
            return start + DAY - MICROSECOND if end_of_day else start
        if _INSTANT.fullmatch(text):
            return normalise(_REAL[0].fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        f"{text[:40]!r} is not an ISO 8601 time such as 2024-12-31 or 2024-12-31T23:59:59+08:00"
    )


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z: the form instants have in the index tables."""
    since = instant - _EPOCH_SHANGHAI
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The instant at +08:00 that ``to_micros`` turned into a number."""
    return _EPOCH_SHANGHAI + timedelta(microseconds=micros)


def business_date(instant: datetime) -> date:
    """The date of an instant in Asia/Shanghai: the date of a fact in every rule."""
    return instant.astimezone(SHANGHAI).date()


def iso(instant: datetime) -> str:
    """ISO 8601 at +08:00 with the full stored precision."""
    return instant.astimezone(SHANGHAI).isoformat()
