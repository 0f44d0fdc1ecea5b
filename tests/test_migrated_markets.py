"""Books that begin at a cut-over, with what was traded, lent, carried over and locked before."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from banking_books import BEFORE, OLD, SNAPSHOT, TODAY, BankingBook
from borrowing_books import LENT, borrower
from credit_books import NEW as CREDITS
from credit_books import CreditBook
from etsledger.domain.times import parse_instant
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.openings import Openings
from helpers import ON_SQLITE, SteppingClock
from migrated import opened, openings, same_answers, told_to
from national import SUMMER, NationalBook
from offices import Office
from successions import succeed

pytestmark = ON_SQLITE
YEARS = (2021, 2022, 2023, 2024)
CUT_OVERS = ("2025-11-02", "2026-01-02", "2026-03-22", "2026-06-11")

steps = st.lists(
    st.tuples(
        st.sampled_from(("carry", "carry", "sell", "sell", "buy", "pledge", "before")),
        st.integers(1, 400),
        st.sampled_from((None, *OLD)),
        st.sampled_from(("2025-11-01", SNAPSHOT, "2026-01-01", "2026-03-21", "2026-06-10")),
    ),
    max_size=14,
)


def step(book: BankingBook, kind: str, quantity: int, unit: str | None, at: str) -> Any:
    """What becomes of one try: its code, or how much was carried of what."""
    one = unit or "CEA:2023"
    try:
        if kind == "carry":
            outcome = book.carry(quantity, at, **({"unit": unit} if unit else {}))
            (event,) = book.ledger.events(from_position=outcome.positions[0], limit=1)
            found: Any = event["data"]
            return {key: found[key] for key in ("cap", "carried", "holding", "parts")}
        if kind == "sell":
            book.sold(quantity, one, at)
        elif kind == "buy":
            book.bought(quantity, one, at)
        elif kind == "pledge":
            given = {"account": "plant-1", "unit": one, "quantity": quantity, "at": at}
            book.send("pledge", pledgee="bank", **given)
        else:
            book.send("opening_banking", entity="plant", net_sales={one: quantity}, at=at)
    except Refusal as refusal:
        return refusal.code
    return None


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, later=steps, cut_over=st.sampled_from(CUT_OVERS))
def test_whatever_was_traded_and_carried_over_the_copy_carries_over_the_same(
    new_store_url: Callable[[], str],
    steps: list[tuple[str, int, str | None, str]],
    later: list[tuple[str, int, str | None, str]],
    cut_over: str,
) -> None:
    clock = SteppingClock(TODAY)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        book = BankingBook(source)
        for unit in OLD:
            book.give(150, unit, at=BEFORE)
        begin = parse_instant(cut_over)
        for one in steps:
            if parse_instant(one[3]) < begin:
                step(book, *one)
        opened(copy, openings(source, cut_over))
        same_answers(source, copy, f"{cut_over}T00:00:00", YEARS)
        goes_on = told_to(book, copy)
        at = f"{cut_over}T12:00:00"
        for kind, quantity, unit, _ in later:
            there = step(goes_on, kind, quantity, unit, at)
            assert there == step(book, kind, quantity, unit, at)
        assert same_answers(source, copy, "2027-01-01", YEARS) == 12
        assert copy.verify().ok


def test_a_loan_goes_on_where_it_was(new_store_url: Callable[[], str]) -> None:
    """Restricted to the surrender of its year, limited with what was lent, repaid the same."""
    clock = SteppingClock(SUMMER)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        book = NationalBook(source)
        book.plant()
        borrower(book)
        book.send("surrender", entity="plant", year=2022, unit=LENT, quantity=30,
                  at="2023-09-15", id="waits")  # fmt: skip
        book.send("surrender", entity="plant", year=2022, unit=LENT, quantity=25,
                  at="2023-09-16", id="met")  # fmt: skip
        book.confirm("met", at="2023-09-17")
        opened(copy, openings(source, "2023-09-20"))
        other = told_to(book, copy)
        for one in (other, book):
            assert one.row(unit=LENT)["restricted"] == 45
            refusal = one.refused("RestrictedUnits", "cancel", account="plant-1", unit=LENT,
                                  quantity=45, at="2023-10-01")  # fmt: skip
            assert refusal.numbers["restricted"] == 45
            one.refused("BorrowingLimitExceeded", "borrow", entity="plant", year=2022, quantity=1,
                        at="2023-10-01")  # fmt: skip
            one.reject("waits", at="2023-10-02")
            assert one.row(unit=LENT)["restricted"] == 75
            one.met(75, year=2022, unit=LENT, at="2023-10-03")
            one.verified(2_000, 2023, at="2023-11-01")
            one.finalise(2023, entitlement=1_500, at="2023-12-01")
        assert book.allocation(year=2023)["deductions"] == 100
        same_answers(source, copy, "2025-01-01", YEARS)
        assert copy.verify().ok


def test_credits_are_known_by_their_programme_and_their_locks_stay(
    new_store_url: Callable[[], str],
) -> None:
    clock = SteppingClock(SUMMER)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        book = CreditBook(source)
        book.verified(1_000_000, at="2025-04-01")
        book.credits(60_000)
        kept = book.lock(50_000, at="2025-05-01")
        book.use(book.lock(4_000, at="2025-05-02"), at="2025-05-03")
        found = Openings(source.store, source.head().position, parse_instant("2025-06-01"))
        opened(copy, list(found.commands(reference="before")))
        assert found.left_out == [f"4000 t of {CREDITS} cancelled in ccer"]
        other = told_to(book, copy)
        for one in (other, book):
            refusal = one.refused(
                "OffsetLimitExceeded", "use_offsets", entity="plant", year=2024, lock=kept,
                at="2025-06-02",
            )  # fmt: skip
            assert refusal.numbers["used"] == 4_000
        # The next numbers are those after the ones that were given out.
        (event,) = copy.events(from_position=other.credits(5, at="2025-06-02").positions[0])
        assert event["data"]["serial_start"] == 60_001
        assert copy.verify().ok


def test_a_freeze_a_closing_and_a_leave_are_in_force_in_the_copy(
    new_store_url: Callable[[], str],
) -> None:
    clock = SteppingClock(SUMMER)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        book = NationalBook(source)
        book.plant()
        book.plant("later")
        book.give(500, "CEA:2023", at="2024-01-01")
        book.send("freeze", id="court", account="plant-1", direction="both", at="2024-02-01")
        book.give(70, "CEA:2023", to="later-1", at="2024-01-01")
        book.send("freeze", id="part", account="later-1", unit="CEA:2023", quantity=20,
                  at="2024-05-01")  # fmt: skip
        book.send("pledge", id="loan", account="later-1", unit="CEA:2023", quantity=30,
                  pledgee="bank", at="2024-05-02")  # fmt: skip
        book.send("pledge", id="ended", account="later-1", unit="CEA:2023", quantity=5,
                  pledgee="bank", at="2024-05-02")  # fmt: skip
        book.send("release_pledge", pledge="ended", at="2024-05-03")
        book.send("leave_registry", id="away", entity="later", first_year_elsewhere=2024,
                  at="2024-06-01")  # fmt: skip
        book.send("close_period", id="closed", until="2024-12-31", at="2025-01-02")
        commands = openings(source, "2025-02-01")
        opened(copy, commands)
        other = told_to(book, copy)
        for one in (other, book):
            one.refused("AccountFrozen", "cancel", account="plant-1", unit="CEA:2023", quantity=1,
                        at="2025-03-01")  # fmt: skip
            one.refused("PeriodClosed", "record_verified", entity="plant", year=2023,
                        emissions=1, at="2024-12-31")  # fmt: skip
            one.verified(100, 2024, entity="later", at="2025-03-01")
            assert one.stands("later") == "EXEMPT"
            row = one.row("later-1", "CEA:2023")
            assert (row["frozen"], row["pledged"], row["available"]) == (20, 30, 20)
            for freeze in ("court", "part"):
                one.send("unfreeze", freeze=freeze, at="2025-03-02")
            one.send("release_pledge", pledge="loan", at="2025-03-02")
        same_answers(source, copy, "2025-06-01", YEARS)
        assert copy.verify().ok


def test_an_entity_that_others_succeeded_takes_no_part_in_the_copy(
    new_store_url: Callable[[], str],
) -> None:
    clock = SteppingClock(SUMMER)
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        book = NationalBook(source)
        for name in ("plant", "heir", "other"):
            book.plant(name)
        book.fund("CEA:2023", 10_000)
        book.verified(1_001, 2023, at="2024-03-01")
        book.finalise(2023, entitlement=901, at="2024-04-01")
        book.met(300, year=2023, unit="CEA:2023", at="2024-05-01")
        succeed(book, "split", ("heir", "0.6"), ("other", "0.4"), at="2024-06-01")
        found = Openings(source.store, source.head().position, parse_instant("2024-07-01"))
        opened(copy, list(found.commands(reference="before")))
        assert found.left_out == ["the years of plant in cn-national, which others took over"]
        other = told_to(book, copy)
        for one in (other, book):
            one.refused("ParticipantNotAllowed", "record_verified", entity="plant", year=2024,
                        emissions=1, at="2024-08-01")  # fmt: skip
        for name in ("heir", "other"):
            for as_of in ("2024-07-01", "2025-01-01"):
                rows = [one.compliance(name, 2023, as_of=as_of) for one in (other, book)]
                assert rows[0] == rows[1]
                found_there = [one.allocation(name, 2023, as_of=as_of) for one in (other, book)]
                for row in found_there:
                    row.pop("position")
                assert found_there[0] == found_there[1]
        assert copy.verify().ok


def test_an_office_is_in_force_in_the_copy_once_it_is_open(
    new_store_url: Callable[[], str],
) -> None:
    """What a second person approved is told again without one; then authority is asked for."""
    clock = SteppingClock("2024-06-01T09:00:00")
    with (
        Ledger.open(new_store_url(), create=True, clock=clock) as source,
        Ledger.open(new_store_url(), create=True, clock=clock) as copy,
    ):
        office = Office(source)
        office.send("register_entity", entity="plant", name="Plant", sector="power")
        office.send("open_account", account="plant-1", kind="entity", entity="plant")
        office.send("opening_balance", account="plant-1", unit="CEA:2023", quantity=500)
        for subject in ("mee", "second"):
            office.send("register_actor", subject=subject)
            office.send("grant_role", subject=subject, role="competent_authority")
        office.send("adopt_rulebook", rulebook="cn-national-office", at="2024-01-01")
        risk = office.command("set_entity_status", entity="plant", status="at_risk",
                              at="2024-03-01")  # fmt: skip
        office.send("propose", actor="mee", proposes=risk, id="p1", at="2024-03-01")
        office.send("approve", actor="second", proposal="p1", at="2024-03-02")
        opened(copy, openings(source, "2024-05-01"))
        same_answers(source, copy, "2024-05-01", YEARS)
        (row,) = copy.entities(entity="plant")
        assert row["status"] == "at_risk"
        goes_on = Office.__new__(Office)
        goes_on.__dict__.update(office.__dict__, ledger=copy)
        given = {"account": "plant-1", "unit": "CEA:2023", "quantity": 1, "at": "2024-05-02"}
        for one in (office, goes_on):
            refused = one.sent("nobody", "freeze", **given)
            assert isinstance(refused, Refusal)
            assert refused.code == "NotAuthorised"
            asked = one.sent("mee", "set_entity_status", entity="plant", status="at_risk")
            assert isinstance(asked, Refusal)
            assert asked.code == "ApprovalRequired"
            assert one.send("freeze", actor="mee", **given).outcome == "accepted"
        assert copy.verify().ok
