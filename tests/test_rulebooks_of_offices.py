"""The bundled rulebooks of offices: the base's rules and nothing else but the office; each row
with its source; nobody who reads or sends more than is written."""

import json
import re
from typing import Any

import pytest

from etsledger.domain.rulebook import bundled, bundled_names

OFFICES = ("cn-national-office", "cn-chongqing-office", "ccer-office")
OWN = {"name", "version", "title", "sources", "authority", "closing"}
KEY = re.compile(r"\b(?:[A-Z]{1,3}\d*b?|ets)\b(?![-.\d])")
NO_KEYS = {"ADOPTED"}


def content(name: str) -> dict[str, Any]:
    return json.loads(bundled(name).text)


@pytest.mark.parametrize("name", OFFICES)
def test_an_office_has_the_rules_of_its_base(name: str) -> None:
    office, base = content(name), content(name.removesuffix("-office"))
    assert {key: table for key, table in office.items() if key not in OWN} == {
        key: table for key, table in base.items() if key not in OWN
    }
    assert base["sources"].items() <= office["sources"].items()
    assert "authority" not in base


def test_every_base_but_the_open_one_has_an_office() -> None:
    assert set(OFFICES) == {
        f"{name}-office" for name in bundled_names()
        if name != "open" and not name.endswith("-office")
    }  # fmt: skip


@pytest.mark.parametrize("name", OFFICES)
def test_every_row_names_its_source_by_the_keys_of_sources(name: str) -> None:
    office = content(name)
    tables = office["authority"]
    rows = [tables, office["closing"]]
    rows += [row for kind in ("powers", "reads", "approvals") for row in tables[kind]]
    used: set[str] = set()
    for row in rows:
        keys = set(KEY.findall(row["source"])) - NO_KEYS
        assert keys <= set(office["sources"]), row
        assert keys or "[ADOPTED]" in row["source"], row
        used |= keys
    assert set(office["sources"]) - set(content(name.removesuffix("-office"))["sources"]) <= used


@pytest.mark.parametrize("name", OFFICES)
def test_no_command_is_named_twice_for_a_role(name: str) -> None:
    """So that the first row of a role that names a command is the only one."""
    named = [
        (power["role"], command)
        for power in content(name)["authority"]["powers"]
        for command in power["commands"]
    ]
    assert len(named) == len(set(named))
    assert "*" not in {command for _, command in named}


@pytest.mark.parametrize("name", OFFICES)
def test_every_role_with_a_power_has_its_row_of_what_it_reads(name: str) -> None:
    tables = content(name)["authority"]
    reads = [row["role"] for row in tables["reads"]]
    assert len(reads) == len(set(reads))
    assert {power["role"] for power in tables["powers"]} <= set(reads)
    assert {row["role"] for row in tables["reads"] if row["scope"] == "all"} <= {
        "competent_authority", "auditor", "credit_registry", "verifier",
    }  # fmt: skip


@pytest.mark.parametrize("name", OFFICES)
def test_whoever_moves_units_has_the_kinds_of_accounts_or_the_whole_said(name: str) -> None:
    """A limited role takes from accounts of the kinds that its row names."""
    taking = {
        "distribute", "reserve", "auction", "pre_allocate", "finalise_allocation", "borrow",
        "transfer.release", "surrender", "cancel", "pledge", "carry_over", "lock_credits",
    }  # fmt: skip
    for power in content(name)["authority"]["powers"]:
        if taking & set(power["commands"]):
            assert power.get("accounts"), power
