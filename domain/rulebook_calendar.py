"""The tables of a rulebook that speak of days: which ones are worked, and what is counted in
them. Checked when a rulebook is read; see ``rulebook_schema``.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from etsledger.domain.roles import Role
from etsledger.domain.rulebook_years import Source, Table


def _date(value: object) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value)
    raise ValueError("a date is a text such as 2027-02-05")


Day = Annotated[date, BeforeValidator(_date)]
CalendarYear = Annotated[int, Field(ge=1990, le=2199)]


class Closing(Table):
    """Who may let a fact into a closed period: an actor with one of the roles ``authority``."""

    authority: tuple[Role, ...] = Field(min_length=1)
    source: Source


class Period(Table):
    """So many working days after the day of a fact; that day itself is not counted.

    ``verified``: a report of verified emissions; ``allocated``: a final allocation;
    ``restated``: a report after the year was allocated, met by the allocation that follows;
    ``carried_over``: the day by which the batch of a carry-over is processed. ``after`` names
    another period instead: counted from its last day, at the latest.
    """

    name: Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")]
    rule: str
    counted_from: Literal["verified", "allocated", "restated", "carried_over"] | None = None
    after: str | None = None
    working_days: Annotated[int, Field(ge=1, le=366)]
    years: tuple[CalendarYear, ...] = Field(default=(), description="of these years only")
    draft: bool = False
    source: Source

    @model_validator(mode="after")
    def _counted_from_one_thing(self) -> "Period":
        if (self.counted_from is None) == (self.after is None):
            raise ValueError("a period is counted from a fact, or after another period")
        return self


class WorkingDays(Table):
    """What the authority has published of working days beyond the package's own calendar.

    A day named here is what it is called here, in any year. ``years`` are those that the
    package need not know: outside the days named, their Mondays to Fridays are worked.
    """

    years: tuple[CalendarYear, ...] = Field(default=(), description="told in full by this table")
    holidays: tuple[Day, ...] = Field(default=(), description="days off, weekends left out")
    workdays: tuple[Day, ...] = Field(default=(), description="weekend days that are worked")
    source: Source

    @model_validator(mode="after")
    def _one_thing_only(self) -> "WorkingDays":
        both = sorted(set(self.holidays) & set(self.workdays))
        if both:
            raise ValueError(f"{both[0]} is named as a holiday and as a working day")
        return self
