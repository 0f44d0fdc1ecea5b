"""Random commands of random actors: nobody moves what his role does not own.

The oracle is this file's own. Whose an account is, and who holds which role, it keeps by hand
from what was accepted; what each role may take units out of is written down once, in
``Roles``, beside the rulebook. It looks at the postings that were written, and not at why the
command was let in.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etsledger.domain.rulebook import bundled
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.record import read
from helpers import SteppingClock
from offices import ACCOUNTS, ENTITIES, PROVINCES, SINCE, STAFF, UNIT, Office

NOW = "2025-07-01T09:00:00+08:00"
OUTSIDE = {"issuance", "converted-in", "converted-out", "retired", "cancelled"}
OF_PROVINCE = {"confirm_surrender", "reject_surrender", "finalise_allocation"}
"""By these a province touches what an entity holds: what it submitted, or was given too much."""
Given = dict[str, Any]

ALL_ACCOUNTS = [ACCOUNTS[place] for place in "SRPQONXL"]
ALL_ENTITIES = list(ENTITIES.values())
ACTORS = [*STAFF, "wu", None]
SUBJECTS = ["wu", "wu", "li", "court"]


class Anything:
    """Makes commands of anybody about anything that is there, as chance has it."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._made = 0
        self.accepted: dict[str, list[str]] = {"surrender": [f"s-{one}" for one in ALL_ENTITIES]}
        """By command, the ids of those that were accepted."""

    def _one(self, of: list[Any]) -> Any:
        return self._chance.choice(of)

    def _some(self) -> Given:
        return {"unit": UNIT, "quantity": self._chance.randint(1, 300)}

    def _claim(self, *commands: str) -> str:
        ids = [one for name in commands for one in self.accepted.get(name, [])]
        return self._one(ids or ["nothing"])

    def moving(self) -> Given:
        """A command that moves or reserves units."""
        some, account, entity = self._some(), self._one(ALL_ACCOUNTS), self._one(ALL_ENTITIES)
        to, source = self._one(ALL_ACCOUNTS), self._one([None, None, *ALL_ACCOUNTS])
        kind = self._one(["succession", "judicial", "release", "release", "correction"])
        return self._one([
            {"command": "transfer", **some, "from": account, "to": to, "kind": kind},
            {"command": "distribute", **some, "from": account, "to": to},
            {"command": "cancel", **some, "account": account},
            {"command": "pledge", **some, "account": account, "pledgee": "bank"},
            {"command": "freeze", **some, "account": account},
            {"command": "reserve", **some},
            {"command": "surrender", **some, "entity": entity, "year": 2024, "from": source},
            {"command": "confirm_surrender", "surrender": self._claim("surrender")},
            {"command": "reject_surrender", "surrender": self._claim("surrender")},
            {"command": "pre_allocate", "entity": entity, "year": 2025, "from": source,
             "quantity": some["quantity"]},
            {"command": "finalise_allocation", "entity": entity, "year": 2024, "from": source,
             "entitlement": some["quantity"]},
            {"command": "settle_trade", **some, "trade": str(self._made), "method": "listed",
             "price": "80.00", "seller": account, "buyer": to},
            {"command": "reverse", "reverses": self._claim("transfer", "distribute", "reserve")},
        ])  # fmt: skip

    def other(self) -> Given:
        """A command that changes who may do what, or a second person's."""
        subject, entity = self._one(SUBJECTS), self._one(ALL_ENTITIES)
        province = self._one([*PROVINCES.values(), None])
        number = str(self._made)
        return self._one([
            {"command": "grant_role", "subject": subject, "role": "entity", "entity": entity},
            {"command": "grant_role", "subject": subject, "role": "entity", "entity": entity},
            {"command": "grant_role", "subject": subject, "role": "province",
             "province": province},
            {"command": "grant_role", "subject": subject,
             "role": self._one(["exchange", "auditor", "verifier", "credit_registry"])},
            {"command": "revoke_role", "subject": subject,
             "role": self._one(["entity", "province", "exchange"])},
            {"command": "register_entity", "entity": f"e{number}", "name": "E",
             "sector": "power", "province": province},
            {"command": "open_account", "account": f"a{number}", "kind": "entity",
             "entity": entity},
            {"command": "open_account", "account": f"a{number}", "kind": "province",
             "province": province},
            {"command": "amend_entity", "entity": entity, "province": province},
            {"command": "unfreeze", "freeze": self._claim("freeze")},
            {"command": "release_pledge", "pledge": self._claim("pledge")},
            {"command": "issue", **self._some()},
            {"command": "propose", "proposes": {**self.moving(), "id": f"x{number}/1"}},
            {"command": "approve", "proposal": self._claim("propose")},
            {"command": "approve", "proposal": self._claim("propose")},
        ])  # fmt: skip

    def asked(self) -> tuple[list[str | None], Given]:
        """A command, and who asks for it, one after the other."""
        given = self.moving() if self._chance.random() < 0.7 else self.other()
        self._made += 1
        return self._chance.sample(ACTORS, 6), given


class Roles:
    """Who holds what and whose what is, kept by hand from what was accepted."""

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, str]]] = {a: [dict(r)] for a, r in STAFF.items()}
        self.province_of: dict[str, str | None] = {
            "plant": "hubei", "other": "hubei", "mill": "sichuan", "lone": None,
        }  # fmt: skip
        self.owner = {f"{entity}-1": entity for entity in self.province_of}
        self.province_account: dict[str, str | None] = {"hubei": "hubei", "sichuan": "sichuan"}
        self.proposed: dict[str, tuple[str | None, str]] = {}
        """Proposal to who proposed which command."""

    def may_touch(self, actor: str | None, account: str, command: str) -> bool:
        """Whether a role of the actor owns what a command takes out of an account."""
        return any(self._owns(one, account, command) for one in self.held.get(actor or "", []))

    def _owns(self, held: dict[str, str], account: str, command: str) -> bool:
        owner, role = self.owner.get(account), held["role"]
        match role:
            case "competent_authority":
                # of others by the order of a court, a correction, a recall, for a successor
                takes = {"cancel", "pledge", "distribute", "pre_allocate", "settle_trade"}
                return owner is None or command not in takes
            case "exchange":
                return owner is not None and command == "settle_trade"
            case "entity":
                return owner == held["entity"]
            case "province" if owner is None:
                return self.province_account.get(account) == held["province"]
            case "province":
                return command in OF_PROVINCE and self.province_of[owner or ""] == held["province"]
            case _:
                return False

    def note(self, actor: str | None, given: Given) -> None:
        """An accepted command changes who holds what, or whose what is."""
        match given["command"]:
            case "grant_role":
                role = {key: given[key] for key in ("role", "province", "entity") if key in given}
                self.held.setdefault(given["subject"], []).append(role)
            case "revoke_role":
                before = self.held[given["subject"]]
                self.held[given["subject"]] = [r for r in before if r["role"] != given["role"]]
            case "amend_entity" | "register_entity":
                self.province_of[given["entity"]] = given.get("province")
            case "open_account" if "entity" in given:
                self.owner[given["account"]] = given["entity"]
            case "open_account":
                self.province_account[given["account"]] = given.get("province")
            case "propose":
                self.proposed[given["id"]] = actor, given["proposes"]["command"]
            case _:
                pass


def an_office(path: Path) -> Office:
    """Funded, with a surrender of each entity pending; alone among the approvals is ``cancel``."""
    office = Office(Ledger.open(path, create=True, clock=SteppingClock(NOW)))
    office.provinces()
    office.entities()
    office.fund(quantity=100_000)
    for entity in ENTITIES.values():
        office.send("record_verified", entity=entity, year=2024, emissions=300)
        office.send("surrender", id=f"s-{entity}", entity=entity, year=2024, unit=UNIT, quantity=9)
    office.send("record_market_day", date="2022-12-30", unit=UNIT, close="80.00", at="2022-12-30")
    rules = json.loads(bundled("cn-national-office").text)
    rules["authority"]["approvals"] = [
        {"commands": ["cancel"], "by": ["competent_authority", "entity"], "source": "ets"}
    ]
    office.adopt({**rules, "name": "alone"})
    office.send("register_actor", subject="wu", actor="mee")
    return office


def touched(ledger: Ledger, position: int) -> Iterator[str]:
    """The accounts that an event left with less, or reserved something in."""
    row = ledger.store.row(position)
    assert row is not None
    left = Counter[str]()
    for account, _, bucket, quantity in read(row.type, row.state).event.postings():
        if bucket == "held":
            left[account] += quantity
        elif quantity > 0:
            yield account
    yield from (account for account in left if left[account] < 0 and account not in OUTSIDE)


def play(office: Office, anything: Anything, commands: int) -> Counter[str]:
    """Each command is asked for by some in turn until it is accepted.

    Gives how many of each moved something. Fails when somebody moved what his role does not
    own.
    """
    known, moved = Roles(), Counter[str]()
    for number in range(commands):
        actors, asked = anything.asked()
        for actor in actors:
            if sent(office, known, moved, f"x{number}", actor, asked):
                anything.accepted.setdefault(asked["command"], []).append(f"x{number}")
                break
    return moved


def sent(
    office: Office, known: Roles, moved: Counter[str], id: str, actor: str | None, asked: Given
) -> bool:
    """Whether a command is accepted; then what it moved is looked at."""
    given = _stated({"registry": office.registry, "id": id, "effective_at": SINCE, "actor": actor,
                     **asked})  # fmt: skip
    try:
        outcome = office.ledger.execute(given)
    except Refusal:
        return False
    who, name = known.proposed.get(given.get("proposal", ""), (actor, given["command"]))
    if name == "propose":
        name = given["proposes"]["command"]
    for position in outcome.positions:
        for account in touched(office.ledger, position):
            assert known.may_touch(who, account, name), (who, given, account)
            moved[name] += 1
    known.note(actor, given)
    return True


def _stated(given: Given) -> Given:
    """Without what is None; what is proposed takes effect when all the rest does."""
    if "proposes" in given:
        given["proposes"] = _stated({**given["proposes"], "effective_at": SINCE})
    return {key: value for key, value in given.items() if value is not None}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Places of fresh stores for the examples of a test."""
    folder = tmp_path_factory.mktemp("offices")
    return (folder / f"{number}.db" for number in range(100_000))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(seed=st.integers(0, 2**32))
def test_nobody_moves_what_his_role_does_not_own(paths: Iterator[Path], seed: int) -> None:
    office = an_office(next(paths))
    with office.ledger:
        play(office, Anything(Random(seed)), 100)


def test_of_random_commands_many_kinds_are_let_in(paths: Iterator[Path]) -> None:
    moved = Counter[str]()
    for seed in range(2):
        office = an_office(next(paths))
        with office.ledger:
            moved += play(office, Anything(Random(seed)), 100)
    assert moved.total() > 30
    assert len(moved) > 7


CANCEL = {"command": "cancel", "unit": UNIT, "quantity": 5, "account": "plant-1"}
TRADE = {"command": "settle_trade", "trade": "t", "method": "listed", "unit": UNIT, "quantity": 5,
         "price": "80.00", "seller": "mill-1", "buyer": "plant-1"}  # fmt: skip


def test_the_oracle_sees_what_is_moved(paths: Iterator[Path]) -> None:
    office, known, moved = an_office(next(paths)), Roles(), Counter[str]()
    history: list[tuple[str, Given]] = [
        ("mee", {"command": "grant_role", "subject": "wu", "role": "entity", "entity": "plant"}),
        ("mee", {"command": "transfer", "unit": UNIT, "quantity": 5, "from": "mill-1",
                 "to": "plant-1", "kind": "judicial"}),
        ("li", {"command": "propose", "proposes": {**CANCEL, "id": "c"}}),
        ("wu", {"command": "approve", "proposal": "x2"}),
        ("hubei.eeb", {"command": "confirm_surrender", "surrender": "s-plant"}),
        ("shanghai", TRADE),
    ]  # fmt: skip
    with office.ledger:
        for number, (actor, asked) in enumerate(history):
            assert sent(office, known, moved, f"x{number}", actor, asked), asked
    assert moved == {"transfer": 1, "cancel": 2, "confirm_surrender": 1, "settle_trade": 1}


@pytest.mark.parametrize(
    ("actor", "account", "command"),
    [("li", "mill-1", "cancel"), ("hubei.eeb", "mill-1", "confirm_surrender"),
     ("hubei.eeb", "plant-1", "cancel"), ("mee", "plant-1", "cancel"), ("li", "hubei", "surrender"),
     ("shanghai", "plant-1", "transfer"), ("court", "plant-1", "freeze"),
     (None, "hubei", "cancel")],
)  # fmt: skip
def test_the_oracle_knows_what_nobody_owns(actor: str | None, account: str, command: str) -> None:
    assert not Roles().may_touch(actor, account, command)
