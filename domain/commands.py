"""The common shape of every command: who asks, on what paper, and when it holds.

Each rule family defines its own commands as subclasses of ``Command`` in its own file;
``etsledger.domain.catalogue`` lists them all. A command checks its own shape when it is
read from JSON; everything that needs the books is checked by its ``decide``.
"""

from typing import Annotated, ClassVar

import msgspec

MAX_TONNES = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly; far above any real holding."""

Meta = msgspec.Meta
ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}\Z"
NewId = Annotated[str, Meta(pattern=ID_PATTERN)]
"""The id that a new account, entity or registry gets."""
Id = Annotated[str, Meta(min_length=1, max_length=64)]
"""The id of an account, entity or registry that the books know or refuse."""
CommandId = Annotated[str, Meta(min_length=1, max_length=200)]
"""The idempotency key of a command: any text without control characters."""
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
PersonalName = Annotated[str, Meta(min_length=1, max_length=200)]
"""The name of an individual: kept beside the log, where it can be forgotten."""
Unit = Annotated[str, Meta(min_length=1, max_length=64)]
"""A unit as text, such as ``CEA:2023``; the rulebook says which exist."""
Tonnes = Annotated[int, Meta(gt=0, le=MAX_TONNES)]
"""Whole tonnes of CO2e, at least one."""
Balance = Annotated[int, Meta(ge=0, le=MAX_TONNES)]
"""Whole tonnes of CO2e, zero allowed."""
Year = Annotated[int, Meta(ge=1990, le=2199)]
"""A compliance year."""
Instant = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})]
"""A time as ISO 8601 text; a bare date is the start of that day in Asia/Shanghai."""


class Command(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="command",
):
    """What every command carries; ``id`` is its idempotency key in the whole store.

    ``effective_at`` is when the fact holds, the recording time if absent; ``actor`` asks,
    ``approved_by`` is the second person, ``reference`` the document behind it.
    """

    example: ClassVar[str] = ""
    personal: ClassVar[tuple[str, ...]] = ()
    """The fields that name an individual: the log gets a salted hash in the place of each."""

    id: CommandId
    # By a factory, so that it is always kept with the command.
    registry: Id = msgspec.field(default_factory=lambda: "cn-national")
    effective_at: Instant | None = None
    actor: Text | None = None
    approved_by: Text | None = None
    reference: Text | None = None
    reason: Text | None = None


def command_name(command: Command) -> str:
    """The name of a command as files write it."""
    return str(type(command).__struct_config__.tag)
