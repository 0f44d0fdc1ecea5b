"""Who takes part in Chongqing: Q-COV-1, Q-COV-2, Q-PART, and no fungibility with others (D64)."""

import pytest

from chongqing import PILOT, ChongqingBook, pilot, pilot_ledger
from etsledger.domain.coverage import reaches_threshold, stays_listed
from helpers import SteppingClock

__all__ = ["pilot", "pilot_ledger"]  # fixtures


# -- coverage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "emissions", "listed"),
    [
        (2013, 19_999, False), (2013, 20_000, True),
        (2019, 19_999, False), (2019, 20_000, True),  # D62
        (2020, 19_999, False), (2020, 20_000, True),
        (2021, 12_999, False), (2021, 13_000, True),
        (2022, 12_999, False), (2022, 13_000, True), (2022, 13_001, True),  # D62
        (2024, 12_999, False), (2024, 13_000, True),
    ],
)  # fmt: skip
def test_d62_thresholds_by_year(year: int, emissions: int, listed: bool) -> None:
    assert reaches_threshold(PILOT, "industry", year, emissions) is listed


def test_an_entity_below_the_threshold_for_two_years_leaves_the_list() -> None:
    below, at = 12_999, 13_000
    assert stays_listed(PILOT, "industry", 2023, {2022: below, 2023: at})
    assert stays_listed(PILOT, "industry", 2023, {2022: at, 2023: below})
    assert not stays_listed(PILOT, "industry", 2023, {2022: below, 2023: below})
    assert not stays_listed(PILOT, "industry", 2023, {}, ceased=True)


@pytest.mark.parametrize("sector", ["steel", "cement", "aluminium"])
def test_d62_steel_cement_and_aluminium_owe_until_2023(pilot: ChongqingBook, sector: str) -> None:
    pilot.works("mill", sector)
    pilot.verified(50_000, 2023, "mill", at="2024-05-01")
    pilot.verified(60_000, 2024, "mill", at="2025-05-01")
    assert pilot.stands("mill", 2023) == "NON_COMPLIANT"
    row = pilot.compliance("mill", 2024)
    assert (row["status"], row["obligation"], row["outstanding"]) == ("EXEMPT", 0, 0)
    assert (row["verified_emissions"], row["deadline"]) == (60_000, None)


@pytest.mark.parametrize(("year", "status"), [(2019, "NON_COMPLIANT"), (2020, "EXEMPT")])
def test_q_cov_2_power_left_after_2019(pilot: ChongqingBook, year: int, status: str) -> None:
    pilot.works("plant", "power")
    pilot.verified(50_000, year, "plant", at=f"{year + 1}-05-01")
    assert pilot.stands("plant", year) == status


def test_d62_a_steel_plant_has_no_compliance_year_2024_to_be_given_or_to_surrender_for(
    pilot: ChongqingBook,
) -> None:
    pilot.works("mill", "steel")
    pilot.give(1_000, to="mill-1")
    pilot.verified(60_000, 2023, "mill", at="2024-05-01")
    pilot.verified(60_000, 2024, "mill")
    given = {"entity": "mill", "year": 2024}
    pilot.refused("AllocationNotReady", "pre_allocate", **given)
    pilot.refused("AllocationNotReady", "finalise_allocation", entitlement=1, **given)
    pilot.refused("ObligationNotKnown", "surrender", unit="CQEA:2024", quantity=1, **given)
    pilot.refused("ObligationNotKnown", "impose_fine", multiple=5, **given)
    pilot.works("foundry", "other")
    pilot.verified(60_000, 2024, "foundry")
    assert pilot.stands("foundry") == "OPEN"


# -- the year of a participant -----------------------------------------------------------------


def test_a_year_in_chongqing(pilot: ChongqingBook, clock: SteppingClock) -> None:
    pilot.minted(200_000)
    pilot.verified(100_000, 2023, at="2024-05-01")
    pilot.pre_allocate(at="2024-06-01")
    pilot.verified(100_000, at="2025-05-01")
    pilot.finalise(95_000, at="2025-09-01")
    pilot.give(10_000, "CQEA:2022")
    pilot.met(95_000, at="2025-10-01")
    assert pilot.stands(as_of="2025-10-02") == "PARTIAL"
    pilot.met(5_000, unit="CQEA:2022", at="2025-12-31T23:59:59")
    clock.now = "2026-02-01T09:00:00+08:00"
    row = pilot.compliance()
    assert (row["surrendered"], row["outstanding"], row["status"]) == (100_000, 0, "COMPLIANT")
    assert pilot.supply()["retired"] == 95_000
    assert pilot.ledger.verify().ok


def test_later_vintages_do_not_meet_an_earlier_year(pilot: ChongqingBook) -> None:
    pilot.verified(1_000, 2023, at="2024-05-01")
    given = {"entity": "glass", "year": 2023, "quantity": 1}
    for unit, refused in [("CQEA:2013", False), ("CQEA:2023", False), ("CQEA:2024", True)]:
        pilot.give(10, unit)
        if refused:
            pilot.refused("VintageNotEligible", "surrender", unit=unit, **given)
        else:
            pilot.surrender(1, year=2023, unit=unit)


def test_who_was_late_has_no_fine_but_a_status(pilot: ChongqingBook, clock: SteppingClock) -> None:
    pilot.verified(1_000)
    clock.now = "2026-02-01T09:00:00+08:00"
    for given in ({"multiple": 5}, {"amount": "20000.00"}):
        refusal = pilot.refused(
            "FineOutOfBounds", "impose_fine", entity="glass", year=2024, **given
        )
        assert "public record" in refusal.message
    assert (pilot.stands(), pilot.compliance()["fine"]) == ("NON_COMPLIANT", None)
    pilot.send("assess_compliance", entity="glass", year=2024)
    (event,) = pilot.ledger.events(types=["ComplianceAssessed"])
    assert event["data"]["status"] == "NON_COMPLIANT"


# -- Q-PART ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["institution", "individual"])
def test_q_part_institutions_and_individuals_hold_trade_and_cancel(
    pilot: ChongqingBook, kind: str
) -> None:
    pilot.give(500)
    pilot.send("open_account", account="other", kind=kind)
    pilot.send("record_market_day", date="2025-10-31", unit="CQEA:2024", close="36", vwap="35.86")
    pilot.send(
        "settle_trade", trade="T1", method="listed", unit="CQEA:2024", quantity=100,
        price="35.86", seller="glass-1", buyer="other",
    )  # fmt: skip
    pilot.send("cancel", account="other", unit="CQEA:2024", quantity=40)
    assert (pilot.held("other"), pilot.held("cancelled")) == (60, 40)


def test_government_accounts_do_not_trade(pilot: ChongqingBook) -> None:
    pilot.minted(500)
    pilot.send("record_market_day", date="2025-10-31", unit="CQEA:2024", close="36", vwap="35.86")
    pilot.refused(
        "ParticipantNotAllowed", "settle_trade", trade="T1", method="listed", unit="CQEA:2024",
        quantity=100, price="35.86", seller="authority", buyer="glass-1",
    )  # fmt: skip


def test_there_are_no_provinces_and_no_free_transfers(pilot: ChongqingBook) -> None:
    pilot.give(500)
    pilot.works("other")
    pilot.refused("ParticipantNotAllowed", "open_account", account="yubei", kind="province")
    pilot.refused(
        "RouteNotAllowed", "transfer", kind="free", unit="CQEA:2024", quantity=1,
        from_="glass-1", to="other-1",
    )  # fmt: skip


# -- D64 -------------------------------------------------------------------------------------------


def test_d64_units_of_one_market_are_never_valid_in_the_other(pilot: ChongqingBook) -> None:
    national = {"registry": "cn-national", "at": "2021-07-16"}
    pilot.send("open_registry", rulebook="cn-national", **national)
    plant = {"entity": "plant", "name": "Plant", "sector": "power"}
    pilot.send("register_entity", **plant, **national)
    pilot.send("open_account", account="plant-1", kind="entity", entity="plant", **national)
    pilot.send(
        "record_verified", registry="cn-national", entity="plant", year=2024, emissions=1_000
    )
    pilot.verified(1_000)
    pilot.give(1_000)
    pilot.send("opening_balance", account="plant-1", unit="CEA:2024", quantity=1_000, **national)
    given = {"year": 2024, "quantity": 1}
    for registry, entity, unit in [
        ("cn-chongqing", "glass", "CEA:2024"), ("cn-national", "plant", "CQEA:2024"),
    ]:  # fmt: skip
        refusal = pilot.refused(
            "UnitNotAllowed", "surrender", registry=registry, entity=entity, unit=unit, **given
        )
        assert refusal.numbers["unit"] == unit
        pilot.refused("UnitNotAllowed", "issue", registry=registry, unit=unit, quantity=1)
    for entity, registry in (("plant", "cn-chongqing"), ("glass", "cn-national")):
        pilot.refused(
            "UnknownEntity",
            "surrender",
            registry=registry,
            entity=entity,
            unit="CQEA:2024" if registry == "cn-chongqing" else "CEA:2024",
            **given,
        )
    pilot.refused(
        "UnknownAccount", "transfer", kind="succession", unit="CQEA:2024", quantity=1,
        from_="glass-1", to="plant-1",
    )  # fmt: skip
