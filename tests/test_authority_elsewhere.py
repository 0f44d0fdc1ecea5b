"""Who may send which command in the offices of Chongqing and of the credit registry: every cell,
written out by hand (see ``office_rows``)."""

from collections.abc import Iterator

import pytest

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
    some,
    taken_from,
    tonnes,
    whose,
)
from offices import ACCOUNTS, CREDIT, SINCE, STAFF, Actor, Office

NOW = "2025-07-01T09:00:00+08:00"
CQEA = "CQEA:2024"
MEE, LI, EXCHANGE, NCSC, SGS = "mee", "li", "shanghai", "ncsc", "sgs"
HERE = {
    "mee": {"role": "competent_authority"},
    "li": {"role": "entity", "entity": "plant"},
    "shanghai": {"role": "exchange"},
    "ncsc": {"role": "credit_registry"},
    "sgs": {"role": "verifier"},
    "court": {"role": "auditor"},
}
"""No province stands between the authority and its entities here."""
ACTORS: tuple[Actor, ...] = (*HERE, "new", "stranger", None)
WHOLE, OWNED = "*", "O N"
RECONCILED = just(
    source="bank.csv", sha256="0" * 64, kind="holdings", as_of="2024-12-31", known_at=1,
    matched=0, missing_here=0, missing_there=0, differing=0,
)  # fmt: skip
FRESH = {"entity": "fresh", "name": "Fresh", "sector": "power"}
TRADE = {"trade": "T1", "method": "listed", "quantity": 1, "price": "80.00"}

CHONGQING: dict[str, Row] = {
    "adopt_rulebook": Row(WHOLE, {MEE: "*"}, just(rulebook="cn-chongqing")),
    "register_entity": Row(WHOLE, {MEE: "*"}, just(**FRESH)),
    "set_entity_status": Row(OWNED, {MEE: OWNED}, plus(of_entity, status="active")),
    "set_entity_status.at_risk": Row(OWNED, {MEE: OWNED}, plus(of_entity, status="at_risk")),
    "leave_registry": Row(OWNED, {MEE: OWNED}, plus(of_entity, first_year_elsewhere=2026)),
    "amend_entity": Row(OWNED, {MEE: OWNED}, plus(of_entity, name="Another")),
    "succeed_entity": Row(OWNED, {MEE: OWNED}, lambda place: {
        **of_entity(place), "kind": "merger",
        "successors": [{"entity": "other" if place == "O" else "plant", "share": "1"}],
    }),
    "open_account.entity": Row(
        OWNED, {MEE: OWNED}, plus(of_entity, account="fresh", kind="entity")
    ),
    "open_account.institution": Row(WHOLE, {MEE: "*"}, just(account="fresh", kind="institution")),
    "close_account": Row("S R O N I", {MEE: "S R O N I"}, of_account),
    "register_actor": Row("O N *", {MEE: "O N *"}, plus(whose, subject="fresh")),
    "grant_role.competent_authority": Row(WHOLE, {MEE: "*"}, granted("competent_authority")),
    "grant_role.entity": Row(OWNED, {MEE: OWNED}, granted("entity")),
    "grant_role.verifier": Row("O N *", {MEE: "O N *"}, granted("verifier")),
    "revoke_role": Row(WHOLE, {MEE: "*"}, just(subject="court", role="auditor")),
    "trust": Row("S O N I", {LI: "O"}, plus(of_account, counterparty="other-2")),
    "distrust": Row("S O N I", {LI: "O"}, plus(of_account, counterparty="other-3")),
    "freeze": Row("S R O N I", {MEE: "S R O N I"}, of_account),
    "unfreeze": Row("S O N I", {MEE: "S O N I"}, claim("freeze")),
    "pledge": Row("S O N I", {LI: "O"}, plus(some, unit=CQEA, pledgee="bank")),
    "release_pledge": Row("O N I", {MEE: "O N I"}, claim("pledge")),
    "opening_balance": Row("S O N I", {MEE: "S O N I"}, plus(some, unit=CQEA)),
    "opening_year": Row(OWNED, {MEE: OWNED}, lambda place: {
        **of_entity(place), "year": 2022, "facts": {"verified_emissions": 5},
    }),
    "issue": Row(WHOLE, {MEE: "*"}, just(unit=CQEA, quantity=1)),
    "distribute": Row("RS OS", {MEE: "RS"}, plus(moved, unit=CQEA)),
    "reserve": Row(WHOLE, {MEE: "*"}, just(unit=CQEA, quantity=1)),
    "auction": Row(WHOLE, {MEE: "*"}, just(unit=CQEA, quantity=1, price="1", buyer="plant-1")),
    "transfer.release": Row("SO SN OI", {MEE: "SO SN"}, plus(moved, unit=CQEA, kind="release")),
    "transfer.succession": Row("SO ON", {MEE: "SO ON"}, plus(moved, unit=CQEA, kind="succession")),
    "transfer.judicial": Row("SO ON", {MEE: "SO ON"}, plus(moved, unit=CQEA, kind="judicial")),
    "transfer.correction": Row("SO ON", {MEE: "SO ON"}, plus(moved, unit=CQEA, kind="correction")),
    "transfer.free": Row("SO ON", {}, plus(moved, unit=CQEA, kind="free")),
    "cancel": Row("S R O N I", {MEE: "S R", LI: "O"}, plus(some, unit=CQEA)),
    "record_verified": Row(OWNED, {MEE: OWNED, SGS: OWNED}, plus(of_year, emissions=5)),
    "publish_balance_value": Row(
        WHOLE, {MEE: "*"}, just(sector="cement", year=2025, value="0.85")
    ),
    "pre_allocate": Row(OWNED, {MEE: OWNED}, of_year),
    "pre_allocate from": Row("SO SN OO", {MEE: "SO SN"}, taken_from),
    "finalise_allocation": Row(OWNED, {MEE: OWNED}, plus(of_year, entitlement=5)),
    "finalise_allocation from": Row("SO OO", {MEE: "SO"}, plus(taken_from, entitlement=5)),
    "record_deduction": Row(OWNED, {MEE: OWNED}, plus(tonnes, reason="enforcement")),
    "borrow": Row(OWNED, {MEE: OWNED}, tonnes),
    "check_banking_cap": Row(OWNED, {MEE: OWNED, LI: "O"}, of_entity),
    "carry_over": Row(OWNED, {LI: "O"}, plus(of_entity, quantity=1)),
    "surrender": Row(OWNED, {LI: "O"}, plus(tonnes, unit=CQEA)),
    "surrender from": Row(
        "SO OO NO IO", {MEE: "SO", LI: "OO"}, plus(taken_from, unit=CQEA, quantity=1)
    ),
    "confirm_surrender": Row(OWNED, {MEE: OWNED}, claim("surrender")),
    "reject_surrender": Row(OWNED, {MEE: OWNED}, claim("surrender")),
    "impose_fine": Row(OWNED, {MEE: OWNED}, plus(of_year, amount="20000.00")),
    "assess_compliance": Row(OWNED, {MEE: OWNED}, of_year),
    "record_green_power": Row(OWNED, {LI: "O"}, plus(of_year, tonnes=1)),
    "record_market_day": Row(
        WHOLE, {EXCHANGE: "*"}, just(date="2025-06-30", unit=CQEA, close="80.00")
    ),
    "settle_trade": Row("ON IO NI", {EXCHANGE: "ON IO NI"}, lambda place: {
        **TRADE, "unit": CQEA, "seller": ACCOUNTS[place[0]], "buyer": ACCOUNTS[place[1]],
    }),
    "reverse": Row("S O N I", {MEE: "S O N I"}, claim("reverses")),
    "assert_balance": Row("S R O N I", {MEE: "S R O N I"}, lambda place: {
        "account": ACCOUNTS[place], "unit": "CQEA:2020", "quantity": 0,
    }),
    "record_reconciliation": Row(WHOLE, {MEE: "*"}, RECONCILED),
    "close_period": Row(WHOLE, {MEE: "*"}, just(until="2022-12-31")),
    "reopen_period": Row(WHOLE, {MEE: "*"}, just(until="2021-06-30")),
}  # fmt: skip

BOTH = {MEE: "O N I", NCSC: "O N I"}
EITHER = {MEE: "*", NCSC: "*"}
CREDITS: dict[str, Row] = {
    "adopt_rulebook": Row(WHOLE, {MEE: "*"}, just(rulebook="ccer")),
    "register_entity": Row(WHOLE, EITHER, just(**FRESH)),
    "set_entity_status": Row(OWNED, {MEE: OWNED}, plus(of_entity, status="shut")),
    "amend_entity": Row(OWNED, {MEE: OWNED, NCSC: OWNED}, plus(of_entity, name="Another")),
    "succeed_entity": Row(OWNED, {MEE: OWNED}, CHONGQING["succeed_entity"].fields),
    "open_account.entity": Row(
        OWNED, {MEE: OWNED, NCSC: OWNED}, plus(of_entity, account="fresh", kind="entity")
    ),
    "open_account.individual": Row(WHOLE, EITHER, just(account="fresh", kind="individual")),
    "close_account": Row("O N I", BOTH, of_account),
    "register_actor": Row("O *", {MEE: "O *", NCSC: "O *"}, plus(whose, subject="fresh")),
    "grant_role.credit_registry": Row(WHOLE, {MEE: "*"}, granted("credit_registry")),
    "grant_role.entity": Row(OWNED, {MEE: OWNED}, granted("entity")),
    "revoke_role": Row(WHOLE, {MEE: "*"}, just(subject="court", role="auditor")),
    "trust": Row("O N I", {LI: "O"}, plus(of_account, counterparty="other-2")),
    "distrust": Row("O N I", {LI: "O"}, plus(of_account, counterparty="other-3")),
    "freeze": Row("O N I", BOTH, of_account),
    "unfreeze": Row("O N I", BOTH, claim("freeze")),
    "pledge": Row("O N I", {LI: "O"}, plus(some, unit=CREDIT, pledgee="bank")),
    "release_pledge": Row("O N I", BOTH, claim("pledge")),
    "opening_balance": Row("O N I", BOTH, plus(some, unit=CREDIT)),
    "issue_credits": Row("O N I", {NCSC: "O N I"}, lambda place: {
        "unit": CREDIT, "quantity": 1, "to": ACCOUNTS[place], "programme": "ccer",
        "registered_on": "2025-01-01", "covered_by_ets": False,
    }),
    "lock_credits": Row("O N I", {LI: "O"}, lambda place: {
        **some(place), "unit": CREDIT, "for_registry": "elsewhere", "entity": "plant",
        "year": 2024,
    }),
    "unlock_credits": Row("O N I", {NCSC: "O N I", LI: "O"}, claim("lock")),
    "transfer.succession": Row("ON IO", {MEE: "ON IO", NCSC: "ON IO"}, plus(
        moved, unit=CREDIT, kind="succession"
    )),
    "transfer.judicial": Row("ON IO", {MEE: "ON IO", NCSC: "ON IO"}, plus(
        moved, unit=CREDIT, kind="judicial"
    )),
    "transfer.correction": Row("ON IO", {MEE: "ON IO", NCSC: "ON IO"}, plus(
        moved, unit=CREDIT, kind="correction"
    )),
    "transfer.free": Row("ON IO", {}, plus(moved, unit=CREDIT, kind="free")),
    "cancel": Row("O N I", {LI: "O"}, plus(some, unit=CREDIT)),
    "record_market_day": Row(
        WHOLE, {EXCHANGE: "*"}, just(date="2025-06-30", unit=CREDIT, close="80.00")
    ),
    "settle_trade": Row("ON IO", {EXCHANGE: "ON IO"}, lambda place: {
        **TRADE, "unit": CREDIT, "seller": ACCOUNTS[place[0]], "buyer": ACCOUNTS[place[1]],
    }),
    "reverse": Row("O N I", BOTH, claim("reverses")),
    "assert_balance": Row("O N I", BOTH, lambda place: {
        "account": ACCOUNTS[place], "unit": "CCER:wind:2020", "quantity": 0,
    }),
    "record_reconciliation": Row(WHOLE, EITHER, RECONCILED),
    "close_period": Row(WHOLE, EITHER, just(until="2022-12-31")),
    "reopen_period": Row(WHOLE, {MEE: "*"}, just(until="2021-06-30")),
    # what belongs to the registry of an obligation is for nobody here
    "issue": Row(WHOLE, {}, just(unit=CREDIT, quantity=1)),
    "reserve": Row(WHOLE, {}, just(unit=CREDIT, quantity=1)),
    "surrender": Row(OWNED, {}, plus(tonnes, unit=CREDIT)),
    "pre_allocate": Row(OWNED, {}, of_year),
    "finalise_allocation": Row(OWNED, {}, of_year),
    "borrow": Row(OWNED, {}, tonnes),
    "carry_over": Row(OWNED, {}, plus(of_entity, quantity=1)),
    "record_verified": Row(OWNED, {}, plus(of_year, emissions=5)),
    "impose_fine": Row(OWNED, {}, plus(of_year, amount="20000.00")),
}  # fmt: skip
OF_PROPOSALS = {"propose", "approve", "reject", "execute"}


def opened(ledger: Ledger, base: str, unit: str) -> Office:
    """Two entities, an institution's account, claims of each, and the staff of an office."""
    office = Office(ledger, base)
    for entity in ("plant", "other"):
        office.send("register_entity", entity=entity, name=entity, sector="industry")
        office.send("open_account", account=f"{entity}-1", kind="entity", entity=entity)
    for account in ("other-2", "other-3"):
        office.send("open_account", account=account, kind="entity", entity="other")
    office.send("open_account", account=ACCOUNTS["I"], kind="institution")
    state = "" if base == "ccer" else "S"
    for place in f"{state}ONI":
        office.send("opening_balance", id=f"reverses-{place}", account=ACCOUNTS[place], unit=unit,
                    quantity=100)  # fmt: skip
        office.send("freeze", id=f"freeze-{place}", account=ACCOUNTS[place], unit=unit, quantity=1)
        office.send("trust", account=ACCOUNTS[place], counterparty="other-3")
    for place in "ONI":
        office.send("pledge", id=f"pledge-{place}", **plus(some, unit=unit, pledgee="b")(place))
    office.send("close_period", until="2021-12-31")
    return office


@pytest.fixture(scope="module")
def chongqing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all cells: nothing is written."""
    path = tmp_path_factory.mktemp("office") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(NOW)) as ledger:
        office = opened(ledger, "cn-chongqing", CQEA)
        office.send("issue", unit=CQEA, quantity=100)
        for place in "ON":
            office.send("record_verified", **of_year(place), emissions=50)
            office.send("surrender", id=f"surrender-{place}", **tonnes(place), unit=CQEA)
        office.adopt(staff=HERE)
        office.send("register_actor", subject="new", actor=MEE)
        yield office


@pytest.fixture(scope="module")
def credits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all cells: nothing is written."""
    path = tmp_path_factory.mktemp("office") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(NOW)) as ledger:
        elsewhere = {"registry": "elsewhere", "effective_at": SINCE}
        for given in (
            {"command": "open_registry", "id": "e1", "rulebook": "open"},
            {"command": "register_entity", "id": "e2", "entity": "plant", "name": "P",
             "sector": "power"},
        ):  # fmt: skip
            ledger.execute({**given, **elsewhere})
        office = opened(ledger, "ccer", CREDIT)
        for place in "ONI":
            office.send("lock_credits", id=f"lock-{place}", **CREDITS["lock_credits"].fields(place))
        office.adopt(staff=HERE)
        office.send("register_actor", subject="new", actor=MEE)
        yield office


@pytest.mark.parametrize(("name", "place"), cells(CHONGQING))
def test_who_may_send_what_in_the_office_of_chongqing(
    chongqing: Office, name: str, place: str
) -> None:
    row = CHONGQING[name]
    check(chongqing, ACTORS, row, place, bare(name), **row.fields(place))


@pytest.mark.parametrize(("name", "place"), cells(CREDITS))
def test_who_may_send_what_in_the_office_of_credits(
    credits: Office,
    name: str,
    place: str,
) -> None:
    row = CREDITS[name]
    check(credits, ACTORS, row, place, bare(name), **row.fields(place))


def test_the_tables_have_a_row_for_every_command() -> None:
    of_others = {
        "issue_credits", "lock_credits", "unlock_credits", "use_offsets", "opening_banking",
    }  # fmt: skip
    named = {bare(name) for name in CHONGQING}
    assert named | of_others | OF_PROPOSALS == set(COMMANDS)
    of_years = {
        "assess_compliance", "auction", "check_banking_cap", "confirm_surrender", "distribute",
        "leave_registry", "opening_banking", "opening_year", "publish_balance_value",
        "record_deduction", "record_green_power", "reject_surrender", "use_offsets",
    }  # fmt: skip
    named = {bare(name) for name in CREDITS}
    assert named | of_years | OF_PROPOSALS == set(COMMANDS)


def test_every_role_is_held_by_somebody_in_these_tables() -> None:
    assert {held["role"] for held in (*HERE.values(), *STAFF.values())} == {
        "competent_authority", "province", "entity", "exchange", "credit_registry", "verifier",
        "auditor",
    }  # fmt: skip
