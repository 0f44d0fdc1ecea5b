"""Commands as JSON: from a line of a command file to a checked command and its kept bytes."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from etsledger.domain.catalogue import ANY_COMMAND, INHERITED, Batch, invalid
from etsledger.domain.commands import Command
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.proposals import NEVER_PROPOSED, TAKEN_OVER, Approve, Execute, Propose
from etsledger.domain.times import iso, parse_instant
from etsledger.ledger.personal import PersonalName, sealed

MAX_LINE: Final = 64 * 1024 * 1024


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A checked command: its kept canonical bytes, its time, and a batch's commands."""

    command: Command
    content: bytes
    effective_at: datetime | None
    children: tuple["Prepared", ...] = ()
    names: tuple[PersonalName, ...] = ()
    """The names of individuals that the command was sent with; a batch has its commands'."""


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
_careful: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_constant=_constant
)
_encoder: Final = msgspec.json.Encoder(order="sorted")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_UNFIT: Final = (UnicodeEncodeError, msgspec.MsgspecError, TypeError, RecursionError)
_fast: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(ANY_COMMAND)


def read_json(text: str | bytes) -> Any:
    """The JSON value of a line. Raises InvalidCommand with the place of the fault."""
    if len(text) > MAX_LINE:
        raise InvalidCommand(f"the line is longer than {MAX_LINE} bytes", field="")
    try:
        return _careful.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidCommand(f"the line is not UTF-8 (byte {error.start})", field="") from None
    except json.JSONDecodeError as error:
        raise InvalidCommand(
            f"the line is not JSON: {error.msg} at column {error.colno}", field=""
        ) from None
    except RecursionError:
        raise InvalidCommand("the line is nested too deeply", field="") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidCommand(f"a number is too long: {error}", field="") from None


def prepare(given: Command | Mapping[str, Any] | str | bytes) -> Prepared:
    """Checks a command and fixes the bytes that are kept of it. Raises InvalidCommand."""
    if isinstance(given, bytes):
        line = given
    elif isinstance(given, str):
        line = given.encode("utf-8", "surrogatepass")
    else:
        line = _to_json(given)
    return _prepare_fast(line) or _prepare_raw(read_json(line))


def _prepare_fast(line: bytes) -> Prepared | None:
    """A line that is one plain object; None leaves it to the careful reader.

    Escapes, batches, proposals and faults are left to it, and so is an object with a field given
    twice: it has more quotation marks than what is kept of it.
    """
    if b"\\" in line:
        return None
    try:
        command = _fast.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(command, Batch | Propose):
        return None
    try:
        prepared = _prepared(command)
    except InvalidCommand:
        return None
    marks = prepared.content.count(b'"')
    if b'"registry":' not in line:  # the name; it may be a text too
        marks -= 4
    return prepared if line.count(b'"') == marks else None


def _prepare_raw(raw: Any) -> Prepared:
    try:
        command: Command = msgspec.convert(raw, ANY_COMMAND)
    except msgspec.ValidationError as error:
        raise invalid(error, raw) from None
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidCommand(f"the command cannot be read: {error}", field="") from None
    if isinstance(command, Batch):
        _check_id(command)
        return _prepare_batch(command, raw)
    prepared = _prepare_proposal(command) if isinstance(command, Propose) else _prepared(command)
    if b"\\u0000" in prepared.content:
        for field, value in raw.items():
            if _NUL.search(_encoder.encode(value)):
                raise InvalidCommand(f"{field}: the text holds a NUL character", field=field)
    return prepared


def _check_id(command: Command) -> None:
    if not command.id.isprintable():
        raise InvalidCommand("id: control characters are not allowed", field="id")


def _prepared(command: Command) -> Prepared:
    _check_id(command)
    at, text = None, command.effective_at
    if text is not None:
        try:
            at = parse_instant(text)
        except ValueError as error:
            raise InvalidCommand(f"effective_at: {error}", field="effective_at") from None
        # The kept text is at +08:00, so that the same instant is the same content.
        if len(text) != 25 or text[10] != "T" or not text.endswith("+08:00"):
            command = msgspec.structs.replace(command, effective_at=iso(at))
    names: tuple[PersonalName, ...] = ()
    if command.personal:
        command, names = sealed(command)
    try:
        return Prepared(command, _encoder.encode(command), at, (), names)
    except _UNFIT as error:
        raise _unfit(command, error) from None


def _prepare_batch(batch: Batch, raw: dict[str, Any]) -> Prepared:
    stated = {name: raw[name] for name in INHERITED if raw.get(name) is not None}
    children: list[Prepared] = []
    seen = {batch.id}
    for i, child_raw in enumerate(batch.commands):
        where = f"commands.{i}"
        try:
            child = _prepare_raw({**stated, **child_raw})
        except InvalidCommand as error:
            field = f"{where}.{error.numbers.get('field', '')}".rstrip(".")
            raise InvalidCommand(f"{where}: {error.message}", field=field) from None
        if child.children or isinstance(child.command, Approve | Execute):
            raise InvalidCommand(
                f"{where}: a batch holds no {child_raw.get('command')}", field=where
            )
        if child.command.id in seen:
            raise InvalidCommand(
                f"{where}: the id {child.command.id!r} is used twice in this batch",
                field=f"{where}.id",
            )
        seen.add(child.command.id)
        children.append(child)
    content = batch_content(batch.id, [child.content for child in children])
    names = tuple(name for child in children for name in child.names)
    return Prepared(batch, content, None, tuple(children), names)


def _prepare_proposal(command: Propose) -> Prepared:
    """The proposed command is kept in its canonical form, with what it takes over."""
    given = command.proposes
    stated = {name: getattr(command, name) for name in TAKEN_OVER}
    own = {name: value for name, value in stated.items() if value is not None}

    def unfit(field: str, reason: str) -> InvalidCommand:
        where = f"proposes.{field}".rstrip(".")
        return InvalidCommand(f"{where}: {reason}", field=where)

    if given.get("command") in NEVER_PROPOSED:
        raise unfit("command", f"{given['command']} cannot be proposed")
    try:
        proposed = _prepare_raw({**own, **given})
    except InvalidCommand as error:
        raise unfit(str(error.numbers.get("field", "")), error.message) from None
    for field in ("registry", "actor"):
        if getattr(proposed.command, field) != stated[field]:
            raise unfit(field, f"the {field} is that of the proposal, {stated[field]!r}")
    if proposed.command.approved_by is not None:
        raise unfit("approved_by", "the one who approves is named by the approval")
    if proposed.command.id == command.id:
        raise unfit("id", f"the proposed command needs an id of its own, not {command.id!r}")
    kept = msgspec.structs.replace(command, proposes=msgspec.json.decode(proposed.content))
    return msgspec.structs.replace(_prepared(kept), names=proposed.names)


def batch_content(batch_id: str, contents: list[bytes]) -> bytes:
    """The canonical bytes of a batch, which its kept commands are enough to rebuild."""
    return msgspec.json.encode(
        {"command": "batch", "commands": [msgspec.Raw(c) for c in contents], "id": batch_id}
    )


def _to_json(given: Command | Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(given, enc_hook=_plain)
    except _UNFIT as error:
        raise _unfit(given, error) from None


def _unfit(given: Command | Mapping[str, Any], error: Exception) -> InvalidCommand:
    """The refusal of a command that is no JSON (half a surrogate pair, an endless nesting)."""
    if isinstance(given, Command):
        fields = msgspec.structs.fields(type(given))
        values = {field.encode_name: getattr(given, field.name) for field in fields}
    else:
        values = dict(given)
    for field, value in values.items():
        try:
            msgspec.json.encode(value, enc_hook=_plain)
        except _UNFIT as fault:
            return InvalidCommand(f"{field}: cannot be kept as JSON: {fault}", field=field)
    return InvalidCommand(f"the command cannot be kept as JSON: {error}", field="")


def _plain(value: Any) -> Any:
    # Subclasses that the encoder does not know, such as freezegun's.
    if isinstance(value, datetime):
        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    raise TypeError(f"{type(value).__name__} is no JSON")
