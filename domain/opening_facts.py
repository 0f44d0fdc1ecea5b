"""What an opening balance states beside its tonnes, and what becomes of it (rule X-3).

Units that were borrowed, or are kept for an entity, are restricted as if it had happened
here; an open recall and arrears become stated years. A registry whose rulebook has no such
rule keeps the fact as a label; elsewhere one that no rule could use is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from etsledger.domain import custody, loans
from etsledger.domain.commands import MAX_TONNES, Balance
from etsledger.domain.credits import StatedCredit, check_stated, note_stated
from etsledger.domain.desk import Desk
from etsledger.domain.errors import InvalidCommand
from etsledger.domain.opening_year import OpeningYearRecorded, deadline_passed, nothing_on_record
from etsledger.domain.rulebook import Rulebook
from etsledger.domain.state import Account, Entity, RegistryState, Scribe
from etsledger.domain.stated_years import StatedYear

# RFC 8785 orders names by UTF-16; up to U+FFFF that is the order of their code points.
Key = Annotated[str, msgspec.Meta(pattern=r"^[^\U00010000-\U0010ffff]{1,64}\Z")]
NetTonnes = Annotated[int, msgspec.Meta(ge=-MAX_TONNES, le=MAX_TONNES)]


class OpeningFacts(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """History that later rules need where the books begin in the middle (tonnes)."""

    net_sales: dict[Key, NetTonnes] | None = None
    """Sold less bought before, by unit."""
    borrowed: Balance | dict[Key, Balance] | None = None
    """Of the tonnes, what was borrowed and is not surrendered yet; by year where it was lent
    for several."""
    recall_open: Balance | dict[Key, Balance] | None = None
    """What the entity is still to give back of the unit's year."""
    arrears: dict[Key, Balance] | None = None
    """What it still owes for years whose deadline is past."""
    custody: dict[Key, Balance] | None = None
    """Of the tonnes, what a government account keeps for entities."""
    credit: StatedCredit | None = None
    """Of credits, what is on record of the unit, without which they meet no obligation."""


class Opened(NamedTuple):
    """The opening balance that states the facts: its command id, account, unit and tonnes."""

    opening: str
    account_id: str
    account: Account
    unit: str
    quantity: int


class BorrowedFor(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Tonnes of the opening balance that the entity borrowed for its surrender of a year."""

    entity: str
    quantity: int
    year: int


class KeptFor(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Tonnes of the opening balance that a government account keeps for an entity."""

    entity: str
    quantity: int


class Effects(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the facts of an opening balance come to."""

    borrowed: tuple[BorrowedFor, ...] = ()
    custody: tuple[KeptFor, ...] = ()
    years: tuple[OpeningYearRecorded, ...] = ()


def effects(facts: OpeningFacts, opened: Opened, desk: Desk) -> Effects:
    """Raises UnknownEntity, InvalidCommand for what no rule could use."""
    if facts.credit is not None:
        check_stated(facts.credit, opened.unit, desk)
    if facts.net_sales:
        _sales_count(facts.net_sales, opened, desk)
    borrowed = _by_year("borrowed", facts.borrowed)
    recalls = _by_year("recall_open", facts.recall_open)
    arrears = _by_year("arrears", facts.arrears)
    kept = _custody(facts.custody, opened.account, desk)
    rules = desk.rules
    if borrowed and not rules.data.borrowing:
        borrowed = _label("borrowed", "no borrowing", desk)
    if recalls and not rules.years:
        recalls = _label("recall_open", "no compliance years", desk)
    if arrears and not rules.data.surrender.obligations:
        arrears = _label("arrears", "no obligations", desk)
    found = Effects(custody=kept)
    if borrowed or recalls or arrears:
        owner = opened.account.entity
        if owner is None:
            raise _fault(
                f"account {opened.account_id} belongs to no entity that borrowed or owes anything"
            )
        entity = desk.entity(owner)
        found = Effects(
            borrowed=_borrowed(borrowed, opened.unit, owner, entity, rules),
            custody=kept,
            years=_years(opened, owner, entity, recalls, arrears, desk),
        )
    restricted = sum(one.quantity for one in (*found.borrowed, *found.custody))
    if restricted > opened.quantity:
        raise _fault(
            f"{restricted} t borrowed or kept for an entity are more than the {opened.quantity} t "
            "of the opening balance"
        )
    return found


def _sales_count(given: Mapping[str, int], opened: Opened, desk: Desk) -> None:
    """Net sales are those of an entity, of units that are carried over."""
    table = desk.rules.data.banking
    if table is None:
        _label("net_sales", "no carrying over", desk)
        return
    if opened.account.entity is None:
        raise _fault(
            f"account {opened.account_id} belongs to no entity that could carry anything over",
            "net_sales",
        )
    others = ", ".join(sorted(given.keys() - set(table.units)))
    if others:
        desk.warn(f"{others} is not carried over: its net sales are a label here")


def _label(field: str, what: str, desk: Desk) -> dict[int | None, int]:
    desk.warn(f"rulebook {desk.rules.data.name} has {what}: facts.{field} is a label here")
    return {}


def _by_year(field: str, given: int | Mapping[str, int] | None) -> dict[int | None, int]:
    """Tonnes by year; without years, tonnes of the year that the unit says."""
    if given is None:
        return {}
    if isinstance(given, int):
        return {None: given} if given else {}
    found: dict[int | None, int] = {}
    for name, tonnes in given.items():
        if not (name.isascii() and name.isdigit() and len(name) == 4):
            raise _fault(f"{name!r} is no year such as 2023", f"{field}.{name}")
        if tonnes:
            found[int(name)] = tonnes
    return found


def _custody(given: Mapping[str, int] | None, account: Account, desk: Desk) -> tuple[KeptFor, ...]:
    kept = tuple(KeptFor(entity=name, quantity=n) for name, n in sorted((given or {}).items()) if n)
    for one in kept:
        desk.entity(one.entity)
    if kept and desk.rules.account_group(account.kind) != "government":
        raise _fault(
            f"an account of kind {account.kind} keeps nothing for others; a government account "
            "does",
            "custody",
        )
    return kept


def _borrowed(
    given: Mapping[int | None, int], unit: str, owner: str, entity: Entity, rules: Rulebook
) -> tuple[BorrowedFor, ...]:
    """Each part with the year that the unit was lent for."""
    years = [
        year
        for table in rules.data.borrowing
        for year in table.years
        if _unit_of(rules, entity, table.lender_year or year + 1) == unit
    ]
    chosen = _of_one_year("borrowed", given, years, unit, "lent for")
    return tuple(
        BorrowedFor(entity=owner, quantity=tonnes, year=year)
        for year, tonnes in sorted(chosen.items())
    )


def _unit_of(rules: Rulebook, entity: Entity, year: int) -> str | None:
    table = rules.year(entity.sector, year)
    return None if table is None else table.unit


def _of_one_year(
    field: str, given: Mapping[int | None, int], years: list[int], unit: str, what: str
) -> dict[int, int]:
    """The tonnes with their year: the one given, or the only one that there is."""
    found: dict[int, int] = {}
    for year, tonnes in given.items():
        if year is None and len(years) == 1:
            found[years[0]] = tonnes
        elif year is None or year not in years:
            there = ", ".join(map(str, years)) or "no year"
            raise _fault(
                f"units of {unit} are {what} {there} by the rulebook"
                + (f', not {year}' if year is not None else
                   f'; say which, as {{"{years[0]}": {tonnes}}}' if years else ""),
                field,
            )  # fmt: skip
        else:
            found[year] = tonnes
    return found


def _years(
    opened: Opened,
    owner: str,
    entity: Entity,
    recalls: Mapping[int | None, int],
    arrears: Mapping[int | None, int],
    desk: Desk,
) -> tuple[OpeningYearRecorded, ...]:
    """Open recalls of the unit's year, and what is owed of years that are past."""
    rules = desk.rules
    of_unit = [year for year in rules.years if _unit_of(rules, entity, year) == opened.unit]
    stated: dict[int, StatedYear] = {
        year: StatedYear(recall_open=tonnes)
        for year, tonnes in _of_one_year(
            "recall_open", recalls, of_unit, opened.unit, "handed out for"
        ).items()
    }
    for year, tonnes in arrears.items():
        assert year is not None
        if rules.years and rules.year(entity.sector, year) is None:
            raise _fault(
                f"rulebook {rules.data.name} has no compliance year {year} for sector "
                f"{entity.sector}",
                f"arrears.{year}",
            )
        if not deadline_passed(entity, year, desk):
            raise _fault(
                f"{year} is not past its deadline; opening_year states what is owed for it",
                f"arrears.{year}",
            )
        before = stated.get(year, StatedYear())
        stated[year] = msgspec.structs.replace(before, obligation=tonnes)
    for year in stated:
        nothing_on_record(owner, year, desk)
    return tuple(
        OpeningYearRecorded(entity=owner, facts=facts, opening=opened.opening, year=year)
        for year, facts in sorted(stated.items())
    )


def _fault(why: str, field: str = "") -> InvalidCommand:
    where = f"facts.{field}" if field else "facts"
    return InvalidCommand(f"{where}: {why}", field=where)


# -- what state keeps ------------------------------------------------------------------------------


def note(
    scribe: Scribe,
    registry: RegistryState,
    found: Effects,
    credit: StatedCredit | None,
    account: str,
    unit: str,
    at: datetime,
) -> None:
    """What is borrowed or kept for an entity leaves by its own way only; credits are known."""
    for one in found.borrowed:
        place = (one.year, account, unit)
        loans.change(scribe, registry, one.entity, place, one.quantity, at)
    for one in found.custody:
        custody.change(scribe, registry, one.entity, account, unit, one.quantity, at)
    if credit is not None:
        note_stated(scribe, registry, unit, credit)
