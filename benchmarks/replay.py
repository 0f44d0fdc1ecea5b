"""Replay: the whole log decoded, its chain followed, and applied to an empty state.

Beside it ``cursor.fetchmany(10_000)`` of the same columns, which only reads; and, for a log
of 100,000 events, beancount loading the same history from its own text. The state and
beancount's entries must come to the same holdings. Snapshots are not used.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from beancount import loader
from beancount.core.data import Transaction
from common import QUICK, Line, Options, alternate, at_least, options, report, speed
from history import REGISTRY, START, History, account, store

from etsledger.domain.catalogue import apply
from etsledger.domain.state import Scribe, State
from etsledger.ledger import Ledger
from etsledger.ledger.record import GENESIS, read

COLUMNS = "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"
Holdings = Counter[tuple[str, str]]


def replay(ledger: Ledger) -> State:
    """The state that the log makes. Raises RuntimeError where the chain breaks."""
    scribe = Scribe(State())
    head = GENESIS
    for row in ledger.store.rows():
        logged = read(row.type, row.state)
        if logged.record.prev != head:
            raise RuntimeError(f"the chain breaks at position {row.position}")
        apply(scribe, logged.event, logged.fact)
        head = logged.hash
    return scribe.state


def fetch(path: Path) -> int:
    """Reads the same columns and does nothing with them; gives the number of rows."""
    rows = 0
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"{COLUMNS} ORDER BY rowid")
        while fetched := cursor.fetchmany(10_000):
            rows += len(fetched)
    return rows


def beancount_text(history: History) -> str:
    """The same history as beancount is written: units as commodities."""
    found = [f"{START:%Y-%m-%d} open Equity:Issuance"]
    found += [f"{START:%Y-%m-%d} open {_name(account(i))}" for i in range(history.accounts)]
    for at, line in history.lines():
        command = json.loads(line)
        if command["command"] in ("issue", "transfer"):
            source = _name(command["from"]) if "from" in command else "Equity:Issuance"
            quantity, unit = command["quantity"], command["unit"].replace(":", ".")
            found.append(
                f'{at:%Y-%m-%d} * "{command["id"]}"\n'
                f"  {source}  -{quantity} {unit}\n"
                f"  {_name(command['to'])}  {quantity} {unit}"
            )
    return "\n".join(found) + "\n"


def _name(account_id: str) -> str:
    return f"Assets:{account_id.replace('account-', 'A')}"


def load(path: Path) -> list[Transaction]:
    """What beancount makes of its file, without its cache. Raises RuntimeError."""
    entries, errors, _ = loader.load_file(str(path))
    if errors:
        raise RuntimeError(f"beancount: {errors[:3]}")
    return [entry for entry in entries if isinstance(entry, Transaction)]


def same_holdings(state: State, transactions: list[Transaction]) -> bool:
    """Whether both come to the same tonnes in every account."""
    ours: Holdings = Counter({
        (_name(name), unit.replace(":", ".")): holding.held
        for name, units in state.registries[REGISTRY].holdings.items() if name != "issuance"
        for unit, holding in units.items()
    })  # fmt: skip
    theirs: Holdings = Counter()
    for transaction in transactions:
        for posting in transaction.postings:
            if posting.account != "Equity:Issuance":
                theirs[posting.account, posting.units.currency] += int(posting.units.number)
    return ours == theirs


def beside_beancount(given: Options) -> Line:
    """The line for the history that beancount can hold."""
    history = History(min(given.events, QUICK), given.seed)
    path = store(given.data, history)
    text = given.data / f"history-{history.events}.beancount"
    text.write_text(beancount_text(history))
    loader.initialize(use_cache=False)
    with Ledger.open(path, read_only=True) as ledger:
        ours, beside = alternate(3, lambda: replay(ledger), lambda: load(text))
        if not same_holdings(replay(ledger), load(text)):
            raise RuntimeError("beancount and the ledger do not come to the same holdings")
    text.unlink()
    return speed(f"replay, {history.events:,} events", ours, "beancount", beside,
                 work=history.events, bar=at_least(10))  # fmt: skip


def main() -> None:
    """Runs both comparisons."""
    given = options(__doc__, rounds=5)
    path = store(given.data, History(given.events, given.seed))
    with Ledger.open(path, read_only=True) as ledger:
        if (position := replay(ledger).position) != fetch(path):
            raise RuntimeError(f"replayed to {position}")
        ours, beside = alternate(given.rounds, lambda: replay(ledger), lambda: fetch(path))
    report(__file__, given, [
        speed(f"replay, {given.events:,} events", ours, "fetchmany", beside,
              work=given.events, bar=at_least(0.15, 0.3)),
        beside_beancount(given),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
