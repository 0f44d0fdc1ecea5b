"""Reports that make no sense are refused with the field; implausible ones are warned of."""

import json
from typing import Any

import pytest

from etsledger.ledger import Outcome
from helpers import ON_SQLITE, standing
from national import REGISTRY, NationalBook, cfb, coal, gas, line

pytestmark = ON_SQLITE


def refused(book: NationalBook, code: str, *units: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The numbers with which a report is refused."""
    given = {"entity": "plant", "year": 2024, "emissions": 100, **fields}
    return book.refused(code, "record_verified", units=list(units), **given).numbers


def raw(book: NationalBook, unit: str) -> Outcome:
    """A report from a line of JSON, with one unit as it is written."""
    line = (
        f'{{"command": "record_verified", "id": "raw", "registry": "{REGISTRY}", '
        f'"entity": "plant", "year": 2024, "emissions": 100, "units": [{unit}]}}'
    )
    (outcome,) = book.ledger.apply([line])
    return outcome


# -- the shape -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "accepted", "warned"),
    [
        ("60", False, False), ("1.51", False, False), ("1.500000000001", False, False),
        ("1.5", True, True), ("1.01", True, True), ("1", True, False), ("0.60", True, False),
        ("0", True, False), ("-0.01", False, False),
    ],
)  # fmt: skip
def test_a_load_factor_is_a_fraction(
    national: NationalBook, load: str, accepted: bool, warned: bool
) -> None:
    """60 was meant in percent; a little above 1 is implausible only."""
    unit = coal(mwh=1, load_factor=load)
    if accepted:
        outcome = national.verified(100, units=[unit])
        assert bool(outcome.warnings) == warned
    else:
        numbers = refused(national, "InvalidCommand", unit)
        assert (numbers["field"], numbers["found"]) == ("units.0.load_factor", load)


@pytest.mark.parametrize(
    ("without", "unit"),
    [
        ("class", coal(mwh=1)), ("unit_id", coal(mwh=1)), ("rated_mw", coal(mwh=1)),
        ("class", gas(mwh=1)), ("unit_id", cfb(mwh=1)),
    ],
)  # fmt: skip
def test_a_power_unit_says_what_it_is(
    national: NationalBook, without: str, unit: dict[str, Any]
) -> None:
    given = {key: value for key, value in unit.items() if key != without}
    assert refused(national, "InvalidCommand", coal("ok"), given)["field"] == f"units.1.{without}"


@pytest.mark.parametrize("kind", [cfb, gas])
def test_only_conventional_coal_needs_its_power(national: NationalBook, kind: Any) -> None:
    assert national.verified(100, units=[kind(mwh=1)]).outcome == "accepted"


@pytest.mark.parametrize("kind", ["coal", "I", "", 1, None])
def test_an_unknown_class_is_refused(national: NationalBook, kind: object) -> None:
    numbers = refused(national, "InvalidCommand", {**coal(mwh=1), "class": kind})
    assert numbers["field"] == "units.0.class"


def test_a_unit_id_stands_once(national: NationalBook) -> None:
    numbers = refused(national, "InvalidCommand", coal("1"), gas("2"), coal("1"))
    assert (numbers["field"], numbers["unit"]) == ("units.2", "1")


def test_an_industrial_line_needs_its_id(national: NationalBook) -> None:
    national.plant("works", sector="cement")
    given = line(output_t=1, emissions=1)
    del given["line_id"]
    numbers = refused(national, "InvalidCommand", given, entity="works")
    assert numbers["field"] == "units.0.line_id"


def test_an_unknown_field_of_a_unit_is_refused(national: NationalBook) -> None:
    numbers = refused(national, "InvalidCommand", {**coal(mwh=1), "loadfactor": "0.6"})
    assert numbers["field"] == "units.0.loadfactor"


NUMBERS = ("electricity_mwh", "heat_gj", "rated_mw", "supplied_mwh", "output_t", "load_factor",
           "heat_ratio")  # fmt: skip


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "-1", "-1e-9", "1e999"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_decimal_is_a_finite_number_from_zero_on(
    national: NationalBook, name: str, value: str
) -> None:
    assert (
        refused(national, "InvalidCommand", {**coal(), name: value})["field"] == f"units.0.{name}"
    )


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "1e400", "x"])
def test_a_bad_number_in_json_is_refused_and_changes_nothing(
    national: NationalBook, value: str
) -> None:
    before = standing(national.ledger)
    outcome = raw(national, f'{{"unit_id": "1", "class": "gas", "electricity_mwh": {value}}}')
    assert outcome.refusal is not None
    assert outcome.refusal.code == "InvalidCommand"
    assert standing(national.ledger) == before


@pytest.mark.parametrize("value", ["0.60", "0.6", '"0.60"', '"0.6"', "6e-1"])
def test_a_number_counts_as_the_decimal_text_it_is_written_with(
    national: NationalBook, value: str
) -> None:
    unit = coal(mwh=1_000)
    text = json.dumps(unit).removesuffix("}") + f', "load_factor": {value}}}'
    assert raw(national, text).outcome == "accepted"
    national.fund("CEA:2024", 1_000)
    national.finalise()
    (only,) = national.allocation()["lines"]
    assert str(only["factor"]) == "1.061364"


@pytest.mark.parametrize("value", ["0.1234567890123", "1e-13"])
def test_a_decimal_has_at_most_twelve_places(national: NationalBook, value: str) -> None:
    numbers = refused(national, "InvalidCommand", coal(mwh=value))
    assert numbers["field"] == "units.0.electricity_mwh"


@pytest.mark.parametrize("emissions", [-1, 1.5, "100", None, 2**53, True])
def test_emissions_are_whole_tonnes(national: NationalBook, emissions: object) -> None:
    before = standing(national.ledger)
    given = {"command": "record_verified", "id": "x", "entity": "plant", "year": 2024,
             "emissions": emissions}  # fmt: skip
    (outcome,) = national.ledger.apply([given])
    assert outcome.refusal is not None
    assert (outcome.refusal.code, outcome.refusal.numbers["field"]) == (
        "InvalidCommand", "emissions",
    )  # fmt: skip
    assert standing(national.ledger) == before


@pytest.mark.parametrize("name", ["emissions", "intensity_emissions"])
@pytest.mark.parametrize("value", [-1, 2**53])
def test_emissions_of_a_unit_are_tonnes_too(national: NationalBook, name: str, value: int) -> None:
    assert (
        refused(national, "InvalidCommand", {**coal(), name: value})["field"] == f"units.0.{name}"
    )


@pytest.mark.parametrize("year", [1989, 2200, "2024", 2024.5])
def test_a_year_is_a_year(national: NationalBook, year: object) -> None:
    assert refused(national, "InvalidCommand", year=year)["field"] == "year"


# -- what it refers to -----------------------------------------------------------------------------


def test_an_unknown_entity_is_refused(national: NationalBook) -> None:
    assert refused(national, "UnknownEntity", entity="nobody") == {"entity": "nobody"}
    for name in ("pre_allocate", "finalise_allocation", "assess_compliance"):
        refusal = national.refused("UnknownEntity", name, entity="nobody", year=2024)
        assert refusal.numbers["entity"] == "nobody"


def test_the_shape_is_judged_before_the_entity(national: NationalBook) -> None:
    assert refused(national, "InvalidCommand", coal(load_factor="60"), entity="nobody")


@pytest.mark.parametrize("year", [2017, 2027])
def test_a_year_without_a_table_is_recorded_with_a_warning_and_never_allocated(
    national: NationalBook, year: int
) -> None:
    outcome = national.verified(100, year)
    assert f"no compliance year {year}" in outcome.warnings[0]
    for name in ("finalise_allocation", "pre_allocate"):
        refusal = national.refused("AllocationNotReady", name, entity="plant", year=year)
        assert (refusal.numbers["year"], refusal.numbers["sector"]) == (year, "power")


def test_a_finalisation_before_the_report_is_refused(national: NationalBook) -> None:
    refusal = national.refused(
        "AllocationNotReady", "finalise_allocation", entity="plant", year=2024
    )
    assert (refusal.numbers["entity"], refusal.numbers["year"]) == ("plant", 2024)


@pytest.mark.parametrize(
    ("unit", "missing"),
    [({"electricity_mwh": None}, "electricity_mwh"), ({"class": "gas", "emissions": None}, "")],
)
def test_what_the_formula_needs_is_asked_for_when_it_is_counted(
    national: NationalBook, unit: dict[str, Any], missing: str
) -> None:
    """A report may be short of what only a later step needs; the step says what is missing."""
    one = {key: value for key, value in {**coal("a", mwh=1), **unit}.items() if value is not None}
    national.verified(100, units=[one])
    if missing:
        refusal = national.refused(
            "AllocationNotReady", "finalise_allocation", entity="plant", year=2024
        )
        assert (refusal.numbers["unit_id"], refusal.numbers["missing"]) == ("a", missing)
    else:  # the only unit has the entity's emissions
        national.fund("CEA:2024", 100)
        national.finalise()
        assert national.compliance()["entitlement"] == 100


# -- warnings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "warned"), [(99, True), (100, False), (101, True)])
def test_units_that_do_not_sum_up_are_warned_of(
    national: NationalBook, total: int, warned: bool
) -> None:
    units = [coal("1", emissions=60), gas("2", emissions=40)]
    outcome = national.verified(total, units=units)
    assert bool(outcome.warnings) == warned
    if warned:
        assert "100 t" in outcome.warnings[0]
        assert f"{total - 100:+d} t" in outcome.warnings[0]
        assert outcome.as_dict()["warnings"] == list(outcome.warnings)
    assert national.compliance()["obligation"] == total


def test_zero_emissions_are_a_report(national: NationalBook) -> None:
    outcome = national.verified(0, units=[coal(mwh=0, emissions=0)])
    assert outcome.warnings == ()
    national.finalise()
    found = national.allocation()
    assert (found["entitlement"], found["gap_rate"]) == (0, "0.00")
    row = national.compliance(as_of="2026-06-01")
    assert (row["status"], row["obligation"]) == ("COMPLIANT", 0)


def test_a_balance_value_is_a_positive_number(national: NationalBook) -> None:
    for value in ("0", "-0.85", "NaN", "1e999", "0.0"):
        refusal = national.refused(
            "InvalidCommand", "publish_balance_value", sector="cement", year=2025, value=value
        )
        assert refusal.numbers["field"] == "value"


def test_the_same_report_again_is_a_duplicate_not_a_restatement(national: NationalBook) -> None:
    first = national.verified(100, id="r", at="2025-07-01")
    again = national.verified(100, id="r", at="2025-07-01")
    assert (again.outcome, again.positions) == ("duplicate", first.positions)
    refusal = national.refused(
        "DuplicateCommand", "record_verified", id="r", entity="plant", year=2024, emissions=101
    )
    assert refusal.numbers["id"] == "r"
