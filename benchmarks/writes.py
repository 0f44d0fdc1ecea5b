"""Writes: durable validated transfers, one by one and in batches of 1,000.

Ours is ``Ledger.execute`` with a line of JSON for each transfer, and ``Ledger.apply`` over
a file of 20,000 such lines with a commit for every 1,000, on a SQLite store with
``synchronous=FULL``. Beside it the eventsourcing library's bank transfer (``stock.py``) and
the same rows by raw ``sqlite3`` (``rawstore.py``).

Two lines more have no bar: 1,000 transfers in a call of their own, where nothing can be
decided while the batch before is saved; and such calls with a question after each, which
merges the index by account (a write, ours or raw, leaves that to questions).
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from common import (
    Line,
    Options,
    Work,
    alternate,
    at_least,
    fsync_time,
    options,
    report,
    span,
    speed,
    turns,
)
from history import ISSUED, History, account, copy, remove, store
from rawstore import Raw, Rows, recorded
from stock import Bank, open_bank, settings

from etsledger.ledger import Ledger

BASE = 10_000
SINGLES, BATCH = 300, 1_000
FILE, CALLS = 20, 4
"""A round: 300 transfers, a file of 20 batches, 4 calls of one batch, and 4 more with questions."""
Transfer = tuple[UUID, UUID, int]


class Round(NamedTuple):
    """The lines of one round."""

    singles: list[str]
    file: list[str]
    calls: list[list[str]]
    asked: list[list[str]]


def plan(history: History, rounds: int) -> list[Round]:
    """The transfers that follow a history, in the order they are written."""
    number = history.events

    def take(count: int) -> list[str]:
        nonlocal number
        number += count
        return [history.transfer(i) for i in range(number - count, number)]

    singles = [take(SINGLES) for _ in range(rounds)]
    return [
        Round(one, take(FILE * BATCH), *([take(BATCH) for _ in range(CALLS)] for _ in range(2)))
        for one in singles
    ]


def execute(ledger: Ledger, lines: list[str]) -> None:
    """Transfers one by one; a refusal is raised."""
    for line in lines:
        ledger.execute(line)


def apply(ledger: Ledger, lines: list[str], *, ask: bool = False) -> None:
    """Transfers in batches of 1,000; every one must be accepted."""
    accepted = sum(o.outcome == "accepted" for o in ledger.apply(lines, chunk=BATCH))
    if accepted != len(lines):
        raise RuntimeError(f"{accepted} of {len(lines)} accepted")
    if ask:
        ledger.balances(account=account(1))


def each(ledger: Ledger, calls: list[list[str]], *, ask: bool = False) -> None:
    """A call for each batch."""
    for lines in calls:
        apply(ledger, lines, ask=ask)


def transfer_singly(bank: Bank, transfers: list[Transfer]) -> None:
    """The stock library, one by one."""
    for transfer in transfers:
        bank.transfer(*transfer)


def transfer_batches(bank: Bank, transfers: list[Transfer]) -> None:
    """The stock library, 1,000 transfers to a save."""
    for i in range(0, len(transfers), BATCH):
        bank.transfer_many(transfers[i : i + BATCH])


class StockSide:
    """A bank with the accounts of the history, and the rounds in its own values."""

    def __init__(self, path: Path, history: History, env: dict[str, str] | None = None) -> None:
        remove(path)
        self.path = path
        self.bank = open_bank(path, env=env)
        self._ids = {
            account(i): self.bank.open_account(4 * ISSUED) for i in range(history.accounts)
        }

    def values(self, lines: list[str]) -> list[Transfer]:
        """What the bank is called with."""
        found = [json.loads(line) for line in lines]
        return [(self._ids[c["from"]], self._ids[c["to"]], c["quantity"]) for c in found]

    def singles(self, rounds: list[Round]) -> Work:
        """Its turns, one by one."""
        return turns([partial(transfer_singly, self.bank, self.values(r.singles)) for r in rounds])

    def files(self, rounds: list[Round]) -> Work:
        """Its turns, in batches."""
        return turns([partial(transfer_batches, self.bank, self.values(r.file)) for r in rounds])

    def close(self) -> dict[str, Any]:
        """Closes and deletes it; gives the settings its connection had."""
        found = settings(self.bank)
        self.bank.close()
        remove(self.path)
        return found


def ready_rows(base: Path, rounds: list[Round], after: int) -> tuple[list[Rows], list[Rows]]:
    """The rows of a run of ours over the same lines: of the singles, and of the files."""
    model = copy(base, "model.db")
    with Ledger.open(model) as ledger:
        for one in rounds:
            execute(ledger, one.singles)
        for one in rounds:
            apply(ledger, one.file)
    singles = SINGLES * len(rounds)
    rows = list(recorded(model, after, [1] * singles + [BATCH] * FILE * len(rounds)))
    remove(model)
    return rows[:singles], rows[singles:]


def measure(given: Options, base: Path, history: History) -> tuple[list[Line], dict[str, Any]]:
    """All lines, with the settings of the stock connection."""
    rounds = plan(history, given.rounds)
    singles, batches = ready_rows(base, rounds, history.events)
    ours, raw_path = copy(base, "ours.db"), copy(base, "raw.db")
    ledger, raw = Ledger.open(ours), Raw(raw_path)
    stock = StockSide(given.data / "stock.db", history)
    alone = StockSide(given.data / "stock-alone.db", history, {
        "AGGREGATE_CACHE_FASTFORWARD": "n", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
    })  # fmt: skip
    raw_turns = (
        turns([partial(raw.write, rows[i * size :][:size]) for i in range(given.rounds)])
        for rows, size in ((singles, SINGLES), (batches, FILE))
    )
    one = alternate(
        given.rounds, turns([partial(execute, ledger, r.singles) for r in rounds]),
        stock.singles(rounds), next(raw_turns), alone.singles(rounds),
    )  # fmt: skip
    file = alternate(
        given.rounds, turns([partial(apply, ledger, r.file) for r in rounds]),
        stock.files(rounds), next(raw_turns), alone.files(rounds),
        turns([partial(each, ledger, r.calls) for r in rounds]),
        lambda: ledger.balances(account=account(1)),  # the index by account catches up
        turns([partial(each, ledger, r.asked, ask=True) for r in rounds]),
    )  # fmt: skip
    check(ledger, raw, history.events, given.rounds)
    raw.connection.close()
    ledger.close()
    alone.close()
    found = stock.close()
    remove(ours)
    remove(raw_path)
    n, m, k = SINGLES, FILE * BATCH, CALLS * BATCH
    raw_calls = [seconds * CALLS / FILE for seconds in file[2]]
    return [
        speed("single transfers", one[0], "stock", one[1], work=n, bar=at_least(1.5)),
        speed("single transfers", one[0], "raw", one[2], work=n, bar=at_least(0.5, 0.6)),
        speed("single transfers", one[0], "stock, sees no other writer", one[3], work=n),
        speed("batches of 1,000", file[0], "stock", file[1], work=m, bar=at_least(2)),
        speed("batches of 1,000", file[0], "raw", file[2], work=m, bar=at_least(0.5, 0.8)),
        speed("batches of 1,000", file[0], "stock, sees no other writer", file[3], work=m),
        speed("one batch to a call", file[4], "raw", raw_calls, work=k),
        speed("one batch to a call, and a question", file[6], "raw", raw_calls, work=k),
    ], found


def check(ledger: Ledger, raw: Raw, base: int, rounds: int) -> None:
    """Raises RuntimeError unless everything was written and ours verifies."""
    compared = base + rounds * (SINGLES + FILE * BATCH)
    found = ledger.verify()
    expected = compared + rounds * 2 * CALLS * BATCH
    if raw.head() != compared or found.events != expected or not found.ok:
        raise RuntimeError(f"raw {raw.head()} of {compared}, ours {expected}: {found}")


def main() -> None:
    """Runs all of it."""
    given = options(__doc__, rounds=15, events=BASE)
    history = History(given.events, given.seed)
    base = store(given.data, history)
    fsync = fsync_time(given.data)
    lines, found = measure(given, base, history)
    report(__file__, given, lines, fsync_of_4_KiB=span(fsync), stock_connection=found)


if __name__ == "__main__":
    main()
