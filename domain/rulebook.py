"""Rulebooks: the regulation as data, each key with its source.

A rulebook is read from TOML (bundled ones) or from an object in a command, checked
whole, and kept for ever as canonical text in the event that adopted it. Code asks the
rulebook; no number of the regulation stands in Python.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import msgspec

from etsledger.domain.errors import InvalidCommand, RouteNotAllowed, UnitNotAllowed
from etsledger.domain.events import ALL_UNITS

if TYPE_CHECKING:
    from etsledger.domain.rulebook_office import Approval, Authority, Power
    from etsledger.domain.rulebook_schema import Route, RulebookData
    from etsledger.domain.rulebook_years import (
        AllocationTable,
        ComplianceYear,
        Correction,
        Exemption,
        PreAllocationTable,
    )


class RulebookRef(msgspec.Struct, frozen=True, gc=False):
    """Which rulebook decided: its SHA-256 (of the canonical text), name and version."""

    hash: str
    name: str
    version: str


class Rulebook:
    """A checked rulebook with its look-up tables built.

    ``ref`` names it in every decision; ``text`` is its RFC 8785 canonical text.
    """

    def __init__(self, text: str) -> None:
        raw = msgspec.json.decode(text)
        self.text = text
        self.data = _check(raw)
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
        self.corrections: dict[str, Correction] = _first_by("name", self.data.corrections)
        self.exemptions: dict[str, Exemption] = _first_by("name", self.data.exemptions)
        self.years: dict[int, ComplianceYear] = _first_by("year", self.data.years)
        """Compliance years; empty when the rulebook knows none and every year may be one."""
        self._allocation = _by_sector_and_year(self.data.allocation)
        self._pre_allocation = _by_sector_and_year(self.data.pre_allocation)
        office = self.data.authority
        self.authority: Authority | None = office if office and office.required else None
        """Who may send and read what; None where it is asked of nobody."""
        self._powers: dict[tuple[str, str], Power] = {}
        self._approvals: dict[str, Approval] = {}
        for power in self.authority.powers if self.authority else ():
            for name in power.commands:
                self._powers.setdefault((power.role, name), power)
        reads = self.authority.reads if self.authority else ()
        self.reads: dict[str, str] = {row.role: row.scope for row in reversed(reads)}
        """Role to the scope of what it may read."""
        for approval in self.authority.approvals if self.authority else ():
            for name in approval.commands:
                self._approvals.setdefault(name, approval)

    def unit_kind(self, unit: str) -> str:
        """The kind of a unit. Raises UnitNotAllowed for one this registry does not know."""
        if unit not in self._unit_kind:
            found = (name for name, pattern in self._unit_patterns if pattern.fullmatch(unit))
            # "*" stands for all units in a freeze; no pattern can make it one of them.
            self._unit_kind[unit] = next(found, None) if unit != ALL_UNITS else None
        kind = self._unit_kind[unit]
        if kind is None:
            known = ", ".join(f"{k.name} ({k.pattern})" for k in self.data.unit_kinds)
            raise UnitNotAllowed(
                f"rulebook {self.data.name} knows no unit {unit!r}; it knows {known}", unit=unit
            )
        return kind

    def route(self, movement: str, unit: str, source_kind: str, target_kind: str) -> "Route":
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

    def power(self, role: str, names: tuple[str, ...]) -> "Power | None":
        """The row that lets a role send a command, by its names from the nearest on."""
        for name in names:
            found = self._powers.get((role, name))
            if found is not None:
                return found
        return None

    def approval(self, names: tuple[str, ...]) -> "Approval | None":
        """The row that asks a second person for a command, by its names."""
        return next((self._approvals[name] for name in names if name in self._approvals), None)

    def account_group(self, kind: str) -> str:
        """government, holding, final or outside."""
        return self.data.group_of(kind)

    def year(self, sector: str, year: int) -> "ComplianceYear | None":
        """The compliance year of a sector, if it is one."""
        found = self.years.get(year)
        return found if found is not None and sector in found.sectors else None

    def allocation(
        self, sector: str, year: int, method: str | None = None
    ) -> "AllocationTable | None":
        """How allocation is computed for a sector and year, and an entity's own method."""
        return _of_method(self._allocation, sector, year, method)

    def pre_allocation(
        self, sector: str, year: int, method: str | None = None
    ) -> "PreAllocationTable | None":
        """What is handed out before a year is verified."""
        return _of_method(self._pre_allocation, sector, year, method)


def _of_method(
    tables: dict[tuple[str, int, str | None], Any], sector: str, year: int, method: str | None
) -> Any:
    return tables.get((sector, year, method)) or tables.get((sector, year, None))


def _first_by(key: str, tables: Iterable[Any]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for table in tables:
        found.setdefault(getattr(table, key), table)
    return found


def _by_sector_and_year(tables: Iterable[Any]) -> dict[tuple[str, int, str | None], Any]:
    found: dict[tuple[str, int, str | None], Any] = {}
    for table in tables:
        for sector in table.sectors:
            for year in table.years:
                for method in table.entity_methods or (None,):
                    found.setdefault((sector, year, method), table)
    return found


def _check(raw: object) -> "RulebookData":
    # The models are read here and not above: questions need no rulebook, and start faster.
    from etsledger.domain.rulebook_schema import checked

    return checked(raw)


def canonical_text(raw: Mapping[str, Any]) -> str:
    """The RFC 8785 text of a rulebook's data; decimals become their text."""
    return msgspec.json.encode(raw, order="sorted").decode()


@lru_cache(maxsize=64)
def load(text: str) -> Rulebook:
    """The rulebook of a canonical text. Raises InvalidCommand with the path of a bad key."""
    return Rulebook(text)


def from_object(raw: Mapping[str, Any]) -> Rulebook:
    """The rulebook a user brings as an object. Raises InvalidCommand.

    With ``extends`` it names a bundled one: its tables are laid over that one's, key by key,
    and its lists stand before that one's, where the first that fits rules.
    """
    base = raw.get("extends")
    if base is None:
        return load(canonical_text(raw))
    own = {key: value for key, value in raw.items() if key != "extends"}
    return load(canonical_text(_laid_over(msgspec.json.decode(bundled(base).text), own)))


def _laid_over(base: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        there = base.get(key)
        if isinstance(value, Mapping) and isinstance(there, dict):
            merged[key] = _laid_over(cast(dict[str, Any], there), cast(Mapping[str, Any], value))
        elif isinstance(value, list) and isinstance(there, list):
            merged[key] = [*cast(list[Any], value), *cast(list[Any], there)]
        else:
            merged[key] = value
    return merged


def bundled_names() -> tuple[str, ...]:
    """The names of the rulebooks that come with the package."""
    folder = resources.files("etsledger.domain") / "rulebooks"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml")))


@cache
def bundled(name: object) -> Rulebook:
    """The bundled rulebook of a name. Raises InvalidCommand for a name that is not bundled."""
    if not isinstance(name, str) or name not in bundled_names():
        raise InvalidCommand(
            f"no bundled rulebook {name!r}; there are {', '.join(bundled_names())}",
            field="rulebook",
        )
    text = (resources.files("etsledger.domain") / "rulebooks" / f"{name}.toml").read_text("utf-8")
    return from_object(tomllib.loads(text, parse_float=Decimal))
