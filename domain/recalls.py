"""Open recalls: what an entity is to give back is met first by what comes free (rule
N-ADJ-2, adopted).

Whatever a command decided, ``collect`` looks whether it made units of such an entity
available, and takes what is owed of them in the same write.
"""

from collections.abc import Iterator

import msgspec

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.desk import Desk
from etsledger.domain.events import OUTSIDE_ACCOUNTS, Apart, Event, Later, Posting, move
from etsledger.domain.freezing import AccountUnfrozen
from etsledger.domain.state import Account, Fact, RegistryState, Scribe
from etsledger.domain.succession import EntitySucceeded
from etsledger.domain.yearbook import Collection


class RecallCollected(Event, frozen=True, kw_only=True):
    """A part of an open recall was met: units went back to the government account."""

    account: str
    entity: str
    quantity: int
    target: str
    unit: str
    year: int

    def postings(self) -> tuple[Posting, ...]:
        """From the entity's account to the government's."""
        return move(self.unit, self.quantity, self.account, self.target)


def collect(events: tuple[Event | Apart, ...], desk: Desk) -> tuple[Event | Later, ...]:
    """What these events make available is taken for open recalls; gives the events to add."""
    freed: dict[tuple[str, str], int] = {}
    lifted, waived, due = "", dict[tuple[str, int], int](), set[str]()
    for event in events:
        if not isinstance(event, Event):
            continue
        if isinstance(event, AccountUnfrozen) and event.quantity is None:
            lifted = event.freeze
            freed.update(
                ((event.account, unit), 0)
                for unit in _owed(desk, event.account)
                if event.unit in (None, unit)
            )
        if isinstance(event, AllocationFinalised):
            waived[event.entity, event.year] = -event.opened
        if isinstance(event, EntitySucceeded):
            due.update(_inherited(event, desk, freed, waived))
        for account, unit, bucket, tonnes in event.postings():
            if account not in OUTSIDE_ACCOUNTS and bucket != "stopped":
                change = tonnes if bucket == "held" else -tonnes
                freed[account, unit] = freed.get((account, unit), 0) + change
    added: list[Event | Later] = []
    for (account_id, unit), tonnes in freed.items():
        if tonnes > 0 or lifted or account_id in due:
            account = _without(desk.account(account_id), lifted)
            added.extend(_collected(desk, account_id, account, unit, tonnes, waived))
    return tuple(added)


def _inherited(
    event: EntitySucceeded,
    desk: Desk,
    freed: dict[tuple[str, str], int],
    waived: dict[tuple[str, int], int],
) -> Iterator[str]:
    """The accounts of successors that a recall is open for now: what they hold is taken for it
    at once, as when it is opened."""
    for one in event.years:
        if one.facts.recall_open <= 0 or one.entity == event.entity:
            continue
        waived[one.entity, one.year] = -one.facts.recall_open
        table = desk.rules.year(desk.entity(one.entity).sector, one.year)
        if table is None:
            continue
        for account_id in desk.registry.owned.get(one.entity, ()):
            freed.setdefault((account_id, table.unit), 0)
            yield account_id


def _owed(desk: Desk, account_id: str) -> set[str]:
    """The units that the owner of an account may have to give back."""
    owner = desk.account(account_id).entity
    if owner is None:
        return set()
    sector = desk.entity(owner).sector
    tables = (desk.rules.year(sector, year) for year in desk.registry.recalls.get(owner, ()))
    return {table.unit for table in tables if table is not None}


def _without(account: Account, freeze: str) -> Account:
    """The account as it is when a freeze is lifted."""
    stops = tuple(stop for stop in account.stops if stop.freeze != freeze)
    return msgspec.structs.replace(account, stops=stops)


def _collected(
    desk: Desk,
    account_id: str,
    account: Account,
    unit: str,
    freed: int,
    waived: dict[tuple[str, int], int],
) -> list[Event | Later]:
    entity_id = account.entity
    if entity_id is None:
        return []
    years = dict.fromkeys(desk.registry.recalls.get(entity_id, ()))
    years.update((year, None) for name, year in waived if name == entity_id)
    if not years:
        return []
    entity = desk.entity(entity_id)
    added: list[Event | Later] = []
    left = -1
    for year in years:
        table = desk.rules.year(entity.sector, year)
        book = desk.year_book(entity_id, year)
        still_open = book.recall_open - waived.get((entity_id, year), 0)
        if table is None or table.unit != unit or still_open <= 0:
            continue
        if left < 0:
            before = desk.takeable(account_id, account, unit)
            left = before + freed if before or not _stopped(desk, account, unit) else 0
        taken = min(left, still_open)
        if taken <= 0:
            continue
        left -= taken
        event = RecallCollected(
            account=account_id,
            entity=entity_id,
            quantity=taken,
            target=desk.province_account(entity),
            unit=unit,
            year=year,
        )
        # A credit from before the recall meets it when it opened.
        opened = max(
            (grant.at for grant in book.grants if grant.opened > 0), default=desk.effective_at
        )
        later = opened > desk.effective_at
        added.append(Later(event, opened) if later else event)
    return added


def _stopped(desk: Desk, account: Account, unit: str) -> bool:
    return any(
        stop.direction in ("out", "both") and stop.covers(unit, desk.effective_at)
        for stop in account.stops
    )


def evolve(scribe: Scribe, registry: RegistryState, event: RecallCollected, fact: Fact) -> None:
    """So much less is open."""
    entry = Collection(fact.effective_at, fact.position, event.quantity)
    scribe.note(registry, event.entity, event.year, "collections", entry)
