"""Voluntary cancellation: units given up for ever (rule X-7, Z4 art. 19)."""

from typing import ClassVar

from etsledger.domain.commands import Command, Id, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.events import CANCELLED, Event, Posting, move


class Cancel(Command, frozen=True, kw_only=True, tag="cancel"):
    """Cancels units of an account, for ever; no surrender, no sale."""

    example: ClassVar[str] = (
        '{"command": "cancel", "id": "15", "registry": "trial", "account": "crrc-1", '
        '"unit": "CEA:2023", "quantity": 5}'
    )
    account: Id
    unit: Unit
    quantity: Tonnes


class UnitsCancelled(Event, frozen=True, kw_only=True):
    """Units left circulation for ever."""

    account: str
    quantity: int
    unit: str

    def postings(self) -> tuple[Posting, ...]:
        """From the account to ``cancelled``."""
        return move(self.unit, self.quantity, self.account, CANCELLED)


def decide(command: Cancel, desk: Desk) -> UnitsCancelled:
    """Raises UnknownAccount, AccountClosed, AccountFrozen, UnitNotAllowed, RouteNotAllowed,
    RecallOutstanding, InsufficientUnits, BackdatedOverdraft."""
    account = desk.account(command.account)
    desk.may_send(command.account, account, command.unit)
    desk.route("cancel", command.unit, account, desk.account(CANCELLED))
    desk.no_recall_open(command.account, account)
    desk.take(command.account, command.unit, command.quantity)
    return UnitsCancelled(account=command.account, quantity=command.quantity, unit=command.unit)
