"""A rulebook of a user's own over ``cn-national``: what it overrides, and its bad keys."""

import json
from decimal import Decimal
from typing import Any

import pytest

from etsledger.domain.errors import InvalidCommand
from etsledger.domain.rulebook import from_object
from reports import NATIONAL

DATA = NATIONAL.data


def _own(**tables: Any) -> dict[str, Any]:
    return {"extends": "cn-national", "name": "mine", "version": "1", **tables}


def _allocation(**changed: Any) -> dict[str, Any]:
    return {
        "rule": "mine", "sectors": ["power"], "years": [2024], "method": "benchmark",
        "electricity": {"I": "0.7"}, "source": "my office", **changed,
    }  # fmt: skip


def test_extends_overrides_one_benchmark_and_leaves_the_rest() -> None:
    electricity = {"I": "0.7777", "II": "0.8049", "III": "0.8244", "IV": "0.3288"}
    mine = from_object(_own(allocation=[_allocation(electricity=electricity)]))
    changed = mine.allocation("power", 2024)
    assert changed is not None
    assert changed.electricity["I"] == Decimal("0.7777")
    assert mine.allocation("power", 2023) == NATIONAL.allocation("power", 2023)
    assert mine.pre_allocation("power", 2024) == NATIONAL.pre_allocation("power", 2024)
    assert mine.years == NATIONAL.years
    assert mine.ref.hash != NATIONAL.ref.hash


def test_extends_overrides_one_step_of_rounding() -> None:
    mine = from_object(_own(rounding={"factor": {"places": 4}}))
    assert mine.data.rounding is not None
    assert (mine.data.rounding.factor.places, mine.data.rounding.factor.mode) == (4, "half_up")
    assert DATA.rounding is not None
    assert DATA.rounding.factor.places == 6


FIRST_YEAR = json.loads(NATIONAL.text)["years"][0]
TABLE = {"rule": "x", "sectors": ["power"], "years": [2027], "source": "x"}
DESCENDING = [
    {"below": "0.8", "form": "power", "constant": 1},
    {"below": "0.7", "form": "power", "constant": 1},
]
LOAD = {"name": "x", "rule": "x", "classes": ["I"], "by": "load_factor", "source": "x"}
ROUTE = {"movement": "issue", "units": ["allowance"], "to": ["authority"], "source": "x"}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"allocation": [_allocation(benchmrk=1)]}, "allocation.0.benchmrk"),
    ({"allocation": [_allocation(electricity={"I": "-0.7"})]}, "allocation.0.electricity.I"),
    ({"allocation": [_allocation(electricity={"I": "NaN"})]}, "allocation.0.electricity.I"),
    ({"allocation": [_allocation(electricity={})]}, "allocation.0.electricity"),
    ({"allocation": [_allocation(method="guess")]}, "allocation.0.method"),
    ({"allocation": [_allocation(years=[1066])]}, "allocation.0.years.0"),
    ({"allocation": [_allocation(sectors=["shipping"])]}, "allocation.0.sectors.0"),
    ({"allocation": [_allocation(corrections=["none"])]}, "allocation.0.corrections"),
    ({"allocation": [_allocation(exemptions=["none"])]}, "allocation.0.exemptions"),
    ({"allocation": [_allocation(method="intensity")]}, "allocation.0.intensity"),
    ({"allocation": [_allocation(source="")]}, "allocation.0.source"),
    ({"rounding": {"factor": {"places": -1}}}, "rounding.factor.places"),
    ({"rounding": {"heat": {"mode": "up"}}}, "rounding.heat.mode"),
    ({"years": [{**FIRST_YEAR, "deadline": "soon"}]}, "years.0.deadline"),
    ({"years": [{**FIRST_YEAR, "arrears_from": "later"}]}, "years.0.arrears_from"),
    ({"years": [{"year": 2027}]}, "years.0.sectors"),
    ({"corrections": [{**LOAD, "pieces": DESCENDING}]}, "corrections.0"),
    ({"deductions": [{"reason": "whim", "source": "x"}]}, "deductions.0.reason"),
    ({"deductions": [{"reason": "other", "source": "x", "until": "?"}]}, "deductions.0.until"),
    ({"pre_allocation": [{**TABLE, "ratio": "much"}]}, "pre_allocation.0.ratio"),
    ({"monthly_reporting": {"days": "forty"}}, "monthly_reporting.days"),
    ({"calendar": [{**TABLE, "report": "31 March"}]}, "calendar.0.report"),
    ({"coverage": [{**TABLE, "threshold": 1}]}, "coverage.0.exit_years"),
    ({"penalties": [{"case": "x", "kind": "jail", "source": "x"}]}, "penalties.0.kind"),
    ({"routes": [{**ROUTE, "from": ["mint"]}]}, "routes.0.from"),
]


@pytest.mark.parametrize(("tables", "path"), BAD, ids=[path for _, path in BAD])
def test_a_bad_key_is_refused_with_its_path(tables: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidCommand) as refused:
        from_object(_own(**tables))
    assert refused.value.numbers["field"] == f"rulebook.{path}"
    assert path in refused.value.message


def test_allocation_needs_the_rounding_of_its_steps() -> None:
    book = {**json.loads(NATIONAL.text)}
    del book["rounding"]
    with pytest.raises(InvalidCommand, match="rounding"):
        from_object(book)


def test_extends_names_a_bundled_rulebook() -> None:
    with pytest.raises(InvalidCommand, match="no bundled rulebook 'nowhere'"):
        from_object({**_own(), "extends": "nowhere"})
