"""Sums of long holdings without reading them again: kept in slots of effective time.

The first question about a long holding reads its part of the index once and keeps what each
slot comes to, with the first and last position in it. Later ones add slots up, and read only
the slot that the question ends in and what was recorded since. A slot that a known-at cuts
through is read from the index, too.
"""

from bisect import bisect_left
from functools import reduce
from itertools import accumulate
from typing import Final, NamedTuple

from etsledger.ledger.holdings import BEGINNING, Holding, Place, Slot, Tally
from etsledger.ledger.store import Store

LONG: Final = 2_000
"""Postings from which on a holding is kept in slots."""
_SLOTS: Final = 512
_STALE: Final = 10_000
"""Positions recorded since, from which on the slots are made anew."""
_LAST: Final = 2**63 - 1


class _Kept(NamedTuple):
    """The slots of a bucket of a holding, as the index had them up to ``done``."""

    done: int
    width: int
    slots: list[Slot]
    sums: list[Tally]
    """What all slots before one come to, for each; then for all of them."""


class Openings:
    """Tallies of one store's holdings."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def tally(self, holding: Holding, upto: Place) -> Tally:
        """What is held by the movements at places up to ``upto``, as ``Holding.tally`` says."""
        key = (holding.registry, holding.account, holding.unit)
        kept = self._kept.get(key)
        if kept is None or holding.upto - kept.done > _STALE:
            found = holding.tally(self._store, "held", upto=upto)
            if found.postings >= LONG:
                self._keep(key, holding)
            return found
        return self._added(kept, holding._replace(done=min(kept.done, holding.upto)), upto)

    def _keep(self, key: tuple[str, str, str], holding: Holding) -> None:
        whole = holding._replace(upto=holding.done)  # whatever the question knows of it
        ends = [
            one
            for latest in (False, True)
            for one in whole.movements(self._store, "held", limit=1, latest=latest)
        ]
        if not ends:
            return
        width = (ends[1].effective_at - ends[0].effective_at) // _SLOTS + 1
        slots = whole.slots(self._store, "held", width)
        sums = list(accumulate(slots, _plus, initial=Tally(0, 0)))
        self._kept[key] = _Kept(holding.done, width, slots, sums)

    def _added(self, kept: _Kept, holding: Holding, upto: Place) -> Tally:
        if holding.upto < kept.done:
            return self._added_as_known(kept, holding, upto)
        cut = upto[0] // kept.width
        before = bisect_left(kept.slots, cut, key=lambda slot: slot.number)
        found = [kept.sums[before]]
        if before < len(kept.slots) and kept.slots[before].number == cut:
            begin = _before(cut * kept.width)
            found.append(holding.indexed(self._store, "held", after=begin, upto=upto))
        found.append(holding.unindexed(self._store, "held", after=BEGINNING, upto=upto))
        return reduce(_plus, found)

    def _added_as_known(self, kept: _Kept, holding: Holding, upto: Place) -> Tally:
        """The same at a known-at that cuts through slots."""
        quantity = postings = 0
        begin: Place | None = None
        """Where what must be read begins."""
        for slot in kept.slots:
            start = slot.number * kept.width
            if start > upto[0]:
                break
            whole = start + kept.width - 1 < upto[0] and slot.last <= holding.upto
            if not whole and slot.first <= holding.upto:
                begin = begin or _before(start)
                continue
            if begin is not None:
                more = holding.indexed(self._store, "held", after=begin, upto=_before(start))
                quantity, postings = quantity + more.quantity, postings + more.postings
                begin = None
            if whole:
                quantity, postings = quantity + slot.quantity, postings + slot.postings
        if begin is not None:
            more = holding.indexed(self._store, "held", after=begin, upto=upto)
            quantity, postings = quantity + more.quantity, postings + more.postings
        more = holding.unindexed(self._store, "held", after=BEGINNING, upto=upto)
        return Tally(quantity + more.quantity, postings + more.postings)


def _plus(one: Tally, other: Tally | Slot) -> Tally:
    return Tally(one.quantity + other.quantity, one.postings + other.postings)


def _before(start: int) -> Place:
    """The place just before everything that takes effect at an instant."""
    return start - 1, _LAST
