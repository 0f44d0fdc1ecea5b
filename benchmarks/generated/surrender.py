"""Surrender in the generated history: shortages settled, units surrendered, years assessed."""

import random
from collections.abc import Iterator

from generated.allocation import Allocation
from generated.chronicle import Chronicle, Cycle, Piece, Step, eligible, vintage
from generated.plants import Plant


class Surrender:
    """Writes how plants come by what they owe, and surrender it, cycle by cycle."""

    def __init__(self, book: Chronicle, allocation: Allocation, seed: int) -> None:
        self.book = book
        self._allocation = allocation
        self._choose = random.Random(seed + 1)

    def _bring_back(self, plant: Plant, year: int) -> Iterator[Step]:
        """The partner gives the units back; what is still to be recalled is taken of them."""
        unit, facts = vintage(year), self.book.books.year(plant.name, year)
        still_open = facts.open_recall()
        if not still_open:
            return
        partner = self.book.partner(plant)
        older = eligible(year)[0]
        yield from self.book.bad(
            "transfer", "RecallOutstanding", kind="succession", unit=older, quantity=1,
            **{"from": plant.account, "to": partner.account},
        )  # fmt: skip
        back = min(self.book.books.free(partner.account, unit), still_open * 3)
        yield self.book.transfer(
            "succession", unit, back, partner.account, plant.account, f"back/{year}/{plant.name}"
        )
        taken = min(back, still_open)
        self.book.books.move(unit, taken, plant.account, plant.province)
        facts.recalled.append((self.book.at, taken))
        facts.opened.append((self.book.at, -taken))

    def settlement(self, cycle: Cycle) -> Iterator[Step]:
        """Plants that are short get the rest: from one with too many, or from the province."""
        self.book.turn(f"{cycle.deadline[:4]}-09-01")
        for plant, year in list(self.book.playing("dissolved", cycle)):
            yield self.book.status(plant, "dissolved")
            yield from self.book.bad(
                "surrender", "SurrenderExceedsObligation", entity=plant.name, year=year,
                unit=vintage(year), quantity=1,
            )  # fmt: skip
        for plant, year in self.book.playing("recall_open", cycle):
            yield from self._bring_back(plant, year)
        short: list[tuple[Plant, int, int]] = []
        spare: dict[str, list[tuple[Plant, str, int]]] = {}
        for plant in self.book.there():
            left = {
                unit: self.book.books.free(plant.account, unit)
                for unit in eligible(cycle.years[-1])
            }
            for year in cycle.years:
                missing = self._wanted(plant, year)
                for unit in eligible(year):
                    used = min(left[unit], missing)
                    left[unit] -= used
                    missing -= used
                if missing:
                    short.append((plant, year, missing))
            for unit, quantity in left.items():
                if quantity:
                    spare.setdefault(plant.province, []).append((plant, unit, quantity))
        for plant, year, missing in short:
            yield from self._help(plant, year, missing, spare.get(plant.province, []))

    def _wanted(self, plant: Plant, year: int) -> int:
        """What a plant is going to surrender for a year from its own account."""
        if plant.plays("defaulter", year) or plant.plays("at_risk", year):
            return 0
        due = self.book.books.due(plant.name, year)
        return due * 6 // 10 if plant.plays("partial", year) else due

    def _help(
        self, plant: Plant, year: int, missing: int, spare: list[tuple[Plant, str, int]]
    ) -> Iterator[Step]:
        id_ = f"help/{year}/{plant.name}"
        if self._choose.random() < 0.25:
            for place, (other, unit, quantity) in enumerate(spare):
                if quantity >= missing and unit in eligible(year):
                    spare[place] = (other, unit, quantity - missing)
                    yield self.book.transfer(
                        "succession", unit, missing, other.account, plant.account, id_
                    )
                    return
        for unit in reversed(eligible(year)):
            quantity = min(missing, self.book.books.free(plant.province, unit))
            if quantity > 0:
                missing -= quantity
                yield self.book.transfer(
                    "release", unit, quantity, plant.province, plant.account, f"{id_}/{unit}"
                )
        if missing:
            raise RuntimeError(f"{plant.province} is short of {missing} t for {id_}")

    def surrender(self, cycle: Cycle) -> Iterator[Step]:
        """Submitted, confirmed, some sent back, some late; then assessed."""
        year = int(cycle.deadline[:4])
        self.book.turn(f"{year}-11-01")
        yield from self._wrong_surrenders(cycle)
        pieces = [
            piece
            for plant in self.book.there()
            for owed in cycle.years
            for piece in self._pieces(plant, owed)
        ]
        late = [piece for piece in pieces if piece.plays("late")]
        in_time = [piece for piece in pieces if not piece.plays("late")]
        slow = [piece for piece in pieces if piece.plays("slow")]
        for piece in in_time:
            yield self._submit(piece)
        self.book.turn(f"{year}-12-10")
        yield from self._confirmations(in_time)
        self.book.turn(f"{year + 1}-01-05")
        for piece in slow:
            yield self._close(piece, confirmed=True)
        for piece in late:
            yield self._submit(piece)
            yield self._close(piece, confirmed=True)
        self.book.turn(f"{year + 1}-02-10")
        for owed in cycle.years:
            for plant in self.book.there():
                yield self.book.step(
                    "assess_compliance", f"assess/{owed}/{plant.name}",
                    entity=plant.name, year=owed,
                )  # fmt: skip
        yield from self._allocation.restate("restated_late", cycle)
        for plant, owed in self.book.playing("at_risk", cycle):
            yield from self._out_of_risk(plant, owed)

    def _confirmations(self, submitted: list[Piece]) -> Iterator[Step]:
        """All but the slow ones; those sent back are submitted and confirmed once more."""
        again: list[Piece] = []
        for piece in submitted:
            if piece.plays("rejected"):
                again.append(piece._replace(id=f"{piece.id}/again"))
                yield self._close(piece, confirmed=False)
            elif not piece.plays("slow"):
                yield self._close(piece, confirmed=True)
        for piece in again:
            yield self._submit(piece)
        for piece in again:
            yield self._close(piece, confirmed=True)

    def _wrong_surrenders(self, cycle: Cycle) -> Iterator[Step]:
        one, year = self.book.plants[0], cycle.years[-1]
        unit = vintage(year)
        asked = {"entity": one.name, "year": year, "unit": unit, "quantity": 1}
        too_much = self.book.books.due(one.name, year) + 1
        for refusal, change in (
            ("SurrenderExceedsObligation", {"quantity": too_much}),
            ("VintageNotEligible", {"year": 2020} if year > 2020 else {}),
            ("ObligationNotKnown", {"year": year + 1}),
            ("UnknownEntity", {"entity": "nobody"}),
        ):
            if change:
                yield from self.book.bad("surrender", refusal, **{**asked, **change})
        yield from self.book.bad(
            "transfer", "RouteNotAllowed", unit=unit, quantity=1, kind="release",
            **{"from": one.account, "to": "authority"},
        )  # fmt: skip

    def _pieces(self, plant: Plant, year: int) -> Iterator[Piece]:
        """What a plant surrenders for a year, oldest units first; the units are set aside."""
        id_ = f"surrender/{year}/{plant.name}"
        if plant.plays("at_risk", year):
            kept = self.book.books.year(plant.name, year).with_entity()
            quantity = min(kept, self.book.books.due(plant.name, year))
            yield Piece(id_, plant, year, vintage(year), quantity, plant.province)
            return
        wanted = self._wanted(plant, year)
        for number, unit in enumerate(eligible(year)):
            quantity = min(wanted, self.book.books.free(plant.account, unit))
            if quantity > 0:
                wanted -= quantity
                self.book.books.reserve(plant.account, unit, quantity)
                yield Piece(f"{id_}/{number}", plant, year, unit, quantity, plant.account)

    def _submit(self, piece: Piece) -> Step:
        forced = {} if piece.account == piece.plant.account else {"from": piece.account}
        step = self.book.step(
            "surrender", piece.id, entity=piece.plant.name, year=piece.year, unit=piece.unit,
            quantity=piece.quantity, **forced,
        )  # fmt: skip
        facts = self.book.books.year(piece.plant.name, piece.year)
        facts.submitted[piece.id] = (self.book.at, piece.quantity)
        return step

    def _close(self, piece: Piece, *, confirmed: bool) -> Step:
        word = "confirm" if confirmed else "reject"
        step = self.book.step(f"{word}_surrender", f"{word}/{piece.id}", surrender=piece.id)
        facts = self.book.books.year(piece.plant.name, piece.year)
        facts.closed[piece.id] = (self.book.at, confirmed)
        if confirmed:
            self.book.books.reserve(piece.account, piece.unit, -piece.quantity)
            self.book.books.move(piece.unit, piece.quantity, piece.account, "retired")
        return step

    def _out_of_risk(self, plant: Plant, year: int) -> Iterator[Step]:
        """The rest of what the province kept goes to the plant."""
        facts = self.book.books.year(plant.name, year)
        left = facts.with_entity() - sum(quantity for _, quantity in facts.submitted.values())
        if left:
            self.book.books.reserve(plant.province, vintage(year), -left)
            yield self.book.transfer(
                "release", vintage(year), left, plant.province, plant.account,
                f"release/{year}/{plant.name}",
            )  # fmt: skip
        yield self.book.status(plant, "active")
