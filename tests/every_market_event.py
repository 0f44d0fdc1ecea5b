"""What ``every_event`` goes on with: a market, loans, carry-overs, credits, fines and leaving.

Its rulebooks are its own and are never changed, like its commands: the bytes that they were
stored as are kept in ``tests/data/v1_records.jsonl``.
"""

from collections.abc import Iterator
from typing import Any

from helpers import command

OWN = {"source": "own"}
_DOWN = {"places": 0, "mode": "floor", **OWN}
_YEAR = {"sectors": ["power"], "deadline_source": "own", "units_source": "own", **OWN}
_KINDS = [
    ("province", "government"), ("entity", "holding"), ("institution", "holding"),
]  # fmt: skip


def _rulebook(name: str, movements: tuple[str, ...], pattern: str, **tables: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": "1",
        "title": "Every event of a market once · 市场",
        "sources": {"own": "written for the tests, and never changed"},
        "unit_kinds": [{"name": "unit", "pattern": pattern, **OWN}],
        "account_kinds": [
            {"kind": kind, "group": group, "entity_required": False, **OWN}
            for kind, group in _KINDS
        ],
        "routes": [
            {"movement": movement, "units": ["*"], "from": ["*"], "to": ["*"], **OWN}
            for movement in movements
        ],
        "surrender": {"confirmation": True, "obligations": True, **OWN},
        **tables,
    }


MARKET: dict[str, Any] = _rulebook(
    "every-market",
    (
        "opening_balance", "issue", "distribute", "reserve", "auction", "trade", "borrow",
        "carry_over", "pre_allocate", "finalise", "recall", "surrender", "cancel",
    ),
    "CEA:[0-9]{4}",
    years=[
        {**_YEAR, "year": year, "unit": f"CEA:{year}", "deadline": deadline,
         "units": ["CEA:2022", "CEA:2023"]}
        for year, deadline in ((2022, "2023-12-31"), (2023, "2024-03-31"))
    ],
    exemptions=[
        {"name": "gap", "rule": "Q-CAPGAP", "kind": "cap_gap", "share": "0.10", "limit": 9_000,
         **OWN},
    ],
    allocation=[
        {"rule": "Q-ALLOC", "sectors": ["power"], "years": [2022, 2023], "method": "verified",
         "entity_methods": ["verified"], **OWN},
        {"rule": "Q-ALLOC", "sectors": ["power"], "years": [2022, 2023], "method": "approved",
         "exemptions": ["gap"], **OWN},
    ],
    pre_allocation=[
        {"rule": "Q-PRE", "sectors": ["power"], "years": [2022, 2023], "ratio": "0.70",
         "per": "entity", **OWN},
    ],
    rounding={
        **dict.fromkeys(
            ("pre_allocation", "electricity", "heat", "line", "top_up", "obligation_cap"), _DOWN
        ),
        "factor": {"places": 6, "mode": "half_up", **OWN},
        "gap_rate": {"places": 2, "mode": "half_up", **OWN},
    },
    incentives=[
        {"rule": "Q-INC", "years": [2022], "minimum_share": "0.005", "maximum_share": "0.01",
         "limit": 500, **OWN},
    ],
    market=[
        {"rule": "N-TRD", "units": ["*"], "participants": ["entity", "institution"],
         "methods": ["listed", "block", "bidding"], "reference": "close",
         "bands": {"listed": "0.10", "block": "0.30"}, "below": {"listed": 10_000},
         "at_least": {"block": 10_000}, **OWN},
    ],
    borrowing=[
        {"rule": "N-BOR", "years": [2022], "minimum_gap": "0.05", "share_of_gap": "0.5", **OWN},
    ],
    banking={
        "rule": "N-BANK-1", "units": ["CEA:2022", "CEA:2023"], "into": "CEA:2025", "base": 1_000,
        "ratio": "1.5", "trades_from": "2023-01-01", "trades_to": "2024-12-31",
        "holding_at": "2024-04-30T23:59:00", "apply_from": "2024-05-01", "apply_to": "2024-06-30",
        "on_time_years": [], "batches": [{"filed_by": "2024-05-20", "processed_by": "2024-05-27"}],
        **OWN,
    },
    offsets=[
        {"rule": "N-OFF-1", "years": [2022, 2023], "share": "0.05",
         "programmes": [{"programme": "ccer", **OWN}], **OWN},
    ],
    green_power=[{"rule": "Q-GREEN", "years": [2022], "share": "0.08", "limit": 2_000, **OWN}],
    reserve=[
        {"rule": "Q-RES", "units": ["*"], "reserve_share": "0.05", "auction_share": "0.04", **OWN},
    ],
    caps=[{"rule": "Q-CAP", "path": "CEA:{year}", "first_year": 2022, "decline": "0.03",
           "tonnes": 1_000_000, **OWN}],
    penalties=[
        {"case": "unsurrendered", "years": [2022], "kind": "amount", "minimum": 20_000,
         "maximum": 30_000, **OWN},
        {"case": "unsurrendered", "kind": "multiple", "minimum": 5, "maximum": 10, **OWN},
    ],
    leaving={"rule": "Q-COV-2", "years": 3, **OWN},
)  # fmt: skip

CREDITS: dict[str, Any] = _rulebook(
    "every-credit", ("issue_credits", "lock", "cancel"), "CCER:[a-z]+:[0-9]{4}"
)

STATED: dict[str, Any] = {
    "verified_emissions": 5_000,
    "units": [{"unit_id": "1", "class": "gas", "emissions": 5_000}],
    "obligation": 4_900,
    "pre_allocated": 3_400,
    "advance": {
        "allocation": "前/3", "computed": 3_500, "draft": True, "in_custody": True,
        "lines": [{"amount": 3_500, "base": "5000.5", "unit_id": "1"}], "rule": "Q-PRE",
        "source": "letter 4 号",
    },
    "allocated": 4_700,
    "entitlement": 4_800,
    "gas_allocation": 4_800,
    "recalled": 10,
    "recall_open": 20,
    "final": {
        "allocation": "前/4", "approved": 4_800, "custodian": "authority", "restated": True,
        "calculation": {"entitlement": 4_800, "rule": "Q-ALLOC", "source": "own",
                        "subtotal": 4_800},
        "rulebook": {"name": "old", "version": "0", "hash": "0123456789abcdef" * 4},
        "supersedes": "前/0",
    },
    "deductions": [{"deduction": "前/5", "reason": "fraud", "quantity": 200, "deducted": 130,
                    "in_advance": 100}],
    "loans": [{"borrowing": "前/6", "lender_year": 2024, "unit": "CEA:2024", "quantity": 15}],
    "submissions": [
        {"surrender": "前/7", "unit": "CEA:2023", "quantity": 3_000, "submitted_at": "2024-03-01"},
        {"surrender": "前/8", "unit": "CEA:2023", "quantity": 100, "submitted_at": "2024-04-01",
         "confirmed": False, "account": "late-1", "forced": True},
    ],
    "offsets": [{"lock": "前/9", "unit": "CCER:wind:2022", "quantity": 9,
                 "counted_at": "2024-03-02"}],
    "green_power": [{"quantity": 8, "counted_at": "2024-03-03"}],
    "fines": [{"fine": "前/10", "amount": "12.50"}],
}  # fmt: skip


def commands() -> Iterator[dict[str, Any]]:
    """The history, in order."""

    def of(name: str, number: int, /, **fields: Any) -> dict[str, Any]:
        return command(name, f"m{number}", **{"registry": "market", "at": "2023-01-03", **fields})

    old, new = "CEA:2022", "CEA:2023"
    yield of("open_registry", 1, rulebook=MARKET)
    for n, entity in enumerate(("plant", "other")):
        yield of("register_entity", 2 + 2 * n, entity=entity, name=f"{entity} 厂", sector="power",
                 allocation_method="historical_intensity")  # fmt: skip
        yield of("open_account", 3 + 2 * n, account=f"{entity}-1", kind="entity", entity=entity)
    yield of("open_account", 6, account="desk", kind="institution")
    yield of("issue", 7, unit=old, quantity=1_000_000)
    yield of("issue", 8, unit=new, quantity=970_000)
    # A year of a figure with a bounded gap and an incentive, a loan for it, what it is met with.
    yield of("record_verified", 9, entity="plant", year=2022, emissions=100_000)
    given = [{"amount": 600, "rule": "Q-INC", "source": "letter 3 号"}]
    yield of("finalise_allocation", 10, entity="plant", year=2022, entitlement=85_000,
             adjustments=given)  # fmt: skip
    yield of("borrow", 11, entity="plant", year=2022, quantity=3_000)
    yield of("surrender", 12, entity="plant", year=2022, unit=new, quantity=1_000)
    yield of("confirm_surrender", 13, surrender="m12")
    yield of("record_green_power", 14, entity="plant", year=2022, tonnes=100)
    # The market.
    yield of(
        "record_market_day", 15, date="2023-01-03", unit=old, close="80", at="2023-01-03T18:00"
    )
    yield of("record_market_day", 16, date="2024-03-15", unit=new, close="85.5", vwap="86.01",
             volume=1_000, value="86010.00", at="2024-03-15T18:00")  # fmt: skip
    trade = {"unit": old, "seller": "plant-1", "buyer": "other-1", "at": "2023-01-04T10:00:00.5"}
    yield of("settle_trade", 17, trade="20230104-1", method="listed", quantity=4_000,
             price="88.00", **trade)  # fmt: skip
    yield of("settle_trade", 18, trade="号/2", method="bidding", quantity=100, price=1,
             **{**trade, "buyer": "desk"})  # fmt: skip
    yield of("reserve", 19, unit=old, quantity=5_000)
    yield of("auction", 20, unit=old, quantity=400, price="35.86", buyer="desk")
    # Credits of another registry.
    credit = {"registry": "credit", "unit": "CCER:wind:2022"}
    yield of("open_registry", 21, registry="credit", rulebook=CREDITS)
    yield of("open_account", 22, registry="credit", account="wind", kind="institution")
    issued = {"to": "wind", "programme": "ccer", "registered_on": "2022-11-05",
              "covered_by_ets": False}  # fmt: skip
    yield of("issue_credits", 23, **credit, **issued, quantity=600, methodology="CCER-01-001 海上")
    yield of("issue_credits", 24, **credit, **issued, quantity=400, serial_start=2_001)
    lock = {"account": "wind", "for_registry": "market", "entity": "plant", "year": 2022}
    yield of("lock_credits", 25, **credit, **lock, quantity=500)
    yield of("unlock_credits", 26, registry="credit", lock="m25", at="2023-01-05")
    yield of("lock_credits", 27, **credit, **lock, quantity=700, at="2023-01-06")
    yield of("use_offsets", 28, entity="plant", year=2022, lock="m27", at="2023-01-07")
    yield of("cancel", 29, **credit, account="wind", quantity=10, at="2023-01-08")
    # Fines by an amount and by a multiple.
    yield of("impose_fine", 30, entity="plant", year=2022, amount="20000.5", at="2024-01-05")
    yield of("record_verified", 31, entity="plant", year=2023, emissions=90_000, at="2024-01-06")
    yield of("pre_allocate", 32, entity="plant", year=2023, at="2024-01-06")
    yield of("impose_fine", 33, entity="plant", year=2023, multiple="5.5", at="2024-04-01")
    # Old vintages into a new one.
    yield of("check_banking_cap", 34, entity="plant", at="2024-05-02")
    yield of("carry_over", 35, entity="plant", quantity=2_000, at="2024-05-02")
    yield of("carry_over", 36, entity="plant", quantity=50, unit=new, at="2024-05-21")
    # And away.
    yield of("leave_registry", 37, entity="plant", first_year_elsewhere=2024, at="2024-05-30")
    yield of("leave_registry", 38, entity="other", first_year_elsewhere=2025, at="2024-05-31")
    # A statement from outside was compared with the books.
    broken = {"kind": "differing", "account": "plant-1", "unit": old, "ours": 95, "theirs": 100}
    yield of(
        "record_reconciliation", 39, source="银行 2024-05.csv", sha256="0123456789abcdef" * 4,
        kind="holdings", as_of="2024-05-31", known_at=80, matched=3, missing_here=0,
        missing_there=0, differing=1, breaks=[broken], at="2024-06-01",
    )  # fmt: skip
    # Who may ask for something.
    yield of("register_actor", 50, subject="li.na", entity="plant", at="2024-06-01")
    yield of("grant_role", 51, subject="li.na", role="entity", at="2024-06-01")
    yield of("grant_role", 52, subject="li.na", role="province", province="湖北", at="2024-06-01")
    yield of("revoke_role", 53, subject="li.na", role="entity", at="2024-06-01T08:00:00")
    # A year is closed; a day of it was recorded late all the same, then a part opened again.
    yield of("close_period", 60, until="2022-12-31")
    yield of("record_market_day", 61, date="2022-12-30", unit=old, close="79.5", at="2022-12-31",
             approved_by="厅")  # fmt: skip
    yield of("close_period", 62, until="2023-01-01")
    yield of("reopen_period", 63, until="2022-12-30", at="2023-01-04")
    # Books that begin in the middle: what was held, owed, lent, kept and sold before.
    late = {"entity": "late", "at": "2024-06-02"}
    yield of("register_entity", 70, **late, name="后来", sector="power")
    yield of("open_account", 71, **late, account="late-1", kind="entity")
    lent = {"borrowed": {"2022": 50}, "arrears": {"2022": 7}}
    yield of("opening_balance", 72, account="late-1", unit=new, quantity=900, facts=lent,
             at="2024-06-02")  # fmt: skip
    yield of("opening_balance", 73, account="authority", unit=old, quantity=60,
             facts={"custody": {"late": 40}}, at="2024-06-02")  # fmt: skip
    yield of("opening_year", 74, **late, year=2023, facts=STATED)
    sold = {"date": "2024-02-01", "trade": "前/1", "unit": new, "quantity": 120, "side": "sold"}
    carried = {"carry_over": "前/2", "effective_at": "2024-05-05", "units": {old: 30},
               "filed_by": "2024-05-20", "processed_by": "2024-05-27"}  # fmt: skip
    yield of("opening_banking", 75, **late, net_sales={old: -20}, trades=[sold],
             holdings={new: 900}, carry_overs=[carried], carried=5)  # fmt: skip
    # One asks and another approves; one asks for what is rejected; one trusts for a while.
    asked = {"actor": "li.na", "at": "2024-06-03"}
    ending = {"command": "cancel", "account": "desk", "unit": old, "reason": "两人"}
    yield of("propose", 80, **asked, proposes={**ending, "id": "m80/1", "quantity": 25})
    yield of("propose", 81, **asked, proposes={**ending, "id": "m81/1", "quantity": 30})
    yield of("approve", 82, actor="王", proposal="m80", at="2024-06-04")
    yield of("reject", 83, actor="王", proposal="m81", at="2024-06-04")
    trusted = {"account": "late-1", "counterparty": "desk"}
    yield of("trust", 84, **trusted, at="2024-06-05")
    yield of("distrust", 85, **trusted, at="2024-06-06")
    # One takes over a part of another, which had changed its name.
    row = {"movement": "transfer.succession", "units": ["*"], "from": ["holding"],
           "to": ["holding"], "source": "§9"}  # fmt: skip
    wider = {**MARKET, "version": "2", "routes": [*MARKET["routes"], row]}
    yield of("adopt_rulebook", 89, rulebook=wider, at="2024-05-20")
    for n, (entity, name) in enumerate((("former", "旧厂"), ("heir", "新厂"))):
        yield of("register_entity", 90 + 2 * n, entity=entity, name=name, sector="power")
        yield of("open_account", 91 + 2 * n, account=f"{entity}-1", kind="entity", entity=entity)
    yield of("opening_balance", 94, account="former-1", unit=new, quantity=101,
             facts={"borrowed": {"2022": 11}}, at="2024-05-02")  # fmt: skip
    yield of("opening_balance", 95, account="authority", unit=old, quantity=7,
             facts={"custody": {"former": 5}}, at="2024-05-02")  # fmt: skip
    before = {**STATED, "submissions": STATED["submissions"][:1]}
    yield of("opening_year", 96, entity="former", year=2022, facts=before, at="2024-05-02")
    yield of("opening_banking", 97, entity="former", net_sales={old: -21, new: 10},
             holdings={new: 90}, carried=3, at="2024-05-22")  # fmt: skip
    yield of("amend_entity", 98, entity="former", name="改名 厂", uscc="9142", province="湖北",
             at="2024-05-23")  # fmt: skip
    shares = [{"entity": "former", "share": "0.6"}, {"entity": "heir", "share": "0.40"}]
    yield of("succeed_entity", 99, entity="former", kind="division", successors=shares,
             reference="批 3 号", at="2024-05-24")  # fmt: skip
