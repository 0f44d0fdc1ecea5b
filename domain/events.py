"""Events: what happened, as immutable values, and what each did to holdings.

An event says what it did to holdings once, as postings: ``(account, unit, bucket,
tonnes)``. In the bucket ``held`` they sum to zero per unit, with ``issuance`` as the
outside account, so issued = held + retired + cancelled is a law. The other buckets are
reservations on a holding (they move nothing). State, balances, supply and verification
all use this one definition.

Fields stand in the alphabetical order of their JSON names: the stored bytes are RFC 8785
canonical without sorting.
"""

from datetime import datetime
from typing import ClassVar, Literal, NamedTuple

import msgspec

Bucket = Literal["held", "frozen", "pledged", "pending", "restricted", "stopped"]
Posting = tuple[str, str, Bucket, int]
"""``(account, unit, bucket, tonnes)``; ``stopped`` counts freezes of a whole holding."""

ISSUANCE = "issuance"
"""The outside account: its holding of a unit is minus what was issued."""
CONVERTED_IN = "converted-in"
"""The outside account that units of a new vintage come from when old ones are carried over."""
CONVERTED_OUT = "converted-out"
"""The outside account that the old ones go to."""
OUTSIDE_ACCOUNTS = frozenset((ISSUANCE, CONVERTED_IN, CONVERTED_OUT))
AUTHORITY = "authority"
RESERVE = "reserve"
RETIRED = "retired"
CANCELLED = "cancelled"
PROVINCE = "province"
"""The account kind that stands between the authority and its entities."""
BUILT_IN_ACCOUNTS = (AUTHORITY, RESERVE, RETIRED, CANCELLED)
ALL_UNITS = "*"
"""The unit of a posting that concerns a whole account."""


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The base of every event; ``VERSION`` is the schema version of its stored form."""

    VERSION: ClassVar[int] = 1

    def postings(self) -> tuple[Posting, ...]:
        """What the event did to holdings; empty when it moved and reserved nothing."""
        return ()


def move(unit: str, quantity: int, source: str, target: str) -> tuple[Posting, ...]:
    """The postings of ``quantity`` tonnes going from one account to another."""
    return ((source, unit, "held", -quantity), (target, unit, "held", quantity))


class Later(NamedTuple):
    """An event that takes effect at a time of its own: after its command's, or (where it frees
    what a back-dated command takes) before."""

    event: Event
    effective_at: datetime


class Elsewhere(NamedTuple):
    """An event of another registry that the same command writes."""

    event: Event
    registry: str


Apart = Later | Elsewhere
"""An event that stands apart from its command, in time or place."""
