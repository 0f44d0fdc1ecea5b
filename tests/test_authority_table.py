"""Who may send which command from which account in the national office: every cell, written
out by hand (see ``office_rows``)."""

from collections.abc import Iterator

import pytest

from etsledger.domain.acts import ACTS
from etsledger.domain.catalogue import COMMANDS
from etsledger.ledger import Ledger
from helpers import SteppingClock
from office_rows import (
    Row,
    bare,
    cells,
    check,
    claim,
    granted,
    just,
    moved,
    of_account,
    of_entity,
    of_year,
    plus,
    revoked,
    some,
    taken_from,
    tonnes,
    whose,
)
from offices import ACCOUNTS, CREDIT, ENTITIES, PROVINCES, STAFF, UNIT, Actor, Office

NOW = "2025-07-01T09:00:00+08:00"
ACTORS: tuple[Actor, ...] = (*STAFF, "new", "stranger", None)
"""The staff; who is registered and holds nothing; who is not; and nobody."""
MEE, HUBEI, LI, EXCHANGE, NCSC, SGS = "mee", "hubei.eeb", "li", "shanghai", "ncsc", "sgs"
EVERY, WHOLE, OWNED, STATE = "S R P Q O N X L", "*", "O N X L", "S R P Q"
VERIFIED = plus(of_year, emissions=5)
SURRENDER = {"unit": UNIT, "quantity": 1}
PAIRS = "SO PO PN PX QX QO OX"
TRADE = {"trade": "T1", "method": "listed", "unit": UNIT, "quantity": 1, "price": "80.00"}

NATIONAL: dict[str, Row] = {
    # registries and who takes part
    "adopt_rulebook": Row(WHOLE, {MEE: "*"}, just(rulebook="cn-national")),
    "register_entity": Row(
        "P Q *", {MEE: "P Q *", HUBEI: "P"},
        lambda place: {"entity": "fresh", "name": "Fresh", "sector": "power", **whose(place)},
    ),
    "set_entity_status": Row(
        OWNED, {MEE: OWNED, HUBEI: "O N"}, plus(of_entity, status="active")
    ),
    "set_entity_status.at_risk": Row(
        OWNED, {MEE: OWNED, HUBEI: "O N"}, plus(of_entity, status="at_risk")
    ),
    "leave_registry": Row(OWNED, {MEE: OWNED}, plus(of_entity, first_year_elsewhere=2026)),
    "amend_entity": Row(OWNED, {MEE: OWNED}, plus(of_entity, name="Another")),
    "succeed_entity": Row("OX NO LX", {MEE: "OX NO LX"}, lambda place: {
        "entity": ENTITIES[place[0]], "kind": "merger",
        "successors": [{"entity": ENTITIES[place[1]], "share": "1"}],
    }),
    "open_account.entity": Row(
        OWNED, {MEE: OWNED}, plus(of_entity, account="fresh", kind="entity")
    ),
    "open_account.province": Row(
        "P Q *", {MEE: "P Q *"}, plus(whose, account="fresh", kind="province")
    ),
    "close_account": Row(EVERY, {MEE: EVERY}, of_account),
    "register_actor": Row(
        "O N X L *", {MEE: "O N X L *", HUBEI: "O N"}, plus(whose, subject="fresh")
    ),
    "grant_role.competent_authority": Row(WHOLE, {MEE: "*"}, granted("competent_authority")),
    "grant_role.exchange": Row(WHOLE, {MEE: "*"}, granted("exchange")),
    "grant_role.credit_registry": Row(WHOLE, {MEE: "*"}, granted("credit_registry")),
    "grant_role.province": Row("P Q", {MEE: "P Q"}, granted("province")),
    "grant_role.entity": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, granted("entity")),
    "grant_role.verifier": Row(
        "P Q O N X L *", {MEE: "P Q O N X L *", HUBEI: "P O N"}, granted("verifier")
    ),
    "grant_role.auditor": Row("P Q O N X L *", {MEE: "P Q O N X L *"}, granted("auditor")),
    "revoke_role.province": Row("P Q A", {MEE: "P Q A"}, revoked("province")),
    "revoke_role.entity": Row("O N X L A", {MEE: "O N X L A", HUBEI: "O N"}, revoked("entity")),
    "revoke_role.verifier": Row("P Q A", {MEE: "P Q A", HUBEI: "P"}, revoked("verifier")),
    "revoke_role.auditor": Row("A", {MEE: "A"}, revoked("auditor")),
    "trust": Row(EVERY, {LI: "O"}, plus(of_account, counterparty="other-2")),
    "distrust": Row(EVERY, {LI: "O"}, plus(of_account, counterparty="other-3")),
    # reservations
    "freeze": Row(EVERY, {MEE: EVERY}, of_account),
    "unfreeze": Row("S P Q O N X L", {MEE: "S P Q O N X L"}, claim("freeze")),
    "pledge": Row(EVERY, {LI: "O"}, plus(some, pledgee="bank")),
    "release_pledge": Row(OWNED, {MEE: OWNED}, claim("pledge")),
    # units
    "opening_balance": Row(EVERY, {MEE: EVERY}, some),
    "opening_year": Row(OWNED, {MEE: OWNED}, lambda place: {
        "entity": ENTITIES[place], "year": 2022, "facts": {"verified_emissions": 5},
    }),
    "opening_banking": Row(OWNED, {MEE: OWNED}, plus(of_entity, net_sales={"CEA:2022": 1})),
    "issue": Row(WHOLE, {MEE: "*"}, just(unit=UNIT, quantity=1)),
    "distribute": Row(
        "SP PS PQ QS OS PO", {MEE: "SP PS PQ QS PO", HUBEI: "PS PO"}, moved
    ),
    "reserve": Row(WHOLE, {MEE: "*"}, just(unit=UNIT, quantity=1)),
    "auction": Row(WHOLE, {MEE: "*"}, just(unit=UNIT, quantity=1, price="1.00", buyer="plant-1")),
    "transfer.release": Row(
        PAIRS, {MEE: "SO PO PN PX QX QO", HUBEI: "PO PN"}, plus(moved, kind="release")
    ),
    "transfer.succession": Row(PAIRS, {MEE: PAIRS}, plus(moved, kind="succession")),
    "transfer.judicial": Row(PAIRS, {MEE: PAIRS}, plus(moved, kind="judicial")),
    "transfer.correction": Row(PAIRS, {MEE: PAIRS}, plus(moved, kind="correction")),
    "transfer.free": Row(PAIRS, {}, plus(moved, kind="free")),
    "cancel": Row(EVERY, {MEE: STATE, LI: "O"}, some),
    # the year of an entity
    "record_verified": Row(OWNED, {MEE: OWNED, HUBEI: "O N", SGS: "O N"}, VERIFIED),
    "publish_balance_value": Row(
        WHOLE, {MEE: "*"}, just(sector="cement", year=2025, value="0.85")
    ),
    "pre_allocate": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, of_year),
    "pre_allocate from": Row("SO PO QO OO PX", {MEE: "SO PO QO PX", HUBEI: "PO"}, taken_from),
    "finalise_allocation": Row(
        OWNED, {MEE: OWNED, HUBEI: "O N"}, plus(of_year, entitlement=5)
    ),
    "finalise_allocation from": Row(
        "SO PO QO OO PX", {MEE: "SO PO QO PX", HUBEI: "PO"}, plus(taken_from, entitlement=5)
    ),
    "record_deduction": Row(
        OWNED, {MEE: OWNED, HUBEI: "O N"}, plus(tonnes, reason="enforcement")
    ),
    # a later year's units, and older ones
    "borrow": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, tonnes),
    "check_banking_cap": Row(OWNED, {MEE: OWNED, HUBEI: "O N", LI: "O"}, of_entity),
    "carry_over": Row(OWNED, {LI: "O"}, plus(of_entity, quantity=1)),
    # compliance
    "surrender": Row(OWNED, {LI: "O"}, plus(tonnes, unit=UNIT)),
    "surrender from": Row(
        "SO PO PN PX QX OO NO ON",
        {MEE: "SO PO PN PX QX", HUBEI: "PO PN", LI: "OO"},
        plus(taken_from, **SURRENDER),
    ),
    "confirm_surrender": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, claim("surrender")),
    "reject_surrender": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, claim("surrender")),
    "impose_fine": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, plus(of_year, amount="20000.00")),
    "assess_compliance": Row(OWNED, {MEE: OWNED, HUBEI: "O N"}, of_year),
    # credits and green electricity
    "issue_credits": Row(WHOLE, {}, just(
        unit=CREDIT, quantity=1, to="plant-1", programme="ccer", registered_on="2025-01-01",
        covered_by_ets=False,
    )),
    "lock_credits": Row(
        OWNED, {},
        lambda place: {**some(place), **of_year(place), "for_registry": "ccer", "entity": "fund"},
    ),
    "use_offsets": Row(
        OWNED, {LI: "O"}, lambda place: {**of_year(place), "lock": f"lock-{place}"}
    ),
    "record_green_power": Row(OWNED, {LI: "O"}, plus(of_year, tonnes=1)),
    # the market
    "record_market_day": Row(
        WHOLE, {EXCHANGE: "*"}, just(date="2025-06-30", unit=UNIT, close="80.00")
    ),
    "settle_trade": Row("OX XO NO PO", {EXCHANGE: "OX XO NO PO"}, lambda place: {
        **TRADE, "seller": ACCOUNTS[place[0]], "buyer": ACCOUNTS[place[1]],
    }),
    # corrections and assertions
    "reverse": Row("S P Q O N X L SP", {MEE: "S P Q O N X L SP"}, claim("reverses")),
    "assert_balance": Row(
        EVERY, {MEE: EVERY, HUBEI: "P O N"}, lambda place: {
            "account": ACCOUNTS[place], "unit": "CEA:2021", "quantity": 0,
        }
    ),
    "record_reconciliation": Row(WHOLE, {MEE: "*"}, just(
        source="bank.csv", sha256="0" * 64, kind="holdings", as_of="2024-12-31", known_at=1,
        matched=0, missing_here=0, missing_there=0, differing=0,
    )),
    # periods
    "close_period": Row(WHOLE, {MEE: "*"}, just(until="2022-12-31")),
    "reopen_period": Row(WHOLE, {MEE: "*"}, just(until="2021-06-30")),
}  # fmt: skip

NOT_HERE = {"unlock_credits", "propose", "approve", "reject", "execute"}
"""No lock can be open in ``cn-national``; whoever may send a command may propose it."""


def national(ledger: Ledger) -> Office:
    """Everything that the rows of NATIONAL name."""
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    office.send("opening_balance", account="authority", unit="CEA:2023", quantity=9)
    _locks(office)
    for account in ("other-2", "other-3"):
        office.send("open_account", account=account, kind="entity", entity="other")
    there = {place: account for place, account in ACCOUNTS.items() if place != "I"}
    for account in there.values():
        office.send("trust", account=account, counterparty="other-3")
    office.send("close_period", until="2021-12-31")
    for place, account in there.items():
        if place == "R":
            continue
        office.send("freeze", id=f"freeze-{place}", account=account, unit="CEA:2022", quantity=None)
        office.send("opening_balance", id=f"reverses-{place}", account=account, unit="CEA:2023",
                    quantity=1)  # fmt: skip
    office.send("distribute", id="reverses-SP", unit="CEA:2023", quantity=1, from_="authority",
                to="hubei")  # fmt: skip
    for place, entity in ENTITIES.items():
        office.send("pledge", id=f"pledge-{place}", **plus(some, pledgee="bank")(place))
        office.send("record_verified", entity=entity, year=2024, emissions=100)
        office.send("surrender", id=f"surrender-{place}", **tonnes(place), unit=UNIT)
    office.adopt()
    _roles(office)
    return office


def _locks(office: Office) -> None:
    """Credits that are kept for each entity in the registry of credits."""
    there = {"registry": "ccer"}
    office.send("open_registry", **there, rulebook="ccer")
    office.send("register_entity", **there, entity="fund", name="Fund", sector="other")
    office.send("open_account", **there, account="fund-1", kind="entity", entity="fund")
    office.send("issue_credits", **there, unit=CREDIT, quantity=10, to="fund-1", programme="ccer",
                registered_on="2025-01-01", covered_by_ets=False)  # fmt: skip
    for place, entity in ENTITIES.items():
        office.send("lock_credits", **there, id=f"lock-{place}", account="fund-1", unit=CREDIT,
                    quantity=1, for_registry=office.registry, entity=entity, year=2024)  # fmt: skip


def _roles(office: Office) -> None:
    """An actor without a role, and one with many to be taken back."""
    for subject in ("new", "wu"):
        office.send("register_actor", subject=subject, actor=MEE)
    held = [("province", place) for place in PROVINCES] + [("entity", place) for place in ENTITIES]
    for role, place in [*held, ("verifier", "P"), ("verifier", "Q"), ("auditor", "*")]:
        office.send("grant_role", subject="wu", role=role, actor=MEE, **whose(place))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all cells: nothing is written."""
    path = tmp_path_factory.mktemp("office") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(NOW)) as ledger:
        yield national(ledger)


@pytest.mark.parametrize(("name", "place"), cells(NATIONAL))
def test_who_may_send_what_in_the_national_office(office: Office, name: str, place: str) -> None:
    row = NATIONAL[name]
    check(office, ACTORS, row, place, bare(name), **row.fields(place))


@pytest.mark.parametrize(("name", "place"), cells(NATIONAL))
def test_who_may_send_a_command_may_propose_it(office: Office, name: str, place: str) -> None:
    row = NATIONAL[name]
    proposes = office.command(bare(name), **row.fields(place))
    check(office, ACTORS, row, place, "propose", proposes=proposes)


def test_the_table_has_a_row_for_every_command() -> None:
    assert {bare(name) for name in NATIONAL} | NOT_HERE == set(COMMANDS)


def test_what_a_command_acts_on_is_said_of_every_command() -> None:
    assert set(ACTS) == set(COMMANDS)
