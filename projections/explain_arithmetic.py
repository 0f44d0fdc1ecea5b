"""The arithmetic inside an event, with its numbers, as the event recorded them.

Nothing is computed anew: what was decided is told. An event type without a line here has no
numbers beside its own.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from etsledger.domain.allocation import AllocationFinalised
from etsledger.domain.auctions import UnitsAuctioned
from etsledger.domain.banking import BankingCapChecked, UnitsCarriedOver
from etsledger.domain.borrowing import UnitsBorrowed
from etsledger.domain.calculation import Calculation, Line
from etsledger.domain.compliance import ComplianceAssessed
from etsledger.domain.deductions import Deducted
from etsledger.domain.events import Event
from etsledger.domain.fines import FineImposed
from etsledger.domain.green_power import GreenPowerRecorded
from etsledger.domain.issuance import OpeningBalanceRecorded
from etsledger.domain.leaving import EntityLeft
from etsledger.domain.market import MarketDayRecorded
from etsledger.domain.offsets import OffsetsUsed
from etsledger.domain.opening_banking import OpeningBankingRecorded
from etsledger.domain.opening_year import OpeningYearRecorded
from etsledger.domain.pre_allocation import AllowancesPreAllocated
from etsledger.domain.pre_allocation_amounts import PreAllocatedLine
from etsledger.domain.reconciliation import ReconciliationRecorded
from etsledger.domain.surrender import SurrenderConfirmed, SurrenderSubmitted
from etsledger.domain.trading import TradeSettled
from etsledger.domain.verification import EmissionsVerified
from etsledger.ledger.explanations import Explanation
from etsledger.projections.explain_nodes import MONEY, PRICE, TONNES, as_reason, node, part, total


def arithmetic(event: Event) -> list[Explanation]:
    """The numbers that an event recorded beside its own, as parts and reasons of it."""
    tell = _NUMBERS.get(type(event))
    return [] if tell is None else list(tell(event))


def calculation_parts(found: Calculation, approved: int | None = None) -> list[Explanation]:
    """An entitlement: the lines and what comes on top, or the authority's figure instead."""
    parts: list[Explanation] = []
    if approved is not None:
        stands = "the figure that stands, approved by the authority"
        parts.append(part("approved", stands, approved, rule=found.rule, source=found.source))
        if found.computed is not None:
            lines = map(line_part, found.lines)
            computed = "what the rulebook computes, with its exemptions"
            reasons = [as_reason(line) for line in lines]
            parts.append(node("computed", computed, found.computed, TONNES, because=reasons))
    else:
        parts += map(line_part, found.lines)
        if not found.lines and found.subtotal:
            whole = part("subtotal", "given", found.subtotal, rule=found.rule, source=found.source)
            parts.append(whole)
    for one in found.adjustments:
        of_unit = f", unit {one.unit_id}" if one.unit_id else ""
        parts.append(
            part("adjustment", f"{one.rule}{of_unit}", one.amount, rule=one.rule, source=one.source)
        )
    return parts


def line_part(line: Line) -> Explanation:
    """What one unit or industrial line was given, with what was multiplied."""
    name = f"unit {line.unit_id}" if line.unit_id else "the entity"
    of_class = f" ({line.class_})" if line.class_ else ""
    return {
        **part("line", f"{name}{of_class}", line.amount, rule=line.rule, source=line.source),
        "because": [*_electricity(line), *_heat(line), *_output(line)],
    }


def _electricity(line: Line) -> Iterator[Explanation]:
    if line.electricity is None:
        return
    factor = f" x factor {line.factor:f}" if line.factor != 1 else ""
    says = f"{_number(line.electricity_mwh)} MWh x {_number(line.benchmark)} t/MWh{factor}"
    made = [
        node(f"factor.{name}", f"factor of {name}", value) for name, value in line.factors.items()
    ]
    yield {**part("electricity", says, line.electricity), "because": made}


def _heat(line: Line) -> Iterator[Explanation]:
    if line.heat:
        says = f"{_number(line.heat_gj)} GJ x {_number(line.heat_benchmark)} t/GJ"
        yield part("heat", says, line.heat)


def _output(line: Line) -> Iterator[Explanation]:
    if line.electricity is not None or line.output_t is None:
        return
    says = [f"{_number(line.emissions)} t emitted x {line.factor:f}"]
    says.append(f"{_number(line.output_t)} t of product")
    if line.intensity is not None:
        says.append(f"intensity {_number(line.intensity)}")
    if line.benchmark is not None:
        says.append(f"balance value {_number(line.benchmark)}")
    yield part("output", ", ".join(says), line.amount)


def _number(value: Decimal | int | None) -> str:
    return "?" if value is None else f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def advance_parts(
    lines: Iterable[PreAllocatedLine], computed: int, quantity: int, deducted: Iterable[Deducted]
) -> list[Explanation]:
    """What was handed out in advance: unit by unit, less what was deducted."""
    shares = [_share(line) for line in lines]
    if not shares or total(shares) != computed:
        shares = [as_reason(one) for one in shares]
    kept = list(_deductions(deducted))
    asked = quantity - total(kept)
    given = part("given", "what the rule gives" if asked == computed else "asked for", asked)
    given["because"] = shares
    if asked != computed:
        given["because"] = [node("computed", "the rule gives", computed, TONNES, because=shares)]
    return [given, *kept]


def _share(line: PreAllocatedLine) -> Explanation:
    name = f"unit {line.unit_id}" if line.unit_id else "the entity"
    withheld = ": withheld" if line.withheld else ""
    return part("line", f"{name}, of a base of {line.base:,f}{withheld}", line.amount)


def _deductions(deducted: Iterable[Deducted]) -> Iterator[Explanation]:
    for one in deducted:
        yield part("deducted", f"deduction {one.deduction}", -one.tonnes)


def _final(event: AllocationFinalised) -> Iterator[Explanation]:
    yield from calculation_parts(event.calculation, event.approved)
    for key, what, tonnes in (
        ("moved.granted", "handed out at the end", event.granted),
        ("moved.recalled", "recalled from the account", event.recalled),
        ("moved.recalled", "recalled out of custody", event.recalled_custody),
        ("moved.recall_open", "recall left open (below zero: waived)", event.opened),
    ):
        if tonnes:
            yield node(key, what, tonnes, TONNES)
    for one in event.deducted:
        yield node("deducted", f"kept for deduction {one.deduction}", one.tonnes, TONNES)


def _advance(event: AllowancesPreAllocated) -> Iterable[Explanation]:
    return advance_parts(event.lines, event.computed, event.quantity, event.deducted)


def _borrowed(event: UnitsBorrowed) -> Iterator[Explanation]:
    gap = node(
        "gap", "gap", event.gap, TONNES,
        because=[part("verified_emissions", "verified emissions", event.verified),
                 part("entitlement", "approved", -event.approved)],
    )  # fmt: skip
    if total(gap["because"]) != event.gap:
        gap["because"] = [as_reason(one) for one in gap["because"]]
    yield gap
    yield node("limit", "the most for the year", event.limit, TONNES)
    yield node("lender_limit", f"the most out of {event.lender_year}", event.lender_limit, TONNES)


def _cap_checked(event: BankingCapChecked) -> Iterator[Explanation]:
    found = event.calculation
    window = f"{found.trades_from} to {found.trades_to}"
    sales = node(
        "net_sales_total", f"net sales, at least zero, traded {window}", found.net_sales_total,
        TONNES, because=[part("net_sales", one.unit, one.quantity) for one in found.net_sales],
    )  # fmt: skip
    yield node(
        "cap", f"cap = {found.base:,} t + net sales x {found.ratio:f}", found.cap, TONNES,
        because=[sales],
    )  # fmt: skip
    yield node(
        "holding", f"held as of {found.holding_at}", found.holding, TONNES,
        because=[part("holding", one.unit, one.quantity) for one in found.holdings],
    )  # fmt: skip
    yield node("carried", "carried over before", found.carried, TONNES)
    for reason in found.reasons:
        yield node("reason", "not eligible", reason)


def _carried(event: UnitsCarriedOver) -> Iterator[Explanation]:
    for one in event.parts:
        yield part("converted", f"{one.unit} converted", one.quantity)
    yield node("cap", "cap", event.cap, TONNES)
    yield node("holding", "holding that can be carried", event.holding, TONNES)
    yield node("carried", "carried over before", event.carried, TONNES)
    if event.batch is not None:
        days = f"filed by {event.batch.filed_by}, processed by {event.batch.processed_by}"
        yield node("batch", "batch", days)


def _fine(event: FineImposed) -> Iterator[Explanation]:
    yield node("outstanding", "not surrendered", event.unsurrendered, TONNES)
    if event.average_price is not None:
        window = f"average price of {event.window_from} to {event.window_to}"
        yield node("average_price", window, event.average_price, PRICE)
    if event.multiple is not None:
        yield node("multiple", "multiple", event.multiple)
    yield node("low", "at least", event.low, MONEY)
    yield node("high", "at most", event.high, MONEY)


def _offsets(event: OffsetsUsed) -> Iterator[Explanation]:
    yield node("limit", "the most that credits may meet", event.limit, TONNES)
    yield node("used", "met by credits before", event.used, TONNES)
    yield node("registered_on", f"{event.programme}, registered", event.registered_on)


def _green(event: GreenPowerRecorded) -> Iterator[Explanation]:
    yield node("shortfall", "shortfall", event.shortfall, TONNES)
    yield node("limit", "the most that it may meet", event.limit, TONNES)
    yield node("used", "met by it before", event.used, TONNES)


def _trade(event: TradeSettled) -> Iterator[Explanation]:
    says = f"value = {event.quantity:,} t x {event.price:,f} CNY/t"
    yield node("value", says, event.value, MONEY)
    if event.reference is not None:
        day = f"reference price, of {event.reference_date}"
        yield node("reference", day, event.reference, PRICE)


def _auctioned(event: UnitsAuctioned) -> Iterator[Explanation]:
    says = f"value = {event.quantity:,} t x {event.price:,f} CNY/t"
    yield node("value", says, event.value, MONEY)


def _verified(event: EmissionsVerified) -> Iterator[Explanation]:
    units = [
        part("emissions", f"{'unit' if one.unit_id else 'line'} {one.name}", one.emissions)
        for one in event.units
        if one.emissions is not None
    ]
    whole = len(units) == len(event.units) and total(units) == event.emissions
    for one in units:
        yield one if whole else as_reason(one)


def _assessed(event: ComplianceAssessed) -> Iterator[Explanation]:
    for key in ("obligation", "surrendered", "pending", "outstanding"):
        yield node(key, key, getattr(event, key), TONNES)
    if event.deadline is not None:
        yield node("deadline", "deadline", event.deadline)


def _submitted(event: SurrenderSubmitted | SurrenderConfirmed) -> Iterator[Explanation]:
    if event.borrowed:
        yield node("borrowed", "of it borrowed for the year", event.borrowed, TONNES)
    if event.custody:
        yield node("custody", "of it out of custody", event.custody, TONNES)


def _opening(event: OpeningBalanceRecorded) -> Iterator[Explanation]:
    for name, given in (event.facts or {}).items():
        for of, tonnes in given.items() if isinstance(given, dict) else [("", given)]:  # pyright: ignore[reportUnknownVariableType]
            what = f"{name.replace('_', ' ')} {of}".strip()
            yield node(name, f"stated of the time before: {what}", tonnes, TONNES)  # pyright: ignore[reportUnknownArgumentType]


def _opening_year(event: OpeningYearRecorded) -> Iterator[Explanation]:
    facts = event.facts
    for name in ("verified_emissions", "obligation", "entitlement", "pre_allocated", "allocated",
                 "recalled", "recall_open"):  # fmt: skip
        tonnes: int | None = getattr(facts, name)
        if tonnes:
            yield node(name, name.replace("_", " "), tonnes, TONNES)
    for one in facts.deductions:
        yield node("deduction", f"deduction {one.deduction} ({one.reason})", one.quantity, TONNES)
    for one in facts.loans:
        yield node("borrowed", f"{one.unit} of {one.lender_year} borrowed", one.quantity, TONNES)
    for one in facts.submissions:
        how = "surrendered" if one.confirmed else "submitted, not yet confirmed"
        what = f"{one.unit} {how}, submitted {one.submitted_at}"
        yield node("submitted", what, one.quantity, TONNES)
    for one in facts.offsets:
        yield node("offsets", f"{one.unit} used {one.counted_at}", one.quantity, TONNES)
    for one in facts.green_power:
        yield node("green_power", f"claimed {one.counted_at}", one.quantity, TONNES)
    for one in facts.fines:
        yield node("fine", f"fine {one.fine}", one.amount, MONEY)


def _opening_banking(event: OpeningBankingRecorded) -> Iterator[Explanation]:
    for one in event.sold:
        yield node("net_sales", f"{one.unit} sold net", one.quantity, TONNES)
    for one in event.holdings:
        yield node("holding", f"{one.unit} held at the snapshot", one.quantity, TONNES)
    if event.carried:
        yield node("carried", "carried over", event.carried, TONNES)


def _left(event: EntityLeft) -> Iterator[Explanation]:
    for one in event.to_cancel:
        by = f"{one.unit} to be cancelled by {event.cancel_by}"
        yield node("to_cancel", by, one.tonnes, TONNES)


def _market_day(event: MarketDayRecorded) -> Iterator[Explanation]:
    for key, value, unit in (
        ("vwap", event.vwap, PRICE), ("volume", event.volume, TONNES), ("value", event.value, MONEY)
    ):  # fmt: skip
        if value is not None:
            yield node(key, key, value, unit)


def _reconciled(event: ReconciliationRecorded) -> Iterator[Explanation]:
    yield node("as_of", "compared as of", event.as_of)
    yield node("matched", "matched", event.matched)
    for key in ("missing_here", "missing_there", "differing"):
        yield node(key, key.replace("_", " "), getattr(event, key), sign=1)
    for one in event.breaks:
        day = f" of {one.date}" if one.date else ""
        papers = f", reference {one.reference}" if one.reference else ""
        sides = f"{_tonnes(one.theirs)} there, {_tonnes(one.ours)} here"
        what = f"{one.kind.replace('_', ' ')}: {one.unit} in {one.account}{day}{papers}"
        yield node("break", what, sides)


def _tonnes(quantity: int | None) -> str:
    return "nothing" if quantity is None else f"{quantity:,} t"


_NUMBERS: Final[dict[type[Event], Callable[[Any], Iterable[Explanation]]]] = {
    AllocationFinalised: _final,
    AllowancesPreAllocated: _advance,
    UnitsBorrowed: _borrowed,
    BankingCapChecked: _cap_checked,
    UnitsCarriedOver: _carried,
    FineImposed: _fine,
    OffsetsUsed: _offsets,
    GreenPowerRecorded: _green,
    TradeSettled: _trade,
    UnitsAuctioned: _auctioned,
    EmissionsVerified: _verified,
    ComplianceAssessed: _assessed,
    SurrenderSubmitted: _submitted,
    SurrenderConfirmed: _submitted,
    OpeningBalanceRecorded: _opening,
    OpeningYearRecorded: _opening_year,
    OpeningBankingRecorded: _opening_banking,
    EntityLeft: _left,
    MarketDayRecorded: _market_day,
    ReconciliationRecorded: _reconciled,
}
