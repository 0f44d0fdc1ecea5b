"""The common shape of every command: who asks, on what paper, and when it holds.

Each rule family defines its own commands as subclasses of ``Command`` in its own file;
``etsledger.domain.catalogue`` lists them all.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from etsledger.domain.times import normalise, parse_instant

MAX_TONNES = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly; far above any real holding."""


def _instant(value: Any) -> Any:
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, datetime):
        return normalise(value)
    raise ValueError("a time is an ISO 8601 text such as 2024-11-05T14:03:00+08:00")


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]
"""A time; a bare date is the start of that day in Asia/Shanghai."""
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
"""The id of an account, entity or registry."""
CommandId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\P{C}+$")]
Text = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00]+$")]
Unit = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\P{C}+$")]
"""A unit as text, such as ``CEA:2023``; the rulebook says which exist."""
Tonnes = Annotated[int, Field(strict=True, gt=0, le=MAX_TONNES)]
"""Whole tonnes of CO2e, at least one."""
Balance = Annotated[int, Field(strict=True, ge=0, le=MAX_TONNES)]
"""Whole tonnes of CO2e, zero allowed."""
Year = Annotated[int, Field(strict=True, ge=1990, le=2199)]
"""A compliance year."""


class Command(BaseModel):
    """What every command carries; ``id`` is its idempotency key in the whole store."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )
    example: ClassVar[str] = ""

    id: CommandId
    registry: Id = "cn-national"
    effective_at: Instant | None = Field(
        default=None, description="when the fact holds; the recording time if absent"
    )
    actor: Text | None = Field(default=None, description="who asks")
    approved_by: Text | None = Field(default=None, description="the second person")
    reference: Text | None = Field(default=None, description="the document behind it")
    reason: Text | None = None
