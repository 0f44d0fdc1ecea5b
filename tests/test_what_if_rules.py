"""What if: the accepted commands decided again under another rulebook."""

import pytest

from etsledger.ledger import Refusal
from helpers import (
    UNIT,
    DayBook,
    SteppingClock,
    command,
)
from national import NationalBook, coal
from rulebooks import confirming_rulebook, exchange_only_rulebook
from what_if import asked, refused


def test_a_rulebook_that_refuses_what_was_accepted(book: DayBook) -> None:
    book.issue(1000, id="cea")
    book.issue(10, unit="CCER:9:2022", id="ccer")
    book.transfer(300, "crrc-1", "desk-1", id="free")
    book.send("reverse", reverses="free", id="back")
    found = asked(book, rulebook=exchange_only_rulebook())
    assert refused(found) == {
        "ccer": ("UnitNotAllowed", ()),
        "free": ("RouteNotAllowed", ()),
        "back": ("UnknownReference", ("free",)),
    }
    route = found.refused[1].refusal
    assert (route["movement"], route["from_kind"]) == ("transfer.free", "entity")
    assert found.rulebook is not None
    assert found.rulebook["name"] == "exchange-only"


def test_a_surrender_that_waits_for_confirmation_is_decided_otherwise(book: DayBook) -> None:
    book.issue(1000)
    book.surrender(400, id="surrendered")
    found = asked(book, rulebook=confirming_rulebook())
    [one] = found.otherwise
    assert one.id == "surrendered"
    assert one.before != one.after == ("SurrenderSubmitted",)
    assert {row.key["account"] for row in found.balances} == {"crrc-1", "retired"}


def test_every_adoption_of_the_registry_is_replaced(book: DayBook, clock: SteppingClock) -> None:
    book.issue(1000)
    book.send("adopt_rulebook", rulebook=exchange_only_rulebook(), id="strict")
    inner = [
        command("adopt_rulebook", "milder", rulebook=confirming_rulebook()),
        command("issue", "i2", unit=UNIT, quantity=5, to="crrc-1"),
    ]
    book.ledger.execute({"command": "batch", "id": "both", "commands": inner})
    book.ledger.execute(
        {"command": "batch", "id": "one", "commands": [{**inner[0], "id": "again"}]}
    )
    book.surrender(100, id="waits")
    book.ledger.execute(command("open_registry", "o2", rulebook="open") | {"registry": "two"})
    found = asked(book, rulebook="open", registry="trial")
    assert found.replaced == ["open", "strict", "milder", "again"]
    assert found.refused == []
    assert [one.id for one in found.otherwise] == ["waits"]
    # three adoptions fewer; and the surrender is confirmed at once
    assert found.position == book.ledger.head().position - 3 + 1
    # left out by hand, an adoption is left out, and the batch that it is of
    found = asked(book, without=["milder", "again"])
    assert [one.id for one in found.left_out] == ["both", "one"]
    assert refused(found) == {}


def test_the_registry_is_that_of_the_rulebooks_name_or_the_one_named(book: DayBook) -> None:
    for name in ("open", "other"):
        book.ledger.execute(
            command("open_registry", f"o-{name}", rulebook="open") | {"registry": name}
        )
    assert asked(book, rulebook="open").registry == "open"
    assert asked(book, rulebook={"extends": "open", "version": "x"}).registry == "open"
    named = {"extends": "open", "name": "other", "version": "x"}
    assert asked(book, rulebook=named).registry == "other"
    assert asked(book, rulebook={**named, "name": "else"}).registry == "open"
    assert asked(book, rulebook="open", registry="trial").registry == "trial"
    assert asked(book, rulebook="open", registry="trial").replaced == ["open"]
    with pytest.raises(Refusal, match=r"no registry 'nowhere'.*trial, open, other") as caught:
        asked(book, rulebook="open", registry="nowhere")
    assert caught.value.code == "UnknownRegistry"
    with pytest.raises(Refusal, match="which registry is to be under 'ccer'") as caught:
        asked(book, rulebook="ccer")
    assert caught.value.code == "InvalidCommand"


def test_entitlements_and_statuses_under_other_benchmarks(
    national: NationalBook, clock: SteppingClock
) -> None:
    national.fund("CEA:2024", 5_000_000)
    national.verified(2_700_000, units=[coal(mwh=3_000_000, gj=1_200_000)])
    national.finalise()
    kinder = {
        "extends": "cn-national",
        "version": "kinder",
        "allocation": [{
            "rule": "N-ENT-1", "sectors": ["power"], "years": [2024], "method": "benchmark",
            "electricity": {"I": "0.9000", "II": "0.9", "III": "0.9", "IV": "0.9"},
            "heat": {"I": "0.1", "II": "0.1", "III": "0.1", "IV": "0.1"},
            "basis": "electricity_mwh", "source": "what if",
        }],
    }  # fmt: skip
    found = asked(national, rulebook=kinder, as_of="2026-01-01")
    [one] = found.entitlements
    assert one.key == {"registry": "cn-national", "entity": "plant", "year": 2024}
    assert one.before is not None
    assert one.after is not None
    assert (one.before["entitlement"], one.after["entitlement"]) == (2_496_960, 2_820_000)
    assert found.summary()["entitlement_tonnes"] == 2_820_000 - 2_496_960
    assert found.statuses == []
    assert found.as_of == "2026-01-01T23:59:59.999999+08:00"
