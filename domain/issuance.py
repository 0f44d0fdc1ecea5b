"""Issuance: how units come to be, and their way among government accounts (rule X-5).

``opening_balance`` belongs here too: a labelled fact for books that begin in the middle.
"""

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import field

from etsledger.domain.commands import MAX_TONNES, Command, Id, Tonnes, Unit
from etsledger.domain.credits import StatedCredit
from etsledger.domain.desk import OUTSIDE, Desk
from etsledger.domain.errors import IssuanceCapExceeded, RouteNotAllowed
from etsledger.domain.events import AUTHORITY, ISSUANCE, RESERVE, Event, Posting, move
from etsledger.domain.opening_facts import (
    BorrowedFor,
    Effects,
    KeptFor,
    Opened,
    OpeningFacts,
    effects,
)
from etsledger.domain.rulebook import Rulebook

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import IssuanceCap, ReserveRules


class OpeningBalance(Command, frozen=True, kw_only=True, tag="opening_balance"):
    """States what an account held when these books began."""

    example: ClassVar[str] = (
        '{"command": "opening_balance", "id": "10", "registry": "trial", "account": "crrc-1", '
        '"unit": "CEA:2021", "quantity": 700}'
    )
    account: Id
    unit: Unit
    quantity: Tonnes
    facts: OpeningFacts | None = None


class Issue(Command, frozen=True, kw_only=True, tag="issue"):
    """Issues units into an account, by default the authority's."""

    example: ClassVar[str] = (
        '{"command": "issue", "id": "11", "registry": "trial", "unit": "CEA:2023", '
        '"quantity": 1000}'
    )
    unit: Unit
    quantity: Tonnes
    to: Id = AUTHORITY


class Distribute(Command, frozen=True, kw_only=True, tag="distribute"):
    """Moves units between government accounts."""

    example: ClassVar[str] = (
        '{"command": "distribute", "id": "12", "registry": "trial", "unit": "CEA:2023", '
        '"quantity": 1000, "from": "authority", "to": "hubei"}'
    )
    unit: Unit
    quantity: Tonnes
    source: Id = field(name="from")
    to: Id


class Reserve(Command, frozen=True, kw_only=True, tag="reserve"):
    """Sets units of the authority aside in the reserve account."""

    example: ClassVar[str] = (
        '{"command": "reserve", "id": "13", "registry": "trial", "unit": "CEA:2023", '
        '"quantity": 50}'
    )
    unit: Unit
    quantity: Tonnes


class OpeningBalanceRecorded(Event, frozen=True, kw_only=True):
    """An account held this much when the books began; counted as issued."""

    account: str
    borrowed: tuple[BorrowedFor, ...] = ()
    credit: StatedCredit | None = None
    custody: tuple[KeptFor, ...] = ()
    facts: dict[str, Any] | None = None
    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From the outside into the account; what is for a purpose of its own is restricted."""
        legs = move(self.unit, self.quantity, ISSUANCE, self.account)
        restricted = sum(one.quantity for one in (*self.borrowed, *self.custody))
        if not restricted:
            return legs
        return (*legs, (self.account, self.unit, "restricted", restricted))


class UnitsIssued(Event, frozen=True, kw_only=True):
    """Units came to be."""

    quantity: int
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From the outside into the account."""
        return move(self.unit, self.quantity, ISSUANCE, self.target)


class UnitsDistributed(Event, frozen=True, kw_only=True):
    """Units went from one government account to another."""

    source: str = field(name="from")
    quantity: int
    target: str = field(name="to")
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From source to target."""
        return move(self.unit, self.quantity, self.source, self.target)


class UnitsReserved(Event, frozen=True, kw_only=True):
    """Units of the authority were set aside in the reserve."""

    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From the authority to the reserve."""
        return move(self.unit, self.quantity, AUTHORITY, RESERVE)


def _within_exact_integers(desk: Desk, unit: str, quantity: int) -> None:
    issued = -desk.registry.holding(ISSUANCE, unit).held
    if issued + quantity > MAX_TONNES:
        raise IssuanceCapExceeded(
            f"{unit} would reach {issued + quantity} t issued; no total above {MAX_TONNES} t "
            "can be kept exactly",
            unit=unit, issued=issued, asked=quantity, cap=MAX_TONNES,
        )  # fmt: skip


def cap_of(rules: Rulebook, unit: str) -> "tuple[int, IssuanceCap] | None":
    """The most that may be issued of a unit (tonnes), with the rule; None without a cap.

    On a path the cap of the first year falls by a share each year, rounded down once.
    """
    for cap in rules.data.caps:
        if cap.unit == unit:
            return cap.tonnes, cap
        if cap.path is None or cap.first_year is None or cap.decline is None:
            continue
        before, _, after = cap.path.partition("{year}")
        year = unit.removeprefix(before).removesuffix(after)
        if unit != f"{before}{year}{after}" or not (year.isascii() and year.isdigit()):
            continue
        passed = int(year) - cap.first_year
        if passed >= 0:
            return floor(cap.tonnes * (1 - Fraction(cap.decline)) ** passed), cap
    return None


def _within_cap(desk: Desk, unit: str, quantity: int) -> None:
    found = cap_of(desk.rules, unit)
    if found is None:
        return
    tonnes, cap = found
    issued = -desk.registry.holding(ISSUANCE, unit).held
    if issued + quantity > tonnes:
        raise IssuanceCapExceeded(
            f"at most {tonnes} t of {unit} may be issued ({cap.rule}: {cap.source}); {issued} t "
            f"are, {quantity} t asked",
            unit=unit, issued=issued, asked=quantity, cap=tonnes,
        )  # fmt: skip


def reserve_rules(rules: Rulebook, unit: str) -> "ReserveRules | None":
    """The shares that bound reserve and auction of a unit."""
    for rule in rules.data.reserve:
        if unit in rule.units or "*" in rule.units:
            return rule
    return None


def within_share(
    desk: Desk, what: str, share: Decimal | None, unit: str, before: int, asked: int, source: str
) -> None:
    """Raises IssuanceCapExceeded above a share of what was issued of a unit, rounded down."""
    if share is None:
        return
    issued = -desk.registry.holding(ISSUANCE, unit).held
    limit = floor(Fraction(share) * issued)
    if before + asked > limit:
        raise IssuanceCapExceeded(
            f"of {issued} t of {unit} issued at most {limit} t may be {what} ({source}); "
            f"{before} t are, {asked} t asked",
            unit=unit, issued=issued, cap=limit, before=before, asked=asked,
        )  # fmt: skip


def decide_opening_balance(command: OpeningBalance, desk: Desk) -> tuple[Event, ...]:
    """Raises UnknownAccount, UnknownEntity, AccountClosed, AccountFrozen, UnitNotAllowed,
    RouteNotAllowed, IssuanceCapExceeded, InvalidCommand for facts that no rule could use."""
    account = desk.account(command.account)
    found, facts = Effects(), command.facts
    if facts is not None:
        opened = Opened(command.id, command.account, account, command.unit, command.quantity)
        found = effects(facts, opened, desk)
    desk.may_receive(command.account, account, command.unit)
    desk.route("opening_balance", command.unit, OUTSIDE, account)
    _within_exact_integers(desk, command.unit, command.quantity)
    given: dict[str, Any] | None = None
    if facts is not None:
        # Sorted, because the stored bytes of an event are canonical.
        given = msgspec.to_builtins(facts, order="sorted") or None
    recorded = OpeningBalanceRecorded(
        account=command.account,
        borrowed=found.borrowed,
        credit=None if facts is None else facts.credit,
        custody=found.custody,
        facts=given,
        quantity=command.quantity,
        unit=command.unit,
    )
    return (recorded, *found.years)


def decide_issue(command: Issue, desk: Desk) -> UnitsIssued:
    """Raises UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed, RouteNotAllowed,
    IssuanceCapExceeded."""
    account = desk.account(command.to)
    desk.may_receive(command.to, account, command.unit)
    desk.route("issue", command.unit, OUTSIDE, account)
    _within_exact_integers(desk, command.unit, command.quantity)
    _within_cap(desk, command.unit, command.quantity)
    return UnitsIssued(quantity=command.quantity, target=command.to, unit=command.unit)


def decide_distribute(command: Distribute, desk: Desk) -> UnitsDistributed:
    """Raises UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed, RouteNotAllowed,
    InsufficientUnits, BackdatedOverdraft."""
    source, target = desk.account(command.source), desk.account(command.to)
    desk.may_send(command.source, source, command.unit)
    desk.may_receive(command.to, target, command.unit)
    desk.route("distribute", command.unit, source, target)
    if command.source == command.to:
        raise RouteNotAllowed(
            f"units of {command.source} cannot be distributed to itself", account=command.to
        )
    desk.take(command.source, command.unit, command.quantity)
    return UnitsDistributed(
        source=command.source, quantity=command.quantity, target=command.to, unit=command.unit
    )


def decide_reserve(command: Reserve, desk: Desk) -> UnitsReserved:
    """Raises AccountFrozen, UnitNotAllowed, RouteNotAllowed, IssuanceCapExceeded,
    InsufficientUnits, BackdatedOverdraft."""
    source, target = desk.account(AUTHORITY), desk.account(RESERVE)
    desk.may_send(AUTHORITY, source, command.unit)
    desk.may_receive(RESERVE, target, command.unit)
    desk.route("reserve", command.unit, source, target)
    rule = reserve_rules(desk.rules, command.unit)
    if rule is not None:
        set_aside = desk.registry.holding(RESERVE, command.unit).held
        before = set_aside + desk.registry.auctioned.get(command.unit, 0)
        within_share(
            desk, "set aside", rule.reserve_share, command.unit, before, command.quantity,
            rule.source,
        )  # fmt: skip
    desk.take(AUTHORITY, command.unit, command.quantity)
    return UnitsReserved(quantity=command.quantity, unit=command.unit)
