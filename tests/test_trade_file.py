"""A day's trade file of an exchange becomes commands, and each of its lines an outcome."""

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import ask, ok, run
from etsledger.ledger import Ledger
from exchange import BEFORE, Exchange
from helpers import SteppingClock
from national import SUMMER

SHEET = """\
成交编号,method,unit,quantity,price,seller,buyer,成交时间,备注
20250603-01,listed,CEA:2024,500,81.30,seller-1,buyer-1,2025-06-03T09:31:07,
20250603-02,listed,CEA:2024,500,88.01,seller-1,buyer-1,2025-06-03T09:35:00,beyond the band
20250603-03,block,CEA:2024,120000,64.00,seller-1,buyer-1,2025-06-03T13:10:00,
20250603-04,listed,CEA:2024,1,80.00,buyer-1,seller-1,2025-06-03T14:00:00,sold again
20250603-05,listed,CEA:2024,100000,80.00,seller-1,buyer-1,2025-06-03T14:10:00,too large
20250603-06,block,CEA:2024,99999,80.00,seller-1,buyer-1,2025-06-03T14:20:00,too small
20250603-07,listed,CEA:2024,10,80.005,seller-1,buyer-1,2025-06-03T14:30:00,half a fen
20250603-08,listed,CEA:2024,10,80,seller-1,nobody-1,2025-06-03T14:31:00,a stranger
20250603-01,listed,CEA:2024,500,81.30,seller-1,buyer-1,2025-06-03T09:31:07,a line twice
20250603-10,listed,CEA:2024,33,80,seller-1,buyer-1,2025-06-03T14:59:59,
"""
"""What an exchange sends; the remarks are ours, each on the line that is refused."""

OUTCOMES = {
    2: None,
    3: "PriceOutsideBand",
    4: None,
    5: "SameDayResale",
    6: "ListedTradeTooLarge",
    7: "BlockTradeTooSmall",
    8: "InvalidCommand",
    9: "UnknownAccount",
    10: "DuplicateCommand",
    11: None,
}
"""The line of the sheet to its refusal."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The books on the eve of the sheet."""
    path = tmp_path / "books.db"
    with Ledger.open(path, create=True, clock=SteppingClock(SUMMER)) as ledger:
        Exchange(ledger).day(BEFORE, "80.00")
    (tmp_path / "20250603.csv").write_text(SHEET, "utf-8")
    return path


def converted(store: Path) -> str:
    """The command file of the sheet."""
    return ok(
        None, "convert", "table", str(store.with_name("20250603.csv")),
        "--command", "settle_trade", "--registry", "cn-national", "--set", "reference=SEEE 0603",
        "--map", "成交编号=trade", "--map", "成交时间=effective_at", "--map", "备注=",
    )  # fmt: skip


def applied(store: Path, commands: str, *, exit_code: int) -> list[dict[str, Any]]:
    """The outcome of each line."""
    result = run(store, "apply", "--keep-going", "--format", "jsonl", "-", given=commands)
    assert result.exit_code == exit_code, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_line_of_the_sheet_has_its_outcome(store: Path) -> None:
    outcomes = applied(store, converted(store), exit_code=1)
    found = {
        int(one["id"].rpartition("/")[2]): (one.get("refusal") or {}).get("code")
        for one in outcomes
    }
    assert found == OUTCOMES
    by_line = {int(one["id"].rpartition("/")[2]): one for one in outcomes}
    numbers = by_line[3]["refusal"]
    assert (numbers["low"], numbers["high"], numbers["price"]) == ("72.00", "88.00", "88.01")
    assert by_line[10]["refusal"]["position"] == by_line[2]["positions"][0]


def test_the_good_lines_are_settled(store: Path) -> None:
    applied(store, converted(store), exit_code=1)
    (buyer,) = ask(store, "balances", "--account", "buyer-1")
    assert buyer["quantity"] == 500 + 120_000 + 33
    rows = ask(store, "market", "--by", "day")
    assert [(row["method"], row["volume"], row["value"]) for row in rows] == [
        ("block", 120_000, "7680000.00"), ("listed", 533, "43290.00"),
    ]  # fmt: skip
    events = ask(store, "events", "--type", "TradeSettled")
    assert {event["reference"] for event in events} == {"SEEE 0603"}
    assert [event["data"]["trade"] for event in events] == [
        "20250603-01", "20250603-03", "20250603-10",
    ]  # fmt: skip


def test_the_sheet_sent_again_settles_nothing_twice(store: Path) -> None:
    commands = converted(store)
    first = applied(store, commands, exit_code=1)
    again = applied(store, commands, exit_code=1)
    for one, other in zip(first, again, strict=True):
        expected = "duplicate" if one["outcome"] == "accepted" else "refused"
        assert (other["outcome"], other["positions"]) == (expected, one["positions"])


def test_a_corrected_line_is_settled_the_next_time(store: Path) -> None:
    applied(store, converted(store), exit_code=1)
    sheet = store.with_name("20250603.csv")
    sheet.write_text(SHEET.replace("88.01", "88.00"), "utf-8")
    outcomes = applied(store, converted(store), exit_code=1)
    assert [one["outcome"] for one in outcomes].count("accepted") == 1
    (event,) = ask(store, "events", "--type", "TradeSettled")[-1:]
    assert (event["data"]["trade"], event["data"]["price"]) == ("20250603-02", "88.00")
