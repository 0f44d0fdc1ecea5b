"""The tables of a rulebook that speak of compliance years: who owes what, by when, and how
much each is given. Checked when a rulebook is read; see ``rulebook_schema``.

Where several tables of a list fit a year and sector, the first one rules, so that a
rulebook which ``extends`` another overrides it by its own tables.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from etsledger.domain.times import parse_instant

Sector = Literal["power", "steel", "cement", "aluminium", "industry", "other"]
EntityStatus = Literal["active", "at_risk", "shut", "dissolved"]
EntityMethod = Literal["benchmark", "historical_intensity", "historical_emissions", "verified"]
UnitStatus = Literal["running", "shut", "new", "excluded"]
Rate = Annotated[Decimal, Field(ge=0, lt=10**12, allow_inf_nan=False)]
Signed = Annotated[Decimal, Field(gt=-1_000_000, lt=1_000_000, allow_inf_nan=False)]
Source = Annotated[str, Field(min_length=1)]
Year = Annotated[int, Field(ge=1990, le=2199)]


class Table(BaseModel):
    """A table of a rulebook: no key beside the ones named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _instant(text: str) -> str:
    parse_instant(text)
    return text


class ObligationCap(Table):
    """The first cycle: what is owed at most, by what was given (tonnes)."""

    rule: str
    gas_up_to_allocation: bool = Field(description="gas units owe no more than they are given")
    over_allocation: Rate = Field(description="others: allocation + this share of emissions")
    source: Source


class ComplianceYear(Table):
    """One compliance year: its vintage, its deadline, and which units may meet it."""

    year: Year
    sectors: tuple[Sector, ...]
    unit: str = Field(description="the unit that allocation hands out, such as CEA:2023")
    deadline: str = Field(description="a date includes the day, a time includes that second")
    deadline_source: Source
    units: tuple[str, ...] = Field(description="the units that may be surrendered for the year")
    units_source: Source
    arrears_units: tuple[str, ...] = Field(default=(), description="after the deadline, too")
    arrears_from: str | None = Field(default=None, description="from this time on")
    obligation_cap: ObligationCap | None = None
    source: Source

    _check_deadline = field_validator("deadline")(_instant)

    @field_validator("arrears_from")
    @classmethod
    def _check_arrears(cls, value: str | None) -> str | None:
        return value if value is None else _instant(value)


class Piece(Table):
    """A factor for load factors below a bound (F is the load factor as a fraction).

    ``power``: base ^ (constant - slope·F); ``linear``: constant + slope·(knee - 100·F);
    ``decay``: constant - the sum of weight·(1 - e^(-100·F/scale)) over the terms.
    """

    below: Rate
    form: Literal["power", "linear", "decay"]
    base: Rate = Decimal(1)
    constant: Signed
    slope: Signed = Decimal(0)
    knee: Signed = Decimal(0)
    terms: tuple[tuple[Signed, Annotated[Decimal, Field(gt=0)]], ...] = ()


class Correction(Table):
    """A factor on the electricity allocation of a unit.

    By its load factor (``pieces``, ascending; 1 above the last bound), by its cooling, or by
    its heat-supply ratio (1 - slope x ratio).
    """

    name: str
    rule: str
    classes: tuple[str, ...]
    by: Literal["load_factor", "cooling", "heat_ratio"]
    pieces: tuple[Piece, ...] = ()
    cooling: dict[str, Rate] = Field(default_factory=dict)
    slope: Rate = Decimal(0)
    source: Source

    @model_validator(mode="after")
    def _ascending(self) -> "Correction":
        bounds = [piece.below for piece in self.pieces]
        if bounds != sorted(bounds):
            raise ValueError("the bounds of the pieces must ascend")
        return self


class UnitClass(Table):
    """The benchmark class of a kind of generating unit, from a rated power on (MW)."""

    of: Literal["conventional_coal", "unconventional_coal", "gas"]
    at_least_mw: Rate | None = None
    name: str = Field(alias="class")
    source: Source


class Exemption(Table):
    """More than the formula gives: ``make_whole`` lifts units of these classes to their
    verified emissions, ``floor`` lifts the entity to a share of its verified emissions.
    ``cap_gap`` bounds surplus and deficit: by ``share`` of the allocation or ``limit`` tonnes,
    whichever is less; what lies beyond is added or taken."""

    name: str
    rule: str
    kind: Literal["make_whole", "floor", "cap_gap"]
    classes: tuple[str, ...] = ()
    share: Rate = Decimal(1)
    limit: int | None = None
    source: Source


class Intensity(Table):
    """E·(1+α) with α = slope·X where |X| < limit, else ±cap; X = (BP - I)/BP."""

    slope: Rate
    limit: Rate
    cap: Rate


class AllocationTable(Table):
    """How much an entity is given for these years.

    ``benchmark``: Σ units of electricity (MWh) x benchmark x corrections + heat (GJ) x
    benchmark; ``intensity``: against the sector's balance value; ``verified``: what was
    emitted; ``approved``: by a figure of the authority only. With ``entity_methods`` it is for
    entities of these allocation methods and no others.
    """

    rule: str
    sectors: tuple[Sector, ...]
    years: tuple[Year, ...]
    method: Literal["benchmark", "intensity", "verified", "approved"]
    entity_methods: tuple[EntityMethod, ...] = ()
    draft: bool = False
    electricity: dict[str, Rate] = Field(default_factory=dict, description="tCO2/MWh by class")
    heat: dict[str, Rate] = Field(default_factory=dict, description="tCO2/GJ by class")
    basis: Literal["electricity_mwh", "supplied_mwh"] = "electricity_mwh"
    corrections: tuple[str, ...] = ()
    exemptions: tuple[str, ...] = Field(default=(), description="by name, in their order")
    nothing_for: tuple[UnitStatus, ...] = Field(default=(), description="units given nothing")
    verified_for: tuple[UnitStatus, ...] = Field(default=(), description="given their emissions")
    status_rule: str = Field(default="", description="the rule of these two, if another")
    verified_below: int | None = Field(default=None, description="tonnes a year of the entity")
    intensity: Intensity | None = None
    source: Source


class PreAllocationTable(Table):
    """What is handed out before the year is verified: a ratio of an earlier year.

    ``base_year`` is the year before unless given; ``output`` is the base year's output times
    the benchmarks of the year; ``maximum`` lets the province give less.
    """

    rule: str
    sectors: tuple[Sector, ...]
    years: tuple[Year, ...]
    entity_methods: tuple[EntityMethod, ...] = ()
    ratio: Rate | None = Field(default=None, description="none: there is no pre-allocation")
    basis: Literal["verified", "output"] = "verified"
    base_year: Year | None = None
    maximum: bool = False
    per: Literal["unit", "entity"] = "unit"
    withheld_units: tuple[UnitStatus, ...] = ()
    withheld_entities: tuple[EntityStatus, ...] = ()
    draft: bool = False
    source: Source


class Rounding(Table):
    """How a step is rounded: to so many places, down or half up."""

    places: int = Field(ge=0, le=12)
    mode: Literal["floor", "half_up"]
    source: Source


class RoundingSteps(Table):
    """The rounding of every step that is computed."""

    pre_allocation: Rounding
    factor: Rounding
    electricity: Rounding
    heat: Rounding
    line: Rounding
    top_up: Rounding
    obligation_cap: Rounding
    gap_rate: Rounding


class Custody(Table):
    """Entities whose allowances go to their province, which surrenders for them."""

    rule: str
    statuses: tuple[EntityStatus, ...]
    source: Source


class DeductionReason(Table):
    """Why an allocation may be reduced, for decisions in a window; shares bound a fraud cut."""

    reason: Literal["borrowed", "unsurrendered", "enforcement", "fraud", "relief", "other"]
    until: str | None = Field(default=None, description="the first instant it may not be decided")
    minimum_share: Rate | None = Field(default=None, description="of the allocation")
    maximum_share: Rate | None = None
    source: Source

    @field_validator("until")
    @classmethod
    def _check_until(cls, value: str | None) -> str | None:
        return value if value is None else _instant(value)


class Coverage(Table):
    """Who is listed: from so many tonnes a year, until so many years running below it."""

    rule: str
    sectors: tuple[Sector, ...]
    years: tuple[Year, ...]
    threshold: int
    exit_years: int
    exit_rule: str
    source: Source


class ReportingCalendar(Table):
    """When the reports of a data year are due, and the steps that follow them."""

    rule: str
    years: tuple[Year, ...]
    sectors: tuple[Sector, ...]
    report: str | None = None
    verification: str | None = None
    pre_allocation: str | None = None
    approval: str | None = None
    issue: str | None = None
    source: Source

    @field_validator("report", "verification", "pre_allocation", "approval", "issue")
    @classmethod
    def _check_dates(cls, value: str | None) -> str | None:
        return value if value is None else _instant(value)


class BackFiling(Table):
    """Months (such as 2025-01) that some sectors file later than the others."""

    sectors: tuple[Sector, ...]
    months: tuple[Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")], ...]
    due: str
    source: Source

    _check_due = field_validator("due")(_instant)


class MonthlyReporting(Table):
    """Monthly data are due so many calendar days after the end of the month."""

    rule: str
    days: int
    back_filing: tuple[BackFiling, ...] = ()
    source: Source


class Penalty(Table):
    """What a breach costs: an amount in CNY, or a multiple of a base."""

    case: str
    years: tuple[Year, ...] = ()
    kind: Literal["amount", "multiple", "share"]
    base: str = ""
    minimum: Rate | None = None
    maximum: Rate | None = None
    price_window: Literal["month_before", "calendar_month"] | None = Field(
        default=None,
        description="of the average price: the month up to the day before the deadline, or the "
        "calendar month before the deadline's",
    )
    source: Source
