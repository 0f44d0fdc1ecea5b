"""Why an account holds what it holds: signed movements, page by page, at any two clocks."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsledger.domain.times import parse_instant
from etsledger.ledger import BalanceExplanation, Ledger, postings
from etsledger.projections import explain_openings
from explained import lawful, part, total
from helpers import REGISTRY, UNIT, DayBook, SteppingClock, send_all, trial_registry
from national import NationalBook

BEGIN, DAYS = parse_instant("2024-01-01"), 400


def why(
    ledger: Ledger, account: str = "crrc-1", unit: str = UNIT, **question: object
) -> BalanceExplanation:
    told = ledger.explain_balance(account, unit, registry=REGISTRY, **question)  # type: ignore[arg-type]
    assert told is not None
    lawful(told)
    return told


def shown(told: BalanceExplanation) -> list[int]:
    """The signed tonnes of the movements on the page."""
    return [
        one["sign"] * one["value"]
        for one in told["because"]
        if one["event"] is not None and one["sign"] and isinstance(one["value"], int)
    ]


@pytest.fixture
def months(book: DayBook) -> DayBook:
    """Ten issues on the first of ten months: 1, 2, 4 … 512 t."""
    for n in range(10):
        book.issue(2**n, at=f"2023-{n + 1:02}-01")
    return book


def test_a_balance_is_the_sum_of_its_movements(book: DayBook) -> None:
    book.issue(1000, at="2024-01-02", actor="mee", reference="doc 1")
    book.transfer(300, "crrc-1", "desk-1", at="2024-03-01")
    told = why(book.ledger)
    assert (told["value"], told["unit"], told["key"]) == (700, "t", "quantity")
    assert shown(told) == [1000, -300]
    assert total(told) == 700
    first = told["because"][0]["event"]
    assert first is not None
    assert (first["actor"], first["reference"]) == ("mee", "doc 1")
    assert told["page"] == {
        "limit": 50, "after": None, "shown": 2, "before": 0, "later": 0, "next": None,
        "previous": None,
    }  # fmt: skip


def test_the_latest_movements_stand_below_what_was_before(months: DayBook) -> None:
    told = why(months.ledger, limit=3)
    assert shown(told) == [128, 256, 512]
    assert part(told, "opening")["value"] == 127
    assert (told["page"]["before"], told["page"]["later"]) == (7, 0)
    assert told["value"] == 1023 == total(told)


def test_pages_lead_to_one_another(months: DayBook) -> None:
    after: int | None = 0
    pages: list[list[int]] = []
    starts: list[int] = []
    while after is not None:
        told = why(months.ledger, limit=4, after=after)
        assert total(told) == 1023
        pages.append(shown(told))
        starts.append(after)
        after = told["page"]["next"]
    assert pages == [[1, 2, 4, 8], [16, 32, 64, 128], [256, 512]]
    back = why(months.ledger, limit=4, after=starts[-1])["page"]["previous"]
    assert back == starts[1]
    assert why(months.ledger, limit=4, after=starts[1])["page"]["previous"] == 0
    assert why(months.ledger, limit=4, after=0)["page"]["previous"] is None
    latest = why(months.ledger, limit=4)
    assert latest["page"]["previous"] is not None
    assert shown(why(months.ledger, limit=4, after=latest["page"]["previous"])) == [4, 8, 16, 32]


@pytest.mark.parametrize(("limit", "many"), [(1, 1), (9, 9), (10, 10), (11, 10)])
def test_a_page_holds_as_many_as_asked(months: DayBook, limit: int, many: int) -> None:
    told = why(months.ledger, limit=limit)
    assert told["page"]["shown"] == many == len(shown(told))
    assert told["page"]["before"] == 10 - many


def test_a_limit_below_one_and_a_cursor_that_is_no_position_are_errors(months: DayBook) -> None:
    with pytest.raises(ValueError, match="limit"):
        why(months.ledger, limit=0)
    for after in (-1, 10_000):
        with pytest.raises(ValueError, match="after"):
            why(months.ledger, after=after)


def test_an_account_that_is_not_known_has_no_explanation(months: DayBook) -> None:
    ledger = months.ledger
    assert ledger.explain_balance("nobody", UNIT) is None
    assert ledger.explain_balance("crrc-1", UNIT, registry="elsewhere") is None
    assert ledger.explain_balance("crrc-1", UNIT, known_at=1) is None
    nothing = why(ledger, "desk-1")
    assert (nothing["value"], nothing["because"]) == (0, [])


def test_an_account_of_several_registries_must_be_told_apart(months: DayBook) -> None:
    months.send("open_registry", registry="other", rulebook="open")
    with pytest.raises(ValueError, match="several registries"):
        months.ledger.explain_balance("authority", UNIT)
    assert months.ledger.explain_balance("crrc-1", UNIT) is not None


def test_what_is_reserved_names_its_claims_and_those_that_ended_are_gone(book: DayBook) -> None:
    book.issue(1000)
    book.freeze("crrc-1", 100, id="court")
    book.pledge(50, id="loan")
    book.pledge(30, id="repaid")
    book.send("release_pledge", pledge="repaid")
    told = why(book.ledger)
    available, frozen, pledged = told["of_which"]
    assert (available["value"], frozen["value"], pledged["value"]) == (850, 100, 50)
    assert total(available) == 850
    assert [one["event"]["command_id"] for one in pledged["because"] if one["event"]] == ["loan"]
    assert frozen["because"][0]["what"] == f"{UNIT} frozen in crrc-1, freeze court"


@pytest.mark.parametrize("unit", [None, UNIT])
def test_a_freeze_of_all_leaves_nothing_free(book: DayBook, unit: str | None) -> None:
    book.issue(1000)
    book.freeze("crrc-1", id="court", unit=unit)
    available = why(book.ledger)["of_which"][0]
    assert available["value"] == 0
    stopped = part(available, "stopped")
    assert [one["event"]["command_id"] for one in stopped["because"] if one["event"]] == ["court"]
    book.send("unfreeze", freeze="court")
    assert why(book.ledger)["of_which"][0]["value"] == 1000


def test_what_became_known_later_stands_under_since(book: DayBook, clock: SteppingClock) -> None:
    book.issue(1000, at="2024-01-02")
    known = book.ledger.head().position
    clock.advance(days=10)
    late = book.transfer(300, "crrc-1", "desk-1", at="2024-01-20", id="late")
    book.transfer(50, "crrc-1", "desk-1", at="2024-05-01")
    then = why(book.ledger, as_of="2024-01-31", known_at=known)
    assert (then["value"], shown(then)) == (1000, [1000])
    assert [(one["key"], one["sign"], one["value"]) for one in then["since"]] == [
        ("back_dated", -1, 300), ("later", -1, 50),
    ]  # fmt: skip
    news = then["since"][0]["event"]
    assert news is not None
    assert (news["position"], news["recorded_at"]) == (
        late.positions[0], "2024-06-11T09:00:00+08:00",
    )  # fmt: skip
    now = why(book.ledger, as_of="2024-01-31")
    assert now["value"] == 700
    assert [one["key"] for one in now["since"]] == ["later"]


def test_a_movement_that_was_reversed_says_so(book: DayBook) -> None:
    book.issue(1000)
    book.transfer(300, "crrc-1", "desk-1", id="m")
    book.send("reverse", reverses="m")
    told = why(book.ledger)
    assert shown(told) == [1000, -300, 300]
    assert [one["key"] for one in told["because"][1]["since"]] == ["reversal"]
    assert told["because"][0]["since"] == []


def test_an_allocation_shows_what_moved_and_how_it_was_computed(national: NationalBook) -> None:
    national.fund("CEA:2024", 1000)
    national.verified(500, year=2023)
    national.verified(900)
    national.pre_allocate()
    national.finalise(entitlement=800)
    told = national.ledger.explain_balance("plant-1", "CEA:2024")
    assert told is not None
    lawful(told)
    assert shown(told) == [350, 450]
    assert part(told["because"][1], "fact")["value"] == 800


def test_what_only_passes_through_an_account_counts_as_nothing(national: NationalBook) -> None:
    national.fund("CEA:2024", 1000)
    national.give(100)
    national.verified(900)
    national.met(100)
    told = national.ledger.explain_balance("hubei", "CEA:2024")
    assert told is not None
    assert shown(told) == [1000, 0]
    assert told["value"] == 1000


# -- at any two clocks -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Three hundred movements, reversals and freezes of three accounts, in no order of time."""
    choose, clock = random.Random(11), SteppingClock(BEGIN)
    path = tmp_path_factory.mktemp("why") / "books.db"
    with Ledger.open(path, create=True, clock=clock) as ledger:
        send_all(ledger, trial_registry())
        book = DayBook(ledger)
        for account in ("crrc-1", "baosteel-1", "desk-1"):
            book.issue(100_000, to=account, at="2023-06-01")
        moved: list[str] = []
        for _ in range(300):
            clock.advance(hours=choose.randrange(48))
            at = clock.now + timedelta(days=choose.choice([0, 0, 0, -200, -30, -3, 40]))
            source, target = choose.sample(["crrc-1", "baosteel-1", "desk-1"], 2)
            match choose.randrange(12):
                case 0 if moved:
                    book.send("reverse", reverses=moved.pop(0))
                case 1:
                    book.freeze(source, choose.randint(1, 20), at=at.isoformat())
                case _:
                    sent = book.transfer(choose.randint(1, 50), source, target, at=at.isoformat())
                    if at <= clock.now:
                        moved.append(sent.id)
        yield ledger


@pytest.fixture(params=[(10**9, 10**9), (10**9, 1), (3, 10**9), (3, 1)])
def slots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sums from the log's end and from the index, and with sums kept in slots."""
    monkeypatch.setattr(explain_openings, "LONG", request.param[0])
    monkeypatch.setattr(explain_openings, "_SLOTS", 17)
    monkeypatch.setattr(postings, "LAG", request.param[1])


@pytest.mark.usefixtures("slots")
def test_the_parts_sum_to_the_balance_at_any_two_clocks(history: Ledger) -> None:
    head = history.head().position

    @given(
        account=st.sampled_from(["crrc-1", "baosteel-1", "desk-1"]),
        day=st.integers(-250, DAYS),
        known=st.integers(12, head),
        limit=st.integers(1, 60),
        after=st.none() | st.integers(0, head),
    )
    def holds(account: str, day: int, known: int, limit: int, after: int | None) -> None:
        as_of: datetime = BEGIN + timedelta(days=day, hours=5)
        view = {"as_of": as_of, "known_at": known}
        (row,) = history.balances(account=account, unit=UNIT, zero=True, **view) or [None]  # type: ignore[arg-type]
        told = why(history, account, limit=limit, after=after, **view)
        if row is None:
            assert (told["value"], told["because"]) == (0, [])
            return
        assert told["value"] == row["quantity"] == total(told)
        assert told["of_which"][0]["value"] == row["available"]
        assert sum(one["value"] for one in told["of_which"][1:]) == row["frozen"]  # type: ignore[misc]
        page = told["page"]
        assert page["before"] + page["shown"] + page["later"] == len(
            history.statement(account, **view)  # type: ignore[arg-type]
        )
        (now,) = history.balances(account=account, unit=UNIT, zero=True, as_of=as_of)
        whole = why(history, account, limit=1000, **view)
        news = [one for one in whole["since"] if one["key"] != "later"]
        assert told["value"] + sum(one["sign"] * one["value"] for one in news) == now["quantity"]  # type: ignore[operator, misc]

    holds()


@pytest.mark.usefixtures("slots")
def test_a_question_of_the_past_leaves_the_next_answer_whole(history: Ledger) -> None:
    head = history.head().position
    with Ledger.open(history.store.url, clock=SteppingClock(BEGIN + timedelta(DAYS))) as again:
        for known in (head // 2, head, head // 3, None):
            (row,) = again.balances(account="crrc-1", unit=UNIT, known_at=known)
            told = why(again, known_at=known)
            assert told["value"] == row["quantity"]
            movements = len(again.statement("crrc-1", known_at=known))
            assert told["page"]["before"] + told["page"]["shown"] == movements


@pytest.mark.usefixtures("slots")
def test_the_page_is_the_part_of_the_statement_that_was_asked_for(history: Ledger) -> None:
    statement = [row for row in history.statement("crrc-1") if row["unit"] == UNIT]
    for limit in (1, 7, 50):
        told = why(history, limit=limit)
        assert shown(told) == [row["quantity"] for row in statement[-limit:]]
        cursor = statement[20]["position"]
        told = why(history, limit=limit, after=cursor)
        assert shown(told) == [row["quantity"] for row in statement[21 : 21 + limit]]
        assert part(told, "opening")["value"] == statement[20]["balance"]
