"""Rulebooks: the regulation as data, each key with its source.

A rulebook is read from TOML (bundled ones) or from an object in a command, checked
whole, and kept for ever as canonical text in the event that adopted it. Code asks the
rulebook; no number of the regulation stands in Python.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from etsledger.domain.errors import InvalidCommand, RouteNotAllowed, UnitNotAllowed

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RulebookRef(msgspec.Struct, frozen=True, gc=False):
    """Which rulebook decided: its SHA-256 (of the canonical text), name and version."""

    hash: str
    name: str
    version: str


class UnitKind(_Table):
    """A family of units that the registry keeps, told by the pattern of their names."""

    name: Name
    pattern: str
    source: str

    @model_validator(mode="after")
    def _pattern_compiles(self) -> "UnitKind":
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern is not a regular expression: {error}") from None
        return self


class AccountKind(_Table):
    """A kind of account that may be opened."""

    kind: str
    group: str = Field(description="government or holding")
    entity_required: bool = False
    source: str


class Route(_Table):
    """One row of the matrix of what may move where."""

    movement: str = Field(description="the command, with its kind: issue, transfer.free …")
    units: tuple[str, ...]
    source: str
    from_: tuple[str, ...] = Field(alias="from")
    to: tuple[str, ...]
    reversible: bool = False


class SurrenderRules(_Table):
    """How a surrender becomes final."""

    confirmation: bool = Field(description="false: a surrender is final when submitted")
    source: str


class RulebookData(_Table):
    """The checked content of a rulebook."""

    name: Name
    version: str
    title: str
    sources: dict[str, str]
    unit_kinds: tuple[UnitKind, ...]
    account_kinds: tuple[AccountKind, ...]
    routes: tuple[Route, ...]
    surrender: SurrenderRules

    _built_in: tuple[tuple[str, str], ...] = PrivateAttr(
        default=(
            ("authority", "government"),
            ("reserve", "government"),
            ("retired", "final"),
            ("cancelled", "final"),
            ("issuance", "outside"),
        )
    )

    def kinds_in(self, name: str) -> tuple[str, ...]:
        """The account kinds that a kind, a group or ``*`` in a route stands for."""
        pairs = [*self._built_in, *((k.kind, k.group) for k in self.account_kinds)]
        return tuple(kind for kind, group in pairs if name in (kind, group, "*"))

    @model_validator(mode="after")
    def _routes_name_known_things(self) -> "RulebookData":
        unit_kinds = {k.name for k in self.unit_kinds} | {"*"}
        for i, route in enumerate(self.routes):
            for unit in route.units:
                if unit not in unit_kinds:
                    raise ValueError(f"routes.{i}.units: no unit kind {unit!r}")
            for end, names in (("from", route.from_), ("to", route.to)):
                for name in names:
                    if not self.kinds_in(name):
                        raise ValueError(f"routes.{i}.{end}: no account kind or group {name!r}")
        return self


class Rulebook:
    """A checked rulebook with its look-up tables built.

    ``ref`` names it in every decision; ``text`` is its RFC 8785 canonical text.
    """

    def __init__(self, text: str) -> None:
        raw = msgspec.json.decode(text)
        self.text = text
        self.data = _checked(raw)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.ref = RulebookRef(hash=digest, name=self.data.name, version=self.data.version)
        self._unit_patterns = [(k.name, re.compile(k.pattern)) for k in self.data.unit_kinds]
        self._unit_kind: dict[str, str | None] = {}
        self._routes: dict[tuple[str, str, str, str], Route] = {}
        for route in reversed(self.data.routes):
            units = [u for u in route.units if u != "*"] or [k.name for k in self.data.unit_kinds]
            for unit in units:
                for source in (k for name in route.from_ for k in self.data.kinds_in(name)):
                    for target in (k for name in route.to for k in self.data.kinds_in(name)):
                        self._routes[route.movement, unit, source, target] = route
        self.account_kinds = {k.kind: k for k in self.data.account_kinds}

    def unit_kind(self, unit: str) -> str:
        """The kind of a unit. Raises UnitNotAllowed for one this registry does not know."""
        if unit not in self._unit_kind:
            found = (name for name, pattern in self._unit_patterns if pattern.fullmatch(unit))
            self._unit_kind[unit] = next(found, None)
        kind = self._unit_kind[unit]
        if kind is None:
            known = ", ".join(f"{k.name} ({k.pattern})" for k in self.data.unit_kinds)
            raise UnitNotAllowed(
                f"rulebook {self.data.name} knows no unit {unit!r}; it knows {known}", unit=unit
            )
        return kind

    def route(self, movement: str, unit: str, source_kind: str, target_kind: str) -> Route:
        """The matrix row that lets a unit go from one kind of account to another.

        Raises UnitNotAllowed, RouteNotAllowed.
        """
        route = self._routes.get((movement, self.unit_kind(unit), source_kind, target_kind))
        if route is None:
            raise RouteNotAllowed(
                f"no row of rulebook {self.data.name} lets {movement} take {unit} from "
                f"{source_kind} to {target_kind}; see its [[routes]]",
                movement=movement, unit=unit, from_kind=source_kind, to_kind=target_kind,
            )  # fmt: skip
        return route


def _checked(raw: Any) -> RulebookData:
    try:
        return RulebookData.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "rulebook"
        raise InvalidCommand(
            f"the rulebook is not valid at {path}: {first['msg']}", field=f"rulebook.{path}"
        ) from None


def canonical_text(raw: Mapping[str, Any]) -> str:
    """The RFC 8785 text of a rulebook's data; decimals become their text."""
    return msgspec.json.encode(raw, order="sorted").decode()


@lru_cache(maxsize=64)
def load(text: str) -> Rulebook:
    """The rulebook of a canonical text. Raises InvalidCommand with the path of a bad key."""
    return Rulebook(text)


def from_object(raw: Mapping[str, Any]) -> Rulebook:
    """The rulebook a user brings as an object. Raises InvalidCommand."""
    return load(canonical_text(raw))


def bundled_names() -> tuple[str, ...]:
    """The names of the rulebooks that come with the package."""
    folder = resources.files("etsledger.domain") / "rulebooks"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


@cache
def bundled(name: str) -> Rulebook:
    """The bundled rulebook of a name. Raises InvalidCommand for a name that is not bundled."""
    if name not in bundled_names():
        raise InvalidCommand(
            f"no bundled rulebook {name!r}; there are {', '.join(bundled_names())}",
            field="rulebook",
        )
    text = (resources.files("etsledger.domain") / "rulebooks" / f"{name}.toml").read_text("utf-8")
    return from_object(tomllib.loads(text, parse_float=Decimal))
