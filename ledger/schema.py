"""JSON Schema (2020-12) of what goes in and what comes out: every command and every event.

Made from the very types that read and write them. What a schema cannot say (that an
account exists, that it holds enough) is for the ledger to refuse.
"""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, Final

import msgspec

from etsledger.domain.catalogue import EVENT_TYPES, MODELS
from etsledger.domain.proposals import NEVER_PROPOSED

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INSTANT: Final = {
    "type": "string",
    "description": "ISO 8601; without an offset Asia/Shanghai; a bare date is the start of it",
    "pattern": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$",
}
"""What ``etsledger.domain.times`` reads: more than the format date-time."""
_GIVEN_DECIMAL: Final = {
    "type": ["string", "number"],
    "format": "decimal",
    "description": "A decimal; a JSON number counts as the decimal text it is written with",
}
"""A decimal of a command; in an event it is text."""


def command_schema() -> dict[str, Any]:
    """The schema of one line of a command file: one of the commands, by ``command``."""
    members = {name: _with_numbers(_whole(model)) for name, model in MODELS.items()}
    members["batch"]["properties"]["commands"]["items"] = {
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in members if name != "batch"]
    }
    proposed = [{"$ref": f"#/$defs/{name}"} for name in members if name not in NEVER_PROPOSED]
    members["propose"]["properties"]["proposes"] = {"oneOf": proposed}
    for name, model in MODELS.items():
        properties = members[name]["properties"]
        properties["effective_at"] = {"anyOf": [_INSTANT, {"type": "null"}], "default": None}
        for field in msgspec.structs.fields(model):
            if field.default_factory is not msgspec.NODEFAULT:
                properties[field.encode_name]["default"] = field.default_factory()
    return _one_of("A command", members)


def event_schema() -> dict[str, Any]:
    """The schema of an event as ``events`` shows it: its ``data`` by its ``type``."""
    text: dict[str, Any] = {"type": "string"}
    text_or_null = {"type": ["string", "null"]}
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    time = {"type": "string", "format": "date-time"}
    columns: dict[str, Any] = {
        "position": {"type": "integer", "minimum": 1},
        "registry": text,
        "effective_at": time,
        "recorded_at": time,
        "command_id": text,
        "actor": text_or_null,
        "approved_by": text_or_null,
        "reference": text_or_null,
        "reason": text_or_null,
        "rulebook": {
            "type": "object",
            "properties": {"name": text, "version": text, "hash": digest},
            "required": ["name", "version", "hash"],
        },
        "hash": digest,
    }
    events = {
        name: {
            "type": "object",
            "description": _first_line(kind),
            "properties": {"type": {"const": name}, **columns, "data": _whole(kind)},
            "required": ["type", *columns, "data"],
        }
        for name, kind in EVENT_TYPES.items()
    }
    return _one_of("An event", events)


def _one_of(title: str, members: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": _DIALECT,
        "title": title,
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in members],
        "$defs": dict(members),
    }


def _whole(kind: type[Any]) -> dict[str, Any]:
    """The schema of a type with everything it refers to written out in its place."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    return _inlined(schema, components)


def _with_numbers(schema: Any) -> Any:
    """The schema with decimals that may be JSON numbers, too."""
    match schema:
        case {"type": "string", "format": "decimal"}:
            return _GIVEN_DECIMAL
        case dict():
            return {key: _with_numbers(value) for key, value in schema.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_with_numbers(item) for item in schema]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return schema


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    match schema:
        case {"$ref": str(name), **rest}:
            return {**_inlined(components[name], components), **_inlined(rest, components)}
        case {"description": str(text), **rest} if text != cleandoc(text):
            return {"description": cleandoc(text), **_inlined(rest, components)}
        case {"pattern": str(pattern), **rest}:
            # ECMA 262, which JSON Schema means, knows no \Z; its $ is the very end.
            return {**_inlined(rest, components), "pattern": pattern.removesuffix(r"\Z") + (
                "$" if pattern.endswith(r"\Z") else ""
            )}  # fmt: skip
        case dict():
            return {key: _inlined(value, components) for key, value in schema.items()}  # pyright: ignore[reportUnknownVariableType]
        case list() | tuple():
            return [_inlined(item, components) for item in schema]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return schema


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
