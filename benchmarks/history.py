"""The history that is measured: a seeded stream of commands, and stores built from it.

A registry with the rulebook ``open`` and one account for every 250 events (4,000 at a
million), so that a larger ledger has more accounts and each has as many postings. Four
vintages are issued to every account; then come transfers between random accounts. Stores
are built through ``Ledger.apply``, with a clock that follows the history, so that the same
seed gives the same head.
"""

import hashlib
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from etsledger.domain.times import SHANGHAI, iso
from etsledger.ledger import Ledger, snapshots

REGISTRY = "trial"
UNITS = ("CEA:2019-2020", "CEA:2021", "CEA:2022", "CEA:2023")
EVENTS_PER_ACCOUNT = 250
ISSUED = 1_000_000
START = datetime(2021, 1, 1, tzinfo=SHANGHAI)
YEARS = timedelta(days=4 * 365)


class History(NamedTuple):
    """A history of exactly ``events`` events between 2021 and 2024."""

    events: int
    seed: int = 1

    @property
    def accounts(self) -> int:
        """How many accounts it opens."""
        return max(10, self.events // EVENTS_PER_ACCOUNT)

    def at(self, number: int) -> datetime:
        """When the event of a number takes effect, to the second."""
        return START + timedelta(seconds=int(YEARS.total_seconds() * number / self.events))

    def lines(self) -> Iterator[tuple[datetime, str]]:
        """Every command with its effective time."""
        opening = self._opening()
        if len(opening) > self.events:
            raise ValueError(f"a history needs at least {len(opening)} events")
        yield from ((START, line) for line in opening)
        for number in range(len(opening), self.events):
            yield self.at(number), self.transfer(number)

    def _opening(self) -> list[str]:
        names = [account(i) for i in range(self.accounts)]
        found = [_line("open_registry", "open", START, rulebook="open")]
        found += [
            _line("open_account", f"open-{name}", START, account=name, kind="institution")
            for name in names
        ]
        found += [
            _line("issue", f"issue-{name}-{unit}", START, unit=unit, quantity=ISSUED, to=name)
            for name in names
            for unit in UNITS
        ]
        return found

    def transfer(self, number: int, *, days_back: int = 0) -> str:
        """The transfer of a number, also beyond the end of the history.

        No account can run short: a year of 500 t transfers is far less than was issued.
        """
        choose = random.Random(self.seed * 1_000_000_007 + number)
        source, target = choose.sample(range(self.accounts), 2)
        return _line(
            "transfer", f"transfer-{number:08d}", self.at(number) - timedelta(days=days_back),
            actor="registrar", unit=choose.choice(UNITS), quantity=choose.randint(1, 500),
            kind="free", **{"from": account(source), "to": account(target)},
        )  # fmt: skip


def account(number: int) -> str:
    """The id of an account of the history."""
    return f"account-{number:05d}"


def _line(command: str, id_: str, at: datetime, **fields: object) -> str:
    return json.dumps(
        {"command": command, "id": id_, "registry": REGISTRY, "effective_at": iso(at), **fields}
    )


def write(path: Path, history: History) -> None:
    """Builds a store of a history through ``Ledger.apply``."""
    now = START

    def follow() -> Iterator[str]:
        nonlocal now
        for at, line in history.lines():
            now = at
            yield line

    with Ledger.open(path, create=True, clock=lambda: now) as ledger:
        for outcome in ledger.apply(follow()):
            if outcome.refusal is not None:
                raise RuntimeError(f"{outcome.id}: {outcome.refusal}")
        ledger.balances(account=account(0))  # the index by account catches up


def store(folder: Path, history: History) -> Path:
    """The store of a history: built once, used again while its head and the code match."""
    path = folder / f"ledger-{history.events}-{history.seed}.db"
    note = path.with_suffix(".json")
    code = _code()
    if path.exists() and note.exists():
        known = json.loads(note.read_text())
        if known == {"code": code, **_head(path)}:
            return path
    remove(path)
    note.unlink(missing_ok=True)
    start = time.perf_counter()
    write(path, history)
    took = time.perf_counter() - start
    head = _head(path)
    if head["position"] != history.events:
        raise RuntimeError(f"built {head}, not {history.events} events")
    note.write_text(json.dumps({"code": code, **head}))
    print(f"built {path.name} in {took:.0f} s: {history.events / took:,.0f} events/s",
          file=sys.stderr)  # fmt: skip
    return path


def _head(path: Path) -> dict[str, int | str]:
    with Ledger.open(path, read_only=True) as ledger:
        position = ledger.store.head_position()
        row = ledger.store.row(position)
    return {"position": position, "state": hashlib.sha256(row.state if row else b"").hexdigest()}


def _code() -> str:
    """A fingerprint of what this version of the code stores for a small history."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.db"
        write(path, History(500))
        head = _head(path)
        with closing(sqlite3.connect(path)) as connection:
            schema = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    return hashlib.sha256(repr((head, schema, snapshots.code_schema())).encode()).hexdigest()


def copy(path: Path, name: str) -> Path:
    """A copy of a closed store beside it, to write on."""
    target = path.with_name(name)
    remove(target)
    shutil.copyfile(path, target)
    return target


def remove(path: Path) -> None:
    """Deletes a store with its lock and write-ahead log."""
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
