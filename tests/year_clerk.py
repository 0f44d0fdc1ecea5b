"""What becomes of a command in the plain model: refused with a code, or noted as facts."""

from datetime import datetime
from typing import Any

from year_model import ARREARS, ELIGIBLE, NEXT_DAY, UNITS, Fact, Model, Posting, Refused

ALL = 10**9


class Clerk(Model):
    """The model with one method for each command; none of them changes what it refuses."""

    def answer(self, name: str, c: dict[str, Any], at: datetime) -> tuple[str, Any]:
        """``accepted`` with how many events it took, or ``refused`` with the code."""
        before = self.position
        try:
            getattr(self, "_" + name)(c, at)
        except Refused as refused:
            assert self.position == before
            return "refused", str(refused)
        return "accepted", self.position - before

    def _next(self) -> int:
        self.position += 1
        return self.position

    def _note(
        self, kind: str, entity: str, year: int, at: datetime, *postings: tuple[Any, ...],
        **data: Any,
    ) -> None:  # fmt: skip
        position = self._next()
        self.facts.append(Fact(position, at, kind, entity, year, data))
        self.postings.extend(Posting(position, at, *one) for one in postings)

    @staticmethod
    def _move(
        unit: str, quantity: int, source: str, to: str
    ) -> tuple[tuple[str, str, str, int], ...]:
        if not quantity:
            return ()
        return ((source, unit, "held", -quantity), (to, unit, "held", quantity))

    def _collect(self, account: str, unit: str, at: datetime) -> None:
        """What came free is taken for an open recall of that vintage."""
        entity = account[0]
        for year, of_year in UNITS.items():
            still = self.compliance(entity, year, NEXT_DAY[2024].replace(year=2199), ALL)
            if of_year != unit or still["recall_open"] <= 0:
                continue
            taken = min(still["recall_open"], self.takeable(account, unit, at))
            if taken:
                grants = self.of("grant", entity, year)
                opened = max(g.at for g in grants if g.data["opened"] > 0)
                moved = self._move(unit, taken, account, "hubei")
                self._note("collection", entity, year, max(at, opened), *moved, tonnes=taken)

    # -- reports, decisions --------------------------------------------------------------------

    def _record_verified(self, c: dict[str, Any], at: datetime) -> None:
        self._note("report", c["entity"], c["year"], at, emissions=c["emissions"])

    def _record_deduction(self, c: dict[str, Any], at: datetime) -> None:
        self._note("deduction", c["entity"], c["year"], at, id=c["id"], tonnes=c["quantity"])

    def _set_entity_status(self, c: dict[str, Any], at: datetime) -> None:
        self._note("status", c["entity"], 0, at, status=c["status"])

    # -- allocation ----------------------------------------------------------------------------

    def _settled(
        self, entity: str, year: int, at: datetime, capacity: int
    ) -> tuple[int, dict[str, int]]:
        left, changes = capacity, dict[str, int]()
        for one in self.of("deduction", entity, year, at):
            before = sum(
                g.data["deducted"].get(one.data["id"], 0) for g in self.of("grant", entity, year)
            )
            taken = min(one.data["tonnes"], left)
            left -= taken
            changes[one.data["id"]] = taken - before
        return capacity - left, changes

    def _granted(
        self, entity: str, unit: str, quantity: int, at: datetime
    ) -> tuple[tuple[Any, ...], ...]:
        self.take("hubei", unit, quantity, at)
        if quantity and self.status(entity, at) == "at_risk":
            return (("hubei", unit, "restricted", quantity, entity),)
        return self._move(unit, quantity, "hubei", f"{entity}-1")

    def _pre_allocate(self, c: dict[str, Any], at: datetime) -> None:
        entity, year = c["entity"], c["year"]
        if self.of("grant", entity, year):
            raise Refused("AlreadyAllocated")
        base = self.of("report", entity, year - 1, at)
        if not base:
            raise Refused("AllocationNotReady")
        computed = base[-1].data["emissions"] * 7 // 10
        kept, changes = self._settled(entity, year, at, computed)
        postings = self._granted(entity, UNITS[year], computed - kept, at)
        self._note(
            "grant", entity, year, at, *postings, id=c["id"], granted=computed - kept,
            entitlement=None, recalled=0, opened=0, deducted=changes,
        )  # fmt: skip

    def _finalise_allocation(self, c: dict[str, Any], at: datetime) -> None:
        entity, year, entitlement = c["entity"], c["year"], c["entitlement"]
        unit, account = UNITS[year], f"{entity}-1"
        grants = self.of("grant", entity, year)
        finals = [g for g in grants if g.data["entitlement"] is not None]
        named = c.get("supersedes")
        if finals and named is None:
            raise Refused("AlreadyAllocated")
        if named != (finals[-1].data["id"] if finals else None):
            raise Refused("UnknownReference")
        if any(at < g.at for g in grants):
            raise Refused("InvalidCommand")
        kept, changes = self._settled(entity, year, at, entitlement)
        now = self.compliance(entity, year, NEXT_DAY[2024].replace(year=2199), ALL)
        there = now["allocated"] - now["recalled"] - now["recall_open"]
        difference = entitlement - kept - there
        granted = recalled = opened = 0
        postings: tuple[tuple[Any, ...], ...] = ()
        if difference >= 0:
            opened = -min(now["recall_open"], difference)
            granted = difference + opened
            postings = self._granted(entity, unit, granted, at)
        else:
            kept_there = min(-difference, self.custody(entity, unit, at))
            at_once = min(-difference - kept_there, self.takeable(account, unit, at))
            recalled = kept_there + at_once
            opened = -difference - recalled
            postings = (
                ("hubei", unit, "restricted", -kept_there, entity),
                *self._move(unit, at_once, account, "hubei"),
            )
        self._note(
            "grant", entity, year, at, *postings, id=c["id"], granted=granted,
            entitlement=entitlement, recalled=recalled, opened=opened, deducted=changes,
        )  # fmt: skip

    # -- movements -----------------------------------------------------------------------------

    def _opening_balance(self, c: dict[str, Any], at: datetime) -> None:
        account, unit = c["account"], c["unit"]
        self._note("move", "", 0, at, *self._move(unit, c["quantity"], "issuance", account))
        self._collect(account, unit, at)

    def _transfer(self, c: dict[str, Any], at: datetime) -> None:
        source, to, unit, quantity = c["from"], c["to"], c["unit"], c["quantity"]
        kept = 0
        if source == to:
            raise Refused("RouteNotAllowed")
        if source == "hubei":
            kept = min(quantity, self.custody(to[0], unit, at))
        else:
            self.no_recall_open(source, at)
        self.take(source, unit, quantity - kept, at)
        freed = ((source, unit, "restricted", -kept, to[0]),) if kept else ()
        self._note("move", "", 0, at, *freed, *self._move(unit, quantity, source, to))
        self._collect(to, unit, at)

    def _pledge(self, c: dict[str, Any], at: datetime) -> None:
        account, unit, quantity = c["account"], c["unit"], c["quantity"]
        self.no_recall_open(account, at)
        self.take(account, unit, quantity, at)
        pledged = (account, unit, "pledged", quantity)
        self._note("pledge", account[0], 0, at, pledged, id=c["id"], unit=unit, tonnes=quantity)

    def _release_pledge(self, c: dict[str, Any], at: datetime) -> None:
        pledges = {f.data["id"]: f for f in self.facts if f.kind == "pledge"}
        ended = {f.data["pledge"] for f in self.facts if f.kind == "release"}
        pledge = pledges.get(c["pledge"])
        if pledge is None or c["pledge"] in ended:
            raise Refused("UnknownReference")
        if at < pledge.at:
            raise Refused("InvalidCommand")
        account, unit = f"{pledge.entity}-1", pledge.data["unit"]
        freed = (account, unit, "pledged", -pledge.data["tonnes"])
        self._note("release", pledge.entity, 0, at, freed, pledge=c["pledge"])
        self._collect(account, unit, at)

    # -- surrender -----------------------------------------------------------------------------

    def _surrender(self, c: dict[str, Any], at: datetime) -> None:
        entity, year, unit, quantity = c["entity"], c["year"], c["unit"], c["quantity"]
        account = c.get("from") or f"{entity}-1"
        if not self.of("report", entity, year, at):
            raise Refused("ObligationNotKnown")
        kept = self.custody(entity, unit, at) if account == "hubei" else 0
        if account == "hubei" and not kept and self.status(entity, at) != "at_risk":
            raise Refused("ParticipantNotAllowed")
        late = at >= max(ARREARS, NEXT_DAY[year])
        if unit not in ELIGIBLE[year] and not (late and unit in UNITS.values()):
            raise Refused("VintageNotEligible")
        for instant in (at, NEXT_DAY[2024].replace(year=2199)):
            found = self.compliance(entity, year, instant, ALL)
            if quantity > found["outstanding"] - found["pending"]:
                raise Refused("SurrenderExceedsObligation")
        kept = min(kept, quantity)
        self.take(account, unit, quantity - kept, at)
        self._note(
            "surrender", entity, year, at, (account, unit, "pending", quantity),
            *((("hubei", unit, "restricted", -kept, entity),) if kept else ()),
            id=c["id"], tonnes=quantity, unit=unit, account=account, custody=kept,
        )  # fmt: skip

    def _open_surrender(self, c: dict[str, Any], at: datetime) -> Fact:
        surrenders = {f.data["id"]: f for f in self.facts if f.kind == "surrender"}
        closed = {f.data["surrender"] for f in self.facts if f.kind == "closing"}
        found = surrenders.get(c["surrender"])
        if found is None or c["surrender"] in closed:
            raise Refused("UnknownReference")
        if at < found.at:
            raise Refused("InvalidCommand")
        return found

    def _confirm_surrender(self, c: dict[str, Any], at: datetime) -> None:
        s = self._open_surrender(c, at)
        account, unit, quantity = s.data["account"], s.data["unit"], s.data["tonnes"]
        self._note(
            "closing", s.entity, s.year, at, (account, unit, "pending", -quantity),
            *self._move(unit, quantity, account, "retired"),
            surrender=c["surrender"], confirmed=True,
        )  # fmt: skip

    def _reject_surrender(self, c: dict[str, Any], at: datetime) -> None:
        s = self._open_surrender(c, at)
        account, unit, kept = s.data["account"], s.data["unit"], s.data["custody"]
        self._note(
            "closing", s.entity, s.year, at, (account, unit, "pending", -s.data["tonnes"]),
            *((("hubei", unit, "restricted", kept, s.entity),) if kept else ()),
            surrender=c["surrender"], confirmed=False,
        )  # fmt: skip
        if account != "hubei":
            self._collect(account, unit, at)
