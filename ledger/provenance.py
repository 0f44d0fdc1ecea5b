"""The shape of a trace: tonnes with the same way, and each step of it."""

from typing import TypedDict

TraceStep = TypedDict(
    "TraceStep",
    {
        "position": int,
        "type": str,
        "effective_at": str,
        "recorded_at": str,
        "unit": str,
        "first": int,
        "last": int,
        "from": str,
        "via": list[str],
        "to": str,
    },
)
"""One move of some tonnes: the event, their numbers as tonnes of ``unit``, and the accounts.

``via`` are accounts that they only passed through in the event.
"""


class TraceRow(TypedDict):
    """Tonnes with the same way: the serial numbers ``first`` to ``last`` of ``unit``.

    ``account`` is where they are; the outside account ``issuance`` for what was taken back.
    ``issued_as`` and ``held_as`` are other units where they were carried over between
    vintages. ``way`` leads from issuance to there, in the order of effective times.
    """

    registry: str
    unit: str
    first: int
    last: int
    quantity: int
    account: str
    issued_as: str
    held_as: str
    way: list[TraceStep]
