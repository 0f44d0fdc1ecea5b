"""Rows of a table of authority: a command, where it is tried, and who may send it where.

``places`` are all the places a command is tried at, each cell of ``may`` those at which an
actor may. Places are those of ``offices``; two letters are from where to where (or of which
entity), ``*`` is the whole registry, ``A`` everything that a role is held for. Whoever has no
cell may not send it anywhere: that is tried too.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from offices import ACCOUNTS, ENTITIES, PROVINCES, UNIT, Actor, Office

Fields = dict[str, Any]


class Row(NamedTuple):
    places: str
    may: dict[str, str]
    fields: Callable[[str], Fields]


def of_account(place: str) -> Fields:
    return {"account": ACCOUNTS[place]}


def some(place: str) -> Fields:
    return {"account": ACCOUNTS[place], "unit": UNIT, "quantity": 1}


def of_entity(place: str) -> Fields:
    return {"entity": ENTITIES[place]}


def of_year(place: str) -> Fields:
    return {"entity": ENTITIES[place], "year": 2024}


def tonnes(place: str) -> Fields:
    return {**of_year(place), "quantity": 1}


def whose(place: str) -> Fields:
    if place in ENTITIES:
        return {"entity": ENTITIES[place]}
    return {"province": PROVINCES[place]} if place in PROVINCES else {}


def moved(place: str) -> Fields:
    ends = {"from_": ACCOUNTS[place[0]], "to": ACCOUNTS[place[1]]}
    return {"unit": UNIT, "quantity": 1, **ends}


def taken_from(place: str) -> Fields:
    return {"from_": ACCOUNTS[place[0]], **of_year(place[1])}


def claim(field: str) -> Callable[[str], Fields]:
    return lambda place: {field: f"{field}-{place}"}


def just(**fields: Any) -> Callable[[str], Fields]:
    return lambda _: fields


def plus(base: Callable[[str], Fields], **fields: Any) -> Callable[[str], Fields]:
    return lambda place: {**base(place), **fields}


def granted(role: str) -> Callable[[str], Fields]:
    return lambda place: {"subject": "new", "role": role, **whose(place)}


def revoked(role: str) -> Callable[[str], Fields]:
    return lambda place: {"subject": "wu", "role": role, **whose(place)}


def cells(table: dict[str, Row]) -> list[tuple[str, str]]:
    return [(name, place) for name, row in table.items() for place in row.places.split()]


def bare(name: str) -> str:
    """The command of a row."""
    return name.partition(" ")[0].partition(".")[0]


def check(
    office: Office, actors: Iterable[Actor], row: Row, place: str, name: str, /, **fields: Any
) -> None:
    """Whoever has the place in his cell may send the command, and no other of the actors."""
    may = [actor for actor, places in row.may.items() if place in places.split()]
    others = [actor for actor in actors if actor not in may]
    assert office.who_may_not(others, name, **fields) == set(others)
    for actor in may:
        assert office.who_may_not([actor], name, **fields) == set()
