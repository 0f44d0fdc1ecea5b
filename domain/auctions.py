"""Reserve and auction: units that the authority sets aside, and sells (rules Q-RES, X-8).

How much of what was issued may be set aside or auctioned is rulebook data.
"""

from decimal import Decimal
from typing import ClassVar

from etsledger.domain.commands import Command, Id, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.events import RESERVE, Event, Posting, move
from etsledger.domain.issuance import reserve_rules, within_share
from etsledger.domain.market import MOST_CNY, checked_price, fen_of, yuan
from etsledger.domain.state import Fact, RegistryState, Scribe


class Auction(Command, frozen=True, kw_only=True, tag="auction"):
    """Sells units of the reserve to the winner of an auction, at ``price`` CNY a tonne."""

    example: ClassVar[str] = (
        '{"command": "auction", "id": "46", "registry": "cn-chongqing", "unit": "CQEA:2023", '
        '"quantity": 1000, "price": "35.86", "buyer": "glass-1"}'
    )
    unit: Unit
    quantity: Tonnes
    price: Decimal
    buyer: Id


class UnitsAuctioned(Event, frozen=True, kw_only=True):
    """Units of the reserve went to the winner of an auction, for ``value`` CNY."""

    buyer: str
    price: Decimal
    quantity: int
    unit: str
    value: Decimal

    def postings(self) -> tuple[Posting, ...]:
        """From the reserve to the buyer."""
        return move(self.unit, self.quantity, RESERVE, self.buyer)


def decide(command: Auction, desk: Desk) -> UnitsAuctioned:
    """Raises InvalidCommand for a price that is none, UnknownAccount, AccountClosed,
    AccountFrozen, UnitNotAllowed, RouteNotAllowed, IssuanceCapExceeded, InsufficientUnits,
    BackdatedOverdraft."""
    price = checked_price("price", command.price)
    fen = fen_of(price) * command.quantity
    if fen > fen_of(MOST_CNY):
        raise InvalidCommand(
            f"price: {command.quantity} t at {price} are worth more than {MOST_CNY:f} CNY",
            field="price",
        )
    reserve, buyer = desk.account(RESERVE), desk.account(command.buyer)
    desk.may_send(RESERVE, reserve, command.unit)
    desk.may_receive(command.buyer, buyer, command.unit)
    desk.route("auction", command.unit, reserve, buyer)
    rule = reserve_rules(desk.rules, command.unit)
    if rule is not None:
        before = desk.registry.auctioned.get(command.unit, 0)
        within_share(
            desk, "auctioned", rule.auction_share, command.unit, before, command.quantity,
            rule.source,
        )  # fmt: skip
    desk.take(RESERVE, command.unit, command.quantity)
    return UnitsAuctioned(
        buyer=command.buyer,
        price=price,
        quantity=command.quantity,
        unit=command.unit,
        value=yuan(fen),
    )


def evolve(scribe: Scribe, registry: RegistryState, event: UnitsAuctioned, fact: Fact) -> None:
    """So much more of the unit was auctioned."""
    before = registry.auctioned.get(event.unit, 0)
    scribe.put(registry.auctioned, event.unit, before + event.quantity)
