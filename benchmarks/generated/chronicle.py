"""The calendar of the generated history, and the book in which its commands are written.

Every command takes effect a little after the one before; what it should do is noted in plain
books at the same time.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

from generated.expectations import Books
from generated.plants import Plant

SHANGHAI: Final = timezone(timedelta(hours=8))
REGISTRY: Final = "cn-national"


class Step(NamedTuple):
    """A command and what becomes of it: the code of its refusal, or None."""

    command: dict[str, Any]
    refusal: str | None = None


class Cycle(NamedTuple):
    """Compliance years that are surrendered for together; every date is Shanghai's."""

    years: tuple[int, ...]
    issued: str
    pre_allocated: str
    verified: tuple[str, ...]
    finalised: str
    deadline: str


CYCLES: Final = (
    Cycle((2019, 2020), "2021-02-01", "2021-02-15", ("2021-04-10", "2021-05-10"), "2021-09-01",
          "2021-12-31T17:00:00"),
    Cycle((2021, 2022), "2023-03-01", "2023-04-01", ("2022-05-10", "2023-05-10"), "2023-07-01",
          "2023-12-31T23:59:59"),
    Cycle((2023,), "2024-03-01", "2024-04-01", ("2024-05-10",), "2024-07-01",
          "2024-12-31T23:59:59"),
    Cycle((2024,), "2025-03-01", "2025-04-01", ("2025-05-10",), "2025-07-01",
          "2025-12-31T23:59:59"),
)  # fmt: skip
DEADLINES: Final = {
    year: datetime.fromisoformat(cycle.deadline).replace(tzinfo=SHANGHAI)
    for cycle in CYCLES
    for year in cycle.years
}


def vintage(year: int) -> str:
    """The unit that is handed out for a year."""
    return "CEA:2019-2020" if year <= 2020 else f"CEA:{year}"


def eligible(year: int) -> list[str]:
    """The units that may meet a year's obligation, oldest first; 2021 and 2022 share theirs."""
    last = 2022 if year == 2021 else year
    return [vintage(2020), *(vintage(earlier) for earlier in range(2021, last + 1))]


class Piece(NamedTuple):
    """One submission: so much of a unit (tonnes), from an account."""

    id: str
    plant: Plant
    year: int
    unit: str
    quantity: int
    account: str

    def plays(self, role: str) -> bool:
        """Whether its plant has the role in its year."""
        return self.plant.plays(role, self.year)


class Chronicle:
    """Writes commands in the order of their effective times, from 2021 on.

    ``mistakes`` adds commands that must be refused, each with its code.
    """

    def __init__(self, plants: list[Plant], *, mistakes: bool) -> None:
        self.plants = plants
        self.books = Books()
        self.mistakes = mistakes
        self.at = datetime(2021, 1, 1, tzinfo=SHANGHAI)

    def turn(self, date: str) -> None:
        """Goes on to nine in the morning of a date; never back."""
        begins = datetime.fromisoformat(date).replace(tzinfo=SHANGHAI) + timedelta(hours=9)
        self.at = max(self.at, begins)

    def step(
        self, name: str, id_: str, refusal: str | None = None, at: datetime | None = None,
        /, **fields: Any,
    ) -> Step:  # fmt: skip
        """The next command; it takes effect a little after the last unless ``at`` is given."""
        if at is None:
            # A minute, or less where there are so many plants that dates would be missed.
            self.at += timedelta(seconds=max(1, min(60, 200_000 // len(self.plants))))
        head = {"command": name, "id": id_, "registry": REGISTRY}
        head["effective_at"] = (at or self.at).isoformat()
        return Step({**head, **fields}, refusal)

    def bad(self, name: str, refusal: str, **fields: Any) -> Iterator[Step]:
        """A mistake, where they are asked for."""
        if self.mistakes:
            yield self.step(name, f"bad/{name}/{self.at:%Y%m%d%H%M%S}", refusal, **fields)

    def there(self) -> Iterator[Plant]:
        """The plants that are not dissolved, in turn."""
        return (plant for plant in self.plants if plant.name not in self.books.dissolved)

    def playing(self, role: str, cycle: Cycle) -> Iterator[tuple[Plant, int]]:
        """The plants with a role in a cycle, and the year they have it in."""
        for plant in self.there():
            if plant.plays(role, *cycle.years):
                yield plant, plant.role_year

    def status(self, plant: Plant, status: str) -> Step:
        """The province decides on a status."""
        step = self.step(
            "set_entity_status", f"{status}/{plant.name}", entity=plant.name, status=status
        )
        if status == "dissolved":
            self.books.dissolved[plant.name] = self.at
        return step

    def transfer(
        self, kind: str, unit: str, quantity: int, source: str, target: str, id_: str
    ) -> Step:
        """Units go from one account to another, outside the market."""
        step = self.step(
            "transfer", id_, unit=unit, quantity=quantity, kind=kind,
            **{"from": source, "to": target},
        )  # fmt: skip
        self.books.move(unit, quantity, source, target)
        return step

    def partner(self, plant: Plant) -> Plant:
        """A plant without a role, of the same province if there is one."""
        plain = [other for other in self.plants if not other.role]
        return next((other for other in plain if other.province == plant.province), plain[0])
