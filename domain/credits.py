"""Credits: certified emission reductions, issued with serial numbers (rules N-OFF-3, N-OFF-4,
N-OFF-6, Q-OFF).

A unit of credits stands for the reductions of one project in one year. What decides about
its use is stated with its first issuance and is the same for every later one: programme,
day of registration, whether a carbon market covers the project, methodology.
"""

from bisect import bisect_left
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import field

from etsledger.domain.commands import MAX_TONNES, Command, Id, Meta, Text, Tonnes, Unit
from etsledger.domain.desk import OUTSIDE, Desk
from etsledger.domain.errors import InvalidCommand, IssuanceCapExceeded
from etsledger.domain.events import ISSUANCE, Event, Posting, move
from etsledger.domain.state import Credit, Fact, RegistryState, Scribe
from etsledger.domain.times import business_date, parse_instant

Programme = Literal["ccer-old", "ccer", "cqcer"]
Date = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", extra_json_schema={"format": "date"}),
]
"""A day in Asia/Shanghai, such as ``2024-01-22``."""
Serial = Annotated[int, Meta(ge=1, le=MAX_TONNES)]
_PREFIX: dict[Programme, str] = {"ccer-old": "CCER", "ccer": "CCER", "cqcer": "CQCER"}


class IssueCredits(Command, frozen=True, kw_only=True, tag="issue_credits"):
    """Issues credits of a project and year, one serial number a tonne.

    ``registered_on`` is the day on which the project (or the reduction) was registered;
    ``covered_by_ets`` says that a carbon market covers the project; ``serial_start`` is the
    first number, by default the one after the last that was given out.
    """

    example: ClassVar[str] = (
        '{"command": "issue_credits", "id": "40", "registry": "ccer", "unit": '
        '"CCER:haian-wind:2024", "quantity": 60000, "to": "wind-1", "programme": "ccer", '
        '"registered_on": "2024-11-05", "covered_by_ets": false}'
    )
    unit: Unit
    quantity: Tonnes
    to: Id
    programme: Programme
    registered_on: Date
    covered_by_ets: bool
    methodology: Text | None = None
    serial_start: Serial | None = None


class CreditsIssued(Event, frozen=True, kw_only=True):
    """Credits came to be, with the serial numbers from ``serial_start`` on, one a tonne."""

    covered_by_ets: bool
    methodology: str | None = None
    programme: str
    quantity: int
    registered_on: str
    serial_start: int
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From the outside into the account."""
        return move(self.unit, self.quantity, ISSUANCE, self.target)


def decide(command: IssueCredits, desk: Desk) -> CreditsIssued:
    """Raises InvalidCommand, UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed,
    RouteNotAllowed, IssuanceCapExceeded."""
    _well_shaped(command)
    credit = desk.registry.credits.get(command.unit)
    if credit is not None:
        _agrees(command, credit)
    if command.serial_start is not None:
        _numbers_are_free(command, command.serial_start, credit)
    account = desk.account(command.to)
    desk.may_receive(command.to, account, command.unit)
    desk.route("issue_credits", command.unit, OUTSIDE, account)
    start = command.serial_start or next_serial(credit)
    issued = -desk.registry.holding(ISSUANCE, command.unit).held
    last = max(issued + command.quantity, start + command.quantity - 1)
    if last > MAX_TONNES:
        raise IssuanceCapExceeded(
            f"{command.unit} would reach {last} t or serial numbers; none above {MAX_TONNES} can "
            "be kept exactly",
            unit=command.unit, issued=issued, asked=command.quantity, cap=MAX_TONNES,
        )  # fmt: skip
    if parse_instant(command.registered_on).date() > business_date(desk.effective_at):
        desk.warn(f"{command.unit} is issued before it was registered ({command.registered_on})")
    return CreditsIssued(
        covered_by_ets=command.covered_by_ets,
        methodology=command.methodology,
        programme=command.programme,
        quantity=command.quantity,
        registered_on=command.registered_on,
        serial_start=start,
        target=command.to,
        unit=command.unit,
    )


class StatedCredit(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """What is on record of a unit of credits where books begin in the middle: its programme,
    and the ``serials`` (first and last numbers) that were given out before."""

    covered_by_ets: bool
    methodology: str | None = None
    programme: Programme
    registered_on: Date
    serials: tuple[tuple[Serial, Serial], ...] = ()


def check_stated(stated: StatedCredit, unit: str, desk: Desk) -> None:
    """Raises InvalidCommand for a record that cannot be, does not agree with what is known of
    the unit, or leaves open which numbers were given out."""
    command = IssueCredits(
        id="opening", unit=unit, quantity=1, to="opening", programme=stated.programme,
        registered_on=stated.registered_on, covered_by_ets=stated.covered_by_ets,
        methodology=stated.methodology,
    )  # fmt: skip
    _well_shaped(command)
    credit = desk.registry.credits.get(unit)
    if credit is not None:
        _agrees(command, credit)
    elif not stated.serials:
        raise InvalidCommand(
            f"facts.credit.serials: which numbers of {unit} were given out before is missing",
            field="facts.credit.serials", unit=unit,
        )  # fmt: skip
    for first, last in stated.serials:
        if last < first:
            raise InvalidCommand(
                f"facts.credit.serials: {first} to {last} are no numbers",
                field="facts.credit.serials",
            )
        block = msgspec.structs.replace(command, quantity=last - first + 1)
        _numbers_are_free(block, first, credit)


def note_stated(scribe: Scribe, registry: RegistryState, unit: str, stated: StatedCredit) -> None:
    """What is known of the unit, and which of its numbers are taken."""
    known = registry.credits.get(unit)
    if known is None:
        known = Credit(stated.programme, stated.registered_on, stated.covered_by_ets)
    serials = known.serials
    for first, last in stated.serials:
        serials = joined(serials, first, last)
    methodology = known.methodology or stated.methodology
    credit = msgspec.structs.replace(known, methodology=methodology, serials=serials)
    scribe.put(registry.credits, unit, credit)


def next_serial(credit: Credit | None) -> int:
    """The number after the last that was given out."""
    return credit.serials[-1][1] + 1 if credit is not None and credit.serials else 1


def _well_shaped(command: IssueCredits) -> None:
    try:
        parse_instant(command.registered_on)
    except ValueError as error:
        raise InvalidCommand(f"registered_on: {error}", field="registered_on") from None
    prefix = command.unit.partition(":")[0]
    wanted = _PREFIX[command.programme]
    if prefix != wanted and prefix in _PREFIX.values():
        raise InvalidCommand(
            f"programme: {command.programme} issues units {wanted}:PROJECT:YEAR, not "
            f"{command.unit}",
            field="programme", unit=command.unit,
        )  # fmt: skip


def _agrees(command: IssueCredits, credit: Credit) -> None:
    """What is on record of a unit holds for all of it; a methodology may be left unsaid."""
    for name in ("programme", "registered_on", "covered_by_ets", "methodology"):
        known, given = getattr(credit, name), getattr(command, name)
        if given != known and not (name == "methodology" and None in (known, given)):
            raise InvalidCommand(
                f"{name}: {command.unit} was issued before with {known!r}, not {given!r}; other "
                "reductions are another unit",
                field=name, unit=command.unit, expected=known, found=given,
            )  # fmt: skip


def _numbers_are_free(command: IssueCredits, start: int, credit: Credit | None) -> None:
    end = start + command.quantity - 1
    serials = credit.serials if credit is not None else ()
    at = bisect_left(serials, start, key=lambda block: block[1])
    if at < len(serials) and serials[at][0] <= end:
        first, last = serials[at]
        raise InvalidCommand(
            f"serial_start: the numbers {start} to {end} of {command.unit} meet {first} to "
            f"{last}, which were given out; the next free one is {next_serial(credit)}",
            field="serial_start", taken_from=first, taken_to=last, free_from=next_serial(credit),
        )  # fmt: skip


def joined(
    serials: tuple[tuple[int, int], ...], first: int, last: int
) -> tuple[tuple[int, int], ...]:
    """Ascending ranges of numbers with one more; neighbours become one range."""
    found: list[tuple[int, int]] = []
    for low, high in sorted((*serials, (first, last))):
        if found and low == found[-1][1] + 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


def evolve(scribe: Scribe, registry: RegistryState, event: CreditsIssued, fact: Fact) -> None:
    """What is known of the unit, and which of its numbers are taken."""
    known = registry.credits.get(event.unit)
    if known is None:
        known = Credit(event.programme, event.registered_on, event.covered_by_ets)
    last = event.serial_start + event.quantity - 1
    credit = msgspec.structs.replace(
        known,
        methodology=known.methodology or event.methodology,
        serials=joined(known.serials, event.serial_start, last),
    )
    scribe.put(registry.credits, event.unit, credit)
