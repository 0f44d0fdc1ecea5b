"""Allocation in the generated history: reports, issue, pre-allocation, approval, corrections."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from generated.chronicle import Chronicle, Cycle, Step, vintage
from generated.entitlements import UnitYear, entitlement, pre_allocation
from generated.plants import Plant, as_reported, correct


class Allocation:
    """Writes how plants are verified and allocated to, cycle by cycle."""

    def __init__(self, book: Chronicle) -> None:
        self.book = book
        self._last: dict[tuple[str, int], str] = {}

    def verify(self, year: int, date: str) -> Iterator[Step]:
        self.book.turn(date)
        for plant in self.book.there():
            yield self._report(plant, year, f"verify/{year}/{plant.name}")

    def _report(self, plant: Plant, year: int, id_: str, at: datetime | None = None) -> Step:
        units = plant.years[year]
        step = self.book.step(
            "record_verified", id_, None, at,
            entity=plant.name, year=year, emissions=plant.emissions(year),
            units=list(as_reported(units, year)),
        )  # fmt: skip
        self.book.books.year(plant.name, year).reports.append((at or self.book.at, units))
        return step

    def allocation(self, cycle: Cycle) -> Iterator[Step]:
        """Verified, issued, pre-allocated, approved; in the order of their dates."""
        phases: list[tuple[str, Iterable[Step]]] = [
            (date, self.verify(year, date))
            for year, date in zip(cycle.years, cycle.verified, strict=True)
        ]
        phases.append((cycle.issued, self._issue(cycle)))
        phases += [(cycle.pre_allocated, self._pre_allocate(year, cycle)) for year in cycle.years]
        for _, phase in sorted(phases, key=lambda dated: dated[0]):
            yield from phase
        for year in cycle.years:
            yield from self._finalise(year, cycle)
        one, year = self.book.plants[0], cycle.years[-1]
        yield from self.book.bad(
            "finalise_allocation", "AlreadyAllocated", entity=one.name, year=year
        )
        yield from self.book.bad("pre_allocate", "AlreadyAllocated", entity=one.name, year=year)
        yield from self.book.bad(
            "finalise_allocation", "AllocationNotReady", entity=one.name, year=year + 1
        )
        yield from self.restate("restated", cycle)

    def _issue(self, cycle: Cycle) -> Iterator[Step]:
        """As much of each vintage as its plants can need, to the authority and on."""
        self.book.turn(cycle.issued)
        need: dict[str, dict[str, int]] = {vintage(year): {} for year in cycle.years}
        for year in cycle.years:
            provinces = need[vintage(year)]
            for plant in self.book.there():
                units, emitted = plant.years[year], plant.emissions(year)
                early = pre_allocation(year, self._base(plant, year))
                most = max(entitlement(year, units).total, early, emitted)
                # A twentieth more: reports are corrected.
                provinces[plant.province] = provinces.get(plant.province, 0) + most + emitted // 20
        for unit, provinces in need.items():
            total = sum(provinces.values())
            yield self.book.step("issue", f"issue/{unit}", unit=unit, quantity=total)
            self.book.books.move(unit, total, "issuance", "authority")
            for province, quantity in provinces.items():
                yield self.book.step(
                    "distribute", f"distribute/{unit}/{province}",
                    unit=unit, quantity=quantity, **{"from": "authority", "to": province},
                )  # fmt: skip
                self.book.books.move(unit, quantity, "authority", province)

    def _base(self, plant: Plant, year: int) -> tuple[UnitYear, ...]:
        """The units that the pre-allocation of a year goes by."""
        return plant.years[2018 if year <= 2020 else 2021 if year <= 2022 else year - 1]

    def _pre_allocate(self, year: int, cycle: Cycle) -> Iterator[Step]:
        self.book.turn(cycle.pre_allocated)
        for plant in self.book.there():
            facts = self.book.books.year(plant.name, year)
            if plant.plays("at_risk", year):
                yield self.book.status(plant, "at_risk")
            quantity = pre_allocation(year, self._base(plant, year))
            if plant.plays("deducted", year):
                facts.deductions = quantity // 10
                yield self.book.step(
                    "record_deduction", f"deduct/{year}/{plant.name}", entity=plant.name,
                    year=year, quantity=facts.deductions, reason="enforcement",
                )  # fmt: skip
                quantity -= facts.deductions
            yield self.book.step(
                "pre_allocate", f"pre/{year}/{plant.name}", entity=plant.name, year=year
            )
            facts.pre_allocated.append((self.book.at, quantity))
            self._grant(plant, year, quantity)

    def _grant(self, plant: Plant, year: int, quantity: int) -> None:
        """Handed out; it stays with the province where the plant is at risk."""
        self.book.books.year(plant.name, year).granted.append((self.book.at, quantity))
        if plant.plays("at_risk", year):
            self.book.books.reserve(plant.province, vintage(year), quantity)
        else:
            self.book.books.move(vintage(year), quantity, plant.province, plant.account)

    def _finalise(self, year: int, cycle: Cycle) -> Iterator[Step]:
        self.book.turn(cycle.finalised)
        for plant in self.book.there():
            if plant.plays("recall_open", year):
                yield from self._send_away(plant, year)
            yield self._approve(plant, year, f"final/{year}/{plant.name}")

    def _approve(self, plant: Plant, year: int, id_: str) -> Step:
        """The final allocation, or the one that supersedes it."""
        earlier = self._last.get((plant.name, year))
        again = {} if earlier is None else {"supersedes": earlier}
        step = self.book.step("finalise_allocation", id_, entity=plant.name, year=year, **again)
        self._last[plant.name, year] = id_
        facts = self.book.books.year(plant.name, year)
        facts.approvals.append((self.book.at, facts.units))
        net = entitlement(year, facts.units).total - facts.deductions
        rest = net - facts.with_entity()
        if rest >= 0:
            self._grant(plant, year, rest)
            return step
        unit, account = vintage(year), plant.account
        at_once = -rest
        if plant.plays("at_risk", year):
            self.book.books.reserve(plant.province, unit, -at_once)
        else:
            at_once = min(at_once, self.book.books.free(account, unit))
            self.book.books.move(unit, at_once, account, plant.province)
        facts.recalled.append((self.book.at, at_once))
        facts.opened.append((self.book.at, -rest - at_once))
        return step

    def restate(self, role: str, cycle: Cycle) -> Iterator[Step]:
        """Corrected reports, which take effect when the first ones did, and new approvals."""
        for plant, year in self.book.playing(role, cycle):
            correct(plant, year)
            first = self.book.books.year(plant.name, year).reports[0][0]
            yield self._report(plant, year, f"restate/{year}/{plant.name}", first)
            yield self._approve(plant, year, f"again/{year}/{plant.name}")

    def _send_away(self, plant: Plant, year: int) -> Iterator[Step]:
        """A plant hands its units over before they are recalled."""
        unit, held = vintage(year), self.book.books.free(plant.account, vintage(year))
        too_much = held - entitlement(year, plant.years[year]).total
        if too_much > 1:
            yield self.book.transfer(
                "succession", unit, held - too_much // 2, plant.account,
                self.book.partner(plant).account, f"away/{year}/{plant.name}",
            )  # fmt: skip
