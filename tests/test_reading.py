"""Reading by role: a province its own, an entity its own, an auditor all; asking outside is
refused, and lists leave out what is somebody else's."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from etsledger.ledger import Ledger, Refusal
from helpers import SteppingClock
from offices import CREDIT, STAFF, UNIT, Office

NOW = "2025-07-01T09:00:00+08:00"
MINE = {
    "mee": {"plant", "other", "mill", "lone"}, "court": {"plant", "other", "mill", "lone"},
    "hubei.eeb": {"plant", "other"}, "sgs": {"plant", "other"}, "li": {"plant"},
    "shanghai": set[str](),
}  # fmt: skip
"""Actor to the entities that he may read of."""
GOVERNMENT = {"hubei.eeb": {"hubei"}, "sgs": {"hubei"}, "li": set[str](), "shanghai": set[str]()}
READERS = list(MINE)
LIMITED = list(GOVERNMENT)


def settled(ledger: Ledger) -> Office:
    """Units everywhere, a year of each entity, a trade, a proposal, a late fact; and the staff."""
    office = Office(ledger)
    office.provinces()
    office.entities()
    office.fund()
    for entity in ("plant", "other", "mill", "lone"):
        office.send("record_verified", entity=entity, year=2024, emissions=300)
        office.send("surrender", id=f"s-{entity}", entity=entity, year=2024, unit=UNIT, quantity=9)
        office.send("leave_registry", entity=entity, first_year_elsewhere=2030)
    office.send("record_market_day", date="2022-12-30", unit=UNIT, close="80.00")
    office.send("settle_trade", trade="T1", method="listed", unit=UNIT, quantity=5, price="80.00",
                seller="plant-1", buyer="mill-1")  # fmt: skip
    office.send("settle_trade", trade="T2", method="listed", unit=UNIT, quantity=5, price="80.00",
                seller="lone-1", buyer="mill-1")  # fmt: skip
    office.send("close_period", until="2022-12-31", at=None)
    for entity in ("plant", "mill"):
        office.send("freeze", account=f"{entity}-1", unit="CEA:2021", approved_by="mee",
                    at="2022-06-01")  # fmt: skip
    office.adopt()
    for entity in ("plant", "mill"):
        cancel = office.command("cancel", account=f"{entity}-1", unit=UNIT, quantity=3, at=None)
        office.send("register_actor", subject=f"clerk.{entity}", actor="mee", entity=entity)
        office.send("grant_role", subject=f"clerk.{entity}", role="entity", actor="mee")
        office.send("propose", id=f"p-{entity}", actor=f"clerk.{entity}", proposes=cancel, at=None)
    return office


@pytest.fixture
def office(ledger: Ledger, clock: SteppingClock) -> Office:
    """The office, on both databases."""
    clock.now = NOW
    return settled(ledger)


@pytest.fixture(scope="module")
def settled_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all the cells of the tables: nothing is written."""
    path = tmp_path_factory.mktemp("office") / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(NOW)) as ledger:
        yield settled(ledger)


Ask = Callable[[Ledger], Any]
ROWS: dict[str, Ask] = {
    "balances": lambda ledger: ledger.balances(),
    "compliance": lambda ledger: ledger.compliance(),
    "deadlines": lambda ledger: ledger.deadlines(),
    "leaving": lambda ledger: ledger.leaving(),
    "entities": lambda ledger: ledger.entities(),
    "diff": lambda ledger: ledger.diff(("2022-01-01", None)),
}
"""Questions whose rows name an account or an entity."""


@pytest.mark.parametrize("actor", READERS)
@pytest.mark.parametrize("name", ROWS)
def test_a_list_holds_what_is_in_reach_and_nothing_else(
    settled_office: Office, name: str, actor: str
) -> None:
    everything = ROWS[name](settled_office.ledger)
    entities, accounts = MINE[actor], GOVERNMENT.get(actor)

    def his(row: dict[str, Any]) -> bool:
        if row.get("entity") is not None:
            return row["entity"] in entities
        return accounts is None or row["account"] in accounts

    expected = [row for row in everything if his(row)]
    assert ROWS[name](settled_office.ledger.reading_as(actor)) == expected
    assert (len(expected) < len(everything)) is (actor in LIMITED)


def test_the_summary_counts_what_is_in_reach(office: Office) -> None:
    def counted(actor: str) -> list[tuple[str | None, int]]:
        rows = office.ledger.reading_as(actor).compliance_summary(year=2024)
        return [(row["province"], row["entities"]) for row in rows]

    assert counted("hubei.eeb") == [("hubei", 2), (None, 2)]
    assert counted("li") == [("hubei", 1), (None, 1)]
    assert counted("court") == [(None, 1), ("hubei", 2), ("sichuan", 1), (None, 4)]
    assert counted("shanghai") == []


def about(account: str, entity: str) -> dict[str, Ask]:
    return {
        "balances of an account": lambda ledger: ledger.balances(account=account),
        "balances of an entity": lambda ledger: ledger.balances(entity=entity),
        "statement": lambda ledger: ledger.statement(account),
        "compliance": lambda ledger: ledger.compliance(entity=entity),
        "allocation": lambda ledger: ledger.allocation(entity, 2024),
        "banking": lambda ledger: ledger.banking(entity),
        "deadlines": lambda ledger: ledger.deadlines(entity=entity),
        "leaving": lambda ledger: ledger.leaving(entity=entity),
        "entities": lambda ledger: ledger.entities(entity=entity),
        "events of an account": lambda ledger: list(ledger.events(account=account)),
        "events of an entity": lambda ledger: list(ledger.events(entity=entity)),
        "report": lambda ledger: ledger.report(entity),
        "reconcile": lambda ledger: ledger.reconcile(
            [{"account": account, "unit": UNIT, "quantity": 5}], registry="cn-national"
        ),
        "diff": lambda ledger: ledger.diff(("2022-01-01", None), entity=entity),
        "explain balance": lambda ledger: ledger.explain_balance(account, UNIT),
        "explain compliance": lambda ledger: ledger.explain_compliance(entity, 2024),
        "explain allocation": lambda ledger: ledger.explain_allocation(entity, 2024),
        "extract": lambda ledger: ledger.extract(entity),
    }


@pytest.mark.parametrize("what", about("", ""))
@pytest.mark.parametrize("actor", READERS)
@pytest.mark.parametrize("entity", ["plant", "other", "mill"])
def test_a_question_about_somebody_else_is_refused(
    settled_office: Office, what: str, actor: str, entity: str
) -> None:
    ask = about(f"{entity}-1", entity)[what]
    reading = settled_office.ledger.reading_as(actor)
    if entity in MINE[actor]:
        assert ask(reading) == ask(settled_office.ledger)
    else:
        with pytest.raises(Refusal) as caught:
            ask(reading)
        assert caught.value.code == "NotAuthorised"
        assert caught.value.numbers["actor"] == actor
        assert actor in caught.value.message


WHOLE: dict[str, Ask] = {
    "supply": lambda ledger: ledger.supply(),
    "credits": lambda ledger: ledger.credits(),
    "trace": lambda ledger: list(ledger.trace(unit=UNIT)),
    "report": lambda ledger: ledger.report("cn-national"),
    "reconcile": lambda ledger: ledger.reconcile([], registry="cn-national", every_account=True,
                                                 kind="holdings"),
    "refusals": lambda ledger: ledger.refusals(),
    "names": lambda ledger: ledger.names(),
    "verify": lambda ledger: ledger.verify().ok,
    "replay": lambda ledger: ledger.replay().ok,
    "what if": lambda ledger: ledger.what_if().refused,
    "export": lambda ledger: list(ledger.export()),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE)
@pytest.mark.parametrize("actor", READERS)
def test_what_is_of_everybody_is_for_who_reads_all(
    settled_office: Office, what: str, actor: str
) -> None:
    reading = settled_office.ledger.reading_as(actor)
    if actor not in LIMITED:
        assert WHOLE[what](reading) == WHOLE[what](settled_office.ledger)
        return
    with pytest.raises(Refusal) as caught:
        WHOLE[what](reading)
    assert caught.value.code == "NotAuthorised"


WRITING: dict[str, Ask] = {
    "execute": lambda ledger: ledger.execute({}),
    "apply": lambda ledger: list(ledger.apply([{}])),
    "import": lambda ledger: ledger.import_log([]),
    "forget": lambda ledger: ledger.forget_names(everyone=True),
    "rebuild": lambda ledger: ledger.rebuild(),
    "somebody else": lambda ledger: ledger.reading_as("mee2"),
}


@pytest.mark.parametrize("what", WRITING)
@pytest.mark.parametrize("actor", ["mee", "li"])
def test_who_reads_writes_nothing_and_is_nobody_else(
    settled_office: Office, what: str, actor: str
) -> None:
    with pytest.raises(Refusal) as caught:
        WRITING[what](settled_office.ledger.reading_as(actor))
    assert caught.value.code == "NotAuthorised"


def test_what_the_exchange_publishes_and_the_head_are_for_every_reader(office: Office) -> None:
    for actor in READERS:
        reading = office.ledger.reading_as(actor)
        assert reading.market() == office.ledger.market()
        assert reading.head() == office.ledger.head()
    with pytest.raises(Refusal):
        office.ledger.reading_as("wu").market()


# -- events ----------------------------------------------------------------------------------------


def told(ledger: Ledger, **question: Any) -> list[tuple[str, str]]:
    """Event types with the account, entity, trade or subject that they name."""
    return [
        (row["type"], str(row["data"].get("trade") or row["data"].get("account")
                          or row["data"].get("entity") or row["data"].get("subject", "")))
        for row in ledger.events(**question)
    ]  # fmt: skip


def test_the_events_are_those_that_name_what_is_in_reach_and_those_that_name_nobody(
    office: Office,
) -> None:
    types = ["RulebookAdopted", "MarketDayRecorded", "TradeSettled", "SurrenderSubmitted"]
    public = [("MarketDayRecorded", ""), ("RulebookAdopted", "")]
    surrenders = [("SurrenderSubmitted", f"{entity}-1") for entity in ("plant", "other", "mill")]
    for actor, hers in {
        "li": [*surrenders[:1], ("TradeSettled", "T1")],
        "hubei.eeb": [*surrenders[:2], ("TradeSettled", "T1")],
        "shanghai": [],
    }.items():
        assert sorted(told(office.ledger.reading_as(actor), types=types)) == sorted(public + hers)
    auditor = office.ledger.reading_as("court")
    assert list(auditor.events()) == list(office.ledger.events())


def test_a_limit_counts_what_is_shown(office: Office) -> None:
    reading = office.ledger.reading_as("li")
    everything = list(reading.events())
    assert list(reading.events(limit=4)) == everything[:4]
    assert [row["position"] for row in reading.follow(wait=False)] == [
        row["position"] for row in everything
    ]


def test_who_acts_for_whom_is_told_within_reach(office: Office) -> None:
    def actors(actor: str) -> set[str]:
        return {row["actor"] for row in office.ledger.reading_as(actor).actors()}

    assert actors("li") == {"li", "clerk.plant"}
    assert actors("hubei.eeb") == {"hubei.eeb", "li", "sgs", "clerk.plant"}
    assert actors("shanghai") == {"shanghai"}
    assert actors("court") == {*STAFF, "clerk.plant", "clerk.mill"}


def test_proposals_and_what_came_late_are_told_within_reach(office: Office) -> None:
    def proposals(actor: str) -> list[str]:
        return [row["proposal"] for row in office.ledger.reading_as(actor).proposals()]

    def late(actor: str) -> int:
        return sum(len(row["late"]) for row in office.ledger.reading_as(actor).periods())

    assert (proposals("li"), late("li")) == (["p-plant"], late("hubei.eeb"))
    assert proposals("hubei.eeb") == ["p-plant"]
    assert proposals("clerk.mill") == ["p-mill"]
    assert proposals("court") == ["p-plant", "p-mill"]
    assert proposals("shanghai") == []
    assert 0 < late("li") < late("court")
    assert late("shanghai") == 0


def test_an_event_of_somebody_else_is_neither_explained_nor_proven(office: Office) -> None:
    for type_, name, actors in (
        ("AccountFrozen", "plant-1", {"li", "hubei.eeb", "court"}),
        ("AccountFrozen", "mill-1", {"court"}),
        ("RulebookAdopted", "", {"li", "hubei.eeb", "court", "shanghai"}),
    ):
        (position,) = [
            row["position"] for row in office.ledger.events(types=[type_])
            if row["data"].get("account", "") == name
        ]  # fmt: skip
        for actor in ("li", "hubei.eeb", "court", "shanghai"):
            reading = office.ledger.reading_as(actor)
            for ask in (reading.explain_event, reading.prove):
                if actor in actors:
                    assert ask(position) is not None
                else:
                    with pytest.raises(Refusal):
                        ask(position)


# -- when, and where -------------------------------------------------------------------------------


def test_what_is_read_is_judged_when_it_is_asked_whatever_it_is_about(
    office: Office, clock: SteppingClock
) -> None:
    reading = office.ledger.reading_as("li")
    assert reading.balances(account="plant-1", as_of="2020-01-01") == []
    office.send("revoke_role", subject="li", role="entity", actor="mee", at="2025-08-01")
    assert reading.balances(account="plant-1")
    clock.now = "2025-08-01T00:00:00+08:00"
    with pytest.raises(Refusal, match="no role lets him read"):
        reading.balances(account="plant-1", as_of="2025-07-01")


def test_an_entity_that_moved_is_read_by_its_new_province(
    office: Office, clock: SteppingClock
) -> None:
    reading = office.ledger.reading_as("hubei.eeb")
    office.send("amend_entity", actor="mee", entity="plant", province="sichuan", at="2025-08-01")
    assert reading.compliance(entity="plant")
    clock.now = "2025-08-01T00:00:00+08:00"
    with pytest.raises(Refusal):
        reading.compliance(entity="plant")


def test_a_registry_without_authority_is_open_and_the_others_are_not(office: Office) -> None:
    there: dict[str, Any] = {"registry": "ccer"}
    office.send("open_registry", **there, rulebook="ccer")
    office.send("open_account", **there, account="fund-1", kind="institution")
    office.send("opening_balance", **there, account="fund-1", unit=CREDIT, quantity=7)
    for actor in ("li", "wu"):
        reading = office.ledger.reading_as(actor)
        assert [row["quantity"] for row in reading.balances(**there)] == [7]
        assert reading.supply(**there)
        with pytest.raises(Refusal):
            reading.supply()
    assert {row["registry"] for row in office.ledger.reading_as("wu").balances()} == {"ccer"}
    with pytest.raises(Refusal, match="registry cn-national"):
        office.ledger.reading_as("wu").balances(registry="cn-national")


def test_what_nobody_knows_is_answered_as_ever(office: Office) -> None:
    reading = office.ledger.reading_as("li")
    assert reading.balances(account="nobody") == []
    assert reading.compliance(entity="nobody") == []
    assert reading.allocation("nobody", 2024) is None
    assert reading.explain_event(10_000) is None


def test_an_auditor_for_a_province_reads_that_province(office: Office) -> None:
    office.send("register_actor", subject="wu", actor="mee")
    office.send("grant_role", subject="wu", role="auditor", province="sichuan", actor="mee")
    rows = office.ledger.reading_as("wu").balances()
    assert {row["account"] for row in rows} == {"sichuan", "mill-1"}


def test_reading_does_not_close_the_ledger_it_is_of(office: Office) -> None:
    with office.ledger.reading_as("li") as reading:
        assert reading.balances()
    assert office.ledger.balances()
    assert reading.balances()


# -- what is kept beside the log -------------------------------------------------------------------


@pytest.fixture
def kept(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """The office, kept beside the log after every few events."""
    monkeypatch.setattr("etsledger.projections.office.LAG", 3)
    assert office.ledger.reading_as("li").balances()
    assert office.ledger.store.cursor("projection_office")[0] > 0
    return office


def test_what_is_kept_answers_as_the_log_does(kept: Office) -> None:
    kept.send("register_actor", subject="wu", actor="mee")
    with Ledger.open(kept.ledger.store.url, clock=kept.ledger.clock) as again:
        assert again.actors() == kept.ledger.actors()
        assert again.reading_as("li").balances() == kept.ledger.reading_as("li").balances()
    assert kept.ledger.verify().ok
    kept.ledger.rebuild()
    assert kept.ledger.verify().ok


def test_verify_names_what_is_kept_otherwise_than_the_log_has_it(kept: Office) -> None:
    store = kept.ledger.store
    position, body = store.cursor("projection_office")
    assert body is not None
    with store.engine.begin() as connection:
        changed = body.replace(b'"competent_authority"', b'"credit_registry"')
        store.set_cursor(connection, "projection_office", position, changed)
    with Ledger.open(store.url, clock=kept.ledger.clock) as again:
        (finding,) = again.verify().findings
        assert "who reads what in cn-national" in finding.message
        assert "rebuild" in finding.message
        again.rebuild()
        assert again.verify().ok
    with store.engine.begin() as connection:
        store.set_cursor(connection, "projection_office", position, b"not JSON")
    with Ledger.open(store.url, clock=kept.ledger.clock) as again:
        with pytest.raises(Exception, match="rebuild") as caught:
            again.actors()
        assert type(caught.value).__name__ == "StoreDamaged"
