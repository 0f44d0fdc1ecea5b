"""The tables of a rulebook that speak of flexibility: the market, borrowing, banking,
offsets, green power, reserve, auctions and caps. Checked when a rulebook is read; see
``rulebook_schema``. Where several tables of a list fit, the first one rules.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from etsledger.domain.rulebook_years import EntityStatus, Rate, Source, Table, Year
from etsledger.domain.times import parse_instant

Method = Literal["listed", "block", "bidding"]
Whole = Annotated[int, Field(ge=0, lt=2**53)]


def _instant(text: str | None) -> str | None:
    if text is not None:
        parse_instant(text)
    return text


class Market(Table):
    """How units of some kinds are traded through the exchange.

    ``reference`` of the price bands: the close of the latest market day before, or the
    average of all its trades. A method without a band has none; ``below`` and ``at_least``
    bound the quantity of one trade (tonnes).
    """

    rule: str
    units: tuple[str, ...] = Field(description="unit kinds; * for all")
    participants: tuple[str, ...] = Field(description="kinds of accounts that may trade")
    methods: tuple[Method, ...]
    reference: Literal["close", "average"]
    bands: dict[str, Rate] = Field(default_factory=dict, description="share, by method")
    below: dict[str, Whole] = Field(default_factory=dict)
    at_least: dict[str, Whole] = Field(default_factory=dict)
    same_day_resale: bool = False
    source: Source


class Borrowing(Table):
    """Units of a later year lent for a year with a large gap (tonnes).

    ``minimum_gap`` is the least gap rate; ``share_of_gap`` bounds what may be borrowed
    (none: the whole gap); the lender year is the next one unless given.
    """

    rule: str
    years: tuple[Year, ...]
    lender_year: Year | None = None
    minimum_gap: Rate
    share_of_gap: Rate | None = None
    withheld_entities: tuple[EntityStatus, ...] = ()
    frozen_accounts: bool = Field(default=False, description="an entity with one may borrow")
    source: Source


class BankingBatch(Table):
    """Applications filed by a day are processed by another."""

    filed_by: str
    processed_by: str

    _check = field_validator("filed_by", "processed_by")(_instant)


class Banking(Table):
    """Old vintages carried over into a new one, up to ``base`` + net sales x ``ratio``."""

    rule: str
    units: tuple[str, ...] = Field(description="old units, oldest first")
    into: str
    base: Whole
    ratio: Rate
    trades_from: str
    trades_to: str
    holding_at: str = Field(description="what was held then can be carried")
    apply_from: str
    apply_to: str
    on_time_years: tuple[Year, ...] = Field(description="an entity late for one may not")
    batches: tuple[BankingBatch, ...] = ()
    source: Source

    _check = field_validator("trades_from", "trades_to", "holding_at", "apply_from", "apply_to")(
        _instant
    )


class OffsetProgramme(Table):
    """Credits that may be used, by programme, by when they were registered and used."""

    programme: Literal["ccer-old", "ccer", "cqcer"]
    registered_from: str | None = None
    registered_before: str | None = None
    used_from: str | None = None
    used_before: str | None = None
    source: Source

    _check = field_validator("registered_from", "registered_before", "used_from", "used_before")(
        _instant
    )


class Offsets(Table):
    """How much of what is owed for these years credits may meet, and which ones."""

    rule: str
    years: tuple[Year, ...]
    share: Rate
    programmes: tuple[OffsetProgramme, ...]
    covered_projects: bool = Field(default=False, description="also of covered projects")
    draft: bool = False
    source: Source


class GreenPower(Table):
    """How much of the shortfall green electricity may meet (share, and tonnes)."""

    rule: str
    years: tuple[Year, ...]
    share: Rate
    limit: Whole
    source: Source


class Incentive(Table):
    """An adjustment that the authority may give: within shares of the allocation, and tonnes."""

    rule: str
    years: tuple[Year, ...]
    minimum_share: Rate = Field(description="of the allocation before it")
    maximum_share: Rate
    limit: Whole | None = None
    source: Source


class ReserveRules(Table):
    """How much of what is issued of a unit may be set aside, and auctioned (shares)."""

    rule: str
    units: tuple[str, ...] = Field(description="unit names; * for all")
    reserve_share: Rate | None = None
    auction_share: Rate | None = None
    source: Source


class IssuanceCap(Table):
    """The most that may be issued of a unit; or a path of caps by year.

    With ``unit`` one cap; with ``path`` the unit named by it (``{year}`` stands for the
    year): ``tonnes`` in ``first_year``, then less by ``decline`` each year, floored.
    """

    rule: str
    unit: str | None = None
    path: str | None = None
    first_year: Year | None = None
    decline: Rate | None = None
    tonnes: Whole
    source: Source

    @model_validator(mode="after")
    def _one_or_path(self) -> "IssuanceCap":
        if (self.unit is None) == (self.path is None):
            raise ValueError("a cap names a unit or a path")
        if self.path is not None and (self.first_year is None or self.decline is None):
            raise ValueError("a path needs first_year and decline")
        if self.path is not None and "{year}" not in self.path:
            raise ValueError("a path says where {year} stands in the name of its units")
        if self.decline is not None and self.decline > 1:
            raise ValueError("decline is a share of the year before")
        return self


class Leaving(Table):
    """What an entity that moves to another market was given free is to be cancelled."""

    rule: str
    years: int = Field(description="after 31 December of its first year elsewhere")
    source: Source
