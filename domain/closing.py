"""Closing: what takes effect up to a day is settled, and later facts that take effect in it
need a named authority.

A closing binds what is recorded after it; it judges nothing again that was accepted before.
What an authority lets in all the same is noted, and the next closing lists it.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from etsledger.domain.assertions import BalanceAsserted
from etsledger.domain.banking import BankingCapChecked
from etsledger.domain.commands import Command, Meta
from etsledger.domain.compliance import ComplianceAssessed
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.errors import PeriodClosed as PeriodIsClosed
from etsledger.domain.events import Apart, Elsewhere, Event, Later
from etsledger.domain.reconciliation import ReconciliationRecorded
from etsledger.domain.rulebook import load
from etsledger.domain.state import Closed, Fact, RegistryState, Scribe
from etsledger.domain.times import DAY, business_date, iso, parse_instant

if TYPE_CHECKING:
    from etsledger.domain.rulebook import Rulebook

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A date in Asia/Shanghai as ISO text."""
THEN: Final = "until"
"""The one key of ``RegistryState.closed``."""
CHANGES_NOTHING: Final = (
    BalanceAsserted, BankingCapChecked, ComplianceAssessed, ReconciliationRecorded,
)  # fmt: skip
"""Events that say what the books say: they may take effect in closed periods."""


class ClosePeriod(Command, frozen=True, kw_only=True, tag="close_period"):
    """Closes everything that takes effect up to the end of the day ``until`` (Asia/Shanghai)."""

    example: ClassVar[str] = (
        '{"command": "close_period", "id": "60", "registry": "trial", "until": "2024-05-31"}'
    )
    until: Day


class ReopenPeriod(Command, frozen=True, kw_only=True, tag="reopen_period"):
    """Opens again what takes effect after the end of the day ``until``, which stays closed."""

    example: ClassVar[str] = (
        '{"command": "reopen_period", "id": "61", "registry": "trial", "until": "2024-04-30", '
        '"reason": "a report of May is to be restated"}'
    )
    until: Day


class PeriodClosed(Event, frozen=True, kw_only=True):
    """Everything that takes effect up to the end of a day is closed.

    ``since`` is the first day that the closing added (None: all that was before), ``late``
    are the positions of what was recorded since the last closing and took effect in a period
    that was closed already.
    """

    late: tuple[int, ...] = ()
    since: str | None = None
    until: str


class PeriodReopened(Event, frozen=True, kw_only=True):
    """What takes effect after a day is open again; ``closed_until`` is how far it was closed."""

    closed_until: str
    until: str


def decide_closing(command: ClosePeriod, desk: Desk) -> PeriodClosed:
    """Raises InvalidCommand for a day that is not over or not after the last one closed."""
    end = _end_of(command.until)
    _not_in_the_future(desk)
    if end >= desk.effective_at:
        raise InvalidCommand(
            f"until: {command.until} is not over at {iso(desk.effective_at)}, when the closing "
            "takes effect; close up to a day before it",
            field="until", until=command.until, effective_at=iso(desk.effective_at),
        )  # fmt: skip
    closed = desk.registry.closed.get(THEN)
    if closed is not None and end <= closed.end:
        raise InvalidCommand(
            f"until: registry {desk.registry_id} is closed up to {_day(closed.end)} already "
            f"(position {closed.position}); a closing moves forward, and reopen_period moves back",
            field="until", until=command.until, closed_until=_day(closed.end),
        )  # fmt: skip
    return PeriodClosed(
        late=tuple(sorted(desk.registry.late)),
        since=None if closed is None else _day(closed.end + DAY),
        until=command.until,
    )


def decide_reopening(command: ReopenPeriod, desk: Desk) -> PeriodReopened:
    """Raises InvalidCommand when nothing is closed, or not after ``until``."""
    end = _end_of(command.until)
    _not_in_the_future(desk)
    closed = desk.registry.closed.get(THEN)
    if closed is None or end >= closed.end:
        found = "nothing is closed" if closed is None else f"closed up to {_day(closed.end)}"
        raise InvalidCommand(
            f"until: there is nothing to open after {command.until} in registry "
            f"{desk.registry_id} ({found})",
            field="until", until=command.until,
            closed_until=None if closed is None else _day(closed.end),
        )  # fmt: skip
    return PeriodReopened(closed_until=_day(closed.end), until=command.until)


def _end_of(day: str) -> datetime:
    try:
        return parse_instant(day, end_of_day=True)
    except ValueError:
        raise InvalidCommand(f"until: {day!r} is no date", field="until") from None


def _day(end: datetime) -> str:
    return business_date(end).isoformat()


def _not_in_the_future(desk: Desk) -> None:
    if desk.effective_at > desk.now:
        raise InvalidCommand(
            f"effective_at {iso(desk.effective_at)} is still to come (it is {iso(desk.now)}): "
            "a period is closed and opened from the present on",
            field="effective_at", latest=iso(desk.now),
        )  # fmt: skip


# -- what is recorded later ----------------------------------------------------------------------


def refuse_late(command: Command, desk: Desk, events: tuple[Event | Apart, ...]) -> None:
    """Raises PeriodClosed for a fact in a closed period that no authority lets in."""
    for given in events:
        event, at, registry_id, registry = given, desk.effective_at, desk.registry_id, desk.registry
        if isinstance(given, Later):
            event, at = given
        elif isinstance(given, Elsewhere):
            event, registry_id = given
            registry = desk.state.registries.get(registry_id, registry)
        closed = registry.closed.get(THEN)
        if closed is None or at > closed.end or isinstance(event, CHANGES_NOTHING):
            continue
        rules = desk.rules_now
        if registry is not desk.registry:
            rules = load(desk.state.rulebooks[registry.rulebook_at(desk.now).hash])
        missing = _missing(command.approved_by, registry, rules, desk.now)
        if missing is not None:
            raise PeriodIsClosed(
                f"registry {registry_id} is closed up to {_day(closed.end)} (position "
                f"{closed.position}), and this takes effect at {iso(at)}: {missing}. Such a fact "
                "stands in the report of the next period; reopen_period opens the old one",
                registry=registry_id, closed_until=_day(closed.end), effective_at=iso(at),
                closing=closed.position, approved_by=command.approved_by,
            )  # fmt: skip


def _missing(
    approved_by: str | None, registry: RegistryState, rules: "Rulebook", now: datetime
) -> str | None:
    """What is wanting for a fact to be let into a closed period, or None."""
    table = rules.data.closing
    roles = table.authority if table is not None and rules.authority is not None else ()
    if approved_by is None:
        who = f"an actor who holds the role {' or '.join(roles)}" if roles else "the authority"
        return f"approved_by must name {who} that allows it"
    if not roles:
        return None
    actor = registry.actors.get(approved_by)
    if actor is not None and any(actor.holds(role, now) for role in roles):
        return None
    return f"approved_by names {approved_by!r}, who does not hold the role {' or '.join(roles)}"


def note_late(scribe: Scribe, registry: RegistryState, event: Event, fact: Fact) -> None:
    """What took effect in a closed period waits for the next closing, which lists it."""
    closed = registry.closed.get(THEN)
    if closed is None or fact.effective_at > closed.end or isinstance(event, CHANGES_NOTHING):
        return
    scribe.put(registry.late, fact.position, fact.effective_at)


def evolve_closing(
    scribe: Scribe, registry: RegistryState, event: PeriodClosed, fact: Fact
) -> None:
    """All up to the day is closed; what came late is listed and waits no more."""
    for position in event.late:
        scribe.drop(registry.late, position)
    _close(scribe, registry, event.until, fact)


def evolve_reopening(
    scribe: Scribe, registry: RegistryState, event: PeriodReopened, fact: Fact
) -> None:
    """Only what was up to the day stays closed."""
    _close(scribe, registry, event.until, fact)


def _close(scribe: Scribe, registry: RegistryState, until: str, fact: Fact) -> None:
    end = parse_instant(until, end_of_day=True)
    scribe.put(registry.closed, THEN, Closed(end, fact.position))
    scribe.put(registry.closings, fact.position, end)
