"""An office in two provinces, so that a test of authority reads like its list of staff.

    office = Office(ledger)
    office.adopt()
    office.who_may_not(STAFF, "cancel", account="plant-1", unit=UNIT, quantity=1)  # but "li"
    office.sent("li", "cancel", account="plant-1", unit=UNIT, quantity=1)    # Outcome or Refusal

Places: ``S`` the state's account (``authority``), ``R`` the reserve, ``P`` the province
``hubei`` and ``Q`` the province ``sichuan``; the entities ``plant`` (``O``, the one of the
role ``entity``) and ``other`` (``N``) in ``hubei``, ``mill`` (``X``) in ``sichuan``, ``lone``
(``L``) in none. Each entity has one account, ``ENTITY-1``. ``I`` is an institution's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from etsledger.ledger import Ledger, Outcome, Refusal
from helpers import command

SINCE = "2023-01-01"
UNIT = "CEA:2024"
CREDIT = "CCER:wind:2023"
ENTITIES = {"O": "plant", "N": "other", "X": "mill", "L": "lone"}
PROVINCES = {"P": "hubei", "Q": "sichuan"}
ACCOUNTS = {
    "S": "authority", "R": "reserve", **PROVINCES,
    **{place: f"{entity}-1" for place, entity in ENTITIES.items()}, "I": "fund-1",
}  # fmt: skip
STAFF: dict[str, dict[str, str]] = {
    "mee": {"role": "competent_authority"},
    "hubei.eeb": {"role": "province", "province": "hubei"},
    "li": {"role": "entity", "entity": "plant"},
    "shanghai": {"role": "exchange"},
    "ncsc": {"role": "credit_registry"},
    "sgs": {"role": "verifier", "province": "hubei"},
    "court": {"role": "auditor"},
}
"""Actor to the role that it is granted."""

Actor = str | None


class Office:
    """Sends commands as one actor or another; the books are made before the office begins."""

    def __init__(self, ledger: Ledger, base: str = "cn-national") -> None:
        self.ledger = ledger
        self.registry = base
        self._sent = 0
        self.send("open_registry", rulebook=base)

    def command(self, name: str, /, *, id: str | None = None, **fields: Any) -> dict[str, Any]:
        """A command of the registry, in effect since 2023 unless it says otherwise."""
        self._sent += 1
        given = {"registry": self.registry, "at": SINCE, **fields}
        return command(name, id or f"c{self._sent}", **given)

    def send(self, name: str, /, *, id: str | None = None, **fields: Any) -> Outcome:
        """Executes one command. Raises its Refusal."""
        return self.ledger.execute(self.command(name, id=id, **fields))

    def sent(self, actor: str | None, name: str, /, **fields: Any) -> Outcome | Refusal:
        """What becomes of a command of an actor."""
        try:
            return self.send(name, actor=actor, **fields)
        except Refusal as refusal:
            return refusal

    def who_may_not(self, actors: Iterable[Actor], name: str, /, **fields: Any) -> set[Actor]:
        """Which of the actors may not send a command, whatever else speaks against it.

        Nothing is written; but they ask in turn, each finding what was accepted before. What
        the books do not know, and what is no command, is a fault of the test.
        """
        asked = [self.command(name, actor=actor, **fields) for actor in actors]
        outcomes = self.ledger.apply(asked, dry_run=True, keep_going=True)
        codes = ["" if one.refusal is None else one.refusal.code for one in outcomes]
        assert not [code for code in codes if code.startswith(("Unknown", "InvalidCommand"))]
        return {
            one.get("actor")
            for one, code in zip(asked, codes, strict=True)
            if code == "NotAuthorised"
        }

    # -- the books ---------------------------------------------------------------------------

    def provinces(self) -> None:
        """The accounts of the two provinces."""
        for province in PROVINCES.values():
            self.send("open_account", account=province, kind="province", province=province)

    def entities(self) -> None:
        """The four entities with an account each."""
        served = {"plant": "hubei", "other": "hubei", "mill": "sichuan", "lone": None}
        for entity, province in served.items():
            self.send("register_entity", entity=entity, name=entity, sector="power",
                      province=province)  # fmt: skip
            self.send("open_account", account=f"{entity}-1", kind="entity", entity=entity)

    def fund(self, unit: str = UNIT, places: str = "SPQONXL", quantity: int = 1_000) -> None:
        """Units in the accounts of some places."""
        for place in places:
            self.send("opening_balance", account=ACCOUNTS[place], unit=unit, quantity=quantity)

    # -- the office --------------------------------------------------------------------------

    def adopt(
        self,
        rulebook: str | Mapping[str, Any] | None = None,
        staff: Mapping[str, Mapping[str, str]] = STAFF,
    ) -> None:
        """The registry's rulebook of an office is in force; the staff has its roles."""
        self.send("adopt_rulebook", rulebook=rulebook or f"{self.registry}-office")
        for actor in staff:
            self.send("register_actor", subject=actor)
        for actor, held in staff.items():
            by = None if held["role"] == "competent_authority" else "mee"
            self.send("grant_role", subject=actor, actor=by, **held)
