"""The way of a surrender (X-6): entity, province, authority, retired; pending until confirmed."""

import pytest

from etsledger.ledger import Ledger
from helpers import ON_SQLITE, SteppingClock
from national import SUMMER, NationalBook


@pytest.fixture
def book(national: NationalBook) -> NationalBook:
    """1,000 t are owed for 2024, 1,500 t are there."""
    national.verified(1_000)
    national.give(1_500)
    return national


def numbers(book: NationalBook) -> tuple[int, int, int]:
    """Surrendered, pending, outstanding."""
    row = book.compliance()
    return row["surrendered"], row["pending"], row["outstanding"]


def test_a_surrender_is_pending_then_retired_in_one_event(book: NationalBook) -> None:
    """On both databases."""
    book.surrender(400, id="s")
    assert numbers(book) == (0, 400, 1_000)
    assert book.row() | {"pending": 400, "available": 1_100, "quantity": 1_500} == book.row()
    outcome = book.confirm("s")
    assert len(outcome.positions) == 1
    assert numbers(book) == (400, 0, 600)
    assert (book.held(), book.held("hubei"), book.held("authority")) == (1_100, 0, 0)
    supply = book.supply()
    assert (supply["issued"], supply["holding"], supply["retired"]) == (1_500, 1_100, 400)
    assert book.ledger.verify().ok


@ON_SQLITE
def test_the_way_leads_over_the_province_and_the_authority(book: NationalBook) -> None:
    book.met(400)
    (event,) = book.ledger.events(types=["SurrenderConfirmed"])
    assert event["data"]["via"] == ["hubei", "authority"]
    for account in ("hubei", "authority"):
        moved = [row["quantity"] for row in book.ledger.statement(account)]
        assert moved == [400, -400]


@ON_SQLITE
def test_an_entity_without_a_province_goes_straight_to_the_authority(
    ledger: Ledger, clock: SteppingClock
) -> None:
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant(province=None)
    book.verified(10)
    book.give(10)
    book.met(10)
    (event,) = book.ledger.events(types=["SurrenderConfirmed"])
    assert event["data"]["via"] == ["authority"]
    assert book.supply()["retired"] == 10


@ON_SQLITE
@pytest.mark.parametrize(
    ("source", "to"),
    [
        ("plant-1", "hubei"), ("plant-1", "authority"), ("plant-1", "retired"),
        ("authority", "plant-1"), ("hubei", "retired"), ("authority", "retired"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["distribute", "free"])
def test_a_step_out_of_the_chain_is_refused(
    book: NationalBook, source: str, to: str, name: str
) -> None:
    book.send("issue", unit="CEA:2024", quantity=100)
    book.send("distribute", unit="CEA:2024", quantity=50, from_="authority", to="hubei")
    given = {"unit": "CEA:2024", "quantity": 1, "from_": source, "to": to}
    if name == "distribute":
        refusal = book.refused("RouteNotAllowed", "distribute", **given)
    else:
        refusal = book.refused("RouteNotAllowed", "transfer", kind="free", **given)
    assert refusal.numbers["unit"] == "CEA:2024"


@ON_SQLITE
def test_units_are_issued_to_the_authority_only(book: NationalBook) -> None:
    for to in ("hubei", "plant-1", "retired"):
        refusal = book.refused("RouteNotAllowed", "issue", unit="CEA:2024", quantity=1, to=to)
        assert refusal.numbers["movement"] == "issue"


@ON_SQLITE
@pytest.mark.parametrize("kind", ["institution", "individual"])
def test_only_entities_and_provinces_have_accounts(book: NationalBook, kind: str) -> None:
    """N-PART-1."""
    refusal = book.refused("ParticipantNotAllowed", "open_account", account="x", kind=kind)
    assert refusal.numbers["kind"] == kind


@ON_SQLITE
@pytest.mark.parametrize(("quantity", "accepted"), [(999, True), (1_000, True), (1_001, False)])
def test_no_more_than_is_owed(book: NationalBook, quantity: int, accepted: bool) -> None:
    if accepted:
        book.met(quantity)
        assert numbers(book) == (quantity, 0, 1_000 - quantity)
        return
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=quantity,
    )  # fmt: skip
    assert refusal.numbers["obligation"] == 1_000
    assert refusal.numbers["asked"] == 1_001
    assert refusal.numbers["outstanding"] == 1_000


@ON_SQLITE
def test_what_is_pending_counts_as_owed_no_more(book: NationalBook) -> None:
    book.met(300)
    book.surrender(600, id="s")
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=101,
    )  # fmt: skip
    found = refusal.numbers
    assert (found["surrendered"], found["pending"], found["outstanding"]) == (300, 600, 100)
    book.reject("s")
    book.surrender(700)
    assert numbers(book) == (300, 700, 700)


@ON_SQLITE
def test_a_back_dated_surrender_leaves_room_for_what_is_known_to_come(book: NationalBook) -> None:
    book.surrender(700, at="2025-09-01")
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=301, at="2025-08-01",
    )  # fmt: skip
    assert refusal.numbers["outstanding"] == 300
    book.surrender(300, at="2025-08-01")


@ON_SQLITE
@pytest.mark.parametrize(("quantity", "accepted"), [(800, True), (801, False)])
def test_a_back_dated_surrender_fits_at_every_later_change(
    book: NationalBook, quantity: int, accepted: bool
) -> None:
    """The year was restated to 800 t and back to 1,000 t; in between 801 t would be too many."""
    book.verified(800, at="2025-09-01")
    book.verified(1_000, at="2025-10-01")
    if accepted:
        book.surrender(quantity, at="2025-08-01")
        return
    refusal = book.refused(
        "SurrenderExceedsObligation", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=quantity, at="2025-08-01",
    )  # fmt: skip
    assert (refusal.numbers["obligation"], refusal.numbers["outstanding"]) == (800, 800)


@ON_SQLITE
def test_no_surrender_before_emissions_are_verified(book: NationalBook) -> None:
    refusal = book.refused(
        "ObligationNotKnown", "surrender", entity="plant", year=2023, unit="CEA:2023", quantity=1
    )
    assert (refusal.numbers["entity"], refusal.numbers["year"]) == ("plant", 2023)


@ON_SQLITE
@pytest.mark.parametrize(("at", "code"), [("2025-06-30", "ObligationNotKnown"), ("2025-07-02", "")])
def test_the_report_must_be_in_effect(national: NationalBook, at: str, code: str) -> None:
    national.give(10, at="2025-01-01")
    national.verified(10, at="2025-07-02")
    given = {"entity": "plant", "year": 2024, "unit": "CEA:2024", "quantity": 10, "at": at}
    if code:
        national.refused(code, "surrender", **given)
    else:
        national.send("surrender", **given)


@ON_SQLITE
@pytest.mark.parametrize(("sector", "year"), [("cement", 2023), ("power", 2018), ("power", 2027)])
def test_no_surrender_for_what_is_no_compliance_year(
    ledger: Ledger, clock: SteppingClock, sector: str, year: int
) -> None:
    clock.now = SUMMER
    book = NationalBook(ledger)
    book.plant(sector=sector)
    book.verified(10, year)
    refusal = book.refused(
        "ObligationNotKnown", "surrender", entity="plant", year=year, unit="CEA:2023", quantity=1
    )
    assert (refusal.numbers["sector"], refusal.numbers["year"]) == (sector, year)


@ON_SQLITE
def test_units_that_are_not_there_are_not_surrendered(book: NationalBook) -> None:
    book.verified(2_000)
    refusal = book.refused(
        "InsufficientUnits", "surrender", entity="plant", year=2024, unit="CEA:2024",
        quantity=1_501,
    )  # fmt: skip
    assert (refusal.numbers["held"], refusal.numbers["asked"]) == (1_500, 1_501)


@ON_SQLITE
def test_units_of_another_entity_may_meet_it(book: NationalBook) -> None:
    """N-SUR-3: from the helper's own account, named by ``from``."""
    helper = book.plant("helper", sector="cement")
    book.give(50, to=helper)
    book.met(50, from_=helper)
    assert book.held(helper) == 0
    assert numbers(book) == (50, 0, 950)
    assert book.ledger.compliance(entity="helper") == []


@ON_SQLITE
def test_pending_units_go_nowhere_else(book: NationalBook) -> None:
    book.surrender(1_000)
    refusal = book.refused(
        "InsufficientUnits", "cancel", account="plant-1", unit="CEA:2024", quantity=501
    )
    assert refusal.numbers["available"] == 500
    book.send("cancel", account="plant-1", unit="CEA:2024", quantity=500)


@ON_SQLITE
@pytest.mark.parametrize("name", ["confirm_surrender", "reject_surrender"])
def test_a_surrender_is_closed_once_and_not_before_it_was_submitted(
    book: NationalBook, name: str
) -> None:
    book.surrender(10, id="s", at="2025-08-01")
    refusal = book.refused("InvalidCommand", name, surrender="s", at="2025-07-31")
    assert refusal.numbers["field"] == "effective_at"
    book.send(name, surrender="s", at="2025-08-01")
    for again in ("confirm_surrender", "reject_surrender"):
        refusal = book.refused("UnknownReference", again, surrender="s", at="2025-08-02")
        assert refusal.numbers["reference_id"] == "s"


@ON_SQLITE
def test_without_a_report_nothing_is_assessed(book: NationalBook) -> None:
    refusal = book.refused("ObligationNotKnown", "assess_compliance", entity="plant", year=2023)
    assert refusal.numbers["year"] == 2023


@ON_SQLITE
def test_an_assessment_records_what_is_known_at_its_time(book: NationalBook) -> None:
    book.met(1_000, at="2025-12-31")
    for at, status, surrendered in (
        ("2025-12-30", "OPEN", 0), ("2025-12-31", "COMPLIANT", 1_000),
        ("2026-01-01", "COMPLIANT", 1_000),
    ):  # fmt: skip
        book.send("assess_compliance", entity="plant", year=2024, at=at)
        *_, event = book.ledger.events(types=["ComplianceAssessed"])
        data = event["data"]
        assert (data["status"], data["surrendered"]) == (status, surrendered)
        assert data["deadline"] == "2025-12-31T23:59:59+08:00"
