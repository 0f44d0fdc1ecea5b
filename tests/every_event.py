"""A small history in which every event of the ledger happens, always with the same bytes.

``tests/data/v1_records.jsonl`` is what it was stored as when schema version 1 was released.
That file is never written again: what was stored once must be read for ever.
"""

from collections.abc import Iterator
from typing import Any

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


def run(ledger: Ledger, clock: SteppingClock) -> None:
    """Sends the history to an empty ledger whose clock is ``clock``."""
    clock.now = "2024-06-01T09:00:00+08:00"
    for sent in commands():
        ledger.execute(sent)
        clock.advance(seconds=1, milliseconds=1)
