"""What a power plant is given and owes, worked out plainly, and apart from the ledger's rules.

A second, simple reading of the national formulas for 2019 to 2024, with the numbers written
out and nothing imported from the package: what a generated history expects is computed here,
so that the ledger's answers are compared with something that cannot share its mistakes.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

# Year: tCO2/MWh of classes I, II, III and gas, then tCO2/GJ of heat from coal and from gas.
_COLUMNS = ("I", "II", "III", "IV", "coal", "gas")
_TABLES = {
    2019: "0.877 0.979 1.146 0.392 0.126 0.059",
    2020: "0.877 0.979 1.146 0.392 0.126 0.059",
    2021: "0.8218 0.8773 0.9350 0.3920 0.1111 0.0560",
    2022: "0.8177 0.8729 0.9303 0.3901 0.1105 0.0557",
    2023: "0.7950 0.8090 0.8285 0.3305 0.1038 0.0536",
    2024: "0.7910 0.8049 0.8244 0.3288 0.1033 0.0533",
}
BENCHMARKS = {
    year: dict(zip(_COLUMNS, map(Decimal, row.split()), strict=True))
    for year, row in _TABLES.items()
}
SEVENTY_PERCENT = Decimal("0.7")
_PRECISE = Context(prec=50)


class UnitYear(NamedTuple):
    """A generating unit in a year: MWh, GJ, MW, fractions, and whole tonnes emitted."""

    name: str
    kind: str
    rated_mw: Decimal
    cooling: str
    electricity_mwh: Decimal
    supplied_mwh: Decimal
    heat_gj: Decimal
    heat_ratio: Decimal
    load_factor: Decimal
    emissions: int
    status: str = "running"

    @property
    def of_class(self) -> str:
        """Its benchmark class; 400 MW of rated power part I from II."""
        if self.kind == "gas":
            return "IV"
        if self.kind == "unconventional_coal":
            return "III"
        return "I" if self.rated_mw >= 400 else "II"

    def output(self, year: int) -> Decimal:
        """MWh as the year counts them: supplied to 2022, generated from 2023."""
        return self.supplied_mwh if year <= 2022 else self.electricity_mwh


class Given(NamedTuple):
    """What an entity is given for a year, and how much of that its gas units are (tonnes)."""

    total: int
    gas: int


def at_benchmark(unit: UnitYear, year: int) -> Decimal:
    """Tonnes at the benchmarks of a year, without corrections and without rounding."""
    row = BENCHMARKS[year]
    heat = row["gas" if unit.kind == "gas" else "coal"]
    return unit.output(year) * row[unit.of_class] + unit.heat_gj * heat


def pre_allocation(year: int, base: Iterable[UnitYear]) -> int:
    """70 %, floored unit by unit: of 2018's output to 2020, then of emissions.

    ``base`` are the units of 2018, of 2021 (for 2021 and 2022) or of the year before.
    """
    if year <= 2020:
        return sum(_floor(at_benchmark(unit, year) * SEVENTY_PERCENT) for unit in base)
    return sum(_floor(unit.emissions * SEVENTY_PERCENT) for unit in base)


def entitlement(year: int, units: Sequence[UnitYear]) -> Given:
    """The approved allocation: by unit, gas made whole and at least 80 % from 2021."""
    emissions = sum(unit.emissions for unit in units)
    total = gas = 0
    for unit in units:
        amount = _of_unit(unit, year)
        if unit.kind == "gas":
            if year >= 2021 and unit.status == "running":
                amount = max(amount, unit.emissions)
            gas += amount
        total += amount
    if year >= 2021 and total * 10 < emissions * 8:
        total += _floor(emissions * Decimal("0.8") - total)
    return Given(total, gas)


def obligation(year: int, units: Sequence[UnitYear], given: Given | None) -> int:
    """What is owed; to 2020 no more than the allocation allows, once there is one.

    Gas: the allocation. Others: the allocation and a fifth of the emissions.
    """
    emissions = sum(unit.emissions for unit in units)
    if year > 2020 or given is None:
        return emissions
    if all(unit.kind == "gas" for unit in units):
        return min(emissions, given.total)
    return min(emissions, _floor(given.total + emissions * Decimal("0.2")))


def _of_unit(unit: UnitYear, year: int) -> int:
    if year >= 2023 and unit.status in ("shut", "new", "excluded"):
        return 0
    row = BENCHMARKS[year]
    heat = row["gas" if unit.kind == "gas" else "coal"]
    electricity = unit.output(year) * row[unit.of_class] * _factor(unit, year)
    return _floor(electricity) + _floor(unit.heat_gj * heat)


def _factor(unit: UnitYear, year: int) -> Decimal:
    """The correction of the electricity part; that of the load factor has six places."""
    factors: list[Decimal] = []
    if year <= 2022:
        slope = Decimal("0.6") if unit.kind == "gas" else Decimal("0.22")
        factors.append(1 - slope * unit.heat_ratio)
        if unit.cooling == "air":
            factors.append(Decimal("1.05"))
    if unit.of_class in ("I", "II"):
        factors.append(_six_places(_by_load(unit.load_factor, year)))
    product = Decimal(1)
    for factor in factors:
        product = _PRECISE.multiply(product, factor)
    return product


def _by_load(load: Decimal, year: int) -> Decimal:
    percent = load * 100
    if percent < (75 if year <= 2022 else 65):
        return _PRECISE.power(Decimal("1.015"), 16 - 20 * load)
    if year >= 2023 or percent >= 85:
        return Decimal(1)
    if percent >= 80:
        return 1 + Decimal("0.0014") * (85 - percent)
    return Decimal("1.007") + Decimal("0.0016") * (80 - percent)


def _six_places(factor: Decimal) -> Decimal:
    return factor.quantize(Decimal("0.000001"), ROUND_HALF_UP)


def _floor(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))
