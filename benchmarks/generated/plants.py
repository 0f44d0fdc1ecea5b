"""Plausible power plants, by seed: their units, and what each unit does in a year.

Electricity in MWh, heat in GJ, power in MW, emissions in whole tonnes of CO2. A plant emits
near the benchmark of its class, within 12 % either way; a role may push it further.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from generated.entitlements import UnitYear, at_benchmark

YEARS: Final = (2019, 2020, 2021, 2022, 2023, 2024)
KINDS: Final = {"I": 55, "II": 25, "III": 12, "gas": 8}
"""What plants are made of, in percent of them."""
RATED: Final = {
    "I": (600, 630, 660, 1000, 1050),
    "II": (135, 200, 300, 330, 350),
    "III": (135, 150, 300),
    "gas": (180, 230, 390, 430),
}
ROLES: Final = {
    "late": 0.012,  # surrenders for its year after the deadline
    "defaulter": 0.004,  # never surrenders for its year
    "partial": 0.004,  # surrenders a part for its year
    "at_risk": 0.008,  # its allocation of 2023 is kept by the province, which surrenders
    "recall": 0.015,  # makes half of what it did: its pre-allocation was too high
    "recall_open": 0.005,  # … and has sent most of it away before it is recalled
    "restated": 0.008,  # a corrected report and a new approval, before surrendering
    "restated_late": 0.004,  # more emissions found after the deadline
    "rejected": 0.01,  # its first submission is sent back
    "slow": 0.02,  # in time, but confirmed after the deadline only
    "deducted": 0.006,  # the authority deducts from its year
    "inefficient": 0.03,  # emits so much that the floor of 80 % lifts it
    "new_unit": 0.008,  # a unit starts in 2023
    "shut_unit": 0.008,  # a unit shuts in 2024
    "dissolved": 0.004,  # dissolved before the deadline for 2024
}
"""Role to the share of plants that have it; at least one each where there are 40 plants."""
_ROLE_YEARS: Final = {
    "at_risk": (2023,),
    "recall": (2022, 2023, 2024),
    "recall_open": (2023, 2024),
    "restated": (2021, 2022, 2023, 2024),
    "restated_late": (2021, 2022, 2023),
    "deducted": (2022, 2023, 2024),
    "new_unit": (2023,),
    "shut_unit": (2024,),
    "dissolved": (2024,),
}
COAL: Final = {
    "I": "conventional_coal", "II": "conventional_coal", "III": "unconventional_coal",
}  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """A generating unit for life."""

    name: str
    kind: str
    rated_mw: int
    cooling: str
    heat_ratio: float
    load: float
    hours: float
    intensity: float
    """Emissions over those at the benchmark."""


@dataclass
class Plant:
    """An entity of the power sector with its account, and the part it plays."""

    name: str
    province: str
    units: tuple[Unit, ...]
    role: str = ""
    role_year: int = 0
    years: dict[int, tuple[UnitYear, ...]] = field(default_factory=dict)
    """Year to its units as verified; the corrected ones where a report was restated."""

    @property
    def account(self) -> str:
        """Its one account."""
        return f"{self.name}-1"

    def plays(self, role: str, *years: int) -> bool:
        """Whether it has the role in one of the years (in any, if none is named)."""
        return self.role == role and (not years or self.role_year in years)

    def emissions(self, year: int) -> int:
        """Verified tonnes of the year."""
        return sum(unit.emissions for unit in self.years[year])


def spread(seed: int, entities: int, provinces: int) -> list[int]:
    """How many plants each province has: fewer from one to the next."""
    choose = random.Random(seed)
    weights = [1 / (3 + rank) for rank in range(provinces)]
    homes = choose.choices(range(provinces), weights, k=entities)
    return [homes.count(home) for home in range(provinces)]


def plants(seed: int, sizes: Sequence[int], *, roles: bool = True) -> list[Plant]:
    """The plants of provinces of these sizes, with their years."""
    choose = random.Random(seed)
    homes = [home for home, size in enumerate(sizes) for _ in range(size)]
    parts = _roles(choose, len(homes)) if roles else [""] * len(homes)
    found: list[Plant] = []
    for number, home in enumerate(homes):
        role = parts[number]
        year = choose.choice(_ROLE_YEARS.get(role, YEARS)) if role else 0
        plant = Plant(
            f"plant-{number + 1:04d}", f"province-{home + 1:03d}",
            _units(choose, role), role, year,
        )  # fmt: skip
        plant.years = {year: _year(choose, plant, year) for year in (2018, *YEARS)}
        found.append(plant)
    return found


def _roles(choose: random.Random, entities: int) -> list[str]:
    numbers = choose.sample(range(entities), entities)
    roles = [""] * entities
    for role, share in ROLES.items():
        count = max(1, round(share * entities)) if entities >= 40 else 0
        for _ in range(count):
            roles[numbers.pop()] = role
    return roles


def _units(choose: random.Random, role: str) -> tuple[Unit, ...]:
    kind = choose.choices(list(KINDS), list(KINDS.values()))[0]
    if role in ("inefficient", "recall", "recall_open") and kind == "gas":
        kind = "II"  # a gas plant is made whole: nothing would show
    count = choose.choices((1, 2, 3, 4), (20, 50, 15, 15))[0]
    if role in ("new_unit", "shut_unit"):
        count = max(2, count)
    chp = choose.random() < (0.25 if kind == "I" else 0.6)
    plant_intensity = choose.triangular(0.9, 1.09, 1.07)
    if role == "inefficient":
        plant_intensity = choose.uniform(1.4, 1.6)
    rated = choose.choice(RATED[kind])
    cooling = "air" if kind != "gas" and choose.random() < 0.2 else "water"
    return tuple(
        Unit(
            name=f"u{number + 1}",
            kind=COAL.get(kind, kind),
            rated_mw=rated if choose.random() < 0.8 else choose.choice(RATED[kind]),
            cooling=cooling,
            heat_ratio=choose.uniform(0.05, 0.4) if chp else 0.0,
            load=choose.uniform(0.38, 0.88),
            hours=choose.uniform(5500, 8000),
            intensity=plant_intensity * choose.uniform(0.98, 1.02),
        )
        for number in range(count)
    )


def _year(choose: random.Random, plant: Plant, year: int) -> tuple[UnitYear, ...]:
    running = plant.units
    if plant.plays("new_unit") and year < plant.role_year:
        running = running[:-1]
    found: list[UnitYear] = []
    for unit in running:
        status = "running"
        if unit is plant.units[-1] and year == plant.role_year:
            status = {"new_unit": "new", "shut_unit": "shut"}.get(plant.role, status)
        found.append(_unit_year(choose, plant, unit, year, status))
    return tuple(found)


def _unit_year(choose: random.Random, plant: Plant, unit: Unit, year: int, status: str) -> UnitYear:
    load = min(0.9, max(0.35, unit.load * choose.uniform(0.96, 1.04)))
    hours = unit.hours * choose.uniform(0.95, 1.05)
    if plant.plays("recall", year) or plant.plays("recall_open", year):
        hours *= 0.5
    electricity = unit.rated_mw * hours * load
    ratio = unit.heat_ratio * choose.uniform(0.95, 1.05)
    heat = electricity * 3.6 * ratio / (1 - ratio) * 2
    house_load = 0.02 if unit.kind == "gas" else 0.055
    made = UnitYear(
        name=unit.name,
        kind=unit.kind,
        rated_mw=Decimal(unit.rated_mw),
        cooling=unit.cooling,
        electricity_mwh=_places(electricity, 3),
        supplied_mwh=_places(electricity * (1 - house_load), 3),
        heat_gj=_places(heat, 2),
        heat_ratio=_places(ratio, 4),
        load_factor=_places(load, 4),
        emissions=0,
        status=status,
    )
    near = float(at_benchmark(made, max(year, 2019))) * unit.intensity * choose.uniform(0.99, 1.01)
    return made._replace(emissions=math.floor(near))


def correct(plant: Plant, year: int) -> None:
    """Corrects the plant's report of a year: its first unit burnt 2 % more."""
    first, *others = plant.years[year]
    more = first.emissions + first.emissions // 50 + 1
    plant.years[year] = (first._replace(emissions=more), *others)


def as_reported(units: tuple[UnitYear, ...], year: int) -> Iterator[dict[str, Any]]:
    """The units as ``record_verified`` takes them; quantities of output as decimal text."""
    for unit in units:
        given: dict[str, Any] = {
            "unit_id": unit.name,
            "class": unit.kind,
            "rated_mw": str(unit.rated_mw),
            "electricity_mwh": str(unit.electricity_mwh),
            "heat_gj": str(unit.heat_gj),
            "load_factor": str(unit.load_factor),
            "emissions": unit.emissions,
        }
        if year <= 2022:
            given["supplied_mwh"] = str(unit.supplied_mwh)
            given["heat_ratio"] = str(unit.heat_ratio)
            given["cooling"] = unit.cooling
        if unit.status != "running":
            given["status"] = unit.status
        yield given


def _places(value: float, places: int) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
