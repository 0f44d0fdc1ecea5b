"""Balance assertions: what someone swears a holding was, kept and re-checked for ever."""

from typing import ClassVar

from etsledger.domain.commands import Balance, Command, Id, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import Event
from etsledger.domain.times import iso


class AssertBalance(Command, frozen=True, kw_only=True, tag="assert_balance"):
    """States that an account held exactly this much at ``effective_at``, as known now."""

    example: ClassVar[str] = (
        '{"command": "assert_balance", "id": "20", "registry": "trial", "account": "crrc-1", '
        '"unit": "CEA:2023", "quantity": 95}'
    )
    account: Id
    unit: Unit
    quantity: Balance


class BalanceAsserted(Event, frozen=True, kw_only=True):
    """The holding was this much at the effective time, as known when this was recorded."""

    account: str
    quantity: int
    unit: str


def decide(command: AssertBalance, desk: Desk) -> BalanceAsserted:
    """Raises UnknownAccount, UnitNotAllowed, and InvalidCommand when the books say otherwise."""
    desk.account(command.account)
    desk.rules.unit_kind(command.unit)
    holding = desk.registry.holding(command.account, command.unit)
    held = holding.held
    if desk.effective_at < holding.last:
        held = desk.past.depth(
            desk.registry_id, command.account, command.unit, desk.effective_at
        ).held
    if held != command.quantity:
        raise InvalidCommand(
            f"account {command.account} held {held} t of {command.unit} at "
            f"{iso(desk.effective_at)}, {command.quantity} t asserted: "
            f"{command.quantity - held:+d} t; statement {command.account} shows the movements",
            field="quantity", account=command.account, unit=command.unit,
            asserted=command.quantity, held=held, difference=command.quantity - held,
        )  # fmt: skip
    return BalanceAsserted(account=command.account, quantity=command.quantity, unit=command.unit)
