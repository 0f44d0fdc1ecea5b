"""The shape of a rulebook: every table and key, checked when a rulebook is read.

Read only when a rulebook is: answering a question needs none of it, and building these
models takes a tenth of a second.
"""

import re
from typing import Annotated

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook_calendar import Closing, Period, WorkingDays
from etsledger.domain.rulebook_office import Authority
from etsledger.domain.rulebook_trade import (
    Banking,
    Borrowing,
    GreenPower,
    Incentive,
    IssuanceCap,
    Leaving,
    Market,
    Offsets,
    ReserveRules,
)
from etsledger.domain.rulebook_years import (
    AllocationTable,
    ComplianceYear,
    Correction,
    Coverage,
    Custody,
    DeductionReason,
    Exemption,
    MonthlyReporting,
    Penalty,
    PreAllocationTable,
    ReportingCalendar,
    RoundingSteps,
    Table,
    UnitClass,
)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
# RFC 8785 orders names by UTF-16; up to U+FFFF that is the order of their code points.
Key = Annotated[str, Field(pattern=r"^[^\U00010000-\U0010FFFF]{1,200}$")]


class UnitKind(Table):
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


class AccountKind(Table):
    """A kind of account that may be opened."""

    kind: str
    group: str = Field(description="government or holding")
    entity_required: bool = False
    source: str


class Route(Table):
    """One row of the matrix of what may move where."""

    movement: str = Field(description="the command, with its kind: issue, transfer.free …")
    units: tuple[str, ...]
    source: str
    from_: tuple[str, ...] = Field(alias="from")
    to: tuple[str, ...]
    reversible: bool = False


class SurrenderRules(Table):
    """How a surrender becomes final."""

    confirmation: bool = Field(description="false: a surrender is final when submitted")
    obligations: bool = Field(
        default=False, description="true: only for a known obligation, and no more than it"
    )
    chain: bool = Field(default=False, description="true: by way of province and authority")
    source: str


class RulebookData(Table):
    """The checked content of a rulebook."""

    name: Name
    version: str
    title: str
    sources: dict[Key, str]
    unit_kinds: tuple[UnitKind, ...]
    account_kinds: tuple[AccountKind, ...]
    routes: tuple[Route, ...]
    surrender: SurrenderRules
    years: tuple[ComplianceYear, ...] = ()
    classes: tuple[UnitClass, ...] = ()
    corrections: tuple[Correction, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    allocation: tuple[AllocationTable, ...] = ()
    pre_allocation: tuple[PreAllocationTable, ...] = ()
    rounding: RoundingSteps | None = None
    custody: Custody | None = None
    deductions: tuple[DeductionReason, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    calendar: tuple[ReportingCalendar, ...] = ()
    monthly_reporting: MonthlyReporting | None = None
    penalties: tuple[Penalty, ...] = ()
    market: tuple[Market, ...] = ()
    borrowing: tuple[Borrowing, ...] = ()
    banking: Banking | None = None
    offsets: tuple[Offsets, ...] = ()
    green_power: tuple[GreenPower, ...] = ()
    incentives: tuple[Incentive, ...] = ()
    reserve: tuple[ReserveRules, ...] = ()
    caps: tuple[IssuanceCap, ...] = ()
    leaving: Leaving | None = None
    authority: Authority | None = None
    closing: Closing | None = None
    periods: tuple[Period, ...] = ()
    working_days: WorkingDays | None = None

    _built_in: tuple[tuple[str, str], ...] = PrivateAttr(
        default=(
            ("authority", "government"),
            ("reserve", "government"),
            ("retired", "final"),
            ("cancelled", "final"),
            ("issuance", "outside"),
        )
    )

    def group_of(self, kind: str) -> str:
        """The group of an account kind: government, holding, final or outside."""
        pairs = [*self._built_in, *((k.kind, k.group) for k in self.account_kinds)]
        return next((group for name, group in pairs if name == kind), "holding")

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

    @model_validator(mode="after")
    def _powers_name_known_things(self) -> "RulebookData":
        office = self.authority
        if office is not None and office.required and not office.lets_roles_be_granted:
            raise ValueError("authority.powers: no role may send grant_role with scope all")
        for i, power in enumerate(office.powers if office else ()):
            for name in power.accounts or ():
                if not self.kinds_in(name):
                    raise ValueError(
                        f"authority.powers.{i}.accounts: no account kind or group {name!r}"
                    )
        return self

    @model_validator(mode="after")
    def _periods_name_known_things(self) -> "RulebookData":
        facts = {period.name for period in self.periods if period.counted_from is not None}
        for i, period in enumerate(self.periods):
            if period.after is not None and period.after not in facts:
                raise ValueError(
                    f"periods.{i}.after: no period {period.after!r} that is counted from a fact"
                )
        return self

    @model_validator(mode="after")
    def _allocation_names_known_things(self) -> "RulebookData":
        corrections = {correction.name for correction in self.corrections}
        exemptions = {exemption.name for exemption in self.exemptions}
        for i, table in enumerate(self.allocation):
            for name in table.corrections:
                if name not in corrections:
                    raise ValueError(f"allocation.{i}.corrections: no correction {name!r}")
            for name in table.exemptions:
                if name not in exemptions:
                    raise ValueError(f"allocation.{i}.exemptions: no exemption {name!r}")
            if table.method == "intensity" and table.intensity is None:
                raise ValueError(f"allocation.{i}.intensity: the method needs it")
            if table.method == "benchmark" and not table.electricity:
                raise ValueError(f"allocation.{i}.electricity: the method needs benchmarks")
        if (self.allocation or self.pre_allocation) and self.rounding is None:
            raise ValueError("rounding: allocation needs the rounding of its steps")
        return self


def checked(raw: object) -> RulebookData:
    """The checked content of a rulebook. Raises InvalidCommand with the path of a bad key."""
    try:
        return RulebookData.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        if not path and first["type"] == "value_error":  # checked across tables: names its path
            path, _, reason = reason.partition(": ")
        raise InvalidCommand(
            f"the rulebook is not valid at {path or 'its top'}: {reason}",
            field=f"rulebook.{path}".rstrip("."),
        ) from None
