"""No resale on the day of purchase (rule N-TRD-6), whatever the order of recording."""

from datetime import datetime
from typing import NamedTuple

from etsledger.domain.desk import Desk
from etsledger.domain.errors import BackdatedOverdraft, SameDayResale
from etsledger.domain.state import TradedDay


class Sale(NamedTuple):
    """A sale being decided: tonnes of a unit, and the date of the trade."""

    seller: str
    unit: str
    quantity: int
    date: str


def no_resale(sale: Sale, desk: Desk) -> None:
    """Rule N-TRD-6: what was bought on a day is none of what is sold on it.

    Purchases are delivered at the end of the day (N-TRD-7): whatever else leaves during the
    day is of what was there before. At this sale, and at every later one of the day, what is
    available less the day's purchases so far must cover it. Raises SameDayResale.
    """
    today = desk.registry.traded.get(sale.seller, {}).get(sale.unit, {}).get(sale.date)
    if today is None or not today.bought:
        return
    at = desk.effective_at
    for when in (at, *_sales(today, at)):
        free, bought = _free(sale, today, when, desk)
        if bought and free < sale.quantity:
            raise SameDayResale(
                f"account {sale.seller} bought {bought} t of {sale.unit} on {sale.date}, which "
                f"may not be sold on that day; {free} t may, {sale.quantity} asked",
                account=sale.seller, unit=sale.unit, date=sale.date, bought=bought,
                sold=today.sold, available=free, asked=sale.quantity,
            )  # fmt: skip


def no_later_resale(sale: Sale, desk: Desk) -> None:
    """A back-dated sale leaves the sales of later days what they were made of.

    Raises BackdatedOverdraft when one of them would be left to its own day's purchases.
    """
    if desk.effective_at >= desk.registry.holding(sale.seller, sale.unit).last:
        return
    days = desk.registry.traded.get(sale.seller, {}).get(sale.unit, {})
    for later, known in days.items():
        if later <= sale.date or not known.bought:
            continue
        for when in _sales(known, desk.effective_at):
            free, bought = _free(sale, known, when, desk)
            if bought and free < sale.quantity:
                raise BackdatedOverdraft(
                    f"account {sale.seller} sold {known.sold} t of {sale.unit} on {later} "
                    f"and bought {bought} t on the same day, which were not to be sold then: "
                    f"{free} t can be missed, {sale.quantity} asked",
                    account=sale.seller, unit=sale.unit, date=later, bought=bought,
                    sold=known.sold, lowest=free, asked=sale.quantity,
                )  # fmt: skip


def _sales(day: TradedDay, after: datetime) -> list[datetime]:
    """When something was sold on a day, after an instant."""
    return sorted({when for when, tonnes in day.trades if tonnes < 0 and when > after})


def _free(sale: Sale, day: TradedDay, when: datetime, desk: Desk) -> tuple[int, int]:
    """What the seller has at an instant beside the day's purchases so far, and these."""
    bought = sum(tonnes for then, tonnes in day.trades if tonnes > 0 and then <= when)
    holding = desk.registry.holding(sale.seller, sale.unit)
    if when >= holding.last:
        available = holding.available
    else:
        registry, unit = desk.registry_id, sale.unit
        available = desk.past.depth(registry, sale.seller, unit, when).available
    return max(available - bought, 0), bought
