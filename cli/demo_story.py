"""The worked ledger of ``demo``: a small province through the compliance years 2023 and 2024.

Commands stand under the day on which the ledger is told them; one of them took effect
earlier. Refusals are part of the story.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from etsledger.cli.demo_plants import PLANTS, reports

REGISTRY: Final = "cn-national"
PROVINCE: Final = "jiangbei"
_LEFT_OF_2022: Final = {"qinghe": 45_000, "songlin": 130_000, "yunxi": 160_000}
_BANKED: Final = {
    2023: {"qinghe": 22_806, "songlin": 59_722, "yunxi": 120_670},
    2024: {"qinghe": 21_080, "songlin": 67_486, "yunxi": 39_330},
}
"""What is surrendered for a year in units of 2022, where those of the year do not suffice."""
_YUNXI_HAS: Final = 471_221
"""Tonnes of 2024: less than it needs."""
_UNIT_2_OF_ZHUYUAN: Final = 430_500
_LEFT_TO_HONGYAN: Final = 14_763

AT_RISK: Final = "hongyan"
FLOORED: Final = "yunxi"
GAS: Final = "lanwan"
LATE: Final = "shiqiao"
RECALLED: Final = "zhuyuan"
RESTATED: Final = "heishui"

YEAR: Final = 2023
AS_OF: Final = "2024-12-31"
KNOWN: Final = ("2024-11-30", "2024-12-31", "2025-02-28")
"""The same question, asked with what was known on these days."""
AS_OF_THREE: Final = ("2024-12-30", "2025-01-01", None)
"""The day before the deadline, the day after it, and now."""

Watch = tuple[str, int, tuple[str, ...]]
"""An entity and a year, and what of its standing is shown."""


class Day(NamedTuple):
    """What was recorded on one day (start of office hours, Asia/Shanghai)."""

    date: str
    title: str
    commands: tuple[dict[str, Any], ...]
    watch: tuple[Watch, ...] = ()
    """What is shown of the ledger's own answers that evening."""


def _command(kind: str, number: str, /, **fields: Any) -> dict[str, Any]:
    source = {"from": fields.pop("source")} if "source" in fields else {}
    return {"command": kind, "id": number, "registry": REGISTRY, **fields, **source}


def _opening() -> Iterator[dict[str, Any]]:
    yield _command("open_registry", "cn-national", rulebook="cn-national")
    yield _command("open_account", PROVINCE, account=PROVINCE, kind="province")
    for plant, name in PLANTS.items():
        yield _command(
            "register_entity", plant, entity=plant, name=name, sector="power",
            province=PROVINCE, first_year=2023,
        )  # fmt: skip
        yield _command(
            "open_account", f"{plant}-1", account=f"{plant}-1", kind="entity", entity=plant
        )
    for plant, tonnes in _LEFT_OF_2022.items():
        yield _command(
            "opening_balance", f"left/{plant}", account=f"{plant}-1", unit="CEA:2022",
            quantity=tonnes,
        )  # fmt: skip
    yield from _reports(2022)


def _reports(year: int) -> Iterator[dict[str, Any]]:
    for plant, report in reports(year):
        yield _command("record_verified", f"verified-{year}/{plant}", entity=plant, year=year,
                       **report)  # fmt: skip


def _in_advance(year: int) -> Iterator[dict[str, Any]]:
    unit = f"CEA:{year}"
    yield _command("issue", f"issue-{year}", unit=unit, quantity=32_000_000)
    yield _command(
        "distribute", f"distribute-{year}", unit=unit, quantity=31_500_000, source="authority",
        to=PROVINCE,
    )  # fmt: skip
    for plant in PLANTS:
        yield _command("pre_allocate", f"advance-{year}/{plant}", entity=plant, year=year)


def _final(year: int) -> Iterator[dict[str, Any]]:
    for plant in PLANTS:
        yield _command("finalise_allocation", f"final-{year}/{plant}", entity=plant, year=year)


def _surrenders(year: int, *but: str) -> Iterator[dict[str, Any]]:
    """What each plant hands in for a year: of 2022 what it has banked, else of that year."""
    for plant, report in reports(year):
        if plant in but:
            continue
        banked = _BANKED[year].get(plant, 0)
        rest = _YUNXI_HAS if (plant, year) == (FLOORED, 2024) else report["emissions"] - banked
        for unit, tonnes in (("CEA:2022", banked), (f"CEA:{year}", rest)):
            if tonnes:
                yield _surrender(f"{plant}/{unit[4:]}", plant, year, unit, tonnes)


def _surrender(
    number: str, plant: str, year: int, unit: str, tonnes: int, **more: Any
) -> dict[str, Any]:
    return _command("surrender", f"surrender-{year}/{number}", entity=plant, year=year, unit=unit,
                    quantity=tonnes, **more)  # fmt: skip


def _confirm(*surrenders: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in surrenders:
        yield _command("confirm_surrender", f"confirm/{one['id']}", surrender=one["id"])


def _handed_over(number: str, kind: str, source: str, to: str, reason: str) -> dict[str, Any]:
    return _command(
        "transfer", number, unit="CEA:2023", quantity=_UNIT_2_OF_ZHUYUAN, kind=kind,
        source=f"{source}-1", to=f"{to}-1", reason=reason,
    )  # fmt: skip


_EMITTED: Final = {plant: report["emissions"] for plant, report in reports(2023)}
_CORRECTED: Final = dict(reports(2023, restated=True))[RESTATED]
_FOR_2023: Final = (
    *_surrenders(2023, AT_RISK, LATE),
    _surrender(
        f"{AT_RISK}/forced", AT_RISK, 2023, "CEA:2023", _EMITTED[AT_RISK], source=PROVINCE,
        actor=PROVINCE,
    ),
)  # fmt: skip
_LATE_ONE: Final = _surrender(f"{LATE}/2023", LATE, 2023, "CEA:2023", _EMITTED[LATE])
_MISSING: Final = _surrender(
    f"{RESTATED}/missing", RESTATED, 2023, "CEA:2023",
    _CORRECTED["emissions"] - _EMITTED[RESTATED],
)  # fmt: skip
_FOR_2024: Final = tuple(_surrenders(2024))

STORY: Final = (
    Day("2024-03-04", "the books open: twelve plants, and what each emitted in 2022",
        tuple(_opening())),
    Day("2024-03-18", "a court freezes hongyan's bank account: the province calls it at risk",
        (_command("set_entity_status", "at-risk", entity=AT_RISK, status="at_risk"),)),
    Day("2024-03-25", "CEA:2023 is issued and pre-allocated, to hongyan into custody",
        tuple(_in_advance(2023))),
    Day("2024-04-22", "zhuyuan splits: unit 2, shut by now, goes to lianhua with what it was given",
        (_handed_over("split", "succession", RECALLED, "lianhua", "split of 18 April"),)),
    Day("2024-06-20", "the emissions of 2023 are verified", tuple(_reports(2023))),
    Day("2024-07-15", "the final allocation for 2023: eleven get the rest, zhuyuan had too much",
        tuple(_final(2023)),
        ((RECALLED, 2023, ("entitlement", "pre_allocated", "recalled", "recall_open")),
         (FLOORED, 2023, ("verified_emissions", "entitlement")))),
    Day("2024-07-29", "zhuyuan would give away more",
        (_command("transfer", "refused", unit="CEA:2023", quantity=1, kind="succession",
                  source=f"{RECALLED}-1", to="lianhua-1"),)),
    Day("2024-10-14", "a court annuls the split; what comes back meets the recall first",
        (_handed_over("annulled", "judicial", "lianhua", RECALLED, "judgment of 9 October"),),
        ((RECALLED, 2023, ("recalled", "recall_open")),)),
    Day("2024-12-10", "ten surrender for 2023, the province by force for hongyan; shiqiao does not",
        _FOR_2023),
    Day("2024-12-20", "the province confirms them", tuple(_confirm(*_FOR_2023))),
    Day("2025-01-09", "hongyan is safe again and gets what is left of its allowances",
        (_command("set_entity_status", "safe", entity=AT_RISK, status="active"),
         _command("transfer", "release", unit="CEA:2023", quantity=_LEFT_TO_HONGYAN,
                  kind="release", source=PROVINCE, to=f"{AT_RISK}-1"))),
    Day("2025-01-17", "shiqiao surrenders, too late", (_LATE_ONE, *_confirm(_LATE_ONE)),
        ((LATE, 2023, ("surrendered", "status")),)),
    Day("2025-02-24", "heishui's report of 2023 was wrong: it is restated",
        (_command("record_verified", f"restated-2023/{RESTATED}", entity=RESTATED, year=2023,
                  effective_at="2024-06-20", reason="a slow meter, a wrong coal sample",
                  **_CORRECTED),),
        ((RESTATED, 2023, ("verified_emissions", "outstanding", "status")),)),
    Day("2025-03-10", "its allocation is approved again; for the error 2024's will be cut",
        (_command("finalise_allocation", f"again-2023/{RESTATED}", entity=RESTATED, year=2023,
                  supersedes=f"final-2023/{RESTATED}"),
         _command("record_deduction", "cut", entity=RESTATED, year=2024, quantity=12_000,
                  reason="enforcement")),
        ((RESTATED, 2023, ("entitlement",)),)),
    Day("2025-03-28", "it surrenders what is missing", (_MISSING, *_confirm(_MISSING)),
        ((RESTATED, 2023, ("outstanding", "status")),)),
    Day("2025-04-15", "CEA:2024 is issued and pre-allocated, to heishui less the cut",
        tuple(_in_advance(2024)), ((RESTATED, 2024, ("pre_allocated",)),)),
    Day("2025-06-25", "the emissions of 2024 are verified", tuple(_reports(2024))),
    Day("2025-08-18", "the final allocation for 2024", tuple(_final(2024))),
    Day("2025-12-08", "all surrender for 2024, yunxi what it has", _FOR_2024),
    Day("2025-12-19", "the province confirms them", tuple(_confirm(*_FOR_2024))),
    Day("2026-01-05", "the deadline is past; how yunxi stands is put on record",
        (_command("assess_compliance", "assessed", entity=FLOORED, year=2024),),
        ((FLOORED, 2024, ("obligation", "surrendered", "outstanding", "status")),)),
)  # fmt: skip
