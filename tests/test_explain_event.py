"""Why an event stands in the log: its rule, what it rests on, its numbers, what became of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import every_event
from etsledger.domain.catalogue import EVENT_TYPES, EVENTS
from etsledger.domain.rulebook import bundled
from etsledger.ledger import Explanation, Ledger
from etsledger.projections.explain_nodes import documents
from etsledger.projections.explain_rules import RULES
from etsledger.projections.explain_words import WORDS
from explained import lawful, nodes, part, total, types
from helpers import UNIT, DayBook, SteppingClock, command, send_all
from national import NationalBook, coal


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which every event happens."""
    path: Path = tmp_path_factory.mktemp("every") / "books.db"
    clock = SteppingClock()
    with Ledger.open(path, create=True, clock=clock) as ledger:
        every_event.run(ledger, clock)
        yield ledger


def why(ledger: Ledger, position: int) -> Explanation:
    told = ledger.explain_event(position)
    assert told is not None
    lawful(told)
    return told


def of_command(ledger: Ledger, command: str, last: bool = False) -> Explanation:
    positions = [e["position"] for e in ledger.events() if e["command_id"] == command]
    return why(ledger, positions[-1 if last else 0])


def test_every_event_type_has_words_and_a_rule() -> None:
    assert set(WORDS) == set(EVENTS)
    assert set(RULES) == set(EVENTS)
    assert all(row.anywhere for row in RULES.values())


def test_every_event_is_explained_with_its_times_command_and_rulebook(every: Ledger) -> None:
    rows = list(every.events())
    for row in rows:
        told = why(every, row["position"])
        assert told["event"] == row
        assert told["rulebook"] == row["rulebook"]
        assert told["rule"]
        assert told["what"]
    assert {row["type"] for row in rows} == set(EVENT_TYPES)


def test_a_position_that_is_not_there_has_no_explanation(every: Ledger) -> None:
    head = every.head().position
    assert every.explain_event(head) is not None
    assert every.explain_event(head + 1) is None
    assert every.explain_event(0) is None
    assert every.explain_event(-1) is None


def test_the_source_is_that_of_the_rulebook_that_decided(national: NationalBook) -> None:
    national.fund("CEA:2024", 100)
    told = of_command(national.ledger, "t6", last=True)
    assert told["rule"] == "X-5"
    rules = bundled("cn-national")
    assert told["source"] == rules.route("distribute", "CEA:2024", "authority", "province").source
    assert told["rulebook"] == {
        "name": rules.ref.name, "version": rules.ref.version, "hash": rules.ref.hash,
    }  # fmt: skip


def test_a_source_says_what_its_documents_are(national: NationalBook) -> None:
    year(national)
    told = of_command(national.ledger, "f")
    titles = bundled("cn-national").data.sources
    line = part(told, "line")
    assert told["sources"] is not None
    assert line["sources"] is not None
    assert told["sources"]["Z1"] == titles["Z1"]
    for one in nodes(told):
        named = one["sources"] or {}
        assert named.items() <= titles.items()
        assert all(key in one["source"] for key in named)
        assert bool(named) == bool(one["source"]) or "authority" in one["source"], one["source"]


def test_the_documents_are_those_of_the_rulebook_that_decided(
    ledger: Ledger, clock: SteppingClock
) -> None:
    rules = {
        **every_event.RULEBOOK, "name": "own", "sources": {"own": "the first text", "国令": "775"},
    }  # fmt: skip
    send_all(ledger, [command("open_registry", "1", rulebook=rules, at="2021-01-01")])
    late = {**rules, "version": "2", "sources": {"own": "the second text"}}
    send_all(ledger, [
        command("open_account", "2", account="one", kind="institution"),
        command("adopt_rulebook", "3", rulebook=late, at=clock.now.isoformat()),
        command("open_account", "4", account="two", kind="institution"),
    ])  # fmt: skip
    assert [why(ledger, position)["sources"] for position in (2, 4)] == [
        {"own": "the first text"}, {"own": "the second text"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("Z1 附2-附4; S1", ["Z1", "S1"]), ("Z1附2", ["Z1"]), ("S10, ZS1, Z1b", []),
        ("W5b", ["W5b"]), ("W5; W5b", ["W5", "W5b"]), ("国令5条", ["国令"]), ("", []),
        ("my letter 3, not my letters", ["my letter"]), ("(S1) [ADOPTED]", ["S1"]),
    ],
)  # fmt: skip
def test_keys_are_found_in_a_source_as_words_of_their_own(source: str, keys: list[str]) -> None:
    titles = dict.fromkeys(["Z1", "S1", "W5", "W5b", "国令"], "a title") | {"my letter": "a title"}
    assert list(documents(source, titles)) == keys


def test_a_reversed_movement_says_so_and_the_reversal_names_it(book: DayBook) -> None:
    book.issue(1000)
    moved = book.transfer(300, "crrc-1", "desk-1", id="m")
    book.transfer(300, "crrc-1", "desk-1")
    assert why(book.ledger, moved.positions[0])["since"] == []
    back = book.send("reverse", reverses="m", reason="a mistake")
    told = why(book.ledger, moved.positions[0])
    assert types(told, "since") == ["MovementReversed"]
    assert told["since"][0]["event"]["reason"] == "a mistake"  # type: ignore[index]
    assert types(why(book.ledger, back.positions[0]), "because") == ["UnitsTransferred"]


@pytest.mark.parametrize(
    ("name", "fields", "end", "of"),
    [
        ("freeze", {"account": "crrc-1"}, "unfreeze", "freeze"),
        ("freeze", {"account": "crrc-1", "unit": UNIT, "quantity": 5}, "unfreeze", "freeze"),
        ("pledge", {"account": "crrc-1", "unit": UNIT, "quantity": 5, "pledgee": "bank"},
         "release_pledge", "pledge"),
    ],
)  # fmt: skip
def test_a_claim_says_what_ended_it(
    book: DayBook, name: str, fields: dict[str, object], end: str, of: str
) -> None:
    book.issue(10)
    claim = book.send(name, id="c", **fields)
    book.send(name, id="other", **fields)
    assert why(book.ledger, claim.positions[0])["since"] == []
    ended = book.send(end, **{of: "c"})
    told = why(book.ledger, claim.positions[0])
    assert [one["event"]["position"] for one in told["since"] if one["event"]] == [*ended.positions]
    assert claim.positions[0] in [
        one["event"]["position"]
        for one in why(book.ledger, ended.positions[0])["because"]
        if one["event"]
    ]


def year(national: NationalBook) -> None:
    national.fund("CEA:2024", 3_000_000)
    national.verified(1_000_000, year=2023, units=[coal(mwh=1_000_000)])
    national.deduct(1_000, id="d")
    national.pre_allocate(id="p")
    national.verified(2_700_000, id="v", units=[coal(mwh=3_000_000, gj=1_200_000)])
    national.finalise(id="f")


def test_a_final_allocation_rests_on_the_report_and_what_came_before(
    national: NationalBook,
) -> None:
    year(national)
    told = of_command(national.ledger, "f")
    assert told["value"] == 2_496_960 == total(told)
    line = part(told, "line")
    assert line["what"] == "unit 1 (I)"
    assert [one["what"] for one in line["because"]] == [
        "3,000,000 MWh x 0.7910 t/MWh",
        "1,200,000 GJ x 0.1033 t/GJ",
    ]
    assert total(line) == 2_373_000 + 123_960
    assert types(told, "because") == [
        "DeductionRecorded", "AllowancesPreAllocated", "EmissionsVerified",
    ]  # fmt: skip
    assert part(told, "fact", command_id="v")["value"] == 2_700_000


def test_a_pre_allocation_rests_on_the_report_of_its_base_year(national: NationalBook) -> None:
    year(national)
    told = of_command(national.ledger, "p")
    assert types(told, "because") == ["EmissionsVerified", "DeductionRecorded"]
    assert part(told, "fact", type="EmissionsVerified")["value"] == 1_000_000
    assert part(told, "deducted")["value"] == 1_000
    assert told["rule"] == "N-ADJ-1"


def test_a_restated_report_says_so_where_it_was_used(
    national: NationalBook, clock: SteppingClock
) -> None:
    year(national)
    clock.advance(days=30)
    again = national.verified(2_710_000, units=[coal(mwh=3_010_000, gj=1_200_000)])
    for used in ("v", "f"):
        told = of_command(national.ledger, used)
        assert [e["event"]["position"] for e in told["since"] if e["event"]] == [*again.positions]
    assert part(of_command(national.ledger, "f"), "since")["value"] == 2_710_000
    new = national.finalise(supersedes="f")
    assert types(of_command(national.ledger, "f"), "since") == [
        "EmissionsVerified", "AllocationFinalised",
    ]  # fmt: skip
    assert "AllocationFinalised" in types(why(national.ledger, new.positions[0]), "because")


def test_a_surrender_is_followed_to_its_end(national: NationalBook) -> None:
    year(national)
    national.surrender(10, id="s")
    assert of_command(national.ledger, "s")["since"] == []
    end = national.confirm("s")
    assert types(of_command(national.ledger, "s"), "since") == ["SurrenderConfirmed"]
    assert types(of_command(national.ledger, "s"), "because") == ["EmissionsVerified"]
    assert types(why(national.ledger, end.positions[0]), "because") == ["SurrenderSubmitted"]


def test_an_assertion_says_what_was_recorded_of_that_time_later(book: DayBook) -> None:
    book.issue(100, at="2024-01-01")
    said = book.send("assert_balance", account="crrc-1", unit=UNIT, quantity=100, at="2024-02-01")
    book.issue(7, at="2024-03-01")
    assert why(book.ledger, said.positions[0])["since"] == []
    late = book.issue(5, at="2024-01-15")
    told = why(book.ledger, said.positions[0])
    assert [e["event"]["position"] for e in told["since"] if e["event"]] == [*late.positions]


def test_an_account_and_an_entity_say_what_became_of_them(national: NationalBook) -> None:
    national.status("at_risk")
    told = of_command(national.ledger, "t3")
    assert told["event"] is not None
    assert told["event"]["type"] == "EntityRegistered"
    assert part(told, "since", type="EntityStatusSet")["value"] == "at_risk"


def test_a_rulebook_says_which_followed_it(every: Ledger) -> None:
    assert types(why(every, 1), "since") == ["RulebookAdopted"]
    assert why(every, 1)["rule"] == "X-3"


def test_what_one_command_wrote_hangs_together(book: DayBook) -> None:
    book.issue(100)
    outcome = book.surrender(10)
    assert len(outcome.positions) == 2
    assert types(why(book.ledger, outcome.positions[1]), "because") == ["SurrenderSubmitted"]
    assert types(why(book.ledger, outcome.positions[0]), "since") == ["SurrenderConfirmed"]
