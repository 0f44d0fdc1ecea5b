"""Registries and the rulebooks they adopt: what decided, from when, and how to check it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785

from etsledger.domain.rulebook import bundled, bundled_names
from etsledger.ledger import Ledger, Refusal
from helpers import (
    ON_SQLITE,
    UNIT,
    DayBook,
    SteppingClock,
    command,
    records,
    send_all,
    trial_registry,
)
from rulebooks import confirming_rulebook, exchange_only_rulebook, open_rulebook

pytestmark = ON_SQLITE

EXCHANGE = exchange_only_rulebook()


def test_a_registry_is_opened_once(book: DayBook) -> None:
    refusal = book.refused("InvalidCommand", "open_registry", rulebook="open")
    assert refusal.numbers == {"field": "registry", "registry": "trial"}


@pytest.mark.parametrize("name", ["authority", "reserve", "retired", "cancelled"])
def test_every_registry_has_its_built_in_accounts_from_the_start(ledger: Ledger, name: str) -> None:
    book = DayBook(ledger)
    book.send("open_registry", rulebook="open")
    book.refused("AccountExists", "open_account", account=name, kind="province")
    book.refused("ParticipantNotAllowed", "close_account", account=name)


def test_the_outside_is_no_account_of_anyone(book: DayBook) -> None:
    book.refused("AccountExists", "open_account", account="issuance", kind="institution")
    for fields in ({"from_": "issuance", "to": "crrc-1"}, {"from_": "crrc-1", "to": "issuance"}):
        book.refused("UnknownAccount", "transfer", unit=UNIT, quantity=1, kind="free", **fields)


def test_a_command_without_a_registry_belongs_to_the_national_one(ledger: Ledger) -> None:
    with pytest.raises(Refusal) as caught:
        ledger.execute({"command": "issue", "id": "1", "unit": UNIT, "quantity": 1})
    assert caught.value.code == "UnknownRegistry"
    assert caught.value.numbers == {"registry": "cn-national"}
    ledger.execute({"command": "open_registry", "id": "1", "rulebook": "open"})
    ledger.execute({"command": "issue", "id": "2", "unit": UNIT, "quantity": 1})
    assert [row["registry"] for row in ledger.supply()] == ["cn-national"]


def test_accounts_of_one_registry_are_unknown_in_another(book: DayBook) -> None:
    book.send("open_registry", registry="other", rulebook="open")
    book.issue(100)
    for name, fields in [
        ("issue", {"to": "crrc-1", "unit": UNIT, "quantity": 1}),
        ("surrender", {"entity": "crrc", "unit": UNIT, "quantity": 1, "year": 2023}),
        ("reverse", {"reverses": "t2"}),
    ]:
        code = {"issue": "UnknownAccount", "surrender": "UnknownEntity"}.get(
            name, "UnknownReference"
        )
        book.refused(code, name, registry="other", **fields)


# -- bundled and own rulebooks -----------------------------------------------------------------


def test_a_bundled_rulebook_is_known_by_name(ledger: Ledger) -> None:
    book = DayBook(ledger)
    assert "open" in bundled_names()
    refusal = book.refused("InvalidCommand", "open_registry", rulebook="closed")
    assert refusal.numbers["field"] == "rulebook"
    assert "open" in refusal.message


def _without(key: str) -> dict[str, Any]:
    return {name: value for name, value in open_rulebook().items() if name != key}


def _route(**changed: Any) -> dict[str, Any]:
    routes = open_rulebook()["routes"]
    return open_rulebook(routes=[*routes[:2], {**routes[2], **changed}, *routes[3:]])


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        ("rulebook.name", _without("name")),
        ("rulebook.version", open_rulebook(version=1)),
        ("rulebook.surrender", _without("surrender")),
        ("rulebook.surrender.confirmation", open_rulebook(surrender={"source": "ets"})),
        ("rulebook.surprise", open_rulebook(surprise=1)),
        ("rulebook.unit_kinds.0.pattern",
         open_rulebook(unit_kinds=[{"name": "any", "source": "ets"}])),
        ("rulebook.unit_kinds.0",
         open_rulebook(unit_kinds=[{"name": "any", "pattern": "(", "source": "ets"}])),
        ("rulebook.routes.2.from", _route(**{"from": "authority"})),
        ("rulebook.routes.2.colour", _route(colour="green")),
        ("rulebook.routes.2.units", _route(units=["gold"])),
        ("rulebook.routes.2.to", _route(to=["nowhere"])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_bad_rulebook_is_refused_with_the_path_of_the_bad_key(
    ledger: Ledger, path: str, bad: dict[str, Any]
) -> None:
    book = DayBook(ledger)
    refusal = book.refused("InvalidCommand", "open_registry", rulebook=bad)
    assert refusal.numbers["field"] == path
    assert path.removeprefix("rulebook.") in refusal.message
    book.send("open_registry", rulebook="open")
    book.refused("InvalidCommand", "adopt_rulebook", rulebook=bad)


def test_a_rulebook_that_forbids_free_transfer(ledger: Ledger) -> None:
    send_all(ledger, trial_registry(EXCHANGE))
    book = DayBook(ledger)
    book.issue(100)
    refusal = book.refused(
        "RouteNotAllowed", "transfer",
        unit=UNIT, quantity=1, from_="crrc-1", to="desk-1", kind="free",
    )  # fmt: skip
    assert refusal.numbers == {
        "movement": "transfer.free",
        "unit": UNIT,
        "from_kind": "entity",
        "to_kind": "institution",
    }
    assert "exchange-only" in refusal.message
    book.transfer(1, "crrc-1", "desk-1", kind="judicial")


def test_a_rulebook_knows_its_units(ledger: Ledger) -> None:
    send_all(ledger, trial_registry(EXCHANGE))
    book = DayBook(ledger)
    for unit in ("GOLD", "CEA:23", "CEA:2023:x", "xCEA:2023", "CEA:2023 "):
        refusal = book.refused("UnitNotAllowed", "issue", unit=unit, quantity=1)
        assert refusal.numbers == {"unit": unit}
        assert "CEA:[0-9]{4}" in refusal.message
    book.issue(1, unit="CEA:2019")


@pytest.mark.parametrize("unit", ["X", "X:Y", "X:Y:Z", "CEA:2019-2020", "CCER:p.1:2020"])
def test_the_open_rulebook_takes_units_of_up_to_three_parts(book: DayBook, unit: str) -> None:
    assert book.issue(1, unit=unit).outcome == "accepted"


@pytest.mark.parametrize("unit", ["X:Y:Z:A", "X::Y", ":X", "X:", "X Y", "*"])
def test_the_open_rulebook_takes_no_other_units(book: DayBook, unit: str) -> None:
    book.refused("UnitNotAllowed", "issue", unit=unit, quantity=1)


def test_the_sign_for_all_units_is_no_unit_under_any_pattern(ledger: Ledger) -> None:
    everything = [{"name": "any", "pattern": ".*", "source": "ets"}]
    send_all(ledger, trial_registry(open_rulebook(name="anything", unit_kinds=everything)))
    book = DayBook(ledger)
    book.issue(1, unit="碳配额 2023 [*]")
    book.refused("UnitNotAllowed", "issue", unit="*", quantity=1)
    book.refused("UnitNotAllowed", "freeze", account="crrc-1", unit="*")


# -- adoption ----------------------------------------------------------------------------------


def _rulebook_of(ledger: Ledger, position: int) -> dict[str, str]:
    (event,) = ledger.events(from_position=position, to_position=position)
    return event["rulebook"]


def test_a_rulebook_decides_from_its_effective_time_on(book: DayBook) -> None:
    book.issue(100, at="2021-01-01")
    book.send("adopt_rulebook", rulebook=EXCHANGE, at="2024-05-01T12:00:00")
    before = book.transfer(1, "crrc-1", "desk-1", at="2024-05-01T11:59:59.999999")
    fields = {"unit": UNIT, "quantity": 1, "from_": "crrc-1", "to": "desk-1"}
    for at in ("2024-05-01T12:00:00", None, "2030-01-01"):
        book.refused("RouteNotAllowed", "transfer", kind="free", at=at, **fields)
    after = book.transfer(1, "crrc-1", "desk-1", kind="correction", at="2024-05-01T12:00:00")
    assert _rulebook_of(book.ledger, before.positions[0])["name"] == "open"
    assert _rulebook_of(book.ledger, after.positions[0])["name"] == "exchange-only"


def test_a_rulebook_adopted_for_the_future_decides_nothing_yet(book: DayBook) -> None:
    book.issue(100)
    book.send("adopt_rulebook", rulebook=EXCHANGE, at="2025-01-01")
    book.transfer(1, "crrc-1", "desk-1")
    fields = {"unit": UNIT, "quantity": 1, "from_": "crrc-1", "to": "desk-1", "kind": "free"}
    book.refused("RouteNotAllowed", "transfer", at="2025-01-01", **fields)


def test_adoptions_recorded_out_of_order_stand_in_order_of_effect(book: DayBook) -> None:
    later = open_rulebook(name="later", version="3")
    earlier = open_rulebook(name="earlier", version="2")
    book.send("adopt_rulebook", rulebook=later, at="2024-03-01")
    book.send("adopt_rulebook", rulebook=earlier, at="2024-02-01")
    names = [
        _rulebook_of(book.ledger, book.issue(1, at=at).positions[0])["name"]
        for at in ("2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01", "2019-01-01")
    ]
    assert names == ["open", "earlier", "earlier", "later", "open"]


@pytest.mark.parametrize("chunk", [1, 100])
def test_commands_of_one_commit_each_have_the_rulebook_of_their_own_time(
    book: DayBook, chunk: int
) -> None:
    book.send("adopt_rulebook", rulebook=open_rulebook(name="later"), at="2024-03-01")
    days = ("2024-02-01", "2024-04-01", "2024-02-29", "2024-03-01", "2024-01-01")
    sent = [command("issue", f"i{day}", unit=UNIT, quantity=1, at=day) for day in days]
    for _ in book.ledger.apply(sent, chunk=chunk):
        pass
    issued = book.ledger.events(types=["UnitsIssued"])
    assert [(event["command_id"], event["rulebook"]["name"]) for event in issued] == [
        (f"i{day}", "later" if day >= "2024-03-01" else "open") for day in days
    ]


def test_of_two_rulebooks_for_one_instant_the_later_recorded_decides(book: DayBook) -> None:
    for name in ("first", "second"):
        book.send("adopt_rulebook", rulebook=open_rulebook(name=name), at="2024-03-01")
    issued = book.issue(1, at="2024-03-01")
    assert _rulebook_of(book.ledger, issued.positions[0])["name"] == "second"


def test_a_back_dated_rulebook_does_not_judge_again_what_was_accepted(book: DayBook) -> None:
    book.issue(100, at="2021-01-01")
    book.transfer(1, "crrc-1", "desk-1", at="2024-03-01")
    book.send("adopt_rulebook", rulebook=EXCHANGE, at="2024-02-01")
    assert book.held("desk-1") == 1
    assert book.ledger.verify().ok
    fields = {"unit": UNIT, "quantity": 1, "from_": "crrc-1", "to": "desk-1", "kind": "free"}
    book.refused("RouteNotAllowed", "transfer", at="2024-03-01", **fields)


def test_the_text_in_the_adoption_event_hashes_to_the_hash_of_every_decision(
    book: DayBook,
) -> None:
    book.send("adopt_rulebook", rulebook=confirming_rulebook(), at="2024-02-01")
    book.issue(1, at="2024-02-01")
    log = records(book.ledger)
    opened, adopted = log[0]["record"], log[-2]["record"]
    assert adopted["type"] == "RulebookAdopted"
    for event in (opened, adopted):
        text, named = event["data"]["text"], event["data"]["rulebook"]
        assert hashlib.sha256(text.encode()).hexdigest() == named["hash"]
        assert rfc8785.dumps(json.loads(text)).decode() == text
        assert (named["name"], named["version"]) == (
            json.loads(text)["name"],
            json.loads(text)["version"],
        )
    assert json.loads(opened["data"]["text"]) == json.loads(bundled("open").text)
    assert json.loads(adopted["data"]["text"]) == confirming_rulebook()
    assert opened["rulebook"] == opened["data"]["rulebook"]  # it decided its own adoption
    assert adopted["rulebook"] == opened["rulebook"]  # the book in force then let it in
    assert log[-1]["record"]["rulebook"] == adopted["data"]["rulebook"]


def test_the_same_rulebook_has_the_same_hash_in_any_spelling(
    new_store_url: Callable[[], str], clock: SteppingClock
) -> None:
    given = open_rulebook()
    turned = dict(reversed(given.items()))
    hashes: set[str] = set()
    for rulebook in ("open", given, turned, json.dumps(turned, indent=4)):
        with Ledger.open(new_store_url(), create=True, clock=clock) as ledger:
            sent: Any = command("open_registry", "1", rulebook=rulebook)
            if isinstance(rulebook, str) and rulebook != "open":
                sent = json.dumps({**sent, "rulebook": json.loads(rulebook)}, indent=1)
            ledger.execute(sent)
            hashes.add(_rulebook_of(ledger, 1)["hash"])
    assert hashes == {bundled("open").ref.hash}
