"""16,418 genuine rows of the European Union Transaction Log, applied and checked.

What is expected is computed here straight from the table, with nothing of the converter.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from etsledger.ledger import Ledger
from etsledger.ledger.eutl import commands

TABLE = Path(__file__).parents[2] / "shared" / "data" / "eutl" / "transactions.csv"

pytestmark = pytest.mark.skipif(
    not TABLE.is_file(),
    reason="the EUTL table is not here: ../shared/data/eutl/transactions.csv beside the project",
)

BY_TYPE = {
    "10-52": (224, 4_008_246_626),
    "10-53": (422, 213_432_500),
    "10-55": (1, 21_675),
    "10-0": (3_547, 58_006_668),
    "10-2": (2_438, 309_996_440),
    "10-1": (350, 6_654_095),
    "4-3": (211, 141_253_619),
    "10-41": (7_583, 172_925_788),
    "5-1": (1_642, 1_052_253_500),
}
"""Type codes to rows and tonnes, as the description of the data gives them."""

INSTANTS = [
    "2005-06-24T11:08:27.825Z",  # the very first row
    "2006-05-15T12:00:00Z",
    "2008-04-30T23:59:59Z",
    "2008-10-10T00:00:00Z",
    "2012-05-31T10:18:31.225Z",  # a millisecond before the last row
]


class Fact(NamedTuple):
    """One row of the table, as its columns say."""

    at: datetime
    transaction: str
    id: int
    code: str
    source: str
    target: str
    unit: str
    tonnes: int


def facts() -> list[Fact]:
    """The rows in the order (date, transactionID, id)."""
    names = {"EUA2005": "EUA:2005", "EUA_2008": "EUA:2008"}
    found: list[Fact] = []
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            unit = names.get(row["unitType_id"], row["unitType_id"])
            if row["project_id"]:
                unit += ":" + row["project_id"].split(".")[0]
            found.append(
                Fact(
                    datetime.fromisoformat(row["date"]).replace(tzinfo=UTC),
                    row["transactionID"],
                    int(row["id"]),
                    f"{row['transactionTypeMain_id']}-{row['transactionTypeSupplementary_id']}",
                    row["transferringAccount_id"].split(".")[0],
                    row["acquiringAccount_id"].split(".")[0],
                    unit,
                    int(row["amount"]),
                )
            )
    return sorted(found)


def legs(fact: Fact) -> Iterator[tuple[str, int]]:
    """The accounts that a row changes, and by how many tonnes."""
    if fact.code == "10-52":
        yield fact.target, fact.tonnes
        return
    yield fact.source, -fact.tonnes
    if fact.code in ("10-53", "10-55", "10-0"):
        yield fact.target, fact.tonnes
    else:
        yield "cancelled" if fact.code in ("10-1", "10-41") else "retired", fact.tonnes


def lowest(rows: list[Fact]) -> dict[tuple[str, str], int]:
    """The accounts and units that would go below zero, and how deep."""
    held: Counter[tuple[str, str]] = Counter()
    low: dict[tuple[str, str], int] = {}
    for fact in rows:
        for account, tonnes in legs(fact):
            key = (account, fact.unit)
            held[key] += tonnes
            low[key] = min(low.get(key, 0), held[key])
    return {key: -depth for key, depth in low.items() if depth < 0}


def balances(rows: list[Fact], until: datetime) -> dict[tuple[str, str], int]:
    """What every account held at an instant, opening balances included."""
    held = Counter(lowest(rows) if rows[0].at <= until else {})
    for fact in rows:
        if fact.at <= until:
            for account, tonnes in legs(fact):
                held[account, fact.unit] += tonnes
    return {key: tonnes for key, tonnes in held.items() if tonnes}


@pytest.fixture(scope="module")
def rows() -> list[Fact]:
    return facts()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The converted table, applied."""
    store = tmp_path_factory.mktemp("eutl") / "eu.db"
    with Ledger.open(store, create=True) as ledger, TABLE.open("rb") as file:
        outcomes = Counter(one.outcome for one in ledger.apply(commands(file)))
        assert outcomes == {"accepted": 9_766}  # 1 registry, 2,863 accounts, 3,479, 3,423
        yield ledger


def held(ledger: Ledger, **question: Any) -> dict[tuple[str, str], int]:
    return {(row["account"], row["unit"]): row["quantity"] for row in ledger.balances(**question)}


def test_the_table_is_the_one_that_its_description_describes(rows: list[Fact]) -> None:
    assert len(rows) == 16_418
    assert len({fact.transaction for fact in rows}) == 3_423
    assert len({fact.source for fact in rows} | {fact.target for fact in rows}) == 2_863
    assert len({fact[:2] + fact[3:] for fact in rows}) == 16_418 - 807


def test_rows_and_tonnes_by_type_are_those_of_the_description(ledger: Ledger) -> None:
    rows: Counter[str] = Counter()
    tonnes: Counter[str] = Counter()
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for event in ledger.events():
        reason = event["reason"] or ""
        if reason.startswith("EUTL "):
            code = reason.split()[1]
            rows[code] += 1
            tonnes[code] += event["data"]["quantity"]
            kinds[code].add(event["type"])
    assert {code: (rows[code], tonnes[code]) for code in rows} == BY_TYPE
    issued, cancelled = {"10-52"}, {"10-1", "10-41"}
    assert kinds == {
        code: {
            "UnitsIssued" if code in issued
            else "UnitsCancelled" if code in cancelled
            else "UnitsTransferred"
        }
        for code in BY_TYPE
    }  # fmt: skip


def test_opening_balances_are_labelled_facts_of_exactly_the_depth(
    ledger: Ledger, rows: list[Fact]
) -> None:
    events = list(ledger.events(types=["OpeningBalanceRecorded"]))
    assert len(events) == 3_479
    assert len({event["data"]["account"] for event in events}) == 2_675
    depths = {
        (event["data"]["account"], event["data"]["unit"]): event["data"]["quantity"]
        for event in events
    }
    assert depths == lowest(rows)
    assert all((event["reason"] or "").startswith("opening balance: ") for event in events)
    last = max(event["position"] for event in events)
    first = next(ledger.events(types=["UnitsTransferred", "UnitsIssued"]))
    assert last < first["position"]
    assert {event["effective_at"] for event in events} == {first["effective_at"]}


def test_every_final_balance_is_the_one_computed_from_the_table(
    ledger: Ledger, rows: list[Fact]
) -> None:
    expected = balances(rows, datetime.max.replace(tzinfo=UTC))
    assert len(expected) > 400
    assert held(ledger) == expected
    assert held(ledger, registry="eu-ets") == expected


@pytest.mark.parametrize("instant", INSTANTS)
def test_balances_inside_the_history_are_those_of_the_table(
    ledger: Ledger, rows: list[Fact], instant: str
) -> None:
    expected = balances(rows, datetime.fromisoformat(instant))
    assert len(expected) > 400
    assert held(ledger, as_of=instant) == expected
    assert {
        (row["account"], row["unit"]): row["quantity"]
        for row in ledger.balances(as_of=instant, from_log=True)
    } == expected


def test_the_five_instants_have_five_answers(rows: list[Fact]) -> None:
    answers = [balances(rows, datetime.fromisoformat(instant)) for instant in INSTANTS]
    assert all(one != other for one, other in pairwise(answers))


def test_nothing_was_held_before_the_first_row(ledger: Ledger) -> None:
    assert held(ledger, as_of="2005-06-24T11:08:27.824Z") == {}


def test_one_account_and_its_statement_end_where_the_table_ends(
    ledger: Ledger, rows: list[Fact]
) -> None:
    account, _ = Counter(fact.source for fact in rows).most_common(1)[0]
    expected = {
        unit: tonnes
        for (name, unit), tonnes in balances(rows, datetime.max.replace(tzinfo=UTC)).items()
        if name == account
    }
    assert {r["unit"]: r["quantity"] for r in ledger.balances(account=account)} == expected
    last = {row["unit"]: row["balance"] for row in ledger.statement(account)}
    assert {unit: tonnes for unit, tonnes in last.items() if tonnes} == expected


def test_the_largest_transaction_is_one_batch_of_all_its_rows(
    ledger: Ledger, rows: list[Fact]
) -> None:
    transaction, count = Counter(fact.transaction for fact in rows).most_common(1)[0]
    assert count == 2_112
    found = [e for e in ledger.events() if e["reference"] == f"EUTL transaction {transaction}"
             or e["command_id"].startswith(f"{transaction}/")]  # fmt: skip
    positions = [event["position"] for event in found]
    assert len(found) == 2_112
    assert positions == list(range(positions[0], positions[0] + 2_112))
    assert len({event["recorded_at"] for event in found}) == 1


def test_the_supply_balances_and_the_store_verifies(ledger: Ledger, rows: list[Fact]) -> None:
    supply = ledger.supply()
    assert all(row["balanced"] for row in supply)
    assert sum(row["issued"] for row in supply) == BY_TYPE["10-52"][1] + sum(lowest(rows).values())
    gone = sum(BY_TYPE[code][1] for code in ("10-2", "4-3", "5-1"))
    assert sum(row["retired"] for row in supply) == gone
    cancelled = sum(BY_TYPE[code][1] for code in ("10-1", "10-41"))
    assert sum(row["cancelled"] for row in supply) == cancelled
    report = ledger.verify()
    assert (report.ok, report.events, report.findings) == (True, 22_761, [])


def test_applying_it_again_changes_nothing(ledger: Ledger) -> None:
    head = ledger.head()
    with TABLE.open("rb") as file:
        outcomes = Counter(one.outcome for one in ledger.apply(commands(file)))
    assert outcomes == {"duplicate": 9_766}
    assert ledger.head() == head


@pytest.mark.postgres
def test_export_into_postgresql_gives_the_same_head_and_the_same_balances(
    ledger: Ledger, postgres_url: str
) -> None:
    with Ledger.open(postgres_url, create=True) as copy:
        assert copy.import_log(ledger.export()) == ledger.head().position
        assert copy.head() == ledger.head()
        assert copy.balances() == ledger.balances()
        assert copy.balances(as_of=INSTANTS[2]) == ledger.balances(as_of=INSTANTS[2])
        assert copy.verify(head=ledger.head()).ok
