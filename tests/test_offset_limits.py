"""How much credits may meet: a share of what is owed, over all programmes (N-OFF-1, P08, D27,
D29), at every known-at and as-of."""

import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_books import ACCOUNT, CREDITS, NEW, OLD, CreditBook, book
from etsledger.domain.offsets import limit_of
from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from national import PLANT, REGISTRY, SUMMER, YEAR

__all__ = ["book"]  # a fixture
SHARE = Decimal("0.05")
LAST_DAY = "2024-12-31"
IN_2023 = {"year": 2023, "at": LAST_DAY}


@pytest.mark.parametrize(
    ("due", "limit"),
    [
        (1_234_567, 61_728),
        (1_000_000, 50_000),
        (20, 1),
        (19, 0),
        (39, 1),
        (40, 2),
        (0, 0),
        (2**53 - 1, 450359962737049),
    ],
)
def test_the_limit_is_rounded_down(due: int, limit: int) -> None:
    assert limit_of(SHARE, due) == limit


@pytest.mark.parametrize("asked", [61_727, 61_728, 61_729])
def test_five_per_cent_of_what_is_owed(book: CreditBook, asked: int) -> None:
    """D27: 61,728.35 t."""
    book.verified(1_234_567)
    book.credits(100_000)
    lock = book.lock(asked)
    if asked <= 61_728:
        book.use(lock)
        assert book.compliance()["offsets"] == asked
        return
    numbers = book.unusable("OffsetLimitExceeded", lock).numbers
    assert {k: numbers[k] for k in ("limit", "used", "asked", "obligation")} == {
        "limit": 61_728, "used": 0, "asked": 61_729, "obligation": 1_234_567,
    }  # fmt: skip


@pytest.mark.parametrize("unit", [OLD, NEW])
def test_old_and_new_programme_share_one_limit(book: CreditBook, unit: str) -> None:
    """D29: on 2024-12-31."""
    book.credits(60_000, OLD)
    book.credits(60_000, NEW, registered_on="2024-03-06")
    book.verified(1_000_000, 2023, at="2024-03-01")
    book.use(book.lock(30_000, OLD, **IN_2023), **IN_2023)
    book.use(book.lock(20_000, NEW, **IN_2023), **IN_2023)
    assert book.compliance(year=2023)["offsets"] == 50_000
    one_more = book.unusable("OffsetLimitExceeded", book.lock(1, unit, **IN_2023), **IN_2023)
    assert (one_more.numbers["limit"], one_more.numbers["used"]) == (50_000, 50_000)


def test_the_base_is_what_is_owed_and_not_the_gap(book: CreditBook) -> None:
    """P08 (10⁴ t): emissions 12, allocation 8, credits 0.5: a gap of 4, a limit of 0.6, 3.5 are
    left."""
    book.verified(120_000)
    book.give(80_000)
    book.met(80_000)
    assert book.compliance()["outstanding"] == 40_000
    book.credits(10_000)
    used = book.use(book.lock(5_000))
    (here,) = book.ledger.events(from_position=used.positions[0], types=["OffsetsUsed"])
    assert here["data"]["limit"] == 6_000
    assert book.compliance()["outstanding"] == 35_000
    book.unusable("OffsetLimitExceeded", book.lock(1_001))
    book.use(book.lock(1_000))


def test_each_year_has_its_own_limit(book: CreditBook) -> None:
    book.credits(100_000)
    for year in (2023, 2024):
        book.verified(1_000_000, year)
        book.use(book.lock(50_000, year=year), year=year)
        assert book.compliance(year=year)["offsets"] == 50_000


def test_the_limit_follows_a_restatement(book: CreditBook) -> None:
    book.credits(100_000)
    book.verified(1_000_000)
    book.use(book.lock(50_000))
    book.verified(1_000_020)
    book.unusable("OffsetLimitExceeded", book.lock(2))
    book.use(book.lock(1))
    book.verified(900_000)
    row = book.compliance()
    assert (row["offsets"], row["outstanding"]) == (50_001, 849_999), "accepted stays accepted"
    assert book.unusable("OffsetLimitExceeded", book.lock(1)).numbers["limit"] == 45_000


def test_a_back_dated_use_must_fit_ever_after(book: CreditBook) -> None:
    book.credits(200_000)
    book.verified(1_000_000, at="2025-03-01")
    book.use(book.lock(30_000, at="2025-05-01"), at="2025-05-01")
    early = book.lock(20_001, at="2025-04-01")
    assert book.unusable("OffsetLimitExceeded", early, at="2025-04-01").numbers["used"] == 30_000
    book.verified(700_000, at="2025-04-10")
    book.verified(1_100_000, at="2025-04-20")
    numbers = book.unusable(
        "OffsetLimitExceeded", book.lock(35_001, at="2025-04-01"), at="2025-04-01"
    ).numbers
    assert (numbers["limit"], numbers["used"]) == (35_000, 0), "of the report in between"
    book.use(book.lock(25_000, at="2025-04-01"), at="2025-04-01")
    assert book.compliance(as_of="2025-04-05")["offsets"] == 25_000


@pytest.mark.parametrize(
    ("surrendered", "pending", "asked", "accepted"),
    [
        (950, 0, 50, True),
        (951, 0, 50, False),
        (951, 0, 49, True),
        (900, 50, 50, True),
        (900, 51, 50, False),
        (1_000, 0, 1, False),
    ],
)
def test_credits_meet_no_more_than_is_owed(
    book: CreditBook, surrendered: int, pending: int, asked: int, accepted: bool
) -> None:
    book.verified(1_000)
    book.give(2_000)
    book.met(surrendered)
    if pending:
        book.surrender(pending)
    book.credits(100)
    lock = book.lock(asked)
    if accepted:
        book.use(lock)
    else:
        numbers = book.unusable("SurrenderExceedsObligation", lock).numbers
        assert numbers["outstanding"] == 1_000 - surrendered - pending


def test_a_surrender_after_offsets_meets_the_rest_only(book: CreditBook) -> None:
    book.verified(1_000)
    book.give(2_000)
    book.credits(100)
    book.use(book.lock(50))
    given = {"entity": PLANT, "year": YEAR, "unit": "CEA:2024"}
    book.refused("SurrenderExceedsObligation", "surrender", **given, quantity=951)
    book.met(950)
    assert book.stands() == "COMPLIANT"


# -- properties ------------------------------------------------------------------------------

DAYS = st.sampled_from(
    [f"2025-04-{day:02d}T00:00:00+08:00" for day in (1, 7, 8, 14, 21, 28)]
)  # fmt: skip
FIRST = "2025-04-01T00:00:00+08:00"
BEGINNING = [("verified", 1_000, FIRST), *(("lock", tonnes, FIRST) for tonnes in (25, 24, 1, 26))]
LOCKED = st.tuples(st.just("lock"), st.sampled_from([1, 24, 25, 26]), st.just(FIRST))
USED = st.tuples(st.just("use"), st.integers(0, 5), DAYS)
STEPS = st.lists(
    st.one_of(
        # Limits of 24, 25, 25, 50 and 51 t.
        st.tuples(st.just("verified"), st.sampled_from([499, 500, 519, 1_000, 1_020]), DAYS),
        LOCKED,
        USED,
        USED,
        USED,
        st.tuples(st.just("lock"), st.integers(1, 60), DAYS),
        st.tuples(st.just("unlock"), st.integers(0, 5), DAYS),
        st.tuples(st.just("cancel"), st.integers(1, 80), DAYS),
    ),
    min_size=6,
    max_size=14,
)
ISSUED = 300


@dataclass
class Model:
    """What became of the credits and the year, kept the simplest way."""

    reports: list[tuple[str, int]] = field(default_factory=list)
    locks: dict[str, tuple[str, int]] = field(default_factory=dict)
    uses: list[tuple[str, int]] = field(default_factory=list)
    cancelled: int = 0

    def used(self, at: str) -> int:
        return sum(tonnes for when, tonnes in self.uses if when <= at)

    def due(self, at: str) -> int:
        return next((tonnes for when, tonnes in reversed(self.reports) if when <= at), 0)

    def may_use(self, at: str, asked: int) -> bool:
        """At the time of it, and at every day after: the plainest way to say it."""
        if not any(when <= at for when, _ in self.reports):
            return False
        days = [f"2025-04-{day:02d}T00:00:00+08:00" for day in range(1, 29)]
        return all(100 * (self.used(day) + asked) <= 5 * self.due(day) for day in days if day >= at)


def _accepted(model: Model, book: CreditBook, step: tuple[str, int, str]) -> bool:
    try:
        _both(model, book, step)
    except Refusal:
        return False
    return True


def _both(model: Model, book: CreditBook, step: tuple[str, int, str]) -> None:
    """Does a step in the ledger and, once it is accepted, in the model."""
    what, number, at = step
    names = list(model.locks)
    name = names[number % len(names)] if names else "none"
    match what:
        case "verified":
            book.verified(number, at=at)
            model.reports.append((at, number))
        case "lock":
            lock = book.lock(number, at=at)
            model.locks[lock] = (at, number)
        case "use":
            book.use(name, at=at)
            model.uses.append((at, model.locks.pop(name)[1]))
        case "unlock":
            book.unlock(name, at=at)
            del model.locks[name]
        case _:
            book.send("cancel", registry=CREDITS, account=ACCOUNT, unit=NEW, quantity=number, at=at)
            model.cancelled += number


def _expected(model: Model, step: tuple[str, int, str]) -> bool | None:
    """Whether a step must be accepted; None where the past of the account decides."""
    what, number, at = step
    if what == "verified":
        return True
    if what in ("lock", "cancel"):
        free = ISSUED - model.cancelled - sum(t for _, t in model.uses)
        free -= sum(t for _, t in model.locks.values())
        return None if number <= free else False
    names = list(model.locks)
    if not names:
        return False
    since, tonnes = model.locks[names[number % len(names)]]
    if at < since:
        return False
    return what == "unlock" or model.may_use(at, tonnes)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_offsets_never_exceed_the_limit_and_no_credit_is_lost(
    steps: list[tuple[str, int, str]],
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(f"{folder}/books.db", create=True, clock=SteppingClock(SUMMER)) as ledger,
    ):
        book, model = CreditBook(ledger), Model()
        book.credits(ISSUED)
        for step in BEGINNING:
            assert _accepted(model, book, step)
        for step in steps:
            expected = _expected(model, step)
            accepted = _accepted(model, book, step)
            assert expected is None or accepted == expected, step
            _conserved(book, model)
        _never_above_the_limit(book)
        assert ledger.verify().ok


def _conserved(book: CreditBook, model: Model) -> None:
    """A credit is free, locked, used or cancelled; here and there say the same."""
    locked = sum(tonnes for _, tonnes in model.locks.values())
    used = sum(tonnes for _, tonnes in model.uses)
    row = book.credit_row()
    assert row["pending"] == locked
    assert row["available"] == ISSUED - locked - used - model.cancelled
    supply = book.credit_supply()
    assert (supply["issued"], supply["cancelled"]) == (ISSUED, used + model.cancelled)
    assert book.compliance()["offsets"] == used


def _never_above_the_limit(book: CreditBook) -> None:
    """At the known-at of each use, at its own time and at every later one."""
    days = [f"2025-04-{day:02d}" for day in range(1, 29)]
    for event in book.ledger.events(registry=REGISTRY, types=["OffsetsUsed"]):
        when: Any = {"known_at": event["position"]}
        for day in (day for day in days if day >= event["effective_at"][:10]):
            row = book.compliance(as_of=f"{day}T00:00:00+08:00", **when)
            assert 20 * row["offsets"] <= row["obligation"], (event["position"], day)
