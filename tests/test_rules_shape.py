"""InvalidCommand: the shape of a command, field by field, before anything else is asked."""

import json
from typing import Any

import pytest

from etsledger.domain.catalogue import MODELS
from etsledger.domain.commands import MAX_TONNES
from etsledger.domain.errors import InvalidCommand
from etsledger.ledger import Ledger, Refusal
from etsledger.ledger.commandfile import prepare
from helpers import ON_SQLITE, UNIT, DayBook, command

GOOD: dict[str, dict[str, Any]] = {
    "adopt_rulebook": {"rulebook": "open"},
    "approve": {"proposal": "53"},
    "distrust": {"account": "crrc-1", "counterparty": "desk-1"},
    "execute": {"proposal": "53"},
    "propose": {"proposes": {"command": "issue", "id": "53/1", "unit": UNIT, "quantity": 1}},
    "reject": {"proposal": "53"},
    "trust": {"account": "crrc-1", "counterparty": "desk-1"},
    "amend_entity": {"entity": "crrc", "name": "New", "province": "hubei", "uscc": "9142"},
    "assess_compliance": {"entity": "crrc", "year": 2023},
    "assert_balance": {"account": "crrc-1", "unit": UNIT, "quantity": 0},
    "auction": {"unit": UNIT, "quantity": 1, "price": "35.86", "buyer": "desk-1"},
    "batch": {"commands": [{"command": "issue", "id": "b/1", "unit": UNIT, "quantity": 1}]},
    "borrow": {"entity": "crrc", "year": 2022, "quantity": 1},
    "cancel": {"account": "crrc-1", "unit": UNIT, "quantity": 1},
    "carry_over": {"entity": "crrc", "quantity": 1, "unit": UNIT},
    "check_banking_cap": {"entity": "crrc"},
    "close_account": {"account": "crrc-1"},
    "close_period": {"until": "2024-05-31"},
    "confirm_surrender": {"surrender": "16"},
    "distribute": {"unit": UNIT, "quantity": 1, "from": "authority", "to": "hubei"},
    "finalise_allocation": {
        "entity": "crrc", "year": 2023, "entitlement": 5, "from": "hubei", "supersedes": "16",
        "adjustments": [{"amount": -1, "rule": "Q-INC", "source": "letter 3"}],
    },
    "freeze": {"account": "crrc-1", "unit": UNIT, "quantity": 1, "direction": "out"},
    "grant_role": {
        "subject": "li.na", "role": "entity", "entity": "crrc", "province": "hubei",
    },
    "impose_fine": {"entity": "crrc", "year": 2023, "multiple": 5, "amount": "20000.00"},
    "issue": {"unit": UNIT, "quantity": 1, "to": "crrc-1"},
    "issue_credits": {
        "unit": "CCER:wind:2024", "quantity": 1, "to": "desk-1", "programme": "ccer",
        "registered_on": "2025-03-06", "covered_by_ets": False, "methodology": "own",
        "serial_start": 1,
    },
    "leave_registry": {"entity": "crrc", "first_year_elsewhere": 2024},
    "lock_credits": {
        "account": "desk-1", "unit": "CCER:wind:2024", "quantity": 1, "for_registry": "trial",
        "entity": "crrc", "year": 2023,
    },
    "open_account": {"account": "new", "kind": "entity", "entity": "crrc", "province": "hubei",
        "holder": "Li Na",
    },
    "open_registry": {"rulebook": "open"},
    "opening_balance": {"account": "crrc-1", "unit": UNIT, "quantity": 1, "facts": {"borrowed": 1}},
    "opening_banking": {
        "entity": "crrc", "net_sales": {UNIT: -5}, "holdings": {UNIT: 5}, "carried": -3,
        "trades": [
            {"date": "2024-02-01", "trade": "T1", "unit": UNIT, "quantity": 1, "side": "sold"},
        ],
        "carry_overs": [
            {"carry_over": "c", "effective_at": "2024-02-01", "units": {UNIT: 1}},
        ],
    },
    "opening_year": {"entity": "crrc", "year": 2023, "facts": {"verified_emissions": 5}},
    "pledge": {"account": "crrc-1", "unit": UNIT, "quantity": 1, "pledgee": "bank"},
    "pre_allocate": {"entity": "crrc", "year": 2023, "quantity": 5, "from": "hubei"},
    "publish_balance_value": {"sector": "cement", "year": 2025, "value": "0.85"},
    "record_deduction": {"entity": "crrc", "year": 2023, "quantity": 5, "reason": "enforcement"},
    "record_green_power": {"entity": "crrc", "year": 2024, "tonnes": 1},
    "record_market_day": {
        "date": "2024-11-04", "unit": UNIT, "close": "80.00", "vwap": "80.00", "volume": 0,
        "value": "0.00",
    },
    "record_reconciliation": {
        "source": "bank.csv", "sha256": "0" * 64, "kind": "holdings", "as_of": "2024-12-31",
        "known_at": 8, "matched": 3, "missing_here": 0, "missing_there": 0, "differing": 1,
        "breaks": [{"kind": "differing", "account": "crrc-1", "unit": UNIT}],
    },
    "record_verified": {
        "entity": "crrc", "year": 2023, "emissions": 5,
        "units": [{"unit_id": "1", "class": "gas", "electricity_mwh": 1.5}],
    },
    "register_actor": {
        "subject": "li.na", "kind": "person", "entity": "crrc", "name": "Li Na",
    },
    "register_entity": {"entity": "new", "name": "New", "sector": "power", "first_year": 2019},
    "reject_surrender": {"surrender": "16"},
    "release_pledge": {"pledge": "8"},
    "reopen_period": {"until": "2024-05-31"},
    "reserve": {"unit": UNIT, "quantity": 1},
    "reverse": {"reverses": "14"},
    "revoke_role": {
        "subject": "li.na", "role": "entity", "entity": "crrc", "province": "hubei",
    },
    "settle_trade": {
        "trade": "T1", "method": "listed", "unit": UNIT, "quantity": 1, "price": 80.5,
        "seller": "crrc-1", "buyer": "baosteel-1",
    },
    "set_entity_status": {"entity": "crrc", "status": "at_risk"},
    "succeed_entity": {
        "entity": "crrc", "kind": "merger", "successors": [{"entity": "baosteel", "share": "1"}],
    },
    "surrender": {"entity": "crrc", "year": 2023, "unit": UNIT, "quantity": 1, "from": "crrc-1"},
    "transfer": {"unit": UNIT, "quantity": 1, "from": "crrc-1", "to": "desk-1", "kind": "free"},
    "unfreeze": {"freeze": "6"},
    "unlock_credits": {"lock": "16"},
    "use_offsets": {"entity": "crrc", "year": 2023, "lock": "16"},
}  # fmt: skip
OPTIONAL = {
    ("amend_entity", "name"), ("amend_entity", "province"), ("amend_entity", "uscc"),
    ("register_actor", "kind"), ("register_actor", "entity"), ("register_actor", "name"),
    ("grant_role", "entity"),
    ("grant_role", "province"), ("revoke_role", "entity"), ("revoke_role", "province"),
    ("record_reconciliation", "breaks"), ("opening_balance", "facts"),
    ("opening_banking", "net_sales"), ("opening_banking", "holdings"),
    ("opening_banking", "carried"), ("opening_banking", "trades"),
    ("opening_banking", "carry_overs"),
    ("freeze", "unit"), ("freeze", "quantity"), ("freeze", "direction"), ("issue", "to"),
    ("open_account", "entity"), ("open_account", "province"), ("open_account", "holder"),
    ("register_entity", "first_year"),
    ("surrender", "from"), ("finalise_allocation", "entitlement"), ("finalise_allocation", "from"),
    ("finalise_allocation", "supersedes"), ("finalise_allocation", "adjustments"),
    ("pre_allocate", "quantity"), ("pre_allocate", "from"), ("record_verified", "units"),
    ("carry_over", "unit"), ("impose_fine", "multiple"), ("impose_fine", "amount"),
    ("issue_credits", "methodology"), ("issue_credits", "serial_start"),
    ("record_market_day", "vwap"), ("record_market_day", "volume"), ("record_market_day", "value"),
}  # fmt: skip
FIELDS = [(name, field) for name, fields in GOOD.items() for field in fields]

BAD_NEW_ID = ["", "a b", "a/b", "ä", "a" * 65, "a\n", "*", 7, None, ["a"]]
BAD_ID = ["", "a" * 65, 7, ["a"]]
"""Of an id that names what should be there; other signs are refused on looking it up."""
BAD_COMMAND_ID = ["", "x" * 201, 7, None]
BAD_TONNES = [0, -1, 1.0, 1.5, "1", True, None, MAX_TONNES + 1, 10**40, float("inf")]
BAD_MONEY = ["x", "", True, None, {}, [1]]
BAD_VALUES: dict[str, list[Any]] = {
    "account": BAD_ID,
    "entity": BAD_ID,
    "from": BAD_ID,
    "subject": BAD_ID,
    "role": ["", "king", 7, None],
    "to": BAD_ID,
    "province": BAD_ID,
    "unit": ["", "x" * 65, 7],
    "emissions": [-1, 1.5, "1", True, None, MAX_TONNES + 1],
    "entitlement": [-1, 1.5, "1", True, MAX_TONNES + 1],
    "adjustments": [7, "x", {}, [7], [{}], [{"amount": "1"}], [{"amount": 1, "colour": 2}]],
    "units": [
        7,
        "x",
        {},
        [7],
        [{"class": "coal"}],
        [{"unit_id": "1", "colour": 2}],
        [{"heat_gj": "x"}],
        [{"status": "old"}],
    ],
    "value": ["x", True, None, {}],
    **dict.fromkeys(("price", "close", "multiple", "amount", "vwap"), BAD_MONEY),
    **dict.fromkeys(("buyer", "seller", "for_registry"), BAD_ID),
    "method": ["", "free", 7, None],
    "date": ["", "2024-1-4", "2024-11-04T00:00", "20241104", 7, None],
    "until": ["", "2024-1-4", "2024-05-31T00:00", "20240531", 7, None],
    "volume": [-1, 1.5, "1", True, MAX_TONNES + 1],
    "programme": ["", "cer", 7, None],
    "registered_on": ["", "2024-1-4", "yesterday", 7, None],
    "covered_by_ets": ["no", 0, 1, None],
    "methodology": ["", "a\x00b", 7],
    "serial_start": [0, -1, 1.5, "1", True, MAX_TONNES + 1],
    "tonnes": BAD_TONNES[:6],
    "first_year_elsewhere": [1989, 2200, "2024", None],
    "status": ["", "gone", 7, None],
    "reason": ["", "because", 7, None],
    "quantity": BAD_TONNES[:6],
    "year": [1989, 2200, "2023", 2023.0, True, None],
    "first_year": [1989, 2200, "2019"],
    "kind": ["", "gift", 7, None],
    "sector": ["", "coal", 7, None],
    "direction": ["in", "", 7],
    "name": ["", "x" * 4001, "a\x00b", "\ud800", 7, None],
    "pledgee": ["", "a\x00b", 7, None],
    "holder": ["", "x" * 201, "a\x00b", "\ud800", 7],
    "uscc": ["", "a\x00b", 7],
    "successors": [
        [],
        {},
        "baosteel",
        None,
        ["baosteel"],
        [{}],
        [{"entity": "baosteel"}],
        [{"entity": "baosteel", "share": "x"}],
        [{"entity": "baosteel", "share": "1", "colour": 2}],
    ],
    "rulebook": [7, None, ["open"]],
    "source": ["", 7, None],
    "sha256": ["", "0" * 63, "G" * 64, 7, None],
    "as_of": ["x" * 41, 7, None],
    **{
        name: [-1, 1.5, "1", True, None]
        for name in ("known_at", "matched", "missing_here", "missing_there", "differing")
    },
    "breaks": [7, [7], [{}], [{"kind": "new"}]],
    "commands": [[], {}, "issue", None, ["issue"], [{}], [7]],
    "proposes": [
        [],
        {},
        "issue",
        None,
        7,
        {"command": "issue"},
        {"command": "batch", "id": "53/1"},
    ],
    "facts": [
        7,
        "x",
        [],
        {"profit": 1},
        {"borrowed": -1},
        {"borrowed": "x"},
        {"obligation": "1"},
        {"loans": [{}]},
        {"submissions": [{"unit": "CEA:2023", "quantity": 1.5}]},
        {"deductions": [{"quantity": 1, "reason": "because"}]},
        {"fines": [{"amount": []}]},
    ],
    "net_sales": [7, "x", [], {"CEA:2023": "1"}, {"CEA:2023": 1.5}, {"": 1}],
    "holdings": [7, "x", [], {"CEA:2023": 0}, {"CEA:2023": -1}, {"CEA:2023": 1.5}],
    "carried": ["1", 1.5, True, None, MAX_TONNES + 1],
    "trades": [
        7,
        "x",
        {},
        [7],
        [{}],
        [{"date": "2024-2-1", "trade": "T", "unit": "CEA:2023", "quantity": 1, "side": "sold"}],
        [{"date": "2024-02-01", "trade": "T", "unit": "CEA:2023", "quantity": 0, "side": "sold"}],
        [{"date": "2024-02-01", "trade": "T", "unit": "CEA:2023", "quantity": 1, "side": "lent"}],
    ],
    "carry_overs": [
        7,
        "x",
        {},
        [7],
        [{}],
        [{"carry_over": "c", "effective_at": "2024-02-01", "units": {"CEA:2022": 0}}],
    ],
    "counterparty": BAD_ID,
    **dict.fromkeys(
        ("surrender", "pledge", "freeze", "reverses", "supersedes", "lock", "trade", "proposal"),
        BAD_COMMAND_ID,
    ),
}
NEW = {
    ("open_account", "account"), ("register_entity", "entity"), ("register_actor", "subject"),
}  # fmt: skip
BAD_COMMON: dict[str, list[Any]] = {
    "id": [*BAD_COMMAND_ID, "a\n", "a\x00", "a\x85", "a\u2028"],
    "registry": BAD_ID,
    "effective_at": ["", "yesterday", "2024-13-01", "2024-02-30", "2024-1-1", "1899-12-31",
                     "2200-01-01", "2024-01-01T25:00", "2024-01-01T00:00+24:00", 1704067200, True],
    "actor": ["", 7],
    "approved_by": ["", 7],
    "reference": ["", ["doc"]],
    "reason": ["", {"why": 1}],
}  # fmt: skip


def invalid(given: Any) -> InvalidCommand:
    with pytest.raises(InvalidCommand) as caught:
        prepare(given)
    assert caught.value.code == "InvalidCommand"
    return caught.value


def test_the_tables_here_cover_every_command_and_field() -> None:
    assert set(GOOD) == set(MODELS)
    assert {field for _, field in FIELDS} == set(BAD_VALUES)


@pytest.mark.parametrize("name", GOOD)
def test_the_good_shape_is_accepted(name: str) -> None:
    assert prepare(command(name, "c1", **GOOD[name])).command.id == "c1"


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_missing_field_is_named_unless_it_is_optional(name: str, field: str) -> None:
    given = {key: value for key, value in GOOD[name].items() if key != field}
    if (name, field) == ("freeze", "unit"):
        del given["quantity"]
    if (name, field) in OPTIONAL:
        assert prepare(command(name, "c1", **given)).command.id == "c1"
    else:
        refusal = invalid(command(name, "c1", **given))
        assert field in refusal.numbers["field"]
        assert field in refusal.message


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_bad_value_is_refused_and_its_field_named(name: str, field: str) -> None:
    for value in BAD_NEW_ID if (name, field) in NEW else BAD_VALUES[field]:
        if value is None and (name, field) in OPTIONAL:
            continue
        if field == "quantity" and value == 0 and name in ("assert_balance", "pre_allocate"):
            continue  # the quantities that may be zero
        refusal = invalid({**command(name, "c1", **GOOD[name]), field: value})
        assert field in refusal.numbers["field"], (value, refusal.message)


@ON_SQLITE
@pytest.mark.parametrize("value", [bad for bad in BAD_NEW_ID if bad is not None], ids=repr)
def test_a_registry_has_an_id_of_plain_signs(ledger: Ledger, value: Any) -> None:
    book = DayBook(ledger)
    for name, fields in [("open_registry", {"rulebook": "open"}), ("issue", GOOD["issue"])]:
        refusal = book.refused("InvalidCommand", name, registry=value, **fields)
        assert refusal.numbers["field"] == "registry"


@pytest.mark.parametrize("field", BAD_COMMON)
def test_a_bad_common_field_is_refused_and_named(field: str) -> None:
    for value in BAD_COMMON[field]:
        refusal = invalid({**command("issue", "c1", **GOOD["issue"]), field: value})
        assert refusal.numbers["field"] == field, (value, refusal.message)


@pytest.mark.parametrize("name", GOOD)
def test_an_unknown_field_is_refused(name: str) -> None:
    refusal = invalid(command(name, "c1", **GOOD[name], colour="green"))
    assert refusal.numbers["field"] == "colour"


@pytest.mark.parametrize("value", BAD_TONNES, ids=repr)
def test_a_quantity_is_a_whole_number_of_tonnes_from_one_to_the_exact_limit(value: Any) -> None:
    refusal = invalid({**command("issue", "c1", unit=UNIT), "quantity": value})
    assert "quantity" in refusal.message


def test_the_greatest_quantity_is_the_greatest_that_json_keeps_exactly() -> None:
    assert MAX_TONNES == 2**53 - 1
    prepare(command("issue", "c1", unit=UNIT, quantity=MAX_TONNES))
    invalid(command("issue", "c1", unit=UNIT, quantity=MAX_TONNES + 1))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["issue"], "JSON object"),
        ("issue", "JSON"),
        ({}, "command"),
        ({"id": "1"}, "command"),
        ({"command": "grant", "id": "1"}, "grant"),
        ({"command": 7, "id": "1"}, "7"),
        ({"command": ["issue"], "id": "1"}, "issue"),
        ({"command": "issue", "unit": UNIT, "quantity": 1}, "id"),
        (b'{"command": "issue"', "not JSON"),
        (b"\xff", "UTF-8"),
        (b"null", "JSON object"),
        (b'{"command": "issue", "id": "1", "id": "2"}', "twice"),
        (b'{"command":"issue","id":"1","unit":"X","quantity":NaN}', "NaN"),
        (b"[" * 100_000, "nested"),
        (b'{"command":"issue","id":"1","unit":"X","quantity":' + b"9" * 5000 + b"}", ""),
        (b'{"command":"issue","id":"1","unit":"X","quantity":1.0}', "quantity"),
        (b'{"command":"issue","id":"1","unit":"X","quantity":1e2}', "quantity"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_garbage_is_refused_with_its_reason(given: Any, names: str) -> None:
    refusal = invalid(given)
    assert names in refusal.message
    assert "field" in refusal.numbers


@pytest.mark.parametrize(
    "twice",
    ['"quantity":1', '"quantity":2', '"unit":"X"', '"actor":"b"', '"id":"2"', '"command":"issue"',
     '"registry":"trial"', '"reason":"registry"'],
)  # fmt: skip
@pytest.mark.parametrize("registry", ["", ',"registry":"trial"'])
def test_a_field_given_twice_is_refused_however_plain_the_line(twice: str, registry: str) -> None:
    plain = '{"command":"issue","id":"1","unit":"X","quantity":1,"actor":"a","reason":"registry"'
    if twice == '"registry":"trial"':
        registry = ',"registry":"trial"'
    good = plain + registry + "}"
    assert prepare(good).command.id == "1"
    field = json.loads("{" + twice + "}").popitem()[0]
    for line in (good[:-1] + "," + twice + "}", "{" + twice + "," + good[1:]):
        assert invalid(line).numbers["field"] == field
        assert invalid(line.encode()).numbers["field"] == field


def test_a_quantity_is_frozen_of_a_named_unit() -> None:
    assert "unit" in invalid(command("freeze", "1", account="a", quantity=5)).message


def test_a_freeze_in_both_directions_stops_accounts_and_units_not_quantities() -> None:
    given = command("freeze", "1", account="a", unit=UNIT, direction="both")
    assert prepare(given).command.id == "1"
    assert "both" in invalid({**given, "quantity": 5}).message


def test_a_batch_names_the_place_of_a_bad_command() -> None:
    good = {"command": "issue", "id": "b/1", "unit": UNIT, "quantity": 1}
    for bad, field in [
        ({**good, "id": "b/2", "quantity": 0}, "commands.1.quantity"),
        ({**good, "id": "b/2", "colour": 1}, "commands.1.colour"),
        ({**good}, "commands.1.id"),  # the id of its sister
        ({**good, "id": "b"}, "commands.1.id"),  # the id of its batch
        ({"command": "batch", "id": "b/2", "commands": [good]}, "commands.1"),
    ]:
        refusal = invalid(command("batch", "b", commands=[good, bad]))
        assert refusal.numbers["field"] == field


@ON_SQLITE
@pytest.mark.parametrize("odd", ["a\n", "a\x85", "a\u2028", "ä", "\\u0000", '"', "*"])
def test_what_can_be_no_id_is_never_merely_unknown(book: DayBook, odd: str) -> None:
    book.refused("InvalidCommand", "issue", unit=UNIT, quantity=1, to=odd)
    book.refused("InvalidCommand", "surrender", entity=odd, unit=UNIT, quantity=1, year=2023)
    book.refused("UnknownReference", "reverse", reverses=odd)


@ON_SQLITE
@pytest.mark.parametrize("text", ["a\nb", "\\u0000", "碳排放配额", '"quoted"', "\U0001f3ed", " "])
def test_texts_are_kept_as_they_were_written(book: DayBook, text: str) -> None:
    book.issue(1, reason=text, reference=text)
    (event,) = book.ledger.events(types=["UnitsIssued"])
    assert (event["reason"], event["reference"]) == (text, text)


@ON_SQLITE
def test_the_shape_is_refused_before_anything_is_kept(ledger: Ledger) -> None:
    with pytest.raises(Refusal):
        ledger.execute({"command": "issue", "id": "1", "unit": UNIT, "quantity": 0})
    assert ledger.head().position == 0
    assert ledger.refusals() == []  # commands whose shape is wrong are not even kept as attempts


@ON_SQLITE
def test_a_refused_attempt_is_kept_as_evidence_beside_the_log(book: DayBook) -> None:
    book.refused("UnknownAccount", "close_account", account="nobody", id="7")
    (kept,) = book.ledger.refusals()
    assert (kept["command_id"], kept["code"]) == ("7", "UnknownAccount")
    assert kept["command"]["account"] == "nobody"
    assert kept["refusal"]["account"] == "nobody"
    assert book.ledger.refusals("AccountFrozen") == []
    assert book.ledger.verify().ok
