"""The numbers of ``cn-chongqing`` against a table typed a second time, from the sources."""

import ast
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from chongqing import PILOT
from etsledger.domain.errors import RouteNotAllowed, UnitNotAllowed

DATA = PILOT.data
YEARS = range(2013, 2027)
EVERY = ("power", "steel", "cement", "aluminium", "industry", "other")
METHODS = (None, "benchmark", "historical_intensity", "historical_emissions")
KINDS = (
    "authority", "reserve", "entity", "institution", "individual", "retired", "cancelled",
    "issuance",
)  # fmt: skip
GOVERNMENT = ("authority", "reserve")
HOLDING = ("entity", "institution", "individual")
FINAL = ("retired", "cancelled")


@pytest.mark.parametrize("unit", ["CQEA:2013", "CQEA:2019", "CQEA:2020", "CQEA:2024", "CQEA:2099"])
def test_units_are_vintages_of_its_own(unit: str) -> None:
    assert PILOT.unit_kind(unit) == "allowance"


@pytest.mark.parametrize(
    "unit", ["CQEA", "CQEA:2012", "CQEA:2100", "CQEA:2024:1", "CEA:2024", "CQCER:a:2022", "cqea"]
)  # fmt: skip
def test_d64_no_other_unit_is_known(unit: str) -> None:
    with pytest.raises(UnitNotAllowed):
        PILOT.unit_kind(unit)


def test_q_part_entities_institutions_and_individuals_hold_accounts() -> None:
    found = {(one.kind, one.group, one.entity_required) for one in DATA.account_kinds}
    assert found == {
        ("entity", "holding", True), ("institution", "holding", False),
        ("individual", "holding", False),
    }  # fmt: skip


# Movement: from, to, may it be reversed
ROUTES: dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]] = {
    "opening_balance": (("issuance",), (*GOVERNMENT, *HOLDING, *FINAL), True),
    "issue": (("issuance",), ("authority",), True),
    "reserve": (("authority",), ("reserve",), True),
    "distribute": (("reserve",), ("authority",), True),
    "pre_allocate": (GOVERNMENT, HOLDING, False),
    "finalise": (GOVERNMENT, HOLDING, False),
    "recall": (HOLDING, GOVERNMENT, False),
    "borrow": (GOVERNMENT, HOLDING, False),
    "auction": (("reserve",), HOLDING, False),
    "transfer.release": (GOVERNMENT, HOLDING, True),
    "transfer.succession": (HOLDING, HOLDING, True),
    "transfer.judicial": (HOLDING, HOLDING, True),
    "transfer.correction": (
        (*GOVERNMENT, *HOLDING, *FINAL), (*GOVERNMENT, *HOLDING, *FINAL), True
    ),
    "trade": (HOLDING, HOLDING, False),
    "surrender": (HOLDING, ("retired",), False),
    "cancel": ((*HOLDING, *GOVERNMENT), ("cancelled",), False),
}  # fmt: skip


@pytest.mark.parametrize("movement", ROUTES)
def test_routes(movement: str) -> None:
    sources, targets, reversible = ROUTES[movement]
    found: set[tuple[str, str]] = set()
    for one in KINDS:
        for other in KINDS:
            try:
                route = PILOT.route(movement, "CQEA:2024", one, other)
            except RouteNotAllowed:
                continue
            assert route.reversible is reversible
            found.add((one, other))
    assert found == {(one, other) for one in sources for other in targets}


def test_no_other_movement_has_a_route() -> None:
    assert {route.movement for route in DATA.routes} == set(ROUTES)


def test_surrenders_are_confirmed_and_go_straight_to_retired() -> None:
    rules = DATA.surrender
    assert (rules.confirmation, rules.obligations, rules.chain) == (True, True, False)


def test_q_trd_the_market() -> None:
    (market,) = DATA.market
    assert (market.rule, market.units, market.reference) == ("Q-TRD", ("allowance",), "average")
    assert set(market.participants) == set(HOLDING)
    assert market.methods == ("listed", "block")
    assert market.bands == {"listed": Decimal("0.10"), "block": Decimal("0.30")}
    assert (market.below, market.at_least) == ({}, {"block": 10_000})
    assert market.same_day_resale is False


# -- compliance years ----------------------------------------------------------------------------

# Years | sectors that owe (Q-COV-2: power left after 2019; steel, cement, aluminium in 2024)
COVERED = {
    range(2013, 2020): EVERY,
    range(2020, 2024): ("steel", "cement", "aluminium", "industry", "other"),
    range(2024, 2027): ("industry", "other"),
}


@pytest.mark.parametrize("year", YEARS)
def test_q_cov_2_sectors_by_year(year: int) -> None:
    expected = next(sectors for years, sectors in COVERED.items() if year in years)
    found = [sector for sector in EVERY if PILOT.year(sector, year) is not None]
    assert found == list(expected)


@pytest.mark.parametrize("year", YEARS)
def test_q_sur_vintage_deadline_and_earlier_vintages(year: int) -> None:
    table = PILOT.years[year]
    assert table.unit == f"CQEA:{year}"
    assert table.deadline == f"{year + 1}-12-31"
    assert table.units == tuple(f"CQEA:{vintage}" for vintage in range(2013, year + 1))
    assert (table.arrears_units, table.arrears_from, table.obligation_cap) == ((), None, None)
    adopted = "[ADOPTED]" in table.deadline_source
    assert adopted is (year != 2023)  # only the deadline of 2023 is known
    assert "[ADOPTED]" in table.units_source


def test_no_other_year_is_a_compliance_year() -> None:
    assert sorted(PILOT.years) == list(YEARS)
    assert len(DATA.years) == len(YEARS)


# -- allocation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sector", EVERY)
@pytest.mark.parametrize("year", YEARS)
def test_q_alloc_by_figure_or_what_was_emitted(year: int, sector: str) -> None:
    for method in METHODS:
        table = PILOT.allocation(sector, year, method)
        assert table is not None
        bounded = ("cap-gap",) if year >= 2021 else ()
        found = (table.rule, table.method, table.exemptions, table.draft)
        assert found == ("Q-ALLOC", "approved", bounded, False)
    own = PILOT.allocation(sector, year, "verified")
    assert own is not None
    assert (own.rule, own.method, own.exemptions) == ("Q-ALLOC", "verified", ())


def test_q_capgap_a_fifth_or_a_hundred_thousand_tonnes() -> None:
    (one,) = DATA.exemptions
    assert (one.rule, one.kind, one.share, one.limit) == (
        "Q-CAPGAP", "cap_gap", Decimal("0.20"), 100_000
    )  # fmt: skip
    assert "[ADOPTED]" in one.source


@pytest.mark.parametrize("year", YEARS)
def test_q_pre_seventy_per_cent_of_the_year_before_from_2022(year: int) -> None:
    for method in METHODS:
        table = PILOT.pre_allocation("industry", year, method)
        if year < 2022:
            assert table is None
            continue
        assert table is not None
        found = (table.rule, table.ratio, table.basis, table.base_year, table.per, table.maximum)
        assert found == ("Q-PRE", Decimal("0.70"), "verified", None, "entity", False)
        assert table.withheld_entities == ("shut", "dissolved")
        assert "[ADOPTED]" in table.source
    own = PILOT.pre_allocation("industry", year, "verified")
    assert (own is None) if year < 2022 else (own is not None and own.ratio is None)


def test_q_inc_only_the_first_is_limited() -> None:
    found = [
        (one.rule, one.years, one.minimum_share, one.maximum_share, one.limit)
        for one in DATA.incentives
    ]
    assert found == [
        ("Q-INC", (2024,), Decimal("0.005"), Decimal("0.01"), 5_000),
        ("Q-INC-2", (2024,), Decimal(0), Decimal("0.01"), None),
    ]


def test_rounding_is_downward_but_for_rates() -> None:
    assert DATA.rounding is not None
    found = {
        name: (step["places"], step["mode"]) for name, step in DATA.rounding.model_dump().items()
    }
    down = dict.fromkeys(
        ("pre_allocation", "electricity", "heat", "line", "top_up", "obligation_cap"), (0, "floor")
    )
    assert found == {**down, "factor": (6, "half_up"), "gap_rate": (2, "half_up")}


# -- flexibility -----------------------------------------------------------------------------------


def test_q_bor_thresholds_by_year() -> None:
    found = {
        year: (one.rule, one.minimum_gap, one.share_of_gap, one.lender_year)
        for one in DATA.borrowing
        for year in one.years
    }
    tenth, twentieth = Decimal("0.10"), Decimal("0.05")
    assert found == {
        2021: ("Q-BOR", tenth, None, None),
        2022: ("Q-BOR", tenth, None, None),
        2023: ("Q-BOR", tenth, None, None),
        2024: ("Q-BOR", twentieth, None, None),
    }
    assert all("[ADOPTED]" in one.source for one in DATA.borrowing)


def test_q_res_five_per_cent_may_be_set_aside_and_auctions_have_no_share() -> None:
    found = [(one.rule, one.units, one.reserve_share, one.auction_share) for one in DATA.reserve]
    assert found == [("Q-RES", ("*",), Decimal("0.05"), None)]


def test_q_cap_published_caps_only() -> None:
    found = {one.unit: (one.rule, one.tonnes, one.path) for one in DATA.caps}
    assert found == {
        "CQEA:2013": ("Q-CAP", 125_000_000, None),
        "CQEA:2018": ("Q-CAP", 97_000_000, None),
        "CQEA:2019": ("Q-CAP", 92_000_000, None),
        "CQEA:2020": ("Q-CAP", 78_400_000, None),
    }


# Years | share | programmes: registered from, before, used from, before
OFFSETS = """
2021-2026|0.05|ccer-old: - 2017-03-14 - 2025-01-01; ccer: - - - -; cqcer: - - 2021-09-01 -
2013-2020|0.08|ccer-old: - 2017-03-14 - -
""".strip().splitlines()


def test_q_off_shares_and_programmes() -> None:
    assert len(DATA.offsets) == len(OFFSETS)
    for table, row in zip(DATA.offsets, OFFSETS, strict=True):
        years, share, programmes = (cell.strip() for cell in row.split("|"))
        first, last = map(int, years.split("-"))
        assert (table.rule, table.years) == ("Q-OFF", tuple(range(first, last + 1)))
        assert (table.share, table.covered_projects) == (Decimal(share), False)
        found: list[str] = []
        for one in table.programmes:
            dates = (
                one.registered_from, one.registered_before, one.used_from, one.used_before
            )  # fmt: skip
            found.append(f"{one.programme}: " + " ".join(day or "-" for day in dates))
        assert found == programmes.split("; ")


def test_q_green_eight_per_cent_and_two_thousand_tonnes() -> None:
    (one,) = DATA.green_power
    assert (one.rule, one.years, one.share, one.limit) == (
        "Q-GREEN", (2024,), Decimal("0.08"), 2_000
    )  # fmt: skip
    assert "[ADOPTED]" in one.source


def test_q_bank_no_carry_over_and_q_sur_no_fine() -> None:
    assert DATA.banking is None
    assert DATA.penalties == ()


# -- coverage, leaving, calendar -------------------------------------------------------------------


def test_q_cov_1_thresholds() -> None:
    found = [(one.rule, one.years, one.threshold, one.exit_years) for one in DATA.coverage]
    assert found == [
        ("Q-COV-1", tuple(range(2013, 2021)), 20_000, 2),
        ("Q-COV-1", tuple(range(2021, 2027)), 13_000, 2),
    ]
    assert all(one.sectors == EVERY for one in DATA.coverage)


def test_q_cov_2_three_years_to_cancel() -> None:
    assert DATA.leaving is not None
    assert (DATA.leaving.rule, DATA.leaving.years) == ("Q-COV-2", 3)
    assert "[ADOPTED]" in DATA.leaving.source


def test_q_sur_reports_by_the_end_of_april() -> None:
    found = {one.years: (one.rule, one.report, one.verification) for one in DATA.calendar}
    assert found == {(y,): ("Q-SUR", f"{y + 1}-04-30", None) for y in range(2021, 2027)}


# -- sources ---------------------------------------------------------------------------------------

KEY = re.compile(r"\b(?:[A-Z]{1,3}\d*b?|ets)\b(?![-.\d])")


def _sources(of: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(of, dict):
        for key, value in of.items():
            where = f"{path}.{key}".lstrip(".")
            if (key == "source" or key.endswith("_source")) and isinstance(value, str):
                yield where, value
            elif key != "sources":
                yield from _sources(value, where)
    elif isinstance(of, list):
        for i, value in enumerate(of):
            yield from _sources(value, f"{path}.{i}")


def test_every_source_is_a_key_of_sources_and_every_key_is_used() -> None:
    used: set[str] = set()
    for where, text in _sources(json.loads(PILOT.text)):
        keys = set(KEY.findall(text)) - {"ADOPTED"}
        assert keys <= set(DATA.sources), f"{where}: {text}"
        assert keys or "[ADOPTED]" in text, f"{where}: {text}"
        used |= keys
    assert used == set(DATA.sources)


def test_no_source_is_a_place_on_a_machine() -> None:
    folder = resources.files("etsledger.domain") / "rulebooks"
    text = (folder / "cn-chongqing.toml").read_text("utf-8")
    assert re.findall(r"github|https?:|/work|/tmp|\.md\b|\.txt\b", text, re.IGNORECASE) == []


# Those are of the pilot alone; what it shares with the national market is looked for there, and
# 2,000 digits are what sums of emissions may have.
OWN = {
    20_000, 13_000, 5_000, 125_000_000, 97_000_000, 92_000_000, 78_400_000,
    Fraction("0.005"), Fraction("0.08"),
}  # fmt: skip


def test_none_of_its_numbers_stands_in_python() -> None:
    folder = Path(str(resources.files("etsledger.domain") / "errors.py")).resolve().parent
    found: list[str] = []
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            number = isinstance(value, int | float) and not isinstance(value, bool)
            text = isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value)
            if (number or text) and Fraction(str(value)) in OWN:
                found.append(f"{file.name}: {value}")
    assert found == []
