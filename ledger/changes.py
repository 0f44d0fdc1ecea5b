"""The shape of a comparison of two instants: what changed, and by which events."""

from typing import Literal, TypedDict


class ChangeEvent(TypedDict):
    """An event that counts at one of the two instants and not at the other.

    ``why``: it took effect in between, became known in between, or both; when the first
    instant is the later one, it was not yet in effect, or not yet known. ``change`` is what it
    did to the number (tonnes, CNY), None where that is no sum of its events.
    """

    position: int
    type: str
    effective_at: str
    recorded_at: str
    why: str
    change: int | None


DiffRow = TypedDict(
    "DiffRow",
    {
        "what": Literal["balance", "compliance"],
        "registry": str,
        "account": str | None,
        "entity": str | None,
        "unit": str | None,
        "year": int | None,
        "field": str,
        "from": int | str | None,
        "to": int | str | None,
        "change": int | None,
        "deadline": str | None,
        "event_count": int,
        "events": list[ChangeEvent],
    },
)
"""One number (or status) that differs: ``from`` + ``change`` = ``to``, in tonnes.

A balance's ``field`` is ``quantity``, a reservation (``frozen``, ``pledged``, ``pending``,
``restricted``), or ``stopped`` (how many freezes of the whole holding); the ``change`` of
its events add up to its own. Of compliance it is a column of ``compliance``; ``deadline`` is
one that passed in between, which may change a status without an event. ``event_count``
counts all events, of which ``events`` are the first by effective time.
"""
