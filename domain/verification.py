"""Verified emissions and published balance values: what allocation and obligation rest on.

A report recorded again restates the year (rule N-ADJ-4); the earlier one stays what was
known before.
"""

from decimal import Decimal
from typing import ClassVar, Final, Literal

from etsledger.domain.commands import MAX_TONNES, Balance, Command, Id, Year
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Event
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import BalanceValue, Entity, Fact, RegistryState, Scribe
from etsledger.domain.yearbook import Report, ReportedUnit

MAX_UNITS: Final = 10_000
LARGEST: Final = Decimal(10) ** 15
"""No quantity of a report is larger (MWh, GJ, tonnes of product)."""
MOST_PLACES: Final = 12
HIGHEST_LOAD: Final = Decimal("1.5")
"""A load factor is a fraction; a figure above this was meant in percent."""


class RecordVerified(Command, frozen=True, kw_only=True, tag="record_verified"):
    """Records an entity's verified emissions of a year (tonnes), with its units or lines."""

    example: ClassVar[str] = (
        '{"command": "record_verified", "id": "31", "registry": "cn-national", '
        '"entity": "huaneng", "year": 2024, "emissions": 2700000, "units": [{"unit_id": "1", '
        '"class": "conventional_coal", "rated_mw": 600, "electricity_mwh": 3000000, '
        '"heat_gj": 1200000, "load_factor": 0.6, "emissions": 2700000}]}'
    )
    entity: Id
    year: Year
    emissions: Balance
    units: tuple[ReportedUnit, ...] = ()


class PublishBalanceValue(Command, frozen=True, kw_only=True, tag="publish_balance_value"):
    """Records the balance value of a sector and year (tCO2e per tonne of product)."""

    example: ClassVar[str] = (
        '{"command": "publish_balance_value", "id": "32", "registry": "cn-national", '
        '"sector": "cement", "year": 2025, "value": "0.8500"}'
    )
    sector: Literal["power", "steel", "cement", "aluminium", "industry", "other"]
    year: Year
    value: Decimal


class EmissionsVerified(Event, frozen=True, kw_only=True):
    """An entity's verified emissions of a year; ``restates`` is the position of the report
    that it replaces."""

    emissions: int
    entity: str
    restates: int | None = None
    units: tuple[ReportedUnit, ...] = ()
    year: int


class BalanceValuePublished(Event, frozen=True, kw_only=True):
    """The balance value of a sector and year."""

    sector: str
    value: Decimal
    year: int


def decide_report(command: RecordVerified, desk: Desk) -> EmissionsVerified:
    """Raises InvalidCommand for a report that makes no sense, UnknownEntity.

    What is only implausible is noted as a warning.
    """
    check_numbers(command.units, "units")
    entity = desk.entity(command.entity)
    check_shapes(command.units, "units", entity)
    desk.not_before_succession(command.entity, entity)
    _warn(command, entity, desk)
    before = desk.year_book(command.entity, command.year).report
    return EmissionsVerified(
        emissions=command.emissions,
        entity=command.entity,
        restates=before.position if before else None,
        units=command.units,
        year=command.year,
    )


def check_numbers(units: tuple[ReportedUnit, ...], where: str) -> None:
    """Raises InvalidCommand for too many units, or a number of one that cannot be."""
    if len(units) > MAX_UNITS:
        raise InvalidCommand(f"{where}: at most {MAX_UNITS}", field=where, limit=MAX_UNITS)
    for i, unit in enumerate(units):
        _check_numbers(f"{where}.{i}", unit)


def check_shapes(units: tuple[ReportedUnit, ...], where: str, entity: Entity) -> None:
    """Raises InvalidCommand for a unit without what its sector needs, or one named twice."""
    names: set[str] = set()
    for i, unit in enumerate(units):
        _check_shape(f"{where}.{i}", unit, entity)
        if unit.name in names:
            raise InvalidCommand(
                f"{where}.{i}: {unit.name!r} is there twice", field=f"{where}.{i}", unit=unit.name
            )
        names.add(unit.name)


def decimal_fault(value: Decimal, most: Decimal = LARGEST) -> str | None:
    """What is wrong with a decimal of a command: not a number, below zero, too large."""
    if not value.is_finite() or value < 0 or value > most:
        return f"{value} is not a number from 0 to {most}"
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MOST_PLACES:
        return f"more than {MOST_PLACES} decimal places"
    return None


_DECIMALS: Final = ("electricity_mwh", "heat_gj", "output_t", "rated_mw", "supplied_mwh")
_FRACTIONS: Final = {"load_factor": HIGHEST_LOAD, "heat_ratio": Decimal(1)}
_TONNES: Final = ("emissions", "intensity_emissions")


def _check_numbers(where: str, unit: ReportedUnit) -> None:
    for field in _DECIMALS:
        value = getattr(unit, field)
        if value is not None and (fault := decimal_fault(value)):
            raise InvalidCommand(f"{where}.{field}: {fault}", field=f"{where}.{field}")
    for field, most in _FRACTIONS.items():
        value = getattr(unit, field)
        if value is not None and (fault := decimal_fault(value, most)):
            raise InvalidCommand(
                f"{where}.{field}: {fault}; it is a fraction, 60 % is written 0.60",
                field=f"{where}.{field}", found=str(value),
            )  # fmt: skip
    for field in _TONNES:
        tonnes: int | None = getattr(unit, field)
        if tonnes is not None and not 0 <= tonnes <= MAX_TONNES:
            raise InvalidCommand(
                f"{where}.{field}: {tonnes} is not from 0 to {MAX_TONNES}", field=f"{where}.{field}"
            )


def _check_shape(where: str, unit: ReportedUnit, entity: Entity) -> None:
    if entity.sector == "power":
        needed: tuple[str, ...] = ("unit_id", "class_")
        if unit.class_ == "conventional_coal":
            needed = (*needed, "rated_mw")
    else:
        needed = ("line_id",)
    for field in needed:
        if not getattr(unit, field):
            name = field.rstrip("_")
            raise InvalidCommand(
                f"{where}.{name}: is missing; a unit of sector {entity.sector} needs it",
                field=f"{where}.{name}",
            )


def _warn(command: RecordVerified, entity: Entity, desk: Desk) -> None:
    given = [unit.emissions for unit in command.units if unit.emissions is not None]
    if given and len(given) == len(command.units) and sum(given) != command.emissions:
        desk.warn(
            f"the units emitted {sum(given)} t together, {command.emissions} t are verified for "
            f"{command.entity}: a difference of {command.emissions - sum(given):+d} t"
        )
    for unit in command.units:
        if unit.load_factor is not None and unit.load_factor > 1:
            desk.warn(f"unit {unit.name}: a load factor of {unit.load_factor} is above 1")
    rules = desk.rules
    if rules.years and not _counts(rules, entity.sector, command.year):
        desk.warn(
            f"rulebook {rules.data.name} has no compliance year {command.year} for sector "
            f"{entity.sector}: the report creates no obligation"
        )


def _counts(rules: Rulebook, sector: str, year: int) -> bool:
    """Whether a year's report is one that obligations or pre-allocations are counted from."""
    if rules.year(sector, year) is not None:
        return True
    later = (table for table in rules.data.pre_allocation if sector in table.sectors)
    return any(table.base_year == year or year + 1 in table.years for table in later)


def decide_balance_value(command: PublishBalanceValue, desk: Desk) -> BalanceValuePublished:
    """Raises InvalidCommand when the value is no positive number."""
    fault = decimal_fault(command.value)
    if fault or not command.value:
        raise InvalidCommand(f"value: {fault or 'is zero'}", field="value")
    return BalanceValuePublished(sector=command.sector, value=command.value, year=command.year)


def balance_value(registry: RegistryState, sector: str, year: int, desk: Desk) -> Decimal | None:
    """The balance value in effect at the decision's time, as known now; the last recorded."""
    values = registry.balance_values.get(sector, {}).get(year, ())
    known = [value.value for value in values if value.at <= desk.effective_at]
    return known[-1] if known else None


def evolve_report(
    scribe: Scribe, registry: RegistryState, event: EmissionsVerified, fact: Fact
) -> None:
    """The report joins the year book; the last recorded one rules."""
    report = Report(fact.effective_at, fact.position, event.emissions, event.units)
    scribe.note(registry, event.entity, event.year, "reports", report)


def evolve_balance_value(
    scribe: Scribe, registry: RegistryState, event: BalanceValuePublished, fact: Fact
) -> None:
    """The value joins those published for its sector and year."""
    years = registry.balance_values.get(event.sector)
    if years is None:
        years = dict[int, tuple[BalanceValue, ...]]()
        scribe.put(registry.balance_values, event.sector, years)
    value = BalanceValue(fact.effective_at, fact.position, event.value)
    scribe.put(years, event.year, (*years.get(event.year, ()), value))
