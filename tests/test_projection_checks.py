"""``verify`` sees when the tables that readers ask say otherwise than the log."""

import pytest
from sqlalchemy import text

from etsledger.ledger import Ledger
from etsledger.ledger.errors import StoreDamaged
from etsledger.ledger.postings import LAG
from helpers import SteppingClock

SINCE = "2021-01-01"


def _fill(ledger: Ledger) -> None:
    """One plant with a verified year, and enough after it that the tables are kept."""
    national = {"registry": "cn-national", "effective_at": SINCE}
    commands = [
        {"command": "open_registry", "id": "1", "rulebook": "cn-national"},
        {
            "command": "register_entity", "id": "2", "entity": "huaneng", "name": "Huaneng",
            "sector": "power",
        },
        {"command": "open_account", "id": "3", "account": "hn", "kind": "entity",
         "entity": "huaneng"},
        {"command": "record_verified", "id": "4", "entity": "huaneng", "year": 2023,
         "emissions": 1000},
        {"command": "close_period", "id": "5", "until": "2020-12-31"},
        *({"command": "issue", "id": f"i{n}", "unit": "CEA:2023", "quantity": 1}
          for n in range(LAG + 1)),
    ]  # fmt: skip
    assert all(o.outcome == "accepted" for o in ledger.apply({**national, **c} for c in commands))
    assert ledger.compliance(year=2023)[0]["verified_emissions"] == 1000
    assert ledger.balances()


def _again(ledger: Ledger, clock: SteppingClock) -> Ledger:
    return Ledger.open(ledger.store.url, clock=clock)


TAMPERED = {
    "a year's emissions": (
        "UPDATE projection_years SET body = {replaced}",
        ("1000", "9000"),
        "projection_years",
        "compliance years tells huaneng 2023",
    ),
    "an entity's sector": (
        "UPDATE projection_entities SET body = {replaced}",
        ("power", "steel"),
        "projection_entities",
        "entity huaneng",
    ),
    "a closing": (
        "UPDATE projection_registries SET body = {replaced}",
        ("2020-12-31", "2020-12-30"),
        "projection_registries",
        "closings of cn-national",
    ),
    "an account's owner": (
        "UPDATE projection_accounts SET entity = 'other' WHERE account = 'hn'",
        None,
        "",
        "'hn'",
    ),
    "an account that is gone": (
        "DELETE FROM projection_accounts WHERE account = 'hn'",
        None,
        "",
        "'hn'",
    ),
    "a year that is gone": (
        "DELETE FROM projection_years",
        None,
        "",
        "compliance years tells huaneng 2023",
    ),
    "a year that nobody reported": (
        "INSERT INTO projection_years SELECT registry, entity, 2022, body FROM projection_years",
        None,
        "",
        "compliance years tells huaneng 2022",
    ),
    "a year put down as another": (
        "UPDATE projection_years SET year = 2022",
        None,
        "",
        "compliance years tells huaneng 2022",
    ),
    "an entity that is gone": (
        "DELETE FROM projection_entities",
        None,
        "",
        "entity huaneng",
    ),
    "an account that nobody opened": (
        "INSERT INTO projection_accounts VALUES ('cn-national', 'ghost', 'entity', NULL, 1)",
        None,
        "",
        "'ghost'",
    ),
    "the rulebooks adopted": (
        "UPDATE projection_registries SET body = {replaced}",
        ("2021", "2020"),
        "projection_registries",
        "rulebooks, balance values or closings of cn-national",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_table_is_found_and_rebuilt(
    ledger: Ledger, clock: SteppingClock, what: str
) -> None:
    _fill(ledger)
    assert ledger.verify().ok
    statement, replacement, table, named = TAMPERED[what]
    with ledger.store.engine.begin() as connection:
        if replacement is None:
            connection.execute(text(statement))
        else:
            body = bytes(connection.execute(text(f"SELECT body FROM {table}")).scalar_one())
            old, new = (part.encode() for part in replacement)
            assert old in body
            connection.execute(
                text(f"UPDATE {table} SET body = :body"), {"body": body.replace(old, new)}
            )
    with _again(ledger, clock) as other:
        report = other.verify()
        assert {finding.check for finding in report.findings} == {"projection"}
        assert len(report.findings) == (2 if what == "a year put down as another" else 1)
        assert named in report.findings[0].message
        assert "rebuild" in report.findings[0].message
        other.rebuild()
        assert other.verify().ok
        assert other.compliance() == other.compliance(from_log=True)


@pytest.mark.parametrize("table", ["projection_years", "projection_entities"])
def test_a_table_of_garbage_is_a_damaged_store_with_its_remedy(
    ledger: Ledger, clock: SteppingClock, table: str
) -> None:
    _fill(ledger)
    with ledger.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET body = :body"), {"body": b"\x00{"})
    with _again(ledger, clock) as other:
        with pytest.raises(StoreDamaged, match="rebuild"):
            other.compliance()
        assert [finding.check for finding in other.verify().findings] == ["projection"]
        other.rebuild()
        assert other.compliance(year=2023)[0]["verified_emissions"] == 1000
