"""A small history in which every event of the ledger happens, always with the same bytes.

``tests/data/v1_records.jsonl`` is what it was stored as when schema version 1 was released.
That file is never written again: what was stored once must be read for ever.
"""

from collections.abc import Iterator
from typing import Any

import every_market_event
from etsledger.ledger import Ledger
from helpers import UNIT, SteppingClock, command

RULEBOOK: dict[str, Any] = {
    "name": "every-event",
    "version": "1",
    "title": "Every event once · 每个事件一次",
    "sources": {"own": "written for the tests, and never changed"},
    "unit_kinds": [{"name": "cea", "pattern": "CEA:[0-9]{4}", "source": "own"}],
    "account_kinds": [
        {"kind": kind, "group": group, "entity_required": False, "source": "own"}
        for kind, group in [
            ("province", "government"), ("entity", "holding"), ("institution", "holding"),
        ]
    ],
    "routes": [
        {"movement": movement, "units": ["*"], "from": ["*"], "to": ["*"],
         "reversible": movement != "cancel", "source": "own"}
        for movement in ("opening_balance", "issue", "distribute", "reserve", "transfer.free",
                         "surrender", "cancel")
    ],
    "surrender": {"confirmation": True, "source": "own"},
}  # fmt: skip

_ZERO = {"places": 0, "mode": "floor", "source": "own"}
_YEAR = {
    "sectors": ["power", "cement"], "deadline_source": "own", "units_source": "own",
    "source": "own",
}  # fmt: skip

RULEBOOK_OF_YEARS: dict[str, Any] = {
    **RULEBOOK,
    "name": "every-year",
    "routes": [
        {"movement": movement, "units": ["*"], "from": ["*"], "to": ["*"], "source": "own"}
        for movement in ("opening_balance", "issue", "distribute", "transfer.release",
                         "transfer.succession", "pre_allocate", "finalise", "recall", "surrender")
    ],
    "surrender": {"confirmation": True, "obligations": True, "chain": True, "source": "own"},
    "years": [
        {**_YEAR, "year": 2023, "unit": UNIT, "deadline": "2024-12-31", "units": [UNIT]},
        {**_YEAR, "year": 2024, "unit": "CEA:2024", "deadline": "2025-12-31T17:00:00",
         "units": [UNIT, "CEA:2024"]},
    ],
    "classes": [
        {"of": "conventional_coal", "at_least_mw": "400", "class": "I", "source": "own"},
        {"of": "gas", "class": "IV", "source": "own"},
    ],
    "corrections": [
        {"name": "load", "rule": "N-FF-1", "classes": ["I"], "by": "load_factor", "source": "own",
         "pieces": [{"below": "0.65", "form": "power", "base": "1.015", "constant": "16",
                     "slope": "20"}]},
        {"name": "cooling", "rule": "N-ENT-1", "classes": ["I"], "by": "cooling",
         "cooling": {"air": "1.05"}, "source": "own"},
    ],
    "exemptions": [
        {"name": "gas", "rule": "N-GAS", "kind": "make_whole", "classes": ["IV"], "source": "own"},
        {"name": "floor", "rule": "N-FLOOR80", "kind": "floor", "share": "0.80", "source": "own"},
    ],
    "allocation": [
        {"rule": "N-ENT-1", "sectors": ["power"], "years": [2023, 2024], "method": "benchmark",
         "electricity": {"I": "0.7910", "IV": "0.3288"}, "heat": {"I": "0.1033", "IV": "0.0533"},
         "corrections": ["load", "cooling"], "exemptions": ["gas", "floor"],
         "nothing_for": ["shut"], "source": "own 配额"},
        {"rule": "N-IND-2025", "sectors": ["cement"], "years": [2024], "method": "intensity",
         "draft": True, "intensity": {"slope": "0.15", "limit": "0.20", "cap": "0.03"},
         "source": "own"},
    ],
    "pre_allocation": [
        {"rule": "N-ADJ-1", "sectors": ["power", "cement"], "years": [2024], "ratio": "0.70",
         "draft": True, "withheld_units": ["shut"], "source": "own"},
    ],
    "rounding": {
        "pre_allocation": _ZERO, "electricity": _ZERO, "heat": _ZERO, "line": _ZERO,
        "top_up": _ZERO, "obligation_cap": _ZERO,
        "factor": {"places": 6, "mode": "half_up", "source": "own"},
        "gap_rate": {"places": 2, "mode": "half_up", "source": "own"},
    },
    "custody": {"rule": "N-DIFF", "statuses": ["at_risk"], "source": "own"},
}  # fmt: skip

ODD = 'a "quoted" \\ text,\ttab, 碳排放, \x7f, \u2028, \x1f, é, 🏭'


def commands() -> Iterator[dict[str, Any]]:
    """The history, in order; each command has its own second on the clock."""
    since = "2021-07-16"
    yield command("open_registry", "1", rulebook=RULEBOOK, at=since)
    yield command(
        "register_entity", "2", entity="crrc", name="中车电厂", sector="power", province="hubei",
        uscc="91110000100000000X", first_year=2019, allocation_method="benchmark", at=since,
    )  # fmt: skip
    yield command("register_entity", "3", entity="plain", name="Plain", sector="other")
    yield command("open_account", "4", account="hubei", kind="province", province="hubei")
    yield command(
        "open_account", "5", account="crrc-1", kind="entity", entity="crrc", province="hubei"
    )
    yield command("open_account", "6", account="bank", kind="institution", at=since)
    facts = {"net_sales": {"CEA:2022": -3, "CEA:2021": 5}, "borrowed": 0, "arrears": {"2021": 1}}
    yield command(
        "opening_balance", "7", account="crrc-1", unit="CEA:2021", quantity=700, facts=facts,
        at="2021-12-31T23:59:59.999999",
    )  # fmt: skip
    yield command("opening_balance", "8", account="bank", unit="CEA:2021", quantity=1)
    yield command(
        "issue", "9", unit=UNIT, quantity=2**53 - 1, at="2023-01-01", actor="mee", reason=ODD,
        approved_by="second", reference="doc 17",
    )  # fmt: skip
    yield command(
        "distribute", "10", unit=UNIT, quantity=1000, from_="authority", to="hubei", at="2023-01-02"
    )
    yield command("reserve", "11", unit=UNIT, quantity=50, at="2023-02-01")
    moved = {"command": "transfer", "unit": UNIT, "kind": "free"}
    yield command(
        "batch", "12", at="2024-06-01T01:00:00Z", actor="hubei",
        commands=[
            {**moved, "id": "12/1", "quantity": 400, "from": "hubei", "to": "crrc-1"},
            {**moved, "id": "12/2", "quantity": 100, "from": "crrc-1", "to": "bank"},
        ],
    )  # fmt: skip
    yield command("freeze", "13", account="crrc-1", unit=UNIT, quantity=10, reason="court")
    yield command("freeze", "14", account="bank", direction="both")
    yield command("freeze", "15", account="bank", unit="CEA:2021", at="2024-01-01")
    for name in ("13", "14", "15"):
        yield command("unfreeze", f"{name}/end", freeze=name)
    yield command("pledge", "16", account="crrc-1", unit=UNIT, quantity=20, pledgee="Bank 银行")
    yield command("release_pledge", "17", pledge="16")
    yield command("surrender", "18", entity="crrc", year=2023, unit=UNIT, quantity=80)
    yield command("confirm_surrender", "19", surrender="18")
    yield command("surrender", "20", entity="crrc", year=2022, unit=UNIT, quantity=5, from_="bank")
    yield command("reject_surrender", "21", surrender="20")
    yield command("cancel", "22", account="crrc-1", unit=UNIT, quantity=5)
    yield command("reverse", "23", reverses="12/2", at="2024-06-02T12:00:00.5")
    yield command("assert_balance", "24", account="crrc-1", unit="CEA:2021", quantity=700)
    yield command("adopt_rulebook", "25", rulebook={**RULEBOOK, "version": "2"}, at="2025-01-01")
    yield command("open_account", "26", account="short-lived", kind="institution")
    yield command("close_account", "27", account="short-lived", at="2099-12-31")
    yield from a_year()
    yield from every_market_event.commands()


def a_year() -> Iterator[dict[str, Any]]:
    """The year of three entities in a registry of its own."""

    def of(name: str, number: int, /, **fields: Any) -> dict[str, Any]:
        return command(name, f"y{number}", **{"registry": "years", "at": "2024-01-01", **fields})

    new = "CEA:2024"
    yield of("open_registry", 1, rulebook=RULEBOOK_OF_YEARS)
    yield of("open_account", 2, account="hubei", kind="province")
    for n, (entity, sector) in enumerate([("plant", "power"), ("risky", "power"),
                                          ("works", "cement")]):  # fmt: skip
        yield of("register_entity", 3 + 2 * n, entity=entity, name=f"{entity} 厂", sector=sector,
                 province="hubei")  # fmt: skip
        yield of("open_account", 4 + 2 * n, account=f"{entity}-1", kind="entity", entity=entity)
    yield of("issue", 9, unit=new, quantity=100_000)
    yield of("distribute", 10, unit=new, quantity=90_000, from_="authority", to="hubei")
    yield of("set_entity_status", 11, entity="risky", status="at_risk", reason=ODD)
    units = [
        {"unit_id": "1 号", "class": "conventional_coal", "rated_mw": 600, "cooling": "air",
         "electricity_mwh": "1234.50", "heat_gj": 100, "load_factor": "0.60", "emissions": 1000,
         "supplied_mwh": 1200, "heat_ratio": "0.25"},
        {"unit_id": "2", "class": "gas", "electricity_mwh": 1000, "emissions": 400},
        {"unit_id": "3", "class": "gas", "status": "shut", "emissions": 0},
    ]  # fmt: skip
    yield of("record_verified", 12, entity="plant", year=2023, emissions=1_400, units=units)
    yield of("record_verified", 13, entity="risky", year=2023, emissions=1_000)
    yield of("record_deduction", 14, entity="plant", year=2024, quantity=1_000, reason="relief",
             reference="doc 8")  # fmt: skip
    yield of("pre_allocate", 15, entity="plant", year=2024)
    yield of("pre_allocate", 16, entity="risky", year=2024, from_="authority")
    yield of("record_verified", 17, entity="plant", year=2024, emissions=2_000, units=units)
    yield of("record_verified", 18, entity="plant", year=2024, emissions=2_100, units=units)
    given = [{"amount": 10, "rule": "own", "source": "letter"}, {"amount": -1}]
    yield of("finalise_allocation", 19, entity="plant", year=2024, adjustments=given)
    yield of("transfer", 20, unit=new, quantity=600, from_="plant-1", to="works-1",
             kind="succession")  # fmt: skip
    yield of("finalise_allocation", 21, entity="plant", year=2024, entitlement=1_100,
             supersedes="y19")  # fmt: skip
    yield of("transfer", 22, unit=new, quantity=5, from_="works-1", to="plant-1",
             kind="succession")  # fmt: skip
    yield of("finalise_allocation", 23, entity="plant", year=2024, entitlement=1_650,
             supersedes="y21")  # fmt: skip
    yield of("record_verified", 24, entity="risky", year=2024, emissions=900)
    yield of("finalise_allocation", 25, entity="risky", year=2024, entitlement=650)
    yield of("surrender", 26, entity="risky", year=2024, unit=new, quantity=660, from_="hubei")
    yield of("reject_surrender", 27, surrender="y26")
    yield of("surrender", 28, entity="risky", year=2024, unit=new, quantity=600, from_="hubei")
    yield of("confirm_surrender", 29, surrender="y28", at="2025-01-01")
    yield of("transfer", 30, unit=new, quantity=51, from_="hubei", to="risky-1", kind="release",
             at="2025-01-02")  # fmt: skip
    yield of("publish_balance_value", 31, sector="cement", year=2024, value="0.8500")
    lines = [
        {"line_id": "k1", "product": "clinker", "output_t": "1000.5", "emissions": 800,
         "intensity_emissions": 790},
        {"line_id": "k2", "special": True, "emissions": 7},
    ]  # fmt: skip
    yield of("record_verified", 32, entity="works", year=2024, emissions=807, units=lines)
    yield of("finalise_allocation", 33, entity="works", year=2024)
    yield of("assess_compliance", 34, entity="risky", year=2024, at="2026-01-01")


def run(ledger: Ledger, clock: SteppingClock) -> None:
    """Sends the history to an empty ledger whose clock is ``clock``."""
    clock.now = "2024-06-01T09:00:00+08:00"
    for sent in commands():
        ledger.execute(sent)
        clock.advance(seconds=1, milliseconds=1)
