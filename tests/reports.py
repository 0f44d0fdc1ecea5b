"""Verified reports of made-up plants, for the pure functions of the domain."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from etsledger.domain.rulebook import Rulebook, bundled
from etsledger.domain.times import SHANGHAI
from etsledger.domain.yearbook import Report, ReportedUnit

NATIONAL: Rulebook = bundled("cn-national")
_SOME_TIME = datetime(2025, 6, 30, tzinfo=SHANGHAI)


def report(emissions: int, *units: ReportedUnit) -> Report:
    """Verified emissions of an entity in tonnes, with its units or lines."""
    return Report(_SOME_TIME, 1, emissions, units)


def _decimals(fields: dict[str, Any]) -> dict[str, Any]:
    """Numbers that a report gives in decimals may be written as text here."""
    decimal = {
        "electricity_mwh", "heat_gj", "heat_ratio", "load_factor", "output_t", "rated_mw",
        "supplied_mwh",
    }  # fmt: skip
    return {
        key: Decimal(str(value)) if key in decimal and value is not None else value
        for key, value in fields.items()
    }


def unit(kind: str | None, mwh: str | int | None = None, gj: str | int = 0, **fields: Any) -> Any:
    """A generating unit ``u1`` that generated and supplied ``mwh``."""
    whole = {"unit_id": "u1", "electricity_mwh": mwh, "supplied_mwh": mwh, "heat_gj": gj}
    return ReportedUnit(class_=kind, **_decimals({**whole, **fields}))  # pyright: ignore[reportArgumentType]


def coal(mwh: str | int | None = None, gj: str | int = 0, **fields: Any) -> ReportedUnit:
    """Conventional coal of 600 MW: class I."""
    return unit("conventional_coal", mwh, gj, **{"rated_mw": 600, **fields})


def gas(mwh: str | int | None = None, gj: str | int = 0, **fields: Any) -> ReportedUnit:
    """A gas unit: class IV."""
    return unit("gas", mwh, gj, **fields)


def industrial_line(emissions: int | None, output: str | int | None, **fields: Any) -> ReportedUnit:
    """A line ``k1``: tonnes emitted, tonnes of product."""
    whole = {"line_id": "k1", "product": "clinker", "emissions": emissions, "output_t": output}
    return ReportedUnit(**_decimals({**whole, **fields}))


def mwh_for(tonnes: int, benchmark: str) -> str:
    """The MWh that give just these tonnes at a benchmark, once floored."""
    return str(((Decimal(tonnes) + Decimal("0.5")) / Decimal(benchmark)).quantize(Decimal("0.001")))
