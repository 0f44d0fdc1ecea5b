"""Which of our rows a statement is compared with: its registry, accounts, units and days."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from etsledger.domain.events import BUILT_IN_ACCOUNTS
from etsledger.domain.times import EARLIEST, LATEST, business_date, parse_instant
from etsledger.ledger.questions import ReconcileQuestion, When
from etsledger.ledger.reconciliation import ReconciliationRow
from etsledger.ledger.rows import BalanceRow, StatementRow
from etsledger.projections.instants import Viewpoint, instant
from etsledger.projections.matching import (
    NEAR_DAYS,
    Theirs,
    compare_holdings,
    compare_movements,
    outside_rows,
)
from etsledger.projections.parties import Parties

_FIRST: Final = business_date(EARLIEST)
_LAST: Final = business_date(LATEST) - timedelta(days=1)


def reconcile(
    balances: Callable[..., list[BalanceRow]],
    statement: Callable[..., list[StatementRow]],
    parties: Parties,
    view: Viewpoint,
    given: Iterable[Mapping[str, Any]],
    question: ReconcileQuestion,
) -> list[ReconciliationRow]:
    """See ``Ledger.reconcile``."""
    found, theirs = outside_rows(given)
    kind = question.get("kind") or found
    if theirs and kind != found:
        raise ValueError(f"the rows of the statement are {found}, not {kind}")
    registry = _registry(parties, view, question.get("registry"))
    unit, days = question.get("unit"), question.get("days", 0)
    if days < 0:
        raise ValueError("days is 0 or more")
    named = {row.account for row in theirs} | set(question.get("accounts", ()))
    if question.get("every_account"):
        named |= {
            one.account
            for one in parties.names()
            if one.registry == registry
            and one.position <= view.upto
            and one.account not in BUILT_IN_ACCOUNTS
        }

    def covered(account: str, held: str) -> bool:
        return account in named and unit in (None, held)

    def movements(account: str, until: When) -> Sequence[StatementRow]:
        return statement(
            account, registry=registry, end=until, as_of=view.as_of, known_at=view.upto
        )

    start, end = instant(question.get("start"), end_of_day=False), instant(question.get("end"))
    if kind == "holdings":
        if start or end:
            raise ValueError("holdings are compared as of an instant, not from one to another")
        # What took effect a little later may be in their books already.
        later = view.as_of + timedelta(days=NEAR_DAYS)
        ours = balances(registry=registry, unit=unit, as_of=view.as_of, known_at=view.upto)
        return list(
            compare_holdings(theirs, ours, covered, lambda account: movements(account, later))
        )
    period = _period(theirs, start and business_date(start), end and business_date(end), view)
    around = timedelta(days=max(days, NEAR_DAYS))
    before, after = _dated(period[0], -around), _dated(period[1], around)
    own = {
        account: [
            row
            for row in movements(account, f"{after}T23:59:59.999999")
            if business_date(parse_instant(row["effective_at"])) >= before
        ]
        for account in sorted(named)
    }
    return list(compare_movements(theirs, own, covered, period, days))


def _period(
    theirs: Sequence[Theirs], start: date | None, end: date | None, view: Viewpoint
) -> tuple[date, date]:
    dates = [row.date for row in theirs if row.date]
    first = start or min(dates, default=_FIRST)
    last = end or max(dates, default=business_date(view.as_of))
    if first > last:
        raise ValueError(f"the period of the statement ends ({last}) before it begins ({first})")
    return first, last


def _dated(day: date, shift: timedelta) -> date:
    """A day moved, as far as there are days of the ledger."""
    return min(max(day + shift, _FIRST), _LAST)


def _registry(parties: Parties, view: Viewpoint, asked: str | None) -> str:
    """The registry of the statement: the one asked for, or the only one."""
    known = sorted({one.registry for one in parties.names() if one.position <= view.upto})
    if asked is not None:
        if asked not in known:
            raise ValueError(f"these books know no registry {asked!r}")
        return asked
    if len(known) != 1:
        there = ", ".join(known) or "none"
        raise ValueError(f"of which registry the statement is must be told: there are {there}")
    return known[0]
