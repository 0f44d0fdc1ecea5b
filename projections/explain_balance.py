"""Why an account holds what it holds: the movements behind a balance, a page of them at a time.

The sum of all movements, and how many there are, come from the index; only the facts of the
page are read. So an account with 100,000 movements answers like one with 200.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from etsledger.domain.corrections import MovementReversed
from etsledger.domain.events import ALL_UNITS
from etsledger.domain.times import iso, to_micros
from etsledger.domain.trading import TradeSettled
from etsledger.ledger.explanations import BalanceExplanation, Explanation, Page
from etsledger.ledger.holdings import BEGINNING, END, Holding, Moved, Place, Tally, reserved
from etsledger.ledger.store import Store
from etsledger.projections.events import event_row
from etsledger.projections.explain_facts import Facts
from etsledger.projections.explain_nodes import TONNES, node, part
from etsledger.projections.explain_openings import Openings
from etsledger.projections.explain_prices import Prices
from etsledger.projections.explain_reserved import of_which
from etsledger.projections.instants import Viewpoint
from etsledger.projections.parties import Parties

LIMIT: Final = 50
"""Movements of a page unless the question says otherwise."""
RESERVED: Final = ("frozen", "pledged", "pending", "restricted")
_LAST: Final = 2**63 - 1


class BalanceQuestion(NamedTuple):
    """What is asked: ``after`` a position the first movements, else the latest ones."""

    account: str
    unit: str
    registry: str | None = None
    limit: int = LIMIT
    after: int | None = None


def explained_balance(
    store: Store,
    openings: Openings,
    facts: Facts,
    prices: Prices,
    parties: Parties,
    asked: BalanceQuestion,
    view: Viewpoint,
    *,
    head: int,
    done: int,
) -> BalanceExplanation | None:
    """A holding at a viewpoint, and what happened to it since; None for an unknown account.

    Raises ValueError for a limit below 1, or where several registries have the account.
    """
    if asked.limit < 1:
        raise ValueError("limit: at least one movement is shown")
    at = to_micros(view.as_of)
    registry = asked.registry or _registry_of(asked.account, parties, view.upto)
    whose = parties.account(registry, asked.account, view.upto) if registry else None
    if registry is None or whose is None:
        return None
    then = Holding(registry, asked.account, asked.unit, done, view.upto)
    sums = reserved(store, then, at)
    held = openings.tally(then, (at, _LAST))
    shown, opening, page = _page(store, openings, then, at, held, asked)
    parts = _parts(facts, shown, "movement")
    _add_rest(parts, shown, opening, held, page)
    now = then._replace(upto=head, done=min(done, head))
    since = _since(store, openings, facts, now, held, view.upto, at, asked.limit)
    _mark_reversals(parts, [*parts, *since])
    _mark_prices(facts, prices, parts, head)
    stopped = {unit for unit in (asked.unit, ALL_UNITS) if sums.get((unit, "stopped"), 0) > 0}
    kept = {bucket: sums.get((asked.unit, bucket), 0) for bucket in RESERVED}
    owner = f" of {whose.entity}" if whose.entity else ""
    root = node(
        "quantity", f"{asked.account}{owner} holds {asked.unit}", held.quantity, TONNES,
        because=parts, since=since,
    )  # fmt: skip
    return {
        **root,
        "registry": registry,
        "account": asked.account,
        "asset": asked.unit,
        "as_of": iso(view.as_of),
        "known_at": view.upto,
        "of_which": of_which(store, facts, then, at, held.quantity, kept, stopped, asked.limit),
        "page": page,
    }


def _registry_of(account: str, parties: Parties, upto: int) -> str | None:
    """The one registry that has an account of this id. Raises ValueError for several."""
    found = parties.registries_of(account, upto)
    if len(found) > 1:
        raise ValueError(
            f"several registries have an account {account}: {', '.join(found)}; name one of them"
        )
    return found[0] if found else None


# -- the page ---------------------------------------------------------------------------------


def _page(
    store: Store, openings: Openings, then: Holding, at: int, held: Tally, asked: BalanceQuestion
) -> tuple[list[Moved], Tally, Page]:
    """The movements to show, what comes before them, and where the neighbours are."""
    end: Place = (at, _LAST)
    if asked.after is None:
        shown = then.movements(store, "held", upto=end, limit=asked.limit, latest=True)
        opening = _less(held, shown)
        begin = _just_before(shown[0]) if shown else end
    else:
        begin = min(_place(store, asked.after), end)
        shown = then.movements(store, "held", after=begin, upto=end, limit=asked.limit,
                               latest=False)  # fmt: skip
        opening = openings.tally(then, begin)
    before = opening.postings
    later = _less(held, shown).postings - before
    previous = None
    if before:
        earlier = then.movements(store, "held", upto=begin, limit=asked.limit + 1, latest=True)
        previous = earlier[0].position if len(earlier) > asked.limit else 0
    return (
        shown,
        opening,
        {
            "limit": asked.limit,
            "after": asked.after,
            "shown": len(shown),
            "before": before,
            "later": later,
            "next": shown[-1].position if later and shown else None,
            "previous": previous,
        },
    )


def _less(whole: Tally, moved: Sequence[Moved]) -> Tally:
    return Tally(
        whole.quantity - sum(one.quantity for one in moved),
        whole.postings - sum(one.postings for one in moved),
    )


def _just_before(moved: Moved) -> Place:
    return moved.effective_at, moved.position - 1


def _place(store: Store, position: int) -> Place:
    """Where a position stands by effective time. Raises ValueError for one of no event."""
    if position == 0:
        return BEGINNING
    row = store.row(position) if position > 0 else None
    if row is None:
        raise ValueError(f"after: the log has no position {position}")
    return to_micros(event_row(row)[1].effective_at), position


def _add_rest(
    parts: list[Explanation], shown: list[Moved], opening: Tally, held: Tally, page: Page
) -> None:
    """What stands before and after the page, as one part each, so that the sum is whole."""
    rest = _less(held, shown).quantity - opening.quantity
    if page["before"]:
        what = f"before these, {_number(page['before'])}"
        parts.insert(0, part("opening", what, opening.quantity))
    if page["later"]:
        parts.append(part("closing", f"after these, {_number(page['later'])}", rest))


def _number(movements: int, more: str = "") -> str:
    return f"{movements:,} {more}movement{'' if movements == 1 else 's'}"


def _parts(facts: Facts, moved: Sequence[Moved], key: str) -> list[Explanation]:
    found = facts.at(one.position for one in moved)
    return [facts.part(found[one.position], one.quantity, key) for one in moved]


# -- since ------------------------------------------------------------------------------------


def _since(
    store: Store,
    openings: Openings,
    facts: Facts,
    now: Holding,
    held: Tally,
    known: int,
    at: int,
    limit: int,
) -> list[Explanation]:
    """What was recorded later of that time than the ``held``, and what takes effect after it."""
    end: Place = (at, _LAST)
    held_now = held if known >= now.upto else openings.tally(now, end)
    of_late = _apart(held_now, held)
    late = now.known_later(store, "held", known, end, limit) if of_late.postings else []
    told = [_named(one) for one in _parts(facts, late, "known_later")]
    told += _more("known_later", late, of_late, "recorded since")
    after = now.movements(store, "held", after=end, limit=limit + 1, latest=False)
    whole = Tally(sum(m.quantity for m in after), sum(m.postings for m in after))
    if len(after) > limit:
        whole = _apart(openings.tally(now, END), held_now)
        after = after[:limit]
    told += _parts(facts, after, "later")
    return told + _more("later", after, whole, "effective after that")


def _apart(whole: Tally, part_of_it: Tally) -> Tally:
    return Tally(whole.quantity - part_of_it.quantity, whole.postings - part_of_it.postings)


def _named(told: Explanation) -> Explanation:
    row = told["event"]
    if row is not None and row["effective_at"] < row["recorded_at"]:
        told["key"] = "back_dated"
    if row is not None and row["type"] == MovementReversed.__name__:
        told["key"] = "reversal"
    return told


def _more(key: str, shown: list[Moved], whole: Tally, when: str) -> list[Explanation]:
    rest = _less(whole, shown)
    if rest.postings <= 0:
        return []
    return [part(f"more_{key}", f"{_number(rest.postings, 'more ')} {when}", rest.quantity)]


def _mark_reversals(parts: list[Explanation], found: list[Explanation]) -> None:
    """A movement that was taken back says so."""
    by_position = {
        one["event"]["position"]: one for one in parts if one["event"] and one["key"] == "movement"
    }
    for one in found:
        row = one["event"]
        if row is None or row["type"] != MovementReversed.__name__:
            continue
        reversed_ = by_position.get(row["data"].get("reversed_position", 0))
        if reversed_ is not None:
            reversed_["since"].append({**one, "key": "reversal", "because": [], "since": []})


def _mark_prices(facts: Facts, prices: Prices, parts: list[Explanation], head: int) -> None:
    """A trade says which market days of its price were recorded again."""
    trades = {
        one["event"]["position"]: one
        for one in parts
        if one["event"] and one["event"]["type"] == TradeSettled.__name__
    }
    news = prices.since(facts.at(trades).values(), head) if trades else {}
    for position, told in news.items():
        trades[position]["since"] += told
