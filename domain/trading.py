"""Trades settled through the exchange: delivery against payment, as one fact (rules N-TRD-1 to
N-TRD-7, N-PART-1, Q-TRD).

The exchange matches orders and watches its hours; what reaches the ledger is a matched trade,
settled gross and once. Its date is that of its effective time. Funds are the bank's: the
ledger records what is paid, not what is on an account.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from etsledger.domain.commands import Command, CommandId, Id, Tonnes, Unit
from etsledger.domain.desk import Desk
from etsledger.domain.errors import (
    BlockTradeTooSmall,
    DuplicateCommand,
    InvalidCommand,
    ListedTradeTooLarge,
    NoReferencePrice,
    ParticipantNotAllowed,
    PriceOutsideBand,
    RouteNotAllowed,
    UnitNotAllowed,
)
from etsledger.domain.events import Event, Posting, move
from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.market import (
    MOST_CNY,
    Reference,
    band,
    checked_price,
    fen_of,
    market_of,
    note_listed,
    reference_before,
    yuan,
)
from etsledger.domain.opening_facts import Effects, note
from etsledger.domain.resale import Sale, no_later_resale, no_resale
from etsledger.domain.state import Account, Fact, RegistryState, Scribe, TradedDay
from etsledger.domain.times import business_date

if TYPE_CHECKING:
    from etsledger.domain.rulebook_trade import Market

Method = Literal["listed", "block", "bidding"]


class SettleTrade(Command, frozen=True, kw_only=True, tag="settle_trade"):
    """Settles a trade that the exchange matched; ``trade`` is the exchange's number of it.

    ``price`` in CNY a tonne; ``seller`` and ``buyer`` are accounts.
    """

    example: ClassVar[str] = (
        '{"command": "settle_trade", "id": "41", "registry": "cn-national", '
        '"effective_at": "2024-11-05T14:03:00+08:00", "trade": "20241105-000017", '
        '"method": "listed", "unit": "CEA:2023", "quantity": 500, "price": "103.50", '
        '"seller": "huaneng-1", "buyer": "datang-1"}'
    )
    trade: CommandId
    method: Method
    unit: Unit
    quantity: Tonnes
    price: Decimal
    seller: Id
    buyer: Id


class TradeSettled(Event, frozen=True, kw_only=True):
    """Units went from seller to buyer, and ``value`` (CNY: price x quantity) from buyer to
    seller. ``reference`` is the price that the band was laid around, of the market day
    ``reference_date``."""

    buyer: str
    buyer_entity: str | None = None
    method: str
    price: Decimal
    quantity: int
    reference: Decimal | None = None
    reference_date: str | None = None
    seller: str
    seller_entity: str | None = None
    trade: str
    unit: str
    value: Decimal

    def postings(self) -> tuple[Posting, ...]:
        """The delivery: from seller to buyer."""
        return move(self.unit, self.quantity, self.seller, self.buyer)


def decide(command: SettleTrade, desk: Desk) -> TradeSettled:
    """Raises InvalidCommand, DuplicateCommand, UnknownAccount, ParticipantNotAllowed,
    AccountClosed, AccountFrozen, UnitNotAllowed, RouteNotAllowed, SameDayResale,
    RecallOutstanding, ListedTradeTooLarge, BlockTradeTooSmall, NoReferencePrice,
    PriceOutsideBand, RestrictedUnits, InsufficientUnits, BackdatedOverdraft."""
    price = checked_price("price", command.price)
    fen = fen_of(price) * command.quantity
    if fen > fen_of(MOST_CNY):
        raise InvalidCommand(
            f"price: {command.quantity} t at {price} are worth more than {MOST_CNY:f} CNY",
            field="price",
        )
    settled = desk.registry.trades.get(command.trade)
    if settled is not None:
        raise DuplicateCommand(
            f"trade {command.trade!r} was settled at position {settled}; a trade settles once",
            trade=command.trade, position=settled, positions=[settled],
        )  # fmt: skip
    seller, buyer = desk.account(command.seller), desk.account(command.buyer)
    market = _market(command.unit, desk)
    _may_trade(command, seller, buyer, market, desk)
    desk.may_send(command.seller, seller, command.unit)
    desk.may_receive(command.buyer, buyer, command.unit)
    desk.route("trade", command.unit, seller, buyer)
    if market is None or command.method not in market.methods:
        raise RouteNotAllowed(
            f"rulebook {desk.rules.data.name} has no {command.method} trade of {command.unit}; "
            "see its [[market]]",
            movement="trade", unit=command.unit, method=command.method,
        )  # fmt: skip
    day = business_date(desk.effective_at).isoformat()
    sale = Sale(command.seller, command.unit, command.quantity, day)
    if not market.same_day_resale:
        no_resale(sale, desk)
    desk.no_recall_open(command.seller, seller)
    _size_allowed(command, market)
    reference = _price_allowed(command, price, market, day, desk)
    desk.take(command.seller, command.unit, command.quantity)
    if not market.same_day_resale:
        no_later_resale(sale, desk)
    return TradeSettled(
        buyer=command.buyer,
        buyer_entity=buyer.entity,
        method=command.method,
        price=price,
        quantity=command.quantity,
        reference=None if reference is None else reference.price,
        reference_date=None if reference is None else reference.date,
        seller=command.seller,
        seller_entity=seller.entity,
        trade=command.trade,
        unit=command.unit,
        value=yuan(fen),
    )


def _market(unit: str, desk: Desk) -> "Market | None":
    try:
        return market_of(desk.rules, desk.rules.unit_kind(unit))
    except UnitNotAllowed:
        return None  # who takes part is asked first; the route refuses the unit


def _may_trade(
    command: SettleTrade, seller: Account, buyer: Account, market: "Market | None", desk: Desk
) -> None:
    """Rule N-PART-1: accounts of the kinds that the market admits, of two owners."""
    markets = desk.rules.data.market if market is None else (market,)
    kinds = {kind for one in markets for kind in one.participants}
    for account_id, account in ((command.seller, seller), (command.buyer, buyer)):
        if markets and account.kind not in kinds:
            raise ParticipantNotAllowed(
                f"account {account_id} is of kind {account.kind}; accounts of these kinds trade "
                f"under rulebook {desk.rules.data.name}: {', '.join(sorted(kinds))}",
                account=account_id, kind=account.kind,
            )  # fmt: skip
    if command.seller == command.buyer:
        raise ParticipantNotAllowed(
            f"account {command.seller} cannot trade with itself", account=command.seller
        )
    if seller.entity is not None and seller.entity == buyer.entity:
        raise ParticipantNotAllowed(
            f"accounts {command.seller} and {command.buyer} both belong to entity "
            f"{seller.entity}, which cannot trade with itself",
            account=command.buyer, entity=seller.entity,
        )  # fmt: skip


def _size_allowed(command: SettleTrade, market: "Market") -> None:
    """Rule N-TRD-2: at a hundred thousand tonnes begins what is traded by block only."""
    below = market.below.get(command.method)
    if below is not None and command.quantity >= below:
        raise ListedTradeTooLarge(
            f"a {command.method} trade is below {below} t, this one is of {command.quantity} t",
            limit=below, asked=command.quantity, method=command.method,
        )  # fmt: skip
    at_least = market.at_least.get(command.method)
    if at_least is not None and command.quantity < at_least:
        raise BlockTradeTooSmall(
            f"a {command.method} trade is of at least {at_least} t, this one is of "
            f"{command.quantity} t",
            limit=at_least, asked=command.quantity, method=command.method,
        )  # fmt: skip


def _price_allowed(
    command: SettleTrade, price: Decimal, market: "Market", day: str, desk: Desk
) -> Reference | None:
    """Rules N-TRD-3, Q-TRD: within the band of the method; one without a band has none."""
    share = market.bands.get(command.method)
    if share is None:
        return None
    reference = reference_before(desk.registry, command.unit, day, market.reference)
    if reference is None:
        raise NoReferencePrice(
            f"no market day of {command.unit} before {day} is on record; record_market_day "
            "records one",
            unit=command.unit, date=day,
        )  # fmt: skip
    low, high = band(reference.price, share)
    if not low <= price <= high:
        raise PriceOutsideBand(
            f"the price {price} is not from {low} to {high} CNY, which {command.method} trades "
            f"of {command.unit} may have on {day} around {reference.price} of {reference.date}",
            reference=str(reference.price), low=str(low), high=str(high), price=str(price),
            reference_date=reference.date,
        )  # fmt: skip
    if reference.doubt:
        desk.warn(reference.doubt)
    return reference


# -- what state keeps ------------------------------------------------------------------------------


def evolve(scribe: Scribe, registry: RegistryState, event: TradeSettled, fact: Fact) -> None:
    """The trade is settled; its day's sums of both accounts, and of listed trades, grow."""
    day = business_date(fact.effective_at).isoformat()
    scribe.put(registry.trades, event.trade, fact.position)
    _note(scribe, registry, event.buyer, event.unit, day, fact.effective_at, event.quantity)
    _note(scribe, registry, event.seller, event.unit, day, fact.effective_at, -event.quantity)
    if event.method == "listed":
        fen = fen_of(event.value)
        note_listed(scribe, registry, event.unit, day, event.quantity, fen)


def _note(
    scribe: Scribe,
    registry: RegistryState,
    account: str,
    unit: str,
    day: str,
    at: datetime,
    tonnes: int,
) -> None:
    units = registry.traded.get(account)
    if units is None:
        units = dict[str, dict[str, TradedDay]]()
        scribe.put(registry.traded, account, units)
    days = units.get(unit)
    if days is None:
        days = dict[str, TradedDay]()
        scribe.put(units, unit, days)
    before = days.get(day)
    if before is None:
        before = TradedDay()
    bought, sold = (tonnes, 0) if tonnes > 0 else (0, -tonnes)
    after = TradedDay(before.bought + bought, before.sold + sold, (*before.trades, (at, tonnes)))
    scribe.put(days, day, after)


def stated_net_sales(event: OpeningBalanceRecorded) -> dict[str, int]:
    """The net sales (tonnes by unit) that an opening balance states of the time before."""
    facts = event.facts or {}
    return cast(dict[str, int], facts.get("net_sales") or {})


def evolve_opening(
    scribe: Scribe, registry: RegistryState, event: OpeningBalanceRecorded, fact: Fact
) -> None:
    """What was sold net before these books is kept with the account; what is borrowed or
    kept for an entity leaves by its own way only."""
    if event.facts:
        effects = Effects(borrowed=event.borrowed, custody=event.custody)
        note(
            scribe, registry, effects, event.credit, event.account, event.unit, fact.effective_at
        )  # fmt: skip
    stated = stated_net_sales(event)
    if not stated:
        return
    units = registry.sold_before.get(event.account)
    if units is None:
        units = dict[str, int]()
        scribe.put(registry.sold_before, event.account, units)
    for unit, tonnes in stated.items():
        scribe.put(units, unit, units.get(unit, 0) + tonnes)


def date_text(day: Any) -> str:
    """A date, or the text of a date or an instant, as the text of its date in Shanghai."""
    if isinstance(day, datetime):
        return business_date(day).isoformat()
    return day.isoformat() if isinstance(day, date) else str(day)[:10]


def net_sales(
    registry: RegistryState, entity: str, units: Iterable[str], first: Any, last: Any
) -> dict[str, int]:
    """An entity's net sales by unit: tonnes sold less tonnes bought, below zero when it bought
    more (rule N-BANK-1, before any clamp).

    All of its accounts' trades dated from ``first`` to ``last`` count, both included (dates,
    or the texts of dates), as known now; and what its opening balances state of the time
    before these books, whatever the window. Every unit asked for is in the answer.
    """
    since, until = date_text(first), date_text(last)
    accounts = registry.owned.get(entity, ())
    found: dict[str, int] = {}
    for unit in units:
        net = 0
        for account in accounts:
            net += registry.sold_before.get(account, {}).get(unit, 0)
            days = registry.traded.get(account, {}).get(unit, {})
            net += sum(
                day.sold - day.bought for date, day in days.items() if since <= date <= until
            )
        found[unit] = net
    return found
