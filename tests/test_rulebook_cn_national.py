"""The numbers of ``cn-national`` against a table typed a second time, from the regulation."""

from decimal import Decimal
from typing import Any

import pytest

from etsledger.domain.errors import RouteNotAllowed, UnitNotAllowed
from reports import NATIONAL

DATA = NATIONAL.data
INDUSTRY = ("steel", "cement", "aluminium")
YEARS = range(2019, 2027)
KINDS = ("authority", "reserve", "province", "entity", "retired", "cancelled", "issuance")


# Years | I II III IV in tCO2/MWh | heat of coal, of gas in tCO2/GJ | basis | draft
BENCHMARKS = """
2019 | 0.877  0.979  1.146  0.392  | 0.126  0.059  | supplied_mwh    |
2020 | 0.877  0.979  1.146  0.392  | 0.126  0.059  | supplied_mwh    |
2021 | 0.8218 0.8773 0.9350 0.3920 | 0.1111 0.0560 | supplied_mwh    |
2022 | 0.8177 0.8729 0.9303 0.3901 | 0.1105 0.0557 | supplied_mwh    |
2023 | 0.7950 0.8090 0.8285 0.3305 | 0.1038 0.0536 | electricity_mwh |
2024 | 0.7910 0.8049 0.8244 0.3288 | 0.1033 0.0533 | electricity_mwh |
2025 | 0.7902 0.8017 0.8162 0.3288 | 0.1027 0.0533 | electricity_mwh | draft
2026 | 0.7894 0.7985 0.8080 0.3288 | 0.1021 0.0533 | electricity_mwh | draft
""".strip().splitlines()


@pytest.mark.parametrize("row", BENCHMARKS, ids=lambda row: row[:4])
def test_benchmarks_of_every_class_and_year(row: str) -> None:
    year, power, heat, basis, draft = (cell.strip() for cell in row.split("|"))
    table = NATIONAL.allocation("power", int(year))
    assert table is not None
    coal, gas = heat.split()
    by_class = dict(zip(("I", "II", "III", "IV"), map(Decimal, power.split()), strict=True))
    assert table.electricity == by_class
    assert table.heat == {
        "I": Decimal(coal), "II": Decimal(coal), "III": Decimal(coal), "IV": Decimal(gas)
    }  # fmt: skip
    assert (table.method, table.basis, table.draft) == ("benchmark", basis, draft == "draft")


@pytest.mark.parametrize("year", YEARS)
def test_units_that_no_benchmark_counts_are_given_nothing_or_what_they_emitted(year: int) -> None:
    table = NATIONAL.allocation("power", year)
    assert table is not None
    left_out = ("shut", "new", "excluded")
    assert table.nothing_for == (left_out if year <= 2024 else ())
    assert table.verified_for == (() if year <= 2024 else left_out)


def test_corrections_by_period() -> None:
    by_year = {year: NATIONAL.allocation("power", year) for year in YEARS}
    names = {year: table.corrections if table else None for year, table in by_year.items()}
    first = (
        "load-factor-2019-22", "cooling-2019-22",
        "heat-supply-coal-2019-22", "heat-supply-gas-2019-22",
    )  # fmt: skip
    assert names == {
        **dict.fromkeys((2019, 2020, 2021, 2022), first),
        **dict.fromkeys((2023, 2024), ("load-factor-2023-24",)),
        **dict.fromkeys((2025, 2026), ("load-factor-2025-26",)),
    }
    by_class = {name: one.classes for name, one in NATIONAL.corrections.items()}
    assert by_class == {
        "load-factor-2019-22": ("I", "II"),
        "load-factor-2023-24": ("I", "II"),
        "load-factor-2025-26": ("I", "II"),
        "cooling-2019-22": ("I", "II", "III"),
        "heat-supply-coal-2019-22": ("I", "II", "III"),
        "heat-supply-gas-2019-22": ("IV",),
    }
    assert NATIONAL.corrections["cooling-2019-22"].cooling == {
        "water": Decimal(1), "air": Decimal("1.05")
    }  # fmt: skip
    assert NATIONAL.corrections["heat-supply-coal-2019-22"].slope == Decimal("0.22")
    assert NATIONAL.corrections["heat-supply-gas-2019-22"].slope == Decimal("0.6")


def test_n_gas_comes_before_n_floor80_from_2021_on() -> None:
    for year in YEARS:
        table = NATIONAL.allocation("power", year)
        assert table is not None
        found = [NATIONAL.exemptions[name] for name in table.exemptions]
        expected = [] if year <= 2020 else [("N-GAS", ("IV",), 1), ("N-FLOOR80", (), "0.80")]
        assert [(one.rule, one.classes, one.share) for one in found] == [
            (rule, classes, Decimal(share)) for rule, classes, share in expected
        ]
    for sector in INDUSTRY:
        for year in (2024, 2025, 2026):
            table = NATIONAL.allocation(sector, year)
            assert table is not None
            assert table.exemptions == ()


def test_classes_by_rated_power() -> None:
    assert [(row.of, row.at_least_mw, row.name) for row in DATA.classes] == [
        ("conventional_coal", 400, "I"),
        ("conventional_coal", None, "II"),
        ("unconventional_coal", None, "III"),
        ("gas", None, "IV"),
    ]


@pytest.mark.parametrize("sector", INDUSTRY)
def test_industry_by_year(sector: str) -> None:
    tables = {year: NATIONAL.allocation(sector, year) for year in YEARS}
    assert [year for year, table in tables.items() if table is None] == list(range(2019, 2024))
    found = {
        year: (table.rule, table.method, table.draft, table.nothing_for, table.verified_for,
               table.verified_below)
        for year, table in tables.items() if table is not None
    }  # fmt: skip
    left_out = ("shut", "new", "excluded")
    assert found == {
        2024: ("N-IND-2024", "verified", False, (), (), None),
        2025: ("N-IND-2025", "intensity", True, left_out, (), None),
        2026: ("N-IND-2026", "intensity", True, (), left_out, 26_000),
    }
    for year in (2025, 2026):
        table = tables[year]
        assert table is not None
        assert table.intensity is not None
        limits = table.intensity
        assert [str(limits.slope), str(limits.limit), str(limits.cap)] == ["0.15", "0.20", "0.03"]


# Sectors | year | ratio | basis | base year | maximum | per | draft
PRE_ALLOCATION = """
power    | 2019 | 0.70 | output   | 2018 | fixed   | unit   |
power    | 2020 | 0.70 | output   | 2018 | fixed   | unit   |
power    | 2021 | 0.70 | verified | 2021 | fixed   | unit   |
power    | 2022 | 0.70 | verified | 2021 | fixed   | unit   |
power    | 2023 | 0.70 | verified | None | fixed   | unit   |
power    | 2024 | 0.70 | verified | None | fixed   | unit   |
power    | 2025 | 0.50 | verified | None | maximum | unit   | draft
power    | 2026 | 0.50 | verified | None | maximum | unit   | draft
industry | 2024 | None | verified | None | fixed   | unit   |
industry | 2025 | 0.70 | verified | None | fixed   | entity |
industry | 2026 | 0.50 | verified | None | maximum | entity | draft
""".strip().splitlines()


@pytest.mark.parametrize("row", PRE_ALLOCATION, ids=lambda row: row[:15].replace(" ", ""))
def test_pre_allocation_by_period(row: str) -> None:
    sectors, year, *expected = (cell.strip() for cell in row.split("|"))
    for sector in INDUSTRY if sectors == "industry" else ("power",):
        table = NATIONAL.pre_allocation(sector, int(year))
        assert table is not None
        assert [
            str(table.ratio), table.basis, str(table.base_year),
            "maximum" if table.maximum else "fixed", table.per, "draft" if table.draft else "",
        ] == expected  # fmt: skip
        if table.ratio is not None:
            to_2024 = ("shut", "excluded") if int(year) < 2025 else ("shut",)
            assert table.withheld_units == to_2024
            assert table.withheld_entities == ("shut", "dissolved")


def test_rounding_of_every_step() -> None:
    rounding = DATA.rounding
    assert rounding is not None
    steps = rounding.model_dump().items()
    assert {name: (step["places"], step["mode"]) for name, step in steps} == {
        "pre_allocation": (0, "floor"),
        "factor": (6, "half_up"),
        "electricity": (0, "floor"),
        "heat": (0, "floor"),
        "line": (0, "floor"),
        "top_up": (0, "floor"),
        "obligation_cap": (0, "floor"),
        "gap_rate": (2, "half_up"),
    }  # fmt: skip


ALL_VINTAGES = ["2019-2020", "2021", "2022", "2023", "2024", "2025", "2026"]
# Year | unit | deadline | units that may be surrendered in time
COMPLIANCE_YEARS = """
2019 | 2019-2020 | 2021-12-31T17:00:00+08:00 | 2019-2020
2020 | 2019-2020 | 2021-12-31T17:00:00+08:00 | 2019-2020
2021 | 2021      | 2023-12-31                | 2019-2020 2021 2022
2022 | 2022      | 2023-12-31                | 2019-2020 2021 2022
2023 | 2023      | 2024-12-31                | 2019-2020 2021 2022 2023
2024 | 2024      | 2025-12-31                | 2019-2020 2021 2022 2023 2024
2025 | 2025      | 2026-12-31                | 2025 2026
2026 | 2026      | 2027-12-31                | 2025 2026
""".strip().splitlines()


@pytest.mark.parametrize("row", COMPLIANCE_YEARS, ids=lambda row: row[:4])
def test_deadlines_and_vintages_by_compliance_year(row: str) -> None:
    text, vintage, deadline, units = (cell.strip() for cell in row.split("|"))
    year = int(text)
    table = NATIONAL.years[year]
    assert (table.unit, table.deadline) == (f"CEA:{vintage}", deadline)
    assert table.units == tuple(f"CEA:{name}" for name in units.split())
    arrears = tuple(f"CEA:{name}" for name in ALL_VINTAGES) if year <= 2024 else ()
    assert table.arrears_units == arrears
    assert table.arrears_from == ("2026-01-01" if year <= 2024 else None)
    assert table.sectors == (("power",) if year < 2024 else ("power", *INDUSTRY))
    cap = table.obligation_cap
    if year <= 2020:
        assert cap is not None
        assert (cap.gas_up_to_allocation, str(cap.over_allocation)) == (True, "0.20")
    else:
        assert cap is None


def test_n_part_1_only_provinces_and_entities_have_accounts() -> None:
    found = [(kind.kind, kind.group, kind.entity_required) for kind in DATA.account_kinds]
    assert found == [("province", "government", False), ("entity", "holding", True)]


@pytest.mark.parametrize("unit", ["CEA:2019-2020", "CEA:2021", "CEA:2030", "CEA:2099"])
def test_x_2_vintages_that_are_units(unit: str) -> None:
    assert NATIONAL.unit_kind(unit) == "allowance"


@pytest.mark.parametrize(
    "unit", ["CEA:2019", "CEA:2020", "CEA:2100", "CEA:2021-2022", "CEA", "CQEA:2024", "cea:2021"]
)
def test_x_2_what_is_no_unit(unit: str) -> None:
    with pytest.raises(UnitNotAllowed):
        NATIONAL.unit_kind(unit)


GOVERNMENT = ("authority", "reserve", "province")
FINAL = ("retired", "cancelled")
ROUTES: dict[str, tuple[bool, list[tuple[tuple[str, ...], tuple[str, ...]]]]] = {
    "opening_balance": (True, [(("issuance",), (*GOVERNMENT, "entity", *FINAL))]),
    "issue": (True, [(("issuance",), ("authority",))]),
    "distribute": (True, [(("authority",), ("province",)), (("province",), ("authority",))]),
    "reserve": (True, [(("authority",), ("reserve",))]),
    "pre_allocate": (False, [(GOVERNMENT, ("entity", *GOVERNMENT))]),
    "finalise": (False, [(GOVERNMENT, ("entity", *GOVERNMENT))]),
    "recall": (False, [(("entity", *GOVERNMENT), GOVERNMENT)]),
    "transfer.release": (True, [(GOVERNMENT, ("entity",))]),
    "transfer.succession": (True, [(("entity",), ("entity",))]),
    "transfer.judicial": (True, [(("entity",), ("entity",))]),
    "transfer.correction": (
        True, [((*GOVERNMENT, "entity", *FINAL), (*GOVERNMENT, "entity", *FINAL))]
    ),
    "transfer.free": (False, []),
    "surrender": (False, [(("entity", *GOVERNMENT), ("retired",))]),
    "cancel": (False, [(("entity", *GOVERNMENT), ("cancelled",))]),
    "trade": (False, [(("entity",), ("entity",))]),
    "borrow": (False, [(GOVERNMENT, ("entity",))]),
    "carry_over": (False, [(("entity",), ("issuance",))]),
}  # fmt: skip


@pytest.mark.parametrize("movement", ROUTES)
def test_x_5_and_x_6_what_may_move_where(movement: str) -> None:
    reversible, expected = ROUTES[movement]
    allowed = {(one, other) for ends in expected for one in ends[0] for other in ends[1]}
    found: set[tuple[str, str]] = set()
    for one in KINDS:
        for other in KINDS:
            try:
                route = NATIONAL.route(movement, "CEA:2023", one, other)
            except RouteNotAllowed:
                continue
            assert route.reversible is reversible
            found.add((one, other))
    assert found == allowed


def test_no_other_movement_has_a_route() -> None:
    assert {route.movement for route in DATA.routes} == set(ROUTES) - {"transfer.free"}


def test_surrenders_are_confirmed_by_way_of_the_province() -> None:
    rules = DATA.surrender
    assert (rules.confirmation, rules.obligations, rules.chain) == (True, True, True)


def test_n_adj_3_reasons_of_deductions() -> None:
    found = {
        row.reason: (row.until, row.minimum_share, row.maximum_share) for row in DATA.deductions
    }
    nothing = (None, None, None)
    assert found == {
        "borrowed": nothing,
        "unsurrendered": ("2026-08-15", None, None),
        "enforcement": nothing,
        "fraud": (None, Decimal("0.50"), Decimal(1)),
        "relief": nothing,
        "other": nothing,
    }
    assert len(DATA.deductions) == len(found)


def test_n_diff_entities_at_risk_are_in_custody() -> None:
    assert DATA.custody is not None
    assert (DATA.custody.rule, DATA.custody.statuses) == ("N-DIFF", ("at_risk",))


# Case | years | kind | bounds in CNY, times or share
PENALTIES = """
unsurrendered          | 2019-2022 | amount   | 20000 30000
unsurrendered          | 2023-2026 | multiple | 5 10
fraud                  |           | multiple | 5 10
fraud                  |           | amount   | 500000 2000000
fraud.person           |           | amount   | 50000 200000
fraud.uncorrected      |           | share    | 0.5 1
reporting              |           | amount   | 50000 500000
testing_body           |           | multiple | 5 10
testing_body           |           | amount   | 20000 100000
verification_body      |           | multiple | 5 10
verification_body      |           | amount   | 200000 1000000
manipulation           |           | multiple | 1 10
manipulation           |           | amount   | 500000 5000000
disturbance            |           | multiple | 1 10
disturbance            |           | amount   | 100000 1000000
ccer_project_owner     |           | amount   | 10000 100000
ccer_verification_body |           | amount   | 50000 200000
""".strip().splitlines()


def test_penalties_by_case() -> None:
    expected: list[Any] = []
    for row in PENALTIES:
        case, years, kind, bounds = (cell.strip() for cell in row.split("|"))
        first, _, last = years.partition("-")
        span = tuple(range(int(first), int(last) + 1)) if years else ()
        expected.append((case, span, kind, *map(Decimal, bounds.split())))
    found = [(row.case, row.years, row.kind, row.minimum, row.maximum) for row in DATA.penalties]
    assert found == expected
