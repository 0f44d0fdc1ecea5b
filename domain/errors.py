"""Refusals: why a command was not accepted, each with a stable code and its numbers.

    Refusal
    ├─ InvalidCommand            the shape: a field is missing, unknown or out of range
    ├─ DuplicateCommand          the id was used before with other content
    ├─ what it refers to
    │  ├─ UnknownRegistry  UnknownEntity  UnknownAccount  UnknownReference
    │  ├─ ObligationNotKnown  AllocationNotReady
    │  └─ AccountExists  AlreadyReversed  NotReversible  AlreadyAllocated
    ├─ who takes part
    │  ├─ AccountFrozen  AccountClosed  AccountNotEmpty
    │  └─ ParticipantNotAllowed  NotAuthorised  ApprovalRequired
    ├─ unit and route
    │  └─ UnitNotAllowed  RouteNotAllowed
    ├─ eligibility
    │  ├─ VintageNotEligible  PreAllocationNotAllowed  RecallOutstanding  SameDayResale
    │  ├─ BorrowingNotAllowed  ShortfallTooSmall  CarryOverClosed  CarryOverNotEligible
    │  └─ OffsetExpired  OffsetNotEligible
    ├─ size and limits
    │  ├─ IssuanceCapExceeded  PreAllocationLimitExceeded
    │  ├─ SurrenderExceedsObligation  FineOutOfBounds
    │  ├─ ListedTradeTooLarge  BlockTradeTooSmall
    │  ├─ BorrowingLimitExceeded  BankingCapExceeded
    │  └─ OffsetLimitExceeded  GreenPowerLimitExceeded
    ├─ price
    │  └─ NoReferencePrice  PriceOutsideBand
    ├─ holdings
    │  └─ InsufficientUnits  RestrictedUnits
    ├─ back-dating
    │  └─ BackdatedOverdraft  PeriodClosed
    └─ Conflict                  another writer won every retry

When several are true the first of this order is given. The order of checks inside every
``decide`` follows it. A refusal is an exception; an audit finding is a value (see
``etsledger.ledger.verify``).
"""

from typing import Any, ClassVar

Numbers = dict[str, Any]


class Refusal(Exception):
    """A command that was not accepted: nothing was written and nothing changed.

    ``code`` is stable for programs; ``numbers`` are the figures that decided; the message
    says what was expected, what was found, and what to do next.
    """

    code: ClassVar[str] = "Refusal"

    def __init_subclass__(cls) -> None:
        cls.code = cls.__name__

    def __init__(self, message: str, **numbers: Any) -> None:
        super().__init__(message)
        self.message = message
        self.numbers: Numbers = numbers

    def as_dict(self) -> Numbers:
        """``{"code", "message", …the numbers that decided…}`` as ``apply`` prints it."""
        return {"code": self.code, "message": self.message, **self.numbers}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.numbers))


def _rebuild(kind: type[Refusal], message: str, numbers: Numbers) -> Refusal:
    return kind(message, **numbers)


class InvalidCommand(Refusal):
    """A field is missing, unknown, of the wrong type or out of range."""


class DuplicateCommand(Refusal):
    """The id was accepted before with other content; ids are used once in a store."""


class UnknownRegistry(Refusal):
    """No registry of that name was opened."""


class UnknownEntity(Refusal):
    """No entity of that id is registered."""


class UnknownAccount(Refusal):
    """No account of that id is open in the registry."""


class UnknownReference(Refusal):
    """The command names an earlier command that is not in the log, or is of another kind."""


class AccountExists(Refusal):
    """An account or entity of that id is there already."""


class AlreadyReversed(Refusal):
    """A fact is reversed once only."""


class NotReversible(Refusal):
    """The rulebook lets no such fact be reversed, or its units are no longer where they went."""


class ObligationNotKnown(Refusal):
    """No obligation is on record: verified emissions come first, for a compliance year."""


class AllocationNotReady(Refusal):
    """What the allocation is computed from is not on record, or no table is there for it."""


class AlreadyAllocated(Refusal):
    """The year was allocated before; a re-approval names the earlier one (``supersedes``)."""


class AccountFrozen(Refusal):
    """A freeze in force at the effective time stops the account."""


class AccountClosed(Refusal):
    """The account is closed at the effective time."""


class AccountNotEmpty(Refusal):
    """An account is closed only when it holds nothing and nothing is pending."""


class ParticipantNotAllowed(Refusal):
    """The rulebook does not admit this kind of account or participant."""


class NotAuthorised(Refusal):
    """The actor may not send this command."""


class ApprovalRequired(Refusal):
    """The rulebook asks for a second person."""


class UnitNotAllowed(Refusal):
    """The rulebook of this registry does not know the unit."""


class RouteNotAllowed(Refusal):
    """No row of the rulebook's routes lets this unit go from here to there."""


class IssuanceCapExceeded(Refusal):
    """More than the registry may issue of this unit."""


class VintageNotEligible(Refusal):
    """Units of this vintage may not meet an obligation of that year."""


class PreAllocationNotAllowed(Refusal):
    """There is no pre-allocation for this sector and year, or for an entity in this state."""


class PreAllocationLimitExceeded(Refusal):
    """More than the rule lets the province hand out in advance."""


class RecallOutstanding(Refusal):
    """Units are to be given back first; until then none may leave."""


class SurrenderExceedsObligation(Refusal):
    """More than is still owed for the year, pending surrenders included."""


class FineOutOfBounds(Refusal):
    """A penalty that the rule in force on the day of the decision does not allow."""


class SameDayResale(Refusal):
    """Units bought on a day may not be sold on it."""


class ListedTradeTooLarge(Refusal):
    """A trade of this size is a block trade."""


class BlockTradeTooSmall(Refusal):
    """A block trade is at least this large."""


class NoReferencePrice(Refusal):
    """No market day is on record that the price could be measured by."""


class PriceOutsideBand(Refusal):
    """The price lies outside the band around the reference (``reference, low, high, price``)."""


class BorrowingNotAllowed(Refusal):
    """There is no borrowing for this year, or for an entity in this state."""


class ShortfallTooSmall(Refusal):
    """The gap rate is below the one from which borrowing is allowed."""


class BorrowingLimitExceeded(Refusal):
    """More than the gap or the lender year's pre-allocation allows."""


class CarryOverClosed(Refusal):
    """The application lies outside the window for carrying over."""


class CarryOverNotEligible(Refusal):
    """The entity was late for a year that it had to meet in time, or the unit cannot be carried."""


class BankingCapExceeded(Refusal):
    """More than base + net sales x ratio, or than was held (``cap, carried, asked``)."""


class OffsetLimitExceeded(Refusal):
    """More credits than a share of the year's obligation."""


class OffsetExpired(Refusal):
    """Credits of this programme may no longer be used."""


class OffsetNotEligible(Refusal):
    """These credits may not meet this obligation."""


class GreenPowerLimitExceeded(Refusal):
    """More green electricity than a share of the shortfall, or than the limit."""


class PeriodClosed(Refusal):
    """The date lies in a closed period."""


class InsufficientUnits(Refusal):
    """The account is short at the effective time itself (``held, available, asked``)."""


class RestrictedUnits(Refusal):
    """The units are there but may not be used this way."""


class BackdatedOverdraft(Refusal):
    """Covered at the effective time, but a later fact already known would be left short."""


class Conflict(Refusal):
    """Another writer won every retry; nothing was written, the command may be sent again."""
