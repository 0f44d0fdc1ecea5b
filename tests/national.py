"""A small builder for the national market, so that a test reads like a province's year.

    book = NationalBook(ledger)
    book.plant("huaneng")
    book.fund("CEA:2024", 3_000_000)
    book.verified(2_700_000, units=[coal(mwh=3_000_000, gj=1_200_000)])
    book.finalise()
    assert book.compliance()["entitlement"] == 2_496_960

The registry is ``cn-national`` under its own rulebook, the province ``hubei`` serves every
plant, and what no test is about has a default: entity ``plant``, year 2024, unit ``CEA:2024``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from etsledger.ledger import AllocationRow, ComplianceRow, Ledger, Outcome
from helpers import DayBook

REGISTRY = "cn-national"
PROVINCE = "hubei"
PLANT = "plant"
SINCE = "2019-01-01"
YEAR = 2024
UNIT = "CEA:2024"
SUMMER = "2025-07-01T09:00:00+08:00"
"""Where the clock of these tests stands at first: 2024 is verified, and due in December."""

Given = dict[str, Any]


def coal(unit_id: str = "1", *, mwh: Any = 0, gj: Any = 0, mw: Any = 600, **fields: Any) -> Given:
    """A conventional coal unit: class I from 400 MW on, class II below."""
    return _unit(unit_id, "conventional_coal", mwh, gj, rated_mw=mw, **fields)


def cfb(unit_id: str = "1", *, mwh: Any = 0, gj: Any = 0, **fields: Any) -> Given:
    """An unconventional coal unit: class III."""
    return _unit(unit_id, "unconventional_coal", mwh, gj, **fields)


def gas(unit_id: str = "1", *, mwh: Any = 0, gj: Any = 0, **fields: Any) -> Given:
    """A gas unit: class IV."""
    return _unit(unit_id, "gas", mwh, gj, **fields)


def _unit(unit_id: str, kind: str, mwh: Any, gj: Any, **fields: Any) -> Given:
    return {"unit_id": unit_id, "class": kind, "electricity_mwh": mwh, "heat_gj": gj, **fields}


def line(line_id: str = "1", *, output_t: Any, emissions: int, **fields: Any) -> Given:
    """An industrial line."""
    return {"line_id": line_id, "output_t": output_t, "emissions": emissions, **fields}


class NationalBook(DayBook):
    """Sends commands to ``cn-national``, which it opens with the province ``hubei``."""

    def __init__(self, ledger: Ledger, rulebook: str | Mapping[str, Any] = REGISTRY) -> None:
        super().__init__(ledger)
        self.send("open_registry", rulebook=rulebook, at=SINCE)
        self.send("open_account", account=PROVINCE, kind="province", province=PROVINCE, at=SINCE)

    def send(self, name: str, /, *, id: str | None = None, **fields: Any) -> Outcome:
        """Executes one command of ``cn-national``. Raises its Refusal."""
        return super().send(name, id=id, **{"registry": REGISTRY, **fields})

    # -- who takes part, and what there is ---------------------------------------------------

    def plant(self, entity: str = PLANT, sector: str = "power", **fields: Any) -> str:
        """An entity with one account, whose name it gives: ``ENTITY-1``."""
        given = {"name": entity, "province": PROVINCE, "at": SINCE, **fields}
        self.send("register_entity", entity=entity, sector=sector, **given)
        account = f"{entity}-1"
        self.send("open_account", account=account, kind="entity", entity=entity, at=SINCE)
        return account

    def fund(self, unit: str, quantity: int, at: str = SINCE) -> None:
        """Issues units and distributes them to the province."""
        self.send("issue", unit=unit, quantity=quantity, at=at)
        self.send("distribute", unit=unit, quantity=quantity, from_="authority", to=PROVINCE, at=at)

    def give(self, quantity: int, unit: str = UNIT, to: str = "plant-1", **fields: Any) -> None:
        """Units come into an account without any allocation: as an opening balance."""
        self.send("opening_balance", account=to, unit=unit, quantity=quantity, **fields)

    def status(self, status: str, entity: str = PLANT, **fields: Any) -> Outcome:
        """How an entity stands from an instant on."""
        return self.send("set_entity_status", entity=entity, status=status, **fields)

    # -- the year ----------------------------------------------------------------------------

    def verified(
        self,
        emissions: int,
        year: int = YEAR,
        entity: str = PLANT,
        units: Sequence[Given] = (),
        **fields: Any,
    ) -> Outcome:
        """The verified report of a year."""
        given = {"units": list(units), **fields} if units else fields
        return self.send("record_verified", entity=entity, year=year, emissions=emissions, **given)

    def pre_allocate(self, year: int = YEAR, entity: str = PLANT, **fields: Any) -> Outcome:
        """What is handed out in advance."""
        return self.send("pre_allocate", entity=entity, year=year, **fields)

    def finalise(self, year: int = YEAR, entity: str = PLANT, **fields: Any) -> Outcome:
        """The final allocation."""
        return self.send("finalise_allocation", entity=entity, year=year, **fields)

    def deduct(
        self, quantity: int, reason: str = "enforcement", year: int = YEAR, **fields: Any
    ) -> Outcome:
        """What the authority decided to deduct from a year's allocation."""
        given = {"entity": PLANT, **fields}
        return self.send("record_deduction", year=year, quantity=quantity, reason=reason, **given)

    def surrender(self, quantity: int, entity: str = PLANT, **fields: Any) -> Outcome:
        """Submits units of ``CEA:2024`` for 2024."""
        given = {"unit": UNIT, "year": YEAR, **fields}
        return self.send("surrender", entity=entity, quantity=quantity, **given)

    def confirm(self, surrender: str, **fields: Any) -> Outcome:
        """A surrender is confirmed."""
        return self.send("confirm_surrender", surrender=surrender, **fields)

    def reject(self, surrender: str, **fields: Any) -> Outcome:
        """A surrender is sent back."""
        return self.send("reject_surrender", surrender=surrender, **fields)

    def met(self, quantity: int, **fields: Any) -> None:
        """A surrender that is confirmed at once."""
        outcome = self.surrender(quantity, **fields)
        self.confirm(outcome.id, **({"at": fields["at"]} if "at" in fields else {}))

    # -- questions ---------------------------------------------------------------------------

    def compliance(self, entity: str = PLANT, year: int = YEAR, **when: Any) -> ComplianceRow:
        """The one row of an entity's year; the log says the same."""
        question = {"registry": REGISTRY, "entity": entity, "year": year, **when}
        rows = self.ledger.compliance(**question)
        assert self.ledger.compliance(**question, from_log=True) == rows
        (row,) = rows
        return row

    def stands(self, entity: str = PLANT, year: int = YEAR, **when: Any) -> str:
        """The status of an entity's year."""
        return self.compliance(entity, year, **when)["status"]

    def allocation(self, entity: str = PLANT, year: int = YEAR, **when: Any) -> AllocationRow:
        """The calculation of an entity's year."""
        row = self.ledger.allocation(entity, year, registry=REGISTRY, **when)
        assert row is not None
        return row

    def row(self, account: str = "plant-1", unit: str = UNIT, **when: Any) -> dict[str, Any]:
        """One balance row; zeros when there is none."""
        rows = self.ledger.balances(registry=REGISTRY, account=account, unit=unit, **when)
        empty: dict[str, Any] = dict.fromkeys(
            ("quantity", "available", "frozen", "pledged", "pending", "restricted"), 0
        )
        return dict(rows[0]) if rows else empty

    def held(self, account: str = "plant-1", unit: str = UNIT, **when: Any) -> int:
        """Tonnes in an account, reserved ones included."""
        return int(self.row(account, unit, **when)["quantity"])

    def available(self, account: str = "plant-1", unit: str = UNIT, **when: Any) -> int:
        """Tonnes that could leave an account."""
        return int(self.row(account, unit, **when)["available"])

    def supply(self, unit: str = UNIT, **when: Any) -> dict[str, Any]:
        """Where all units of a vintage are; conservation holds."""
        (row,) = self.ledger.supply(registry=REGISTRY, unit=unit, **when)
        assert row["balanced"]
        return dict(row)

    def types(self) -> list[str]:
        """The names of all events so far."""
        return [event["type"] for event in self.ledger.events(registry=REGISTRY)]
