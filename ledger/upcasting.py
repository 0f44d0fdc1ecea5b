"""Old schema versions of events, brought to the present one on reading.

An upcaster takes the stored data of one version and gives that of the next. The log keeps
the bytes that were written; only what is read changes shape. ``tests/data`` keeps stored
bytes of every version ever released.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from etsledger.domain.catalogue import EVENT_TYPES
from etsledger.domain.events import Event
from etsledger.ledger.errors import StoreDamaged, StoreTooNew

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}
"""(event type, version it takes) to the function that gives the next version."""


def upcast(topic: str, version: int, data: dict[str, Any]) -> Event:
    """The event of stored data of any released version. Raises StoreDamaged, StoreTooNew."""
    event_type = EVENT_TYPES[topic]
    if version > event_type.VERSION:
        raise StoreTooNew(
            f"the log holds {topic} of schema version {version}; this program knows "
            f"{event_type.VERSION}. Upgrade etsledger to read it"
        )
    try:
        while version < event_type.VERSION:
            data = UPCASTERS[topic, version](data)
            version += 1
        return msgspec.convert(data, event_type)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise StoreDamaged(f"an event of type {topic} cannot be read: {error!r}") from error
