"""Names of individuals: kept beside the log, never in it.

A command that names a person is kept with a salted hash in the place of the name; the name
and its salt stand in a table of their own, which can be emptied. Without the salt nobody can
tell from the hash whose it was, and the log with its chain and proofs stays as it is.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from etsledger.domain.commands import Command
from etsledger.domain.errors import InvalidCommand

PREFIX: Final = "sha256:"
_SEALED: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SALT: Final = 16


class PersonalName(NamedTuple):
    """A name with its salt (hex), and what stands in the log for it."""

    hash: str
    salt: str
    name: str


def hashed(name: str, salt: str) -> str:
    """What stands in the log for a name: SHA-256 of the salt's bytes and the name in UTF-8."""
    return PREFIX + hashlib.sha256(bytes.fromhex(salt) + name.encode()).hexdigest()


def sealed(command: Command) -> tuple[Command, tuple[PersonalName, ...]]:
    """The command with a hash in the place of each name, and the names.

    A name that is such a hash already stays: commands are decided again from the log. Raises
    InvalidCommand for what is no name.
    """
    names: list[PersonalName] = []
    changes: dict[str, str] = {}
    for field in command.personal:
        name: str | None = getattr(command, field)
        if name is None or _SEALED.fullmatch(name):
            continue
        if not name.isprintable():
            raise InvalidCommand(
                f"{field}: control characters and halves of characters are in no name", field=field
            )
        salt = secrets.token_hex(_SALT)
        names.append(PersonalName(hashed(name, salt), salt, name))
        changes[field] = names[-1].hash
    if not changes:
        return command, ()
    return msgspec.structs.replace(command, **changes), tuple(names)


def with_salts_of(
    content: bytes, names: Iterable[PersonalName], kept: Iterable[PersonalName]
) -> bytes:
    """A command's bytes with the hashes that are kept of the same names.

    So a command that is sent again is the same one, though it was given other salts.
    """
    there = list(kept)
    for own in names:
        for earlier in there:
            if earlier.hash == hashed(own.name, earlier.salt):
                content = content.replace(own.hash.encode(), earlier.hash.encode())
                there.remove(earlier)
                break
    return content
