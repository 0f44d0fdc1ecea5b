"""The plants of ``demo``: what each unit of a small province generated and emitted.

Made up, but of the size of real ones. ``yunxi`` burns coal whose carbon nobody measured, so
that a default counts for it; unit 2 of ``zhuyuan`` shut at the end of 2022.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

PLANTS: Final = {
    "longmen": "龙门电厂",
    "qinghe": "清河电厂",
    "songlin": "松林电厂",
    "heishui": "黑水电厂",
    "lianhua": "莲花热电厂",
    "shiqiao": "石桥热电厂",
    "yunxi": "云溪电厂",
    "zhuyuan": "竹园热电厂",
    "wutong": "梧桐煤矸石热电厂",
    "hongyan": "红岩煤矸石电厂",
    "lanwan": "蓝湾燃气电厂",
    "xinqiao": "新桥燃气热电厂",
}
"""Entity to name. The account of ``longmen`` is ``longmen-1``."""


class _Year(NamedTuple):
    """What a unit did in a year: MWh, GJ (0: it sells no heat), load factor, tonnes of CO2."""

    electricity_mwh: int
    heat_gj: int
    load_factor: str
    emissions: int


class _Unit(NamedTuple):
    plant: str
    unit_id: str
    kind: str
    rated_mw: int
    emitted_2022: int
    in_2023: _Year | None
    """None when it is shut."""
    in_2024: _Year | None


_COAL, _WASTE, _GAS = "conventional_coal", "unconventional_coal", "gas"

_UNITS: Final = (
    _Unit("longmen", "1", _COAL, 1000, 4_098_973,
          _Year(5_242_600, 0, "0.74", 4_083_636), _Year(5_136_190, 0, "0.73", 3_985_255)),
    _Unit("longmen", "2", _COAL, 1000, 3_978_703,
          _Year(5_074_540, 0, "0.72", 3_977_997), _Year(5_310_320, 0, "0.74", 4_136_276)),
    _Unit("qinghe", "1", _COAL, 660, 2_548_362,
          _Year(3_216_290, 0, "0.70", 2_575_839), _Year(3_179_280, 0, "0.69", 2_534_213)),
    _Unit("qinghe", "2", _COAL, 330, 1_367_407,
          _Year(1_517_930, 1_483_770, "0.66", 1_385_937),
          _Year(1_505_730, 1_506_880, "0.66", 1_369_299)),
    _Unit("songlin", "1", _COAL, 600, 2_228_106,
          _Year(2_629_520, 0, "0.62", 2_237_511), _Year(2_536_760, 0, "0.60", 2_160_937)),
    _Unit("songlin", "2", _COAL, 600, 2_157_762,
          _Year(2_514_340, 0, "0.58", 2_162_013), _Year(2_587_690, 0, "0.61", 2_202_263)),
    _Unit("heishui", "1", _COAL, 660, 2_478_718,
          _Year(3_116_390, 614_580, "0.68", 2_488_685),
          _Year(3_088_120, 642_310, "0.67", 2_479_068)),
    _Unit("heishui", "2", _COAL, 660, 2_555_959,
          _Year(3_176_770, 589_450, "0.69", 2_542_978),
          _Year(3_142_380, 612_430, "0.68", 2_508_901)),
    _Unit("lianhua", "1", _COAL, 300, 1_168_570,
          _Year(1_299_260, 916_830, "0.63", 1_168_998),
          _Year(1_284_820, 938_930, "0.62", 1_152_202)),
    _Unit("lianhua", "2", _COAL, 300, 1_163_785,
          _Year(1_283_640, 873_870, "0.61", 1_157_931),
          _Year(1_291_220, 903_030, "0.63", 1_157_115)),
    _Unit("shiqiao", "1", _COAL, 350, 1_467_354,
          _Year(1_586_750, 1_753_440, "0.66", 1_446_526),
          _Year(1_569_180, 1_792_860, "0.65", 1_429_878)),
    _Unit("yunxi", "1", _COAL, 135, 609_113,
          _Year(539_210, 0, "0.57", 603_350), _Year(525_840, 0, "0.55", 589_027)),
    _Unit("zhuyuan", "1", _COAL, 200, 615_000,
          _Year(338_400, 313_060, "0.52", 316_222), _Year(590_980, 518_810, "0.56", 547_881)),
    _Unit("zhuyuan", "2", _COAL, 200, 615_000, None, None),
    _Unit("wutong", "1", _WASTE, 135, 609_906,
          _Year(621_320, 1_049_200, "0.64", 616_362), _Year(615_060, 1_070_470, "0.63", 609_044)),
    _Unit("wutong", "2", _WASTE, 135, 621_978,
          _Year(617_050, 1_017_780, "0.63", 612_233), _Year(620_260, 1_038_940, "0.64", 612_355)),
    _Unit("hongyan", "1", _WASTE, 300, 1_175_952,
          _Year(1_440_670, 0, "0.67", 1_178_832), _Year(1_416_480, 0, "0.66", 1_154_346)),
    _Unit("lanwan", "1", _GAS, 450, 472_777,
          _Year(1_281_930, 0, "0.60", 476_053), _Year(1_251_990, 0, "0.59", 465_416)),
    _Unit("lanwan", "2", _GAS, 450, 448_343,
          _Year(1_216_900, 0, "0.58", 455_105), _Year(1_287_920, 0, "0.60", 476_293)),
    _Unit("xinqiao", "1", _GAS, 220, 300_084,
          _Year(736_520, 1_146_990, "0.65", 298_112), _Year(730_840, 1_184_500, "0.64", 296_703)),
)  # fmt: skip

_RESTATED: Final = {("heishui", "2"): _Year(3_194_080, 589_450, "0.69", 2_596_340)}
"""What the corrected report of 2023 says: a meter had run slow, and a coal sample was wrong."""


def reports(year: int, *, restated: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each plant with the fields of its report of a year; of 2022 only the emissions.

    ``restated`` gives the corrected reports of 2023 instead, of the plants that have one.
    """
    for plant in PLANTS:
        units = [unit for unit in _UNITS if unit.plant == plant]
        corrected = any((plant, unit.unit_id) in _RESTATED for unit in units)
        if corrected or not restated:
            rows = [_row(unit, year, restated) for unit in units]
            yield plant, {"emissions": sum(row["emissions"] for row in rows), "units": rows}


def _row(unit: _Unit, year: int, restated: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "unit_id": unit.unit_id, "class": unit.kind, "rated_mw": unit.rated_mw,
    }  # fmt: skip
    if year == 2022:
        return {**row, "emissions": unit.emitted_2022}
    done = unit.in_2023 if year == 2023 else unit.in_2024
    if restated:
        done = _RESTATED.get((unit.plant, unit.unit_id), done)
    if done is None:
        return {**row, "status": "shut", "emissions": 0}
    said = done._asdict()
    if not done.heat_gj:
        del said["heat_gj"]
    return {**row, **said}
