"""Commands as JSON: from a line of a command file to a checked command and its kept bytes."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from etsledger.domain.catalogue import INHERITED, Batch, parse
from etsledger.domain.commands import Command
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.times import iso

MAX_LINE: Final = 64 * 1024 * 1024


class Prepared(NamedTuple):
    """A checked command, the canonical bytes that are kept of it, and a batch's commands."""

    command: Command
    content: bytes
    children: tuple["Prepared", ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidCommand(f"the field {twice!r} is given twice", field=twice)
    return found


def _constant(text: str) -> Any:
    raise InvalidCommand(f"{text} is not a number of JSON", field="")


# Numbers with a point are kept as the decimal text they are written with.
_encoder: Final = msgspec.json.Encoder(order="sorted")
_fast: Final = msgspec.json.Decoder(dict[str, Any])
_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_constant
)


def read_json(text: str | bytes) -> Any:
    """The JSON value of a line. Raises InvalidCommand with the place of the fault."""
    if len(text) > MAX_LINE:
        raise InvalidCommand(f"the line is longer than {MAX_LINE} bytes", field="")
    try:
        return _decoder.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidCommand(f"the line is not UTF-8 (byte {error.start})", field="") from None
    except json.JSONDecodeError as error:
        raise InvalidCommand(
            f"the line is not JSON: {error.msg} at column {error.colno}", field=""
        ) from None
    except RecursionError:
        raise InvalidCommand("the line is nested too deeply", field="") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidCommand(
            f"the line holds a number that is too long: {error}", field=""
        ) from None


def _flat(line: bytes) -> dict[str, Any] | None:
    """A line that is one flat object, read fast; None leaves it to the careful reader.

    Escapes, nested values and decimals are left to it, and so is an object with a field
    given twice: it has more quotation marks than its names and texts account for.
    """
    if b"\\" in line:
        return None
    try:
        raw = _fast.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    texts = len(raw)
    for value in raw.values():
        if isinstance(value, str):
            texts += 1
        elif type(value) is not int:  # pyright: ignore[reportUnknownArgumentType]
            return None
    return raw if line.count(b'"') == 2 * texts else None


def prepare(given: Command | Mapping[str, Any] | str | bytes) -> Prepared:
    """Checks a command and fixes the bytes that are kept of it. Raises InvalidCommand."""
    if isinstance(given, Command):
        name = getattr(given, "command")  # noqa: B009 - every subclass has it
        raw: Any = {
            **given.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "command": name,
        }
        command = given
    else:
        raw = _raw(given)
        command = parse(raw)
    try:
        if isinstance(command, Batch):
            return _prepare_batch(command)
        return Prepared(command, _content(command, raw))
    except (UnicodeEncodeError, msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise InvalidCommand(f"the command cannot be kept as JSON: {error}", field="") from None


def _raw(given: Mapping[str, Any] | str | bytes) -> Any:
    if isinstance(given, str | bytes):
        line = given if isinstance(given, bytes) else given.encode("utf-8", "surrogatepass")
        return _flat(line) or read_json(given)
    return _plain(given)


def _content(command: Command, raw: dict[str, Any]) -> bytes:
    kept = raw
    if raw.get("registry") != command.registry:
        kept = {**kept, "registry": command.registry}
    at = command.effective_at
    if at is not None and (text := at.isoformat()) != raw.get("effective_at"):
        kept = {**kept, "effective_at": text}
    if None in kept.values():
        kept = {name: value for name, value in kept.items() if value is not None}
    return _encoder.encode(kept)


def _prepare_batch(batch: Batch) -> Prepared:
    stated = {
        name: iso(value) if isinstance(value, datetime) else value
        for name in INHERITED
        if name in batch.model_fields_set and (value := getattr(batch, name)) is not None
    }
    children: list[Prepared] = []
    seen = {batch.id}
    for i, raw in enumerate(batch.commands):
        try:
            child = prepare({**stated, **raw})
        except InvalidCommand as error:
            where = f"commands.{i}.{error.numbers.get('field', '')}".rstrip(".")
            raise InvalidCommand(f"commands.{i}: {error.message}", field=where) from None
        if child.children:
            raise InvalidCommand(f"commands.{i}: a batch holds no batch", field=f"commands.{i}")
        if child.command.id in seen:
            raise InvalidCommand(
                f"commands.{i}: the id {child.command.id!r} is used twice in this batch",
                field=f"commands.{i}.id",
            )
        seen.add(child.command.id)
        children.append(child)
    return Prepared(batch, batch_content(batch.id, [c.content for c in children]), tuple(children))


def batch_content(batch_id: str, contents: list[bytes]) -> bytes:
    """The canonical bytes of a batch, which its kept commands are enough to rebuild."""
    return msgspec.json.encode(
        {"command": "batch", "commands": [msgspec.Raw(c) for c in contents], "id": batch_id}
    )


def _plain(value: Any) -> Any:
    """A Python value as the JSON it would be written as; a float is its decimal text."""
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case list() | tuple():
            return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case float():
            return Decimal(repr(value))
        case datetime():
            return iso(value) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case _:
            return value
