"""The JSON Schemas say what the ledger reads and writes: made from the same types."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from command_line import ask, books, ok
from etsledger.domain.catalogue import EVENT_TYPES, EVENTS, MODELS
from etsledger.ledger import Refusal
from etsledger.ledger.commandfile import prepare
from etsledger.ledger.eutl import commands as eutl_commands
from etsledger.ledger.schema import command_schema, event_schema

COMMANDS = command_schema()
EVENT = event_schema()


def example(name: str) -> dict[str, Any]:
    return json.loads(MODELS[name].example)


def field_of(sent: dict[str, Any]) -> str | None:
    """The field that the ledger refuses in a command's shape; None when it is well shaped."""
    try:
        prepare(sent)
    except Refusal as refusal:
        return refusal.numbers["field"]
    return None


def test_every_command_and_event_has_a_schema() -> None:
    assert list(COMMANDS["$defs"]) == list(MODELS)
    assert list(EVENT["$defs"]) == list(EVENT_TYPES)
    for schema in (COMMANDS, EVENT):
        refs = [one["$ref"] for one in schema["oneOf"]]
        assert refs == [f"#/$defs/{name}" for name in schema["$defs"]]
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert all(one["description"] for one in schema["$defs"].values())


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_and_the_reader_agree_on_a_command(name: str) -> None:
    schema, sent = COMMANDS["$defs"][name], example(name)
    assert schema["properties"]["command"] == {"enum": [name]}
    assert set(sent) <= set(schema["properties"])
    assert field_of(sent) is None
    assert {"command", "id"} <= set(schema["required"]) <= set(sent)
    for field in schema["required"]:
        assert field_of({k: v for k, v in sent.items() if k != field}) == field
    assert schema["additionalProperties"] is False
    assert field_of({**sent, "no_such_field": 1}) == "no_such_field"
    for field in set(schema["properties"]) - set(schema["required"]) - {"registry"}:
        assert field_of({**sent, field: [[]]}) is not None


def test_quantities_are_whole_tonnes_within_exact_integers() -> None:
    quantity = COMMANDS["$defs"]["transfer"]["properties"]["quantity"]
    least, most = quantity["exclusiveMinimum"] + 1, quantity["maximum"]
    assert (quantity["type"], least, most) == ("integer", 1, 2**53 - 1)
    sent = example("transfer")
    for value, field in [(0, "quantity"), (1, None), (most, None), (most + 1, "quantity")]:
        assert field_of({**sent, "quantity": value}) == field


@pytest.mark.parametrize(
    ("value", "taken"),
    [("0.8500", True), (0.85, True), (1, True), ("many", False), (None, False), ([1], False)],
)
def test_decimals_may_be_strings_or_numbers_in_commands_and_are_text_in_events(
    value: Any, taken: bool
) -> None:
    schema = COMMANDS["$defs"]["publish_balance_value"]["properties"]["value"]
    kinds: dict[type, str] = {str: "string", int: "number", float: "number"}
    assert schema["type"] == ["string", "number"]
    assert (field_of({**example("publish_balance_value"), "value": value}) is None) == taken
    assert not taken or kinds[type(value)] in schema["type"]
    unit = COMMANDS["$defs"]["record_verified"]["properties"]["units"]["items"]
    assert unit["properties"]["load_factor"]["anyOf"] == [schema, {"type": "null"}]
    stored = EVENT["$defs"]["BalanceValuePublished"]["properties"]["data"]["properties"]["value"]
    assert stored["type"] == "string"


def test_descriptions_are_not_indented() -> None:
    unit = COMMANDS["$defs"]["record_verified"]["properties"]["units"]["items"]
    assert len(unit["description"].splitlines()) > 1
    assert not re.search(r"(?m)^ ", unit["description"])


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2024-11-05", True),
        ("2024-11-05T14:03", True),
        ("2024-11-05 14:03:00", True),
        ("2024-11-05T14:03:00.123456+08:00", True),
        ("2024-11-05T14:03:00Z", True),
        ("2024-11-05T14:03:00.1234567Z", False),
        ("2024-11", False),
        ("05.11.2024", False),
        ("soon", False),
        ("", False),
    ],
)
def test_the_pattern_of_times_is_what_the_reader_takes(text: str, taken: bool) -> None:
    instant, null = COMMANDS["$defs"]["issue"]["properties"]["effective_at"]["anyOf"]
    assert null == {"type": "null"}
    assert (re.fullmatch(instant["pattern"], text) is not None) == taken
    assert (field_of({**example("issue"), "effective_at": text}) is None) == taken


def test_the_registry_has_its_default() -> None:
    for name in MODELS:
        assert COMMANDS["$defs"][name]["properties"]["registry"]["default"] == "cn-national"


def test_a_batch_holds_every_command_but_a_batch() -> None:
    items = COMMANDS["$defs"]["batch"]["properties"]["commands"]["items"]["oneOf"]
    assert {one["$ref"].rpartition("/")[2] for one in items} == set(MODELS) - {"batch"}


def patterns(schema: Any) -> list[str]:
    """Every ``pattern`` of a schema."""
    if isinstance(schema, dict):
        own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        return own + [found for value in schema.values() for found in patterns(value)]
    if isinstance(schema, list):
        return [found for value in schema for found in patterns(value)]
    return []


def test_patterns_are_of_the_dialect_of_json_schema_and_refs_lead_somewhere() -> None:
    found = patterns(COMMANDS) + patterns(EVENT)
    assert found
    assert not [pattern for pattern in found if r"\Z" in pattern or r"\A" in pattern]
    for schema in (COMMANDS, EVENT):
        refs = re.findall(r'"\$ref": "([^"]*)"', json.dumps(schema))
        assert {ref.removeprefix("#/$defs/") for ref in refs} <= set(schema["$defs"])


def test_events_look_as_their_schema_says(tmp_path: Path) -> None:
    for row in ask(books(tmp_path), "events"):
        schema = EVENT["$defs"][row["type"]]
        assert set(row) == set(schema["properties"]) == set(schema["required"])
        data = schema["properties"]["data"]
        assert set(data["required"]) <= set(row["data"]) <= set(data["properties"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_schema_of_an_event_has_its_stored_fields(event: type[msgspec.Struct]) -> None:
    data = EVENT["$defs"][event.__name__]["properties"]["data"]
    assert list(data["properties"]) == [f.encode_name for f in msgspec.structs.fields(event)]


def test_the_command_prints_one_schema_or_both() -> None:
    assert json.loads(ok(None, "schema", "commands")) == COMMANDS
    assert json.loads(ok(None, "schema", "events")) == EVENT
    assert json.loads(ok(None, "schema")) == {"commands": COMMANDS, "events": EVENT}


def test_converted_commands_fit_the_schema() -> None:
    table = (
        b"id,transactionID,date,transactionTypeMain_id,transactionTypeSupplementary_id,"
        b"transferringAccount_id,acquiringAccount_id,unitType_id,project_id,amount\n"
        b"1,T1,2008-01-01 00:00:00,10,0,1.0,2.0,EUA2005,,5\n"
    )
    for sent in eutl_commands([*table.splitlines(keepends=True)]):
        schema = COMMANDS["$defs"][sent["command"]]
        assert set(schema["required"]) <= set(sent) <= set(schema["properties"])
